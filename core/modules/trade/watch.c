/*
 * Watching a series. Sources of the remarks: the rules of the original's
 * trading core (breakout, volume spike, oversold, overbought, pullback) and of
 * its strategist (consensus of weighted votes; its signal line of MACD was
 * MACD itself, here it is the signal line).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/watch.h"

enum { KEEP = 128, ROOM = 2 * KEEP, CALM = 100, MONTH = 20 };

enum { I_RSI, I_MACD, I_ATR, I_FAST, I_SLOW, I_SMA20, I_SMA50, I_BANDS, IS };
static const struct {
	const char *name;
	double p[2];
	size_t n;
} wanted[IS] = {
	[I_RSI] = { "rsi", { 14 }, 1 }, [I_MACD] = { "macd", { 0 }, 0 },
	[I_ATR] = { "atr", { 14 }, 1 }, [I_FAST] = { "ema", { 12 }, 1 },
	[I_SLOW] = { "ema", { 26 }, 1 }, [I_SMA20] = { "sma", { 20 }, 1 },
	[I_SMA50] = { "sma", { 50 }, 1 }, [I_BANDS] = { "bbands", { 0 }, 0 }
};
const char *const trade_feature_names[] = {
	"momentum_5", "momentum_20", "momentum_60", "rsi", "macd_histogram",
	"high_20", "low_20", "volume_z", "pattern", "trend", "regime",
	"sentiment", NULL
};

struct trade_watch {
	struct trade_indicator *in[IS];
	double now[IS][TRADE_OUTPUTS], was[IS][TRADE_OUTPUTS];
	struct trade_candles candles;
	struct trade_ohlcv bars[ROOM];	/* the last n, oldest first */
	double calm[CALM];		/* ATR as a part of the price */
	uint64_t ncalm, total;
	size_t n;
	struct utc at[ROOM];
	bool pulled, spiked, broke_up, broke_down;
	int call;			/* of the consensus */
};

struct trade_watch *
trade_watch_new(struct arena *a, struct err *e)
{
	struct trade_watch *w = arena_alloc(a, sizeof(*w));

	for (int i = 0; i < IS; i++) {
		w->in[i] = trade_indicator_new(a, trade_indicator_find(
		    wanted[i].name), wanted[i].p, wanted[i].n, e);
		if (w->in[i] == NULL)
			return NULL;
		for (int o = 0; o < TRADE_OUTPUTS; o++)
			w->now[i][o] = NAN;
	}
	trade_candles_start(&w->candles);
	return w;
}

struct utc
trade_watch_back(const struct trade_watch *w, size_t k)
{
	return k < w->n ? w->at[w->n - 1 - k] : (struct utc){ 0 };
}

size_t
trade_watch_preview(const struct trade_watch *w,
    const struct trade_candle_bar *b, int16_t value[TRADE_CANDLES])
{
	struct trade_candles copy = w->candles;
	size_t n = 0;

	if (trade_candles_push(&copy, b, value) == -1)
		return 0;
	for (int k = 0; k < TRADE_CANDLES; k++)
		n += value[k] != 0;
	return n;
}

/* ---- a bar comes in ---------------------------------------------------------------- */

static void
take(struct trade_watch *w, struct utc at, const struct trade_ohlcv *b)
{
	memcpy(w->was, w->now, sizeof(w->was));
	for (int i = 0; i < IS; i++)
		trade_indicator_push(w->in[i], b, b->c, w->now[i]);
	if (w->n == ROOM) {
		memmove(w->bars, w->bars + ROOM - KEEP,
		    KEEP * sizeof(w->bars[0]));
		memmove(w->at, w->at + ROOM - KEEP, KEEP * sizeof(w->at[0]));
		w->n = KEEP;
	}
	w->at[w->n] = at;
	w->bars[w->n++] = *b;
	w->total++;
}

/* Share of the hundred bars before that were calmer. */
static double
regime(struct trade_watch *w, double calm)
{
	size_t below = 0, n = w->ncalm < CALM ? (size_t)w->ncalm : CALM;

	if (isnan(calm))
		return NAN;
	for (size_t i = 0; i < n; i++)
		below += w->calm[i] < calm;
	w->calm[w->ncalm++ % CALM] = calm;
	return n < MONTH ? NAN : (double)below / (double)n;
}

