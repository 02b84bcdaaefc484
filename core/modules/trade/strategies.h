/*
 * Strategies as rows: a name for a spec (strategy.h), judged before it is
 * stored.
 */
#ifndef TRADE_STRATEGIES_H
#define TRADE_STRATEGIES_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "modules/trade/strategy.h"

struct trade_strategy_row {
	struct uuid id, tenant_id;
	const char *name;
	struct json spec;
	struct blob digest;
	const char *sha256;
	int64_t version;
	const char *made_by;
	struct utc created_at, updated_at;
};
extern const struct schema trade_strategy_row_schema;
extern const struct query *const trade_strategy_queries[];
extern const struct table trade_strategy_tables[];
extern const struct route trade_strategy_routes[];

int trade_strategy_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
/* 0 found, 1 none. */
int trade_strategy_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_strategy_row *, struct err *);
int trade_strategy_insert(struct db *, const struct trade_strategy_row *,
    struct err *);
/* Of the version that was read: 409 otherwise. */
int trade_strategy_update(struct db *, struct trade_strategy_row *,
    struct err *);
/* 1 = there is none. */
int trade_strategy_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
/* SHA-256 of the text, in the arena; also as hex. */
struct blob trade_digest(struct arena *, const void *, size_t n,
    const char **hex);

#endif
