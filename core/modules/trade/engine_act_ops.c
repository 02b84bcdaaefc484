/*
 * From a signal to orders. Invariants: a leg of a signal is acted on once per
 * arming (a row says so, and the order's name follows from it, so that a crash
 * and a second run place one order); nothing is placed for an arming that is
 * not armed, or whose approval is older than a day; what is refused is kept
 * with its reason.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "modules/trade/engine.h"
#include "modules/trade/orders.h"
#include "modules/trade/strategies.h"

struct leg {
	struct trade_deal *d;
	struct trade_act act;
	struct trade_order order;
	struct trade_exits exits;	/* NaN: none */
	const char *text;		/* "BUY 10 AAPL" */
};

const char *
trade_engine_order_name(struct arena *a, const struct trade_arming *r,
    const struct trade_signal *s, const char *leg)
{
	char id[UUID_TEXT];
	const char *hex, *text = arena_printf(a, "%s|%lld|%s|%lld|%s|%s|%s",
	    uuid_format(r->id, id), (long long)s->instrument_id,
	    s->timeframe, (long long)s->bar_at.us, s->source, s->name, leg);

	(void)trade_digest(a, text, strlen(text), &hex);
	return arena_printf(a, "qe-%.32s", hex);
}

/* ---- the record of it -------------------------------------------------------------- */

static void
add_real(struct str *s, const char *name, double x)
{
	char text[DEC_TEXT];

	str_addf(s, "%s\"%s\":%s", s->len > 1 ? "," : "", name,
	    real_format(x, text));
}

static struct json
inputs(const struct leg *l)
{
	const struct trade_deal *d = l->d;
	struct str s;

	str_init(&s, d->desk.a);
	str_add(&s, "{");
	add_real(&s, "close", d->close);
	add_real(&s, "atr", d->atr);
	add_real(&s, "held", dec_real(d->stand.held));
	add_real(&s, "score", d->signal->score);
	str_addf(&s, ",\"context\":%s,\"signal\":", d->signal->context.p);
	str_json(&s, d->signal->name);
	str_add(&s, ",\"source\":");
	str_json(&s, d->signal->source);
	str_add(&s, "}");
	return (struct json){ s.p };
}

static struct json
refused(const struct leg *l)
{
	bool done = strcmp(l->act.outcome, "ordered") == 0;
	struct str s;

	str_init(&s, l->d->desk.a);
	str_add(&s, "[{\"alternative\":");
	str_json(&s, done ? "HOLD" : l->text);
	str_add(&s, ",\"reason\":");
	str_json(&s, done ? l->d->why : l->act.reason);
	str_add(&s, "}]");
	return (struct json){ s.p };
}

static struct json
expected(const struct leg *l)
{
	struct str s;

	str_init(&s, l->d->desk.a);
	str_add(&s, "{");
	add_real(&s, "stop", l->exits.sl);
	add_real(&s, "target", l->exits.tp);
	add_real(&s, "quantity", dec_real(l->act.quantity));
	str_add(&s, "}");
	return (struct json){ s.p };
}

static int
record(struct leg *l, struct err *e)
{
	struct trade_deal *d = l->d;
	bool done = strcmp(l->act.outcome, "ordered") == 0;
	char id[UUID_TEXT];
	struct platform_decision_new n = { .tenant = d->arming->tenant_id,
	    .module = "trade", .kind = "order", .subject = "arming",
	    .subject_id = uuid_format(d->arming->id, id),
	    .chosen = done ? l->text : "HOLD",
	    .reason = done ? d->why : l->act.reason, .refused = refused(l),
	    .inputs = inputs(l), .oldest = d->signal->bar_at,
	    .expected = expected(l), .by = "trade.engine" };

	if (platform_decide(d->desk.db, &n, e) == -1)
		return -1;
	l->act.decision_id = n.id;
	l->act.settled = !done;
	if (!done && platform_decision_close(d->desk.db, n.tenant, n.id,
	    "rejected", (struct json){ NULL }, e) == -1)
		return -1;
	return trade_act_update(d->desk.db, &l->act, e);
}

/* ---- placing ------------------------------------------------------------------------ */

static int
place(struct db *db, void *arg, struct err *e)
{
	struct leg *l = arg;
	int rc;

	(void)db;
	rc = trade_order_place(&l->d->desk, &l->order,
	    l->d->instrument->exchange, e);
	return rc == -1 ? -1 : 0;
}

