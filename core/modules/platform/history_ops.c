/*
 * The past of one metric in steps. Short ranges are read from minutes, long
 * ones from hours; what the two say about one hour is the same. Refuses
 * metrics that nobody keeps and ranges with more points than a screen.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/platform/sample.h"

enum { MINUTES_UP_TO_S = 2 * 86400, HOUR_S = 3600 };

/* ---- shapes -------------------------------------------------------------------- */

#define P(m, ...) FIELD(struct platform_point, m, __VA_ARGS__)
static const struct field point_fields[] = {
	P(at, .doc = "Start of the step"),
	P(value, .doc = "Gauge: mean; counter: growth per second; histogram: "
	    "observations per second"),
	P(low, .flags = FF_NULLABLE, .doc = "Least value of a gauge"),
	P(high, .flags = FF_NULLABLE, .doc = "Greatest value of a gauge"),
	P(mean_s, .flags = FF_NULLABLE, .doc = "Mean seconds of a histogram"),
	P(p50, .flags = FF_NULLABLE, .doc = "Median in seconds"),
	P(p95, .flags = FF_NULLABLE, .doc = "95 % took no longer"),
	P(p99, .flags = FF_NULLABLE, .doc = "99 % took no longer"),
	FIELD_END
};
static const struct schema point_schema = {
	.name = "MetricPoint", .doc = "A step",
	.size = sizeof(struct platform_point), .fields = point_fields
};
static const struct field line_fields[] = {
	FIELD(struct platform_line, host, .doc = "Host"),
	FIELD(struct platform_line, labels, .doc = "Labels"),
	FIELD(struct platform_line, points, .sub = &point_schema,
	    .doc = "Steps with a value"),
	FIELD_END
};
static const struct schema line_schema = {
	.name = "MetricSeries", .doc = "A series of a metric",
	.size = sizeof(struct platform_line), .fields = line_fields
};
#define H(m, ...) FIELD(struct platform_past, m, __VA_ARGS__)
static const struct field past_fields[] = {
	H(metric, .doc = "Metric"),
	H(kind, .doc = "counter, gauge or histogram"),
	H(source, .oneof = ONEOF("minutes", "hours"),
	    .doc = "What it was read from"),
	H(from, .doc = "Begin"), H(to, .doc = "End"),
	H(step_s, .doc = "Seconds of a step"),
	H(series, .sub = &line_schema, .doc = "One for each host and labels"),
	FIELD_END
};
const struct schema platform_past_schema = {
	.name = "MetricHistory", .doc = "The past of a metric",
	.size = sizeof(struct platform_past), .fields = past_fields
};

/* ---- gathering ------------------------------------------------------------------- */

/* A line that grows; span gathers the step in progress. */
struct line {
	int64_t series;
	const char *host;
	const char *labels;
	struct platform_span span;
	int64_t step;			/* number of the step in progress */
	/* of hours: what the span of minutes would have */
	double weight;
	VEC(struct platform_point) points;
};
struct past {
	struct arena *a;
	const struct platform_history_in *in;
	struct platform_past *out;
	struct rows series;		/* of the metric */
	VEC(struct line) lines;
};

static const struct platform_series *
series_of(const struct past *p, int64_t id)
{
	for (size_t i = 0; i < p->series.n; i++)
		if (ROW(&p->series, struct platform_series, i)->id == id)
			return ROW(&p->series, struct platform_series, i);
	return NULL;
}

static struct line *
line_of(struct past *p, int64_t series, const char *host)
{
	const struct platform_series *s = series_of(p, series);
	struct line *l;

	for (size_t i = 0; i < p->lines.n; i++)
		if (p->lines.v[i].series == series &&
		    strcmp(p->lines.v[i].host, host) == 0)
			return &p->lines.v[i];
	if (p->lines.n == HISTORY_LINES || s == NULL)
		return NULL;
	l = VEC_ADD(p->a, &p->lines);
	*l = (struct line){ .series = series, .labels = s->labels,
	    .host = arena_strdup(p->a, host), .step = -1 };
	return l;
}

