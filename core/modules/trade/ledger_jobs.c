/*
 * The loop that checks the books of every session that changed since it looked
 * last, and all of them once an hour, and the day's loss of those that have
 * something at stake. It changes no figure: what a fault means is for people.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "db/env.h"
#include "modules/trade/conf.h"
#include "modules/trade/ledger.h"
#include "modules/trade/loss.h"
#include "modules/trade/session.h"

enum { PERIOD_MS = 60000, PAGE = 200 };
#define HOUR_US (INT64_C(3600) * US_PER_S)
#define OVERLAP_US (INT64_C(120) * US_PER_S)	/* a transaction may be slow */

/* From one turn to the next. */
struct looked {
	struct utc at, whole;
};

struct audit {
	struct arena *a;
	const struct trade_session *s;
	struct utc now;
	int64_t n;
};

static int
audit(struct db *db, void *arg, struct err *e)
{
	struct audit *u = arg;

	return trade_ledger_audit(db, u->a, u->s->tenant_id, u->s->id, u->now,
	    &u->n, e);
}

static int
page(struct loop_ctx *c, struct utc since, struct uuid *after, struct utc now,
    size_t *n, struct err *e)
{
	struct rows rows;

	if (trade_ledger_changed(c->db, c->a, since, *after, PAGE, &rows,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct audit u = { c->a, ROW(&rows, struct trade_session, i),
		    now, 0 };
		char id[UUID_TEXT];

		if (db_txn(c->db, c->a, audit, &u, e) == -1)
			return -1;
		if (u.n > 0)
			log_error("scheduler", "books do not agree",
			    KV("session", uuid_format(u.s->id, id)),
			    KV("figures", u.n));
		*after = u.s->id;
	}
	*n = rows.n;
	return 0;
}

/* One after the other: a failure of one account holds up no other. */
static int
losses(struct loop_ctx *c, struct utc now, struct err *e)
{
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);
	struct uuid after = { { 0 } };
	struct rows rows = { .n = PAGE };

	while (rows.n == PAGE) {
		if (trade_session_exposed(c->db, c->a, after, PAGE, &rows,
		    e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++) {
			const struct trade_session *s = ROW(&rows,
			    struct trade_session, i);
			struct trade_desk d = trade_desk_make(f, c->db, c->a,
			    s->tenant_id, s->user_id, now);
			char id[UUID_TEXT];

			d.session = after = s->id;
			if (trade_loss_watch(&d, s, e) == 0)
				continue;
			if (strncmp(e->code, "db_", 3) == 0)
				return -1;
			log_error("scheduler", "day's loss not judged",
			    KV("session", uuid_format(s->id, id)),
			    KV("error", e->code));
			err_clear(e);
		}
	}
	return 0;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	struct looked *l = c->memory;
	struct utc now = clock_now(), since;
	struct uuid after = { { 0 } };
	size_t n = PAGE;
	bool whole;

	if (l == NULL)
		l = c->memory = arena_alloc(c->keep, sizeof(*l));
	whole = now.us - l->whole.us > HOUR_US;
	if (losses(c, now, e) == -1)
		return -1;
	since.us = whole ? US_PER_S : l->at.us - OVERLAP_US;
	while (n == PAGE)
		if (page(c, since, &after, now, &n, e) == -1)
			return -1;
	l->at = now;
	if (whole)
		l->whole = now;
	return 0;
}

const struct loop trade_ledger_loops[] = {
	{ .name = "trade.books", .doc = "Checks that cash, reservations, "
	  "fills and positions agree; stops accounts at their day's loss",
	  .period_ms = PERIOD_MS,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .lease_s = 60,
	  .run = run },
	LOOP_END
};
