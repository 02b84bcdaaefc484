/*
 * Showing a batch to the listeners. First all together, under one savepoint;
 * if one of them fails, what they did is undone, what they remember forgotten,
 * and the batch is shown again call by call, so that only the failing call is
 * lost. Invariant: a listener's error never stops the market.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "modules/trade/arming.h"
#include "modules/trade/conf.h"
#include "modules/trade/feed_inner.h"
#include "shm/shm.h"

enum { KEEP_CAP = 64 << 20, SIGNAL_MAX = 4000 };

struct showing {
	struct trade_batch *b;
	struct arena *a;
	struct trade_happening *h;
	size_t ear;
	bool apart;			/* a savepoint for each call */
	void *later[TRADE_LISTENERS];
};

void
trade_ears_forget(struct trade_ears *ears)
{
	for (size_t i = 0; i < TRADE_LISTENERS; i++) {
		const struct trade_listener *const *l = trade_listeners + i;

		if (ears->keep[i] == NULL)
			continue;
		if (ears->memory[i] != NULL && (*l)->forget != NULL)
			(*l)->forget(ears->memory[i]);
		arena_free(ears->keep[i]);
		ears->keep[i] = NULL;
		ears->memory[i] = NULL;
	}
}

/* What the listener s->ear is given. live NULL: nothing in particular. */
static struct trade_listen
listen_to(struct showing *s, struct db *db, const struct trade_live *live)
{
	struct trade_ears *ears = s->b->m->ears;

	if (ears->keep[s->ear] == NULL)
		ears->keep[s->ear] = arena_new(KEEP_CAP);
	return (struct trade_listen){ .env = s->b->m->env,
	    .desk = trade_desk_make(conf_get(s->b->m->env->conf,
	    &trade_settings), db, s->a, live != NULL ? live->i.tenant_id :
	    (struct uuid){ { 0 } }, (struct uuid){ { 0 } }, s->b->now),
	    .instrument = live != NULL ? &live->i : NULL,
	    .unarmed = live != NULL && !live->armed,
	    .unfollowed = live != NULL && !live->followed,
	    .memory = ears->memory[s->ear], .keep = ears->keep[s->ear],
	    .later = s->later[s->ear], .batch = s->b->a };
}

static int
finish(struct showing *s, struct trade_listen *x, struct err *e)
{
	const struct trade_listener *l = trade_listeners[s->ear];
	int rc = l->done == NULL || x->later == NULL ? 0 : l->done(x, e);

	s->later[s->ear] = NULL;
	return rc;
}

static struct trade_bar_news
news_of(const struct showing *s)
{
	const struct trade_happening *h = s->h;

	return (struct trade_bar_news){ .bar = h->shown,
	    .timeframe = trade_timeframe_names[h->bar.timeframe],
	    .corrected = h->corrected, .note = h->note[s->ear] };
}

static void
remember(struct showing *s, const struct trade_listen *x)
{
	s->b->m->ears->memory[s->ear] = x->memory;
	s->later[s->ear] = x->later;
}

/* One call; apart, with all that it left for later. */
static int
call(struct db *db, void *arg, struct err *e)
{
	struct showing *s = arg;
	const struct trade_listener *l = trade_listeners[s->ear];
	struct trade_listen x = listen_to(s, db, s->h->live);
	int rc;

	if (s->h->is_bar) {
		const struct trade_bar_news n = news_of(s);

		rc = l->on_bar(&x, &n, e);
	} else
		rc = l->on_tick(&x, &s->h->tick, e);
	remember(s, &x);
	if (!s->apart)
		return rc;
	if (rc == 0)
		return finish(s, &x, e);
	s->later[s->ear] = NULL;
	return rc;
}

static bool
concerns(const struct trade_listener *l, const struct trade_happening *h)
{
	return (h->is_bar ? l->on_bar != NULL : l->on_tick != NULL) &&
	    (!l->resting || h->live->resting);
}

static int
show_to(struct showing *s, struct db *db, struct err *e)
{
	struct arena_mark m = arena_mark(s->a);
	int rc = s->apart ? db_savepoint(db, call, s, e) : call(db, s, e);

	arena_rewind(s->a, m);
	if (rc != -1 || !s->apart || db_retryable(e) || e->status == 503)
		return rc;
	metric_add(&trade_listener_failures, 0, 0, 1);
	log_warn("server", "a listener of the market failed",
	    KV("listener", trade_listeners[s->ear]->name),
	    KV("symbol", s->h->live->i.symbol),
	    KV("detail", (const char *)e->detail),
	    KV("cause", (const char *)e->cause));
	err_clear(e);
	return 0;
}

/* A bar may make somebody order: by the price of then. */
static int
write_quote(struct showing *s, struct db *db, struct err *e)
{
	struct trade_live *l = s->h->live;

	if (l->quoted || s->h->quote.at.us == 0)
		return 0;
	l->quoted = true;
	return trade_quote_put(db, &s->h->quote, e);
}

