/*
 * Where the doctor looks: settings, keys, database, what the modules' health
 * checks ask, sockets, directories, certificate and site of this host. Changes
 * nothing but what any start of a program makes (run directory, segment, the
 * installation's own secrets once). Each look has a time limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "http/http.h"
#include "module.h"
#include "modules/auth/auth.h"
#include "modules/platform/doctor.h"
#include "modules/platform/setting.h"
#include "net/net.h"

enum { LIMIT_S = 3, FILE_MAX = 4 << 20, CERT_DAYS = 14 };

#define SITES "/etc/quincunx/sites/"

static const char *
why(const struct err *e, struct arena *a)
{
	const char *detail = e->detail[0] != '\0' ? e->detail : "failed";

	return e->cause[0] == '\0' ? detail :
	    arena_printf(a, "%s: %s", detail, e->cause);
}

/* ---- configuration and database ------------------------------------------------ */

static void
look_keys(struct env *env, struct platform_findings *f)
{
	const struct conf_item *items;
	struct err e = { 0 };

	platform_doctor_add(f, "configuration", DOCTOR_OK, arena_printf(f->a,
	    "%zu settings are valid", conf_items(env->conf, f->a, &items)),
	    NULL);
	if (auth_keys_open(env, &e) == -1)
		platform_doctor_add(f, "keys", DOCTOR_BAD, why(&e, f->a), NULL);
	else
		platform_doctor_add(f, "keys", DOCTOR_OK,
		    "encryption and signing keys are usable", NULL);
}

/* True when the schema can be asked further. */
static bool
look_database(struct env *env, struct platform_findings *f)
{
	struct db_conf conf = *(const struct db_conf *)conf_get(env->conf,
	    &db_settings);
	const char *shown = "", *warnings = "";
	struct err e = { 0 };

	conf.connect_timeout_s = LIMIT_S;
	conf.read_timeout_s = LIMIT_S;
	conf.write_timeout_s = LIMIT_S;
	env->db = NULL;
	if (db_url_check(conf.url, f->a, &shown, &e) == -1 ||
	    db_open(&env->db, f->a, &conf, &e) == -1 ||
	    db_check_server(env->db, f->a, &warnings, &e) == -1) {
		platform_doctor_add(f, "database", DOCTOR_BAD, why(&e, f->a),
		    NULL);
		return false;
	}
	platform_doctor_add(f, "database", DOCTOR_OK, arena_printf(f->a,
	    "%s answers, its version serves", shown), NULL);
	platform_doctor_server(f, warnings);
	return true;
}

static void
look_sealed(struct env *env, struct platform_findings *f)
{
	struct err e = { 0 };

	if (env->keys == NULL)
		return;
	if (auth_keys_check(env, &e) == -1)
		platform_doctor_add(f, "sealed values", DOCTOR_BAD,
		    why(&e, f->a), strcmp(e.code, "key_missing") == 0 ? NULL :
		    platform_doctor_remedy("migrations"));
	else
		platform_doctor_add(f, "sealed values", DOCTOR_OK,
		    "their keys are in the ring", NULL);
}

/* Checks that need no database. */
static bool
of_host(const char *name)
{
	static const char *const names[] = { "segment", "disk", "redis",
	    "live", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void
look_health(struct env *env, bool db, struct platform_findings *f)
{
	static const enum platform_doctor_state as[] = {
		[PROBE_OK] = DOCTOR_OK, [PROBE_DEGRADED] = DOCTOR_WARN,
		[PROBE_DOWN] = DOCTOR_BAD, [PROBE_DISABLED] = DOCTOR_OK
	};

	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct health_check *h = env->modules[m]->health;
		    h != NULL && h->name != NULL; h++) {
			struct probe p = { .state = PROBE_OK };

			/* said already, or could only repeat it */
			if (strcmp(h->name, "db") == 0 ||
			    (!db && !of_host(h->name)))
				continue;
			h->run(env, &p);
			platform_doctor_add(f, h->name, as[p.state],
			    p.detail[0] != '\0' ? p.detail :
			    p.state == PROBE_DISABLED ? "not used" : h->doc,
			    NULL);
		}
}

/* ---- this host ---------------------------------------------------------------- */

static void
look_run_dir(struct env *env, struct platform_findings *f)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct stat st;

	if (stat(cf->run_dir, &st) == -1 ||
	    access(cf->run_dir, W_OK | X_OK) == -1)
		platform_doctor_add(f, "run directory", DOCTOR_BAD,
		    arena_printf(f->a, "%s: %s", cf->run_dir,
		    strerror(errno)), NULL);
	else if (st.st_mode & 06)
		platform_doctor_add(f, "run directory", DOCTOR_WARN,
		    arena_printf(f->a, "%s is open to everybody (mode %o)",
		    cf->run_dir, (unsigned)st.st_mode & 0777), NULL);
	else
		platform_doctor_add(f, "run directory", DOCTOR_OK,
		    cf->run_dir, NULL);
}

