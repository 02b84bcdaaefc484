/*
 * Accidents of scans that take time, under a clock of the test's own: waits
 * of this program advance it instead of passing. Throttled for a minute,
 * a region that nobody answers for, credentials revoked in the middle, an
 * external id that is wrong, a clock that is off.
 */
#define DB "test_spot_faults"
#include <sys/syscall.h>
#include <time.h>

#include "tests/harness/spot_env.h"

#include "modules/spot/sight.h"

/* ---- the clock -------------------------------------------------------------------- */

static int64_t ahead_ns;		/* of the machine's */
static int64_t calm_ns;			/* the fake is calm from here; 0 = is */

/* These stand before the C library's for everything in this program. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && (id == CLOCK_BOOTTIME || id == CLOCK_MONOTONIC)) {
		ts->tv_sec += ahead_ns / 1000000000;
		ts->tv_nsec += ahead_ns % 1000000000;
		if (ts->tv_nsec >= 1000000000) {
			ts->tv_nsec -= 1000000000;
			ts->tv_sec++;
		}
	}
	return (int)rc;
}

int
nanosleep(const struct timespec *ts, struct timespec *left)
{
	(void)left;
	ahead_ns += ts->tv_sec * 1000000000 + ts->tv_nsec;
	if (calm_ns != 0 && ahead_ns >= calm_ns) {
		calm_ns = 0;
		script("");
	}
	return 0;
}

/* The fake does this until so many seconds have passed by our clock. */
static void
script_for(const char *rules, int64_t seconds)
{
	script(rules);
	calm_ns = ahead_ns + seconds * 1000000000;
}

static struct spot_account
prod(void)
{
	struct spot_account x;

	script("");
	x = connect_as(&one, "prod", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	/* prices take long and are another test's */
	mariadb_sql(DB, "DELETE FROM spot_scan WHERE kind = 'prices'");
	return x;
}

/* ---- accidents ---------------------------------------------------------------------- */

/* The scan ends late, and nothing is lost. */
static void
test_throttled(void **state)
{
	struct spot_account x = prod();
	int64_t n, before;
	struct spot_scan s;

	(void)state;
	discover();
	n = present(&x);
	before = ahead_ns;
	script_for("{\"action\":\"*\",\"error\":\"RequestLimitExceeded\"}",
	    60);
	/* the listing of regions is short of patience: it goes first */
	script_for("{\"action\":\"Describe[IA]*\",\"error\":"
	    "\"RequestLimitExceeded\"}", 60);
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "complete");
	assert_true(ahead_ns - before >= INT64_C(60000000000));
	assert_int_equal(s.instances, n);
	assert_int_equal(s.gone, 0);
	assert_int_equal(present(&x), n);
	/* for ever is too long: it gives up, and nothing is swept */
	script("{\"action\":\"DescribeInstances\",\"region\":\"us-west-2\","
	    "\"error\":\"RequestLimitExceeded\"}");
	before = ahead_ns;
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "partial");
	assert_true(ahead_ns - before >= INT64_C(290000000000));
	assert_true(ahead_ns - before < INT64_C(600000000000));
	assert_int_equal(s.gone, 0);
	drop(&one, x.id);
}

/* A region that nobody answers for: three scans, then rest. */
static void
test_dead_region(void **state)
{
	struct spot_account x = prod();
	struct spot_scan s;
	const char *rule = "{\"action\":\"*\",\"region\":\"us-west-2\","
	    "\"unreachable\":true}";
	int64_t n, asked;

	(void)state;
	discover();
	n = present(&x);
	script(rule);
	for (int i = 0; i < 3; i++) {
		s = rescan(&one, x.id, "fleet");
		assert_string_equal(s.state, "partial");
		assert_int_equal(s.done, s.wanted - 2);
		assert_non_null(strstr(s.error, "us-west-2 unreachable"));
		assert_int_equal(s.gone, 0);
	}
	assert_int_equal(number("SELECT MIN(timeouts) FROM spot_sight WHERE "
	    "region = 'us-west-2' AND service IN ('ec2', 'groups')"), 3);
	assert_int_equal(present(&x), n);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "region = 'us-west-2' AND NOT stale"), 0);
	/* now it costs nothing: no call leaves */
	asked = ahead_ns;
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "partial");
	assert_true(ahead_ns - asked < 1000000000);
	assert_non_null(strstr(s.error, "not asked"));
	/* back, and its quarter of an hour is over */
	script("");
	mariadb_sql(DB, "UPDATE spot_sight SET next_try_at = NOW(6) - "
	    "INTERVAL 1 SECOND WHERE next_try_at IS NOT NULL");
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "complete");
	assert_int_equal(number("SELECT SUM(stale) FROM spot_instance"), 0);
	drop(&one, x.id);
}

