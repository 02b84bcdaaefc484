/*
 * Rows about routes, from the tables and the counters. Changes nothing.
 */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "db/db.h"
#include "module.h"
#include "modules/platform/route.h"
#include "shm/dependency.h"

static const struct field fields[] = {
	FIELD(struct platform_route, id, .doc = "Name of the route"),
	FIELD(struct platform_route, method, .doc = "HTTP method"),
	FIELD(struct platform_route, path, .doc = "Canonical path"),
	FIELD(struct platform_route, summary, .doc = "What it does"),
	FIELD(struct platform_route, aliases, .elem = FT_STR,
	    .doc = "Other paths of the same route"),
	FIELD(struct platform_route, module, .doc = "Module that owns it"),
	FIELD(struct platform_route, file, .flags = FF_NULLABLE,
	    .doc = "Source file of its table"),
	FIELD(struct platform_route, permission, .flags = FF_NULLABLE,
	    .doc = "Permission it needs"),
	FIELD(struct platform_route, auth, .oneof = ONEOF("none", "optional",
	    "required"), .doc = "Whether it needs a token"),
	FIELD(struct platform_route, pool, .doc = "Pool that serves it"),
	FIELD(struct platform_route, seed, .flags = FF_NULLABLE,
	    .doc = "Document it exists for"),
	FIELD(struct platform_route, deprecated, .doc = "Will go"),
	FIELD(struct platform_route, health, .oneof = ONEOF("ok", "open",
	    "half_open"), .doc = "State of its breaker"),
	FIELD(struct platform_route, requests, .doc = "Answered on this "
	    "host"),
	FIELD(struct platform_route, errors, .doc = "Of those with a status "
	    "of 500 and more"),
	FIELD(struct platform_route, p50_ms, .doc = "Half are answered within "
	    "(upper bound of the bucket)"),
	FIELD(struct platform_route, p95_ms, .doc = "95 % are answered "
	    "within"),
	FIELD_END
};
const struct schema platform_route_schema = {
	.name = "Route", .doc = "A route and how it is doing",
	.size = sizeof(struct platform_route), .fields = fields
};

static bool
of_seed(const struct route *r, const char *seed)
{
	if (seed == NULL || *seed == '\0' ||
	    (r->seed != NULL && strcmp(r->seed, seed) == 0))
		return true;
	for (const struct alias *al = r->aliases;
	    al != NULL && al->path != NULL; al++)
		if (al->seed != NULL && strcmp(al->seed, seed) == 0)
			return true;
	return false;
}

/* The end of the table that holds the row knows its source file. */
static const char *
file_of(const struct module *m, const struct route *r)
{
	for (const struct route *const *set = m->routes; *set != NULL; set++) {
		const struct route *p = *set;
		bool here = false;

		for (; p->id != NULL; p++)
			here = here || p == r;
		if (here)
			return p->file;
	}
	return NULL;
}

static struct list
alias_paths(struct arena *a, const struct route *r)
{
	VEC(const char *) v = { 0 };

	for (const struct alias *al = r->aliases;
	    al != NULL && al->path != NULL; al++)
		*VEC_ADD(a, &v) = al->path;
	return (struct list){ v.v, v.n };
}

static void
numbers(struct platform_route *row, size_t i)
{
	const char *const *codes = http_requests_total.labels[1]->values;

	for (size_t j = 0; codes[j] != NULL; j++) {
		int64_t n = (int64_t)metric_read(&http_requests_total, i, j);

		row->requests += n;
		if (codes[j][0] == '5')
			row->errors += n;
	}
	row->p50_ms = 1e3 * metric_quantile(&http_request_seconds, i, 0, 0.5);
	row->p95_ms = 1e3 * metric_quantile(&http_request_seconds, i, 0, 0.95);
}

static void
fill(struct http *h, struct arena *a, size_t i, struct platform_route *row)
{
	static const char *const auths[] = { "", "none", "optional",
	    "required" };
	static const char *const pools[] = { "api", "slow", "control" };
	static const char *const states[] = { "ok", "open", "half_open" };
	const struct route *r = http_route_at(h, i);
	const struct module *m = http_route_module(h, i);

	*row = (struct platform_route){ .id = r->id,
	    .method = method_name(r->method), .path = r->path,
	    .summary = r->summary, .aliases = alias_paths(a, r),
	    .module = m->name, .file = file_of(m, r),
	    .permission = r->permission, .auth = auths[r->auth],
	    .pool = pools[r->pool], .seed = r->seed,
	    .deprecated = r->sunset != NULL,
	    .health = states[r->breaker == NULL ? BREAKER_CLOSED :
		breaker_state(shm_current(), dependency_find(shm_current(),
		r->breaker))] };
	numbers(row, i);
}

void
platform_route_rows(struct http *h, struct arena *a, const char *seed,
    struct rows *out)
{
	VEC(struct platform_route) v = { 0 };

	for (size_t i = 0; i < http_route_count(h); i++)
		if (of_seed(http_route_at(h, i), seed))
			fill(h, a, i, VEC_ADD(a, &v));
	*out = (struct rows){ v.v, v.n, &platform_route_schema };
}
