/*
 * What goes wrong in queues: callers that think inside their transaction,
 * commits whose answer is lost, leases that are gone, commits behind the hint,
 * faults at every statement. Each case failed once, without its mend.
 */
#define DB "test_jobs_hazard"
#include "tests/harness/jobs_env.h"

static struct db *caller;	/* somebody else's connection */

static int
setup(void **state)
{
	if (jobs_setup(state) == -1)
		return -1;
	caller = mariadb_open(base, DB);
	return 0;
}

static void
caller_begins(void)
{
	good(db_begin(caller, &err));
}

static void
caller_commits(void)
{
	good(db_commit(caller, &err));
}

static struct uuid
caller_enqueues(const char *type, const struct job_options *o, int want)
{
	struct uuid id = { { 0 } };

	assert_int_equal(job_enqueue_text(caller, a, type, NULL, false, tenant,
	    "{}", o, &id, &err), want);
	return id;
}

/* ---- callers that think ----------------------------------------------------------- */

/* H15: one who enqueues a job of a key holds up nobody who claims or ends
 * jobs of that key; also when he asks for another limit. */
static void
a_caller_with_a_limit(void **state)
{
	struct job_options o = { .limit = "k", .limit_max = 2 };
	struct uuid first = enqueue("x", &o), second = enqueue("x", &o);
	struct jobs_claimed got;

	(void)state;
	got = claim(1);
	caller_begins();
	caller_enqueues("x", &o, 0);
	o.limit_max = 3;
	caller_enqueues("x", &o, 0);
	settle_all(&got, END_DONE);
	got = claim_soon(1);
	assert_int_equal(got.n, 1);
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(first) + state_of(second),
	    2 * JS_SUCCEEDED);
	assert_int_equal(number("SELECT max_running FROM jobs_limit"), 2);
	caller_commits();
	assert_int_equal(number("SELECT max_running FROM jobs_limit"), 3);
	assert_int_equal(drain(), 2);
	sound("committed");
}

/* The same for a unique key that is taken: he is told, and locks nothing. */
static void
a_caller_with_a_unique_key(void **state)
{
	struct job_options o = { .unique = "u" };
	struct uuid first = enqueue("x", &o);
	struct jobs_claimed got = claim(1);

	(void)state;
	caller_begins();
	assert_true(uuid_equal(caller_enqueues("x", &o, 1), first));
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(first), JS_SUCCEEDED);
	caller_commits();
	sound("ended");
}

/* One who adds a dependant holds the parent's row. The others of its batch
 * end at once, the parent as soon as he is done, whatever its end. */
static void
a_caller_with_a_need(void **state)
{
	struct uuid p = enqueue("parent", NULL), other = enqueue("x", NULL),
	    child;
	struct job_need need = { p, NEED_SUCCESS };
	struct job_options o = { .needs = &need, .nneeds = 1 };
	struct jobs_claimed got = claim(2), none;
	struct jobs_outcome v[2];

	(void)state;
	assert_int_equal(got.n, 2);
	caller_begins();
	child = caller_enqueues("child", &o, 0);
	for (size_t i = 0; i < 2; i++) {
		v[i] = outcome(&got, i, END_DONE);
		v[i].result = "{\"kept\":true}";
	}
	good(jobs_cycle(claimer, db, a, &lease, v, 2, 0, &none, &err));
	assert_int_equal(none.settled, 2);
	assert_int_equal(none.late, 1);
	memset(v, 0, sizeof(v));
	assert_int_equal(state_of(other), JS_SUCCEEDED);
	assert_int_equal(state_of(p), JS_RUNNING);
	sound("one is late");
	/* still held: still late, and new work goes on */
	enqueue("y", NULL);
	good(jobs_cycle(claimer, db, a, &lease, NULL, 0, 5, &got, &err));
	assert_int_equal(got.n, 1);
	assert_int_equal(got.late, 1);
	sound("work goes on");
	caller_commits();
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(p), JS_SUCCEEDED);
	assert_int_equal(state_of(child), JS_QUEUED);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "JSON_VALUE(result, '$.kept') = 1"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	drain();
	sound("all");
	told("all");
}

/* He holds a job that waits to be claimed: it is left, found again, and the
 * others are not held up. */
