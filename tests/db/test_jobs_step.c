/*
 * Two parties at once, stopped between any two of their statements: claim,
 * settle, cancel, retry, promote, reap, recount, enqueue, finish, pull, purge.
 * After every play the tables agree with each other, every change was told
 * once, and what is left runs to its end.
 */
#define DB "test_jobs_step"
#include "tests/harness/jobs_env.h"

/* The scene: what the sides find. */
static struct {
	struct uuid keyed, keyed2, keyed3, parent, child, plain, unique,
	    ready, later, failed, ext, ext2;
	struct jobs_claimed got;
	struct jobs_outcome v[8];
	size_t n;
	struct jobs_claimer *claimer2;	/* another dispatcher with a batch */
	struct jobs_lease lease2;
	struct jobs_outcome v2[4];
	size_t n2;
	struct jobs_hold hold;		/* an external worker's job */
} sc;
static bool purges;
static size_t plays;

static size_t
batch(struct jobs_claimer *c, const struct jobs_lease *l,
    struct jobs_outcome *v, size_t want)
{
	struct jobs_claimed got;

	good(jobs_cycle(c, db, a, l, NULL, 0, want, &got, &err));
	for (size_t i = 0; i < got.n; i++)
		v[i] = outcome(&got, i, END_DONE);
	return got.n;
}

static struct uuid
enqueue_external(const char *type)
{
	struct uuid id;

	good(job_enqueue_text(db, a, type, NULL, true, tenant, "{}", NULL, &id,
	    &err));
	return id;
}

static void
pull_one(struct db *with)
{
	static const char *const queues[] = { "default", NULL };
	struct jobs_pull p = { .tenant = tenant, .holder = uuid_new(),
	    .worker = "w", .queues = queues, .max = 1, .lease_s = 60 };
	struct jobs_claimed got;

	good(jobs_pull(with, a, &p, &got, &err));
	if (got.n == 1)
		sc.hold = (struct jobs_hold){ tenant, got.v[0].id,
		    got.v[0].token };
}

static void
reset(void *arg)
{
	struct job_options lim = { .limit = "k" }, u = { .unique = "u" };
	struct job_options l2 = { .limit = "k2" };
	struct job_need need = { .rule = NEED_SUCCESS };
	struct job_options dep = { .needs = &need, .nneeds = 1 };
	struct job_options at = { .run_at = { clock_now().us +
	    3600 * US_PER_S } };
	struct jobs_claimed got;

	(void)arg;
	clean();
	memset(&sc, 0, sizeof(sc));
	sc.failed = enqueue("failed", NULL);
	got = claim(1);
	settle_all(&got, END_FAIL);
	sc.keyed = enqueue("keyed", &lim);
	sc.plain = enqueue("plain", NULL);
	sc.unique = enqueue("unique", &u);
	need.id = sc.parent = enqueue("parent", NULL);
	sc.child = enqueue("child", &dep);
	sc.n = batch(claimer, &lease, sc.v, 8);
	assert_int_equal(sc.n, 4);
	sc.v[1].result = "{\"n\":1}";
	enqueue("keyed2", &l2);
	enqueue("plain2", NULL);
	sc.claimer2 = jobs_claimer_new(life, shm, modules);
	good(jobs_lease_open(db, &sc.lease2, uuid_new(), "there", dir, 600,
	    1, &err));
	sc.n2 = batch(sc.claimer2, &sc.lease2, sc.v2, 4);
	assert_int_equal(sc.n2, 2);
	sc.keyed2 = enqueue("keyed", &lim);	/* to be parked */
	good(jobs_cycle(jobs_claimer_new(life, shm, modules), db, a,
	    &sc.lease2, NULL, 0, 1, &got, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 1);
	sc.keyed3 = enqueue("keyed", &lim);
	enqueue("keyed2", &l2);
	sc.ready = enqueue("ready", NULL);
	sc.later = enqueue("later", &at);
	sql("UPDATE jobs_job SET run_at = NOW(6) - INTERVAL 1 SECOND WHERE "
	    "state = 2; UPDATE jobs_delayed SET run_at = (SELECT run_at FROM "
	    "jobs_job WHERE state = 2)");
	sc.ext = enqueue_external("ext");
	pull_one(db);
	sc.ext2 = enqueue_external("ext");
	wake(claimer);
	wake(sc.claimer2);
	sound("scene");
}

/* ---- the sides ------------------------------------------------------------------ */

enum { OK, REFUSED, BROKEN };

static int
said(int rc, const struct err *e)
{
	if (rc >= 0)
		return OK;
	if (e->status >= 400 && e->status < 500)
		return REFUSED;
	fprintf(stderr, "%d %s: %s (%s)\n", e->status, e->code, e->detail,
	    e->cause);
	return BROKEN;
}

static int
cycle(struct db *d, struct arena *b, struct jobs_claimer *c,
    const struct jobs_lease *l, struct jobs_outcome *v, size_t n, size_t want)
{
	struct jobs_claimed got;
	struct err e = { 0 };
	int rc = jobs_cycle(c, d, b, l, v, n, want, &got, &e);

	/* late ones: until the other one lets go */
	while (rc == 0 && got.late > 0) {
		step_yield();
		rc = jobs_cycle(c, d, b, l, NULL, 0, 0, &got, &e);
	}
	return said(rc, &e);
}

static int
settle(struct db *d, struct arena *b, void *arg)
{
	(void)arg;
	return cycle(d, b, claimer, &lease, sc.v, sc.n, 0);
}

static int
fail_all(struct db *d, struct arena *b, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sc.n; i++)
		sc.v[i].end = i % 2 ? END_RETRY : END_FAIL;
	return cycle(d, b, claimer, &lease, sc.v, sc.n, 0);
}

