/*
 * One file of the demonstration, known by its content: price history (JSON of
 * the AWS command line or API, CSV), the spot advisor's feed, instance types,
 * on-demand prices. Reads no file. A text that is not well-formed is refused
 * as a whole; in a list, a record that cannot be right is left out, counted and
 * named.
 *
 * JSON is judged by json_scan() first, so that the cursor below may trust its
 * syntax; records are decoded one by one, so a large file costs no tree. Prices
 * are read by spot_price_read(), as those of an import are.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/demo_file.h"
#include "modules/spot/price.h"
#include "modules/spot/rows.h"
#include "schema/schema.h"

enum { VALUES_MAX = 3000000 };
#define POSITION "character"

/* Where we are in JSON that json_scan() has passed. */
struct cursor {
	const char *p, *end;
};
struct span {
	const char *p;
	size_t n;
};

/* A file under way. */
struct text {
	struct spot_demo *d;
	struct arena *a;
	const char *from, *name;
	int64_t good, bad, records;
	char first[320];		/* what was wrong with the first */
};

/* ---- records as they are written ------------------------------------------ */

/* Members are named as AWS names them. */
struct vcpu_info {
	int64_t DefaultVCpus;
};
struct memory_info {
	int64_t SizeInMiB;
};
struct processor_info {
	struct list SupportedArchitectures;
};
struct gpu {
	int64_t Count;
};
struct gpu_info {
	struct list Gpus;
};
struct type_record {
	const char *InstanceType;
	const void *VCpuInfo, *MemoryInfo, *ProcessorInfo, *GpuInfo;
};
#define ONE_FIELD(T, member, ...) \
	static const struct field T##_fields[] = { \
		FIELD(struct T, member, __VA_ARGS__), FIELD_END }; \
	static const struct schema T##_schema = { .name = #T, \
		.size = sizeof(struct T), .fields = T##_fields }
ONE_FIELD(vcpu_info, DefaultVCpus, .flags = FF_REQUIRED, .min = 1,
    .max = 100000);
ONE_FIELD(memory_info, SizeInMiB, .flags = FF_REQUIRED, .min = 1,
    .max = 1000000000);
ONE_FIELD(processor_info, SupportedArchitectures, .flags = FF_REQUIRED,
    .elem = FT_STR);
ONE_FIELD(gpu, Count, .min = 0, .max = 1000);
ONE_FIELD(gpu_info, Gpus, .sub = &gpu_schema);
static const struct field type_fields[] = {
	FIELD(struct type_record, InstanceType, .flags = FF_REQUIRED),
	FIELD(struct type_record, VCpuInfo, .flags = FF_REQUIRED,
	    .sub = &vcpu_info_schema),
	FIELD(struct type_record, MemoryInfo, .flags = FF_REQUIRED,
	    .sub = &memory_info_schema),
	FIELD(struct type_record, ProcessorInfo, .flags = FF_REQUIRED,
	    .sub = &processor_info_schema),
	FIELD(struct type_record, GpuInfo, .flags = FF_NULLABLE,
	    .sub = &gpu_info_schema),
	FIELD_END
};
static const struct schema type_schema = { .name = "instance type",
	.size = sizeof(struct type_record), .fields = type_fields };

/* The feed's "r"; its "s" (savings) we compute ourselves. */
struct class_record {
	int64_t r;
};
ONE_FIELD(class_record, r, .flags = FF_REQUIRED);

/* ---- errors ------------------------------------------------------------------ */

static const char *
full_name(const struct text *t)
{
	return strcmp(t->from, t->name) == 0 ? t->from :
	    arena_printf(t->a, "%s: %s", t->from, t->name);
}

/* ["record 2","SpotPrice"] as "record 2 SpotPrice", not too long. */
static const char *
bare(struct arena *a, const char *json)
{
	struct str s;

	str_init(&s, a);
	for (; *json != '\0' && s.len < 80; json++)
		if (*json == ',' && s.len > 0)
			str_addc(&s, ' ');
		else if (strchr("[],\"", *json) == NULL)
			str_addc(&s, *json);
	return s.p;
}

