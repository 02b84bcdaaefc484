/*
 * Risk over HTTP: of a pool, of the model in force, and what is heard about
 * pools. Every number with its age.
 */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "http/http.h"
#include "jobs/job.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

struct pool_in {
	int64_t id;
};
static const struct field pool_fields[] = {
	FIELD(struct pool_in, id, .flags = FF_REQUIRED, .min = 1,
	    .max = INT64_MAX, .doc = "Pool"), FIELD_END
};
static const struct schema pool_schema = {
	.name = "SpotPoolId", .doc = "Which pool",
	.size = sizeof(struct pool_in), .fields = pool_fields
};

/* ---- a pool ------------------------------------------------------------------- */

struct age {
	double from_h, hazard, hour_loss, residual_h, hours_seen, losses_seen;
};
static const struct field age_fields[] = {
	FIELD(struct age, from_h, .doc = "Of this age and more, hours"),
	FIELD(struct age, hazard, .doc = "Losses per hour"),
	FIELD(struct age, hour_loss, .doc = "Lost within the next hour"),
	FIELD(struct age, residual_h, .doc = "Further life expected, hours"),
	FIELD(struct age, hours_seen, .doc = "Hours run at this age that were "
	    "counted"),
	FIELD(struct age, losses_seen, .doc = "Losses among them"),
	FIELD_END
};
static const struct schema age_schema = {
	.name = "SpotPoolAge", .doc = "Risk at an age",
	.size = sizeof(struct age), .fields = age_fields
};

struct pool_out {
	int64_t id;
	const char *pool, *market, *region, *model;
	struct uuid model_id;
	struct utc trained_at, counted_at;
	double loss_1h, loss_24h, residual_h;
	double avail_fast, avail_slow;
	struct utc seen_at, notice_at, full_until, score_at;
	int64_t full_n, interruption;
	const char *interruption_label;
	struct utc interruption_at, price_at;
	struct dec price;
	double score;
	struct list ages;
	struct json calibration;
};
#define P struct pool_out
#define AT(m, d) FIELD(P, m, .flags = FF_NULLABLE, .doc = d)
static const struct field out_fields[] = {
	FIELD(P, id, .doc = "Pool"), FIELD(P, pool, .doc = "Zone and type"),
	FIELD(P, market, .doc = "Whose market"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, model, .doc = "What the figures come from"),
	AT(model_id, "The model in force"), AT(trained_at, "Since when"),
	AT(counted_at, "When hours and losses were counted"),
	FIELD(P, loss_1h, .doc = "A new instance is lost within an hour"),
	FIELD(P, loss_24h, .doc = "… within a day"),
	FIELD(P, residual_h, .doc = "Life expected of a new instance, hours"),
	FIELD(P, avail_fast, .doc = "Capacity in the last hours, 0-1"),
	FIELD(P, avail_slow, .doc = "Capacity in the last days, 0-1"),
	AT(seen_at, "Last word about capacity"),
	AT(notice_at, "Last rebalance or interruption"),
	FIELD(P, full_n, .doc = "No-capacity answers in a row"),
	AT(full_until, "Not asked again before"),
	FIELD(P, interruption, .doc = "Class 0-4; -1 = not known"),
	FIELD(P, interruption_label, .doc = "The same in words"),
	AT(interruption_at, "As of"),
	FIELD(P, score, .doc = "Placement score 1-10; 0 = not known"),
	AT(score_at, "As of"), AT(price, "Spot price"),
	AT(price_at, "Since when"),
	FIELD(P, ages, .sub = &age_schema, .doc = "Risk by age"),
	FIELD(P, calibration, .flags = FF_NULLABLE,
	    .doc = "How good the model's forecasts are: figures on data it "
	    "has not seen"),
	FIELD_END
};
#undef P
static const struct schema out_schema = {
	.name = "SpotPoolRiskNow", .doc = "What is known of a pool's risk",
	.size = sizeof(struct pool_out), .fields = out_fields
};

