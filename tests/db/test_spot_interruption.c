/*
 * Notices against MariaDB and the fake cloud: once however often and in
 * whatever order they come, never across tenants, nothing for what is forged,
 * foreign or late; queues whose messages are deleted after the commit.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "modules/auth/auth.h"
#include "modules/platform/switch.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/episode.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move.h"
#include "modules/spot/policy.h"
#include "modules/spot/queue.h"
#include "modules/spot/sns.h"
#include "modules/spot/spot.h"
#include "modules/spot/status.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/signer.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define DB "test_interruption"
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define REGION "us-east-1"
#define S_NS INT64_C(1000000000)

static const struct module *const mods[] = { &spot_module, NULL };
static const struct settings *const all_settings[] = { &base_settings,
    &spot_settings, &net_settings, &auth_settings, &spot_move_settings,
    NULL };
static const char *const fake_options[] = { "--instances", "200",
    "--regions", "2", NULL };

static struct arena *a;
static struct env env;
static struct err err;
static struct fake fake;
static struct principal one = { .kind = PRINCIPAL_USER, .name = "one" },
    two = { .kind = PRINCIPAL_USER, .name = "two" };
static struct spot_account acc, sim;	/* of one, of two */
static struct spot_source source;	/* a webhook of acc */
static const char *secret;
static unsigned counter;

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d: %d %s: %s (%s)", rc, err.status, err.code,
		    err.detail, err.cause);
	err_clear(&err);
}

static void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s (%s)", status, code,
		    err.status, err.code, err.detail, err.cause);
	err_clear(&err);
}

__attribute__((format(printf, 1, 2))) static int64_t
number(const char *fmt, ...)
{
	char sql[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

__attribute__((format(printf, 1, 2))) static void
sql(const char *fmt, ...)
{
	char text[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mariadb_sql(DB, text);
}

static struct env
boot(void)
{
	const char *over[] = { arena_printf(a, "aws.endpoint=%s", fake.url),
	    arena_printf(a, "aws.sts_endpoint=%s", fake.url),
	    arena_printf(a, "aws.sqs_endpoint=%s", fake.url),
	    arena_printf(a, "aws.sns_endpoint=%s", fake.url), NULL };
	char *const none[] = { NULL };
	struct env e = { .a = arena_new(64 << 20), .modules = mods,
	    .program = "test", .process = uuid_new() };
	struct keyring *ring;
	struct conf *conf;

	good(conf_load(&conf, e.a, all_settings, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &err));
	e.conf = conf;
	good(keyring_open(&ring, e.a, KEY, &err));
	e.keys = ring;
	good(net_open(&e.net, e.a, conf_get(conf, &net_settings), NULL,
	    &err));
	e.db = mariadb_open(e.a, DB);
	net_allow(e.net, fake.url);
	return e;
}

static void
add_tenant(struct principal *p, const char *name)
{
	p->tenant_id = uuid_new();
	sql("INSERT INTO auth_tenant (id, name, active, created_at, "
	    "updated_at) VALUES (X'%s', '%s', 1, NOW(6), NOW(6))",
	    mariadb_hex(a, p->tenant_id), name);
}

static struct spot_account
connected(const struct principal *p, const char *name, const char *method,
    const char *key, const char *password)
{
	struct spot_connect n = { .name = name, .connection_method = method,
	    .access_key = key, .secret_key = password };
	struct spot_account x;

	good(spot_account_make(&env, a, p, &n, clock_now(), &x, &err));
	return x;
}

static struct spot_source
source_of(const struct principal *p, struct uuid account, const char *kind,
    const char *region, const char *address, const char **its_secret)
{
	struct spot_source_new n = { account, kind, region, address };
	struct spot_source s;

	good(spot_source_make(&env, a, p, &n, clock_now(), &s, its_secret,
	    &err));
	return s;
}

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)512 << 20);
	if (!mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	fakeec2_start(&fake, a, fake_options);
	env = boot();
	add_tenant(&one, "one");
	add_tenant(&two, "two");
	acc = connected(&one, "prod", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	sim = connected(&two, "play", "simulated", NULL, NULL);
	good(spot_discover(&env, 0, NULL, &err));
	sql("UPDATE spot_instance SET auth_status = 'AUTHORIZED'");
	assert_true(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "account_id = X'%s' AND region = '" REGION "' AND lifecycle = "
	    "'spot' AND state = 'running'", mariadb_hex(a, acc.id)) > 10);
	good(spot_episode_reconcile(env.db, one.tenant_id, acc.id, REGION,
	    clock_now(), &err));
	good(spot_account_by_id(env.db, a, one.tenant_id, acc.id, &acc,
	    &err));
	good(spot_account_by_id(env.db, a, two.tenant_id, sim.id, &sim,
	    &err));
	source = source_of(&one, acc.id, "webhook", "", NULL, &secret);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	db_close(env.db);
	arena_free(env.a);
	fake_stop(&fake);
	arena_free(a);
	mariadb_stop();
	return 0;
}

/* A spot machine of acc that has had no notice yet. */
static const char *
fresh(void)
{
	const char *id = mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "i.instance_id FROM spot_instance i WHERE i.account_id = X'%s' "
	    "AND i.region = '" REGION "' AND i.lifecycle = 'spot' AND "
	    "i.state = 'running' AND i.gone_at IS NULL AND i.aws_signal = "
	    "'NONE' ORDER BY i.id LIMIT 1", mariadb_hex(a, acc.id)));

	assert_true(*id != '\0');
	return id;
}

static const char *
new_event(void)
{
	return arena_printf(a, "event-%u-%d", ++counter, (int)getpid());
}

static const char *
notice(const char *signal, const char *event, const char *instance,
    int64_t age_s)
{
	return spot_notice_write(a, signal, event, acc.aws_account, REGION,
	    instance, (struct utc){ clock_now().us - age_s * US_PER_S });
}

static struct spot_taken
take_by(const struct spot_source *s, const struct spot_account *x,
    const char *text)
{
	struct spot_text v = { text, strlen(text) };
	struct spot_taken t;

	good(spot_intake_texts(&(struct spot_intake){ &env, env.db, a, s, x,
	    "webhook", NULL, NULL }, &v, 1, clock_now(), &t, &err));
	return t;
}

static struct spot_taken
take(const char *text)
{
	return take_by(&source, &acc, text);
}

static const char *
state_of(const char *instance)
{
	return mariadb_value(a, DB, arena_printf(a, "SELECT CONCAT(kind, ' ', "
	    "state) FROM spot_interruption WHERE instance_id = '%s' ORDER BY "
	    "id DESC LIMIT 1", instance));
}

