/*
 * Enqueueing: a job exists if and only if the caller's transaction commits.
 * Refuses unknown priorities, needs and keys with their place, a tenant whose
 * backlog is over its quota, and a second live job of a unique key (which is
 * told, not refused). Parents are locked in the order of their ids, so that
 * none ends while an edge to it is inserted.
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
#include "module.h"

enum {
	DEF_TRIES = 5, DEF_TIMEOUT = 300, DEF_BACKOFF = 1,
	NEEDS_MAX = 1000, PAYLOAD_MAX = 4 << 20, KEY_LEN = 16
};

static const struct query JOB_INSERT = { "jobs_job.insert",
	"INSERT INTO jobs_job (id, tenant_id, queue_id, lane, state, type, "
	"payload, tries, timeout_s, backoff_s, run_at, expires_at, waits, "
	"unique_key, limit_key, workflow, actor, traceparent, replay_of, "
	"replays, fire_at, created_at) SELECT ?, ?, q.id, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NOW(6) FROM jobs_queue q "
	"WHERE q.tenant_id = ? AND q.name = ? AND q.external = ?", NULL };
static const struct query QUEUE_INSERT = { "jobs_queue.insert",
	"INSERT INTO jobs_queue (tenant_id, name, external, created_at, "
	"updated_at) VALUES (?, ?, ?, NOW(6), NOW(6)) "
	"ON DUPLICATE KEY UPDATE updated_at = updated_at", NULL };
static const struct query UNIQUE_INSERT = { "jobs_unique.insert",
	"INSERT INTO jobs_unique (tenant_id, unique_key, job_id) "
	"VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE job_id = job_id", NULL };

struct id_row {
	struct uuid id;
};
static const struct field id_fields[] = {
	FIELD(struct id_row, id, .doc = "Job"), FIELD_END
};
static const struct schema id_schema = {
	.name = "JobsId", .size = sizeof(struct id_row), .fields = id_fields
};
static const struct query UNIQUE_GET = { "jobs_unique.get",
	"SELECT job_id AS id FROM jobs_unique WHERE tenant_id = ? "
	"AND unique_key = ? LIMIT 1", &id_schema };

static const struct query LIMIT_MAX = { "jobs_limit.max",
	"SELECT max_running AS n FROM jobs_limit WHERE tenant_id = ? "
	"AND limit_key = ? LIMIT 1", &jobs_count_schema };
static const struct query LIMIT_PUT = { "jobs_limit.put",
	"INSERT INTO jobs_limit (tenant_id, limit_key, name, max_running) "
	"VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE name = name", NULL };
static const struct query LIMIT_CHANGE = { "jobs_limit.change",
	"UPDATE jobs_limit SET max_running = ? WHERE tenant_id = ? "
	"AND limit_key = ?", NULL };

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

const struct query *const jobs_enqueue_queries[] = {
	&JOB_INSERT, &QUEUE_INSERT,
	&UNIQUE_INSERT, &UNIQUE_GET, &LIMIT_MAX, &LIMIT_PUT, &LIMIT_CHANGE,
	 &PARENT_LOCK,
	&PARENT_MARK, &NEED_INSERT, NULL
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

static int
refuse(struct err *e, const char *loc, const char *type, const char *msg)
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
	return refuse(e, "[\"body\",\"priority\"]", "enum", "Input should be "
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
		return refuse(e, "[\"body\",\"queue\"]",
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
		return refuse(e, "[\"body\",\"limit\"]", "string_too_long",
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

/* 0 the key is ours, 1 somebody's live job has it (in *q->id). */
static int
unique_of(struct enqueue *q, struct err *e)
{
	struct id_row row;
	int rc;

	if (q->o->unique == NULL || *q->o->unique == '\0')
		return 0;
	if (strlen(q->o->unique) > 200)
		return refuse(e, "[\"body\",\"unique\"]", "string_too_long",
		    "String should have at most 200 characters");
	q->unique = key_hash(q->a, q->type, q->o->unique);
	/* Looked at first: to insert beside a row is to lock it, and who ends
	 * that job would have to wait until the caller commits. */
	rc = db_one(q->db, q->a, &UNIQUE_GET, ARGS(val_id(q->tenant),
	    V(q->unique)), &row, e);
	if (rc == 1 && db_exec(q->db, &UNIQUE_INSERT, ARGS(val_id(q->tenant),
	    V(q->unique), V(q->place.id)), NULL, e) == -1)
		return -1;
	if (rc == 1)
		rc = db_one(q->db, q->a, &UNIQUE_GET, ARGS(val_id(q->tenant),
		    V(q->unique)), &row, e);
	if (rc != 0)
		return rc == 1 ? err_set(e, 500, "internal",
		    "Internal error") : -1;
	if (uuid_equal(row.id, q->place.id))
		return 0;
	*q->id = row.id;
	return 1;
}

