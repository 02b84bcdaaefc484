/*
 * Limits over HTTP: what holds now and why, and narrower ones of a tenant or
 * one session. The settings are the ceiling; nothing here can widen them.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/limit.h"
#include "modules/trade/orders.h"

/* ---- what holds ------------------------------------------------------------------ */

struct limit_out {
	const char *name;
	struct dec setting, tenant, session, value;
	bool has_tenant, has_session;
};
#define F(m, ...) FIELD(struct limit_out, m, __VA_ARGS__)
static const struct field limit_fields[] = {
	F(name, .doc = "Limit"),
	F(setting, .doc = "Of the settings: the ceiling"),
	F(tenant, .flags = FF_NULLABLE, FIELD_HAS(struct limit_out,
	    has_tenant), .doc = "Of the tenant"),
	F(session, .flags = FF_NULLABLE, FIELD_HAS(struct limit_out,
	    has_session), .doc = "Of the session"),
	F(value, .doc = "What holds, in the unit of the setting trade.<name>"),
	FIELD_END
};
static const struct schema limit_schema = {
	.name = "RiskLimit", .doc = "A limit that every order is judged by",
	.size = sizeof(struct limit_out), .fields = limit_fields
};

struct pick_in {
	struct uuid session;
};
static const struct field pick_fields[] = {
	FIELD(struct pick_in, session, .flags = FF_NULLABLE,
	    .doc = "Session; the paper account when left out"), FIELD_END
};
static const struct schema pick_schema = {
	.name = "SessionPick", .doc = "Which account",
	.size = sizeof(struct pick_in), .fields = pick_fields
};

/* The session's id, nil when there is none. */
static int
picked(struct ctx *c, struct uuid asked, struct uuid *out)
{
	struct trade_session s;
	int rc = trade_session_pick(c->db, c->a, c->who.tenant_id,
	    c->who.user_id, asked, false, &s, &c->err);

	*out = rc == 0 ? s.id : (struct uuid){ { 0 } };
	if (rc == 1 && !uuid_is_nil(asked))
		return db_found(1, "Session", &c->err);
	return rc == -1 ? -1 : 0;
}

static int
report_limits(struct ctx *c, struct uuid session)
{
	const struct trade_desk d = trade_desk_of(c);
	struct trade_limits now = d.limits;
	struct limit_out *out;
	struct rows own, rows = { .schema = &limit_schema };

	if (trade_risk_limit_all(c->db, c->a, c->who.tenant_id, session, &own,
	    &c->err) == -1 || trade_risk_limits(c->db, c->a,
	    c->who.tenant_id, session, &now, &c->err) == -1)
		return fail_err(c);
	while (trade_limit_names[rows.n] != NULL)
		rows.n++;
	rows.v = out = arena_array(c->a, rows.n, sizeof(*out));
	for (size_t i = 0; i < rows.n; i++) {
		out[i] = (struct limit_out){ .name = trade_limit_names[i] };
		trade_limit_get(&d.limits, out[i].name, &out[i].setting);
		trade_limit_get(&now, out[i].name, &out[i].value);
		for (size_t k = 0; k < own.n; k++) {
			const struct trade_risk_limit *l = ROW(&own,
			    struct trade_risk_limit, k);
			bool all = uuid_is_nil(l->session_id);

			if (strcmp(l->name, out[i].name) != 0)
				continue;
			*(all ? &out[i].tenant : &out[i].session) = l->value;
			*(all ? &out[i].has_tenant : &out[i].has_session) =
			    true;
		}
	}
	return reply_list(c, &rows, NULL);
}

static int
limit_list(struct ctx *c, const void *in)
{
	struct uuid id;

	return picked(c, ((const struct pick_in *)in)->session, &id) == -1 ?
	    fail_err(c) : report_limits(c, id);
}

/* ---- narrower ones ---------------------------------------------------------------- */

