/*
 * Many processes at once, for a while, with nothing arranged: dispatchers that
 * are killed, outcomes of all kinds, people who cancel and retry, callers who
 * think, upkeep by everybody. Then all of it runs out, and is judged by what
 * the processes themselves wrote down: each accepted job ends once, its effect
 * is there once if it succeeded and never otherwise, and no two ran at a time.
 */
#define DB "test_jobs_churn"
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/harness/jobs_env.h"

enum { WRITERS = 2, WORKERS = 3, PEOPLE = 1, KEEPERS = 1,
	PROCS = WRITERS + WORKERS + PEOPLE + KEEPERS, JOBS = 1000,
	KILLS = 30, IDS = WRITERS * JOBS };

/* What clients know, in memory of their own. */
static struct {
	int stop, writing;
	struct uuid id[IDS];
	int nids;
} *sh;

static uint32_t rnd;

static unsigned
draw(unsigned n)
{
	rnd = rnd * 1664525 + 1013904223;
	return (rnd >> 8) % n;
}

static bool
stopped(void)
{
	return __atomic_load_n(&sh->stop, __ATOMIC_RELAXED);
}

static struct uuid
some_job(void)
{
	int n = __atomic_load_n(&sh->nids, __ATOMIC_ACQUIRE);

	return n == 0 ? uuid_new() : sh->id[draw((unsigned)n)];
}

/* ---- those who ask ---------------------------------------------------------------- */

struct asked {
	struct arena *b;
	struct uuid id;
	int rc;
};

static int
ask(struct db *d, void *arg, struct err *e)
{
	static const char *const lanes[] = { "critical", "high", "normal",
	    "low" };
	struct asked *x = arg;
	struct job_need need = { .id = some_job(), .rule = draw(2) ?
	    NEED_SUCCESS : NEED_END };
	char key[16];
	struct job_options o = { .priority = lanes[draw(4)], .tries = 3,
	    .backoff_s = 1 };

	if (draw(4) == 0 && sh->nids > 0) {
		o.needs = &need;
		o.nneeds = 1;
	}
	snprintf(key, sizeof(key), "k%u", draw(3));
	if (draw(3) == 0)
		o.limit = key;
	if (draw(6) == 0)
		o.unique = key;
	if (draw(5) == 0)
		o.run_at.us = clock_now().us + 200000;
	x->rc = job_enqueue_text(d, x->b, "churn", NULL, false, tenant, "{}",
	    &o, &x->id, e);
	if (draw(20) == 0)
		nap_ms(50);		/* thinks */
	return x->rc == -1 ? -1 : 0;
}

static int
writer(void *arg)
{
	struct arena *b = arena_new(64 << 20), *own = arena_new(64 << 20);
	struct db *d = mariadb_open(own, DB);
	struct err e = { 0 };

	rnd = (uint32_t)(uintptr_t)arg;
	shm_after_fork(shm);
	for (int i = 0; i < JOBS; i++) {
		struct asked x = { .b = b };

		err_clear(&e);
		if (db_txn(d, b, ask, &x, &e) == -1) {
			if (e.status >= 500)
				return 1;
		} else if (x.rc == 0) {
			int at = __atomic_fetch_add(&sh->writing, 1,
			    __ATOMIC_SEQ_CST);

			sh->id[at] = x.id;
			while (__atomic_load_n(&sh->nids, __ATOMIC_SEQ_CST) !=
			    at)
				;
			__atomic_store_n(&sh->nids, at + 1, __ATOMIC_SEQ_CST);
		}
		arena_reset(b);
	}
	return 0;
}

/* ---- those who work ------------------------------------------------------------------ */

static const struct query EFFECT = { "test.effect",
	"INSERT INTO effect (job_id, at) VALUES (?, NOW(6))", NULL };
static const struct query BEGINS = { "test.begins",
	"INSERT INTO ran (job_id, token, began) VALUES (?, ?, NOW(6))", NULL };
static const struct query ENDS = { "test.ends",
	"UPDATE ran SET ended = NOW(6) WHERE job_id = ? AND token = ?", NULL };

