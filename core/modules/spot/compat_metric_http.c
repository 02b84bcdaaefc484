/*
 * Seed 001's single numbers and its funnel, each from rows and not from
 * constants: what the seed made up (80 %, 85 %) is counted here.
 */
#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "modules/spot/compat.h"
#include "modules/spot/saving.h"
#include "modules/spot/summary.h"

struct number {
	const char *name, *unit;
	double value;
	int64_t window_s;
	struct utc since;
	double coverage;
};
#define N struct number
static const struct field number_fields[] = {
	FIELD(N, name, .doc = "Which"),
	FIELD(N, value, .doc = "The number"),
	FIELD(N, unit, .doc = "instances, USD, percent"),
	FIELD(N, window_s, .doc = "Time it covers; 0 = now"),
	FIELD(N, since, .flags = FF_NULLABLE,
	    .doc = "Age of the oldest thing it rests on"),
	FIELD(N, coverage, .doc = "Share of the regions and services seen"),
	FIELD_END
};
#undef N
static const struct schema number_schema = {
	.name = "ClientNumber", .doc = "One number with its age",
	.size = sizeof(struct number), .fields = number_fields
};

static int
load(struct ctx *c, struct spot_summary *s)
{
	const struct uuid all = { { 0 } };
	struct rows alike;

	return spot_summary_load(c->db, c->a, c->who.tenant_id, all, s,
	    &alike, &c->err);
}

static int
answer(struct ctx *c, const struct spot_summary *s, const char *name,
    const char *unit, double value)
{
	struct number n = { name, unit, value, 0, s->oldest_scan_at,
	    s->coverage };

	return reply(c, &n);
}

static int
active_instances(struct ctx *c, const void *in)
{
	struct spot_summary s;

	(void)in;
	return load(c, &s) == -1 ? fail_err(c) : answer(c, &s,
	    "active-instances", "instances", (double)s.running);
}

static int
optimization_rate(struct ctx *c, const void *in)
{
	struct spot_summary s;

	(void)in;
	return load(c, &s) == -1 ? fail_err(c) : answer(c, &s,
	    "optimization-rate", "percent", 100 * s.spot_share);
}

enum { WINDOW_DAYS = 30 };
#define DAY_US (INT64_C(86400) * US_PER_S)

static int
cost_savings(struct ctx *c, const void *in)
{
	struct spot_saving_ask q = { .tenant = c->who.tenant_id,
	    .from = { c->now.us - WINDOW_DAYS * DAY_US }, .to = c->now };
	struct spot_saving_line l;
	struct spot_summary s;
	struct number n = { "cost-savings", "USD", 0, WINDOW_DAYS * 86400,
	    { 0 }, 0 };

	(void)in;
	if (load(c, &s) == -1 ||
	    spot_saving_sum(c->db, c->a, &q, &l, &c->err) == -1)
		return fail_err(c);
	n.value = (double)l.saved_micro / 1e6;
	n.since = s.oldest_scan_at;
	n.coverage = s.coverage;
	return reply(c, &n);
}

/* ---- GET /api/v1/pipeline/funnel, status ------------------------------------------ */

struct stage {
	const char *name;
	int64_t count;
	double percent;
};
static const struct field stage_fields[] = {
	FIELD(struct stage, name, .doc = "Stage"),
	FIELD(struct stage, count, .doc = "Instances that reach it"),
	FIELD(struct stage, percent, .doc = "Of the first stage"),
	FIELD_END
};
static const struct schema stage_schema = {
	.name = "PipelineStage", .doc = "A stage of the funnel",
	.size = sizeof(struct stage), .fields = stage_fields
};
struct funnel {
	const char *status;
	struct list stages;
	double coverage;
	struct utc oldest_scan_at;
};
static const struct field funnel_fields[] = {
	FIELD(struct funnel, status, .oneof = ONEOF("healthy", "degraded",
	    "unhealthy"), .doc = "healthy from 90 % coverage, degraded from "
	    "70 %"),
	FIELD(struct funnel, stages, .sub = &stage_schema,
	    .doc = "From all instances to those on spot"),
	FIELD(struct funnel, coverage,
	    .doc = "Share of the regions and services seen"),
	FIELD(struct funnel, oldest_scan_at, .flags = FF_NULLABLE,
	    .doc = "Age of the oldest of them"),
	FIELD_END
};
static const struct schema funnel_schema = {
	.name = "PipelineFunnel", .doc = "How instances get to spot",
	.size = sizeof(struct funnel), .fields = funnel_fields
};

static int
pipeline_funnel(struct ctx *c, const void *in)
{
	struct spot_summary s;
	struct funnel out = { 0 };
	struct stage v[4];

	(void)in;
	if (load(c, &s) == -1)
		return fail_err(c);
	v[0] = (struct stage){ "discovered", s.nodes, 0 };
	v[1] = (struct stage){ "running", s.running, 0 };
	v[2] = (struct stage){ "priced", s.running - s.unpriced, 0 };
	v[3] = (struct stage){ "spot", s.spot, 0 };
	for (int i = 0; i < 4; i++)
		v[i].percent = s.nodes > 0 ? 100.0 * (double)v[i].count /
		    (double)s.nodes : 0;
	out.stages = (struct list){ v, 4 };
	out.coverage = s.coverage;
	out.oldest_scan_at = s.oldest_scan_at;
	out.status = s.coverage >= 0.9 ? "healthy" : s.coverage >= 0.7 ?
	    "degraded" : "unhealthy";
	return reply(c, &out);
}

#define READS .method = HTTP_GET, .seed = "001", .auth = AUTH_USER, \
	.permission = "spot:read", .ok = 200
const struct route spot_compat_metric_routes[] = {
	{ .id = "spot.compat.active", READS,
	  .path = "/api/v1/metrics/active-instances",
	  .summary = "Running instances", .out = &number_schema,
	  .run = active_instances },
	{ .id = "spot.compat.rate", READS,
	  .path = "/api/v1/metrics/optimization-rate",
	  .summary = "Share of spot among the running, percent",
	  .out = &number_schema, .run = optimization_rate },
	{ .id = "spot.compat.saved", READS,
	  .path = "/api/v1/metrics/cost-savings",
	  .summary = "Saved in 30 days, by the ledger",
	  .out = &number_schema, .run = cost_savings },
	{ .id = "spot.compat.funnel", READS,
	  .path = "/api/v1/pipeline/funnel", .aliases = ALIASES(
	  { "/api/v1/pipeline/status", "001", false }),
	  .summary = "How instances get to spot", .out = &funnel_schema,
	  .run = pipeline_funnel },
	ROUTE_END
};
