/*
 * Decoding a whole request: where values come from, in which order errors are
 * told, what is never echoed, and what the worst bodies cost.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <malloc.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "schema/schema.h"

static struct arena *a;
static struct err e;
static uint64_t seen;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 * 1024 * 1024);
	err_clear(&e);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* ---- sources ----------------------------------------------------------- */

struct row {
	struct uuid id;
	const char *tenant, *name, *note, *secret;
	int64_t n, limit;
	struct list tags;
	bool has_note;
};

static int
row_check(const void *obj, struct arena *mem, struct err *err)
{
	const struct row *r = obj;

	(void)mem;
	if (r->n != 13)
		return 0;
	return err_field(err, (struct err_field){ .type = "value_error",
	    .loc = "[\"body\",\"n\"]", .msg = "Value error, unlucky",
	    .input = "13" });
}

static const struct field row_fields[] = {
	FIELD(struct row, id, .flags = FF_READONLY),
	FIELD(struct row, tenant, .flags = FF_HIDDEN),
	FIELD(struct row, name, .flags = FF_REQUIRED, .max = 10),
	FIELD(struct row, note, .flags = FF_NULLABLE,
	    FIELD_HAS(struct row, has_note)),
	FIELD(struct row, secret, .flags = FF_SECRET | FF_REQUIRED, .min = 8,
	    .max = 20),
	FIELD(struct row, n, .flags = FF_REQUIRED),
	FIELD(struct row, limit, .def = "50", .min = 1, .max = 100),
	FIELD(struct row, tags, .elem = FT_STR),
	FIELD_END
};
static const struct schema row_schema = { .name = "Row",
	.size = sizeof(struct row), .fields = row_fields,
	.check = row_check };

static struct row row;

static int
decode(struct schema_input in, const char *body)
{
	in.body = body;
	in.body_len = body != NULL ? strlen(body) : 0;
	err_clear(&e);
	return schema_decode(&row_schema, &in, a, &row, &seen, &e);
}

static void
assert_entry(size_t i, const char *type, const char *loc, const char *input)
{
	assert_true(i < e.nfields);
	assert_string_equal(e.fields[i].type, type);
	assert_string_equal(e.fields[i].loc, loc);
	assert_string_equal(e.fields[i].input, input);
}

static void
test_body(void **state)
{
	struct schema_input in = { .kind = BODY_JSON, .forbid_extra = true };
	char buf[UUID_TEXT];

	(void)state;
	assert_int_equal(decode(in, "{\"name\":\"x\",\"secret\":\"12345678\","
	    "\"n\":1,\"note\":null,\"id\":\"12345678-1234-1234-1234-"
	    "123456789abc\"}"), 0);
	assert_int_equal(row.limit, 50);
	assert_true(uuid_is_nil(row.id));	/* read-only */
	assert_null(row.tags.items);
	assert_false(row.has_note);
	assert_true(SEEN(seen, &row_schema, struct row, note));
	assert_false(SEEN(seen, &row_schema, struct row, limit));
	assert_false(SEEN(seen, &row_schema, struct row, id));
	/* All errors at once, in field order, extras last. */
	assert_int_equal(decode(in, "{\"n\":\"x\",\"zz\":[1],\"tenant\":1}"),
	    -1);
	assert_int_equal(e.nfields, 5);
	assert_entry(0, "missing", "[\"body\",\"name\"]",
	    "{\"n\":\"x\",\"zz\":[1],\"tenant\":1}");
	assert_entry(1, "missing", "[\"body\",\"secret\"]",
	    e.fields[0].input);
	assert_entry(2, "int_parsing", "[\"body\",\"n\"]", "\"x\"");
	assert_entry(3, "extra_forbidden", "[\"body\",\"zz\"]", "[1]");
	assert_entry(4, "extra_forbidden", "[\"body\",\"tenant\"]", "1");
	/* The path wins, also for read-only members. */
	in.path = (const struct pair[]){ { "id",
	    "12345678-1234-1234-1234-123456789abc" } };
	in.npath = 1;
	assert_int_equal(decode(in, "{\"name\":\"x\",\"secret\":\"12345678\","
	    "\"n\":1}"), 0);
	assert_string_equal(uuid_format(row.id, buf), in.path[0].value);
	in.path = (const struct pair[]){ { "id", "nope" } };
	assert_int_equal(decode(in, "{\"name\":\"x\",\"secret\":\"12345678\","
	    "\"n\":\"y\"}"), -1);
	assert_entry(0, "uuid_parsing", "[\"path\",\"id\"]", "\"nope\"");
	assert_entry(1, "int_parsing", "[\"body\",\"n\"]", "\"y\"");
}

