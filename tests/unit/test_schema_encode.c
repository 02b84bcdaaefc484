/*
 * The way out: JSON, CSV, text, statement parameters and JSON Schema; what is
 * encoded decodes to the same, for structs filled by chance.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "schema/csv.h"
#include "schema/schema.h"

static struct arena *a;
static struct err e;

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

struct leaf {
	int64_t n;
	const char *s;
	struct list kids;
};

static const struct schema leaf_schema;
static const struct field leaf_fields[] = {
	FIELD(struct leaf, n, .flags = FF_REQUIRED),
	FIELD(struct leaf, s, .flags = FF_NULLABLE),
	FIELD(struct leaf, kids, .sub = &leaf_schema, .flags = FF_NOSQL),
	FIELD_END
};
static const struct schema leaf_schema = { .name = "Leaf",
	.size = sizeof(struct leaf), .fields = leaf_fields };

struct thing {
	bool flag;
	int64_t count, maybe;
	double real;
	const char *name, *note, *hidden, *password;
	struct blob bytes;
	struct dec price;
	struct uuid id, parent;
	struct utc at, day;
	struct json any;
	struct list numbers, words, leaves;
	const void *leaf;
	bool has_maybe;
};

static const struct field thing_fields[] = {
	FIELD(struct thing, id, .doc = "Identifier"),
	FIELD(struct thing, parent, .flags = FF_NULLABLE),
	FIELD(struct thing, flag, .def = "true"),
	FIELD(struct thing, count, .flags = FF_REQUIRED, .min = -1000000,
	    .max = 1000000, .column = "cnt"),
	FIELD(struct thing, maybe, .flags = FF_NULLABLE,
	    FIELD_HAS(struct thing, has_maybe)),
	FIELD(struct thing, real),
	FIELD(struct thing, name, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .doc = "Display \"name\"", .example = "\"prod\""),
	FIELD(struct thing, note, .flags = FF_NULLABLE),
	FIELD(struct thing, hidden, .flags = FF_HIDDEN),
	FIELD(struct thing, password, .flags = FF_SECRET, .min = 8,
	    .max = 72),
	FIELD(struct thing, bytes),
	FIELD(struct thing, price, .min = 0, .max = 100, .flags = FF_XMIN),
	FIELD(struct thing, at, .flags = FF_READONLY),
	FIELD(struct thing, day, .fmt = FMT_DATE, .flags = FF_NULLABLE),
	FIELD(struct thing, any, .flags = FF_NULLABLE),
	FIELD(struct thing, numbers, .elem = FT_DEC, .max = 5),
	FIELD(struct thing, words, .elem = FT_STR,
	    .oneof = ONEOF("x", "y z")),
	FIELD(struct thing, leaves, .sub = &leaf_schema),
	FIELD(struct thing, leaf, .sub = &leaf_schema,
	    .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema thing_schema = { .name = "Thing",
	.doc = "A thing", .size = sizeof(struct thing),
	.fields = thing_fields };

/* ---- by chance --------------------------------------------------------- */

static const char *
chance_text(size_t max)
{
	static const char *const bits[] = { "a", "Z", "\"", "\\", "/", "\n",
		"\t", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		",", "=", "'", " ", "\x7f", "0" };
	size_t n = 1 + random_below(max), i;
	struct str s;

	str_init(&s, a);
	for (i = 0; i < n; i++)
		str_add(&s, bits[random_below(NITEMS(bits))]);
	return s.p;
}

static double
chance_real(void)
{
	uint64_t bits;
	double d;

	do {
		random_bytes(&bits, sizeof(bits));
		memcpy(&d, &bits, sizeof(d));
	} while (d - d != 0);	/* not finite */
	return d;
}

static void
chance_leaves(struct leaf *root)
{
	struct leaf *kids;
	int depth, i;

	for (depth = 0; depth < 8; depth++) {
		root->n = (int64_t)random_below(100);
		root->s = random_below(2) ? chance_text(3) : NULL;
		root->kids.n = random_below(4);
		kids = arena_array(a, root->kids.n + 1, sizeof(*kids));
		root->kids.items = kids;
		for (i = 0; i < (int)root->kids.n; i++)
			kids[i] = (struct leaf){ .n = i,
			    .kids.items = kids };
		root = kids;
		if (root == NULL)
			break;
	}
}

