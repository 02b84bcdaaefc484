/*
 * Builds the HTTP layer from the tables of the enabled modules, and refuses
 * to start on a row that could not work: this is the route verification the
 * documents ask for. All faults are collected before it gives up.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "http/page.h"
#include "http/serve.h"
#include "shm/dependency.h"

static int
http_conf_check(void *values, struct arena *a, struct err *e)
{
	struct http_conf *cf = values;
	const char *p;

	(void)a;
	(void)e;
	cf->prefix = "";
	p = cf->public_url == NULL ? NULL : strstr(cf->public_url, "://");
	if (p != NULL && (p = strchr(p + 3, '/')) != NULL) {
		size_t n = strlen(cf->public_url);

		if (cf->public_url[n - 1] == '/') {
			cf->public_url = arena_strndup(a, cf->public_url, n - 1);
			p = strchr(strstr(cf->public_url, "://") + 3, '/');
		}
		cf->prefix = p == NULL ? "" : p;
	}
	return 0;
}

static const struct setting http_rows[] = {
	SETTING(struct http_conf, public_url, "http.public_url", .def = "",
	    .flags = SET_URL, .doc = "URL people use, with a path prefix if "
	    "the site is not at the root; links and redirects start with it"),
	SETTING(struct http_conf, cors, "http.cors_origins", .def = "",
	    .env = "CORS_ORIGINS",
	    .doc = "Origins that browsers may call the API from"),
	SETTING(struct http_conf, trusted_proxies, "http.trusted_proxies",
	    .def = "", .doc = "Addresses whose X-Forwarded-For is believed"),
	SETTING(struct http_conf, max_body, "http.max_body", .def = "1048576",
	    .min = 1024, .max = 1 << 30, .unit = "bytes",
	    .doc = "Largest request body unless the route says otherwise"),
	SETTING(struct http_conf, rate_n, "http.rate_requests", .def = "6000",
	    .min = 0, .max = 10000000, .unit = "requests",
	    .doc = "Requests of one principal per period; 0 = no limit"),
	SETTING(struct http_conf, rate_s, "http.rate_period", .def = "60",
	    .min = 1, .max = 86400, .unit = "seconds",
	    .doc = "Period of http.rate_requests"),
	SETTING(struct http_conf, ip_rate_n, "http.ip_rate_requests",
	    .def = "12000", .min = 0, .max = 10000000, .unit = "requests",
	    .doc = "Requests of one address per period; 0 = no limit"),
	SETTING(struct http_conf, ip_rate_s, "http.ip_rate_period",
	    .def = "60", .min = 1, .max = 86400, .unit = "seconds",
	    .doc = "Period of http.ip_rate_requests"),
	SETTING(struct http_conf, idempotency_hours, "http.idempotency_hours",
	    .def = "24", .min = 1, .max = 720, .unit = "hours",
	    .doc = "How long a reply is kept for its Idempotency-Key"),
	SETTING(struct http_conf, step_up_s, "http.step_up", .def = "300",
	    .min = 30, .max = 3600, .unit = "seconds",
	    .doc = "How long a proved password counts for dangerous acts"),
	SETTING_END
};

const struct settings http_settings = {
	"http", sizeof(struct http_conf), http_rows, http_conf_check
};

const struct metric_label http_route_label = { "route", NULL };
static const struct metric_label code_label = { "code", http_codes };

const struct metric http_requests_total = { "http_requests_total",
    "Requests answered", METRIC_COUNTER, { &http_route_label, &code_label } };
const struct metric http_request_seconds = { "http_request_seconds",
    "Time from parsing to the reply", METRIC_HISTOGRAM,
    { &http_route_label, NULL } };
const struct metric http_retries_total = { "http_retries_total",
    "Handlers run again after a deadlock", METRIC_COUNTER, { NULL, NULL } };
const struct metric http_alias_uses_total = { "http_alias_uses_total",
    "Requests over a document's own path", METRIC_COUNTER,
    { &http_route_label, NULL } };

/* ---- verification ------------------------------------------------------------ */

struct faults {
	struct str text;
	size_t n;
};

static void
fault(struct faults *f, const struct route *r, const char *what)
{
	if (f->n++ < 20)
		str_addf(&f->text, "\n  %s: %s", r->id, what);
}

static const char *const roots[] = {
	"/", "/health", "/metrics", "/jobs", "/mcp", "/ws", "/events", "/docs",
	"/redoc", "/openapi.json", "/.well-known", "/ui", "/static", "/api",
	/* document 002's engines */
	"/signals", "/suggestions", "/decide", "/submit_reward",
	"/leaderboard", "/infer", NULL
};

static bool
root_ok(const char *path)
{
	for (size_t i = 1; roots[i] != NULL; i++) {
		size_t n = strlen(roots[i]);

		if (strncmp(path, roots[i], n) == 0 &&
		    (path[n] == '\0' || path[n] == '/'))
			return true;
	}
	return strcmp(path, "/") == 0;
}

bool
http_permission_known(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++)
		for (const struct permission *p = (*mods)->permissions;
		    p != NULL && p->name != NULL; p++)
			if (strcmp(p->name, name) == 0)
				return true;
	return false;
}

