/*
 * External workers: jobs of a tenant's own queues, each under a lease of its
 * own. The same tables and the same settling as for our own children, so the
 * same guarantees. Refuses a token that is no longer the job's.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "jobs/claimer.h"
#include "jobs/inner.h"
#include "jobs/tag.h"
#include "shm/shm.h"

enum { LOOK = 16 };

struct ready {
	int64_t lane, tag;
	struct uuid job_id;
	struct blob limit_key;
};
static const struct field ready_fields[] = {
	FIELD(struct ready, lane, .doc = "Lane"),
	FIELD(struct ready, tag, .doc = "Place"),
	FIELD(struct ready, job_id, .doc = "Job"),
	FIELD(struct ready, limit_key, .flags = FF_NULLABLE,
	    .doc = "Concurrency key"), FIELD_END
};
static const struct schema ready_schema = {
	.name = "JobsPullReady", .size = sizeof(struct ready),
	.fields = ready_fields
};
/* Candidates are read without locks and locked one by one: so many workers at
 * once do not hide the lane from each other, and jobs of other types before
 * the first fitting one do not either. */
static const struct query PULL_LANE = { "jobs_ready.pull",
	"SELECT r.lane, r.tag, r.job_id, r.limit_key FROM jobs_ready r "
	"FORCE INDEX (PRIMARY) LEFT JOIN jobs_job j ON j.id = r.job_id "
	"WHERE r.queue_id = ? AND r.lane = ? AND r.tag > ? AND (? IS NULL OR "
	"COALESCE(j.state, 0) <> 3 OR FIND_IN_SET(j.type, ?)) ORDER BY r.tag LIMIT ?",
	&ready_schema };
static const struct query PULL_LOCK_READY = { "jobs_ready.pull_lock",
	"SELECT lane, tag, job_id, limit_key FROM jobs_ready WHERE "
	"queue_id = ? AND lane = ? AND tag = ? AND job_id = ? LIMIT 1 "
	"FOR UPDATE SKIP LOCKED", &ready_schema };
static const struct query PULL_DELETE = { "jobs_ready.pull_delete",
	"DELETE FROM jobs_ready WHERE queue_id = ? AND lane = ? AND tag = ?",
	NULL };
static const struct query PULL_LOCK = { "jobs_job.pull_lock",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND state = 3 "
	"LIMIT 1 FOR UPDATE SKIP LOCKED", &job_row_schema };
static const struct query PULL_SEEN = { "jobs_job.pull_seen",
	"SELECT COUNT(*) AS n FROM jobs_job WHERE id = ? AND state = 3",
	&jobs_count_schema };
static const struct query PULL_CLAIM = { "jobs_job.pull_claim",
	"UPDATE jobs_job SET state = 5, lease_id = ?, counted = ?, "
	"token = token + 1, "
	"attempt = attempt + 1, progress = 0, note = '', started_at = NOW(6), "
	"version = version + 1 WHERE id = ?", NULL };
static const struct query PULL_NOTE = { "jobs_claim.pull",
	"INSERT INTO jobs_claim (lease_id, n, jobs, at) "
	"VALUES (?, 1, ?, NOW(6))", NULL };
struct limit {
	int64_t max_running, running;
};
static const struct field limit_fields[] = {
	FIELD(struct limit, max_running, .doc = "At once"),
	FIELD(struct limit, running, .doc = "Now"), FIELD_END
};
static const struct schema limit_schema = {
	.name = "JobsPullLimit", .size = sizeof(struct limit),
	.fields = limit_fields
};
static const struct query PULL_LIMIT = { "jobs_limit.pull",
	"SELECT max_running, running FROM jobs_limit WHERE tenant_id = ? "
	"AND limit_key = ? LIMIT 1 FOR UPDATE SKIP LOCKED", &limit_schema };
