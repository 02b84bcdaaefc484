/*
 * Interruptions over HTTP: what happened, what was missing, the numbers, the
 * policy of an account, and a rehearsal in the simulated cloud.
 */
#include <string.h>

#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption.h"

#define F struct filter_in
struct filter_in {
	struct page_in page;
	struct uuid account_id;
	const char *kind, *state, *instance_id;
	bool open;
};
static const struct field filter_fields[] = {
	PAGE_LIMIT(F), PAGE_CURSOR(F),
	FIELD(F, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"),
	FIELD(F, kind, .flags = FF_NULLABLE, .oneof = ONEOF("rebalance",
	    "interruption", "health"), .doc = "Only these"),
	FIELD(F, state, .flags = FF_NULLABLE, .oneof = ONEOF("watched",
	    "unknown", "refused", "replacing", "replica", "serving",
	    "replaced", "failed", "over"), .doc = "Only in this state"),
	FIELD(F, instance_id, .flags = FF_NULLABLE, .max = 64,
	    .doc = "Only of this machine"),
	FIELD(F, open, .def = "false", .doc = "Only open ones"), FIELD_END
};
#undef F
static const struct schema filter_schema = {
	.name = "SpotInterruptionFilter", .doc = "Which interruptions",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

#define D struct downtime_in
struct downtime_in {
	struct page_in page;
	struct uuid account_id;
};
static const struct field downtime_fields[] = {
	PAGE_LIMIT(D), PAGE_CURSOR(D),
	FIELD(D, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"), FIELD_END
};
#undef D
static const struct schema downtime_schema = {
	.name = "SpotDowntimeFilter", .doc = "Which downtimes",
	.size = sizeof(struct downtime_in), .fields = downtime_fields
};

struct policy_in {
	struct uuid id;
	const char *on_rebalance, *on_interruption, *instances;
	int64_t replica_ttl_s;
};
#define P struct policy_in
static const struct field policy_fields[] = {
	FIELD(P, id, .flags = FF_REQUIRED, .doc = "Account"),
	FIELD(P, on_rebalance, .def = "\"replica\"", .oneof =
	    ONEOF("replica", "replace", "watch"), .doc = "What a "
	    "recommendation means"),
	FIELD(P, on_interruption, .def = "\"replace\"", .oneof =
	    ONEOF("replace", "watch"), .doc = "What a warning means"),
	FIELD(P, instances, .def = "\"authorized\"", .oneof =
	    ONEOF("authorized", "all"), .doc = "For which machines"),
	FIELD(P, replica_ttl_s, .def = "21600", .min = 300, .max = 86400,
	    .doc = "Seconds a standby waits"), FIELD_END
};
#undef P
static const struct schema policy_schema = {
	.name = "SpotNoticePolicyPut", .doc = "What is to be done about "
	"notices", .size = sizeof(struct policy_in), .fields = policy_fields
};

struct rehearse_in {
	struct uuid id;
	const char *instance_id, *signal;
};
static const struct field rehearse_fields[] = {
	FIELD(struct rehearse_in, id, .flags = FF_REQUIRED,
	    .doc = "Account of the simulated cloud"),
	FIELD(struct rehearse_in, instance_id, .flags = FF_REQUIRED,
	    .min = 1, .max = 64, .example = "\"i-0123456789abcdef0\"",
	    .doc = "A spot machine of it"),
	FIELD(struct rehearse_in, signal, .def = "\"TERMINATION\"",
	    .oneof = ONEOF("TERMINATION", "REBALANCE"),
	    .doc = "What the cloud says"), FIELD_END
};
static const struct schema rehearse_schema = {
	.name = "SpotRehearsal", .doc = "Play a notice",
	.size = sizeof(struct rehearse_in), .fields = rehearse_fields
};

static int
interruption_list(struct ctx *c, const void *in)
{
	const struct filter_in *p = in;
	struct spot_interruption_filter f = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .kind = p->kind, .state = p->state,
	    .instance_id = p->instance_id, .open = p->open,
	    .limit = p->page.limit + 1 };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &f.below) == -1 ||
	    spot_interruption_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_interruption, id)));
}

static int
interruption_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_interruption x;

	if (spot_found(spot_interruption_by_id(c->db, c->a,
	    c->who.tenant_id, w->id, &x, &c->err), "Interruption", &c->err)
	    == -1)
		return fail_err(c);
	return reply(c, &x);
}

