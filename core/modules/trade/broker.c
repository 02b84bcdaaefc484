/*
 * What all brokers have in common: the table of adapters, ids, and the exact
 * reading of answers. Refuses answers that are no JSON, carry a member twice
 * or a number that is none.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/broker.h"
#include "schema/tree.h"

enum { VALUES_MAX = 400000, DIGITS_MAX = 64 };

const char *const trade_verbs[] = { "login", "logout", "submit", "replace",
    "cancel", "find", "orders", "trades", "positions", "holdings", "funds",
    NULL };

#define C struct trade_broker_conf
static const struct setting setting_rows[] = {
	SETTING(C, live, "trade.live", .def = "false",
	    .doc = "Orders may go to real brokers"),
	SETTING(C, mcp_url, "trade.mcp_url", .def = "", .flags = SET_URL,
	    .env = "MCP_URL", .doc = "Broker proxy with /mcp/login, "
	    "/mcp/holdings, /mcp/positions and /mcp/orders"),
	SETTING(C, kite_url, "trade.kite_url",
	    .def = "https://api.kite.trade", .flags = SET_URL,
	    .doc = "Kite Connect, or a server like it"),
	SETTING(C, kite_login_url, "trade.kite_login_url",
	    .def = "https://kite.zerodha.com/connect/login", .flags = SET_URL,
	    .doc = "Where people log in to Kite"),
	SETTING(C, kite_key, "trade.kite_api_key", .def = "",
	    .doc = "Kite Connect: key of the application"),
	SETTING(C, kite_secret, "trade.kite_api_secret", .def = "",
	    .flags = SET_SECRET, .doc = "Kite Connect: its secret"),
	SETTING(C, kite_product, "trade.kite_product", .def = "CNC",
	    .oneof = ONEOF("CNC", "MIS", "NRML"),
	    .doc = "Kite: product of orders that name none"),
	SETTING(C, alpaca_url, "trade.alpaca_url",
	    .def = "https://api.alpaca.markets", .flags = SET_URL,
	    .doc = "Alpaca's trading API, or a server like it"),
	SETTING(C, postback_secret, "trade.postback_secret", .def = "",
	    .flags = SET_SECRET, .doc = "Signs order events that are posted "
	    "for brokers without a checksum of their own; empty = not taken"),
	SETTING(C, timeout_ms, "trade.broker_timeout", .def = "7000",
	    .min = 100, .max = 10000, .unit = "milliseconds",
	    .doc = "A broker's time for one answer"),
	SETTING(C, poll_s, "trade.broker_poll", .def = "3", .min = 1,
	    .max = 3600, .unit = "seconds",
	    .doc = "Open orders are asked for so often"),
	SETTING(C, check_s, "trade.broker_check", .def = "300", .min = 1,
	    .max = 86400, .unit = "seconds",
	    .doc = "Orders and positions are compared so often"),
	SETTING(C, window_s, "trade.broker_window", .def = "30", .min = 1,
	    .max = 3600, .unit = "seconds", .doc = "An order that a broker "
	    "does not know after this time never reached it"),
	SETTING(C, patience_s, "trade.send_patience", .def = "60", .min = 0,
	    .max = 3600, .unit = "seconds", .doc = "An order that could not "
	    "be sent so long is refused"),
	SETTING(C, human_s, "trade.unknown_patience", .def = "600", .min = 1,
	    .max = 86400, .unit = "seconds", .doc = "After this time a "
	    "person decides about an order without an outcome"),
	SETTING_END
};
#undef C
const struct settings trade_broker_settings = { .name = "trade.broker",
    .size = sizeof(struct trade_broker_conf), .rows = setting_rows };

/* ---- shapes ----------------------------------------------------------------------- */