static int64_t
rows_of(const char *instance)
{
	return number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s'", instance);
}

static int64_t
moves_of(const char *instance)
{
	return number("SELECT COUNT(*) FROM spot_move WHERE instance_id = "
	    "'%s'", instance);
}

static int64_t
counted(const char *column)
{
	return number("SELECT %s FROM spot_source WHERE id = X'%s'", column,
	    mariadb_hex(a, source.id));
}

/* ---- a warning ------------------------------------------------------------------- */

static void
one_transaction(void **state)
{
	const char *i = fresh();
	int64_t signals = number("SELECT COUNT(*) FROM spot_signal WHERE kind "
	    "= 'interrupt'");
	struct spot_taken t = take(notice("TERMINATION", new_event(), i, 1));

	(void)state;
	assert_int_equal(t.accepted, 1);
	assert_string_equal(state_of(i), "interruption replacing");
	assert_int_equal(moves_of(i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption x "
	    "JOIN spot_move m ON m.id = x.move_id AND m.urgent JOIN "
	    "platform_decision d ON d.id = x.decision_id WHERE "
	    "x.instance_id = '%s' AND x.requested_at >= x.received_at AND "
	    "x.deadline_at = x.noticed_at + INTERVAL 120 SECOND AND "
	    "x.target <> ''", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_episode WHERE "
	    "instance_id = '%s' AND why = 'interrupted' AND still IS NULL",
	    i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_signal WHERE kind "
	    "= 'interrupt'"), signals + 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND aws_signal = 'TERMINATION'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s' AND cause = 'no_replica' AND requested_at IS "
	    "NOT NULL", i), 1);
	assert_true(number("SELECT COUNT(*) FROM events_outbox WHERE body "
	    "LIKE '%%spot.interruption%%%s%%'", i) > 0);
}

/* A life that began before the first scan of prices finds its pool later. */
static void
poolless(void **state)
{
	const char *i = fresh();
	int64_t pool = number("SELECT pool_id FROM spot_episode WHERE "
	    "instance_id = '%s' AND still = 1", i);

	(void)state;
	assert_true(pool > 0);
	sql("UPDATE spot_episode SET pool_id = NULL WHERE instance_id = '%s'",
	    i);
	good(spot_episode_reconcile(env.db, one.tenant_id, acc.id, REGION,
	    clock_now(), &err));
	assert_int_equal(number("SELECT pool_id FROM spot_episode WHERE "
	    "instance_id = '%s' AND still = 1", i), pool);
}

static void
again_and_again(void **state)
{
	const char *i = fresh(), *event = new_event();
	int64_t before = counted("duplicates");

	(void)state;
	assert_int_equal(take(notice("TERMINATION", event, i, 1)).accepted, 1);
	for (int k = 0; k < 3; k++)
		assert_int_equal(take(notice("TERMINATION", event, i,
		    1)).duplicates, 1);
	assert_int_equal(counted("duplicates"), before + 3);
	/* told once more under another id: known, and no second machine */
	assert_int_equal(take(notice("TERMINATION", new_event(), i,
	    0)).accepted, 1);
	assert_int_equal(rows_of(i), 1);
	assert_int_equal(moves_of(i), 1);
}

static void
standby(void **state)
{
	const char *i = fresh();
	struct uuid move;
	struct rows rows;
	struct spot_interruption_filter f = { .tenant = one.tenant_id,
	    .instance_id = i, .limit = 5 };

	(void)state;
	take(notice("REBALANCE", new_event(), i, 3));
	assert_string_equal(state_of(i), "rebalance replica");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s'", i), 0);
	good(spot_interruption_page(env.db, a, &f, &rows, &err));
	move = ROW(&rows, struct spot_interruption, 0)->move_id;
	good(spot_interruption_served(env.db, a, one.tenant_id, move,
	    "i-0aaaaaaaaaaaaaaaa", clock_now(), &err));
	good(spot_interruption_ended(env.db, a, one.tenant_id, move, true, "",
	    clock_now(), &err));
	/* it waits, and takes over when the warning comes */
	assert_string_equal(state_of(i), "rebalance replica");
	take(notice("TERMINATION", new_event(), i, 0));
	assert_string_equal(state_of(i), "interruption replacing");
	assert_int_equal(rows_of(i), 1);
	/* its own times, not those of the recommendation */
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND received_at >= noticed_at AND "
	    "requested_at >= received_at", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_move WHERE "
	    "adopt = 'i-0aaaaaaaaaaaaaaaa' AND instance_id = '%s'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND rebalance_at < noticed_at", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s' AND cause = 'emergency_switch'", i), 1);
}

/* The recommendation was sent first and comes last. */
static void
reordered(void **state)
{
	const char *i = fresh(), *j = fresh();
	struct spot_text v[2];
	struct spot_taken t;

	(void)state;
	take(notice("TERMINATION", new_event(), i, 5));
	take(notice("REBALANCE", new_event(), i, 600));
	assert_string_equal(state_of(i), "interruption replacing");
	assert_int_equal(rows_of(i), 1);
	assert_int_equal(moves_of(i), 1);
	/* both in one batch, the wrong way round: judged by their times */
	j = fresh();
	v[0].p = notice("TERMINATION", new_event(), j, 2);
	v[1].p = notice("REBALANCE", new_event(), j, 500);
	v[0].n = strlen(v[0].p);
	v[1].n = strlen(v[1].p);
	good(spot_intake_texts(&(struct spot_intake){ &env, env.db, a,
	    &source, &acc, "sqs", NULL, NULL }, v, 2, clock_now(), &t, &err));
	assert_int_equal(t.accepted, 2);
	assert_string_equal(state_of(j), "interruption replacing");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND rebalance_at IS NOT NULL", j), 1);
}

