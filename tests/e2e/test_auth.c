/*
 * Identity through a real web server and several processes: what one child
 * decides, all of them must know, and nobody may learn what he did not know.
 */
#include <crypt.h>
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

enum { SPREAD_MS = 5000,	/* a revocation is everywhere by then */
	MANY = 24 };		/* requests that meet all children */

static struct stack st;

struct person {
	const char *id, *email, *username, *password, *token, *refresh;
};

/* ---- people ------------------------------------------------------------------ */

static void
person_make(struct person *p, const char *roles)
{
	static unsigned count;
	const struct reply *r;
	unsigned n = ++count;

	p->email = arena_printf(st.a, "person%u@example.test", n);
	p->username = arena_printf(st.a, "person%u", n);
	p->password = arena_printf(st.a, "secret of person %u", n);
	r = http_send(&st, "POST", "/api/auth/users", http_admin(&st),
	    http_text(&st, "{\"email\":\"%s\",\"username\":\"%s\","
	    "\"password\":\"%s\",\"roles\":%s}", p->email, p->username,
	    p->password, roles));
	expect_status(r, 201);
	p->id = arena_strdup(st.a, json_text_at(r->json, "id"));
}

static void
person(struct person *p, const char *roles)
{
	person_make(p, roles);
	p->token = http_login(&st, p->email, p->password, &p->refresh);
}

static const struct reply *
login(const char *member, const char *name, const char *password)
{
	return http_send(&st, "POST", "/api/auth/login", NULL, http_text(&st,
	    "{\"%s\":%s,\"password\":%s}", member, http_quote(&st, name),
	    http_quote(&st, password)));
}

static const struct reply *
refresh_as(const char *token, const char *agent)
{
	return http_call(&st, &(struct call){ .method = "POST",
	    .path = "/api/auth/refresh", .body = http_text(&st,
	    "{\"refresh_token\":\"%s\"}", token), .headers = (const char *[]){
	    http_text(&st, "User-Agent: %s", agent), NULL } });
}

/* Every one of many requests at once is refused. */
static bool
dead_everywhere(void *token)
{
	const struct reply *r[MANY];
	struct call c[MANY];

	for (int i = 0; i < MANY; i++)
		c[i] = (struct call){ .path = "/api/auth/verify",
		    .token = token };
	http_parallel(&st, c, MANY, r);
	for (int i = 0; i < MANY; i++)
		if (r[i]->status != 401)
			return false;
	return true;
}

static void
expect_dead(const char *token)
{
	assert_true(eventually(dead_everywhere, (void *)(uintptr_t)token,
	    SPREAD_MS));
}

static void
expect_alive(const char *token)
{
	expect_status(http_get(&st, "/api/auth/verify", token), 200);
}

static long
audit_rows(const char *where)
{
	return strtol(mariadb_value(st.a, st.db, arena_printf(st.a,
	    "SELECT COUNT(*) FROM auth_audit WHERE %s", where)), NULL, 10);
}

/* ---- login ------------------------------------------------------------------------ */

static void
login_by_every_name(void **state)
{
	const struct reply *r;
	struct person p;

	(void)state;
	person(&p, "[\"viewer\"]");
	expect_status(login("identifier", p.email, p.password), 200);
	expect_status(login("identifier", p.username, p.password), 200);
	expect_status(login("email", p.email, p.password), 200);
	expect_status(login("username", p.username, p.password), 200);
	expect_status(login("identifier", arena_printf(st.a,
	    "PERSON%s", p.email + 6), p.password), 200);
	expect_status(login("identifier", p.email, "wrong one"), 401);
	r = http_call(&st, &(struct call){ .method = "POST",
	    .path = "/api/v1/auth/login",
	    .type = "application/x-www-form-urlencoded", .body = http_text(
	    &st, "grant_type=password&username=%s&password=secret+of+%s",
	    p.username, strstr(p.password, "person")) });
	/* "secret of person 1": the blank of the name is a plus, too */
	assert_int_equal(r->status, 200);
	assert_string_equal(json_text_at(r->json, "token_type"), "bearer");
	assert_string_equal(json_text_at(r->json, "user.email"), p.email);
	assert_null(strstr(r->body, "password_hash"));
	assert_null(strstr(r->body, p.password));
}

static void
profile_is_ones_own(void **state)
{
	const struct reply *r;
	struct person p;

	(void)state;
	person(&p, "[\"viewer\"]");
	r = http_send(&st, "PATCH", "/api/auth/profile", p.token,
	    "{\"full_name\":\"Zo\\u00eb\"}");
	expect_status(r, 200);
	assert_string_equal(json_text_at(r->json, "full_name"), "Zo\xc3\xab");
	r = http_send(&st, "PATCH", "/api/auth/profile", p.token,
	    "{\"roles\":[\"admin\"]}");
	expect_status(r, 422);
	r = http_send(&st, "PATCH", "/api/auth/profile", p.token,
	    "{\"username\":\"admin\"}");
	expect_status(r, 409);
}