/* One job: its effect in a transaction of its own, then whatever end. */
static struct jobs_outcome
run_job(struct db *d, struct arena *b, const struct job_row *j,
    int64_t claim_n)
{
	struct jobs_outcome o = { .tenant = j->tenant_id, .id = j->id,
	    .token = j->token, .claim_n = claim_n, .end = END_DONE,
	    .error_class = "churn", .error = "drawn" };
	struct job_ctx c = { .a = b, .db = d, .tenant = j->tenant_id,
	    .id = j->id, .token = j->token };
	struct err e = { 0 };
	unsigned way = draw(20);

	db_exec(d, &BEGINS, ARGS(V(j->id), V(j->token)), NULL, &e);
	if (way < 3)
		o.end = END_RETRY;
	else if (way == 3)
		o.end = END_FAIL;
	else if (way == 4)
		o.end = END_CRASH;
	else if (way == 5)
		o.end = END_RELEASE;
	else if (job_begin(&c, &e) == 0) {	/* with its effect */
		if (db_exec(d, &EFFECT, ARGS(V(j->id)), NULL, &e) == 0 &&
		    job_finish(&c, &e) == 0 && db_commit(d, &e) == 0)
			o.stored = true;
		else {
			db_rollback(d);
			o.end = END_RETRY;
		}
	} else
		o.end = END_RETRY;	/* lost meanwhile: this is stale */
	err_clear(&e);
	db_exec(d, &ENDS, ARGS(V(j->id), V(j->token)), NULL, &e);
	return o;
}

static int
worker(void *arg)
{
	struct arena *b = arena_new(64 << 20), *own = arena_new(64 << 20);
	struct db *d = mariadb_open(own, DB);
	struct jobs_claimer *c = jobs_claimer_new(own, shm, modules);
	struct jobs_outcome v[8];
	struct jobs_claimed got;
	struct jobs_lease l;
	struct err e = { 0 };
	size_t n = 0;

	rnd = (uint32_t)(uintptr_t)arg;
	shm_after_fork(shm);
	if (jobs_lease_open(d, &l, uuid_new(), "here", dir, 2, 1, &e) == -1)
		return 1;
	while (!stopped()) {
		err_clear(&e);
		if (jobs_cycle(c, d, b, &l, v, n, 1 + draw(6), &got,
		    &e) == -1) {
			if (strcmp(e.code, "lease_lost") != 0 &&
			    e.status != 503 && e.status != 409)
				return 2;
			n = 0;
			got.n = 0;
		}
		if (l.until_boot_ns - clock_boot_ns() < INT64_C(1000000000) &&
		    jobs_lease_renew(d, &l, &e) != 0)
			return 0;	/* another process takes its place */
		for (n = 0; n < got.n; n++)
			v[n] = run_job(d, b, &got.v[n], got.claim_n);
		if (n == 0) {
			arena_reset(b);
			nap_ms(5);
		}
	}
	return 0;
}

/* ---- people and upkeep ------------------------------------------------------------------ */

static int
one_act(struct db *d, void *arg, struct err *e)
{
	struct job_row now;

	return draw(2) ? jobs_cancel(d, arg, tenant, some_job(), &now, e) :
	    jobs_retry(d, arg, tenant, some_job(), (struct utc){ 0 }, &now,
	    e);
}

static int
person(void *arg)
{
	struct arena *b = arena_new(64 << 20), *own = arena_new(64 << 20);
	struct db *d = mariadb_open(own, DB);
	struct err e = { 0 };

	rnd = (uint32_t)(uintptr_t)arg;
	shm_after_fork(shm);
	while (!stopped()) {
		err_clear(&e);
		if (db_txn(d, b, one_act, b, &e) == -1 && e.status >= 500 &&
		    e.status != 503)
			return 1;
		arena_reset(b);
		nap_ms(10);
	}
	return 0;
}

static int
upkeep(struct db *d, struct arena *b, struct err *e)
{
	int64_t next;
	size_t n;

	return jobs_promote(d, b, &n, &next, e) == -1 ||
	    jobs_reap(d, b, 0, &n, e) == -1 ||
	    jobs_recount(d, b, &n, e) == -1 ? -1 : 0;
}