/* It is over, and a late recommendation makes no new matter of it. */
static void
after_the_end(void **state)
{
	const char *i = fresh();
	struct rows rows;
	struct spot_interruption_filter f = { .tenant = one.tenant_id,
	    .instance_id = i, .limit = 5 };
	struct spot_interruption *x;
	struct utc now = clock_now();

	(void)state;
	take(notice("TERMINATION", new_event(), i, 130));
	good(spot_interruption_page(env.db, a, &f, &rows, &err));
	x = ROW(&rows, struct spot_interruption, 0);
	good(spot_interruption_served(env.db, a, one.tenant_id, x->move_id,
	    "i-0bbbbbbbbbbbbbbbb", now, &err));
	assert_string_equal(state_of(i), "interruption serving");
	now.us -= 7 * US_PER_S;
	good(spot_interruption_drained(env.db, a, one.tenant_id, x->move_id,
	    now, &err));
	good(spot_interruption_ended(env.db, a, one.tenant_id, x->move_id,
	    true, "", clock_now(), &err));
	assert_string_equal(state_of(i), "interruption replaced");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s' AND ABS(gap_s - 7) < 0.001 AND closed_at IS "
	    "NOT NULL", i), 1);
	take(notice("REBALANCE", new_event(), i, 400));
	take(notice("TERMINATION", new_event(), i, 100));
	assert_int_equal(rows_of(i), 1);
	assert_int_equal(moves_of(i), 1);
	/* of a move that is of no interruption nothing is told */
	good(spot_interruption_served(env.db, a, one.tenant_id, uuid_new(),
	    "i-0", now, &err));
}

static void
failed_move(void **state)
{
	const char *i = fresh();
	struct rows rows;
	struct spot_interruption_filter f = { .tenant = one.tenant_id,
	    .instance_id = i, .limit = 5 };

	(void)state;
	take(notice("TERMINATION", new_event(), i, 1));
	good(spot_interruption_page(env.db, a, &f, &rows, &err));
	good(spot_interruption_ended(env.db, a, one.tenant_id,
	    ROW(&rows, struct spot_interruption, 0)->move_id, false,
	    "no capacity anywhere", clock_now(), &err));
	assert_string_equal(state_of(i), "interruption failed");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s' AND cause = 'optimizer_failure' AND detail = "
	    "'no capacity anywhere' AND gap_s IS NULL", i), 1);
}

/* ---- what is not acted on ---------------------------------------------------------- */

static void
late(void **state)
{
	const char *i = fresh();

	(void)state;
	assert_int_equal(take(notice("TERMINATION", new_event(), i,
	    86400)).late, 1);
	assert_int_equal(rows_of(i), 0);
	/* young enough to be known, too old to be acted on */
	assert_int_equal(take(notice("TERMINATION", new_event(), i,
	    1000)).accepted, 1);
	assert_string_equal(state_of(i), "interruption watched");
	assert_int_equal(moves_of(i), 0);
}

static void
policy(void **state)
{
	struct spot_notice_policy p = spot_notice_policy_default;
	const char *i = fresh();

	(void)state;
	p.account_id = acc.id;
	p.tenant_id = one.tenant_id;
	p.on_interruption = "watch";
	p.updated_at = clock_now();
	good(spot_notice_policy_put(env.db, &p, &err));
	take(notice("TERMINATION", new_event(), i, 1));
	assert_string_equal(state_of(i), "interruption watched");
	p.on_interruption = "replace";
	good(spot_notice_policy_put(env.db, &p, &err));
	i = fresh();
	sql("UPDATE spot_instance SET auth_status = 'UNAUTHORIZED' WHERE "
	    "instance_id = '%s'", i);
	take(notice("TERMINATION", new_event(), i, 1));
	assert_string_equal(state_of(i), "interruption watched");
	assert_int_equal(moves_of(i), 0);
}

static int64_t
spot_pools_of(const char *instance)
{
	return number("SELECT COUNT(*) FROM spot_move WHERE instance_id = "
	    "'%s' AND pools LIKE '%%\"lifecycle\":\"spot\"%%'", instance);
}

/* Only where its network has a subnet: three pools elsewhere are none. */
static void
where_a_subnet_is(void **state)
{
	const char *i = fresh(), *az = mariadb_value(a, DB, arena_printf(a,
	    "SELECT az FROM spot_instance WHERE instance_id = '%s'", i));
	const char *was = mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "vpc_id FROM spot_instance WHERE instance_id = '%s'", i));

	(void)state;
	sql("UPDATE spot_instance SET vpc_id = 'vpc-alone' WHERE instance_id "
	    "= '%s'", i);
	take(notice("TERMINATION", new_event(), i, 1));
	assert_int_equal(moves_of(i), 1);
	assert_int_equal(spot_pools_of(i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND REPLACE(target, '%s:', '') LIKE "
	    "'%%" REGION "%%'", i, az), 0);
	sql("UPDATE spot_instance SET vpc_id = '%s' WHERE instance_id = "
	    "'%s'", was, i);
}

/* Not even under notice does anything go where the owner wants nothing. */
static void
denied_types(void **state)
{
	struct spot_policy p;
	const char *i = fresh();

	(void)state;
	take(notice("TERMINATION", new_event(), i, 1));
	assert_int_equal(moves_of(i), 1);
	assert_int_equal(spot_pools_of(i), 1);
	spot_policy_default(&p);
	p.tenant_id = one.tenant_id;
	p.account_id = acc.id;
	p.deny_types.p = "[\"*\"]";
	p.updated_at = clock_now();
	good(spot_policy_put(env.db, a, &p, &err));
	i = fresh();
	take(notice("TERMINATION", new_event(), i, 1));
	assert_int_equal(moves_of(i), 1);	/* on demand */
	assert_int_equal(spot_pools_of(i), 0);
	good(spot_policy_delete(env.db, p.tenant_id, p.account_id, &err));
}

static void
stopped(void **state)
{
	const char *i = fresh();
	struct platform_switch s = { .scope = "all", .name = "",
	    .stopped = true, .reason = "test", .changed_by = "test",
	    .changed_at = clock_now() };

	(void)state;
	good(platform_switch_put(env.db, a, &s, &err));
	take(notice("TERMINATION", new_event(), i, 1));
	assert_string_equal(state_of(i), "interruption refused");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND why LIKE '%%topped%%'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_episode WHERE "
	    "instance_id = '%s' AND why = 'interrupted'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_downtime WHERE "
	    "instance_id = '%s' AND cause = 'optimizer_failure'", i), 1);
	s.stopped = false;
	good(platform_switch_put(env.db, a, &s, &err));
}

/* ---- many at once ----------------------------------------------------------------- */

enum { CROWD = 5 };

/* Warnings for machines that were fresh, in one batch with one of them twice
 * and one event twice. */
