/*
 * What the files of the paper market share. Not for others.
 */
#ifndef TRADE_PAPER_INNER_H
#define TRADE_PAPER_INNER_H

#include "modules/trade/paper.h"

__extension__ typedef __int128 paper_wide;

#define PAPER_BID (UINT64_MAX - 1)
#define PAPER_ASK UINT64_MAX
enum { PAPER_POINTS = 4, PAPER_MORE = 256 };

enum paper_phase {
	AT_EXPIRY, AT_SWEEP, AT_CROSSING, AT_TAKING, AT_ARRIVAL, AT_STOPS,
	AT_LEG, AT_END
};

/* An input at work. */
struct trade_paper_work {
	struct trade_paper_input in;
	enum paper_phase phase;
	struct trade_book *book;	/* of the input's instrument */
	bool muted;			/* the book's events are our own doing */
	int64_t bid, ask;		/* what can be had now, 0 = nothing */
	int64_t left[2];		/* depth; [1] of asks */
	bool endless;			/* nothing limits it */
	int64_t traded;			/* of a tick, not yet used */
	int64_t points[PAPER_POINTS], cursor;
	int npoints, leg;
	bool no_limits;			/* this leg fills no limit any more */
	bool is_bar;
	VEC(struct trade_paper_effect) effects;
	size_t told;
	int64_t steps;
};

/* paper.c */
struct trade_paper_resting *trade_paper_of(struct trade_paper *, uint64_t n);
void trade_paper_effect_add(struct trade_paper *,
    const struct trade_paper_resting *, enum trade_paper_what, int64_t q,
    int64_t price, bool maker, const char *why);

/* paper_market.c: the book of the input's instrument, and one small step of
 * the market; false: this phase has nothing more. */
void trade_paper_open_market(struct trade_paper *);
bool trade_paper_market_step(struct trade_paper *);
/* What the book knows better goes back to the orders. */
void trade_paper_settle(struct trade_paper *);
/* Puts an order into the market. */
void trade_paper_enter(struct trade_paper *, struct trade_paper_resting *);
void trade_paper_remove(struct trade_paper *, struct trade_paper_resting *);

#endif