static struct list
ages_of(struct ctx *c, const struct spot_hazard *z,
    const struct spot_exposure *x)
{
	struct age *v = arena_array(c->a, SPOT_AGES, sizeof(*v));

	for (int b = 0; b < SPOT_AGES; b++)
		v[b] = (struct age){ spot_age_from[b], z->h[b],
		    spot_hazard_loss(z, spot_age_from[b], 1),
		    spot_hazard_residual(z, spot_age_from[b]), x->hours[b],
		    x->lost[b] };
	return (struct list){ v, SPOT_AGES };
}

static void
fill(struct ctx *c, const struct spot_pool_about *p,
    const struct spot_pool_state *s, const struct spot_pool_risk *r,
    const struct spot_risk_live *live, struct pool_out *out)
{
	const struct spot_exposure none = { .hours = { 0 } };
	struct spot_exposure x = r != NULL ? spot_pool_exposure(r) : none;
	const struct spot_offer o = { .az = p->az, .instance_type =
	    p->instance_type, .interruption = p->interruption };
	struct spot_hazard z = spot_hazard_flat(spot_class_hazard(
	    p->interruption));

	if (live->found)
		z = spot_risk_of(c->a, live, &o, s, r, 0, c->now);
	*out = (struct pool_out){ .id = p->id, .market = p->market,
	    .pool = spot_pool_name(c->a, p->az, p->instance_type),
	    .region = p->region, .model = live->found ? live->label :
	    SPOT_CLASS_MODEL, .model_id = live->id,
	    .trained_at = live->trained, .calibration = live->metrics,
	    .loss_1h = spot_hazard_loss(&z, 0, 1),
	    .loss_24h = spot_hazard_loss(&z, 0, 24),
	    .residual_h = spot_hazard_residual(&z, 0),
	    .avail_fast = s->avail_fast, .avail_slow = s->avail_slow,
	    .seen_at = s->seen_at, .notice_at = s->notice_at,
	    .full_n = s->full_n, .full_until = s->full_until,
	    .score = s->score, .score_at = s->score_at,
	    .interruption = p->interruption, .interruption_label =
	    spot_class_label(p->interruption),
	    .interruption_at = p->interruption_at, .price = p->price,
	    .price_at = p->price_at, .ages = ages_of(c, &z, &x) };
	if (r != NULL)
		out->counted_at = r->asof;
}

static int
pool_risk(struct ctx *c, const void *in)
{
	const struct pool_in *p = in;
	struct spot_pool_about about;
	struct spot_pool_state s;
	struct spot_pool_risk r;
	struct spot_risk_live live;
	struct pool_out out;
	int rc;

	if (spot_found(spot_pool_about(c->db, c->a, p->id, &about, &c->err),
	    "Pool", &c->err) == -1 ||
	    spot_pool_state_get(c->db, c->a, p->id, &s, &c->err) == -1 ||
	    spot_risk_load(c->db, c->a, about.market, &live, &c->err) == -1)
		return fail_err(c);
	rc = spot_pool_risk_get(c->db, c->a, p->id, &r, &c->err);
	if (rc == -1)
		return fail_err(c);
	fill(c, &about, &s, rc == 0 ? &r : NULL, &live, &out);
	return reply(c, &out);
}

/* ---- signals -------------------------------------------------------------------- */

struct signals_in {
	struct page_in page;
	int64_t id;
};
static const struct field signals_fields[] = {
	PAGE_LIMIT(struct signals_in), PAGE_CURSOR(struct signals_in),
	FIELD(struct signals_in, id, .flags = FF_REQUIRED, .min = 1,
	    .max = INT64_MAX, .doc = "Pool"), FIELD_END
};
static const struct schema signals_schema = {
	.name = "SpotSignalFilter", .doc = "Of which pool",
	.size = sizeof(struct signals_in), .fields = signals_fields
};

