/*
 * Files of spot prices: AWS's JSON, CSV in two forms, NDJSON. Everything is
 * streamed: a record at a time into batches, so a file costs no more memory
 * than a batch. Refuses a record of more than 4 KiB, and names the record or
 * line that is wrong; the batches before it have been handed over.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/types.h"
#include "modules/spot/price.h"
#include "schema/csv.h"

enum { BUFFER = 65536, RECORD_MAX = 4096, BATCH_CAP = 64 << 20 };

static const struct field report_fields[] = {
	FIELD(struct spot_price_report, format,
	    .oneof = ONEOF("aws-json", "csv", "ndjson"),
	    .doc = "What the file was"),
	FIELD(struct spot_price_report, rows, .doc = "Prices in it"),
	FIELD(struct spot_price_report, bytes, .doc = "Its length"),
	FIELD_END
};
const struct schema spot_price_report_schema = {
	.name = "SpotPriceImport", .doc = "What an import did",
	.size = sizeof(struct spot_price_report), .fields = report_fields
};

struct aws_record {
	const char *az, *type, *product;
	struct dec price;
	struct utc at;
};
#define R(m, n, ...) { .name = n, .off = offsetof(struct aws_record, m), \
	.type = FTYPE_OF(struct aws_record, m), __VA_ARGS__ }
static const struct field record_fields[] = {
	R(az, "AvailabilityZone", .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .doc = "Zone"),
	R(type, "InstanceType", .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .doc = "Type"),
	R(product, "ProductDescription", .max = 64, .def = "\"Linux/UNIX\"",
	    .doc = "Product"),
	R(price, "SpotPrice", .flags = FF_REQUIRED, .min = 0, .max = 10000,
	    .doc = "USD per hour"),
	R(at, "Timestamp", .flags = FF_REQUIRED, .doc = "Since when"),
	FIELD_END
};
static const struct schema record_schema = {
	.name = "AwsSpotPrice", .doc = "A record of the spot price history",
	.size = sizeof(struct aws_record), .fields = record_fields
};

/* ---- bytes and batches --------------------------------------------------- */

struct reader {
	const struct spot_price_source *source;
	const struct spot_price_sink *sink;
	struct spot_price_report *report;
	struct err *err;
	struct arena *a;		/* of the call */
	struct arena *batch;		/* of the rows below */
	struct spot_price *v;
	size_t n;
	char *buf;
	size_t at, len;
	bool failed;
	struct str text;		/* one record */
};

static bool
fill(struct reader *r)
{
	long got;

	if (r->at < r->len)
		return true;
	if (r->failed)
		return false;
	got = r->source->read(r->source->arg, r->buf, BUFFER, r->err);
	r->failed = got < 0;
	r->at = 0;
	r->len = got > 0 ? (size_t)got : 0;
	r->report->bytes += (int64_t)r->len;
	return got > 0;
}

static int
peek(struct reader *r)
{
	return fill(r) ? (unsigned char)r->buf[r->at] : -1;
}

static int
take(struct reader *r)
{
	return fill(r) ? (unsigned char)r->buf[r->at++] : -1;
}

