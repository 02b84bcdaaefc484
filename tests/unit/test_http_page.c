/*
 * Where a login may lead, which cookie counts, and who is of the same origin.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "http/page.h"
#include "http/serve.h"

#include <cmocka.h>

static struct arena *a;

struct sent {
	const char *name, *value;
};

static const char *
param(void *t, const char *name)
{
	for (const struct sent *s = t; s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			return s->value;
	return NULL;
}

static struct ctx *
request(const struct sent *headers, const char *public_url, bool https)
{
	struct ctx *c = arena_alloc(a, sizeof(*c));
	struct http *h = arena_alloc(a, sizeof(*h));
	struct http_conf *cf = arena_alloc(a, sizeof(*cf));
	struct transport *t = arena_alloc(a, sizeof(*t));

	cf->public_url = public_url;
	h->conf = cf;
	t->param = param;
	t->t = (void *)(uintptr_t)headers;
	c->http = h;
	c->a = a;
	c->req = arena_alloc(a, sizeof(*c->req));
	c->req->t = t;
	c->req->https = https;
	c->req->media = "";
	return c;
}

static void
test_next(void **state)
{
	static const struct { const char *in, *want; } cases[] = {
		{ "/ui/system/jobs?state=failed", "/ui/system/jobs?state=failed" },
		{ "/ui", "/ui" }, { "/ui?x=1", "/ui?x=1" }, { NULL, "/ui" },
		{ "", "/ui" }, { "//evil", "/ui" }, { "https://evil", "/ui" },
		{ "/uix", "/ui" }, { "/api/auth/logout", "/ui" },
		{ "/ui/\\evil", "/ui" }, { "/ui/\r\nSet-Cookie: x", "/ui" },
		{ "/ui/a b", "/ui" }, { "javascript:1", "/ui" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(page_next(cases[i].in), cases[i].want);
}

static void
test_cookie(void **state)
{
	static const struct { const char *header, *want; } cases[] = {
		{ "q=1", "1" }, { "a=b; q=1; c=d", "1" }, { "a=b;q=1", "1" },
		{ "xq=1", NULL }, { "qx=1", NULL }, { "q", NULL },
		{ "a=q=2", NULL }, { "q=1; q=1", "1" }, { "q=1; q=2", NULL },
		{ "", NULL }, { ";;; q=a=b", "a=b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sent h[] = { { "HTTP_COOKIE", cases[i].header },
			{ NULL, NULL } };
		const char *got = ctx_cookie(request(h, NULL, false), "q");

		if (cases[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].want);
	}
}

static void
test_origin(void **state)
{
	static const struct {
		const char *origin, *site, *host, *url;
		bool https, want;
	} cases[] = {
		{ "http://a:80", NULL, "a:80", NULL, false, true },
		{ "https://a", NULL, "a", NULL, true, true },
		{ "http://a", NULL, "a", NULL, true, false },
		{ "https://a", NULL, "a", NULL, false, false },
		{ "https://a", NULL, "inner:8080", "https://a/qx", false, true },
		{ "https://a", NULL, "inner", "https://ab", false, false },
		{ "https://ab", NULL, "inner", "https://a", false, false },
		{ "http://evil", NULL, "a", NULL, false, false },
		{ "null", NULL, "a", NULL, false, false },
		{ "", NULL, "a", "https://a", false, false },
		{ NULL, NULL, "a", NULL, false, false },
		{ NULL, "same-origin", "a", NULL, false, true },
		{ NULL, "same-site", "a", NULL, false, false },
		{ NULL, "none", "a", NULL, false, false },
		{ "http://a", "cross-site", "a", NULL, false, false },
		{ "http://evil", "same-origin", "a", NULL, false, false },
		{ "http://a", "same-origin", "a", NULL, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sent h[] = {
			{ "HTTP_HOST", cases[i].host },
			{ "HTTP_ORIGIN", cases[i].origin },
			{ "HTTP_SEC_FETCH_SITE", cases[i].site },
			{ NULL, NULL } };

		if (ctx_same_origin(request(h, cases[i].url,
		    cases[i].https)) != cases[i].want)
			fail_msg("case %zu", i);
	}
}

static int
setup(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next), cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_origin),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
