/*
 * Rows of samples. All SQL on platform_series, platform_sample and
 * platform_sample_hour is here. A minute of a host is written once.
 */
#include <stddef.h>

#include "modules/platform/sample.h"

static const struct field series_fields[] = {
	FIELD(struct platform_series, id, .doc = "Number"),
	FIELD(struct platform_series, name, .doc = "Metric"),
	FIELD(struct platform_series, labels, .doc = "JSON object"),
	FIELD(struct platform_series, kind, .doc = "counter, gauge or "
	    "histogram"),
	FIELD_END
};
const struct schema platform_series_schema = {
	.name = "SeriesRow", .doc = "A metric with its labels",
	.size = sizeof(struct platform_series), .fields = series_fields
};

static const struct field sample_fields[] = {
	FIELD(struct platform_sample, at, .doc = "Minute"),
	FIELD(struct platform_sample, host, .doc = "Host that read itself"),
	FIELD(struct platform_sample, body, .doc = "Values by series"),
	FIELD_END
};
const struct schema platform_sample_schema = {
	.name = "SampleRow", .doc = "A minute of a host",
	.size = sizeof(struct platform_sample), .fields = sample_fields
};

#define H(m, ...) FIELD(struct platform_hour, m, __VA_ARGS__)
static const struct field hour_fields[] = {
	H(series_id, .doc = "Series"), H(at, .doc = "Hour"),
	H(host, .doc = "Host"), H(n, .doc = "Minutes with a value"),
	H(low, .doc = "Least value"), H(high, .doc = "Greatest value"),
	H(mean, .doc = "Mean value"),
	H(increase, .doc = "How much a counter grew"),
	H(seconds, .doc = "How much the sum of a histogram grew"),
	H(buckets, .doc = "How much its buckets grew, JSON list"),
	FIELD_END
};
const struct schema platform_hour_schema = {
	.name = "SampleHourRow", .doc = "An hour of a series on a host",
	.size = sizeof(struct platform_hour), .fields = hour_fields
};

struct instant {
	struct utc at;
};
static const struct field instant_fields[] = {
	FIELD(struct instant, at, .flags = FF_NULLABLE, .doc = "Time"),
	FIELD_END
};
static const struct schema instant_schema = {
	.name = "SampleInstant", .doc = "One time",
	.size = sizeof(struct instant), .fields = instant_fields
};

#define HOUR_COLUMNS "series_id, at, host, n, low, high, mean, increase, " \
	"seconds, buckets"

static const struct query SERIES_ALL = { "platform_series.all",
	"SELECT id, name, labels, kind FROM platform_series ORDER BY name, id "
	"LIMIT 10000", &platform_series_schema };
static const struct query SERIES_PUT = { "platform_series.put",
	"INSERT INTO platform_series (name, labels, kind) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE kind = VALUES(kind)", NULL };
static const struct query SAMPLE_PUT = { "platform_sample.put",
	"INSERT INTO platform_sample (at, host, body) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE host = VALUES(host)", NULL };
static const struct query SAMPLE_EACH = { "platform_sample.each",
	"SELECT at, host, body FROM platform_sample WHERE at >= ? AND at < ? "
	"AND (? IS NULL OR host = ?) ORDER BY at, host LIMIT 500000",
	&platform_sample_schema };
static const struct query SAMPLE_OLDEST = { "platform_sample.oldest",
	"SELECT MIN(at) AS at FROM platform_sample WHERE at >= ?",
	&instant_schema };
static const struct query SAMPLE_PURGE = { "platform_sample.purge",
	"DELETE FROM platform_sample WHERE at < ? LIMIT 5000", NULL };
static const struct query HOUR_LAST = { "platform_sample_hour.last",
	"SELECT MAX(at) AS at FROM platform_sample_hour", &instant_schema };
static const struct query HOUR_PUT = { "platform_sample_hour.put",
	"INSERT INTO platform_sample_hour (" HOUR_COLUMNS ") VALUES (?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE n = VALUES(n), "
	"low = VALUES(low), high = VALUES(high), mean = VALUES(mean), "
	"increase = VALUES(increase), seconds = VALUES(seconds), "
	"buckets = VALUES(buckets)", NULL };
