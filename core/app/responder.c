/*
 * quincunx.fcgi: one program in every front end. As CGI it serves one
 * request; started with a listening socket on fd 0 (spawn-fcgi, lighttpd
 * bin-path, mod_fcgid) it is one child of somebody else's manager; with
 * --listen (or systemd sockets) it is its own manager with three pools.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/app.h"
#include "app/manual.h"
#include "app/responder.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "db/db.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "shm/shm.h"

#define POOL_ROWS(p, listen_def, n, smax, req, slow, killms) \
	SETTING(struct responder_conf, p##_listen, "fcgi." #p ".listen", \
	    .def = listen_def, .flags = SET_PATH, \
	    .doc = "Socket of the " #p " pool"), \
	SETTING(struct responder_conf, p.children, "fcgi." #p ".children", \
	    .def = n, .min = 1, .max = 1024, \
	    .doc = "Children of the " #p " pool (dynamic: at most)"), \
	SETTING(struct responder_conf, p.mode, "fcgi." #p ".mode", \
	    .def = "static", .oneof = modes, \
	    .doc = "static: always that many; dynamic: by idle children"), \
	SETTING(struct responder_conf, p.min_spare, "fcgi." #p ".min_spare", \
	    .def = "1", .min = 1, .max = 1024, \
	    .doc = "dynamic: idle children at least"), \
	SETTING(struct responder_conf, p.max_spare, "fcgi." #p ".max_spare", \
	    .def = smax, .min = 1, .max = 1024, \
	    .doc = "dynamic: idle children at most"), \
	SETTING(struct responder_conf, p.max_requests, \
	    "fcgi." #p ".max_requests", .def = req, .min = 0, \
	    .max = 100000000, .unit = "requests", \
	    .doc = "Retire a child after so many, ±10 %; 0 = never"), \
	SETTING(struct responder_conf, p.slow_ms, "fcgi." #p ".slow", \
	    .def = slow, .min = 0, .max = 3600000, .unit = "ms", \
	    .doc = "Log requests that take longer, with breadcrumbs"), \
	SETTING(struct responder_conf, p.kill_ms, "fcgi." #p ".kill", \
	    .def = killms, .min = 0, .max = 86400000, .unit = "ms", \
	    .doc = "Kill a child whose request takes longer; 0 = never")

static const char *const modes[] = { "static", "dynamic", NULL };

static const struct setting responder_rows[] = {
	POOL_ROWS(api, "run/api.sock", "4", "4", "100000", "1000", "60000"),
	POOL_ROWS(slow, "run/slow.sock", "2", "2", "10000", "5000",
	    "300000"),
	POOL_ROWS(control, "run/control.sock", "2", "2", "100000", "1000",
	    "30000"),
	SETTING(struct responder_conf, drain_s, "fcgi.drain", .def = "30",
	    .min = 1, .max = 3600, .unit = "seconds",
	    .doc = "Grace of a child that should end"),
	SETTING_END
};

const struct settings responder_settings = {
	"fcgi", sizeof(struct responder_conf), responder_rows, NULL
};

const struct bulkhead *const app_bulkheads[] = {
	&auth_password_bulkhead, &platform_event_bulkhead,
	&platform_work_bulkhead, NULL
};

enum { POOLS = 3, BACKLOG = 511 };

struct manager {
	struct boot boot;
	struct env *env;	/* of the next children */
	struct http *http;
	struct pool pools[POOLS];
};

static const enum pool_kind kinds[POOLS] = {
	POOL_API, POOL_SLOW, POOL_CONTROL
};

/* ---- a child of our manager ----------------------------------------------------- */

static int
pool_child(struct pool *p, int listen_fd, void *arg)
{
	struct manager *m = arg;
	struct responder r = { .env = m->env, .http = m->http,
	    .pool = kinds[p - m->pools], .conf = &p->conf };
	struct err e = { 0 };

	m->env->managed = true;
	m->env->children = p->conf.children;
	m->env->request_ms = p->conf.kill_ms;
	m->env->process = uuid_new();
	shm_after_fork(m->env->shm);
	if (r.pool == POOL_CONTROL)
		m->env->db = NULL;	/* answers without a database */
	if (shm_slot_take(m->env->shm, p->name, &e) == -1)
		return app_die(m->boot.program, &e);
	return r.pool == POOL_SLOW ? responder_plain(&r, listen_fd) :
	    responder_fcgi(&r, listen_fd);
}

/* ---- manager --------------------------------------------------------------------- */

static void
manager_pools(struct manager *m)
{
	const struct responder_conf *cf = conf_get(m->env->conf,
	    &responder_settings);
	const struct pool_conf *confs[] = { &cf->api, &cf->slow,
	    &cf->control };
	const char *const names[] = { "api", "slow", "control" };
	const char *const listens[] = { cf->api_listen, cf->slow_listen,
	    cf->control_listen };

	for (size_t i = 0; i < POOLS; i++)
		m->pools[i] = (struct pool){ .name = names[i],
		    .listen = listens[i], .conf = *confs[i],
		    .run = pool_child, .arg = m };
}

