/*
 * `quincunx routes` and `quincunx openapi`: what exists, without a server.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"
#include "db/env.h"
#include "modules/auth/auth.h"
#include "modules/platform/route.h"
#include "modules/platform/terminal.h"

static void
print(const struct rows *rows, bool json, struct str *out)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct platform_route *r = ROW(rows,
		    struct platform_route, i);
		const char *const *al = r->aliases.items;

		if (json) {
			schema_encode(&platform_route_schema, r, out);
			str_addc(out, '\n');
			continue;
		}
		str_addf(out, "%-7s %-48s %-8s %-8s %s\n", r->method, r->path,
		    r->pool, r->auth, r->permission != NULL ? r->permission :
		    "");
		for (size_t k = 0; k < r->aliases.n; k++)
			str_addf(out, "%-7s   = %s\n", "", al[k]);
	}
}

static int
routes(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	const char *seed = NULL;
	struct err e = { 0 };
	struct rows rows;
	struct http *h;
	struct str out;
	bool json = false;

	while (platform_terminal_option(&w, "--seed", &seed) ||
	    (platform_terminal_option(&w, "--json", NULL) && (json = true)))
		;
	if (w.i != argc)
		return platform_terminal_usage("routes [--seed 003] [--json]");
	if (http_open(&h, env, &auth_http_hooks, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&out, env->a);
	platform_route_rows(h, env->a, seed, &rows);
	print(&rows, json, &out);
	return platform_terminal_write(&out);
}

static int
openapi(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	const char *seed = NULL;
	struct err e = { 0 };
	struct http *h;
	struct str out;

	platform_terminal_option(&w, "--seed", &seed);
	if (w.i != argc)
		return platform_terminal_usage("openapi [--seed 003]");
	if (http_open(&h, env, &auth_http_hooks, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&out, env->a);
	openapi_emit(h, seed, &out);
	str_addc(&out, '\n');
	return platform_terminal_write(&out);
}

const struct command platform_route_commands[] = {
	{ "routes", "[--seed 003] [--json]", "Lists every route with pool, "
	  "authentication and permission", COMMAND_ALONE, routes },
	{ "openapi", "[--seed 003]", "Prints the OpenAPI document",
	  COMMAND_ALONE,
	  openapi },
	{ .name = NULL }
};
