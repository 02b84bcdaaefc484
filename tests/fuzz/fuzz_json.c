/*
 * Any bytes as a JSON body: what the scan accepts json-c accepts, errors are
 * well-formed and never repeat the secret, and what was decoded encodes to
 * something that decodes to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct item {
	int64_t n;
	const char *pin;
	struct list items;
	struct json any;
};

static const struct schema item_schema;
static const struct field item_fields[] = {
	FIELD(struct item, n, .flags = FF_REQUIRED),
	FIELD(struct item, pin, .flags = FF_SECRET),
	FIELD(struct item, items, .sub = &item_schema),
	FIELD(struct item, any, .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema item_schema = { .name = "Item",
	.size = sizeof(struct item), .fields = item_fields };

struct body {
	bool b;
	int64_t i;
	double r;
	const char *s, *mail, *url, *slug, *pick, *re;
	struct blob data;
	struct dec d;
	struct uuid u;
	struct utc t, day;
	struct json j;
	struct list ints, words;
	const void *item;
};

static const struct field body_fields[] = {
	FIELD(struct body, b, .def = "true"),
	FIELD(struct body, i, .min = -5, .max = 1000),
	FIELD(struct body, r),
	FIELD(struct body, s, .max = 8, .flags = FF_NULLABLE | FF_LOWER),
	FIELD(struct body, mail, .fmt = FMT_EMAIL, .flags = FF_NULLABLE),
	FIELD(struct body, url, .fmt = FMT_URL, .flags = FF_NULLABLE),
	FIELD(struct body, slug, .fmt = FMT_SLUG, .flags = FF_NULLABLE),
	FIELD(struct body, pick, .oneof = ONEOF("x", "y"),
	    .flags = FF_NULLABLE),
	FIELD(struct body, re, .pattern = "^[a-c]*$", .flags = FF_NULLABLE),
	FIELD(struct body, data),
	FIELD(struct body, d),
	FIELD(struct body, u),
	FIELD(struct body, t),
	FIELD(struct body, day, .fmt = FMT_DATE, .flags = FF_NULLABLE),
	FIELD(struct body, j, .flags = FF_NULLABLE),
	FIELD(struct body, ints, .elem = FT_INT, .max = 4),
	FIELD(struct body, words, .elem = FT_STR, .min = 1),
	FIELD(struct body, item, .sub = &item_schema,
	    .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema body_schema = { .name = "Body",
	.size = sizeof(struct body), .fields = body_fields };

static void
check_error(const struct err *e)
{
	struct json_object *j;
	size_t i;

	ASSERT(e->status == 422 && e->nfields > 0);
	for (i = 0; i < e->nfields; i++) {
		ASSERT(utf8_valid(e->fields[i].msg,
		    strlen(e->fields[i].msg)));
		j = json_tokener_parse(e->fields[i].loc);
		ASSERT(json_object_is_type(j, json_type_array));
		json_object_put(j);
		j = json_tokener_parse(e->fields[i].input);
		ASSERT(j != NULL || strcmp(e->fields[i].input, "null") == 0);
		json_object_put(j);
		if (e->fields[i].ctx == NULL)
			continue;
		j = json_tokener_parse(e->fields[i].ctx);
		ASSERT(json_object_is_type(j, json_type_object));
		json_object_put(j);
	}
}

/* Output that a client sends back must be taken, and mean the same. Lists
 * that were absent come out empty, which is too short for "words". */
static void
check_back(const struct body *b, struct arena *a)
{
	struct body back;
	struct err e = { 0 };
	struct str one, two;
	uint64_t seen;

	str_init(&one, a);
	schema_encode(&body_schema, b, &one);
	if (b->words.n == 0)
		return;
	if (schema_decode_json(&body_schema, one.p, one.len, "body", true, a,
	    &back, &seen, &e) == -1) {
		check_error(&e);
		return;
	}
	str_init(&two, a);
	schema_encode(&body_schema, &back, &two);
	ASSERT(strcmp(one.p, two.p) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(256 * 1024 * 1024);
	struct json_object *j;
	struct err e = { 0 };
	struct body b;
	uint64_t seen;
	bool ok = json_scan((const char *)in, n, 0, "body", a, &e) == 0;

	if (ok) {
		j = json_tokener_parse(arena_strndup(a, (const char *)in, n));
		ASSERT(j != NULL || memmem(in, n, "null", 4) != NULL);
		json_object_put(j);
	} else
		check_error(&e);
	err_clear(&e);
	if (schema_decode_json(&body_schema, (const char *)in, n, "body",
	    true, a, &b, &seen, &e) == -1)
		check_error(&e);
	else {
		ASSERT(ok);
		check_back(&b, a);
	}
	arena_free(a);
	return 0;
}
