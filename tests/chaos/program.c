/*
 * All programs of the product with one more module, whose jobs leave traces
 * that the chaos run judges. The name it was called by decides what it is.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "app/app.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/table.h"
#include "jobs/job.h"
#include "module.h"
#include "modules/spot/spot.h"
#include "tests/chaos/control.h"

/*
 * The wall clock of this host, as the run sets it. Not libfaketime: it keeps a
 * semaphore between processes, which a kill -9 leaves taken.
 */
int
clock_gettime(clockid_t id, struct timespec *t)
{
	static int host = -1;
	struct chaos_control *c = chaos_control();
	int rc = (int)syscall(SYS_clock_gettime, id, t);
	int64_t us;

	if (host == -1)
		host = getenv("QX_CHAOS_HOST") != NULL ?
		    atoi(getenv("QX_CHAOS_HOST")) : CHAOS_HOSTS;
	if (rc != 0 || c == NULL || id != CLOCK_REALTIME ||
	    host >= CHAOS_HOSTS)
		return rc;
	us = t->tv_sec * 1000000 + t->tv_nsec / 1000 + c->clock_us[host];
	t->tv_sec = us / 1000000;
	t->tv_nsec = us % 1000000 * 1000;
	return 0;
}

struct chaos_in {
	int64_t ms;			/* of a schedule: which one */
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
static const struct query FIRE = { "chaos_fire.insert",
	"INSERT INTO chaos_fire (s, at, job_id) VALUES (?, ?, ?)", NULL };
static const struct query *const queries[] = { &RUN, &EFFECT, &FIRE, NULL };

static bool
work(struct job_ctx *c, int64_t ms)
{
	struct chaos_control *ctl = chaos_control();
	struct chaos_busy *b = ctl == NULL ? NULL :
	    &ctl->busy[getpid() % CHAOS_BUSY];
	bool go = true;

	if (b != NULL && ms > 100) {
		memcpy(b->job, c->id.b, sizeof(b->job));
		b->until_ns = clock_boot_ns() + ms * 1000000;
		__atomic_store_n(&b->pid, (int)getpid(), __ATOMIC_SEQ_CST);
	}
	for (; ms > 0 && go; ms -= 20) {
		go = !job_stopping(c);
		poll(NULL, 0, ms < 20 ? (int)ms : 20);
	}
	if (b != NULL)
		b->pid = 0;
	return go;
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

/* Of a schedule: which time it was, in the transaction of the effect. */
static enum job_rc
fire(struct job_ctx *c, const void *in)
{
	const struct chaos_in *i = in;

	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (db_exec(c->db, &EFFECT, ARGS(V(c->id), V(c->token)), NULL,
	    &c->err) == -1 || db_exec(c->db, &FIRE, ARGS(V(i->ms),
	    V(c->fire_at), V(c->id)), NULL, &c->err) == -1 ||
	    job_finish(c, &c->err) == -1)
		return again(c);
	if (db_commit(c->db, &c->err) == -1) {
		c->finished = false;
		return JOB_RETRY;
	}
	return JOB_DONE;
}

#define JOB(n, fn, f) { .name = n, .doc = "Chaos", .in = &in_schema, \
	.flags = JOB_API | f, .permission = "jobs:create", .tries = 1000, \
	.backoff_s = 1, .backoff_max_s = 2, .timeout_s = 60, .run = fn }
static const struct job chaos_jobs[] = {
	JOB("chaos.txn", txn, JOB_TXN | JOB_QUICK),
	JOB("chaos.plain", plain, 0),
	JOB("chaos.fire", fire, JOB_TXN | JOB_QUICK),
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