static bool
is(const struct past *p, const char *kind)
{
	return strcmp(p->out->kind, kind) == 0;
}

/* Closes the step in progress. */
static void
point_end(struct past *p, struct line *l)
{
	struct platform_span *s = &l->span;
	struct platform_point *pt;
	double observed = 0;

	if (l->step < 0 || s->n == 0 ||
	    (!is(p, "gauge") && s->covered_s <= 0)) {
		platform_span_next(s);
		return;
	}
	pt = VEC_ADD(p->a, &l->points);
	*pt = (struct platform_point){ .at.us = p->in->from.us +
	    l->step * p->out->step_s * US_PER_S, .low = NAN, .high = NAN,
	    .mean_s = NAN, .p50 = NAN, .p95 = NAN, .p99 = NAN };
	if (is(p, "gauge")) {
		pt->value = s->total / (double)s->n;
		pt->low = s->low;
		pt->high = s->high;
	} else
		pt->value = s->increase / s->covered_s;
	for (size_t b = 0; b < METRIC_BUCKETS; b++)
		observed += s->bucket[b];
	if (is(p, "histogram") && observed > 0) {
		pt->mean_s = s->seconds / observed;
		pt->p50 = platform_quantile(s->bucket, 0.5);
		pt->p95 = platform_quantile(s->bucket, 0.95);
		pt->p99 = platform_quantile(s->bucket, 0.99);
	}
	platform_span_next(s);
}

/* The step of an instant; -1 before the range. */
static int64_t
step_at(const struct past *p, struct utc at)
{
	int64_t us = at.us - p->in->from.us;

	return us < 0 ? -1 : us / (p->out->step_s * US_PER_S);
}

static struct line *
line_at(struct past *p, int64_t series, const char *host, struct utc at)
{
	struct line *l = line_of(p, series, host);
	int64_t step = step_at(p, at);

	if (l != NULL && step != l->step) {
		point_end(p, l);
		l->step = step;
	}
	return l;
}

static int
add_minute(void *arg, const void *row, struct err *e)
{
	const struct platform_sample *s = row;
	struct arena *tmp = arena_new(8 << 20);
	struct platform_frame f = { .at = s->at };
	struct past *p = arg;

	(void)e;
	platform_frame_parse(tmp, s->body, &f);
	for (size_t i = 0; i < p->series.n; i++) {
		const struct platform_reading *r = platform_frame_find(&f,
		    ROW(&p->series, struct platform_series, i)->id);
		struct line *l = r == NULL ? NULL : line_at(p, r->series,
		    s->host, s->at);

		if (l != NULL)
			platform_span_add(&l->span, s->at, r, l->step >= 0);
	}
	arena_free(tmp);
	return 0;
}

static void
add_buckets(struct platform_span *s, const char *text)
{
	size_t n;
	double v;

	for (size_t b = 0; b < METRIC_BUCKETS && *text != '\0'; b++) {
		text += strspn(text, "[,");
		n = strspn(text, "0123456789.eE+-");
		if (n == 0 || num_real(text, n, &v) != NUM_OK)
			return;
		s->bucket[b] += v;
		text += n;
	}
}

static int
add_hour(void *arg, const void *row, struct err *e)
{
	const struct platform_hour *h = row;
	struct past *p = arg;
	struct line *l;
	struct platform_span *s;

	(void)e;
	if (p->in->host != NULL && strcmp(p->in->host, h->host) != 0)
		return 0;
	l = line_at(p, h->series_id, h->host, h->at);
	if (l == NULL || l->step < 0)
		return 0;
	s = &l->span;
	s->low = s->n == 0 ? h->low : fmin(s->low, h->low);
	s->high = s->n == 0 ? h->high : fmax(s->high, h->high);
	s->n += h->n;
	s->total += h->mean * (double)h->n;
	s->increase += h->increase;
	s->seconds += h->seconds;
	s->covered_s += (double)h->n * 60;
	add_buckets(s, h->buckets);
	return 0;
}

