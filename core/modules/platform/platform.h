/*
 * The platform, as other modules may use it: components and their states.
 */
#ifndef PLATFORM_PLATFORM_H
#define PLATFORM_PLATFORM_H

#include <stdbool.h>

#include "module.h"

struct db;
struct env;
struct err;

extern const struct module platform_module;

/* True unless an operator stopped or paused the component (or one it needs).
 * Reads the desired state from the database; on error true is not assumed:
 * -1, 0 inactive, 1 active. */
int platform_component_active(struct db *, const char *name, struct err *);

#endif
