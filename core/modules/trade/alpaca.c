/*
 * The adapter `alpaca`: Alpaca's trading API, version 2. Keys go in headers
 * with every call; orders bear our id as client_order_id. A replaced order is
 * a new one there: it gets our id with a number behind it. Refuses times in
 * force and classes that Alpaca has no word for.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/broker.h"
#include "schema/tree.h"

static const struct trade_broker_word states[] = {
	{ "filled", "filled" }, { "canceled", "cancelled" },
	{ "expired", "expired" }, { "rejected", "rejected" },
	{ "replaced", "replaced" }, { "new", "accepted" },
	{ "accepted", "accepted" }, { "partially_filled", "accepted" },
	{ "done_for_day", "accepted" }, { "held", "accepted" },
	{ "suspended", "accepted" }, { "stopped", "accepted" },
	{ "calculated", "accepted" },
	{ "accepted_for_bidding", "accepted" }, { NULL, NULL }
};
static const char *const tifs[] = { "day", "gtc", "opg", "cls", "ioc", "fok",
    NULL };
static const char *const types[] = { "market", "limit", "stop", "stop_limit",
    "trailing_stop", NULL };
static const char *const classes[] = { "", "simple", "bracket", "oco", "oto",
    NULL };

static bool
among(const char *const *list, const char *s)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

static const char *
alpaca_url(const struct trade_broker_conf *c)
{
	return c->alpaca_url;
}

/* ---- requests ----------------------------------------------------------------------- */

static void
text(struct str *s, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	str_addf(s, "%s\"%s\":", s->p[s->len - 1] != '{' ? "," : "", name);
	str_json(s, value);
}

/* Numbers go as text: nothing on the way may round them. */
static void
amount(struct str *s, const char *name, struct dec d)
{
	char buf[DEC_TEXT];

	if (d.e8 != 0)
		text(s, name, dec_format(d, buf));
}

static void
legs(struct str *s, const struct trade_ticket *t)
{
	if (t->take_profit.e8 != 0) {
		str_add(s, ",\"take_profit\":{");
		amount(s, "limit_price", t->take_profit);
		str_addc(s, '}');
	}
	if (t->stop_loss.e8 != 0) {
		str_add(s, ",\"stop_loss\":{");
		amount(s, "stop_price", t->stop_loss);
		amount(s, "limit_price", t->stop_loss_limit);
		str_addc(s, '}');
	}
}

static const char *
class_of(const struct trade_ticket *t)
{
	return t->class != NULL ? t->class : "";
}

static int
check(const struct trade_ticket *t, struct err *e)
{
	const char *c = class_of(t);
	bool both = t->take_profit.e8 != 0 && t->stop_loss.e8 != 0;
	bool one = t->take_profit.e8 != 0 || t->stop_loss.e8 != 0;

	if (!among(types, t->type))
		return err_set(e, 422, "not_offered", "Alpaca has no orders "
		    "of type %.40s", t->type);
	if (!among(tifs, t->tif))
		return err_set(e, 422, "not_offered", "Alpaca has no time in "
		    "force %.40s", t->tif);
	if (!among(classes, c) || (strcmp(c, "bracket") == 0 && !both) ||
	    (strcmp(c, "oco") == 0 && !both) ||
	    (strcmp(c, "oto") == 0 && !one))
		return err_set(e, 422, "not_offered", "An order of class "
		    "\"%.40s\" with these prices is not offered", c);
	if (strcmp(t->type, "trailing_stop") == 0 && t->trail.e8 == 0 &&
	    t->trail_ppm == 0)
		return err_set(e, 422, "not_offered", "A trailing stop needs "
		    "its distance");
	return 0;
}

static int
order_body(struct arena *a, const struct trade_ticket *t,
    struct trade_wording *r, struct err *e)
{
	struct str s;

