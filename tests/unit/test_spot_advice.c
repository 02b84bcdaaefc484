/*
 * The decision by tables: costs recomputed by hand, every refusal, the gate of
 * the move, the cloud's own signals, and that the order of rows means nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/spot/account.h"
#include "modules/spot/advice.h"
#include "modules/spot/instance.h"
#include "modules/spot/summary.h"

#include <cmocka.h>

#define NOW INT64_C(1700000000000000)
#define HOUR INT64_C(3600000000)
#define E8(x) { (int64_t)((x) * 1e8 + .5) }

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct spot_offer
offer(const char *az, const char *type, double price, int64_t class)
{
	return (struct spot_offer){ .az = az, .instance_type = type,
	    .arch = "x86_64", .vcpu = 2, .mem_mib = 8192,
	    .price = E8(price), .on_demand = E8(0.1),
	    .price_at = { NOW - HOUR }, .interruption = class };
}

static struct spot_advice
advise(const struct spot_question *q, const struct spot_offer *v, size_t n)
{
	struct spot_advice out;

	err_clear(&err);
	if (spot_advise(a, &spot_rules_default, q, v, n, &out, &err) == -1)
		fail_msg("%s", err.detail);
	return out;
}

static const struct spot_question HERE = { .az = "us-east-1a",
    .instance_type = "m5.large", .now = { NOW } };

static void
near(struct dec got, double want)
{
	if (fabs(dec_real(got) - want) > 2e-8)
		fail_msg("%.8f instead of %.8f", dec_real(got), want);
}

static void
test_costs(void **state)
{
	const struct spot_offer v[] = {
		offer("us-east-1a", "m5.large", 0.05, 1),
		offer("us-east-1b", "m5.large", 0.03, 0) };
	struct spot_advice r = advise(&HERE, v, 2);
	const struct spot_choice *c = r.selected_candidate;

	(void)state;
	/* by an independent calculation of the formula */
	near(r.current_hourly_cost, 0.05006429);
	assert_true(fabs(r.crash_probability - 0.0025598372) < 1e-9);
	assert_string_equal(r.decision, "SWITCH");
	assert_non_null(c);
	near(c->expected_hourly_cost, 0.03019625);
	assert_true(fabs(c->crash_probability - 0.0008320200) < 1e-9);
	assert_string_equal(c->pool, "us-east-1b:m5.large");
	assert_string_equal(c->interruption, "<5 %");
	assert_int_equal(r.candidates_evaluated, 2);
	assert_int_equal(r.prices_as_of.us, NOW - HOUR);
	assert_non_null(strstr(r.model, "Advisor"));
	assert_non_null(strstr(r.reason, "us-east-1b"));
}

/* Every way a pool is no candidate. */
static void
test_refusals(void **state)
{
	struct spot_offer v[] = { offer("us-east-1a", "m5.large", 0.05, 1),
	    offer("z", "arch", 0.01, 0), offer("z", "cpu", 0.01, 0),
	    offer("z", "mem", 0.01, 0), offer("z", "none", 0, 0),
	    offer("z", "old", 0.01, 0), offer("z", "risky", 0.01, 4),
	    offer("z", "dear", 0.1, 0), offer("z", "wish", 0.01, 0),
	    offer("z", "unknown", 0.01, 0) };
	static const char *const why[][2] = {
		{ "z:arch", "architecture arm64 instead of x86_64" },
		{ "z:cpu", "fewer vCPUs: 1 of 2" },
		{ "z:dear", "dearer than on-demand: 0.1 of 0.1" },
		{ "z:mem", "less memory: 4096 of 8192 MiB" },
		{ "z:none", "no current price" },
		{ "z:old", "stale price: 200 hours old" },
		{ "z:risky", "interruption class >20 % above the limit of "
		    "20 %" },
		{ "z:unknown", "type not in the catalogue" },
		{ "z:wish", "excluded" } };
	struct spot_advice r;
	const struct spot_refusal *x;

	(void)state;
	v[1].arch = "arm64";
	v[2].vcpu = 1;
	v[3].mem_mib = 4096;
	v[5].price_at.us = NOW - 200 * HOUR;
	v[8].excluded = true;
	v[9].vcpu = 0;
	r = advise(&HERE, v, NITEMS(v));
	x = r.refused.items;
	assert_int_equal(r.refused.n, NITEMS(why));
	for (size_t i = 0; i < r.refused.n; i++) {
		assert_string_equal(x[i].pool, why[i][0]);
		assert_string_equal(x[i].reason, why[i][1]);
	}
	assert_string_equal(r.decision, "STAY");
	assert_null(r.selected_candidate);
	assert_int_equal(r.candidates_refused, 9);
	v[1].arch = "i386,x86_64";	/* a type that can do both */
	assert_string_equal(advise(&HERE, v, NITEMS(v)).decision, "SWITCH");
	v[0].gpu = 1;
	assert_int_equal(advise(&HERE, v, NITEMS(v)).candidates.n, 0);
}

