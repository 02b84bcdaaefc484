/*
 * Sites for the web servers, from the route rows: a path whose rows belong to
 * the slow or the control pool, or take large bodies, gets a location of its
 * own; everything else goes to api. Both slash forms are covered. A path that
 * several pools share goes to slow if one of its rows does (that pool serves
 * any route), to control only if all do. Writes text; starts nothing.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "conf/base.h"
#include "http/live.h"
#include "http/serve.h"
#include "http/site.h"

/* ---- places ---------------------------------------------------------------- */

static const char *
listen_of(struct site *s, const char *path)
{
	const struct conf_item *items;
	size_t n = conf_items(s->h->env->conf, s->a, &items);
	char cwd[4096];

	for (size_t i = 0; i < n; i++) {
		const char *v = items[i].value;

		if (strcmp(items[i].path, path) != 0)
			continue;
		if (strncmp(v, "unix:", 5) == 0)
			v += 5;
		if (*v == '/' || strchr(v, '/') == NULL ||
		    getcwd(cwd, sizeof(cwd)) == NULL)
			return v;
		return arena_printf(s->a, "%s/%s", cwd, v);
	}
	return "";
}

/* Literal text safe in all three servers' quoting; and as a regex. */
static void
regex_segment(struct str *re, const char *seg, size_t n)
{
	const char *colon;

	if (seg[0] == '{') {
		colon = memchr(seg, ':', n);
		str_add(re, colon != NULL && strncmp(colon, ":path}", 6) == 0 ?
		    ".+" : "[^/]+");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (strchr(".+*?()[]{}|^$\\", seg[i]) != NULL)
			str_addc(re, '\\');
		str_addc(re, seg[i]);
	}
}

static const char *
regex_of(struct site *s, const char *path)
{
	struct str re;

	str_init(&re, s->a);
	regex_segment(&re, s->h->conf->prefix, strlen(s->h->conf->prefix));
	for (const char *p = path; *p != '\0'; ) {
		size_t n;

		str_addc(&re, *p++);	/* the slash */
		n = strcspn(p, "/");
		regex_segment(&re, p, n);
		p += n;
	}
	if (re.len > 0 && re.p[re.len - 1] == '/')
		re.p[--re.len] = '\0';	/* "/?" follows */
	return re.p;
}

static void
place_add(struct site *s, struct map *seen, const struct route *r,
    const char *path)
{
	const char *re = regex_of(s, path);
	struct place *p = map_get(seen, re);

	if (p == NULL) {
		p = arena_alloc(s->a, sizeof(*p));
		p->regex = re;
		if (strchr(path, '{') == NULL)
			p->literal = arena_printf(s->a, "%s%s",
			    s->h->conf->prefix,
			    strcmp(path, "/") == 0 ? "" : path);
		p->pool = r->pool;
		map_put(seen, re, p);
		*VEC_ADD(s->a, &s->places) = p;
	} else if (p->pool != r->pool)
		p->pool = p->pool == POOL_SLOW || r->pool == POOL_SLOW ?
		    POOL_SLOW : POOL_API;
	if (r->max_body > p->max_body)
		p->max_body = r->max_body;
}

static bool
own_location(const struct site *s, const struct place *p)
{
	return p->pool != POOL_API || p->max_body > s->max_body;
}

