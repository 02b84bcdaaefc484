/*
 * Forward-only migrations. sql/NNNN_<module>_<what>.sql holds single
 * statements separated by lines "-- step" with an optional probe line
 * "-- done-if: SELECT …" (one row with 1 = already done). DDL commits by
 * itself, so the ledger is per statement: a crash in the middle runs the
 * probe and skips what is finished. A changed file that was applied stops the
 * run. Works under lease "migrate".
 */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct err;
struct str;

enum migrate_mode { MIGRATE_RUN, MIGRATE_PLAN, MIGRATE_STATUS };

/* Appends one line per step to out (may be NULL). For RUN: applied steps;
 * PLAN: what would run; STATUS: all with times. *pending (may be NULL) counts
 * the steps not applied (RUN: that were left, so 0). PLAN and STATUS change
 * nothing. The environment variable QX_MIGRATE_CRASH_AFTER=n (tests) kills
 * the process at the n-th write to the server or before or after it. */
int migrate(struct db *, struct arena *, const char *dir, enum migrate_mode,
    struct str *out, size_t *pending, struct err *);
/* Creates an empty file with the next number; its path in *path. */
int migrate_new(struct arena *, const char *dir, const char *name,
    const char **path, struct err *);

#endif
