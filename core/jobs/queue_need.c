/*
 * What a job waits for. Refuses needs that do not exist or ended otherwise,
 * with their place. Parents are locked in the order of their ids, so that none
 * ends while an edge to it is inserted.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "jobs/inner.h"

enum { NEEDS_MAX = 1000 };

struct parent {
	int64_t state;
};
static const struct field parent_fields[] = {
	FIELD(struct parent, state, .doc = "State"), FIELD_END
};
static const struct schema parent_schema = {
	.name = "JobsParent", .size = sizeof(struct parent),
	.fields = parent_fields
};
static const struct query PARENT_LOCK = { "jobs_job.parent_lock",
	"SELECT state FROM jobs_job WHERE id = ? AND tenant_id = ? LIMIT 1 "
	"FOR UPDATE", &parent_schema };
static const struct query PARENT_MARK = { "jobs_job.parent_mark",
	"UPDATE jobs_job SET needed = TRUE WHERE id = ?", NULL };
static const struct query NEED_INSERT = { "jobs_need.insert",
	"INSERT INTO jobs_need (tenant_id, job_id, needs_id, rule, open) "
	"VALUES (?, ?, ?, ?, ?)", NULL };

const struct query *const jobs_need_queries[] = {
	&PARENT_LOCK, &PARENT_MARK, &NEED_INSERT, NULL
};

struct needing {
	struct db *db;
	struct arena *a;
	struct uuid tenant, id;
	int64_t waits;
};

/* at: its place in what was sent, for the refusal. */
struct asked {
	struct job_need need;
	size_t at;
};

static int
by_id(const void *x, const void *y)
{
	const struct asked *p = x, *r = y;

	return memcmp(p->need.id.b, r->need.id.b, sizeof(p->need.id.b));
}

/* Does a parent in this state satisfy the rule: 1 yes, 0 never, -1 later. */
static int
satisfied(int64_t state, enum job_rule rule)
{
	if (state < JS_SUCCEEDED)
		return -1;
	if (rule == NEED_END)
		return 1;
	return (state == JS_SUCCEEDED) == (rule == NEED_SUCCESS);
}

static int
one_need(struct needing *q, const struct job_need *n, size_t at,
    struct err *e)
{
	struct parent p;
	int rc = db_one(q->db, q->a, &PARENT_LOCK, ARGS(V(n->id), val_id(
	    q->tenant)), &p, e), ok;

	if (rc == -1)
		return -1;
	if (rc == 1)
		return jobs_refuse(e, arena_printf(q->a, "[\"body\",\"needs\",%zu]",
		    at), "value_error", "There is no such job");
	ok = satisfied(p.state, n->rule);
	if (ok == 0)
		return jobs_refuse(e, arena_printf(q->a, "[\"body\",\"needs\",%zu]",
		    at), "value_error", "That job has ended otherwise");
	if (ok == -1) {
		q->waits++;
		if (db_exec(q->db, &PARENT_MARK, ARGS(V(n->id)), NULL,
		    e) == -1)
			return -1;
	}
	return db_exec(q->db, &NEED_INSERT, ARGS(val_id(q->tenant),
	    V(q->id), V(n->id), V((int)n->rule), V(ok == -1)), NULL, e);
}

int
jobs_need_all(struct db *db, struct arena *a, const struct jobs_place *p,
    const struct job_options *o, int64_t *waits, struct err *e)
{
	struct needing q = { db, a, p->tenant, p->id, 0 };
	size_t n = o->nneeds;
	struct asked *v;

	if (n == 0)
		return 0;
	if (n > NEEDS_MAX)
		return jobs_refuse(e, "[\"body\",\"needs\"]", "too_long",
		    "List should have at most 1000 items");
	v = arena_array(a, n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = (struct asked){ o->needs[i], i };
	qsort(v, n, sizeof(*v), by_id);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && uuid_equal(v[i].need.id, v[i - 1].need.id))
			continue;
		if (one_need(&q, &v[i].need, v[i].at, e) == -1)
			return -1;
	}
	*waits = q.waits;
	return 0;
}
