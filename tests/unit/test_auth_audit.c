/*
 * The seal of an audit row depends on every member, on its number and on the
 * seal before it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "modules/auth/audit.h"

static struct arena *a;
static const uint8_t key[32] = { 7 };

static const struct auth_audit_row base = {
	.id = { { 1 } }, .tenant_id = { { 2 } }, .at = { 3 },
	.actor_kind = "user", .actor_id = { { 4 } }, .actor = "ann",
	.action = "auth.user.create", .status = 201, .target_kind = "user",
	.target_id = "x", .detail = { "{}" }, .request_id = "r",
	.ip = "10.0.0.1"
};

static void
seal(const struct auth_audit_row *r, int64_t seq, uint8_t out[AUTH_SEAL_LEN])
{
	static const uint8_t prev[AUTH_SEAL_LEN];

	auth_audit_chain(a, key, prev, r, seq, out);
}

static void
every_member(void **state)
{
	struct auth_audit_row v[15];
	uint8_t want[AUTH_SEAL_LEN], got[AUTH_SEAL_LEN];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++)
		v[i] = base;
	v[n++].id.b[15] = 9;
	v[n++].tenant_id.b[0] = 9;
	v[n++].at.us = 9;
	v[n++].actor_kind = "key";
	v[n++].actor_id.b[1] = 9;
	v[n++].actor = "bob";
	v[n++].action = "auth.user.delete";
	v[n++].status = 200;
	v[n++].target_kind = NULL;
	v[n++].target_id = "";
	v[n++].detail.p = NULL;
	v[n++].request_id = "s";
	v[n++].ip = "10.0.0.2";
	/* one letter moved from one member to the next */
	v[n].target_kind = "use";
	v[n++].target_id = "rx";
	v[n].target_kind = "";
	v[n++].target_id = "userx";
	assert_int_equal(n, NITEMS(v));
	seal(&base, 1, want);
	for (size_t i = 0; i < n; i++) {
		seal(&v[i], 1, got);
		if (memcmp(got, want, sizeof(got)) == 0)
			fail_msg("case %zu has the same seal", i);
	}
	seal(&base, 2, got);
	assert_memory_not_equal(got, want, sizeof(got));
	auth_audit_chain(a, key, want, &base, 1, got);
	assert_memory_not_equal(got, want, sizeof(got));
	seal(&base, 1, got);
	assert_memory_equal(got, want, sizeof(got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_member) };
	int rc;

	a = arena_new(4 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return rc;
}