static int
keeper(void *arg)
{
	struct arena *b = arena_new(64 << 20), *own = arena_new(64 << 20);
	struct db *d = mariadb_open(own, DB);
	struct err e = { 0 };

	rnd = (uint32_t)(uintptr_t)arg;
	shm_after_fork(shm);
	while (!stopped()) {
		err_clear(&e);
		if (upkeep(d, b, &e) == -1 && !db_retryable(&e) &&
		    e.status != 503) {
			fprintf(stderr, "upkeep: %s %s\n", e.code, e.cause);
			return 1;
		}
		arena_reset(b);
		nap_ms(30);
	}
	return 0;
}

/* ---- the judge ------------------------------------------------------------------------------ */

static pid_t pid[PROCS];
static int (*const fns[PROCS])(void *) = { writer, writer, worker, worker,
    worker, person, keeper };

static pid_t
start(int i, int round)
{
	return forked(fns[i], (void *)(uintptr_t)(1000 * round + i + 1));
}

/* A worker is killed now and then, also while the others write. */
static void
let_them(void)
{
	int round = 1, left = WRITERS, status;

	for (int i = 0; i < PROCS; i++)
		pid[i] = start(i, 0);
	while (left > 0 || round <= KILLS) {
		int i = WRITERS + (int)draw(WORKERS);

		nap_ms(60);
		if (round <= KILLS && kill(pid[i], SIGKILL) == 0) {
			waitpid(pid[i], &status, 0);
			pid[i] = start(i, round++);
		}
		for (i = 0; i < PROCS; i++) {
			if (pid[i] == 0 || waitpid(pid[i], &status, WNOHANG) !=
			    pid[i])
				continue;
			if (status != 0)
				fail_msg("process %d ended with %x", i, status);
			left -= i < WRITERS;
			pid[i] = i < WRITERS ? 0 : start(i, 100 + round);
		}
	}
	__atomic_store_n(&sh->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < PROCS; i++)
		if (pid[i] != 0)
			assert_int_equal(forked_wait(pid[i]), 0);
}

static void
run_out(void)
{
	for (int i = 0; i < 60 && number("SELECT COUNT(*) FROM jobs_job "
	    "WHERE state < 10") > 0; i++) {
		sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 "
		    "MINUTE; UPDATE jobs_job SET run_at = '2020-01-01' WHERE "
		    "state IN (2, 6); DELETE FROM jobs_delayed; INSERT INTO "
		    "jobs_delayed SELECT run_at, tenant_id, id FROM jobs_job "
		    "WHERE state IN (2, 6)");
		good(upkeep(db, a, &err));
		drain();
	}
}

static void
churn(void **state)
{
	(void)state;
	clean();
	sql("CREATE TABLE effect (job_id BINARY(16) PRIMARY KEY, at "
	    "DATETIME(6)); CREATE TABLE ran (job_id BINARY(16), token BIGINT, "
	    "began DATETIME(6), ended DATETIME(6), PRIMARY KEY (job_id, "
	    "token))");
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rnd = 5;
	let_them();
	sound("after the churn");
	told("after the churn");
	run_out();
	sound("run out");
	told("run out");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state < 10"), 0);
	/* what was accepted is there, and nothing else */
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), sh->nids);
	for (int i = 0; i < sh->nids; i++)
		if (state_of(sh->id[i]) < 10)
			fail_msg("job %d is lost", i);
	/* an effect belongs to a success */
	assert_int_equal(number("SELECT COUNT(*) FROM effect f LEFT JOIN "
	    "jobs_job j ON j.id = f.job_id WHERE j.state IS NULL OR j.state "
	    "<> 10"), 0);
	assert_true(number("SELECT COUNT(*) FROM effect") > 50);
	/* only observed crashes quarantine */
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job j WHERE state "
	    "= 14 AND (SELECT COUNT(*) FROM jobs_attempt t WHERE t.job_id = "
	    "j.id AND outcome = 'crash') < 2"), 0);
	printf("%d jobs, %lld effects, %lld starts, %lld lost\n", sh->nids,
	    (long long)number("SELECT COUNT(*) FROM effect"),
	    (long long)number("SELECT COUNT(*) FROM ran"),
	    (long long)number("SELECT SUM(lost) FROM jobs_job"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(churn) };

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, jobs_setup, jobs_teardown);
}