static int
signal_list(struct ctx *c, const void *in)
{
	const struct signals_in *p = in;
	const char *key, *next = NULL;
	int64_t before = INT64_MAX;
	struct rows rows;

	if (cursor_open(c, p->page.cursor, &key) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &before) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (spot_signal_page(c->db, c->a, p->id, before, p->page.limit + 1,
	    &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > p->page.limit) {
		rows.n = (size_t)p->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct spot_signal_row, rows.n - 1)->id));
	}
	return reply_list(c, &rows, next);
}

struct hours_in {
	struct utc below;
	int64_t id, limit;
};
static const struct field hours_fields[] = {
	FIELD(struct hours_in, below, .flags = FF_NULLABLE,
	    .doc = "Only hours before this one"),
	FIELD(struct hours_in, id, .flags = FF_REQUIRED, .min = 1,
	    .max = INT64_MAX, .doc = "Pool"),
	FIELD(struct hours_in, limit, .def = "168", .min = 1, .max = 1000,
	    .doc = "Rows at most"), FIELD_END
};
static const struct schema hours_schema = {
	.name = "SpotSignalHours", .doc = "Of which pool",
	.size = sizeof(struct hours_in), .fields = hours_fields
};

struct hours_out {
	struct list items;
};
static const struct field hours_out_fields[] = {
	FIELD(struct hours_out, items, .sub = &spot_signal_hour_schema,
	    .doc = "Newest first"), FIELD_END
};
static const struct schema hours_out_schema = {
	.name = "SpotSignalsByHour", .doc = "Signals of a pool by the hour",
	.size = sizeof(struct hours_out), .fields = hours_out_fields
};

static int
signal_hours(struct ctx *c, const void *in)
{
	const struct hours_in *p = in;
	struct hours_out out;
	struct rows rows;

	if (spot_signal_hour_page(c->db, c->a, p->id, p->below.us != 0 ?
	    p->below : c->now, p->limit, &rows, &c->err) == -1)
		return fail_err(c);
	out.items = (struct list){ rows.v, rows.n };
	return reply(c, &out);
}

struct signal_in {
	const char *market, *availability_zone, *instance_type, *product;
	const char *kind;
	double value;
	struct utc at;
};
#define S struct signal_in
static const struct field signal_fields[] = {
	FIELD(S, market, .oneof = ONEOF("aws", "simulated"),
	    .def = "\"aws\"", .doc = "Whose market"),
	FIELD(S, availability_zone, .flags = FF_REQUIRED, .min = 1,
	    .max = 64, .example = "\"us-east-1a\"", .doc = "Zone"),
	FIELD(S, instance_type, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .example = "\"m5.large\"", .doc = "Type"),
	FIELD(S, product, .max = 64, .def = "\"Linux/UNIX\"",
	    .doc = "Product"),
	FIELD(S, kind, .flags = FF_REQUIRED, .oneof = ONEOF("probe_ok",
	    "probe_ice", "launch_ok", "launch_ice", "rebalance", "interrupt",
	    "score", "advisor"), .example = "\"probe_ok\"",
	    .doc = "What was heard; ice: no capacity"),
	FIELD(S, value, .min = 0, .max = 100, .def = "1",
	    .doc = "Score or class; else 1"),
	FIELD(S, at, .flags = FF_NULLABLE, .doc = "When; now if absent"),
	FIELD_END
};
#undef S
static const struct schema signal_schema = {
	.name = "SpotSignalPut", .doc = "Something heard about a pool",
	.size = sizeof(struct signal_in), .fields = signal_fields
};

static int
signal_create(struct ctx *c, const void *in)
{
	const struct signal_in *p = in;
	const char *region = spot_zone_region(c->a, p->availability_zone);
	struct spot_signal_row out = { .kind = p->kind, .value = p->value,
	    .at = p->at.us != 0 ? p->at : c->now };

	if (region == NULL)
		return fail_field(c, "availability_zone", "value_error",
		    "Value error, not an availability zone");
	if (out.at.us > c->now.us + 60 * INT64_C(1000000))
		return fail_field(c, "at", "value_error",
		    "Value error, lies in the future");
	if (spot_signal_put_named(c->db, c->a, p->market, region,
	    p->availability_zone, p->instance_type, p->product, p->kind,
	    p->value, out.at, &out.pool_id, &c->err) == -1)
		return fail_err(c);
	out.id = (int64_t)db_insert_id(c->db);
	return reply(c, &out);
}

