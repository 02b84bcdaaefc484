/*
 * The paper market of sessions, kept: rows of its state, the log of what it
 * was told, hashes, and the use-cases that run it. Whoever runs it holds the
 * session's row. The orders' own rows decide what is open: before an input and
 * after each effect the market is brought in line with them, and what that
 * takes is itself an input.
 */
#ifndef TRADE_PAPERS_H
#define TRADE_PAPERS_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/feed.h"
#include "modules/trade/orders.h"
#include "modules/trade/paper.h"
#include "modules/trade/sight.h"

struct trade_paper_row {
	struct uuid session_id, tenant_id;
	int64_t spread_ppm;
	const char *head;
	int64_t seq, hashed_seq;
	struct utc heard_at;
	int64_t seen_orders, seen_versions;	/* open ones, at the end of
						 * the last run */
};
struct trade_paper_line {
	struct uuid session_id, order_id;
	int64_t instrument_id;
	struct utc due_at;
	const char *line;
	int64_t spread_ppm;		/* joined */
};
struct trade_paper_log {
	struct uuid session_id;
	int64_t seq, parent, step;
	const char *kind;
	int64_t instrument_id;
	struct utc market_at;
	const char *body;
	struct blob mark;		/* first 8 bytes of the chain after it */
	struct utc at;
};
struct trade_paper_hash {
	struct uuid session_id;
	int64_t seq;
	const char *kind;		/* start, count, day */
	struct blob hash;
	const char *state;
	struct utc at;
	const char *hex;		/* computed: the hash as text */
};
/* What placing an order has read already, for the market that gets it. */
struct trade_basis {
	struct trade_sight sight;
	struct rows row, lines;		/* of the session's paper market */
	struct trade_order_sum open;	/* the session's, with the order */
};
extern const struct schema trade_paper_log_schema, trade_paper_hash_schema;
extern const struct query *const trade_paper_queries[];
extern const struct table trade_paper_tables[];
extern const struct route trade_paper_routes[];
extern const struct loop trade_paper_loops[];
extern const struct command trade_paper_commands[];
extern const struct trade_listener trade_paper_listener;

/* ---- rows ---------------------------------------------------------------------- */

int trade_paper_row_get(struct db *, struct arena *, struct uuid session,
    struct trade_paper_row *, struct err *);
/* The row (0 or 1) and the lines of it, asked only (db_ask). */
int trade_paper_ask(struct db *, struct arena *, struct uuid session,
    struct rows *row, struct rows *lines, struct err *);
int trade_paper_row_put(struct db *, const struct trade_paper_row *,
    struct err *);
int trade_paper_line_all(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
/* Of an instrument, over all sessions. */
int trade_paper_line_of(struct db *, struct arena *, int64_t instrument,
    struct rows *, struct err *);
int trade_paper_line_put(struct db *, const struct trade_paper_line *,
    struct err *);
int trade_paper_line_drop(struct db *, struct uuid session,
    struct uuid order, struct err *);
/* Due by now: session and instrument. */
int trade_paper_line_due(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
/* Sessions last heard before `day` with inputs after their last hash. */
int trade_paper_row_due(struct db *, struct arena *, struct utc day,
    struct rows *, struct err *);
int trade_paper_log_add(struct db *, const struct trade_paper_log *,
    struct err *);
/* Inputs from < seq ≤ to, at most 1,000. */
int trade_paper_log_page(struct db *, struct arena *, struct uuid session,
    int64_t from, int64_t to, struct rows *, struct err *);
/* Bars that were met, of an instrument and time. */
int trade_paper_log_bars(struct db *, struct arena *, int64_t instrument,
    struct utc from, struct utc to, struct rows *, struct err *);
int trade_paper_hash_add(struct db *, const struct trade_paper_hash *,
    struct err *);
/* The first one at or after seq, with its state. 0, 1 none. */
int trade_paper_hash_next(struct db *, struct arena *, struct uuid session,
    int64_t seq, struct trade_paper_hash *, struct err *);
/* Newest first below seq, without states. */
int trade_paper_hash_page(struct db *, struct arena *, struct uuid session,
    int64_t below, int64_t limit, struct rows *, struct err *);
/* Of each session with a hash in a span of time: the last one before it, or
 * the first in it; without states. */
int trade_paper_hash_of_day(struct db *, struct arena *, struct utc from,
    struct utc to, struct rows *, struct err *);

/* ---- use-cases: in the caller's transaction -------------------------------------- */

/* Settings of new sessions. */
struct trade_paper_terms trade_paper_terms_of(const void *trade_conf);
/* The session's terms as they are, or as they would be. */
int trade_paper_terms_get(struct trade_desk *, const struct trade_session *,
    struct trade_paper_terms *, struct err *);
int trade_paper_terms_set(struct trade_desk *, struct trade_session *,
    const struct trade_paper_terms *, struct err *);
/* Brings the market of an instrument up to now: arrivals, ends. */
int trade_paper_wake(struct trade_desk *, struct uuid session,
    int64_t instrument, struct err *);
/* Hashes the state of a day that is over. */
int trade_paper_day_end(struct trade_desk *, struct uuid session,
    struct err *);

struct trade_paper_tick {
	int64_t instrument_id;
	struct dec last, volume, bid, ask;	/* 0 = not said */
	struct utc at;
	bool lags;			/* its source is behind: stops and market
					 * orders are held */
};
/* Resting orders meet a tick that is the quote already. */
int trade_paper_meet(struct trade_desk *, const struct trade_paper_tick *,
    struct err *);
/* The same with a tick that is not; 1: older than what is known. */
int trade_paper_on_tick(struct trade_desk *, const struct trade_paper_tick *,
    struct err *);
/* Closed bars, as the quote and to resting orders. One that is older than what
 * is known fills nothing; when it corrects one that was met, the log says so. */
int trade_paper_on_bars(struct trade_desk *, int64_t instrument,
    const char *timeframe, const struct trade_bar *, size_t n, struct err *);
/* One bar that is no news to the quote any more. */
int trade_paper_meet_bar(struct trade_desk *, int64_t instrument,
    const char *timeframe, const struct trade_bar *, struct err *);
/* Bars that were met and are otherwise now. */
int trade_paper_corrected(struct trade_desk *, int64_t instrument,
    const char *timeframe, const struct trade_bar *, size_t n, struct err *);

/* ---- replay ------------------------------------------------------------------------ */

struct trade_paper_replay {
	struct uuid session_id;
	int64_t from, to;		/* inputs looked at */
	int64_t inputs, fills, hashes;	/* replayed, and hashes compared */
	bool same;
	int64_t differs_at;		/* first input that differs; 0 = none */
	const char *detail;
};
extern const struct schema trade_paper_replay_schema;
/* Recomputes from the first hash at or after `from` up to `until` (0 = what is
 * there) and compares every mark and hash, at the end the state that is in
 * force. 404: there is no hash. */
int trade_paper_replay(struct db *, struct arena *, struct uuid session,
    int64_t from, struct utc until, struct trade_paper_replay *,
    struct err *);

#endif
