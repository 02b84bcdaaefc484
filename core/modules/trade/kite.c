/*
 * The adapter `kite`: Kite Connect 3. A person logs in at the broker and
 * comes back with a request token, which a checksum turns into a session that
 * ends at six in the morning in India. Orders bear our id as their tag.
 * Refuses fractions of a unit and what Kite has no word for.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/broker.h"
#include "modules/trade/kite.h"
#include "schema/tree.h"

#define IST_US (INT64_C(19800) * US_PER_S)	/* India is ahead by 5:30 */
#define DAY_US (INT64_C(86400) * US_PER_S)

static const struct trade_broker_word states[] = {
	{ "COMPLETE", "filled" }, { "OPEN", "accepted" },
	{ "TRIGGER PENDING", "accepted" },
	{ "AMO REQ RECEIVED", "accepted" },
	{ "MODIFIED", "accepted" }, { "CANCELLED", "cancelled" },
	{ "CANCELLED AMO", "cancelled" }, { "REJECTED", "rejected" },
	{ "LAPSED", "expired" }, { NULL, NULL }
};
static const struct trade_broker_word types[] = {
	{ "MARKET", "market" }, { "LIMIT", "limit" }, { "SL-M", "stop" },
	{ "SL", "stop_limit" }, { NULL, NULL }
};
static const struct trade_broker_word validities[] = {
	{ "DAY", "day" }, { "IOC", "ioc" }, { "TTL", "gtd" }, { NULL, NULL }
};
static const char *const varieties[] = { "regular", "amo", "co", "iceberg",
    "auction", NULL };

static const char *
kite_url(const struct trade_broker_conf *c)
{
	return c->kite_url;
}

static const char *
hex_digest(struct arena *a, const char *text)
{
	uint8_t d[SHA256_LEN];

	crypto_sha256(text, strlen(text), d);
	return hex_encode(d, sizeof(d), arena_alloc(a, 2 * sizeof(d) + 1));
}

bool
trade_kite_checksum(const char *order_id, const char *timestamp,
    const char *secret, const char *checksum)
{
	uint8_t d[SHA256_LEN], given[SHA256_LEN];
	char text[256];
	int n = snprintf(text, sizeof(text), "%s%s%s", order_id, timestamp,
	    secret);

	if (n < 0 || (size_t)n >= sizeof(text) || *secret == '\0' ||
	    *order_id == '\0' || hex_decode(checksum, strlen(checksum),
	    given, sizeof(given)) != SHA256_LEN)
		return false;
	crypto_sha256(text, (size_t)n, d);
	return crypto_equal(d, given, sizeof(d));
}

/* ---- requests ----------------------------------------------------------------------- */

static void
pair(struct str *s, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	str_addf(s, "%s%s=", s->len > 0 ? "&" : "", name);
	url_encode(s, value, strlen(value), false);
}

static void
amount(struct str *s, const char *name, struct dec d)
{
	char buf[DEC_TEXT];

	if (d.e8 != 0)
		pair(s, name, dec_format(d, buf));
}

static void
count(struct str *s, const char *name, int64_t n)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%lld", (long long)n);
	if (n > 0)
		pair(s, name, buf);
}

static int
not_offered(struct err *e, const char *what, const char *value)
{
	return err_set(e, 422, "not_offered", "Kite has no %s \"%.40s\"",
	    what, value);
}

static const char *
variety_of(const struct trade_ticket *t)
{
	return t->variety != NULL && *t->variety != '\0' ? t->variety :
	    "regular";
}

static int
check(const struct trade_ticket *t, struct err *e)
{
	const char *const *v = varieties;

	while (*v != NULL && strcmp(*v, variety_of(t)) != 0)
		v++;
	if (*v == NULL)
		return not_offered(e, "variety", variety_of(t));
	if (trade_broker_unword(types, t->type) == NULL)
		return not_offered(e, "order type", t->type);
	if (trade_broker_unword(validities, t->tif) == NULL ||
	    (strcmp(t->tif, "gtd") == 0 && t->minutes <= 0))
		return not_offered(e, "validity", t->tif);
	if (t->quantity.e8 % DEC_ONE != 0)
		return err_set(e, 422, "not_offered", "Kite takes whole "
		    "units only");
	if (strcmp(variety_of(t), "co") == 0 && t->stop_price.e8 == 0)
		return err_set(e, 422, "not_offered", "A cover order needs "
		    "the price of its stop");
	return 0;
}

