/*
 * What is traded: a symbol of a tenant, at an exchange if it says so.
 */
#ifndef TRADE_INSTRUMENT_H
#define TRADE_INSTRUMENT_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"

struct trade_instrument {
	int64_t id;
	struct uuid tenant_id;
	const char *symbol, *exchange, *name, *kind, *currency;
	struct dec tick, lot;
	const char *zone, *hours, *closed_on;	/* market.h */
	struct dec min_quantity, max_quantity;	/* 0 = no bound */
	bool tradable;
	struct utc created_at;
};
extern const struct schema trade_instrument_schema;
extern const struct query *const trade_instrument_queries[];
extern const struct table trade_instrument_tables[];
extern const struct route trade_instrument_routes[];
extern const char *const trade_instrument_kinds[];

/* Symbols as routes take them. */
#define TRADE_SYMBOL .pattern = "^[A-Za-z0-9][A-Za-z0-9.&_^=-]*$"

/* Numbers of instruments, as queries list them; so many at most. */
struct trade_number {
	int64_t id;
};
enum { TRADE_NUMBERS = 10000 };
extern const struct schema trade_number_schema;

int trade_instrument_page(struct db *, struct arena *, struct uuid tenant,
    int64_t after, int64_t limit, struct rows *, struct err *);
/* exchange "": the one without, or the only one; 409 when there are several.
 * 0 found, 1 none. */
int trade_instrument_find(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, const char *exchange, struct trade_instrument *,
    struct err *);
/* Its refusal. */
int trade_instrument_many(const char *symbol, struct err *);
/* Those of some symbols (const char *; at most TRADE_NUMBERS rows), at all
 * exchanges, by symbol and exchange. */
int trade_instrument_of(struct db *, struct arena *, struct uuid tenant,
    const char *const *symbols, size_t n, struct rows *, struct err *);
/* The one that trade_instrument_find() would find, in such rows. 0 found, 1
 * none, -1: 409. */
int trade_instrument_pick(const struct rows *, const char *symbol,
    const char *exchange, struct trade_instrument *, struct err *);
int trade_instrument_any(struct db *, struct arena *, int64_t id,
    struct trade_instrument *, struct err *);
/* One that is always open and tradable, with usual steps; not stored. */
struct trade_instrument trade_instrument_usual(struct uuid tenant,
    const char *symbol, const char *exchange, struct utc now);
/* Inserts, or updates what may change; id is written back. */
int trade_instrument_put(struct db *, struct arena *,
    struct trade_instrument *, struct err *);
/* Bars go with it. 1 = there is none. */
int trade_instrument_delete(struct db *, struct uuid tenant, int64_t id,
    struct err *);

#endif
