/*
 * Identity against MariaDB: the use-cases with the rows they leave. Two
 * environments stand for two processes (or a process before and after its
 * restart): what one revokes the other must refuse.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "module.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"
#include "modules/auth/audit.h"
#include "modules/auth/auth.h"
#include "modules/auth/invite.h"
#include "modules/auth/password.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"
#include "modules/auth/tenant.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define DB "test_auth"
#define KEY_A "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define KEY_B "b:CQTqDMIXWA1pZXhg1dFp54HNC7r77nLEoONFyHOY3l4="
#define LEGACY "a secret of the old backend, long enough"

static const struct module *const mods[] = { &auth_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &auth_settings, NULL };
static const struct auth_client here = { "10.0.0.1", "test" };
static const struct auth_client there = { "10.0.0.2", "another device" };

static struct arena *a;
static struct env env;			/* the process under test */
static struct err err;
static char dir[] = "/tmp/quincunx-test-auth-XXXXXX";
static const char *admin_password;
static struct auth_account admin;
static struct principal by;		/* the admin */

/* ---- scaffolding -------------------------------------------------------------- */

static void
boot(struct env *e, const char *encryption_key, const char *more)
{
	const char *over[] = {
		arena_printf(a, "log.dir=%s", dir),
		"auth.argon2_memory_kib=64", "auth.argon2_passes=1",
		"auth.jwt_legacy_until=2099-01-01", more, NULL };
	char *secrets[] = {
		arena_strdup(a, "JWT_SECRET_KEY=a secret of more than 32 bytes, surely"),
		arena_printf(a, "ENCRYPTION_KEY=%s", encryption_key),
		arena_strdup(a, "QUINCUNX_AUTH_JWT_LEGACY_SECRET=" LEGACY),
		NULL };
	struct conf *conf;

	*e = (struct env){ .a = arena_new(64 << 20), .modules = mods,
	    .program = "test" };
	err_clear(&err);
	if (conf_load(&conf, e->a, groups, &(struct conf_source){
	    .file = arena_printf(a, "%s/conf", dir), .env = secrets, .overrides = over },
	    &err) == -1)
		fail_msg("%s: %s", err.detail, err.cause);
	e->conf = conf;
	if (auth_keys_open(e, &err) == -1)
		fail_msg("%s: %s", err.detail, err.cause);
	e->db = mariadb_open(e->a, DB);
}

static void
shut(struct env *e)
{
	db_close(e->db);
	arena_free(e->a);
}

/* rc of a call that must succeed. */
static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

/* A call that must be refused with this status and word. */
static void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s (%s)", status, code,
		    err.status, err.code, err.detail, err.cause);
	if (db_in_txn(env.db))
		db_rollback(env.db);
	err_clear(&err);
}

static void
begin(void)
{
	good(db_begin(env.db, &err));
}

static void
commit(void)
{
	good(db_commit(env.db, &err));
}

static struct auth_user
make_user(const char *name, const char *roles, const char *password)
{
	struct auth_user_new in = { .tenant_id = by.tenant_id,
	    .email = arena_printf(a, "%s@example.org", name),
	    .username = name, .full_name = "", .role_names = roles };
	struct auth_user out;

	good(auth_password_hash(&env, a, "password", password,
	    &in.password_hash, &err));
	begin();
	good(auth_user_make(env.db, a, &in, &out, &err));
	commit();
	return out;
}

static struct principal
principal_of(const struct auth_user *u)
{
	struct principal p;

	good(auth_access_principal(&env, env.db, a, u, &p, &err));
	return p;
}

static struct auth_token
login(const char *name, const char *password)
{
	struct auth_proof *p = arena_alloc(a, sizeof(*p));
	struct auth_token t;
	struct utc now = clock_now();

	good(auth_prove(&env, a, name, password, now, p, &err));
	begin();
	good(auth_proved(env.db, p, &err));
	good(auth_session_open(&env, a, &p->account.user, p->account.epoch,
	    &here, now, &t, &err));
	commit();
	return t;
}

/* A login that must fail; counts as the handler does. */
static void
login_fails(const char *name, const char *password, int status,
    const char *code)
{
	struct auth_proof p;
	struct utc now = clock_now();
	int rc = auth_prove(&env, a, name, password, now, &p, &err);

	bad(rc, status, code);
	if (p.counts)
		good(auth_attempt_add(env.db, p.counted, now, &err));
}

static int
refresh(const char *token, const struct auth_client *from, struct utc now,
    struct auth_token *out, struct auth_reuse *reuse)
{
	int rc;

	begin();
	rc = auth_session_refresh(&env, a, token, from, now, out, reuse, &err);
	if (rc == 0)
		commit();
	else
		db_rollback(env.db);
	return rc;
}

