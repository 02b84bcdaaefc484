/*
 * Risk and decisions against MariaDB: signals folded and not yet folded are
 * the same; a model is fitted to episodes, put into force when it is better
 * and only then; policies; a decision becomes recommendations with records,
 * which a person approves here or in the inbox, dismisses, or nobody answers;
 * evaluate says what the plan says; tenants never see each other's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "modules/auth/auth.h"
#include "modules/platform/platform.h"
#include "modules/spot/advice_ops.h"
#include "modules/spot/conf.h"
#include "modules/spot/move.h"
#include "modules/spot/recommendation.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/spot.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define DB "test_spot_risk"
#define S INT64_C(1000000)
#define H (3600 * S)
#define REGION "us-east-1"

static const struct module *const mods[] = { &auth_module,
    &platform_module, &spot_module, NULL };
static const struct settings *const all_settings[] = { &base_settings,
    &spot_settings, &spot_move_settings, &auth_settings, NULL };
static const char *const perms[] = { "*", NULL };

static struct arena *a;
static struct env env;
static struct err err;
static struct utc now;
static struct principal one = { .kind = PRINCIPAL_USER, .name = "one",
    .user_id = { { 1 } }, .permissions = perms }, two = {
    .kind = PRINCIPAL_USER, .name = "two", .user_id = { { 2 } },
    .permissions = perms };
static struct uuid account;

/* ---- small words ------------------------------------------------------------------ */

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
	err_clear(&err);
}

static void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s", status, code,
		    err.status, err.code, err.detail);
	err_clear(&err);
}

static int64_t
number(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

static const char *
at(int64_t us)
{
	char *s = arena_strdup(a, clock_format((struct utc){ us },
	    (char[CLOCK_TEXT]){ 0 }));

	s[10] = ' ';
	s[strlen(s) - 1] = '\0';
	return s;
}

static void
tenant(struct principal *p)
{
	p->tenant_id = uuid_new();
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_tenant (id, name, "
	    "active, created_at, updated_at) VALUES (X'%s', '%s', 1, "
	    "NOW(6), NOW(6))", mariadb_hex(a, p->tenant_id), p->name));
}

/* Two types in three zones, m5 cheaper in b, c5 for the same work. */
static void
make_market(void)
{
	static const char *const types[] = { "m5.large", "m5a.large" };
	int64_t id = 0;

	for (int t = 0; t < 2; t++) {
		mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_type "
		    "(instance_type, arch, vcpu, mem_mib, src, asof) VALUES "
		    "('%s', 'x86_64', 2, 8192, 'test', NOW(6)); INSERT INTO "
		    "spot_od_price VALUES ('aws', '" REGION "', '%s', "
		    "'Linux/UNIX', 10000000, NOW(6), 'test'); INSERT INTO "
		    "spot_advisor VALUES ('aws', '" REGION "', '%s', "
		    "'Linux', 1, 60, NOW(6))", types[t], types[t],
		    types[t]));
		for (int z = 0; z < 3; z++) {
			id++;
			mariadb_sql(DB, arena_printf(a, "INSERT INTO "
			    "spot_pool (id, market, region, az, "
			    "instance_type, product) VALUES (%lld, 'aws', '"
			    REGION "', '" REGION "%c', '%s', 'Linux/UNIX'); "
			    "INSERT INTO spot_price VALUES (%lld, '%s', %d, "
			    "'test')", (long long)id, 'a' + z, types[t],
			    (long long)id, at(now.us - 600 * S),
			    3000000 + 10000 * (int)id));
		}
	}
}

static int
setup(void **state)
{
	const char *over[] = { NULL };
	char *const none[] = { NULL };
	struct conf *conf;

	(void)state;
	a = arena_new((size_t)512 << 20);
	if (!mariadb_start())
		return -1;
	mariadb_migrated(DB, NULL);
	now = clock_now();
	env = (struct env){ .a = arena_new(64 << 20), .modules = mods,
	    .program = "test", .process = uuid_new() };
	good(conf_load(&conf, env.a, all_settings, &(struct conf_source){
	    .file = "/none", .env = none, .overrides = over }, &err));
	env.conf = conf;
	env.db = mariadb_open(env.a, DB);
	tenant(&one);
	tenant(&two);
	make_market();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	db_close(env.db);
	arena_free(env.a);
	arena_free(a);
	return 0;
}

