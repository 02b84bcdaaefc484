/*
 * Templates: what names mean, what is refused when one is read, and that no
 * value ever becomes markup, wherever it stands.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "http/template.h"

#include <cmocka.h>

static struct arena *a;

struct part {
	const char *word;
	bool on;
};
static const struct field part_fields[] = {
	FIELD(struct part, word, .doc = "Word"),
	FIELD(struct part, on, .doc = "On"), FIELD_END
};
static const struct schema part_schema = { .name = "Part", .doc = "A part",
	.size = sizeof(struct part), .fields = part_fields };

struct thing {
	const char *name, *state, *secret, *url;
	int64_t n;
	double x;
	bool on;
	struct utc at;
	struct json free;
	struct list parts, tags;
	const void *sub;
};
static const struct field thing_fields[] = {
	FIELD(struct thing, name, .doc = "Name"),
	FIELD(struct thing, state, .oneof = ONEOF("good", "bad"),
	    .doc = "State"),
	FIELD(struct thing, secret, .flags = FF_SECRET, .doc = "Secret"),
	FIELD(struct thing, url, .doc = "Address"),
	FIELD(struct thing, n, .doc = "Number"),
	FIELD(struct thing, x, .doc = "Real"),
	FIELD(struct thing, on, .doc = "Flag"),
	FIELD(struct thing, at, .doc = "Time"),
	FIELD(struct thing, free, .doc = "Anything"),
	FIELD(struct thing, parts, .sub = &part_schema, .doc = "Parts"),
	FIELD(struct thing, tags, .elem = FT_STR, .doc = "Tags"),
	FIELD(struct thing, sub, .sub = &part_schema, .doc = "One part"),
	FIELD_END
};
static const struct schema thing_schema = { .name = "Thing",
	.doc = "A thing", .size = sizeof(struct thing),
	.fields = thing_fields };

static const struct template_name names[] = {
	{ "it", &thing_schema, TEMPLATE_OBJECT },
	{ "all", &thing_schema, TEMPLATE_LIST },
	{ "fault", NULL, TEMPLATE_TEXT },
	{ "gone", NULL, TEMPLATE_ABSENT },
	{ NULL, NULL, 0 }
};

static int
from_text(void *arg, struct arena *to, const char *name, const char **text,
    struct err *e)
{
	(void)to;
	if (strcmp(name, "partial") == 0)
		*text = "[{{it.name}}]";
	else if (strcmp(name, "loop") == 0)
		*text = "{{>loop}}";
	else if (strcmp(name, "main") != 0)
		return err_set(e, 500, "template", "no %s", name);
	else
		*text = arg;
	return 0;
}

static bool
known(void *arg, const char *permission)
{
	(void)arg;
	return strcmp(permission, "a:b") == 0 || strcmp(permission, "c:d") == 0;
}

static bool
may(const void *arg, const char *permission)
{
	(void)arg;
	return strcmp(permission, "a:b") == 0;
}

static struct template *
parse(const char *text, struct err *e)
{
	const struct template_source src = { from_text, known,
		(void *)(uintptr_t)text };
	struct template *t = NULL;

	if (template_parse(&t, a, &src, "main", NULL, names, e) == -1)
		return NULL;
	return t;
}

static const char *
render(const char *text, const char *json)
{
	const struct tree *values[4] = { NULL };
	struct template_data d = { .values = values, .may = may,
		.now = { INT64_C(1800000000) * US_PER_S } };
	struct err e = { 0 };
	struct template *t = parse(text, &e);
	struct str out;

	if (t == NULL)
		fail_msg("%s: %s", text, e.detail);
	assert_int_equal(tree_parse(a, json, strlen(json), &values[0], &e), 0);
	assert_int_equal(tree_parse(a, "{\"items\":[{\"name\":\"x\"},{\"name\":"
	    "\"y\"}],\"next\":\"c\"}", 56 - 1, &values[1], &e), 0);
	str_init(&out, a);
	template_render(t, &d, &out);
	return out.p;
}

static const char thing[] = "{\"name\":\"<b>\\\"&'\",\"state\":\"good\","
    "\"url\":\"javascript:alert(1)\",\"n\":1234567,\"x\":0.12345,"
    "\"on\":true,\"at\":\"2027-01-15T07:57:00Z\",\"free\":{\"k<\":"
    "{\"v\":\"1\"},\"e_f\":{\"v\":\"2\"}},\"parts\":[{\"word\":\"p\",\"on\":"
    "false},{\"word\":\"q\",\"on\":true}],\"tags\":[\"t1\",\"<t2>\"],"
    "\"sub\":{\"word\":\"w\",\"on\":false}}";

static void
test_values(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "a{{! remark }}b", "ab" },
		{ "{{it.name}}", "&lt;b&gt;&quot;&amp;&#39;" },
		{ "<i title=\"{{it.name}}\">",
		    "<i title=\"&lt;b&gt;&quot;&amp;&#39;\">" },
		{ "{{it.n}}", "1\xe2\x80\xaf" "234\xe2\x80\xaf" "567" },
		{ "{{it.n|raw}}", "1234567" },
		{ "<p data-n=\"{{it.n}}\">", "<p data-n=\"1234567\">" },
		{ "{{it.x}}", "0.1235" }, { "{{it.x|pct}}",
		    "12.3\xe2\x80\xaf%" },
		{ "{{it.n|bytes}}", "1.2\xe2\x80\xafMiB" },
		{ "{{it.n|ms}}", "20\xe2\x80\xafmin 34\xe2\x80\xafs" },
		{ "{{it.n|money}}", "1\xe2\x80\xaf" "234\xe2\x80\xaf"
		    "567.00" },
		{ "{{it.on}}", "yes" },
		{ "{{it.at}}", "<time datetime=\"2027-01-15T07:57:00Z\" title="
		    "\"2027-01-15 07:57:00 UTC\">3\xe2\x80\xafmin ago</time>" },
		{ "<i title=\"{{it.at}}\">",
		    "<i title=\"2027-01-15T07:57:00Z\">" },
		{ "{{#it.parts}}({{word}}{{#on}}!{{/on}}{{^on}}-{{/on}}{{n}})"
		    "{{/it.parts}}", NULL },
		{ "{{#it.parts}}{{word}}{{#on}}!{{/on}}{{^on}}-{{/on}}"
		    "{{/it.parts}}", "p-q!" },
		{ "{{#it.tags}}<{{.}}>{{/it.tags}}", NULL },
		{ "{{#it.tags}}[{{.}}]{{/it.tags}}", "[t1][&lt;t2&gt;]" },
		{ "{{#it.sub}}{{word}}{{it.state}}{{/it.sub}}", "wgood" },
		{ "{{#it.free}}{{@key}}={{~v}};{{/it.free}}",
		    "k&lt;=1;e_f=2;" },
		{ "{{#it.free}}{{@key|words}} {{/it.free}}", "k&lt; e f " },
		{ "{{it.free.~e_f.~v}}", "2" },
		{ "{{#it.state=good}}G{{/it.state}}{{#it.state=bad}}B"
		    "{{/it.state}}{{^it.state=bad}}n{{/it.state}}", "Gn" },
		{ "{{#it.state=bad|good}}any{{/it.state}}", "any" },
		{ "{{?it.parts}}{{it.parts|count}}{{/it.parts}}", "2" },
		{ "{{#all.items}}{{name}},{{/all.items}}{{all.next}}",
		    "x,y,c" },
		{ "{{#all}}{{#items}}{{name}}{{/items}}{{/all}}", "xy" },
		{ "{{fault}}{{^fault}}fine{{/fault}}", "fine" },
		{ "{{#gone}}{{any.thing}}{{#more}}{{x|secs}}{{/more}}{{/gone}}"
		    "{{gone.items}}", "" },
		{ "{{#may a:b}}A{{/may}}{{#may c:d}}C{{/may}}", "A" },
		{ "{{>partial}}", "[&lt;b&gt;&quot;&amp;&#39;]" },
		{ "<option{{#it.on}} selected{{/it.on}}>", "<option selected>" },
		{ "<a href=\"{{it.url}}\">", "<a href=\"#\">" },
		{ "<a href=\"/x/{{it.url}}\">",
		    "<a href=\"/x/javascript%3Aalert%281%29\">" },
		{ "<a href=\"?q={{it.name}}&amp;r=1\">",
		    "<a href=\"?q=%3Cb%3E%22%26%27&amp;r=1\">" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };

		if (cases[i].want == NULL)
			assert_null(parse(cases[i].text, &e));
		else
			assert_string_equal(render(cases[i].text, thing),
			    cases[i].want);
	}
}

static void
test_absent(void **state)
{
	(void)state;
	assert_string_equal(render("{{it.name}}|{{it.n}}|{{it.at}}|{{it.on}}|"
	    "{{#it.parts}}x{{/it.parts}}{{^it.parts}}none{{/it.parts}}"
	    "{{#it.sub}}s{{/it.sub}}{{it.free.~a.~b}}", "{}"),
	    "|\xe2\x80\x93|\xe2\x80\x93|\xe2\x80\x93|none");
	assert_string_equal(render("{{it.n}}{{it.at}}{{it.x}}",
	    "{\"n\":\"abc\",\"at\":\"<x>\",\"x\":[1]}"),
	    "abc&lt;x&gt;\xe2\x80\x93");
}

static void
test_urls(void **state)
{
	static const struct { const char *url, *want; } cases[] = {
		{ "https://x.org/a?b=c&d", "https://x.org/a?b=c&amp;d" },
		{ "HTTP://x", "HTTP://x" }, { "mailto:a@b.c", "mailto:a@b.c" },
		{ "/ui/x", "/ui/x" }, { "x", "x" }, { "?a=b:c", "?a=b:c" },
		{ "JaVaScRiPt:1", "#" }, { "data:text/html,x", "#" },
		{ "java\\tscript:1", "#" }, { " javascript:1", "#" },
		{ "\\u0001javascript:1", "#" }, { "vbscript:1", "#" },
		{ "\\\\\\\\evil", "#" }, { "httpx:1", "#" }, { "http", "http" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(render("<a href=\"{{it.url}}\">",
		    arena_printf(a, "{\"url\":\"%s\"}", cases[i].url)),
		    arena_printf(a, "<a href=\"%s\">", cases[i].want));
}

/* Control bytes and what turns the direction of reading are shown. */
static void
test_steering(void **state)
{
	(void)state;
	assert_string_equal(render("{{it.name}}", "{\"name\":\"a\\u001b[31m"
	    "\\u202eb\\u0007\"}"), "a\\x1b[31m\\xe2\\x80\\xaeb\\x07");
}