/* First byte that is no white space, not taken; -1 at the end. */
static int
skip_space(struct reader *r)
{
	int c;

	while ((c = peek(r)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		r->at++;
	return c;
}

static int
flush(struct reader *r)
{
	int rc = r->n == 0 ? 0 :
	    r->sink->put(r->sink->arg, r->batch, r->v, r->n, r->err);

	r->n = 0;
	arena_reset(r->batch);
	r->v = arena_array(r->batch, SPOT_PRICE_BATCH, sizeof(*r->v));
	return rc;
}

static int
add(struct reader *r, struct spot_price p, const char *where)
{
	if (p.region == NULL || *p.region == '\0')
		p.region = spot_zone_region(r->batch, p.availability_zone);
	if (p.region == NULL)
		return err_set(r->err, 422, "zone", "%s: \"%.60s\" is not an "
		    "availability zone", where, p.availability_zone);
	if (p.price.e8 <= 0)
		return err_set(r->err, 422, "price", "%s: the price must be "
		    "above zero", where);
	p.product = spot_product(p.product);
	r->v[r->n++] = p;
	r->report->rows++;
	return r->n == SPOT_PRICE_BATCH ? flush(r) : 0;
}

/* ---- JSON records -------------------------------------------------------- */

static int
bad(struct reader *r, const char *what)
{
	if (r->failed)
		return -1;		/* the source said why */
	return err_set(r->err, 422, "bad_file", "record %lld: %s",
	    (long long)r->report->rows + 1, what);
}

/* Text of one object into r->text, after what is there already. */
static int
read_object(struct reader *r, bool inside)
{
	int depth = inside ? 1 : 0, c;
	bool quoted = false, escaped = false;

	while ((c = take(r)) != -1) {
		if (r->text.len >= RECORD_MAX)
			return bad(r, "longer than 4096 bytes");
		str_addc(&r->text, (char)c);
		if (quoted) {
			if (escaped)
				escaped = false;
			else if (c == '\\')
				escaped = true;
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '"')
			quoted = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return 0;
	}
	return bad(r, "the file ends inside it");
}

static int
decode(struct reader *r)
{
	const char *where = arena_printf(r->batch, "record %lld",
	    (long long)r->report->rows + 1);
	struct spot_price p = { .market = "aws", .src = "import" };
	struct aws_record rec;
	uint64_t seen;

	if (strstr(r->text.p, "\"SpotPrice\"") == NULL) {
		if (schema_decode_json(&spot_price_schema, r->text.p,
		    r->text.len, where, false, r->batch, &p, &seen,
		    r->err) == -1)
			return -1;
		return add(r, p, where);
	}
	if (schema_decode_json(&record_schema, r->text.p, r->text.len, where,
	    false, r->batch, &rec, &seen, r->err) == -1)
		return -1;
	p.availability_zone = rec.az;
	p.instance_type = rec.type;
	p.product = rec.product;
	p.price = rec.price;
	p.timestamp = rec.at;
	return add(r, p, where);
}

static int
one_record(struct reader *r)
{
	r->text.len = 0;
	return read_object(r, false) == -1 ? -1 : decode(r);
}

static int
read_array(struct reader *r)
{
	int c;

	r->at++;			/* the bracket */
	if (skip_space(r) == ']') {
		r->at++;
		return 0;
	}
	for (;;) {
		if (skip_space(r) != '{')
			return bad(r, "an object was expected");
		if (one_record(r) == -1)
			return -1;
		c = skip_space(r);
		r->at += c != -1;
		if (c == ']')
			return 0;
		if (c != ',')
			return bad(r, "a comma or the end of the list was "
			    "expected behind it");
	}
}

/* A string with its quotes into r->text. */
static int
read_string(struct reader *r)
{
	bool escaped = false;
	int c = take(r);

	str_addc(&r->text, (char)c);
	while ((c = take(r)) != -1 && r->text.len < RECORD_MAX) {
		str_addc(&r->text, (char)c);
		if (escaped)
			escaped = false;
		else if (c == '\\')
			escaped = true;
		else if (c == '"')
			return 0;
	}
	return bad(r, "a name or text does not end");
}

/* Members of AWS's object, behind its first name. */
static int
read_members(struct reader *r)
{
	for (;;) {
		bool list = strcmp(r->text.p, "\"SpotPriceHistory\"") == 0;
		int c = skip_space(r);

		r->at += c == ':';
		if (c != ':' || (c = skip_space(r)) == -1)
			return bad(r, "a colon and a value were expected");
		r->text.len = 0;
		if (list && c == '[') {
			if (read_array(r) == -1)
				return -1;
		} else if (c == '"') {
			if (read_string(r) == -1)
				return -1;
		} else if (c == 'n') {
			while (isalpha(peek(r)))
				r->at++;
		} else
			return bad(r, "a value of another kind was expected");
		c = skip_space(r);
		r->at += c != -1;
		if (c == '}')
			return skip_space(r) == -1 ? 0 :
			    bad(r, "text behind the end of the file's object");
		if (c != ',' || skip_space(r) != '"')
			return bad(r, "the file's object does not end");
		r->text.len = 0;
		if (read_string(r) == -1)
			return -1;
	}
}

static int
read_lines(struct reader *r)
{
	if (read_object(r, true) == -1 || decode(r) == -1)
		return -1;
	for (;;) {
		int c = skip_space(r);

		if (c == -1)
			return r->failed ? -1 : 0;
		if (c != '{')
			return bad(r, "one object per line was expected");
		if (one_record(r) == -1)
			return -1;
	}
}

static int
read_json(struct reader *r, int first)
{
	r->report->format = "aws-json";
	if (first == '[') {
		if (read_array(r) == -1)
			return -1;
		return skip_space(r) == -1 ? 0 :
		    bad(r, "text behind the end of the list");
	}
	r->at++;
	if (skip_space(r) != '"')
		return bad(r, "an object with members was expected");
	r->text.len = 0;
	if (read_string(r) == -1)
		return -1;
	if (strcmp(r->text.p, "\"SpotPriceHistory\"") == 0 ||
	    strcmp(r->text.p, "\"NextToken\"") == 0)
		return read_members(r);
	r->report->format = "ndjson";
	{
		const char *name = arena_strdup(r->a, r->text.p);

		r->text.len = 0;
		str_addc(&r->text, '{');
		str_add(&r->text, name);
	}
	return read_lines(r);
}

/* ---- CSV ----------------------------------------------------------------- */

static const struct {
	const char *theirs, *ours;
} names[] = {
	{ "az", "availability_zone" },
	{ "AvailabilityZone", "availability_zone" },
	{ "InstanceType", "instance_type" }, { "type", "instance_type" },
	{ "ProductDescription", "product" }, { "os", "product" },
	{ "spot_price_usd", "price" }, { "spot_price", "price" },
	{ "SpotPrice", "price" }, { "Timestamp", "timestamp" },
	{ "ts", "timestamp" }
};

static const char *
our_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].theirs, name) == 0)
			return names[i].ours;
	return name;
}

