/*
 * What the optimizer knows of a fleet beside instances, and what follows from
 * it: assets, groups, sights, governance, waste and the savings ledger,
 * against MariaDB, the simulated cloud and the fake EC2.
 */
#define DB "test_spot_fleet"
#include "tests/harness/spot_env.h"

#include "modules/spot/asset.h"
#include "modules/spot/governance.h"
#include "modules/spot/group.h"
#include "modules/spot/saving.h"
#include "modules/spot/settle.h"
#include "modules/spot/sight.h"
#include "modules/spot/waste.h"

static struct uuid nil;

static struct spot_digest
settle(const struct spot_account *x, struct utc now)
{
	struct spot_digest d;

	good(db_begin(env.db, &err));
	good(spot_settle(&env, env.db, a, x->tenant_id, x->id, nil, now, &d,
	    &err));
	good(db_commit(env.db, &err));
	return d;
}

static void
hide(const char *verb, const char *id)
{
	(void)fakeec2_control(&fake, a, control, "/_control/assets",
	    arena_printf(a, "{\"%s\":[\"%s\"]}", verb, id));
}

static struct spot_account
prod(void)
{
	struct spot_account x;

	script("");
	x = connect_as(&one, "prod", "access_keys", FAKE_ACCESS_KEY,
	    FAKE_SECRET_KEY);
	/* prices take long and are another test's */
	mariadb_sql(DB, "DELETE FROM spot_scan WHERE kind = 'prices'");
	return x;
}

/* ---- discovery ---------------------------------------------------------------- */

static void
test_assets(void **state)
{
	struct spot_account x = prod();
	struct spot_asset_filter f = { .tenant = one.tenant_id, .idle = -1,
	    .kind = "volume", .region = "us-east-1", .state = "available",
	    .limit = 10 };
	struct spot_scan s;
	struct rows rows;
	const char *volume;
	int64_t n, groups;

	(void)state;
	discover();
	good(spot_scan_last(env.db, a, one.tenant_id, x.id, "inventory", &s,
	    &err));
	assert_string_equal(s.state, "complete");
	assert_int_equal(s.wanted, 5 * 8);
	n = number("SELECT COUNT(*) FROM spot_asset WHERE gone_at IS NULL");
	assert_int_equal(s.assets, n);
	for (int k = 0; k < 6; k++) {
		static const char *const kinds[] = { "volume", "snapshot",
		    "image", "address", "interface", "template" };

		assert_true(number(arena_printf(a, "SELECT COUNT(*) FROM "
		    "spot_asset WHERE kind = '%s'", kinds[k])) >= 5);
	}
	/* groups are those the instances' tags name, with their members */
	groups = number("SELECT COUNT(*) FROM spot_group");
	assert_int_equal(groups, number("SELECT COUNT(DISTINCT region, asg) "
	    "FROM spot_instance WHERE asg <> '' AND state <> "
	    "'terminated'"));
	assert_int_equal(number("SELECT SUM(members) FROM spot_group"),
	    number("SELECT COUNT(*) FROM spot_instance WHERE asg <> '' AND "
	    "state <> 'terminated'"));
	/* one volume goes away and comes back */
	good(spot_asset_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 3);
	assert_true(ROW(&rows, struct spot_asset, 0)->idle_since.us != 0);
	volume = ROW(&rows, struct spot_asset, 0)->asset_id;
	hide("hide", volume);
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "complete");
	good(spot_asset_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 2);
	hide("show", volume);
	rescan(&one, x.id, "inventory");
	good(spot_asset_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 3);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset WHERE "
	    "gone_at IS NULL"), n);
	/* the other tenant sees none of it */
	f.tenant = two.tenant_id;
	good(spot_asset_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 0);
	drop(&one, x.id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_group"), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_sight"), 0);
}

