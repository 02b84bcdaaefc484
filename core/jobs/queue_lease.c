/*
 * Leases: who works. A lease that ran out gives its jobs back (lost, never a
 * crash). The holder gives up by its own boot clock, measured from before the
 * request was sent, always earlier than the row expires.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/vec.h"
#include "jobs/inner.h"

enum { REAP_LEASES = 20, REAP_CLAIMS = 200 };

struct lease_row {
	int64_t id;
	bool external;
	const char *worker;
};
static const struct field lease_fields[] = {
	FIELD(struct lease_row, id, .doc = "Lease"),
	FIELD(struct lease_row, external, .doc = "Pulled over HTTP"),
	FIELD(struct lease_row, worker, .doc = "Who"), FIELD_END
};
static const struct schema lease_schema = {
	.name = "JobsLease", .size = sizeof(struct lease_row),
	.fields = lease_fields
};

struct claim_row {
	int64_t n;
	struct blob jobs;
};
static const struct field claim_fields[] = {
	FIELD(struct claim_row, n, .doc = "Batch"),
	FIELD(struct claim_row, jobs, .doc = "Its jobs, packed"), FIELD_END
};
static const struct schema claim_schema = {
	.name = "JobsClaim", .size = sizeof(struct claim_row),
	.fields = claim_fields
};

static const struct query LEASE_INSERT = { "jobs_lease.insert",
	"INSERT INTO jobs_lease (holder, external, host, place, pid, worker, "
	"expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, "
	"NOW(6) + INTERVAL ? SECOND, NOW(6))", NULL };
static const struct query LEASE_RENEW = { "jobs_lease.renew",
	"UPDATE jobs_lease SET expires_at = NOW(6) + INTERVAL ? SECOND "
	"WHERE id = ?", NULL };
static const struct query LEASE_CLOSE = { "jobs_lease.close",
	"DELETE FROM jobs_lease WHERE id = ? AND NOT EXISTS (SELECT 1 FROM "
	"jobs_claim c WHERE c.lease_id = ?)", NULL };
static const struct query LEASE_EXPIRE = { "jobs_lease.expire",
	"UPDATE jobs_lease SET expires_at = NOW(6) - INTERVAL 1 HOUR "
	"WHERE id = ?", NULL };
static const struct query LEASE_DELETE = { "jobs_lease.delete",
	"DELETE FROM jobs_lease WHERE id = ?", NULL };
static const struct query LEASE_HERE = { "jobs_lease.here",
	"SELECT id, external, worker FROM jobs_lease WHERE host = ? AND "
	"place = ? AND external = FALSE AND id <> ? ORDER BY id LIMIT 100",
	&lease_schema };
static const struct query LEASE_EXPIRED = { "jobs_lease.expired",
	"SELECT id, external, worker FROM jobs_lease WHERE expires_at < "
	"NOW(6) - INTERVAL ? SECOND ORDER BY expires_at LIMIT ? "
	"FOR UPDATE SKIP LOCKED", &lease_schema };
static const struct query CLAIM_ALL = { "jobs_claim.all",
	"SELECT n, jobs FROM jobs_claim WHERE lease_id = ? ORDER BY n LIMIT ?",
	&claim_schema };
static const struct query CLAIM_GONE = { "jobs_claim.gone",
	"DELETE FROM jobs_claim WHERE lease_id = ? AND n = ?", NULL };

const struct query *const jobs_lease_queries[] = {
	&LEASE_INSERT, &LEASE_RENEW, &LEASE_CLOSE, &LEASE_EXPIRE, &LEASE_DELETE,
	&LEASE_HERE,
	&LEASE_EXPIRED, &CLAIM_ALL, &CLAIM_GONE, NULL
};

int
jobs_lease_insert(struct db *db, struct jobs_lease *l,
    const struct jobs_holder *h, struct err *e)
{
	int64_t sent = clock_boot_ns();

	if (db_exec(db, &LEASE_INSERT, ARGS(V(h->holder), V(h->external),
	    V(h->host), V(h->place), V(h->pid), V(h->worker), V(l->ttl_s)),
	    NULL, e) == -1)
		return -1;
	l->id = db_insert_id(db);
	l->until_boot_ns = sent + l->ttl_s * INT64_C(1000000000);
	return 0;
}

int
jobs_lease_open(struct db *db, struct jobs_lease *l, struct uuid holder,
    const char *host, const char *place, int64_t ttl_s, int pid,
    struct err *e)
{
	struct jobs_holder h = { .holder = holder, .host = host,
	    .place = place, .worker = "", .pid = pid };

	l->ttl_s = ttl_s;
	return jobs_lease_insert(db, l, &h, e);
}

int
jobs_lease_renew(struct db *db, struct jobs_lease *l, struct err *e)
{
	int64_t sent = clock_boot_ns();
	uint64_t hit;

	if (db_exec(db, &LEASE_RENEW, ARGS(V(l->ttl_s), V((int64_t)l->id)),
	    &hit, e) == -1)
		return -1;
	if (hit == 0)
		return 1;
	l->until_boot_ns = sent + l->ttl_s * INT64_C(1000000000);
	return 0;
}

int
jobs_lease_close(struct db *db, struct jobs_lease *l, struct err *e)
{
	uint64_t hit;

	l->until_boot_ns = 0;
	if (db_exec(db, &LEASE_CLOSE, ARGS(V((int64_t)l->id),
	    V((int64_t)l->id)), &hit, e) == -1)
		return -1;
	return hit > 0 ? 0 : db_exec(db, &LEASE_EXPIRE,
	    ARGS(V((int64_t)l->id)), NULL, e);
}

int
jobs_lease_orphans(struct db *db, struct arena *a, const char *host,
    const char *place, uint64_t keep, bool (*dead)(void *arg, uint64_t id),
    void *arg, size_t *n, struct err *e)
{
	struct rows rows;

	*n = 0;
	if (db_all(db, a, &LEASE_HERE, ARGS(V(host), V(place),
	    V((int64_t)keep)), &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		int64_t id = ROW(&rows, struct lease_row, i)->id;

		if (!dead(arg, (uint64_t)id))
			continue;
		if (db_exec(db, &LEASE_EXPIRE, ARGS(V(id)), NULL, e) == -1)
			return -1;
		++*n;
	}
	return 0;
}

/* ---- taking jobs back -------------------------------------------------------------- */

