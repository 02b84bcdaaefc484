/*
 * GET /api/system/routes.
 */
#include <stddef.h>

#include "http/ctx.h"
#include "modules/platform/route.h"

struct list_in {
	const char *seed;
};
static const struct field in_fields[] = {
	FIELD(struct list_in, seed, .max = 8, .flags = FF_NULLABLE,
	    .pattern = "^[0-9]*$",
	    .doc = "Only what this document names, \"003\""),
	FIELD_END
};
static const struct schema in_schema = {
	.name = "RouteQuery", .doc = "Which routes",
	.size = sizeof(struct list_in), .fields = in_fields
};

static int
route_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct rows rows;

	platform_route_rows(c->http, c->a, i->seed, &rows);
	return reply_list(c, &rows, NULL);
}

const struct route platform_route_routes[] = {
	{ .id = "system.route.list", .method = HTTP_GET,
	  .path = "/api/system/routes", .auth = AUTH_USER,
	  .permission = "system:read", .in = &in_schema,
	  .out = &platform_route_schema, .ok = 200, .flags = R_LIST,
	  .run = route_list, .summary = "Routes, who may, and how they do" },
	ROUTE_END
};