static int
verify(struct env *e, const char *token, struct principal *out)
{
	return auth_access_verify(e, e->db, a, token, clock_now(), out, &err);
}

static void
must_verify(struct env *e, const char *token, struct principal *out)
{
	good(verify(e, token, out));
}

/* Refused by now, or in two seconds at the latest. */
static void
must_refuse(struct env *e, const char *token)
{
	struct principal p;
	int rc = 0;

	for (int i = 0; i < 22 && rc == 0; i++) {
		rc = verify(e, token, &p);
		if (rc == 0)
			usleep(100000);
	}
	bad(rc, 401, "token_revoked");
}

static int
setup(void **state)
{
	struct auth_user u;
	FILE *f;

	(void)state;
	a = arena_new(256 << 20);
	if (mkdtemp(dir) == NULL || (f = fopen(arena_printf(a, "%s/conf", dir),
	    "w")) == NULL)
		return -1;
	fclose(f);
	mariadb_migrated(DB, NULL);
	boot(&env, KEY_A, "auth.lock_after=3");
	good(auth_keys_check(&env, &err));
	good(auth_first_admin(&env, a, "root@example.org", &admin_password,
	    &err));
	good(auth_account_by_login(env.db, a, "root@example.org", &admin,
	    &err));
	u = admin.user;
	by = principal_of(&u);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	shut(&env);
	if (chdir(dir) == 0) {
		unlink("audit.anchor");
		unlink("conf");
	}
	arena_free(a);
	return rmdir(dir);
}

/* ---- statements ------------------------------------------------------------------- */

static void
queries(void **state)
{
	const struct query *const *const *set = auth_module.queries;
	size_t n;

	(void)state;
	for (; *set != NULL; set++)
		for (size_t i = 0; (*set)[i] != NULL; i++)
			if (db_prepare_check(env.db, (*set)[i], &n,
			    &err) == -1)
				fail_msg("%s: %s (%s)", (*set)[i]->name,
				    err.detail, err.cause);
}

/* ---- first admin, login ------------------------------------------------------------- */

static void
first_admin(void **state)
{
	const char *again = NULL;

	(void)state;
	assert_int_equal(auth_first_admin(&env, a, "x@example.org", &again,
	    &err), 1);
	assert_null(again);
	assert_string_equal(by.roles, "super_admin");
	assert_true(principal_may(&by, "auth:tenants"));
	assert_non_null(login("root@example.org", admin_password).access_token);
	assert_non_null(login(" ROOT@Example.org ", admin_password)
	    .access_token);
	assert_non_null(login("ADMIN", admin_password).access_token);
}

static void
back_off(void **state)
{
	struct auth_attempt at;
	struct auth_user u = make_user("carol", "viewer", "carols password");

	(void)state;
	login_fails("carol", "wrong", 401, "bad_credentials");
	login_fails("Carol@Example.org", "wrong", 401, "bad_credentials");
	login_fails(" CAROL ", "wrong", 401, "bad_credentials");
	good(auth_attempt_get(env.db, a, u.id, &at, &err));
	assert_int_equal(at.failures, 3);
	login_fails("carol", "carols password", 429, "too_many_failures");
	sleep(2);
	login("carol", "carols password");
	assert_int_equal(auth_attempt_get(env.db, a, u.id, &at, &err), 1);
	/* a name that nobody has is counted alike */
	for (int i = 0; i < 3; i++)
		login_fails("nobody", "wrong", 401, "bad_credentials");
	login_fails("NOBODY", "wrong", 429, "too_many_failures");
}

static void
inactive(void **state)
{
	struct auth_user u = make_user("dora", "viewer", "doras password");
	struct auth_user off = u;

	(void)state;
	off.active = false;
	begin();
	good(auth_user_change(&env, a, &u, &off, &err));
	commit();
	login_fails("dora", "wrong", 401, "bad_credentials");
	login_fails("dora", "doras password", 403, "inactive");
}

static void
old_hashes(void **state)
{
	struct auth_user u = make_user("erna", "viewer", "whatever else");
	struct auth_account acc;
	const char *stored;

	(void)state;
	/* hash of "U*U" from the bcrypt test vectors */
	mariadb_sql(DB, "UPDATE auth_user SET password_hash = "
	    "'$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'"
	    " WHERE username = 'erna'");
	login("erna", "U*U");
	good(auth_account_by_id(env.db, a, u.id, &acc, &err));
	stored = acc.password_hash;
	assert_memory_equal(stored, "$argon2id$", 10);
	login("erna", "U*U");
	good(auth_account_by_id(env.db, a, u.id, &acc, &err));
	assert_string_equal(stored, acc.password_hash);
}

/* ---- refresh --------------------------------------------------------------------------- */