	if (check(t, e) == -1)
		return -1;
	str_init(&s, a);
	str_addc(&s, '{');
	text(&s, "symbol", t->symbol);
	amount(&s, "qty", t->quantity);
	text(&s, "side", t->side);
	text(&s, "type", t->type);
	text(&s, "time_in_force", t->tif);
	text(&s, "client_order_id", t->client_id);
	text(&s, "order_class", class_of(t));
	amount(&s, "limit_price", t->limit_price);
	amount(&s, "stop_price", t->stop_price);
	amount(&s, "trail_price", t->trail);
	/* parts per million are ten-thousandths of a percent */
	amount(&s, "trail_percent", (struct dec){ t->trail.e8 != 0 ? 0 :
	    t->trail_ppm * (DEC_ONE / 10000) });
	if (t->extended_hours)
		str_add(&s, ",\"extended_hours\":true");
	legs(&s, t);
	str_addc(&s, '}');
	r->body = s.p;
	r->type = "application/json";
	return 0;
}

/* Whether the quantity of a partly filled order counts what is filled is not
 * said anywhere: such an order is not replaced. */
static int
replace_body(struct arena *a, const struct trade_ticket *t,
    struct trade_wording *r, struct err *e)
{
	struct str s;

	if (t->partly_filled)
		return err_set(e, 422, "not_offered", "It is partly filled: "
		    "cancel it and place a new one");
	str_init(&s, a);
	str_addc(&s, '{');
	amount(&s, "qty", t->quantity);
	amount(&s, "limit_price", t->limit_price);
	amount(&s, "stop_price", t->stop_price);
	text(&s, "client_order_id", t->client_id);
	str_addc(&s, '}');
	r->body = s.p;
	r->type = "application/json";
	return 0;
}

static const char *
with_id(struct arena *a, const char *start, const char *id)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, start);
	url_encode(&s, id, strlen(id), false);
	return s.p;
}

static int
alpaca_build(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_secret *s, enum trade_verb v,
    const struct trade_ticket *t, struct utc now, struct trade_wording *r,
    struct err *e)
{
	(void)c, (void)now;
	*r = (struct trade_wording){ .method = "GET", .body = "", .type = "",
	    .headers = { { "APCA-API-KEY-ID", s->key },
	    { "APCA-API-SECRET-KEY", s->secret } }, .nheaders = 2 };
	switch (v) {
	case BROKER_LOGIN:		/* keys are tried by asking */
	case BROKER_FUNDS:
		r->path = "/v2/account";
		return 0;
	case BROKER_SUBMIT:
		r->method = "POST";
		r->path = "/v2/orders";
		return order_body(a, t, r, e);
	case BROKER_REPLACE:
		r->method = "PATCH";
		r->path = with_id(a, "/v2/orders/", t->broker_id);
		return replace_body(a, t, r, e);
	case BROKER_CANCEL:
		r->method = "DELETE";
		r->path = with_id(a, "/v2/orders/", t->broker_id);
		return 0;
	case BROKER_FIND:
		r->path = t->broker_id != NULL && *t->broker_id != '\0' ?
		    with_id(a, "/v2/orders/", t->broker_id) : with_id(a,
		    "/v2/orders:by_client_order_id?client_order_id=",
		    t->client_id);
		return 0;
	case BROKER_ORDERS:
		r->path = "/v2/orders?status=all&limit=500&direction=desc";
		return 0;
	case BROKER_TRADES:
		r->path = "/v2/account/activities/FILL?page_size=100";
		return 0;
	case BROKER_POSITIONS:
	case BROKER_HOLDINGS:
		r->path = "/v2/positions";
		return 0;
	default:
		return err_set(e, 422, "not_offered", "Alpaca does not offer "
		    "%s", trade_verbs[v]);
	}
}

/* ---- answers ------------------------------------------------------------------------ */

