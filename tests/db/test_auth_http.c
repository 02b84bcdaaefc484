/*
 * Identity over HTTP without a web server: requests go through the real
 * router, stages and handlers on one database and a shared segment of its
 * own. Replies are judged by status and text.
 */
#include "tests/harness/auth_env.h"

#include "base/log.h"
#include "base/str.h"

static struct http *http;

/* ---- a transport in memory ---------------------------------------------- */

struct call {
	const char *method, *path, *body, *type, *token, *key, *agent;
	struct str out;
	int status;
};

static const char *
param(void *t, const char *name)
{
	const struct call *c = t;

	if (strcmp(name, "REQUEST_METHOD") == 0)
		return c->method;
	if (strcmp(name, "REQUEST_URI") == 0)
		return c->path;
	if (strcmp(name, "CONTENT_TYPE") == 0)
		return c->type;
	if (strcmp(name, "CONTENT_LENGTH") == 0)
		return c->body == NULL ? NULL : arena_printf(a, "%zu",
		    strlen(c->body));
	if (strcmp(name, "QX_CLIENT_IP") == 0 ||
	    strcmp(name, "REMOTE_ADDR") == 0)
		return "10.1.2.3";
	if (strcmp(name, "HTTP_AUTHORIZATION") == 0)
		return c->token == NULL ? NULL : arena_printf(a, "Bearer %s",
		    c->token);
	if (strcmp(name, "HTTP_USER_AGENT") == 0)
		return c->agent;
	return strcmp(name, "HTTP_X_API_KEY") == 0 ? c->key : NULL;
}

static size_t
count(void *t, const char *name)
{
	return param(t, name) != NULL;
}

static long
pull(void *t, void *buf, size_t n)
{
	struct call *c = t;
	size_t len = c->body == NULL ? 0 : strlen(c->body);

	if (len < n)
		n = len;
	if (n > 0) {
		memcpy(buf, c->body, n);
		c->body += n;
	}
	return (long)n;
}

static int
push(void *t, const void *buf, size_t n)
{
	str_addn(&((struct call *)t)->out, buf, n);
	return 0;
}

static const char *
send(struct call *c)
{
	struct arena *request = arena_new(16 << 20);
	struct transport t = { param, count, pull, push, c };
	const char *p;

	str_init(&c->out, a);
	http_serve(http, &t, POOL_SLOW, request);
	arena_free(request);
	p = strstr(c->out.p, "Status: ");
	c->status = p == NULL ? 200 : atoi(p + 8);
	p = strstr(c->out.p, "\r\n\r\n");
	/* nothing secret ever leaves */
	assert_null(strstr(c->out.p, "$argon2"));
	assert_null(strstr(c->out.p, "password_hash"));
	return p == NULL ? "" : p + 4;
}

/* The body of a request that must be answered with this status. */
static const char *
ask(int status, const char *token, const char *method, const char *path,
    const char *body)
{
	struct call c = { .method = method, .path = path, .body = body,
	    .type = body == NULL ? NULL : "application/json",
	    .token = token };
	const char *reply = send(&c);

	if (c.status != status)
		fail_msg("%s %s: wanted %d, got %d %s", method, path, status,
		    c.status, reply);
	return reply;
}

/* Text member of a JSON reply, the first of that name. */
static const char *
get(const char *json, const char *name)
{
	const char *p = strstr(json, arena_printf(a, "\"%s\":\"", name));

	if (p == NULL)
		fail_msg("no %s in %s", name, json);
	p += strlen(name) + 4;
	return arena_strndup(a, p, strcspn(p, "\""));
}

static void
has(const char *json, const char *text)
{
	if (strstr(json, text) == NULL)
		fail_msg("no %s in %s", text, json);
}

static const char *
enter(const char *name, const char *password)
{
	return ask(200, NULL, "POST", "/api/auth/login", arena_printf(a,
	    "{\"identifier\":\"%s\",\"password\":\"%s\"}", name, password));
}

static const char *
token_of(const char *name, const char *password)
{
	return get(enter(name, password), "access_token");
}

