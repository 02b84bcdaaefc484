/*
 * Limits of a tenant and of one session as rows, narrower than the settings,
 * and the refusals of the checks.
 */
#ifndef TRADE_LIMIT_H
#define TRADE_LIMIT_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "modules/trade/risk.h"

struct trade_risk_limit {
	struct uuid tenant_id, session_id;	/* nil: of the whole tenant */
	const char *name;
	struct dec value;		/* in the unit of the setting */
	const char *made_by;
	struct utc updated_at;
};
struct trade_risk_hit {
	struct uuid id, tenant_id, session_id, order_id;
	const char *client_order_id, *symbol, *rule, *detail;
	struct utc at;
};
extern const struct schema trade_risk_limit_schema, trade_risk_hit_schema;
extern const struct query *const trade_limit_queries[];
extern const struct table trade_limit_tables[];
extern const struct route trade_limit_routes[];

/* Of the tenant and, unless nil, of the session; the tenant's first. */
int trade_risk_limit_all(struct db *, struct arena *, struct uuid tenant,
    struct uuid session, struct rows *, struct err *);
/* The same, asked only (db_ask). */
int trade_risk_limit_ask(struct db *, struct arena *, struct uuid tenant,
    struct uuid session, struct rows *, struct err *);
/* Value 0 removes the row. */
int trade_risk_limit_put(struct db *, const struct trade_risk_limit *,
    struct err *);
/* The settings' limits made narrower by the rows; a row that is wider than
 * the settings are by now changes nothing. */
int trade_risk_limits(struct db *, struct arena *, struct uuid tenant,
    struct uuid session, struct trade_limits *, struct err *);
void trade_risk_narrow(struct trade_limits *, const struct rows *);
int trade_risk_hit_add(struct db *, const struct trade_risk_hit *,
    struct err *);
int trade_risk_hit_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid session, const char *rule, struct uuid below, int64_t limit,
    struct rows *, struct err *);

#endif
