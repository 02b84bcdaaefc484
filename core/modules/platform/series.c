/*
 * Arithmetic over series, and the text of a minute. Pure. Refuses text that is
 * not exactly what platform_frame_text() writes (numbers and brackets): it
 * comes from a table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "modules/platform/series.h"

/* ---- labels ---------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return strcmp(x->name, y->name);
}

const char *
platform_labels_json(struct arena *a, const struct pair *v, size_t n)
{
	struct pair *sorted = arena_memdup(a, v, n * sizeof(*v));
	struct str s;

	qsort(sorted, n, sizeof(*sorted), by_name);
	str_init(&s, a);
	str_addc(&s, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, sorted[i].name);
		str_addc(&s, ':');
		str_json(&s, sorted[i].value);
	}
	str_addc(&s, '}');
	return s.p;
}

/* A string as str_json() writes it; only the escapes it uses for what may
 * stand in a label. NULL = not one. */
static const char *
quoted(struct arena *a, const char *p, const char **out)
{
	struct str s;

	if (*p++ != '"')
		return NULL;
	str_init(&s, a);
	for (; *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == '\0')
			return NULL;
		str_addc(&s, *p);
	}
	*out = s.p;
	return p + 1;
}

void
platform_series_labels(struct arena *a, struct platform_series *s)
{
	const char *p = s->labels;

	s->nlabels = 0;
	if (*p++ != '{')
		return;
	while (*p == '"' && s->nlabels < SERIES_LABELS - 1) {
		struct pair *l = &s->label[s->nlabels];

		if ((p = quoted(a, p, &l->name)) == NULL || *p++ != ':' ||
		    (p = quoted(a, p, &l->value)) == NULL)
			return;
		s->nlabels++;
		if (*p == ',')
			p++;
	}
}

/* ---- the text of a minute --------------------------------------------------- */

static void
number(struct str *s, double v)
{
	char buf[DEC_TEXT];

	str_add(s, isfinite(v) ? real_format(v, buf) : "0");
}

void
platform_frame_text(const struct platform_frame *f, struct str *s)
{
	str_addc(s, '[');
	for (size_t i = 0; i < f->v.n; i++) {
		const struct platform_reading *r = &f->v.v[i];
		size_t nb = r->bucket != NULL ? METRIC_BUCKETS : 0;

		str_add(s, i > 0 ? ",[" : "[");
		str_add_i64(s, r->series);
		str_addc(s, ',');
		number(s, r->v);
		while (nb > 0 && r->bucket[nb - 1] == 0)
			nb--;
		if (r->bucket != NULL) {
			str_addc(s, ',');
			number(s, r->sum);
			str_add(s, ",[");
		}
		for (size_t b = 0; b < nb; b++) {
			if (b > 0)
				str_addc(s, ',');
			number(s, r->bucket[b]);
		}
		str_add(s, r->bucket != NULL ? "]]" : "]");
	}
	str_addc(s, ']');
}

static const char *
take(const char *p, char c)
{
	return p != NULL && *p == c ? p + 1 : NULL;
}

static const char *
take_number(const char *p, double *out)
{
	size_t n = p == NULL ? 0 : strspn(p, "0123456789+-.eE");

	return n == 0 || n > 40 || num_real(p, n, out) != NUM_OK ? NULL : p + n;
}

/* ",sum,[b,b,…]" */
static const char *
take_histogram(struct arena *a, const char *p, struct platform_reading *r)
{
	double *b = arena_array(a, METRIC_BUCKETS, sizeof(*b));

	r->bucket = b;
	p = take(take_number(take(p, ','), &r->sum), ',');
	p = take(p, '[');
	if (p != NULL && *p == ']')
		return p + 1;
	for (size_t i = 0; i < METRIC_BUCKETS && p != NULL; i++) {
		p = take_number(p, &b[i]);
		if (p != NULL && *p == ']')
			return p + 1;
		p = take(p, ',');
	}
	return NULL;
}

