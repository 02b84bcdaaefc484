/*
 * Metrics for Prometheus.
 */
#ifndef PLATFORM_METRIC_H
#define PLATFORM_METRIC_H

#include "http/route.h"

extern const struct route platform_metric_routes[];

#endif
