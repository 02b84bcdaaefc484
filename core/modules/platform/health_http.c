/*
 * Health routes. All answers come from the cached probe; details (why a check
 * failed) are for callers with system:read. 200 while the service works, also
 * degraded; 503 when a required part is down.
 */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "conf/base.h"
#include "http/ctx.h"
#include "http/http.h"
#include "module.h"
#include "modules/platform/health.h"
#include "modules/platform/service.h"
#include "modules/platform/system.h"
#include "proc/proc.h"
#include "shm/dependency.h"
#include "base/vec.h"

/* ---- objects ------------------------------------------------------------------- */

struct health {
	const char *status;
	bool ok;
	const char *service, *environment, *version;
	struct utc timestamp;
	int64_t uptime_s;
	struct json services, components, checks;
};

static const struct field health_fields[] = {
	FIELD(struct health, status, .oneof = ONEOF("healthy", "degraded",
	    "down"), .doc = "Sum over all checks"),
	FIELD(struct health, ok, .doc = "False only when down"),
	FIELD(struct health, service, .doc = "Name of the installation"),
	FIELD(struct health, environment, .doc = "What it is for"),
	FIELD(struct health, version, .doc = "Version of the program"),
	FIELD(struct health, timestamp, .doc = "Time of this answer"),
	FIELD(struct health, uptime_s, .doc = "Seconds since the oldest "
	    "process of this host started"),
	FIELD(struct health, services, .doc = "State by name of each part "
	    "we depend on"),
	FIELD(struct health, components, .doc = "State by name of each part "
	    "that can be started and stopped"),
	FIELD(struct health, checks, .doc = "Each check: {status, latency_ms, "
	    "age_s, detail}; detail for callers with system:read"),
	FIELD_END
};
static const struct schema health_schema = {
	.name = "Health", .doc = "How the installation is",
	.size = sizeof(struct health), .fields = health_fields
};

static const struct field check_fields[] = {
	FIELD(struct platform_check, name, .doc = "Name of the check"),
	FIELD(struct platform_check, status, .oneof = ONEOF("ok", "degraded",
	    "down", "disabled", "unknown"), .doc = "What the last probe "
	    "found; unknown when it is older than 10 seconds"),
	FIELD(struct platform_check, latency_ms, .doc = "How long it took"),
	FIELD(struct platform_check, age_s, .doc = "Age of the finding"),
	FIELD(struct platform_check, detail, .flags = FF_NULLABLE,
	    .doc = "Why, for callers with system:read"),
	FIELD(struct platform_check, required, .doc = "Nothing works "
	    "without it"),
	FIELD_END
};
static const struct schema check_schema = {
	.name = "HealthCheck", .doc = "One check of the last probe",
	.size = sizeof(struct platform_check), .fields = check_fields
};

struct live {
	const char *status;
};
static const struct field live_fields[] = {
	FIELD(struct live, status, .doc = "alive"),
	FIELD_END
};
static const struct schema live_schema = {
	.name = "Liveness", .doc = "The process answers",
	.size = sizeof(struct live), .fields = live_fields
};

struct ready {
	bool ready;
	const char *status, *reason;
	double age_s;
};
static const struct field ready_fields[] = {
	FIELD(struct ready, ready, .doc = "Send requests here"),
	FIELD(struct ready, status, .doc = "ready or not_ready"),
	FIELD(struct ready, reason, .flags = FF_NULLABLE,
	    .doc = "Why not"),
	FIELD(struct ready, age_s, .doc = "Age of the last good probe"),
	FIELD_END
};
static const struct schema ready_schema = {
	.name = "Readiness", .doc = "Whether requests should come here",
	.size = sizeof(struct ready), .fields = ready_fields
};

/* ---- gathering ------------------------------------------------------------------ */

struct picture {
	struct platform_check *v;
	size_t n;
	char text[HEALTH_TEXT + 1];
	int64_t age_ms;
	bool details;
};

static struct picture *
picture_take(struct ctx *c)
{
	struct picture *p = arena_alloc(c->a, sizeof(*p));
	VEC(struct platform_check) v = { 0 };

	p->details = c->who.kind != PRINCIPAL_NONE &&
	    principal_may(&c->who, "system:read");
	platform_health_read(c->env, p->text, &p->age_ms);
	for (size_t m = 0; c->env->modules[m] != NULL; m++)
		for (const struct health_check *h =
		    c->env->modules[m]->health;
		    h != NULL && h->name != NULL; h++) {
			struct platform_check *k = VEC_ADD(c->a, &v);

			platform_health_find(c->a, p->text, p->age_ms,
			    h->name, k);
			k->required = h->required;
			if (!p->details)
				k->detail = NULL;
		}
	p->v = v.v;
	p->n = v.n;
	return p;
}

