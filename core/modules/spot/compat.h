/*
 * Seed 001's paths that are neither aliases nor part of another noun.
 */
#ifndef SPOT_COMPAT_H
#define SPOT_COMPAT_H

#include "http/route.h"

extern const struct route spot_compat_routes[], spot_compat_metric_routes[];

#endif
