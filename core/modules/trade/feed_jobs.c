/*
 * The loop trade.feed: everything that comes in is handled here, in order. A
 * turn lasts a second, then the lease is renewed; inside it the loop waits for
 * its bell or the next tick that is due. Whatever fails forgets memory and
 * begins from the rows.
 */
#include <poll.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/number.h"
#include "base/random.h"
#include "conf/conf.h"
#include "modules/trade/conf.h"
#include "modules/trade/feed_inner.h"
#include "proc/bell.h"
#include "proc/proc.h"
#include "shm/shm.h"

#define MS INT64_C(1000000)
enum {
	MEMORY_CAP = 1 << 30, BATCH_CAP = 256 << 20, INTAKE_ROWS = 20,
	TICKS_MAX = 2000, INTAKE_MS = 200, FEEDS_MS = 1000, WAIT_MS = 200,
	REST_MS = 4,			/* gathers ticks of a fast feed */
	ROUNDS = 8			/* orders wait no longer than this */
};

int trade_feed_turn_ms = 1000;

static const struct metric_label fate_label = { "fate",
    (const char *const[]){ "taken", "failed", NULL } };
const struct metric trade_ticks_total = { "trade_ticks_total",
    "Ticks the loop handled, and batches it had to repeat", METRIC_COUNTER,
    { &fate_label, NULL } };
const struct metric trade_listener_failures = {
    "trade_listener_failures_total", "Calls of listeners of the market that "
    "failed and were undone", METRIC_COUNTER, { NULL, NULL } };
const struct metric trade_tick_seconds = { "trade_tick_seconds",
    "From hearing a tick to having it stored", METRIC_HISTOGRAM,
    { NULL, NULL } };
static const struct metric stale_feeds = { "trade_feeds_stale",
    "Feeds that should speak and do not", METRIC_GAUGE, { NULL, NULL } };
const struct metric *const trade_feed_metrics[] = {
	&trade_ticks_total, &trade_listener_failures, &trade_tick_seconds,
	&stale_feeds, NULL
};

struct feeder {
	struct trade_memory *m;		/* NULL: nothing is known */
	struct trade_ears ears;
	int bell;
	bool rang;
	int64_t feeds_ns, intake_ns, second_ns;	/* when looked last */
};

static const struct trade_conf *
conf(const struct env *env)
{
	return conf_get(env->conf, &trade_settings);
}

/* ---- memory -------------------------------------------------------------------------- */

static void
forget(struct feeder *f)
{
	if (f->m == NULL)
		return;
	for (size_t i = 0; i < f->m->sources.n; i++)
		trade_source_close(f->m->sources.v[i]);
	arena_free(f->m->a);
	f->m = NULL;
}

