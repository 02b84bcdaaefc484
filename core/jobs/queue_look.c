/*
 * Counts over the queue's tables. Each reads a small table or a bounded range
 * of an index; finished jobs are never counted.
 */
#include <stddef.h>

#include "base/arena.h"
#include "jobs/look.h"
#include "jobs/inner.h"
#include "shm/shm.h"

static const struct field seen_fields[] = {
	FIELD(struct jobs_seen, type, .doc = "Type"),
	FIELD(struct jobs_seen, queue, .doc = "Queue of the newest"),
	FIELD(struct jobs_seen, jobs, .doc = "Jobs among those looked at"),
	FIELD_END
};
const struct schema jobs_seen_schema = {
	.name = "JobsSeen", .doc = "A type of external work",
	.size = sizeof(struct jobs_seen), .fields = seen_fields
};

#define T(m, ...) FIELD(struct jobs_totals, m, __VA_ARGS__)
static const struct field totals_fields[] = {
	T(ready, .doc = "Ready"), T(later, .doc = "Delayed"),
	T(running, .doc = "Running"), T(dead, .doc = "Dead letters"),
	T(leases, .doc = "Dispatchers"), T(external, .doc = "External jobs"),
	T(oldest, .flags = FF_NULLABLE, .doc = "Oldest ready"), FIELD_END
};
static const struct schema totals_schema = {
	.name = "JobsTotals", .size = sizeof(struct jobs_totals),
	.fields = totals_fields
};

#define W(m, ...) FIELD(struct jobs_worker, m, __VA_ARGS__)
static const struct field worker_fields[] = {
	W(id, .doc = "Lease"),
	W(external, .doc = "One job, pulled over HTTP"),
	W(host, .doc = "Host of the dispatcher"),
	W(place, .doc = "Its run directory"),
	W(worker, .doc = "How the external worker calls itself"),
	W(pid, .doc = "Process of the dispatcher"),
	W(jobs, .doc = "Jobs in its hands, some may have ended just now"),
	W(created_at, .doc = "Since"),
	W(expires_at, .doc = "Silent until then, it loses its jobs"),
	FIELD_END
};
const struct schema jobs_worker_schema = {
	.name = "JobsWorker", .doc = "Who works",
	.size = sizeof(struct jobs_worker), .fields = worker_fields
};

static const struct query SEEN = { "jobs_job.seen_types",
	"SELECT s.type, MAX(q.name) AS queue, COUNT(*) AS jobs FROM (SELECT "
	"type, queue_id FROM jobs_job WHERE tenant_id = ? ORDER BY id DESC "
	"LIMIT 1000) s JOIN jobs_queue q ON q.id = s.queue_id "
	"WHERE q.external = TRUE GROUP BY s.type ORDER BY s.type LIMIT 1000",
	&jobs_seen_schema };
static const struct query TOTALS_ALL = { "jobs_ready.totals",
	"SELECT (SELECT COUNT(*) FROM jobs_ready) AS ready, "
	"(SELECT COUNT(*) FROM jobs_delayed) AS later, "
	"(SELECT CAST(COALESCE(SUM(LENGTH(jobs) DIV 40), 0) AS SIGNED) "
	"FROM jobs_claim) AS running, "
	"(SELECT COUNT(*) FROM jobs_dead) AS dead, "
	"(SELECT COUNT(*) FROM jobs_lease WHERE external = FALSE) AS leases, "
	"(SELECT COUNT(*) FROM jobs_lease WHERE external = TRUE) AS external, "
	"(SELECT MIN(ready_at) FROM jobs_ready) AS oldest",
	&totals_schema };
/* A tenant's running jobs: the newest 10,000 of its jobs are looked at. */
static const struct query TOTALS = { "jobs_ready.totals_of",
	"SELECT (SELECT COUNT(*) FROM jobs_ready WHERE tenant_id = ?) AS "
	"ready, (SELECT COUNT(*) FROM jobs_delayed WHERE tenant_id = ?) AS "
	"later, (SELECT COUNT(*) FROM (SELECT state FROM jobs_job WHERE "
	"tenant_id = ? ORDER BY id DESC LIMIT 10000) j WHERE j.state = 5) AS "
	"running, (SELECT COUNT(*) FROM jobs_dead WHERE tenant_id = ?) AS "
	"dead, 0 AS leases, 0 AS external, (SELECT MIN(ready_at) FROM "
	"jobs_ready WHERE tenant_id = ?) AS oldest", &totals_schema };
static const struct query WORKERS = { "jobs_lease.workers",
	"SELECT l.id, l.external, l.host, l.place, l.worker, l.pid, "
	"(SELECT CAST(COALESCE(SUM(LENGTH(c.jobs) DIV 40), 0) AS SIGNED) "
	"FROM jobs_claim c WHERE c.lease_id = l.id) AS jobs, l.created_at, "
	"l.expires_at FROM jobs_lease l ORDER BY l.external, l.id LIMIT ?",
	&jobs_worker_schema };

struct lane_row {
	int64_t lane, ready, age_s;
};
static const struct field lane_fields[] = {
	FIELD(struct lane_row, lane, .doc = "Lane"),
	FIELD(struct lane_row, ready, .doc = "Ready"),
	FIELD(struct lane_row, age_s, .doc = "Seconds of the oldest"),
	FIELD_END
};
static const struct schema lane_schema = {
	.name = "JobsLaneGauge", .size = sizeof(struct lane_row),
	.fields = lane_fields
};
static const struct query LANES_NOW = { "jobs_ready.lanes",
	"SELECT lane, COUNT(*) AS ready, GREATEST(0, TIMESTAMPDIFF(SECOND, "
	"MIN(ready_at), NOW(6))) AS age_s FROM jobs_ready GROUP BY lane "
	"LIMIT 10", &lane_schema };

const struct query *const jobs_look_queries[] = {
	&SEEN, &TOTALS_ALL, &TOTALS, &WORKERS, &LANES_NOW, NULL
};

int
jobs_gauges(struct db *db, struct arena *a, struct err *e)
{
	int64_t ready[LANES] = { 0 }, age[LANES] = { 0 };
	struct rows rows;

	if (db_all(db, a, &LANES_NOW, NO_ARGS, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct lane_row *r = ROW(&rows, struct lane_row, i);

		if (r->lane < 0 || r->lane >= LANES)
			continue;
		ready[r->lane] = r->ready;
		age[r->lane] = r->age_s;
	}
	for (size_t l = 0; l < LANES; l++) {
		metric_set(&job_ready_depth, l, 0, ready[l]);
		metric_set(&job_oldest_ready_seconds, l, 0, age[l]);
	}
	return 0;
}

int
jobs_seen_types(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SEEN, ARGS(val_id(tenant)), out, e);
}

int
jobs_totals(struct db *db, struct arena *a, struct uuid tenant,
    struct jobs_totals *out, struct err *e)
{
	struct val id = V(tenant);	/* nil: NULL */

	if (id.type == VT_NULL)
		return db_one(db, a, &TOTALS_ALL, NO_ARGS, out, e);
	return db_one(db, a, &TOTALS, ARGS(id, id, id, id, id), out, e);
}

int
jobs_workers(struct db *db, struct arena *a, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &WORKERS, ARGS(V(limit)), out, e);
}
