/*
 * Retention: rows that are old enough go, as the tables' own rows say
 * (struct table: retention_days, retention_column, which an index begins
 * with). In small statements, so that nobody waits for a lock, and within
 * bounds, so that a backlog of years takes several runs instead of one night.
 */
#ifndef DB_RETENTION_H
#define DB_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct err;
struct module;

struct retention {
	size_t batch;			/* rows of one statement; 0: 500 */
	size_t table_max;		/* rows of one table; 0: 200,000 */
	int64_t until_boot_ns;		/* no statement begins later; 0: never */
	/* result */
	size_t tables, rows;
	size_t failed;			/* tables with an error, logged */
	bool more;			/* something was left for the next run */
};
/* The arena lives as long as db. -1 only when the database is away. */
int retention_sweep(struct db *, struct arena *,
    const struct module *const *, struct retention *, struct err *);

#endif