static int
both(struct db *d, struct arena *b, void *arg)
{
	(void)arg;
	return cycle(d, b, claimer, &lease, sc.v, sc.n, 4);
}

static int
both2(struct db *d, struct arena *b, void *arg)
{
	(void)arg;
	return cycle(d, b, sc.claimer2, &sc.lease2, sc.v2, sc.n2, 4);
}

static int
claims(struct db *d, struct arena *b, void *arg)
{
	(void)arg;
	return cycle(d, b, sc.claimer2, &sc.lease2, NULL, 0, 4);
}

static int
reap(struct db *d, struct arena *b, void *arg)
{
	struct err e = { 0 };
	size_t n;

	(void)arg;
	return said(jobs_reap(d, b, 0, &n, &e), &e);
}

static int
promote(struct db *d, struct arena *b, void *arg)
{
	struct err e = { 0 };
	int64_t next;
	size_t n;

	(void)arg;
	return said(jobs_promote(d, b, &n, &next, &e), &e);
}

static int
recount(struct db *d, struct arena *b, void *arg)
{
	struct err e = { 0 };
	size_t n;

	(void)arg;
	/* both its passes, also where nothing is wrong */
	return said(jobs_recount(d, b, &n, &e), &e);
}

static int
purge(struct db *d, struct arena *b, void *arg)
{
	struct err e = { 0 };
	size_t n;

	(void)arg;
	return said(jobs_purge(d, b, 14, &n, &e), &e);
}

struct verb {
	struct arena *b;
	const struct uuid *id;
	const struct job_options *o;
};

static int
cancel_it(struct db *d, void *arg, struct err *e)
{
	struct verb *x = arg;
	struct job_row now;

	return jobs_cancel(d, x->b, tenant, *x->id, &now, e);
}

static int
cancels(struct db *d, struct arena *b, void *arg)
{
	struct verb x = { b, arg, NULL };
	struct err e = { 0 };

	return said(db_txn(d, b, cancel_it, &x, &e), &e);
}

static int
retry_it(struct db *d, void *arg, struct err *e)
{
	struct verb *x = arg;
	struct job_row now;

	return jobs_retry(d, x->b, tenant, *x->id, (struct utc){ 0 }, &now, e);
}