struct put_in {
	const char *scope, *name;
	struct uuid session;
	struct dec value;
};
static const struct field put_fields[] = {
	FIELD(struct put_in, scope, .oneof = ONEOF("tenant", "session"),
	    .def = "\"session\"", .doc = "Whose orders"),
	FIELD(struct put_in, name, .flags = FF_REQUIRED,
	    .oneof = trade_limit_names, .doc = "Limit"),
	FIELD(struct put_in, session, .flags = FF_NULLABLE,
	    .doc = "Session; the paper account when left out"),
	FIELD(struct put_in, value, .flags = FF_REQUIRED, .min = 0,
	    .max = 90000000000, .doc = "In the unit of the setting "
	    "trade.<name>, at most what it allows; 0 takes the row away"),
	FIELD_END
};
static const struct schema put_schema = {
	.name = "RiskLimitPut", .doc = "A narrower limit",
	.size = sizeof(struct put_in), .fields = put_fields
};

static int
limit_put(struct ctx *c, const void *in)
{
	const struct put_in *i = in;
	const struct trade_desk d = trade_desk_of(c);
	bool all = strcmp(i->scope, "tenant") == 0;
	struct trade_limits trial = d.limits;
	struct trade_risk_limit l = { .tenant_id = c->who.tenant_id,
	    .name = i->name, .value = i->value,
	    .made_by = c->who.name != NULL ? c->who.name :
	    "", .updated_at = c->now };
	struct uuid id;

	if (all && !principal_may(&c->who, "trade:limits"))
		return fail(c, 403, "forbidden", "Limits of the tenant need "
		    "the permission trade:limits");
	if (picked(c, i->session, &id) == -1)
		return fail_err(c);
	if (!all && uuid_is_nil(id))
		return fail(c, 404, "not_found", "Session not found");
	if (!all)
		l.session_id = id;
	if ((i->value.e8 > 0 && trade_limit_narrow(&trial, i->name, i->value,
	    &c->err) == -1) || trade_risk_limit_put(c->db, &l, &c->err) ==
	    -1)
		return fail_err(c);
	ctx_target(c, "limit", i->name, NULL);
	return report_limits(c, id);
}

/* ---- refusals ------------------------------------------------------------------------ */

struct hits_in {
	struct page_in page;
	const char *rule;
	struct uuid session;
};
static const struct field hits_fields[] = {
	PAGE_LIMIT(struct hits_in), PAGE_CURSOR(struct hits_in),
	FIELD(struct hits_in, rule, .def = "\"\"", .max = 32,
	    .doc = "Only of this check"),
	FIELD(struct hits_in, session, .flags = FF_NULLABLE,
	    .doc = "Session; the paper account when left out"), FIELD_END
};
static const struct schema hits_schema = {
	.name = "RiskHitPage", .doc = "Page of refusals, newest first",
	.size = sizeof(struct hits_in), .fields = hits_fields
};

static int
hit_list(struct ctx *c, const void *in)
{
	const struct hits_in *i = in;
	struct uuid id, below;
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &below) == -1 ||
	    picked(c, i->session, &id) == -1 || trade_risk_hit_page(c->db,
	    c->a, c->who.tenant_id, id, i->rule, below, i->page.limit + 1,
	    &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct trade_risk_hit, id)));
}

#define SEED(path_) .aliases = ALIASES({ path_, "002", false })
const struct route trade_limit_routes[] = {
	{ .id = "trade.limit.list", .method = HTTP_GET,
	  .path = "/api/trade/risk/limits", SEED("/mcp/risk/limits"),
	  .summary = "Limits that orders are judged by", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &pick_schema,
	  .out = &limit_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = limit_list },
	{ .id = "trade.limit.put", .method = HTTP_PUT,
	  .path = "/api/trade/risk/limits", SEED("/mcp/risk/limits"),
	  .summary = "A narrower limit", .doc = "The settings are the "
	  "ceiling: a wider value is refused. Of the whole tenant only with "
	  "the permission trade:limits.", .auth = AUTH_USER,
	  .permission = "trade:order", .in = &put_schema,
	  .out = &limit_schema, .ok = 200, .errors = ERRORS(403, 404),
	  .flags = R_LIST | R_TXN | R_AUDIT, .run = limit_put },
	{ .id = "trade.hit.list", .method = HTTP_GET,
	  .path = "/api/trade/risk/hits", SEED("/mcp/risk/hits"),
	  .summary = "Orders that a check refused", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &hits_schema,
	  .out = &trade_risk_hit_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = hit_list },
	ROUTE_END
};