/* 0: somebody accepts connections there. */
static int
connects(const char *where)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const char *path = strncmp(where, "unix:", 5) == 0 ? where + 5 : where;
	const char *colon = strrchr(where, ':');
	struct timeval limit = { .tv_sec = LIMIT_S };
	int64_t port = 0;
	int fd, rc = -1;

	fd = socket(*path == '/' ? AF_UNIX : AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (*path == '/' && strlen(path) < sizeof(un.sun_path)) {
		memcpy(un.sun_path, path, strlen(path) + 1);
		rc = connect(fd, (struct sockaddr *)&un, sizeof(un));
	} else if (*path != '/' && colon != NULL &&
	    num_i64(colon + 1, strlen(colon + 1), &port) == NUM_OK) {
		in.sin_port = htons((uint16_t)port);
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		rc = connect(fd, (struct sockaddr *)&in, sizeof(in));
	}
	close(fd);
	return rc;
}

static const char *
value_of(struct env *env, struct arena *a, const char *path)
{
	const struct conf_item *items;
	size_t n = conf_items(env->conf, a, &items);

	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].path, path) == 0)
			return items[i].value;
	return "";
}

static void
look_responder(struct env *env, struct platform_findings *f)
{
	static const char *const paths[] = { "fcgi.api.listen",
	    "fcgi.slow.listen", "fcgi.control.listen" };

	for (size_t i = 0; i < 3; i++) {
		const char *where = value_of(env, f->a, paths[i]);

		errno = 0;
		if (connects(where) == 0)
			continue;
		platform_doctor_add(f, "responder", DOCTOR_BAD,
		    arena_printf(f->a, "nobody answers at %s (%s): %s", where,
		    paths[i], strerror(errno)), NULL);
		return;
	}
	platform_doctor_add(f, "responder", DOCTOR_OK,
	    "its three pools take connections", NULL);
}

static void
look_certificate(struct env *env, struct platform_findings *f)
{
	const struct platform_conf *cf = conf_get(env->conf,
	    &platform_settings);
	struct err e = { 0 };
	struct utc until;
	int64_t days;

	if (*cf->certificate == '\0') {
		platform_doctor_add(f, "certificate", DOCTOR_OK,
		    "none is watched (platform.certificate)", NULL);
		return;
	}
	if (crypto_cert_until(cf->certificate, &until, &e) == -1) {
		platform_doctor_add(f, "certificate", DOCTOR_BAD,
		    why(&e, f->a), NULL);
		return;
	}
	days = (until.us - clock_now().us) / 86400000000;
	platform_doctor_add(f, "certificate", until.us < clock_now().us ?
	    DOCTOR_BAD : days < CERT_DAYS ? DOCTOR_WARN : DOCTOR_OK,
	    arena_printf(f->a, "%s has %lld days left", cf->certificate,
	    (long long)days), NULL);
}

/* Is it we who answer behind the web server? Another program may hold its
 * port. */
