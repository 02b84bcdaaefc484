/*
 * Queues over HTTP.
 */
#include "http/ctx.h"
#include "jobs/look.h"
#include "modules/platform/queue.h"

#define NAME(T) FIELD(T, name, .fmt = FMT_SLUG, .max = 64, \
	.flags = FF_REQUIRED, .doc = "Name of the queue")

struct one_in {
	const char *name;
	bool external;
};
static const struct field one_fields[] = {
	NAME(struct one_in), FIELD(struct one_in, external, .def = "true",
	    .doc = "The tenant's own; false: the installation's"), FIELD_END
};
static const struct schema one_schema = {
	.name = "QueueName", .doc = "Which queue",
	.size = sizeof(struct one_in), .fields = one_fields
};

struct patch_in {
	const char *name;
	bool external, paused;
	int64_t rate_n, rate_s, max_running;
};
static const struct field patch_fields[] = {
	NAME(struct patch_in),
	FIELD(struct patch_in, external, .def = "true", .doc = "The tenant's "
	    "own, made when it is not there; false: the installation's"),
	FIELD(struct patch_in, paused, .doc = "Claim nothing from it"),
	FIELD(struct patch_in, rate_n, .min = 0, .max = 1000000,
	    .doc = "Starts at most …; 0 = no limit"),
	FIELD(struct patch_in, rate_s, .min = 1, .max = 86400, .def = "1",
	    .doc = "… in so many seconds; with rate_n"),
	FIELD(struct patch_in, max_running, .min = 0, .max = 1000000,
	    .doc = "At once over all hosts; 0 = no limit"), FIELD_END
};
static const struct schema patch_schema = {
	.name = "QueuePatch", .doc = "Valves of a queue that change",
	.size = sizeof(struct patch_in), .fields = patch_fields
};

static int
queue_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (platform_queue_all(c->db, c->a, c->who.tenant_id, true, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
lease_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (jobs_workers(c->db, c->a, 1000, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
queue_get(struct ctx *c, const void *in)
{
	const struct one_in *i = in;
	struct platform_queue q;

	if (platform_queue_get(c->db, c->a, c->who.tenant_id, i->name,
	    i->external, &q, &c->err) == -1)
		return fail_err(c);
	return reply(c, &q);
}

static int
queue_update(struct ctx *c, const void *in)
{
	const struct schema *s = c->route->in;
	const struct patch_in *i = in;
	struct platform_queue_set set = { .name = i->name,
	    .external = i->external, .paused = i->paused,
	    .rate_n = i->rate_n, .rate_s = i->rate_s,
	    .max_running = i->max_running,
	    .has_paused = SEEN(c->seen, s, struct patch_in, paused),
	    .has_rate = SEEN(c->seen, s, struct patch_in, rate_n),
	    .has_max = SEEN(c->seen, s, struct patch_in, max_running) };
	struct platform_queue q;

	ctx_target(c, "queue", i->name, NULL);
	if (platform_queue_change(c->db, c->a, &c->who, &set, &q,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &q);
}

const struct route platform_queue_routes[] = {
	{ .id = "system.queue.list", .method = HTTP_GET,
	  .path = "/api/system/queues", .auth = AUTH_USER,
	  .permission = "jobs:read", .out = &platform_queue_schema,
	  .ok = 200, .flags = R_LIST, .run = queue_list,
	  .summary = "Queues with what waits in them", .doc = "Counts are of "
	  "the caller's tenant." },
	{ .id = "system.queue.get", .method = HTTP_GET,
	  .path = "/api/system/queues/{name}", .auth = AUTH_USER,
	  .permission = "jobs:read", .in = &one_schema,
	  .out = &platform_queue_schema, .ok = 200, .errors = ERRORS(404),
	  .run = queue_get, .summary = "One queue" },
	{ .id = "system.queue.update", .method = HTTP_PATCH,
	  .path = "/api/system/queues/{name}", .auth = AUTH_USER,
	  .permission = "jobs:control", .in = &patch_schema,
	  .out = &platform_queue_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .natural_key = "the state that is asked for",
	  .run = queue_update, .summary = "Pause a queue, or limit its rate "
	  "and how much of it runs at once" },
	{ .id = "system.lease.list", .method = HTTP_GET,
	  .path = "/api/system/leases", .auth = AUTH_USER,
	  .permission = "system:processes", .out = &jobs_worker_schema,
	  .ok = 200, .flags = R_LIST, .run = lease_list,
	  .summary = "Who works: dispatchers, and jobs in external hands" },
	ROUTE_END
};