static void
tell_outcome(struct leg *l, const char *outcome, const char *code,
    const char *reason)
{
	l->act.outcome = outcome;
	l->act.code = code;
	l->act.reason = arena_strdup(l->d->desk.a, reason);
}

/* Places within a savepoint; a refusal (4xx) is an answer. */
static int
try(struct leg *l, struct err *e)
{
	struct trade_deal *d = l->d;
	const char *code;

	if (db_savepoint(d->desk.db, place, l, e) == 0) {
		tell_outcome(l, "ordered", "", "");
		l->act.order_id = l->order.id;
		return 0;
	}
	if (e->status < 400 || e->status >= 500 || db_retryable(e) ||
	    strncmp(e->code, "db_", 3) == 0)
		return -1;
	code = e->code;
	tell_outcome(l, "refused", code, e->detail);
	if (!trade_order_deniable(&l->order, e)) {
		err_clear(e);
		return 0;
	}
	err_clear(e);
	if (trade_order_deny(d->desk.db, d->desk.a, &l->order, code,
	    l->act.reason, e) == -1)
		return -1;
	l->act.order_id = l->order.id;
	return 0;
}

static struct leg
leg_of(struct trade_deal *d, const char *name, const char *side)
{
	const struct trade_signal *s = d->signal;
	struct leg l = { .d = d, .exits = { NAN, NAN, NAN } };

	l.act = (struct trade_act){ .id = uuid_new(),
	    .tenant_id = d->arming->tenant_id, .arming_id = d->arming->id,
	    .signal_id = s->id, .leg = name,
	    .instrument_id = d->instrument->id,
	    .symbol = d->instrument->symbol, .side = side, .atr = d->atr,
	    .outcome = "held", .code = "", .reason = "", .settled = true,
	    .bar_at = s->bar_at, .created_at = d->desk.now };
	(void)dec_from_real(d->close, &l.act.price);
	return l;
}

