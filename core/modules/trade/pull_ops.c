/*
 * Fetched quotes into the intake.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/random.h"
#include "modules/trade/pull.h"

struct seen {
	struct dec volume;
	struct trade_tick tick;
};
struct trade_volumes {
	struct arena *a;
	struct map *by_symbol;
};

struct trade_volumes *
trade_volumes_new(struct arena *a)
{
	struct trade_volumes *v = arena_alloc(a, sizeof(*v));

	v->a = a;
	v->by_symbol = map_new(a);
	return v;
}

static struct seen *
seen_of(struct trade_volumes *v, const char *key)
{
	struct seen *s = map_get(v->by_symbol, key);

	if (s == NULL) {
		s = arena_alloc(v->a, sizeof(*s));
		s->volume.e8 = -1;
		map_put(v->by_symbol, arena_strdup(v->a, key), s);
	}
	return s;
}

struct dec
trade_volumes_step(struct trade_volumes *v, const char *key, struct dec now)
{
	struct seen *s = seen_of(v, key);
	struct dec step = { 0 };

	if (s->volume.e8 >= 0 && now.e8 > s->volume.e8)
		step.e8 = now.e8 - s->volume.e8;
	s->volume = now;
	return step;
}

/* Nothing new: the same prices, and nothing was traded. */
static bool
unchanged(struct trade_volumes *v, const char *key,
    const struct trade_tick *t)
{
	struct seen *s = seen_of(v, key);
	bool same = s->tick.last.e8 == t->last.e8 &&
	    s->tick.bid.e8 == t->bid.e8 && s->tick.ask.e8 == t->ask.e8 &&
	    t->volume.e8 == 0 && s->tick.at.us != 0;

	s->tick = *t;
	return same;
}

static bool
wanted(const struct trade_feed_spec *s, const char *symbol)
{
	const char *const *v = s->symbols.items;

	for (size_t i = 0; i < s->symbols.n; i++)
		if (strcmp(v[i], symbol) == 0)
			return true;
	return s->symbols.n == 0;
}

struct pulling {
	struct trade_pulling *p;
	struct arena *a;
	VEC(struct trade_tick) ticks;
	size_t unknown;
	bool tell;
};

static int
gather(struct db *db, struct pulling *k, struct err *e)
{
	struct trade_pulling *p = k->p;

	for (size_t i = 0; i < p->n; i++) {
		const struct trade_message *m = &p->v[i];
		const char *exchange = *p->spec->exchange != '\0' ?
		    p->spec->exchange : m->exchange;
		const char *key = arena_printf(k->a, "%s@%s", m->symbol,
		    exchange);
		struct trade_tick t = m->tick;
		struct trade_instrument in;
		int rc = 1;

		if (wanted(p->spec, m->symbol) && trade_symbol_ok(m->symbol))
			rc = trade_instrument_find(db, k->a,
			    p->feed->tenant_id, m->symbol, exchange, &in, e);
		if (rc == -1 && e->status != 409)
			return -1;
		if (rc != 0) {
			err_clear(e);
			k->unknown++;
			continue;
		}
		t.instrument_id = in.id;
		t.volume = trade_volumes_step(p->volumes, key, t.volume);
		if (t.last.e8 == 0)
			t.volume.e8 = 0;
		if (!unchanged(p->volumes, key, &t))
			*VEC_ADD(k->a, &k->ticks) = t;
	}
	return 0;
}

static int
work(struct db *db, void *arg, struct err *e)
{
	struct pulling *k = arg;
	struct trade_feed *f = k->p->feed;

	if (k->p->lease != NULL && lease_guard(db, k->p->lease, e) == -1)
		return -1;
	if (trade_ticks_post(db, k->a, f->tenant_id, f->id, k->ticks.v,
	    k->ticks.n, k->p->now, e) == -1 ||
	    trade_feed_advance(db, f, e) == -1)
		return -1;
	return k->tell ? trade_feed_tell(db, f, e) : 0;
}

int
trade_pull_take(struct db *db, struct arena *a, struct trade_pulling *p,
    struct err *e)
{
	struct pulling k = { .p = p, .a = a };
	struct trade_feed *f = p->feed, before = *f;
	struct arena *own = arena_new(1 << 20);
	int rc = gather(db, &k, e);

	f->heard_at = f->updated_at = p->now;
	f->due_at = p->due;
	f->ticks += (int64_t)k.ticks.n;
	f->refused += (int64_t)(p->bad + k.unknown);
	if (k.ticks.n > 0)
		f->last_tick_at = k.ticks.v[k.ticks.n - 1].at;
	k.tell = strcmp(f->state, "running") != 0;
	if (k.tell) {
		f->state = "running";
		f->version++;
		f->detail = "";
	}
	if (rc == 0)
		rc = db_txn(db, own, work, &k, e);
	if (rc == -1)
		*f = before;
	arena_free(own);
	return rc;
}

struct failing {
	struct trade_feed *feed;
	const struct lease *lease;
	bool tell;
};

static int
fail_work(struct db *db, void *arg, struct err *e)
{
	struct failing *x = arg;

	if (x->lease != NULL && lease_guard(db, x->lease, e) == -1)
		return -1;
	if (trade_feed_advance(db, x->feed, e) == -1)
		return -1;
	return x->tell ? trade_feed_tell(db, x->feed, e) : 0;
}

int
trade_pull_failed(struct db *db, struct arena *a, struct trade_feed *f,
    const struct lease *lease, const char *why, struct utc now,
    struct utc due, struct err *e)
{
	struct failing x = { f, lease, strcmp(f->detail, why) != 0 };

	f->updated_at = now;
	f->due_at = due;
	if (x.tell) {
		f->state = "stale";
		f->detail = why;
		f->version++;
	}
	return db_txn(db, a, fail_work, &x, e);
}
