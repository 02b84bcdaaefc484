/*
 * A run of a session's paper market against its rows. For paper_*_ops.c only.
 */
#ifndef TRADE_PAPER_RUN_H
#define TRADE_PAPER_RUN_H

#include "modules/trade/papers.h"

struct trade_paper_run {
	struct trade_desk *d;
	struct trade_session *s;	/* its row is held */
	struct trade_order *own;	/* the caller's copy of an order: kept
					 * up to date; NULL */
	struct trade_paper p;
	struct trade_paper_row row;
	bool fresh;			/* has no row yet */
	struct rows lines;		/* as they were loaded */
	struct trade_order_sum seen;	/* of the open orders' rows */
	struct arena *looked;		/* orders' rows of one comparison */
	VEC(struct trade_paper_log) log;
	VEC(int64_t) wake;		/* instruments that were placed into
					 * while another one was at work */
	struct utc market_at;		/* of what is at work */
	bool changed;
	bool told;			/* an order has heard of an effect */
};

int trade_paper_run_open(struct trade_paper_run *, struct trade_desk *,
    struct trade_session *, struct err *);
/* Whoever comes from outside: holds the session's row and makes the market in
 * line with the rows and with what may fill now. 1: there is no such session. */
struct trade_paper_visit {
	struct trade_desk desk;		/* the session's own */
	struct trade_session session;
};
int trade_paper_run_enter(struct trade_paper_run *, struct trade_paper_visit *,
    const struct trade_desk *, struct uuid session, int64_t instrument,
    struct err *);
/* Keeps a hash of the state as it is: start, count, day. */
int trade_paper_run_hash(struct trade_paper_run *, const char *kind,
    struct err *);
/* Brings the market in line with the orders' rows, all of them; or only when
 * two numbers say that something differs. */
int trade_paper_run_sync(struct trade_paper_run *, struct err *);
int trade_paper_run_check(struct trade_paper_run *, struct err *);
/* An order is new, or was changed from `before`: the market hears of it, and
 * compares no more when nothing else differs. */
int trade_paper_run_order(struct trade_paper_run *,
    const struct trade_order *, const struct trade_order *before,
    struct err *);
/* Freezes what may not fill now, and thaws what may again. */
int trade_paper_run_freeze(struct trade_paper_run *, int64_t instrument,
    struct err *);
/* One input with everything that follows from it. */
int trade_paper_run_input(struct trade_paper_run *,
    struct trade_paper_input *, struct err *);
/* Orders that were placed while another instrument was at work arrive. */
int trade_paper_run_rest(struct trade_paper_run *, struct err *);
/* Writes what changed; what changed nothing leaves no trace. */
int trade_paper_run_close(struct trade_paper_run *, struct err *);
/* An input with what is known of the instrument's market. */
int trade_paper_run_known(struct trade_desk *, int64_t instrument,
    const char *kind, struct trade_paper_input *, struct err *);

#endif