static void
a_caller_holds_a_ready_job(void **state)
{
	struct uuid p = enqueue("parent", NULL);
	struct job_need need = { p, NEED_END };
	struct job_options o = { .needs = &need, .nneeds = 1 };
	struct jobs_claimed got;

	(void)state;
	caller_begins();
	caller_enqueues("child", &o, 0);
	for (int i = 0; i < 30; i++)
		enqueue("x", NULL);
	for (int i = 0; i < 3; i++) {
		got = claim(10);
		assert_int_equal(got.n, 10);
		settle_all(&got, END_DONE);
	}
	assert_int_equal(state_of(p), JS_QUEUED);
	caller_commits();
	got = claim_soon(1);
	assert_true(uuid_equal(got.v[0].id, p));
	settle_all(&got, END_DONE);
	assert_int_equal(drain(), 1);
	sound("all");
	told("all");
}

/* He holds the child of a job that ends; and a parked one; and a delayed one
 * whose time has come. */
static void
a_caller_holds_what_moves(void **state)
{
	struct uuid p = enqueue("parent", NULL), child, parked, later;
	struct job_need need = { p, NEED_SUCCESS };
	struct job_options o = { .needs = &need, .nneeds = 1 },
	    lim = { .limit = "k" }, due = { .run_at = { clock_now().us +
	    3600 * US_PER_S } };
	struct jobs_claimed got;
	int64_t next;
	size_t n;

	(void)state;
	child = enqueue("child", &o);
	enqueue("x", &lim);
	enqueue("x", &lim);
	later = enqueue("later", &due);
	got = claim_soon(10);
	assert_int_equal(got.n, 2);
	claim(10);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_parked"), 1);
	memcpy(parked.b, got.v[0].id.b, 0);	/* silence */
	sql("UPDATE jobs_job SET run_at = NOW(6) - INTERVAL 1 SECOND WHERE "
	    "state = 2; UPDATE jobs_delayed SET run_at = (SELECT run_at FROM "
	    "jobs_job WHERE state = 2)");
	caller_begins();
	need.id = child;
	caller_enqueues("grandchild", &o, 0);
	need.id = later;
	caller_enqueues("after", &o, 0);
	{
		struct arena *b = arena_new(1 << 20);
		const char *id = mariadb_value(b, DB, "SELECT HEX(id) FROM "
		    "jobs_job WHERE state = 4");

		for (int i = 0; i < 16; i++)
			sscanf(id + 2 * i, "%2hhx", &parked.b[i]);
		arena_free(b);
	}
	need.id = parked;
	caller_enqueues("after", &o, 0);
	settle_all(&got, END_DONE);
	good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(state_of(child), JS_WAITING);
	assert_int_equal(state_of(parked), JS_PARKED);
	assert_int_equal(state_of(later), JS_SCHEDULED);
	caller_commits();
	good(jobs_promote(db, a, &n, &next, &err));
	assert_int_equal(n, 2);
	good(jobs_recount(db, a, &n, &err));
	sound("moved");
	drain();
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state <> 10"), 0);
	sound("all");
	told("all");
}

/* H13, H12: a silent worker that stopped in the middle of a transaction holds
 * its job's row: the others of its lease are given back all the same. */