static const char *
take_reading(struct arena *a, const char *p, struct platform_reading *r)
{
	double id;

	p = take(take_number(take(p, '['), &id), ',');
	p = take_number(p, &r->v);
	if (p == NULL || id < 0 || id > 1e9 || id != floor(id))
		return NULL;
	r->series = (int64_t)id;
	if (*p == ',')
		p = take_histogram(a, p, r);
	return take(p, ']');
}

int
platform_frame_parse(struct arena *a, const char *text,
    struct platform_frame *f)
{
	const char *p = take(text, '[');

	f->v.n = 0;
	if (p != NULL && strcmp(p, "]") == 0)
		return 0;
	while (p != NULL) {
		p = take_reading(a, p, VEC_ADD(a, &f->v));
		if (p != NULL && strcmp(p, "]") == 0) {
			platform_frame_sort(f);
			return 0;
		}
		p = take(p, ',');
	}
	f->v.n = 0;
	return -1;
}

static int
by_series(const void *a, const void *b)
{
	const struct platform_reading *x = a, *y = b;

	return x->series < y->series ? -1 : x->series > y->series;
}

void
platform_frame_sort(struct platform_frame *f)
{
	if (f->v.n > 1)
		qsort(f->v.v, f->v.n, sizeof(*f->v.v), by_series);
}

const struct platform_reading *
platform_frame_find(const struct platform_frame *f, int64_t series)
{
	struct platform_reading key = { .series = series };

	return f->v.n == 0 ? NULL : bsearch(&key, f->v.v, f->v.n,
	    sizeof(*f->v.v), by_series);
}

/* ---- arithmetic --------------------------------------------------------------- */

double
platform_increase(double before, double after)
{
	return after >= before ? after - before : after;
}

double
platform_quantile(const double bucket[METRIC_BUCKETS], double q)
{
	double total = 0, seen = 0, low, high;
	size_t b;

	for (b = 0; b < METRIC_BUCKETS; b++)
		total += bucket[b];
	if (total <= 0)
		return -1;
	for (b = 0; b + 1 < METRIC_BUCKETS; b++) {
		if (seen + bucket[b] >= q * total)
			break;
		seen += bucket[b];
	}
	if (b + 1 == METRIC_BUCKETS)	/* over the last bound: that bound */
		return metric_bound_s(b - 1);
	low = b == 0 ? 0 : metric_bound_s(b - 1);
	high = metric_bound_s(b);
	return bucket[b] <= 0 ? high :
	    low + (high - low) * (q * total - seen) / bucket[b];
}

static void
grow(struct platform_span *s, const struct platform_reading *r)
{
	bool restart = r->v < s->last;

	s->increase += platform_increase(s->last, r->v);
	if (r->bucket == NULL)
		return;
	s->seconds += restart ? r->sum : r->sum - s->last_sum;
	for (size_t b = 0; b < METRIC_BUCKETS; b++)
		s->bucket[b] += restart ? r->bucket[b] :
		    fmax(0, r->bucket[b] - s->last_bucket[b]);
}

void
platform_span_add(struct platform_span *s, struct utc at,
    const struct platform_reading *r, bool counts)
{
	if (counts && s->any) {
		grow(s, r);
		s->covered_s += (double)(at.us - s->last_at.us) / 1e6;
	}
	if (counts) {
		s->low = s->n == 0 ? r->v : fmin(s->low, r->v);
		s->high = s->n == 0 ? r->v : fmax(s->high, r->v);
		s->total += r->v;
		s->n++;
	}
	s->any = true;
	s->last = r->v;
	s->last_sum = r->sum;
	s->last_at = at;
	for (size_t b = 0; r->bucket != NULL && b < METRIC_BUCKETS; b++)
		s->last_bucket[b] = r->bucket[b];
}

void
platform_span_next(struct platform_span *s)
{
	s->n = 0;
	s->low = s->high = s->total = 0;
	s->increase = s->seconds = s->covered_s = 0;
	memset(s->bucket, 0, sizeof(s->bucket));
}
