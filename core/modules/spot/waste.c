/*
 * What is waste, and what it costs. Pure. Refuses to call a thing idle for
 * longer than somebody has watched it, unless it was idle when it was first
 * seen: then its own age is the measure, and the reason says so.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "modules/spot/waste.h"

#define DAY_US (INT64_C(86400) * US_PER_S)
/* 10^-4 USD */
#define E4(n) ((n) * (DEC_ONE / 10000))

static const struct volume_price {
	const char *type;
	int64_t gb_e4;			/* a GiB-month */
	int64_t iops_e4, iops_free;	/* a provisioned operation */
} volumes[] = {
	{ "gp3", 800, 50, 3000 }, { "gp2", 1000, 0, 0 },
	{ "io1", 1250, 650, 0 }, { "io2", 1250, 650, 0 },
	{ "st1", 450, 0, 0 }, { "sc1", 150, 0, 0 },
	{ "standard", 500, 0, 0 }
};
enum { SNAPSHOT_E4 = 500, ARCHIVE_E4 = 125 };
/* 0.005 USD an hour, 730 hours */
static const struct dec address_month = { E4(36500) };

struct dec
spot_volume_monthly(const char *type, int64_t gb, int64_t iops)
{
	const struct volume_price *p = &volumes[0];
	int64_t e4;

	for (size_t i = 0; i < NITEMS(volumes); i++)
		if (strcmp(volumes[i].type, type) == 0)
			p = &volumes[i];
	if (gb < 0 || gb > 1000000 || iops < 0 || iops > 10000000)
		return (struct dec){ 0 };
	e4 = gb * p->gb_e4;
	if (iops > p->iops_free)
		e4 += (iops - p->iops_free) * p->iops_e4;
	return (struct dec){ E4(e4) };
}

struct dec
spot_snapshot_monthly(const char *tier, int64_t gb)
{
	if (gb < 0 || gb > 1000000)
		return (struct dec){ 0 };
	return (struct dec){ E4(gb * (strcmp(tier, "archive") == 0 ?
	    ARCHIVE_E4 : SNAPSHOT_E4)) };
}

/* Days without use, and whether somebody saw it used before. */
static int64_t
idle_days(const struct spot_asset *x, struct utc now, bool *watched)
{
	struct utc since = x->idle_since;

	*watched = since.us > x->first_seen.us;
	if (!*watched && x->created_at.us != 0 && x->created_at.us < since.us)
		since = x->created_at;
	return now.us > since.us ? (now.us - since.us) / DAY_US : 0;
}

static const char *
idle_text(struct arena *a, const char *what, int64_t days, bool watched)
{
	return watched ? arena_printf(a, "%s, for %lld days", what,
	    (long long)days) : arena_printf(a, "%s since it was first seen; "
	    "it is %lld days old", what, (long long)days);
}

static bool
judge_snapshot(struct arena *a, const struct spot_asset *x, bool imaged,
    struct utc now, struct spot_waste *w)
{
	w->days_unused = x->created_at.us == 0 ? 0 :
	    (now.us - x->created_at.us) / DAY_US;
	if (imaged || w->days_unused < SPOT_SNAPSHOT_OLD_DAYS)
		return false;
	w->monthly_cost = spot_snapshot_monthly(x->subtype, x->size_gb);
	w->reason = arena_printf(a, "Snapshot of %lld GiB, %lld days old, no "
	    "image is made of it; at most this cost, as snapshots share "
	    "blocks", (long long)x->size_gb, (long long)w->days_unused);
	return true;
}

static bool
judge_idle(struct arena *a, const struct spot_asset *x, struct utc now,
    struct spot_waste *w)
{
	bool watched;

	w->days_unused = idle_days(x, now, &watched);
	if (strcmp(x->kind, "volume") == 0) {
		if (w->days_unused < SPOT_VOLUME_IDLE_DAYS)
			return false;
		w->monthly_cost = spot_volume_monthly(x->subtype, x->size_gb,
		    x->iops);
		w->reason = idle_text(a, arena_printf(a, "Volume of %lld GiB "
		    "(%s) attached to nothing", (long long)x->size_gb,
		    x->subtype), w->days_unused, watched);
	} else if (strcmp(x->kind, "address") == 0) {
		w->monthly_cost = address_month;
		w->reason = arena_printf(a, "Address %s belongs to nothing, "
		    "for at least %lld days", x->detail,
		    (long long)w->days_unused);
	} else {
		w->reason = idle_text(a, "Network interface attached to "
		    "nothing: free, but it counts against the quota and holds "
		    "its security groups", w->days_unused, watched);
	}
	return true;
}

bool
spot_waste_judge(struct arena *a, const struct spot_asset *x, bool imaged,
    struct utc now, struct spot_waste *w)
{
	*w = (struct spot_waste){ .tenant_id = x->tenant_id,
	    .account_id = x->account_id, .region = x->region,
	    .kind = x->kind, .resource_id = x->asset_id, .name = x->name,
	    .reason = "", .state = "detected", .ignored_by = "",
	    .ignored_why = "", .detected_at = now, .seen_at = now };
	if (x->managed || x->gone_at.us != 0)
		return false;
	if (strcmp(x->kind, "snapshot") == 0)
		return judge_snapshot(a, x, imaged, now, w);
	if (x->idle_since.us == 0 || strcmp(x->kind, "image") == 0 ||
	    strcmp(x->kind, "template") == 0)
		return false;
	return judge_idle(a, x, now, w);
}