static void
rotation(void **state)
{
	struct auth_token t0, t1, again, t2;
	struct auth_reuse reuse;
	struct utc now;

	(void)state;
	make_user("fred", "viewer", "freds password");
	t0 = login("fred", "freds password");
	now = clock_now();
	good(refresh(t0.refresh_token, &here, now, &t1, &reuse));
	assert_string_not_equal(t0.refresh_token, t1.refresh_token);
	/* the other tab comes with the old one: same chain */
	good(refresh(t0.refresh_token, &here, now, &again, &reuse));
	assert_string_equal(t1.refresh_token, again.refresh_token);
	good(refresh(t1.refresh_token, &here, now, &t2, &reuse));
	/* two steps behind: stolen */
	bad(refresh(t0.refresh_token, &here, now, &again, &reuse), 401,
	    "refresh_reused");
	assert_false(uuid_is_nil(reuse.session));
	begin();
	good(auth_session_reused(&env, a, &reuse, now, &err));
	commit();
	bad(refresh(t2.refresh_token, &here, now, &again, &reuse), 401,
	    "refresh_invalid");
	assert_true(uuid_is_nil(reuse.session));
	must_refuse(&env, t2.access_token);
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_audit WHERE action = 'auth.session.reused'"), "1");
}

static void
stolen(void **state)
{
	struct auth_token t0, t1, x;
	struct auth_reuse reuse;
	struct utc now, late;

	(void)state;
	make_user("gina", "viewer", "ginas password");
	t0 = login("gina", "ginas password");
	now = clock_now();
	good(refresh(t0.refresh_token, &here, now, &t1, &reuse));
	bad(refresh(t0.refresh_token, &there, now, &x, &reuse), 401,
	    "refresh_reused");
	late.us = now.us + 31 * US_PER_S;
	bad(refresh(t0.refresh_token, &here, late, &x, &reuse), 401,
	    "refresh_reused");
	assert_false(uuid_is_nil(reuse.session));
	/* forged: not a reuse, the session lives */
	bad(refresh("qr_AAAA", &here, now, &x, &reuse), 401,
	    "refresh_invalid");
	assert_true(uuid_is_nil(reuse.session));
	mariadb_sql(DB, "UPDATE auth_session SET n = 1 "
	    "ORDER BY id DESC LIMIT 1");
	bad(refresh(t1.refresh_token, &here, now, &x, &reuse), 503, "behind");
}

static void
session_ends(void **state)
{
	struct auth_token t0, x;
	struct auth_reuse reuse;
	struct utc later = clock_now();

	(void)state;
	make_user("hugo", "viewer", "hugos password");
	t0 = login("hugo", "hugos password");
	later.us += INT64_C(15) * 86400 * US_PER_S;
	bad(refresh(t0.refresh_token, &here, later, &x, &reuse), 401,
	    "refresh_invalid");
}

/* ---- revocation --------------------------------------------------------------------------- */

static void
logout_everywhere(void **state)
{
	struct env other, restarted;
	struct auth_token t, kept;
	struct principal p;

	(void)state;
	boot(&other, KEY_A, NULL);
	make_user("ines", "viewer", "iness password");
	t = login("ines", "iness password");
	kept = login("ines", "iness password");
	must_verify(&env, t.access_token, &p);
	must_verify(&other, t.access_token, &p);
	assert_string_equal(p.name, "ines");
	assert_true(principal_may(&p, "auth:self"));
	assert_false(principal_may(&p, "auth:users"));
	begin();
	good(auth_session_close(&env, a, p.session_id, clock_now(), &err));
	commit();
	must_refuse(&env, t.access_token);
	must_refuse(&other, t.access_token);
	must_verify(&other, kept.access_token, &p);
	boot(&restarted, KEY_A, NULL);
	must_refuse(&restarted, t.access_token);
	must_verify(&restarted, kept.access_token, &p);
	shut(&restarted);
	shut(&other);
}

/* A rolled back revocation is none. */
static void
logout_undone(void **state)
{
	struct auth_token t;
	struct principal p;

	(void)state;
	make_user("jana", "viewer", "janas password");
	t = login("jana", "janas password");
	must_verify(&env, t.access_token, &p);
	begin();
	good(auth_session_close(&env, a, p.session_id, clock_now(), &err));
	db_rollback(env.db);
	usleep(1200000);
	must_verify(&env, t.access_token, &p);
}

/* The token path asks nothing but the epoch, once a second. */
static void
statements(void **state)
{
	struct auth_token t;
	struct principal p;
	uint64_t before, spent;

	(void)state;
	make_user("karl", "viewer", "karls password");
	t = login("karl", "karls password");
	must_verify(&env, t.access_token, &p);
	before = db_statements(env.db);
	for (int i = 0; i < 1000; i++)
		must_verify(&env, t.access_token, &p);
	spent = db_statements(env.db) - before;
	assert_true(spent <= 1);
}