static bool
dependency_known(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++)
		for (const struct dependency *d = (*mods)->dependencies;
		    d != NULL && d->name != NULL; d++)
			if (strcmp(d->name, name) == 0)
				return true;
	return false;
}

static void
check_params(const struct route *r, const char *path, struct faults *f)
{
	char name[64];

	for (const char *p = path; (p = strchr(p, '{')) != NULL; p++) {
		size_t n = strcspn(p + 1, ":}");

		if (n >= sizeof(name))
			continue;
		memcpy(name, p + 1, n);
		name[n] = '\0';
		if (r->in == NULL || schema_find(r->in, name) == -1)
			fault(f, r, "path parameter without a field");
	}
}

static void
check_schema(const struct route *r, const struct schema *s, struct faults *f)
{
	struct err e = { 0 };

	if (s != NULL && schema_verify(s, &e) == -1)
		fault(f, r, e.detail);
}

static void
check_route(struct http *h, const struct route *r, struct faults *f)
{
	if (r->auth < AUTH_NONE || r->auth > AUTH_USER)
		fault(f, r, "authentication is not written out");
	if (r->run == NULL || r->summary == NULL || r->ok == 0)
		fault(f, r, "no handler, summary or success status");
	if (!root_ok(r->path))
		fault(f, r, "path outside the allowed roots");
	if (r->permission != NULL && (r->auth == AUTH_NONE ||
	    !http_permission_known(h->env->modules, r->permission)))
		fault(f, r, "unknown permission");
	if (r->method != HTTP_GET && r->auth == AUTH_USER &&
	    r->permission == NULL)
		fault(f, r, "a change needs a permission");
	if ((r->flags & R_IDEMPOTENT) && !(r->flags & R_TXN) &&
	    r->natural_key == NULL)
		fault(f, r, "idempotent without transaction or natural key");
	if (r->out == NULL && !(r->flags & R_TEXT) && r->ok != 204)
		fault(f, r, "no reply schema");
	if (r->breaker != NULL && !dependency_known(h->env->modules,
	    r->breaker))
		fault(f, r, "breaker of an unknown dependency");
	if (r->fallback != NULL && r->breaker == NULL)
		fault(f, r, "fallback without breaker");
	check_params(r, r->path, f);
	check_schema(r, r->in, f);
	check_schema(r, r->out, f);
}

static void
add_paths(struct http *h, const struct route *r, struct faults *f)
{
	struct err e = { 0 };

	if (router_add(h->router, r, NULL, &e) == -1)
		fault(f, r, e.detail);
	for (const struct alias *a = r->aliases; a != NULL && a->path != NULL;
	    a++) {
		err_clear(&e);
		check_params(r, a->path, f);
		if (!root_ok(a->path) || router_add(h->router, r, a, &e) == -1)
			fault(f, r, e.status ? e.detail : "alias path");
	}
}

static void
collect(struct http *h, struct faults *f)
{
	VEC(const struct route *) rows = { 0 };
	VEC(const struct module *) owners = { 0 };
	struct arena *a = h->env->a;

	for (size_t m = 0; h->env->modules[m] != NULL; m++) {
		const struct module *mod = h->env->modules[m];
		const struct route *const *set = mod->routes;

		for (; set != NULL && *set != NULL; set++)
			for (const struct route *r = *set; r->id != NULL; r++) {
				*VEC_ADD(a, &rows) = r;
				*VEC_ADD(a, &owners) = mod;
				check_route(h, r, f);
				add_paths(h, r, f);
			}
	}
	h->routes = rows.v;
	h->owners = owners.v;
	h->nroutes = rows.n;
}

int
http_open(struct http **out, struct env *env, const struct http_hooks *hooks,
    struct err *e)
{
	struct http *h = arena_alloc(env->a, sizeof(*h));
	struct faults f = { .n = 0 };

	str_init(&f.text, env->a);
	h->env = env;
	h->conf = conf_get(env->conf, &http_settings);
	h->hooks = hooks;
	h->router = router_new(env->a);
	if (env->keys != NULL)
		keyring_derive(env->keys, "http cursor", h->cursor_key);
	collect(h, &f);
	if (pages_open(h, &f.text, &f.n) == -1 || f.n > 0)
		return err_set(e, 500, "routes", "%zu faulty routes or pages:%.200s",
		    f.n, f.text.p);
	*out = h;
	return 0;
}

size_t
http_route_count(const struct http *h)
{
	return h->nroutes;
}

const struct route *
http_route_at(const struct http *h, size_t i)
{
	ASSERT(i < h->nroutes);
	return h->routes[i];
}

const struct module *
http_route_module(const struct http *h, size_t i)
{
	ASSERT(i < h->nroutes);
	return h->owners[i];
}

size_t
http_route_index(const struct http *h, const struct route *r)
{
	/* Rows of one noun are neighbours; the list is short and cached by
	 * the last hit, which is the same route most of the time. */
	static size_t last;

	if (last < h->nroutes && h->routes[last] == r)
		return last;
	for (size_t i = 0; i < h->nroutes; i++)
		if (h->routes[i] == r)
			return last = i;
	return h->nroutes;
}

const struct http_conf *
http_settings_of(const struct http *h)
{
	return h->conf;
}
