/*
 * Foreign JSON into ticks. The strict scan of the schema layer comes first, so
 * that NaN, doubled members and broken text never get further.
 */
#include <json.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/trade/message.h"
#include "schema/schema.h"

enum { VALUES = 20000, DEPTH = 4, NAMES = 8 };
#define NAMED(...) (const char *const[NAMES]){ __VA_ARGS__, NULL }

static const char *const nests[] = { "data", "payload", "tick", "json",
	"message", "event", "body", "signal", NULL };

/* ---- reading members ------------------------------------------------------------- */

static struct json_object *
member(struct json_object *o, const char *const *names)
{
	struct json_object *v;

	for (; *names != NULL; names++)
		if (json_object_object_get_ex(o, *names, &v) && v != NULL)
			return v;
	return NULL;
}

const char *
trade_message_text(struct json_object *v)
{
	if (v == NULL || json_object_is_type(v, json_type_object) ||
	    json_object_is_type(v, json_type_array) ||
	    json_object_is_type(v, json_type_boolean))
		return NULL;
	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : json_object_to_json_string_ext(v,
	    JSON_C_TO_STRING_PLAIN);
}

/* A price with more places than ours is rounded; anything else is exact. */
int
trade_message_decimal(const char *s, struct dec *out)
{
	enum num_rc rc = dec_parse(s, strlen(s), out);
	double x;

	if (rc != NUM_SCALE)
		return rc == NUM_OK ? 0 : -1;
	return num_real(s, strlen(s), &x) == NUM_OK &&
	    dec_from_real(x, out) == 0 ? 0 : -1;
}

static int
amount(struct json_object *o, const char *const *names, const char *what,
    struct dec *out, struct err *e)
{
	struct json_object *v = member(o, names);
	const char *s = trade_message_text(v);

	if (v == NULL || (s != NULL && *s == '\0'))
		return 0;
	if (s == NULL || trade_message_decimal(s, out) == -1)
		return err_set(e, 422, "message", "%s is no number", what);
	return 0;
}

/* Seconds, milli-, micro- or nanoseconds by their size. */
int
trade_message_instant(const char *s, struct utc *out)
{
	double x;

	if (num_real(s, strlen(s), &x) != NUM_OK)
		return clock_parse(s, out);
	if (x < 1e8 || x > 1e20)
		return -1;
	x *= x < 1e11 ? 1e6 : x < 1e14 ? 1e3 : x < 1e17 ? 1 : 1e-3;
	out->us = (int64_t)(x + 0.5);
	return 0;
}

static int
moment(struct json_object *o, struct utc heard, struct utc *out,
    struct err *e)
{
	const char *s = trade_message_text(member(o, NAMED("at", "timestamp", "ts",
	    "time", "exchange_timestamp", "last_trade_time", "t")));

	*out = heard;
	if (s != NULL && *s != '\0' && trade_message_instant(s, out) == -1)
		return err_set(e, 422, "message", "Not a time: \"%.40s\"", s);
	return 0;
}

/* Best price of a side of Kite's depth. */
static void
of_depth(struct json_object *o, const char *side, struct dec *out)
{
	struct json_object *d = member(o, NAMED("depth")), *list, *p;
	const char *s;

	if (out->e8 != 0 || d == NULL ||
	    !json_object_is_type(d, json_type_object) ||
	    !json_object_object_get_ex(d, side, &list) ||
	    !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) == 0)
		return;
	p = json_object_array_get_idx(list, 0);
	if (!json_object_is_type(p, json_type_object))
		return;
	s = trade_message_text(member(p, NAMED("price")));
	if (s != NULL && trade_message_decimal(s, out) == -1)
		out->e8 = 0;
}

static int
sequence(struct json_object *o, int64_t *out, struct err *e)
{
	const char *s = trade_message_text(member(o, NAMED("seq", "sequence",
	    "sequence_number")));

	*out = 0;
	if (s != NULL && num_i64(s, strlen(s), out) != NUM_OK)
		return err_set(e, 422, "message", "seq is no whole number");
	return 0;
}

/* "NSE:INFY" is a symbol with its exchange. */
static void
name_it(struct arena *a, struct trade_message *m, const char *symbol,
    const char *exchange)
{
	const char *colon = strchr(symbol, ':');

	m->symbol = arena_strdup(a, colon == NULL ? symbol : colon + 1);
	m->exchange = exchange != NULL ? arena_strdup(a, exchange) :
	    colon == NULL ? "" : arena_strndup(a, symbol, (size_t)(colon -
	    symbol));
}

static int
read_one(struct arena *a, struct json_object *o, const char *key,
    struct utc heard, struct trade_message *m, struct err *e)
{
	struct trade_tick *t = &m->tick;
	const char *symbol = trade_message_text(member(o, NAMED("symbol", "sym",
	    "ticker", "tradingsymbol", "instrument", "s", "S")));

