/*
 * What brokers say, over HTTP, and what they post. Lists come from the broker
 * itself, a second old at most, with their age. A postback is looked at when
 * its checksum or signature is right, and even then nothing of it is believed:
 * it only makes us ask. A replayed or altered one can do no more than that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "http/ctx.h"
#include "modules/trade/kite.h"
#include "modules/trade/link.h"
#include "schema/tree.h"

enum { POST_MAX = 64 << 10, POST_AGE_S = 300 };

struct which_in {
	struct uuid session;
};
static const struct field which_fields[] = {
	FIELD(struct which_in, session, .flags = FF_REQUIRED,
	    .ref = "trade_session", .doc = "Live session"), FIELD_END
};
static const struct schema which_schema = {
	.name = "BrokerSession1", .doc = "Which live session",
	.size = sizeof(struct which_in), .fields = which_fields
};

struct said {
	struct uuid session_id;
	const char *broker;
	struct utc heard_at;
	int64_t age_ms;
	struct json answer;
};
#define S struct said
static const struct field said_fields[] = {
	FIELD(S, session_id, .doc = "Session"),
	FIELD(S, broker, .doc = "Broker"),
	FIELD(S, heard_at, .doc = "When the broker said it"),
	FIELD(S, age_ms, .doc = "How old it is, in milliseconds"),
	FIELD(S, answer, .doc = "{orders: [BrokerOrder]}, {trades: "
	    "[BrokerTrade]}, {net, day: [BrokerPosition]}, {holdings: "
	    "[BrokerPosition]} or {funds: BrokerFunds}"), FIELD_END
};
#undef S
static const struct schema said_schema = {
	.name = "BrokerSays", .doc = "An answer of a broker",
	.size = sizeof(struct said), .fields = said_fields
};

static int
say(struct ctx *c, const void *in, enum trade_verb v)
{
	struct uuid id = ((const struct which_in *)in)->session;
	struct said s = { .session_id = id };
	struct trade_link l;

	if (trade_link_own(c, id, &l) == -1 || trade_link_ask(c->env, c->a, &l, v,
	    c->now, &s.answer.p, &s.heard_at, &c->err) == -1)
		return fail_err(c);
	s.broker = l.broker;
	s.age_ms = (clock_now().us - s.heard_at.us) / 1000;
	if (s.age_ms < 0)
		s.age_ms = 0;
	return reply(c, &s);
}

static int
say_orders(struct ctx *c, const void *in)
{
	return say(c, in, BROKER_ORDERS);
}

static int
say_trades(struct ctx *c, const void *in)
{
	return say(c, in, BROKER_TRADES);
}

static int
say_positions(struct ctx *c, const void *in)
{
	return say(c, in, BROKER_POSITIONS);
}

static int
say_holdings(struct ctx *c, const void *in)
{
	return say(c, in, BROKER_HOLDINGS);
}

static int
say_funds(struct ctx *c, const void *in)
{
	return say(c, in, BROKER_FUNDS);
}

/* ---- postbacks --------------------------------------------------------------------------- */

struct post_in {
	const char *broker;
};
static const struct field post_fields[] = {
	FIELD(struct post_in, broker, .flags = FF_REQUIRED,
	    .oneof = ONEOF("kite", "alpaca"), .doc = "Broker"), FIELD_END
};
static const struct schema post_schema = {
	.name = "BrokerPost", .doc = "Whose postback it is",
	.size = sizeof(struct post_in), .fields = post_fields
};
struct taken {
	int64_t sessions;
};
static const struct field taken_fields[] = {
	FIELD(struct taken, sessions, .doc = "Sessions that are looked at"),
	FIELD_END
};
static const struct schema taken_schema = {
	.name = "BrokerPostTaken", .doc = "What came of a postback",
	.size = sizeof(struct taken), .fields = taken_fields
};

static int
body_of(struct ctx *c, char **text, size_t *n)
{
	long got;

	*text = arena_alloc(c->a, POST_MAX + 1);
	for (*n = 0; *n < POST_MAX; *n += (size_t)got) {
		got = ctx_read(c, *text + *n, POST_MAX - *n);
		if (got == -1)
			return -1;
		if (got == 0)
			break;
	}
	(*text)[*n] = '\0';
	return 0;
}

static int
wrong(struct ctx *c)
{
	return err_set(&c->err, 401, "signature", "The postback is not "
	    "authentic");
}

/* Kite's own: SHA-256 of order, time and our application's secret. */
static int
check_kite(struct ctx *c, const struct trade_broker_conf *f,
    const struct tree *j)
{
	return trade_kite_checksum(tree_text(tree_get(j, "order_id")),
	    tree_text(tree_get(j, "order_timestamp")), f->kite_secret,
	    tree_text(tree_get(j, "checksum"))) ? 0 : wrong(c);
}