/* ---- the model ------------------------------------------------------------------- */

struct model_in {
	const char *market;
};
static const struct field model_fields[] = {
	FIELD(struct model_in, market, .oneof = ONEOF("aws", "simulated"),
	    .def = "\"aws\"", .doc = "Whose pools"), FIELD_END
};
static const struct schema model_schema = {
	.name = "SpotRiskOf", .doc = "Of which market",
	.size = sizeof(struct model_in), .fields = model_fields
};
struct model_out {
	const char *market, *model, *format;
	struct uuid id;
	int64_t version;
	struct utc trained_at;
	struct json metrics;
	struct list ages, inputs, coef, unfitted;
	int64_t groups;
};
#define M struct model_out
static const struct field model_out_fields[] = {
	FIELD(M, market, .doc = "Whose pools"),
	FIELD(M, model, .doc = "Name and version, or what is used without"),
	FIELD(M, id, .flags = FF_NULLABLE, .doc = "In the registry"),
	FIELD(M, version, .doc = "0 = there is none"),
	FIELD(M, format, .doc = "Form of its content"),
	FIELD(M, trained_at, .flags = FF_NULLABLE, .doc = "Since when"),
	FIELD(M, metrics, .flags = FF_NULLABLE,
	    .doc = "On data it has not seen: Brier, AUC, reliability"),
	FIELD(M, ages, .sub = &spot_risk_age_schema,
	    .doc = "Hazards by age, all pools"),
	FIELD(M, inputs, .elem = FT_STR, .doc = "Inputs of the regression"),
	FIELD(M, coef, .elem = FT_REAL, .doc = "Intercept, then one each"),
	FIELD(M, unfitted, .elem = FT_STR, .doc = "Inputs whose coefficient "
	    "is 0 because the data it was fitted to never told them apart: "
	    "they move no forecast"),
	FIELD(M, groups, .doc = "Families in zones with hazards of their "
	    "own"),
	FIELD_END
};
#undef M
static const struct schema model_out_schema = {
	.name = "SpotRiskNow", .doc = "The risk model in force",
	.size = sizeof(struct model_out), .fields = model_out_fields
};

/* The names of inputs that the fit could say nothing about. */
static struct list
unfitted(struct arena *a, const struct spot_risk_model *m)
{
	const char *const *names = m->inputs.items;
	const double *coef = m->coef.items;
	const char **v = arena_array(a, m->inputs.n, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < m->inputs.n && i + 1 < m->coef.n; i++)
		if (fpclassify(coef[i + 1]) == FP_ZERO)
			v[n++] = names[i];
	return (struct list){ v, n };
}

static int
model_get(struct ctx *c, const void *in)
{
	const struct model_in *p = in;
	struct model_out out = { .market = p->market,
	    .model = SPOT_CLASS_MODEL, .format = "" };
	struct spot_risk_age *v;
	struct spot_risk_live live;
	struct spot_hazard z;

	if (spot_risk_load(c->db, c->a, p->market, &live, &c->err) == -1)
		return fail_err(c);
	if (!live.found)
		return reply(c, &out);
	z = spot_risk_prior(&live.m, "");
	v = arena_array(c->a, SPOT_AGES, sizeof(*v));
	for (int b = 0; b < SPOT_AGES; b++)
		v[b] = (struct spot_risk_age){ spot_age_from[b], z.h[b],
		    spot_hazard_loss(&z, spot_age_from[b], 1),
		    spot_hazard_residual(&z, spot_age_from[b]) };
	out = (struct model_out){ .market = p->market, .model = live.label,
	    .format = SPOT_RISK_FORMAT, .id = live.id,
	    .version = live.version, .trained_at = live.trained,
	    .metrics = live.metrics, .ages = { v, SPOT_AGES },
	    .inputs = live.m.inputs, .coef = live.m.coef,
	    .unfitted = unfitted(c->a, &live.m),
	    .groups = (int64_t)live.m.groups.n };
	return reply(c, &out);
}

