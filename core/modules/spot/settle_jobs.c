/*
 * spot.settle: the work after a scan as a job, enqueued by the transaction
 * that ends the scan; spot.scan: a scan asked for as a job, run by the same
 * code as quincunx-discover. Hosts without a worker run both from cron.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "modules/spot/account.h"
#include "modules/spot/recommendation.h"
#include "modules/spot/settle.h"
#include "modules/spot/shard.h"

struct settle_in {
	struct uuid account_id, scan_id;
};
static const struct field settle_fields[] = {
	FIELD(struct settle_in, account_id, .flags = FF_REQUIRED,
	    .doc = "Account"),
	FIELD(struct settle_in, scan_id, .flags = FF_NULLABLE,
	    .doc = "Scan it follows"),
	FIELD_END
};
static const struct schema settle_schema = {
	.name = "SpotSettle", .doc = "Work after a scan",
	.size = sizeof(struct settle_in), .fields = settle_fields
};

static enum job_rc
settle(struct job_ctx *c, const void *in)
{
	const struct settle_in *p = in;
	struct spot_digest *d = arena_alloc(c->a, sizeof(*d));

	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (spot_settle(c->env, c->db, c->a, c->tenant, p->account_id,
	    p->scan_id, clock_now(), d, &c->err) == -1 ||
	    spot_decide_queue(c->db, c->a, c->tenant, p->account_id,
	    &c->err) == -1) {
		db_rollback(c->db);
		return c->err.status == 404 ? JOB_FAIL : JOB_RETRY;
	}
	c->result = d;
	if (job_finish(c, &c->err) == -1 || db_commit(c->db, &c->err) == -1) {
		db_rollback(c->db);
		return JOB_RETRY;
	}
	return JOB_DONE;
}

struct scan_in {
	struct uuid account_id;
	const char *kind;
};
static const struct field scan_fields[] = {
	FIELD(struct scan_in, account_id, .flags = FF_REQUIRED,
	    .doc = "Account"),
	FIELD(struct scan_in, kind, .oneof = ONEOF("inventory", "prices",
	    "fleet"), .def = "\"inventory\"", .doc = "What to read"),
	FIELD_END
};
static const struct schema scan_schema = {
	.name = "SpotScanJob", .doc = "A scan as a job",
	.size = sizeof(struct scan_in), .fields = scan_fields
};

static enum job_rc
scan(struct job_ctx *c, const void *in)
{
	const struct scan_in *p = in;
	struct spot_scan *s = arena_alloc(c->a, sizeof(*s));

	if (spot_scan_now(c->env, c->a, c->tenant, p->account_id, p->kind,
	    c->actor, s, &c->err) == -1)
		return c->err.status == 404 || c->err.status == 409 ?
		    JOB_FAIL : JOB_RETRY;
	c->result = s;
	return JOB_DONE;
}

const struct job spot_settle_jobs[] = {
	{ .name = "spot.settle", .doc = "After a scan: governance, waste, "
	  "health check, numbers", .in = &settle_schema,
	  .out = &spot_digest_schema, .queue = "spot", .lane = LANE_HIGH,
	  .flags = JOB_TXN, .tries = 5, .timeout_s = 300, .run = settle },
	{ .name = "spot.scan", .doc = "A scan of an account, to its end",
	  .in = &scan_schema, .out = &spot_scan_schema, .queue = "spot",
	  .lane = LANE_NORMAL, .flags = JOB_API, .tries = 3,
	  .timeout_s = 3600, .permission = "spot:write", .run = scan },
	JOB_END
};

int
spot_settle_queue(struct db *db, struct arena *a, const struct spot_scan *s,
    struct err *e)
{
	struct settle_in in = { s->account_id, s->id };
	struct job_options o = { .actor = "scan" };
	struct uuid id;

	return job_enqueue(db, a, &spot_settle_jobs[0], s->tenant_id, &in, &o,
	    &id, e) == -1 ? -1 : 0;
}
