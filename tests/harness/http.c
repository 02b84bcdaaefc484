/*
 * libcurl as the tests' client, and the count of what was called. Follows no
 * redirect, keeps no cookie, normalises no path.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "http/route.h"
#include "module.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/stack.h"

enum { REPLY_CAP = 1 << 30, CALL_S = 120, RAW_MS = 5000, RAW_MAX = 4 << 20,
	PARTS = 32 };

struct hits {
	const struct route *route;
	int alias;
	unsigned n;
};

struct client {
	CURL *easy;
	struct arena *a;		/* replies */
	VEC(struct json_object *) json;
	const struct module *const *modules;
	VEC(struct hits) hits;		/* in the stack's arena */
	const char *admin;
};

/* One exchange under way. */
struct flight {
	CURL *easy;
	const struct call *call;
	struct curl_slist *headers;
	struct str head, body;
	struct reply *reply;
};

static struct client *
client(struct stack *s)
{
	struct client *c = s->client;

	if (c == NULL) {
		c = arena_alloc(s->a, sizeof(*c));
		c->a = arena_new(REPLY_CAP);
		s->client = c;
	}
	return c;
}

static void
drop(struct client *c)
{
	for (size_t i = 0; i < c->json.n; i++)
		json_object_put(c->json.v[i]);
	memset(&c->json, 0, sizeof(c->json));
}

void
http_forget(struct stack *s)
{
	struct client *c = client(s);

	drop(c);
	if (c->admin != NULL)
		c->admin = arena_strdup(s->a, c->admin);
	arena_reset(c->a);
}

void
http_close(struct stack *s)
{
	struct client *c = s->client;

	if (c == NULL)
		return;
	drop(c);
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	arena_free(c->a);
	s->client = NULL;
}

void
http_reconnect(struct stack *s)
{
	struct client *c = client(s);

	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	c->easy = NULL;
}

/* ---- one exchange ----------------------------------------------------------- */

static size_t
on_data(char *p, size_t size, size_t n, void *arg)
{
	str_addn(arg, p, size * n);
	return size * n;
}

/* A new status line begins the head of the final reply. */
static size_t
on_head(char *p, size_t size, size_t n, void *arg)
{
	struct str *s = arg;

	if (size * n > 5 && strncmp(p, "HTTP/", 5) == 0) {
		s->len = 0;
		s->p[0] = '\0';
	}
	str_addn(s, p, size * n);
	return size * n;
}

static void
add_header(struct flight *f, const char *line)
{
	f->headers = curl_slist_append(f->headers, line);
}

static void
headers(struct stack *s, struct flight *f)
{
	static unsigned next;
	const struct call *c = f->call;
	struct arena *a = client(s)->a;
	const char *type = c->type;

	add_header(f, "Expect:");
	if (type == NULL && c->body != NULL)
		type = "application/json";
	add_header(f, type == NULL || *type == '\0' ? "Content-Type:" :
	    arena_printf(a, "Content-Type: %s", type));
	if (c->token != NULL)
		add_header(f, arena_printf(a, "Authorization: Bearer %s",
		    c->token));
	if (c->key != NULL)
		add_header(f, arena_printf(a, "Idempotency-Key: %s", c->key));
	next++;
	add_header(f, c->ip != NULL ?
	    arena_printf(a, "X-Forwarded-For: %s", c->ip) :
	    arena_printf(a, "X-Forwarded-For: 10.%u.%u.%u",
	    next >> 16 & 255, next >> 8 & 255, next & 255));
	for (const char *const *h = c->headers; h != NULL && *h != NULL; h++)
		add_header(f, *h);
}

static void
prepare(struct stack *s, struct flight *f)
{
	const struct call *c = f->call;
	struct arena *a = client(s)->a;
	const char *method = c->method != NULL ? c->method : "GET";
	CURL *e = f->easy;

	str_init(&f->head, a);
	str_init(&f->body, a);
	f->reply = arena_alloc(a, sizeof(*f->reply));
	f->reply->method = method;
	f->reply->path = c->path;
	curl_easy_setopt(e, CURLOPT_URL, arena_printf(a, "%s%s", s->base,
	    c->path));
	if (s->socket[0] != '\0' && !c->tcp)
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, s->socket);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, c->timeout_ms > 0 ?
	    c->timeout_ms : (long)CALL_S * 1000);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, &f->body);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, &f->head);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, c->fresh ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, c->fresh ? 1L : 0L);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (c->body != NULL) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(c->body_len > 0 ? c->body_len :
		    strlen(c->body)));
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
	headers(s, f);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers);
}