/* ---- signals ------------------------------------------------------------------------ */

static struct spot_pool_state
state_of(int64_t pool)
{
	struct spot_pool_state s;

	good(spot_pool_state_get(env.db, a, pool, &s, &err));
	return s;
}

/* Sums of hours, the same again, and what comes late. */
static void
test_signal_hours(void **state)
{
	struct utc hour = { now.us / (3600 * S) * 3600 * S - 3600 * S };
	struct utc end = { hour.us + 3600 * S }, last;
	const struct spot_signal_hour *h;
	struct rows rows;
	uint64_t n;

	(void)state;
	for (int i = 0; i < 3; i++)
		good(spot_signal_put(env.db, 3, "score", 2 + i,
		    (struct utc){ hour.us + i }, &err));
	good(spot_signal_put(env.db, 3, "interrupt", 1, end, &err));
	for (int i = 0; i < 2; i++) {
		good(spot_signal_hours_sum(env.db, hour, end, &n, &err));
		good(spot_signal_hour_page(env.db, a, 3, end, 10, &rows,
		    &err));
		assert_int_equal(rows.n, 1);
		h = ROW(&rows, struct spot_signal_hour, 0);
		assert_int_equal(h->n, 3);
		assert_true(fabs(h->mean - 3) < 1e-12);
		assert_int_equal(h->hour.us, hour.us);
	}
	good(spot_signal_put(env.db, 3, "score", 8, (struct utc){ hour.us +
	    9 }, &err));
	good(spot_signal_hours_sum(env.db, hour, end, &n, &err));
	good(spot_signal_hour_page(env.db, a, 3, end, 10, &rows, &err));
	assert_int_equal(ROW(&rows, struct spot_signal_hour, 0)->n, 4);
	good(spot_signal_hours_last(env.db, a, &last, &err));
	assert_int_equal(last.us, hour.us);
	mariadb_sql(DB, "DELETE FROM spot_signal WHERE pool_id = 3");
}

static void
test_signals(void **state)
{
	struct spot_pool_state fresh, folded;
	const struct spot_need need = { .arch = "x86_64", .vcpu = 2,
	    .mem_mib = 8192, .now = now };
	struct spot_ranking r;
	struct rows rows;
	size_t n;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct utc t = { now.us - (20 - i) * 60 * S };

		good(spot_signal_put(env.db, 1, i % 3 == 0 ? "launch_ok" :
		    "probe_ice", 1, t, &err));
		good(spot_signal_put_named(env.db, a, "aws", REGION,
		    REGION "b", "m5.large", "Linux/UNIX", "launch_ok", 1, t,
		    NULL, &err));
	}
	good(spot_signal_put(env.db, 1, "rebalance", 1, now, &err));
	fresh = state_of(1);
	assert_true(fresh.full_until.us > now.us && fresh.avail_fast < 0.8);
	assert_int_equal(fresh.notice_at.us, now.us);
	assert_true(state_of(2).avail_fast > 0.9);
	/* a pool without capacity is refused, with its reason, at once */
	good(spot_pools_for(env.db, a, "aws", REGION, "Linux/UNIX", &need,
	    &r, &err));
	assert_int_equal(r.n, 5);
	assert_int_equal(r.nrefused, 1);
	assert_string_equal(r.refused[0].pool, REGION "a:m5.large");
	assert_non_null(strstr(r.refused[0].reason, "no capacity"));
	assert_string_equal(r.v[0].o->az, REGION "b");
	/* folded, nothing is different */
	good(db_begin(env.db, &err));
	good(spot_signal_fold(env.db, a, &n, &err));
	good(db_commit(env.db, &err));
	assert_int_equal(n, 41);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_signal WHERE "
	    "folded = 0"), 0);
	folded = state_of(1);
	assert_true(fabs(folded.avail_fast - fresh.avail_fast) < 1e-12);
	assert_true(fabs(folded.avail_slow - fresh.avail_slow) < 1e-12);
	assert_int_equal(folded.full_until.us, fresh.full_until.us);
	assert_int_equal(folded.full_n, fresh.full_n);
	good(spot_pool_states(env.db, a, "aws", REGION, &rows, &err));
	assert_int_equal(rows.n, 2);
	good(spot_signal_page(env.db, a, 1, INT64_MAX, 5, &rows, &err));
	assert_int_equal(rows.n, 5);
	assert_string_equal(ROW(&rows, struct spot_signal_row, 0)->kind,
	    "rebalance");
	mariadb_sql(DB, "DELETE FROM spot_signal; DELETE FROM "
	    "spot_pool_state");
}

