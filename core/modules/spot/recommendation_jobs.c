/*
 * spot.decide: a decision about one account, after its scans and once an hour;
 * spot.decide_all: queues it for every account; spot.recommend_settle: what
 * the inbox has answered, and what nobody did. Hosts without a worker run them
 * from cron.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "modules/spot/recommendation.h"

struct decide_in {
	struct uuid account_id;
};
static const struct field decide_fields[] = {
	FIELD(struct decide_in, account_id, .flags = FF_REQUIRED,
	    .doc = "Account"), FIELD_END
};
static const struct schema decide_schema = {
	.name = "SpotDecide", .doc = "About which account",
	.size = sizeof(struct decide_in), .fields = decide_fields
};
#define D struct spot_decided
static const struct field decided_fields[] = {
	FIELD(D, n_moves, .doc = "Moves found worth it"),
	FIELD(D, n_new, .doc = "New recommendations among them"),
	FIELD(D, n_superseded, .doc = "Earlier ones that are moot"),
	FIELD(D, n_reserved, .doc = "Moves started without asking"),
	FIELD(D, n_held, .doc = "Instances that stay, each with a reason"),
	FIELD(D, n_members, .doc = "Instances looked at"),
	FIELD(D, saving_micro_h, .doc = "Micro-USD per hour of all moves"),
	FIELD(D, losses_before, .doc = "Losses expected in the horizon"),
	FIELD(D, losses_after, .doc = "… after the moves"),
	FIELD(D, model, .doc = "Where the probabilities come from"),
	FIELD_END
};
#undef D
const struct schema spot_decided_schema = {
	.name = "SpotDecided", .doc = "What a decision came to",
	.size = sizeof(struct spot_decided), .fields = decided_fields
};

static enum job_rc
decide(struct job_ctx *c, const void *in)
{
	const struct decide_in *p = in;
	struct spot_decided *out = arena_alloc(c->a, sizeof(*out));

	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	c->result = out;
	if (spot_decide(c->env, c->db, c->a, c->tenant, p->account_id,
	    clock_now(), out, &c->err) == 0 &&
	    job_finish(c, &c->err) == 0 && db_commit(c->db, &c->err) == 0)
		return JOB_DONE;
	db_rollback(c->db);
	return c->err.status == 404 ? JOB_FAIL : JOB_RETRY;
}

int
spot_decide_queue(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct err *e)
{
	struct decide_in in = { account };
	char unique[UUID_TEXT];
	struct job_options o = { .unique = uuid_format(account, unique),
	    .actor = "spot" };
	struct uuid id;

	return job_enqueue(db, a, &spot_decide_jobs[0], tenant, &in, &o, &id,
	    e) == -1 ? -1 : 0;
}

struct counted {
	int64_t n;
};
static const struct field counted_fields[] = {
	FIELD(struct counted, n, .doc = "How many"), FIELD_END
};
static const struct schema counted_schema = {
	.name = "SpotDecideCount", .doc = "How many",
	.size = sizeof(struct counted), .fields = counted_fields
};

static enum job_rc
decide_all(struct job_ctx *c, const void *in)
{
	struct counted *out = arena_alloc(c->a, sizeof(*out));
	struct rows all;

	(void)in;
	c->result = out;
	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	if (spot_plan_accounts(c->db, c->a, &all, &c->err) == -1)
		goto fail;
	for (size_t i = 0; i < all.n; i++) {
		const struct spot_plan_account *x = ROW(&all,
		    struct spot_plan_account, i);

		if (spot_decide_queue(c->db, c->a, x->tenant_id, x->id,
		    &c->err) == -1)
			goto fail;
		out->n++;
	}
	if (job_finish(c, &c->err) == 0 && db_commit(c->db, &c->err) == 0)
		return JOB_DONE;
fail:
	db_rollback(c->db);
	return JOB_RETRY;
}

/* One recommendation, one transaction: a refusal of one holds up no other. */
static int
settle_one(struct job_ctx *c, const struct spot_recommendation *r,
    int64_t *n, struct err *e)
{
	bool done;

	if (job_begin(c, e) == -1)
		return -1;
	if (spot_recommendation_settle(c->env, c->db, c->a, r->tenant_id,
	    r->id, clock_now(), &done, e) == 0 && db_commit(c->db, e) == 0) {
		*n += done;
		return 0;
	}
	db_rollback(c->db);
	if (e->status >= 500 || strcmp(e->code, "job_lost") == 0)
		return -1;
	log_warn("spot", "recommendation not settled", KV("detail",
	    (const char *)e->detail));
	err_clear(e);
	return 0;
}

static enum job_rc
settle(struct job_ctx *c, const void *in)
{
	struct counted *out = arena_alloc(c->a, sizeof(*out));
	struct rows due;

	(void)in;
	c->result = out;
	if (spot_recommendation_due(c->db, c->a, &due, &c->err) == -1)
		return JOB_RETRY;
	for (size_t i = 0; i < due.n && !job_stopping(c); i++)
		if (settle_one(c, ROW(&due, struct spot_recommendation, i),
		    &out->n, &c->err) == -1)
			return JOB_RETRY;
	return JOB_DONE;
}

#define DECIDE_JOB(n, d, i, o, r) { .name = n, .doc = d, .in = i, .out = o, \
	.queue = "spot", .lane = LANE_NORMAL, .flags = JOB_API, .tries = 3, \
	.timeout_s = 300, .permission = "spot:write", .run = r }
const struct job spot_decide_jobs[] = {
	DECIDE_JOB("spot.decide", "What to do with the instances of an "
	    "account", &decide_schema, &spot_decided_schema, decide),
	DECIDE_JOB("spot.decide_all", "Queues spot.decide for every account",
	    NULL, &counted_schema, decide_all),
	DECIDE_JOB("spot.recommend_settle", "What the inbox answered to "
	    "recommendations, and what nobody did", NULL, &counted_schema,
	    settle),
	JOB_END
};

const struct schedule spot_decide_schedules[] = {
	{ .name = "spot.decide", .doc = "Decisions about all accounts",
	  .spec = "H * * * *", .job = "spot.decide_all" },
	{ .name = "spot.recommend_settle", .doc = "Answers of the inbox",
	  .spec = "@every 1m", .job = "spot.recommend_settle" },
	SCHEDULE_END
};