enum { CELLS = 32 };

/* "instance_type=m3.medium az=us-east-1a os=Linux …" */
static size_t
comment_pairs(struct reader *r, const char *text, struct pair *out)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0' && n < CELLS / 2;) {
		size_t k = strcspn(p, " \t\r\n"), eq = strcspn(p, "= \t\r\n");

		if (eq > 0 && eq < k) {
			out[n].name = our_name(arena_strndup(r->a, p, eq));
			out[n++].value = arena_strndup(r->a, p + eq + 1,
			    k - eq - 1);
		}
		p += k;
		p += strspn(p, " \t\r\n");
	}
	return n;
}

static ssize_t
cookie_read(void *cookie, char *buf, size_t n)
{
	struct reader *r = cookie;
	size_t have;

	if (!fill(r))
		return r->failed ? -1 : 0;
	have = r->len - r->at < n ? r->len - r->at : n;
	memcpy(buf, r->buf + r->at, have);
	r->at += have;
	return (ssize_t)have;
}

static void
close_file(void *f)
{
	fclose(f);
}

static int
csv_row(struct reader *r, struct csv *csv, struct pair *all, size_t base)
{
	const struct pair *cells;
	const char *where;
	struct spot_price p;
	size_t n, k = base;
	uint64_t seen;
	int rc = csv_next(csv, r->batch, &cells, &n, r->err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n && k < CELLS; i++) {
		all[k].name = our_name(cells[i].name);
		all[k++].value = cells[i].value;
	}
	where = arena_printf(r->batch, "line %zu", csv_line(csv));
	if (schema_decode_pairs(&spot_price_schema, all, k, where, false,
	    r->batch, &p, &seen, r->err) == -1)
		return -1;
	p.src = "import";
	return add(r, p, where);
}

static int
read_csv(struct reader *r)
{
	cookie_io_functions_t io = { .read = cookie_read };
	FILE *f = fopencookie(r, "r", io);
	struct pair all[CELLS];
	struct csv *csv;
	size_t base;
	int rc;

	if (f == NULL)
		return err_set(r->err, 500, "internal", "Internal error");
	arena_defer(r->a, close_file, f);
	r->report->format = "csv";
	if (csv_open(&csv, f, r->a, r->err) == -1)
		return -1;
	base = comment_pairs(r, csv_comment(csv), all);
	while ((rc = csv_row(r, csv, all, base)) == 0)
		;
	return rc == 1 && !r->failed ? 0 : -1;
}

static void
free_batch(void *batch)
{
	arena_free(batch);
}

int
spot_price_read(struct arena *a, const struct spot_price_source *source,
    const struct spot_price_sink *sink, struct spot_price_report *report,
    struct err *e)
{
	struct reader r = { .source = source, .sink = sink, .report = report,
	    .err = e, .a = a, .batch = arena_new(BATCH_CAP) };
	int c, rc;

	*report = (struct spot_price_report){ .format = "" };
	r.buf = arena_alloc(a, BUFFER);
	str_init(&r.text, a);
	rc = flush(&r);
	c = skip_space(&r);
	if (c == -1)
		rc = r.failed ? -1 : err_set(e, 422, "bad_file",
		    "The file is empty");
	else if (c == '{' || c == '[')
		rc = read_json(&r, c);
	else
		rc = read_csv(&r);
	if (rc == 0)
		rc = flush(&r);
	/* an error's fields may lie in it */
	arena_defer(a, free_batch, r.batch);
	if (rc == -1 && e->status == 0)
		err_set(e, 400, "bad_request", "The request body ended early");
	return rc;
}
