/*
 * The queue against a real database: what is enqueued is claimed once, ends
 * once, and everything it held is free again.
 */
#include "tests/harness/jobs_env.h"

/* ---- the plain way ------------------------------------------------------------- */

static void
once_through(void **state)
{
	struct uuid id = enqueue("noop", NULL);
	struct jobs_claimed got;

	(void)state;
	assert_int_equal(state_of(id), JS_QUEUED);
	sound("enqueued");
	got = claim(10);
	assert_int_equal(got.n, 1);
	assert_true(uuid_equal(got.v[0].id, id));
	assert_string_equal(got.v[0].type, "noop");
	assert_string_equal(got.v[0].payload, "{}");
	assert_int_equal(got.v[0].attempt, 1);
	assert_int_equal(got.v[0].token, column(id, "token"));
	assert_int_equal(got.v[0].version, column(id, "version"));
	assert_int_equal(state_of(id), JS_RUNNING);
	sound("claimed");
	assert_int_equal(claim(10).n, 0);
	settle_all(&got, END_DONE);
	assert_int_equal(state_of(id), JS_SUCCEEDED);
	assert_int_equal(column(id, "progress"), 1000);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_attempt"), 0);
	sound("done");
	told("done");
}

/* The caller's transaction decides whether a job exists. */
static void
with_the_caller(void **state)
{
	struct uuid id;

	(void)state;
	begin();
	id = enqueue("noop", NULL);
	assert_int_equal(claim_soon(0).n, 0);
	db_rollback(db);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_ready"), 0);
	begin();
	id = enqueue("noop", NULL);
	commit();
	assert_int_equal(state_of(id), JS_QUEUED);
	sound("committed");
}

static void
batches_and_results(void **state)
{
	struct jobs_outcome v[40];
	struct jobs_claimed got[4], none;
	size_t n = 0, k = 0;

	(void)state;
	begin();
	for (int i = 0; i < 40; i++)
		enqueue_for(i % 3 ? tenant : tenant2, "noop", NULL);
	commit();
	for (int i = 0; i < 4; i++) {
		got[i] = claim(10);
		assert_int_equal(got[i].n, 10);
		n += got[i].n;
	}
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 4);
	sound("claimed");
	/* one of each claim at first, then the rest, some with results */
	for (int i = 0; i < 4; i++)
		v[k++] = outcome(&got[i], 0, END_DONE);
	good(jobs_cycle(claimer, db, a, &lease, v, k, 0, &none, &err));
	sound("one of each");
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 4);
	k = 0;
	for (int i = 0; i < 4; i++)
		for (size_t j = 1; j < 10; j++) {
			v[k] = outcome(&got[i], j, END_DONE);
			v[k++].result = j % 2 ? "{\"n\":1}" : NULL;
		}
	good(jobs_cycle(claimer, db, a, &lease, v, k, 10, &none, &err));
	assert_int_equal(none.n, 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_claim"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "state = 10"), 40);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job WHERE "
	    "JSON_VALUE(result, '$.n') = 1"), 20);
	sound("all done");
	told("all done");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(once_through, each_clean),
		cmocka_unit_test_setup(with_the_caller, each_clean),
		cmocka_unit_test_setup(batches_and_results, each_clean),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, jobs_setup, jobs_teardown);
}