/* ---- asking -------------------------------------------------------------------------- */

static int
metric_series(struct env *env, struct db *db, struct past *p, struct err *e)
{
	VEC(struct platform_series) v = { 0 };
	struct rows all;
	const char *by;

	if (platform_series_all(db, p->a, &all, e) == -1)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(ROW(&all, struct platform_series, i)->name,
		    p->in->metric) == 0)
			*VEC_ADD(p->a, &v) = *ROW(&all, struct platform_series,
			    i);
	p->series = (struct rows){ v.v, v.n, &platform_series_schema };
	p->out->kind = "unknown";
	if (v.n == 0)		/* declared, but no sample has it yet */
		return platform_history_of(env->modules, p->in->metric, &by) ?
		    0 : err_set(e, 404, "not_found",
		    "Nothing is kept of a metric with this name");
	p->out->kind = v.v[0].kind;
	return 0;
}

/* Steps are whole minutes, or whole hours when hours are read. */
static int
choose_step(const struct platform_history_in *in, struct platform_past *out,
    struct err *e)
{
	int64_t s = (in->to.us - in->from.us) / US_PER_S, step = in->step_s;
	bool hours = s > MINUTES_UP_TO_S && (step == 0 || step >= HOUR_S);
	int64_t unit = hours ? HOUR_S : 60;

	if (step == 0)
		step = s / 500;
	step = (step + unit - 1) / unit * unit;
	out->step_s = step < unit ? unit : step;
	out->source = hours ? "hours" : "minutes";
	if (s <= 0 || s / out->step_s > HISTORY_POINTS)
		return err_field(e, (struct err_field){ .type = "value_error",
		    .loc = "[\"query\",\"from\"]", .msg = s <= 0 ?
		    "must be before to" : "more than 1500 steps: take a "
		    "larger step", .input = "null" });
	return 0;
}

int
platform_history(struct env *env, struct db *db, struct arena *a,
    const struct platform_history_in *in, struct platform_past *out,
    struct err *e)
{
	struct past p = { .a = a, .in = in, .out = out };
	VEC(struct platform_line) v = { 0 };
	struct utc before = { in->from.us - 120 * US_PER_S };
	struct arena *row;		/* rewound after each row */
	int rc;

	*out = (struct platform_past){ .metric = in->metric, .from = in->from,
	    .to = in->to };
	if (choose_step(in, out, e) == -1 || metric_series(env, db, &p, e) == -1)
		return -1;
	row = arena_new(8 << 20);
	rc = *out->source == 'h' ? platform_hour_each(db, row, in->metric,
	    in->from, in->to, add_hour, &p, e) : platform_sample_each(db, row,
	    before, in->to, in->host, add_minute, &p, e);
	arena_free(row);
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < p.lines.n; i++) {
		struct line *l = &p.lines.v[i];

		point_end(&p, l);
		*VEC_ADD(a, &v) = (struct platform_line){ l->host,
		    { l->labels }, { l->points.v, l->points.n } };
	}
	out->series = (struct list){ v.v, v.n };
	return 0;
}

void
platform_past_csv(const struct platform_past *p, struct str *s)
{
	const struct platform_line *l = p->series.items;

	str_add(s, "host,labels,");
	schema_csv_header(&point_schema, s);
	for (size_t i = 0; i < p->series.n; i++)
		for (size_t k = 0; k < l[i].points.n; k++) {
			const struct platform_point *pt = l[i].points.items;

			str_csv(s, l[i].host, false);
			str_addc(s, ',');
			str_csv(s, l[i].labels.p, false);
			str_addc(s, ',');
			schema_csv_row(&point_schema, &pt[k], s);
		}
}