static int
retries(struct db *d, struct arena *b, void *arg)
{
	struct verb x = { b, arg, NULL };
	struct err e = { 0 };

	return said(db_txn(d, b, retry_it, &x, &e), &e);
}

static int
enqueue_it(struct db *d, void *arg, struct err *e)
{
	struct verb *x = arg;
	struct uuid id;

	return job_enqueue_text(d, x->b, "new", NULL, false, tenant, "{}",
	    x->o, &id, e) == -1 ? -1 : 0;
}

static int
enqueues(struct db *d, struct arena *b, const struct job_options *o)
{
	struct verb x = { b, NULL, o };
	struct err e = { 0 };

	return said(db_txn(d, b, enqueue_it, &x, &e), &e);
}

static int
adds_child(struct db *d, struct arena *b, void *arg)
{
	struct job_need need = { *(struct uuid *)arg, NEED_SUCCESS };
	struct job_options o = { .needs = &need, .nneeds = 1 };

	return enqueues(d, b, &o);
}

static int
adds_keyed(struct db *d, struct arena *b, void *arg)
{
	struct job_options o = { .limit = "k" };

	(void)arg;
	return enqueues(d, b, &o);
}

static int
adds_unique(struct db *d, struct arena *b, void *arg)
{
	struct job_options o = { .unique = "u" };
	struct err e = { 0 };
	struct uuid id;

	(void)arg;
	return said(job_enqueue_text(d, b, "unique", NULL, false, tenant,
	    "{}", &o, &id, &e), &e);
}

static int
finishes(struct db *d, struct arena *b, void *arg)
{
	struct job_ctx c = { .a = b, .db = d, .tenant = tenant };
	struct err e = { 0 };
	int rc;

	(void)arg;
	for (size_t i = 0; i < sc.n; i++)
		if (uuid_equal(sc.v[i].id, sc.parent)) {
			c.id = sc.v[i].id;
			c.token = sc.v[i].token;
		}
	if ((rc = job_begin(&c, &e)) == -1)
		return said(rc, &e);
	if ((rc = job_finish(&c, &e)) == 0)
		rc = db_commit(d, &e);
	else
		db_rollback(d);
	return said(rc, &e);
}

static int
pulls(struct db *d, struct arena *b, void *arg)
{
	(void)b;
	(void)arg;
	pull_one(d);
	return OK;
}

static int
beat_it(struct db *d, void *arg, struct err *e)
{
	struct verb *x = arg;
	struct job_row now;

	return jobs_pull_heartbeat(d, x->b, &sc.hold, 60, 500, "half", &now,
	    e);
}

static int
beats(struct db *d, struct arena *b, void *arg)
{
	struct verb x = { b, NULL, NULL };
	struct err e = { 0 };

	(void)arg;
	return said(db_txn(d, b, beat_it, &x, &e), &e);
}

static int
end_it(struct db *d, void *arg, struct err *e)
{
	struct verb *x = arg;
	struct jobs_outcome o = { .end = END_DONE, .result = "{}" };
	struct job_row now;

	return jobs_pull_end(d, x->b, &sc.hold, &o, &now, e);
}

static int
completes(struct db *d, struct arena *b, void *arg)
{
	struct verb x = { b, NULL, NULL };
	struct err e = { 0 };

	(void)arg;
	return said(db_txn(d, b, end_it, &x, &e), &e);
}

/* ---- after each play ------------------------------------------------------------- */

/* All that is left runs to its end. */
static void
run_out(const char *what)
{
	int64_t next;
	size_t n;

	for (int i = 0; i < 10 && number("SELECT COUNT(*) FROM jobs_job "
	    "WHERE state < 10") > 0; i++) {
		sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 "
		    "MINUTE");
		good(jobs_reap(db, a, 0, &n, &err));
		sql("UPDATE jobs_job SET run_at = '2020-01-01' WHERE state "
		    "IN (2, 6); UPDATE jobs_delayed SET run_at = "
		    "'2020-01-01'");
		good(jobs_promote(db, a, &n, &next, &err));
		drain();
		for (;;) {
			struct verb x = { a, NULL, NULL };

			memset(&sc.hold, 0, sizeof(sc.hold));
			pull_one(db);
			if (uuid_is_nil(sc.hold.id))
				break;
			good(db_txn(db, a, end_it, &x, &err));
		}
	}
	n = (size_t)number("SELECT COUNT(*) FROM jobs_job WHERE state < 10");
	if (n != 0)
		fail_msg("%s: %zu jobs never end", what, n);
	sound(what);
}