static void
test_whole_body(void **state)
{
	struct schema_input in = { .kind = BODY_JSON };

	(void)state;
	assert_int_equal(decode(in, "null"), -1);
	assert_int_equal(e.nfields, 1);
	assert_entry(0, "missing", "[\"body\"]", "null");
	assert_int_equal(decode(in, "[1]"), -1);
	assert_int_equal(e.nfields, 1);
	assert_entry(0, "model_attributes_type", "[\"body\"]", "[1]");
	assert_int_equal(decode(in, "5"), -1);
	assert_entry(0, "model_attributes_type", "[\"body\"]", "5");
	assert_int_equal(decode(in, "{oops"), -1);
	assert_entry(0, "json_invalid", "[\"body\",1]", "{}");
	in.body_absent = true;
	assert_int_equal(decode(in, NULL), -1);
	assert_int_equal(e.nfields, 1);
	assert_entry(0, "missing", "[\"body\"]", "null");
	assert_string_equal(e.fields[0].msg, "Field required");
}

static void
test_form_and_query(void **state)
{
	struct schema_input in = { .kind = BODY_FORM, .forbid_extra = true };
	const struct pair q[] = { { "name", "x" }, { "n", "1" }, { "n", "2" },
		{ "tags", "a" }, { "secret", "12345678" }, { "tags", "b" },
		{ "zz", "ignored" } };
	const struct pair bad[] = { { "name", "\xff" }, { "limit", "0" } };

	(void)state;
	assert_int_equal(decode(in, "name=a+b&secret=12345678&n=5&note="), 0);
	assert_string_equal(row.name, "a b");
	assert_int_equal(row.n, 5);
	assert_false(SEEN(seen, &row_schema, struct row, note));
	assert_int_equal(decode(in, "name=&n=%35&secret=short&zz=1"), -1);
	assert_int_equal(e.nfields, 3);
	assert_entry(0, "missing", "[\"body\",\"name\"]", "{\"name\":\"\","
	    "\"n\":\"5\",\"secret\":\"**redacted**\",\"zz\":\"1\"}");
	assert_entry(1, "string_too_short", "[\"body\",\"secret\"]",
	    "\"**redacted**\"");
	assert_entry(2, "extra_forbidden", "[\"body\",\"zz\"]", "\"1\"");
	assert_int_equal(decode(in, "a=%zz"), -1);
	assert_string_equal(e.fields[0].type, "form_invalid");
	/* GET: the query; the last of a repeated key, lists take all. */
	in = (struct schema_input){ .from_query = true, .query = q,
		.nquery = NITEMS(q), .forbid_extra = true };
	assert_int_equal(decode(in, NULL), 0);
	assert_int_equal(row.n, 2);
	assert_int_equal(row.tags.n, 2);
	assert_string_equal(((const char **)row.tags.items)[1], "b");
	in.query = bad;
	in.nquery = NITEMS(bad);
	assert_int_equal(decode(in, NULL), -1);
	assert_entry(0, "string_unicode", "[\"query\",\"name\"]",
	    "\"\xef\xbf\xbd\"");
	assert_entry(1, "missing", "[\"query\",\"secret\"]", "null");
	assert_entry(3, "greater_than_equal", "[\"query\",\"limit\"]",
	    "\"0\"");
}

