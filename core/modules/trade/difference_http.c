/*
 * Comparisons with brokers over HTTP: what was found, asking for one, and
 * accepting a difference, which takes a person who has just proved the
 * password.
 */
#include <string.h>

#include "base/random.h"
#include "http/ctx.h"
#include "modules/trade/link.h"

struct list_in {
	struct page_in page;
	bool open;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, open, .def = "true", .doc = "Only open ones"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "DifferencePage", .doc = "Page of differences, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
difference_list(struct ctx *c, const void *in)
{
	const struct list_in *l = in;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    trade_difference_page(c->db, c->a, c->who.tenant_id, l->open,
	    below, l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_difference, id)));
}

static int
difference_accept(struct ctx *c, const void *in)
{
	struct trade_desk d = { .db = c->db, .a = c->a,
	    .tenant = c->who.tenant_id, .user = c->who.user_id,
	    .now = c->now };
	struct trade_difference x;

	if (db_found(trade_difference_get(c->db, c->a, c->who.tenant_id,
	    ((const struct id_in *)in)->id, &x, &c->err), "Difference",
	    &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "difference", x.id);
	if (trade_difference_accept(&d, &x, c->who.name, &c->err) == -1)
		return fail_err(c);
	trade_broker_ring(c->db);
	return reply(c, &x);
}

struct run_in {
	struct page_in page;
	struct uuid session;
};
static const struct field run_fields[] = {
	PAGE_LIMIT(struct run_in), PAGE_CURSOR(struct run_in),
	FIELD(struct run_in, session, .flags = FF_REQUIRED,
	    .ref = "trade_session", .doc = "Live session"), FIELD_END
};
static const struct schema run_schema = {
	.name = "ReconciliationPage", .doc = "Page of comparisons",
	.size = sizeof(struct run_in), .fields = run_fields
};

/* A live session of the caller's tenant. */
static int
theirs(struct ctx *c, struct uuid session, struct trade_link *l)
{
	int rc = trade_link_get(c->db, c->a, session, l, &c->err);

	if (rc == 0 && !uuid_equal(l->tenant_id, c->who.tenant_id))
		rc = 1;
	return db_found(rc, "Session", &c->err);
}

static int
reconciliation_list(struct ctx *c, const void *in)
{
	const struct run_in *l = in;
	struct trade_link link;
	struct uuid below;
	struct rows rows;

	if (cursor_open_uuid(c, l->page.cursor, &below) == -1 ||
	    theirs(c, l->session, &link) == -1 ||
	    trade_reconciliation_page(c->db, c->a, l->session, below,
	    l->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, l->page.limit,
	    offsetof(struct trade_reconciliation, id)));
}

struct ask_in {
	struct uuid session;
};
static const struct field ask_fields[] = {
	FIELD(struct ask_in, session, .flags = FF_REQUIRED,
	    .ref = "trade_session", .doc = "Live session"), FIELD_END
};
static const struct schema ask_schema = {
	.name = "ReconciliationAsk", .doc = "Compare this session",
	.size = sizeof(struct ask_in), .fields = ask_fields
};

static int
reconciliation_ask(struct ctx *c, const void *in)
{
	struct uuid id = ((const struct ask_in *)in)->session;
	struct trade_link l;

	ctx_target_id(c, "session", id);
	if (theirs(c, id, &l) == -1 || trade_link_hint(c->db, id, c->now,
	    &c->err) == -1)
		return fail_err(c);
	trade_broker_ring(c->db);
	l.due_at = l.check_at = c->now;
	return reply(c, &l);
}

const struct route trade_difference_routes[] = {
	{ .id = "trade.difference.list", .method = HTTP_GET,
	  .path = "/api/trade/differences",
	  .summary = "What brokers and we do not agree on",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &list_schema,
	  .out = &trade_difference_schema, .ok = 200, .flags = R_LIST,
	  .run = difference_list },
	{ .id = "trade.difference.accept", .method = HTTP_POST,
	  .path = "/api/trade/differences/{id:uuid}/accept",
	  .summary = "Accept a difference", .doc = "Positions become what "
	  "the broker has; an order that the broker does not have is over; "
	  "an order that was not placed here is left to itself.",
	  .auth = AUTH_USER, .permission = "trade:order",
	  .in = &id_in_schema, .out = &trade_difference_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422),
	  .flags = R_TXN | R_AUDIT | R_STEP_UP, .run = difference_accept },
	{ .id = "trade.reconciliation.list", .method = HTTP_GET,
	  .path = "/api/trade/reconciliations",
	  .summary = "Comparisons of a session with its broker",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &run_schema,
	  .out = &trade_reconciliation_schema, .ok = 200,
	  .errors = ERRORS(404), .flags = R_LIST,
	  .run = reconciliation_list },
	{ .id = "trade.reconciliation.ask", .method = HTTP_POST,
	  .path = "/api/trade/reconciliations",
	  .summary = "Compare a session with its broker now",
	  .auth = AUTH_USER, .permission = "trade:order", .in = &ask_schema,
	  .out = &trade_link_schema, .ok = 202, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT | R_ACCEPTED,
	  .natural_key = "one comparison is due", .run = reconciliation_ask },
	ROUTE_END
};
