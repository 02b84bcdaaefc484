/*
 * Rights, keys, passwords and registration against MariaDB.
 */
#include "tests/harness/auth_env.h"

/* ---- rights ------------------------------------------------------------- */

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
	let_pass_ms(1100);
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

/* ---- API keys ----------------------------------------------------------- */

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

/* ---- passwords ---------------------------------------------------------- */

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

/* ---- registration ------------------------------------------------------- */

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

/* ---- keys --------------------------------------------------------------- */

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_admin),
		cmocka_unit_test(beyond_rights),
		cmocka_unit_test(own_role),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(api_keys),
		cmocka_unit_test(reset),
		cmocka_unit_test(change),
		cmocka_unit_test(registration),
		cmocka_unit_test(key_rotation)
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
