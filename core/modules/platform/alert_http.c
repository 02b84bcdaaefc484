/*
 * Alerts over HTTP: what is pending, firing or just over.
 */
#include "http/ctx.h"
#include "modules/platform/alert.h"

struct list_in {
	struct page_in page;
	const char *state, *severity, *rule;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, state, .flags = FF_NULLABLE,
	    .oneof = ONEOF("pending", "firing", "resolved"),
	    .doc = "Only in this state"),
	FIELD(struct list_in, severity, .flags = FF_NULLABLE,
	    .oneof = ONEOF("info", "warning", "critical", "page"),
	    .doc = "Only this bad"),
	FIELD(struct list_in, rule, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this rule"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "AlertPage", .doc = "Page of alerts",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
alert_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct platform_alert_filter f = { .state = i->state,
	    .severity = i->severity, .rule = i->rule,
	    .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.after) == -1 ||
	    platform_alert_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_alert, id)));
}

static int
alert_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_alert x;

	if (db_found(platform_alert_by_id(c->db, c->a, w->id, &x, &c->err),
	    "Alert", &c->err) == -1)
		return fail_err(c);
	return reply(c, &x);
}

const struct route platform_alert_routes[] = {
	{ .id = "system.alert.list", .method = HTTP_GET,
	  .path = "/api/system/alerts",
	  .aliases = ALIASES({ "/api/alerts", "003", false }),
	  .auth = AUTH_USER, .permission = "system:read", .in = &list_schema,
	  .out = &platform_alert_schema, .ok = 200, .flags = R_LIST,
	  .run = alert_list, .summary = "Alerts that are pending, firing or "
	  "over since less than a week" },
	{ .id = "system.alert.get", .method = HTTP_GET,
	  .path = "/api/system/alerts/{id}", .auth = AUTH_USER,
	  .permission = "system:read", .in = &id_in_schema,
	  .out = &platform_alert_schema, .ok = 200, .errors = ERRORS(404),
	  .run = alert_get, .summary = "One alert" },
	ROUTE_END
};
