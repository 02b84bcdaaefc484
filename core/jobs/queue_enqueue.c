/*
 * Enqueueing: a job exists if and only if the caller's transaction commits.
 * Refuses unknown priorities, needs and keys with their place, a tenant whose
 * backlog is over its quota, and a second live job of a unique key (which is
 * told, not refused).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "jobs/inner.h"

enum {
	DEF_TRIES = 5, DEF_TIMEOUT = 300, DEF_BACKOFF = 1,
	PAYLOAD_MAX = 4 << 20, KEY_LEN = 16,
	JOB_COLS = 20, QUEUE_COLS = 3
};

#define JOB_INTO "INSERT INTO jobs_job (id, tenant_id, lane, state, type, " \
	"payload, tries, timeout_s, backoff_s, run_at, expires_at, waits, " \
	"unique_key, limit_key, workflow, actor, traceparent, replay_of, " \
	"replays, fire_at, created_at, queue_id) "
static const struct query JOB_INSERT = { "jobs_job.insert",
	JOB_INTO "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, NOW(6), q.id FROM jobs_queue q "
	"WHERE q.tenant_id = ? AND q.name = ? AND q.external = ?", NULL };
static const struct query JOBS_INSERT = { "jobs_job.insert_many",
	JOB_INTO "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, NOW(6), ?)", NULL };
static const struct query QUEUE_GET = { "jobs_queue.get",
	"SELECT id AS n FROM jobs_queue WHERE tenant_id = ? AND name = ? "
	"AND external = ? LIMIT 1", &jobs_count_schema };
static const struct query QUEUE_INSERT = { "jobs_queue.insert",
	"INSERT INTO jobs_queue (tenant_id, name, external, created_at, "
	"updated_at) VALUES (?, ?, ?, NOW(6), NOW(6)) "
	"ON DUPLICATE KEY UPDATE updated_at = updated_at", NULL };
static const struct query UNIQUE_INSERT = { "jobs_unique.insert",
	"INSERT INTO jobs_unique (tenant_id, unique_key, job_id) "
	"VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE job_id = job_id", NULL };

struct owner {
	struct blob unique_key;
	struct uuid id;
};
static const struct field owner_fields[] = {
	FIELD(struct owner, unique_key, .doc = "Key"),
	FIELD(struct owner, id, .doc = "Job"), FIELD_END
};
static const struct schema owner_schema = {
	.name = "JobsOwner", .size = sizeof(struct owner),
	.fields = owner_fields
};
static const struct query UNIQUE_SOME = { "jobs_unique.some",
	"SELECT unique_key, job_id AS id FROM jobs_unique "
	"WHERE tenant_id = ? AND unique_key IN " JOBS_IN16 " LIMIT 16",
	&owner_schema };

static const struct query LIMIT_MAX = { "jobs_limit.max",
	"SELECT max_running AS n FROM jobs_limit WHERE tenant_id = ? "
	"AND limit_key = ? LIMIT 1", &jobs_count_schema };
static const struct query LIMIT_PUT = { "jobs_limit.put",
	"INSERT INTO jobs_limit (tenant_id, limit_key, name, max_running) "
	"VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE name = name", NULL };
static const struct query LIMIT_CHANGE = { "jobs_limit.change",
	"UPDATE jobs_limit SET max_running = ? WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };

const struct query *const jobs_enqueue_queries[] = {
	&JOB_INSERT, &JOBS_INSERT, &QUEUE_GET, &QUEUE_INSERT,
	&UNIQUE_INSERT, &UNIQUE_SOME, &LIMIT_MAX, &LIMIT_PUT, &LIMIT_CHANGE,
	NULL
};

/* ---- options ----------------------------------------------------------------------- */

struct enqueue {
	struct db *db;
	struct arena *a;
	const char *type;
	const struct job *job;
	bool external;
	struct uuid tenant;
	const char *payload;
	const struct job_options *o;
	struct uuid *id;
	/* worked out */
	struct jobs_place place;
	int64_t state, waits, replays;
	struct blob unique;
};