/* What may change of an order. */
static void
terms(struct str *s, const struct trade_ticket *t)
{
	pair(s, "order_type", trade_broker_unword(types, t->type));
	count(s, "quantity", t->quantity.e8 / DEC_ONE);
	amount(s, "price", t->limit_price);
	amount(s, "trigger_price", t->stop_price);
	pair(s, "validity", trade_broker_unword(validities, t->tif));
	if (strcmp(t->tif, "gtd") == 0)
		count(s, "validity_ttl", t->minutes);
	count(s, "disclosed_quantity", t->disclosed);
}

static int
order_form(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_ticket *t, struct trade_wording *r, struct err *e)
{
	struct str s;

	if (check(t, e) == -1)
		return -1;
	str_init(&s, a);
	if (strcmp(r->method, "POST") == 0) {
		pair(&s, "tradingsymbol", t->symbol);
		pair(&s, "exchange", *t->exchange != '\0' ? t->exchange :
		    "NSE");
		pair(&s, "transaction_type", strcmp(t->side, "buy") == 0 ?
		    "BUY" : "SELL");
		pair(&s, "product", t->product != NULL && *t->product !=
		    '\0' ? t->product : c->kite_product);
		pair(&s, "tag", t->client_id);
		if (strcmp(variety_of(t), "iceberg") == 0 && t->legs > 0) {
			count(&s, "iceberg_legs", t->legs);
			count(&s, "iceberg_quantity", (t->quantity.e8 /
			    DEC_ONE + t->legs - 1) / t->legs);
		}
	}
	terms(&s, t);
	r->body = s.p;
	r->type = "application/x-www-form-urlencoded";
	return 0;
}

static const char *
path(struct arena *a, const char *start, const char *id)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, start);
	if (id != NULL)
		url_encode(&s, id, strlen(id), false);
	return s.p;
}

static int
login_form(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_secret *s, struct trade_wording *r, struct err *e)
{
	struct str b;

	if (*c->kite_key == '\0' || *c->kite_secret == '\0')
		return err_set(e, 422, "not_offered", "trade.kite_api_key and "
		    "trade.kite_api_secret are not set");
	str_init(&b, a);
	pair(&b, "api_key", c->kite_key);
	pair(&b, "request_token", s->request_token);
	pair(&b, "checksum", hex_digest(a, arena_printf(a, "%s%s%s",
	    c->kite_key, s->request_token, c->kite_secret)));
	r->method = "POST";
	r->path = "/session/token";
	r->body = b.p;
	r->type = "application/x-www-form-urlencoded";
	return 0;
}

static int
build_order(struct arena *a, const struct trade_broker_conf *c,
    enum trade_verb v, const struct trade_ticket *t, struct trade_wording *r,
    struct err *e)
{
	const char *start = arena_printf(a, "/orders/%s", variety_of(t));

	r->method = v == BROKER_SUBMIT ? "POST" : v == BROKER_REPLACE ?
	    "PUT" : "DELETE";
	r->path = v == BROKER_SUBMIT ? start : path(a, arena_printf(a, "%s/",
	    start), t->broker_id);
	return v == BROKER_CANCEL ? 0 : order_form(a, c, t, r, e);
}

static int
kite_build(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_secret *s, enum trade_verb v,
    const struct trade_ticket *t, struct utc now, struct trade_wording *r,
    struct err *e)
{
	static const char *const gets[BROKER_VERBS] = {
	    [BROKER_FIND] = "/orders", [BROKER_ORDERS] = "/orders",
	    [BROKER_TRADES] = "/trades",
	    [BROKER_POSITIONS] = "/portfolio/positions",
	    [BROKER_HOLDINGS] = "/portfolio/holdings",
	    [BROKER_FUNDS] = "/user/margins" };

	(void)now;
	*r = (struct trade_wording){ .method = "GET", .body = "", .type = "",
	    .headers = { { "X-Kite-Version", "3" } }, .nheaders = 1 };
	if (v == BROKER_LOGIN)
		return login_form(a, c, s, r, e);
	r->headers[1][0] = "Authorization";
	r->headers[1][1] = arena_printf(a, "token %s:%s", c->kite_key,
	    s->token);
	r->nheaders = 2;
	if (v == BROKER_LOGOUT) {
		struct str q;

		str_init(&q, a);
		pair(&q, "api_key", c->kite_key);
		pair(&q, "access_token", s->token);
		r->method = "DELETE";
		r->path = arena_printf(a, "/session/token?%s", q.p);
		return 0;
	}
	if (v == BROKER_SUBMIT || v == BROKER_REPLACE || v == BROKER_CANCEL)
		return build_order(a, c, v, t, r, e);
	r->path = gets[v];
	return 0;
}

/* ---- answers ------------------------------------------------------------------------ */