/* ---- refresh -------------------------------------------------------------------------- */

static void
refresh_rotates(void **state)
{
	const struct reply *r;
	struct person p;
	const char *next;

	(void)state;
	person(&p, "[\"viewer\"]");
	r = refresh_as(p.refresh, "tab");
	expect_status(r, 200);
	next = arena_strdup(st.a, json_text_at(r->json, "refresh_token"));
	assert_string_not_equal(next, p.refresh);
	expect_alive(json_text_at(r->json, "access_token"));
	r = refresh_as(next, "tab");
	expect_status(r, 200);
	assert_string_not_equal(json_text_at(r->json, "refresh_token"), next);
	expect_status(refresh_as("qr_nonsense", "tab"), 401);
	assert_in_range(refresh_as(p.token, "tab")->status, 401, 422);
}

/* Sixteen tabs wake up with the same token: one chain, nobody is out. */
static void
two_tabs(void **state)
{
	enum { TABS = 16 };
	const struct reply *r[TABS];
	struct call c[TABS];
	struct person p;
	const char *body, *last;
	int ok = 0;

	(void)state;
	person(&p, "[\"viewer\"]");
	body = arena_printf(st.a, "{\"refresh_token\":\"%s\"}", p.refresh);
	for (int i = 0; i < TABS; i++)
		c[i] = (struct call){ .method = "POST", .body = body,
		    .path = "/api/auth/refresh" };
	http_parallel(&st, c, TABS, r);
	last = "";
	for (int i = 0; i < TABS; i++) {
		if (r[i]->status != 200)
			print_error("tab %d: %d %s\n", i, r[i]->status,
			    r[i]->body);
		ok += r[i]->status == 200;
		if (r[i]->status == 200)
			last = json_text_at(r[i]->json, "refresh_token");
	}
	assert_int_equal(ok, TABS);
	for (int i = 0; i < TABS; i++)
		assert_string_equal(json_text_at(r[i]->json,
		    "refresh_token"), last);
	expect_status(http_send(&st, "POST", "/api/auth/refresh", NULL,
	    http_text(&st, "{\"refresh_token\":\"%s\"}", last)), 200);
}

static void
reuse_ends_the_family(void **state)
{
	const struct reply *r;
	struct person p, q;
	const char *current, *access;

	(void)state;
	person(&p, "[\"viewer\"]");
	r = refresh_as(p.refresh, "mine");
	current = arena_strdup(st.a, json_text_at(r->json, "refresh_token"));
	access = arena_strdup(st.a, json_text_at(r->json, "access_token"));
	expect_alive(access);
	/* the thief's device is another one: no grace */
	r = refresh_as(p.refresh, "thief");
	expect_status(r, 401);
	/* the refusal rolled back its transaction, not this */
	expect_status(refresh_as(current, "mine"), 401);
	expect_dead(access);
	expect_dead(p.token);
	/* only that family: another login lives */
	q.token = http_login(&st, p.email, p.password, NULL);
	expect_alive(q.token);
	/* a token from the future of the chain says nothing about a theft */
	assert_true(audit_rows("action LIKE 'auth.session.%' AND "
	    "detail LIKE '%reuse%'") > 0 ||
	    audit_rows("action LIKE '%reuse%'") > 0);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void
logout_reaches_all_children(void **state)
{
	struct person p;
	const char *other;

	(void)state;
	person(&p, "[\"viewer\"]");
	other = http_login(&st, p.email, p.password, NULL);
	expect_alive(p.token);
	expect_status(http_send(&st, "POST", "/api/auth/logout", p.token,
	    NULL), 204);
	expect_dead(p.token);
	expect_status(refresh_as(p.refresh, "any"), 401);
	expect_alive(other);
	/* a restart forgets nothing */
	stack_restart(&st, true);
	expect_dead(p.token);
	expect_alive(other);
	assert_true(stack_reload(&st));
	expect_dead(p.token);
}

static void
sessions_are_listed_and_ended(void **state)
{
	struct json_object *items;
	const struct reply *r;
	struct person p;
	const char *other, *id = NULL;

	(void)state;
	person(&p, "[\"viewer\"]");
	other = http_login(&st, p.email, p.password, NULL);
	r = http_get(&st, "/api/auth/sessions", p.token);
	expect_status(r, 200);
	items = json_at(r->json, "items");
	assert_int_equal(json_object_array_length(items), 2);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *s = json_object_array_get_idx(items, i);

		if (!json_object_get_boolean(json_at(s, "current")))
			id = json_text_at(s, "id");
	}
	assert_non_null(id);
	expect_status(http_send(&st, "DELETE", http_text(&st,
	    "/api/auth/sessions/%s", id), p.token, NULL), 204);
	expect_dead(other);
	expect_alive(p.token);
}