static int
start(void **state)
{
	static const struct bulkhead *const heads[] = {
		&auth_password_bulkhead, NULL };
	static const struct metric *const none[] = { NULL };
	struct shm_layout layout = { .metrics = none, .bulkheads = heads };

	if (setup(state) != 0)
		return -1;
	good(log_setup(&(struct log_options){ .level = LOG_ERROR }, &err));
	good(shm_attach(&env.shm, env.a, dir, &layout, &err));
	good(http_open(&http, &env, &auth_http_hooks, &err));
	return 0;
}

static int
stop(void **state)
{
	shm_detach(env.shm);
	if (system(arena_printf(a, "rm -f %s/shm.*", dir)) != 0)
		return -1;
	return teardown(state);
}

/* ---- login -------------------------------------------------------------- */

static void
logging_in(void **state)
{
	struct call form = { .method = "POST", .path = "/api/auth/login",
	    .type = "application/x-www-form-urlencoded" };
	const char *r = enter("root@example.org", admin_password);

	(void)state;
	has(r, "\"token_type\":\"bearer\"");
	has(r, "\"role\":\"super_admin\"");
	has(r, "\"roles\":[\"super_admin\"]");
	has(r, "\"expires_in\":3600");
	form.body = arena_printf(a, "grant_type=password&username=admin"
	    "&password=%s&scope=", admin_password);
	form.agent = "\xff\xfe not UTF-8, and longer than its column: "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
	has(send(&form), "access_token");
	assert_int_equal(form.status, 200);
	r = ask(200, NULL, "POST", "/api/v1/auth/login", arena_printf(a,
	    "{\"email\":\"root@example.org\",\"password\":\"%s\",\"x\":1}",
	    admin_password));
	has(ask(200, get(r, "access_token"), "GET", "/api/v1/auth/verify",
	    NULL), "{\"valid\":true,\"user\":{");
	has(ask(200, get(r, "access_token"), "GET", "/api/v1/auth/profile",
	    NULL), "\"active_sessions_count\":");
	has(ask(422, NULL, "POST", "/api/auth/login", "{\"password\":\"x\"}"),
	    "[\"body\",\"identifier\"]");
	ask(422, NULL, "POST", "/api/auth/login",
	    "{\"email\":\"a@b.cd\",\"password\":\"x\",\"role\":\"admin\"}");
	has(ask(200, NULL, "GET", "/.well-known/jwks.json", NULL), "\"keys\"");
	ask(401, NULL, "GET", "/api/auth/profile", NULL);
	ask(401, "nonsense", "GET", "/api/auth/profile", NULL);
}

/* The same answer for a wrong password and for nobody; counted and audited
 * although it is a refusal. */
static void
wrong_password(void **state)
{
	const char *x, *y;

	(void)state;
	make_user("anna", "viewer", "annas password");
	x = ask(401, NULL, "POST", "/api/auth/login",
	    "{\"username\":\"anna\",\"password\":\"wrong\"}");
	y = ask(401, NULL, "POST", "/api/auth/login",
	    "{\"username\":\"anni\",\"password\":\"wrong\"}");
	assert_string_equal(x, y);
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action = 'auth.session.login' AND status = 401"),
	    "2");
	for (int i = 0; i < 2; i++)
		ask(401, NULL, "POST", "/api/auth/login",
		    "{\"email\":\"ANNA@example.org\",\"password\":\"wrong\"}");
	ask(429, NULL, "POST", "/api/auth/login",
	    "{\"username\":\"anna\",\"password\":\"annas password\"}");
}

static void
refreshing(void **state)
{
	const char *r = enter("admin", admin_password), *r0, *r1, *t1;

	(void)state;
	r0 = get(r, "refresh_token");
#define REFRESH(status, t) ask(status, NULL, "POST", "/api/auth/refresh", \
	arena_printf(a, "{\"refresh_token\":\"%s\"}", t))
	r = REFRESH(200, r0);
	r1 = get(r, "refresh_token");
	t1 = get(r, "access_token");
	REFRESH(200, r1);
	ask(200, t1, "GET", "/api/auth/verify", NULL);
	REFRESH(401, r0);		/* stolen */
	REFRESH(401, r1);		/* and so the whole session is over */
	ask(401, t1, "GET", "/api/auth/verify", NULL);
}