/* One service refused: nothing of it is swept, all else is. */
static void
test_partial(void **state)
{
	struct spot_account x = prod();
	struct spot_summary sum;
	struct spot_scan s;
	struct rows rows;
	int64_t n;

	(void)state;
	discover();
	n = number("SELECT COUNT(*) FROM spot_asset");
	script("{\"action\":\"DescribeSnapshots\",\"region\":\"us-east-1\","
	    "\"error\":\"UnauthorizedOperation\"},{\"action\":"
	    "\"DescribeAutoScalingGroups\",\"region\":\"us-west-2\","
	    "\"denied\":true}");
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "partial");
	assert_int_equal(s.done, s.wanted - 2);
	assert_non_null(strstr(s.error, "us-east-1 snapshots denied"));
	assert_non_null(strstr(s.error, "us-west-2 groups denied"));
	good(spot_summary_load(env.db, a, one.tenant_id, nil, &sum, &rows,
	    &err));
	assert_true(sum.coverage > 0.94 && sum.coverage < 0.96);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset WHERE "
	    "gone_at IS NULL"), n);
	assert_int_equal(number("SELECT SUM(stale) FROM spot_asset"), 0);
	rescan(&one, x.id, "inventory");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset WHERE "
	    "stale"), 4);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset WHERE stale "
	    "AND NOT (kind = 'snapshot' AND region = 'us-east-1')"), 0);
	assert_true(number("SELECT SUM(stale) FROM spot_group") > 0);
	script("");
	s = rescan(&one, x.id, "inventory");
	assert_string_equal(s.state, "complete");
	assert_int_equal(number("SELECT SUM(stale) FROM spot_asset"), 0);
	assert_int_equal(number("SELECT SUM(stale) FROM spot_group"), 0);
	drop(&one, x.id);
}

/* Instances and groups alone, under the same generations. */
static void
test_fleet_scan(void **state)
{
	struct spot_account x = prod();
	struct spot_scan s;
	int64_t assets;

	(void)state;
	discover();
	assets = number("SELECT COUNT(*) FROM spot_asset WHERE gone_at IS "
	    "NULL");
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "complete");
	assert_int_equal(s.wanted, 5 * 2);
	assert_int_equal(s.gone, 0);
	assert_int_equal(s.instances, present(&x));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_asset WHERE "
	    "gone_at IS NULL AND NOT stale"), assets);
	/* due by its own clock, without an inventory */
	mariadb_sql(DB, "UPDATE spot_account SET next_fleet_at = NOW(6) - "
	    "INTERVAL 1 SECOND");
	discover();
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan WHERE kind = "
	    "'fleet'"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_scan WHERE kind = "
	    "'inventory'"), 1);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_account WHERE "
	    "next_fleet_at > NOW(6) + INTERVAL 4 MINUTE"), 1);
	drop(&one, x.id);
}

/* A region that does not answer three times rests for 15 minutes. */
static void
test_resting(void **state)
{
	struct spot_account x = prod();
	struct spot_scan s;
	struct rows rows;
	const char *asked;

	(void)state;
	discover();
	mariadb_sql(DB, "UPDATE spot_sight SET state = 'unreachable', "
	    "timeouts = 3, error = 'no answer', next_try_at = NOW(6) + "
	    "INTERVAL 10 MINUTE WHERE region = 'us-west-2'");
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "partial");
	assert_int_equal(s.done, s.wanted - 2);
	assert_non_null(strstr(s.error, "us-west-2 unreachable: not asked"));
	good(spot_shard_all(env.db, a, s.id, &rows, &err));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_shard *h = ROW(&rows, struct spot_shard, i);

		if (strcmp(h->region, "us-west-2") == 0)
			assert_int_equal(h->pages, 0);
	}
	assert_int_equal(number("SELECT COUNT(*) FROM spot_instance WHERE "
	    "region = 'us-west-2' AND missed <> 1"), 0);
	assert_int_equal(s.gone, 0);
	/* its turn has come */
	mariadb_sql(DB, "UPDATE spot_sight SET next_try_at = NOW(6) - "
	    "INTERVAL 1 SECOND WHERE region = 'us-west-2'");
	s = rescan(&one, x.id, "fleet");
	assert_string_equal(s.state, "complete");
	asked = "SELECT SUM(timeouts) FROM spot_sight WHERE service IN "
	    "('ec2', 'groups')";
	assert_int_equal(number(asked), 0);
	/* three tries without an answer make it so */
	for (int i = 0; i < 3; i++)
		good(spot_sight_put(env.db, x.id, "us-west-2", "ec2",
		    "unreachable", "aws_transient", "nobody", clock_now(),
		    clock_now(), &err));
	good(spot_sight_all(env.db, a, x.id, &rows, &err));
	assert_non_null(spot_sight_resting(&rows, "us-west-2", "ec2",
	    clock_now()));
	assert_null(spot_sight_resting(&rows, "us-east-1", "ec2",
	    clock_now()));
	drop(&one, x.id);
}

/* ---- what follows a scan --------------------------------------------------------- */

