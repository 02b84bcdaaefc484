/*
 * `quincunx demo make|reset`: the demonstrations of all modules (db/demo.h).
 */
#ifndef PLATFORM_DEMO_H
#define PLATFORM_DEMO_H

#include "db/db.h"
#include "db/demo.h"
#include "db/table.h"

extern const struct command platform_demo_commands[];
extern const struct query *const platform_demo_queries[];

/* The oldest active user; now is left at 0. 0 found, 1 none. */
int platform_demo_owner(struct db *, struct arena *, struct demo_owner *,
    struct err *);

#endif