/* Whatever has open bars: they end, even if nothing is heard any more. */
static int
remember_open(struct trade_memory *m, struct db *db, struct err *e)
{
	struct rows rows;

	if (trade_progress_forming(db, m->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_live *l;

		if (trade_live_get(m, db, ROW(&rows, struct trade_number,
		    i)->id, &l, e) == -1)
			return -1;
	}
	return 0;
}

static int
remember(struct feeder *f, struct env *env, struct db *db, struct rows *feeds,
    struct err *e)
{
	struct arena *a = arena_new(MEMORY_CAP);
	struct trade_memory *m = arena_alloc(a, sizeof(*m));

	m->env = env;
	m->a = a;
	m->lives = map_new(a);
	m->ears = &f->ears;
	f->m = m;
	if (trade_feed_active(db, a, feeds, e) == -1)
		return -1;
	m->active = *feeds;
	if (remember_open(m, db, e) == -1)
		return -1;
	for (size_t i = 0; i < feeds->n; i++) {
		const struct trade_feed *row = ROW(feeds, struct trade_feed,
		    i);
		struct trade_source *s;

		if (strcmp(row->kind, "redis") == 0 ||
		    strcmp(row->kind, "http") == 0)
			continue;
		if (trade_source_open(m, db, row, clock_now(), &s, e) == 0) {
			*VEC_ADD(a, &m->sources) = s;
			continue;
		}
		if (e->status != 422)
			return -1;
		if (trade_feed_fail(db, row, e) == -1)
			return -1;
	}
	return 0;
}

/* True if the feeds that run are not those in memory. */
static bool
changed(const struct trade_memory *m, const struct rows *now)
{
	if (m->active.n != now->n)
		return true;
	for (size_t i = 0; i < now->n; i++) {
		const struct trade_feed *x = ROW(&m->active,
		    struct trade_feed, i), *y = ROW(now, struct trade_feed, i);

		if (!uuid_equal(x->id, y->id) || x->run != y->run)
			return true;
	}
	return false;
}

/* A row's state is what was told last. */
static void
adopt(struct trade_memory *m, const struct trade_feed *row)
{
	for (size_t i = 0; i < m->sources.n; i++) {
		struct trade_feed *f = &m->sources.v[i]->feed;

		if (!uuid_equal(f->id, row->id) || f->run != row->run)
			continue;
		f->version = row->version;
		if (strcmp(row->state, "stale") == 0)
			f->state = "stale";
	}
}

/* Once a second, and when the bell rings. */
static int
look_at_feeds(struct feeder *f, struct loop_ctx *c, struct err *e)
{
	struct rows rows;

	if (trade_feed_active(c->db, c->a, &rows, e) == -1)
		return -1;
	if (f->m != NULL && changed(f->m, &rows))
		forget(f);
	if (f->m == NULL && remember(f, c->env, c->db, &rows, e) == -1)
		return -1;
	f->feeds_ns = clock_boot_ns();
	if (trade_feed_watch(c->db, &rows, conf(c->env)->stale_after_ms,
	    clock_now(), c->lease, c->a, &stale_feeds, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		adopt(f->m, ROW(&rows, struct trade_feed, i));
	return 0;
}

/* ---- gathering ------------------------------------------------------------------------- */

/* "7 1m 1700000000000000 …": bars that a request has stored. */
static int
posted(struct trade_batch *b, struct db *db, const struct trade_intake *in,
    struct err *e)
{
	const char *p = in->body + strcspn(in->body, " ");
	struct trade_live *l;
	int64_t id, at;
	char *tf;
	size_t n;
	int rc;

	if (num_i64(in->body, (size_t)(p - in->body), &id) != NUM_OK ||
	    *p != ' ')
		return err_set(e, 500, "bad_row", "trade_intake is damaged");
	rc = trade_live_get(b->m, db, id, &l, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	p++;
	n = strcspn(p, " ");
	tf = arena_strndup(b->a, p, n);
	for (p += n; *p == ' '; p += n) {
		struct trade_happening *h;
		struct trade_bar bar;

		p++;
		n = strcspn(p, " ");
		if (num_i64(p, n, &at) != NUM_OK || trade_timeframe(tf) == -1)
			return err_set(e, 500, "bad_row",
			    "trade_intake is damaged");
		rc = trade_bar_get(db, b->a, id, tf, (struct utc){ at },
		    false, &bar, e);
		if (rc == -1)
			return -1;
		if (rc == 1)
			continue;
		h = VEC_ADD(b->a, &b->posted);
		h->live = l;
		h->is_bar = true;
		h->bar.timeframe = trade_timeframe(tf);
		h->shown = bar;
		h->corrected = bar.version > 1;
	}
	return 0;
}

static int
ticks_of(struct trade_batch *b, struct db *db, const struct trade_intake *in,
    struct err *e)
{
	struct trade_tick *t;

	if (trade_tick_read(b->a, in->body, in->n, &t, e) == -1)
		return -1;
	for (int64_t i = 0; i < in->n; i++) {
		struct trade_live *l;
		int rc = trade_live_get(b->m, db, t[i].instrument_id, &l, e);

		if (rc == -1)
			return -1;
		if (rc == 0)
			trade_batch_tick(b, l, NULL, in->feed_id, &t[i], true);
	}
	return 0;
}

static int
take_intake(struct feeder *f, struct trade_batch *b, struct db *db,
    bool *more, struct err *e)
{
	int64_t after = b->intake.n > 0 ? b->intake.v[b->intake.n - 1] : 0;
	struct rows rows;

	f->intake_ns = clock_boot_ns();
	*more = false;
	if (trade_intake_next(db, b->a, after, INTAKE_ROWS, &rows, e) == -1)
		return -1;
	*more = rows.n == INTAKE_ROWS;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_intake *in = ROW(&rows,
		    struct trade_intake, i);

		*VEC_ADD(b->a, &b->intake) = in->id;
		if (strcmp(in->kind, "signal") == 0)
			*VEC_ADD(b->a, &b->signals) = *in;
		else if ((strcmp(in->kind, "bars") == 0 ? posted(b, db, in,
		    e) : ticks_of(b, db, in, e)) == -1)
			return -1;
	}
	return 0;
}

/* Bars end by the clock, too; not those of a replay, whose clock is its own. */
static void
close_by_clock(struct trade_batch *b, int64_t grace_ms)
{
	const struct utc end = { b->now.us - grace_ms * 1000 };
	const char *key;
	size_t it = 0;
	void *v;

	while (map_next(b->m->lives, &it, &key, &v)) {
		struct trade_live *l = v;
		bool own = false;

		for (size_t i = 0; i < b->m->sources.n; i++)
			own = own || (!b->m->sources.v[i]->sim && uuid_equal(
			    b->m->sources.v[i]->feed.id, l->driver));
		if (!own)
			trade_batch_close(b, l, end);
	}
}

static int
gather(struct feeder *f, struct trade_batch *b, struct db *db,
    int64_t *wait_ms, struct err *e)
{
	int64_t now = clock_boot_ns();
	bool more = false;

	*wait_ms = WAIT_MS;
	if (f->rang || now - f->intake_ns >= INTAKE_MS * MS) {
		f->rang = false;
		if (take_intake(f, b, db, &more, e) == -1)
			return -1;
	}
	f->rang = f->rang || more;
	for (size_t i = 0; i < f->m->sources.n; i++) {
		int64_t due = WAIT_MS;

		if (trade_source_take(f->m->sources.v[i], b, db, TICKS_MAX,
		    &due, e) == -1)
			return -1;
		if (due < *wait_ms)
			*wait_ms = due;
	}
	if (now - f->second_ns >= FEEDS_MS * MS) {
		f->second_ns = now;
		close_by_clock(b, conf(f->m->env)->bar_grace_ms);
	}
	if (more)
		*wait_ms = 0;
	else if (*wait_ms > 0 && *wait_ms < REST_MS)
		*wait_ms = REST_MS;
	return 0;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void
count(const struct trade_batch *b)
{
	struct utc now = clock_now();

	metric_add(&trade_ticks_total, 0, 0, b->ticks);
	if (b->news.n > 0)
		metric_observe_ns(&trade_tick_seconds, 0, 0, (uint64_t)
		    ((now.us - b->now.us) * 1000));
}

static void
tell(struct feeder *f, struct trade_batch *b, int64_t *wait_ms)
{
	int64_t next = trade_tell_due(f->m, b->a, clock_boot_ns(),
	    conf(f->m->env)->market_rate);

	if (next != -1 && next < *wait_ms)
		*wait_ms = next;
}

/* When a minute ends, it ends for all, but not in one request: what closed is
 * said first, and what came meanwhile is looked at before anybody acts. */
static int
say_closed(struct feeder *f, struct trade_batch *b, struct db *db,
    int64_t *wait_ms, struct err *e)
{
	bool more = false;
	int rc = 0;

	for (int i = 0; rc == 0 && trade_ears_close(b, db, e) == 1 &&
	    i < ROUNDS; i++) {
		rc = take_intake(f, b, db, &more, e);
		tell(f, b, wait_ms);
	}
	if (more) {
		f->rang = true;
		*wait_ms = 0;
	}
	return rc;
}

static int
step(struct feeder *f, struct loop_ctx *c, int64_t *wait_ms, struct err *e)
{
	struct trade_batch b = { .m = f->m, .a = arena_new(BATCH_CAP),
	    .lease = c->lease, .now = clock_now(),
	    .quiet = conf(c->env)->quiet_minutes };
	int rc = gather(f, &b, c->db, wait_ms, e);

	if (rc == 0) {
		tell(f, &b, wait_ms);
		rc = say_closed(f, &b, c->db, wait_ms, e);
	}
	if (rc == 0 && !trade_batch_empty(&b))
		rc = trade_batch_commit(&b, c->db, e);
	if (rc == 0)
		count(&b);
	arena_free(b.a);
	return rc;
}

static void
wait_for(struct feeder *f, int64_t ms)
{
	struct err e = { 0 };
	struct pollfd p;
	char text[8];

	if (f->bell == -1)
		bell_listen("trade.feed", &f->bell, &e);
	p = (struct pollfd){ f->bell, POLLIN, 0 };
	if (poll(&p, 1, (int)ms) <= 0)
		return;
	bell_take(f->bell, text, sizeof(text));
	f->rang = true;
	f->feeds_ns = 0;
}

static int
turn(struct feeder *f, struct loop_ctx *c, struct err *e)
{
	int64_t end = clock_boot_ns() + trade_feed_turn_ms * MS, now,
	    wait_ms;

	while ((now = clock_boot_ns()) < end && !proc_draining()) {
		struct arena_mark m = arena_mark(c->a);

		if ((f->m == NULL || now - f->feeds_ns >= FEEDS_MS * MS) &&
		    look_at_feeds(f, c, e) == -1)
			return -1;
		if (step(f, c, &wait_ms, e) == -1)
			return -1;
		arena_rewind(c->a, m);
		if (wait_ms > (end - now) / MS + 1)
			wait_ms = (end - now) / MS + 1;
		wait_for(f, wait_ms);
	}
	return 0;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	struct feeder *f = c->memory;

	if (f == NULL) {
		f = c->memory = arena_alloc(c->keep, sizeof(*f));
		f->bell = -1;
		f->rang = true;
	}
	c->next_ms = 1;
	if (turn(f, c, e) == 0)
		return 0;
	forget(f);
	trade_ears_forget(&f->ears);
	f->rang = true;
	if (strcmp(e->code, "feed_changed") == 0) {
		err_clear(e);		/* begun anew meanwhile */
		return 0;
	}
	metric_add(&trade_ticks_total, 1, 0, 1);
	return -1;
}

static void
end(struct loop_ctx *c)
{
	struct feeder *f = c->memory;

	forget(f);
	trade_ears_forget(&f->ears);
	if (f->bell != -1)
		bell_close("trade.feed", f->bell);
}

const struct loop trade_feed_loops[] = {
	{ .name = "trade.feed", .doc = "Handles ticks and closed bars, in "
	  "order", .period_ms = 1000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .run = run, .end = end },
	LOOP_END
};
