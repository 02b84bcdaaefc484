/*
 * The HTTP contract of every route: what the rows promise is asked of a real
 * server. Nothing here names a route; what exists is what modules[] lists. A
 * new row is tested by being there, and a row that never answers with its
 * success fails the run.
 */
#include <json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "schema/schema.h"
#include "tests/harness/contract.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

static struct stack st;
static struct world w = { .st = &st, .modules = modules,
	.recipes = contract_recipes };

#define EACH_ROUTE(r) \
	for (size_t i_ = 0; (r = ct_route(&w, i_)) != NULL; i_++)
#define EACH_PATH(r, alias) \
	for (int alias = -1; ct_path(r, alias) != NULL; alias++)

/* Every case looks at all rows and fails once, at its end. */
static unsigned failures_before;

static void
begin(void)
{
	failures_before = w.failures;
	http_forget(&st);
}

static void
end(void)
{
	w.at = NULL;
	if (w.failures != failures_before)
		fail_msg("%u breaches, see above",
		    w.failures - failures_before);
}

static const struct reply *
send_as(const struct wanted *q, const char *token, const char *body,
    const char *type)
{
	struct wanted x = *q;

	x.token = token;
	x.body = body;
	x.type = type;
	return ct_do(&w, &x);
}

/* ---- success -------------------------------------------------------------- */

static void
success(void **state)
{
	const struct route *r;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		if (ct_flags(&w, r) & CT_OUTSIDE)
			continue;
		w.at = r->id;
		EACH_PATH(r, alias)
			ct_success(&w, &w.a, r, alias);
	}
	end();
}

/* The other suites' work is done: nothing may be left over. */
static void
coverage(void **state)
{
	const struct route *r;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		EACH_PATH(r, alias)
			if (!(ct_flags(&w, r) & CT_OUTSIDE) &&
			    http_covered(&st, r, alias) == 0)
				ct_bad(&w, "%s %s was never hit with %d",
				    method_name(r->method),
				    ct_path(r, alias), r->ok);
	}
	end();
}

/* ---- who may ---------------------------------------------------------------- */

static const char *
weak_key(const struct route *r)
{
	if (r->permission == NULL)
		return NULL;
	return strcmp(r->permission, "auth:self") == 0 ? w.a.users_key :
	    w.a.self_key;
}

static void
who_may(void **state)
{
	static const char *const garbage[] = { "x", "a.b.c", "qk_aaaaaaaa_b",
		"eyJhbGciOiJub25lIn0.e30.", NULL };
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		if (r->auth != AUTH_USER)
			continue;
		EACH_PATH(r, alias) {
			ct_build(&w, &w.a, r, alias, &q);
			ct_validate_error(&w, send_as(&q, NULL, q.body,
			    q.type), 401);
			for (size_t g = 0; garbage[g] != NULL; g++)
				ct_validate_error(&w, send_as(&q, garbage[g],
				    q.body, q.type), 401);
			if (weak_key(r) != NULL)
				ct_validate_error(&w, send_as(&q, weak_key(r),
				    q.body, q.type), 403);
		}
	}
	end();
}

/* A refused request left its row if the route is audited. */
static void
refusals_are_audited(void **state)
{
	const struct route *r;
	struct wanted q;
	char sql[300];

	(void)state;
	begin();
	EACH_ROUTE(r) {
		if (!(r->flags & R_AUDIT) || weak_key(r) == NULL)
			continue;
		w.at = r->id;
		ct_build(&w, &w.a, r, -1, &q);
		snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM auth_audit "
		    "WHERE action = '%s' AND status = 403", r->id);
		const char *before = mariadb_value(st.a, st.db, sql);
		send_as(&q, weak_key(r), q.body, q.type);
		const char *after = mariadb_value(st.a, st.db, sql);
		if (strtol(after, NULL, 10) != strtol(before, NULL, 10) + 1)
			ct_bad(&w, "a 403 left %s rows, before it %s", after,
			    before);
	}
	end();
}

/* ---- methods and forms of the path ------------------------------------------------ */

static unsigned
methods_of(const char *path)
{
	unsigned mask = 0;
	int alias;

	for (enum method m = HTTP_GET; m <= HTTP_DELETE; m++)
		if (http_route_of(modules, method_name(m), path, &alias))
			mask |= 1u << m;
	return mask;
}

