/*
 * What the engine does with closed bars and signals: signals of a bar, what
 * followed earlier ones, the rules of armed strategies, and those that follow
 * signals.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/engine_inner.h"
#include "modules/trade/feed_inner.h"

/* ---- signals --------------------------------------------------------------------------- */

static struct json
context(struct arena *a, const struct trade_seen *s, const char *extra)
{
	const struct {
		const char *name;
		double x;
	} all[] = { { "trend", s->trend }, { "regime", s->regime },
	    { "atr", s->atr }, { "rsi", s->rsi }, { "macd", s->macd },
	    { "volume_z", s->volume_z },
	    { "sentiment", s->x[FEATURE_SENTIMENT] } };
	char text[DEC_TEXT];
	struct str o;

	str_init(&o, a);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		str_addf(&o, "%c\"%s\":%s", i == 0 ? '{' : ',', all[i].name,
		    real_format(all[i].x, text));
	str_addf(&o, "%s}", extra);
	return (struct json){ o.p };
}

static struct trade_signal
signal_of(struct trade_listen *l, const struct trade_bar_news *n,
    const char *source, const char *name, double score, double strength)
{
	return (struct trade_signal){ .tenant_id = l->desk.tenant,
	    .instrument_id = l->instrument->id,
	    .symbol = l->instrument->symbol, .timeframe = n->timeframe,
	    .bar_at = n->bar.at, .source = source, .name = name,
	    .score = score, .strength = strength, .price = n->bar.close,
	    .bar_version = n->bar.version > 0 ? n->bar.version : 1,
	    .created_at = l->desk.now };
}

int
trade_engine_put(struct trade_listen *l, struct trade_signal *s, struct err *e)
{
	struct trade_later *later = trade_engine_later(l);
	int rc;

	if (l->unfollowed && later != NULL) {
		s->context.p = arena_strdup(l->batch, s->context.p);
		*VEC_ADD(l->batch, &later->signals) = *s;
		return 0;
	}
	if (!s->preview && trade_signal_preview(l->desk.db, s, e) == -1)
		return -1;
	s->preview = false;
	rc = trade_signal_put(l->desk.db, s, e);
	if (rc == 1)		/* a day is replayed: shown, not acted on */
		return 0;
	return rc == -1 ? -1 : trade_engine_follow(l, s, e);
}