/* ---- the model --------------------------------------------------------------------------- */

/* Thirty days of lives: in zone a they end within hours, in b after days. */
static void
make_lives(void)
{
	struct str s;
	uint64_t x = 88172645463325252u;

	str_init(&s, a);
	str_add(&s, "INSERT INTO spot_episode (tenant_id, account_id, "
	    "pool_id, region, instance_id, began, ended, why) VALUES ");
	for (int pool = 1; pool <= 2; pool++)
		for (int64_t t = now.us - 30 * 24 * H, i = 0; t < now.us - H;
		    i++) {
			double u;
			int64_t life;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			u = ((double)(x >> 11) + 1) / 9007199254740993.0;
			life = (int64_t)(-log(u) * (pool == 1 ? 4 : 60) *
			    (double)H);
			life = life < now.us - t ? life : now.us - t - S;
			str_addf(&s, "%s(X'%s', X'%s', %d, '" REGION
			    "', 'i-%d-%lld', '%s', '%s', 'interrupted')",
			    s.p[s.len - 1] == ' ' ? "" : ",",
			    mariadb_hex(a, one.tenant_id), mariadb_hex(a, account), pool, pool,
			    (long long)i, at(t), at(t + life));
			t += life + 1200 * S;
		}
	mariadb_sql(DB, s.p);
}

static int
begin(void *arg, struct err *e)
{
	return db_begin(arg, e);
}

static int
commit(void *arg, struct err *e)
{
	return db_commit(arg, e);
}

static struct spot_refit_result
refit(const char *source)
{
	const struct spot_refit in = { .market = "aws", .window_days = 30,
	    .source = source, .promote = true };
	const struct spot_refit_ask ask = { .env = &env, .in = &in,
	    .now = now, .begin = begin, .commit = commit, .arg = env.db,
	    .by = "test" };
	struct spot_refit_result out;

	good(spot_risk_refit(env.db, a, &ask, &out, &err));
	return out;
}

static void
make_account(const struct principal *p, struct uuid *id)
{
	*id = uuid_new();
	mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_account (id, "
	    "tenant_id, name, provider, connection_method, region, "
	    "region_names, status, scan_every_s, last_scan_at, created_at, "
	    "updated_at) VALUES (X'%s', X'%s', 'fleet', 'aws', "
	    "'access_keys', '" REGION "', '', 'active', 3600, NOW(6), NOW(6), "
	    "NOW(6))", mariadb_hex(a, *id), mariadb_hex(a, p->tenant_id)));
}