static bool
acted_on(const struct trade_live *l)
{
	return l->armed || l->resting;
}

static int
finish_all(struct showing *s, struct db *db, struct err *e)
{
	for (s->ear = 0; trade_listeners[s->ear] != NULL; s->ear++) {
		struct trade_listen x = listen_to(s, db, NULL);

		if (finish(s, &x, e) == -1)
			return -1;
	}
	return 0;
}

static int
show(struct db *db, void *arg, struct err *e)
{
	struct showing *s = arg;

	for (size_t k = 0; k < s->b->news.n + s->b->posted.n; k++) {
		bool heard = false;

		s->h = k < s->b->posted.n ? &s->b->posted.v[k] :
		    &s->b->news.v[k - s->b->posted.n];
		if (!s->h->is_bar)
			s->h->live->quoted = false;
		for (s->ear = 0; trade_listeners[s->ear] != NULL; s->ear++) {
			if (!concerns(trade_listeners[s->ear], s->h))
				continue;
			if (s->h->is_bar && acted_on(s->h->live) &&
			    write_quote(s, db, e) == -1)
				return -1;
			if (show_to(s, db, e) == -1)
				return -1;
			heard = true;
		}
		if (s->h->is_bar && heard && s->h->live->armed)
			s->h->live->resting = true;	/* it may be now */
	}
	return finish_all(s, db, e);
}

/* ---- signals ------------------------------------------------------------------------ */

struct saying {
	struct trade_batch *b;
	struct arena *a;
	const struct trade_intake *in;
	size_t ear;
};

static int
say(struct db *db, void *arg, struct err *e)
{
	struct saying *s = arg;
	struct trade_ears *ears = s->b->m->ears;
	struct trade_listen x = { .env = s->b->m->env,
	    .desk = trade_desk_make(conf_get(s->b->m->env->conf,
	    &trade_settings), db, s->a, s->in->tenant_id,
	    (struct uuid){ { 0 } }, s->b->now),
	    .memory = ears->memory[s->ear] };
	int rc;

	if (ears->keep[s->ear] == NULL)
		ears->keep[s->ear] = arena_new(KEEP_CAP);
	x.keep = ears->keep[s->ear];
	rc = trade_listeners[s->ear]->on_signal(&x, s->in->body,
	    strlen(s->in->body), e);
	ears->memory[s->ear] = x.memory;
	if (rc == 1 && e->status == 0)
		err_set(e, 422, "signal", "It was refused");
	return rc == 0 ? 0 : -1;
}

/* What nobody takes goes to the dead letters, with the reason. */
static int
one_signal(struct saying *s, struct db *db, struct err *e)
{
	struct trade_dead d = { .tenant_id = s->in->tenant_id,
	    .feed_id = s->in->feed_id, .source = "signals", .ref = "",
	    .reason = "Nobody listens to signals", .body = s->in->body,
	    .at = s->b->now };
	bool taken = false;

	if (strlen(d.body) > SIGNAL_MAX)
		d.body = arena_strndup(s->b->a, d.body, SIGNAL_MAX);
	for (s->ear = 0; trade_listeners[s->ear] != NULL; s->ear++) {
		if (trade_listeners[s->ear]->on_signal == NULL)
			continue;
		if (db_savepoint(db, say, s, e) == 0) {
			taken = true;
			continue;
		}
		if (db_retryable(e) || e->status >= 500)
			return -1;
		d.reason = arena_strdup(s->b->a, e->detail);
		err_clear(e);
	}
	return taken ? 0 : trade_dead_add(db, &d, e);
}

static int
all_signals(struct trade_batch *b, struct db *db, struct arena *a,
    struct err *e)
{
	for (size_t i = 0; i < b->signals.n; i++) {
		struct saying s = { .b = b, .a = a, .in = &b->signals.v[i] };

		if (one_signal(&s, db, e) == -1)
			return -1;
	}
	return 0;
}

/* Both kinds of rows begin with the number. */
static int
by_number(const void *x, const void *y)
{
	const int64_t *p = x, *q = y;

	return *p < *q ? -1 : *p > *q;
}

static const void *
listed(const struct rows *rows, int64_t id)
{
	return rows->n == 0 ? NULL : bsearch(&id, rows->v, rows->n,
	    rows->schema->size, by_number);
}

static struct trade_live *
concerned(const struct trade_batch *b, size_t k)
{
	return k < b->touched.n ? b->touched.v[k] :
	    b->posted.v[k - b->touched.n].live;
}

/* Where strategies are at work, and orders rest: most instruments have
 * neither, and cost no statement of their own. A list that was cut says
 * nothing: everything is on it. */
