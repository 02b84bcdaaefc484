/*
 * GET /metrics: what the segment counted, and a few facts that belong to no
 * process. Names no tenant, user or path; still closable.
 */
#include <string.h>

#include "base/str.h"
#include "conf/base.h"
#include "http/ctx.h"
#include "module.h"
#include "modules/platform/health.h"
#include "modules/platform/metric.h"
#include "modules/platform/setting.h"
#include "modules/platform/system.h"
#include "shm/shm.h"

static void
facts(struct ctx *c, struct str *s)
{
	str_add(s, "# HELP quincunx_build_info Version of the program.\n"
	    "# TYPE quincunx_build_info gauge\n"
	    "quincunx_build_info{version=\"" QX_VERSION "\"} 1\n"
	    "# HELP quincunx_uptime_seconds Since the oldest living process "
	    "was born.\n# TYPE quincunx_uptime_seconds gauge\n");
	str_addf(s, "quincunx_uptime_seconds %lld\n",
	    (long long)platform_uptime_s(c->env));
}

/* 1 for the state each check is in: a sum over states is the count. */
static void
checks(struct ctx *c, struct str *s)
{
	char *text = arena_alloc(c->a, HEALTH_TEXT + 1);
	struct platform_check k = { .name = NULL };
	int64_t age_ms;

	platform_health_read(c->env, text, &age_ms);
	str_add(s, "# HELP quincunx_health_up Whether a check of the last "
	    "probe was good (1) or not (0).\n"
	    "# TYPE quincunx_health_up gauge\n");
	for (size_t m = 0; c->env->modules[m] != NULL; m++)
		for (const struct health_check *h =
		    c->env->modules[m]->health;
		    h != NULL && h->name != NULL; h++) {
			platform_health_find(c->a, text, age_ms, h->name, &k);
			if (strcmp(k.status, "disabled") != 0)
				str_addf(s, "quincunx_health_up{check=\"%s\"}"
				    " %d\n", h->name,
				    strcmp(k.status, "ok") == 0);
		}
	str_addf(s, "# HELP quincunx_health_age_seconds Age of the last "
	    "probe.\n# TYPE quincunx_health_age_seconds gauge\n"
	    "quincunx_health_age_seconds %.3f\n",
	    age_ms < 0 ? 0.0 : (double)age_ms / 1000);
}

static void
processes(struct ctx *c, struct str *s)
{
	struct platform_status st;
	const struct platform_pool *p;

	platform_status_fill(c->env, c->a, c->now, &st);
	p = st.pools.items;
	str_add(s, "# HELP quincunx_processes Living processes by pool.\n"
	    "# TYPE quincunx_processes gauge\n");
	for (size_t i = 0; i < st.pools.n; i++)
		str_addf(s, "quincunx_processes{pool=\"%s\"} %lld\n",
		    p[i].name, (long long)p[i].processes);
	str_add(s, "# HELP quincunx_processes_busy Those with a request in "
	    "progress.\n# TYPE quincunx_processes_busy gauge\n");
	for (size_t i = 0; i < st.pools.n; i++)
		str_addf(s, "quincunx_processes_busy{pool=\"%s\"} %lld\n",
		    p[i].name, (long long)p[i].busy);
}

static int
metrics_get(struct ctx *c, const void *in)
{
	const struct platform_conf *cf = conf_get(c->env->conf,
	    &platform_settings);
	struct str s;

	(void)in;
	if (!cf->metrics_public && c->who.kind == PRINCIPAL_NONE)
		return fail(c, 401, "not_authenticated", "Not authenticated");
	if (!cf->metrics_public && !principal_may(&c->who, "system:metrics"))
		return fail(c, 403, "forbidden",
		    "Permission system:metrics is required");
	str_init(&s, c->a);
	facts(c, &s);
	checks(c, &s);
	processes(c, &s);
	metrics_expose(c->env->shm, &s);
	return reply_text(c, 200, "text/plain; version=0.0.4; charset=utf-8",
	    s.p, s.len);
}

const struct route platform_metric_routes[] = {
	{ .id = "metrics.get", .method = HTTP_GET, .path = "/metrics",
	  .auth = AUTH_OPTIONAL, .ok = 200, .errors = ERRORS(401, 403),
	  .flags = R_TEXT | R_NO_DB, .pool = POOL_CONTROL,
	  .media = "text/plain; version=0.0.4; charset=utf-8",
	  .run = metrics_get, .summary = "Metrics for Prometheus",
	  .doc = "Open to whoever can reach it unless "
	  "platform.metrics_public is off; then system:metrics is needed." },
	ROUTE_END
};