#define O struct trade_broker_order
static const struct field order_fields[] = {
	FIELD(O, id, .doc = "The broker's id"),
	FIELD(O, client_id, .doc = "Our id as the broker has it"),
	FIELD(O, symbol, .doc = "Symbol"),
	FIELD(O, exchange, .doc = "Exchange"), FIELD(O, side, .doc = "Side"),
	FIELD(O, type, .doc = "Kind"), FIELD(O, tif, .doc = "How long it "
	    "stands"), FIELD(O, product, .doc = "Product"),
	FIELD(O, state, .doc = "State in our words"),
	FIELD(O, broker_state, .doc = "State in the broker's words"),
	FIELD(O, reason, .doc = "What the broker says of it"),
	FIELD(O, quantity, .doc = "Units"), FIELD(O, filled, .doc = "Filled"),
	FIELD(O, avg_price, .doc = "Mean price of the fills"),
	FIELD(O, limit_price, .doc = "Limit"),
	FIELD(O, stop_price, .doc = "Stop"),
	FIELD(O, at, .flags = FF_NULLABLE, .doc = "Last change"), FIELD_END
};
#undef O
const struct schema trade_broker_order_schema = {
	.name = "BrokerOrder", .doc = "An order as the broker tells it",
	.size = sizeof(struct trade_broker_order), .fields = order_fields
};
#define T struct trade_broker_trade
static const struct field trade_fields[] = {
	FIELD(T, id, .doc = "The broker's id"),
	FIELD(T, order_id, .doc = "The broker's id of its order"),
	FIELD(T, symbol, .doc = "Symbol"),
	FIELD(T, exchange, .doc = "Exchange"), FIELD(T, side, .doc = "Side"),
	FIELD(T, quantity, .doc = "Units"), FIELD(T, price, .doc = "Price"),
	FIELD(T, at, .flags = FF_NULLABLE, .doc = "When"), FIELD_END
};
#undef T
const struct schema trade_broker_trade_schema = {
	.name = "BrokerTrade", .doc = "A trade as the broker tells it",
	.size = sizeof(struct trade_broker_trade), .fields = trade_fields
};
#define P struct trade_broker_position
static const struct field position_fields[] = {
	FIELD(P, symbol, .doc = "Symbol"),
	FIELD(P, exchange, .doc = "Exchange"),
	FIELD(P, product, .doc = "Product"),
	FIELD(P, quantity, .doc = "Units; below 0: sold short"),
	FIELD(P, avg_price, .doc = "Mean price"),
	FIELD(P, last, .doc = "Last price"), FIELD(P, value, .doc = "Worth"),
	FIELD(P, pnl, .doc = "Profit"), FIELD_END
};
#undef P
const struct schema trade_broker_position_schema = {
	.name = "BrokerPosition", .doc = "What the broker holds for us",
	.size = sizeof(struct trade_broker_position),
	.fields = position_fields
};
#define F struct trade_broker_funds
static const struct field funds_fields[] = {
	FIELD(F, currency, .doc = "Currency"),
	FIELD(F, cash, .doc = "Cash"),
	FIELD(F, available, .doc = "What new orders may use"),
	FIELD(F, used, .doc = "What is bound"),
	FIELD(F, equity, .doc = "Worth of the account"), FIELD_END
};
#undef F
const struct schema trade_broker_funds_schema = {
	.name = "BrokerFunds", .doc = "The money at the broker",
	.size = sizeof(struct trade_broker_funds), .fields = funds_fields
};

/* ---- the table ---------------------------------------------------------------------- */

static const char *
no_url(const struct trade_broker_conf *c)
{
	(void)c;
	return "";
}

/* Orders of paper sessions are matched here, in order_ops.c: there is nobody
 * to ask. */
static int
paper_build(struct arena *a, const struct trade_broker_conf *c,
    const struct trade_secret *s, enum trade_verb v,
    const struct trade_ticket *t, struct utc now, struct trade_wording *r,
    struct err *e)
{
	(void)a, (void)c, (void)s, (void)v, (void)t, (void)now, (void)r;
	return err_set(e, 403, "paper_session", "A paper session has no "
	    "broker");
}

const struct trade_broker trade_broker_paper = { .name = "paper",
    .doc = "The built-in paper broker", .url = no_url,
    .build = paper_build };
const struct trade_broker *const trade_brokers[] = { &trade_broker_paper,
    &trade_broker_mcp, &trade_broker_kite, &trade_broker_alpaca, NULL };

const struct trade_broker *
trade_broker_find(const char *name)
{
	for (const struct trade_broker *const *b = trade_brokers; *b != NULL;
	    b++)
		if (strcmp((*b)->name, name) == 0)
			return *b;
	return NULL;
}

const char *
trade_broker_client_id(struct uuid order, char *buf)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint8_t d[SHA256_LEN];
	uint32_t bits = 0, n = 0;
	size_t at = 0;

	crypto_sha256(order.b, sizeof(order.b), d);
	for (size_t i = 0; i < BROKER_CLIENT_ID; i++) {
		if (n < 5) {
			bits = bits << 8 | d[at++];
			n += 8;
		}
		n -= 5;
		buf[i] = letters[bits >> n & 31];
	}
	buf[BROKER_CLIENT_ID] = '\0';
	return buf;
}

/* ---- reading ------------------------------------------------------------------------ */

int
trade_answer_bad(struct err *e, const char *what)
{
	return err_set(e, 502, "broker_answer", "The broker's answer cannot "
	    "be understood: %s", what);
}

