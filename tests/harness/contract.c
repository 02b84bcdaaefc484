/*
 * Requests out of route rows. Knows nothing of any route itself: what cannot
 * be derived stands in the suite's recipes.
 */
#include <json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "db/table.h"
#include "schema/schema.h"
#include "tests/harness/contract.h"

enum { WORD = 80, SHOWN = 80 };

static struct arena *
arena(struct world *w)
{
	return w->st->a;
}

void
ct_bad(struct world *w, const char *fmt, ...)
{
	va_list ap;

	w->failures++;
	if (w->quiet || w->failures > SHOWN)
		return;
	printf("contract: %s: ", w->at != NULL ? w->at : "?");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* ---- rows ----------------------------------------------------------------- */

const struct route *
ct_route(const struct world *w, size_t i)
{
	for (const struct module *const *m = w->modules; *m != NULL; m++)
		for (const struct route *const *set = (*m)->routes;
		    set != NULL && *set != NULL; set++)
			for (const struct route *r = *set; r->id != NULL; r++)
				if (i-- == 0)
					return r;
	return NULL;
}

const struct route *
ct_find(const struct world *w, const char *id)
{
	const struct route *r;

	for (size_t i = 0; (r = ct_route(w, i)) != NULL; i++)
		if (strcmp(r->id, id) == 0)
			return r;
	return NULL;
}

const struct recipe *
ct_recipe(const struct world *w, const struct route *r)
{
	static const struct recipe none;

	for (const struct recipe *c = w->recipes; c->id != NULL; c++)
		if (strcmp(c->id, r->id) == 0)
			return c;
	return &none;
}

unsigned
ct_flags(const struct world *w, const struct route *r)
{
	return ct_recipe(w, r)->flags;
}

const char *
ct_path(const struct route *r, int alias)
{
	if (alias == -1)
		return r->path;
	for (int i = 0; r->aliases != NULL && r->aliases[i].path != NULL; i++)
		if (i == alias)
			return r->aliases[i].path;
	return NULL;
}

const char *
ct_seed(const struct route *r, int alias)
{
	return alias == -1 ? r->seed : r->aliases[alias].seed;
}

static bool
word_in(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

bool
ct_tenant_may(const struct world *w, const struct route *r)
{
	if (r->permission == NULL)
		return true;
	for (const struct module *const *m = w->modules; *m != NULL; m++)
		for (const struct permission *p = (*m)->permissions;
		    p != NULL && p->name != NULL; p++)
			if (strcmp(p->name, r->permission) == 0)
				return word_in(p->roles, "*") ||
				    word_in(p->roles, "admin");
	return false;
}

/* ---- actors ------------------------------------------------------------------ */

static const struct reply *
post(struct world *w, const char *path, const char *token, const char *body)
{
	return http_send(w->st, "POST", path, token, body);
}

static void
must(const struct reply *r, int status)
{
	if (r->status != status)
		expect_status(r, status);
}

static char *
keep(struct world *w, const char *text)
{
	return arena_strdup(arena(w), text);
}

void
ct_user(struct world *w, struct twin *t, const char *roles, struct actor *out)
{
	unsigned n = ++t->n;
	const struct reply *r;

	out->email = arena_printf(arena(w), "f%c%u@example.test", t->letter,
	    n);
	out->password = arena_printf(arena(w), "password of %c%u", t->letter,
	    n);
	r = post(w, "/api/auth/users", t->admin.token, arena_printf(arena(w),
	    "{\"email\":\"%s\",\"username\":\"f%c%u\",\"password\":\"%s\","
	    "\"full_name\":\"Fresh\",\"roles\":%s}", out->email, t->letter, n,
	    out->password, roles));
	must(r, 201);
	out->id = keep(w, json_text_at(r->json, "id"));
	out->token = http_login(w->st, out->email, out->password,
	    &out->refresh);
}

static const char *
scoped_key(struct world *w, struct twin *t, const char *scope)
{
	const struct reply *r = post(w, "/api/auth/keys", t->admin.token,
	    arena_printf(arena(w), "{\"name\":\"only %s\",\"scopes\":"
	    "[\"%s\"]}", scope, scope));

	must(r, 201);
	return keep(w, json_text_at(r->json, "key"));
}

static void
open_twin(struct world *w, struct twin *t, char letter)
{
	const struct reply *r;

	t->letter = letter;
	t->admin.email = arena_printf(arena(w), "admin-%c@example.test",
	    letter);
	t->admin.password = arena_printf(arena(w), "admin %c's password",
	    letter);
	r = post(w, "/api/auth/tenants", w->super.token, arena_printf(
	    arena(w), "{\"name\":\"Twin\",\"admin\":{\"email\":\"%s\","
	    "\"username\":\"admin-%c\",\"password\":\"%s\",\"full_name\":"
	    "\"Admin\"}}", t->admin.email, letter, t->admin.password));
	must(r, 201);
	t->tenant = keep(w, json_text_at(r->json, "id"));
	t->admin.id = keep(w, json_text_at(r->json, "admin.id"));
	t->admin.token = http_login(w->st, t->admin.email,
	    t->admin.password, &t->admin.refresh);
	t->self_key = scoped_key(w, t, "auth:self");
	t->users_key = scoped_key(w, t, "auth:users");
}

void
ct_open(struct world *w)
{
	const struct reply *r;

	w->super.email = w->st->email;
	w->super.password = w->st->password;
	w->super.token = http_login(w->st, w->super.email, w->super.password,
	    &w->super.refresh);
	open_twin(w, &w->a, 'a');
	open_twin(w, &w->b, 'b');
	r = http_get(w->st, "/openapi.json", NULL);
	must(r, 200);
	w->openapi = json_object_get(r->json);
	assert_non_null(w->openapi);
}

/* ---- words ------------------------------------------------------------------------ */

/* Another session of the caller: not the newest login. */
static const char *
other_session(struct world *w, const struct actor *who)
{
	const struct reply *r;
	struct json_object *items;

	http_login(w->st, who->email, who->password, NULL);
	r = http_get(w->st, "/api/auth/sessions?limit=200", who->token);
	items = json_at(r->json, "items");
	for (size_t i = 0; items != NULL &&
	    i < json_object_array_length(items); i++) {
		struct json_object *s = json_object_array_get_idx(items, i);

		if (!json_object_get_boolean(json_at(s, "current")))
			return keep(w, json_text_at(s, "id"));
	}
	return "";
}

static const char *
reset_token(struct world *w, struct twin *t)
{
	const char *id = ct_object(w, t, "auth.user");
	const struct reply *r = post(w, arena_printf(arena(w),
	    "/api/auth/users/%s/reset", id), t->admin.token, NULL);

	return keep(w, json_text_at(r->json, "reset_token"));
}

static const char *
word_value(struct world *w, struct twin *t, const struct actor *who,
    const char *word, unsigned n)
{
	struct arena *a = arena(w);
	const char *other;

	if (strcmp(word, "n") == 0)
		return arena_printf(a, "%u", n);
	if (strcmp(word, "t") == 0)
		return arena_printf(a, "%c", t->letter);
	if (strcmp(word, "password") == 0)
		return who->password;
	if (strcmp(word, "email") == 0)
		return who->email;
	if (strcmp(word, "refresh") == 0)
		return who->refresh;
	if (strcmp(word, "session") == 0)
		return other_session(w, who);
	if (strcmp(word, "reset") == 0)
		return reset_token(w, t);
	if (strncmp(word, "id:", 3) == 0)
		return ct_object(w, t, word + 3);
	if ((other = contract_word(w, t, word)) != NULL)
		return other;
	ct_bad(w, "unknown word $%s in a recipe", word);
	return "";
}

static const char *
expand(struct world *w, struct twin *t, const struct actor *who,
    const char *text, unsigned n)
{
	static const char in_word[] = "abcdefghijklmnopqrstuvwxyz_.:";
	char word[WORD];
	struct str s;

	str_init(&s, arena(w));
	for (const char *p = text; *p != '\0'; ) {
		size_t len;

		if (*p != '$') {
			str_addc(&s, *p++);
			continue;
		}
		len = strspn(p + 1, in_word);
		snprintf(word, sizeof(word), "%.*s", (int)len, p + 1);
		str_add(&s, word_value(w, t, who, word, n));
		p += len + 1;
	}
	return s.p;
}

/* ---- values ---------------------------------------------------------------------------- */

static const char *
text_value(struct world *w, struct twin *t, const struct field *f)
{
	struct arena *a = arena(w);
	unsigned n = ++t->n;
	struct str s;

	if (f->oneof != NULL)
		return f->example != NULL ? f->example :
		    arena_printf(a, "\"%s\"", f->oneof[0]);
	if (f->fmt == FMT_EMAIL)	/* unique in the installation */
		return arena_printf(a, "\"%c%u@example.test\"", t->letter, n);
	if (strcmp(f->name, "username") == 0)
		return arena_printf(a, "\"%c-%u\"", t->letter, n);
	if (f->fmt == FMT_SLUG)		/* the same in both twins */
		return arena_printf(a, "\"same-%u\"", n);
	if (f->fmt == FMT_URL)
		return "\"https://example.test/x\"";
	if (f->example != NULL)
		return f->example;
	str_init(&s, a);
	str_addf(&s, "\"Same %s %u", f->name, n);
	while ((int64_t)s.len - 1 < f->min)
		str_addc(&s, 'x');
	if (f->max > 0 && (int64_t)s.len - 1 > f->max)
		s.len = (size_t)f->max + 1;
	s.p[s.len] = '\0';
	str_addc(&s, '"');
	return s.p;
}

static const char *object_value(struct world *, struct twin *,
    const struct route *, const struct schema *);

static const char *
list_value(struct world *w, struct twin *t, const struct route *r,
    const struct field *f)
{
	struct field one = { .name = f->name, .type = f->elem,
	    .oneof = f->oneof, .fmt = f->fmt };

	if (f->example != NULL)
		return f->example;
	return arena_printf(arena(w), "[%s]", f->sub != NULL ?
	    object_value(w, t, r, f->sub) : ct_value(w, t, r, &one, true));
}

static const char *
number_value(struct world *w, const struct field *f)
{
	int64_t v = f->min != 0 || f->max != 0 ? f->min : 1;

	if (f->example != NULL)
		return f->example;
	if (f->flags & FF_XMIN)
		v++;
	return arena_printf(arena(w), "%lld", (long long)v);
}

const char *
ct_value(struct world *w, struct twin *t, const struct route *r,
    const struct field *f, bool optional_too)
{
	if (!optional_too && !(f->flags & FF_REQUIRED) && f->example == NULL)
		return NULL;
	switch (f->type) {
	case FT_BOOL:
		return f->example != NULL ? f->example : "true";
	case FT_INT:
	case FT_REAL:
		return number_value(w, f);
	case FT_DEC:
		return f->example != NULL ? f->example : "\"1.5\"";
	case FT_UUID:
		if (f->ref != NULL) {
			char noun[WORD];

			snprintf(noun, sizeof(noun), "%s", f->ref);
			noun[strcspn(noun, "_")] = '.';
			return arena_printf(arena(w), "\"%s\"",
			    ct_object(w, t, noun));
		}
		return f->example != NULL ? f->example :
		    "\"01890a5d-ac96-774b-bcce-b302099a8057\"";
	case FT_TIME:
		return f->example != NULL ? f->example : f->fmt == FMT_DATE ?
		    "\"2030-01-02\"" : "\"2030-01-02T03:04:05Z\"";
	case FT_JSON:
		return f->example != NULL ? f->example : "{}";
	case FT_BLOB:
		return "\"eA==\"";
	case FT_SUB:
		return f->example != NULL ? f->example :
		    object_value(w, t, r, f->sub);
	case FT_LIST:
		return list_value(w, t, r, f);
	case FT_STR:
		break;
	}
	return text_value(w, t, f);
}

static bool
is_param(const struct route *r, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = r->path; (p = strchr(p, '{')) != NULL; p++)
		if (strncmp(p + 1, name, n) == 0 &&
		    (p[n + 1] == '}' || p[n + 1] == ':'))
			return true;
	return false;
}

static const char *
object_value(struct world *w, struct twin *t, const struct route *r,
    const struct schema *s)
{
	struct str o;

	str_init(&o, arena(w));
	str_addc(&o, '{');
	for (const struct field *f = s->fields; f->name != NULL; f++) {
		const char *v;

		if ((f->flags & FF_READONLY) ||
		    (s == r->in && is_param(r, f->name)))
			continue;
		v = ct_value(w, t, r, f, false);
		if (v == NULL)
			continue;
		if (o.len > 1)
			str_addc(&o, ',');
		str_json(&o, f->name);
		str_addf(&o, ":%s", v);
	}
	str_addc(&o, '}');
	return o.p;
}

const char *
ct_wrong(const struct field *f)
{
	switch (f->type) {
	case FT_BOOL:
		return "\"perhaps\"";
	case FT_INT:
	case FT_REAL:
	case FT_DEC:
		return "\"twelve\"";
	case FT_UUID:
	case FT_TIME:
		return "\"neither one nor the other\"";
	case FT_STR:
	case FT_BLOB:
		return "{\"a\":1}";
	case FT_SUB:
	case FT_LIST:
		return "17";
	case FT_JSON:
		break;
	}
	return NULL;
}

/* ---- objects ------------------------------------------------------------------------------- */

const char *
ct_object(struct world *w, struct twin *t, const char *noun)
{
	char id[WORD + 8];
	const struct route *r;
	const struct reply *p;
	struct wanted q;

	snprintf(id, sizeof(id), "%s.create", noun);
	r = ct_find(w, id);
	if (r != NULL) {
		ct_build(w, t, r, -1, &q);
		p = ct_do(w, &q);
		if (p->status != r->ok)
			ct_bad(w, "%s for %s: %d %.300s", r->id,
			    q.body != NULL ? q.body : "", p->status, p->body);
		return keep(w, json_text_at(p->json, "id"));
	}
	snprintf(id, sizeof(id), "%s.list", noun);
	r = ct_find(w, id);
	if (r == NULL)
		return "";
	ct_build(w, t, r, -1, &q);
	p = ct_do(w, &q);
	return keep(w, json_text_at(p->json, r->flags & R_ARRAY ? "0.id" :
	    "items.0.id"));
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct actor
actor_for(struct world *w, struct twin *t, const struct route *r)
{
	unsigned flags = ct_flags(w, r);
	struct actor fresh;

	if (r->auth == AUTH_NONE && !(flags & CT_FRESH))
		return (struct actor){ .email = t->admin.email,
		    .password = t->admin.password,
		    .refresh = t->admin.refresh };
	if ((flags & CT_SUPER) || r->auth == AUTH_OPTIONAL ||
	    !ct_tenant_may(w, r))
		return w->super;
	if (!(flags & CT_FRESH))
		return t->admin;
	ct_user(w, t, "[\"admin\"]", &fresh);
	return fresh;
}

/* Value of one path parameter. */
static const char *
param(struct world *w, struct twin *t, const struct route *r,
    const struct actor *who, const char *name, unsigned n)
{
	const struct recipe *c = ct_recipe(w, r);
	const char *p = c->path, *v;
	char noun[WORD];
	int i;

	for (; p != NULL && *p != '\0'; p += strcspn(p, "&"), p += *p == '&')
		if (strncmp(p, name, strlen(name)) == 0 &&
		    p[strlen(name)] == '=') {
			p += strlen(name) + 1;
			return expand(w, t, who, arena_strndup(arena(w), p,
			    strcspn(p, "&")), n);
		}
	i = r->in == NULL ? -1 : schema_find(r->in, name);
	if (i >= 0 && (r->in->fields[i].type == FT_UUID ||
	    strcmp(name, "id") == 0) && r->in->fields[i].ref == NULL) {
		snprintf(noun, sizeof(noun), "%s", r->id);
		*strrchr(noun, '.') = '\0';
		return ct_object(w, t, noun);
	}
	v = i < 0 ? "\"x\"" : ct_value(w, t, r, &r->in->fields[i], true);
	return *v != '"' ? v : arena_strndup(arena(w), v + 1, strlen(v) - 2);
}

static const char *
fill_path(struct world *w, struct twin *t, const struct route *r, int alias,
    const struct actor *who, unsigned n)
{
	/* An alias names its parameters in the order of the path. */
	const char *canon = r->path;
	char name[WORD];
	struct str s;

	str_init(&s, arena(w));
	for (const char *p = ct_path(r, alias); *p != '\0'; ) {
		if (*p != '{') {
			str_addc(&s, *p++);
			continue;
		}
		canon = strchr(canon, '{');
		if (canon == NULL) {
			ct_bad(w, "alias with more parameters");
			return s.p;
		}
		canon++;
		snprintf(name, sizeof(name), "%.*s",
		    (int)strcspn(canon, ":}"), canon);
		str_add(&s, param(w, t, r, who, name, n));
		p += strcspn(p, "}") + 1;
	}
	return s.p;
}

void
ct_build(struct world *w, struct twin *t, const struct route *r, int alias,
    struct wanted *q)
{
	const struct recipe *c = ct_recipe(w, r);
	bool body = r->method != HTTP_GET && r->method != HTTP_DELETE;
	unsigned n;

	*q = (struct wanted){ .route = r, .alias = alias,
	    .method = method_name(r->method), .actor = actor_for(w, t, r),
	    .type = c->type };
	n = ++t->n;
	q->token = r->auth == AUTH_NONE ? NULL : q->actor.token;
	q->path = fill_path(w, t, r, alias, &q->actor, n);
	if (c->query != NULL)
		q->path = arena_printf(arena(w), "%s?%s", q->path,
		    expand(w, t, &q->actor, c->query, n));
	if (c->body != NULL)
		q->body = expand(w, t, &q->actor, c->body, n);
	else if (body && r->in != NULL && !(r->flags & R_RAW))
		q->body = object_value(w, t, r, r->in);
}

const struct reply *
ct_do(struct world *w, const struct wanted *q)
{
	return http_call(w->st, &(struct call){ .method = q->method,
	    .path = q->path, .token = q->token, .body = q->body,
	    .type = q->type, .may_fail = true });
}

const struct reply *
ct_success(struct world *w, struct twin *t, const struct route *r, int alias)
{
	const struct reply *p;
	struct wanted q;

	ct_build(w, t, r, alias, &q);
	p = ct_do(w, &q);
	if (p->status != r->ok)
		ct_bad(w, "%s %s with %.300s: %d instead of %d: %.600s",
		    q.method, q.path, q.body != NULL ? q.body : "no body",
		    p->status, r->ok, p->body);
	else
		ct_validate(w, r, alias, p);
	return p;
}
