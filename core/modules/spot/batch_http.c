/*
 * Batch jobs over HTTP: made, ticked by whoever runs them, their decisions
 * read.
 */
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "http/http.h"
#include "modules/spot/batch.h"
#include "modules/spot/rows.h"

struct make_in {
	const char *name, *market, *region, *instance_type, *policy;
	double work_s, deadline_s, changeover_s, tick_s, theta;
};
#define M struct make_in
static const struct field make_fields[] = {
	FIELD(M, name, .flags = FF_REQUIRED, .min = 1, .max = 100,
	    .example = "\"render\"", .doc = "Name"),
	FIELD(M, market, .oneof = ONEOF("aws", "simulated"),
	    .def = "\"aws\"", .doc = "Whose pools"),
	FIELD(M, region, .flags = FF_REQUIRED, .min = 1, .max = 32,
	    .example = "\"us-east-1\"", .doc = "Region: all its zones are "
	    "one offer"),
	FIELD(M, instance_type, .flags = FF_REQUIRED, .min = 1, .max = 64,
	    .example = "\"m5.large\"", .doc = "Type it runs on"),
	FIELD(M, work_s, .flags = FF_REQUIRED, .min = 1, .max = 100000000,
	    .example = "36000", .doc = "Seconds of work"),
	FIELD(M, deadline_s, .flags = FF_REQUIRED, .min = 1,
	    .max = 100000000, .example = "86400",
	    .doc = "Seconds from now until it must be done"),
	FIELD(M, changeover_s, .min = 0, .max = 1000000, .def = "180",
	    .doc = "Seconds lost at each start on a machine"),
	FIELD(M, tick_s, .min = 1, .max = 86400, .def = "600",
	    .doc = "Seconds from decision to decision"),
	FIELD(M, theta, .min = 0, .max = 10, .def = "0",
	    .doc = "Of the paced policy; 0 = 0.5"),
	FIELD(M, policy, .oneof = ONEOF("on_demand", "greedy",
	    "uniform_progress", "paced"), .def = "\"paced\"",
	    .doc = "Deadline policy"),
	FIELD_END
};
#undef M
static const struct schema make_schema = {
	.name = "SpotBatchNew", .doc = "Work with a deadline",
	.size = sizeof(struct make_in), .fields = make_fields
};

static int
make(struct ctx *c, const void *in)
{
	const struct make_in *p = in;
	struct spot_deadline_job j = { .work_s = p->work_s,
	    .deadline_s = p->deadline_s, .changeover_s = p->changeover_s,
	    .tick_s = p->tick_s, .demand_price = 1, .spot_price = 1 };
	struct spot_batch b = { .id = uuid_new(),
	    .tenant_id = c->who.tenant_id, .name = p->name,
	    .market = p->market, .region = p->region,
	    .instance_type = p->instance_type, .policy = p->policy,
	    .work_s = p->work_s, .changeover_s = p->changeover_s,
	    .tick_s = p->tick_s, .theta = p->theta, .deadline = { c->now.us +
	    (int64_t)(p->deadline_s * 1e6) }, .state = "open",
	    .place = "idle", .pool = "", .created_by = c->who.name,
	    .created_at = c->now };
	struct spot_deadline_seen seen;

	if (spot_deadline_check(&j, c->a, &c->err) == -1)
		return fail_err(c);
	spot_deadline_begin(&seen);
	b.up_s = seen.up_s;
	b.up_ends = seen.up_ends;
	b.down_s = seen.down_s;
	b.down_ends = seen.down_ends;
	b.seen_before = seen.before;
	if (spot_batch_insert(c->db, &b, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "spot_batch", b.id);
	return reply(c, &b);
}

struct list_in {
	struct page_in page;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in), FIELD_END
};
static const struct schema list_schema = {
	.name = "SpotBatchFilter", .doc = "Which batch jobs",
	.size = sizeof(struct list_in), .fields = list_fields
};

static int
list(struct ctx *c, const void *in)
{
	const struct list_in *p = in;
	struct uuid after = { { 0 } };
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &after) == -1 ||
	    spot_batch_page(c->db, c->a, c->who.tenant_id, after,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_batch, id)));
}

static int
load(struct ctx *c, struct uuid id, bool lock, struct spot_batch *b)
{
	return spot_found(spot_batch_by_id(c->db, c->a, c->who.tenant_id, id,
	    lock, b, &c->err), "Batch job", &c->err);
}

static int
get(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;
	struct spot_batch b;

	if (load(c, p->id, false, &b) == -1)
		return fail_err(c);
	return reply(c, &b);
}

static int
cancel(struct ctx *c, const void *in)
{
	const struct spot_id_in *p = in;
	struct spot_batch b;

	if (load(c, p->id, true, &b) == -1)
		return fail_err(c);
	if (strcmp(b.state, "open") == 0) {
		b.state = "cancelled";
		b.place = "idle";
		b.pool = "";
		if (spot_batch_update(c->db, &b, &c->err) == -1)
			return fail_err(c);
	}
	ctx_target_id(c, "spot_batch", p->id);
	return reply(c, &b);
}

