/*
 * The loop of the paper market: orders arrive when their latency is over, end
 * when their time is, and a day that is over gets its hash, also when nobody
 * hears of the market.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "db/env.h"
#include "modules/trade/conf.h"
#include "modules/trade/papers.h"

struct due {
	struct arena *a;
	struct trade_desk desk;
	struct uuid session;
	int64_t instrument;		/* 0: only the day's hash */
};

static int
one(struct db *db, void *arg, struct err *e)
{
	struct due *u = arg;
	struct trade_desk d = u->desk;

	d.db = db;
	return u->instrument == 0 ? trade_paper_day_end(&d, u->session, e) :
	    trade_paper_wake(&d, u->session, u->instrument, e);
}

/* One session that cannot be brought on does not keep the others. */
static int
each(struct loop_ctx *c, struct due *u, struct err *e)
{
	struct arena_mark mark = arena_mark(c->a);
	int rc = db_txn(c->db, c->a, one, u, e);

	arena_rewind(c->a, mark);
	if (rc == 0 || e->status == 503)
		return rc;
	log_warn("trade.paper", "a session's market was not brought on",
	    KV("code", e->code), KV("detail", (const char *)e->detail));
	err_clear(e);
	return 0;
}

static int
turn(struct loop_ctx *c, struct err *e)
{
	const int64_t day = INT64_C(86400) * US_PER_S;
	const struct trade_conf *f = conf_get(c->env->conf, &trade_settings);
	struct utc now = clock_now();
	struct due u = { .desk = { .a = c->a, .now = now,
	    .fee = (double)f->paper_fee_bp / 1e4,
	    .limits = { .quote_age_s = f->quote_age_s },
	    .paper_terms = trade_paper_terms_of(f) } };
	struct rows rows;

	if (trade_paper_line_due(c->db, c->a, now, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct trade_paper_line *l = ROW(&rows,
		    struct trade_paper_line, i);

		u.session = l->session_id;
		u.instrument = l->instrument_id;
		if (each(c, &u, e) == -1)
			return -1;
	}
	u.instrument = 0;
	if (trade_paper_row_due(c->db, c->a, (struct utc){ now.us / day *
	    day }, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		u.session = ROW(&rows, struct trade_paper_row, i)->session_id;
		if (each(c, &u, e) == -1)
			return -1;
	}
	return 0;
}

const struct loop trade_paper_loops[] = {
	{ .name = "trade.paper", .doc = "Paper orders arrive and end in "
	  "time; days are hashed", .period_ms = 1000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .run = turn },
	LOOP_END
};