static void
crowd(const char *ids[CROWD])
{
	struct spot_text v[CROWD + 2];
	struct spot_taken t;
	const char *event = NULL;

	for (int k = 0; k < CROWD; k++) {
		ids[k] = fresh();
		sql("UPDATE spot_instance SET aws_signal = 'REBALANCE' WHERE "
		    "instance_id = '%s'", ids[k]);
		event = new_event();
		v[k].p = notice("TERMINATION", event, ids[k], 2);
	}
	v[CROWD].p = notice("TERMINATION", event, ids[CROWD - 1], 2);
	v[CROWD + 1].p = notice("TERMINATION", new_event(), ids[0], 1);
	for (int k = 0; k < CROWD + 2; k++)
		v[k].n = strlen(v[k].p);
	good(spot_intake_texts(&(struct spot_intake){ &env, env.db, a,
	    &source, &acc, "sqs", NULL, NULL }, v, CROWD + 2, clock_now(), &t,
	    &err));
	assert_int_equal(t.accepted, CROWD + 1);
	assert_int_equal(t.duplicates, 1);
}

static int64_t
in_state(const char *const ids[CROWD], const char *state)
{
	int64_t n = 0;

	for (int k = 0; k < CROWD; k++) {
		n += strcmp(state_of(ids[k]), state) == 0;
		assert_int_equal(rows_of(ids[k]), 1);
		assert_int_equal(moves_of(ids[k]), 1);
		assert_int_equal(number("SELECT COUNT(*) FROM spot_episode "
		    "WHERE instance_id = '%s' AND why = 'interrupted' AND "
		    "still IS NULL", ids[k]), 1);
	}
	return n;
}

/* A batch costs the statements of a few, and each machine has all it would
 * have alone. */
static void
many_at_once(void **state)
{
	const char *ids[CROWD];
	uint64_t before = db_statements(env.db);

	(void)state;
	crowd(ids);
	assert_true(db_statements(env.db) - before < CROWD * 12);
	assert_int_equal(in_state(ids, "interruption replacing"), CROWD);
	for (int k = 0; k < CROWD; k++) {
		assert_int_equal(number("SELECT COUNT(*) FROM spot_move m "
		    "JOIN jobs_job j ON j.id = m.job_id AND j.lane = 0 "
		    "JOIN jobs_ready r ON r.job_id = j.id JOIN "
		    "platform_decision d ON d.id = m.decision_id AND "
		    "d.subject_id = m.instance_id WHERE m.instance_id = '%s' "
		    "AND m.state = 'ready' AND m.reserved_at IS NOT NULL",
		    ids[k]), 1);
		assert_int_equal(number("SELECT COUNT(*) FROM events_outbox "
		    "WHERE body LIKE '%%move.started%%%s%%'", ids[k]), 1);
	}
}

/* Fewer launches are left than are asked for: some go, the others keep the
 * sentence, and the count is kept to. */
static void
many_over_the_cap(void **state)
{
	struct spot_budget b;
	const char *ids[CROWD];

	(void)state;
	good(spot_budget_get(env.db, a, one.tenant_id, acc.id, &b, &err));
	b.max_launches = b.launches + 3;
	good(spot_budget_limit(env.db, a, &b, &err));
	crowd(ids);
	assert_int_equal(in_state(ids, "interruption replacing"), 3);
	assert_int_equal(in_state(ids, "interruption refused"), CROWD - 3);
	assert_int_equal(number("SELECT launches FROM spot_budget WHERE "
	    "account_id = X'%s'", mariadb_hex(a, acc.id)), b.max_launches);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_move WHERE state = "
	    "'refused' AND error_code = 'cap_launches'"), CROWD - 3);
	b.max_launches = -1;
	good(spot_budget_limit(env.db, a, &b, &err));
}

static void
many_stopped(void **state)
{
	const char *ids[CROWD];
	struct platform_switch s = { .scope = "all", .name = "",
	    .stopped = true, .reason = "test", .changed_by = "test",
	    .changed_at = clock_now() };
	int64_t jobs = number("SELECT COUNT(*) FROM jobs_job");

	(void)state;
	good(platform_switch_put(env.db, a, &s, &err));
	crowd(ids);
	s.stopped = false;
	good(platform_switch_put(env.db, a, &s, &err));
	assert_int_equal(in_state(ids, "interruption refused"), CROWD);
	assert_int_equal(number("SELECT COUNT(*) FROM jobs_job"), jobs);
}

static void
not_in_the_inventory(void **state)
{
	const char *i = "i-0cccccccccccccccc";

	(void)state;
	sql("DELETE FROM spot_scan WHERE state = 'queued'");
	take(notice("TERMINATION", new_event(), i, 1));
	assert_string_equal(state_of(i), "interruption unknown");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan WHERE "
	    "account_id = X'%s' AND state = 'queued'", mariadb_hex(a, acc.id)), 1);
	good(spot_interruption_tend(&env, env.db, a, clock_now(), &err));
	assert_string_equal(state_of(i), "interruption unknown");
	/* the scan finds it */
	sql("INSERT INTO spot_instance (id, tenant_id, account_id, region, "
	    "az, instance_id, instance_type, lifecycle, state, launched_at, "
	    "arch, product, tags, auth_status, seen_generation, first_seen, "
	    "last_seen) SELECT UNHEX(MD5('%s')), tenant_id, account_id, "
	    "region, az, '%s', instance_type, lifecycle, 'running', "
	    "launched_at, arch, product, '{}', 'AUTHORIZED', 1, NOW(6), "
	    "NOW(6) FROM spot_instance WHERE instance_id = '%s'", i, i,
	    fresh());
	good(spot_interruption_tend(&env, env.db, a, clock_now(), &err));
	assert_string_equal(state_of(i), "interruption replacing");
	assert_int_equal(moves_of(i), 1);
	good(spot_interruption_tend(&env, env.db, a, clock_now(), &err));
	assert_int_equal(moves_of(i), 1);
}

static void
standby_given_up(void **state)
{
	const char *i = fresh();
	struct utc later = clock_now();

	(void)state;
	take(notice("REBALANCE", new_event(), i, 1));
	good(spot_interruption_tend(&env, env.db, a, later, &err));
	assert_string_equal(state_of(i), "rebalance replica");
	later.us += 7 * 3600 * US_PER_S;
	good(spot_interruption_tend(&env, env.db, a, later, &err));
	assert_string_equal(state_of(i), "rebalance over");
	/* closed for good: the next notice is another matter */
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND live IS NULL", i), 1);
}

