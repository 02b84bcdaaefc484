/*
 * What the database layer counts. The label of db_query_seconds has the names
 * of the registered queries, in the order of registration.
 */
#ifndef DB_METRICS_H
#define DB_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct query;

void   db_count_error(const char *code);
void   db_count_reconnect(void);
/* Index of the query's label; SIZE_MAX when it is not registered. */
size_t db_query_index(const struct query *);
void   db_query_seen(size_t index, uint64_t ns);

#endif
