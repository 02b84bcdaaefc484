/*
 * Shared by the files of orders: one change of one order, written whole.
 */
#ifndef TRADE_ORDER_INNER_H
#define TRADE_ORDER_INNER_H

#include "modules/trade/orders.h"

/* What is written down of a change. */
struct trade_note {
	const char *from;		/* state before; "" = it was new */
	const char *cause;
	struct dec quantity, price;
	bool kept;			/* it changed nothing */
	struct utc broker_at;
};

bool trade_order_live(const struct trade_order *);
bool trade_order_buys(const struct trade_order *);
/* In state s. */
bool trade_order_in(const struct trade_order *, enum trade_order_state s);
struct dec trade_order_leaves(const struct trade_order *);
/* Signed: bought above 0. */
struct dec trade_order_signed(const struct trade_order *, struct dec);
/* The next state, 0; -1: it cannot happen, nothing changed. What was to be
 * sent and is moot now is forgotten. *from: the state before. */
int trade_order_step(struct trade_order *, enum trade_order_happening,
    const char **from);
/* Changes what the order holds of the session's cash. */
void trade_order_hold(struct trade_session *, struct trade_order *,
    struct dec);
/* Writes order, event and session, and tells about it. */
int trade_order_write(struct trade_desk *, struct trade_session *,
    struct trade_order *, const struct trade_note *, struct err *);
/* A new row with its first event. */
int trade_order_begin(struct trade_desk *, struct trade_session *,
    struct trade_order *, const char *cause, struct err *);
/* Over: nothing is held any more. 409 "state". */
int trade_order_over(struct trade_desk *, struct trade_session *,
    struct trade_order *, enum trade_order_happening, const char *cause,
    struct err *);
/* What was wanted while no answer had come: cancel or change it now. */
int trade_order_afterwards(struct trade_desk *, struct trade_session *,
    struct trade_order *, struct err *);
/* Terms that contradict one another or the clock: 422 "terms". */
int trade_order_terms(const struct trade_order *, struct utc now,
    struct err *);
/* Exits on the wrong side of the price, or on no tick: 422 "terms". */
int trade_order_exits(const struct trade_order *, struct dec price,
    struct dec tick, struct err *);
/* The change that want_* says, by way of the broker. */
int trade_order_amend(struct trade_desk *, struct trade_session *,
    struct trade_order *, const char *cause, struct err *);
/* q of it was filled, and so much (signed) is held now: exits, its pair, and
 * what is reduce_only follow. */
int trade_order_filled(struct trade_desk *, struct trade_session *,
    const struct trade_order *, struct dec q, struct dec held, struct err *);
/* Of a pair the other goes too. */
int trade_order_end_pair(struct trade_desk *, struct trade_session *,
    const struct trade_order *, struct err *);
/* What makes two requests the same. */
struct blob trade_order_digest(struct trade_desk *,
    const struct trade_order *);

#endif