static void
count(struct stack *s, const struct reply *r)
{
	struct client *c = client(s);
	const struct route *rt;
	int alias;

	if (c->modules == NULL)
		return;
	rt = http_route_of(c->modules, r->method, r->path, &alias);
	if (rt == NULL || r->status != rt->ok)
		return;
	for (size_t i = 0; i < c->hits.n; i++)
		if (c->hits.v[i].route == rt && c->hits.v[i].alias == alias) {
			c->hits.v[i].n++;
			return;
		}
	*VEC_ADD(s->a, &c->hits) = (struct hits){ rt, alias, 1 };
}

static void
parse_json(struct client *c, struct reply *r)
{
	struct json_tokener *t;

	if (r->len == 0 || (r->body[0] != '{' && r->body[0] != '['))
		return;
	t = json_tokener_new_ex(64);
	r->json = json_tokener_parse_ex(t, r->body, (int)r->len);
	if (json_tokener_get_error(t) != json_tokener_success) {
		json_object_put(r->json);
		r->json = NULL;
	} else if (r->json != NULL)
		*VEC_ADD(c->a, &c->json) = r->json;
	json_tokener_free(t);
}

static void
no_answer(struct stack *s, const struct call *c, const char *why)
{
	fprintf(stderr, "http: %s %s: %s\n",
	    c->method != NULL ? c->method : "GET", c->path, why);
	stack_logs(s);
	fail_msg("no answer: %s", why);
}

static const struct reply *
finish(struct stack *s, struct flight *f, CURLcode rc)
{
	struct reply *r = f->reply;
	curl_off_t us = 0;
	long status = 0;

	if (rc == CURLE_OK) {
		curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &us);
	}
	curl_slist_free_all(f->headers);
	f->headers = NULL;
	r->status = (int)status;
	r->ms = (double)us / 1000;
	r->headers = f->head.p;
	r->body = f->body.p;
	r->len = f->body.len;
	parse_json(client(s), r);
	if (rc != CURLE_OK && !f->call->may_fail)
		no_answer(s, f->call, curl_easy_strerror(rc));
	count(s, r);
	return r;
}

const struct reply *
http_call(struct stack *s, const struct call *call)
{
	struct client *c = client(s);
	struct flight f = { .call = call };

	if (c->easy == NULL)
		c->easy = curl_easy_init();
	else
		curl_easy_reset(c->easy);
	f.easy = c->easy;
	prepare(s, &f);
	return finish(s, &f, curl_easy_perform(f.easy));
}

void
http_parallel(struct stack *s, const struct call *calls, size_t n,
    const struct reply **out)
{
	struct flight *f = arena_array(client(s)->a, n, sizeof(*f));
	CURLM *m = curl_multi_init();
	int running = 1, left;
	CURLMsg *msg;
	size_t i;

	for (i = 0; i < n; i++) {
		f[i].call = &calls[i];
		f[i].easy = curl_easy_init();
		prepare(s, &f[i]);
		curl_easy_setopt(f[i].easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(f[i].easy, CURLOPT_FORBID_REUSE, 1L);
		curl_multi_add_handle(m, f[i].easy);
	}
	while (running > 0) {
		curl_multi_perform(m, &running);
		if (running > 0)
			curl_multi_poll(m, NULL, 0, 100, NULL);
	}
	while ((msg = curl_multi_info_read(m, &left)) != NULL)
		for (i = 0; i < n; i++)
			if (f[i].easy == msg->easy_handle)
				out[i] = finish(s, &f[i], msg->data.result);
	for (i = 0; i < n; i++) {
		curl_multi_remove_handle(m, f[i].easy);
		curl_easy_cleanup(f[i].easy);
	}
	curl_multi_cleanup(m);
}

const struct reply *
http_get(struct stack *s, const char *path, const char *token)
{
	return http_call(s, &(struct call){ .path = path, .token = token });
}

const struct reply *
http_send(struct stack *s, const char *method, const char *path,
    const char *token, const char *body)
{
	return http_call(s, &(struct call){ .method = method, .path = path,
	    .token = token, .body = body });
}

/* ---- raw ------------------------------------------------------------------------ */

static int
dial(struct stack *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", s->socket);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		no_answer(s, &(struct call){ .path = s->socket },
		    strerror(errno));
	return fd;
}