static void
test_settle(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct spot_digest d, stored;
	const char *jobs = "SELECT COUNT(*) FROM jobs_job WHERE type = "
	    "'spot.settle'";
	int64_t n = number(jobs);

	(void)state;
	discover();
	assert_int_equal(number(jobs), n + 1);
	d = settle(&x, clock_now());
	assert_true(d.nodes > 30 && d.running > 20 && d.groups_n > 0);
	assert_true(d.assets > 100 && d.coverage == 1.0);
	assert_true(d.waste_items > 10 && d.waste_monthly.e8 > 0);
	assert_true(d.hourly_cost.e8 > 0 && d.flagged > 0);
	assert_string_equal(d.health, "ok");
	good(spot_digest_get(env.db, a, one.tenant_id, x.id, &stored, &err));
	assert_int_equal(stored.assets, d.assets);
	assert_int_equal(spot_digest_get(env.db, a, two.tenant_id, x.id,
	    &stored, &err), 1);
	/* again: nothing is doubled */
	assert_int_equal(settle(&x, clock_now()).waste_items, d.waste_items);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_waste"),
	    d.waste_items);
	drop(&one, x.id);
}

static void
test_waste(void **state)
{
	struct spot_account x = prod();
	struct spot_waste_filter f = { .tenant = one.tenant_id,
	    .ignored = -1, .kind = "volume", .state = "detected",
	    .limit = 100 };
	struct spot_waste *w;
	struct spot_digest d;
	struct rows rows, kinds;
	const char *id;

	(void)state;
	discover();
	d = settle(&x, clock_now());
	/* of each region: two volumes, two snapshots, an address, an idle
	 * interface; the young ones and the image's snapshot are none */
	assert_int_equal(d.waste_items, 5 * 6);
	good(spot_waste_page(env.db, a, &f, &rows, &err));
	assert_int_equal(rows.n, 10);
	w = ROW(&rows, struct spot_waste, 0);
	assert_true(w->monthly_cost.e8 == 8 * DEC_ONE ||
	    w->monthly_cost.e8 == 50 * DEC_ONE);
	assert_true(w->days_unused >= 30);
	assert_non_null(strstr(w->reason, "attached to nothing"));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_waste WHERE kind "
	    "= 'snapshot'"), 10);
	/* ignored: not in the sums any more, and stays so */
	w->ignored = true;
	w->ignored_by = "one";
	w->ignored_why = "wanted";
	good(spot_waste_ignore(env.db, w, &err));
	assert_int_equal(settle(&x, clock_now()).waste_items, 5 * 6 - 1);
	/* gone: resolved; back: found anew, still ignored */
	id = w->resource_id;
	hide("hide", id);
	rescan(&one, x.id, "inventory");
	settle(&x, clock_now());
	assert_int_equal(number(arena_printf(a, "SELECT state = 'resolved' "
	    "FROM spot_waste WHERE resource_id = '%s'", id)), 1);
	hide("show", id);
	rescan(&one, x.id, "inventory");
	settle(&x, clock_now());
	assert_int_equal(number(arena_printf(a, "SELECT state = 'detected' "
	    "AND ignored FROM spot_waste WHERE resource_id = '%s'", id)), 1);
	good(spot_waste_kinds(env.db, a, two.tenant_id, nil, &kinds, &err));
	assert_int_equal(kinds.n, 0);
	drop(&one, x.id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_waste"), 0);
}

