/*
 * The work after a scan. Everything here reads what scans stored and writes
 * what people see; nothing here talks to the cloud. Invariant: the digest is
 * stored in the same transaction as the findings it counts.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/governance.h"
#include "modules/spot/health_ops.h"
#include "modules/spot/settle.h"
#include "modules/spot/summary.h"
#include "modules/spot/waste.h"
#include "shm/shm.h"

static const struct metric spot_assets = { "spot_assets",
    "Volumes, snapshots and the like known and not gone", METRIC_GAUGE,
    { NULL, NULL } };
static const struct metric spot_unauthorized = { "spot_unauthorized",
    "Instances that nobody has authorized", METRIC_GAUGE, { NULL, NULL } };
static const struct metric spot_waste_items = { "spot_waste_items",
    "Things that cost and are not used", METRIC_GAUGE, { NULL, NULL } };
static const struct metric spot_waste_usd = { "spot_waste_usd_month",
    "What unused things cost a month", METRIC_MICRO, { NULL, NULL } };
static const struct metric spot_savings_usd = { "spot_savings_usd_hour",
    "What spot instances save an hour against on demand", METRIC_MICRO,
    { NULL, NULL } };
const struct metric *const spot_settle_metrics[] = {
	&spot_assets, &spot_unauthorized, &spot_waste_items, &spot_waste_usd,
	&spot_savings_usd, NULL
};

static int
refresh_gauges(struct db *db, struct arena *a, struct err *e)
{
	struct spot_digest_sum t = { 0 };

	if (spot_digest_total(db, a, &t, e) == -1)
		return -1;
	metric_set(&spot_instances, 0, 0, t.instances);
	metric_set(&spot_assets, 0, 0, t.assets);
	metric_set(&spot_unauthorized, 0, 0, t.unauthorized);
	metric_set(&spot_waste_items, 0, 0, t.waste_items);
	metric_set(&spot_waste_usd, 0, 0, t.waste_monthly.e8 / 100);
	metric_set(&spot_savings_usd, 0, 0, t.hourly_savings.e8 / 100);
	return 0;
}

static int
check_health(struct env *env, struct db *db, struct arena *a,
    struct spot_digest *d)
{
	static const char *const words[] = { "ok", "degraded", "down",
	    "disabled" };
	struct env here = *env;
	struct probe p = { .state = PROBE_OK };

	here.db = db;
	spot_inventory_probe(&here, &p);
	d->health = words[p.state];
	d->health_detail = arena_strdup(a, p.detail);
	return 0;
}

static int
count(struct db *db, struct arena *a, struct spot_digest *d, struct err *e)
{
	struct spot_summary s;
	struct rows alike;

	if (spot_summary_load(db, a, d->tenant_id, d->account_id, &s, &alike,
	    e) == -1 || spot_digest_count(db, a, d->account_id, d, e) == -1)
		return -1;
	d->nodes = s.nodes;
	d->running = s.running;
	d->spot = s.spot;
	d->stale = s.stale;
	d->hourly_cost = s.hourly_cost;
	d->hourly_savings = s.hourly_savings;
	d->coverage = s.coverage;
	return 0;
}

int
spot_settle(struct env *env, struct db *db, struct arena *a,
    struct uuid tenant, struct uuid account, struct uuid scan, struct utc now,
    struct spot_digest *d, struct err *e)
{
	struct spot_waste_sum w = { 0 };
	struct spot_account acc;

	*d = (struct spot_digest){ .account_id = account,
	    .tenant_id = tenant, .scan_id = scan, .at = now };
	if (spot_found(spot_account_lock(db, a, tenant, account, &acc, e),
	    "Account", e) == -1 ||
	    spot_governance_review(env, db, a, &acc, now, e) == -1 ||
	    spot_waste_refresh(db, a, &acc, now, &w, e) == -1 ||
	    count(db, a, d, e) == -1 || check_health(env, db, a, d) == -1)
		return -1;
	d->waste_items = w.items;
	d->waste_monthly = w.monthly;
	if (spot_digest_put(db, d, e) == -1)
		return -1;
	return refresh_gauges(db, a, e);
}
