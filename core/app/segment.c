/*
 * Layout of the shared segment: a loop over what the layers and the enabled
 * modules declare.
 */
#include "app/responder.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "db/db.h"
#include "db/table.h"
#include "http/http.h"
#include "module.h"
#include "net/net.h"
#include "proc/proc.h"
#include "shm/dependency.h"

static const struct metric *const kernel_metrics[] = {
	&http_requests_total, &http_request_seconds, &http_retries_total,
	&http_alias_uses_total, &db_query_seconds, &db_errors_total,
	&db_reconnects_total, &net_calls_total, &net_call_seconds,
	&retries_total, NULL
};

/* Route ids in table order; one more for what matched nothing. */
static const char *const *
route_values(struct env *env)
{
	VEC(const char *) v = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct route *const *set = env->modules[m]->routes;

		for (; set != NULL && *set != NULL; set++)
			for (const struct route *r = *set; r->id != NULL; r++)
				*VEC_ADD(env->a, &v) = r->id;
	}
	*VEC_ADD(env->a, &v) = "none";
	*VEC_ADD(env->a, &v) = NULL;
	return v.v;
}

static const char *const *
query_values(struct env *env)
{
	VEC(const char *) v = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct query *const *const *set = env->modules[m]->queries;

		for (; set != NULL && *set != NULL; set++) {
			db_register_queries(*set);
			for (size_t i = 0; (*set)[i] != NULL; i++)
				*VEC_ADD(env->a, &v) = (*set)[i]->name;
		}
	}
	*VEC_ADD(env->a, &v) = NULL;
	return v.v;
}

/* Dependencies in module order, with their rules. */
static int
guards(struct env *env, const struct guard **out, struct err *e)
{
	VEC(const struct dependency *) v = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct dependency *d =
		    env->modules[m]->dependencies;
		    d != NULL && d->name != NULL; d++)
			*VEC_ADD(env->a, &v) = d;
	*VEC_ADD(env->a, &v) = NULL;
	return dependency_guards(env->a, v.v, conf_get(env->conf,
	    &resilience_settings), out, e);
}

static const struct metric *const *
all_metrics(struct env *env)
{
	VEC(const struct metric *) v = { 0 };

	for (size_t i = 0; kernel_metrics[i] != NULL; i++)
		*VEC_ADD(env->a, &v) = kernel_metrics[i];
	for (size_t i = 0; proc_metrics[i] != NULL; i++)
		*VEC_ADD(env->a, &v) = proc_metrics[i];
	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct metric *const *const *set =
		    env->modules[m]->metrics;

		for (; set != NULL && *set != NULL; set++)
			for (const struct metric *const *p = *set; *p; p++)
				*VEC_ADD(env->a, &v) = *p;
	}
	*VEC_ADD(env->a, &v) = NULL;
	return v.v;
}

int
app_segment(struct env *env, const char *run_dir, struct err *e)
{
	static const char *const pools[] = { "api", "slow", "control", NULL };
	const struct metric_label *labels[] = { &http_route_label,
	    &db_query_label, &proc_pool_label, NULL };
	const char *const *values[] = { route_values(env), query_values(env),
	    pools, NULL };
	struct shm_layout layout = {
		.metrics = all_metrics(env),
		.bulkheads = app_bulkheads,
		.dynamic = labels, .dynamic_values = values
	};

	if (guards(env, &layout.guards, e) == -1)
		return -1;
	return shm_attach(&env->shm, env->a, run_dir, &layout, e);
}
