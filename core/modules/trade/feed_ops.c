/*
 * What can be done with feeds. Starting takes the instruments: two feeds never
 * drive the same one, and while one does, ticks from elsewhere are refused by
 * the loop. Each start is a new run, so that what the loop still writes of the
 * one before changes nothing.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/trade/feed_inner.h"
#include "proc/bell.h"
#include "shm/shm.h"

void
trade_feed_ring(void *unused)
{
	(void)unused;
	bell_ring("trade.feed", "");
}

int
trade_feed_tell(struct db *db, const struct trade_feed *f, struct err *e)
{
	const struct trade_feed_state s = { "trade.feed", f->id, f->name,
	    f->kind, f->state, f->detail, f->lag_ms, f->last_tick_at };
	char id[UUID_TEXT];

	return event_publish(db, &trade_feed_events[TRADE_EV_FEED],
	    f->tenant_id, uuid_format(f->id, id), f->version, &s, e);
}

/* ---- start and stop ----------------------------------------------------------------- */

size_t
trade_feed_symbols(const struct trade_feed *f,
    const struct trade_feed_spec *s, struct arena *a,
    const char *const **out)
{
	const char **v;
	size_t n = 0;

	if (s->symbols.n > 0 || strcmp(f->kind, "simulator") != 0) {
		*out = s->symbols.items;
		return s->symbols.n;
	}
	while (trade_mock_symbols[n].symbol != NULL)
		n++;
	v = arena_array(a, n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = trade_mock_symbols[i].symbol;
	*out = v;
	return n;
}

static const char *
mock_name(const char *symbol)
{
	for (const struct trade_mock_symbol *s = trade_mock_symbols;
	    s->symbol != NULL; s++)
		if (strcmp(s->symbol, symbol) == 0)
			return s->name;
	return "";
}

/* A simulator makes what it needs; a replay must find it. */
static int
instrument(struct db *db, struct arena *a, const struct trade_feed *f,
    const struct trade_feed_spec *s, const char *symbol,
    struct trade_instrument *i, struct err *e)
{
	int rc = trade_instrument_find(db, a, f->tenant_id, symbol,
	    s->exchange, i, e);

	if (rc != 1)
		return rc;
	if (strcmp(f->kind, "simulator") != 0)
		return err_set(e, 422, "symbol", "There is no instrument "
		    "\"%.32s\"", symbol);
	*i = trade_instrument_usual(f->tenant_id, symbol, s->exchange,
	    clock_now());
	i->name = mock_name(symbol);
	return trade_instrument_put(db, a, i, e);
}

static int
drive(struct db *db, struct arena *a, const struct trade_feed *f,
    const struct trade_feed_spec *s, struct err *e)
{
	bool first = *f->position == '\0';
	bool rewound = first && strcmp(f->kind, "replay") == 0;
	const char *const *symbols;
	size_t n = trade_feed_symbols(f, s, a, &symbols);

	if (strcmp(f->kind, "redis") == 0 || strcmp(f->kind, "http") == 0)
		return 0;
	if (n == 0)
		return err_set(e, 422, "symbols", "A replay needs symbols");
	for (size_t k = 0; k < n; k++) {
		struct trade_instrument i;
		int rc;

		if (instrument(db, a, f, s, symbols[k], &i, e) == -1)
			return -1;
		rc = trade_progress_drive(db, i.id, f->id, first, rewound, e);
		if (rc == 1)
			return err_set(e, 409, "busy", "Another feed drives "
			    "\"%.32s\"", symbols[k]);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
change(struct db *db, struct trade_feed *f, struct utc now, struct err *e)
{
	f->run++;
	f->version++;
	f->updated_at = now;
	if (trade_feed_update(db, f, e) == -1 ||
	    trade_feed_tell(db, f, e) == -1)
		return -1;
	db_on_commit(db, trade_feed_ring, NULL);
	return 0;
}

int
trade_feed_start(struct db *db, struct arena *a, struct trade_feed *f,
    struct utc now, struct err *e)
{
	struct trade_feed_spec s;

	if (strcmp(f->state, "ended") == 0)
		f->position = "";
	if (trade_feed_spec_read(f, a, &s, e) == -1 ||
	    drive(db, a, f, &s, e) == -1)
		return -1;
	f->wanted = "running";
	f->state = "starting";
	f->detail = "";
	f->started_at = now;
	return change(db, f, now, e);
}

int
trade_feed_halt(struct db *db, struct trade_feed *f, const char *wanted,
    const char *state, const char *detail, struct utc now, struct err *e)
{
	f->wanted = wanted;
	f->state = state;
	f->detail = detail;
	if (strcmp(wanted, "stopped") == 0 &&
	    trade_progress_release(db, f->id, e) == -1)
		return -1;
	return change(db, f, now, e);
}

/* ---- its state, as the loop sees it --------------------------------------------------------- */

#define SILENT "It says nothing"

struct watching {
	const struct lease *lease;
	struct trade_feed feed;
	bool release;
};

static int
set_state(struct db *db, void *arg, struct err *e)
{
	struct watching *w = arg;

	if (w->lease != NULL && lease_guard(db, w->lease, e) == -1)
		return -1;
	if (trade_feed_advance(db, &w->feed, e) == -1 ||
	    (w->release && trade_progress_release(db, w->feed.id, e) == -1))
		return -1;
	return trade_feed_tell(db, &w->feed, e);
}

int
trade_feed_fail(struct db *db, const struct trade_feed *f, struct err *why)
{
	struct arena *a = arena_new(1 << 20);
	struct watching w = { .feed = *f, .release = true };
	int rc;

	w.feed.detail = arena_strdup(a, why->detail);
	w.feed.wanted = "stopped";
	w.feed.state = "failed";
	w.feed.version++;
	w.feed.updated_at = clock_now();
	err_clear(why);
	rc = db_txn(db, a, set_state, &w, why);
	arena_free(a);
	return rc;
}

/* Silent for too long, counted from its start when it never spoke. */
static bool
silent(const struct trade_feed *f, int64_t stale_ms, struct utc now)
{
	struct utc last = f->heard_at.us > f->started_at.us ? f->heard_at :
	    f->started_at;

	if (f->due_at.us > last.us && f->heard_at.us > f->started_at.us)
		last = f->due_at;
	return strcmp(f->wanted, "running") == 0 &&
	    now.us - last.us > stale_ms * 1000;
}

int
trade_feed_watch(struct db *db, struct rows *feeds, int64_t stale_ms,
    struct utc now, const struct lease *lease, struct arena *a,
    const struct metric *gauge, struct err *e)
{
	int64_t n = 0;

	for (size_t i = 0; i < feeds->n; i++) {
		struct trade_feed *f = ROW(feeds, struct trade_feed, i);
		struct watching w = { .lease = lease, .feed = *f };
		bool stale = strcmp(f->state, "stale") == 0;

		if ((stale && strcmp(f->detail, SILENT) != 0) ||
		    strstr(f->spec.p, "\"signals\":true") != NULL) {
			n += stale;	/* its own loop knows better */
			continue;
		}
		n += silent(f, stale_ms, now);
		if (silent(f, stale_ms, now) == stale)
			continue;
		w.feed.state = stale ? "running" : "stale";
		w.feed.detail = stale ? "" : SILENT;
		w.feed.version++;
		w.feed.updated_at = now;
		if (db_txn(db, a, set_state, &w, e) == 0) {
			*f = w.feed;
			continue;
		}
		if (strcmp(e->code, "feed_changed") != 0)
			return -1;
		err_clear(e);
	}
	metric_set(gauge, 0, 0, n);
	return 0;
}

/* ---- intake ------------------------------------------------------------------------------ */

int
trade_ticks_post(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid feed, const struct trade_tick *t, size_t n, struct utc now,
    struct err *e)
{
	struct trade_intake in = { .tenant_id = tenant, .kind = "ticks",
	    .feed_id = feed, .n = (int64_t)n, .at = now };
	struct str s;

	if (n == 0)
		return 0;
	str_init(&s, a);
	for (size_t i = 0; i < n; i++)
		trade_tick_write(&s, &t[i]);
	in.body = s.p;
	if (trade_intake_add(db, &in, e) == -1)
		return -1;
	db_on_commit(db, trade_feed_ring, NULL);
	return 0;
}

int
trade_bars_post(struct db *db, struct arena *a, struct uuid tenant,
    int64_t instrument_id, const char *timeframe, const struct trade_bar *b,
    size_t n, struct utc now, struct err *e)
{
	struct trade_intake in = { .tenant_id = tenant, .kind = "bars",
	    .n = (int64_t)n, .at = now };
	struct str s;

	if (n == 0)
		return 0;
	str_init(&s, a);
	str_addf(&s, "%lld %s", (long long)instrument_id, timeframe);
	for (size_t i = 0; i < n; i++)
		str_addf(&s, " %lld", (long long)b[i].at.us);
	in.body = s.p;
	if (trade_intake_add(db, &in, e) == -1)
		return -1;
	db_on_commit(db, trade_feed_ring, NULL);
	return 0;
}

/* ---- the market for an order --------------------------------------------------------------- */

static bool
overdue(const struct trade_speaker *f, struct utc heard, int64_t stale_ms,
    struct utc now)
{
	int64_t last = heard.us > f->due_at.us ? heard.us : f->due_at.us;

	return now.us - last > stale_ms * 1000;
}

int
trade_market_judge(const struct trade_instrument *i,
    const struct trade_quote *q, const struct trade_speaker *f,
    int64_t stale_ms, struct utc now, struct trade_market *out,
    struct err *e)
{
	struct trade_hours h;
	struct utc at = now;

	*out = (struct trade_market){ .open = true, .tradable = i->tradable,
	    .driven = f->driven, .age_ms = -1, .why = "" };
	if (trade_hours_parse(&h, i->zone, i->hours, i->closed_on, e) == -1)
		return -1;
	if (q->heard_at.us != 0)
		out->age_ms = (now.us - q->heard_at.us) / 1000;
	/* the clock of a market that is replayed is the replay's */
	if (out->driven && q->heard_at.us != 0)
		at.us = q->at.us + now.us - q->heard_at.us;
	out->open = trade_hours_open(&h, at);
	out->stale = f->wanted != NULL && strcmp(f->wanted, "running") == 0 &&
	    overdue(f, out->driven ? f->heard_at : q->heard_at, stale_ms,
	    now);
	if (!i->tradable)
		out->why = "The instrument is not tradable";
	else if (!out->open)
		out->why = "Its market is closed";
	else if (out->stale)
		out->why = "Its feed is silent";
	return 0;
}