/* "2021-05-31 09:18:57" is India's time. */
static struct utc
stamp(const struct tree *t, const char *member)
{
	struct utc u = { 0 };

	if (clock_parse(tree_text(tree_get(t, member)), &u) == -1)
		return (struct utc){ 0 };
	u.us -= IST_US;
	return u;
}

static const char *
side(const struct tree *t)
{
	return strcmp(tree_text(tree_get(t, "transaction_type")), "SELL") ==
	    0 ? "sell" : "buy";
}

static const char *
ours(const struct trade_broker_word *w, const struct tree *t, const char *member,
    const char *otherwise)
{
	const char *s = trade_broker_word(w, tree_text(tree_get(t, member)));

	return s != NULL ? s : otherwise;
}

static int
one_order(struct arena *a, const struct tree *j, struct trade_broker_order *o,
    struct err *e)
{
	*o = (struct trade_broker_order){
	    .id = trade_answer_text(a, j, "order_id"),
	    .client_id = trade_answer_text(a, j, "tag"),
	    .symbol = trade_answer_text(a, j, "tradingsymbol"),
	    .exchange = trade_answer_text(a, j, "exchange"), .side = side(j),
	    .type = ours(types, j, "order_type", ""),
	    .tif = ours(validities, j, "validity", ""),
	    .product = trade_answer_text(a, j, "product"),
	    .state = ours(states, j, "status", "pending"),
	    .broker_state = trade_answer_text(a, j, "status"),
	    .reason = trade_answer_text(a, j, "status_message"),
	    .at = stamp(j, "exchange_update_timestamp") };
	if (o->at.us == 0)
		o->at = stamp(j, "order_timestamp");
	if (*o->id == '\0' || *o->broker_state == '\0')
		return trade_answer_bad(e, "an order without id or status");
	return trade_answer_exact(j, "quantity", &o->quantity, e) == -1 ||
	    trade_answer_exact(j, "filled_quantity", &o->filled, e) == -1 ||
	    trade_answer_dec(j, "average_price", &o->avg_price, e) == -1 ||
	    trade_answer_dec(j, "price", &o->limit_price, e) == -1 ||
	    trade_answer_dec(j, "trigger_price", &o->stop_price, e) == -1 ?
	    -1 : 0;
}

static int
trades(struct arena *a, const struct tree *l, struct trade_broker_answer *out,
    struct err *e)
{
	struct trade_broker_trade *t;
	const char *name;

	if (tree_kind(l) != TREE_LIST)
		return trade_answer_bad(e, "no list of trades");
	t = trade_answer_list(a, &out->trades, tree_count(l), sizeof(*t));
	for (size_t i = 0; i < tree_count(l); i++) {
		const struct tree *m = tree_at(l, i, &name);

		t[i] = (struct trade_broker_trade){
		    .id = trade_answer_text(a, m, "trade_id"),
		    .order_id = trade_answer_text(a, m, "order_id"),
		    .symbol = trade_answer_text(a, m, "tradingsymbol"),
		    .exchange = trade_answer_text(a, m, "exchange"),
		    .side = side(m), .at = stamp(m, "fill_timestamp") };
		if (trade_answer_exact(m, "quantity", &t[i].quantity, e) ==
		    -1 || trade_answer_dec(m, "average_price", &t[i].price,
		    e) == -1)
			return -1;
	}
	return 0;
}

static int
one_position(struct arena *a, const struct tree *m, bool holding,
    struct trade_broker_position *p, struct err *e)
{
	struct dec late = { 0 };

	*p = (struct trade_broker_position){
	    .symbol = trade_answer_text(a, m, "tradingsymbol"),
	    .exchange = trade_answer_text(a, m, "exchange"),
	    .product = trade_answer_text(a, m, "product") };
	if (*p->symbol == '\0')
		return trade_answer_bad(e, "a position without symbol");
	if (trade_answer_exact(m, "quantity", &p->quantity, e) == -1 ||
	    trade_answer_dec(m, "average_price", &p->avg_price, e) == -1 ||
	    trade_answer_dec(m, "last_price", &p->last, e) == -1 ||
	    trade_answer_dec(m, "value", &p->value, e) == -1 ||
	    trade_answer_dec(m, "pnl", &p->pnl, e) == -1)
		return -1;
	if (!holding)
		return 0;
	/* bought yesterday, on its way */
	if (trade_answer_exact(m, "t1_quantity", &late, e) == -1)
		return -1;
	if (dec_add(p->quantity, late, &p->quantity) == -1 ||
	    dec_mul(p->quantity, p->last, &p->value) == -1)
		return trade_answer_bad(e, "quantity");
	return 0;
}