static void
test_governance(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct spot_termination t;
	struct spot_violation *v;
	struct spot_instance i;
	struct utc now = clock_now();
	struct rows rows;
	int64_t gone;
	size_t n;

	(void)state;
	discover();
	settle(&x, now);
	good(spot_violation_all(env.db, a, one.tenant_id, x.id, now, &rows,
	    &err));
	n = rows.n;
	assert_true(n >= 2);
	v = ROW(&rows, struct spot_violation, 0);
	assert_string_equal(v->auth_status, "FLAGGED");
	assert_string_equal(v->severity, "high");
	assert_int_equal(v->grace_until.us, now.us + 86400 * US_PER_S);
	/* a person's word outlasts the next scans */
	good(spot_governance_decide(&env, env.db, a, &one, v->id, true, now,
	    &i, &err));
	rescan(&one, x.id, "fleet");
	settle(&x, now);
	good(spot_violation_all(env.db, a, one.tenant_id, x.id, now, &rows,
	    &err));
	assert_int_equal(rows.n, n - 1);
	bad(spot_governance_decide(&env, env.db, a, &two, v->id, true, now,
	    &i, &err), 404, "not_found");
	good(spot_instance_by_id(env.db, a, one.tenant_id, v->id, &i, &err));
	good(db_begin(env.db, &err));
	bad(spot_governance_terminate(&env, env.db, a, &one, NULL, &i, "why", now,
	    &t, &err), 409, "authorized");
	db_rollback(env.db);
	good(spot_governance_decide(&env, env.db, a, &one, v->id, false, now,
	    &i, &err));
	assert_string_equal(i.auth_status, "FLAGGED");
	/* a plan in the inbox, once */
	good(db_begin(env.db, &err));
	good(spot_governance_terminate(&env, env.db, a, &one, NULL, &i,
	    "nobody claims it", now, &t, &err));
	bad(spot_governance_terminate(&env, env.db, a, &one, NULL, &i, "again",
	    now, &t, &err), 409, "asked");
	good(db_commit(env.db, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM platform_approval p "
	    "JOIN spot_termination t ON t.approval_id = p.id "
	    "WHERE p.state = 'pending' AND p.risk = 'high'"), 1);
	/* while its move runs, the account stays; then it is told */
	good(spot_termination_by_id(env.db, a, one.tenant_id, t.id, &t,
	    &err));
	assert_string_equal(t.move_state, "proposed");
	mariadb_sql(DB, "UPDATE spot_move SET state = 'running'");
	bad(spot_account_remove(&env, a, &one, x.id, &gone, &err), 409,
	    "moves_run");
	settle(&x, now);
	good(spot_termination_by_id(env.db, a, one.tenant_id, t.id, &t,
	    &err));
	assert_string_equal(t.state, "moving");
	mariadb_sql(DB, "UPDATE spot_move SET state = 'succeeded'");
	settle(&x, now);
	good(spot_termination_by_id(env.db, a, one.tenant_id, t.id, &t,
	    &err));
	assert_string_equal(t.state, "done");
	/* past the grace it is critical */
	now.us += 86401 * US_PER_S;
	good(spot_violation_all(env.db, a, one.tenant_id, x.id, now, &rows,
	    &err));
	assert_string_equal(ROW(&rows, struct spot_violation, 0)->severity,
	    "critical");
	drop(&one, x.id);
}

/* ---- the ledger ---------------------------------------------------------------------- */

#define HOUR_US (INT64_C(3600) * US_PER_S)

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

static void
uptime(const struct spot_account *x, const char *id, struct utc hour,
    const char *lifecycle, int seconds)
{
	char at[CLOCK_TEXT], hex[33], ten[33];

	for (int i = 0; i < 16; i++) {
		snprintf(hex + 2 * i, 3, "%02x", x->id.b[i]);
		snprintf(ten + 2 * i, 3, "%02x", x->tenant_id.b[i]);
	}
	clock_format(hour, at);
	at[19] = '\0';
	mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_uptime VALUES "
	    "(X'%s', '%s', '%s', X'%s', 'us-east-1', 'us-east-1a', "
	    "'m5.large', '%s', 'Linux/UNIX', %d, 1)", hex, id, at, ten,
	    lifecycle, seconds));
}

static struct spot_saving_report
savings(const char *by, struct utc from, struct utc to)
{
	struct spot_saving_ask q = { .tenant = one.tenant_id, .from = from,
	    .to = to, .group_by = by };
	struct spot_saving_report r;

	good(spot_saving_report(env.db, a, &q, &r, &err));
	return r;
}

static void
put_price(struct utc at, const char *usd)
{
	struct spot_price p = { .market = "simulated",
	    .region = "us-east-1", .availability_zone = "us-east-1a",
	    .instance_type = "m5.large", .product = "Linux/UNIX",
	    .timestamp = at, .src = "test" };

	assert_int_equal(dec_parse(usd, strlen(usd), &p.price), NUM_OK);
	good(spot_price_put_many(env.db, a, &p, 1, &err));
}

