/*
 * Entries into the intake. A message that is not understood, names an unknown
 * symbol or has a topic that is not allowed goes to the dead letters with the
 * reason; the stream goes on. A signal is only handed on: what may be done
 * with it the engine decides.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/message.h"
#include "modules/trade/stream.h"

enum { BODY_MAX = 4000 };

/* "1700000000000-5" in the order of Redis. */
static bool
id_above(const char *x, const char *y)
{
	int64_t a[2] = { 0, 0 }, b[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		const char *s = i == 0 ? x : y;
		int64_t *v = i == 0 ? a : b;
		size_t n = strcspn(s, "-");

		num_i64(s, n, &v[0]);
		if (s[n] == '-')
			num_i64(s + n + 1, strlen(s + n + 1), &v[1]);
	}
	return a[0] != b[0] ? a[0] > b[0] : a[1] > b[1];
}

struct taking {
	struct trade_taking *t;
	struct arena *a;
	struct said {
		struct trade_message m;
		const char *bad;	/* why it is not understood */
	} *said;			/* by entry */
	struct rows known;		/* instruments that they name */
	VEC(struct trade_tick) ticks;
};

static int
bury(struct db *db, struct taking *k, const struct trade_entry *en,
    const char *why, struct err *e)
{
	const struct trade_dead d = { .tenant_id = k->t->feed->tenant_id,
	    .feed_id = k->t->feed->id, .source = k->t->source,
	    .ref = en->id, .reason = why,
	    .body = arena_strndup(k->a, en->json, en->n < BODY_MAX ? en->n :
	    BODY_MAX), .at = k->t->now };

	k->t->dead++;
	return trade_dead_add(db, &d, e);
}

static bool
allowed(const struct trade_taking *t, const char *topic)
{
	const char *const *s = t->topics;

	if (*topic == '\0')
		return true;
	for (; s != NULL && *s != NULL; s++)
		if (strcmp(*s, topic) == 0)
			return true;
	return false;
}

/* Reads all messages, and the instruments that they name by one statement. */
static int
learn(struct db *db, struct taking *k, struct err *e)
{
	const char **symbols = arena_array(k->a, k->t->n + 1,
	    sizeof(*symbols));
	struct map *seen = map_new(k->a);
	size_t n = 0;

	k->said = arena_array(k->a, k->t->n + 1, sizeof(*k->said));
	for (size_t i = 0; i < k->t->n; i++) {
		const struct trade_entry *en = &k->t->entries[i];
		struct trade_message *m = &k->said[i].m;
		struct err bad = { 0 };

		m->topic = "";
		if (trade_message_read(k->a, en->json, en->n, k->t->now, m,
		    &bad) == -1)
			k->said[i].bad = arena_strdup(k->a, bad.detail);
		else if (trade_symbol_ok(m->symbol) && map_put(seen,
		    m->symbol, seen) == NULL)
			symbols[n++] = m->symbol;
	}
	return trade_instrument_of(db, k->a, k->t->feed->tenant_id, symbols,
	    n, &k->known, e);
}

static int
take_tick(struct db *db, struct taking *k, size_t i, struct err *e)
{
	const struct trade_entry *en = &k->t->entries[i];
	struct trade_message *m = &k->said[i].m;
	struct trade_instrument in;
	struct err several = { 0 };

	if (k->said[i].bad != NULL)
		return bury(db, k, en, k->said[i].bad, e);
	if (!allowed(k->t, m->topic))
		return bury(db, k, en, "Its topic is not allowed", e);
	if (trade_instrument_pick(&k->known, m->symbol, m->exchange, &in,
	    &several) != 0)
		return bury(db, k, en, "Its instrument is not known", e);
	m->tick.instrument_id = in.id;
	*VEC_ADD(k->a, &k->ticks) = m->tick;
	return 0;
}

static int
take_signal(struct db *db, struct taking *k, const struct trade_entry *en,
    struct err *e)
{
	struct trade_intake in = { .tenant_id = k->t->feed->tenant_id,
	    .kind = "signal", .feed_id = k->t->feed->id, .n = 1,
	    .at = k->t->now };
	struct err bad = { 0 };
	const char *topic;

	if (trade_message_unwrap(k->a, en->json, en->n, &in.body, &topic,
	    &bad) == -1)
		return bury(db, k, en, arena_strdup(k->a, bad.detail), e);
	if (!allowed(k->t, topic))
		return bury(db, k, en, "Its topic is not allowed", e);
	k->t->taken++;
	return trade_intake_add(db, &in, e);
}

