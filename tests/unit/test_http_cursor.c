/*
 * Cursors cannot be altered, nor carried to another route or tenant.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "http/serve.h"

#include <cmocka.h>

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct http h;

static struct ctx
ctx_for(const struct route *r, uint8_t tenant)
{
	struct ctx c = { .http = &h, .a = a, .route = r };

	c.resp = response_new(a);
	c.who.tenant_id.b[0] = tenant;
	memset(h.cursor_key, 7, sizeof(h.cursor_key));
	return c;
}

static const struct route one = { .id = "a.list", .method = HTTP_GET,
    .path = "/api/a" };
static const struct route two = { .id = "b.list", .method = HTTP_GET,
    .path = "/api/b" };

static void
test_round_trip(void **state)
{
	struct ctx c = ctx_for(&one, 1);
	const char *key = NULL;

	(void)state;
	assert_int_equal(cursor_open(&c, cursor_seal(&c, "k|2"), &key), 0);
	assert_string_equal(key, "k|2");
	assert_int_equal(cursor_open(&c, NULL, &key), 0);
	assert_string_equal(key, "");
	assert_int_equal(cursor_open(&c, "", &key), 0);
}

static void
refused(struct ctx *c, const char *cursor)
{
	const char *key;

	err_clear(&c->err);
	assert_int_equal(cursor_open(c, cursor, &key), -1);
	assert_int_equal(c->err.status, 422);
	assert_string_equal(c->err.fields[0].loc, "[\"query\",\"cursor\"]");
}

static void
test_refused(void **state)
{
	struct ctx c = ctx_for(&one, 1), other = ctx_for(&two, 1),
	    tenant = ctx_for(&one, 2);
	char *text = arena_strdup(a, cursor_seal(&c, "key"));

	(void)state;
	refused(&other, text);
	refused(&tenant, text);
	refused(&c, "AAAA");
	refused(&c, "not base64 !");
	refused(&c, arena_printf(a, "%sAA", text));
	for (size_t i = 0; text[i] != '\0'; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		refused(&c, text);
		text[i] = was;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