static struct utc
stamp(const struct tree *t, const char *member)
{
	const char *s = tree_text(tree_get(t, member)), *dot, *zone;
	struct utc u = { 0 };
	char buf[48];

	/* nanoseconds are more than an instant of ours can be told apart by */
	dot = strchr(s, '.');
	zone = dot != NULL ? dot + 1 + strspn(dot + 1, "0123456789") : s;
	if (dot != NULL && zone - dot > 7 && (size_t)(dot - s) + 7 +
	    strlen(zone) < sizeof(buf)) {
		memcpy(buf, s, (size_t)(dot - s) + 7);
		memcpy(buf + (dot - s) + 7, zone, strlen(zone) + 1);
		s = buf;
	}
	return clock_parse(s, &u) == 0 ? u : (struct utc){ 0 };
}

static int
one_order(struct arena *a, const struct tree *j, struct trade_broker_order *o,
    struct err *e)
{
	const char *status = trade_answer_text(a, j, "status");
	const char *state = trade_broker_word(states, status);

	*o = (struct trade_broker_order){ .id = trade_answer_text(a, j, "id"),
	    .client_id = trade_answer_text(a, j, "client_order_id"),
	    .symbol = trade_answer_text(a, j, "symbol"), .exchange = "",
	    .side = trade_answer_text(a, j, "side"),
	    .type = trade_answer_text(a, j, "type"),
	    .tif = trade_answer_text(a, j, "time_in_force"), .product = "",
	    .state = state != NULL ? state : "pending",
	    .broker_state = status, .reason = "",
	    .at = stamp(j, "updated_at") };
	if (*o->id == '\0' || *status == '\0')
		return trade_answer_bad(e, "an order without id or status");
	return trade_answer_exact(j, "qty", &o->quantity, e) == -1 ||
	    trade_answer_exact(j, "filled_qty", &o->filled, e) == -1 ||
	    trade_answer_dec(j, "filled_avg_price", &o->avg_price, e) ==
	    -1 || trade_answer_dec(j, "limit_price", &o->limit_price, e) ==
	    -1 || trade_answer_dec(j, "stop_price", &o->stop_price, e) ==
	    -1 ? -1 : 0;
}

/* A list, or the one that was asked for by our id. */
static int
orders(struct arena *a, const struct tree *j, struct trade_broker_answer *out,
    struct err *e)
{
	if (tree_kind(j) == TREE_OBJECT)
		return one_order(a, j, trade_answer_list(a, &out->orders, 1,
		    sizeof(struct trade_broker_order)), e);
	return trade_answer_orders(a, j, NULL, one_order, &out->orders, e);
}

static int
trades(struct arena *a, const struct tree *j, struct trade_broker_answer *out,
    struct err *e)
{
	struct trade_broker_trade *t;
	const char *name;

	if (tree_kind(j) != TREE_LIST)
		return trade_answer_bad(e, "no list of trades");
	t = trade_answer_list(a, &out->trades, tree_count(j), sizeof(*t));
	for (size_t i = 0; i < tree_count(j); i++) {
		const struct tree *m = tree_at(j, i, &name);

		t[i] = (struct trade_broker_trade){
		    .id = trade_answer_text(a, m, "id"),
		    .order_id = trade_answer_text(a, m, "order_id"),
		    .symbol = trade_answer_text(a, m, "symbol"),
		    .exchange = "", .side = trade_answer_text(a, m, "side"),
		    .at = stamp(m, "transaction_time") };
		if (trade_answer_exact(m, "qty", &t[i].quantity, e) == -1 ||
		    trade_answer_dec(m, "price", &t[i].price, e) == -1)
			return -1;
	}
	return 0;
}

static int
positions(struct arena *a, const struct tree *j, struct trade_broker_answer *out,
    struct err *e)
{
	struct trade_broker_position *p;
	const char *name;