static int
positions(struct arena *a, const struct tree *l, bool holding,
    struct list *out, struct err *e)
{
	struct trade_broker_position *p;
	const char *name;

	if (tree_kind(l) != TREE_LIST)
		return trade_answer_bad(e, "no list of positions");
	p = trade_answer_list(a, out, tree_count(l), sizeof(*p));
	for (size_t i = 0; i < tree_count(l); i++)
		if (one_position(a, tree_at(l, i, &name), holding, &p[i],
		    e) == -1)
			return -1;
	return 0;
}

/* The equity segment: that of shares. "net" moves with every order of the day,
 * "cash" does not. */
static int
funds(const struct tree *data, struct trade_broker_funds *f, struct err *e)
{
	const struct tree *q = tree_get(data, "equity");

	if (q == NULL)
		q = data;	/* asked for one segment alone */
	f->currency = "INR";
	return trade_answer_dec(q, "net", &f->cash, e) == -1 ||
	    trade_answer_dec(q, "net", &f->available, e) == -1 ||
	    trade_answer_dec(tree_get(q, "utilised"), "debits", &f->used,
	    e) == -1 || dec_add(f->available, f->used, &f->equity) == -1 ?
	    -1 : 0;
}

/* The next six o'clock in India, when all sessions end. */
static struct utc
morning(struct utc now)
{
	int64_t there = now.us + IST_US, six = DAY_US / 4;
	int64_t end = there / DAY_US * DAY_US + six;

	return (struct utc){ (end > there ? end : end + DAY_US) - IST_US };
}

static int
login(struct arena *a, const struct tree *data, struct utc now,
    struct trade_broker_answer *out, struct err *e)
{
	out->token = trade_answer_text(a, data, "access_token");
	out->account = trade_answer_text(a, data, "user_id");
	out->expires_at = morning(now);
	return *out->token != '\0' ? 0 :
	    trade_answer_bad(e, "a login without access_token");
}

static int
kite_parse(struct arena *a, enum trade_verb v, const struct trade_ticket *t,
    const char *body, size_t n, struct utc now, struct trade_broker_answer *out,
    struct err *e)
{
	const struct tree *j, *data;

	if (trade_answer_tree(a, body, n, &j, e) == -1)
		return -1;
	data = tree_get(j, "data");
	if (strcmp(tree_text(tree_get(j, "status")), "success") != 0)
		return trade_answer_bad(e, "no success");
	switch (v) {
	case BROKER_LOGIN:
		return login(a, data, now, out, e);
	case BROKER_LOGOUT:
		return 0;
	case BROKER_SUBMIT:
	case BROKER_REPLACE:
	case BROKER_CANCEL:
		out->order_id = trade_answer_text(a, data, "order_id");
		return *out->order_id != '\0' ? 0 :
		    trade_answer_bad(e, "an order without order_id");
	case BROKER_FIND:
		return trade_answer_orders(a, data, t->client_id,
		    one_order, &out->orders, e);
	case BROKER_ORDERS:
		return trade_answer_orders(a, data, NULL,
		    one_order, &out->orders, e);
	case BROKER_TRADES:
		return trades(a, data, out, e);
	case BROKER_POSITIONS:
		return positions(a, tree_get(data, "net"), false,
		    &out->positions, e) == -1 ? -1 : positions(a,
		    tree_get(data, "day"), false, &out->day, e);
	case BROKER_HOLDINGS:
		return positions(a, data, true, &out->positions, e);
	case BROKER_FUNDS:
		return funds(data, &out->funds, e);
	default:
		return trade_answer_bad(e, "unexpected");
	}
}

static const char *
kite_refusal(struct arena *a, int status, const char *body, size_t n,
    bool *expired)
{
	const struct tree *j;
	struct err ignored = { 0 };

	*expired = false;
	if (trade_answer_tree(a, body, n, &j, &ignored) == -1)
		return "";
	*expired = strcmp(tree_text(tree_get(j, "error_type")),
	    "TokenException") == 0 || status == 401;
	return trade_answer_text(a, j, "message");
}

static int
kite_event(struct arena *a, const char *body, size_t n,
    struct trade_broker_order *o, struct err *e)
{
	const struct tree *j;

	return trade_answer_tree(a, body, n, &j, e) == -1 ? -1 :
	    one_order(a, j, o, e);
}

const struct trade_broker trade_broker_kite = { .name = "kite",
    .doc = "Kite Connect", .live = true, .login = LOGIN_LINK,
    .by_client = true, .add_holdings = true, .whole_list = true,
    .tells_cash = true, .list_day_us = IST_US, .url = kite_url,
    .build = kite_build, .parse = kite_parse, .refusal = kite_refusal,
    .event = kite_event };
