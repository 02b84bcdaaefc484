/*
 * Spot pools and the history of their prices. A price's natural key is pool
 * and instant: writing it twice changes nothing.
 */
#ifndef SPOT_PRICE_H
#define SPOT_PRICE_H

#include "db/db.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/spot/advice.h"
#include "modules/spot/rows.h"

struct spot_account;

struct spot_price {
	const char *market, *region, *availability_zone, *instance_type;
	const char *product;
	struct utc timestamp;
	struct dec price;
	const char *src;
	int64_t pool_id;
};
/* A pool with the figures of now and the instant of each. */
struct spot_pool {
	int64_t id;
	const char *market, *region, *az, *instance_type, *product;
	struct dec price, on_demand;		/* 0 = not known */
	struct utc price_at, on_demand_at, interruption_at;
	int64_t interruption;			/* -1 = not known */
	const char *interruption_label;		/* JSON */
	double saving_percent;			/* JSON */
	/* of the type: for decisions */
	const char *arch;
	int64_t vcpu, mem_mib, gpu, nvme_gb, ebs_mbps, interfaces;
	const char *hypervisor;
	bool burstable;
};
extern const struct schema spot_price_schema, spot_pool_schema;
extern const struct query *const spot_price_queries[];
extern const struct query spot_price_export;

/* ---- rows ---------------------------------------------------------------- */

/* One price, one autocommitted statement when its pool is known. */
int spot_price_put(struct db *, const struct spot_price *, struct err *);
/* Many: pools are made as needed. */
int spot_price_put_many(struct db *, struct arena *,
    const struct spot_price *, size_t n, struct err *);
struct spot_price_filter {
	const char *market, *region, *az, *type, *product;	/* NULL = all */
	struct utc from, to;		/* 0 = open */
	int64_t pool_after;		/* page: rows behind this pool and … */
	struct utc ts_below;		/* … within it older than this */
	int64_t limit;
};
int spot_price_page(struct db *, struct arena *,
    const struct spot_price_filter *, struct rows *, struct err *);
int spot_pool_page(struct db *, struct arena *, const char *market,
    const char *region, const char *type, int64_t after, int64_t limit,
    struct rows *, struct err *);
/* All pools of a region and product, for a decision. */
int spot_pool_offers(struct db *, struct arena *, const char *market,
    const char *region, const char *product, struct spot_offer **,
    size_t *n, struct err *);
/* Is there a pool of the zone in the market? */
int spot_pool_known(struct db *, struct arena *, const char *market,
    const char *region, const char *az, bool *, struct err *);
int spot_price_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);

/* A pool in which a machine of the account runs has another price. */
struct spot_price_move {
	int64_t pool_id;
	const char *region, *az, *instance_type, *product;
	struct dec old_price, new_price;
	struct utc at;			/* since when */
};
/* Tells the account's tenant of pools of a region whose price is another by a
 * twentieth or more than it was at `since`. In the transaction that ends the
 * scan of prices. */
int spot_price_tell_moves(struct db *, struct arena *,
    const struct spot_account *, const char *region, struct utc since,
    struct err *);

/* ---- reading files (price_file.c) ---------------------------------------- */

/* What a file was and what came of it; reply of the import route. */
struct spot_price_report {
	const char *format;		/* "aws-json", "csv", "ndjson" */
	int64_t rows, bytes;
};
extern const struct schema spot_price_report_schema;

struct spot_price_sink {
	/* At most SPOT_PRICE_BATCH rows; they are gone after it returns. */
	int (*put)(void *arg, struct arena *, const struct spot_price *,
	    size_t n, struct err *);
	void *arg;
};
enum { SPOT_PRICE_BATCH = 1000 };
struct spot_price_source {
	/* Bytes as they come: 0 end, -1 error (*err set). */
	long (*read)(void *arg, void *buf, size_t n, struct err *);
	void *arg;
};
/* Recognises the form, streams rows into the sink. 422 names the line (CSV,
 * NDJSON) or the number of the record (JSON). */
int spot_price_read(struct arena *, const struct spot_price_source *,
    const struct spot_price_sink *, struct spot_price_report *,
    struct err *);

/* Reads and stores, a batch at a time. Not inside a transaction. */
int spot_price_upload(struct db *, struct arena *,
    const struct spot_price_source *, struct spot_price_report *,
    struct err *);

extern const struct event spot_price_events[];
extern const struct query *const spot_price_move_queries[];
extern const struct route spot_price_routes[];

#endif