static const struct platform_check *
check_named(const struct picture *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) == 0)
			return &p->v[i];
	return NULL;
}

static struct json
checks_json(struct ctx *c, const struct picture *p)
{
	struct str s;

	str_init(&s, c->a);
	str_addc(&s, '{');
	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, p->v[i].name);
		str_addf(&s, ":{\"status\":\"%s\",\"latency_ms\":%.3f,"
		    "\"age_s\":%.1f", p->v[i].status, p->v[i].latency_ms,
		    p->v[i].age_s);
		if (p->v[i].detail != NULL) {
			str_add(&s, ",\"detail\":");
			str_json(&s, p->v[i].detail);
		}
		str_addc(&s, '}');
	}
	str_addc(&s, '}');
	return (struct json){ s.p };
}

static struct json
services_json(struct ctx *c, const struct picture *p)
{
	struct str s;

	str_init(&s, c->a);
	str_addc(&s, '{');
	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, strcmp(p->v[i].name, "db") == 0 ? "database" :
		    p->v[i].name);
		str_addf(&s, ":\"%s\"", p->v[i].status);
	}
	str_addc(&s, '}');
	return (struct json){ s.p };
}

static struct json
components_json(struct ctx *c, const struct picture *p)
{
	const struct component *const *all = platform_components(c->a,
	    c->env->modules);
	struct str s;

	str_init(&s, c->a);
	str_addc(&s, '{');
	for (size_t i = 0; all[i] != NULL; i++) {
		const char *state = platform_health_component(c->a, p->text,
		    all[i]->name);

		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, all[i]->name);
		str_addc(&s, ':');
		str_json(&s, state != NULL ? state : all[i]->required ?
		    "running" : "unknown");
	}
	str_addc(&s, '}');
	return (struct json){ s.p };
}

/* ---- handlers ---------------------------------------------------------------------- */

static int
health_get(struct ctx *c, const void *in)
{
	const struct base_conf *cf = conf_get(c->env->conf, &base_settings);
	struct picture *p = picture_take(c);
	struct health h = {
		.status = platform_health_sum(p->v, p->n),
		.service = cf->name, .environment = cf->environment,
		.version = QX_VERSION, .timestamp = c->now,
		.uptime_s = platform_uptime_s(c->env),
		.services = services_json(c, p),
		.components = components_json(c, p),
		.checks = checks_json(c, p)
	};

	(void)in;
	h.ok = strcmp(h.status, "down") != 0;
	return reply_as(c, h.ok ? 200 : 503, &health_schema, &h);
}

/* A browser at the front door wants to read, everything else to know. */
static int
root_get(struct ctx *c, const void *in)
{
	const char *accept = ctx_header(c, "Accept");

	if (accept == NULL || strncmp(accept, "text/html", 9) != 0)
		return health_get(c, in);
	reply_header(c, "Location", arena_printf(c->a, "%s/ui",
	    http_settings_of(c->http)->prefix));
	return reply_text(c, 303, "text/plain; charset=utf-8", "", 0);
}

static int
health_live(struct ctx *c, const void *in)
{
	struct live l = { "alive" };

	(void)in;
	return reply(c, &l);
}

/* Which of the two is why, by the last probe. */
static const char *
unready(const struct picture *p)
{
	const struct platform_check *db = check_named(p, "db");

	if (p->age_ms < 0 || p->age_ms > HEALTH_STALE_MS)
		return "no recent probe";
	return db != NULL && strcmp(db->status, "ok") == 0 ? "migrations" :
	    "database";
}

static int
health_ready(struct ctx *c, const void *in)
{
	struct picture *p = picture_take(c);
	int64_t good_ms = platform_health_good_ms(c->env);
	struct ready r = { .status = "not_ready",
	    .age_s = good_ms < 0 ? 0 : (double)good_ms / 1000 };

	(void)in;
	if (proc_draining())
		r.reason = "draining";
	else if (good_ms < 0 || good_ms > HEALTH_STALE_MS)
		r.reason = unready(p);
	else
		r.status = "ready";
	r.ready = r.reason == NULL;
	return reply_as(c, r.ready ? 200 : 503, &ready_schema, &r);
}