static void
role_change(void **state)
{
	struct auth_user u = make_user("lena", "viewer", "lenas password");
	struct auth_user to = u;
	struct auth_token t = login("lena", "lenas password"), t1;
	struct auth_reuse reuse;
	struct principal p;

	(void)state;
	must_verify(&env, t.access_token, &p);
	to.role_names = "auditor";
	begin();
	good(auth_user_change(&env, a, &u, &to, &err));
	commit();
	must_refuse(&env, t.access_token);
	/* the same second, and yet good: no clock is compared */
	good(refresh(t.refresh_token, &here, clock_now(), &t1, &reuse));
	must_verify(&env, t1.access_token, &p);
	assert_true(principal_may(&p, "auth:audit"));
}

static void
tenant_off(void **state)
{
	struct auth_user_new in = { .email = "t@example.org",
	    .username = "tenantadmin", .role_names = "admin" };
	struct auth_tenant t, off;
	struct auth_user u;
	struct auth_token tok;
	struct principal p;

	(void)state;
	good(auth_password_hash(&env, a, "password", "tenants password",
	    &in.password_hash, &err));
	begin();
	good(auth_tenant_make(env.db, "other", clock_now(), &t, &err));
	in.tenant_id = t.id;
	good(auth_user_make(env.db, a, &in, &u, &err));
	commit();
	tok = login("tenantadmin", "tenants password");
	must_verify(&env, tok.access_token, &p);
	off = t;
	off.active = false;
	off.updated_at = clock_now();
	begin();
	good(auth_tenant_change(&env, a, &by, &t, &off, &err));
	commit();
	must_refuse(&env, tok.access_token);
	login_fails("tenantadmin", "tenants password", 403, "inactive");
	begin();
	good(auth_tenant_by_id(env.db, a, by.tenant_id, &t, &err));
	off = t;
	off.active = false;
	bad(auth_tenant_change(&env, a, &by, &t, &off, &err), 409,
	    "own_tenant");
}

/* ---- old tokens ------------------------------------------------------------------------------- */

/* As the old backend made them: no key id, no type. */
static const char *
old_token(const char *sub, int64_t iat)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	const char *body = arena_printf(a,
	    "{\"sub\":\"%s\",\"iat\":%lld,\"exp\":%lld}", sub,
	    (long long)iat, (long long)iat + 3600);
	const char *text = arena_printf(a, "%s.%s",
	    base64_encode(a, head, strlen(head), true),
	    base64_encode(a, body, strlen(body), true));
	uint8_t mac[SHA256_LEN];

	crypto_hmac_sha256(LEGACY, strlen(LEGACY), text, strlen(text), mac);
	return arena_printf(a, "%s.%s", text,
	    base64_encode(a, mac, sizeof(mac), true));
}

static void
legacy(void **state)
{
	struct auth_user u = make_user("mona", "viewer", "monas password");
	struct auth_user off = u;
	int64_t now_s = clock_now().us / US_PER_S;
	const char *token = old_token("mona@example.org", now_s + 1);
	struct principal p;

	(void)state;
	bad(verify(&env, old_token("mona", now_s - 60), &p), 401,
	    "token_revoked");	/* older than her password */
	must_verify(&env, token, &p);
	assert_true(uuid_equal(p.user_id, u.id));
	assert_int_equal(p.auth_time.us, 0);
	off.active = false;
	begin();
	good(auth_user_change(&env, a, &u, &off, &err));
	commit();
	assert_int_equal(verify(&env, token, &p), -1);
	assert_int_equal(err.status, 401);
	err_clear(&err);
	bad(verify(&env, old_token("stranger", now_s), &p), 401,
	    "token_unknown");
}

/* ---- rights -------------------------------------------------------------------------------------- */

static void
last_admin(void **state)
{
	struct auth_user u = admin.user, to = u;

	(void)state;
	begin();
	good(auth_user_by_id(env.db, a, by.tenant_id, by.user_id, &u, &err));
	to = u;
	to.role_names = "viewer";
	bad(auth_user_change(&env, a, &u, &to, &err), 409, "last_admin");
	to = u;
	to.active = false;
	begin();
	bad(auth_user_change(&env, a, &u, &to, &err), 409, "last_admin");
	begin();
	bad(auth_user_remove(&env, a, &by, by.user_id, &err), 409, "yourself");
}

