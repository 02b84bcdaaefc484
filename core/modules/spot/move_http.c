/*
 * Moves over HTTP: plans, their start, their steps, and the caps. Nothing here
 * talks to a cloud.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/move.h"

struct list_in {
	struct page_in page;
	struct uuid account;
	const char *state, *instance;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, account, .flags = FF_NULLABLE,
	    .ref = "spot_account", .doc = "Only of this account"),
	FIELD(struct list_in, state, .flags = FF_NULLABLE,
	    .oneof = ONEOF("live", "proposed", "ready", "running", "undoing",
	    "parked", "succeeded", "failed", "cancelled", "refused"),
	    .doc = "Only in this state; live: not over"),
	FIELD(struct list_in, instance, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this instance, old or new"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "SpotMovePage", .doc = "Page of moves, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct plan_in {
	const char *instance_id, *kind, *reason;
	struct list pools;
	const char *template_id, *template_version, *image_id;
	bool approve;
};
extern const struct schema spot_move_pool_schema;
#define P struct plan_in
static const struct field plan_fields[] = {
	FIELD(P, instance_id, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .doc = "The cloud's id of the instance"),
	FIELD(P, kind, .def = "\"replace\"", .oneof = ONEOF("replace",
	    "launch", "terminate", "drain"), .doc = "launch: a copy of it; "
	    "drain: its group replaces it; terminate: nothing does"),
	FIELD(P, reason, .def = "\"person\"", .max = 64, .fmt = FMT_SLUG,
	    .doc = "A word for lists"),
	FIELD(P, pools, .sub = &spot_move_pool_schema, .max = 64,
	    .doc = "Where a replacement may run, best first; empty: the "
	    "cheapest that fit"),
	FIELD(P, template_id, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Launch template; absent: the instance's own"),
	FIELD(P, template_version, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Its version"),
	FIELD(P, image_id, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Image, for an instance without a template"),
	FIELD(P, approve, .def = "true", .doc = "Another person has to "
	    "approve it; false needs approvals:high"),
	FIELD_END
};
#undef P
static const struct schema plan_schema = {
	.name = "SpotMovePlan", .doc = "A move to plan",
	.size = sizeof(struct plan_in), .fields = plan_fields
};

struct budget_in {
	struct uuid id;
	int64_t max_launches;
	struct dec max_spend;
};
static const struct field budget_fields[] = {
	FIELD(struct budget_in, id, .flags = FF_REQUIRED, .doc = "Account"),
	FIELD(struct budget_in, max_launches, .flags = FF_REQUIRED,
	    .min = -1, .max = 1000000,
	    .doc = "Launches per hour; -1: the setting"),
	FIELD(struct budget_in, max_spend, .flags = FF_REQUIRED,
	    .doc = "USD per day; -1: the setting"),
	FIELD_END
};
static const struct schema budget_schema = {
	.name = "SpotBudgetPut", .doc = "Caps of an account",
	.size = sizeof(struct budget_in), .fields = budget_fields
};

static const char *
who(const struct ctx *c)
{
	return c->who.name != NULL ? c->who.name : "";
}

static int
move_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct spot_move_filter f = { .tenant = c->who.tenant_id,
	    .account = i->account, .state = i->state,
	    .instance = i->instance, .limit = i->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    spot_move_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct spot_move, id)));
}

static int
move_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct spot_move m;
	struct rows steps;

	if (spot_found(spot_move_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &m, &c->err), "Move", &c->err) == -1 ||
	    spot_move_steps(c->db, c->a, c->who.tenant_id, w->id, &steps,
	    &c->err) == -1)
		return fail_err(c);
	m.steps = (struct list){ steps.v, steps.n };
	return reply(c, &m);
}

static int
move_create(struct ctx *c, const void *in)
{
	const struct plan_in *p = in;
	struct spot_move_new n = { .env = c->env, .tenant = c->who.tenant_id,
	    .kind = p->kind, .reason = p->reason, .target = p->instance_id,
	    .pools = p->pools.items, .npools = p->pools.n,
	    .template_id = p->template_id,
	    .template_version = p->template_version,
	    .image_id = p->image_id, .approve = p->approve,
	    .risk = strcmp(p->kind, "terminate") == 0 ? RISK_HIGH :
	    RISK_MEDIUM, .by = &c->who };
	struct spot_move m;

	if (!p->approve && !principal_may(&c->who, "approvals:high"))
		return fail(c, 403, "approval_needed", "Permission "
		    "approvals:high is required for a move without approval");
	if (spot_move_plan_for(c->db, c->a, &n, &c->err) == -1 ||
	    spot_move_propose(c->db, c->a, &n, &c->err) == -1 ||
	    spot_found(spot_move_by_id(c->db, c->a, c->who.tenant_id, n.id,
	    &m, &c->err), "Move", &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_move", n.id);
	return reply(c, &m);
}

static int
move_start(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct spot_move m;

	ctx_target_id(c, "spot_move", w->id);
	if (spot_move_start(c->env, c->db, c->a, c->who.tenant_id, w->id,
	    who(c), &m, &c->err) == -1)
		return fail_err(c);
	return reply(c, &m);
}

static int
move_cancel(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct spot_move m;

	ctx_target_id(c, "spot_move", w->id);
	if (spot_move_cancel(c->db, c->a, c->who.tenant_id, w->id, who(c), &m,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &m);
}

static int
move_resume(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct spot_move m;

	ctx_target_id(c, "spot_move", w->id);
	if (spot_move_resume(c->db, c->a, c->who.tenant_id, w->id, who(c), &m,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &m);
}

static int
there(struct ctx *c, struct uuid account)
{
	struct spot_account x;

	return spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    account, &x, &c->err), "Account", &c->err);
}

static int
budget_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct spot_budget b;

	if (there(c, w->id) == -1 || spot_budget_get(c->db, c->a,
	    c->who.tenant_id, w->id, &b, &c->err) == -1)
		return fail_err(c);
	return reply(c, &b);
}

static int
budget_put(struct ctx *c, const void *in)
{
	const struct budget_in *i = in;
	struct spot_budget b = { .account_id = i->id,
	    .tenant_id = c->who.tenant_id, .max_launches = i->max_launches,
	    .max_spend = i->max_spend };

	ctx_target_id(c, "spot_account", i->id);
	if (there(c, i->id) == -1 ||
	    spot_budget_limit(c->db, c->a, &b, &c->err) == -1 ||
	    spot_budget_get(c->db, c->a, c->who.tenant_id, i->id, &b,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &b);
}

#define VERB(verb, fn, sum, text) { .id = "spot.move." verb, \
	.method = HTTP_POST, .path = "/api/spot/moves/{id}/" verb, \
	.summary = sum, .doc = text, .auth = AUTH_USER, \
	.permission = "spot:act", .in = &id_in_schema, \
	.out = &spot_move_schema, .ok = 200, .errors = ERRORS(404, 409, 503), \
	.flags = R_TXN | R_AUDIT, .run = fn }

const struct route spot_move_routes[] = {
	{ .id = "spot.move.list", .method = HTTP_GET,
	  .path = "/api/spot/moves", .summary = "Moves, newest first",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &list_schema,
	  .out = &spot_move_schema, .ok = 200, .flags = R_LIST,
	  .run = move_list },
	{ .id = "spot.move.get", .method = HTTP_GET,
	  .path = "/api/spot/moves/{id}", .summary = "A move with its steps",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &id_in_schema,
	  .out = &spot_move_schema, .ok = 200, .errors = ERRORS(404),
	  .run = move_get },
	{ .id = "spot.move.create", .method = HTTP_POST,
	  .path = "/api/spot/moves", .summary = "Plan a move",
	  .doc = "A dry run: nothing is done until it is started. With "
	  "approve (the default) it waits in the inbox and starts by itself "
	  "once another person has approved it. An older plan for the same "
	  "instance is withdrawn.",
	  .auth = AUTH_USER, .permission = "spot:act", .in = &plan_schema,
	  .out = &spot_move_schema, .ok = 201,
	  .errors = ERRORS(403, 404, 409),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT, .run = move_create },
	VERB("start", move_start, "Start a planned move", "Reserves launches "
	    "and money and asks the stop switch. A refusal by those is the "
	    "answer: state refused, with the reason."),
	VERB("cancel", move_cancel, "Cancel a move", "A plan is withdrawn; a "
	    "running move is undone, unless its old instance is on its way "
	    "out."),
	VERB("resume", move_resume, "Let a parked move go on", NULL),
	{ .id = "spot.budget.get", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/budget",
	  .summary = "Caps on launches, and what is taken",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &id_in_schema,
	  .out = &spot_budget_schema, .ok = 200, .errors = ERRORS(404),
	  .run = budget_get },
	{ .id = "spot.budget.put", .method = HTTP_PUT,
	  .path = "/api/spot/accounts/{id}/budget",
	  .summary = "Set the caps of an account",
	  .auth = AUTH_USER, .permission = "spot:act", .in = &budget_schema,
	  .out = &spot_budget_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .natural_key = "the account",
	  .run = budget_put },
	ROUTE_END
};