static bool
listed(const char *allow, const char *method)
{
	size_t n = strlen(method);

	for (const char *p = allow; (p = strstr(p, method)) != NULL; p += n)
		if ((p == allow || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

static void
check_allow(const struct reply *p, unsigned mask)
{
	const char *allow = http_header(&st, p, "Allow");

	if (allow == NULL) {
		ct_bad(&w, "%d without Allow", p->status);
		return;
	}
	for (enum method m = HTTP_GET; m <= HTTP_DELETE; m++)
		if (listed(allow, method_name(m)) !=
		    ((mask & 1u << m) != 0))
			ct_bad(&w, "Allow: %s, but %s", allow,
			    method_name(m));
	if (!listed(allow, "OPTIONS") ||
	    listed(allow, "HEAD") != ((mask & 1u << HTTP_GET) != 0))
		ct_bad(&w, "Allow: %s", allow);
}

static void
wrong_method(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		EACH_PATH(r, alias) {
			const struct reply *p;
			unsigned mask;

			ct_build(&w, &w.a, r, alias, &q);
			mask = methods_of(q.path);
			for (enum method m = HTTP_GET; m <= HTTP_DELETE; m++) {
				if (mask & 1u << m)
					continue;
				q.method = method_name(m);
				p = send_as(&q, q.token, NULL, NULL);
				ct_validate_error(&w, p, 405);
				check_allow(p, mask);
				break;
			}
			q.method = "OPTIONS";
			p = send_as(&q, NULL, NULL, NULL);
			if (p->status != 204 || p->len != 0)
				ct_bad(&w, "OPTIONS: %d %s", p->status,
				    p->body);
			check_allow(p, mask);
			q.method = "BREW";
			p = send_as(&q, NULL, NULL, NULL);
			if (p->status != 405 && p->status != 400)
				ct_bad(&w, "BREW: %d", p->status);
		}
	}
	end();
}

static void
head_is_get(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		if (r->method != HTTP_GET || (ct_flags(&w, r) & CT_OUTSIDE))
			continue;
		w.at = r->id;
		ct_build(&w, &w.a, r, -1, &q);
		const struct reply *get = ct_do(&w, &q), *head;
		q.method = "HEAD";
		head = ct_do(&w, &q);
		if (head->status != get->status || head->len != 0)
			ct_bad(&w, "HEAD %d with %zu bytes, GET %d",
			    head->status, head->len, get->status);
		for (size_t h = 0; h < 3; h++) {
			const char *name = (const char *const[]){
			    "Content-Type", "ETag", "Content-Length" }[h];
			const char *a = http_header(&st, get, name),
			    *b = http_header(&st, head, name);

			if (h > 0 && (ct_flags(&w, r) & CT_VOLATILE))
				continue;
			if ((a == NULL) != (b == NULL) || (a != NULL &&
			    strcmp(a, b) != 0))
				ct_bad(&w, "%s: GET %s, HEAD %s", name,
				    a ? a : "none", b ? b : "none");
		}
	}
	end();
}

/* Both slash forms reach the row: a refusal that only it can give. */
static void
both_slash_forms(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		EACH_PATH(r, alias) {
			const struct reply *one, *two;
			size_t n;

			ct_build(&w, &w.a, r, alias, &q);
			n = strcspn(q.path, "?");
			if (n == 1 || strstr(ct_path(r, alias), ":path}"))
				continue;
			if (r->method != HTTP_GET)
				q.body = "{";
			else if (ct_flags(&w, r) & CT_OUTSIDE)
				continue;
			if (r->method != HTTP_GET && r->auth == AUTH_USER)
				q.token = NULL;
			one = ct_do(&w, &q);
			q.path = arena_printf(st.a, "%.*s/%s", (int)n, q.path,
			    q.path + n);
			two = ct_do(&w, &q);
			if (one->status != two->status)
				ct_bad(&w, "%s: %d, without the slash %d",
				    q.path, two->status, one->status);
		}
	}
	end();
}

/* ---- input ------------------------------------------------------------------------- */

static bool
in_path(const struct route *r, const char *name)
{
	return strstr(r->path, arena_printf(st.a, "{%s}", name)) != NULL ||
	    strstr(r->path, arena_printf(st.a, "{%s:", name)) != NULL;
}

static bool
in_body(const struct route *r, const struct field *f)
{
	return r->method != HTTP_GET && r->method != HTTP_DELETE &&
	    !(r->flags & R_RAW) && !(f->flags & FF_READONLY) &&
	    !in_path(r, f->name);
}