static void
test_refused(void **state)
{
	static const struct { const char *text, *why; } cases[] = {
		{ "{{it.nam}}", "unknown name" }, { "{{x}}", "unknown name" },
		{ "{{it.secret}}", "unknown name" },
		{ "{{it.parts}}", "no single value" },
		{ "{{it}}", "no single value" }, { "{{}}", "empty tag" },
		{ "{{it.name", "without end" },
		{ "{{#it.parts}}", "not closed" },
		{ "{{/it.parts}}", "not open" },
		{ "{{#it.parts}}{{/it.tags}}", "another section" },
		{ "{{{it.name}}}", "no raw form" },
		{ "{{&it.name}}", "no raw form" },
		{ "{{it.name|bytes}}", "filter" }, { "{{it.n|x}}", "filter" },
		{ "{{#it.state=ugly}}{{/it.state}}", "choices" },
		{ "{{#may x:y}}{{/may}}", "permission" },
		{ "{{>nowhere}}", "no nowhere" }, { "{{>loop}}", "too deep" },
		{ "<i {{it.name}}>", "quoted attribute" },
		{ "<i title={{it.name}}>", "quoted attribute" },
		{ "<i title='x'>", "double quotes" },
		{ "<i onclick=\"{{it.name}}\">", "code" },
		{ "<i style=\"{{it.name}}\">", "code" },
		{ "<script>{{it.name}}</script>", "quoted attribute" },
		{ "<style>{{it.name}}</style>", "quoted attribute" },
		{ "<!-- {{it.name}} -->", "quoted attribute" },
		{ "<{{it.name}}>", "lone" },
		{ "{{#it.on}}<i title=\"{{/it.on}}\">", "elsewhere" },
		{ "<i title=\"x", "inside a tag" },
		{ "{{it.free.e}}", "unknown name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };

		if (parse(cases[i].text, &e) != NULL)
			fail_msg("%s was taken", cases[i].text);
		if (strstr(e.detail, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, e.detail);
	}
}

static void
test_line(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(parse("a\nb\n\n{{nope}}", &e));
	assert_string_equal(e.detail, "main:4: unknown name: nope");
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_absent),
		cmocka_unit_test(test_urls), cmocka_unit_test(test_steering),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