static void
check(void *arg, const char *what, const int status[2])
{
	(void)arg;
	plays++;
	if (status[0] > REFUSED || status[1] > REFUSED)
		fail_msg("%s: %d and %d", what, status[0], status[1]);
	sound(what);
	if (!purges)
		told(what);
	run_out(what);
	if (!purges)
		told(what);
}

static void
scene_of(void *arg)
{
	const char *more = arg;

	reset(NULL);
	if (more != NULL)
		sql("%s", more);
}

static void
pair_in(const char *more, struct step_side x, struct step_side y)
{
	/* Every fifth statement of each side; QX_STEP_ALL=1: every one. */
	struct step_pair p = { DB, { x, y }, scene_of, check,
	    (void *)(uintptr_t)more, getenv("QX_STEP_ALL") != NULL ? 1 : 5 };

	step_pairs(&p);
	step_random(&p, 77, 2);
}

static void
pair(struct step_side x, struct step_side y)
{
	pair_in(NULL, x, y);
}

#define S(fn, arg) (struct step_side){ #fn, fn, arg }
#define EXPIRE "UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 MINUTE"

/* ---- the table ---------------------------------------------------------------------- */

static void
settle_and_others(void **state)
{
	(void)state;
	pair(S(settle, NULL), S(claims, NULL));
	/* H5: nobody else is there to pop the one that is parked just now */
	pair_in("UPDATE jobs_job SET state = 12, finished_at = NOW(6) WHERE "
	    "state = 4", S(settle, NULL), S(claims, NULL));
	pair(S(settle, NULL), S(adds_child, &sc.parent));	/* H6 */
	pair(S(fail_all, NULL), S(adds_child, &sc.parent));
	pair(S(settle, NULL), S(adds_child, &sc.child));
}

static void
settle_and_people(void **state)
{
	(void)state;
	pair(S(settle, NULL), S(cancels, &sc.parent));
	pair(S(settle, NULL), S(cancels, &sc.child));
	pair(S(settle, NULL), S(cancels, &sc.keyed2));
	pair(S(fail_all, NULL), S(cancels, &sc.child));
}

static void
settle_and_keys(void **state)
{
	(void)state;
	pair(S(settle, NULL), S(adds_unique, NULL));
	pair(S(settle, NULL), S(adds_keyed, NULL));
	pair(S(settle, NULL), S(finishes, NULL));
}

static void
settle_and_upkeep(void **state)
{
	(void)state;
	pair_in(EXPIRE, S(settle, NULL), S(reap, NULL));
	pair(S(settle, NULL), S(recount, NULL));
	pair_in("UPDATE jobs_limit SET running = 0", S(settle, NULL),
	    S(recount, NULL));
}

static void
two_dispatchers(void **state)
{
	(void)state;
	pair(S(both, NULL), S(both2, NULL));		/* H10 */
	pair_in(EXPIRE, S(both, NULL), S(reap, NULL));
	pair_in(EXPIRE, S(finishes, NULL), S(reap, NULL));
}

static void
claim_and_people(void **state)
{
	(void)state;
	pair(S(claims, NULL), S(cancels, &sc.ready));	/* H9 */
	pair(S(claims, NULL), S(cancels, &sc.keyed3));
	pair(S(claims, NULL), S(adds_child, &sc.ready));
	pair(S(claims, NULL), S(retries, &sc.failed));
}

static void
people_and_people(void **state)
{
	(void)state;
	pair(S(cancels, &sc.child), S(adds_child, &sc.child));
	pair(S(retries, &sc.failed), S(retries, &sc.failed));
	pair(S(retries, &sc.failed), S(adds_child, &sc.failed));
	pair(S(cancels, &sc.keyed2), S(recount, NULL));
}