static void
states(void **state)
{
	const char *i = fresh();
	char at[CLOCK_TEXT];
	const char *form = "{\"id\":\"%s\",\"detail-type\":\"EC2 Instance "
	    "State-change Notification\",\"source\":\"aws.ec2\",\"account\":"
	    "\"%s\",\"time\":\"%s\",\"region\":\"" REGION "\",\"detail\":"
	    "{\"instance-id\":\"%s\",\"state\":\"%s\"}}";
	struct utc now = clock_now(), before = { now.us - 60 * US_PER_S };

	(void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	take(arena_printf(a, form, new_event(), acc.aws_account,
	    clock_format(now, at), i, "terminated"));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND state = 'terminated' AND gone_at IS NOT "
	    "NULL", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_episode WHERE "
	    "instance_id = '%s' AND why = 'user' AND still IS NULL", i), 1);
	/* older news come later */
	take(arena_printf(a, form, new_event(), acc.aws_account,
	    clock_format(before, at), i, "running"));
#pragma GCC diagnostic pop
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND state = 'terminated'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_episode WHERE "
	    "instance_id = '%s' AND still = 1", i), 0);
	/* the warning that explains it comes last of all */
	take(notice("TERMINATION", new_event(), i, 120));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_episode WHERE "
	    "instance_id = '%s' AND why = 'interrupted'", i), 1);
}

/* ---- strangers ------------------------------------------------------------------------ */

static void
foreign(void **state)
{
	const char *i = fresh();
	int64_t before = counted("strangers");
	struct utc now = clock_now();

	(void)state;
	assert_int_equal(take(spot_notice_write(a, "TERMINATION",
	    new_event(), "999999999999", REGION, i, now)).strangers, 1);
	assert_int_equal(take(spot_notice_write(a, "TERMINATION",
	    new_event(), sim.aws_account, REGION, i, now)).strangers, 1);
	assert_int_equal(counted("strangers"), before + 2);
	assert_int_equal(rows_of(i), 0);
	/* another region of the same account knows no such machine */
	take(spot_notice_write(a, "TERMINATION", new_event(),
	    acc.aws_account, "us-east-2", i, now));
	assert_string_equal(state_of(i), "interruption unknown");
	assert_int_equal(moves_of(i), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND aws_signal = 'NONE'", i), 1);
	sql("DELETE FROM spot_interruption WHERE instance_id = '%s'", i);
}

/* The twin has a machine of the same name; notices of one are nothing to the
 * other, whatever account they name. */
static void
twins(void **state)
{
	const char *i = fresh(), *its_secret, *event = new_event();
	struct spot_source theirs = source_of(&two, sim.id, "webhook", "",
	    NULL, &its_secret);

	(void)state;
	sql("INSERT INTO spot_instance (id, tenant_id, account_id, region, "
	    "az, instance_id, instance_type, lifecycle, state, launched_at, "
	    "arch, product, tags, auth_status, seen_generation, first_seen, "
	    "last_seen) SELECT UNHEX(MD5(CONCAT('twin', instance_id))), "
	    "X'%s', X'%s', region, az, instance_id, instance_type, lifecycle, "
	    "state, launched_at, arch, product, '{}', 'AUTHORIZED', 1, "
	    "NOW(6), NOW(6) FROM spot_instance WHERE instance_id = '%s' AND "
	    "account_id = X'%s'", mariadb_hex(a, two.tenant_id), mariadb_hex(a, sim.id), i,
	    mariadb_hex(a, acc.id));
	/* through two's door about one's account */
	assert_int_equal(take_by(&theirs, &sim, notice("TERMINATION", event,
	    i, 1)).strangers, 1);
	assert_int_equal(rows_of(i), 0);
	/* the same event id is each tenant's own */
	assert_int_equal(take(notice("TERMINATION", event, i, 1)).accepted, 1);
	assert_int_equal(take_by(&theirs, &sim, spot_notice_write(a,
	    "REBALANCE", event, sim.aws_account, REGION, i,
	    clock_now())).accepted, 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND tenant_id = X'%s' AND kind = "
	    "'interruption'", i, mariadb_hex(a, one.tenant_id)), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND tenant_id = X'%s' AND kind = "
	    "'rebalance'", i, mariadb_hex(a, two.tenant_id)), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND account_id = X'%s' AND aws_signal = "
	    "'REBALANCE'", i, mariadb_hex(a, sim.id)), 1);
	/* a source of one with an account of the other is a bug, and refused */
	{
		struct spot_text v = { "{}", 2 };
		struct spot_taken t;

		bad(spot_intake_texts(&(struct spot_intake){ &env, env.db, a,
		    &theirs, &acc, "x", NULL, NULL }, &v, 1, clock_now(), &t, &err),
		    500, "source");
	}
}

static int
post(struct uuid id, const char *with, const char *nonce, const char *body,
    struct spot_taken *t)
{
	const char *ts = arena_printf(a, "%lld",
	    (long long)(clock_now().us / US_PER_S));
	struct spot_post p = { .id = id, .timestamp = ts, .nonce = nonce,
	    .signature = spot_notice_sign(a, with, ts, nonce, body,
	    strlen(body)), .body = body, .len = strlen(body) };

	return spot_source_webhook(&env, a, &p, clock_now(), t, &err);
}

static void
posts(void **state)
{
	const char *i = fresh(), *body = notice("TERMINATION", new_event(), i,
	    1), *old = secret;
	int64_t forged = counted("forged");
	struct spot_source s;
	struct spot_taken t;

	(void)state;
	bad(post(source.id, "guessed", "nonce-000", body, &t), 401,
	    "signature");
	bad(post(uuid_new(), secret, "nonce-000", body, &t), 401,
	    "not_authenticated");
	assert_int_equal(counted("forged"), forged + 1);
	assert_int_equal(rows_of(i), 0);
	good(post(source.id, secret, "nonce-001", body, &t));
	assert_int_equal(t.accepted, 1);
	assert_string_equal(state_of(i), "interruption replacing");
	/* the same again, and its nonce with other news */
	bad(post(source.id, secret, "nonce-001", body, &t), 401, "replayed");
	i = fresh();
	bad(post(source.id, secret, "nonce-001", notice("TERMINATION",
	    new_event(), i, 1), &t), 401, "replayed");
	assert_int_equal(rows_of(i), 0);
	assert_int_equal(counted("forged"), forged + 3);
	good(post(source.id, secret, "nonce-002", "no event", &t));
	assert_int_equal(t.malformed, 1);
	good(spot_source_rotate(&env, a, one.tenant_id, source.id,
	    clock_now(), &s, &secret, &err));
	bad(post(source.id, old, "nonce-003", body, &t), 401, "signature");
	good(post(source.id, secret, "nonce-003", body, &t));
	assert_int_equal(t.duplicates, 1);
	/* the other tenant cannot even see it */
	bad(spot_source_rotate(&env, a, two.tenant_id, source.id,
	    clock_now(), &s, &old, &err), 404, "not_found");
}

