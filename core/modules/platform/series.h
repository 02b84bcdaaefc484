/*
 * Series in memory: what was read of metrics at some instants, and the
 * arithmetic over it. Counters stand as they stood; a value below the one
 * before is a restart, after which all of it is new.
 */
#ifndef PLATFORM_SERIES_H
#define PLATFORM_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "base/vec.h"
#include "shm/shm.h"

struct str;

enum { SERIES_LABELS = 3 };	/* with host */

/* A row of platform_series. */
struct platform_series {
	int64_t id;
	const char *name;
	const char *labels;		/* canonical JSON object, without host */
	const char *kind;		/* "counter" "gauge" "histogram" */
	struct pair label[SERIES_LABELS - 1];	/* the same taken apart */
	size_t nlabels;
};

/* One value of one series. */
struct platform_reading {
	int64_t series;
	double v;			/* histogram: observations */
	double sum;			/* histogram: seconds */
	const double *bucket;		/* histogram: METRIC_BUCKETS, or NULL */
};

/* What a host read at one instant, by ascending series. */
struct platform_frame {
	struct utc at;
	const char *host;
	VEC(struct platform_reading) v;
};

/* {"code":"503"}; labels sorted by name. */
const char *platform_labels_json(struct arena *, const struct pair *, size_t n);
/* Takes s->labels apart; at most two are kept. */
void platform_series_labels(struct arena *, struct platform_series *);

/* The text of a minute: [[1,20],[2,7,0.25,[1,0,6]],…]; trailing buckets of 0
 * are left out. */
void platform_frame_text(const struct platform_frame *, struct str *);
/* Fills v. What is no such text gives -1 and an empty frame. */
int platform_frame_parse(struct arena *, const char *, struct platform_frame *);
void platform_frame_sort(struct platform_frame *);
/* NULL: the host did not tell. */
const struct platform_reading *platform_frame_find(
    const struct platform_frame *, int64_t series);

/* How much a counter grew between two readings. */
double platform_increase(double before, double after);
/* Upper bound in seconds of the bucket with the q-quantile, interpolated
 * within it as Prometheus does; -1 = nothing observed. */
double platform_quantile(const double bucket[METRIC_BUCKETS], double q);

/* ---- a stretch of time -------------------------------------------------------- */

/* Gathers readings of one series and host in ascending time. */
struct platform_span {
	bool any;
	double last, last_sum, last_bucket[METRIC_BUCKETS];
	struct utc last_at;
	int64_t n;			/* readings that count */
	double low, high, total;
	double increase, seconds, bucket[METRIC_BUCKETS];
	double covered_s;		/* time between readings that counted */
};
/* counts = false: only the value from which the next one grows. */
void platform_span_add(struct platform_span *, struct utc at,
    const struct platform_reading *, bool counts);
/* Forgets what was gathered, but not the last reading. */
void platform_span_next(struct platform_span *);

#endif
