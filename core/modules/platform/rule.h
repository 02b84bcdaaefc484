/*
 * Alert rules: those that modules declare (struct alert) and those of users.
 * Of a declared one only "enabled" is a row's; its text comes with the
 * program.
 */
#ifndef PLATFORM_RULE_H
#define PLATFORM_RULE_H

#include "base/principal.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"

struct platform_rule {
	struct uuid id;
	const char *name;
	bool declared;
	const char *expr;
	int64_t for_s, keep_s;
	const char *severity, *summary, *runbook;
	const char *group_by;		/* label, or "": the rule by itself */
	const char *inhibited_by;	/* names separated by blanks */
	bool enabled;
	const char *fault;		/* why it is not evaluated, or "" */
	int64_t version;
	const char *created_by;
	struct utc created_at, updated_at;
};
extern const struct schema platform_rule_schema;
extern const struct query *const platform_rule_queries[];
extern const struct table platform_rule_tables[];
extern const char *const platform_severities[];

enum { RULES_MAX = 1000 };	/* of users */

/* ---- rows: 0 found, 1 none, -1 error ------------------------------------------ */

int platform_rule_rows(struct db *, struct arena *, struct rows *,
    struct err *);
int platform_rule_by_id(struct db *, struct arena *, struct uuid id,
    struct platform_rule *, struct err *);
int platform_rule_insert(struct db *, const struct platform_rule *,
    struct err *);
int platform_rule_update(struct db *, const struct platform_rule *,
    struct err *);
int platform_rule_delete(struct db *, struct uuid id, struct err *);
int platform_rule_fault(struct db *, struct uuid id, const char *fault,
    struct err *);

/* ---- use-cases ------------------------------------------------------------------- */

/* A declared rule as it stands in its module's table. */
void platform_rule_declared(const struct alert *, struct platform_rule *);
/* All of them, declared ones first, with what rows say about those. */
int platform_rules(const struct module *const *, struct db *, struct arena *,
    struct rows *, struct err *);
/* 0 found, 1 none. */
int platform_rule_find(const struct module *const *, struct db *,
    struct arena *, struct uuid id, struct platform_rule *, struct err *);
/* 422 at the member that is wrong: expression, unknown metric, label. */
int platform_rule_check(const struct module *const *, struct arena *,
    const struct platform_rule *, struct err *);
/* Inside a transaction. 409 name taken, too many. */
int platform_rule_make(const struct module *const *, struct db *,
    struct arena *, struct platform_rule *, struct err *);
/* 409 when more than enabled changes of a declared one. */
int platform_rule_change(const struct module *const *, struct db *,
    struct arena *, const struct platform_rule *was,
    struct platform_rule *to, struct err *);

extern const struct route platform_rule_routes[];

#endif
