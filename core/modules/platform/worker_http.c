/*
 * Workers over HTTP.
 */
#include "http/ctx.h"
#include "modules/platform/worker.h"

static int
workers_get(struct ctx *c, const void *in)
{
	struct platform_workers w;

	(void)in;
	if (platform_workers(c->env, c->db, c->a, &w, &c->err) == -1)
		return fail_err(c);
	return reply(c, &w);
}

const struct route platform_worker_routes[] = {
	{ .id = "system.worker.get", .method = HTTP_GET,
	  .path = "/api/system/workers", .auth = AUTH_USER,
	  .permission = "system:processes", .out = &platform_workers_schema,
	  .ok = 200, .run = workers_get,
	  .summary = "Dispatchers, job children and control loops" },
	ROUTE_END
};
