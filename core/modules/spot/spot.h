/*
 * The spot optimizer, as other modules and cgi/ may use it.
 */
#ifndef SPOT_SPOT_H
#define SPOT_SPOT_H

#include "module.h"

struct env;
struct err;

extern const struct module spot_module;

/* One pass of quincunx-discover: scans that are asked for, then accounts that
 * are due. -1 only when nothing could be done at all. */
int spot_discover(struct env *, int argc, char **argv, struct err *);

#endif