static void
chance_thing(struct thing *t)
{
	static const char *const words[] = { "x", "y z" };
	struct leaf *leaves;
	struct dec *numbers;
	const char **w;
	size_t i;

	*t = (struct thing){ .flag = random_below(2),
		.count = (int64_t)random_below(2000001) - 1000000,
		.real = chance_real(), .name = chance_text(20),
		.hidden = "hidden", .password = "correct horse",
		.price = { 1 + (int64_t)random_below(9999999999) },
		.at = { (int64_t)random_below(4000000000000000) },
		.numbers.n = random_below(6), .words.n = random_below(4),
		.leaves.n = random_below(3) };
	random_bytes(&t->id, sizeof(t->id));
	if (random_below(2))
		t->parent = uuid_new();
	if ((t->has_maybe = random_below(2)))
		t->maybe = (int64_t)random_below(UINT64_MAX);
	if (random_below(2))
		t->note = chance_text(4);
	t->bytes.n = random_below(40);
	t->bytes.p = arena_alloc(a, 40);
	random_bytes(arena_alloc(a, 1), 1);
	if (random_below(2))
		t->day.us = (1 + (int64_t)random_below(20000)) * 86400 *
		    US_PER_S;
	if (random_below(2))
		t->any.p = "{\"k\":[1,2.50,null,\"x/y\"]}";
	t->numbers.items = numbers = arena_array(a, 6, sizeof(*numbers));
	for (i = 0; i < 6; i++)
		numbers[i].e8 = 1 + (int64_t)random_below(9999999999);
	t->words.items = w = arena_array(a, 4, sizeof(*w));
	for (i = 0; i < 4; i++)
		w[i] = words[random_below(2)];
	t->leaves.items = leaves = arena_array(a, 3, sizeof(*leaves));
	for (i = 0; i < 3; i++)
		chance_leaves(&leaves[i]);
	if (random_below(2)) {
		leaves = arena_alloc(a, sizeof(*leaves));
		chance_leaves(leaves);
		t->leaf = leaves;
	}
}

static const char *
encoded(const struct thing *t)
{
	struct str s;

	str_init(&s, a);
	schema_encode(&thing_schema, t, &s);
	return s.p;
}

static void
assert_decodes(int rc, const char *from)
{
	if (rc == 0)
		return;
	fail_msg("%s %s %s from %s", e.fields[0].type, e.fields[0].loc,
	    e.fields[0].msg, from);
}

/* JSON and CSV there and back. The read-only instant stays out, the password
 * does not come back. */
static void
test_round_trip(void **state)
{
	struct thing t, back;
	struct json_object *j;
	const char *one;
	uint64_t seen;
	int i;

	(void)state;
	for (i = 0; i < 400; i++) {
		arena_reset(a);
		chance_thing(&t);
		one = encoded(&t);
		assert_null(strstr(one, "correct horse"));
		assert_null(strstr(one, "hidden"));
		assert_non_null(j = json_tokener_parse(one));
		json_object_put(j);
		assert_decodes(schema_decode_json(&thing_schema, one,
		    strlen(one), "body", true, a, &back, &seen, &e), one);
		assert_null(back.password);
		assert_true(back.at.us == 0);
		back.at = t.at;
		assert_string_equal(encoded(&back), one);
		assert_memory_equal(&back.real, &t.real, sizeof(t.real));
		assert_int_equal(back.price.e8, t.price.e8);
		assert_string_equal(back.name, t.name);
	}
}

static FILE *
csv_file(const char *text, size_t n)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	rewind(f);
	return f;
}

static void
test_csv_round_trip(void **state)
{
	struct thing t[40], back;
	const struct pair *cells;
	struct csv *csv;
	struct str s;
	uint64_t seen;
	size_t i, n;
	FILE *f;

	(void)state;
	str_init(&s, a);
	schema_csv_header(&thing_schema, &s);
	for (i = 0; i < NITEMS(t); i++) {
		chance_thing(&t[i]);
		/* A spreadsheet cannot tell "" from null, nor can we. */
		schema_csv_row(&thing_schema, &t[i], &s);
	}
	f = csv_file(s.p, s.len);
	assert_int_equal(csv_open(&csv, f, a, &e), 0);
	for (i = 0; i < NITEMS(t); i++) {
		assert_int_equal(csv_next(csv, a, &cells, &n, &e), 0);
		assert_decodes(schema_decode_pairs(&thing_schema, cells, n,
		    "line", true, a, &back, &seen, &e), s.p);
		back.at = t[i].at;
		assert_string_equal(encoded(&back), encoded(&t[i]));
	}
	assert_int_equal(csv_next(csv, a, &cells, &n, &e), 1);
	fclose(f);
}

/* ---- by hand ----------------------------------------------------------- */