static void
test_gate(void **state)
{
	struct spot_offer v[] = { offer("us-east-1a", "m5.large", 0.05, 1),
	    offer("us-east-1b", "m5.large", 0.049, 1) };
	struct spot_rules strict = spot_rules_default;
	struct spot_advice r;

	(void)state;
	/* 2 % are not worth it */
	r = advise(&HERE, v, 2);
	assert_string_equal(r.decision, "STAY");
	assert_non_null(strstr(r.reason, "a move needs 5 %"));
	assert_int_equal(r.candidates.n, 1);
	/* dearer */
	v[1] = offer("us-east-1b", "m5.large", 0.06, 0);
	r = advise(&HERE, v, 2);
	assert_string_equal(r.decision, "STAY");
	assert_non_null(strstr(r.reason, "Nothing is cheaper"));
	/* cheap, but the move would have to save very much more */
	v[1] = offer("us-east-1b", "m5.large", 0.03, 0);
	strict.min_migration_ratio = 1e6;
	assert_int_equal(spot_advise(a, &strict, &HERE, v, 2, &r, &err), 0);
	assert_string_equal(r.decision, "STAY");
	assert_non_null(strstr(r.reason, "a move that costs"));
}

static void
test_signals(void **state)
{
	const struct spot_offer v[] = {
		offer("us-east-1a", "m5.large", 0.01, 0),
		offer("us-east-1b", "m5.large", 0.09, 3) };
	struct spot_question q = HERE;
	struct spot_advice r;

	(void)state;
	assert_string_equal(advise(&q, v, 2).decision, "STAY");
	q.signal = SPOT_REBALANCE;
	r = advise(&q, v, 2);
	assert_string_equal(r.decision, "DRAIN");
	assert_string_equal(r.aws_signal, "REBALANCE");
	assert_string_equal(((const struct spot_choice *)
	    r.selected_candidate)->az, "us-east-1b");
	q.signal = SPOT_TERMINATION;
	assert_string_equal(advise(&q, v, 2).decision, "EVACUATE");
	r = advise(&q, v, 1);		/* nowhere to go */
	assert_string_equal(r.decision, "EVACUATE");
	assert_null(r.selected_candidate);
	assert_non_null(strstr(((const char *const *)r.reasons.items)[1],
	    "on-demand"));
}

static void
test_on_demand(void **state)
{
	struct spot_offer v[] = { offer("us-east-1a", "m5.large", 0.03, 0) };
	struct spot_question q = HERE;
	struct spot_advice r;

	(void)state;
	q.on_demand = true;		/* the same pool as spot */
	r = advise(&q, v, 1);
	assert_string_equal(r.decision, "SWITCH");
	near(r.current_hourly_cost, 0.1);
	assert_true(r.crash_probability == 0);
	v[0].price.e8 = 0;
	assert_string_equal(advise(&q, v, 1).decision, "STAY");
}

static void
test_missing(void **state)
{
	struct spot_offer v[] = { offer("us-east-1b", "m5.large", 0.03, 0),
	    offer("us-east-1a", "m5.large", 0, 0) };
	struct spot_advice r;

	(void)state;
	assert_int_equal(spot_advise(a, &spot_rules_default, &HERE, v, 1, &r,
	    &err), -1);
	assert_string_equal(err.code, "no_pool");
	assert_int_equal(err.status, 422);
	assert_int_equal(spot_advise(a, &spot_rules_default, &HERE, v, 2, &r,
	    &err), -1);
	assert_string_equal(err.code, "no_price");
}

/* Ties go by offers in the zone, type and zone, whatever the order of the
 * rows. */
static void
test_order(void **state)
{
	struct spot_offer v[] = { offer("us-east-1a", "m5.large", 0.05, 1),
	    offer("us-east-1c", "m5.large", 0.03, 0),
	    offer("us-east-1b", "m5.large", 0.03, 0),
	    offer("us-east-1c", "c5.large", 0.03, 0),
	    offer("us-east-1d", "m5.large", 0.04, 0),
	    offer("us-east-1e", "m5.large", 0.041, 0),
	    offer("us-east-1f", "m5.large", 0.042, 0) };
	size_t n = NITEMS(v);

	(void)state;
	for (size_t turn = 0; turn < n; turn++) {
		struct spot_advice r = advise(&HERE, v, n);
		const struct spot_choice *c = r.candidates.items;
		struct spot_offer first = v[0];

		assert_int_equal(r.candidates.n, SPOT_CANDIDATES);
		assert_string_equal(c[0].pool, "us-east-1c:c5.large");
		assert_string_equal(c[1].pool, "us-east-1c:m5.large");
		assert_string_equal(c[2].pool, "us-east-1b:m5.large");
		memmove(v, v + 1, (n - 1) * sizeof(*v));
		v[n - 1] = first;
	}
}

