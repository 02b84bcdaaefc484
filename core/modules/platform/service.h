/*
 * Components: parts an operator starts, stops, pauses and resumes. What is
 * wanted is a row, so it holds on every host and survives a restart; without
 * a row a component runs. Stopping one stops what needs it first, and starting
 * it again brings those back.
 */
#ifndef PLATFORM_SERVICE_H
#define PLATFORM_SERVICE_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "modules/platform/platform.h"

struct str;

/* A row: the wish. */
struct platform_component {
	const char *name;
	const char *desired;		/* "running" "paused" "stopped" */
	const char *cause;		/* component whose stop stopped it */
	const char *changed_by;
	struct utc changed_at;
};
extern const struct schema platform_component_schema;
extern const struct query *const platform_service_queries[];
extern const struct table platform_service_tables[];

/* ---- pure ------------------------------------------------------------------- */

/* Components of the modules in table order, NULL-terminated. */
const struct component *const *platform_components(struct arena *,
    const struct module *const *);
const struct component *platform_component_find(
    const struct component *const *, const char *name);
/* The component and all it needs (needs = true) or all that need it, in the
 * order in which they must change: start order, or stop order. */
const struct component *const *platform_component_order(struct arena *,
    const struct component *const *all, const struct component *,
    bool needs);
/* A need that does not exist, or a circle: sentence, NULL = sound. */
const char *platform_components_fault(struct arena *,
    const struct component *const *all);

/* ---- rows: 0 found, 1 none, -1 error ------------------------------------------- */

int platform_component_all(struct db *, struct arena *, struct rows *,
    struct err *);
int platform_component_by_name(struct db *, struct arena *, const char *name,
    struct platform_component *, struct err *);
int platform_component_put(struct db *, const struct platform_component *,
    struct err *);

/* ---- use-cases ------------------------------------------------------------------- */

enum platform_action { ACT_START = 1, ACT_STOP, ACT_PAUSE, ACT_RESUME };
/* 0 = unknown word. */
enum platform_action platform_action_parse(const char *);

struct platform_change {
	const char *name, *was, *now;
};
extern const struct schema platform_change_schema;
/* Inside a transaction. 404 unknown, 409 required. Changes in the order they
 * were made. */
int platform_service_act(struct db *, struct arena *,
    const struct module *const *, const char *name, enum platform_action,
    const char *by, struct utc now, struct rows *changes, struct err *);
/* Appends the states to the text of a probe; nothing on a database error. */
void platform_service_cache(struct env *, struct str *);

extern const struct component platform_service_components[];
extern const struct permission platform_permissions[];
extern const struct route platform_service_routes[];
extern const struct command platform_service_commands[];

#endif
