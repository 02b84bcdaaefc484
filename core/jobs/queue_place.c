/*
 * Places of jobs that wait: in the ready table under a tag, or in the delayed
 * one until their time. After the commit the dispatcher is told where, so that
 * a job whose tag lies behind what it claimed last is found at once.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "jobs/inner.h"
#include "jobs/tag.h"
#include "proc/bell.h"
#include "shm/shm.h"

enum { LANE_AGE_S = 2, DRAWS = 8, READY_COLS = 6 };

static const struct query READY_INSERT = { "jobs_ready.insert",
	"INSERT INTO jobs_ready (queue_id, lane, tag, job_id, tenant_id, "
	"limit_key, ready_at) SELECT q.id, ?, ?, ?, ?, ?, NOW(6) "
	"FROM jobs_queue q WHERE q.tenant_id = ? AND q.name = ? "
	"AND q.external = ? ON DUPLICATE KEY UPDATE "
	"clash = 1 - jobs_ready.clash", NULL };
static const struct query READY_MANY = { "jobs_ready.insert_many",
	"INSERT INTO jobs_ready (queue_id, lane, tag, job_id, tenant_id, "
	"limit_key, ready_at) VALUES (?, ?, ?, ?, ?, ?, NOW(6)) "
	"ON DUPLICATE KEY UPDATE clash = 1 - jobs_ready.clash", NULL };
static const struct query DELAYED_INSERT = { "jobs_delayed.insert",
	"INSERT INTO jobs_delayed (run_at, tenant_id, job_id) "
	"VALUES (?, ?, ?)", NULL };
struct tag_row {
	int64_t tag;
};
static const struct field tag_fields[] = {
	FIELD(struct tag_row, tag, .doc = "Virtual time"), FIELD_END
};
static const struct schema tag_schema = {
	.name = "JobsTag", .size = sizeof(struct tag_row),
	.fields = tag_fields
};
static const struct query LANE_GET = { "jobs_lane.get",
	"SELECT l.tag FROM jobs_lane l JOIN jobs_queue q ON q.id = l.queue_id "
	"WHERE q.tenant_id = ? AND q.name = ? AND q.external = ? "
	"AND l.lane = ? LIMIT 1", &tag_schema };

const struct query *const jobs_place_queries[] = {
	&READY_INSERT, &READY_MANY, &DELAYED_INSERT, &LANE_GET, NULL
};

struct bell_text {
	char text[64];
};

static void
ring(void *arg)
{
	const struct bell_text *b = arg;

	bell_ring("dispatch", b->text);
}

static void
ring_later(struct db *db, const struct jobs_place *p, uint64_t key,
    int64_t tag)
{
	struct bell_text *b;

	if (p->queue.external)
		return;
	b = db_memory(db, sizeof(*b));
	snprintf(b->text, sizeof(b->text), "%llx %d %lld",
	    (unsigned long long)key, p->lane, (long long)tag);
	db_on_commit(db, ring, b);
}

/* The lane's virtual time. A host that claims knows it; one that only
 * enqueues reads it from the database now and then, or its jobs would come
 * before everybody else's. */
static int
know_lane(struct db *db, const struct jobs_place *p, uint64_t key,
    struct err *e)
{
	struct arena *a;
	struct tag_row row = { 0 };
	int rc;

	if (!jobs_lane_due(shm_current(), key, p->lane, LANE_AGE_S) &&
	    jobs_virtual(shm_current(), key, p->lane) != 0)
		return 0;
	a = arena_new(64 << 10);
	rc = db_one(db, a, &LANE_GET, ARGS(val_id(p->queue.tenant_id),
	    V(p->queue.name), V(p->queue.external), V(p->lane)), &row, e);
	arena_free(a);
	if (rc == -1)
		return -1;
	jobs_virtual_raise(shm_current(), key, p->lane,
	    jobs_tag_time(row.tag) + 1);
	return 0;
}

int
jobs_make_ready(struct db *db, const struct jobs_place *p, uint64_t *backlog,
    struct err *e)
{
	uint64_t key = jobs_queue_key(p->queue.tenant_id, p->queue.name,
	    p->queue.external), hit = 2, before;
	int64_t tag = 0;

	if (know_lane(db, p, key, e) == -1)
		return -1;
	for (int i = 0; i < DRAWS && hit == 2; i++) {	/* 2: drawn twice */
		tag = jobs_tag(shm_current(), key, p->lane, p->tenant,
		    &before);
		if (db_exec(db, &READY_INSERT, ARGS(V(p->lane), V(tag),
		    V(p->id), val_id(p->tenant), V(p->limit_key),
		    val_id(p->queue.tenant_id), V(p->queue.name),
		    V(p->queue.external)), &hit, e) == -1)
			return -1;
	}
	if (hit != 1) {
		err_set(e, 500, "internal", "Internal error");
		return err_cause(e, "no place in queue %s", p->queue.name);
	}
	if (backlog != NULL)
		*backlog = before;
	ring_later(db, p, key, tag);
	return 0;
}

int
jobs_make_ready_many(struct db *db, struct arena *a,
    const struct jobs_place *const *v, size_t n, struct err *e)
{
	const struct jobs_place *p = v[0];
	uint64_t key = jobs_queue_key(p->queue.tenant_id, p->queue.name,
	    p->queue.external), hit, before;
	struct val *w = arena_array(a, n * READY_COLS, sizeof(*w));
	int64_t first = 0;

	if (know_lane(db, p, key, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int64_t tag = jobs_tag(shm_current(), key, p->lane, p->tenant,
		    &before);
		const struct val row[READY_COLS] = { V(p->queue_id),
		    V(p->lane), V(tag), V(v[i]->id), val_id(v[i]->tenant),
		    V(v[i]->limit_key) };

		memcpy(w + i * READY_COLS, row, sizeof(row));
		first = i == 0 || tag < first ? tag : first;
	}
	if (db_exec_many(db, &READY_MANY, w, READY_COLS, n, &hit, e) == -1)
		return -1;
	if (hit != n)		/* a tag was drawn twice */
		return err_set(e, 503, "db_retry", "A place in the queue was "
		    "taken meanwhile");
	ring_later(db, p, key, first);
	return 0;
}

int
jobs_ready_again(struct db *db, const struct jobs_place *p, int64_t tag,
    struct err *e)
{
	uint64_t hit, key = jobs_queue_key(p->queue.tenant_id, p->queue.name,
	    p->queue.external);

	if (db_exec(db, &READY_INSERT, ARGS(V(p->lane), V(tag), V(p->id),
	    val_id(p->tenant), V(p->limit_key), val_id(p->queue.tenant_id),
	    V(p->queue.name), V(p->queue.external)), &hit, e) == -1)
		return -1;
	if (hit != 1)		/* the tag was drawn again meanwhile */
		return jobs_make_ready(db, p, NULL, e);
	ring_later(db, p, key, tag);
	return 0;
}

int
jobs_make_delayed(struct db *db, struct uuid tenant, struct uuid id,
    struct utc at, struct err *e)
{
	return db_exec(db, &DELAYED_INSERT, ARGS(V(at), val_id(tenant),
	    V(id)), NULL, e);
}