static void
test_zones(void **state)
{
	static const char *const t[][2] = { { "us-east-1a", "us-east-1" },
	    { "us-west-2-lax-1a", "us-west-2" },
	    { "us-gov-west-1b", "us-gov-west-1" },
	    { "ap-southeast-2c", "ap-southeast-2" }, { "us-east-1", NULL },
	    { "mars", NULL }, { "", NULL }, { "-1a", NULL },
	    { "us-east-1A", NULL }, { "us-east-1;", NULL } };

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		const char *r = spot_zone_region(a, t[i][0]);

		if (t[i][1] == NULL)
			assert_null(r);
		else
			assert_string_equal(r, t[i][1]);
	}
}

/* ---- neighbours that are as pure ------------------------------------------------ */

static void
test_authorized(void **state)
{
	static const struct { const char *tags, *asg, *want; } t[] = {
		{ "{}", "", "UNAUTHORIZED" },
		{ "{\"ManagedBy\":\"SpotOptimizer\"}", "", "AUTHORIZED" },
		{ "{\"a\":\"b\",\"ManagedBy\":\"spotoptimizer\"}", "",
		    "AUTHORIZED" },
		{ "{\"ManagedBy\":\"spotoptimizer2\"}", "", "UNAUTHORIZED" },
		{ "{}", "web", "AUTHORIZED" },
		{ "{\"eks:cluster-name\":\"c\"}", "", "AUTHORIZED" },
		{ "{\"kubernetes.io/cluster/x\":\"owned\"}", "",
		    "AUTHORIZED" },
		/* a key or value that only looks like it */
		{ "{\"x\\\"ManagedBy\":\"spotoptimizer\"}", "",
		    "UNAUTHORIZED" },
		{ "{\"x\":\",\\\"ManagedBy\\\":\\\"spotoptimizer\\\"\"}", "",
		    "UNAUTHORIZED" } };

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++)
		assert_string_equal(spot_instance_auth(t[i].tags, t[i].asg),
		    t[i].want);
}

static void
test_arns(void **state)
{
	(void)state;
	assert_string_equal(spot_arn_account(a,
	    "arn:aws:iam::123456789012:role/x"), "123456789012");
	assert_string_equal(spot_arn_account(a,
	    "arn:aws-cn:iam::123456789012:role/a/b"), "123456789012");
	assert_null(spot_arn_account(a, "arn:aws:iam::12345:role/x"));
	assert_null(spot_arn_account(a, "arn:aws:iam::123456789012:user/x"));
	assert_null(spot_arn_account(a, "arn:aws:iam::123456789012:role/"));
	assert_null(spot_arn_account(a, "nonsense"));
}

static void
test_summary(void **state)
{
	const struct spot_alike g[] = {
		{ .az = "a", .lifecycle = "spot", .state = "running", .n = 2,
		    .spot = E8(0.03), .on_demand = E8(0.1),
		    .best = E8(0.02) },
		{ .az = "a", .lifecycle = "on-demand", .state = "running",
		    .n = 3, .on_demand = E8(0.2), .best = E8(0.05) },
		{ .az = "b", .lifecycle = "on-demand", .state = "stopped",
		    .n = 4, .on_demand = E8(0.2) },
		{ .az = "b", .lifecycle = "spot", .state = "running", .n = 1,
		    .stale = 1 } };
	struct spot_summary s = { .nodes = 0 };

	(void)state;
	spot_summarize(g, NITEMS(g), &s);
	assert_int_equal(s.nodes, 10);
	assert_int_equal(s.running, 6);
	assert_int_equal(s.stopped, 4);
	assert_int_equal(s.spot, 3);
	assert_int_equal(s.zones, 2);
	assert_int_equal(s.stale, 1);
	assert_int_equal(s.unpriced, 1);
	assert_true(s.spot_share == 0.5);
	near(s.hourly_cost, 0.66);
	near(s.hourly_on_demand, 0.8);
	near(s.hourly_savings, 0.14);
	near(s.hourly_savings_possible, 0.45);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_on_demand),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_authorized),
		cmocka_unit_test(test_arns),
		cmocka_unit_test(test_summary)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