static int
find_armed(struct trade_batch *b, struct db *db, struct err *e)
{
	struct rows armed;

	if (trade_arming_all(db, b->a, &armed, e) == -1)
		return -1;
	for (size_t k = 0; k < b->touched.n + b->posted.n; k++) {
		struct trade_live *l = concerned(b, k);
		const struct trade_at_work *at = listed(&armed, l->i.id);

		l->armed = at != NULL || armed.n >= TRADE_NUMBERS;
		l->followed = (at != NULL && at->follows) ||
		    armed.n >= TRADE_NUMBERS;
	}
	return 0;
}

static int
find_resting(struct trade_batch *b, struct db *db, struct err *e)
{
	struct rows resting;

	if (trade_resting_all(db, b->a, &resting, e) == -1)
		return -1;
	for (size_t k = 0; k < b->touched.n + b->posted.n; k++) {
		struct trade_live *l = concerned(b, k);

		l->resting = listed(&resting, l->i.id) != NULL ||
		    resting.n >= TRADE_NUMBERS;
	}
	return 0;
}

int
trade_ears_listen(struct trade_batch *b, struct db *db, struct err *e)
{
	struct showing s = { .b = b };
	int rc;

	if (b->news.n + b->posted.n + b->signals.n == 0)
		return 0;
	if (trade_listeners[0] != NULL && (find_armed(b, db, e) == -1 ||
	    find_resting(b, db, e) == -1))
		return -1;
	s.a = arena_new((size_t)64 << 20);
	rc = trade_listeners[0] == NULL ? 0 : db_savepoint(db, show, &s, e);
	if (rc == -1 && !db_retryable(e) && e->status != 503) {
		err_clear(e);
		trade_ears_forget(b->m->ears);
		for (size_t k = 0; k < b->touched.n; k++)
			b->touched.v[k]->quoted = false;
		memset(s.later, 0, sizeof(s.later));
		s.apart = true;
		rc = show(db, &s, e);
	}
	if (rc == 0)
		rc = all_signals(b, db, s.a, e);
	arena_free(s.a);
	return rc;
}

/* ---- what is said first --------------------------------------------------------------- */

/* The first bar of its series in the batch: what was before it is stored. A bar
 * that is to be merged with a stored one, or corrects it, is not known yet. */
static bool
says_first(const struct trade_happening *h)
{
	int64_t series = INT64_C(1) << h->bar.timeframe;
	bool first = h->is_bar && (h->live->shown & series) == 0 &&
	    h->bar.whole && !h->bar.corrected;

	if (h->is_bar)
		h->live->shown |= series;
	return first;
}

static int
close_one(struct showing *s, struct db *db, struct err *e)
{
	const struct trade_listener *l = trade_listeners[s->ear];
	struct arena_mark m = arena_mark(s->a);
	struct trade_listen x = listen_to(s, db, s->h->live);
	struct trade_bar_news n = news_of(s);
	int rc = l->on_close(&x, &n, e);

	remember(s, &x);
	s->h->note[s->ear] = n.note;
	arena_rewind(s->a, m);
	return rc;
}

static int
close_all(struct showing *s, struct db *db, struct err *e)
{
	struct trade_batch *b = s->b;

	if ((b->lease != NULL && lease_guard(db, b->lease, e) == -1) ||
	    find_armed(b, db, e) == -1)
		return -1;
	for (size_t k = b->closed; k < b->news.n; k++) {
		s->h = &b->news.v[k];
		for (s->ear = 0; s->h->first &&
		    trade_listeners[s->ear] != NULL; s->ear++)
			if (trade_listeners[s->ear]->on_close != NULL &&
			    close_one(s, db, e) == -1)
				return -1;
	}
	return finish_all(s, db, e);
}

/* Tried once: what fails here is done with the rest of the batch. */
static int
close_txn(struct showing *s, struct db *db, struct err *e)
{
	if (db_begin(db, e) == -1)
		return -1;
	if (close_all(s, db, e) == -1) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, e);
}

int
trade_ears_close(struct trade_batch *b, struct db *db, struct err *e)
{
	struct showing s = { .b = b };
	bool first = false;
	int rc;

	b->apart = b->apart || b->posted.n > 0;
	for (size_t k = b->closed; k < b->news.n && !b->apart; k++) {
		b->news.v[k].first = says_first(&b->news.v[k]);
		first = first || b->news.v[k].first;
	}
	if (first) {
		s.a = arena_new((size_t)64 << 20);
		rc = close_txn(&s, db, e);
		arena_free(s.a);
		if (rc == -1) {
			log_warn("server", "closed bars could not be said "
			    "first", KV("detail", (const char *)e->detail),
			    KV("cause", (const char *)e->cause));
			err_clear(e);
			trade_ears_forget(b->m->ears);
			for (size_t k = b->closed; k < b->news.n; k++)
				memset(b->news.v[k].note, 0,
				    sizeof(b->news.v[k].note));
			b->apart = true;
			first = false;
		}
	}
	b->closed = b->news.n;
	return first;
}