/* ---- topics ------------------------------------------------------------------------ */

#define TOPIC "arn:aws:sns:" REGION ":" FAKE_ACCOUNT ":notices"
#define CERT "https://sns." REGION ".amazonaws.com/SimpleNotificationService" \
	"-f3ecfb7224c7233fe7bb5f59f96de52f.pem"

static const char *
sns_text(EVP_PKEY *k, struct spot_sns m)
{
	char now[CLOCK_TEXT];
	const char *type = m.type == SNS_SUBSCRIBE ?
	    "SubscriptionConfirmation" : "Notification";
	struct str s;

	m.message_id = new_event();
	m.timestamp = clock_format(clock_now(), now);
	str_init(&s, a);
	str_addf(&s, "{\"Type\":\"%s\",\"MessageId\":\"%s\",\"TopicArn\":"
	    "\"%s\",\"Timestamp\":\"%s\",\"SignatureVersion\":\"2\","
	    "\"SigningCertURL\":\"%s\",\"Signature\":\"%s\",", type,
	    m.message_id, m.topic, m.timestamp, m.cert_url, signer_sign(a, k,
	    EVP_sha256(), spot_sns_canonical(a, &m)));
	if (m.type == SNS_SUBSCRIBE)
		str_addf(&s, "\"Token\":\"%s\",\"SubscribeURL\":\"%s\",",
		    m.token, m.subscribe_url);
	str_add(&s, "\"Message\":");
	str_json(&s, m.message);
	str_add(&s, "}");
	return s.p;
}

static int
sns_post(struct uuid id, const char *text, struct spot_taken *t)
{
	return spot_source_sns(&env, a, &(struct spot_post){ .id = id,
	    .body = text, .len = strlen(text) }, clock_now(), t, &err);
}

static int64_t
confirmed(void)
{
	struct net_call call = { .method = "GET",
	    .url = arena_printf(a, "%s/_control/ledger", fake.url) };
	struct net_reply r;

	good(net_http(env.net, a, &call, &r, &err));
	return strstr(r.body, "ConfirmSubscription") != NULL;
}

static void
topics(void **state)
{
	const char *i = fresh(), *none;
	struct spot_source s = source_of(&one, acc.id, "sns", NULL, TOPIC,
	    &none);
	EVP_PKEY *k = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
	struct spot_sns m = { .type = SNS_NOTIFICATION, .topic = TOPIC,
	    .cert_url = CERT, .message = notice("TERMINATION", new_event(),
	    i, 1) };
	struct utc now = clock_now(), later = { now.us + 3600 * US_PER_S };
	struct spot_taken t;

	(void)state;
	assert_string_equal(s.region, REGION);
	good(spot_sns_cert_put(env.db, CERT, signer_cert(a, k,
	    "sns.amazonaws.com", -60, 3600), later, now, &err));
	bad(sns_post(s.id, sns_text(other, m), &t), 401, "signature");
	m.topic = TOPIC "2";
	bad(sns_post(s.id, sns_text(k, m), &t), 401, "topic");
	m.topic = TOPIC;
	m.cert_url = "https://evil.example/SimpleNotificationService-"
	    "f3ecfb7224c7233fe7bb5f59f96de52f.pem";
	bad(sns_post(s.id, sns_text(k, m), &t), 401, "pinned");
	m.cert_url = CERT;
	bad(sns_post(source.id, sns_text(k, m), &t), 401,
	    "not_authenticated");
	assert_int_equal(rows_of(i), 0);
	assert_int_equal(number("SELECT forged FROM spot_source WHERE id = "
	    "X'%s'", mariadb_hex(a, s.id)), 3);
	good(sns_post(s.id, sns_text(k, m), &t));
	assert_int_equal(t.accepted, 1);
	assert_string_equal(state_of(i), "interruption replacing");
	/* a confirmation is visited where it is pinned to, and only there */
	m = (struct spot_sns){ .type = SNS_SUBSCRIBE, .topic = TOPIC,
	    .cert_url = CERT, .message = "You have chosen", .token = "t",
	    .subscribe_url = arena_printf(a, "%s0/?Action="
	    "ConfirmSubscription&Token=t", fake.url) };
	bad(sns_post(s.id, sns_text(k, m), &t), 401, "pinned");
	m.subscribe_url = arena_printf(a, "%s/?Action=ConfirmSubscription&"
	    "Token=t", fake.url);
	bad(sns_post(s.id, sns_text(other, m), &t), 401, "signature");
	assert_false(confirmed());
	/* the fake knows no topics: it was asked, and refused */
	bad(sns_post(s.id, sns_text(k, m), &t), 502, "sns");
	assert_true(confirmed());
	EVP_PKEY_free(k);
	EVP_PKEY_free(other);
}

static void
places(void **state)
{
	struct spot_source_new n = { acc.id, "sqs", NULL,
	    "https://sqs.us-east-1.amazonaws.com/999988887777/q" };
	struct spot_source s;
	const char *none;

	(void)state;
	bad(spot_source_make(&env, a, &one, &n, clock_now(), &s, &none,
	    &err), 422, "other_account");
	n.address = "https://evil.example/" FAKE_ACCOUNT "/q";
	bad(spot_source_make(&env, a, &one, &n, clock_now(), &s, &none,
	    &err), 422, "queue");
	n.address = "https://sqs.us-east-1.amazonaws.com/" FAKE_ACCOUNT "/q";
	n.region = "us-west-1";
	bad(spot_source_make(&env, a, &one, &n, clock_now(), &s, &none,
	    &err), 422, "other_region");
	n.kind = "sns";
	n.region = NULL;
	n.address = "arn:aws:sns:us-east-1:999988887777:t";
	bad(spot_source_make(&env, a, &one, &n, clock_now(), &s, &none,
	    &err), 422, "other_account");
	bad(spot_source_make(&env, a, &two, &n, clock_now(), &s, &none,
	    &err), 404, "not_found");
}

/* ---- queues ------------------------------------------------------------------------------ */

static const char *
queue(const char *name, const char *more, const char *body)
{
	struct fake *f = &fake;

	return fakeec2_control(f, a, env.net, "/_control/queue",
	    arena_printf(a, "{\"name\":\"%s\",\"region\":\"" REGION
	    "\"%s%s%s%s}", name, more, body != NULL ? ",\"put\":[" : "",
	    body != NULL ? body : "", body != NULL ? "]" : ""));
}

