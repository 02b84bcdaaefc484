/*
 * Fixture of the identity tests: a migrated database with its first admin, and
 * environments that stand for processes. Everything is static, because each
 * test program has one of its own and includes this file once.
 */
#ifndef HARNESS_AUTH_ENV_H
#define HARNESS_AUTH_ENV_H

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

#define FIXTURE static __attribute__((unused))
#define DB "test_auth"
#define KEY_A "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define KEY_B "b:CQTqDMIXWA1pZXhg1dFp54HNC7r77nLEoONFyHOY3l4="
#define LEGACY "a secret of the old backend, long enough"

static const struct module *const mods[] = { &auth_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &auth_settings, &http_settings, NULL };
FIXTURE const struct auth_client here = { "10.0.0.1", "test" };
FIXTURE const struct auth_client there = { "10.0.0.2", "another device" };

FIXTURE struct arena *a;
FIXTURE struct env env;			/* the process under test */
FIXTURE struct err err;
FIXTURE char dir[] = "/tmp/quincunx-test-auth-XXXXXX";
FIXTURE const char *admin_password;
FIXTURE struct auth_account admin;
FIXTURE struct principal by;		/* the admin */

FIXTURE void
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

FIXTURE void
shut(struct env *e)
{
	db_close(e->db);
	arena_free(e->a);
}

/* Where time itself is what a test is about. */
FIXTURE void
let_pass_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* rc of a call that must succeed. */
FIXTURE void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

/* A call that must be refused with this status and word. */
FIXTURE void
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

FIXTURE void
begin(void)
{
	good(db_begin(env.db, &err));
}

FIXTURE void
commit(void)
{
	good(db_commit(env.db, &err));
}

FIXTURE struct auth_user
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

FIXTURE struct principal
principal_of(const struct auth_user *u)
{
	struct principal p;

	good(auth_access_principal(&env, env.db, a, u, &p, &err));
	return p;
}

FIXTURE struct auth_token
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
FIXTURE void
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

FIXTURE int
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

FIXTURE int
verify(struct env *e, const char *token, struct principal *out)
{
	return auth_access_verify(e, e->db, a, token, clock_now(), out, &err);
}

FIXTURE void
must_verify(struct env *e, const char *token, struct principal *out)
{
	good(verify(e, token, out));
}

/* Refused by now, or in two seconds at the latest. */
FIXTURE void
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

FIXTURE int
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

FIXTURE int
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


#endif