static void
a_silent_worker_in_its_transaction(void **state)
{
	struct uuid held = enqueue("x", NULL), other = enqueue("y", NULL);
	struct jobs_claimed got = claim(2);
	struct job_ctx c = { .a = a, .db = caller, .tenant = tenant,
	    .id = held };
	size_t n;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		if (uuid_equal(got.v[i].id, held))
			c.token = got.v[i].token;
	good(job_begin(&c, &err));
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 MINUTE");
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(state_of(other), JS_QUEUED);
	assert_int_equal(state_of(held), JS_RUNNING);
	/* it wakes up in time: what it does is valid, once */
	good(job_finish(&c, &err));
	caller_commits();
	good(jobs_reap(db, a, 0, &n, &err));
	assert_int_equal(n, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(state_of(held), JS_SUCCEEDED);
	assert_int_equal(drain(), 1);
	sound("all");
	told("all");
}

/* ---- hints ------------------------------------------------------------------------ */

/* A commit that comes late, with a tag behind what was claimed, and without a
 * bell: found while the lane is full all the time. */
static void
a_late_commit_behind_the_hint(void **state)
{
	struct jobs_claimed got;
	struct uuid late;
	int64_t end = clock_boot_ns() + INT64_C(30000000000);
	bool found = false;

	(void)state;
	caller_begins();
	late = caller_enqueues("late", NULL, 0);
	begin();
	for (int i = 0; i < 100; i++)
		enqueue_for(tenant2, "x", NULL);
	commit();
	for (int i = 0; i < 5; i++) {
		got = claim(10);
		settle_all(&got, END_DONE);
	}
	caller_commits();		/* nobody listens to the bell */
	while (!found && clock_boot_ns() < end) {
		got = claim(2);
		for (size_t i = 0; i < got.n; i++)
			found = found || uuid_equal(got.v[i].id, late);
		settle_all(&got, END_DONE);
		begin();
		for (int i = 0; i < 4; i++)	/* full */
			enqueue_for(tenant2, "x", NULL);
		commit();
	}
	assert_true(found);
	assert_true(number("SELECT COUNT(*) FROM jobs_ready") > 10);
}

/* The bell's text finds it at once. */
static void
the_bell_lowers_the_hint(void **state)
{
	struct jobs_claimed got;
	struct uuid late;
	char text[256];
	int fd;

	(void)state;
	good(bell_listen("dispatch", &fd, &err));
	caller_begins();
	late = caller_enqueues("late", NULL, 0);
	begin();
	for (int i = 0; i < 100; i++)
		enqueue_for(tenant2, "x", NULL);
	commit();
	for (int i = 0; i < 5; i++) {
		got = claim(10);
		settle_all(&got, END_DONE);
	}
	assert_true(bell_take(fd, text, sizeof(text)) > 0);
	caller_commits();
	assert_int_equal(bell_take(fd, text, sizeof(text)), 1);
	jobs_claimer_bell(claimer, text);
	got = claim(1);
	assert_true(uuid_equal(got.v[0].id, late));
	/* nonsense in a bell does nothing */
	jobs_claimer_bell(claimer, "");
	jobs_claimer_bell(claimer, "x y z");
	jobs_claimer_bell(claimer, "1 9 1");
	jobs_claimer_bell(claimer, "stop");
	assert_int_equal(claim(10).n, 10);
	bell_close("dispatch", fd);
}

/* ---- leases ------------------------------------------------------------------------ */

/* A dispatcher that slept until its lease was taken away claims nothing with
 * it: nobody would take those jobs back. */
static void
no_claim_without_a_lease(void **state)
{
	struct uuid first = enqueue("x", NULL), second;
	struct jobs_claimed got = claim(1);
	struct jobs_outcome o = outcome(&got, 0, END_DONE);
	size_t n;

	(void)state;
	sql("UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 MINUTE");
	good(jobs_reap(db, a, 0, &n, &err));
	second = enqueue("y", NULL);
	assert_int_equal(jobs_cycle(claimer, db, a, &lease, NULL, 0, 5, &got,
	    &err), -1);
	assert_string_equal(err.code, "lease_lost");
	err_clear(&err);
	assert_int_equal(state_of(first), JS_QUEUED);
	assert_int_equal(state_of(second), JS_QUEUED);
	/* what it had finished is stale, and is said to be taken over */
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 5, &got, &err));
	assert_int_equal(got.n, 0);
	assert_int_equal(got.settled, 1);
	sound("no lease");
	assert_int_equal(drain(), 2);
	told("no lease");
}

/* H10: a claim that cannot succeed does not throw away what is finished. */
static void
one_bad_claim(void **state)
{
	struct uuid id = enqueue("x", NULL), other = enqueue("y", NULL);
	struct jobs_claimed got = claim(1);
	struct jobs_outcome o = outcome(&got, 0, END_DONE);

	(void)state;
	sql("DELETE FROM jobs_lease");
	good(jobs_cycle(claimer, db, a, &lease, &o, 1, 5, &got, &err));
	assert_int_equal(got.settled, 1);
	assert_int_equal(got.n, 0);
	assert_int_equal(state_of(id) + state_of(other), JS_SUCCEEDED +
	    JS_QUEUED);
	sound("settled alone");
	assert_int_equal(drain(), 1);
	told("settled alone");
}

/* ---- faults at every statement ------------------------------------------------------- */

struct scene {
	struct uuid keyed[3], plain[2], parent, child, later;
	struct jobs_claimed got;
	struct jobs_outcome v[8];
	size_t n;
};

