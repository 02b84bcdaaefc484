/*
 * `quincunx setup`: hands over to the script beside the program, before the
 * program gives up root or touches a directory of the service user.
 */
#ifndef PLATFORM_SETUP_H
#define PLATFORM_SETUP_H

#include "db/table.h"

extern const struct command platform_setup_commands[];

#endif
