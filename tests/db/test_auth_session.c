/*
 * Login, refresh and revocation against MariaDB. Two environments stand for
 * two processes, or a process before and after its restart: what one revokes
 * the other must refuse.
 */
#include "tests/harness/auth_env.h"

/* ---- statements --------------------------------------------------------- */

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

/* ---- first admin, login ------------------------------------------------- */

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
	let_pass_ms(2000);
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

/* ---- refresh ------------------------------------------------------------ */

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

/* ---- revocation --------------------------------------------------------- */

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
	let_pass_ms(1200);
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

/* ---- old tokens --------------------------------------------------------- */

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries),
		cmocka_unit_test(first_admin),
		cmocka_unit_test(back_off),
		cmocka_unit_test(inactive),
		cmocka_unit_test(old_hashes),
		cmocka_unit_test(rotation),
		cmocka_unit_test(stolen),
		cmocka_unit_test(session_ends),
		cmocka_unit_test(logout_everywhere),
		cmocka_unit_test(logout_undone),
		cmocka_unit_test(statements),
		cmocka_unit_test(role_change),
		cmocka_unit_test(tenant_off),
		cmocka_unit_test(legacy)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
