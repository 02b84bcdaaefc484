/*
 * Samples: a value a minute of each metric whose past is kept (struct history)
 * and of the host and its processes. Raw minutes for a week, hours for a
 * quarter. The host reads itself; the roll-up is one for all.
 */
#ifndef PLATFORM_SAMPLE_H
#define PLATFORM_SAMPLE_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/platform/series.h"

/* ---- what there is to sample (sample.c, sample_file.c) ------------------------ */

/* A value before its series has a number. */
struct platform_value {
	const char *name, *kind;
	struct pair label[2];
	size_t nlabels;
	double v, sum;
	double *bucket;			/* histogram */
};
struct platform_take {
	struct arena *a;
	VEC(struct platform_value) v;
};
/* Adds to the value with this name and labels, or makes it. */
void platform_take_add(struct platform_take *, const struct metric_cell *,
    const char *by);
void platform_take_put(struct platform_take *, const char *name,
    const char *kind, const char *label, const char *value, double v);
/* "*", the label's name, or NULL; false = not kept. */
bool platform_history_of(const struct module *const *, const char *metric,
    const char **by);

/* Numbers of /proc, by their texts; 0 when they are not there. */
struct platform_host_facts {
	double load1, cpu_busy_s, cpu_idle_s;
	double memory_total, memory_available;	/* bytes */
	double net_in, net_out;			/* bytes, without loopback */
	double disk_total, disk_free;		/* bytes, of base.dir */
	double cert_expiry_s;			/* of platform.certificate */
	bool has_cert;
};
void platform_stat_parse(const char *, struct platform_host_facts *);
void platform_meminfo_parse(const char *, struct platform_host_facts *);
void platform_netdev_parse(const char *, struct platform_host_facts *);
void platform_host_read(struct env *, struct platform_host_facts *);
/* Our processes by pool: resident bytes, open files, CPU since last asked. */
struct platform_program {
	const char *pool;
	int64_t processes, resident, files;
	double cpu;			/* cores in use; -1 = not known yet */
};
size_t platform_programs(struct env *, struct arena *,
    struct platform_program **);
/* Everything, from this host. Sets the host's gauges on the way. */
void platform_take_all(struct env *, struct platform_take *);
/* Only what the segment knows; sets nothing. */
void platform_take_segment(struct env *, struct platform_take *);
const char *platform_host_name(void);

extern const struct metric platform_host_load1, platform_host_memory,
    platform_host_memory_available, platform_disk_free,
    platform_disk_free_ratio, platform_cert_expiry;

/* ---- rows ------------------------------------------------------------------------ */

struct platform_sample {
	struct utc at;
	const char *host, *body;
};
struct platform_hour {
	int64_t series_id;
	struct utc at;
	const char *host;
	int64_t n;
	double low, high, mean, increase, seconds;
	const char *buckets;		/* "[1,0,6]" or "" */
};
extern const struct schema platform_series_schema, platform_sample_schema,
    platform_hour_schema;
extern const struct query *const platform_sample_queries[];
extern const struct table platform_sample_tables[];

int platform_series_all(struct db *, struct arena *, struct rows *,
    struct err *);
int platform_series_put(struct db *, const struct platform_value *,
    const char *labels, struct err *);
int platform_sample_put(struct db *, const struct platform_sample *,
    struct err *);
/* Ascending; fn as for db_each(). host NULL: all. */
int platform_sample_each(struct db *, struct arena *, struct utc from,
    struct utc to, const char *host, int (*fn)(void *, const void *,
    struct err *), void *, struct err *);
int platform_sample_oldest(struct db *, struct arena *, struct utc from,
    struct utc *at, struct err *);
int platform_sample_purge(struct db *, struct utc before,
    struct utc hours_before, struct err *);
int platform_hour_last(struct db *, struct arena *, struct utc *at,
    struct err *);
int platform_hour_put(struct db *, const struct platform_hour *, size_t n,
    struct err *);
int platform_hour_each(struct db *, struct arena *, const char *metric,
    struct utc from, struct utc to, int (*fn)(void *, const void *,
    struct err *), void *, struct err *);

/* ---- use-cases ------------------------------------------------------------------- */

/* Numbers for all values: a frame with our series. New series become rows. */
int platform_frame_of(struct db *, struct arena *,
    const struct platform_take *, struct platform_frame *, struct err *);
/* One minute of this host; again in the same minute changes nothing. */
int platform_sample_now(struct env *, struct arena *, struct utc now,
    struct err *);
/* Turns whole hours round, at most max of them; *done counts. lease may be
 * NULL. Deletes what is older than its time. */
int platform_rollup(struct env *, struct arena *, const struct lease *,
    struct utc now, size_t max, size_t *done, struct err *);

/* History of one metric. */
struct platform_history_in {
	const char *metric, *host;	/* host NULL: all */
	struct utc from, to;
	int64_t step_s;			/* 0: chosen */
};
struct platform_point {
	struct utc at;			/* start of the step */
	double value;			/* gauge: mean; others: per second */
	double low, high;		/* gauge; NaN: not known */
	double mean_s, p50, p95, p99;	/* histogram; NaN */
};
struct platform_line {
	const char *host;
	struct json labels;
	struct list points;
};
struct platform_past {
	const char *metric, *kind, *source;
	struct utc from, to;
	int64_t step_s;
	struct list series;		/* struct platform_line */
};
extern const struct schema platform_past_schema;
enum { HISTORY_POINTS = 1500, HISTORY_LINES = 200 };
/* 404 unknown metric, 422 a range with too many points. */
int platform_history(struct env *, struct db *, struct arena *,
    const struct platform_history_in *, struct platform_past *, struct err *);
void platform_past_csv(const struct platform_past *, struct str *);

extern const struct loop platform_sample_loops[];
extern const struct route platform_sample_routes[];
extern const struct history platform_histories[];

#endif
