/*
 * Errors over HTTP. They tell of every tenant's requests, so they are for
 * those who run the installation.
 */
#include "http/ctx.h"
#include "modules/platform/error.h"

struct list_in {
	struct page_in page;
	const char *status, *place;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, status, .flags = FF_NULLABLE,
	    .oneof = ONEOF("open", "resolved", "muted"),
	    .doc = "Only with this status"),
	FIELD(struct list_in, place, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this route, job type or component"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "ErrorPage", .doc = "Page of errors, latest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct act_in {
	struct uuid id;
	const char *action;
};
static const struct field act_fields[] = {
	FIELD(struct act_in, id, .flags = FF_REQUIRED, .doc = "Identifier"),
	FIELD(struct act_in, action, .flags = FF_REQUIRED,
	    .oneof = ONEOF("resolve", "mute", "reopen"),
	    .doc = "What to do"),
	FIELD_END
};
static const struct schema act_schema = {
	.name = "ErrorAction", .doc = "What to do with an error",
	.size = sizeof(struct act_in), .fields = act_fields
};

static int
error_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct platform_error_filter f = { .status = i->status,
	    .place = i->place, .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    platform_error_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_error, id)));
}

static int
error_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_error x;

	if (db_found(platform_error_by_id(c->db, c->a, w->id, false, &x,
	    &c->err), "Error", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

static int
error_act(struct ctx *c, const void *in)
{
	const struct act_in *i = in;
	const char *status = *i->action == 'm' ? "muted" :
	    i->action[2] == 's' ? "resolved" : "open";
	struct platform_error x;

	ctx_target_id(c, "error", i->id);
	if (platform_error_set(c->db, c->a, i->id, status, c->who.name != NULL
	    ? c->who.name : "", c->now, &x, &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

const struct route platform_error_routes[] = {
	{ .id = "system.error.list", .method = HTTP_GET,
	  .path = "/api/system/errors", .auth = AUTH_USER,
	  .permission = "system:logs", .in = &list_schema,
	  .out = &platform_error_schema, .ok = 200, .flags = R_LIST,
	  .run = error_list, .summary = "Errors by kind, latest first" },
	{ .id = "system.error.get", .method = HTTP_GET,
	  .path = "/api/system/errors/{id}", .auth = AUTH_USER,
	  .permission = "system:logs", .in = &id_in_schema,
	  .out = &platform_error_schema, .ok = 200, .errors = ERRORS(404),
	  .run = error_get, .summary = "Errors of one kind" },
	{ .id = "system.error.act", .method = HTTP_POST,
	  .path = "/api/system/errors/{id}/{action}", .auth = AUTH_USER,
	  .permission = "system:control", .in = &act_schema,
	  .out = &platform_error_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT,
	  .natural_key = "the status that is asked for", .run = error_act,
	  .summary = "Resolve, mute or reopen a kind of error",
	  .doc = "A resolved one that comes back is open again and tells so "
	  "(error.regressed); a muted one is only counted." },
	ROUTE_END
};
