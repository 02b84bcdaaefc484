/*
 * Writing samples and turning hours round. A minute of a host is one row that
 * is written once, whoever samples; an hour is rolled up when it has been over
 * for two minutes, again with the same result. Nothing is deleted before it
 * is rolled up.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/number.h"
#include "base/str.h"
#include "db/lease.h"
#include "modules/platform/sample.h"
#include "modules/platform/setting.h"

#define MINUTE_US (60 * US_PER_S)
#define HOUR_US (3600 * US_PER_S)

static struct utc
utc_at(int64_t us)
{
	return (struct utc){ us };
}

/* ---- this minute ------------------------------------------------------------ */

static const char *
key_of(struct arena *a, const char *name, const char *labels)
{
	return arena_printf(a, "%s%s", name, labels);
}

static int
series_map(struct db *db, struct arena *a, struct map **out, struct err *e)
{
	struct rows rows;

	if (platform_series_all(db, a, &rows, e) == -1)
		return -1;
	*out = map_new(a);
	for (size_t i = 0; i < rows.n; i++) {
		struct platform_series *s = ROW(&rows, struct platform_series,
		    i);

		map_put(*out, key_of(a, s->name, s->labels), s);
	}
	return 0;
}

/* Rows for what nobody has sampled before. */
static int
series_make(struct db *db, struct arena *a, const struct platform_take *t,
    struct map **known, struct err *e)
{
	bool fresh = false;

	for (size_t i = 0; i < t->v.n; i++) {
		const struct platform_value *v = &t->v.v[i];
		const char *labels = platform_labels_json(a, v->label,
		    v->nlabels);

		if (map_get(*known, key_of(a, v->name, labels)) != NULL)
			continue;
		if (platform_series_put(db, v, labels, e) == -1)
			return -1;
		fresh = true;
	}
	return fresh ? series_map(db, a, known, e) : 0;
}

int
platform_frame_of(struct db *db, struct arena *a,
    const struct platform_take *t, struct platform_frame *f, struct err *e)
{
	struct map *known;

	if (series_map(db, a, &known, e) == -1 ||
	    series_make(db, a, t, &known, e) == -1)
		return -1;
	for (size_t i = 0; i < t->v.n; i++) {
		const struct platform_value *v = &t->v.v[i];
		const struct platform_series *s = map_get(known, key_of(a,
		    v->name, platform_labels_json(a, v->label, v->nlabels)));

		if (s != NULL)
			*VEC_ADD(a, &f->v) = (struct platform_reading){ s->id,
			    v->v, v->sum, v->bucket };
	}
	platform_frame_sort(f);
	return 0;
}

int
platform_sample_now(struct env *env, struct arena *a, struct utc now,
    struct err *e)
{
	struct platform_take t = { .a = a };
	struct platform_frame f = { .host = platform_host_name() };
	struct platform_sample row = { .host = f.host };
	struct str s;

	platform_take_all(env, &t);
	if (platform_frame_of(env->db, a, &t, &f, e) == -1)
		return -1;
	str_init(&s, a);
	platform_frame_text(&f, &s);
	row.body = s.p;
	row.at.us = now.us - now.us % MINUTE_US;
	return platform_sample_put(env->db, &row, e);
}

/* ---- hours ------------------------------------------------------------------------ */

/* One series on one host within the hour. */
struct cell {
	int64_t series;
	const char *host;
	bool histogram;
	struct platform_span span;
};
struct hour {
	struct arena *a;
	struct utc start;
	struct map *cells;	/* "<series> <host>" -> struct cell */
};

static struct cell *
cell_of(struct hour *h, const struct platform_reading *r, const char *host)
{
	char key[192];
	struct cell *c;

	snprintf(key, sizeof(key), "%lld %s", (long long)r->series, host);
	if ((c = map_get(h->cells, key)) != NULL)
		return c;
	c = arena_alloc(h->a, sizeof(*c));
	*c = (struct cell){ .series = r->series,
	    .host = arena_strdup(h->a, host), .histogram = r->bucket != NULL };
	map_put(h->cells, arena_strdup(h->a, key), c);
	return c;
}