/* Claims the leg, then places and records. */
static int
carry_out(struct leg *l, struct dec quantity, struct err *e)
{
	struct trade_deal *d = l->d;
	char text[DEC_TEXT];
	int rc;

	l->act.quantity = quantity;
	l->text = arena_printf(d->desk.a, "%s %s %s",
	    strcmp(l->act.side, "buy") == 0 ? "BUY" : "SELL",
	    dec_format(quantity, text), d->instrument->symbol);
	rc = trade_act_claim(d->desk.db, &l->act, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;	/* acted on before */
	if (*l->act.code == '\0') {
		l->order.symbol = d->instrument->symbol;
		l->order.side = l->act.side;
		l->order.quantity = quantity;
		l->order.tag = d->arming->name;
		if (try(l, e) == -1)
			return -1;
	}
	return record(l, e);
}

static int
leave(struct trade_deal *d, struct err *e)
{
	struct leg l = leg_of(d, "leave", d->stand.held.e8 > 0 ? "sell" :
	    "buy");

	l.order = trade_order_new(&d->desk, trade_engine_order_name(
	    d->desk.a, d->arming, d->signal, "leave"));
	l.order.type = "market";
	l.order.tif = "gtc";
	l.order.reduce_only = true;
	return carry_out(&l, (struct dec){ llabs(d->stand.held.e8) }, e);
}

/* ---- entering ------------------------------------------------------------------------ */

/* The nearest multiple of the tick; NaN: 0. */
static struct dec
on_tick(double x, struct dec tick)
{
	struct dec d = { 0 };

	if (isnan(x) || !(x > 0) || dec_from_real(x, &d) == -1)
		return (struct dec){ 0 };
	if (tick.e8 > 0)
		d.e8 = (d.e8 + tick.e8 / 2) / tick.e8 * tick.e8;
	return d;
}

static struct dec
whole_lots(double units, struct dec lot)
{
	struct dec d = { 0 };

	if (!isfinite(units) || dec_from_real(units, &d) == -1)
		return (struct dec){ 0 };
	return (struct dec){ lot.e8 > 0 ? d.e8 / lot.e8 * lot.e8 : d.e8 };
}

static bool
exits_of(const struct trade_deal *d, struct trade_exits *x)
{
	int side = d->moves.enter;

	if (d->strategy != NULL)
		return trade_entry_of(d->strategy, d->close, d->atr, side,
		    x);
	*x = (struct trade_exits){ NAN, d->close - side * 2 * d->atr,
	    d->close + side * 3 * d->atr };
	return true;
}

static bool
cooling(const struct trade_deal *d)
{
	return d->arming->cooldown_s > 0 && d->arming->acted_at.us != 0 &&
	    d->signal->bar_at.us - d->arming->acted_at.us <
	    d->arming->cooldown_s * INT64_C(1000000);
}

static int
units(struct trade_deal *d, const struct leg *l, struct dec *out,
    struct err *e)
{
	const struct trade_sizing z = trade_arming_sizing(d->arming);
	double price = isnan(l->exits.limit) ? d->close : l->exits.limit;
	struct trade_session s;
	double cash;

	if (trade_session_of(&d->desk, true, &s, e) == -1 ||
	    trade_session_value(d->desk.db, d->desk.a, &s, d->desk.now, e) ==
	    -1)
		return -1;
	/* a market moves until an order meets it */
	cash = 0.99 * dec_real((struct dec){ s.cash.e8 - s.reserved.e8 }) /
	    (1 + trade_session_fee(&s, d->desk.fee));
	*out = whole_lots(trade_size_of(d->strategy, &z,
	    dec_real(s.equity), cash, price, d->atr, &l->exits),
	    d->instrument->lot);
	return 0;
}

static int
enter(struct trade_deal *d, struct err *e)
{
	struct leg l = leg_of(d, "enter", d->moves.enter > 0 ? "buy" :
	    "sell");
	struct dec quantity = { 0 }, tick = d->instrument->tick;
	int rc;

	l.order = trade_order_new(&d->desk, trade_engine_order_name(
	    d->desk.a, d->arming, d->signal, "enter"));
	if (!exits_of(d, &l.exits))
		tell_outcome(&l, "held", "atr", "The ATR is not known yet");
	else if (cooling(d))
		tell_outcome(&l, "held", "cooldown",
		    "The last entry was a moment ago");
	else if (units(d, &l, &quantity, e) == -1)
		return -1;
	else if (quantity.e8 <= 0)
		tell_outcome(&l, "held", "size", "The size is below one lot");
	l.order.type = isnan(l.exits.limit) ? "market" : "limit";
	l.order.tif = "gtc";
	l.order.limit_price = on_tick(l.exits.limit, tick);
	l.order.stop_loss = on_tick(l.exits.sl, tick);
	l.order.take_profit = on_tick(l.exits.tp, tick);
	rc = carry_out(&l, quantity, e);
	if (rc == -1 || strcmp(l.act.outcome, "ordered") != 0)
		return rc;
	d->arming->acted_at = d->signal->bar_at;
	return trade_arming_acted(d->desk.db, d->arming, d->signal->bar_at,
	    e);
}

/* ---- whether at all ------------------------------------------------------------------- */

static int
stop(struct trade_deal *d, const char *state, const char *why, struct err *e)
{
	return trade_arming_stop(d->desk.db, d->desk.a, d->arming, state, why,
	    d->desk.now, e) == -1 ? -1 : 1;
}

/* 0 go on; 1 not any more: it is stopped and said. The owner's rights are
 * those of now, not of the day it was armed. */
static int
still_armed(struct trade_deal *d, struct err *e)
{
	struct trade_arming *r = d->arming;
	int may;

	if (strcmp(r->state, "armed") != 0)
		return 1;
	may = auth_may(d->env, d->desk.db, d->desk.a, r->tenant_id,
	    r->user_id, "trade:order", e);
	if (may != 1)
		return may == -1 ? -1 : stop(d, "disarmed",
		    "Its owner may not place orders any more", e);
	if (strcmp(r->mode, "paper") == 0)
		return 0;
	if (r->armed_until.us > d->desk.now.us)
		return 0;
	return stop(d, "paused", "The approval is older than a day: arm it "
	    "again", e);
}

int
trade_engine_deal(struct trade_deal *d, struct err *e)
{
	int rc = still_armed(d, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	d->desk.tenant = d->arming->tenant_id;
	d->desk.user = d->arming->user_id;
	d->desk.session = d->arming->session_id;
	d->desk.twice = true;	/* the name of the order tells repeats */
	if (d->moves.leave && d->stand.held.e8 != 0 && leave(d, e) == -1)
		return -1;
	return d->moves.enter != 0 ? enter(d, e) : 0;
}
