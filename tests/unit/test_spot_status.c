/*
 * Statuses in place of notices: taken only when the cloud's reason says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/act.h"
#include "modules/spot/status.h"

#include <cmocka.h>

static struct arena *a;

static bool
notice_of(const char *state, const char *event, const char *known,
    const char *reason, struct spot_notice *n)
{
	const struct spot_status s = { .instance_id = "i-12345678", .az = "z",
	    .state = state, .system = "ok", .instance = "ok",
	    .event = event, .event_at = { 5 * US_PER_S } };

	return spot_status_notice(a, &s, known, reason, "123456789012",
	    "us-east-1", (struct utc){ 1000 * US_PER_S }, n);
}

static void
test_notices(void **state)
{
	struct spot_notice n;

	(void)state;
	assert_false(notice_of("running", "", "running", "", &n));
	assert_false(notice_of("", "", "running", "", &n));
	assert_true(notice_of("shutting-down", "", "running",
	    "Server.SpotInstanceTermination", &n));
	assert_int_equal(n.kind, NOTICE_INTERRUPTION);
	assert_string_equal(n.action, "terminate");
	assert_string_equal(n.instances[0], "i-12345678");
	assert_string_equal(n.event_id, "status-i-12345678-taken");
	assert_true(notice_of("stopped", "", "running",
	    "Server.SpotInstanceShutdown", &n));
	assert_string_equal(n.action, "stop");
	/* a person ended it: a change of state, and nothing to replace */
	assert_true(notice_of("shutting-down", "", "running",
	    "Client.UserInitiatedShutdown", &n));
	assert_int_equal(n.kind, NOTICE_STATE);
	assert_string_equal(n.action, "shutting-down");
	assert_true(notice_of("running", "", "pending", NULL, &n));
	assert_int_equal(n.kind, NOTICE_STATE);
	assert_true(notice_of("running", "instance-retirement", "running",
	    "", &n));
	assert_int_equal(n.kind, NOTICE_HEALTH);
	assert_int_equal(n.due.us, 5 * US_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_notices) };
	int rc;

	a = arena_new(1 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
