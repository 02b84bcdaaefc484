/*
 * The decision list over HTTP: read only, decisions are made by systems.
 */
#include "http/ctx.h"
#include "modules/platform/decision.h"

struct list_in {
	struct page_in page;
	const char *module, *kind, *subject, *subject_id, *outcome;
	bool open;
};
#define FILTER(m, text) FIELD(struct list_in, m, .max = 128, \
	.flags = FF_NULLABLE, .doc = text)
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FILTER(module, "Only of this system"),
	FILTER(kind, "Only of this kind"),
	FILTER(subject, "With module and subject_id: about this kind of "
	    "thing"),
	FILTER(subject_id, "With module and subject: about this one"),
	FILTER(outcome, "Only with this outcome"),
	FIELD(struct list_in, open, .def = "false",
	    .doc = "Only those whose outcome is not known yet"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "DecisionPage", .doc = "Page of decisions, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
decision_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct platform_decision_filter f = { .tenant = c->who.tenant_id,
	    .module = i->module, .kind = i->kind, .subject = i->subject,
	    .subject_id = i->subject_id, .outcome = i->outcome,
	    .open = i->open, .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    platform_decision_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_decision, id)));
}

static int
decision_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_decision d;

	if (db_found(platform_decision_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &d, &c->err), "Decision", &c->err) == -1)
		return fail_err(c);
	return reply(c, &d);
}

const struct route platform_decision_routes[] = {
	{ .id = "system.decision.list", .method = HTTP_GET,
	  .path = "/api/system/decisions", .auth = AUTH_USER,
	  .permission = "decisions:read", .in = &list_schema,
	  .out = &platform_decision_schema, .ok = 200, .flags = R_LIST,
	  .run = decision_list, .summary = "Decisions, newest first",
	  .doc = "What every system decided, on which inputs and how old they "
	  "were, what was refused and why, and what came of it." },
	{ .id = "system.decision.get", .method = HTTP_GET,
	  .path = "/api/system/decisions/{id}", .auth = AUTH_USER,
	  .permission = "decisions:read", .in = &id_in_schema,
	  .out = &platform_decision_schema, .ok = 200, .errors = ERRORS(404),
	  .run = decision_get, .summary = "One decision" },
	ROUTE_END
};
