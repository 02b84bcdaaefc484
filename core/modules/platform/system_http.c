/*
 * The installation at a glance, and its processes.
 */
#include "http/ctx.h"
#include "modules/platform/system.h"

static int
system_status(struct ctx *c, const void *in)
{
	struct platform_status st;

	(void)in;
	platform_status_fill(c->env, c->a, c->now, &st);
	/* of all for those who run the installation */
	platform_status_jobs(c->env, c->a, principal_may(&c->who,
	    "system:processes") ? (struct uuid){ { 0 } } : c->who.tenant_id,
	    &st);
	return reply(c, &st);
}

static int
process_list(struct ctx *c, const void *in)
{
	const struct platform_process *v;
	size_t n = platform_processes(c->env, c->a, &v);
	struct rows rows = { (void *)v, n, &platform_process_schema };

	(void)in;
	return reply_list(c, &rows, NULL);
}

const struct route platform_system_routes[] = {
	{ .id = "system.status.get", .method = HTTP_GET,
	  .path = "/api/system/status", .auth = AUTH_USER,
	  .permission = "system:read", .out = &platform_status_schema,
	  .ok = 200, .run = system_status,
	  .summary = "Version, uptime, pools, memory and counts",
	  .doc = "The queue's numbers are of the caller's tenant, or of all "
	  "for those who may see processes." },
	{ .id = "system.process.list", .method = HTTP_GET,
	  .path = "/api/system/processes", .auth = AUTH_USER,
	  .permission = "system:processes", .out = &platform_process_schema,
	  .ok = 200, .flags = R_LIST, .run = process_list,
	  .summary = "Processes of this host and what they are doing" },
	ROUTE_END
};