static void
sessions(void **state)
{
	const char *mine = token_of("admin", admin_password);
	const char *other = token_of("admin", admin_password), *r, *id;

	(void)state;
	r = ask(200, other, "GET", "/api/auth/sessions?limit=200", NULL);
	/* ends with the session that asks: ids are ordered by time */
	has(r, "\"current\":true}],\"next\":null}");
	r = ask(200, mine, "GET", "/api/auth/sessions?limit=1", NULL);
	has(ask(200, mine, "GET", arena_printf(a,
	    "/api/auth/sessions?limit=1&cursor=%s", get(r, "next")), NULL),
	    "\"items\":[{");
	ask(422, mine, "GET", "/api/auth/sessions?cursor=AAAA", NULL);
	r = ask(200, mine, "GET", "/api/auth/sessions?limit=200", NULL);
	id = strstr(r, "\"current\":true");
	while (id > r && strncmp(id, "\"id\":\"", 6) != 0)
		id--;
	id = arena_strndup(a, id + 6, 36);
	ask(204, other, "DELETE", arena_printf(a, "/api/auth/sessions/%s", id),
	    NULL);
	ask(401, mine, "GET", "/api/auth/profile", NULL);
	ask(404, other, "DELETE", arena_printf(a, "/api/auth/sessions/%s",
	    id), NULL);
	ask(204, other, "POST", "/api/auth/logout", NULL);
	ask(401, other, "GET", "/api/auth/profile", NULL);
}

/* A process without a database (the control pool) learns of a logout from the
 * segment; when more was revoked than fits, it takes only newer tokens. */
static void
without_database(void **state)
{
	const char *t = token_of("admin", admin_password);
	const char *kept = token_of("admin", admin_password);
	struct env control;
	struct principal p;

	(void)state;
	boot(&control, KEY_A, NULL);
	db_close(control.db);
	control.db = NULL;
	control.shm = env.shm;
	ask(200, t, "GET", "/api/auth/verify", NULL);
	must_verify(&control, t, &p);
	ask(204, t, "POST", "/api/auth/logout", NULL);
	bad(verify(&control, t, &p), 401, "token_revoked");
	must_verify(&control, kept, &p);
	for (int i = 0; i < 120; i++)
		ask(204, token_of("admin", admin_password), "POST",
		    "/api/auth/logout", NULL);
	bad(verify(&control, kept, &p), 401, "token_revoked");
	ask(200, kept, "GET", "/api/auth/verify", NULL);
	must_verify(&control, token_of("admin", admin_password), &p);
	arena_free(control.a);
}

/* ---- users, roles, tenants ---------------------------------------------- */

static void
users(void **state)
{
	const char *t = token_of("admin", admin_password), *r, *path, *old;

	(void)state;
	r = ask(201, t, "POST", "/api/auth/users", "{\"email\":"
	    "\"Bert@Example.org\",\"username\":\"bert\",\"roles\":"
	    "[\"viewer\"]}");
	has(r, "\"email\":\"bert@example.org\"");
	ask(409, t, "POST", "/api/auth/users", "{\"email\":"
	    "\"bert@example.org\",\"username\":\"bert9\"}");
	ask(422, t, "POST", "/api/auth/users", "{\"email\":"
	    "\"bert2@example.org\",\"username\":\"bert2\",\"roles\":"
	    "[\"king\"]}");
	path = arena_printf(a, "/api/auth/users/%s", get(r, "id"));
	ask(204, NULL, "POST", "/api/auth/password/reset", arena_printf(a,
	    "{\"token\":\"%s\",\"new_password\":\"berts password\"}",
	    get(r, "reset_token")));
	ask(400, NULL, "POST", "/api/auth/password/reset", arena_printf(a,
	    "{\"token\":\"%s\",\"new_password\":\"berts password\"}",
	    get(r, "reset_token")));
	old = token_of("bert", "berts password");
	ask(403, old, "GET", "/api/auth/users", NULL);
	has(ask(200, t, "GET", "/api/auth/users", NULL), "\"next\":null");
	has(ask(200, t, "PATCH", path, "{\"full_name\":\"Bert B\"}"),
	    "\"full_name\":\"Bert B\"");
	has(ask(200, t, "PUT", arena_printf(a, "%s/roles", path),
	    "{\"roles\":[\"auditor\",\"viewer\"]}"), "\"role\":\"auditor\"");
	ask(401, old, "GET", "/api/auth/profile", NULL);
	old = token_of("bert", "berts password");
	has(ask(200, old, "GET", "/api/auth/audit?limit=5", NULL), "items");
	ask(403, old, "GET", "/api/auth/audit?all=true", NULL);
	ask(204, old, "POST", "/api/auth/password", "{\"current_password\":"
	    "\"berts password\",\"new_password\":\"another one\"}");
	ask(401, old, "POST", "/api/auth/password", "{\"current_password\":"
	    "\"berts password\",\"new_password\":\"another one\"}");
	has(ask(200, old, "PATCH", "/api/auth/profile",
	    "{\"username\":\"bertram\"}"), "\"username\":\"bertram\"");
	ask(200, t, "PATCH", path, "{\"active\":false}");
	ask(401, old, "GET", "/api/auth/profile", NULL);
	ask(403, NULL, "POST", "/api/auth/login",
	    "{\"username\":\"bertram\",\"password\":\"another one\"}");
	ask(201, t, "POST", arena_printf(a, "%s/reset", path), NULL);
	ask(204, t, "DELETE", path, NULL);
	ask(404, t, "GET", path, NULL);
	ask(422, t, "GET", "/api/auth/users/42", NULL);
}

