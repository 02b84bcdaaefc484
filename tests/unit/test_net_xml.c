/*
 * The XML reader: what it reports, and that every bomb ends in one clear
 * error with little memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "net/xml.h"

struct seen {
	struct str s;
	size_t stop_at, n;
};

static int
on_open(void *arg, const struct xml_node *n, struct err *err)
{
	struct seen *s = arg;

	if (s->stop_at != 0 && ++s->n == s->stop_at)
		return err_set(err, 418, "mine", "stop at %lu:%lu", n->line,
		    n->column);
	str_addf(&s->s, "<%s:%s>", n->root, n->path);
	return 0;
}

static int
on_close(void *arg, const struct xml_node *n, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	assert_int_equal(strlen(n->text), n->len);
	str_addf(&s->s, "[%s=%s]", n->path, n->text);
	return 0;
}

static int
read_text(struct arena *a, const char *text, size_t n, struct seen *s,
    struct err *err)
{
	struct xml_reader r = { on_open, on_close, s, 0 };

	str_init(&s->s, a);
	err_clear(err);
	return xml_read(a, text, n, &r, err);
}

static void
test_reports(void **state)
{
	static const char text[] = "<?xml version=\"1.0\"?>\n<!-- c -->"
	    "<e:R xmlns:e='u'> <a x='1'>1&amp;<![CDATA[<2>]]>&#233;</a>"
	    "<e:b>lost<c/> lost</e:b>\n<d> t </d></e:R>";
	struct arena *a = arena_new(1 << 20);
	struct seen s = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_text(a, text, sizeof(text) - 1, &s, &err), 0);
	assert_string_equal(s.s.p, "<R:><R:a>[a=1&<2>\xc3\xa9]<R:b><R:b/c>"
	    "[b/c=][b=]<R:d>[d= t ][=]");
	s.stop_at = 3;
	assert_int_equal(read_text(a, text, sizeof(text) - 1, &s, &err), -1);
	assert_string_equal(err.detail, "stop at 2:69");
	arena_free(a);
}

struct bad {
	const char *text, *why;
};

static const struct bad bads[] = {
	{ "", "no element" },
	{ "   ", "no element" },
	{ "plain", "" },
	{ "<a>", "" },
	{ "<a></b>", "mismatched" },
	{ "<a/><b/>", "junk" },
	{ "<a>&nbsp;</a>", "undefined entity" },
	{ "<a>\x01</a>", "" },
	{ "<a>&#0;</a>", "" },
	{ "<a>\xff</a>", "" },
	{ "<a>\xc0\x80</a>", "" },
	{ "<a b='1' b='2'/>", "duplicate" },
	{ "<!DOCTYPE a><a/>", "document types" },
	{ "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document types" },
	{ "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "document types" },
	{ "<!DOCTYPE a PUBLIC '-//W3C' 'http://127.0.0.1/'><a/>",
	    "document types" },
	{ "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/'>%p;]><a/>",
	    "document types" },
	{ "{\"json\":1}", "" },
	{ "<a 1='1' 2='2'/>", "" },
};

static void
test_refuses(void **state)
{
	struct arena *a = arena_new(8 << 20);
	struct seen s = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(bads); i++) {
		if (read_text(a, bads[i].text, strlen(bads[i].text), &s,
		    &err) != -1)
			fail_msg("row %zu was accepted", i);
		assert_string_equal(err.code, "xml_malformed");
		assert_int_equal(err.status, 502);
		assert_non_null(strstr(err.detail, "line 1 column "));
		if (strstr(err.detail, bads[i].why) == NULL)
			fail_msg("row %zu: %s", i, err.detail);
	}
	assert_int_equal(read_text(a, "<a>\0</a>", 8, &s, &err), -1);
	arena_free(a);
}

static const char *
repeat(struct arena *a, const char *head, const char *one, size_t n,
    const char *tail)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, head);
	for (size_t i = 0; i < n; i++)
		str_add(&s, one);
	str_add(&s, tail);
	return s.p;
}

static void
expect_bound(const char *head, const char *one, size_t ok, const char *tail,
    const char *why)
{
	struct arena *a = arena_new(256 << 20), *work = arena_new(2 << 20);
	const char *text = repeat(a, head, one, ok, tail);
	struct err err = { 0 };
	struct xml_reader quiet = { NULL, NULL, NULL, 0 };

	if (xml_read(work, text, strlen(text), &quiet, &err) != 0)
		fail_msg("%s at the bound: %s", why, err.detail);
	text = repeat(a, head, one, ok + 1, tail);
	assert_int_equal(xml_read(work, text, strlen(text), &quiet, &err), -1);
	if (strstr(err.detail, why) == NULL)
		fail_msg("%s: %s", why, err.detail);
	arena_free(a);
	arena_free(work);
}

static void
test_bounds(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct str open, close, attrs;
	struct seen s = { 0 };
	struct err err = { 0 };

	(void)state;
	expect_bound("<a>", "x", XML_TEXT_MAX, "</a>", "too long");
	expect_bound("<", "n", XML_NAME_MAX, "/>", "name");
	expect_bound("<a/>", " ", (16 << 20) - 4, "", "longer than");
	str_init(&attrs, a);
	for (int i = 0; i < XML_ATTRS_MAX; i++)
		str_addf(&attrs, " a%d='%d'", i, i);
	expect_bound(arena_printf(a, "<a%s", attrs.p), " z='0'", 0, "/>",
	    "attributes");
	str_init(&open, a);
	str_init(&close, a);
	for (int i = 0; i <= XML_DEPTH_MAX; i++) {
		str_add(&open, "<d>");
		str_add(&close, "</d>");
		str_addn(&open, close.p, close.len);
		assert_int_equal(read_text(a, open.p, open.len, &s, &err),
		    i < XML_DEPTH_MAX ? 0 : -1);
		open.len -= close.len;
	}
	assert_non_null(strstr(err.detail, "too deep"));
	/* Names as long and as deep as allowed fit the path. */
	str_init(&open, a);
	str_init(&close, a);
	for (int i = 0; i < XML_DEPTH_MAX; i++) {
		str_addf(&open, "<%s>", repeat(a, "", "n", XML_NAME_MAX, ""));
		str_addf(&close, "</%s>", repeat(a, "", "n", XML_NAME_MAX,
		    ""));
	}
	str_addn(&open, close.p, close.len);
	assert_int_equal(read_text(a, open.p, open.len, &s, &err), 0);
	arena_free(a);
}

/* A million children cost no memory of ours. */
static void
test_flat(void **state)
{
	struct arena *a = arena_new(64 << 20), *work = arena_new(1 << 20);
	const char *text = repeat(a, "<a>", "<b>1</b>", 1000000, "</a>");
	struct xml_reader quiet = { NULL, NULL, NULL, 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(xml_read(work, text, strlen(text), &quiet, &err), 0);
	assert_true(arena_peak(work) < 64 << 10);
	arena_free(a);
	arena_free(work);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
