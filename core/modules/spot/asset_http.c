/*
 * Assets over HTTP; read-only.
 */
#include "http/http.h"
#include "modules/spot/asset.h"

struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *region, *kind, *state;
	bool idle, has_idle, gone;
};
#define F struct filter_in
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	SPOT_PLACE_FILTERS(F),
	FIELD(F, kind, .flags = FF_NULLABLE, .oneof = ONEOF("volume",
	    "snapshot", "image", "address", "interface", "template"),
	    .doc = "Only these"),
	FIELD(F, state, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Only in this state"),
	FIELD(F, idle, FIELD_HAS(F, has_idle), .flags = FF_NULLABLE,
	    .doc = "Only what nothing uses, or only what is used"),
	FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotAssetFilter", .doc = "Which assets",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

static int
asset_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_asset_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .region = p->region, .kind = p->kind,
	    .state = p->state, .idle = p->has_idle ? p->idle : -1,
	    .gone = p->gone, .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.after) == -1 ||
	    spot_asset_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_asset, id)));
}

static int
asset_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_asset x;

	if (spot_found(spot_asset_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &x, &c->err), "Asset", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

const struct route spot_asset_routes[] = {
	{ .id = "spot.asset.list", .method = HTTP_GET,
	  .path = "/api/spot/assets", .summary = "Volumes, snapshots, images, "
	  "addresses, interfaces, launch templates",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &filter_schema, .out = &spot_asset_schema, .ok = 200,
	  .flags = R_LIST, .run = asset_list },
	{ .id = "spot.asset.get", .method = HTTP_GET,
	  .path = "/api/spot/assets/{id}", .summary = "One asset",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_asset_schema, .ok = 200,
	  .errors = ERRORS(404), .run = asset_get },
	ROUTE_END
};