/* In the middle of a listing: what was read stays, nothing is swept, the
 * owner is told once, and nobody asks again. */
static void
test_revoked(void **state)
{
	struct env small = boot("spot.page_size=20"), was = env;
	struct spot_account x;
	struct spot_scan s;
	const char *told = "SELECT COUNT(*) FROM events_outbox WHERE body "
	    "LIKE '%credential_state%' AND body LIKE '%invalid%'";
	int64_t n;

	(void)state;
	env = small;
	x = prod();
	discover();
	n = present(&x);
	script("{\"action\":\"DescribeInstances\",\"nth\":6,\"times\":99999,"
	    "\"error\":\"AuthFailure\"}");
	s = rescan(&one, x.id, "inventory");
	assert_true(strcmp(s.state, "partial") == 0 ||
	    strcmp(s.state, "failed") == 0);
	assert_int_equal(present(&x), n);
	x = account(&one, x.id);
	assert_string_equal(x.credential_state, "invalid");
	assert_string_equal(x.status, "degraded");
	assert_int_equal(number(told), 1);
	(void)rescan(&one, x.id, "inventory");
	assert_int_equal(number(told), 1);
	mariadb_sql(DB, "UPDATE spot_account SET next_scan_at = NOW(6) - "
	    "INTERVAL 1 DAY, next_fleet_at = NOW(6) - INTERVAL 1 DAY");
	discover();
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan WHERE "
	    "requested_by = 'schedule'"), 0);
	script("");
	drop(&one, x.id);
	env = was;
	shut(&small);
}

static void
test_external_id(void **state)
{
	struct spot_account x = connect_as(&one, "role", "iam_role", NULL,
	    NULL), y;

	(void)state;
	script("");
	bad(spot_account_enter(&env, a, &one, x.id, NULL, NULL, ROLE,
	    clock_now(), &y, &err), 422, "credentials_refused");
	x = account(&one, x.id);
	assert_string_equal(x.status, "pending");
	drop(&one, x.id);
}

/* Ten minutes off either way: corrected from the answer's date. */
static void
test_clock_off(void **state)
{
	static const char *const offsets[] = { "600", "-600" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct spot_account x;

		(void)fakeec2_control(&fake, a, control, "/_control/clock",
		    arena_printf(a, "{\"offset_s\":%s}", offsets[i]));
		x = prod();
		discover();
		assert_string_equal(account(&one, x.id).status, "active");
		assert_int_equal(number("SELECT COUNT(*) FROM spot_sight "
		    "WHERE state <> 'complete'"), 0);
		drop(&one, x.id);
	}
	(void)fakeec2_control(&fake, a, control, "/_control/clock",
	    "{\"offset_s\":0}");
}

/* A verification names the rights that are missing. */
static void
test_rights(void **state)
{
	struct spot_account x;

	(void)state;
	script("{\"action\":[\"DescribeSnapshots\",\"DescribeAutoScaling"
	    "Groups\"],\"denied\":true}");
	x = connect_as(&one, "prod", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	assert_string_equal(x.credential_state, "ok");
	assert_int_equal(x.missing_actions.n, 2);
	assert_string_equal(x.missing_names,
	    "autoscaling:DescribeAutoScalingGroups,ec2:DescribeSnapshots");
	script("");
	good(spot_account_enter(&env, a, &one, x.id, NULL, NULL, NULL,
	    clock_now(), &x, &err));
	assert_int_equal(x.missing_actions.n, 0);
	drop(&one, x.id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_dead_region),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_external_id),
		cmocka_unit_test(test_clock_off),
		cmocka_unit_test(test_rights),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