static void
beyond_rights(void **state)
{
	struct auth_user low = make_user("nora", "admin", "noras password");
	struct principal nora = principal_of(&low);
	const char *want[] = { "super_admin" }, *unknown[] = { "king" };
	const char *names;
	struct auth_user u;
	struct auth_role r = { .name = "boss", .doc = "",
	    .permissions = { (const char *[]){ "auth:tenants" }, 1 } };
	struct auth_apikey k;

	(void)state;
	begin();
	bad(auth_user_roles(&env, a, &nora, (struct list){ want, 1 }, &names,
	    &err), 403, "beyond_own_rights");
	begin();
	bad(auth_user_roles(&env, a, &nora, (struct list){ unknown, 1 },
	    &names, &err), 422, "validation");
	begin();
	bad(auth_user_managed(&env, a, &nora, by.user_id, &u, &err), 403,
	    "beyond_own_rights");
	begin();
	bad(auth_role_make(&env, a, &nora, &r, &err), 403,
	    "beyond_own_rights");
	begin();
	bad(auth_apikey_make(&env, a, &nora, &(struct auth_apikey_new){
	    .name = "k", .scopes = { (const char *[]){ "auth:tenants" }, 1 } },
	    clock_now(), &k, &err), 403, "beyond_own_rights");
	r.permissions.items = (const char *[]){ "no:such" };
	begin();
	bad(auth_role_make(&env, a, &nora, &r, &err), 422, "validation");
}

static void
own_role(void **state)
{
	struct auth_role r = { .name = "night-shift", .doc = "",
	    .permissions = { (const char *[]){ "auth:audit" }, 1 } };
	struct auth_role again = r;
	struct auth_user u;
	struct auth_token t;
	struct principal p;

	(void)state;
	begin();
	good(auth_role_make(&env, a, &by, &r, &err));
	commit();
	begin();
	bad(auth_role_make(&env, a, &by, &again, &err), 409, "duplicate");
	u = make_user("otto", "night-shift", "ottos password");
	t = login("otto", "ottos password");
	must_verify(&env, t.access_token, &p);
	assert_true(principal_may(&p, "auth:audit"));
	assert_false(principal_may(&p, "auth:users"));
	begin();
	bad(auth_role_remove(&env, a, &by, r.id, &err), 409, "in_use");
	r.permissions.items = (const char *[]){ "auth:users" };
	begin();
	good(auth_role_change(&env, a, &by, &r, &err));
	commit();
	usleep(1100000);
	must_verify(&env, t.access_token, &p);
	assert_true(principal_may(&p, "auth:users"));
	assert_false(principal_may(&p, "auth:audit"));
	begin();
	good(auth_user_remove(&env, a, &by, u.id, &err));
	good(auth_role_remove(&env, a, &by, r.id, &err));
	commit();
	must_refuse(&env, t.access_token);
	begin();
	bad(auth_role_remove(&env, a, &by, auth_builtin_id("admin"), &err),
	    409, "builtin");
}

static void
duplicates(void **state)
{
	struct auth_user_new in = { .tenant_id = by.tenant_id,
	    .email = "paul@example.org", .username = "paul",
	    .role_names = "user", .password_hash = AUTH_NO_PASSWORD };
	struct auth_user u;

	(void)state;
	begin();
	good(auth_user_make(env.db, a, &in, &u, &err));
	commit();
	in.username = "paul2";
	begin();
	assert_int_equal(auth_user_make(env.db, a, &in, &u, &err), -1);
	assert_string_equal(err.detail, "E-mail address is already registered");
	bad(-1, 409, "duplicate");
	in.email = "paul2@example.org";
	in.username = "PAUL";
	begin();
	assert_int_equal(auth_user_make(env.db, a, &in, &u, &err), -1);
	assert_string_equal(err.detail, "Username is already registered");
	bad(-1, 409, "duplicate");
	login_fails("paul", "!", 401, "bad_credentials");
}

/* ---- API keys ---------------------------------------------------------------------------------------- */

static int
use_key(const char *text, const char *ip, struct principal *p)
{
	return auth_apikey_verify(&env, env.db, a, text, ip, clock_now(), p,
	    &err);
}