/* ---- needs -------------------------------------------------------------------------- */

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
one_need(struct enqueue *q, const struct job_need *n, size_t at,
    struct err *e)
{
	struct parent p;
	int rc = db_one(q->db, q->a, &PARENT_LOCK, ARGS(V(n->id), val_id(
	    q->tenant)), &p, e), ok;

	if (rc == -1)
		return -1;
	if (rc == 1)
		return refuse(e, arena_printf(q->a, "[\"body\",\"needs\",%zu]",
		    at), "value_error", "There is no such job");
	ok = satisfied(p.state, n->rule);
	if (ok == 0)
		return refuse(e, arena_printf(q->a, "[\"body\",\"needs\",%zu]",
		    at), "value_error", "That job has ended otherwise");
	if (ok == -1) {
		q->waits++;
		if (db_exec(q->db, &PARENT_MARK, ARGS(V(n->id)), NULL,
		    e) == -1)
			return -1;
	}
	return db_exec(q->db, &NEED_INSERT, ARGS(val_id(q->tenant),
	    V(q->place.id), V(n->id), V((int)n->rule), V(ok == -1)), NULL, e);
}

static int
needs_of(struct enqueue *q, struct err *e)
{
	size_t n = q->o->nneeds;
	struct asked *v;

	if (n == 0)
		return 0;
	if (n > NEEDS_MAX)
		return refuse(e, "[\"body\",\"needs\"]", "too_long",
		    "List should have at most 1000 items");
	v = arena_array(q->a, n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = (struct asked){ q->o->needs[i], i };
	qsort(v, n, sizeof(*v), by_id);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && uuid_equal(v[i].need.id, v[i - 1].need.id))
			continue;
		if (one_need(q, &v[i].need, v[i].at, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the job -------------------------------------------------------------------------- */

static int64_t
or_default(int64_t asked, int64_t declared, int64_t otherwise)
{
	return asked > 0 ? asked : declared > 0 ? declared : otherwise;
}

/* *hit = 0: there is no such queue yet. */
static int
insert_job(struct enqueue *q, uint64_t *hit, struct err *e)
{
	const struct job_options *o = q->o;
	const struct job *j = q->job;

	return db_exec(q->db, &JOB_INSERT, ARGS(V(q->place.id), val_id(
	    q->tenant), V(q->place.lane), V(q->state), V(q->type),
	    V(q->payload), V(or_default(o->tries, j ? j->tries : 0,
	    DEF_TRIES)), V(or_default(o->timeout_s, j ? j->timeout_s : 0,
	    DEF_TIMEOUT)), V(or_default(o->backoff_s, j ? j->backoff_s : 0,
	    DEF_BACKOFF)), V(o->run_at), V(o->expires_at), V(q->waits),
	    V(q->unique), V(q->place.limit_key), V(o->workflow),
	    V(o->actor != NULL ? o->actor : ""), V(o->traceparent),
	    V(o->replay_of), V(q->replays), V(o->fire_at),
	    val_id(q->place.queue.tenant_id),
	    V(q->place.queue.name), V(q->place.queue.external)), hit, e);
}

static int
store(struct enqueue *q, struct err *e)
{
	uint64_t hit;

	if (insert_job(q, &hit, e) == -1)
		return -1;
	if (hit == 0 && (db_exec(q->db, &QUEUE_INSERT, ARGS(val_id(
	    q->place.queue.tenant_id), V(q->place.queue.name),
	    V(q->place.queue.external)), NULL, e) == -1 ||
	    insert_job(q, &hit, e) == -1))
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

static int
tell(struct enqueue *q, struct err *e)
{
	struct job_row row = { .tenant_id = q->tenant, .id = q->place.id,
	    .type = q->type, .state = q->state, .note = "",
	    .error_class = "", .error = "", .version = 1 };
	struct event_pack *p = event_pack_new(q->a);

	jobs_event_add(p, JE_QUEUED, &row, q->place.queue.name);
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
	if (limit_of(q, e) == -1 || needs_of(q, e) == -1)
		return -1;
	q->state = q->waits > 0 ? JS_WAITING :
	    q->o->run_at.us > clock_now().us ? JS_SCHEDULED : JS_QUEUED;
	if (store(q, e) == -1 || place(q, e) == -1 || tell(q, e) == -1)
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
		return refuse(e, "[\"body\",\"payload\"]", "too_long",
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

const struct job *
job_find(const struct module *const *mods, const char *type)
{
	for (; *mods != NULL; mods++) {
		const struct job *const *set = (*mods)->jobs;

		for (; set != NULL && *set != NULL; set++)
			for (const struct job *j = *set; j->name != NULL; j++)
				if (strcmp(j->name, type) == 0)
					return j;
	}
	return NULL;
}