	*t = (struct trade_tick){ .heard_at = heard };
	if (symbol == NULL)
		symbol = key;
	if (symbol == NULL || *symbol == '\0')
		return err_set(e, 422, "message", "It names no symbol");
	name_it(a, m, symbol, trade_message_text(member(o, NAMED("exchange", "ex"))));
	if (amount(o, NAMED("price", "last", "last_price", "lastPrice",
	    "ltp", "p", "close"), "price", &t->last, e) == -1 ||
	    amount(o, NAMED("bid", "bid_price", "bidPrice", "bp"), "bid",
	    &t->bid, e) == -1 || amount(o, NAMED("ask", "ask_price",
	    "askPrice", "ap"), "ask", &t->ask, e) == -1 ||
	    amount(o, NAMED("volume", "size", "qty", "quantity", "v"),
	    "volume", &t->volume, e) == -1 ||
	    moment(o, heard, &t->at, e) == -1 || sequence(o, &t->seq, e) ==
	    -1)
		return -1;
	of_depth(o, "buy", &t->bid);
	of_depth(o, "sell", &t->ask);
	return trade_tick_check(t, e);
}

/* ---- whole messages --------------------------------------------------------------------- */

static struct json_object *
parse(const char *s, size_t n)
{
	struct json_tokener *t = json_tokener_new_ex(16);
	struct json_object *o = json_tokener_parse_ex(t, s, (int)n);

	if (json_tokener_get_error(t) != json_tokener_success ||
	    json_tokener_get_parse_end(t) != n) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

static void
put(void *o)
{
	json_object_put(o);
}

static int
open_text(struct arena *a, const char *s, size_t n, struct json_object **out,
    struct err *e)
{
	*out = NULL;
	if (json_scan(s, n, VALUES, "message", a, e) == -1) {
		err_clear(e);
		return err_set(e, 422, "message", "It is no proper JSON");
	}
	*out = parse(s, n);
	if (*out == NULL)
		return err_set(e, 422, "message", "It is no JSON");
	arena_defer(a, put, *out);
	return 0;
}

static void
note_topic(struct arena *a, struct json_object *o, const char **topic)
{
	const char *s = trade_message_text(member(o, NAMED("topic", "type", "event",
	    "channel")));

	if (s != NULL && **topic == '\0')
		*topic = arena_strdup(a, s);
}

/* Into data, payload … as long as there is one with an object in it. */
static struct json_object *
innermost(struct arena *a, struct json_object *o, const char **topic)
{
	*topic = "";
	for (int depth = 0; depth < DEPTH; depth++) {
		struct json_object *in = NULL;
		struct err e = { 0 };

		note_topic(a, o, topic);
		for (size_t i = 0; nests[i] != NULL && in == NULL; i++) {
			struct json_object *v;
			const char *s;

			if (!json_object_object_get_ex(o, nests[i], &v))
				continue;
			if (json_object_is_type(v, json_type_object))
				in = v;
			s = trade_message_text(v);
			if (s != NULL && *s == '{' && open_text(a, s,
			    strlen(s), &in, &e) == -1)
				in = NULL;
		}
		if (in == NULL || !json_object_is_type(in, json_type_object))
			return o;
		o = in;
	}
	return o;
}

int
trade_message_read(struct arena *a, const char *json, size_t n,
    struct utc heard, struct trade_message *m, struct err *e)
{
	struct json_object *o;

	if (open_text(a, json, n, &o, e) == -1)
		return -1;
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, 422, "message", "It is no object");
	return read_one(a, innermost(a, o, &m->topic), NULL, heard, m, e);
}

int
trade_message_unwrap(struct arena *a, const char *json, size_t n,
    const char **inner, const char **topic, struct err *e)
{
	struct json_object *o;

	if (open_text(a, json, n, &o, e) == -1)
		return -1;
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, 422, "message", "It is no object");
	*inner = arena_strdup(a, json_object_to_json_string_ext(innermost(a,
	    o, topic), JSON_C_TO_STRING_PLAIN));
	return 0;
}

const char *
trade_message_json(struct arena *a, const struct pair *f, size_t n)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, f[i].name);
		str_addc(&s, ':');
		str_json(&s, f[i].value);
	}
	str_addc(&s, '}');
	return s.p;
}

/* ---- answers of quote servers -------------------------------------------------------------- */

struct listing {
	struct arena *a;
	struct utc heard;
	struct trade_message *out;
	size_t max, n, bad;
};

static void
list_one(struct listing *l, struct json_object *o, const char *key)
{
	struct err e = { 0 };

	if (l->n == l->max)
		return;
	l->out[l->n].topic = "";
	if (json_object_is_type(o, json_type_object) && read_one(l->a, o, key,
	    l->heard, &l->out[l->n], &e) == 0)
		l->n++;
	else
		l->bad++;
}

static void
list_all(struct listing *l, struct json_object *o, int depth)
{
	struct json_object *in;

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			list_one(l, json_object_array_get_idx(o, i), NULL);
		return;
	}
	if (!json_object_is_type(o, json_type_object))
		return;
	in = member(o, NAMED("items", "data", "quotes", "result", "trades",
	    "ticks"));
	if (in != NULL && depth < DEPTH && trade_message_text(in) == NULL) {
		list_all(l, in, depth + 1);
		return;
	}
	if (member(o, NAMED("symbol", "ticker", "s")) != NULL) {
		list_one(l, o, NULL);
		return;
	}
	json_object_object_foreach(o, key, v)
		list_one(l, v, key);
}

int
trade_message_list(struct arena *a, const char *json, size_t n,
    struct utc heard, struct trade_message *out, size_t max, size_t *count,
    size_t *bad, struct err *e)
{
	struct listing l = { a, heard, out, max, 0, 0 };
	struct json_object *o;

	if (open_text(a, json, n, &o, e) == -1)
		return -1;
	list_all(&l, o, 0);
	*count = l.n;
	*bad = l.bad;
	return 0;
}
