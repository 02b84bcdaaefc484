/*
 * The engine's memory. Invariants: the state of a series and of an arming's
 * rules is what the stored bars make of it, so that a restart changes nothing;
 * memory is bounded (the longest unused is given back, and warmed again when it
 * is needed).
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/trade/engine_inner.h"

enum {
	WARM = 5000,			/* stored bars that warm a state */
	SLOTS = 4000,			/* states in memory */
	SLOT_CAP = 64 << 20
};

struct trade_engine *
trade_engine_memory(struct trade_listen *l)
{
	struct trade_engine *m = l->memory;

	if (m != NULL)
		return m;
	m = arena_alloc(l->keep, sizeof(*m));
	m->a = l->keep;
	m->slots = map_new(l->keep);
	m->pulses = map_new(l->keep);
	l->memory = m;
	return m;
}

static void
give_back(struct trade_engine *m, struct trade_slot *s)
{
	if (s->a == NULL)
		return;
	arena_free(s->a);
	*s = (struct trade_slot){ .a = NULL };
	m->living--;
}

void
trade_engine_forget(void *arg)
{
	struct trade_engine *m = arg;

	for (size_t i = 0; m != NULL && i < m->all.n; i++)
		give_back(m, m->all.v[i]);
}

static void
make_room(struct trade_engine *m)
{
	struct trade_slot *oldest = NULL;

	if (m->living < SLOTS)
		return;
	for (size_t i = 0; i < m->all.n; i++)
		if (m->all.v[i]->a != NULL && (oldest == NULL ||
		    m->all.v[i]->used < oldest->used))
			oldest = m->all.v[i];
	if (oldest != NULL)
		give_back(m, oldest);
}

/* Empty ones have no arena. */
static struct trade_slot *
slot_of(struct trade_engine *m, const char *key)
{
	struct trade_slot *s = map_get(m->slots, key);

	if (s == NULL) {
		s = arena_alloc(m->a, sizeof(*s));
		map_put(m->slots, arena_strdup(m->a, key), s);
		*VEC_ADD(m->a, &m->all) = s;
	}
	s->used = ++m->clock;
	return s;
}

static void
begin(struct trade_engine *m, struct trade_slot *s)
{
	make_room(m);
	*s = (struct trade_slot){ .a = arena_new(SLOT_CAP), .used = m->clock };
	m->living++;
}

/* ---- bars into a state --------------------------------------------------------------- */

static struct trade_ohlcv
reals(const struct trade_bar *b)
{
	return (struct trade_ohlcv){ dec_real(b->open), dec_real(b->high),
	    dec_real(b->low), dec_real(b->close), dec_real(b->volume) };
}

static struct trade_candle_bar
whole(const struct trade_bar *b)
{
	return (struct trade_candle_bar){ b->open.e8, b->high.e8, b->low.e8,
	    b->close.e8 };
}

int
trade_engine_push(struct trade_slot *s, const struct trade_bar *b, struct trade_verdict *v,
    struct err *e)
{
	const struct trade_ohlcv x = reals(b);
	const struct trade_candle_bar u = whole(b);

	if (s->watch != NULL) {
		if (trade_watch_push(s->watch, b->at, &x, &u, &s->seen, e) ==
		    -1)
			return -1;
	} else {
		trade_rules_push(s->rules, &x, &u, v);
	}
	s->last = b->at;
	if (b->at.us > s->top.us)
		s->top = b->at;
	return 0;
}

/* With the stored bars before one. */
static int
warm(struct trade_listen *l, struct trade_slot *s, const char *timeframe,
    struct utc before, struct err *e)
{
	struct arena *a = arena_new((size_t)16 << 20);
	struct trade_verdict v;
	struct rows rows;
	int rc = trade_bar_page(l->desk.db, a, l->instrument->id,
	    timeframe, (struct utc){ 0 }, before, WARM, &rows, e);

	for (size_t i = rc == 0 ? rows.n : 0; i > 0 && rc == 0; i--)
		rc = trade_engine_push(s, ROW(&rows, struct trade_bar, i - 1), &v, e);
	arena_free(a);
	return rc == -1 ? -1 : 0;
}

static const char *
series(struct trade_listen *l, const char *timeframe)
{
	return arena_printf(l->desk.a, "%lld/%s",
	    (long long)l->instrument->id, timeframe);
}