static void
api_keys(void **state)
{
	struct auth_user u = make_user("rosa", "admin", "rosas password");
	struct auth_user to = u;
	struct principal rosa = principal_of(&u), p;
	struct auth_apikey_new in = { .name = "k",
	    .scopes = { (const char *[]){ "auth:users", "auth:audit" }, 2 },
	    .cidrs = { (const char *[]){ "10.0.0.0/8" }, 1 } };
	struct auth_apikey k;
	char *altered;
	uint64_t before;

	(void)state;
	begin();
	good(auth_apikey_make(&env, a, &rosa, &in, clock_now(), &k, &err));
	commit();
	good(use_key(k.key, "10.1.1.1", &p));
	assert_int_equal(p.kind, PRINCIPAL_KEY);
	assert_true(principal_may(&p, "auth:users"));
	assert_false(principal_may(&p, "auth:roles"));
	/* last use is written once a minute */
	before = db_statements(env.db);
	good(use_key(k.key, "10.1.1.1", &p));
	assert_int_equal(db_statements(env.db) - before, 1);
	bad(use_key(k.key, "11.1.1.1", &p), 403, "foreign_network");
	altered = arena_strdup(a, k.key);
	altered[20] = altered[20] == 'x' ? 'y' : 'x';
	bad(use_key(altered, "10.1.1.1", &p), 401, "key_invalid");
	/* the owner loses a right, and so does the key at once */
	to.role_names = "auditor";
	begin();
	good(auth_user_change(&env, a, &u, &to, &err));
	commit();
	good(use_key(k.key, "10.1.1.1", &p));
	assert_false(principal_may(&p, "auth:users"));
	assert_true(principal_may(&p, "auth:audit"));
	mariadb_sql(DB, "UPDATE auth_apikey SET expires_at = NOW(6)");
	bad(use_key(k.key, "10.1.1.1", &p), 401, "key_invalid");
	mariadb_sql(DB, "UPDATE auth_apikey SET expires_at = NULL");
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "auth_apikey WHERE LENGTH(mac) = 32"), "1");
	begin();
	good(auth_apikey_delete(env.db, u.id, k.id, &err));
	commit();
	bad(use_key(k.key, "10.1.1.1", &p), 401, "key_invalid");
}

/* ---- passwords ------------------------------------------------------------------------------------------ */

static void
reset(void **state)
{
	struct auth_user u = make_user("susi", "admin", "susis password");
	struct principal susi = principal_of(&u), p;
	struct auth_token t = login("susi", "susis password");
	struct auth_apikey_new in = { .name = "k",
	    .scopes = { (const char *[]){ "auth:self" }, 1 } };
	struct auth_apikey k;
	const char *first, *token, *hash;
	struct utc until;
	struct uuid who;

	(void)state;
	begin();
	good(auth_apikey_make(&env, a, &susi, &in, clock_now(), &k, &err));
	good(auth_reset_make(&env, a, u.id, clock_now(), &first, &until,
	    &err));
	good(auth_reset_make(&env, a, u.id, clock_now(), &token, &until,
	    &err));
	commit();
	bad(auth_reset_check(&env, a, first, clock_now(), &err), 400,
	    "bad_reset_token");
	bad(auth_reset_check(&env, a, token, until, &err), 400,
	    "bad_reset_token");
	good(auth_reset_check(&env, a, token, clock_now(), &err));
	good(auth_password_hash(&env, a, "p", "another password", &hash,
	    &err));
	begin();
	good(auth_reset_use(&env, a, token, hash, clock_now(), &who, &err));
	commit();
	assert_true(uuid_equal(who, u.id));
	begin();
	bad(auth_reset_use(&env, a, token, hash, clock_now(), &who, &err),
	    400, "bad_reset_token");
	must_refuse(&env, t.access_token);
	bad(use_key(k.key, "10.1.1.1", &p), 401, "key_invalid");
	login_fails("susi", "susis password", 401, "bad_credentials");
	t = login("susi", "another password");
	must_verify(&env, t.access_token, &p);
	assert_string_equal(mariadb_value(a, DB, arena_printf(a,
	    "SELECT COUNT(*) FROM auth_reset WHERE token_hash = '%s'",
	    token)), "0");
}

static void
change(void **state)
{
	struct auth_user u = make_user("tina", "viewer", "tinas password");
	struct auth_token mine = login("tina", "tinas password");
	struct auth_token other = login("tina", "tinas password"), x;
	struct auth_account acc;
	struct auth_reuse reuse;
	struct principal p;
	const char *hash;

	(void)state;
	must_verify(&env, mine.access_token, &p);
	good(auth_account_by_id(env.db, a, u.id, &acc, &err));
	good(auth_password_hash(&env, a, "p", "tinas new password", &hash,
	    &err));
	begin();
	good(auth_password_change(&env, a, u.id, p.session_id,
	    acc.password_hash, hash, clock_now(), &err));
	commit();
	must_refuse(&env, other.access_token);
	must_verify(&env, mine.access_token, &p);
	good(refresh(mine.refresh_token, &here, clock_now(), &x, &reuse));
	bad(refresh(other.refresh_token, &here, clock_now(), &x, &reuse), 401,
	    "refresh_invalid");
	begin();
	bad(auth_password_change(&env, a, u.id, p.session_id,
	    acc.password_hash, hash, clock_now(), &err), 409,
	    "changed_meanwhile");
}

/* ---- registration ------------------------------------------------------------------------------------------- */

