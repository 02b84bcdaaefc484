/*
 * `quincunx admin init`: the first login of a new installation.
 */
#ifndef PLATFORM_ADMIN_H
#define PLATFORM_ADMIN_H

#include "db/table.h"

extern const struct command platform_admin_commands[];

#endif