static const struct query PULL_LIMIT_ADD = { "jobs_limit.pull_add",
	"UPDATE jobs_limit SET running = running + 1 WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };
static const struct query PULL_PARK = { "jobs_parked.pull",
	"INSERT INTO jobs_parked (tenant_id, limit_key, lane, tag, job_id, "
	"queue_id, ready_at) VALUES (?, ?, ?, ?, ?, ?, NOW(6))", NULL };
static const struct query PULL_JOB_PARK = { "jobs_job.pull_park",
	"UPDATE jobs_job SET state = 4 WHERE id = ?", NULL };
static const struct query PULL_BEAT = { "jobs_lease.beat",
	"UPDATE jobs_lease SET expires_at = NOW(6) + INTERVAL ? SECOND "
	"WHERE id = ?", NULL };
static const struct query PULL_HELD = { "jobs_job.held",
	"SELECT " JOB_COLUMNS " FROM jobs_job WHERE id = ? AND tenant_id = ? "
	"AND token = ? AND state = 5 LIMIT 1 FOR UPDATE", &job_row_schema };
static const struct query PULL_PROGRESS = { "jobs_job.pull_progress",
	"UPDATE jobs_job SET progress = ?, note = ? WHERE id = ?", NULL };
static const struct query PULL_LEASE_END = { "jobs_lease.pull_end",
	"DELETE FROM jobs_lease WHERE id = ? AND external = TRUE", NULL };
static const struct query PULL_CLAIM_END = { "jobs_claim.pull_end",
	"DELETE FROM jobs_claim WHERE lease_id = ?", NULL };

const struct query *const jobs_pull_queries[] = {
	&PULL_LANE, &PULL_LOCK_READY, &PULL_DELETE, &PULL_LOCK, &PULL_SEEN,
	&PULL_CLAIM,
	&PULL_NOTE, &PULL_LIMIT, &PULL_LIMIT_ADD, &PULL_PARK, &PULL_JOB_PARK,
	&PULL_BEAT, &PULL_HELD, &PULL_PROGRESS, &PULL_LEASE_END,
	&PULL_CLAIM_END, NULL
};

struct pull {
	struct db *db;
	struct arena *a;
	const struct jobs_pull *p;
	const char *types;		/* with commas, or NULL */
	struct claimer_queue q;
	bool shut;			/* its rate or limit is reached */
	VEC(struct job_row) rows;
	struct event_pack *pack;
};

static bool
named(const char *const *list, const char *name)
{
	if (list == NULL)
		return true;
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* 1 there is room (taken), 0 parked or busy, -1 error. */
static int
take_limit(struct pull *k, const struct ready *r, const struct job_row *j,
    struct err *e)
{
	struct limit l;
	int rc;

	if (r->limit_key.n == 0)
		return 1;
	rc = db_one(k->db, k->a, &PULL_LIMIT, ARGS(val_id(j->tenant_id),
	    V(r->limit_key)), &l, e);
	if (rc == 1)
		return jobs_limit_make(k->db, j->tenant_id, r->limit_key, e);
	if (rc == -1)
		return -1;
	if (l.running < l.max_running)
		return db_exec(k->db, &PULL_LIMIT_ADD, ARGS(val_id(
		    j->tenant_id), V(r->limit_key)), NULL, e) == -1 ? -1 : 1;
	if (db_exec(k->db, &PULL_DELETE, ARGS(V(k->q.row.id), V(r->lane),
	    V(r->tag)), NULL, e) == -1 ||
	    db_exec(k->db, &PULL_PARK, ARGS(val_id(j->tenant_id),
	    V(r->limit_key), V(r->lane), V(r->tag), V(r->job_id),
	    V(k->q.row.id)), NULL, e) == -1 ||
	    db_exec(k->db, &PULL_JOB_PARK, ARGS(V(r->job_id)), NULL,
	    e) == -1)
		return -1;
	return 0;
}

static int
lease_job(struct pull *k, struct job_row *j, struct err *e)
{
	struct jobs_lease l = { .ttl_s = k->p->lease_s };
	struct jobs_holder h = { .holder = k->p->holder, .external = true,
	    .host = "", .place = "", .worker = k->p->worker };
	uint8_t packed[JOBS_PACKED];

	if (jobs_lease_insert(k->db, &l, &h, e) == -1)
		return -1;
	j->lease_id = (int64_t)l.id;
	j->token++;
	j->attempt++;
	j->version++;
	j->state = JS_RUNNING;
	j->started_at = clock_now();
	memcpy(packed, j->tenant_id.b, 16);
	memcpy(packed + 16, j->id.b, 16);
	memcpy(packed + 32, &j->token, 8);
	j->counted = k->q.row.max_running > 0;
	if (db_exec(k->db, &PULL_CLAIM, ARGS(V(j->lease_id), V(j->counted),
	    V(j->id)), NULL, e) == -1)
		return -1;
	return db_exec(k->db, &PULL_NOTE, ARGS(V(j->lease_id),
	    V(((struct blob){ packed, sizeof(packed) }))), NULL, e);
}

static bool
expired(const struct job_row *j)
{
	return j->expires_at.us != 0 && j->expires_at.us < clock_now().us;
}

/* Started and ended at once, by the same way as all others: what it held is
 * free, those who need it go on. */
static int
expire(struct pull *k, struct job_row *j, struct err *e)
{
	struct jobs_outcome o = { .tenant = j->tenant_id, .id = j->id,
	    .token = j->token, .end = END_EXPIRED };
	struct jobs_settled out = { .skip = false };

	return jobs_settle_pack(k->db, k->a, k->pack, &o, 1, &out,
	    e) == -1 || db_exec(k->db, &PULL_CLAIM_END, ARGS(V(j->lease_id)),
	    NULL, e) == -1 || db_exec(k->db, &PULL_LEASE_END,
	    ARGS(V(j->lease_id)), NULL, e) == -1 ? -1 : 0;
}

/* A start more within the queue's limit and rate: 1 taken, 0 not now. */
static int
room(struct pull *k, struct err *e)
{
	size_t n = 1;

	if (claimer_allow(k->db, &k->q, &n, e) == -1)
		return -1;
	if (n == 1) {
		if (claimer_rate(k->db, &k->q, &n, e) == -1)
			return -1;
		if (n == 0 && k->q.row.max_running > 0 &&
		    claimer_give(k->db, &k->q, 1, e) == -1)
			return -1;
	}
	k->shut = n == 0;
	return (int)n;
}

/* Out of the lane, whose virtual time has come so far. */
static int
drop(struct pull *k, const struct ready *r, struct err *e)
{
	jobs_virtual_raise(shm_current(), jobs_queue_key(
	    k->q.row.tenant_id, k->q.row.name, true), (int)r->lane,
	    jobs_tag_time(r->tag));
	return db_exec(k->db, &PULL_DELETE, ARGS(V(k->q.row.id), V(r->lane),
	    V(r->tag)), NULL, e);
}

static int
take(struct pull *k, const struct ready *r, struct job_row *j, struct err *e)
{
	int rc = take_limit(k, r, j, e);

	if (rc != 1)
		return rc;
	if (drop(k, r, e) == -1 || lease_job(k, j, e) == -1)
		return -1;
	jobs_event_add(k->pack, JE_STARTED, j, k->q.row.name);
	if (expired(j))
		return expire(k, j, e);
	*VEC_ADD(k->a, &k->rows) = *j;
	return 0;
}

/* A key's limit is looked at before a place in the queue is taken: what is
 * parked takes none. */
static int
one_ready(struct pull *k, const struct ready *r, struct err *e)
{
	struct jobs_count seen;
	struct ready mine;
	struct job_row j;
	size_t had = k->rows.n;
	int rc = db_one(k->db, k->a, &PULL_LOCK_READY, ARGS(V(k->q.row.id),
	    V(r->lane), V(r->tag), V(r->job_id)), &mine, e);

	if (rc != 0)		/* another claimer has it, or took it */
		return rc == 1 ? 0 : -1;
	rc = db_one(k->db, k->a, &PULL_LOCK, ARGS(V(r->job_id)), &j, e);
	if (rc == 1) {		/* cancelled meanwhile, or held by somebody */
		if (db_one(k->db, k->a, &PULL_SEEN, ARGS(V(r->job_id)),
		    &seen, e) == -1)
			return -1;
		return seen.n > 0 ? 0 : drop(k, r, e);
	}
	if (rc == -1 || !named(k->p->types, j.type))
		return rc;
	if ((rc = room(k, e)) != 1)
		return rc;
	if (take(k, r, &j, e) == -1)
		return -1;
	if (k->rows.n == had && k->q.row.max_running > 0 && !j.counted)
		return claimer_give(k->db, &k->q, 1, e);
	return 0;
}

/* Goes through the lane in steps until there is enough. */
static int
pull_lane(struct pull *k, int lane, struct err *e)
{
	struct rows rows = { .n = LOOK };
	int64_t after = INT64_MIN;

	while (rows.n == LOOK && k->rows.n < k->p->max && !k->shut) {
		if (db_all(k->db, k->a, &PULL_LANE, ARGS(V(k->q.row.id),
		    V(lane), V(after), V(k->types), V(k->types), V(LOOK)),
		    &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n && k->rows.n < k->p->max &&
		    !k->shut; i++) {
			after = ROW(&rows, struct ready, i)->tag;
			if (one_ready(k, ROW(&rows, struct ready, i),
			    e) == -1)
				return -1;
		}
	}
	return 0;
}

static int
pull_queue(struct pull *k, const char *name, struct err *e)
{
	int rc = jobs_queue_get(k->db, k->a, k->p->tenant, name, true, false,
	    &k->q.row, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	k->shut = k->q.row.paused;
	for (int lane = 0; lane < LANES && !k->shut; lane++)
		if (pull_lane(k, lane, e) == -1)
			return -1;
	return 0;
}

/* "a,b": types have no commas. */
static const char *
joined(struct arena *a, const char *const *types)
{
	struct str s;

	if (types == NULL)
		return NULL;
	str_init(&s, a);
	for (; *types != NULL; types++)
		str_addf(&s, "%s%s", s.len > 0 ? "," : "", *types);
	return s.p;
}

static int
pull(struct db *db, void *arg, struct err *e)
{
	struct pull *k = arg;

	(void)db;
	k->rows.v = NULL;
	k->rows.n = k->rows.cap = 0;
	k->pack = event_pack_new(k->a);
	k->types = joined(k->a, k->p->types);
	for (const char *const *q = k->p->queues; *q != NULL; q++)
		if (pull_queue(k, *q, e) == -1)
			return -1;
	return event_pack_publish(k->db, k->pack, e);
}

int
jobs_pull(struct db *db, struct arena *a, const struct jobs_pull *p,
    struct jobs_claimed *out, struct err *e)
{
	struct pull k = { .db = db, .a = a, .p = p };
	int rc = db_in_txn(db) ? pull(db, &k, e) : db_txn(db, a, pull, &k, e);

	*out = (struct jobs_claimed){ .v = NULL };
	if (rc == -1)
		return -1;
	out->v = k.rows.v;
	out->n = k.rows.n;
	return 0;
}

/* ---- by token -------------------------------------------------------------------------- */

static int
held(struct db *db, struct arena *a, const struct jobs_hold *h,
    struct job_row *j, struct err *e)
{
	int rc = db_one(db, a, &PULL_HELD, ARGS(V(h->id), val_id(h->tenant),
	    V(h->token)), j, e);

	return rc != 1 ? rc : err_set(e, 409, "job_lost",
	    "The job is no longer yours: its lease ran out, or it has ended");
}

int
jobs_pull_heartbeat(struct db *db, struct arena *a,
    const struct jobs_hold *h, int64_t lease_s, int progress,
    const char *note, struct job_row *now, struct err *e)
{
	ASSERT(db_in_txn(db));
	if (held(db, a, h, now, e) == -1 ||
	    db_exec(db, &PULL_BEAT, ARGS(V(lease_s), V(now->lease_id)), NULL,
	    e) == -1)
		return -1;
	if (progress < 0)
		return 0;
	now->progress = progress;
	now->note = note != NULL ? note : "";
	if (db_exec(db, &PULL_PROGRESS, ARGS(V(progress), V(now->note),
	    V(h->id)), NULL, e) == -1)
		return -1;
	jobs_tell_progress(now);
	return 0;
}

int
jobs_pull_end(struct db *db, struct arena *a, const struct jobs_hold *h,
    struct jobs_outcome *o, struct job_row *now, struct err *e)
{
	ASSERT(db_in_txn(db));
	if (held(db, a, h, now, e) == -1)
		return -1;
	o->tenant = h->tenant;
	o->id = h->id;
	o->token = h->token;
	if (jobs_settle(db, a, o, 1, (uint64_t)now->lease_id, NULL, e) == -1 ||
	    db_exec(db, &PULL_CLAIM_END, ARGS(V(now->lease_id)), NULL,
	    e) == -1 ||
	    db_exec(db, &PULL_LEASE_END, ARGS(V(now->lease_id)), NULL,
	    e) == -1)
		return -1;
	return jobs_by_id(db, a, h->tenant, h->id, now, e) == -1 ? -1 : 0;
}
