/*
 * Storing and telling signals, and taking those of external engines. Refuses
 * scores beyond 1, times in the future and names that are no names; nothing
 * here can place an order.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/bar.h"
#include "modules/trade/signal.h"

#define S struct trade_signal

enum { TOLD, PREVIEW };
const struct event trade_signal_events[] = {
	[TOLD] = { .name = "trade.signal", .doc = "A signal was seen",
	    .payload = &trade_signal_schema, .permission = "trade:read",
	    .seed_type = "trading_signals" },
	[PREVIEW] = { .name = "trade.signal.preview",
	    .doc = "A signal before it is stored, or in what is still "
	    "forming",
	    .payload = &trade_signal_schema, .permission = "trade:read",
	    .flags = EV_EPHEMERAL, .seed_type = "trading_signals" },
	EVENT_END
};

static void
complete(S *s)
{
	if (uuid_is_nil(s->id))
		s->id = uuid_new();
	if (s->side == NULL)
		s->side = s->score > 0 ? "buy" : s->score < 0 ? "sell" :
		    "neutral";
	if (s->context.p == NULL)
		s->context.p = "{}";
	s->ret_1 = s->ret_5 = s->ret_20 = NAN;
}

int
trade_signal_put(struct db *db, S *s, struct err *e)
{
	char id[UUID_TEXT];
	int rc;

	complete(s);
	rc = trade_signal_insert(db, s, e);
	if (rc != 0)
		return rc;
	return event_publish(db, &trade_signal_events[TOLD], s->tenant_id,
	    uuid_format(s->id, id), 1, s, e);
}

/* At once to whoever watches; their rows' events follow the commit. */
static void
preview_all(struct arena *a, S *s, size_t n)
{
	struct event_burst *burst = event_burst_new(a);

	for (size_t i = 0; i < n; i++) {
		if (s[i].preview)
			continue;	/* it was told when it was seen */
		complete(&s[i]);
		s[i].preview = true;
		event_burst_add(burst, &trade_signal_events[PREVIEW],
		    s[i].tenant_id, s[i].symbol, 0, &s[i]);
		if (event_burst_full(burst) && event_burst_send(burst) == -1)
			return;		/* nobody reads so fast */
	}
	(void)event_burst_send(burst);
}

static int
put_some(struct db *db, struct arena *a, S *s, size_t n, struct err *e)
{
	struct event_pack *pack = event_pack_new(a);
	bool *fresh = arena_array(a, n, sizeof(*fresh));
	char id[UUID_TEXT];

	preview_all(a, s, n);
	if (trade_signal_insert_many(db, a, s, n, fresh, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		s[i].preview = !fresh[i];
		if (fresh[i])
			event_pack_add(pack, &trade_signal_events[TOLD],
			    s[i].tenant_id, uuid_format(s[i].id, id), 1,
			    &s[i]);
	}
	return event_pack_publish(db, pack, e);
}

int
trade_signal_put_many(struct db *db, struct arena *a, S *s, size_t n,
    struct err *e)
{
	for (size_t i = 0, k; i < n; i += k) {
		k = n - i < TRADE_SIGNALS ? n - i : TRADE_SIGNALS;
		if (put_some(db, a, s + i, k, e) == -1)
			return -1;
	}
	return 0;
}

int
trade_signal_preview(struct db *db, S *s, struct err *e)
{
	complete(s);
	s->preview = true;
	return event_publish(db, &trade_signal_events[PREVIEW], s->tenant_id,
	    s->symbol, 0, s, e);
}

/* ---- external engines ------------------------------------------------------------ */

struct intake {
	const char *symbol, *exchange, *name, *pattern, *source, *side;
	const char *timeframe;
	double score;
	struct utc time, timestamp;
	struct dec price;
	struct json meta;
};
#define I(m, ...) FIELD(struct intake, m, __VA_ARGS__)
#define NAME .pattern = "^[A-Za-z0-9_.:+-]+$"
static const char *const timeframes[] = {
	"tick", "1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", NULL
};
static const struct field intake_fields[] = {
	I(symbol, .flags = FF_REQUIRED, .min = 1, .max = 32, TRADE_SYMBOL),
	I(exchange, .max = 16, .def = "\"\""),
	I(name, .flags = FF_NULLABLE, .max = 64, NAME),
	I(pattern, .flags = FF_NULLABLE, .max = 64, NAME),
	I(source, .max = 32, .def = "\"external\"", NAME),
	I(side, .flags = FF_NULLABLE, .oneof = ONEOF("buy", "sell",
	    "neutral")),
	I(timeframe, .oneof = timeframes, .def = "\"tick\""),
	I(score, .flags = FF_REQUIRED, .min = -1, .max = 1),
	I(time, .flags = FF_NULLABLE), I(timestamp, .flags = FF_NULLABLE),
	I(price, .min = 0, .max = 40000000, .def = "0"),
	I(meta, .flags = FF_NULLABLE), FIELD_END
};
static const struct schema intake_schema = {
	.name = "SignalIntake", .doc = "A signal of an external engine",
	.size = sizeof(struct intake), .fields = intake_fields
};

/* A foreign engine does not speak in the name of ours. */
static bool
ours(const char *source)
{
	return strcmp(source, TRADE_SOURCE_PATTERN) == 0 ||
	    strcmp(source, TRADE_SOURCE_INDICATOR) == 0 ||
	    strcmp(source, TRADE_SOURCE_TICK) == 0 ||
	    strcmp(source, TRADE_SOURCE_STRATEGY) == 0;
}

static int
judge(const struct intake *i, struct utc at, struct utc now, struct err *e)
{
	if (ours(i->source))
		return err_set(e, 422, "source", "The source \"%s\" is this "
		    "server's own", i->source);
	if (at.us > now.us + 60 * US_PER_S)
		return err_set(e, 422, "time", "It is from the future");
	if (i->meta.p != NULL && strlen(i->meta.p) > 8192)
		return err_set(e, 422, "meta", "The meta part is too long");
	if (i->side != NULL && ((strcmp(i->side, "buy") == 0 &&
	    i->score < 0) || (strcmp(i->side, "sell") == 0 && i->score > 0)))
		return err_set(e, 422, "side",
		    "Side and score contradict each other");
	return 0;
}

int
trade_signal_intake(struct db *db, struct arena *a, struct uuid tenant,
    const struct trade_instrument *known, const char *json, size_t n,
    struct utc now, S *s, struct err *e)
{
	struct trade_instrument found;
	struct intake i;
	struct utc at;
	uint64_t seen;

	if (schema_decode_json(&intake_schema, json, n, "body", false, a, &i,
	    &seen, e) == -1)
		return -1;
	at = i.time.us != 0 ? i.time : i.timestamp.us != 0 ? i.timestamp :
	    now;
	if (judge(&i, at, now, e) == -1)
		return -1;
	if (known == NULL || strcmp(known->symbol, i.symbol) != 0) {
		if (db_found(trade_instrument_find(db, a, tenant, i.symbol,
		    i.exchange, &found, e), "Instrument", e) == -1)
			return -1;
		known = &found;
	}
	*s = (S){ .tenant_id = tenant, .instrument_id = known->id,
	    .symbol = arena_strdup(a, known->symbol),
	    .timeframe = i.timeframe, .bar_at = at, .source = i.source,
	    .name = i.name != NULL ? i.name : i.pattern != NULL ? i.pattern :
	    "composite", .side = i.side, .score = i.score,
	    .strength = fabs(i.score), .price = i.price, .bar_version = 1,
	    .context = i.meta, .created_at = now };
	return trade_signal_put(db, s, e);
}