static void
test_ledger(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct utc now = clock_now(), hour = spot_hour_of(now);
	struct utc from = { hour.us - 3 * HOUR_US }, old = { hour.us -
	    2 * HOUR_US };
	struct spot_od_price od = { "simulated", "us-east-1", "m5.large",
	    "Linux/UNIX", { 9600000 }, now, "test" };
	const struct spot_saving_line *t;
	struct spot_saving_report r;
	struct spot_close c = { 0 };

	(void)state;
	mariadb_sql(DB, "DELETE FROM spot_price; DELETE FROM spot_od_price");
	uptime(&x, "i-spot", old, "spot", 1800);
	uptime(&x, "i-od", old, "on-demand", 3600);
	uptime(&x, "i-now", hour, "spot", 100);
	/* without prices: stated as not priced, nothing saved */
	good(spot_saving_close_due(env.db, a, now, never, NULL, &c, &err));
	assert_int_equal(c.rows, 2);
	r = savings("lifecycle", from, hour);
	t = r.total;
	assert_int_equal(t->unpriced, 2);
	assert_int_equal(t->saved_micro, 0);
	/* late prices restate, and never double */
	good(spot_od_price_put(env.db, a, &od, 1, &err));
	put_price((struct utc){ old.us - HOUR_US }, "0.0333");
	good(spot_saving_close_due(env.db, a, now, never, NULL, &c, &err));
	r = savings("lifecycle", from, hour);
	t = r.total;
	assert_int_equal(r.items.n, 2);
	assert_int_equal(t->unpriced, 0);
	assert_int_equal(t->actual_micro, 16650 + 96000);
	assert_int_equal(t->counterfactual_micro, 48000 + 96000);
	assert_int_equal(t->saved_micro, 31350);
	assert_int_equal(t->saved.e8, 3135000);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_saving"), 2);
	assert_int_equal(number("SELECT SUM(revision) FROM spot_saving"), 4);
	/* the same again: not even a revision */
	good(spot_saving_close_due(env.db, a, now, never, NULL, &c, &err));
	assert_int_equal(number("SELECT SUM(revision) FROM spot_saving"), 4);
	/* a price that comes later still, for the same hour */
	put_price(old, "0.0400");
	good(spot_saving_close(env.db, a, old, now, &c, &err));
	assert_int_equal(((const struct spot_saving_line *)savings("day",
	    from, hour).total)->saved_micro, 48000 - 20000);
	assert_int_equal(number("SELECT MAX(revision) FROM spot_saving"), 3);
	/* every grouping adds up to the same */
	for (const char *const *g = spot_saving_groups; *g != NULL; g++)
		assert_int_equal(((const struct spot_saving_line *)savings(
		    *g, from, hour).total)->saved_micro, 28000);
	/* the proof outlives the account */
	drop(&one, x.id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_saving"), 2);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_uptime"), 0);
	mariadb_sql(DB, "DELETE FROM spot_saving");
}

/* A replacement of another type is measured against what was there first. */
static void
test_origin(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct utc now = clock_now(), hour = spot_hour_of(now);
	struct utc old = { hour.us - 2 * HOUR_US };
	struct spot_od_price od[] = { { "simulated", "us-east-1", "m5.large",
	    "Linux/UNIX", { 9600000 }, now, "test" }, { "simulated",
	    "us-east-1", "c4.large", "Linux/UNIX", { 5000000 }, now,
	    "test" } };
	struct spot_close c = { 0 };

	(void)state;
	discover();
	mariadb_sql(DB, "DELETE FROM spot_price; DELETE FROM spot_od_price; "
	    "UPDATE spot_instance SET instance_id = 'i-first', instance_type "
	    "= 'c4.large' WHERE region = 'us-east-1' ORDER BY id LIMIT 1; "
	    "UPDATE spot_instance SET instance_id = 'i-second' WHERE region = "
	    "'us-east-1' AND instance_id <> 'i-first' ORDER BY id LIMIT 1");
	good(spot_origin_put(env.db, one.tenant_id, x.id, "us-east-1",
	    "i-first", "i-second", now, &err));
	good(spot_origin_put(env.db, one.tenant_id, x.id, "us-east-1",
	    "i-second", "i-third", now, &err));
	/* another tenant's word changes nothing */
	good(spot_origin_put(env.db, two.tenant_id, x.id, "us-east-1",
	    "i-first", "i-stolen", now, &err));
	assert_int_equal(number("SELECT COUNT(*) FROM spot_origin WHERE "
	    "origin_instance = 'i-first' AND origin_type = 'c4.large'"), 2);
	good(spot_od_price_put(env.db, a, od, 2, &err));
	put_price((struct utc){ old.us - HOUR_US }, "0.0333");
	uptime(&x, "i-third", old, "spot", 1800);
	uptime(&x, "i-own", old, "spot", 1800);
	good(spot_saving_close_due(env.db, a, now, never, NULL, &c, &err));
	assert_int_equal(number("SELECT counterfactual_micro FROM spot_saving "
	    "WHERE instance_id = 'i-third'"), 25000);
	assert_int_equal(number("SELECT counterfactual_micro FROM spot_saving "
	    "WHERE instance_id = 'i-own'"), 48000);
	assert_int_equal(number("SELECT SUM(actual_micro) FROM spot_saving"),
	    2 * 16650);
	drop(&one, x.id);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_origin"), 0);
	mariadb_sql(DB, "DELETE FROM spot_saving");
}