struct queued_out {
	struct uuid job_id;
	const char *type;
	bool existing;
};
static const struct field queued_fields[] = {
	FIELD(struct queued_out, job_id, .doc = "The job"),
	FIELD(struct queued_out, type, .doc = "Its type"),
	FIELD(struct queued_out, existing, .doc = "It was queued already"),
	FIELD_END
};
const struct schema spot_queued_schema = {
	.name = "SpotQueued", .doc = "Work that was queued",
	.size = sizeof(struct queued_out), .fields = queued_fields
};

int
spot_queue_reply(struct ctx *c, const struct job *job, const void *in,
    const char *unique)
{
	const struct job_options o = { .unique = unique,
	    .actor = c->who.name };
	struct queued_out out = { .type = job->name };
	int rc = job_enqueue(c->db, c->a, job, c->who.tenant_id, in, &o,
	    &out.job_id, &c->err);

	if (rc == -1)
		return fail_err(c);
	out.existing = rc == 1;
	return reply(c, &out);
}

static int
fit(struct ctx *c, const void *in)
{
	const struct spot_refit *p = in;

	return spot_queue_reply(c, &spot_risk_jobs[0], in, p->market);
}

const struct route spot_risk_routes[] = {
	{ .id = "spot.risk.pool", .method = HTTP_GET,
	  .path = "/api/spot/pools/{id:int}/risk", .aliases = ALIASES(
	  { "/api/v1/pools/{id:int}/risk", "001", false }),
	  .summary = "What is known of a pool's risk",
	  .doc = "Hazard by age, capacity, notices and back-off, with the "
	  "age of each number, and how good the model's forecasts are.",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &pool_schema,
	  .out = &out_schema, .ok = 200, .errors = ERRORS(404),
	  .run = pool_risk },
	{ .id = "spot.signal.list", .method = HTTP_GET,
	  .path = "/api/spot/pools/{id:int}/signals",
	  .summary = "Signals of a pool, newest first",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &signals_schema, .out = &spot_signal_row_schema, .ok = 200,
	  .flags = R_LIST, .run = signal_list },
	{ .id = "spot.signal.hours", .method = HTTP_GET,
	  .path = "/api/spot/pools/{id:int}/signals/hours",
	  .summary = "Signals of a pool by the hour, newest first",
	  .doc = "Single signals are kept for 90 days, these for two years.",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &hours_schema, .out = &hours_out_schema, .ok = 200,
	  .run = signal_hours },
	{ .id = "spot.signal.create", .method = HTTP_POST,
	  .path = "/api/spot/signals",
	  .summary = "Tell something heard about a pool",
	  .doc = "Launches and notices of connected accounts are told by "
	  "themselves; this is for probes and scores from elsewhere.",
	  .auth = AUTH_USER, .permission = "spot:prices",
	  .in = &signal_schema, .out = &spot_signal_row_schema, .ok = 201,
	  .flags = R_TXN | R_IDEMPOTENT, .run = signal_create },
	{ .id = "spot.risk.get", .method = HTTP_GET,
	  .path = "/api/spot/risk", .summary = "The risk model in force",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &model_schema,
	  .out = &model_out_schema, .ok = 200, .run = model_get },
	{ .id = "spot.risk.fit", .method = HTTP_POST,
	  .path = "/api/spot/risk/fit", .summary = "Fit the risk model anew",
	  .doc = "A job: what it finds is a candidate in the model registry, "
	  "live when its forecasts of what was held out are better.",
	  .auth = AUTH_USER, .permission = "spot:prices",
	  .in = &spot_refit_schema, .out = &spot_queued_schema, .ok = 202,
	  .flags = R_TXN | R_IDEMPOTENT | R_AUDIT, .run = fit },
	ROUTE_END
};