static bool
takes_body(const struct route *r)
{
	for (const struct field *f = r->in == NULL ? NULL : r->in->fields;
	    f != NULL && f->name != NULL; f++)
		if (in_body(r, f))
			return true;
	return false;
}

static const char *
without(const char *body, const char *member)
{
	struct json_object *o = json_tokener_parse(body != NULL ? body :
	    "{}");
	const char *out;

	json_object_object_del(o, member);
	out = arena_strdup(st.a, json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return out;
}

static const char *
with(const char *body, const char *member, const char *value)
{
	const char *rest = without(body, member);

	return arena_printf(st.a, "{\"%s\":%s%s%s", member, value,
	    strcmp(rest, "{}") == 0 ? "" : ",", rest + 1);
}

static void
expect_entry(const struct reply *p, const char *type, const char *where,
    const char *member)
{
	ct_validate_error(&w, p, 422);
	if (p->status == 422 && !ct_entry(p, type, where, member))
		ct_bad(&w, "no entry %s at [%s, %s]: %.400s",
		    type != NULL ? type : "(any)", where,
		    member != NULL ? member : "-", p->body);
}

static void
body_members(const struct route *r, int alias)
{
	bool seed = ct_seed(r, alias) != NULL;
	const struct reply *p;
	struct wanted q;

	ct_build(&w, &w.a, r, alias, &q);
	if (q.type != NULL)
		return;		/* a form */
	if (!seed)
		expect_entry(send_as(&q, q.token, with(q.body,
		    "no_such_member", "1"), NULL), "extra_forbidden", "body",
		    "no_such_member");
	for (const struct field *f = r->in->fields; f->name != NULL; f++) {
		const char *wrong = ct_wrong(f);

		if (!in_body(r, f))
			continue;
		if (f->flags & FF_REQUIRED)
			expect_entry(send_as(&q, q.token, without(q.body,
			    f->name), NULL), "missing", "body", f->name);
		if (wrong == NULL)
			continue;
		p = send_as(&q, q.token, with(q.body, f->name, wrong), NULL);
		expect_entry(p, NULL, "body", f->name);
		if (!(f->flags & FF_NULLABLE))
			expect_entry(send_as(&q, q.token, with(q.body,
			    f->name, "null"), NULL), NULL, "body", f->name);
	}
}

static void
members(void **state)
{
	const struct route *r;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		EACH_PATH(r, alias)
			if (takes_body(r))
				body_members(r, alias);
	}
	end();
}

/* A member we do not know is ignored where the document's clients send it. */
static void
unknown_on_seed_paths(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		EACH_PATH(r, alias) {
			const struct reply *p;

			if (!takes_body(r) || ct_seed(r, alias) == NULL ||
			    (ct_flags(&w, r) & (CT_OUTSIDE | CT_ONCE)))
				continue;
			ct_build(&w, &w.a, r, alias, &q);
			p = send_as(&q, q.token, with(q.body,
			    "no_such_member", "1"), NULL);
			if (p->status != r->ok)
				ct_bad(&w, "unknown member on %s: %d %.200s",
				    q.path, p->status, p->body);
		}
	}
	end();
}

static void
bodies(void **state)
{
	static const char *const malformed[] = { "{", "{\"a\":1,}", "nope",
		"{\"a\":\"\xff\"}", "{\"a\" 1}", NULL };
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		if (!takes_body(r))
			continue;
		EACH_PATH(r, alias) {
			ct_build(&w, &w.a, r, alias, &q);
			for (size_t m = 0; malformed[m] != NULL; m++)
				expect_entry(send_as(&q, q.token,
				    malformed[m], NULL), NULL, "body", NULL);
			expect_entry(send_as(&q, q.token, "{", NULL),
			    "json_invalid", "body", NULL);
			expect_entry(send_as(&q, q.token, "[1]", NULL), NULL,
			    "body", NULL);
			if (q.type != NULL)
				continue;
			/* without a type a body is JSON */
			expect_entry(send_as(&q, q.token, "{", ""),
			    "json_invalid", "body", NULL);
			ct_validate_error(&w, send_as(&q, q.token, q.body,
			    "text/csv"), ct_seed(r, alias) != NULL ? 422 :
			    415);
		}
	}
	end();
}

