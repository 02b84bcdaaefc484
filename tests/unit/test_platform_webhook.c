/*
 * Signature (against vectors made with `openssl dgst -sha256 -hmac`), what
 * answers mean, rights, topics of a request, and who may wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/principal.h"
#include "module.h"
#include "modules/platform/event.h"
#include "modules/platform/webhook.h"

#include <cmocka.h>

#define VECTOR_1 "026e5cead15fb902bcb65497ab362eb2" \
	"8a8c0fd20a2d419ed47a7903f2128e42"
#define VECTOR_2 "6b4a4b8b3c40f1e8f53a3d36682e5f99" \
	"f7ad2ac1df1c93dfe336f329167641e7"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)4 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void
signature(void **state)
{
	(void)state;
	/* printf '1764000000.[{"n":1}]' | openssl dgst -sha256 -hmac whsec_abc */
	assert_string_equal(platform_webhook_signature(a, "whsec_abc",
	    1764000000, "[{\"n\":1}]", 9), "v1=" VECTOR_1);
	/* printf '0.' | openssl dgst -sha256 -hmac k */
	assert_string_equal(platform_webhook_signature(a, "k", 0, "", 0),
	    "v1=" VECTOR_2);
}

static void
answers(void **state)
{
	static const struct { int status; int outcome; } cases[] = {
		{ 200, HOOK_DELIVERED }, { 204, HOOK_DELIVERED },
		{ 301, HOOK_REFUSED }, { 302, HOOK_REFUSED },
		{ 400, HOOK_REFUSED }, { 404, HOOK_REFUSED },
		{ 410, HOOK_GONE }, { 429, HOOK_FAILED },
		{ 500, HOOK_FAILED }, { 503, HOOK_FAILED },
		{ 199, HOOK_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(platform_webhook_judge(cases[i].status),
		    cases[i].outcome);
}

static const struct event events[] = {
	{ .name = "a", .doc = "d" },
	{ .name = "b", .doc = "d", .permission = "jobs:read" },
	{ .name = "c", .doc = "d", .permission = "jobs:read" },
	{ .name = "d", .doc = "d", .permission = "jobs:re" },
	EVENT_END
};
static const struct module module = { .name = "m", .doc = "d",
    .events = (const struct event *const[]){ events, NULL } };
static const struct module *const mods[] = { &module, NULL };

static bool
sees(const char *rights, size_t i)
{
	return platform_webhook_may_see(arena_strdup(a, rights), &events[i]);
}

static void
rights(void **state)
{
	static const char *const some[] = { "jobs:read", NULL },
	    *const all[] = { "*", NULL };
	struct principal p = { .kind = PRINCIPAL_USER, .permissions = some };

	(void)state;
	assert_string_equal(platform_webhook_rights(a, mods, &p),
	    "jobs:read");
	p.permissions = all;
	assert_string_equal(platform_webhook_rights(a, mods, &p),
	    "jobs:read,jobs:re");
	assert_true(sees("", 0));
	assert_false(sees("", 1));
	assert_true(sees("jobs:read", 1));
	assert_false(sees("jobs:read", 3));	/* a prefix is no match */
	assert_true(sees("x,jobs:re", 3));
	assert_false(sees("jobs:reader", 1));
}

static void
topics(void **state)
{
	static const char *const bad[] = { ",", "a,", ",a", "a b", "A",
	    "a.*.b", "a*", "**", "a;b" };
	const char *const *t;

	(void)state;
	assert_int_equal(platform_event_topics(a, "", &t), 0);
	assert_null(t);
	assert_int_equal(platform_event_topics(a, NULL, &t), 0);
	assert_null(t);
	assert_int_equal(platform_event_topics(a, "job.*,alert.fired,*", &t),
	    0);
	assert_string_equal(t[0], "job.*");
	assert_string_equal(t[1], "alert.fired");
	assert_string_equal(t[2], "*");
	assert_null(t[3]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(platform_event_topics(a, bad[i], &t), -1);
}

static void
waiters(void **state)
{
	(void)state;
	assert_int_equal(platform_event_waiters(0, 1), 0);
	assert_int_equal(platform_event_waiters(0, 2), 1);
	assert_int_equal(platform_event_waiters(0, 7), 1);
	assert_int_equal(platform_event_waiters(0, 8), 2);
	assert_int_equal(platform_event_waiters(0, 40), 10);
	assert_int_equal(platform_event_waiters(3, 40), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature),
		cmocka_unit_test(answers),
		cmocka_unit_test(rights),
		cmocka_unit_test(topics),
		cmocka_unit_test(waiters),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