int
trade_answer_tree(struct arena *a, const char *text, size_t n,
    const struct tree **out, struct err *e)
{
	struct err why = { 0 };

	*out = NULL;
	if (json_scan(text, n, VALUES_MAX, "body", a, &why) == -1) {
		trade_answer_bad(e, why.nfields > 0 && why.fields[0].msg !=
		    NULL ? why.fields[0].msg : "no JSON");
		return -1;
	}
	if (tree_parse(a, text, n, out, &why) == -1)
		return trade_answer_bad(e, "no JSON");
	return 0;
}

/* Digits beyond the eighth place away, half to even. Only plain decimals: a
 * text with an exponent is read as the real it is. */
static int
rounded(const char *s, struct dec *out)
{
	const char *dot = strchr(s, '.');
	char buf[DIGITS_MAX];
	size_t keep, n = strlen(s);
	struct dec cut, one = { *s == '-' ? -1 : 1 };
	double real;
	int rest;

	if (n >= sizeof(buf) || strpbrk(s, "eE") != NULL || dot == NULL)
		return num_real(s, n, &real) == NUM_OK ?
		    dec_from_real(real, out) : -1;
	keep = (size_t)(dot - s) + 9;
	if (keep >= n)
		return -1;
	memcpy(buf, s, keep);
	if (dec_parse(buf, keep, &cut) != NUM_OK)
		return -1;
	rest = s[keep] - '0';
	if (rest == 5 && strspn(s + keep + 1, "0") == n - keep - 1)
		rest = cut.e8 % 2 != 0 ? 9 : 0;
	return rest < 5 ? (*out = cut, 0) : dec_add(cut, one, out);
}

static int
read_dec(const struct tree *t, const char *member, bool exact,
    struct dec *out, struct err *e)
{
	const struct tree *m = tree_get(t, member);
	const char *s = tree_text(m);
	enum num_rc rc;

	out->e8 = 0;
	if (tree_kind(m) == TREE_NONE)
		return 0;
	if (tree_kind(m) != TREE_NUMBER && tree_kind(m) != TREE_TEXT)
		return trade_answer_bad(e, member);
	rc = dec_parse(s, strlen(s), out);
	if (rc == NUM_OK || (rc == NUM_SCALE && !exact &&
	    rounded(s, out) == 0))
		return 0;
	out->e8 = 0;
	return trade_answer_bad(e, member);
}

int
trade_answer_dec(const struct tree *t, const char *member, struct dec *out,
    struct err *e)
{
	return read_dec(t, member, false, out, e);
}

int
trade_answer_exact(const struct tree *t, const char *member, struct dec *out,
    struct err *e)
{
	return read_dec(t, member, true, out, e);
}

const char *
trade_answer_text(struct arena *a, const struct tree *t, const char *member)
{
	return arena_strdup(a, tree_text(tree_get(t, member)));
}

void *
trade_answer_list(struct arena *a, struct list *l, size_t n, size_t size)
{
	l->n = n;
	l->items = arena_array(a, n > 0 ? n : 1, size);
	return l->items;
}

int
trade_answer_orders(struct arena *a, const struct tree *l, const char *client,
    int (*one)(struct arena *, const struct tree *,
    struct trade_broker_order *, struct err *), struct list *out,
    struct err *e)
{
	struct trade_broker_order *o;
	const char *name;
	size_t n = 0;

	if (tree_kind(l) != TREE_LIST)
		return trade_answer_bad(e, "no list of orders");
	o = trade_answer_list(a, out, tree_count(l), sizeof(*o));
	for (size_t i = 0; i < tree_count(l); i++) {
		if (one(a, tree_at(l, i, &name), &o[n], e) == -1)
			return -1;
		if (client == NULL || strcmp(o[n].client_id, client) == 0)
			n++;
	}
	out->n = n;
	return 0;
}

const char *
trade_broker_word(const struct trade_broker_word *w, const char *theirs)
{
	for (; w->theirs != NULL; w++)
		if (strcmp(w->theirs, theirs) == 0)
			return w->ours;
	return NULL;
}

const char *
trade_broker_unword(const struct trade_broker_word *w, const char *ours)
{
	for (; w->theirs != NULL; w++)
		if (strcmp(w->ours, ours) == 0)
			return w->theirs;
	return NULL;
}

const char *
trade_broker_login_url(const struct trade_broker *b,
    const struct trade_broker_conf *c, struct arena *a, const char *state)
{
	struct str s, back;

	if (b->login != LOGIN_LINK)
		return "";
	/* what comes back with the request token, as one parameter */
	str_init(&back, a);
	str_add(&back, "state=");
	url_encode(&back, state, strlen(state), false);
	str_init(&s, a);
	str_addf(&s, "%s?v=3&api_key=", c->kite_login_url);
	url_encode(&s, c->kite_key, strlen(c->kite_key), false);
	str_add(&s, "&redirect_params=");
	url_encode(&s, back.p, back.len, false);
	return s.p;
}