static void
oversized(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		size_t max = r->max_body > 0 ? r->max_body : 1 << 20;
		char *big;

		if (!takes_body(r) || max > 8 << 20)
			continue;
		w.at = r->id;
		ct_build(&w, &w.a, r, -1, &q);
		struct arena *a = arena_new(64 << 20);
		big = arena_alloc(a, max + 32);
		memset(big, ' ', max + 16);
		memcpy(big, "{}", 2);
		ct_validate_error(&w, send_as(&q, q.token, big, q.type), 413);
		/* a longer one is the web server's to refuse, in our words */
		arena_free(a);
		a = arena_new(64 << 20);
		big = arena_alloc(a, max + (256 << 10));
		memset(big, ' ', max + (200 << 10));
		const struct reply *p = send_as(&q, q.token, big, q.type);
		if (p->status != 413 || json_at(p->json, "detail") == NULL)
			ct_bad(&w, "%zu bytes: %d %.100s",
			    max + (200 << 10), p->status, p->body);
		arena_free(a);
	}
	end();
}

/* ---- parameters --------------------------------------------------------------------------- */

static const char *
bad_param(const struct field *f)
{
	switch (f->type) {
	case FT_BOOL:
		return "perhaps";
	case FT_INT:
	case FT_REAL:
	case FT_DEC:
		return "1e999x";
	case FT_UUID:
	case FT_TIME:
		return "nonsense";
	default:
		return f->oneof != NULL ? "none-of-them" : NULL;
	}
}

/* The path with another value for one parameter. */
static const char *
path_with(const struct route *r, const char *path, const char *name,
    const char *value)
{
	const char *p = r->path, *q = path;
	struct str s;

	str_init(&s, st.a);
	while (*p != '\0') {
		size_t np = strcspn(p + 1, "/") + 1,
		    nq = strcspn(q + 1, "/?") + 1;

		if (p[1] == '{' && strncmp(p + 2, name, strlen(name)) == 0 &&
		    strchr(":}", p[2 + strlen(name)]) != NULL)
			str_addf(&s, "/%s", value);
		else
			str_addn(&s, q, nq);
		p += np;
		q += nq;
	}
	str_add(&s, q);
	return s.p;
}

static void
parameters(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		bool query = r->method == HTTP_GET ||
		    r->method == HTTP_DELETE;

		w.at = r->id;
		if (r->in == NULL)
			continue;
		ct_build(&w, &w.a, r, -1, &q);
		for (const struct field *f = r->in->fields; f->name != NULL;
		    f++) {
			struct wanted x = q;
			const char *bad = bad_param(f);
			bool path = in_path(r, f->name);

			if (bad == NULL || (!path && !query))
				continue;
			x.path = path ? path_with(r, q.path, f->name, bad) :
			    arena_printf(st.a, "%s%c%s=%s", q.path,
			    strchr(q.path, '?') ? '&' : '?', f->name, bad);
			const struct reply *p = ct_do(&w, &x);
			/* a typed segment does not match at all */
			if (path && p->status == 404 &&
			    strstr(r->path, ":") != NULL)
				continue;
			expect_entry(p, NULL, path ? "path" : "query",
			    f->name);
		}
		if (query && !(ct_flags(&w, r) & (CT_OUTSIDE | CT_ONCE))) {
			const struct reply *p;

			q.path = arena_printf(st.a, "%s%cno_such=1", q.path,
			    strchr(q.path, '?') ? '&' : '?');
			p = ct_do(&w, &q);
			if (p->status != r->ok)
				ct_bad(&w, "unknown query parameter: %d "
				    "%.200s", p->status, p->body);
		}
	}
	end();
}

/* ---- forms of the reply ----------------------------------------------------------------------- */

static void
etags(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		const char *tag;

		w.at = r->id;
		if (r->method != HTTP_GET || (r->flags & R_SECRET) ||
		    (ct_flags(&w, r) & (CT_VOLATILE | CT_OUTSIDE)))
			continue;
		ct_build(&w, &w.a, r, -1, &q);
		const struct reply *p = ct_do(&w, &q);
		tag = http_header(&st, p, "ETag");
		if (p->status != 200 || tag == NULL) {
			ct_bad(&w, "%d, ETag %s", p->status,
			    tag != NULL ? tag : "none");
			continue;
		}
		struct call c = { .method = "GET", .path = q.path,
		    .token = q.token, .headers = (const char *[]){
		    arena_printf(st.a, "If-None-Match: %s", tag), NULL } };
		p = http_call(&st, &c);
		if (p->status != 304 || p->len != 0)
			ct_bad(&w, "If-None-Match: %d with %zu bytes",
			    p->status, p->len);
		c.headers = (const char *[]){ "If-None-Match: \"other\"",
		    NULL };
		p = http_call(&st, &c);
		if (p->status != 200)
			ct_bad(&w, "another tag: %d", p->status);
	}
	end();
}