static void
test_rows(void **state)
{
	const struct pair cells[] = { { "name", "x" },
		{ "secret", "12345678" }, { "n", "3" }, { "note", "" },
		{ "limit", "" }, { "tags", "[\"p\",\"q\"]" } };

	(void)state;
	err_clear(&e);
	assert_int_equal(schema_decode_pairs(&row_schema, cells,
	    NITEMS(cells), "line 2", true, a, &row, &seen, &e), 0);
	assert_int_equal(row.limit, 50);
	assert_int_equal(row.tags.n, 2);
	assert_true(SEEN(seen, &row_schema, struct row, note));
	assert_int_equal(schema_decode_pairs(&row_schema, cells, 1, "line 2",
	    true, a, &row, &seen, &e), -1);
	assert_entry(0, "missing", "[\"line 2\",\"secret\"]", "null");
	err_clear(&e);
	assert_int_equal(schema_decode_json(&row_schema, "{\"n\":1.5}", 9,
	    "line 7", false, a, &row, &seen, &e), -1);
	assert_entry(2, "int_from_float", "[\"line 7\",\"n\"]", "1.5");
}

static void
test_check(void **state)
{
	struct schema_input in = { .kind = BODY_JSON };

	(void)state;
	assert_int_equal(decode(in, "{\"name\":\"x\",\"secret\":\"12345678\","
	    "\"n\":13}"), -1);
	assert_int_equal(e.nfields, 1);
	assert_string_equal(e.fields[0].msg, "Value error, unlucky");
	/* Not asked while a field is wrong by itself. */
	assert_int_equal(decode(in, "{\"secret\":\"12345678\",\"n\":13}"),
	    -1);
	assert_int_equal(e.nfields, 1);
	assert_entry(0, "missing", "[\"body\",\"name\"]",
	    "{\"secret\":\"**redacted**\",\"n\":13}");
}

/* ---- secrets and bounds ------------------------------------------------ */

struct point {
	int64_t x, y;
	const char *pin;
};

static const struct field point_fields[] = {
	FIELD(struct point, x, .flags = FF_REQUIRED),
	FIELD(struct point, y, .def = "7"),
	FIELD(struct point, pin, .flags = FF_SECRET),
	FIELD_END
};
static const struct schema point_schema = { .name = "Point",
	.size = sizeof(struct point), .fields = point_fields };

struct all {
	int64_t count;
	const char *name;
	struct json any;
	struct list points;
	const void *point;
};