static int
signals(struct trade_listen *l, const struct trade_bar_news *n,
    const struct trade_seen *s, struct err *e)
{
	const struct trade_engine_conf *c = conf_get(l->env->conf,
	    &trade_engine_settings);
	struct trade_signal g;

	for (size_t i = 0; i < s->nhits; i++) {
		const struct trade_hit *h = &s->hits[i];

		if (h->quality < c->quality_min)
			continue;
		g = signal_of(l, n, TRADE_SOURCE_PATTERN, h->name,
		    (h->value > 0 ? 1 : -1) * h->quality, h->quality);
		g.value = h->value;
		g.context = context(l->desk.a, s, "");
		if (trade_engine_put(l, &g, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < s->nremarks; i++) {
		const struct trade_remark *r = &s->remarks[i];

		g = signal_of(l, n, TRADE_SOURCE_INDICATOR, r->name,
		    r->score, r->strength);
		g.context = context(l->desk.a, s, "");
		if (trade_engine_put(l, &g, e) == -1)
			return -1;
	}
	return 0;
}

/* What the news said by the end of the bar; asked only where it is used. */
static int
mood(struct trade_listen *l, const struct trade_bar_news *n,
    struct trade_seen *s, struct err *e)
{
	struct utc end = { n->bar.at.us + trade_engine_span(n->timeframe) };

	return trade_engine_mood(l, end.us < l->desk.now.us ? end :
	    l->desk.now, &s->x[FEATURE_SENTIMENT], e);
}

/* A closed bar as it was seen, and the bars whose signals it follows. */
struct sight {
	const struct trade_seen *seen;	/* of a note: NULL where no strategy is
					 * at work */
	struct trade_followed followed;
};

/* What followed the signals of 1, 5 and 20 bars ago. */
static int
outcomes(struct trade_listen *l, const struct trade_followed *f,
    struct err *e)
{
	struct trade_later *later = trade_engine_later(l);
	bool minute = strcmp(f->timeframe, "1m") == 0;

	if (f->at[0].us == 0)
		return 0;
	if (later != NULL) {
		*VEC_ADD(l->batch, &later->followed) = *f;
		if (minute)
			*VEC_ADD(l->batch, &later->minutes) = *f;
		return 0;
	}
	if (trade_signal_follow(l->desk.db, l->desk.a, f, 1, e) == -1)
		return -1;
	return !minute ? 0 : trade_signal_follow_ticks(l->desk.db,
	    l->desk.a, f, 1, e);
}

/* Looks at a bar and tells its signals. 1: it was seen before. */
static int
look(struct trade_listen *l, const struct trade_bar_news *n,
    struct sight *out, struct err *e)
{
	struct trade_slot *s;
	int rc;

	if (trade_engine_watch(l, n->timeframe, n->bar.at, &s, e) == -1)
		return -1;
	rc = trade_engine_ready(l, s, n->timeframe, n->bar.at, e);
	if (rc != 0)
		return rc;
	if (trade_engine_push(s, &n->bar, NULL, e) == -1 || (s->seen.nhits +
	    s->seen.nremarks > 0 && mood(l, n, &s->seen, e) == -1))
		return -1;
	out->seen = &s->seen;
	out->followed = (struct trade_followed){ l->instrument->id,
	    n->timeframe, { trade_watch_back(s->watch, 1),
	    trade_watch_back(s->watch, 5), trade_watch_back(s->watch, 20) },
	    n->bar.close };
	return signals(l, n, &s->seen, e);
}

/* ---- rules of armed strategies ----------------------------------------------------------- */

/* A limit entry stands for one bar, as in a backtest. */
static int
drop_waiting(struct trade_listen *l, const struct trade_arming *r,
    struct trade_stand *stand, struct utc bar, struct err *e)
{
	struct trade_desk d = l->desk;
	size_t kept = 0;

	d.user = r->user_id;
	d.session = r->session_id;
	for (size_t i = 0; i < stand->waiting.n; i++) {
		struct trade_act_open *o = ROW(&stand->waiting,
		    struct trade_act_open, i);
		struct trade_order order;

		if (strcmp(o->type, "limit") != 0 || o->bar_at.us >= bar.us) {
			kept++;
			continue;
		}
		if (trade_order_cancel(&d, o->order_id,
		    "its bar is over", &order, e) == -1) {
			if (e->status != 409 && e->status != 404)
				return -1;
			err_clear(e);
		}
	}
	stand->waiting.n = kept;
	return 0;
}

static int
decide(struct trade_listen *l, const struct trade_bar_news *n,
    struct trade_arming *r, const struct trade_slot *rules,
    const struct trade_verdict *v, const struct trade_seen *seen,
    struct err *e)
{
	static const char *const said[] = { "entry_long", "exit_long",
	    "entry_short", "exit_short" };
	struct trade_deal d = { .env = l->env, .desk = l->desk,
	    .arming = r,
	    .conf = conf_get(l->env->conf, &trade_engine_settings),
	    .instrument = l->instrument, .strategy = &rules->strategy,
	    .close = dec_real(n->bar.close), .atr = v->atr };
	const struct trade_reward_terms terms = trade_engine_rewards(d.conf);
	struct trade_signal s;
	char id[UUID_TEXT];
	int rule = 0, rc;

	if (trade_trip_sync(l->desk.db, l->desk.a, r, l->instrument->id,
	    &terms, l->desk.now, &d.stand, e) == -1 ||
	    drop_waiting(l, r, &d.stand, n->bar.at, e) == -1)
		return -1;
	d.moves = trade_moves_of(v, dec_real(d.stand.held),
	    d.stand.waiting.n > 0);
	if (!d.moves.leave && d.moves.enter == 0)
		return 0;
	while (rule < RULES - 1 && !v->rule[rule])
		rule++;
	d.why = arena_printf(l->desk.a, "%s of %.80s is true at the close",
	    said[rule], r->name);
	s = signal_of(l, n, TRADE_SOURCE_STRATEGY, uuid_format(r->id, id),
	    d.moves.enter != 0 ? d.moves.enter : d.stand.held.e8 > 0 ? -1 :
	    1, 1);
	s.context = context(l->desk.a, seen, arena_printf(l->desk.a,
	    ",\"rule\":\"%s\"", said[rule]));
	d.signal = &s;
	rc = trade_signal_put(l->desk.db, &s, e);
	return rc != 0 ? (rc == 1 ? 0 : -1) : trade_engine_deal(&d, e);
}

/* A bar long past what is known of the market is history: it is learnt from,
 * not acted on. */
static int
history(struct trade_listen *l, const struct trade_bar_news *n, bool *is,
    struct err *e)
{
	struct trade_quote q = { .at = { 0 } };
	struct trade_progress p;
	int rc = trade_progress_get(l->desk.db, l->desk.a, l->instrument->id,
	    &p, e);

	*is = false;
	if (rc == 0 && !uuid_is_nil(p.feed_id))
		return 0;		/* a feed's own time */
	if (rc == -1 || trade_quote_get(l->desk.db, l->desk.a,
	    l->instrument->id, &q, e) == -1)
		return -1;
	*is = q.at.us > n->bar.at.us + 3 * trade_engine_span(n->timeframe);
	return 0;
}

static int
armings(struct trade_listen *l, const struct trade_bar_news *n,
    const struct trade_seen *seen, struct err *e)
{
	struct trade_verdict v;
	struct rows rows;
	bool past = false;
	int rc;

	if (trade_arming_at_work(l->desk.db, l->desk.a, l->instrument->id,
	    n->timeframe, &rows, e) == -1 || (rows.n > 0 &&
	    history(l, n, &past, e) == -1))
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_arming *r = ROW(&rows, struct trade_arming, i);
		struct trade_slot *s;

		if (trade_engine_rules(l, r, n->bar.at, &s, e) == -1)
			return -1;
		rc = trade_engine_ready(l, s, n->timeframe, n->bar.at, e);
		if (rc == 1)
			continue;
		if (rc == -1 || trade_engine_push(s, &n->bar, &v, e) == -1 || (!past && v.warm &&
		    decide(l, n, r, s, &v, seen, e) == -1))
			return -1;
	}
	return 0;
}

/* Signals that somebody follows are for on_bar(): a known one is not followed
 * again. */
int
trade_engine_on_close(struct trade_listen *l, struct trade_bar_news *n,
    struct err *e)
{
	struct sight *s;
	int rc;

	if (!l->unfollowed)
		return 0;
	s = arena_alloc(l->batch, sizeof(*s));
	rc = look(l, n, s, e);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	s->seen = l->unarmed ? NULL : arena_memdup(l->batch, s->seen,
	    sizeof(*s->seen));
	n->note = s;
	return 0;
}

int
trade_engine_on_bar(struct trade_listen *l, const struct trade_bar_news *n,
    struct err *e)
{
	const struct sight *s = n->note;
	struct sight own;
	int rc;

	if (n->corrected) {
		trade_engine_forget_series(l, n->timeframe);
		return trade_signal_corrected(l->desk.db, l->instrument->id,
		    n->timeframe, n->bar.at, e);
	}
	if (s == NULL) {
		rc = look(l, n, &own, e);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
		s = &own;
	}
	if (outcomes(l, &s->followed, e) == -1)
		return -1;
	return l->unarmed || s->seen == NULL ? 0 : armings(l, n, s->seen, e);
}

/* ---- following signals -------------------------------------------------------------------- */

static int
follow_one(struct trade_listen *l, struct trade_arming *r,
    struct trade_signal *s, struct err *e)
{
	struct trade_deal d = { .env = l->env, .desk = l->desk,
	    .arming = r,
	    .conf = conf_get(l->env->conf, &trade_engine_settings),
	    .instrument = l->instrument, .signal = s,
	    .close = dec_real(s->price) };
	const struct trade_reward_terms terms = trade_engine_rewards(d.conf);
	/* what had closed by then */
	const struct utc closed = { s->bar_at.us -
	    trade_engine_span(r->timeframe) + 1 };
	struct trade_quote q = { .last = { 0 } };
	int side = s->score > 0 ? 1 : -1;
	struct trade_slot *w;
	double held;

	if (trade_trip_sync(l->desk.db, l->desk.a, r, l->instrument->id,
	    &terms, l->desk.now, &d.stand, e) == -1 ||
	    trade_engine_watch(l, r->timeframe, closed, &w, e) == -1)
		return -1;
	if (s->price.e8 == 0) {
		if (trade_quote_get(l->desk.db, l->desk.a, l->instrument->id,
		    &q, e) == -1)
			return -1;
		d.close = dec_real(q.last);
	}
	held = dec_real(d.stand.held);
	d.atr = w->seen.bars > 0 ? w->seen.atr : NAN;
	d.moves.leave = held * side < 0;
	d.moves.enter = held * side <= 0 && d.stand.waiting.n == 0 ? side :
	    0;
	d.why = arena_printf(l->desk.a, "%s of %s has a score of %.2f",
	    s->name, s->source, s->score);
	return trade_engine_deal(&d, e);
}

int
trade_engine_follow(struct trade_listen *l, struct trade_signal *s,
    struct err *e)
{
	struct rows rows;

	if (strcmp(s->side, "neutral") == 0)
		return 0;
	if (trade_arming_at_work(l->desk.db, l->desk.a, s->instrument_id, "",
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_arming *r = ROW(&rows, struct trade_arming, i);

		if (trade_arming_follows(r, s) && follow_one(l, r, s, e) ==
		    -1)
			return -1;
	}
	return 0;
}

int
trade_engine_on_signal(struct trade_listen *l, const char *json, size_t n,
    struct err *e)
{
	struct trade_signal s;
	int rc = trade_signal_intake(l->desk.db, l->desk.a, l->desk.tenant,
	    l->instrument, json, n, l->desk.now, &s, e);

	if (rc == -1)
		return e->status >= 400 && e->status < 500 ? 1 : -1;
	return rc == 1 ? 0 : trade_engine_follow(l, &s, e);
}