static int
one_check(struct ctx *c, const char *name)
{
	const struct platform_check *k = check_named(picture_take(c), name);

	if (k == NULL)
		return fail(c, 404, "not_found", "Not Found");
	return reply_as(c, strcmp(k->status, "down") == 0 ? 503 : 200,
	    &check_schema, k);
}

static int
health_db(struct ctx *c, const void *in)
{
	(void)in;
	return one_check(c, "db");
}

static int
health_redis(struct ctx *c, const void *in)
{
	(void)in;
	return one_check(c, "redis");
}

static const char *
dependency_detail(struct ctx *c, const struct dependency_view *v)
{
	if (v->mode != BREAKER_AUTO)
		return arena_printf(c->a, "ordered by an operator: %s",
		    breaker_mode_name(v->mode));
	if (v->state == BREAKER_CLOSED)
		return NULL;
	return arena_printf(c->a, "breaker %s, opened %u times in a row",
	    breaker_state_name(v->state), v->opened);
}

/* From the segment alone: the control pool asks no database. */
static void
dependency_check(struct ctx *c, int i, bool details,
    struct platform_check *k)
{
	struct dependency_view v;

	dependency_look(c->env->shm, i, (uint64_t)clock_boot_ns(), &v);
	*k = (struct platform_check){ .status = "ok",
	    .name = arena_printf(c->a, "dependency.%s", v.name) };
	if (v.mode == BREAKER_FORCED_OPEN)
		k->status = "disabled";
	else if (v.mode == BREAKER_AUTO && v.state != BREAKER_CLOSED)
		k->status = v.state == BREAKER_OPEN ? "down" : "degraded";
	if (details)
		k->detail = dependency_detail(c, &v);
}

static int
health_services(struct ctx *c, const void *in)
{
	struct picture *p = picture_take(c);
	VEC(struct platform_check) v = { 0 };
	struct rows rows;

	(void)in;
	for (size_t i = 0; i < p->n; i++)
		*VEC_ADD(c->a, &v) = p->v[i];
	for (size_t i = 0; i < dependency_count(c->env->shm); i++)
		dependency_check(c, (int)i, p->details, VEC_ADD(c->a, &v));
	rows = (struct rows){ v.v, v.n, &check_schema };
	return reply_list(c, &rows, NULL);
}

#define PROBE_ROUTE(name, where, fn, shape, ...) \
	{ .id = "health." name, .method = HTTP_GET, .path = where, \
	  .auth = AUTH_OPTIONAL, .out = shape, .ok = 200, \
	  .pool = POOL_CONTROL, .run = fn, __VA_ARGS__ }

const struct route platform_health_routes[] = {
	PROBE_ROUTE("get", "/health", health_get, &health_schema,
	    .flags = R_NO_DB, .errors = ERRORS(503),
	    .aliases = ALIASES({ "/api/health", "003", false },
		{ "/api/v2/health", "004", false }),
	    .summary = "Health of the installation",
	    .doc = "Answers from the last probe, also while the database "
	    "hangs. 503 only when a required part is down."),
	PROBE_ROUTE("root", "/", root_get, &health_schema,
	    .flags = R_NO_DB, .errors = ERRORS(503),
	    .summary = "Health, or the dashboard for a browser"),
	PROBE_ROUTE("live", "/health/live", health_live, &live_schema,
	    .flags = R_NO_DB, .summary = "The process answers"),
	PROBE_ROUTE("ready", "/health/ready", health_ready, &ready_schema,
	    .flags = R_NO_DB, .errors = ERRORS(503),
	    .summary = "Whether requests should be sent here",
	    .doc = "Database and schema were good at a probe of the last ten "
	    "seconds, and this process is not about to end."),
	PROBE_ROUTE("db", "/health/db", health_db, &check_schema,
	    .flags = R_NO_DB, .errors = ERRORS(503),
	    .summary = "Database at the last probe"),
	PROBE_ROUTE("redis", "/health/redis", health_redis, &check_schema,
	    .flags = R_NO_DB, .errors = ERRORS(503),
	    .summary = "Redis at the last probe; disabled without redis.url"),
	PROBE_ROUTE("services", "/health/services", health_services,
	    &check_schema, .flags = R_NO_DB | R_LIST, .aliases = ALIASES(
	    { "/api/v1/admin/health/overview", "001", false },
	    { "/api/v1/metrics/system/health", "001", false }),
	    .summary = "Every check of the last probe, and every dependency",
	    .doc = "dependency.NAME: down while its breaker on this host is "
	    "open, degraded while probes are sent, disabled when an operator "
	    "opened it."),
	ROUTE_END
};
