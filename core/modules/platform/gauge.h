/*
 * Gauges that only the database knows (struct gauge in db/table.h).
 */
#ifndef PLATFORM_GAUGE_H
#define PLATFORM_GAUGE_H

#include "db/db.h"
#include "db/table.h"

extern const struct gauge platform_gauges[];
extern const struct query *const platform_gauge_queries[];
extern const struct metric platform_read_transactions, platform_history_list,
    platform_dead_letters;

#endif