static int64_t
member(const char *json, const char *name)
{
	const char *p = strstr(json, arena_printf(a, "\"%s\": ", name));

	assert_non_null(p);
	return strtoll(p + strlen(name) + 4, NULL, 10);
}

static struct spot_queue_turn
turn(struct env *e, int wait_s, int64_t seconds)
{
	struct spot_queue_turn t = { .shards = 1, .wait_s = wait_s,
	    .until_boot_ns = clock_boot_ns() + seconds * S_NS };

	good(spot_queue_run(e, e->db, &t, &err));
	return t;
}

static struct spot_source
queue_source(const char *name)
{
	const char *none;

	return source_of(&one, acc.id, "sqs", REGION, arena_printf(a,
	    "%s/" FAKE_ACCOUNT "/%s", fake.url, name), &none);
}

/* One turn more, until it is answered. */
static bool
answered(void *arg)
{
	turn(&env, 0, 20);
	return strcmp(state_of(arg), "interruption replacing") == 0;
}

static bool
emptied(void *arg)
{
	turn(&env, 0, 20);
	return member(queue(arg, "", NULL), "messages") == 0;
}

static void
queues(void **state)
{
	const char *i = fresh(), *j, *event = new_event();
	struct spot_source s;
	struct spot_queue_turn t;

	(void)state;
	queue("first", ",\"duplicate\":0.5,\"shuffle\":true", notice(
	    "TERMINATION", event, i, 1));
	s = queue_source("first");
	t = turn(&env, 0, 20);
	assert_int_equal(t.queues, 1);
	assert_true(eventually(answered, (void *)(uintptr_t)i, 30000));
	assert_true(eventually(emptied, (void *)(uintptr_t)"first",
	    30000));
	/* twenty-five in three rounds, one of them no event at all */
	for (int k = 0; k < 24; k++)
		queue("first", "", spot_notice_write(a, "REBALANCE",
		    new_event(), "999999999999", REGION, i, clock_now()));
	j = fresh();
	queue("first", "", "\"nonsense\"");
	queue("first", "", notice("TERMINATION", new_event(), j, 1));
	assert_true(eventually(answered, (void *)(uintptr_t)j, 30000));
	assert_true(eventually(emptied, (void *)(uintptr_t)"first",
	    30000));
	/* some were given out twice, and counted twice */
	assert_true(number("SELECT malformed FROM spot_source WHERE "
	    "id = X'%s'", mariadb_hex(a, s.id)) >= 1);
	assert_true(number("SELECT strangers FROM spot_source WHERE "
	    "id = X'%s'", mariadb_hex(a, s.id)) >= 24);
	good(spot_source_delete(env.db, one.tenant_id, s.id, &err));
}

/* Dies between the commit and the deletion. */
static int
dies(void *arg)
{
	struct env e;
	struct spot_queue_turn t = { .shards = 1, .wait_s = 0,
	    .until_boot_ns = clock_boot_ns() + 20 * S_NS };
	struct err why = { 0 };

	(void)arg;
	e = boot();
	/* the deletion hangs; the test ends this process then */
	return spot_queue_run(&e, e.db, &t, &why);
}

static bool
row_there(void *arg)
{
	return rows_of(arg) == 1;
}

/* A turn that does not wait ends when a call fails: the next one asks again. */
static bool
known_again(void *arg)
{
	const struct spot_source *s = arg;

	turn(&env, 0, 20);
	return number("SELECT duplicates FROM spot_source WHERE id = X'%s'",
	    mariadb_hex(a, s->id)) == 1;
}

static void
crash_before_deletion(void **state)
{
	const char *i = fresh();
	struct spot_source s;
	pid_t pid;

	(void)state;
	queue("crash", ",\"visibility_s\":1", notice("TERMINATION",
	    new_event(), i, 1));
	s = queue_source("crash");
	(void)fakeec2_control(&fake, a, env.net, "/_control", "{\"rules\":["
	    "{\"action\":\"DeleteMessageBatch\",\"hang\":true}]}");
	pid = forked(dies, NULL);
	assert_true(eventually(row_there, (void *)(uintptr_t)i, 30000));
	kill(pid, SIGKILL);
	assert_int_equal(forked_wait(pid), 1000 + SIGKILL);
	(void)fakeec2_control(&fake, a, env.net, "/_control",
	    "{\"rules\":[]}");
	assert_int_equal(member(queue("crash", "", NULL), "messages"), 1);
	/* our calls ask for a minute; the test cannot wait so long */
	(void)queue("crash", "", notice("TERMINATION", arena_printf(a, "%s",
	    mariadb_value(a, DB, arena_printf(a, "SELECT event_id FROM "
	    "spot_interruption WHERE instance_id = '%s'", i))), i, 1));
	assert_true(eventually(known_again, &s, 30000));
	assert_int_equal(rows_of(i), 1);
	assert_int_equal(moves_of(i), 1);
	good(spot_source_delete(env.db, one.tenant_id, s.id, &err));
}

/* One queue refuses, the other is served in the same turn. */
static void
blocked_queue(void **state)
{
	const char *i = fresh();
	struct spot_source missing, fine;

	(void)state;
	queue("fine", "", notice("TERMINATION", new_event(), i, 1));
	missing = queue_source("missing");
	fine = queue_source("fine");
	assert_true(eventually(answered, (void *)(uintptr_t)i, 30000));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_source WHERE id = "
	    "X'%s' AND failures > 0 AND last_error LIKE '%%QueueDoesNotExist"
	    "%%'", mariadb_hex(a, missing.id)), 1);
	assert_int_equal(number("SELECT failures FROM spot_source WHERE id = "
	    "X'%s'", mariadb_hex(a, fine.id)), 0);
	good(spot_source_delete(env.db, one.tenant_id, missing.id, &err));
	good(spot_source_delete(env.db, one.tenant_id, fine.id, &err));
}

/* ---- silence ------------------------------------------------------------------------------ */

static const char *
source_state(const struct spot_source *s)
{
	return mariadb_value(a, DB, arena_printf(a, "SELECT state FROM "
	    "spot_source WHERE id = X'%s'", mariadb_hex(a, s->id)));
}

static void
loops(void)
{
	struct loop_ctx c = { .env = &env, .db = env.db,
	    .a = arena_new(64 << 20), .keep = env.a };

	good(spot_interruption_loops[0].run(&c, &err));
	good(spot_status_loops[0].run(&c, &err));
	arena_free(c.a);
}