static void
look_front(struct env *env, const char *url, struct platform_findings *f)
{
	const char *base = url != NULL ? url : value_of(env, f->a,
	    "http.public_url");
	const struct net_call c = { .service = "web server", .method = "GET",
	    .url = arena_printf(f->a, "%s/health/live", base),
	    .timeout_ms = LIMIT_S * 1000, .no_breaker = true };
	struct net_reply r;
	struct err e = { 0 };

	if (*base == '\0') {
		platform_doctor_add(f, "web server", DOCTOR_OK, "not asked "
		    "(http.public_url is not set; --url URL asks one)", NULL);
		return;
	}
	net_allow(env->net, c.url);
	if (net_http(env->net, f->a, &c, &r, &e) == -1)
		platform_doctor_add(f, "web server", DOCTOR_BAD,
		    arena_printf(f->a, "%s: %s", base, why(&e, f->a)), NULL);
	else if (strstr(r.body, "\"alive\"") != NULL)
		platform_doctor_add(f, "web server", DOCTOR_OK,
		    arena_printf(f->a, "%s answers", base), NULL);
	else
		platform_doctor_add(f, "web server", DOCTOR_BAD,
		    arena_printf(f->a, r.status >= 502 ? "%s answers %d: it "
		    "does not reach the responder" : "another program "
		    "answers at %s (status %d)", base, r.status),
		    r.status >= 502 ? NULL : "`ss -ltnp` names who holds the "
		    "port: stop it, or give the site another port");
}

/* ---- the site ------------------------------------------------------------------- */

static const char *
read_text(struct arena *a, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX) {
		close(fd);
		errno = EFBIG;
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	n = read(fd, text, (size_t)st.st_size);
	close(fd);
	return n == st.st_size ? text : NULL;
}

static void
compare_site(struct env *env, const char *path, const char *text,
    struct platform_findings *f)
{
	struct site_options o = { .server = platform_doctor_site_server(text) };
	struct err e = { 0 };
	struct http *h;
	struct str fresh;
	const char *first;
	size_t n;

	str_init(&fresh, f->a);
	if (o.server == NULL) {
		platform_doctor_add(f, "site", DOCTOR_WARN, arena_printf(f->a,
		    "%s is no site of `quincunx site`", path), NULL);
		return;
	}
	if (http_open(&h, env, &auth_http_hooks, &e) == -1 ||
	    site_emit(h, &o, &fresh, &e) == -1) {
		platform_doctor_add(f, "site", DOCTOR_BAD, why(&e, f->a),
		    NULL);
		return;
	}
	n = platform_doctor_site_differs(f->a, fresh.p, text, &first);
	if (n == 0)
		platform_doctor_add(f, "site", DOCTOR_OK, arena_printf(f->a,
		    "%s knows every route", path), NULL);
	else
		platform_doctor_add(f, "site", DOCTOR_WARN, arena_printf(f->a,
		    "%s lacks %zu lines of the present routes (\"%.60s\")",
		    path, n, first), NULL);
}

static void
look_site(struct env *env, const char *site, struct platform_findings *f)
{
	static const char *const usual[] = { SITES "nginx.conf",
	    SITES "lighttpd.conf", SITES "apache.conf", NULL };
	const char *text = NULL, *const *p = usual;

	if (site != NULL) {
		text = read_text(f->a, site);
		if (text == NULL)
			platform_doctor_add(f, "site", DOCTOR_BAD,
			    arena_printf(f->a, "%s: %s", site,
			    strerror(errno)), NULL);
	} else {
		for (; text == NULL && *p != NULL; p++)
			text = read_text(f->a, site = *p);
		if (text == NULL)
			platform_doctor_add(f, "site", DOCTOR_OK, "none of "
			    "setup's is installed (--site FILE compares "
			    "another)", NULL);
	}
	if (text != NULL)
		compare_site(env, site, text, f);
}

void
platform_doctor_look(struct env *env, const char *site, const char *url,
    struct platform_findings *f)
{
	bool db;

	look_keys(env, f);
	db = look_database(env, f);
	if (db)
		look_sealed(env, f);
	look_health(env, db, f);
	look_run_dir(env, f);
	look_responder(env, f);
	look_front(env, url, f);
	look_certificate(env, f);
	look_site(env, site, f);
	if (env->db != NULL)
		db_close(env->db);
	env->db = NULL;
}
