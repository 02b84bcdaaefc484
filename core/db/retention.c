/*
 * Deletes old rows table by table. A table that fails is told and left for the
 * next run; the others go on. Names come from the modules' tables, never from
 * outside, so the statements are as fixed as any other.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "db/db.h"
#include "db/retention.h"
#include "db/table.h"
#include "module.h"

enum { BATCH = 500, TABLE_MAX = 200000 };

static const struct query *
statement(struct arena *a, const struct table *t)
{
	struct query *q = arena_alloc(a, sizeof(*q));
	char *sql = arena_printf(a, "DELETE FROM %s WHERE %s < NOW(6) - "
	    "INTERVAL ? DAY ORDER BY %s LIMIT ?", t->name,
	    t->retention_column, t->retention_column);
	struct query made = { arena_printf(a, "%s.retention", t->name), sql,
	    NULL };

	memcpy(q, &made, sizeof(made));
	return q;
}

static bool
over(const struct retention *r)
{
	return r->until_boot_ns != 0 && clock_boot_ns() >= r->until_boot_ns;
}

/* Once more when somebody held a row. */
static int
delete(struct db *db, const struct query *q, const struct table *t,
    size_t batch, uint64_t *n, struct err *e)
{
	for (int i = 0;; i++) {
		if (db_exec(db, q, ARGS(V(t->retention_days),
		    V((int64_t)batch)), n, e) == 0)
			return 0;
		if (!db_retryable(e) || i == 3)
			return -1;
		err_clear(e);
	}
}

static int
table_sweep(struct db *db, struct arena *a, const struct table *t,
    struct retention *r, struct err *e)
{
	const struct query *q = statement(a, t);
	size_t batch = r->batch > 0 ? r->batch : BATCH, done = 0;
	size_t max = r->table_max > 0 ? r->table_max : TABLE_MAX;
	uint64_t n = batch;

	while (n == batch) {
		if (done >= max || over(r)) {
			r->more = true;
			break;
		}
		if (delete(db, q, t, batch, &n, e) == -1)
			return -1;
		done += (size_t)n;
		r->rows += (size_t)n;
	}
	return 0;
}

static int
one(struct db *db, struct arena *a, const struct table *t,
    struct retention *r, struct err *e)
{
	r->tables++;
	if (table_sweep(db, a, t, r, e) == 0)
		return 0;
	if (db_ping(db, &(struct err){ 0 }) == -1)
		return -1;
	log_error("scheduler", "old rows could not be removed",
	    KV("table", t->name), KV("detail", (const char *)e->detail),
	    KV("cause", (const char *)e->cause));
	r->failed++;
	err_clear(e);
	return 0;
}

int
retention_sweep(struct db *db, struct arena *a,
    const struct module *const *mods, struct retention *r, struct err *e)
{
	for (; *mods != NULL; mods++)
		for (const struct table *const *set = (*mods)->tables;
		    set != NULL && *set != NULL; set++)
			for (const struct table *t = *set; t->name != NULL;
			    t++)
				if (t->retention_days > 0 &&
				    t->retention_column != NULL &&
				    one(db, a, t, r, e) == -1)
					return -1;
	return 0;
}