/* The cloud takes one machine and a person another, and no message tells of
 * it; then the queue speaks again. */
static void
silent_queue(void **state)
{
	const char *taken = fresh(), *ended;
	struct spot_source s = queue_source("silent");
	struct probe probe;

	(void)state;
	queue("silent", "", NULL);
	ended = mariadb_value(a, DB, arena_printf(a, "SELECT instance_id FROM "
	    "spot_instance WHERE account_id = X'%s' AND region = '" REGION "' "
	    "AND lifecycle = 'spot' AND state = 'running' AND gone_at IS NULL "
	    "AND aws_signal = 'NONE' AND instance_id <> '%s' LIMIT 1",
	    mariadb_hex(a, acc.id), taken));
	loops();
	assert_string_equal(source_state(&s), "new");
	(void)fakeec2_control(&fake, a, env.net, "/_control/interrupt",
	    arena_printf(a, "{\"ids\":[\"%s\"],\"notice_s\":0,\"silent\":"
	    "true}", taken));
	(void)fakeec2_control(&fake, a, env.net, "/_control/fleet",
	    arena_printf(a, "{\"terminate\":[\"%s\"]}", ended));
	sql("UPDATE spot_source SET created_at = created_at - INTERVAL 601 "
	    "SECOND WHERE id = X'%s'", mariadb_hex(a, s.id));
	loops();
	assert_string_equal(source_state(&s), "silent");
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "source FROM spot_interruption WHERE instance_id = '%s'",
	    taken)), "status");
	assert_string_equal(state_of(taken), "interruption replacing");
	/* nobody knows that the cloud took this one */
	assert_int_equal(rows_of(ended), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "instance_id = '%s' AND state = 'terminated'", ended), 1);
	spot_source_probe(&env, &probe);
	assert_non_null(strstr(probe.detail, "1 silent"));
	/* found again: known */
	sql("UPDATE spot_source SET last_status_at = NULL WHERE id = X'%s'",
	    mariadb_hex(a, s.id));
	loops();
	assert_int_equal(moves_of(taken), 1);
	/* a message, and it is a source like any other again */
	queue("silent", "", notice("REBALANCE", new_event(), fresh(), 1));
	assert_true(eventually(emptied, (void *)(uintptr_t)"silent", 30000));
	loops();
	assert_string_equal(source_state(&s), "ok");
	assert_true(number("SELECT COUNT(*) FROM events_outbox WHERE body "
	    "LIKE '%%spot.notices%%'") >= 2);
	good(spot_source_delete(env.db, one.tenant_id, s.id, &err));
}

/* ---- many at once --------------------------------------------------------------------------- */

struct racer {
	const char *text;
};

static int
races(void *arg)
{
	const struct racer *r = arg;
	struct spot_text v = { r->text, strlen(r->text) };
	struct spot_taken t;
	struct err why = { 0 };
	struct env e = boot();

	return spot_intake_texts(&(struct spot_intake){ &e, e.db, a, &source,
	    &acc, "sqs", NULL, NULL }, &v, 1, clock_now(), &t, &why);
}

static void
two_at_once(void **state)
{
	const char *i = fresh();
	struct racer r[2];
	pid_t pid[4];

	(void)state;
	/* the same event twice, and another one about the same machine */
	r[0].text = notice("TERMINATION", new_event(), i, 1);
	r[1].text = notice("REBALANCE", new_event(), i, 2);
	for (int k = 0; k < 4; k++)
		pid[k] = forked(races, &r[k % 2]);
	for (int k = 0; k < 4; k++)
		assert_int_equal(forked_wait(pid[k]), 0);
	assert_int_equal(rows_of(i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_interruption WHERE "
	    "instance_id = '%s' AND kind = 'interruption'", i), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_move WHERE "
	    "instance_id = '%s' AND kind = 'replace'", i), 1);
}

/* ---- the simulated cloud -------------------------------------------------------------------- */

static void
simulated(void **state)
{
	struct loop_ctx c = { .env = &env, .db = env.db, .a = a,
	    .keep = env.a };
	const char *i = mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "instance_id FROM spot_instance WHERE account_id = X'%s' AND "
	    "lifecycle = 'spot' AND state = 'running' AND aws_signal = 'NONE' "
	    "AND id <> UNHEX(MD5('')) ORDER BY id DESC LIMIT 1",
	    mariadb_hex(a, sim.id)));
	struct spot_interruption x;
	struct spot_interruption_totals t;

	(void)state;
	good(spot_interruption_loops[0].run(&c, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_source WHERE "
	    "account_id = X'%s' AND kind = 'simulated' AND state IN ('ok', "
	    "'new')", mariadb_hex(a, sim.id)), 1);
	good(spot_interruption_rehearse(&env, a, two.tenant_id, sim.id, i,
	    "TERMINATION", clock_now(), &x, &err));
	assert_string_equal(x.kind, "interruption");
	assert_string_equal(x.source, "rehearsal");
	assert_string_equal(x.state, "replacing");
	bad(spot_interruption_rehearse(&env, a, one.tenant_id, sim.id, i,
	    "TERMINATION", clock_now(), &x, &err), 404, "not_found");
	bad(spot_interruption_rehearse(&env, a, one.tenant_id, acc.id,
	    fresh(), "TERMINATION", clock_now(), &x, &err), 409,
	    "not_simulated");
	good(spot_interruption_totals(env.db, a, two.tenant_id, clock_now(),
	    &t, &err));
	assert_true(t.open >= 1 && t.month >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_transaction),
		cmocka_unit_test(poolless),
		cmocka_unit_test(again_and_again), cmocka_unit_test(standby),
		cmocka_unit_test(reordered), cmocka_unit_test(after_the_end),
		cmocka_unit_test(failed_move), cmocka_unit_test(late),
		cmocka_unit_test(policy),
		cmocka_unit_test(where_a_subnet_is),
		cmocka_unit_test(denied_types), cmocka_unit_test(stopped),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(many_over_the_cap),
		cmocka_unit_test(many_stopped),
		cmocka_unit_test(not_in_the_inventory),
		cmocka_unit_test(standby_given_up), cmocka_unit_test(states),
		cmocka_unit_test(foreign), cmocka_unit_test(twins),
		cmocka_unit_test(posts), cmocka_unit_test(topics),
		cmocka_unit_test(places),
		cmocka_unit_test(queues),
		cmocka_unit_test(crash_before_deletion),
		cmocka_unit_test(blocked_queue), cmocka_unit_test(silent_queue),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(simulated)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
