/*
 * The adapter `mcp`: a broker proxy with the paths of the second source
 * document. Login gives a token that every later call names in its query.
 * Such a proxy may list orders without our id; what it can be told by is left
 * to the reconciler. Refuses orders it has no words for.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "base/codec.h"
#include "modules/trade/broker.h"
#include "schema/tree.h"

static const struct trade_broker_word states[] = {
	{ "completed", "filled" }, { "complete", "filled" },
	{ "filled", "filled" }, { "pending", "accepted" },
	{ "open", "accepted" }, { "accepted", "accepted" },
	{ "new", "accepted" }, { "partially_filled", "accepted" },
	{ "cancelled", "cancelled" }, { "canceled", "cancelled" },
	{ "rejected", "rejected" }, { "expired", "expired" }, { NULL, NULL }
};
static const struct trade_broker_word types[] = {
	{ "MARKET", "market" }, { "LIMIT", "limit" }, { "SL-M", "stop" },
	{ "SL", "stop_limit" }, { NULL, NULL }
};

static const char *
mcp_url(const struct trade_broker_conf *c)
{
	return c->mcp_url;
}

/* ---- requests ----------------------------------------------------------------------- */

static const char *
path(struct arena *a, const char *what, const char *id, const char *token)
{
	struct str s;

	str_init(&s, a);
	str_addf(&s, "/mcp/%s", what);
	if (id != NULL) {
		str_addc(&s, '/');
		url_encode(&s, id, strlen(id), false);
	}
	if (token != NULL) {
		str_add(&s, "?token=");
		url_encode(&s, token, strlen(token), false);
	}
	return s.p;
}

static void
member(struct str *s, const char *name, const char *value)
{
	str_addf(s, "%s\"%s\":", s->len > 1 ? "," : "", name);
	str_json(s, value);
}

static void
amount(struct str *s, const char *name, struct dec d)
{
	char buf[DEC_TEXT];

	if (d.e8 != 0)
		str_addf(s, "%s\"%s\":%s", s->len > 1 ? "," : "", name,
		    dec_format(d, buf));
}

static int
order_body(struct arena *a, const struct trade_ticket *t, bool whole,
    struct trade_wording *r, struct err *e)
{
	const char *type = trade_broker_unword(types, t->type);
	struct str s;

	if (type == NULL)
		return err_set(e, 422, "not_offered", "The broker has no "
		    "orders of type %s", t->type);
	str_init(&s, a);
	str_addc(&s, '{');
	if (whole) {
		member(&s, "symbol", t->symbol);
		member(&s, "side", t->side);
		member(&s, "order_type", type);
		member(&s, "client_order_id", t->client_id);
		member(&s, "time_in_force", t->tif);
	}
	amount(&s, "quantity", t->quantity);
	amount(&s, "price", t->limit_price);
	amount(&s, "trigger_price", t->stop_price);
	str_addc(&s, '}');
	r->body = s.p;
	r->type = "application/json";
	return 0;
}

static int
login_body(struct arena *a, const struct trade_secret *s,
    struct trade_wording *r)
{
	struct str b;

	str_init(&b, a);
	str_addc(&b, '{');
	member(&b, "username", s->username);
	member(&b, "password", s->password);
	str_addc(&b, '}');
	*r = (struct trade_wording){ "POST", "/mcp/login", b.p,
	    "application/json", { { NULL, NULL } }, 0 };
	return 0;
}

static int
mcp_build(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_secret *s, enum trade_verb v,
    const struct trade_ticket *t, struct utc now, struct trade_wording *r,
    struct err *e)
{
	(void)c, (void)now;
	*r = (struct trade_wording){ .method = "GET", .body = "",
	    .type = "" };
	switch (v) {
	case BROKER_LOGIN:
		return login_body(a, s, r);
	case BROKER_SUBMIT:
		r->method = "POST";
		r->path = path(a, "orders", NULL, s->token);
		return order_body(a, t, true, r, e);
	case BROKER_REPLACE:
		r->method = "PUT";
		r->path = path(a, "orders", t->broker_id, s->token);
		return order_body(a, t, false, r, e);
	case BROKER_CANCEL:
		r->method = "DELETE";
		r->path = path(a, "orders", t->broker_id, s->token);
		return 0;
	case BROKER_FIND:
	case BROKER_ORDERS:
		r->path = path(a, "orders", NULL, s->token);
		return 0;
	case BROKER_POSITIONS:
		r->path = path(a, "positions", NULL, s->token);
		return 0;
	case BROKER_HOLDINGS:
	case BROKER_FUNDS:
		r->path = path(a, "holdings", NULL, s->token);
		return 0;
	default:
		return err_set(e, 422, "not_offered", "The broker does not "
		    "offer %s", trade_verbs[v]);
	}
}

/* ---- answers ------------------------------------------------------------------------ */

static int
one_order(struct arena *a, const struct tree *j, struct trade_broker_order *o,
    struct err *e)
{
	const char *status = trade_answer_text(a, j, "status"), *state, *type;