/* A bad file keeps the running configuration. Old children have their own
 * copy of what is freed here. */
static int
manager_reload(void *arg, struct err *e)
{
	struct manager *m = arg;
	struct env *env, *old = m->env;
	struct http *http;

	if (app_reload(&env, &m->boot, e) == -1)
		return -1;
	if (http_open(&http, env, &auth_http_hooks, e) == -1) {
		app_env_free(env);
		return -1;
	}
	m->env = env;
	m->http = http;
	manager_pools(m);
	app_env_free(old);
	return 0;
}

/* Before anything listens: the server's faults, and sealed values whose key
 * is not in the ring. A database that is away does not stop the start. Over a
 * connection of its own: children must not inherit one. */
static int
boot_check(struct env *env, struct err *e)
{
	struct arena *a = arena_new(1 << 20);
	struct env probe = *env;
	const char *warnings = NULL;
	int rc = db_open(&probe.db, a, conf_get(env->conf, &db_settings), e);

	if (rc == 0)
		rc = db_check_server(probe.db, a, &warnings, e);
	if (rc == 0 && warnings != NULL && *warnings != '\0')
		log_warn("server", "unsafe database settings",
		    KV("settings", warnings));
	if (rc == 0)
		rc = auth_keys_check(&probe, e);
	if (rc == -1 && e->code != NULL && strcmp(e->code, "db_down") == 0) {
		log_warn("server", "starting without a database",
		    KV("cause", (const char *)e->cause));
		err_clear(e);
		rc = 0;
	}
	arena_free(a);		/* closes the connection */
	return rc;
}

static int
run_manager(struct manager *m, struct err *e)
{
	const struct responder_conf *cf = conf_get(m->env->conf,
	    &responder_settings);
	struct manager_hooks hooks = { .reload = manager_reload, .arg = m,
	    .shm = m->env->shm, .drain_s = cf->drain_s };
	int rc;

	if (boot_check(m->env, e) == -1)
		return app_die(m->boot.program, e);
	manager_pools(m);
	rc = manager_run(m->pools, POOLS, &hooks, e);
	return e->status != 0 ? app_die(m->boot.program, e) : rc;
}

static int
run_child(struct manager *m, struct err *e)
{
	struct responder r = { .env = m->env, .http = m->http,
	    .pool = POOL_API };

	if (shm_slot_take(m->env->shm, "child", e) == -1 ||
	    boot_check(m->env, e) == -1)
		return app_die(m->boot.program, e);
	return responder_fcgi(&r, 0);
}

static bool
fd0_listens(void)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

static int
run_cgi(struct manager *m, struct err *e)
{
	struct responder r = { .env = m->env, .http = m->http,
	    .pool = POOL_API };

	if (shm_slot_take(m->env->shm, "cgi", e) == -1)
		return app_die(m->boot.program, e);
	return responder_cgi(&r);
}

/* A CGI that cannot start still owes the web server an answer. */
static int
start_failed(const char *program, bool is_cgi, const struct err *e)
{
	if (is_cgi) {
		printf("Status: 503 Service Unavailable\r\n"
		    "Content-Type: application/json\r\n\r\n"
		    "{\"detail\":\"Service unavailable\"}");
		fflush(stdout);
	}
	return app_die(program, e);
}

static int
run_as_started(struct manager *m, bool is_cgi, struct err *e)
{
	if (is_cgi)
		return run_cgi(m, e);
	if ((m->boot.argc > 1 && strcmp(m->boot.argv[1], "--listen") == 0) ||
	    getenv("LISTEN_FDS") != NULL)
		return run_manager(m, e);
	if (fd0_listens())
		return run_child(m, e);
	fprintf(stderr, "usage: quincunx.fcgi [-c FILE] [-o KEY=VALUE] "
	    "--listen\n  without --listen it expects a FastCGI socket on "
	    "fd 0, systemd sockets, or a CGI environment\n");
	return 2;
}

int
app_responder(const struct module *const *mods, int argc, char **argv)
{
	static struct manager m;
	struct err e = { 0 };
	bool is_cgi = getenv("GATEWAY_INTERFACE") != NULL &&
	    getenv("REQUEST_METHOD") != NULL && !fd0_listens();
	int rc;

	if (!is_cgi && manual_asked("quincunx.fcgi", argc, argv))
		return 0;
	m.boot = (struct boot){ .program = "quincunx.fcgi",
	    .modules = mods, .argc = is_cgi ? 1 : argc, .argv = argv };
	if (app_boot(&m.env, &m.boot, &e) == -1 ||
	    http_open(&m.http, m.env, &auth_http_hooks, &e) == -1)
		rc = start_failed(m.boot.program, is_cgi, &e);
	else
		rc = run_as_started(&m, is_cgi, &e);
	app_end(m.env, &m.boot);
	return rc;
}