static void
note(struct trade_taking *t, const struct taking *k)
{
	struct trade_feed *f = t->feed;

	f->ticks += t->taken;
	f->refused += t->dead;
	f->heard_at = f->updated_at = t->now;
	if (k->ticks.n > 0) {
		f->last_tick_at = k->ticks.v[k->ticks.n - 1].at;
		f->lag_ms = (t->now.us - f->last_tick_at.us) / 1000;
	}
	if (t->n > 0 && *t->entries[t->n - 1].id != '\0')
		f->position = t->entries[t->n - 1].id;
}

static int
work(struct db *db, void *arg, struct err *e)
{
	struct taking *k = arg;
	struct trade_taking *t = k->t;
	struct trade_feed before = *t->feed;
	bool spoke = strcmp(before.state, "running") == 0;

	t->taken = t->dead = 0;
	memset(&k->ticks, 0, sizeof(k->ticks));
	if ((t->lease != NULL && lease_guard(db, t->lease, e) == -1) ||
	    (t->what == STREAM_TICKS && learn(db, k, e) == -1))
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if ((t->what == STREAM_TICKS ? take_tick(db, k, i, e) :
		    take_signal(db, k, &t->entries[i], e)) == -1)
			return -1;
	t->taken += (int64_t)k->ticks.n;
	note(t, k);
	if (!spoke) {
		t->feed->state = "running";
		t->feed->detail = "";
		t->feed->version++;
	}
	if (trade_ticks_post(db, k->a, t->feed->tenant_id, t->feed->id,
	    k->ticks.v, k->ticks.n, t->now, e) == 0 &&
	    trade_feed_advance(db, t->feed, e) == 0 &&
	    (spoke || trade_feed_tell(db, t->feed, e) == 0)) {
		db_on_commit(db, trade_feed_ring, NULL);
		return 0;
	}
	*t->feed = before;
	return -1;
}

int
trade_stream_take(struct db *db, struct arena *a, struct trade_taking *t,
    struct err *e)
{
	struct taking k = { .t = t, .a = a };
	struct arena *own = arena_new(1 << 20);
	size_t skip = 0;
	int rc;

	/* given to us again: what is committed is only to be acknowledged */
	while (skip < t->n && *t->entries[skip].id != '\0' &&
	    *t->feed->position != '\0' && t->again &&
	    !id_above(t->entries[skip].id, t->feed->position))
		skip++;
	t->entries += skip;
	t->n -= skip;
	rc = t->n == 0 ? 0 : db_txn(db, own, work, &k, e);
	t->entries -= skip;
	t->n += skip;
	arena_free(own);
	return rc;
}

/* ---- rows of streams -------------------------------------------------------------------- */

struct making {
	struct trade_feed *feed;
	struct arena *a;
};

static int
make(struct db *db, void *arg, struct err *e)
{
	struct making *m = arg;

	return trade_feed_insert(db, m->feed, e) == -1 ? -1 :
	    trade_feed_start(db, m->a, m->feed, m->feed->created_at, e);
}

int
trade_stream_feed(struct db *db, struct arena *a, struct uuid tenant,
    const char *stream, bool signals, struct utc now, struct trade_feed *f,
    struct err *e)
{
	struct making m = { f, a };
	struct arena *own;
	struct str s;
	int rc = trade_feed_by_name(db, a, tenant, stream, f, e);

	if (rc != 1)
		return rc == -1 ? -1 : strcmp(f->wanted, "running") != 0;
	str_init(&s, a);
	str_add(&s, "{\"stream\":");
	str_json(&s, stream);
	str_add(&s, signals ? ",\"signals\":true}" : "}");
	*f = (struct trade_feed){ .id = uuid_new(), .tenant_id = tenant,
	    .name = stream, .kind = "redis", .wanted = "stopped",
	    .state = "stopped", .detail = "", .spec = { s.p },
	    .position = "", .version = 1, .created_at = now,
	    .updated_at = now };
	own = arena_new(1 << 20);
	rc = db_txn(db, own, make, &m, e);
	arena_free(own);
	return rc;
}

struct leaving {
	struct trade_feed *feed;
	const struct lease *lease;
};

static int
away(struct db *db, void *arg, struct err *e)
{
	struct leaving *l = arg;

	if (l->lease != NULL && lease_guard(db, l->lease, e) == -1)
		return -1;
	return trade_feed_advance(db, l->feed, e) == -1 ? -1 :
	    trade_feed_tell(db, l->feed, e);
}

int
trade_stream_say(struct db *db, struct arena *a, struct trade_feed *f,
    const struct lease *lease, bool gone, struct utc now, struct err *e)
{
	struct leaving l = { f, lease };

	if ((strcmp(f->detail, TRADE_REDIS_AWAY) == 0) == gone)
		return 0;
	f->state = gone ? "stale" : "starting";
	f->detail = gone ? TRADE_REDIS_AWAY : "";
	f->version++;
	f->updated_at = now;
	return db_txn(db, a, away, &l, e);
}