static void
roles(void **state)
{
	const char *t = token_of("admin", admin_password), *r, *path;

	(void)state;
	has(ask(200, t, "GET", "/api/auth/roles", NULL),
	    "\"name\":\"lab\"");
	has(ask(200, t, "GET", "/api/auth/permissions", NULL),
	    "{\"name\":\"auth:audit\",\"module\":\"auth\"");
	r = ask(201, t, "POST", "/api/auth/roles", "{\"name\":\"porter\","
	    "\"permissions\":[\"auth:users\",\"auth:users\"]}");
	has(r, "\"permissions\":[\"auth:users\"]");
	ask(409, t, "POST", "/api/auth/roles",
	    "{\"name\":\"porter\",\"permissions\":[]}");
	ask(409, t, "POST", "/api/auth/roles",
	    "{\"name\":\"admin\",\"permissions\":[]}");
	ask(422, t, "POST", "/api/auth/roles",
	    "{\"name\":\"x y\",\"permissions\":[\"no:such\"]}");
	path = arena_printf(a, "/api/auth/roles/%s", get(r, "id"));
	has(ask(200, t, "PUT", path, "{\"doc\":\"At the door\","
	    "\"permissions\":[\"auth:*\"]}"), "\"doc\":\"At the door\"");
	ask(200, t, "GET", path, NULL);
	ask(204, t, "DELETE", path, NULL);
	ask(404, t, "GET", path, NULL);
}