static void
registration(void **state)
{
	struct env open_env, off;
	struct auth_registration in = { .email = "uwe@example.org",
	    .username = "uwe", .full_name = "Uwe",
	    .password_hash = AUTH_NO_PASSWORD, .now = clock_now() };
	struct auth_invite invite;
	const char *roles[] = { "viewer" };
	struct auth_user u;

	(void)state;
	/* auto, and there is an admin */
	begin();
	bad(auth_register(&env, a, &in, &u, &err), 403,
	    "registration_closed");
	boot(&open_env, KEY_A, "auth.registration=open");
	good(db_begin(open_env.db, &err));
	good(auth_register(&open_env, a, &in, &u, &err));
	good(db_commit(open_env.db, &err));
	assert_string_equal(u.role, "client");
	assert_false(uuid_equal(u.tenant_id, by.tenant_id));
	shut(&open_env);
	/* by invitation, into the inviting tenant, once */
	begin();
	good(auth_invite_make(&env, a, &by, "vera@example.org",
	    (struct list){ roles, 1 }, 7, in.now, &invite, &err));
	commit();
	in.invite = invite.token;
	begin();
	bad(auth_register(&env, a, &in, &u, &err), 403, "bad_invite");
	in.email = "vera@example.org";
	in.username = "vera";
	begin();
	good(auth_register(&env, a, &in, &u, &err));
	commit();
	assert_string_equal(u.role_names, "viewer");
	assert_true(uuid_equal(u.tenant_id, by.tenant_id));
	in.email = "wolf@example.org";
	in.username = "wolf";
	begin();
	bad(auth_register(&env, a, &in, &u, &err), 403, "bad_invite");
	boot(&off, KEY_A, "auth.registration=off");
	bad(auth_register_check(&off, a, invite.token, &err), 403,
	    "registration_closed");
	shut(&off);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static void
key_rotation(void **state)
{
	struct auth_user u = make_user("xena", "viewer", "xenas password");
	struct auth_token t = login("xena", "xenas password"), x;
	struct auth_reuse reuse;
	struct env other, mine = env;
	const uint8_t *k0, *k1;

	(void)state;
	(void)u;
	boot(&other, KEY_B, NULL);
	assert_int_equal(auth_keys_check(&other, &err), -1);
	assert_string_equal(err.code, "key_missing");
	assert_non_null(strstr(err.detail, "\"a\""));
	assert_non_null(strstr(err.detail, "auth_secret.value"));
	err_clear(&err);
	shut(&other);
	/* a new primary key before the old one: everything stays good */
	boot(&other, KEY_B "," KEY_A, NULL);
	good(auth_keys_check(&other, &err));
	good(auth_secret(&env, a, AUTH_SECRET_APIKEY, &k0, &err));
	good(auth_secret(&other, a, AUTH_SECRET_APIKEY, &k1, &err));
	assert_memory_equal(k0, k1, 32);
	env = other;
	good(refresh(t.refresh_token, &here, clock_now(), &x, &reuse));
	env = mine;
	shut(&other);
}

/* ---- audit ---------------------------------------------------------------------------------------------------------- */

static void
note(struct db *db, const char *what)
{
	good(auth_audit_note(db, by.tenant_id, "test", what, "thing", "1",
	    "{\"n\":1}", &err));
}

static struct auth_audit_report
report(void)
{
	struct auth_audit_report r;

	good(auth_audit_verify(&env, a, &r, &err));
	return r;
}

static void
whole(void)
{
	struct auth_audit_report r = report();

	if (!r.ok)
		fail_msg("%s", r.message);
}

/* The chain is broken at this row, and whole again once it is mended. */
static void
broken(const char *damage, const char *mend, const char *problem, int64_t row)
{
	struct auth_audit_report r;

	mariadb_sql(DB, damage);
	r = report();
	if (r.ok || strcmp(r.problem, problem) != 0 || r.row != row)
		fail_msg("%s: %s", damage, r.message);
	mariadb_sql(DB, mend);
	whole();
}

/* Rows committed in another order than they were made are sealed once each. */
static void
commit_order(void **state)
{
	struct env other;
	size_t n;

	(void)state;
	boot(&other, KEY_A, NULL);
	good(db_begin(other.db, &err));
	note(other.db, "early but late");
	for (int i = 0; i < 250; i++)
		note(env.db, "in between");
	good(auth_audit_seal(&env, a, &n, &err));
	assert_true(n >= 250);
	good(db_commit(other.db, &err));
	good(auth_audit_seal(&other, a, &n, &err));
	assert_int_equal(n, 1);
	good(auth_audit_seal(&other, a, &n, &err));
	assert_int_equal(n, 0);
	whole();
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) = "
	    "MAX(seal_seq) FROM auth_audit"), "1");
	shut(&other);
}