/* Others are relayed by a program of the operator's, which signs: v1= and the
 * hex HMAC-SHA256 of "seconds.body". */
static int
check_signed(struct ctx *c, const struct trade_broker_conf *f,
    const char *text, size_t n)
{
	const char *at = ctx_header(c, "X-Quincunx-Timestamp");
	const char *sig = ctx_header(c, "X-Quincunx-Signature");
	uint8_t d[SHA256_LEN], given[SHA256_LEN];
	int64_t age, then;
	struct str s;

	if (*f->postback_secret == '\0' || at == NULL || sig == NULL ||
	    strncmp(sig, "v1=", 3) != 0 || hex_decode(sig + 3, strlen(sig +
	    3), given, sizeof(given)) != SHA256_LEN)
		return wrong(c);
	then = strtoll(at, NULL, 10);
	age = c->now.us / US_PER_S - then;
	if (age > POST_AGE_S || age < -POST_AGE_S)
		return wrong(c);
	str_init(&s, c->a);
	str_addf(&s, "%s.", at);
	str_addn(&s, text, n);
	crypto_hmac_sha256(f->postback_secret, strlen(f->postback_secret),
	    s.p, s.len, d);
	return crypto_equal(d, given, sizeof(d)) ? 0 : wrong(c);
}

/* Whose it could be: the account it names, else every session of the
 * broker. */
static int
whose(struct ctx *c, const char *broker, const struct tree *j,
    struct rows *out)
{
	const char *account = tree_text(tree_get(j, "user_id"));
	size_t n = 0;

	if (*account != '\0')
		return trade_link_by_account(c->db, c->a, broker, account,
		    out, &c->err);
	if (trade_link_active(c->db, c->a, out, &c->err) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(ROW(out, struct trade_link, i)->broker, broker) ==
		    0)
			*ROW(out, struct trade_link, n++) = *ROW(out,
			    struct trade_link, i);
	out->n = n;
	return 0;
}

static int
postback(struct ctx *c, const void *in)
{
	const struct trade_broker_conf *f = conf_get(c->env->conf,
	    &trade_broker_settings);
	const char *broker = ((const struct post_in *)in)->broker;
	bool kite = strcmp(broker, "kite") == 0;
	struct taken out = { 0 };
	const struct tree *j;
	struct rows rows;
	char *text;
	size_t n;

	if (body_of(c, &text, &n) == -1)
		return fail_err(c);
	if (trade_answer_tree(c->a, text, n, &j, &c->err) == -1) {
		err_clear(&c->err);
		return fail(c, 422, "postback", "The body is no JSON object");
	}
	if ((kite ? check_kite(c, f, j) : check_signed(c, f, text, n)) ==
	    -1 || whose(c, broker, j, &rows) == -1 ||
	    trade_link_hint_all(c->env, c->a, &rows, c->now, &c->err) == -1)
		return fail_err(c);
	out.sessions = (int64_t)rows.n;
	return reply(c, &out);
}

#define LIVE(what, path_, text, fn) \
	{ .id = "trade.broker." what, .method = HTTP_GET, \
	  .path = "/api/trade/broker/" path_, .summary = text, \
	  .auth = AUTH_USER, .permission = "trade:read", \
	  .in = &which_schema, .out = &said_schema, .ok = 200, \
	  .errors = ERRORS(403, 404, 409, 422, 502, 503), \
	  .pool = POOL_SLOW, .run = fn }
const struct route trade_broker_routes[] = {
	LIVE("orders", "orders", "Orders at the broker", say_orders),
	LIVE("trades", "trades", "Trades at the broker", say_trades),
	LIVE("positions", "positions", "Positions at the broker, of the day "
	    "and net", say_positions),
	LIVE("holdings", "holdings", "Holdings at the broker", say_holdings),
	LIVE("funds", "funds", "Money at the broker", say_funds),
	{ .id = "trade.broker.postback", .method = HTTP_POST,
	  .path = "/api/trade/postbacks/{broker}",
	  .aliases = ALIASES({ "/mcp/postback/{broker}", "002", false }),
	  .summary = "An order changed at a broker",
	  .doc = "kite: authenticated by its checksum. Others: "
	  "X-Quincunx-Timestamp (seconds, within 300) and "
	  "X-Quincunx-Signature (v1= and the hex HMAC-SHA256 of "
	  "timestamp.body under trade.postback_secret). The broker is asked "
	  "then; nothing is taken from the body.", .auth = AUTH_NONE,
	  .in = &post_schema, .out = &taken_schema, .ok = 200,
	  .errors = ERRORS(401, 413, 422, 503), .flags = R_RAW,
	  .limit = { 3000, 60 }, .limit_by_ip = true, .max_body = POST_MAX,
	  .natural_key = "it only makes us ask", .run = postback },
	ROUTE_END
};
