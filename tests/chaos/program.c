/*
 * All programs of the product with one more module, whose jobs leave traces
 * that the chaos run judges. The name it was called by decides what it is.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/check.h"
#include "base/random.h"
#include "db/table.h"
#include "jobs/job.h"
#include "module.h"
#include "modules/spot/spot.h"

struct chaos_in {
	int64_t ms;
};
static const struct field in_fields[] = {
	FIELD(struct chaos_in, ms, .min = 0, .max = 60000, .def = "0",
	    .doc = "How long to work"), FIELD_END
};
static const struct schema in_schema = {
	.name = "ChaosIn", .doc = "How long to work",
	.size = sizeof(struct chaos_in), .fields = in_fields
};

/* One row for each run that got as far as writing, and one effect per job. */
static const struct query RUN = { "chaos_run.insert",
	"INSERT INTO chaos_run (job_id, token, at) VALUES (?, ?, NOW(6))",
	NULL };
static const struct query EFFECT = { "chaos_effect.insert",
	"INSERT INTO chaos_effect (job_id, token) VALUES (?, ?)", NULL };
static const struct query *const queries[] = { &RUN, &EFFECT, NULL };

static bool
work(struct job_ctx *c, int64_t ms)
{
	for (; ms > 0; ms -= 20) {
		if (job_stopping(c))
			return false;
		poll(NULL, 0, ms < 20 ? (int)ms : 20);
	}
	return true;
}

static enum job_rc
again(struct job_ctx *c)
{
	db_rollback(c->db);
	return JOB_RETRY;
}

/* The effect and the end of the job in one transaction. */
static enum job_rc
txn(struct job_ctx *c, const void *in)
{
	const struct chaos_in *i = in;

	if (!work(c, i->ms))
		return JOB_RELEASE;
	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (db_exec(c->db, &RUN, ARGS(V(c->id), V(c->token)), NULL,
	    &c->err) == -1 || db_exec(c->db, &EFFECT, ARGS(V(c->id),
	    V(c->token)), NULL, &c->err) == -1 ||
	    job_finish(c, &c->err) == -1)
		return again(c);
	if (db_commit(c->db, &c->err) == -1) {
		c->finished = false;
		return JOB_RETRY;
	}
	return JOB_DONE;
}

/* The effect commits first, the end is acknowledged later: a repeat finds the
 * effect and adds none. */
static enum job_rc
plain(struct job_ctx *c, const void *in)
{
	const struct chaos_in *i = in;

	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (db_exec(c->db, &EFFECT, ARGS(V(c->id), V(c->token)), NULL,
	    &c->err) == -1) {
		db_rollback(c->db);
		return c->err.native == 1062 ? JOB_DONE : JOB_RETRY;
	}
	if (db_exec(c->db, &RUN, ARGS(V(c->id), V(c->token)), NULL,
	    &c->err) == -1)
		return again(c);
	if (db_commit(c->db, &c->err) == -1)
		return JOB_RETRY;
	return work(c, i->ms) ? JOB_DONE : JOB_RELEASE;
}

#define JOB(n, fn, f) { .name = n, .doc = "Chaos", .in = &in_schema, \
	.flags = JOB_API | f, .permission = "jobs:create", .tries = 1000, \
	.backoff_s = 1, .backoff_max_s = 2, .timeout_s = 60, .run = fn }
static const struct job chaos_jobs[] = {
	JOB("chaos.txn", txn, JOB_TXN | JOB_QUICK),
	JOB("chaos.plain", plain, 0),
	JOB_END
};

static const struct module chaos_module = {
	.name = "chaos",
	.doc = "Traces for the chaos run",
	.jobs = (const struct job *const[]){ chaos_jobs, NULL },
	.queries = (const struct query *const *const[]){ queries, NULL }
};

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	const struct module *all[16];
	size_t n = 0;

	name = name != NULL ? name + 1 : argv[0];
	for (; modules[n] != NULL && n < NITEMS(all) - 2; n++)
		all[n] = modules[n];
	all[n++] = &chaos_module;
	all[n] = NULL;
	if (strcmp(name, "quincunx.fcgi") == 0)
		return app_responder(all, argc, argv);
	if (strcmp(name, "quincunx-worker") == 0)
		return app_worker(all, argc, argv);
	if (strcmp(name, "quincunx") == 0)
		return app_cli(all, argc, argv);
	fprintf(stderr, "chaos: no program %s\n", name);
	return 2;
}
