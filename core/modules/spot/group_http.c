/*
 * Auto Scaling groups over HTTP; read-only.
 */
#include "http/http.h"
#include "modules/spot/group.h"

struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *region;
	bool gone;
};
#define F struct filter_in
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	SPOT_PLACE_FILTERS(F),
	FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotGroupFilter", .doc = "Which groups",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

static int
group_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_group_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .region = p->region, .gone = p->gone,
	    .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.after) == -1 ||
	    spot_group_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_group_row, id)));
}

static int
group_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_group_row x;

	if (spot_found(spot_group_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &x, &c->err), "Group", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

const struct route spot_group_routes[] = {
	{ .id = "spot.group.list", .method = HTTP_GET,
	  .path = "/api/spot/groups", .summary = "Auto Scaling groups",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &filter_schema, .out = &spot_group_schema, .ok = 200,
	  .flags = R_LIST, .run = group_list },
	{ .id = "spot.group.get", .method = HTTP_GET,
	  .path = "/api/spot/groups/{id}", .summary = "One group",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_group_schema, .ok = 200,
	  .errors = ERRORS(404), .run = group_get },
	ROUTE_END
};
