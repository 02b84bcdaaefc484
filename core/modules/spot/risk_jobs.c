/*
 * spot.risk_fit: the risk model anew from what was seen, once a week for each
 * market; spot.risk_count (the same without a new model) is what keeps the
 * counts of pools fresh from hour to hour.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/risk_ops.h"

enum { WINDOW_DAYS = 30 };

#define R struct spot_refit
static const struct field refit_fields[] = {
	FIELD(R, market, .oneof = ONEOF("aws", "simulated"),
	    .def = "\"aws\"", .doc = "Whose pools"),
	FIELD(R, window_days, .min = 1, .max = 365, .def = "30",
	    .doc = "How far back"),
	FIELD(R, source, .oneof = ONEOF("episodes", "prices", "traces"),
	    .def = "\"episodes\"", .doc = "Lives of instances; prices, as if "
	    "the on-demand price had been bid; recorded traces of "
	    "spot.trace_dir"),
	FIELD(R, promote, .def = "true", .doc = "Make it live if it is "
	    "better than the one in force"),
	FIELD_END
};
#undef R
const struct schema spot_refit_schema = {
	.name = "SpotRiskFit", .doc = "What to fit the risk model to",
	.size = sizeof(struct spot_refit), .fields = refit_fields
};
#define R struct spot_refit_result
static const struct field result_fields[] = {
	FIELD(R, model_id, .flags = FF_NULLABLE, .doc = "The model; null "
	    "when there was too little to fit"),
	FIELD(R, version, .doc = "Its version"),
	FIELD(R, auc, .doc = "Area under the ROC curve, held out"),
	FIELD(R, brier, .doc = "Brier score, held out"),
	FIELD(R, brier_live, .doc = "Of the model in force; 0 = none"),
	FIELD(R, skill_constant, .doc = "Better than the constant guess"),
	FIELD(R, skill_pool, .doc = "Better than each pool's rate"),
	FIELD(R, fit_windows, .doc = "Windows to fit"),
	FIELD(R, held_windows, .doc = "Windows held out"),
	FIELD(R, pools_counted, .doc = "Pools with new counts"),
	FIELD(R, promoted, .doc = "Whether it is live now"),
	FIELD(R, note, .doc = "Why not, in a sentence"), FIELD_END
};
#undef R
const struct schema spot_refit_result_schema = {
	.name = "SpotRiskFitted", .doc = "What came of it",
	.size = sizeof(struct spot_refit_result), .fields = result_fields
};

static int
begin(void *arg, struct err *e)
{
	return job_begin(arg, e);
}

static int
commit(void *arg, struct err *e)
{
	struct job_ctx *c = arg;

	if (job_finish(c, e) == 0 && db_commit(c->db, e) == 0)
		return 0;
	db_rollback(c->db);
	return -1;
}

static enum job_rc
fit(struct job_ctx *c, const void *in)
{
	struct spot_refit_result *out = arena_alloc(c->a, sizeof(*out));
	struct spot_refit_ask ask = { .env = c->env, .in = in,
	    .now = clock_now(), .begin = begin, .commit = commit, .arg = c,
	    .by = "spot.risk_fit" };

	job_progress(c, 100, "reading what was seen");
	c->result = out;
	if (spot_risk_refit(c->db, c->a, &ask, out, &c->err) == 0)
		return JOB_DONE;
	return c->err.status >= 400 && c->err.status < 500 &&
	    c->err.status != 409 ? JOB_FAIL : JOB_RETRY;
}

/* Both markets, counts only: a fit that is never put into force would fill the
 * registry, so the counts are taken without it. */
static enum job_rc
refresh(struct job_ctx *c, const void *in)
{
	static const char *const markets[] = { "aws", "simulated" };
	struct spot_refit_result *out = arena_alloc(c->a, sizeof(*out));
	struct utc now = clock_now();

	(void)in;
	c->result = out;
	out->note = "";
	for (int i = 0; i < 2; i++) {
		int64_t n = 0;

		if (job_begin(c, &c->err) == -1)
			return JOB_RETRY;
		if (spot_risk_count(c->db, c->a, markets[i], now, &n,
		    &c->err) == -1 || (i == 1 && job_finish(c, &c->err) ==
		    -1) || db_commit(c->db, &c->err) == -1) {
			db_rollback(c->db);
			return JOB_RETRY;
		}
		out->pools_counted += n;
	}
	return JOB_DONE;
}

struct weekly {
	int64_t markets;
};
static const struct field weekly_fields[] = {
	FIELD(struct weekly, markets, .doc = "Fits that were queued"),
	FIELD_END
};
static const struct schema weekly_schema = {
	.name = "SpotRiskWeekly", .doc = "Fits of all markets",
	.size = sizeof(struct weekly), .fields = weekly_fields
};

/* Each market has its own model: a fit of its own, in a job of its own. */
static enum job_rc
weekly(struct job_ctx *c, const void *in)
{
	struct weekly *out = arena_alloc(c->a, sizeof(*out));
	struct rows rows;
	struct uuid id;

	(void)in;
	c->result = out;
	if (spot_markets(c->db, c->a, &rows, &c->err) == -1 ||
	    job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	out->markets = (int64_t)rows.n;
	for (size_t i = 0; i < rows.n; i++) {
		const char *market = ROW(&rows, struct spot_market_name,
		    i)->name;
		const struct spot_refit ask = { .market = market,
		    .window_days = WINDOW_DAYS, .source = "episodes",
		    .promote = true };

		if (job_enqueue(c->db, c->a, &spot_risk_jobs[0], c->tenant,
		    &ask, &(struct job_options){ .unique = market }, &id,
		    &c->err) == -1)
			goto undo;
	}
	if (job_finish(c, &c->err) == 0 && db_commit(c->db, &c->err) == 0)
		return JOB_DONE;
undo:
	db_rollback(c->db);
	return JOB_RETRY;
}

#define FIT_JOB(n, d, f, i, o) { .name = n, .doc = d, .in = i, \
	.out = o, .queue = "spot", .lane = LANE_LOW, \
	.flags = JOB_API, .tries = 3, .timeout_s = 1800, .memory_mib = 1024, \
	.permission = "spot:prices", .run = f }
const struct job spot_risk_jobs[] = {
	FIT_JOB("spot.risk_fit", "The risk model fitted anew, live when it is "
	    "better", fit, &spot_refit_schema, &spot_refit_result_schema),
	FIT_JOB("spot.risk_count", "Hours run and losses of each pool counted "
	    "anew", refresh, NULL, &spot_refit_result_schema),
	FIT_JOB("spot.risk_weekly", "A fit of each market that has pools",
	    weekly, NULL, &weekly_schema),
	JOB_END
};

const struct schedule spot_risk_schedules[] = {
	{ .name = "spot.risk_fit", .doc = "Risk models of all markets",
	  .spec = "H 3 * * sun", .job = "spot.risk_weekly" },
	{ .name = "spot.risk_count", .doc = "Counts of pools",
	  .spec = "H * * * *", .job = "spot.risk_count" },
	SCHEDULE_END
};
