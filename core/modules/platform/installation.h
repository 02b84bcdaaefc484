/*
 * Who this installation is: one row, made by a migration. What it answers to
 * others is declared in platform.h.
 */
#ifndef PLATFORM_INSTALLATION_H
#define PLATFORM_INSTALLATION_H

#include "db/db.h"
#include "db/table.h"
#include "modules/platform/platform.h"

extern const struct schema platform_installation_schema;
extern const struct query *const platform_installation_queries[];
extern const struct table platform_installation_tables[];
extern const struct command platform_installation_commands[];

/* Statements for restore, inside its transaction: epoch + 1, restored now,
 * not confirmed. */
int platform_installation_restored(struct db *, struct utc now, struct err *);
/* A person has looked. 409 when nothing waits for it. */
int platform_installation_confirm(struct db *, const char *by, struct utc now,
    struct err *);

#endif