static int
hour_add(void *arg, const void *row, struct err *e)
{
	const struct platform_sample *s = row;
	struct arena *tmp = arena_new(8 << 20);
	struct platform_frame f = { .at = s->at };
	struct hour *h = arg;

	(void)e;
	platform_frame_parse(tmp, s->body, &f);
	for (size_t i = 0; i < f.v.n; i++)
		platform_span_add(&cell_of(h, &f.v.v[i], s->host)->span, s->at,
		    &f.v.v[i], s->at.us >= h->start.us);
	arena_free(tmp);
	return 0;
}

static const char *
buckets_text(struct arena *a, const struct cell *c)
{
	char buf[DEC_TEXT];
	struct str s;

	if (!c->histogram)
		return "";
	str_init(&s, a);
	for (size_t b = 0; b < METRIC_BUCKETS; b++)
		str_addf(&s, "%c%s", b == 0 ? '[' : ',',
		    real_format(c->span.bucket[b], buf));
	str_addc(&s, ']');
	return s.p;
}

struct rollup {
	struct env *env;
	const struct lease *lease;
	struct arena *a;
	const struct platform_hour *rows;
	size_t n;
};

static int
rollup_txn(struct db *db, void *arg, struct err *e)
{
	struct rollup *r = arg;

	if (r->lease != NULL && lease_guard(db, r->lease, e) == -1)
		return -1;
	return platform_hour_put(db, r->rows, r->n, e);
}

/* From two minutes before, so that a counter's growth over the edge counts. */
static int
rollup_hour(struct rollup *r, struct utc start, struct err *e)
{
	struct hour h = { .a = r->a, .start = start,
	    .cells = map_new(r->a) };
	VEC(struct platform_hour) v = { 0 };
	struct arena *row = arena_new(8 << 20);	/* rewound after each row */
	const char *key;
	void *at;
	size_t it = 0;
	int rc;

	rc = platform_sample_each(r->env->db, row,
	    utc_at(start.us - 2 * MINUTE_US), utc_at(start.us + HOUR_US), NULL,
	    hour_add, &h, e);
	arena_free(row);
	if (rc == -1)
		return -1;
	while (map_next(h.cells, &it, &key, &at)) {
		const struct cell *c = at;

		if (c->span.n == 0)
			continue;
		*VEC_ADD(r->a, &v) = (struct platform_hour){
		    .series_id = c->series, .at = start, .host = c->host,
		    .n = c->span.n, .low = c->span.low, .high = c->span.high,
		    .mean = c->span.total / (double)c->span.n,
		    .increase = c->span.increase, .seconds = c->span.seconds,
		    .buckets = buckets_text(r->a, c) };
	}
	r->rows = v.v;
	r->n = v.n;
	return db_txn(r->env->db, r->a, rollup_txn, r, e);
}

/* The first hour after `last` with samples, if it is over; 1 = none. */
static int
next_hour(struct env *env, struct arena *a, struct utc last, struct utc now,
    struct utc *out, struct err *e)
{
	struct utc oldest;

	if (platform_sample_oldest(env->db, a, utc_at(last.us == 0 ? 1 :
	    last.us + HOUR_US), &oldest, e) == -1)
		return -1;
	out->us = oldest.us - oldest.us % HOUR_US;
	return oldest.us == 0 ||
	    out->us + HOUR_US + 2 * MINUTE_US > now.us;
}

int
platform_rollup(struct env *env, struct arena *a, const struct lease *lease,
    struct utc now, size_t max, size_t *done, struct err *e)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);
	int64_t day = 24 * HOUR_US, keep = now.us - cf->minute_days * day;
	struct utc last, start;
	int rc = 0;

	*done = 0;
	if (platform_hour_last(env->db, a, &last, e) == -1)
		return -1;
	while (*done < max && (rc = next_hour(env, a, last, now, &start,
	    e)) == 0) {
		struct rollup r = { .env = env, .lease = lease,
		    .a = arena_new(256 << 20) };

		rc = rollup_hour(&r, start, e);
		arena_free(r.a);
		if (rc == -1)
			return -1;
		last = start;
		++*done;
	}
	if (rc == -1)
		return -1;
	/* what is not rolled up yet stays */
	if (rc == 0 && last.us < keep)
		keep = last.us;
	return platform_sample_purge(env->db, utc_at(keep),
	    utc_at(now.us - cf->hour_days * day), e);
}
