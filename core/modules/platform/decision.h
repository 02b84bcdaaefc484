/*
 * Decisions: what was decided, on inputs how old, which alternatives were
 * refused and why, which model judged, and what came of it. One list for all
 * systems. Rows are written by platform_decide() (platform.h) and closed once.
 */
#ifndef PLATFORM_DECISION_H
#define PLATFORM_DECISION_H

#include "db/db.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/platform/platform.h"

struct platform_decision {
	struct uuid id, tenant_id;
	const char *module, *kind, *subject, *subject_id, *chosen, *reason;
	struct json refused, inputs;
	struct utc oldest_at;
	struct json expected;
	struct uuid model_id;
	const char *model, *outcome;
	struct json outcome_doc;
	struct utc outcome_at;
	const char *made_by;
	struct utc created_at;
};
extern const struct schema platform_decision_schema;
extern const struct query *const platform_decision_queries[];
extern const struct table platform_decision_tables[];
extern const struct event platform_decision_events[];
extern const struct route platform_decision_routes[];

struct platform_decision_filter {
	struct uuid tenant;
	const char *module, *kind, *subject, *subject_id, *outcome;
	bool open;			/* without an outcome only */
	struct uuid below;		/* page: newest first */
	int64_t limit;
};

int platform_decision_insert(struct db *, const struct platform_decision *,
    size_t n, struct err *);
/* 0 found, 1 none. */
int platform_decision_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct platform_decision *, struct err *);
int platform_decision_page(struct db *, struct arena *,
    const struct platform_decision_filter *, struct rows *, struct err *);
/* 1 when it was closed before or is not there. */
int platform_decision_end(struct db *, struct uuid tenant, struct uuid id,
    const char *outcome, struct json doc, struct utc at, struct err *);

#endif
