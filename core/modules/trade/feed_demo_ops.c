/*
 * A market to try things on: simulated instruments with a past (two years of
 * days, three days of minutes) and a recorded day of ticks that a feed replays
 * again and again. The feed's row is written last, so that a demo that was
 * interrupted is made anew; whatever is there already stays as it is.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/feed_inner.h"

#define DAY_US (INT64_C(86400) * US_PER_S)
enum { SYMBOLS = 5, DAYS = 730, MINUTE_DAYS = 3, CHUNK = 1000, SPEED = 60,
	DEMO_SEED = 20260101 };

struct past {
	struct db *db;
	struct arena *a;
	struct trade_instrument i[SYMBOLS];
	struct trade_builder b[SYMBOLS];
	struct dec last[SYMBOLS], base[SYMBOLS];
	uint64_t seed;
	int from_tf, to_tf;		/* bars that are stored */
	VEC(struct trade_bar_of) bars;
	VEC(struct trade_tick) ticks;
	bool record;			/* ticks are stored, bars are not */
};

static int
flush(struct past *p, size_t least, struct err *e)
{
	struct arena *a;
	int rc = 0;

	if (p->bars.n < least && p->ticks.n < least)
		return 0;
	a = arena_new((size_t)16 << 20);
	if (trade_bar_put_many(p->db, a, p->bars.v, p->bars.n, true, e) == -1
	    || trade_tick_store(p->db, a, p->ticks.v, p->ticks.n, e) == -1)
		rc = -1;
	arena_free(a);
	p->bars.n = p->ticks.n = 0;
	return rc;
}

static void
keep(struct past *p, size_t s, const struct trade_build *out)
{
	for (size_t i = 0; i < out->nbars; i++) {
		int tf = out->bars[i].timeframe;

		if (tf >= p->from_tf && tf <= p->to_tf &&
		    out->bars[i].whole)
			*VEC_ADD(p->a, &p->bars) = (struct trade_bar_of){
			    p->i[s].id, trade_timeframe_names[tf],
			    out->bars[i].bar };
	}
}

/* A tick of each symbol every step_s seconds. */
static int
span(struct past *p, struct utc from, struct utc to, double step_s,
    double day_sd, struct err *e)
{
	struct trade_mock_market m = { .seed = p->seed++, .n = SYMBOLS,
	    .rate = SYMBOLS / step_s, .volatility = day_sd / 294,
	    .spread = 0.0004, .correlation = 0.4 };

	for (uint64_t k = 0;; k++) {
		size_t s = trade_mock_turn(&m, k);
		struct trade_tick t = { .instrument_id = p->i[s].id };
		struct trade_build out;

		trade_mock_tick(&m, k, p->last[s], p->base[s], from, &t);
		if (t.at.us >= to.us)
			return flush(p, 0, e);
		p->last[s] = t.last;
		t.heard_at = t.at;
		if (p->record)
			*VEC_ADD(p->a, &p->ticks) = t;
		t.seq = 0;
		trade_build_tick(&p->b[s], &t, INT64_MAX / 100, &out);
		if (!p->record)
			keep(p, s, &out);
		if (flush(p, CHUNK, e) == -1)
			return -1;
	}
}

static int
instruments(struct past *p, struct uuid tenant, struct utc now,
    struct err *e)
{
	for (size_t s = 0; s < SYMBOLS; s++) {
		const struct trade_mock_symbol *m = &trade_mock_symbols[s];

		p->i[s] = trade_instrument_usual(tenant, m->symbol, TRADE_DEMO_EXCHANGE,
		    now);
		p->i[s].name = m->name;
		p->base[s] = p->last[s] = trade_mock_price(m->symbol);
		if (trade_instrument_put(p->db, p->a, &p->i[s], e) == -1 ||
		    trade_hours_parse(&p->b[s].hours, "UTC", "", "", e) == -1)
			return -1;
	}
	return 0;
}

struct demo {
	struct arena *a;
	struct uuid tenant;
	const char *name;
	struct utc now;
};

static int
start(struct db *db, const struct demo *d, struct utc from, struct utc to,
    struct err *e)
{
	char t0[CLOCK_TEXT], t1[CLOCK_TEXT];
	struct trade_feed f = { .id = uuid_new(), .tenant_id = d->tenant,
	    .name = d->name, .kind = "replay", .wanted = "stopped",
	    .state = "stopped", .detail = "", .position = "", .version = 1,
	    .created_at = d->now, .updated_at = d->now };
	struct str s;

	str_init(&s, d->a);
	str_add(&s, "{\"symbols\":[");
	for (size_t i = 0; i < SYMBOLS; i++)
		str_addf(&s, "%s\"%s\"", i > 0 ? "," : "",
		    trade_mock_symbols[i].symbol);
	str_addf(&s, "],\"exchange\":\"" TRADE_DEMO_EXCHANGE "\",\"source\":\"ticks\","
	    "\"from\":\"%s\",\"to\":\"%s\",\"speed\":%d,\"again\":true}",
	    clock_format(from, t0), clock_format(to, t1), SPEED);
	f.spec.p = s.p;
	return trade_feed_insert(db, &f, e) == -1 ? -1 :
	    trade_feed_start(db, d->a, &f, d->now, e);
}

static int
work(struct db *db, void *arg, struct err *e)
{
	const struct demo *d = arg;
	struct past *p = arena_alloc(d->a, sizeof(*p));
	const struct utc end = { d->now.us / (3600 * US_PER_S) * (3600 *
	    US_PER_S) }, day = { end.us - DAY_US },
	    minutes = { day.us - MINUTE_DAYS * DAY_US },
	    begin = { end.us / DAY_US * DAY_US - DAYS * DAY_US };

	p->db = db;
	p->a = d->a;
	p->seed = DEMO_SEED;
	if (instruments(p, d->tenant, d->now, e) == -1)
		return -1;
	p->from_tf = TRADE_1D;
	p->to_tf = TRADE_1W;
	if (span(p, begin, minutes, 3600, 0.018, e) == -1)
		return -1;
	p->from_tf = TRADE_1M;
	if (span(p, minutes, day, 20, 0.018, e) == -1)
		return -1;
	p->record = true;
	if (span(p, day, end, 15, 0.025, e) == -1)
		return -1;
	return start(db, d, day, end, e);
}

int
trade_feed_demo(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, struct utc now, bool *made, struct err *e)
{
	struct arena *own = arena_new((size_t)256 << 20);
	struct demo d = { own, tenant, name, now };
	struct trade_feed f;
	int rc = trade_feed_by_name(db, a, tenant, name, &f, e);

	*made = rc == 1;
	if (rc == 1)
		rc = db_txn(db, own, work, &d, e);
	arena_free(own);
	return rc;
}
