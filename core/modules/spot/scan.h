/*
 * Scans of an account: queued by a request or by the clock, run by
 * quincunx-discover in shards, one per region and service. A page's rows and
 * the token of the next page are one transaction, so a crash repeats at most
 * a page; nothing is swept but what a complete shard did not see.
 */
#ifndef SPOT_SCAN_H
#define SPOT_SCAN_H

#include "db/db.h"
#include "db/env.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/spot/account.h"

struct metric;

enum { SPOT_TAKEOVER_S = 600 };

struct spot_scan {
	struct uuid id, tenant_id, account_id;
	int64_t generation;		/* grows over all kinds */
	const char *kind;		/* "inventory", "prices", "fleet" */
	const char *state;		/* queued running complete partial failed */
	const char *requested_by;
	int64_t wanted, done;
	double coverage;
	int64_t instances, assets, added, changed, gone;
	const char *error;
	struct utc started_at, finished_at, created_at;
	struct list shards;		/* JSON of one scan */
};
struct spot_shard {
	struct uuid scan_id;
	const char *region, *service, *state;
	const char *page_token;		/* NULL = first page */
	int64_t pages, items;
	const char *error_code, *error;
	int64_t attempts;
	struct utc updated_at;
};
extern const struct schema spot_scan_schema, spot_shard_schema;
extern const struct query *const spot_scan_queries[];

/* ---- rows ---------------------------------------------------------------- */

/* Queues a scan; when one of this kind waits or runs, that one. Inside or
 * outside a transaction. */
int spot_scan_queue(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *kind, const char *requested_by,
    struct utc now, struct spot_scan *, struct err *);
int spot_scan_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_scan *, struct err *);
int spot_scan_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct uuid before, int64_t limit, struct rows *,
    struct err *);
/* The last scan of a kind; 1 = none yet. */
int spot_scan_last(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *kind, struct spot_scan *, struct err *);
/* When the last complete scan of the kind began; 0 = never. */
int spot_scan_complete_at(struct db *, struct arena *, struct uuid account,
    const char *kind, struct utc *, struct err *);
/* Scans nobody works at, over all tenants: fleets, then inventories, then
 * prices, oldest first. */
int spot_scan_waiting(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
/* 0 ours, 1 somebody else was faster. */
int spot_scan_take(struct db *, struct uuid id, struct uuid holder,
    struct utc now, struct err *);
/* Renews; 409 "scan_lost" when it is no longer ours. */
int spot_scan_hold(struct db *, struct uuid id, struct uuid holder,
    struct utc now, struct err *);
int spot_scan_finish(struct db *, const struct spot_scan *,
    struct uuid holder, struct err *);
/* Least recent last scan of the connected accounts, and the most overdue
 * next one; 0 = there is no account. */
int spot_scan_oldest(struct db *, struct arena *, struct utc *at,
    struct utc *due, struct err *);
int spot_shard_insert(struct db *, const struct spot_shard *, size_t n,
    struct arena *, struct err *);
int spot_shard_all(struct db *, struct arena *, struct uuid scan,
    struct rows *, struct err *);
int spot_shard_update(struct db *, const struct spot_shard *, struct err *);

/* ---- use-cases ----------------------------------------------------------- */

/* 404; 409 unless the account is connected. Queues inside a transaction. */
int spot_scan_request(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, const char *kind, const char *by, struct utc now,
    struct spot_scan *, struct err *);

/* Requests a scan and runs it here, to its end; when another process has it,
 * 503 "busy". Not inside a transaction. */
int spot_scan_now(struct env *, struct arena *, struct uuid tenant,
    struct uuid account, const char *kind, const char *by,
    struct spot_scan *, struct err *);

extern const struct metric spot_scans_total, spot_instances;
extern const struct route spot_scan_routes[];
extern const struct loop spot_scan_loops[];

#endif
