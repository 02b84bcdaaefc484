/*
 * What a claimer knows of queues and lanes: which may have rows, where to
 * start in them, what their limits allow. Hints only; the rows decide.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "jobs/claimer.h"
#include "jobs/tag.h"
#include "shm/shm.h"

enum {
	QUEUES_MAX = 200,
	QUEUE_AGE_MS = 1000,		/* queue rows are read again after */
	POLL_MS = 1000,			/* every lane is looked at after */
	TELL_MS = 1000
};

static const struct query QUEUES = { "jobs_queue.internal",
	"SELECT id, tenant_id, name, external, paused, COALESCE(rate_n, 0) AS "
	"rate_n, COALESCE(rate_s, 0) AS rate_s, COALESCE(max_running, 0) AS "
	"max_running FROM jobs_queue WHERE external = FALSE ORDER BY id "
	"LIMIT 200", &jobs_queue_schema };
/* GCRA: n jobs are taken if the theoretical arrival time allows; LAST_INSERT_ID
 * hands it back. Times in microseconds. */
static const struct query QUEUE_RATE = { "jobs_queue.rate",
	"UPDATE jobs_queue SET rate_tat = GREATEST(rate_tat, ?) + ? "
	"WHERE id = ? AND GREATEST(rate_tat, ?) - ? <= ?", NULL };
static const struct query QUEUE_COUNT = { "jobs_queue.count",
	"UPDATE jobs_queue SET running = running + ? WHERE id = ? "
	"AND running + ? <= max_running", NULL };
static const struct query QUEUE_GIVE = { "jobs_queue.give",
	"UPDATE jobs_queue SET running = running - ? WHERE id = ?", NULL };

/* Grows only: hosts that know less do not lower it. */
static const struct query LANE_PUT = { "jobs_lane.put",
	"INSERT INTO jobs_lane (queue_id, lane, tag) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE tag = GREATEST(tag, VALUES(tag))", NULL };

const struct query *const jobs_claimer_queries[] = {
	&QUEUES, &QUEUE_RATE, &QUEUE_COUNT, &QUEUE_GIVE, &LANE_PUT, NULL
};

static void
drop_late(void *arg)
{
	struct jobs_claimer *c = arg;

	arena_free(c->late_a);
}

struct jobs_claimer *
jobs_claimer_new(struct arena *a, struct shm *shm,
    const struct module *const *mods)
{
	struct jobs_claimer *c = arena_alloc(a, sizeof(*c));

	(void)mods;
	c->a = a;
	c->shm = shm;
	arena_defer(a, drop_late, c);
	c->v = arena_array(a, QUEUES_MAX, sizeof(*c->v));
	c->before = arena_array(a, QUEUES_MAX, sizeof(*c->v));
	return c;
}

static struct claimer_queue *
queue_by_key(struct jobs_claimer *c, uint64_t key)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key == key && !c->v[i].gone)
			return &c->v[i];
	return NULL;
}

void
jobs_claimer_bell(struct jobs_claimer *c, const char *text)
{
	unsigned long long key;
	char *end;
	long lane;
	long long tag;
	struct claimer_queue *q;

	key = strtoull(text, &end, 16);
	lane = strtol(end, &end, 10);
	tag = strtoll(end, &end, 10);
	if (*end != '\0' || end == text || lane < 0 || lane >= LANES)
		return;
	q = queue_by_key(c, key);
	if (q == NULL) {	/* a new queue: read the rows again */
		c->read_ns = 0;
		return;
	}
	q->lanes[lane].maybe = true;
	if (tag <= q->lanes[lane].hint)
		q->lanes[lane].hint = tag - 1;
}

static void
add_queue(struct jobs_claimer *c, const struct jobs_queue_row *r)
{
	struct claimer_queue *q = NULL;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].row.id == r->id)
			q = &c->v[i];
	if (q == NULL) {
		if (c->n == QUEUES_MAX)
			return;
		q = &c->v[c->n++];
		*q = (struct claimer_queue){ .key = jobs_queue_key(r->tenant_id,
		    r->name, r->external) };
		for (int i = 0; i < LANES; i++)
			q->lanes[i].maybe = true;
		q->row.name = arena_strdup(c->a, r->name);
	}
	q->gone = false;
	q->row.id = r->id;
	q->row.tenant_id = r->tenant_id;
	q->row.paused = r->paused;
	q->row.rate_n = r->rate_n;
	q->row.rate_s = r->rate_s;
	q->row.max_running = r->max_running;
}

