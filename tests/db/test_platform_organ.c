/*
 * The organs of the loop against MariaDB: decisions that are closed once,
 * approvals that bind a digest and another person, the stop switch against
 * somebody who has reserved an act, models of which one is live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "db/db.h"
#include "module.h"
#include "modules/platform/approval.h"
#include "modules/platform/decision.h"
#include "modules/platform/model.h"
#include "modules/platform/switch.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_organ"

static struct arena *a;
static struct db *db, *other;
static struct err err;
static const struct uuid tenant = { { 1, 2, 3 } }, rival = { { 9 } };

static int
setup(void **state)
{
	struct db_conf conf;

	(void)state;
	a = arena_new(256 << 20);
	mariadb_migrated(DB, NULL);
	db = mariadb_open(a, DB);
	conf = mariadb_conf(a, DB);
	conf.lock_wait_s = 1;
	return db_open(&other, a, &conf, &err);
}

static int
teardown(void **state)
{
	(void)state;
	db_close(db);
	db_close(other);
	arena_free(a);
	mariadb_stop();
	return 0;
}

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static void
bad(struct db *d, int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s", status, code,
		    err.status, err.code, err.detail);
	if (db_in_txn(d))
		db_rollback(d);
	err_clear(&err);
}

static const char *
count(const char *sql)
{
	return mariadb_value(a, DB, sql);
}

/* ---- decisions -------------------------------------------------------------- */

static struct uuid
decide(void)
{
	struct platform_decision_new n = { .tenant = tenant,
	    .module = "spot", .kind = "move", .subject = "instance",
	    .subject_id = "i-1", .chosen = "SWITCH", .reason = "cheaper",
	    .refused = { "[{\"pool\":\"x\",\"reason\":\"too small\"}]" } };

	good(db_begin(db, &err));
	good(platform_decide(db, &n, &err));
	good(db_commit(db, &err));
	return n.id;
}

static void
a_decision_is_closed_once(void **state)
{
	struct uuid id = decide();
	struct platform_decision d;

	(void)state;
	good(db_begin(db, &err));
	good(platform_decision_close(db, tenant, id, "succeeded",
	    (struct json){ "{\"saved\":1}" }, &err));
	good(platform_decision_close(db, tenant, id, "failed",
	    (struct json){ NULL }, &err));
	good(db_commit(db, &err));
	good(platform_decision_by_id(db, a, tenant, id, &d, &err));
	assert_string_equal(d.outcome, "succeeded");
	assert_int_equal(platform_decision_by_id(db, a, rival, id, &d, &err),
	    1);
	/* one event when it was made, one when it was closed */
	assert_string_equal(count("SELECT SUM(n) FROM events_outbox"), "2");
}

static void
a_decision_goes_with_its_transaction(void **state)
{
	struct platform_decision_new n = { .tenant = tenant,
	    .module = "spot", .kind = "move", .subject = "instance",
	    .subject_id = "gone", .chosen = "STAY" };
	struct platform_decision d;

	(void)state;
	good(db_begin(db, &err));
	good(platform_decide(db, &n, &err));
	db_rollback(db);
	assert_int_equal(platform_decision_by_id(db, a, tenant, n.id, &d,
	    &err), 1);
}

/* ---- approvals ---------------------------------------------------------------- */

static const char *const all[] = { "*", NULL };
static const char *const some[] = { "approvals:decide", NULL };
static const struct principal author = { .kind = PRINCIPAL_USER,
    .user_id = { { 1 } }, .tenant_id = { { 1, 2, 3 } }, .name = "ann",
    .permissions = all };
static const struct principal boss = { .kind = PRINCIPAL_USER,
    .user_id = { { 2 } }, .tenant_id = { { 1, 2, 3 } }, .name = "bea",
    .permissions = all };
static const struct principal clerk = { .kind = PRINCIPAL_USER,
    .user_id = { { 3 } }, .tenant_id = { { 1, 2, 3 } }, .name = "cyd",
    .permissions = some };
static const struct principal stranger = { .kind = PRINCIPAL_USER,
    .user_id = { { 4 } }, .tenant_id = { { 9 } }, .name = "dee",
    .permissions = all };

#define PLAN "{\"move\":\"i-1\",\"to\":\"m5.large\"}"

static struct platform_approval
ask(enum platform_risk risk, int64_t valid_s)
{
	struct platform_approval_new n = { .tenant = tenant,
	    .module = "spot", .kind = "move", .title = "Move i-1",
	    .subject = "instance", .subject_id = "i-1", .risk = risk,
	    .plan = { PLAN }, .author = &author, .valid_s = valid_s };
	struct platform_approval p;

	good(db_begin(db, &err));
	good(platform_approval_ask(db, a, &n, &err));
	good(db_commit(db, &err));
	good(platform_approval_by_id(db, a, tenant, n.id, &p, &err));
	return p;
}