static void
test_empty(void **state)
{
	struct thing t = { .name = NULL };

	(void)state;
	assert_string_equal(encoded(&t), "{\"id\":\"00000000-0000-0000-0000-"
	    "000000000000\",\"parent\":null,\"flag\":false,\"count\":0,"
	    "\"maybe\":null,\"real\":0,\"name\":\"\",\"note\":null,"
	    "\"bytes\":\"\",\"price\":0,\"at\":\"1970-01-01T00:00:00Z\","
	    "\"day\":null,\"any\":null,\"numbers\":[],\"words\":[],"
	    "\"leaves\":[],\"leaf\":null}");
}

static const char *
field_text(const struct thing *t, const char *name)
{
	struct str s;

	str_init(&s, a);
	schema_text(&thing_fields[schema_find(&thing_schema, name)], t, &s);
	return s.p;
}

static void
test_text(void **state)
{
	struct thing t = { .name = "a<b", .count = -5, .price = { 4370000 },
		.flag = true, .at = { 1795252398000000 } };

	(void)state;
	assert_string_equal(field_text(&t, "name"), "a<b");
	assert_string_equal(field_text(&t, "note"), "");
	assert_string_equal(field_text(&t, "maybe"), "");
	assert_string_equal(field_text(&t, "count"), "-5");
	assert_string_equal(field_text(&t, "price"), "0.0437");
	assert_string_equal(field_text(&t, "flag"), "true");
	assert_string_equal(field_text(&t, "at"), "2026-11-21T09:13:18Z");
	assert_string_equal(field_text(&t, "leaves"), "[]");
	t.real = 0.0 / 0.0;
	assert_string_equal(field_text(&t, "real"), "null");
}

static const struct field *
thing_field(const char *name)
{
	return &thing_fields[schema_find(&thing_schema, name)];
}

/* ---- SQL --------------------------------------------------------------- */

static void
test_val(void **state)
{
	struct thing t = { .name = "n", .count = 3, .price = { 5 } };
	struct val v;

	(void)state;
	assert_int_equal(schema_find_column(&thing_schema, "cnt"),
	    schema_find(&thing_schema, "count"));
	v = schema_val(thing_field("count"), &t);
	assert_true(v.type == VT_INT && v.i == 3);
	v = schema_val(thing_field("name"), &t);
	assert_true(v.type == VT_STR && v.s.n == 1);
	v = schema_val(thing_field("note"), &t);
	assert_true(v.type == VT_NULL);
	v = schema_val(thing_field("maybe"), &t);
	assert_true(v.type == VT_NULL);
	t.has_maybe = true;
	v = schema_val(thing_field("maybe"), &t);
	assert_true(v.type == VT_INT && v.i == 0);
	v = schema_val(thing_field("price"), &t);
	assert_true(v.type == VT_DEC && v.d.e8 == 5);
	v = schema_val(thing_field("parent"), &t);
	assert_true(v.type == VT_NULL);
}

static void
test_store(void **state)
{
	static const char id[] = "12345678-1234-1234-1234-123456789abc";
	const struct {
		const char *field;
		struct val v;
		const char *want;	/* NULL: refused */
	} rows[] = {
		{ "count", val_i(5), "5" }, { "count", val_r(5), NULL },
		{ "count", val_null(), NULL },
		{ "count", val_dec((struct dec){ 3 * DEC_ONE }), "3" },
		{ "count", val_dec((struct dec){ 1 }), NULL },
		{ "count", val_s("9223372036854775808"), NULL },
		{ "maybe", val_i(0), "0" }, { "maybe", val_null(), "" },
		{ "flag", val_i(1), "true" }, { "flag", val_i(2), NULL },
		{ "real", val_i(2), "2" }, { "real", val_s("x"), NULL },
		{ "name", val_s("abc"), "abc" },
		{ "name", val_s("\xff"), NULL },
		{ "name", val_sn("a\0b", 3), NULL },
		{ "name", val_i(1), NULL }, { "note", val_null(), "" },
		{ "price", val_s("1.25"), "1.25" },
		{ "price", val_i(125000000), "1.25" },
		{ "price", val_s("1.123456789"), NULL },
		{ "price", val_r(1.5), NULL },
		{ "id", val_blob((struct blob){ "ABCDEFGHIJKLMNOP", 16 }),
		    "41424344-4546-4748-494a-4b4c4d4e4f50" },
		{ "id", val_s(id), id }, { "id", val_s("x"), NULL },
		{ "at", val_s("2026-11-21 09:13:18.5"),
		    "2026-11-21T09:13:18.500Z" },
		{ "at", val_i(1), NULL },
		{ "any", val_s("{\"a\":1}"), "{\"a\":1}" },
		{ "words", val_s("[\"x\",\"y z\"]"), "[\"x\",\"y z\"]" },
		{ "words", val_s("[\"q\"]"), NULL },
		{ "words", val_s("[\"x\""), NULL },
		{ "leaf", val_s("{\"n\":4}"),
		    "{\"n\":4,\"s\":null,\"kids\":[]}" },
	};
	struct thing t = { .name = "" };
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < NITEMS(rows); i++) {
		err_clear(&e);
		rc = schema_store(thing_field(rows[i].field), &t, rows[i].v,
		    a, &e);
		if (rc != (rows[i].want != NULL ? 0 : -1) ||
		    e.status != (rc == 0 ? 0 : 500))
			fail_msg("row %zu: %d %s", i, rc, e.cause);
		if (rc == 0)
			assert_string_equal(field_text(&t, rows[i].field),
			    rows[i].want);
		else
			assert_null(strstr(e.detail, "column"));
	}
}