int
claimer_know(struct jobs_claimer *c, struct db *db, struct arena *a,
    struct err *e)
{
	int64_t now = clock_boot_ns();
	struct rows rows;

	if (now - c->polled_ns > POLL_MS * MS) {
		c->polled_ns = now;
		for (size_t i = 0; i < c->n; i++)
			for (int l = 0; l < LANES; l++)
				c->v[i].lanes[l].maybe = true;
	}
	if (c->read_ns != 0 && now - c->read_ns < QUEUE_AGE_MS * MS)
		return 0;
	if (db_all(db, a, &QUEUES, NO_ARGS, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		c->v[i].gone = true;
	for (size_t i = 0; i < rows.n; i++)
		add_queue(c, ROW(&rows, struct jobs_queue_row, i));
	c->read_ns = now;
	return 0;
}

/* ---- picking ------------------------------------------------------------------------ */

bool
claimer_any(const struct claimer_queue *q)
{
	for (int l = 0; l < LANES; l++)
		if (q->lanes[l].maybe)
			return !q->gone && !q->row.paused;
	return false;
}

bool
claimer_some(const struct jobs_claimer *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (claimer_any(&c->v[i]))
			return true;
	return false;
}

struct claimer_queue *
claimer_queue(struct jobs_claimer *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct claimer_queue *q = &c->v[(c->next + i) % c->n];

		if (claimer_any(q)) {
			c->next = (size_t)(q - c->v) + 1;
			return q;
		}
	}
	return NULL;
}

int
claimer_lane(struct claimer_queue *q)
{
	int64_t now = clock_now().us, age[LANES];
	bool full[LANES];

	for (int l = 0; l < LANES; l++) {
		full[l] = q->lanes[l].maybe;
		age[l] = q->lanes[l].head_us > 0 ? now - q->lanes[l].head_us :
		    0;
	}
	return jobs_lane_pick(&q->turn, full, age);
}

int
claimer_allow(struct db *db, const struct claimer_queue *q, size_t *n,
    struct err *e)
{
	uint64_t hit = 0;

	if (q->row.max_running <= 0)
		return 0;
	for (; *n > 0; *n /= 2) {
		if (db_exec(db, &QUEUE_COUNT, ARGS(V((int64_t)*n),
		    V(q->row.id), V((int64_t)*n)), &hit, e) == -1)
			return -1;
		if (hit == 1)
			return 0;
	}
	return 0;
}

int
claimer_rate(struct db *db, const struct claimer_queue *q, size_t *n,
    struct err *e)
{
	int64_t t, tau, now = clock_now().us;
	uint64_t hit = 0;

	if (q->row.rate_n <= 0 || q->row.rate_s <= 0)
		return 0;
	t = q->row.rate_s * US_PER_S / q->row.rate_n;
	for (; *n > 0; *n /= 2) {
		tau = t * (q->row.rate_n - (int64_t)*n);
		if (tau >= 0 && db_exec(db, &QUEUE_RATE, ARGS(V(now),
		    V(t * (int64_t)*n), V(q->row.id), V(now), V(now), V(tau)),
		    &hit, e) == -1)
			return -1;
		if (hit == 1)
			return 0;
	}
	return 0;
}

int
claimer_give(struct db *db, const struct claimer_queue *q, size_t n,
    struct err *e)
{
	return db_exec(db, &QUEUE_GIVE, ARGS(V((int64_t)n), V(q->row.id)),
	    NULL, e);
}

void
claimer_tell(struct jobs_claimer *c, struct db *db)
{
	int64_t now = clock_boot_ns(), v;
	struct claimer_lane *l;
	struct err ignored;

	for (size_t i = 0; i < c->n; i++)
		for (int lane = 0; lane < LANES; lane++) {
			l = &c->v[i].lanes[lane];
			if (now - l->stored_ns < TELL_MS * MS)
				continue;
			v = (int64_t)jobs_virtual(c->shm, c->v[i].key, lane);
			if (v <= l->stored)
				continue;
			err_clear(&ignored);
			if (db_exec(db, &LANE_PUT, ARGS(V(c->v[i].row.id),
			    V(lane), V(jobs_tag_of((uint64_t)v, 0))), NULL,
			    &ignored) == -1)
				return;
			l->stored = v;
			l->stored_ns = now;
		}
}