static void
test_model(void **state)
{
	const struct spot_need need = { .arch = "x86_64", .vcpu = 2,
	    .mem_mib = 8192, .now = now };
	struct spot_refit_result r;
	struct spot_risk_live live;
	struct spot_ranking k;
	double in_a = 0, in_b = 0;

	(void)state;
	r = refit("episodes");		/* nothing was seen yet */
	assert_false(r.promoted);
	assert_int_equal(r.version, 0);
	assert_non_null(strstr(r.note, "Too little"));
	make_lives();
	r = refit("episodes");
	assert_int_equal(r.version, 1);
	assert_true(r.promoted && r.skill_constant > 0.02 && r.auc > 0.6);
	assert_int_equal(r.pools_counted, 2);
	good(spot_risk_load(env.db, a, "aws", &live, &err));
	assert_true(live.found);
	assert_string_equal(live.label, "spot.risk v1");
	assert_int_equal(number("SELECT COUNT(*) FROM platform_model WHERE "
	    "module = 'spot' AND name = 'risk' AND state = 'live' AND "
	    "JSON_VALUE(metrics, '$.auc') > 0.6 AND data_hash IS NOT NULL"),
	    1);
	/* the pool where instances live long is first though it is dearer */
	good(spot_pools_for(env.db, a, "aws", REGION, "Linux/UNIX", &need,
	    &k, &err));
	assert_string_equal(k.model, "spot.risk v1");
	for (size_t i = 0; i < k.n; i++) {
		const struct spot_offer *o = k.v[i].o;

		if (o->pool_id == 1)
			in_a = k.v[i].c.loss;
		if (o->pool_id == 2)
			in_b = k.v[i].c.loss;
	}
	assert_true(in_a > 0.9 && in_b < 0.6);
	assert_string_equal(k.v[0].o->az, REGION "b");
	/* the same data again give no better model: a candidate it stays */
	r = refit("episodes");
	assert_int_equal(r.version, 2);
	assert_false(r.promoted);
	assert_true(fabs(r.brier - r.brier_live) < 1e-6);
	good(spot_risk_load(env.db, a, "aws", &live, &err));
	assert_int_equal(live.version, 1);
	assert_true(number("SELECT d0 + d1 + d2 + d3 + d4 + d5 + d6 FROM "
	    "spot_pool_risk WHERE pool_id = 1") > 100);
	/* a notice raises the risk of its pool at once */
	good(spot_signal_put(env.db, 2, "interrupt", 1, now, &err));
	good(spot_pools_for(env.db, a, "aws", REGION, "Linux/UNIX", &need,
	    &k, &err));
	for (size_t i = 0; i < k.n; i++)
		if (k.v[i].o->pool_id == 2)
			assert_true(k.v[i].c.loss > in_b * 1.3);
	mariadb_sql(DB, "DELETE FROM spot_signal");
	/* from prices: a bid at the on-demand price was never lost here */
	r = refit("prices");
	assert_false(r.promoted);
}

/* ---- policies ---------------------------------------------------------------------------- */

static void
test_policies(void **state)
{
	struct uuid nil = { { 0 } };
	struct spot_policy p, q;

	(void)state;
	good(spot_policy_get(env.db, a, one.tenant_id, account, &p, &err));
	assert_string_equal(p.source, "default");
	p.tenant_id = one.tenant_id;
	p.account_id = nil;
	p.k_aversion = 3;
	p.updated_at = now;
	good(spot_policy_put(env.db, a, &p, &err));
	assert_int_equal(p.version, 1);
	good(spot_policy_get(env.db, a, one.tenant_id, account, &q, &err));
	assert_string_equal(q.source, "tenant");
	assert_true(fabs(q.k_aversion - 3) < 1e-12);
	p = q;
	p.account_id = account;
	p.version = 0;
	p.deny_types.p = "[\"m5a.*\"]";
	good(spot_policy_put(env.db, a, &p, &err));
	good(spot_policy_get(env.db, a, one.tenant_id, account, &q, &err));
	assert_string_equal(q.source, "account");
	assert_string_equal(spot_policy_patterns(a, q.deny_types)[0],
	    "m5a.*");
	good(spot_policy_get(env.db, a, two.tenant_id, account, &q, &err));
	assert_string_equal(q.source, "default");
	p.version = 7;
	bad(spot_policy_put(env.db, a, &p, &err), 409, "changed");
	good(spot_policy_delete(env.db, one.tenant_id, account, &err));
	assert_int_equal(spot_policy_delete(env.db, one.tenant_id, account,
	    &err), 1);
	good(spot_policy_delete(env.db, one.tenant_id, nil, &err));
}