static void
password_change_ends_other_sessions(void **state)
{
	const struct reply *r;
	struct person p;
	const char *other;

	(void)state;
	person(&p, "[\"viewer\"]");
	other = http_login(&st, p.email, p.password, NULL);
	r = http_send(&st, "POST", "/api/auth/password", p.token,
	    "{\"current_password\":\"guess\",\"new_password\":\"brand new\"}");
	assert_true(r->status == 401 || r->status == 403);
	r = http_send(&st, "POST", "/api/auth/password", p.token, http_text(
	    &st, "{\"current_password\":\"%s\",\"new_password\":\"short\"}",
	    p.password));
	expect_status(r, 422);
	assert_null(strstr(r->body, p.password));
	r = http_send(&st, "POST", "/api/auth/password", p.token, http_text(
	    &st, "{\"current_password\":\"%s\",\"new_password\":"
	    "\"brand new one\"}", p.password));
	expect_status(r, 204);
	expect_dead(other);
	expect_alive(p.token);
	expect_status(login("email", p.email, p.password), 401);
	expect_status(login("email", p.email, "brand new one"), 200);
}

static const struct reply *
use_reset(const char *token, const char *password)
{
	return http_send(&st, "POST", "/api/auth/password/reset", NULL,
	    http_text(&st, "{\"token\":\"%s\",\"new_password\":\"%s\"}",
	    token, password));
}

