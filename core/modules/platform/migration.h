/*
 * `quincunx migrate`: the schema's way forward.
 */
#ifndef PLATFORM_MIGRATION_H
#define PLATFORM_MIGRATION_H

#include "db/table.h"

extern const struct command platform_migration_commands[];

#endif