static void
read_all(int fd, struct str *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[16384];
	ssize_t n;

	while (out->len < RAW_MAX && poll(&p, 1, RAW_MS) == 1 &&
	    (n = read(fd, buf, sizeof(buf))) > 0)
		str_addn(out, buf, (size_t)n);
}

const struct reply *
http_raw(struct stack *s, const char *bytes, size_t n)
{
	struct client *c = client(s);
	struct reply *r = arena_alloc(c->a, sizeof(*r));
	int fd = dial(s);
	struct str all;
	const char *blank;

	str_init(&all, c->a);
	if (send(fd, bytes, n, MSG_NOSIGNAL) == -1)
		fprintf(stderr, "http: raw: %s\n", strerror(errno));
	read_all(fd, &all);
	close(fd);
	r->method = "(raw)";
	r->path = arena_strndup(c->a, bytes, strcspn(bytes, "\r\n"));
	if (strncmp(all.p, "HTTP/1.", 7) == 0 && all.len > 12)
		r->status = (int)strtol(all.p + 9, NULL, 10);
	blank = strstr(all.p, "\r\n\r\n");
	r->headers = blank == NULL ? all.p : arena_strndup(c->a, all.p,
	    (size_t)(blank - all.p) + 2);
	r->body = blank == NULL ? "" : blank + 4;
	r->len = strlen(r->body);
	parse_json(c, r);
	return r;
}

/* ---- looking at replies ------------------------------------------------------------ */

static const char *
header_line(const char *from, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = from; (p = strstr(p, "\r\n")) != NULL; ) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return p;
	}
	return NULL;
}

const char *
http_header(struct stack *s, const struct reply *r, const char *name)
{
	const char *p = r->headers, *last = NULL;

	while ((p = header_line(p, name)) != NULL)
		last = p;
	if (last == NULL)
		return NULL;
	last += strlen(name) + 1;
	last += strspn(last, " \t");
	return arena_strndup(client(s)->a, last, strcspn(last, "\r\n"));
}

size_t
http_header_count(const struct reply *r, const char *name)
{
	const char *p = r->headers;
	size_t n = 0;

	while ((p = header_line(p, name)) != NULL)
		n++;
	return n;
}

struct json_object *
json_at(struct json_object *o, const char *path)
{
	char part[128];

	while (o != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		path += n + (path[n] == '.');
		if (json_object_is_type(o, json_type_array)) {
			size_t i = strtoul(part, NULL, 10);

			o = i < json_object_array_length(o) ?
			    json_object_array_get_idx(o, i) : NULL;
		} else if (!json_object_object_get_ex(o, part, &o))
			o = NULL;
	}
	return o;
}

const char *
json_text_at(struct json_object *o, const char *path)
{
	o = json_at(o, path);
	return o == NULL ? "" : json_object_get_string(o);
}

long long
json_int_at(struct json_object *o, const char *path)
{
	return json_object_get_int64(json_at(o, path));
}

const char *
http_text(struct stack *s, const char *fmt, ...)
{
	struct str t;
	va_list ap;

	str_init(&t, client(s)->a);
	va_start(ap, fmt);
	str_vaddf(&t, fmt, ap);
	va_end(ap);
	return t.p;
}

const char *
http_quote(struct stack *s, const char *text)
{
	struct str t;

	str_init(&t, client(s)->a);
	str_json(&t, text);
	return t.p;
}

void
expect_status_at(const struct reply *r, int want, const char *file, int line)
{
	if (r->status == want)
		return;
	fprintf(stderr, "%s %s: %d, wanted %d\n%s\n%.2000s\n", r->method,
	    r->path, r->status, want, r->headers, r->body);
	_fail(file, line);
}

/* ---- logins -------------------------------------------------------------------------- */

const char *
http_login(struct stack *s, const char *name, const char *password,
    const char **refresh)
{
	const struct reply *r = http_send(s, "POST", "/api/auth/login", NULL,
	    http_text(s, "{\"identifier\":%s,\"password\":%s}",
	    http_quote(s, name), http_quote(s, password)));

	if (r->status != 200)
		expect_status(r, 200);
	if (refresh != NULL)
		*refresh = arena_strdup(s->a, json_text_at(r->json,
		    "refresh_token"));
	return arena_strdup(s->a, json_text_at(r->json, "access_token"));
}

