/*
 * Waste over HTTP: the findings, their sums, and what is to be ignored.
 */
#include <string.h>

#include "base/str.h"
#include "http/http.h"
#include "modules/spot/waste.h"

struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *kind, *state;
	bool ignored, has_ignored;
};
#define F struct filter_in
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	FIELD(F, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"),
	FIELD(F, kind, .flags = FF_NULLABLE, .oneof = ONEOF("volume",
	    "snapshot", "address", "interface"), .doc = "Only these"),
	FIELD(F, state, .oneof = ONEOF("detected", "resolved"),
	    .def = "\"detected\"", .doc = "What is, or what was"),
	FIELD(F, ignored, FIELD_HAS(F, has_ignored), .flags = FF_NULLABLE,
	    .doc = "Only what is ignored, or what is not"),
	FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotWasteFilter", .doc = "Which findings",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

static int
waste_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_waste_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .kind = p->kind, .state = p->state,
	    .ignored = p->has_ignored ? p->ignored : -1,
	    .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.after) == -1 ||
	    spot_waste_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_waste, id)));
}

static int
waste_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_waste x;

	if (spot_found(spot_waste_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &x, &c->err), "Finding", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

/* ---- sums ---------------------------------------------------------------------- */

struct sum_in {
	struct uuid account_id;
};
static const struct field sum_in_fields[] = {
	FIELD(struct sum_in, account_id, .flags = FF_NULLABLE,
	    .ref = "spot_account", .doc = "Only of this account"), FIELD_END
};
static const struct schema sum_in_schema = {
	.name = "SpotWasteSumOf", .doc = "Of which account",
	.size = sizeof(struct sum_in), .fields = sum_in_fields
};
struct sum_out {
	int64_t items;
	struct dec monthly;
	const char *basis;
	struct list kinds;
};
static const struct field sum_fields[] = {
	FIELD(struct sum_out, items, .doc = "Detected and not ignored"),
	FIELD(struct sum_out, monthly, .doc = "What they cost, USD a month"),
	FIELD(struct sum_out, basis, .doc = "Where the prices come from"),
	FIELD(struct sum_out, kinds, .sub = &spot_waste_kind_schema,
	    .doc = "By kind"),
	FIELD_END
};
static const struct schema sum_schema = {
	.name = "SpotWasteSummary", .doc = "Waste in numbers",
	.size = sizeof(struct sum_out), .fields = sum_fields
};

static int
waste_sum(struct ctx *c, const void *in)
{
	const struct sum_in *p = in;
	struct sum_out out = { .basis = "list prices of us-east-1, 730 hours "
	    "a month; snapshots at their full size" };
	struct rows rows;

	if (spot_waste_kinds(c->db, c->a, c->who.tenant_id, p->account_id,
	    &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_waste_kind *k = ROW(&rows,
		    struct spot_waste_kind, i);

		out.items += k->items;
		out.monthly.e8 += k->monthly.e8;
	}
	out.kinds = (struct list){ rows.v, rows.n };
	return reply(c, &out);
}

/* ---- ignoring ------------------------------------------------------------------ */

struct ignore_in {
	struct uuid id;
	const char *reason;
};
static const struct field ignore_fields[] = {
	FIELD(struct ignore_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct ignore_in, reason, .flags = FF_REQUIRED, .min = 1,
	    .max = 500, .example = "\"kept for the audit of May\"",
	    .doc = "Why it is wanted"),
	FIELD_END
};
static const struct schema ignore_schema = {
	.name = "SpotWasteIgnore", .doc = "A finding that is to be ignored",
	.size = sizeof(struct ignore_in), .fields = ignore_fields
};

static int
set_ignored(struct ctx *c, struct uuid id, const char *why)
{
	struct spot_waste x;

	if (spot_found(spot_waste_by_id(c->db, c->a, c->who.tenant_id, id,
	    &x, &c->err), "Finding", &c->err) == -1)
		return fail_err(c);
	x.ignored = why != NULL;
	x.ignored_by = why != NULL ? c->who.name : "";
	x.ignored_why = why != NULL ? why : "";
	x.ignored_at = why != NULL ? c->now : (struct utc){ 0 };
	if (spot_waste_ignore(c->db, &x, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_waste", id);
	return reply(c, &x);
}

static int
waste_ignore(struct ctx *c, const void *in)
{
	const struct ignore_in *p = in;

	return set_ignored(c, p->id, p->reason);
}

static int
waste_mind(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;

	return set_ignored(c, p->id, NULL);
}

const struct route spot_waste_routes[] = {
	{ .id = "spot.waste.list", .method = HTTP_GET,
	  .path = "/api/spot/waste", .summary = "What costs and is not used",
	  .doc = "Recommendations: nothing is deleted from here.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &filter_schema,
	  .out = &spot_waste_schema, .ok = 200, .flags = R_LIST,
	  .run = waste_list },
	{ .id = "spot.waste.summary", .method = HTTP_GET,
	  .path = "/api/spot/waste/summary", .summary = "Waste in numbers",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &sum_in_schema,
	  .out = &sum_schema, .ok = 200, .run = waste_sum },
	{ .id = "spot.waste.get", .method = HTTP_GET,
	  .path = "/api/spot/waste/{id:uuid}", .summary = "One finding",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_waste_schema, .ok = 200,
	  .errors = ERRORS(404), .run = waste_get },
	{ .id = "spot.waste.ignore", .method = HTTP_POST,
	  .path = "/api/spot/waste/{id:uuid}/ignore",
	  .summary = "Leave a finding out of sums and lists",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &ignore_schema, .out = &spot_waste_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .run = waste_ignore },
	{ .id = "spot.waste.mind", .method = HTTP_DELETE,
	  .path = "/api/spot/waste/{id:uuid}/ignore",
	  .summary = "Count a finding again", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &spot_id_in_schema,
	  .out = &spot_waste_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = waste_mind },
	ROUTE_END
};
