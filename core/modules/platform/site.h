/*
 * `quincunx site`: configuration for the web server in front of us.
 */
#ifndef PLATFORM_SITE_H
#define PLATFORM_SITE_H

#include "db/table.h"

extern const struct command platform_site_commands[];

#endif