struct trade_slot *
trade_engine_watched(struct trade_listen *l, const char *timeframe)
{
	struct trade_slot *s = map_get(trade_engine_memory(l)->slots,
	    series(l, timeframe));

	return s != NULL && s->a != NULL ? s : NULL;
}

int
trade_engine_watch(struct trade_listen *l, const char *timeframe,
    struct utc before, struct trade_slot **out, struct err *e)
{
	struct trade_engine *m = trade_engine_memory(l);
	struct trade_slot *s = slot_of(m, series(l, timeframe));

	*out = s;
	if (s->a != NULL)
		return 0;
	begin(m, s);
	s->watch = trade_watch_new(s->a, e);
	if (s->watch == NULL || warm(l, s, timeframe, before, e) == -1) {
		give_back(m, s);
		return -1;
	}
	return 0;
}

int
trade_engine_rules(struct trade_listen *l, const struct trade_arming *r,
    struct utc before, struct trade_slot **out, struct err *e)
{
	struct trade_engine *m = trade_engine_memory(l);
	char id[UUID_TEXT];
	double values[TRADE_PARAMS_MAX];
	struct trade_slot *s = slot_of(m, arena_printf(l->desk.a, "%lld/%s/%s",
	    (long long)l->instrument->id, r->timeframe, uuid_format(r->id,
	    id)));

	*out = s;
	if (s->a != NULL && s->version == r->version)
		return 0;
	give_back(m, s);
	begin(m, s);
	s->version = r->version;
	s->spec = arena_strdup(s->a, r->spec.p);
	s->params = arena_strdup(s->a, r->params.p);
	if (trade_arming_strategy(s->a, r, &s->strategy, values, e) == -1 ||
	    trade_rules_new(s->a, &s->strategy, values, &s->rules, e) == -1 ||
	    warm(l, s, r->timeframe, before, e) == -1) {
		give_back(m, s);
		return -1;
	}
	return 0;
}

int
trade_engine_ready(struct trade_listen *l, struct trade_slot *s,
    const char *timeframe, struct utc bar, struct err *e)
{
	struct trade_arming none = { .params = { "{}" } };
	struct trade_slot old = *s;
	struct arena *a;
	double values[TRADE_PARAMS_MAX];

	if (bar.us == s->last.us)
		return 1;
	if (bar.us > s->last.us && (s->last.us == s->top.us ||
	    bar.us <= s->top.us))
		return 0;
	a = arena_new(SLOT_CAP);
	*s = (struct trade_slot){ .a = a, .version = old.version,
	    .used = old.used, .top = old.top };
	if (old.watch != NULL) {
		s->watch = trade_watch_new(a, e);
	} else {
		none.spec.p = arena_strdup(a, old.spec);
		none.params.p = arena_strdup(a, old.params);
		s->spec = none.spec.p;
		s->params = none.params.p;
		if (trade_arming_strategy(a, &none, &s->strategy, values,
		    e) == -1 || trade_rules_new(a, &s->strategy, values,
		    &s->rules, e) == -1)
			s->rules = NULL;
	}
	arena_free(old.a);
	if ((s->watch == NULL && s->rules == NULL) || warm(l, s, timeframe,
	    bar, e) == -1) {
		give_back(trade_engine_memory(l), s);
		return -1;
	}
	return 0;
}

void
trade_engine_forget_series(struct trade_listen *l, const char *timeframe)
{
	struct trade_engine *m = trade_engine_memory(l);
	const char *prefix = series(l, timeframe), *key;
	size_t it = 0, n = strlen(prefix);
	void *s;

	while (map_next(m->slots, &it, &key, &s))
		if (strncmp(key, prefix, n) == 0 && (key[n] == '\0' ||
		    key[n] == '/'))
			give_back(m, s);
}

struct trade_pulse *
trade_engine_pulse(struct trade_listen *l)
{
	struct trade_engine *m = trade_engine_memory(l);
	const char *key = series(l, TRADE_TICKS);
	struct trade_pulse *p = map_get(m->pulses, key);

	if (p == NULL) {
		p = arena_alloc(m->a, sizeof(*p));
		map_put(m->pulses, arena_strdup(m->a, key), p);
	}
	return p;
}

int64_t
trade_engine_span(const char *timeframe)
{
	static const int64_t minutes[] = { 1, 5, 15, 30, 60, 240, 1440,
	    10080 };

	for (size_t i = 0; trade_timeframes[i] != NULL; i++)
		if (strcmp(trade_timeframes[i], timeframe) == 0)
			return minutes[i] * 60 * US_PER_S;
	return 0;
}