/* A literal that a pattern of another pool would swallow. */
static bool
swallowed(const struct site *s, const struct place *lit)
{
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.v[i];
		char whole[1024];
		regex_t re;
		bool hit;

		if (p->literal != NULL || !own_location(s, p) ||
		    (p->pool == lit->pool && p->max_body == lit->max_body))
			continue;
		snprintf(whole, sizeof(whole), "^%s$", p->regex);
		if (regcomp(&re, whole, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		hit = regexec(&re, lit->literal, 0, NULL, 0) == 0;
		regfree(&re);
		if (hit)
			return true;
	}
	return false;
}

static void
places_collect(struct site *s)
{
	struct map *seen = map_new(s->a);

	for (size_t i = 0; i < s->h->nroutes; i++) {
		const struct route *r = s->h->routes[i];

		place_add(s, seen, r, r->path);
		for (const struct alias *al = r->aliases;
		    al != NULL && al->path != NULL; al++)
			place_add(s, seen, r, al->path);
	}
	for (size_t i = 0; i < s->places.n; i++) {
		struct place *p = s->places.v[i];

		p->special = own_location(s, p) ||
		    (p->literal != NULL && swallowed(s, p));
	}
}

/* What the gateway serves never reaches a pool. */
static void
endpoints_collect(struct site *s)
{
	for (const struct live_endpoint *e = live_endpoints; e->path != NULL;
	    e++) {
		struct place *p = arena_alloc(s->a, sizeof(*p));

		p->regex = regex_of(s, e->path);
		if (strchr(e->path, '{') == NULL)
			p->literal = arena_printf(s->a, "%s%s",
			    s->h->conf->prefix, e->path);
		*VEC_ADD(s->a, &s->endpoints) = p;
	}
}

const char *
site_live_regex(struct site *s)
{
	struct str re;

	str_init(&re, s->a);
	for (size_t i = 0; i < s->endpoints.n; i++) {
		str_add(&re, i == 0 ? "^(" : "|");
		str_add(&re, s->endpoints.v[i]->regex);
	}
	str_add(&re, ")/?$");
	return re.p;
}

const char *
site_pool(enum pool_kind k)
{
	return k == POOL_SLOW ? "slow" : k == POOL_CONTROL ? "control" : "api";
}

size_t
site_body(const struct site *s, const struct place *p)
{
	size_t n = p != NULL && p->max_body > s->max_body ? p->max_body :
	    s->max_body;

	return n + SITE_SLACK;	/* ours is the exact limit and the JSON */
}

/* ---- the options ------------------------------------------------------------- */

/* Values land in a configuration file: nothing that could end a word. */
static int
word_check(const char *what, const char *s, struct err *e)
{
	for (const char *p = s == NULL ? "" : s; *p != '\0'; p++)
		if (strchr("\"'`;{}<>\\$#% \t\r\n", *p) != NULL)
			return err_set(e, 400, "usage",
			    "%s must not contain '%c'", what, *p);
	return 0;
}

static int
options_check(const struct site_options *o, struct err *e)
{
	for (size_t i = 0; o->listens != NULL && o->listens[i] != NULL; i++)
		if (word_check("--listen", o->listens[i], e) == -1)
			return -1;
	if ((o->tls_cert == NULL) != (o->tls_key == NULL))
		return err_set(e, 400, "usage", "--tls needs CERT:KEY");
	if (o->old != NULL && strcmp(o->server, "nginx") != 0)
		return err_set(e, 400, "usage", "--old is for nginx");
	return word_check("--old", o->old, e) == -1 ||
	    word_check("--server-name", o->server_name, e) == -1 ||
	    word_check("--tls", o->tls_cert, e) == -1 ||
	    word_check("--tls", o->tls_key, e) == -1 ||
	    word_check("--standalone", o->standalone, e) == -1 ? -1 : 0;
}

int
site_emit(struct http *h, const struct site_options *o, struct str *out,
    struct err *e)
{
	static const char *const any[] = { "127.0.0.1:8080", NULL };
	struct site s = { .h = h, .o = o, .out = out, .a = out->a,
	    .max_body = (size_t)h->conf->max_body };

	if (options_check(o, e) == -1)
		return -1;
	s.listens = o->listens == NULL || *o->listens == NULL ? any :
	    o->listens;
	s.sock[POOL_API] = listen_of(&s, "fcgi.api.listen");
	s.sock[POOL_SLOW] = listen_of(&s, "fcgi.slow.listen");
	s.sock[POOL_CONTROL] = listen_of(&s, "fcgi.control.listen");
	s.live = listen_of(&s, "live.listen");
	for (size_t i = 0; i < 3; i++)
		if (word_check("fcgi.*.listen", s.sock[i], e) == -1)
			return -1;
	if (word_check("live.listen", s.live, e) == -1)
		return -1;
	places_collect(&s);
	if (*s.live != '\0')	/* a build of its own without the platform */
		endpoints_collect(&s);
	if (strcmp(o->server, "nginx") == 0)
		site_nginx(&s);
	else if (strcmp(o->server, "lighttpd") == 0)
		site_lighttpd(&s);
	else if (strcmp(o->server, "apache") == 0)
		site_apache(&s);
	else
		return err_set(e, 400, "usage", "no site for \"%s\": nginx, "
		    "lighttpd or apache", o->server);
	return 0;
}
