/*
 * Any bytes as a CSV file: every row has the width of the header and text in
 * valid UTF-8, an error names its line, and rows decode or are refused.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "schema/csv.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct row {
	const char *name;
	int64_t n;
	struct dec price;
	struct utc at;
	struct json any;
	struct list tags;
};

static const struct field row_fields[] = {
	FIELD(struct row, name, .flags = FF_NULLABLE),
	FIELD(struct row, n, .def = "3"),
	FIELD(struct row, price),
	FIELD(struct row, at, .flags = FF_NULLABLE),
	FIELD(struct row, any, .flags = FF_NULLABLE),
	FIELD(struct row, tags, .elem = FT_STR),
	FIELD_END
};
static const struct schema row_schema = { .name = "Row",
	.size = sizeof(struct row), .fields = row_fields };

/* What we write of a row, we read as the same row. */
static void
check_back(const struct row *r, struct arena *a)
{
	struct csv *csv;
	const struct pair *p;
	struct row back;
	struct str s, one, two;
	struct err e = { 0 };
	uint64_t seen;
	size_t n;
	FILE *f;

	str_init(&s, a);
	schema_csv_header(&row_schema, &s);
	schema_csv_row(&row_schema, r, &s);
	ASSERT((f = fmemopen(s.p, s.len, "r")) != NULL);
	ASSERT(csv_open(&csv, f, a, &e) == 0);
	if (csv_next(csv, a, &p, &n, &e) == 0 &&
	    schema_decode_pairs(&row_schema, p, n, "line", true, a, &back,
	    &seen, &e) == 0) {
		str_init(&one, a);
		str_init(&two, a);
		schema_csv_row(&row_schema, r, &one);
		schema_csv_row(&row_schema, &back, &two);
		ASSERT(strcmp(one.p, two.p) == 0);
	}
	fclose(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(256 * 1024 * 1024);
	char *copy = arena_memdup(a, n > 0 ? in : (const uint8_t *)"", n);
	FILE *f = fmemopen(copy, n > 0 ? n : 1, "r");
	const struct pair *p;
	struct csv *csv;
	struct err e = { 0 };
	struct row r;
	uint64_t seen;
	size_t k, i, line = 0;
	int rc;

	ASSERT(f != NULL);
	rc = csv_open(&csv, f, a, &e);
	while (rc == 0 && (rc = csv_next(csv, a, &p, &k, &e)) == 0) {
		ASSERT(csv_line(csv) > line);
		line = csv_line(csv);
		for (i = 0; i < k; i++)
			ASSERT(utf8_valid(p[i].value, strlen(p[i].value)));
		if (schema_decode_pairs(&row_schema, p, k, "line", false, a,
		    &r, &seen, &e) == 0)
			check_back(&r, a);
		err_clear(&e);
	}
	if (rc == -1)
		ASSERT(e.status == 422 && strncmp(e.detail, "line ", 5) == 0);
	fclose(f);
	arena_free(a);
	return 0;
}