static void
promote_and_others(void **state)
{
	(void)state;
	pair(S(promote, NULL), S(promote, NULL));
	pair(S(promote, NULL), S(cancels, &sc.later));
	pair(S(promote, NULL), S(adds_child, &sc.later));
}

static void
reap_and_others(void **state)
{
	(void)state;
	pair_in(EXPIRE, S(reap, NULL), S(reap, NULL));
	pair_in(EXPIRE, S(reap, NULL), S(cancels, &sc.parent));
	pair_in(EXPIRE, S(reap, NULL), S(claims, NULL));
}

static void
external(void **state)
{
	(void)state;
	pair(S(pulls, NULL), S(pulls, NULL));
	pair(S(pulls, NULL), S(cancels, &sc.ext2));
	pair_in(EXPIRE, S(completes, NULL), S(reap, NULL));
	pair_in(EXPIRE, S(beats, NULL), S(reap, NULL));
	pair(S(completes, NULL), S(completes, NULL));
	pair(S(completes, NULL), S(cancels, &sc.ext));
}

static void
purge_and_others(void **state)
{
	static const char old[] = "UPDATE jobs_job SET id = "
	    "CONCAT(X'018f00000000', SUBSTR(id, 7)), finished_at = "
	    "'2020-01-01' WHERE state = 11; UPDATE jobs_dead SET job_id = "
	    "CONCAT(X'018f00000000', SUBSTR(job_id, 7))";
	static struct uuid id;

	(void)state;
	purges = true;
	for (int i = 0; i < 2; i++) {
		struct step_side other = i ? S(retries, &id) :
		    S(adds_child, &id);
		struct step_pair p = { DB, { S(purge, NULL), other },
		    scene_of, check, (void *)(uintptr_t)old, 1 };

		/* its id changes with the scene */
		for (size_t k = 0; k < 6; k++) {
			struct step *s;
			int status[2];

			scene_of(p.arg);
			id = sc.failed;
			memcpy(id.b, "\x01\x8f\0\0\0\0", 6);
			s = step_open(DB, p.side, 2);
			for (size_t n = 0; n < k; n++)
				step_one(s, 0);
			step_run(s, 1);
			step_finish(s);
			status[0] = step_status(s, 0);
			status[1] = step_status(s, 1);
			step_close(s);
			check(NULL, "purge", status);
		}
	}
	purges = false;
}

/* A dispatcher that is killed before each of its statements: nothing is half
 * done, and its lease gives back what it held. */
static void
killed_anywhere(void **state)
{
	struct step_side side[1] = { S(both, NULL) };
	size_t k = 0;
	bool more = true;

	(void)state;
	for (; more; k++) {
		struct step *s;
		char what[100];

		reset(NULL);
		s = step_open(DB, side, 1);
		for (size_t i = 0; i < k; i++)
			step_one(s, 0);
		more = step_state(s, 0) == STEP_READY;
		snprintf(what, sizeof(what), "killed before statement %zu "
		    "(%s)", k + 1, more ? step_before(s, 0) : "end");
		step_kill(s, 0);
		step_close(s);
		sound(what);
		told(what);
		run_out(what);
		told(what);
	}
	assert_true(k > 10);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settle_and_others),
		cmocka_unit_test(settle_and_people),
		cmocka_unit_test(settle_and_keys),
		cmocka_unit_test(settle_and_upkeep),
		cmocka_unit_test(two_dispatchers),
		cmocka_unit_test(claim_and_people),
		cmocka_unit_test(people_and_people),
		cmocka_unit_test(promote_and_others),
		cmocka_unit_test(reap_and_others),
		cmocka_unit_test(external),
		cmocka_unit_test(purge_and_others),
		cmocka_unit_test(killed_anywhere),
	};
	int rc;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!mariadb_start())
		return 0;
	rc = cmocka_run_group_tests(tests, jobs_setup, jobs_teardown);
	printf("%zu interleavings\n", plays);
	return rc;
}