	*o = (struct trade_broker_order){ .id = trade_answer_text(a, j, "id"),
	    .client_id = trade_answer_text(a, j, "client_order_id"),
	    .symbol = trade_answer_text(a, j, "symbol"), .exchange = "",
	    .side = trade_answer_text(a, j, "side"), .tif = "",
	    .product = "", .broker_state = status,
	    .reason = trade_answer_text(a, j, "message") };
	if (*o->id == '\0')
		o->id = trade_answer_text(a, j, "order_id");
	state = trade_broker_word(states, status);
	type = trade_broker_word(types, trade_answer_text(a, j, "order_type"));
	o->type = type != NULL ? type : "";
	if (*o->id == '\0' || *o->symbol == '\0')
		return trade_answer_bad(e, "an order without id or symbol");
	o->state = state != NULL ? state : "pending";
	if (trade_answer_exact(j, "quantity", &o->quantity, e) == -1 ||
	    trade_answer_exact(j, "filled_quantity", &o->filled, e) == -1 ||
	    trade_answer_dec(j, "average_price", &o->avg_price, e) == -1 ||
	    trade_answer_dec(j, "price", &o->limit_price, e) == -1 ||
	    trade_answer_dec(j, "trigger_price", &o->stop_price, e) == -1)
		return -1;
	if (strcmp(o->state, "filled") == 0) {
		/* the smallest form has neither: all of it, at its price */
		if (tree_get(j, "filled_quantity") == NULL)
			o->filled = o->quantity;
		if (tree_get(j, "average_price") == NULL)
			o->avg_price = o->limit_price;
	}
	return 0;
}

/* Short positions come with a negative quantity, or as side "short". */
static int
positions(struct arena *a, const struct tree *j, const char *what,
    struct trade_broker_answer *out, struct err *e)
{
	const struct tree *l = tree_get(j, what);
	struct trade_broker_position *p;
	const char *name;

	if (tree_kind(l) != TREE_LIST)
		return trade_answer_bad(e, what);
	p = trade_answer_list(a, &out->positions, tree_count(l), sizeof(*p));
	for (size_t i = 0; i < tree_count(l); i++) {
		const struct tree *m = tree_at(l, i, &name);

		p[i] = (struct trade_broker_position){
		    .symbol = trade_answer_text(a, m, "symbol"),
		    .exchange = "", .product = "" };
		if (*p[i].symbol == '\0')
			return trade_answer_bad(e, "a position without "
			    "symbol");
		if (trade_answer_exact(m, "quantity", &p[i].quantity, e) ==
		    -1 || trade_answer_dec(m, "price", &p[i].last, e) == -1 ||
		    trade_answer_dec(m, "average_price", &p[i].avg_price,
		    e) == -1 || trade_answer_dec(m, "value", &p[i].value,
		    e) == -1 || trade_answer_dec(m, "pnl", &p[i].pnl, e) ==
		    -1)
			return -1;
		if (p[i].quantity.e8 > 0 && strcmp(tree_text(tree_get(m,
		    "side")), "short") == 0)
			p[i].quantity.e8 = -p[i].quantity.e8;
	}
	return 0;
}

static int
mcp_parse(struct arena *a, enum trade_verb v, const struct trade_ticket *t,
    const char *body, size_t n, struct utc now, struct trade_broker_answer *out,
    struct err *e)
{
	const struct tree *j;

	(void)now;
	if (v == BROKER_CANCEL || v == BROKER_LOGOUT)
		return 0;
	if (trade_answer_tree(a, body, n, &j, e) == -1)
		return -1;
	switch (v) {
	case BROKER_LOGIN:
		out->token = trade_answer_text(a, j, "token");
		out->account = "";
		return *out->token != '\0' ? 0 :
		    trade_answer_bad(e, "a login without token");
	case BROKER_SUBMIT:
		out->order_id = trade_answer_text(a, j, "order_id");
		if (*out->order_id == '\0')
			out->order_id = trade_answer_text(a, j, "id");
		return *out->order_id != '\0' ? 0 :
		    trade_answer_bad(e, "an order without id");
	case BROKER_REPLACE:
		out->order_id = t->broker_id;
		return 0;
	case BROKER_FIND:
		return trade_answer_orders(a, tree_get(j, "orders"), t->client_id,
		    one_order, &out->orders, e);
	case BROKER_ORDERS:
		return trade_answer_orders(a, tree_get(j, "orders"), NULL,
		    one_order, &out->orders, e);
	case BROKER_POSITIONS:
		return positions(a, j, "positions", out, e);
	case BROKER_HOLDINGS:
		return positions(a, j, "holdings", out, e);
	case BROKER_FUNDS:
		out->funds.currency = "";
		return trade_answer_dec(j, "total_value", &out->funds.equity,
		    e);
	default:
		return trade_answer_bad(e, "unexpected");
	}
}

static const char *
mcp_refusal(struct arena *a, int status, const char *body, size_t n,
    bool *expired)
{
	const struct tree *j;
	struct err ignored = { 0 };
	const char *text;

	*expired = status == 401;
	if (trade_answer_tree(a, body, n, &j, &ignored) == -1)
		return "";
	text = trade_answer_text(a, j, "detail");
	return *text != '\0' ? text : trade_answer_text(a, j, "message");
}

const struct trade_broker trade_broker_mcp = { .name = "mcp",
    .doc = "A broker proxy at MCP_URL", .live = true,
    .login = LOGIN_PASSWORD, .by_client = false, .whole_list = true,
    .url = mcp_url,
    .build = mcp_build, .parse = mcp_parse, .refusal = mcp_refusal };