/* ---- decisions ------------------------------------------------------------------------------ */

static void
add_instance(int i, const char *lifecycle, const char *auth)
{
	struct uuid id = uuid_new();

	mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_instance (id, "
	    "tenant_id, account_id, region, az, instance_id, instance_type, "
	    "lifecycle, state, launched_at, asg, arch, product, vpc_id, tags, "
	    "auth_status, seen_generation, first_seen, last_seen) VALUES "
	    "(X'%s', X'%s', X'%s', '" REGION "', '" REGION "%c', 'i-%d', "
	    "'m5.large', '%s', 'running', '%s', 'web', 'x86_64', "
	    "'Linux/UNIX', 'vpc-1', '{}', '%s', 1, NOW(6), NOW(6))",
	    mariadb_hex(a, id), mariadb_hex(a, one.tenant_id), mariadb_hex(a, account), 'a' + i % 3, i,
	    lifecycle, at(now.us - 50 * H), auth));
}

static struct spot_decided
decide(void)
{
	struct spot_decided d;

	good(db_begin(env.db, &err));
	good(spot_decide(&env, env.db, a, one.tenant_id, account,
	    clock_now(), &d, &err));
	good(db_commit(env.db, &err));
	return d;
}

static struct spot_recommendation
newest(const char *state)
{
	struct spot_recommendation_filter f = { .tenant = one.tenant_id,
	    .account = account, .state = state, .limit = 1 };
	struct rows r;

	good(spot_recommendation_page(env.db, a, &f, &r, &err));
	assert_int_equal(r.n, 1);
	return *ROW(&r, struct spot_recommendation, 0);
}

static int64_t
in_state(const char *state)
{
	return number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "spot_recommendation WHERE state = '%s'", state));
}

static void
allow(const char *approve, double k)
{
	struct spot_policy p;

	spot_policy_default(&p);
	p.tenant_id = one.tenant_id;
	p.account_id = account;
	p.approve = approve;
	p.k_aversion = k;
	p.updated_at = clock_now();
	good(spot_policy_put(env.db, a, &p, &err));
}