/* Two tenants: nothing of one is there for the other. */
static void
twins(void **state)
{
	const char *t = token_of("admin", admin_password), *r, *x, *y, *user,
	    *role, *invite, *key, *xid, *self;

	(void)state;
	r = ask(201, t, "POST", "/api/auth/tenants", "{\"name\":\"twin\","
	    "\"admin\":{\"email\":\"x@twin.org\",\"username\":\"xtwin\","
	    "\"password\":\"xtwins password\"}}");
	xid = get(r, "id");
	has(r, "\"role\":\"admin\"");
	ask(201, t, "POST", "/api/auth/tenants", "{\"name\":\"twin\","
	    "\"admin\":{\"email\":\"y@twin.org\",\"username\":\"ytwin\","
	    "\"password\":\"ytwins password\"}}");
	ask(409, t, "POST", "/api/auth/tenants", "{\"name\":\"twin\","
	    "\"admin\":{\"email\":\"y@twin.org\",\"username\":\"ztwin\","
	    "\"password\":\"ytwins password\"}}");
	x = token_of("xtwin", "xtwins password");
	y = token_of("ytwin", "ytwins password");
	ask(403, x, "GET", "/api/auth/tenants", NULL);
	self = get(strstr(ask(200, x, "GET", "/api/auth/verify", NULL),
	    "user"), "id");
	user = get(ask(201, x, "POST", "/api/auth/users", "{\"email\":"
	    "\"u@twin.org\",\"username\":\"utwin\"}"), "id");
	role = get(ask(201, x, "POST", "/api/auth/roles",
	    "{\"name\":\"same\",\"permissions\":[\"auth:audit\"]}"), "id");
	ask(201, y, "POST", "/api/auth/roles",
	    "{\"name\":\"same\",\"permissions\":[\"auth:self\"]}");
	invite = get(ask(201, x, "POST", "/api/auth/invites", "{}"), "id");
	key = get(ask(201, x, "POST", "/api/auth/keys", "{\"name\":\"k\","
	    "\"scopes\":[\"auth:users\"]}"), "id");
	for (int i = 0; i < 2; i++) {
		static const char *const how[] = { "GET", "DELETE" };

		ask(404, y, how[i], arena_printf(a, "/api/auth/users/%s",
		    user), NULL);
		ask(404, y, how[i], arena_printf(a, "/api/auth/roles/%s",
		    role), NULL);
		ask(404, y, how[i], arena_printf(a, "/api/auth/keys/%s", key),
		    NULL);
	}
	ask(404, y, "DELETE", arena_printf(a, "/api/auth/invites/%s", invite),
	    NULL);
	ask(404, y, "PATCH", arena_printf(a, "/api/auth/users/%s", self),
	    "{\"active\":false}");
	ask(404, y, "PUT", arena_printf(a, "/api/auth/users/%s/roles", self),
	    "{\"roles\":[]}");
	ask(404, y, "POST", arena_printf(a, "/api/auth/users/%s/reset", self),
	    NULL);
	assert_null(strstr(ask(200, y, "GET", "/api/auth/users", NULL),
	    "xtwin"));
	assert_null(strstr(ask(200, y, "GET", "/api/auth/audit", NULL),
	    "xtwin"));
	has(ask(200, x, "GET", "/api/auth/audit?actor=xtwin", NULL), "xtwin");
	ask(200, t, "PATCH", arena_printf(a, "/api/auth/tenants/%s", xid),
	    "{\"active\":false}");
	ask(401, x, "GET", "/api/auth/verify", NULL);
	has(ask(200, t, "GET", arena_printf(a, "/api/auth/tenants/%s", xid),
	    NULL), "\"active\":false");
	ask(200, y, "GET", "/api/auth/verify", NULL);
}

/* ---- keys, invitations, step-up, audit ---------------------------------- */

static void
keys(void **state)
{
	const char *t = token_of("admin", admin_password), *r;
	struct call c = { .method = "GET", .path = "/api/auth/users" };

	(void)state;
	r = ask(201, t, "POST", "/api/auth/keys", "{\"name\":\"k\","
	    "\"scopes\":[\"auth:users\",\"auth:keys\"],"
	    "\"cidrs\":[\"10.1.0.0/16\"]}");
	c.key = get(r, "key");
	has(send(&c), "items");
	assert_int_equal(c.status, 200);
	has(ask(200, c.key, "GET", "/api/auth/users", NULL), "items");
	ask(403, c.key, "GET", "/api/auth/roles", NULL);
	ask(403, c.key, "POST", "/api/auth/keys",
	    "{\"name\":\"k\",\"scopes\":[\"auth:users\"]}");
	assert_null(strstr(ask(200, t, "GET", "/api/auth/keys", NULL),
	    c.key));
	ask(422, t, "POST", "/api/auth/keys", "{\"name\":\"k\","
	    "\"scopes\":[\"no:such\"],\"cidrs\":[\"x\"]}");
	ask(204, t, "DELETE", arena_printf(a, "/api/auth/keys/%s",
	    get(r, "id")), NULL);
	ask(401, c.key, "GET", "/api/auth/users", NULL);
}