struct tick_in {
	struct uuid id;
	double done_s;
	const char *runs_on;
};
static const struct field tick_fields[] = {
	FIELD(struct tick_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"),
	FIELD(struct tick_in, done_s, .flags = FF_REQUIRED, .min = 0,
	    .max = 100000000, .example = "0",
	    .doc = "Seconds of work done so far"),
	FIELD(struct tick_in, runs_on, .oneof = ONEOF("idle", "spot",
	    "on_demand"), .def = "\"idle\"",
	    .doc = "Where it runs now; idle after a loss"),
	FIELD_END
};
static const struct schema tick_schema = {
	.name = "SpotBatchTick", .doc = "How far it is",
	.size = sizeof(struct tick_in), .fields = tick_fields
};

static int
tick(struct ctx *c, const void *in)
{
	const struct tick_in *p = in;
	enum spot_place on = PLACE_IDLE;
	struct spot_batch_step s;
	struct spot_batch b;

	for (int i = 0; spot_place_names[i] != NULL; i++)
		if (strcmp(spot_place_names[i], p->runs_on) == 0)
			on = (enum spot_place)i;
	if (spot_batch_tick(c->db, c->a, c->who.tenant_id, p->id, on,
	    p->done_s, c->now, &b, &s, &c->err) == -1)
		return fail_err(c);
	return reply(c, &s);
}

struct trace_in {
	struct page_in page;
	struct uuid id;
};
static const struct field trace_fields[] = {
	PAGE_LIMIT(struct trace_in), PAGE_CURSOR(struct trace_in),
	FIELD(struct trace_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"), FIELD_END
};
static const struct schema trace_schema = {
	.name = "SpotBatchTrace", .doc = "Of which batch job",
	.size = sizeof(struct trace_in), .fields = trace_fields
};

static int
trace(struct ctx *c, const void *in)
{
	const struct trace_in *p = in;
	const char *key, *next = NULL;
	int64_t after = 0;
	struct spot_batch b;
	struct rows rows;

	if (cursor_open(c, p->page.cursor, &key) == -1 ||
	    load(c, p->id, false, &b) == -1)
		return fail_err(c);
	if (*key != '\0' && num_i64(key, strlen(key), &after) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (spot_batch_steps(c->db, c->a, p->id, after, p->page.limit + 1,
	    &rows, &c->err) == -1)
		return fail_err(c);
	if ((int64_t)rows.n > p->page.limit) {
		rows.n = (size_t)p->page.limit;
		next = cursor_seal(c, arena_printf(c->a, "%lld", (long long)
		    ROW(&rows, struct spot_batch_step, rows.n - 1)->n));
	}
	return reply_list(c, &rows, next);
}

const struct route spot_batch_routes[] = {
	{ .id = "spot.batch.list", .method = HTTP_GET,
	  .path = "/api/spot/batch-jobs", .summary = "Work with a deadline",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &list_schema,
	  .out = &spot_batch_schema, .ok = 200, .flags = R_LIST,
	  .run = list },
	{ .id = "spot.batch.create", .method = HTTP_POST,
	  .path = "/api/spot/batch-jobs", .aliases = ALIASES(
	  { "/api/v1/batch-jobs", "001", false }),
	  .summary = "Place work with a deadline",
	  .doc = "Its owner runs it: at each tick how far it is and where it "
	  "runs is told, and where to run until the next one is answered.",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &make_schema,
	  .out = &spot_batch_schema, .ok = 201,
	  .flags = R_TXN | R_IDEMPOTENT | R_AUDIT, .run = make },
	{ .id = "spot.batch.get", .method = HTTP_GET,
	  .path = "/api/spot/batch-jobs/{id:uuid}",
	  .summary = "One batch job", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &spot_id_in_schema,
	  .out = &spot_batch_schema, .ok = 200, .errors = ERRORS(404),
	  .run = get },
	{ .id = "spot.batch.cancel", .method = HTTP_DELETE,
	  .path = "/api/spot/batch-jobs/{id:uuid}",
	  .summary = "No further decisions", .auth = AUTH_USER,
	  .permission = "spot:write", .in = &spot_id_in_schema,
	  .out = &spot_batch_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TXN | R_AUDIT, .run = cancel },
	{ .id = "spot.batch.tick", .method = HTTP_POST,
	  .path = "/api/spot/batch-jobs/{id:uuid}/tick",
	  .summary = "Where to run until the next tick",
	  .auth = AUTH_USER, .permission = "spot:write", .in = &tick_schema,
	  .out = &spot_batch_step_schema, .ok = 200,
	  .errors = ERRORS(404, 409, 422), .flags = R_TXN | R_IDEMPOTENT,
	  .run = tick },
	{ .id = "spot.batch.trace", .method = HTTP_GET,
	  .path = "/api/spot/batch-jobs/{id:uuid}/trace",
	  .summary = "Its decisions, oldest first", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &trace_schema,
	  .out = &spot_batch_step_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = trace },
	ROUTE_END
};
