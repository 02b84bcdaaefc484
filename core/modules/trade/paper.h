/*
 * The paper market of one session, pure: what a session's orders would have
 * met. It is fed inputs (an order, a tick, a bar, time) and gives effects one
 * by one; nothing else decides: no clock, no order of memory, random numbers
 * from the session's own seed. The same inputs give the same states, whose
 * hashes are kept.
 *
 * The market is a book of the session's own orders in a synthetic one: best
 * bid and ask are the quote's, or the last price -/+ half the spread; their
 * depth is a share of a bar's volume. A resting limit fills when the price
 * goes through it, or at its price by what traded there beyond the queue that
 * was there before it.
 */
#ifndef TRADE_PAPER_H
#define TRADE_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "base/vec.h"
#include "modules/trade/book.h"

struct arena;
struct schema;
struct str;

/* What the session's market is like. */
struct trade_paper_terms {
	int64_t spread_ppm;	/* whole, of the price, where no quote is */
	int64_t latency_us;	/* from placing to the market, and up to */
	int64_t jitter_us;	/* so much more */
	int64_t share_ppm;	/* of a bar's volume that can be had; 0 = all */
	int64_t fee_ppm;	/* of a trade's worth */
	int64_t every;		/* inputs between two hashes */
};

/* ---- inputs ------------------------------------------------------------------- */

/* kind: "submit" "replace" "cancel" "freeze" "thaw" (of an order, with what is
 * known of the market), "quote" "tick" "bar" (the market moved), "wake" (time passed),
 * "terms", "note" (nothing changes: a bar was corrected). */
struct trade_paper_input {
	int64_t seq;		/* 1, 2, 3 … */
	const char *kind;
	struct utc at;		/* when it was heard; never goes back */
	int64_t parent, step;	/* came while `parent` was at work, after so
				 * many of its effects; 0: by itself */
	/* the order */
	struct uuid order_id;
	const char *side, *type, *tif;
	bool post_only;
	struct dec quantity;	/* that is left */
	struct dec limit_price, stop_price, trail, display;
	int64_t trail_ppm;
	struct utc expires_at;	/* 0 = never */
	/* the market: prices of a quote or tick, or of a bar */
	int64_t instrument_id;
	const char *timeframe;	/* of a bar */
	struct dec bid, ask;	/* 0, or equal: not known */
	struct dec last;	/* of a bar the close */
	struct dec open, high, low;
	struct dec volume;	/* of the tick or bar */
	struct dec flow;	/* of the minute: how much can be had */
	struct dec tick, lot;
	struct utc market_at;	/* its own time */
	bool held;		/* too old, or its source is behind */
	/* terms */
	int64_t spread_ppm, latency_us, jitter_us, share_ppm, fee_ppm, every;
};
extern const struct schema trade_paper_input_schema;

/* ---- effects ------------------------------------------------------------------ */

enum trade_paper_what {
	PAPER_TRIGGERED, PAPER_TRAILED, PAPER_FILL, PAPER_ENDED, PAPER_EXPIRED
};
struct trade_paper_effect {
	enum trade_paper_what what;
	struct uuid order_id;
	int64_t number;		/* of fills: 1, 2, 3 … in the session */
	struct dec quantity, price, fee;	/* TRAILED: price is the stop */
	bool maker;
	const char *why;
};

/* ---- state -------------------------------------------------------------------- */

enum trade_paper_place {
	PAPER_FLIGHT,		/* on its way, until from_us */
	PAPER_BOOK,		/* rests, or waits for its stop */
	PAPER_TAKING,		/* takes what it can get, as it comes */
	PAPER_OVER
};
extern const char *const trade_paper_places[];
struct trade_paper_resting {
	struct uuid id;
	int64_t instrument;
	enum trade_paper_place place;
	int64_t from_us, expires_us;
	bool frozen;			/* neither trades nor triggers */
	struct trade_book_order o;	/* o.id: its number in the session */
	bool dirty;			/* differs from what was loaded */
};
/* What of the market's depth at a time the session has had. */
struct trade_paper_depth {
	int64_t instrument, market_us;
	int64_t had[2];			/* [1] of the asks, bought */
	bool dirty;
};

struct trade_paper {
	struct arena *a;
	struct arena *scratch;		/* of one input */
	struct trade_paper_terms terms;
	uint64_t rng[4];
	int64_t seq;			/* of the last input */
	int64_t orders_made, now_us;
	int64_t fills, bought, sold;	/* counts of fills, sums of units */
	int64_t paid, got, fees;	/* sums of money; they wrap, they are
					 * only compared */
	uint8_t mark[32];		/* chain over inputs and effects */
	VEC(struct trade_paper_resting) orders;	/* by number */
	VEC(struct trade_paper_depth) depths;	/* by instrument */
	struct trade_paper_work *work;	/* while an input is at work */
};

/* A new session's. */
void trade_paper_start(struct trade_paper *, struct arena *,
    const struct trade_paper_terms *, uint64_t seed);
/* Whether a market input could change anything for these orders: cheap, and
 * true rather than false. */
bool trade_paper_touches(const struct trade_paper_terms *,
    const struct trade_paper_resting *, size_t n,
    const struct trade_paper_input *);
/* Begins an input (seq is given by it and written back), or puts one in
 * between while another one is at work. Time that went back is held at what
 * it was. */
void trade_paper_begin(struct trade_paper *, struct trade_paper_input *);
/* The next effect, already applied to the state. false: the input is done. */
bool trade_paper_step(struct trade_paper *, struct trade_paper_effect *);
const struct trade_paper_resting *trade_paper_find(const struct trade_paper *,
    struct uuid order);

/* The whole state as text, and back; its SHA-256. The text is a head and a
 * line an order. */
void trade_paper_write_head(const struct trade_paper *, struct str *);
void trade_paper_write_order(const struct trade_paper_resting *,
    struct str *);
void trade_paper_write(const struct trade_paper *, struct str *);
/* One such line; -1: it is none. */
int trade_paper_read_order(const char *line, struct trade_paper_resting *);
int trade_paper_read(struct trade_paper *, struct arena *, const char *text);
void trade_paper_hash(const struct trade_paper *, uint8_t out[32]);

/* xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64. */
uint64_t trade_paper_random(uint64_t s[4]);
void trade_paper_seed(uint64_t s[4], uint64_t seed);

#endif