	if (tree_kind(j) != TREE_LIST)
		return trade_answer_bad(e, "no list of positions");
	p = trade_answer_list(a, &out->positions, tree_count(j), sizeof(*p));
	for (size_t i = 0; i < tree_count(j); i++) {
		const struct tree *m = tree_at(j, i, &name);

		p[i] = (struct trade_broker_position){
		    .symbol = trade_answer_text(a, m, "symbol"),
		    .exchange = trade_answer_text(a, m, "exchange"),
		    .product = "" };
		if (*p[i].symbol == '\0')
			return trade_answer_bad(e, "a position without "
			    "symbol");
		if (trade_answer_exact(m, "qty", &p[i].quantity, e) == -1 ||
		    trade_answer_dec(m, "avg_entry_price", &p[i].avg_price,
		    e) == -1 || trade_answer_dec(m, "current_price",
		    &p[i].last, e) == -1 || trade_answer_dec(m,
		    "market_value", &p[i].value, e) == -1 ||
		    trade_answer_dec(m, "unrealized_pl", &p[i].pnl, e) == -1)
			return -1;
		if (p[i].quantity.e8 > 0 && strcmp(tree_text(tree_get(m,
		    "side")), "short") == 0)
			p[i].quantity.e8 = -p[i].quantity.e8;
	}
	return 0;
}

static int
account(struct arena *a, const struct tree *j, struct trade_broker_answer *out,
    struct err *e)
{
	struct trade_broker_funds *f = &out->funds;

	out->account = trade_answer_text(a, j, "account_number");
	out->token = "";
	f->currency = trade_answer_text(a, j, "currency");
	if (strcmp(tree_text(tree_get(j, "trading_blocked")), "true") == 0)
		return err_set(e, 409, "broker_login", "Trading of this "
		    "account is blocked at the broker");
	return trade_answer_dec(j, "cash", &f->cash, e) == -1 ||
	    trade_answer_dec(j, "buying_power", &f->available, e) == -1 ||
	    trade_answer_dec(j, "initial_margin", &f->used, e) == -1 ||
	    trade_answer_dec(j, "equity", &f->equity, e) == -1 ? -1 : 0;
}

static int
alpaca_parse(struct arena *a, enum trade_verb v, const struct trade_ticket *t,
    const char *body, size_t n, struct utc now, struct trade_broker_answer *out,
    struct err *e)
{
	const struct tree *j;

	(void)t, (void)now;
	if (v == BROKER_CANCEL)
		return 0;		/* 204 */
	if (trade_answer_tree(a, body, n, &j, e) == -1)
		return -1;
	switch (v) {
	case BROKER_LOGIN:
	case BROKER_FUNDS:
		return account(a, j, out, e);
	case BROKER_SUBMIT:
	case BROKER_REPLACE:
		out->order_id = trade_answer_text(a, j, "id");
		return *out->order_id != '\0' ? 0 :
		    trade_answer_bad(e, "an order without id");
	case BROKER_FIND:
	case BROKER_ORDERS:
		return orders(a, j, out, e);
	case BROKER_TRADES:
		return trades(a, j, out, e);
	case BROKER_POSITIONS:
	case BROKER_HOLDINGS:
		return positions(a, j, out, e);
	default:
		return trade_answer_bad(e, "unexpected");
	}
}

static const char *
alpaca_refusal(struct arena *a, int status, const char *body, size_t n,
    bool *expired)
{
	const struct tree *j;
	struct err ignored = { 0 };

	*expired = status == 401;
	if (trade_answer_tree(a, body, n, &j, &ignored) == -1)
		return "";
	return trade_answer_text(a, j, "message");
}

/* A message of trade_updates: {"event":…,"order":{…}}, with or without the
 * stream's own envelope. */
static int
alpaca_event(struct arena *a, const char *body, size_t n,
    struct trade_broker_order *o, struct err *e)
{
	const struct tree *j, *data;

	if (trade_answer_tree(a, body, n, &j, e) == -1)
		return -1;
	data = tree_get(j, "data");
	j = tree_get(data != NULL ? data : j, "order");
	return j == NULL ? trade_answer_bad(e, "an event without order") :
	    one_order(a, j, o, e);
}

const struct trade_broker trade_broker_alpaca = { .name = "alpaca",
    .doc = "Alpaca", .live = true, .login = LOGIN_KEYS, .by_client = true,
    .tells_cash = true, .url = alpaca_url, .build = alpaca_build, .parse = alpaca_parse,
    .refusal = alpaca_refusal, .event = alpaca_event };