static const char *
sentence(struct arena *a, const struct err *e)
{
	static const char inside[] = "{\"error\":\"";
	const struct err_field *f = &e->fields[0];
	size_t n = sizeof(inside) - 1;

	if (e->nfields == 0)
		return e->detail;
	if (f->ctx != NULL && strncmp(f->ctx, inside, n) == 0)
		return arena_printf(a, "%s: %.*s", bare(a, f->loc),
		    (int)(strlen(f->ctx) - n - 2), f->ctx + n);
	/* a path from the top, not a position */
	if (strncmp(f->loc, "[\"" POSITION "\"", sizeof(POSITION) + 2) == 0)
		return arena_printf(a, "at %s: %s", bare(a, f->loc +
		    sizeof(POSITION) + 2), f->msg);
	return arena_printf(a, "%s: %s", bare(a, f->loc), f->msg);
}

static void
left_out(struct text *t, const char *where, int64_t number,
    const struct err *e)
{
	if (t->bad++ == 0)
		snprintf(t->first, sizeof(t->first), "%s %lld: %s", where,
		    (long long)number, sentence(t->a, e));
}

/* The file as a whole: used, or told to be wrong. */
static void
close_text(struct text *t, const char *kind)
{
	if (t->good > 0)
		spot_demo_use(t->d, full_name(t), kind, t->good);
	if (t->bad > 1)
		spot_demo_bad(t->d, full_name(t), arena_printf(t->a, "%s "
		    "(and %lld more)", t->first,
		    (long long)t->bad - 1));
	else if (t->bad == 1)
		spot_demo_bad(t->d, full_name(t), t->first);
	else if (t->good == 0)
		spot_demo_bad(t->d, full_name(t), arena_printf(t->a,
		    "%s without a record", kind));
}

/* ---- the cursor -------------------------------------------------------------- */

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end && strchr(" \t\r\n,:", *c->p) != NULL)
		c->p++;
}

static void
skip_string(struct cursor *c)
{
	for (c->p++; *c->p != '"'; c->p++)
		if (*c->p == '\\')
			c->p++;
	c->p++;
}

/* The next value; its commas and colons are of no interest. */
static struct span
take(struct cursor *c)
{
	const char *start;
	int depth = 0;

	skip_space(c);
	start = c->p;
	do {
		skip_space(c);
		if (*c->p == '"') {
			skip_string(c);
			continue;
		}
		if (*c->p == '{' || *c->p == '[')
			depth++;
		else if (*c->p == '}' || *c->p == ']')
			depth--;
		else {
			while (c->p < c->end &&
			    strchr(" \t\r\n,:]}", *c->p) == NULL)
				c->p++;
			continue;
		}
		c->p++;
	} while (depth > 0);
	return (struct span){ start, (size_t)(c->p - start) };
}

/* Goes into an array or object; false when the span is not one. */
static bool
enter(struct cursor *c, struct span s, char open)
{
	if (s.n < 2 || *s.p != open)
		return false;
	*c = (struct cursor){ s.p + 1, s.p + s.n - 1 };
	return true;
}

static bool
more(struct cursor *c)
{
	skip_space(c);
	return c->p < c->end;
}

/* The next member of an object; names with escapes are none of ours. */
static bool
member(struct cursor *c, struct arena *a, const char **name,
    struct span *value)
{
	struct span key;

	if (!more(c))
		return false;
	key = take(c);
	*name = arena_strndup(a, key.p + 1, key.n - 2);
	*value = take(c);
	return true;
}

static bool
find(struct span object, struct arena *a, const char *name, char open,
    struct span *out)
{
	struct cursor c;
	const char *key;

	if (!enter(&c, object, '{'))
		return false;
	while (member(&c, a, &key, out))
		if (strcmp(key, name) == 0)
			return out->n > 0 && *out->p == open;
	return false;
}

/* ---- price history -------------------------------------------------------------- */

struct prices {
	struct text *t;
	struct span left;
	struct dec on_demand;		/* the file's own; 0 = none */
};

static long
read_span(void *arg, void *buf, size_t n, struct err *e)
{
	struct span *left = &((struct prices *)arg)->left;

	(void)e;
	if (n > left->n)
		n = left->n;
	memcpy(buf, left->p, n);
	left->p += n;
	left->n -= n;
	return (long)n;
}

static int
put_prices(void *arg, struct arena *a, const struct spot_price *v, size_t n,
    struct err *e)
{
	struct prices *p = arg;
	struct spot_series *s;