int
jobs_refuse(struct err *e, const char *loc, const char *type, const char *msg)
{
	return err_field(e, (struct err_field){ .type = type, .loc = loc,
	    .msg = msg, .input = "null" });
}

static int
lane_of(struct enqueue *q, struct err *e)
{
	q->place.lane = q->job != NULL ? (int)q->job->lane : LANE_NORMAL;
	if (q->o->priority == NULL || *q->o->priority == '\0')
		return 0;
	for (int i = 0; i < LANES; i++)
		if (strcmp(job_lane_names[i], q->o->priority) == 0) {
			q->place.lane = i;
			return 0;
		}
	return jobs_refuse(e, "[\"body\",\"priority\"]", "enum", "Input should be "
	    "'critical', 'high', 'normal' or 'low'");
}

static struct blob
key_hash(struct arena *a, const char *type, const char *key)
{
	char *text = arena_printf(a, "%s\n%s", type, key);
	uint8_t *h = arena_alloc(a, SHA256_LEN);

	crypto_sha256(text, strlen(text), h);
	return (struct blob){ h, KEY_LEN };
}

static int
queue_of(struct enqueue *q, struct err *e)
{
	const char *name = q->o->queue != NULL && *q->o->queue != '\0' ?
	    q->o->queue : q->job != NULL && q->job->queue != NULL ?
	    q->job->queue : "default";

	if (strlen(name) > 64 || strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") != strlen(name))
		return jobs_refuse(e, "[\"body\",\"queue\"]",
		    "string_pattern_mismatch", "Input should be at most 64 of "
		    "letters, digits, '.', '_', ':' and '-'");
	q->place.queue.name = name;
	q->place.queue.external = q->external;
	if (q->external)	/* a queue of the tenant */
		q->place.queue.tenant_id = q->tenant;
	return 0;
}

struct change {
	struct db *db;
	struct uuid tenant;
	uint8_t key[KEY_LEN];
	int64_t max;
};

/* After the commit, by itself: a hint that comes too late changes nothing but
 * how many run. */
static void
change_limit(void *arg)
{
	const struct change *c = arg;
	struct blob key = { c->key, KEY_LEN };
	struct err ignored = { 0 };

	db_exec(c->db, &LIMIT_CHANGE, ARGS(V(c->max), val_id(c->tenant),
	    V(key)), NULL, &ignored);
}

static void
change_later(struct enqueue *q, int64_t max)
{
	struct change *c = db_memory(q->db, sizeof(*c));

	*c = (struct change){ .db = q->db, .tenant = q->tenant, .max = max };
	memcpy(c->key, q->place.limit_key.p, KEY_LEN);
	db_on_commit(q->db, change_limit, c);
}

static int
limit_of(struct enqueue *q, struct err *e)
{
	struct jobs_count have;
	int64_t max = q->o->limit_max > 0 ? q->o->limit_max : 1;
	int rc;

	if (q->o->limit == NULL || *q->o->limit == '\0')
		return 0;
	if (strlen(q->o->limit) > 200)
		return jobs_refuse(e, "[\"body\",\"limit\"]", "string_too_long",
		    "String should have at most 200 characters");
	q->place.limit_key = key_hash(q->a, "", q->o->limit);
	/* Looked at first: an upsert would hold the row until the caller
	 * commits, and whoever claims or ends a job of the key would wait. */
	rc = db_one(q->db, q->a, &LIMIT_MAX, ARGS(val_id(q->tenant),
	    V(q->place.limit_key)), &have, e);
	if (rc == 1)
		return db_exec(q->db, &LIMIT_PUT, ARGS(val_id(q->tenant),
		    V(q->place.limit_key), V(q->o->limit), V(max)), NULL, e);
	if (rc == 0 && have.n != max)
		change_later(q, max);
	return rc;
}

/* Who has the keys, at most sixteen. */
static int
owners(struct enqueue *q, size_t n, struct rows *out, struct err *e)
{
	struct val v[1 + JOBS_BATCH] = { val_id(q->tenant) };

	for (size_t i = 0; i < JOBS_BATCH; i++)
		v[1 + i] = V(q[i < n ? i : n - 1].unique);
	return db_all(q->db, q->a, &UNIQUE_SOME, v, 1 + JOBS_BATCH, out, e);
}

static const struct owner *
owner_of(const struct rows *r, const struct enqueue *q)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct owner *o = ROW(r, struct owner, i);

		if (o->unique_key.n == KEY_LEN && memcmp(o->unique_key.p,
		    q->unique.p, KEY_LEN) == 0)
			return o;
	}
	return NULL;
}

