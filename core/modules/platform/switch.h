/*
 * The stop switch. A row for each scope that was ever stopped; whoever sends
 * something outward asks in the transaction that reserves the act, and again
 * right before sending. What cannot be read counts as stopped.
 */
#ifndef PLATFORM_SWITCH_H
#define PLATFORM_SWITCH_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/platform/platform.h"

struct platform_switch {
	const char *scope;		/* all module tenant account session */
	struct uuid tenant_id;		/* nil: the whole installation */
	const char *name;		/* module, account or session */
	bool stopped;
	const char *reason, *changed_by;
	struct utc changed_at;
	int64_t version;
};
extern const struct schema platform_switch_schema;
extern const struct query *const platform_switch_queries[];
extern const struct table platform_switch_tables[];
extern const struct event platform_switch_events[];
extern const struct route platform_switch_routes[];
extern const struct command platform_switch_commands[];

/* Rows of the tenant and of the whole installation. */
int platform_switch_all(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);
/* Waits for everybody who reserved an act and has not committed yet. */
int platform_switch_lock(struct db *, struct arena *, struct err *);
int platform_switch_put(struct db *, struct arena *,
    struct platform_switch *, struct err *);

/* Inside a transaction: stops or releases a scope, with its event. For
 * "all" and for modules of the installation the tenant is nil. */
int platform_switch_set(struct db *, struct arena *,
    struct platform_switch *, struct err *);
/* Which scopes exist, and that the name fits: 422 at body. */
int platform_switch_check(const struct module *const *, const char *scope,
    const char *name, struct err *);

#endif