	(void)a;
	for (size_t i = 0; i < n; i++) {
		if (spot_demo_price(p->t->d, v[i].availability_zone,
		    v[i].instance_type, v[i].product, v[i].timestamp,
		    v[i].price, &s, e) == -1) {
			struct err why = *e;

			return err_set(e, 422, "bad_price", "price %lld: "
			    "%.200s", (long long)p->t->good + 1, why.detail);
		}
		if (p->on_demand.e8 > 0)
			s->on_demand = p->on_demand;
		p->t->good++;
	}
	return 0;
}

/* Ends at the first bad record; whole batches before it are used. */
static void
read_prices(struct text *t, struct span v, struct dec on_demand)
{
	struct prices p = { t, v, on_demand };
	struct spot_price_source source = { read_span, &p };
	struct spot_price_sink sink = { put_prices, &p };
	struct spot_price_report report;
	struct err e = { 0 };

	if (spot_price_read(t->a, &source, &sink, &report, &e) == -1) {
		t->bad++;
		snprintf(t->first, sizeof(t->first), "%s", t->good == 0 ?
		    sentence(t->a, &e) : arena_printf(t->a, "%s (%lld prices "
		    "before it are used)", sentence(t->a, &e),
		    (long long)t->good));
	}
	close_text(t, "spot price history");
}

/* ---- instance types --------------------------------------------------------------- */

static int
decode(struct text *t, const struct schema *s, struct span v, void *out,
    struct err *e)
{
	uint64_t seen;

	return schema_decode_json(s, v.p, v.n, "", false, t->a, out, &seen,
	    e);
}

static int
one_type(struct text *t, struct span v, struct err *e)
{
	const struct processor_info *p;
	const struct gpu_info *g;
	struct type_record r;
	int64_t gpus = 0;

	if (decode(t, &type_schema, v, &r, e) == -1)
		return -1;
	p = r.ProcessorInfo;
	if ((g = r.GpuInfo) != NULL)
		for (size_t i = 0; i < g->Gpus.n; i++)
			gpus += ((const struct gpu *)g->Gpus.items)[i].Count;
	return spot_demo_type(t->d, r.InstanceType,
	    spot_names_join(t->a, p->SupportedArchitectures),
	    ((const struct vcpu_info *)r.VCpuInfo)->DefaultVCpus,
	    ((const struct memory_info *)r.MemoryInfo)->SizeInMiB, gpus, e);
}

/* Counts a record and forgets what it took. */
static void
done(struct text *t, struct arena_mark m, int rc, const struct err *e)
{
	t->records++;
	if (rc == 0)
		t->good++;
	else
		left_out(t, "record", t->records, e);
	arena_rewind(t->a, m);
}

/* Every item of an array, or every member of an object. */
static void
each(struct text *t, struct span list, int (*one)(struct text *, struct span,
    struct err *))
{
	bool object = *list.p == '{';
	struct cursor c;

	if (!enter(&c, list, *list.p))
		return;
	while (more(&c)) {
		struct arena_mark m = arena_mark(t->a);
		struct err e = { 0 };

		if (object)
			take(&c);
		done(t, m, one(t, take(&c), &e), &e);
	}
}

/* ---- lists by region ------------------------------------------------------------- */

static void
read_on_demand(struct text *t, struct span regions)
{
	const char *region, *type;
	struct cursor c, k;
	struct span v;

	enter(&c, regions, '{');
	while (member(&c, t->a, &region, &v)) {
		if (!enter(&k, v, '{'))
			continue;
		while (more(&k)) {
			struct arena_mark m = arena_mark(t->a);
			struct dec price = { 0 };
			struct err e = { 0 };

			member(&k, t->a, &type, &v);
			(void)dec_parse(v.p, v.n, &price);
			done(t, m, spot_demo_on_demand(t->d, region, type,
			    price, &e), &e);
		}
	}
}

static void
read_classes(struct text *t, const char *region, const char *os,
    struct span types)
{
	struct class_record r;
	const char *type;
	struct cursor c;
	struct span v;

	if (!enter(&c, types, '{'))
		return;
	while (more(&c)) {
		struct arena_mark m = arena_mark(t->a);
		struct err e = { 0 };
		int rc;

		member(&c, t->a, &type, &v);
		rc = decode(t, &class_record_schema, v, &r, &e);
		done(t, m, rc == -1 ? -1 : spot_demo_class(t->d, region, os,
		    type, r.r, &e), &e);
	}
}