static int
verdict(const struct principal *by, const struct platform_approval *p,
    bool yes, const char *digest)
{
	struct platform_verdict v = { p->id, yes, "", digest };
	struct platform_approval out;
	int rc;

	good(db_begin(db, &err));
	rc = platform_approval_decide(db, a, by, &v, clock_now(), &out, &err);
	if (rc == 0)
		good(db_commit(db, &err));
	return rc;
}

static int
use(struct db *d, struct uuid id, const char *plan)
{
	int rc;

	good(db_begin(d, &err));
	rc = platform_approval_use(d, a, tenant, id, (struct json){ plan },
	    &err);
	if (rc == 0)
		rc = db_commit(d, &err);
	return rc;
}

static void
another_person_says_yes_to_this_plan(void **state)
{
	struct platform_approval p = ask(RISK_MEDIUM, 0);

	(void)state;
	bad(db, use(db, p.id, PLAN), 409, "not_approved");
	bad(db, verdict(&author, &p, true, p.plan_digest), 403, "own_plan");
	bad(db, verdict(&stranger, &p, true, p.plan_digest), 404,
	    "not_found");
	bad(db, verdict(&boss, &p, true, NULL), 409, "plan_changed");
	bad(db, verdict(&boss, &p, true, "00"), 409, "plan_changed");
	good(verdict(&clerk, &p, true, p.plan_digest));
	bad(db, verdict(&boss, &p, false, NULL), 409, "not_pending");
	bad(db, use(db, p.id, "{\"move\":\"i-2\"}"), 409, "plan_changed");
	good(use(db, p.id, PLAN));
	bad(db, use(db, p.id, PLAN), 409, "not_approved");	/* once */
}

static void
risk_and_time(void **state)
{
	struct platform_approval p = ask(RISK_HIGH, 0);

	(void)state;
	bad(db, verdict(&clerk, &p, true, p.plan_digest), 403, "too_risky");
	good(verdict(&clerk, &p, false, NULL));	/* no is always allowed */
	p = ask(RISK_LOW, 0);
	mariadb_sql(DB, "UPDATE platform_approval SET expires_at = "
	    "UTC_TIMESTAMP(6) - INTERVAL 1 SECOND");
	bad(db, verdict(&boss, &p, true, p.plan_digest), 409, "expired");
	p = ask(RISK_CRITICAL, 0);
	good(verdict(&boss, &p, true, p.plan_digest));
	mariadb_sql(DB, "UPDATE platform_approval SET expires_at = "
	    "UTC_TIMESTAMP(6) - INTERVAL 1 SECOND");
	bad(db, use(db, p.id, PLAN), 409, "not_approved");
}

static void
a_no_closes_the_decision(void **state)
{
	struct platform_approval_new n = { .tenant = tenant,
	    .module = "spot", .kind = "move", .title = "Move",
	    .subject = "instance", .subject_id = "i-1",
	    .decision = decide(), .plan = { PLAN }, .author = &author };
	struct platform_decision d;
	struct platform_approval p;

	(void)state;
	good(db_begin(db, &err));
	good(platform_approval_ask(db, a, &n, &err));
	good(db_commit(db, &err));
	good(platform_approval_by_id(db, a, tenant, n.id, &p, &err));
	good(verdict(&boss, &p, false, NULL));
	good(platform_decision_by_id(db, a, tenant, n.decision, &d, &err));
	assert_string_equal(d.outcome, "rejected");
	/* withdrawing what is decided is no error and changes nothing */
	good(db_begin(db, &err));
	good(platform_approval_withdraw(db, tenant, n.id, "moot", &err));
	good(db_commit(db, &err));
	good(platform_approval_by_id(db, a, tenant, n.id, &p, &err));
	assert_string_equal(p.state, "rejected");
}

/* ---- the stop switch -------------------------------------------------------------- */

static int
set(struct db *d, const char *scope, struct uuid t, const char *name,
    bool stop)
{
	struct platform_switch s = { .scope = scope, .tenant_id = t,
	    .name = name, .stopped = stop, .reason = "test",
	    .changed_by = "tester" };
	int rc;

	good(db_begin(d, &err));
	rc = platform_switch_set(d, a, &s, &err);
	if (rc == 0)
		rc = db_commit(d, &err);
	else
		db_rollback(d);
	return rc;
}