static void
reset_works_once(void **state)
{
	const struct reply *r;
	struct person p;
	const char *key, *out, *first, *token;

	(void)state;
	person(&p, "[\"admin\"]");
	r = http_send(&st, "POST", "/api/auth/keys", p.token,
	    "{\"name\":\"k\",\"scopes\":[\"auth:self\"]}");
	expect_status(r, 201);
	key = arena_strdup(st.a, json_text_at(r->json, "key"));
	expect_alive(key);
	r = http_send(&st, "POST", http_text(&st, "/api/auth/users/%s/reset",
	    p.id), http_admin(&st), NULL);
	expect_status(r, 201);
	first = arena_strdup(st.a, json_text_at(r->json, "reset_token"));
	/* the operator's command makes one, too, and it replaces the first */
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "user",
	    "reset", p.email, NULL }), 0);
	token = strstr(out, "qp_");
	if (token == NULL)
		token = first;
	else
		expect_status(use_reset(first, "never used pw"), 400);
	token = arena_strndup(st.a, token, strspn(token,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-"));
	expect_status(use_reset(token, "short"), 422);
	expect_status(use_reset(token, "after the reset"), 204);
	expect_status(use_reset(token, "a second time"), 400);
	expect_status(login("email", p.email, "after the reset"), 200);
	expect_status(login("email", p.email, p.password), 401);
	expect_dead(p.token);
	expect_dead(key);
	expect_status(refresh_as(p.refresh, "any"), 401);
}

static void
disabled_user(void **state)
{
	const struct reply *r;
	struct person p;

	(void)state;
	person(&p, "[\"viewer\"]");
	r = http_send(&st, "PATCH", http_text(&st, "/api/auth/users/%s", p.id),
	    http_admin(&st), "{\"active\":false}");
	expect_status(r, 200);
	expect_dead(p.token);
	assert_in_range(login("email", p.email, p.password)->status, 401, 403);
	expect_status(refresh_as(p.refresh, "any"), 401);
	r = http_send(&st, "PATCH", http_text(&st, "/api/auth/users/%s", p.id),
	    http_admin(&st), "{\"active\":true}");
	expect_status(r, 200);
	expect_status(login("email", p.email, p.password), 200);
	expect_dead(p.token);
}

static bool
may_no_longer(void *token)
{
	for (int i = 0; i < MANY; i++)
		if (http_get(&st, "/api/auth/users", token)->status == 200)
			return false;
	return true;
}

static void
role_change_takes_hold(void **state)
{
	const struct reply *r;
	struct person p;
	const char *key;

	(void)state;
	person(&p, "[\"admin\"]");
	r = http_send(&st, "POST", "/api/auth/keys", p.token,
	    "{\"name\":\"k\",\"scopes\":[\"auth:users\"]}");
	key = arena_strdup(st.a, json_text_at(r->json, "key"));
	expect_status(http_get(&st, "/api/auth/users", p.token), 200);
	expect_status(http_get(&st, "/api/auth/users", key), 200);
	r = http_send(&st, "PUT", http_text(&st, "/api/auth/users/%s/roles",
	    p.id), http_admin(&st), "{\"roles\":[\"viewer\"]}");
	expect_status(r, 200);
	assert_true(eventually(may_no_longer, (void *)(uintptr_t)p.token,
	    SPREAD_MS));
	/* a key never outlives its owner's rights */
	assert_true(eventually(may_no_longer, (void *)(uintptr_t)key,
	    SPREAD_MS));
}

/* ---- keys -------------------------------------------------------------------------------------- */

static const char *
make_key(const struct person *p, const char *more)
{
	const struct reply *r = http_send(&st, "POST", "/api/auth/keys",
	    p->token, http_text(&st, "{\"name\":\"k\"%s}", more));

	expect_status(r, 201);
	return arena_strdup(st.a, json_text_at(r->json, "key"));
}

static int
key_from(const char *key, const char *ip)
{
	return http_call(&st, &(struct call){ .path = "/api/auth/verify",
	    .token = key, .ip = ip })->status;
}

static bool
key_is_dead(void *key)
{
	return key_from(key, "10.1.1.1") == 401;
}

static void
api_keys(void **state)
{
	const struct reply *r;
	struct person p;
	const char *key, *id;
	char soon[CLOCK_TEXT];

	(void)state;
	person(&p, "[\"admin\"]");
	r = http_send(&st, "POST", "/api/auth/keys", p.token,
	    "{\"name\":\"k\",\"scopes\":[\"auth:users\"],"
	    "\"cidrs\":[\"10.1.0.0/16\",\"2001:db8::/32\"]}");
	expect_status(r, 201);
	key = arena_strdup(st.a, json_text_at(r->json, "key"));
	id = arena_strdup(st.a, json_text_at(r->json, "id"));
	/* shown once */
	r = http_get(&st, http_text(&st, "/api/auth/keys/%s", id), p.token);
	assert_null(strstr(r->body, key));
	/* networks */
	assert_int_equal(key_from(key, "10.1.255.1"), 200);
	assert_int_equal(key_from(key, "2001:db8::7"), 200);
	assert_in_range(key_from(key, "10.2.0.1"), 401, 403);
	assert_in_range(key_from(key, "2001:db9::7"), 401, 403);
	/* both headers; scopes; never more keys, never a step-up */
	r = http_call(&st, &(struct call){ .path = "/api/auth/users",
	    .ip = "10.1.0.1", .headers = (const char *[]){ http_text(&st,
	    "X-API-Key: %s", key), NULL } });
	expect_status(r, 200);
	r = http_call(&st, &(struct call){ .path = "/api/auth/roles",
	    .token = key, .ip = "10.1.0.1" });
	expect_status(r, 403);
	r = http_send(&st, "POST", "/api/auth/keys", make_key(&p,
	    ",\"scopes\":[\"auth:keys\"]"), "{\"name\":\"more\",\"scopes\":"
	    "[\"auth:self\"]}");
	expect_status(r, 403);
	/* nobody gives what he does not have */
	r = http_send(&st, "POST", "/api/auth/keys", p.token,
	    "{\"name\":\"k\",\"scopes\":[\"auth:tenants\"]}");
	assert_true(r->status == 403 || r->status == 422);
	/* one wrong letter */
	assert_int_equal(key_from(arena_printf(st.a, "%.*sA", (int)
	    strlen(key) - 1, key), "10.1.1.1"), 401);
	/* the end of it */
	expect_status(http_send(&st, "DELETE", http_text(&st,
	    "/api/auth/keys/%s", id), p.token, NULL), 204);
	assert_true(eventually(key_is_dead, (void *)(uintptr_t)key,
	    SPREAD_MS));
	clock_format((struct utc){ clock_now().us + 1500 * 1000 }, soon);
	key = make_key(&p, arena_printf(st.a,
	    ",\"scopes\":[\"auth:self\"],\"expires_at\":\"%s\"", soon));
	assert_int_equal(key_from(key, "10.1.1.1"), 200);
	assert_true(eventually(key_is_dead, (void *)(uintptr_t)key, 4000));
}

/* ---- registration -------------------------------------------------------------------------------- */

static const struct reply *
enlist(const char *path, const char *name, const char *more)
{
	return http_send(&st, "POST", path, NULL, http_text(&st,
	    "{\"email\":\"%s@example.test\",\"username\":\"%s\",\"password\":"
	    "\"long enough\"%s}", name, name, more));
}

static const char *
invitation(void)
{
	const struct reply *r = http_send(&st, "POST", "/api/auth/invites",
	    http_admin(&st), "{\"roles\":[\"analyst\"]}");

	expect_status(r, 201);
	return arena_printf(st.a, ",\"invite\":\"%s\"", json_text_at(r->json,
	    "token"));
}

static void
registration_modes(void **state)
{
	static const char path[] = "/api/auth/register",
	    seed[] = "/api/v1/auth/register";
	const struct reply *r;
	const char *invite;

	(void)state;
	/* auto: an admin exists, so only by invitation */
	expect_status(enlist(path, "auto1", ""), 403);
	expect_status(enlist(seed, "auto1", ""), 403);
	invite = invitation();
	r = enlist(path, "invited1", invite);
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "user.roles.0"), "analyst");
	expect_alive(json_text_at(r->json, "access_token"));
	assert_in_range(enlist(path, "invited2", invite)->status, 400, 403);

	stack_setting(&st, "auth.registration", "off");
	assert_true(stack_reload(&st));
	expect_status(enlist(path, "off1", ""), 403);
	expect_status(enlist(path, "off1", invitation()), 403);

	stack_setting(&st, "auth.registration", "open");
	assert_true(stack_reload(&st));
	r = enlist(path, "open1", "");
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "user.role"), "client");
	/* a tenant of his own */
	assert_int_equal(http_get(&st, "/api/auth/users", json_text_at(
	    r->json, "access_token"))->status, 403);
	/* nobody says himself what he is */
	expect_status(enlist(path, "open2", ",\"role\":\"admin\""), 422);
	expect_status(enlist(path, "open2",
	    ",\"tenant_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\""), 422);
	r = enlist(seed, "open3", ",\"role\":\"admin\",\"roles\":[\"admin\"]");
	expect_status(r, 201);
	assert_string_equal(json_text_at(r->json, "user.role"), "client");
	/* the same again: 409 ours, 400 the document's */
	expect_status(enlist(path, "open1", ""), 409);
	expect_status(enlist(seed, "open1", ""), 400);
	/* a bad setting at reload changes nothing */
	stack_setting(&st, "auth.registration", "perhaps");
	assert_false(stack_reload(&st));
	expect_status(enlist(path, "open4", ""), 201);
	stack_setting(&st, "auth.registration", NULL);
	assert_true(stack_reload(&st));
	expect_status(enlist(path, "auto2", ""), 403);
}

