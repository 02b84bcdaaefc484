/*
 * Sessions with a broker: an account of money with its cash ledger and
 * positions. A session never changes its mode; a paper session has no way to
 * a live broker.
 */
#ifndef TRADE_SESSION_H
#define TRADE_SESSION_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/trade/order.h"

struct trade_session {
	struct uuid id, tenant_id, user_id;
	const char *broker, *mode, *state;
	int64_t live;			/* 1, or 0 = NULL: it is over */
	bool has_live;
	const char *currency;
	struct dec start_cash, cash, reserved;
	struct utc day;
	struct dec day_equity;
	int64_t entries;
	struct utc created_at, updated_at;
	int64_t version;		/* counts its changes */
	int64_t fee_ppm;		/* of its paper market, once there is
					 * one */
	bool has_fee;
	/* computed by trade_session_value() */
	struct dec equity;		/* cash + positions at last */
	struct dec short_worth;		/* of what is sold short, at last */
	struct dec available;		/* cash that nothing binds */
};
struct trade_position {
	struct uuid session_id;
	int64_t instrument_id;
	struct uuid tenant_id;
	const char *symbol;
	struct dec quantity, avg_price, realized, fees;
	struct utc updated_at;
	struct dec last;		/* joined; 0 = unknown */
	struct utc last_at;
	struct dec unrealized;		/* computed */
	struct dec day_gain;		/* by trade_position_days() */
	bool has_day_gain;
};
/* What happened to a position since the day began. */
struct trade_position_day {
	int64_t instrument_id;
	struct dec bought, sold;	/* units */
	struct dec flow;		/* sold for less bought for */
	int64_t adjusted;		/* changes that no fill made */
	struct dec before;		/* last close before the day; 0 none */
};
/* A change of a position that no fill made. Append only. */
struct trade_position_entry {
	struct uuid session_id;
	int64_t instrument_id, seq;
	const char *kind;		/* split bonus merger transfer
					 * reconcile */
	struct dec quantity;		/* signed: what came on top */
	const char *note;
	struct utc at;
};
struct trade_cash {
	struct uuid session_id;
	int64_t seq;
	const char *kind;
	struct dec amount, balance;
	struct uuid order_id;
	struct utc at;
};
extern const struct schema trade_session_schema, trade_position_schema,
    trade_position_entry_schema, trade_cash_schema;
extern const struct query *const trade_session_queries[];
extern const struct table trade_session_tables[];
extern const struct event trade_position_events[];
extern const struct route trade_session_routes[];

/* The user's living session of this id; nil: the paper session. lock: until
 * the transaction ends. 0 found, 1 none. */
int trade_session_pick(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, struct uuid id, bool lock, struct trade_session *,
    struct err *);
/* The user's living paper session. */
int trade_session_mine(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, bool lock, struct trade_session *, struct err *);
int trade_session_lock(struct db *, struct arena *, struct uuid id,
    struct trade_session *, struct err *);
/* Those of the user that live, the paper one among them. */
int trade_session_all(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, struct rows *, struct err *);
int trade_session_insert(struct db *, const struct trade_session *,
    struct err *);
/* Writes state, cash, reserved, day, day_equity, entries, if the row is still
 * the one that was read (.version, which grows by one here and there): 503
 * "busy" otherwise, as on another node of a cluster, where the row's lock is
 * not seen before the commit. */
int trade_session_update(struct db *, struct trade_session *, struct err *);
/* Keeps the fee of its paper market (if it is news); the session is held. */
int trade_session_fee_put(struct db *, struct trade_session *, int64_t ppm,
    struct err *);
/* Living ones of everybody that take orders and have something at stake: a
 * position, or cash that an order holds. */
int trade_session_exposed(struct db *, struct arena *, struct uuid after,
    int64_t limit, struct rows *, struct err *);
int trade_position_all(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
/* The same, asked only (db_ask). */
int trade_position_ask(struct db *, struct arena *, struct uuid session,
    struct rows *, struct err *);
/* Of each instrument that is held or was traded since `day` (UTC midnight). */
int trade_position_day_all(struct db *, struct arena *, struct uuid session,
    struct utc day, struct rows *, struct err *);
int trade_position_get(struct db *, struct arena *, struct uuid session,
    int64_t instrument, struct trade_position *, struct err *);
int trade_position_put(struct db *, const struct trade_position *,
    struct err *);
/* Tells what it is now (trade.position); in the transaction that wrote it. */
int trade_position_tell(struct db *, struct arena *,
    const struct trade_position *, struct err *);
int trade_position_entry_add(struct db *,
    const struct trade_position_entry *, struct err *);
int trade_cash_add(struct db *, const struct trade_cash *, struct err *);
int trade_cash_page(struct db *, struct arena *, struct uuid session,
    int64_t below, int64_t limit, struct rows *, struct err *);

/* ---- use-cases ---------------------------------------------------------------- */

/* Opens a paper session with this cash, or gives the one that lives. Inside a
 * transaction. */
int trade_session_open(struct db *, struct arena *, struct uuid tenant,
    struct uuid user, struct dec cash, const char *currency, struct utc now,
    struct trade_session *, struct err *);
/* Cash plus positions at their last prices; a new day keeps its first. */
int trade_session_value(struct db *, struct arena *, struct trade_session *,
    struct utc now, struct err *);
/* The same out of its positions (trade_position_all). */
int trade_session_worth(struct trade_session *, const struct rows *,
    struct utc now, struct err *);
/* With equity and short_worth: what nothing binds (see risk.h). */
struct dec trade_session_available(const struct trade_session *,
    double short_margin);
/* Part of a trade's worth: of its paper market, or usual where none is known. */
double trade_session_fee(const struct trade_session *, double usual);
/* An entry of the ledger: cash, balance and row together; the session is
 * written by the caller (trade_session_update). 422 "overflow". order may be
 * nil. */
int trade_session_book(struct db *, struct trade_session *, const char *kind,
    struct dec amount, struct uuid order, struct utc now, struct err *);
/* day_gain of these positions (trade_position_all): sold for - bought for since
 * midnight (UTC) + quantity * last - quantity then * close then, before fees.
 * Left out where a price is not known or a split came in between. */
int trade_position_days(struct db *, struct arena *, struct uuid session,
    struct utc now, struct rows *, struct err *);
/* A change of a position that no fill made, with its entry; the session is
 * held. avg_price: what the units cost each from now on (0 = as before);
 * kind, note: see the struct. */
int trade_position_adjust(struct db *, struct arena *,
    const struct trade_session *, int64_t instrument, const char *symbol,
    const char *kind, struct dec quantity, struct dec avg_price,
    const char *note, struct utc now, struct err *);

#endif