static double
back(const struct trade_watch *w, size_t k)
{
	return w->n > k ? w->bars[w->n - 1 - k].c : NAN;
}

/* Highest high, lowest low of the n bars that end k bars ago. */
static double
extreme(const struct trade_watch *w, size_t n, size_t k, int way)
{
	double x = NAN;

	if (w->n < n + k)
		return NAN;
	for (size_t i = w->n - n - k; i < w->n - k; i++)
		x = way > 0 ? fmax(x, w->bars[i].h) : fmin(x, w->bars[i].l);
	return x;
}

/* ---- features ------------------------------------------------------------------------ */

static double
clip(double x, double most)
{
	return isnan(x) ? NAN : fmax(-most, fmin(most, x));
}

static double
momentum(const struct trade_watch *w, size_t k, double calm)
{
	return clip(log(back(w, 0) / back(w, k)) / (calm * sqrt((double)k)),
	    6);
}

static void
features(const struct trade_watch *w, struct trade_seen *s)
{
	double calm = s->atr / s->close, *x = s->x, evidence = 0;

	for (size_t i = 0; i < s->nhits; i++)
		evidence += (s->hits[i].value > 0 ? 1 : -1) *
		    s->hits[i].quality;
	x[FEATURE_MOM_5] = momentum(w, 5, calm);
	x[FEATURE_MOM_20] = momentum(w, 20, calm);
	x[FEATURE_MOM_60] = momentum(w, 60, calm);
	x[FEATURE_RSI] = (s->rsi - 50) / 50;
	x[FEATURE_MACD] = clip(s->macd / s->atr, 6);
	x[FEATURE_HIGH_20] = clip((s->close - extreme(w, MONTH, 0, 1)) /
	    s->atr, 20);
	x[FEATURE_LOW_20] = clip((s->close - extreme(w, MONTH, 0, -1)) /
	    s->atr, 20);
	/* a series without volumes says nothing by them */
	x[FEATURE_VOLUME_Z] = isnan(s->volume_z) ? 0 : clip(s->volume_z, 4);
	x[FEATURE_PATTERN] = clip(evidence, 3);
	x[FEATURE_TREND] = isnan(s->trend) ? 0 : tanh(s->trend / 4);
	x[FEATURE_REGIME] = s->regime;
	x[FEATURE_SENTIMENT] = 0;
	s->warm = w->n > 60;
	for (int i = 0; i < TRADE_FEATURES; i++)
		s->warm = s->warm && isfinite(x[i]);
}

/* ---- remarks ------------------------------------------------------------------------- */

static void
remark(struct trade_seen *s, const char *name, double score, double strength)
{
	if (s->nremarks < TRADE_REMARKS)
		s->remarks[s->nremarks++] = (struct trade_remark){ name,
		    score, fmax(0, fmin(1, strength)) };
}

static void
crossing(struct trade_seen *s, const char *name, double before, double now,
    double score, double strength)
{
	if ((before <= 0 && now > 0) || (before >= 0 && now < 0))
		remark(s, name, now > 0 ? score : -score, strength);
}

static void
levels(struct trade_watch *w, struct trade_seen *s)
{
	double up = extreme(w, MONTH, 1, 1), down = extreme(w, MONTH, 1, -1);
	double rsi = w->was[I_RSI][0];
	bool loud = s->volume_z > 1;
	bool rise = loud && s->close > up + 0.25 * s->atr;
	bool fall = loud && s->close < down - 0.25 * s->atr;

	if (rise && !w->broke_up)
		remark(s, "breakout", 0.8, (s->close - up) / s->atr);
	if (fall && !w->broke_down)
		remark(s, "breakout", -0.8, (down - s->close) / s->atr);
	w->broke_up = rise;
	w->broke_down = fall;
	if (rsi >= 30 && s->rsi < 30)
		remark(s, "rsi_oversold", 0.7, 1 - s->rsi / 50);
	if (rsi <= 70 && s->rsi > 70)
		remark(s, "rsi_overbought", -0.7, s->rsi / 50 - 1);
}