static const struct query HOUR_EACH = { "platform_sample_hour.each",
	"SELECT h.series_id, h.at, h.host, h.n, h.low, h.high, h.mean, "
	"h.increase, h.seconds, h.buckets FROM platform_sample_hour h "
	"JOIN platform_series e ON e.id = h.series_id WHERE e.name = ? "
	"AND h.at >= ? AND h.at < ? ORDER BY h.at, h.series_id, h.host "
	"LIMIT 500000", &platform_hour_schema };
static const struct query HOUR_PURGE = { "platform_sample_hour.purge",
	"DELETE FROM platform_sample_hour WHERE at < ? LIMIT 5000", NULL };

const struct query *const platform_sample_queries[] = {
	&SERIES_ALL, &SERIES_PUT, &SAMPLE_PUT, &SAMPLE_EACH, &SAMPLE_OLDEST,
	&SAMPLE_PURGE, &HOUR_LAST, &HOUR_PUT, &HOUR_EACH, &HOUR_PURGE, NULL
};

const struct table platform_sample_tables[] = {
	{ .name = "platform_series", .row = &platform_series_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "platform_sample", .row = &platform_sample_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "platform_sample_hour", .row = &platform_hour_schema,
	  .snapshot = SNAP_NEVER },
	{ .name = "system_metrics", .snapshot = SNAP_NEVER },	/* a view */
	{ .name = NULL }
};

int
platform_series_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	if (db_all(db, a, &SERIES_ALL, NO_ARGS, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		platform_series_labels(a, ROW(out, struct platform_series, i));
	return 0;
}

int
platform_series_put(struct db *db, const struct platform_value *v,
    const char *labels, struct err *e)
{
	return db_exec(db, &SERIES_PUT, ARGS(V(v->name), V(labels),
	    V(v->kind)), NULL, e);
}

int
platform_sample_put(struct db *db, const struct platform_sample *s,
    struct err *e)
{
	return db_exec(db, &SAMPLE_PUT, ARGS(V(s->at), V(s->host),
	    V(s->body)), NULL, e);
}

int
platform_sample_each(struct db *db, struct arena *a, struct utc from,
    struct utc to, const char *host, int (*fn)(void *, const void *,
    struct err *), void *arg, struct err *e)
{
	return db_each(db, a, &SAMPLE_EACH, ARGS(V(from), V(to), V(host),
	    V(host)), fn, arg, e);
}

static int
instant(struct db *db, struct arena *a, const struct query *q,
    const struct val *v, size_t n, struct utc *at, struct err *e)
{
	struct instant row = { { 0 } };
	int rc = db_one(db, a, q, v, n, &row, e);

	*at = row.at;
	return rc == -1 ? -1 : 0;
}

int
platform_sample_oldest(struct db *db, struct arena *a, struct utc from,
    struct utc *at, struct err *e)
{
	return instant(db, a, &SAMPLE_OLDEST, ARGS(V(from)), at, e);
}

int
platform_sample_purge(struct db *db, struct utc before,
    struct utc hours_before, struct err *e)
{
	if (db_exec(db, &SAMPLE_PURGE, ARGS(V(before)), NULL, e) == -1)
		return -1;
	return db_exec(db, &HOUR_PURGE, ARGS(V(hours_before)), NULL, e);
}

int
platform_hour_last(struct db *db, struct arena *a, struct utc *at,
    struct err *e)
{
	return instant(db, a, &HOUR_LAST, NO_ARGS, at, e);
}

int
platform_hour_put(struct db *db, const struct platform_hour *h, size_t n,
    struct err *e)
{
	enum { COLS = 10, BATCH = 100 };
	struct val v[COLS * BATCH];

	while (n > 0) {
		size_t k = n < BATCH ? n : BATCH;

		for (size_t i = 0; i < k; i++, h++) {
			const struct val row[COLS] = { V(h->series_id),
			    V(h->at), V(h->host), V(h->n), V(h->low),
			    V(h->high), V(h->mean), V(h->increase),
			    V(h->seconds), V(h->buckets) };

			for (size_t c = 0; c < COLS; c++)
				v[i * COLS + c] = row[c];
		}
		if (db_exec_many(db, &HOUR_PUT, v, COLS, k, NULL, e) == -1)
			return -1;
		n -= k;
	}
	return 0;
}

int
platform_hour_each(struct db *db, struct arena *a, const char *metric,
    struct utc from, struct utc to, int (*fn)(void *, const void *,
    struct err *), void *arg, struct err *e)
{
	return db_each(db, a, &HOUR_EACH, ARGS(V(metric), V(from), V(to)), fn,
	    arg, e);
}