static int64_t
told_moves(const struct spot_account *x, struct utc since)
{
	int64_t before = number("SELECT COALESCE(SUM(n), 0) FROM "
	    "events_outbox WHERE body LIKE '%spot.price_move%'");

	good(db_begin(env.db, &err));
	good(spot_price_tell_moves(env.db, a, x, "us-east-1", since, &err));
	good(db_commit(env.db, &err));
	return number("SELECT COALESCE(SUM(n), 0) FROM events_outbox WHERE "
	    "body LIKE '%spot.price_move%'") - before;
}

/* Pools in which machines run; a twentieth or more. */
static void
test_price_moves(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	struct utc since = { spot_hour_of(clock_now()).us - HOUR_US };

	(void)state;
	discover();
	mariadb_sql(DB, "DELETE FROM spot_price; UPDATE spot_instance SET "
	    "az = 'us-east-1a', instance_type = 'm5.large', lifecycle = "
	    "'spot', product = 'Linux/UNIX' WHERE region = 'us-east-1'");
	put_price((struct utc){ since.us - HOUR_US }, "0.0300");
	assert_int_equal(told_moves(&x, since), 0);
	put_price((struct utc){ since.us + 1 }, "0.0310");
	assert_int_equal(told_moves(&x, since), 0);
	put_price((struct utc){ since.us + 2 }, "0.0315");
	assert_int_equal(told_moves(&x, since), 1);
	/* the first sight of a region moves nothing */
	assert_int_equal(told_moves(&x, (struct utc){ 0 }), 0);
	mariadb_sql(DB, "UPDATE spot_instance SET lifecycle = 'on-demand'");
	assert_int_equal(told_moves(&x, since), 0);
	drop(&one, x.id);
}

/* Seconds are those between two complete sights, each once. */
static void
test_uptime(void **state)
{
	struct spot_account x = connect_as(&one, "demo", "simulated", NULL,
	    NULL);
	int64_t running, took, start = clock_boot_ns();

	(void)state;
	discover();
	assert_int_equal(number("SELECT COUNT(*) FROM spot_uptime"), 0);
	mariadb_sql(DB, "UPDATE spot_sight SET complete_at = complete_at - "
	    "INTERVAL 10 MINUTE");
	rescan(&one, x.id, "fleet");
	running = number("SELECT COUNT(*) FROM spot_instance WHERE state = "
	    "'running'");
	assert_int_equal(number("SELECT COUNT(DISTINCT instance_id) FROM "
	    "spot_uptime"), running);
	/* ten minutes and what this took, or since its launch: the seed of
	 * the fleet is another each time, and one may just have begun */
	took = (clock_boot_ns() - start) / 1000000000 + 2;
	assert_int_equal(number(arena_printf(a, "SELECT COUNT(*) FROM (SELECT "
	    "SUM(u.seconds) AS s, LEAST(600, TIMESTAMPDIFF(SECOND, "
	    "MIN(i.launched_at), NOW(6))) AS due FROM spot_uptime u JOIN "
	    "spot_instance i ON i.account_id = u.account_id AND "
	    "i.instance_id = u.instance_id GROUP BY u.instance_id HAVING "
	    "s < due - %lld OR s > due + %lld) x", (long long)took,
	    (long long)took)), 0);
	assert_int_equal(number("SELECT COUNT(*) FROM spot_uptime u LEFT JOIN "
	    "spot_instance i ON i.account_id = u.account_id AND "
	    "i.instance_id = u.instance_id WHERE i.id IS NULL"), 0);
	/* a gap that is too long is not counted */
	mariadb_sql(DB, "DELETE FROM spot_uptime; UPDATE spot_sight SET "
	    "complete_at = complete_at - INTERVAL 3 HOUR");
	rescan(&one, x.id, "fleet");
	assert_int_equal(number("SELECT COUNT(*) FROM spot_uptime"), 0);
	drop(&one, x.id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assets),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_fleet_scan),
		cmocka_unit_test(test_resting),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_waste),
		cmocka_unit_test(test_governance),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_price_moves),
		cmocka_unit_test(test_uptime),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