static void
test_decisions(void **state)
{
	struct spot_recommendation r;
	struct spot_plan_made m;
	struct spot_decided d;
	struct spot_advice adv;

	(void)state;
	allow("manual", 100);
	for (int i = 0; i < 12; i++)
		add_instance(i, "on-demand", i == 11 ? "UNAUTHORIZED" :
		    "AUTHORIZED");
	/* a dry run writes nothing */
	good(spot_plan_of(env.db, a, one.tenant_id, account, NULL,
	    clock_now(), &m, &err));
	assert_int_equal(m.plan.nmoves, 1);	/* a tenth of the group */
	assert_int_equal(m.plan.nheld, 11);
	assert_true(m.plan.cost_after < m.plan.cost_before);
	assert_true(m.plan.losses_after > m.plan.losses_before);
	assert_int_equal(in_state("open"), 0);
	bad(spot_plan_of(env.db, a, two.tenant_id, account, NULL, now, &m,
	    &err), 404, "not_found");
	d = decide();
	assert_int_equal(d.n_moves, 1);
	assert_int_equal(d.n_new, 1);
	assert_true(d.saving_micro_h > 40000);
	r = newest("open");
	assert_true(strlen(r.reason) > 20 && r.saving.e8 > 0);
	assert_string_equal(r.model, "spot.risk v1");
	assert_false(uuid_is_nil(r.approval_id));
	/* its record: on what, how old, what was refused, by which model */
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "platform_decision WHERE id = X'%s' AND model_id IS NOT NULL "
	    "AND model = 'spot.risk v1' AND oldest_at IS NOT NULL "
	    "AND JSON_VALUE(inputs, '$.spot_price.at') IS NOT NULL "
	    "AND JSON_LENGTH(refused) > 0", mariadb_hex(a, r.decision_id))), 1);
	/* evaluate says the same of it, and of one that stays */
	good(spot_evaluate(env.db, a, one.tenant_id, &(struct spot_ask){
	    .instance_type = "m5.large", .availability_zone =
	    strchr(r.from_pool, ' ') != NULL ? arena_strndup(a,
	    strchr(r.from_pool, ' ') + 1, strlen(REGION) + 1) : "",
	    .instance_id = r.instance_id }, clock_now(), &adv, &err));
	assert_string_equal(adv.decision, "SWITCH");
	assert_non_null(adv.selected_candidate);
	assert_string_equal(((const struct spot_choice *)
	    adv.selected_candidate)->pool, r.to_pool);
	good(spot_evaluate(env.db, a, one.tenant_id, &(struct spot_ask){
	    .instance_type = "m5.large", .availability_zone = REGION "c",
	    .instance_id = "i-11" }, clock_now(), &adv, &err));
	assert_string_equal(adv.decision, "STAY");
	assert_non_null(strstr(adv.reason, "authorized"));
	/* again: the same one, brought up to date */
	d = decide();
	assert_int_equal(d.n_new + d.n_superseded, 0);
	assert_int_equal(in_state("open"), 1);
	/* its pool is full: another target, the first is superseded */
	good(spot_signal_put_named(env.db, a, "aws", REGION,
	    arena_strndup(a, r.to_pool, strlen(REGION) + 1),
	    strchr(r.to_pool, ':') + 1, "", "launch_ice", 1, clock_now(),
	    NULL, &err));
	d = decide();
	assert_int_equal(d.n_new, 1);
	assert_int_equal(d.n_superseded, 1);
	assert_string_not_equal(newest("open").to_pool, r.to_pool);
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "platform_approval WHERE id = X'%s' AND state = 'withdrawn'",
	    mariadb_hex(a, r.approval_id))), 1);
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "outcome FROM platform_decision WHERE id = X'%s'",
	    mariadb_hex(a, r.decision_id))), "superseded");
}

static void
test_a_persons_word(void **state)
{
	struct spot_recommendation r = newest("open"), x;

	(void)state;
	good(db_begin(env.db, &err));
	bad(spot_recommendation_approve(&env, env.db, a, &two, r.id, NULL,
	    clock_now(), &x, &err), 404, "not_found");
	db_rollback(env.db);
	good(db_begin(env.db, &err));
	good(spot_recommendation_approve(&env, env.db, a, &one, r.id, "go",
	    clock_now(), &x, &err));
	good(db_commit(env.db, &err));
	assert_string_equal(x.state, "approved");
	assert_false(uuid_is_nil(x.move_id));
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "spot_move WHERE id = X'%s' AND instance_id = '%s' AND state = "
	    "'ready' AND decision_id = X'%s'", mariadb_hex(a, x.move_id),
	    r.instance_id, mariadb_hex(a, r.decision_id))), 1);
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM "
	    "platform_approval WHERE id = X'%s' AND state = 'executed'",
	    mariadb_hex(a, r.approval_id))), 1);
	good(db_begin(env.db, &err));
	bad(spot_recommendation_approve(&env, env.db, a, &one, r.id, NULL,
	    clock_now(), &x, &err), 409, "not_open");
	db_rollback(env.db);
	/* while it moves it is left alone, and the budget is used up */
	assert_int_equal(decide().n_moves, 0);
	/* an hour later the next one, which is dismissed */
	mariadb_sql(DB, "UPDATE spot_move SET state = 'succeeded', "
	    "live_instance = NULL, ended_at = NOW(6) - INTERVAL 2 HOUR");
	assert_int_equal(decide().n_new, 1);
	r = newest("open");
	good(db_begin(env.db, &err));
	good(spot_recommendation_dismiss(env.db, a, &one, r.id, "not now",
	    clock_now(), &x, &err));
	good(db_commit(env.db, &err));
	assert_string_equal(x.state, "dismissed");
	assert_string_equal(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "outcome FROM platform_decision WHERE id = X'%s'",
	    mariadb_hex(a, r.decision_id))), "rejected");
}

