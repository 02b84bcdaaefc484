/*
 * The inbox over HTTP.
 */
#include "http/ctx.h"
#include "modules/platform/approval.h"

struct list_in {
	struct page_in page;
	const char *state, *module;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, state, .flags = FF_NULLABLE,
	    .oneof = ONEOF("pending", "approved", "rejected", "expired",
	    "withdrawn", "executed"), .doc = "Only in this state"),
	FIELD(struct list_in, module, .flags = FF_NULLABLE, .max = 32,
	    .doc = "Only of this system"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "ApprovalPage", .doc = "Page of the inbox, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct verdict_in {
	struct uuid id;
	const char *comment, *digest;
};
static const struct field verdict_fields[] = {
	FIELD(struct verdict_in, id, .flags = FF_REQUIRED,
	    .doc = "Approval"),
	FIELD(struct verdict_in, comment, .max = 1000, .def = "\"\"",
	    .doc = "What to say to the author"),
	FIELD(struct verdict_in, digest, .flags = FF_NULLABLE, .max = 64,
	    .doc = "plan_digest of the plan that was read; needed for a yes"),
	FIELD_END
};
static const struct schema verdict_schema = {
	.name = "Verdict", .doc = "Yes or no to a plan",
	.size = sizeof(struct verdict_in), .fields = verdict_fields
};

static int
approval_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct platform_approval_filter f = { .tenant = c->who.tenant_id,
	    .state = i->state, .module = i->module,
	    .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    platform_approval_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_approval, id)));
}

static int
approval_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_approval p;

	if (db_found(platform_approval_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &p, &c->err), "Approval", &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

static int
decide(struct ctx *c, const struct verdict_in *i, bool yes)
{
	struct platform_verdict v = { i->id, yes, i->comment, i->digest };
	struct platform_approval p;

	ctx_target_id(c, "approval", i->id);
	if (platform_approval_decide(c->db, c->a, &c->who, &v, c->now, &p,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

static int
approve(struct ctx *c, const void *in)
{
	return decide(c, in, true);
}

static int
reject(struct ctx *c, const void *in)
{
	return decide(c, in, false);
}

const struct route platform_approval_routes[] = {
	{ .id = "system.approval.list", .method = HTTP_GET,
	  .path = "/api/system/approvals", .aliases = ALIASES(
	  { "/api/v1/approvals/pending", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "approvals:read", .in = &list_schema,
	  .out = &platform_approval_schema, .ok = 200, .flags = R_LIST,
	  .run = approval_list, .summary = "The inbox, newest first" },
	{ .id = "system.approval.get", .method = HTTP_GET,
	  .path = "/api/system/approvals/{id}", .auth = AUTH_USER,
	  .permission = "approvals:read", .in = &id_in_schema,
	  .out = &platform_approval_schema, .ok = 200, .errors = ERRORS(404),
	  .run = approval_get, .summary = "One plan with its digest" },
	{ .id = "system.approval.approve", .method = HTTP_POST,
	  .path = "/api/system/approvals/{id}/approve", .aliases = ALIASES(
	  { "/api/v1/approvals/{id}/approve", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "approvals:decide", .in = &verdict_schema,
	  .out = &platform_approval_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .run = approve, .summary = "Say yes to exactly this plan",
	  .doc = "The author of a plan cannot approve it. High and critical "
	  "risks need approvals:high." },
	{ .id = "system.approval.reject", .method = HTTP_POST,
	  .path = "/api/system/approvals/{id}/reject", .aliases = ALIASES(
	  { "/api/v1/approvals/{id}/reject", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "approvals:decide", .in = &verdict_schema,
	  .out = &platform_approval_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = reject, .summary = "Say no" },
	ROUTE_END
};