/* A batch of all kinds that is to be settled while others are claimed. */
static void
make_scene(struct scene *s)
{
	struct job_options lim = { .limit = "k" }, u = { .unique = "u" };
	struct job_need need = { .rule = NEED_SUCCESS };
	struct job_options dep = { .needs = &need, .nneeds = 1 };

	clean();
	for (int i = 0; i < 3; i++)
		s->keyed[i] = enqueue("keyed", &lim);
	s->plain[0] = enqueue("plain", NULL);
	s->plain[1] = enqueue("unique", &u);
	need.id = s->parent = enqueue("parent", NULL);
	s->child = enqueue("child", &dep);
	s->got = claim(8);
	claim(8);
	s->n = 0;
	for (size_t i = 0; i < s->got.n; i++) {
		s->v[s->n] = outcome(&s->got, i, i == 1 ? END_RETRY :
		    END_DONE);
		s->v[s->n++].result = i == 2 ? "{\"n\":2}" : NULL;
	}
	assert_int_equal(s->n, 4);
	s->later = enqueue("later", NULL);
	wake(claimer);
	sound("scene");
	told("scene");
}

/* After whatever happened: the dispatcher goes on, and everything ends, once.
 * The outcomes of the batch are never lost. */
static void
goes_on(struct scene *s, const char *what)
{
	struct jobs_claimed got = { .n = 0 };
	int64_t end = clock_boot_ns() + INT64_C(30000000000);
	int rc;

	for (;;) {
		err_clear(&err);
		rc = jobs_cycle(claimer, db, a, &lease, s->v, s->n, 8, &got,
		    &err);
		if (rc == 0 || clock_boot_ns() > end)
			break;
		nap_ms(20);
	}
	good(rc);
	sound(what);
	told(what);
	settle_all(&got, END_DONE);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE state "
	    "= 5"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	sql("UPDATE jobs_job SET run_at = NOW(6) - INTERVAL 1 SECOND WHERE "
	    "state = 6; UPDATE jobs_delayed SET run_at = (SELECT run_at FROM "
	    "jobs_job WHERE state = 6)");
	{
		int64_t next;
		size_t n;

		good(jobs_promote(db, a, &n, &next, &err));
	}
	drain();
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE state "
	    "<> 10"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "attempt > 1 AND type NOT IN ('keyed', 'plain', 'unique', "
	    "'parent')"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "JSON_VALUE(result, '$.n') = 2"), 1);
	assert_int_equal(number("SELECT SUM(crashes) FROM jobs_job"), 0);
	sound(what);
	told(what);
}

static void
fault_everywhere(enum step_fault f, const char *name)
{
	struct jobs_claimed got;
	struct scene s;
	char what[64];
	size_t n = 1;

	for (;; n++) {
		make_scene(&s);
		snprintf(what, sizeof(what), "%s at statement %zu", name, n);
		err_clear(&err);
		step_fault(n, f);
		if (jobs_cycle(claimer, db, a, &lease, s.v, s.n, 8, &got,
		    &err) == 0) {
			bool over = step_sent() < n;

			step_fault(0, FAULT_NONE);
			sound(what);
			told(what);
			settle_all(&got, END_DONE);
			s.n = 0;
			goes_on(&s, what);
			if (over)
				break;
		} else {
			step_fault(0, FAULT_NONE);
			goes_on(&s, what);
		}
	}
	assert_true(n > 12);
}

/* H7: 1205 undoes one statement, H10: one bad claim must not throw away what
 * is finished. */
static void
lock_wait_at_every_statement(void **state)
{
	(void)state;
	fault_everywhere(FAULT_LOCK_WAIT, "1205");
}

static void
deadlock_at_every_statement(void **state)
{
	(void)state;
	fault_everywhere(FAULT_DEADLOCK, "1213");
}

static void
connection_lost_before_every_statement(void **state)
{
	(void)state;
	fault_everywhere(FAULT_CUT_BEFORE, "lost before");
}

/* Among them COMMIT: what was claimed unseen is given back, and no outcome
 * is counted twice. */
static void
answer_lost_at_every_statement(void **state)
{
	(void)state;
	fault_everywhere(FAULT_CUT_AFTER, "lost after");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, each_clean)
		T(a_caller_with_a_limit), T(a_caller_with_a_unique_key),
		T(a_caller_with_a_need), T(a_caller_holds_a_ready_job),
		T(a_caller_holds_what_moves),
		T(a_silent_worker_in_its_transaction),
		T(a_late_commit_behind_the_hint),
		T(the_bell_lowers_the_hint), T(no_claim_without_a_lease),
		T(one_bad_claim),
		T(lock_wait_at_every_statement),
		T(deadlock_at_every_statement),
		T(connection_lost_before_every_statement),
		T(answer_lost_at_every_statement),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, jobs_teardown);
}