static bool
settle(const struct spot_recommendation *r)
{
	bool done;

	good(db_begin(env.db, &err));
	good(spot_recommendation_settle(&env, env.db, a, r->tenant_id, r->id,
	    clock_now(), &done, &err));
	good(db_commit(env.db, &err));
	return done;
}

static void
test_the_inbox(void **state)
{
	struct spot_recommendation r;

	(void)state;
	decide();
	r = newest("open");
	assert_false(settle(&r));		/* nobody has answered */
	mariadb_sql(DB, arena_printf(a, "UPDATE platform_approval SET state "
	    "= 'rejected' WHERE id = X'%s'", mariadb_hex(a, r.approval_id)));
	assert_true(settle(&r));
	assert_string_equal(newest("dismissed").note,
	    "rejected in the inbox");
	decide();
	r = newest("open");
	mariadb_sql(DB, arena_printf(a, "UPDATE platform_approval SET state "
	    "= 'approved' WHERE id = X'%s'", mariadb_hex(a, r.approval_id)));
	assert_true(settle(&r));
	r = newest("approved");
	assert_string_equal(r.decided_by, "inbox");
	assert_false(settle(&r));		/* once */
	mariadb_sql(DB, "UPDATE spot_move SET state = 'succeeded', "
	    "live_instance = NULL, ended_at = NOW(6) - INTERVAL 2 HOUR");
	decide();
	r = newest("open");
	mariadb_sql(DB, arena_printf(a, "UPDATE spot_recommendation SET "
	    "expires_at = NOW(6) - INTERVAL 1 MINUTE WHERE id = X'%s'",
	    mariadb_hex(a, r.id)));
	assert_true(settle(&r));
	assert_int_equal(in_state("expired"), 1);
}

/* A policy that asks nobody; a stop switch that refuses all the same. */
static void
test_without_asking(void **state)
{
	struct spot_decided d;

	(void)state;
	allow("auto", 100);
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 1");
	d = decide();
	assert_int_equal(d.n_new, 1);
	assert_int_equal(d.n_reserved, 0);
	assert_int_equal(in_state("refused"), 1);
	mariadb_sql(DB, "UPDATE platform_switch SET stopped = 0; UPDATE "
	    "spot_move SET ended_at = NOW(6) - INTERVAL 2 HOUR");
	d = decide();
	assert_int_equal(d.n_reserved, 1);
	/* young instances die again and again: the group goes on demand */
	mariadb_sql(DB, "UPDATE spot_move SET state = 'succeeded', "
	    "live_instance = NULL, ended_at = NOW(6) - INTERVAL 2 HOUR");
	for (int i = 0; i < 3; i++)
		mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_episode "
		    "(tenant_id, account_id, pool_id, region, instance_id, "
		    "began, ended, why) VALUES (X'%s', X'%s', 3, '" REGION
		    "', 'i-%d', NOW(6) - INTERVAL 40 MINUTE, NOW(6) - "
		    "INTERVAL 20 MINUTE, 'interrupted')",
		    mariadb_hex(a, one.tenant_id), mariadb_hex(a, account), i));
	{
		struct spot_plan_made m;

		good(spot_plan_of(env.db, a, one.tenant_id, account, NULL,
		    clock_now(), &m, &err));
		assert_int_equal(m.plan.nmoves, 0);
		assert_non_null(strstr(m.plan.held[0].reason,
		    "young spot instances"));
	}
}

static int
setup_all(void **state)
{
	int rc = setup(state);

	if (rc == 0)
		make_account(&one, &account);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signal_hours),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_a_persons_word),
		cmocka_unit_test(test_the_inbox),
		cmocka_unit_test(test_without_asking),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown);
}
