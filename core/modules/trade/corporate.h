/*
 * Corporate actions: a split, a dividend, another symbol. A row each; a paper
 * account takes each action once, as entries of its ledgers, by what it held
 * before the ex time. A live account is adjusted by its broker and found by
 * the reconciliation. Recorded bars are kept as they were and adjusted when
 * they are read.
 */
#ifndef TRADE_CORPORATE_H
#define TRADE_CORPORATE_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/trade/bar.h"

struct trade_desk;

struct trade_corporate {
	struct uuid id, tenant_id;
	int64_t instrument_id;
	const char *symbol, *kind;	/* split dividend symbol_change */
	struct utc ex_at;
	struct dec ratio;		/* new units for one old */
	struct dec amount;		/* of money for one unit */
	const char *new_symbol, *note;
	int64_t sessions;		/* that took it */
	struct utc applied_at;		/* all have; 0 = not yet */
	const char *made_by;
	struct utc created_at;
};
struct trade_corporate_entry {
	struct uuid corporate_id, session_id, tenant_id;
	struct dec held, quantity, cash;
	int64_t cancelled;		/* open orders */
	struct utc at;
};
extern const struct schema trade_corporate_schema,
    trade_corporate_entry_schema;
extern const struct query *const trade_corporate_queries[];
extern const struct table trade_corporate_tables[];
extern const struct route trade_corporate_routes[];
extern const struct loop trade_corporate_loops[];

/* 409 "duplicate": that action is there. */
int trade_corporate_insert(struct db *, const struct trade_corporate *,
    struct err *);
int trade_corporate_update(struct db *, const struct trade_corporate *,
    struct err *);
int trade_corporate_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *, struct err *);
int trade_corporate_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_corporate *, struct err *);
/* 1: there is none that nobody took. */
int trade_corporate_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
/* Not applied to all, due by now, oldest ex time first. */
int trade_corporate_due(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
/* Splits and dividends of an instrument, newest first. */
int trade_corporate_of(struct db *, struct arena *, int64_t instrument,
    struct rows *, struct err *);
int trade_corporate_entry_insert(struct db *,
    const struct trade_corporate_entry *, struct err *);
int trade_corporate_entry_all(struct db *, struct arena *, struct uuid,
    struct rows *, struct err *);
/* Living paper sessions that have something of it or orders on it, and have
 * not taken it: rows of their ids, at most 200. */
int trade_corporate_sessions(struct db *, struct arena *,
    const struct trade_corporate *, struct rows *, struct err *);
/* What a session held before an instant, by its fills and entries. */
int trade_corporate_held(struct db *, struct arena *, struct uuid session,
    int64_t instrument, struct utc before, struct dec *, struct err *);
/* The instrument's symbol and that of the sessions' positions. */
int trade_corporate_rename(struct db *, const struct trade_corporate *,
    struct err *);

/* The quote of before a split, in the new units. */
int trade_corporate_requote(struct db *, const struct trade_corporate *,
    struct err *);

/* Applies what is due, each session in a transaction of its own; *n entries
 * were made. */
int trade_corporate_turn(struct db *, struct arena *, struct utc now,
    int64_t *n, struct err *);

/* ---- adjusted bars: pure ---------------------------------------------------------- */

struct trade_adjusted_bar {
	struct utc at;
	struct dec open, high, low, close, volume;
	double factor;			/* raw price x factor */
};
extern const struct schema trade_adjusted_bar_schema;
/* bars, oldest first; actions, newest first. Prices before a split of r are
 * divided and volumes multiplied by r; before a dividend of d prices are
 * multiplied by 1 - d / last close before it (CRSP's way), if dividends. */
int trade_bars_adjust(const struct trade_bar *, size_t n,
    const struct rows *actions, bool dividends,
    struct trade_adjusted_bar *out, struct err *);

#endif