static void
problems(void **state)
{
	const struct route *r;
	struct wanted q;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		const struct reply *p;

		w.at = r->id;
		if (r->auth != AUTH_USER)
			continue;
		ct_build(&w, &w.a, r, -1, &q);
		p = http_call(&st, &(struct call){ .method = q.method,
		    .path = q.path, .body = q.body, .type = q.type,
		    .headers = (const char *[]){
		    "Accept: application/problem+json", NULL } });
		if (p->status != 401 || strcmp(http_header(&st, p,
		    "Content-Type"), "application/problem+json") != 0 ||
		    json_int_at(p->json, "status") != 401 ||
		    *json_text_at(p->json, "title") == '\0' ||
		    *json_text_at(p->json, "detail") == '\0' ||
		    strcmp(json_text_at(p->json, "request_id"),
		    http_header(&st, p, "X-Request-ID")) != 0)
			ct_bad(&w, "problem+json: %d %.300s", p->status,
			    p->body);
	}
	end();
}

/* ---- lists -------------------------------------------------------------------------------------- */

static const char *
page_path(const char *path, int limit, const char *cursor)
{
	return arena_printf(st.a, "%s%climit=%d%s%s", path,
	    strchr(path, '?') ? '&' : '?', limit, *cursor ? "&cursor=" : "",
	    cursor);
}

static void
walk(const struct wanted *q, struct json_object *all)
{
	size_t n = json_object_array_length(all), at = 0;
	const char *cursor = "";

	do {
		struct wanted x = *q;
		const struct reply *p;

		x.path = page_path(q->path, 1, cursor);
		p = ct_do(&w, &x);
		struct json_object *item = json_at(p->json, "items.0");

		if (p->status != 200 || json_at(p->json, "items.1") != NULL) {
			ct_bad(&w, "%s: %d %.200s", x.path, p->status,
			    p->body);
			return;
		}
		if (item == NULL)
			break;
		if (at >= n || !json_object_equal(item,
		    json_object_array_get_idx(all, at))) {
			ct_bad(&w, "row %zu of the walk is not the list's: "
			    "%.200s", at, p->body);
			return;
		}
		at++;
		cursor = arena_strdup(st.a, json_text_at(p->json, "next"));
	} while (*cursor != '\0' && at < 40);
	if (at < n && at < 40)
		ct_bad(&w, "the walk ended after %zu of %zu rows", at, n);
}

static void
lists(void **state)
{
	const struct route *r;
	struct wanted q, x;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		char noun[80];

		w.at = r->id;
		if (!(r->flags & R_LIST) || r->in == NULL ||
		    schema_find(r->in, "cursor") == -1 ||
		    (ct_flags(&w, r) & CT_OUTSIDE))
			continue;
		snprintf(noun, sizeof(noun), "%s", r->id);
		*strrchr(noun, '.') = '\0';
		for (int k = 0; k < 3 && ct_find(&w, arena_printf(st.a,
		    "%s.create", noun)) != NULL; k++)
			ct_object(&w, &w.a, noun);
		ct_build(&w, &w.a, r, -1, &q);
		x = q;
		x.path = page_path(q.path, 200, "");
		const struct reply *p = ct_do(&w, &x);
		struct json_object *all = json_at(p->json, "items");

		if (p->status != 200 || all == NULL) {
			ct_bad(&w, "%d %.200s", p->status, p->body);
			continue;
		}
		walk(&q, all);
		x.path = page_path(q.path, 1, "altered");
		ct_validate_error(&w, ct_do(&w, &x), 422);
		for (int bad = 0; bad <= 201; bad += 201) {
			x.path = page_path(q.path, bad, "");
			expect_entry(ct_do(&w, &x), NULL, "query", "limit");
		}
	}
	end();
}

/* ---- idempotency --------------------------------------------------------------------------------- */

static const struct reply *
with_key(const struct wanted *q, const char *body, const char *key)
{
	return http_call(&st, &(struct call){ .method = q->method,
	    .path = q->path, .token = q->token, .body = body,
	    .type = q->type, .key = key });
}