struct reap {
	struct arena *a;
	struct event_pack *pack;
	int64_t grace_s;
	size_t jobs, busy;
};

/* The batch's jobs as outcomes. Stale tokens settle nothing, so a job that
 * ended in the meantime stays as it is. A row that a silent worker still
 * holds in its transaction holds up only its own claim. */
static int
return_claim(struct reap *r, struct db *db, const struct lease_row *l,
    const struct claim_row *c, struct err *e)
{
	struct jobs_outcome v[JOBS_BATCH];
	const uint8_t *p = c->jobs.p;
	size_t n = c->jobs.n / JOBS_PACKED, busy = 0;

	for (size_t i = 0; i < n; ) {
		struct jobs_settled out = { .skip = true };
		size_t k = 0;

		for (; k < JOBS_BATCH && i < n; k++, i++, p += JOBS_PACKED) {
			v[k] = (struct jobs_outcome){ .end = END_LOST,
			    .worker = l->worker, .error_class = "lost",
			    .error = "The worker that held it was silent for "
			    "too long" };
			memcpy(v[k].tenant.b, p, 16);
			memcpy(v[k].id.b, p + 16, 16);
			memcpy(&v[k].token, p + 32, 8);
		}
		if (jobs_settle_pack(db, r->a, r->pack, v, k, &out, e) == -1)
			return -1;
		r->jobs += out.done;
		busy += out.nbusy;
	}
	r->busy += busy;
	return busy > 0 ? 0 : db_exec(db, &CLAIM_GONE, ARGS(V(l->id),
	    V(c->n)), NULL, e);
}

static int
reap_one(struct reap *r, struct db *db, const struct lease_row *l,
    struct err *e)
{
	struct rows rows;

	r->busy = 0;
	if (db_all(db, r->a, &CLAIM_ALL, ARGS(V(l->id), V(REAP_CLAIMS)),
	    &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (return_claim(r, db, l, ROW(&rows, struct claim_row, i),
		    e) == -1)
			return -1;
	if (rows.n == REAP_CLAIMS || r->busy > 0)	/* the next round */
		return 0;
	return db_exec(db, &LEASE_DELETE, ARGS(V(l->id)), NULL, e);
}

static int
reap(struct db *db, void *arg, struct err *e)
{
	struct reap *r = arg;
	struct rows rows;

	r->jobs = 0;
	r->pack = event_pack_new(r->a);
	if (db_all(db, r->a, &LEASE_EXPIRED, ARGS(V(r->grace_s),
	    V(REAP_LEASES)), &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (reap_one(r, db, ROW(&rows, struct lease_row, i), e) == -1)
			return -1;
	return event_pack_publish(db, r->pack, e);
}

int
jobs_reap(struct db *db, struct arena *a, int64_t grace_s, size_t *n,
    struct err *e)
{
	struct reap r = { .a = a, .grace_s = grace_s };

	*n = 0;
	if (db_txn(db, a, reap, &r, e) == -1)
		return -1;
	*n = r.jobs;
	return 0;
}
