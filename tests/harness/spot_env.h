/*
 * Fixture of the spot optimizer's tests: a migrated database, the fake EC2,
 * two tenants, and small words. Static, because each test program includes
 * this file once.
 */
#ifndef HARNESS_SPOT_ENV_H
#define HARNESS_SPOT_ENV_H

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "modules/auth/auth.h"
#include "modules/spot/account.h"
#include "modules/spot/advice_ops.h"
#include "modules/spot/catalog.h"
#include "modules/spot/conf.h"
#include "modules/spot/instance.h"
#include "modules/spot/move.h"
#include "modules/spot/price.h"
#include "modules/spot/scan.h"
#include "modules/spot/spot.h"
#include "modules/spot/summary.h"
#include "net/net.h"
#include "tests/harness/env.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define FIXTURE static __attribute__((unused))
#ifndef DB
#define DB "test_spot"
#endif
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define ROLE "arn:aws:iam::111122223333:role/reader"
#define DENIED_KEY "AKIADENIED0000000001"
#define DENIED_SECRET "secretsecretsecret"

FIXTURE const struct module *const mods[] = { &spot_module, NULL };
FIXTURE const struct settings *const all_settings[] = { &base_settings,
    &spot_settings, &spot_move_settings, &net_settings, &auth_settings, NULL };
FIXTURE const char *const fake_options[] = { "--instances", "300",
    "--regions", "5", "--role", ROLE ":outside-1", "--key",
    FAKE_ACCESS_KEY ":" FAKE_SECRET_KEY ":" FAKE_ACCOUNT, "--key",
    DENIED_KEY ":" DENIED_SECRET ":999988887777:denied", NULL };

FIXTURE struct arena *a;
FIXTURE struct env env;
FIXTURE struct err err;
FIXTURE struct fake fake;
FIXTURE struct net *control;		/* to talk to the fake itself */
FIXTURE struct principal one = { .kind = PRINCIPAL_USER, .name = "one" },
    two = { .kind = PRINCIPAL_USER, .name = "two" };

FIXTURE void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

FIXTURE void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s (%s)", status, code,
		    err.status, err.code, err.detail, err.cause);
	err_clear(&err);
}

FIXTURE struct env
boot(const char *more)
{
	const char *over[] = { arena_printf(a, "aws.endpoint=%s", fake.url),
	    arena_printf(a, "aws.sts_endpoint=%s", fake.url),
	    "aws.access_key=" FAKE_ACCESS_KEY, "aws.account_id=123412341234",
	    more, NULL };
	char secret[] = "AWS_SECRET_ACCESS_KEY=" FAKE_SECRET_KEY;
	char *const none[] = { secret, NULL };

	err_clear(&err);
	return env_open(arena_new(64 << 20), &(struct env_options){
	    .modules = mods, .groups = all_settings, .over = over,
	    .vars = none, .key = KEY, .db = DB });
}

FIXTURE void
shut(struct env *e)
{
	db_close(e->db);
	arena_free(e->a);
}

FIXTURE void
add_tenant(struct principal *p, const char *name)
{
	char hex[33];

	p->tenant_id = uuid_new();
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", p->tenant_id.b[i]);
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_tenant (id, name, "
	    "active, created_at, updated_at) VALUES (X'%s', '%s', 1, NOW(6), "
	    "NOW(6))", hex, name));
}

FIXTURE int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)512 << 20);
	if (!mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	fakeec2_start(&fake, a, fake_options);
	env = boot(NULL);
	control = env.net;
	net_allow(control, fake.url);
	add_tenant(&one, "one");
	add_tenant(&two, "two");
	return 0;
}

FIXTURE int
teardown(void **state)
{
	(void)state;
	shut(&env);
	fake_stop(&fake);
	arena_free(a);
	return 0;
}

/* ---- small words ---------------------------------------------------------------- */

FIXTURE int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

FIXTURE struct spot_account
connect_as(const struct principal *p, const char *name, const char *method,
    const char *key, const char *secret)
{
	struct spot_connect n = { .name = name, .connection_method = method,
	    .access_key = key, .secret_key = secret };
	struct spot_account x;

	good(spot_account_make(&env, a, p, &n, clock_now(), &x, &err));
	return x;
}

FIXTURE void
discover(void)
{
	good(spot_discover(&env, 0, NULL, &err));
}

FIXTURE void
script(const char *rules)
{
	(void)fakeec2_control(&fake, a, control, "/_control",
	    arena_printf(a, "{\"rules\":[%s]}", rules));
}

FIXTURE struct spot_scan
rescan(const struct principal *p, struct uuid account, const char *kind)
{
	struct spot_scan s, out;

	good(spot_scan_request(env.db, a, p->tenant_id, account, kind,
	    "test", clock_now(), &s, &err));
	discover();
	good(spot_scan_by_id(env.db, a, p->tenant_id, s.id, &out, &err));
	return out;
}

FIXTURE struct spot_account
account(const struct principal *p, struct uuid id)
{
	struct spot_account x;

	good(spot_account_by_id(env.db, a, p->tenant_id, id, &x, &err));
	return x;
}

FIXTURE int64_t
present(const struct spot_account *x)
{
	int64_t n;

	good(spot_instance_count(env.db, a, x->tenant_id, x->id, &n, &err));
	return n;
}

FIXTURE void
drop(const struct principal *p, struct uuid id)
{
	int64_t n;

	good(spot_account_remove(&env, a, p, id, &n, &err));
}

#endif