/* ---- JSON Schema ------------------------------------------------------- */

static void
test_json_schema(void **state)
{
	static const char input[] = "{\"properties\":{"
	    "\"id\":{\"type\":\"string\",\"format\":\"uuid\",\"title\":"
	    "\"Id\",\"description\":\"Identifier\"},"
	    "\"parent\":{\"anyOf\":[{\"type\":\"string\",\"format\":"
	    "\"uuid\"},{\"type\":\"null\"}],\"title\":\"Parent\"},"
	    "\"flag\":{\"type\":\"boolean\",\"title\":\"Flag\","
	    "\"default\":true},"
	    "\"count\":{\"type\":\"integer\",\"maximum\":1000000,"
	    "\"minimum\":-1000000,\"title\":\"Count\"},"
	    "\"maybe\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":"
	    "\"null\"}],\"title\":\"Maybe\"},"
	    "\"real\":{\"type\":\"number\",\"title\":\"Real\"},"
	    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64,"
	    "\"title\":\"Name\",\"description\":\"Display \\\"name\\\"\","
	    "\"examples\":[\"prod\"]},"
	    "\"note\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],"
	    "\"title\":\"Note\"},"
	    "\"password\":{\"type\":\"string\",\"minLength\":8,"
	    "\"maxLength\":72,\"format\":\"password\",\"writeOnly\":true,"
	    "\"title\":\"Password\"},"
	    "\"bytes\":{\"type\":\"string\",\"contentEncoding\":\"base64\","
	    "\"title\":\"Bytes\"},"
	    "\"price\":{\"type\":\"number\",\"maximum\":100,"
	    "\"exclusiveMinimum\":0,\"title\":\"Price\"},"
	    "\"day\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"date\"},"
	    "{\"type\":\"null\"}],\"title\":\"Day\"},"
	    "\"any\":{\"title\":\"Any\"},"
	    "\"numbers\":{\"items\":{\"type\":\"number\"},\"type\":\"array\","
	    "\"maxItems\":5,\"title\":\"Numbers\"},"
	    "\"words\":{\"items\":{\"type\":\"string\",\"enum\":[\"x\","
	    "\"y z\"]},\"type\":\"array\",\"title\":\"Words\"},"
	    "\"leaves\":{\"items\":{\"$ref\":\"#/components/schemas/Leaf\"},"
	    "\"type\":\"array\",\"title\":\"Leaves\"},"
	    "\"leaf\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Leaf\"},"
	    "{\"type\":\"null\"}]}},\"type\":\"object\",\"required\":["
	    "\"count\",\"name\"],\"title\":\"Thing\",\"description\":"
	    "\"A thing\"}";
	struct json_object *j;
	struct str s;

	(void)state;
	str_init(&s, a);
	schema_json_schema(&thing_schema, true, &s);
	assert_string_equal(s.p, input);
	assert_non_null(j = json_tokener_parse(s.p));
	json_object_put(j);
	str_init(&s, a);
	schema_json_schema(&thing_schema, false, &s);
	assert_null(strstr(s.p, "password"));
	assert_null(strstr(s.p, "hidden"));
	assert_non_null(strstr(s.p, "\"at\":{\"type\":\"string\",\"format\":"
	    "\"date-time\",\"title\":\"At\",\"readOnly\":true}"));
	assert_non_null(strstr(s.p, "\"required\":[\"id\",\"parent\","));
	str_init(&s, a);
	field_json_schema(&(struct field){ .name = "item2_id_x",
	    .type = FT_STR, .fmt = FMT_URL }, &s);
	assert_string_equal(s.p, "{\"type\":\"string\",\"maxLength\":2083,"
	    "\"format\":\"uri\",\"title\":\"Item2 Id X\"}");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip), T(test_csv_round_trip), T(test_empty),
		T(test_text), T(test_val), T(test_store),
		T(test_json_schema),
	};

	return cmocka_run_group_tests_name("schema_encode", tests, NULL, NULL);
}
