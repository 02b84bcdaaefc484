/*
 * The job type `backtest`. Nothing of a run that was stopped is kept.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/trade/result.h"

#define ARENA_CAP ((size_t)900 << 20)

struct done {
	struct uuid id;
	struct json stats;
	bool stored;
};
static const struct field done_fields[] = {
	FIELD(struct done, id, .doc = "The result: /api/trade/backtests/{id}"),
	FIELD(struct done, stats, .doc = "See TradeStats"),
	FIELD(struct done, stored, .doc = "It was known already: the same "
	    "request on the same bars"), FIELD_END
};
static const struct schema done_schema = {
	.name = "BacktestDone", .doc = "What a backtest found",
	.size = sizeof(struct done), .fields = done_fields
};

static int
tick(void *arg, double part)
{
	struct job_ctx *c = arg;

	job_progress(c, (int)(1000 * part), "running");
	return job_stopping(c) ? -1 : 0;
}

/* What a further try would not change is the caller's fault. */
static enum job_rc
failed(struct job_ctx *c)
{
	if (job_stopping(c))
		return JOB_RELEASE;
	return c->err.status >= 500 ? JOB_RETRY : JOB_FAIL;
}

static enum job_rc
backtest(struct job_ctx *c, const void *in)
{
	struct trade_result r = { .id = c->id, .tenant_id = c->tenant,
	    .job_id = c->id, .request = c->payload, .made_by = c->actor };
	struct arena *scratch = arena_new(ARENA_CAP);
	struct done *out = arena_alloc(c->a, sizeof(*out));
	bool stored = false;
	int rc = trade_request_run(c->db, c->a, scratch, c->tenant, in, tick,
	    c, &r, &stored, &c->err);

	arena_free(scratch);
	if (rc == -1)
		return failed(c);
	if (r.made_by == NULL)
		r.made_by = "";
	r.created_at = clock_now();
	*out = (struct done){ r.id, r.stats, stored };
	c->result = out;
	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (trade_result_insert(c->db, &r, &c->err) == -1 ||
	    job_finish(c, &c->err) == -1 || db_commit(c->db, &c->err) == -1) {
		db_rollback(c->db);
		return JOB_RETRY;
	}
	return JOB_DONE;
}

const struct job trade_result_jobs[] = {
	{ .name = "backtest", .doc = "Run a strategy on recorded bars",
	  .in = &trade_request_schema, .out = &done_schema,
	  .lane = LANE_NORMAL, .flags = JOB_TXN | JOB_API, .tries = 3,
	  .timeout_s = 1800,
	  .cpu_s = 1800, .memory_mib = 1024, .permission = "trade:write",
	  .run = backtest },
	JOB_END
};