static void
registering(void **state)
{
	const char *t = token_of("admin", admin_password), *r;
	static const char body[] = "{\"email\":\"cora@example.org\","
	    "\"username\":\"cora\",\"password\":\"coras password\","
	    "\"full_name\":\"Cora\"}";

	(void)state;
	ask(403, NULL, "POST", "/api/auth/register", body);
	ask(422, NULL, "POST", "/api/auth/register", "{\"email\":\"x\","
	    "\"username\":\"c\",\"password\":\"short\",\"role\":\"admin\"}");
	r = ask(201, t, "POST", "/api/auth/invites",
	    "{\"roles\":[\"viewer\"]}");
	has(ask(200, t, "GET", "/api/auth/invites", NULL),
	    "\"token\":null");
	r = ask(201, NULL, "POST", "/api/v1/auth/register", arena_printf(a,
	    "{\"email\":\"cora@example.org\",\"username\":\"cora\","
	    "\"password\":\"coras password\",\"full_name\":\"Cora\","
	    "\"role\":\"admin\",\"invite\":\"%s\"}", get(r, "token")));
	has(r, "\"role\":\"viewer\"");
	has(r, "\"refresh_token\":\"qr_");
	r = ask(201, t, "POST", "/api/auth/invites", "{}");
	ask(400, NULL, "POST", "/api/v1/auth/register", arena_printf(a,
	    "{\"email\":\"cora@example.org\",\"username\":\"cora\","
	    "\"password\":\"coras password\",\"full_name\":\"Cora\","
	    "\"invite\":\"%s\"}", get(r, "token")));
}

/* A login that is too old for dangerous acts, and the way out. */
static void
stepping_up(void **state)
{
	struct auth_account acc;
	struct auth_proof proof;
	struct auth_token tok;
	struct utc old = { clock_now().us - 10 * 60 * US_PER_S };
	const char *r;

	(void)state;
	good(auth_prove(&env, a, "admin", admin_password, old, &proof, &err));
	begin();
	good(auth_account_by_id(env.db, a, by.user_id, &acc, &err));
	good(auth_session_open(&env, a, &acc.user, acc.epoch, &here, old,
	    &tok, &err));
	commit();
	has(ask(403, tok.access_token, "POST", "/api/auth/roles",
	    "{\"name\":\"late\",\"permissions\":[]}"), "step-up");
	ask(401, tok.access_token, "POST", "/api/auth/step-up",
	    "{\"password\":\"wrong\"}");
	r = ask(200, tok.access_token, "POST", "/api/auth/step-up",
	    arena_printf(a, "{\"password\":\"%s\"}", admin_password));
	ask(201, get(r, "access_token"), "POST", "/api/auth/roles",
	    "{\"name\":\"late\",\"permissions\":[]}");
}

static void
trail(void **state)
{
	const char *t = token_of("admin", admin_password), *r;

	(void)state;
	r = ask(200, t, "POST", "/api/auth/audit/verify", NULL);
	has(r, "\"ok\":true");
	has(ask(200, t, "GET", "/api/auth/audit?action=auth.user.create",
	    NULL), "\"status\":201");
	has(ask(200, t, "GET", "/api/auth/audit?all=true&limit=1", NULL),
	    "\"seal_seq\":");
	/* refused and yet recorded */
	has(ask(200, t, "GET", "/api/auth/audit?all=true&limit=50&"
	    "action=auth.role.create", NULL), "\"status\":409");
}

/* As many requests as a second has, sealed by a few of them. */
static void
bulk(void **state)
{
	const char *t = token_of("admin", admin_password);

	(void)state;
	for (int i = 0; i < 60; i++)
		ask(200, t, "PATCH", "/api/auth/profile",
		    "{\"full_name\":\"Root\"}");
	let_pass_ms(1100);
	ask(200, t, "PATCH", "/api/auth/profile", "{\"full_name\":\"Root\"}");
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE seal_seq IS NULL"), "0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logging_in), cmocka_unit_test(wrong_password),
		cmocka_unit_test(refreshing), cmocka_unit_test(sessions),
		cmocka_unit_test(without_database),
		cmocka_unit_test(users), cmocka_unit_test(roles),
		cmocka_unit_test(twins), cmocka_unit_test(keys),
		cmocka_unit_test(registering), cmocka_unit_test(stepping_up),
		cmocka_unit_test(bulk), cmocka_unit_test(trail)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, start, stop);
}
