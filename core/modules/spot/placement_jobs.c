/*
 * spot.scores: the cloud's own placement scores for the types an account runs,
 * as signals of their pools; once a day, because AWS answers few different
 * questions a day. AWS names zones by ids that differ from account to account
 * by name: their mean then counts for all zones of the region.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/spot/act.h"
#include "modules/spot/plan_ops.h"
#include "modules/spot/provider.h"
#include "modules/spot/rows.h"
#include "modules/spot/signal.h"

enum { ASKS_MAX = 30, CALLS_S = 120 };

struct scores_in {
	struct uuid account_id;
};
static const struct field in_fields[] = {
	FIELD(struct scores_in, account_id, .flags = FF_REQUIRED,
	    .doc = "Account"), FIELD_END
};
static const struct schema in_schema = {
	.name = "SpotScores", .doc = "Of which account",
	.size = sizeof(struct scores_in), .fields = in_fields
};
struct scores_out {
	int64_t asked, scores;
};
static const struct field out_fields[] = {
	FIELD(struct scores_out, asked, .doc = "Types asked about"),
	FIELD(struct scores_out, scores, .doc = "Scores stored"), FIELD_END
};
static const struct schema out_schema = {
	.name = "SpotScored", .doc = "What was asked and answered",
	.size = sizeof(struct scores_out), .fields = out_fields
};

struct asked {
	const struct spot_plan_type *t;
	struct list scores;		/* struct spot_score */
};

static int
enter(struct job_ctx *c, struct uuid account, struct spot_account *acc,
    struct spot_access *x, struct err *e)
{
	struct spot_credential k;

	if (spot_found(spot_account_by_id(c->db, c->a, c->tenant, account,
	    acc, e), "Account", e) == -1 ||
	    spot_found(spot_credential_get(c->db, c->a, c->tenant, account,
	    &k, e), "Credential", e) == -1 ||
	    spot_access_open(x, c->env, c->a, acc, &k, e) == -1)
		return -1;
	x->deadline_ns = clock_boot_ns() + INT64_C(1000000000) * CALLS_S;
	return spot_provider_of(acc->provider)->open(x, e);
}

/* Asks the cloud, outside of any transaction; what is refused is left out. */
static size_t
ask(struct job_ctx *c, const struct spot_account *acc,
    struct spot_access *x, const struct rows *types, struct asked *v)
{
	const struct spot_acts *acts = spot_acts_of(acc->provider);
	size_t n = 0;

	for (size_t i = 0; i < types->n && !job_stopping(c); i++) {
		const struct spot_plan_type *t = ROW(types,
		    struct spot_plan_type, i);
		const char *const one[] = { t->instance_type, NULL };
		struct err e = { 0 };

		if (acts->scores(x, c->a, t->region, one, t->n,
		    &v[n].scores, &e) == -1) {
			log_warn("spot", "no placement scores",
			    KV("region", t->region),
			    KV("detail", (const char *)e.detail));
			continue;
		}
		v[n++].t = t;
	}
	return n;
}

static int
put(struct job_ctx *c, const char *market, const struct asked *q,
    const char *az, double score, int64_t *stored, struct err *e)
{
	(*stored)++;
	return spot_signal_put_named(c->db, c->a, market, q->t->region, az,
	    q->t->instance_type, "", "score", score, clock_now(), NULL, e);
}

/* Zones by name as they are; by id, their mean for each zone with a pool. */
static int
store(struct job_ctx *c, const char *market, const struct asked *q,
    int64_t *stored, struct err *e)
{
	const struct spot_score *s = q->scores.items;
	double sum = 0, n = 0;
	struct rows zones;

	for (size_t i = 0; i < q->scores.n; i++) {
		if (strncmp(s[i].az, q->t->region, strlen(q->t->region)) ==
		    0) {
			if (put(c, market, q, s[i].az, (double)s[i].score,
			    stored, e) == -1)
				return -1;
			continue;
		}
		sum += (double)s[i].score;
		n++;
	}
	if (n < 1)
		return 0;
	if (spot_plan_zones(c->db, c->a, market, q->t->region,
	    q->t->instance_type, &zones, e) == -1)
		return -1;
	for (size_t i = 0; i < zones.n; i++)
		if (put(c, market, q, ROW(&zones, struct spot_plan_type,
		    i)->region, sum / n, stored, e) == -1)
			return -1;
	return 0;
}

static enum job_rc
scores(struct job_ctx *c, const void *in)
{
	const struct scores_in *p = in;
	struct scores_out *out = arena_alloc(c->a, sizeof(*out));
	struct asked *v = arena_array(c->a, ASKS_MAX, sizeof(*v));
	struct spot_account acc;
	struct spot_access x;
	const char *market;
	struct rows types;
	size_t n;

	arena_set_secret(c->a);
	c->result = out;
	if (enter(c, p->account_id, &acc, &x, &c->err) == -1 ||
	    spot_plan_types(c->db, c->a, c->tenant, p->account_id, ASKS_MAX,
	    &types, &c->err) == -1)
		return c->err.status == 404 ? JOB_FAIL : JOB_RETRY;
	n = ask(c, &acc, &x, &types, v);
	market = strcmp(acc.provider, "aws") == 0 ? "aws" : "simulated";
	out->asked = (int64_t)n;
	if (job_begin(c, &c->err) == -1)
		return JOB_RETRY;
	for (size_t i = 0; i < n; i++)
		if (store(c, market, &v[i], &out->scores, &c->err) == -1)
			goto fail;
	if (job_finish(c, &c->err) == 0 && db_commit(c->db, &c->err) == 0)
		return JOB_DONE;
fail:
	db_rollback(c->db);
	return JOB_RETRY;
}

static enum job_rc
scores_all(struct job_ctx *c, const void *in)
{
	struct scores_out *out = arena_alloc(c->a, sizeof(*out));
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
		struct scores_in one = { x->id };
		struct job_options o = { .actor = "spot" };
		struct uuid id;

		if (job_enqueue(c->db, c->a, &spot_placement_jobs[0],
		    x->tenant_id, &one, &o, &id, &c->err) == -1)
			goto fail;
		out->asked++;
	}
	if (job_finish(c, &c->err) == 0 && db_commit(c->db, &c->err) == 0)
		return JOB_DONE;
fail:
	db_rollback(c->db);
	return JOB_RETRY;
}

const struct job spot_placement_jobs[] = {
	{ .name = "spot.scores", .doc = "The cloud's placement scores for "
	  "the types of an account", .in = &in_schema, .out = &out_schema,
	  .queue = "spot", .lane = LANE_LOW, .flags = JOB_API, .tries = 3,
	  .timeout_s = 300, .permission = "spot:write", .run = scores },
	{ .name = "spot.scores_all", .doc = "Queues spot.scores for every "
	  "account", .out = &out_schema, .queue = "spot", .lane = LANE_LOW,
	  .flags = JOB_API, .tries = 3, .timeout_s = 300,
	  .permission = "spot:prices", .run = scores_all },
	JOB_END
};

const struct schedule spot_placement_schedules[] = {
	{ .name = "spot.scores", .doc = "Placement scores of all accounts",
	  .spec = "H H * * *", .job = "spot.scores_all" },
	SCHEDULE_END
};