const char *
http_admin(struct stack *s)
{
	struct client *c = client(s);

	if (c->admin == NULL)
		c->admin = http_login(s, s->email, s->password, NULL);
	return c->admin;
}

bool
http_ready(struct stack *s, int ms)
{
	const struct call c = { .path = "/health/live", .may_fail = true,
	    .fresh = true };

	for (int waited = 0; waited < ms; waited += 20) {
		if (http_call(s, &c)->status == 200)
			return true;
		nap_ms(20);
	}
	return false;
}

/* ---- coverage ------------------------------------------------------------------------- */

static size_t
split(const char *path, size_t n, const char *parts[PARTS], size_t len[PARTS])
{
	size_t k = 0;

	for (const char *p = path; p < path + n && k < PARTS; ) {
		const char *end;

		p++;
		end = memchr(p, '/', (size_t)(path + n - p));
		if (end == NULL)
			end = path + n;
		if (end > p) {
			parts[k] = p;
			len[k++] = (size_t)(end - p);
		}
		p = end;
	}
	return k;
}

/* Literal segments that agree, more than nothing; -1 = no match. */
/* Does a segment fit "{id:uuid}"? Other types take anything. */
static bool
fits(const char *param, size_t n, const char *seg, size_t len)
{
	static const char uuid[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (n > 5 && strncmp(param + n - 5, ":int}", 5) == 0)
		return strspn(seg, "-0123456789") >= len;
	if (n < 6 || strncmp(param + n - 6, ":uuid}", 6) != 0)
		return true;
	if (len != sizeof(uuid) - 1)
		return false;
	for (size_t i = 0; i < len; i++)
		if (uuid[i] == '-' ? seg[i] != '-' :
		    !isxdigit((unsigned char)seg[i]))
			return false;
	return true;
}

static int
score(const char *pattern, const char *path, size_t n)
{
	const char *a[PARTS], *b[PARTS];
	size_t la[PARTS], lb[PARTS];
	size_t na = split(pattern, strlen(pattern), a, la);
	size_t nb = split(path, n, b, lb);
	int literal = 0;

	for (size_t i = 0; i < na; i++) {
		if (a[i][0] == '{' && la[i] > 6 &&
		    strncmp(a[i] + la[i] - 6, ":path}", 6) == 0)
			return nb > i ? literal : -1;
		if (i >= nb)
			return -1;
		if (a[i][0] == '{' && fits(a[i], la[i], b[i], lb[i]))
			continue;
		if (la[i] != lb[i] || strncmp(a[i], b[i], la[i]) != 0)
			return -1;
		literal++;
	}
	return na == nb ? literal : -1;
}

static void
best_path(const struct route *r, const char *path, size_t n, int *best,
    const struct route **found, int *alias)
{
	int sc = score(r->path, path, n);

	if (sc > *best) {
		*best = sc;
		*found = r;
		*alias = -1;
	}
	for (int i = 0; r->aliases != NULL && r->aliases[i].path != NULL; i++) {
		sc = score(r->aliases[i].path, path, n);
		if (sc > *best) {
			*best = sc;
			*found = r;
			*alias = i;
		}
	}
}

const struct route *
http_route_of(const struct module *const *mods, const char *method,
    const char *path, int *alias)
{
	const struct route *found = NULL;
	int best = -1;

	for (; *mods != NULL; mods++)
		for (const struct route *const *set = (*mods)->routes;
		    set != NULL && *set != NULL; set++)
			for (const struct route *r = *set; r->id != NULL; r++)
				if (strcmp(method_name(r->method),
				    method) == 0)
					best_path(r, path, strcspn(path, "?"),
					    &best, &found, alias);
	return found;
}

void
http_cover(struct stack *s, const struct module *const *mods)
{
	client(s)->modules = mods;
}

unsigned
http_covered(struct stack *s, const struct route *r, int alias)
{
	struct client *c = client(s);

	for (size_t i = 0; i < c->hits.n; i++)
		if (c->hits.v[i].route == r && c->hits.v[i].alias == alias)
			return c->hits.v[i].n;
	return 0;
}