/* Takes the keys that are free; those that are not name their job. Looked at
 * first: to insert beside a row is to lock it, and who ends that job would
 * have to wait until the caller commits. */
static int
take_keys(struct enqueue *q, struct job_many *m, size_t n, struct err *e)
{
	struct val v[3 * JOBS_BATCH];
	struct rows have;
	size_t k = 0;

	if (owners(q, n, &have, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (owner_of(&have, &q[i]) == NULL) {
			v[k++] = val_id(q->tenant);
			v[k++] = V(q[i].unique);
			v[k++] = V(q[i].place.id);
		}
	if (k > 0 && (db_exec_many(q->db, &UNIQUE_INSERT, v, 3, k / 3, NULL,
	    e) == -1 || owners(q, n, &have, e) == -1))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct owner *o = owner_of(&have, &q[i]);

		if (o == NULL)
			return err_set(e, 500, "internal", "Internal error");
		m[i].id = o->id;
		m[i].existing = !uuid_equal(o->id, q[i].place.id);
	}
	return 0;
}

/* 0 the key is ours, 1 somebody's live job has it (in *q->id). */
static int
unique_of(struct enqueue *q, struct err *e)
{
	struct job_many m;

	if (q->o->unique == NULL || *q->o->unique == '\0')
		return 0;
	if (strlen(q->o->unique) > 200)
		return jobs_refuse(e, "[\"body\",\"unique\"]", "string_too_long",
		    "String should have at most 200 characters");
	q->unique = key_hash(q->a, q->type, q->o->unique);
	if (take_keys(q, &m, 1, e) == -1)
		return -1;
	if (m.existing)
		*q->id = m.id;
	return m.existing;
}

/* ---- the job -------------------------------------------------------------------------- */

static int64_t
or_default(int64_t asked, int64_t declared, int64_t otherwise)
{
	return asked > 0 ? asked : declared > 0 ? declared : otherwise;
}

static void
job_values(const struct enqueue *q, struct val v[JOB_COLS])
{
	const struct job_options *o = q->o;
	const struct job *j = q->job;
	const struct val row[JOB_COLS] = { V(q->place.id), val_id(
	    q->tenant), V(q->place.lane), V(q->state), V(q->type),
	    V(q->payload), V(or_default(o->tries, j ? j->tries : 0,
	    DEF_TRIES)), V(or_default(o->timeout_s, j ? j->timeout_s : 0,
	    DEF_TIMEOUT)), V(or_default(o->backoff_s, j ? j->backoff_s : 0,
	    DEF_BACKOFF)), V(o->run_at), V(o->expires_at), V(q->waits),
	    V(q->unique), V(q->place.limit_key), V(o->workflow),
	    V(o->actor != NULL ? o->actor : ""), V(o->traceparent),
	    V(o->replay_of), V(q->replays), V(o->fire_at) };

	memcpy(v, row, sizeof(row));
}

static void
queue_values(const struct jobs_queue_name *q, struct val v[QUEUE_COLS])
{
	v[0] = val_id(q->tenant_id);
	v[1] = V(q->name);
	v[2] = V(q->external);
}

static int
make_queue(struct enqueue *q, struct err *e)
{
	struct val v[QUEUE_COLS];

	queue_values(&q->place.queue, v);
	return db_exec(q->db, &QUEUE_INSERT, v, QUEUE_COLS, NULL, e);
}

static int
store(struct enqueue *q, struct err *e)
{
	struct val v[JOB_COLS + QUEUE_COLS];
	uint64_t hit;

	job_values(q, v);
	queue_values(&q->place.queue, v + JOB_COLS);
	if (db_exec(q->db, &JOB_INSERT, v, JOB_COLS + QUEUE_COLS, &hit, e) ==
	    -1)
		return -1;
	if (hit == 0 && (make_queue(q, e) == -1 || db_exec(q->db,
	    &JOB_INSERT, v, JOB_COLS + QUEUE_COLS, &hit, e) == -1))
		return -1;
	if (hit == 1)
		return 0;
	err_set(e, 500, "internal", "Internal error");
	return err_cause(e, "job row not inserted");
}

static int
place(struct enqueue *q, struct err *e)
{
	uint64_t backlog = 0;

	if (q->state == JS_SCHEDULED)
		return jobs_make_delayed(q->db, q->tenant, q->place.id,
		    q->o->run_at, e);
	if (q->state == JS_WAITING)
		return 0;
	if (jobs_make_ready(q->db, &q->place, &backlog, e) == -1)
		return -1;
	if (q->o->backlog_max > 0 && backlog > (uint64_t)q->o->backlog_max) {
		err_set(e, 429, "quota", "Too many jobs of this tenant wait "
		    "(about %llu)", (unsigned long long)backlog);
		e->retry_after_s = 30;
		return -1;
	}
	return 0;
}

static void
tell(const struct enqueue *q, struct event_pack *p)
{
	struct job_row row = { .tenant_id = q->tenant, .id = q->place.id,
	    .type = q->type, .state = q->state, .note = "",
	    .error_class = "", .error = "", .version = 1 };

	jobs_event_add(p, JE_QUEUED, &row, q->place.queue.name);
}

static int
tell_now(const struct enqueue *q, struct err *e)
{
	struct event_pack *p = event_pack_new(q->a);

	tell(q, p);
	return event_pack_publish(q->db, p, e);
}

static int
enqueue(struct db *db, void *arg, struct err *e)
{
	struct enqueue *q = arg;
	int rc;

	(void)db;
	q->waits = 0;		/* this may be another try */
	q->unique = q->place.limit_key = (struct blob){ NULL, 0 };
	if (lane_of(q, e) == -1 || queue_of(q, e) == -1)
		return -1;
	q->place.tenant = q->tenant;
	q->place.id = uuid_is_nil(q->o->id) ? uuid_new() : q->o->id;
	if ((rc = unique_of(q, e)) != 0)
		return rc == 1 ? 0 : -1;
	if (limit_of(q, e) == -1 || jobs_need_all(q->db, q->a, &q->place,
	    q->o, &q->waits, e) == -1)
		return -1;
	q->state = q->waits > 0 ? JS_WAITING :
	    q->o->run_at.us > clock_now().us ? JS_SCHEDULED : JS_QUEUED;
	if (store(q, e) == -1 || place(q, e) == -1 || tell_now(q, e) == -1)
		return -1;
	*q->id = q->place.id;
	return 0;
}

int
job_enqueue_text(struct db *db, struct arena *a, const char *type,
    const struct job *job, bool external, struct uuid tenant,
    const char *payload, const struct job_options *o, struct uuid *id,
    struct err *e)
{
	static const struct job_options none;
	struct enqueue q = { .db = db, .a = a, .type = type, .job = job,
	    .external = external, .tenant = tenant, .payload = payload,
	    .o = o != NULL ? o : &none, .id = id };
	int rc;

	if (strlen(payload) > PAYLOAD_MAX)
		return jobs_refuse(e, "[\"body\",\"payload\"]", "too_long",
		    "The payload is larger than 4 MiB");
	rc = db_in_txn(db) ? enqueue(db, &q, e) :
	    db_txn(db, a, enqueue, &q, e);
	if (rc == -1)
		return -1;
	return uuid_equal(*id, q.place.id) ? 0 : 1;
}

int
job_enqueue(struct db *db, struct arena *a, const struct job *job,
    struct uuid tenant, const void *in, const struct job_options *o,
    struct uuid *id, struct err *e)
{
	struct str s;

	str_init(&s, a);
	if (job->in == NULL)
		str_add(&s, "{}");
	else
		schema_encode(job->in, in, &s);
	return job_enqueue_text(db, a, job->name, job, false, tenant, s.p, o,
	    id, e);
}

/* ---- many ------------------------------------------------------------------------------ */

static int
begin_many(struct enqueue *q, const struct job_many *m, struct err *e)
{
	struct str s;

	str_init(&s, q->a);
	if (q->job->in == NULL)
		str_add(&s, "{}");
	else
		schema_encode(q->job->in, m->in, &s);
	q->payload = s.p;
	q->state = JS_QUEUED;
	q->place.tenant = q->tenant;
	q->place.id = uuid_new();
	q->unique = key_hash(q->a, q->type, m->unique);
	return lane_of(q, e) == -1 ? -1 : queue_of(q, e);
}

static int
store_many(struct enqueue *q, size_t n, struct err *e)
{
	struct val v[JOBS_BATCH * (JOB_COLS + 1)], w[QUEUE_COLS];
	struct jobs_count id;
	int rc;

	queue_values(&q->place.queue, w);
	rc = db_one(q->db, q->a, &QUEUE_GET, w, QUEUE_COLS, &id, e);
	if (rc == 1 && make_queue(q, e) == 0)
		rc = db_one(q->db, q->a, &QUEUE_GET, w, QUEUE_COLS, &id, e);
	if (rc != 0)
		return db_found(rc, "Queue", e);
	for (size_t i = 0; i < n; i++) {
		struct val *row = v + i * (JOB_COLS + 1);

		job_values(&q[i], row);
		row[JOB_COLS] = V(id.n);
		q[i].place.queue_id = id.n;
	}
	return db_exec_many(q->db, &JOBS_INSERT, v, JOB_COLS + 1, n, NULL,
	    e);
}

static int
enqueue_batch(struct enqueue *q, struct job_many *m, size_t n,
    struct event_pack *p, struct err *e)
{
	const struct jobs_place *places[JOBS_BATCH];
	size_t k = 0;

	if (take_keys(q, m, n, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!m[i].existing)
			q[k++] = q[i];
	if (k == 0)
		return 0;
	for (size_t i = 0; i < k; i++) {
		places[i] = &q[i].place;
		tell(&q[i], p);
	}
	return store_many(q, k, e) == -1 ? -1 : jobs_make_ready_many(q->db, q->a,
	    places, k, e);
}

int
job_enqueue_many(struct db *db, struct arena *a, const struct job *job,
    struct uuid tenant, struct job_many *m, size_t n,
    const struct job_options *o, struct event_pack *p, struct err *e)
{
	struct enqueue q[JOBS_BATCH];

	ASSERT(db_in_txn(db) && o->nneeds == 0 && o->limit == NULL &&
	    o->run_at.us == 0 && o->backlog_max == 0);
	for (size_t at = 0; at < n; at += JOBS_BATCH) {
		size_t k = n - at < JOBS_BATCH ? n - at : JOBS_BATCH;

		for (size_t i = 0; i < k; i++) {
			q[i] = (struct enqueue){ .db = db, .a = a,
			    .type = job->name, .job = job, .tenant = tenant,
			    .o = o };
			if (begin_many(&q[i], &m[at + i], e) == -1)
				return -1;
		}
		if (enqueue_batch(q, m + at, k, p, e) == -1)
			return -1;
	}
	return 0;
}