static int
totals(struct ctx *c, const void *in)
{
	struct spot_interruption_totals out;
	struct rows rows;

	(void)in;
	if (spot_interruption_totals(c->db, c->a, c->who.tenant_id, c->now,
	    &out, &c->err) == -1 || spot_source_page(c->db, c->a,
	    c->who.tenant_id, (struct uuid){ { 0 } }, (struct uuid){ { 0 } },
	    100, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++)
		ROW(&rows, struct spot_source, i)->url = "";
	out.sources = (struct list){ rows.v, rows.n };
	return reply(c, &out);
}

static int
downtime_list(struct ctx *c, const void *in)
{
	const struct downtime_in *p = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &below) == -1 ||
	    spot_downtime_page(c->db, c->a, c->who.tenant_id, p->account_id,
	    below, p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_downtime, interruption_id)));
}

static int
account_there(struct ctx *c, struct uuid id)
{
	struct spot_account acc;

	return spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    id, &acc, &c->err), "Account", &c->err);
}

static int
policy_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_notice_policy p;

	if (account_there(c, w->id) == -1 || spot_notice_policy_get(c->db,
	    c->a, c->who.tenant_id, w->id, &p, &c->err) == -1)
		return fail_err(c);
	return reply(c, &p);
}

static int
policy_put(struct ctx *c, const void *in)
{
	const struct policy_in *w = in;
	struct spot_notice_policy p = { .account_id = w->id,
	    .tenant_id = c->who.tenant_id, .on_rebalance = w->on_rebalance,
	    .on_interruption = w->on_interruption,
	    .instances = w->instances, .replica_ttl_s = w->replica_ttl_s,
	    .updated_by = c->who.name, .updated_at = c->now };

	if (account_there(c, w->id) == -1 ||
	    spot_notice_policy_put(c->db, &p, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_account", w->id);
	return reply(c, &p);
}

static int
rehearse(struct ctx *c, const void *in)
{
	const struct rehearse_in *w = in;
	struct spot_interruption x;

	if (spot_interruption_rehearse(c->env, c->a, c->who.tenant_id, w->id,
	    w->instance_id, w->signal, c->now, &x, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_interruption", x.id);
	return reply(c, &x);
}

const struct route spot_interruption_routes[] = {
	{ .id = "spot.interruption.list", .method = HTTP_GET,
	  .path = "/api/spot/interruptions", .summary = "Interruptions",
	  .doc = "Newest first.", .aliases = ALIASES(
	  { "/api/v1/metrics/risk-detected", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "spot:read", .in = &filter_schema,
	  .out = &spot_interruption_schema, .ok = 200, .flags = R_LIST,
	  .run = interruption_list },
	{ .id = "spot.interruption.totals", .method = HTTP_GET,
	  .path = "/api/spot/interruptions/summary",
	  .summary = "Interruptions in numbers, and who tells of them",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .out = &spot_interruption_totals_schema, .ok = 200, .run = totals },
	{ .id = "spot.interruption.get", .method = HTTP_GET,
	  .path = "/api/spot/interruptions/{id:uuid}",
	  .summary = "One interruption", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &spot_id_in_schema,
	  .out = &spot_interruption_schema, .ok = 200, .errors = ERRORS(404),
	  .run = interruption_get },
	{ .id = "spot.downtime.list", .method = HTTP_GET,
	  .path = "/api/spot/downtime", .summary = "Downtime log",
	  .doc = "One row for each machine that went away, newest first: its "
	  "notice, the request for its replacement, its service, the end of "
	  "the old one, and the seconds in which nothing served.",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &downtime_schema, .out = &spot_downtime_schema, .ok = 200,
	  .flags = R_LIST, .run = downtime_list },
	{ .id = "spot.notice.policy", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/notices",
	  .summary = "What is done about notices",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_notice_policy_schema,
	  .ok = 200, .errors = ERRORS(404), .run = policy_get },
	{ .id = "spot.notice.policy_put", .method = HTTP_PUT,
	  .path = "/api/spot/accounts/{id}/notices",
	  .summary = "Set what is done about notices",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &policy_schema, .out = &spot_notice_policy_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_TXN | R_AUDIT,
	  .natural_key = "the account", .run = policy_put },
	{ .id = "spot.interruption.rehearse", .method = HTTP_POST,
	  .path = "/api/spot/accounts/{id}/rehearse",
	  .summary = "Let the simulated cloud interrupt a machine",
	  .doc = "The notice goes through the same intake as the real ones.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &rehearse_schema, .out = &spot_interruption_schema,
	  .ok = 200, .errors = ERRORS(404, 409), .flags = R_AUDIT,
	  .natural_key = "the machine's open interruption",
	  .run = rehearse },
	ROUTE_END
};
