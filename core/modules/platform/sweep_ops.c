/*
 * One sweep. Its parts are independent: one that fails is told and counted,
 * the others are done all the same.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "db/retention.h"
#include "jobs/queue.h"
#include "modules/platform/platform.h"
#include "modules/platform/sweep.h"
#include "shm/shm.h"

enum { CRON_S = 600 };

static const struct field sweep_fields[] = {
	FIELD(struct platform_sweep, tables, .doc = "Tables looked at"),
	FIELD(struct platform_sweep, rows, .doc = "Old rows removed"),
	FIELD(struct platform_sweep, jobs, .doc = "Old jobs removed"),
	FIELD(struct platform_sweep, taken_back,
	    .doc = "Jobs taken back from leases that ran out"),
	FIELD(struct platform_sweep, recounted,
	    .doc = "Concurrency keys put right"),
	FIELD(struct platform_sweep, failed,
	    .doc = "Parts that could not be done; see the log"),
	FIELD(struct platform_sweep, more,
	    .doc = "Work was left for the next sweep"),
	FIELD_END
};
const struct schema platform_sweep_schema = {
	.name = "Sweep", .doc = "What a sweep did",
	.size = sizeof(struct platform_sweep), .fields = sweep_fields
};

/* -1: the database is away, and there is no use in going on. */
static int
part_failed(struct env *env, struct platform_sweep *s, const char *what,
    struct err *e)
{
	struct err ping = { 0 };

	if (db_ping(env->db, &ping) == -1)
		return -1;
	log_error("scheduler", "part of a sweep failed", KV("part", what),
	    KV("detail", (const char *)e->detail),
	    KV("cause", (const char *)e->cause));
	s->failed++;
	err_clear(e);
	return 0;
}

static int
old_rows(struct env *env, int64_t until_ns, struct platform_sweep *s,
    struct err *e)
{
	struct retention r = { .until_boot_ns = until_ns };

	if (retention_sweep(env->db, env->a, env->modules, &r, e) == -1)
		return -1;
	s->tables = (int64_t)r.tables;
	s->rows = (int64_t)r.rows;
	s->failed += (int64_t)r.failed;
	s->more = r.more;
	return 0;
}

static int
old_jobs(struct env *env, struct arena *a, struct platform_sweep *s,
    struct err *e)
{
	const struct jobs_conf *cf = conf_get(env->conf, &jobs_settings);
	size_t n = 0;
	int rc = jobs_purge(env->db, a, cf->keep_days, &n, e);

	s->jobs = (int64_t)n;
	return rc == 0 ? 0 : part_failed(env, s, "jobs", e);
}

/* Twice the lease: whoever could not reach the database either has had the
 * time to come back. */
static int
take_back(struct env *env, struct arena *a, struct platform_sweep *s,
    struct err *e)
{
	const struct jobs_conf *cf = conf_get(env->conf, &jobs_settings);
	size_t n = 0;
	int rc = jobs_reap(env->db, a, cf->lease_s, &n, e);

	s->taken_back = (int64_t)n;
	return rc == 0 ? 0 : part_failed(env, s, "leases", e);
}

static int
recount(struct env *env, struct arena *a, struct platform_sweep *s,
    struct err *e)
{
	size_t n = 0;
	int rc = jobs_recount(env->db, a, &n, e);

	s->recounted = (int64_t)n;
	return rc == 0 ? 0 : part_failed(env, s, "concurrency keys", e);
}

int
platform_sweep(struct env *env, struct arena *a, int64_t seconds,
    struct platform_sweep *s, struct err *e)
{
	int64_t until = clock_boot_ns() + seconds * INT64_C(1000000000);

	*s = (struct platform_sweep){ 0 };
	if (take_back(env, a, s, e) == -1 || recount(env, a, s, e) == -1 ||
	    old_jobs(env, a, s, e) == -1 ||
	    old_rows(env, until, s, e) == -1)
		return -1;
	return 0;
}

/* ---- the cron program ------------------------------------------------------------- */

int
platform_sweep_run(struct env *env, int argc, char **argv, struct err *e)
{
	struct arena *a = arena_new(256 << 20);
	struct platform_sweep s;
	int rc;

	(void)argv;
	if (argc > 1) {
		arena_free(a);
		return err_set(e, 500, "usage", "quincunx-sweep takes no "
		    "words");
	}
	rc = platform_sweep(env, a, CRON_S, &s, e);
	arena_free(a);
	if (rc == -1)
		return -1;
	log_info("scheduler", "swept", KV("tables", s.tables),
	    KV("rows", s.rows), KV("jobs", s.jobs),
	    KV("taken_back", s.taken_back), KV("recounted", s.recounted),
	    KV("failed", s.failed), KV("more", s.more));
	if (isatty(STDOUT_FILENO))
		printf("%lld old rows and %lld old jobs removed\n",
		    (long long)s.rows, (long long)s.jobs);
	return s.failed == 0 ? 0 : err_set(e, 500, "sweep", "%lld parts "
	    "could not be done; see the log", (long long)s.failed);
}