static void
moods(struct trade_watch *w, const struct trade_ohlcv *b,
    struct trade_seen *s)
{
	bool spike = s->volume_z > 2 && b->c != b->o;
	bool pulled = s->close < w->now[I_SMA20][0] && s->rsi < 40 &&
	    s->close > w->now[I_SMA50][0];

	if (spike && !w->spiked)
		remark(s, "volume_spike", b->c > b->o ? 0.3 : -0.3,
		    s->volume_z / 6);
	if (pulled && !w->pulled)
		remark(s, "pullback", 0.4, (40 - s->rsi) / 20);
	w->spiked = spike;
	w->pulled = pulled;
}

struct poll {
	double buy, sell;
	int buyers, sellers;
};

static void
vote(struct poll *p, double way, double weight)
{
	if (way > 0) {
		p->buy += weight;
		p->buyers++;
	} else if (way < 0) {
		p->sell += weight;
		p->sellers++;
	}
}

/* The strategist: five views, each with its weight. */
static void
consensus(struct trade_watch *w, struct trade_seen *s)
{
	struct poll p = { 0, 0, 0, 0 };
	const double *bands = w->now[I_BANDS];
	double place = (s->close - bands[2]) / (bands[1] - bands[2]);
	double ten = s->close / back(w, 10) - 1, sum, confidence;
	int call = 0;

	vote(&p, s->rsi < 40 ? 1 : s->rsi > 60 ? -1 : 0,
	    s->rsi < 30 || s->rsi > 70 ? 0.7 : 0.5);
	vote(&p, w->now[I_SMA20][0] - w->now[I_SMA50][0], 0.6);
	vote(&p, s->macd, 0.6);
	vote(&p, place < 0.2 ? 1 : place > 0.8 ? -1 : 0, 0.5);
	vote(&p, ten > 0.05 ? 1 : ten < -0.05 ? -1 : 0, 0.4);
	sum = fmax(p.buy, p.sell);
	confidence = sum / (p.buy > p.sell ? p.buyers : p.sellers);
	if (p.buy != p.sell && confidence > 0.55)
		call = (p.buy > p.sell ? 1 : -1) * (sum > 2 ? 2 : 1);
	if (call != 0 && call != w->call)
		remark(s, abs(call) == 2 ? "consensus_strong" : "consensus",
		    clip((p.buy - p.sell) / 2.8, 1), confidence);
	w->call = call;
}

int
trade_watch_push(struct trade_watch *w, struct utc at,
    const struct trade_ohlcv *b, const struct trade_candle_bar *units,
    struct trade_seen *s, struct err *e)
{
	int16_t value[TRADE_CANDLES];

	*s = (struct trade_seen){ .at = at, .close = b->c };
	if (trade_candles_push(&w->candles, units, value) == -1)
		return err_set(e, 422, "bar", "That is no bar");
	take(w, at, b);
	s->bars = w->total;
	s->atr = w->now[I_ATR][0];
	s->rsi = w->now[I_RSI][0];
	s->macd = w->now[I_MACD][2];
	s->regime = regime(w, s->atr / s->close);
	trade_hit_around(w->bars, w->n - 1, &s->trend, NULL, &s->volume_z);
	for (int k = 0; k < TRADE_CANDLES; k++)
		if (value[k] != 0) {
			struct trade_hit *h = &s->hits[s->nhits++];

			trade_hit_at(w->bars, w->n - 1, k, value[k], h);
			h->at = at;
		}
	features(w, s);
	if (w->total > 51) {
		crossing(s, "ema_cross", w->was[I_FAST][0] - w->was[I_SLOW][0],
		    w->now[I_FAST][0] - w->now[I_SLOW][0], 0.6, 0.6);
		crossing(s, "macd_cross", w->was[I_MACD][2], s->macd, 0.6,
		    0.6);
		levels(w, s);
		moods(w, b, s);
		consensus(w, s);
	}
	return 0;
}
