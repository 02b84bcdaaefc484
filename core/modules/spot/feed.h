/*
 * Facts about the market as others publish them: the spot advisor's feed, and
 * lists of on-demand prices. Read whole, stored in batches, idempotent by
 * their natural keys; an older fact never replaces a newer one.
 */
#ifndef SPOT_FEED_H
#define SPOT_FEED_H

#include "db/db.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/schedule.h"
#include "modules/spot/catalog.h"

enum { SPOT_FEED_MAX = 32 << 20, SPOT_FEED_ROWS = 200000 };

/* {"spot_advisor":{region:{"Linux":{type:{"r":0-4,"s":percent}}}}} */
int spot_feed_advisor(struct arena *, const char *text, size_t n,
    struct utc asof, struct spot_advisor **, size_t *rows, struct err *);
/* {region:{type:USD}}, or the same as "prices" of an object. */
int spot_feed_prices(struct arena *, const char *text, size_t n,
    struct utc asof, const char *src, struct spot_od_price **, size_t *rows,
    struct err *);

struct spot_feed_report {
	const char *feed;
	int64_t rows, regions;
	struct utc asof;
};
extern const struct schema spot_feed_report_schema;
/* Reads and stores: feed "advisor" or "on-demand". Batches of 1,000, one
 * statement each. */
int spot_feed_store(struct db *, struct arena *, const char *feed,
    const char *text, size_t n, struct utc asof, const char *src,
    struct spot_feed_report *, struct err *);

/* What was pulled last. */
struct spot_feed_mark {
	const char *feed, *url, *etag;
	int64_t n;			/* rows */
	struct utc pulled_at, checked_at;
};
extern const struct schema spot_feed_mark_schema;
extern const struct query *const spot_feed_queries[];
int spot_feed_mark_get(struct db *, struct arena *, const char *feed,
    struct spot_feed_mark *, struct err *);
int spot_feed_mark_put(struct db *, const struct spot_feed_mark *,
    struct err *);

extern const struct route spot_feed_routes[];
extern const struct job spot_feed_jobs[];
extern const struct schedule spot_feed_schedules[];

#endif