static long
rows_of(const struct route *r)
{
	char noun[80];
	const struct route *list;
	struct wanted q;

	snprintf(noun, sizeof(noun), "%s", r->id);
	*strrchr(noun, '.') = '\0';
	list = ct_find(&w, arena_printf(st.a, "%s.list", noun));
	if (list == NULL || strstr(list->path, "{") != NULL)
		return -1;
	ct_build(&w, &w.a, list, -1, &q);
	if (list->in != NULL && schema_find(list->in, "limit") >= 0)
		q.path = page_path(q.path, 200, "");
	struct json_object *items = json_at(ct_do(&w, &q)->json, "items");

	return items == NULL ? -1 : (long)json_object_array_length(items);
}

static void
same_key(const struct route *r, const char *key)
{
	const struct reply *one, *two;
	struct wanted q, b;
	long before;

	ct_build(&w, &w.a, r, -1, &q);
	before = rows_of(r);
	one = with_key(&q, q.body, key);
	two = with_key(&q, q.body, key);
	if (one->status != r->ok || two->status != one->status ||
	    strcmp(one->body, two->body) != 0)
		ct_bad(&w, "the same key: %d %.300s, then %d %.300s",
		    one->status, one->body, two->status, two->body);
	if (http_header(&st, one, "Idempotency-Replayed") != NULL ||
	    http_header(&st, two, "Idempotency-Replayed") == NULL)
		ct_bad(&w, "Idempotency-Replayed is wrong");
	if (before >= 0 && before < 199 && strstr(r->id, ".create") != NULL &&
	    rows_of(r) != before + 1)
		ct_bad(&w, "%ld rows, then %ld", before, rows_of(r));
	if (q.body != NULL && takes_body(r)) {
		two = with_key(&q, arena_printf(st.a, "%s ", q.body), key);
		ct_validate_error(&w, two, 422);
	}
	/* the other tenant's key of the same name is another key */
	ct_build(&w, &w.b, r, -1, &b);
	if (strcmp(b.token, q.token) == 0)
		return;
	two = with_key(&b, b.body, key);
	if (two->status != r->ok || http_header(&st, two,
	    "Idempotency-Replayed") != NULL)
		ct_bad(&w, "the other tenant's key: %d %.300s", two->status,
		    two->body);
}

static void
idempotency(void **state)
{
	const struct route *r;
	unsigned n = 0;

	(void)state;
	begin();
	EACH_ROUTE(r) {
		w.at = r->id;
		if (!(r->flags & R_IDEMPOTENT) ||
		    (ct_flags(&w, r) & CT_OUTSIDE))
			continue;
		n++;
		if (r->flags & R_SECRET) {
			struct wanted q;

			ct_build(&w, &w.a, r, -1, &q);
			with_key(&q, q.body, r->id);
			ct_validate_error(&w, with_key(&q, q.body, r->id),
			    409);
		} else
			same_key(r, r->id);
	}
	assert_true(n > 0);
	/* what was kept holds nothing that opens a door */
	assert_string_equal(mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM http_idempotency WHERE body LIKE '%eyJ%' "
	    "OR body LIKE '%qk\\_%' OR body LIKE '%qr\\_%' OR "
	    "body LIKE '%password%'"), "0");
	end();
}

/* ---- the stack ----------------------------------------------------------------------------------- */

static bool
is_ready(void *arg)
{
	(void)arg;
	return http_get(&st, "/health/ready", NULL)->status == 200;
}

/* Routes that a default closes are opened by the setting they name. */
static void
open_routes(void)
{
	const struct route *r;

	EACH_ROUTE(r)
		if (r->opened_by != NULL) {
			size_t n = strcspn(r->opened_by, "=");

			stack_setting(&st, arena_strndup(st.a, r->opened_by,
			    n), r->opened_by + n + 1);
		}
	assert_true(stack_reload(&st));
}

static int
start(void **state)
{
	(void)state;
	contract_stack(&st);
	open_routes();
	http_cover(&st, modules);
	ct_open(&w);
	contract_prepare(&w);
	assert_true(eventually(is_ready, NULL, 15000));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	json_object_put(w.openapi);
	stack_stop(&st);
	contract_end();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success),
		cmocka_unit_test(who_may),
		cmocka_unit_test(refusals_are_audited),
		cmocka_unit_test(wrong_method),
		cmocka_unit_test(head_is_get),
		cmocka_unit_test(both_slash_forms),
		cmocka_unit_test(members),
		cmocka_unit_test(unknown_on_seed_paths),
		cmocka_unit_test(bodies),
		cmocka_unit_test(oversized),
		cmocka_unit_test(parameters),
		cmocka_unit_test(etags),
		cmocka_unit_test(problems),
		cmocka_unit_test(lists),
		cmocka_unit_test(idempotency),
		cmocka_unit_test(coverage),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