/* Somebody else holds the head: no wait, no error, nothing sealed. */
static void
seal_busy(void **state)
{
	struct env other;
	struct auth_audit_head head;
	int64_t start;
	size_t n;

	(void)state;
	boot(&other, KEY_A, NULL);
	note(env.db, "waiting");
	good(db_begin(other.db, &err));
	good(auth_audit_head_lock(other.db, a, &head, &err));
	start = clock_boot_ns();
	good(auth_audit_seal(&env, a, &n, &err));
	assert_int_equal(n, 0);
	assert_true(clock_boot_ns() - start < INT64_C(500000000));
	db_rollback(other.db);
	good(auth_audit_seal(&env, a, &n, &err));
	assert_int_equal(n, 1);
	shut(&other);
}

static void
tampering(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		note(env.db, "tampering");
	whole();
	broken("CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = 2; UPDATE auth_audit SET actor = 'somebody' "
	    "WHERE seal_seq = 2", "UPDATE auth_audit x JOIN keep k "
	    "ON k.id = x.id SET x.actor = k.actor; DROP TABLE keep",
	    "changed", 2);
	broken("CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = 3; DELETE FROM auth_audit WHERE seal_seq = 3",
	    "INSERT INTO auth_audit SELECT * FROM keep; DROP TABLE keep",
	    "missing", 3);
	broken("UPDATE auth_audit SET seal_seq = -1 WHERE seal_seq = 4;"
	    "UPDATE auth_audit SET seal_seq = 4 WHERE seal_seq = 5;"
	    "UPDATE auth_audit SET seal_seq = 5 WHERE seal_seq = -1",
	    "UPDATE auth_audit SET seal_seq = -1 WHERE seal_seq = 4;"
	    "UPDATE auth_audit SET seal_seq = 4 WHERE seal_seq = 5;"
	    "UPDATE auth_audit SET seal_seq = 5 WHERE seal_seq = -1",
	    "changed", 4);
}

/* The last rows go, and the head is put back to what it was before them. */
static void
cut_tail(void **state)
{
	int64_t n;

	(void)state;
	note(env.db, "the last");
	whole();
	n = report().checked;
	broken(arena_printf(a, "CREATE TABLE keep AS SELECT * FROM auth_audit "
	    "WHERE seal_seq = %lld; DELETE FROM auth_audit "
	    "WHERE seal_seq = %lld; UPDATE auth_audit_head h JOIN auth_audit "
	    "x ON x.seal_seq = %lld SET h.seal_seq = x.seal_seq, "
	    "h.seal = x.seal", (long long)n, (long long)n, (long long)n - 1),
	    "INSERT INTO auth_audit SELECT * FROM keep; UPDATE "
	    "auth_audit_head h JOIN keep x SET h.seal_seq = x.seal_seq, "
	    "h.seal = x.seal; DROP TABLE keep", "cut", n);
}

static void
audit_page(void **state)
{
	struct auth_audit_filter f = { .tenant = by.tenant_id, .limit = 3,
	    .action = "in between" };
	struct rows rows;

	(void)state;
	good(auth_audit_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 3);
	f.before = ROW(&rows, struct auth_audit_row, 2)->id;
	good(auth_audit_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 3);
	assert_true(memcmp(&ROW(&rows, struct auth_audit_row, 0)->id,
	    &f.before, 16) < 0);
	f.until.us = 1;
	good(auth_audit_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 0);
	f = (struct auth_audit_filter){ .tenant = uuid_new(), .limit = 3 };
	good(auth_audit_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 0);
	f.tenant = (struct uuid){ { 0 } };
	good(auth_audit_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries), cmocka_unit_test(first_admin),
		cmocka_unit_test(back_off), cmocka_unit_test(inactive),
		cmocka_unit_test(old_hashes), cmocka_unit_test(rotation),
		cmocka_unit_test(stolen), cmocka_unit_test(session_ends),
		cmocka_unit_test(logout_everywhere),
		cmocka_unit_test(logout_undone), cmocka_unit_test(statements),
		cmocka_unit_test(role_change), cmocka_unit_test(tenant_off),
		cmocka_unit_test(legacy), cmocka_unit_test(last_admin),
		cmocka_unit_test(beyond_rights), cmocka_unit_test(own_role),
		cmocka_unit_test(duplicates), cmocka_unit_test(api_keys),
		cmocka_unit_test(reset), cmocka_unit_test(change),
		cmocka_unit_test(registration),
		cmocka_unit_test(key_rotation), cmocka_unit_test(commit_order),
		cmocka_unit_test(seal_busy), cmocka_unit_test(tampering),
		cmocka_unit_test(cut_tail), cmocka_unit_test(audit_page)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
