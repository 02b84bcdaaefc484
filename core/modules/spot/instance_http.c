/*
 * Instances over HTTP; read-only.
 */
#include "http/http.h"
#include "modules/spot/instance.h"

struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *region, *lifecycle, *type, *state;
	bool stale, has_stale, gone;
};
#define F struct filter_in
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	SPOT_PLACE_FILTERS(F),
	FIELD(F, lifecycle, .flags = FF_NULLABLE, .oneof = ONEOF("on-demand",
	    "spot", "scheduled", "capacity-block"), .doc = "Only these"),
	FIELD(F, type, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this instance type"),
	FIELD(F, state, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Only in this state"),
	FIELD(F, stale, FIELD_HAS(F, has_stale), .flags = FF_NULLABLE,
	    .doc = "Only stale ones, or only fresh ones"),
	FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotInstanceFilter", .doc = "Which instances",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

static int
instance_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_instance_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .region = p->region,
	    .lifecycle = p->lifecycle, .type = p->type, .state = p->state,
	    .stale = p->has_stale ? p->stale : -1, .gone = p->gone,
	    .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.after) == -1 ||
	    spot_instance_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_instance, id)));
}

static int
instance_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_instance i;

	if (spot_found(spot_instance_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &i, &c->err), "Instance", &c->err) == -1)
		return fail_err(c);
	return reply(c, &i);
}

const struct route spot_instance_routes[] = {
	{ .id = "spot.instance.list", .method = HTTP_GET,
	  .path = "/api/spot/instances", .summary = "Instances",
	  .aliases = ALIASES(
	  { "/api/v1/lab/instances", "001", false }),
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &filter_schema, .out = &spot_instance_schema, .ok = 200,
	  .flags = R_LIST, .run = instance_list },
	{ .id = "spot.instance.get", .method = HTTP_GET,
	  .path = "/api/spot/instances/{id}", .summary = "One instance",
	  .aliases = ALIASES(
	  { "/api/v1/lab/instances/{id}", "001", false }),
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_instance_schema, .ok = 200,
	  .errors = ERRORS(404), .run = instance_get },
	ROUTE_END
};