static const struct field all_fields[] = {
	FIELD(struct all, count),
	FIELD(struct all, name, .min = 2, .max = 4),
	FIELD(struct all, any),
	FIELD(struct all, points, .sub = &point_schema),
	FIELD(struct all, point, .sub = &point_schema,
	    .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema all_schema = { .name = "All",
	.size = sizeof(struct all), .fields = all_fields };

static void
assert_nowhere(const char *secret)
{
	size_t i;

	for (i = 0; i < e.nfields; i++) {
		assert_null(strstr(e.fields[i].input, secret));
		assert_null(strstr(e.fields[i].msg, secret));
		assert_null(strstr(e.fields[i].loc, secret));
		if (e.fields[i].ctx != NULL)
			assert_null(strstr(e.fields[i].ctx, secret));
	}
	assert_true(e.nfields > 0);
}

/* Wherever a secret stands in a refused body, it does not come back. */
static void
test_secrets(void **state)
{
	static const char *const bodies[] = {
		"{\"point\":{\"pin\":\"HUSH\"}}",
		"{\"points\":[{\"pin\":\"HUSH\"}]}",
		"{\"points\":{\"pin\":\"HUSH\"}}",
		"{\"point\":[{\"pin\":\"HUSH\"}]}",
		"{\"point\":{\"x\":1,\"pin\":[\"HUSH\"]}}",
		"{\"point\":{\"x\":1,\"pin\":{\"a\":\"HUSH\"}}}",
		"{\"zz\":{\"deep\":[{\"pin\":\"HUSH\"}]}}",
		"{\"count\":{\"pin\":\"HUSH\"},\"points\":[1]}",
		"{\"points\":[1,{\"pin\":\"HUSH\"}]}",
		"{\"pin\":\"HUSH\",\"count\":null,\"a\":{\"pin\":\"HUSH\"}}",
		"[{\"pin\":\"HUSH\"}]",
	};
	struct all out;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(bodies); i++) {
		err_clear(&e);
		assert_int_equal(schema_decode_json(&all_schema, bodies[i],
		    strlen(bodies[i]), "body", true, a, &out, &seen, &e), -1);
		assert_nowhere("HUSH");
	}
}

static void
test_many_errors(void **state)
{
	struct str s;
	struct all out;
	int i;

	(void)state;
	str_init(&s, a);
	str_add(&s, "{\"points\":[");
	for (i = 0; i < 9000; i++)
		str_add(&s, i > 0 ? ",{}" : "{}");
	str_add(&s, "]}");
	assert_int_equal(schema_decode_json(&all_schema, s.p, s.len, "body",
	    true, a, &out, &seen, &e), -1);
	assert_int_equal(e.nfields, ERR_FIELDS);
	assert_int_equal(e.dropped, 9000 - ERR_FIELDS);
	assert_entry(31, "missing", "[\"body\",\"points\",31,\"x\"]", "{}");
}

static void
test_long_echo(void **state)
{
	struct all out;
	struct str s;

	(void)state;
	str_init(&s, a);
	str_add(&s, "{\"name\":\"");
	while (s.len < 100000)
		str_add(&s, "0123456789");
	str_add(&s, "\",\"point\":{\"y\":[");
	while (s.len < 200000)
		str_add(&s, "\"0123456789012345678901234567890123456789\",");
	str_add(&s, "0]}}");
	assert_int_equal(schema_decode_json(&all_schema, s.p, s.len, "body",
	    true, a, &out, &seen, &e), -1);
	assert_entry(0, "string_too_long", "[\"body\",\"name\"]",
	    "\"(100000 bytes)\"");
	assert_entry(1, "missing", "[\"body\",\"point\",\"x\"]",
	    e.fields[1].input);
	assert_true(strlen(e.fields[1].input) < 40);
}

/* The worst bodies of one megabyte: memory beside them stays small. */
static void
test_memory(void **state)
{
	static const char *const unit[] = { "{},", "[],", "{\"a\":{}},",
		"\"\",", "1.5," };
	struct mallinfo2 before, after;
	struct all out;
	struct str s;
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(unit); i++) {
		arena_reset(a);
		str_init(&s, a);
		str_reserve(&s, 1 << 21);
		str_add(&s, "{\"any\":[");
		while (s.len < (1 << 20) - 16)
			str_add(&s, unit[i]);
		str_add(&s, "0]}");
		err_clear(&e);
		assert_int_equal(schema_decode_json(&all_schema, s.p, s.len,
		    "body", true, a, &out, &seen, &e), -1);
		assert_string_equal(e.fields[0].type, "json_too_many_values");
		/* The most that is let through. */
		s.len = 8;
		while (s.len < 8 + strlen(unit[i]) * 4990)
			str_add(&s, unit[i]);
		str_add(&s, "0]}");
		err_clear(&e);
		before = mallinfo2();
		assert_int_equal(schema_decode_json(&all_schema, s.p, s.len,
		    "body", true, a, &out, &seen, &e), 0);
		after = mallinfo2();
		assert_true(after.uordblks + after.hblkhd <
		    before.uordblks + before.hblkhd + (8 << 20));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_body), T(test_whole_body), T(test_form_and_query),
		T(test_rows), T(test_check), T(test_secrets),
		T(test_many_errors), T(test_long_echo), T(test_memory),
	};

	return cmocka_run_group_tests_name("schema_request", tests, NULL,
	    NULL);
}
