/*
 * Finding waste in an account's assets, page by page. Refuses to resolve what
 * it did not look at: findings that a stale row carries stay.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/random.h"
#include "modules/spot/rows.h"
#include "modules/spot/waste.h"

#define DAY_US (INT64_C(86400) * US_PER_S)

struct told {
	struct uuid account_id;
	int64_t items;
	struct dec monthly;
};
static const struct field told_fields[] = {
	FIELD(struct told, account_id, .doc = "Account"),
	FIELD(struct told, items, .doc = "Things that cost and are not used"),
	FIELD(struct told, monthly, .doc = "What they cost, USD a month"),
	FIELD_END
};
static const struct schema told_schema = {
	.name = "SpotWasteFound", .doc = "Waste of an account",
	.size = sizeof(struct told), .fields = told_fields
};
const struct event spot_waste_events[] = {
	{ .name = "spot.waste", .doc = "What an account wastes has changed",
	  .payload = &told_schema, .permission = "spot:read",
	  .flags = EV_STATE },
	EVENT_END
};

struct finding {
	struct db *db;
	struct arena *a;
	const struct spot_account *acc;
	struct utc now;
	struct map *imaged;		/* "region/snap-…" */
};

static const char *
place(struct arena *a, const char *region, const char *id)
{
	return arena_printf(a, "%s/%s", region, id);
}

static int
load_images(struct finding *f, struct err *e)
{
	struct rows rows;

	f->imaged = map_new(f->a);
	if (spot_waste_imaged(f->db, f->a, f->acc->id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_asset *x = ROW(&rows, struct spot_asset, i);
		struct list ids = spot_names_split(f->a, x->source);
		const char *const *id = ids.items;

		for (size_t k = 0; k < ids.n; k++)
			map_put(f->imaged, place(f->a, x->region, id[k]), f);
	}
	return 0;
}

/* One page in memory of its own; 1 when it was the last. */
static int
judge_rows(struct finding *f, struct arena *a, struct uuid *after,
    struct err *e)
{
	struct utc old = { f->now.us - SPOT_SNAPSHOT_OLD_DAYS * DAY_US };
	struct spot_waste *w;
	struct rows rows;
	size_t n = 0;

	if (spot_waste_candidates(f->db, a, f->acc->id, *after, old, &rows,
	    e) == -1)
		return -1;
	if (rows.n == 0)
		return 1;
	w = arena_array(a, rows.n, sizeof(*w));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_asset *x = ROW(&rows, struct spot_asset, i);
		bool imaged = strcmp(x->kind, "snapshot") == 0 && map_get(
		    f->imaged, place(a, x->region, x->asset_id)) != NULL;

		*after = x->id;
		n += spot_waste_judge(a, x, imaged, f->now, &w[n]);
	}
	return spot_waste_put(f->db, a, w, n, e);
}

static int
judge_page(struct finding *f, struct uuid *after, struct err *e)
{
	struct arena *a = arena_new((size_t)64 << 20);
	int rc = judge_rows(f, a, after, e);

	arena_free(a);
	return rc;
}

static int
sum_up(struct finding *f, struct spot_waste_sum *out, struct err *e)
{
	struct rows rows;

	*out = (struct spot_waste_sum){ 0 };
	if (spot_waste_kinds(f->db, f->a, f->acc->tenant_id, f->acc->id,
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_waste_kind *k = ROW(&rows,
		    struct spot_waste_kind, i);

		out->items += k->items;
		out->monthly.e8 += k->monthly.e8;
	}
	return 0;
}

int
spot_waste_refresh(struct db *db, struct arena *a,
    const struct spot_account *acc, struct utc now,
    struct spot_waste_sum *out, struct err *e)
{
	struct finding f = { .db = db, .a = a, .acc = acc, .now = now };
	struct uuid after = { { 0 } };
	struct spot_waste_sum before;
	char id[UUID_TEXT];
	int rc = 0;

	if (load_images(&f, e) == -1 || sum_up(&f, &before, e) == -1)
		return -1;
	while (rc == 0)
		rc = judge_page(&f, &after, e);
	if (rc == -1 || spot_waste_resolve(db, acc->id, now, e) == -1 ||
	    sum_up(&f, out, e) == -1)
		return -1;
	if (out->items == before.items &&
	    out->monthly.e8 == before.monthly.e8)
		return 0;
	return event_publish(db, &spot_waste_events[0], acc->tenant_id,
	    uuid_format(acc->id, id), 0, &(struct told){ acc->id, out->items,
	    out->monthly }, e);
}