static void
read_advisor(struct text *t, struct span regions)
{
	const char *region, *os;
	struct cursor c, k;
	struct span v;

	enter(&c, regions, '{');
	while (member(&c, t->a, &region, &v)) {
		if (!enter(&k, v, '{'))
			continue;
		while (member(&k, t->a, &os, &v))
			read_classes(t, region, os, v);
	}
}

/* ---- JSON ---------------------------------------------------------------------------- */

/* {"m5.large": {"InstanceType": …}, …} */
static bool
is_catalogue(struct span top, struct arena *a)
{
	struct span v, w;
	struct cursor c;
	const char *key;

	return enter(&c, top, '{') && member(&c, a, &key, &v) &&
	    find(v, a, "InstanceType", '"', &w) &&
	    find(v, a, "VCpuInfo", '{', &w);
}

static void
read_json(struct text *t, struct span top)
{
	struct span v;

	if (find(top, t->a, "SpotPriceHistory", '[', &v)) {
		read_prices(t, v, (struct dec){ 0 });
	} else if (find(top, t->a, "spot_advisor", '{', &v)) {
		read_advisor(t, v);
		close_text(t, "interruption classes");
	} else if (find(top, t->a, "InstanceTypes", '[', &v) ||
	    is_catalogue(v = top, t->a)) {
		each(t, v, one_type);
		close_text(t, "instance types");
	} else if (find(top, t->a, "prices", '{', &v)) {
		read_on_demand(t, v);
		close_text(t, "on-demand prices");
	} else
		spot_demo_skip(t->d, t->from, "JSON, but no price history, "
		    "advisor feed, instance types or on-demand prices");
}

/* ---- CSV ------------------------------------------------------------------------------ */

/* "# instance_type=m3.medium … on_demand_usd_per_hour=0.067" */
static struct dec
said_on_demand(const char *text, size_t n)
{
	static const char name[] = "on_demand_usd_per_hour=";
	const char *end = memchr(text, '\n', n), *p;
	struct dec d = { 0 };

	n = end != NULL ? (size_t)(end - text) : n;
	if (n == 0 || *text != '#' ||
	    (p = memmem(text, n, name, sizeof(name) - 1)) == NULL)
		return d;
	p += sizeof(name) - 1;
	for (end = p; end < text + n && strchr("0123456789.", *end) != NULL &&
	    *end != '\0';)
		end++;
	return dec_parse(p, (size_t)(end - p), &d) == NUM_OK ? d :
	    (struct dec){ 0 };
}

static bool
has_column(const char *header, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = header; p < end; p++) {
		size_t k = 0;

		while (p + k < end && strchr(",\r\n", p[k]) == NULL)
			k++;
		if (k == n && memcmp(p, name, n) == 0)
			return true;
		p += k;
		if (p < end && *p == '\n')
			break;
	}
	return false;
}

/* Our two forms: a price per row, of one pool or of many. */
static bool
is_csv(const char *text, size_t n)
{
	const char *p = text, *end = text + n, *line;

	while (p < end && *p == '#') {
		line = memchr(p, '\n', (size_t)(end - p));
		p = line != NULL ? line + 1 : end;
	}
	return has_column(p, end, "timestamp") &&
	    (has_column(p, end, "spot_price_usd") ||
	    has_column(p, end, "price"));
}

/* ---- any text -------------------------------------------------------------------------- */

static void
read_checked(struct text *t, const char *text, size_t n)
{
	struct cursor c = { text, text + n };
	struct err e = { 0 };

	if (json_scan(text, n, VALUES_MAX, POSITION, t->a, &e) == 0)
		read_json(t, take(&c));
	else
		spot_demo_bad(t->d, full_name(t), arena_printf(t->a,
		    "not valid JSON: %s", sentence(t->a, &e)));
}

void
spot_demo_text(struct spot_demo *d, struct arena *a, const char *from,
    const char *name, const char *text, size_t n)
{
	struct text t = { .d = d, .a = a, .from = from, .name = name };
	size_t k = 0;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	while (k < n && text[k] != '\0' && strchr(" \t\r\n", text[k]) != NULL)
		k++;
	if (k == n)
		spot_demo_skip(d, from, "empty");
	else if (text[k] == '{' || text[k] == '[')
		read_checked(&t, text, n);
	else if (is_csv(text, n))
		read_prices(&t, (struct span){ text, n },
		    said_on_demand(text, n));
	else
		spot_demo_skip(d, from, "neither JSON nor CSV with prices");
}