/* ---- failures ------------------------------------------------------------------------------------- */

static void
lockout(void **state)
{
	const struct reply *r = NULL;
	struct person p;
	const char *shout, *names[3];
	long rows;

	(void)state;
	person(&p, "[\"viewer\"]");
	shout = arena_printf(st.a, "PERSON%s", p.email + 6);
	names[0] = p.email;
	names[1] = p.username;
	names[2] = shout;
	rows = audit_rows("action = 'auth.session.login' AND status = 401");
	for (int i = 0; i < 5; i++)
		expect_status(login("identifier", names[i % 3], "wrong one"),
		    401);
	assert_int_equal(audit_rows("action = 'auth.session.login' AND "
	    "status = 401"), rows + 5);
	/* one account, however it is spelled, and with the right password */
	for (int i = 0; i < 3; i++) {
		r = login("identifier", names[i], p.password);
		expect_status(r, 429);
		assert_non_null(http_header(&st, r, "Retry-After"));
	}
	/* it is a row, not a memory */
	mariadb_sql(st.db, "UPDATE auth_attempt SET failures = 13, "
	    "last_at = UTC_TIMESTAMP(6)");
	stack_restart(&st, true);
	r = login("username", p.username, p.password);
	expect_status(r, 429);
	assert_true(strtol(http_header(&st, r, "Retry-After"), NULL, 10) >
	    10);
	/* other people are not held up, and neither is who is in already */
	expect_alive(p.token);
	expect_alive(http_admin(&st));
	/* when it is over, the right password clears it */
	mariadb_sql(st.db, "UPDATE auth_attempt SET last_at = "
	    "UTC_TIMESTAMP(6) - INTERVAL 1 DAY");
	expect_status(login("email", p.email, p.password), 200);
	expect_status(login("email", p.email, "wrong one"), 401);
	expect_status(login("email", p.email, p.password), 200);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Who exists cannot be read off the answer or its time. */
static void
unknown_users_look_alike(void **state)
{
	enum { PEOPLE = 12, EACH = 4, N = PEOPLE * EACH };
	double known[N], unknown[N];
	struct person p[PEOPLE];
	const char *body = NULL;
	int n = 0;

	(void)state;
	/* dear enough to be seen beside everything else */
	stack_setting(&st, "auth.argon2_memory_kib", "8192");
	stack_setting(&st, "auth.argon2_passes", "2");
	assert_true(stack_reload(&st));
	for (int i = 0; i < PEOPLE; i++)
		person_make(&p[i], "[\"viewer\"]");
	for (int k = 0; k < EACH; k++)
		for (int i = 0; i < PEOPLE; i++, n++) {
			const struct reply *r = login("identifier",
			    p[i].email, "wrong one");

			expect_status(r, 401);
			known[n] = r->ms;
			if (body == NULL)
				body = arena_strdup(st.a, r->body);
			assert_string_equal(r->body, body);
			r = login("identifier", http_text(&st,
			    "ghost%u@example.test", (unsigned)i),
			    "wrong one");
			expect_status(r, 401);
			assert_string_equal(r->body, body);
			unknown[n] = r->ms;
		}
	/* and both are locked alike */
	expect_status(login("identifier", p[0].email, "wrong one"), 401);
	expect_status(login("identifier", p[0].email, "wrong one"), 429);
	expect_status(login("identifier", "ghost0@example.test", "x"), 401);
	expect_status(login("identifier", "ghost0@example.test", "x"), 429);
	stack_setting(&st, "auth.argon2_memory_kib", "1024");
	stack_setting(&st, "auth.argon2_passes", "1");
	assert_true(stack_reload(&st));
	qsort(known, N, sizeof(known[0]), by_value);
	qsort(unknown, N, sizeof(unknown[0]), by_value);
	if (known[N / 2] > 1.6 * unknown[N / 2] ||
	    unknown[N / 2] > 1.6 * known[N / 2])
		fail_msg("known %.2f ms, unknown %.2f ms", known[N / 2],
		    unknown[N / 2]);
}

static void
old_hashes_are_upgraded(void **state)
{
	struct crypt_data data;
	struct person p;
	const char *hash, *now;

	(void)state;
	person_make(&p, "[\"viewer\"]");
	memset(&data, 0, sizeof(data));
	hash = crypt_r("of the old backend",
	    "$2b$04$abcdefghijklmnopqrstuu", &data);
	assert_non_null(hash);
	mariadb_sql(st.db, arena_printf(st.a, "UPDATE auth_user SET "
	    "password_hash = '%s' WHERE email = '%s'", hash, p.email));
	expect_status(login("email", p.email, "not this"), 401);
	expect_status(login("email", p.email, "of the old backend"), 200);
	now = mariadb_value(st.a, st.db, arena_printf(st.a, "SELECT "
	    "password_hash FROM auth_user WHERE email = '%s'", p.email));
	assert_int_equal(strncmp(now, "$argon2id$", 10), 0);
	expect_status(login("email", p.email, "of the old backend"), 200);
}

/* ---- tokens of our own making ---------------------------------------------------------------------- */

static const char *
b64(const char *text)
{
	return base64_encode(st.a, text, strlen(text), true);
}

static const char *
part(const char *token, int which)
{
	unsigned char *out;
	size_t n;
	long got;

	while (which-- > 0)
		token = strchr(token, '.') + 1;
	n = strcspn(token, ".");
	out = arena_alloc(st.a, n + 4);
	got = base64_decode(token, n, true, false, out, n + 3);
	assert_true(got > 0);
	out[got] = '\0';
	return (char *)out;
}

static const char *
sign_with(const char *head, const char *claims, const char *secret)
{
	const char *text = arena_printf(st.a, "%s.%s", b64(head),
	    b64(claims));
	uint8_t mac[32];

	crypto_hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
	return arena_printf(st.a, "%s.%s", text, base64_encode(st.a, mac,
	    sizeof(mac), true));
}

static const char *
secret(void)
{
	const char *s = stack_file(&st, "secrets/jwt_secret");

	return arena_strndup(st.a, s, strcspn(s, "\r\n"));
}

/* The claims with one member replaced (JSON text) or, with NULL, dropped. */
static const char *
claim(const char *claims, const char *name, const char *value)
{
	struct json_object *o = json_tokener_parse(claims);
	const char *out;

	if (value == NULL)
		json_object_object_del(o, name);
	else
		json_object_object_add(o, name, json_tokener_parse(value));
	out = arena_strdup(st.a, json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return out;
}

static void
step_up(void **state)
{
	const struct reply *r;
	struct person p;
	const char *old, *body = "{\"name\":\"k\",\"scopes\":[\"auth:self\"]}";

	(void)state;
	person(&p, "[\"admin\"]");
	old = sign_with(part(p.token, 0), claim(part(p.token, 1), "auth_time",
	    arena_printf(st.a, "%lld", (long long)(clock_now().us / US_PER_S -
	    400))), secret());
	expect_alive(old);
	expect_status(http_get(&st, "/api/auth/keys", old), 200);
	r = http_send(&st, "POST", "/api/auth/keys", old, body);
	expect_status(r, 403);
	assert_string_equal(http_header(&st, r, "X-Error-Code"),
	    "step_up_required");
	r = http_send(&st, "POST", "/api/auth/step-up", old,
	    "{\"password\":\"guess it\"}");
	assert_true(r->status == 401 || r->status == 403);
	expect_status(http_send(&st, "POST", "/api/auth/keys", old, body),
	    403);
	r = http_send(&st, "POST", "/api/auth/step-up", old, http_text(&st,
	    "{\"password\":\"%s\"}", p.password));
	expect_status(r, 200);
	expect_status(http_send(&st, "POST", "/api/auth/keys", arena_strdup(
	    st.a, json_text_at(r->json, "access_token")), body), 201);
}

struct forgery {
	const char *what, *token;
};

static void
jwt_confusion(void **state)
{
	const char *key, *head, *claims, *sig;
	struct person p;

	(void)state;
	person(&p, "[\"viewer\"]");
	key = secret();
	head = part(p.token, 0);
	claims = part(p.token, 1);
	sig = strrchr(p.token, '.') + 1;
	/* our own signature is good, or the rest would show nothing */
	expect_alive(sign_with(head, claims, key));
#define CLAIM(n, v) sign_with(head, claim(claims, n, v), key)
#define HEAD(n, v) sign_with(claim(head, n, v), claims, key)
	const struct forgery f[] = {
		{ "no algorithm", HEAD("alg", "\"none\"") },
		{ "None", HEAD("alg", "\"None\"") },
		{ "no signature", arena_printf(st.a, "%s.%s.",
		    b64("{\"alg\":\"none\"}"), b64(claims)) },
		{ "HS512 said", HEAD("alg", "\"HS512\"") },
		{ "EdDSA said", HEAD("alg", "\"EdDSA\"") },
		{ "RS256 said", HEAD("alg", "\"RS256\"") },
		{ "other secret", sign_with(head, claims,
		    "another secret of thirty-two bytes..") },
		{ "empty secret", sign_with(head, claims, "") },
		{ "unknown kid", HEAD("kid", "\"ffffffff\"") },
		{ "kid is a path", HEAD("kid", "\"../../../dev/null\"") },
		{ "kid is SQL", HEAD("kid", "\"' OR 1=1 --\"") },
		{ "kid is a number", HEAD("kid", "0") },
		{ "jku", sign_with(claim(head, "jku",
		    "\"http://127.0.0.1/k\""), claims, "x") },
		{ "crit", HEAD("crit", "[\"b64\"]") },
		{ "claims changed", arena_printf(st.a, "%.*s.%s.%s",
		    (int)strcspn(p.token, "."), p.token, b64(claim(claims,
		    "roles", "\"super_admin\"")), sig) },
		{ "signature cut", arena_strndup(st.a, p.token,
		    strlen(p.token) - 1) },
		{ "signature longer", arena_printf(st.a, "%sA", p.token) },
		{ "padded", arena_printf(st.a, "%s=", p.token) },
		{ "four parts", arena_printf(st.a, "%s.x", p.token) },
		{ "expired", CLAIM("exp", "1700000000") },
		{ "no exp", CLAIM("exp", NULL) },
		{ "exp as text", CLAIM("exp", "\"9999999999\"") },
		{ "exp too large", CLAIM("exp", "9223372036854775807") },
		{ "exp beyond", sign_with(head, arena_printf(st.a,
		    "{\"exp\":99999999999999999999999,%s",
		    claim(claims, "exp", NULL) + 1), key) },
		{ "negative exp", CLAIM("exp", "-1") },
		{ "not yet", CLAIM("nbf", "9999999990") },
		{ "from the future", CLAIM("iat", "9999999990") },
		{ "other kind", CLAIM("typ", "\"refresh\"") },
		{ "no kind", CLAIM("typ", NULL) },
		{ "reset kind", CLAIM("typ", "\"reset\"") },
		{ "other issuer", CLAIM("iss", "\"somebody\"") },
		{ "no subject", CLAIM("sub", NULL) },
		{ "subject is no id", CLAIM("sub", "\"admin\"") },
		{ "twice the same member", sign_with(head, arena_printf(st.a,
		    "{\"sub\":\"01890a5d-ac96-774b-bcce-b302099a8057\",%s",
		    claims + 1), key) },
		{ "head twice", sign_with(arena_printf(st.a,
		    "{\"alg\":\"none\",%s", head + 1), claims, key) },
		{ "claims are a list", sign_with(head, "[]", key) },
		{ "claims are no JSON", sign_with(head, "{", key) },
		{ "refresh token", p.refresh },
		{ "empty", "" },
		{ "dots", ".." },
		{ NULL, NULL }
	};
	unsigned bad = 0;

	for (size_t i = 0; f[i].what != NULL; i++) {
		const struct reply *r = http_get(&st, "/api/auth/verify",
		    f[i].token);

		if (r->status != 401) {
			print_error("%s: %d %s\n", f[i].what, r->status,
			    r->body);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	expect_alive(p.token);
}

static void
one_authorization_only(void **state)
{
	struct person p;
	const struct reply *r;

	(void)state;
	person(&p, "[\"viewer\"]");
	r = http_call(&st, &(struct call){ .path = "/api/auth/verify",
	    .token = p.token, .headers = (const char *[]){
	    "Authorization: Bearer x", NULL } });
	expect_status(r, 400);
	/* a good token in a cookie or in the query is none at all */
	r = http_call(&st, &(struct call){ .path = http_text(&st,
	    "/api/auth/verify?access_token=%s", p.token),
	    .headers = (const char *[]){ http_text(&st,
	    "Cookie: access_token=%s; session=%s", p.token, p.token),
	    NULL } });
	expect_status(r, 401);
	r = http_call(&st, &(struct call){ .path = "/api/auth/verify",
	    .headers = (const char *[]){ http_text(&st,
	    "Authorization: Basic %s", b64("admin:x")), NULL } });
	expect_status(r, 401);
}

/* ---- audit ------------------------------------------------------------------------------------------- */

static const char *
sealed(const char *what)
{
	return mariadb_value(st.a, st.db, arena_printf(st.a,
	    "SELECT %s FROM auth_audit WHERE seal_seq IS NOT NULL", what));
}

/* An audited act, and the sealer has a chance after it. */
static bool
all_sealed(void *arg)
{
	long want = strtol(arg, NULL, 10);

	login("identifier", st.email, st.password);
	return strtol(sealed("COUNT(*)"), NULL, 10) >= want;
}

static void
expect_verdict(const char *problem, long row)
{
	const struct reply *r;
	const char *out;
	struct person p;
	bool ok = problem == NULL;

	/* the route has a limit per person */
	person(&p, "[\"admin\"]");
	r = http_send(&st, "POST", "/api/auth/audit/verify", p.token, NULL);
	expect_status(r, 200);
	if (json_object_get_boolean(json_at(r->json, "ok")) != ok ||
	    (!ok && strstr(problem, json_text_at(r->json, "problem")) ==
	    NULL) || (row > 0 && json_int_at(r->json, "row") != row))
		fail_msg("wanted %s at row %ld: %s", ok ? "ok" : problem,
		    row, r->body);
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "audit",
	    "verify", NULL }), ok ? 0 : 1);
}

static void
audit_shows_tampering(void **state)
{
	const char *all;
	long n;

	(void)state;
	all = mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM auth_audit");
	assert_true(eventually(all_sealed, (void *)(uintptr_t)all, 10000));
	expect_verdict(NULL, 0);
	n = strtol(sealed("MAX(seal_seq)"), NULL, 10);
	assert_true(n > 20);
	mariadb_sql(st.db, "CREATE TABLE audit_keep AS SELECT * FROM "
	    "auth_audit");
	mariadb_sql(st.db, "UPDATE auth_audit SET actor = 'nobody' WHERE "
	    "seal_seq = 7");
	expect_verdict("changed rewritten", 7);
	mariadb_sql(st.db, "UPDATE auth_audit SET actor = (SELECT actor FROM "
	    "audit_keep WHERE seal_seq = 7) WHERE seal_seq = 7");
	expect_verdict(NULL, 0);
	mariadb_sql(st.db, "DELETE FROM auth_audit WHERE seal_seq = 9");
	expect_verdict("missing", 9);
	mariadb_sql(st.db, "INSERT INTO auth_audit SELECT * FROM audit_keep "
	    "WHERE seal_seq = 9");
	expect_verdict(NULL, 0);
	/* two rows change places */
	mariadb_sql(st.db, "UPDATE auth_audit SET seal_seq = -1 WHERE "
	    "seal_seq = 11; UPDATE auth_audit SET seal_seq = 11 WHERE "
	    "seal_seq = 12; UPDATE auth_audit SET seal_seq = 12 WHERE "
	    "seal_seq = -1");
	expect_verdict("changed rewritten", 11);
	mariadb_sql(st.db, "UPDATE auth_audit SET seal_seq = -1 WHERE "
	    "seal_seq = 11; UPDATE auth_audit SET seal_seq = 11 WHERE "
	    "seal_seq = 12; UPDATE auth_audit SET seal_seq = 12 WHERE "
	    "seal_seq = -1");
	expect_verdict(NULL, 0);
	/* the tail is cut and the head is moved back to hide it */
	mariadb_sql(st.db, "DELETE FROM auth_audit WHERE seal_seq > 15; "
	    "UPDATE auth_audit_head SET seal_seq = 15, seal = (SELECT seal "
	    "FROM auth_audit WHERE seal_seq = 15)");
	expect_verdict("cut missing head", 0);
}

static int
start(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .web = "nginx" });
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_by_every_name),
		cmocka_unit_test(profile_is_ones_own),
		cmocka_unit_test(refresh_rotates),
		cmocka_unit_test(two_tabs),
		cmocka_unit_test(reuse_ends_the_family),
		cmocka_unit_test(logout_reaches_all_children),
		cmocka_unit_test(sessions_are_listed_and_ended),
		cmocka_unit_test(password_change_ends_other_sessions),
		cmocka_unit_test(reset_works_once),
		cmocka_unit_test(disabled_user),
		cmocka_unit_test(role_change_takes_hold),
		cmocka_unit_test(api_keys),
		cmocka_unit_test(registration_modes),
		cmocka_unit_test(lockout),
		cmocka_unit_test(unknown_users_look_alike),
		cmocka_unit_test(old_hashes_are_upgraded),
		cmocka_unit_test(step_up),
		cmocka_unit_test(jwt_confusion),
		cmocka_unit_test(one_authorization_only),
		cmocka_unit_test(audit_shows_tampering),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