static void
scopes(void **state)
{
	static const struct uuid nil;
	const struct platform_scope s = { "spot", tenant, "acct", NULL };
	const struct {
		const char *scope, *name;
		struct uuid t;
		bool covers;
	} rows[] = {
		{ "all", "", nil, true }, { "module", "spot", nil, true },
		{ "module", "trade", nil, false },
		{ "module", "spot", tenant, true },
		{ "module", "spot", rival, false },
		{ "tenant", "", tenant, true }, { "tenant", "", rival, false },
		{ "account", "acct", tenant, true },
		{ "account", "acct", rival, false },
		{ "account", "acct2", tenant, false },
		{ "session", "acct", tenant, false },
	};

	(void)state;
	good(platform_switch_ask(db, a, &s, &err));
	for (size_t i = 0; i < NITEMS(rows); i++) {
		int rc;

		good(set(db, rows[i].scope, rows[i].t, rows[i].name, true));
		rc = platform_switch_ask(db, a, &s, &err);
		if ((rc == -1) != rows[i].covers)
			fail_msg("row %zu: %d", i, rc);
		if (rc == -1)
			bad(db, rc, 409, "stopped");
		good(set(db, rows[i].scope, rows[i].t, rows[i].name, false));
		good(platform_switch_ask(db, a, &s, &err));
	}
}

/* Who stops a scope for the first time waits for whoever reserved an act
 * under it, and is seen by whoever reserves after that. */
static void
a_stop_waits_for_the_reservation(void **state)
{
	const struct platform_scope s = { "spot", tenant, "new", NULL };
	struct platform_switch x = { .scope = "account", .tenant_id = tenant,
	    .name = "new", .stopped = true, .reason = "", .changed_by = "" };

	(void)state;
	good(db_begin(db, &err));
	good(platform_switch_ask(db, a, &s, &err));
	good(db_begin(other, &err));
	assert_int_equal(platform_switch_set(other, a, &x, &err), -1);
	assert_int_equal(err.native, 1205);	/* it waited, in vain */
	db_rollback(other);
	err_clear(&err);
	good(db_commit(db, &err));
	good(set(other, "account", tenant, "new", true));
	good(db_begin(db, &err));
	bad(db, platform_switch_ask(db, a, &s, &err), 409, "stopped");
	good(set(db, "account", tenant, "new", false));
}

static void
unreadable_is_stopped(void **state)
{
	const struct platform_scope s = { "spot", tenant, NULL, NULL };

	(void)state;
	mariadb_sql(DB, "DELETE FROM platform_switch WHERE scope = 'all'");
	bad(db, platform_switch_ask(db, a, &s, &err), 503,
	    "switch_unreadable");
	mariadb_sql(DB, "INSERT INTO platform_switch (scope, tenant_id, name, "
	    "stopped, changed_at) VALUES ('all', REPEAT(CHAR(0), 16), '', 0, "
	    "UTC_TIMESTAMP(6))");
	good(platform_switch_ask(db, a, &s, &err));
}

/* ---- models -------------------------------------------------------------------------- */

static struct uuid
add(struct uuid t, const char *content, int64_t wanted)
{
	struct platform_model_new n = { .tenant = t, .module = "spot",
	    .name = "risk", .format = "own", .content = { content,
	    strlen(content) }, .by = "fit" };
	int64_t version;

	good(db_begin(db, &err));
	good(platform_model_add(db, a, &n, &version, &err));
	good(db_commit(db, &err));
	assert_int_equal(version, wanted);
	return n.id;
}

static void
promote(struct uuid t, struct uuid id)
{
	good(db_begin(db, &err));
	good(platform_model_promote(db, t, id, "x", &err));
	good(db_commit(db, &err));
}

static void
one_model_is_live(void **state)
{
	struct uuid one = add(tenant, "first", 1), two = add(tenant,
	    "second", 2), his = add(rival, "his", 1);
	struct platform_model_live live;
	struct platform_model m;

	(void)state;
	assert_int_equal(platform_model_live(db, a, tenant, "spot", "risk",
	    &live, &err), 1);
	promote(tenant, one);
	promote(rival, his);
	promote(tenant, two);
	good(platform_model_live(db, a, tenant, "spot", "risk", &live, &err));
	assert_int_equal(live.version, 2);
	assert_memory_equal(live.content.p, "second", 6);
	good(platform_model_by_id(db, a, tenant, one, &m, &err));
	assert_string_equal(m.state, "retired");
	assert_int_equal(platform_model_by_id(db, a, tenant, his, &m, &err),
	    1);
	good(db_begin(db, &err));
	bad(db, platform_model_promote(db, tenant, two, "x", &err), 409,
	    "live");
	good(db_begin(db, &err));
	bad(db, platform_model_promote(db, tenant, his, "x", &err), 404,
	    "not_found");
	assert_string_equal(count("SELECT COUNT(*) FROM platform_model WHERE "
	    "live = 1"), "2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decision_is_closed_once),
		cmocka_unit_test(a_decision_goes_with_its_transaction),
		cmocka_unit_test(another_person_says_yes_to_this_plan),
		cmocka_unit_test(risk_and_time),
		cmocka_unit_test(a_no_closes_the_decision),
		cmocka_unit_test(scopes),
		cmocka_unit_test(a_stop_waits_for_the_reservation),
		cmocka_unit_test(unreadable_is_stopped),
		cmocka_unit_test(one_model_is_live),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
