/*
 * Hazards by age by hand; what signals come to; the risk model on recorded
 * traces, whose forecasts must beat the constant guess and each pool's rate on
 * the part of the time they have not seen; and that nothing of that part
 * reaches the fit.
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
#include "base/str.h"
#include "modules/spot/feed.h"
#include "modules/spot/pool.h"
#include "modules/spot/risk_model.h"
#include "modules/spot/signal.h"
#include "tests/harness/data.h"
#include "tests/harness/tar.h"

#include <cmocka.h>

#define TRACES "aws/spot_availability_traces_skypilot.dev.tar.gz"
#define FIT 0.6
#define S INT64_C(1000000)

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void
near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g instead of %.9g", got, want);
}

/* ---- hazards ----------------------------------------------------------------- */

static void
test_hazards(void **state)
{
	struct spot_hazard flat = spot_hazard_flat(0.1), z = flat;

	(void)state;
	near(spot_hazard_loss(&flat, 3, 24), 1 - exp(-2.4), 1e-12);
	near(spot_hazard_up(&flat, 3, 24), (1 - exp(-2.4)) / 0.1, 1e-9);
	near(spot_hazard_residual(&flat, 5), 10, 1e-9);
	near(spot_hazard_up(&(struct spot_hazard){ { 0 } }, 0, 24), 24, 1e-12);
	/* 0.5 an hour between the ages 1 and 2, nothing elsewhere */
	z = spot_hazard_flat(0);
	z.h[2] = 0.5;
	near(spot_hazard_loss(&z, 0, 1), 0, 0);
	near(spot_hazard_loss(&z, 0.5, 1), 1 - exp(-0.25), 1e-12);
	near(spot_hazard_loss(&z, 1, 10), 1 - exp(-0.5), 1e-12);
	near(spot_hazard_loss(&z, 2, 10), 0, 0);
	near(spot_hazard_up(&z, 0, 3), 1 + (1 - exp(-0.5)) / 0.5 + exp(-0.5),
	    1e-12);
	for (int b = 0; b < SPOT_AGES; b++) {
		assert_int_equal(spot_age_bin(spot_age_from[b]), b);
		assert_int_equal(spot_age_bin(spot_age_from[b] + 0.01), b);
	}
}

static void
test_exposure_and_shrinkage(void **state)
{
	struct spot_hazard prior = spot_hazard_flat(0.25), z;
	struct spot_exposure x = { .hours = { 0 } };

	(void)state;
	spot_exposure_run(&x, 0, 3, true);	/* lost at 3 h */
	near(x.hours[0], 1.0 / 3, 1e-12);
	near(x.hours[1], 2.0 / 3, 1e-12);
	near(x.hours[2], 1, 1e-12);
	near(x.hours[3], 1, 1e-12);
	near(x.hours[4], 0, 0);
	near(x.lost[3], 1, 0);
	spot_exposure_run(&x, 20, 40, false);	/* seen from 20 h on */
	near(x.hours[6], 20, 1e-12);
	near(x.lost[6], 0, 0);
	spot_exposure_run(&x, 0, 1, true);	/* lost at 1 h: of the next bin */
	near(x.lost[2], 1, 0);
	z = spot_hazard_shrunk(&x, &prior, 8);
	near(z.h[3], (1 + 8 * 0.25) / (1 + 8), 1e-12);
	near(z.h[4], 0.25, 1e-12);		/* nothing seen: the prior */
	near(z.h[6], 8 * 0.25 / 28, 1e-12);
}

/* ---- signals ------------------------------------------------------------------- */

static void
test_signals(void **state)
{
	struct spot_pool_state s;
	struct utc t = { 1000000 * S };

	(void)state;
	spot_pool_state_begin(&s, 7);
	near(s.avail_fast, 0.5, 0);
	spot_signal_apply(&s, "launch_ok", 1, t);
	assert_true(s.avail_fast > 0.99 && s.avail_slow > 0.8);
	/* back-off 3 min, doubling to 3 h, gone with a success */
	for (int64_t i = 0, wait = 180; i < 9; i++, wait *= 2) {
		t.us += S;
		spot_signal_apply(&s, "launch_ice", 1, t);
		assert_int_equal((s.full_until.us - t.us) / S,
		    wait < 10800 ? wait : 10800);
	}
	assert_true(s.avail_fast < 0.3);
	assert_int_equal(s.full_n, 9);
	spot_signal_apply(&s, "probe_ok", 1, t);
	assert_int_equal(s.full_n, 0);
	assert_int_equal(s.full_until.us, 0);
	spot_signal_apply(&s, "rebalance", 1, t);
	assert_int_equal(s.notice_at.us, t.us);
	spot_signal_apply(&s, "score", 8, t);
	near(s.score, 8, 0);
	spot_signal_apply(&s, "score", 3, (struct utc){ t.us - S });
	near(s.score, 8, 0);		/* older than what is known */
	/* one observation after an hour: 1 - 1/e of the way */
	near(spot_ewma(0, 1, 1, 1), 1 - exp(-1), 1e-12);
	assert_true(spot_signal_kind("launch_ice"));
	assert_false(spot_signal_kind("nonsense"));
}

/* ---- the model on recorded traces -------------------------------------------------- */

static bool
traces(struct spot_watches *w)
{
	struct tar t;

	*w = (struct spot_watches){ .n = 0 };
	if (tar_read(a, TRACES, &t) == -1)
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (strstr(t.v[i].path, ".json") != NULL)
			assert_true(spot_traces_add(a, t.v[i].path,
			    t.v[i].text, t.v[i].n, FIT, w));
	assert_true(w->n >= 10);
	return true;
}

static void
test_forecasts_on_traces(void **state)
{
	struct spot_risk_report r;
	struct spot_risk_model m;
	struct spot_watches w;

	(void)state;
	if (!traces(&w))
		return;
	assert_int_equal(spot_risk_fit(a, w.v, w.n, NULL, &m, &r, &err), 0);
	print_message("%lld windows held out: Brier %.4f, constant %.4f "
	    "(-%.1f %%), pool's rate %.4f (-%.1f %%), AUC %.3f\n",
	    (long long)r.held_windows, r.brier, r.brier_constant,
	    r.skill_constant * 100, r.brier_pool, r.skill_pool * 100, r.auc);
	assert_true(r.skill_constant >= 0.20);
	assert_true(r.skill_pool >= 0.12);
	assert_true(r.auc >= 0.79);
	assert_true(r.calibration_error < 0.05);
	assert_true(r.converged && r.steps < 20);
	/* age is the strongest signal: the young die most */
	for (int b = 1; b < SPOT_AGES; b++)
		assert_true(((const double *)m.all.items)[b] <
		    ((const double *)m.all.items)[b - 1]);
}

/* Whatever happens behind the split, the model is the same to the last
 * digit, and so are the rates it is compared with. */
static void
test_nothing_leaks(void **state)
{
	struct spot_risk_report r1, r2;
	struct spot_risk_model m1, m2;
	struct spot_watches w;
	struct str s1, s2;

	(void)state;
	if (!traces(&w))
		return;
	assert_int_equal(spot_risk_fit(a, w.v, w.n, NULL, &m1, &r1, &err), 0);
	for (size_t i = 0; i < w.n; i++) {
		struct spot_watch *x = &w.v[i];
		uint8_t *up = arena_memdup(a, x->up, x->n);

		for (size_t t = (size_t)llround(x->split_h / x->tick_h) + 1;
		    t < x->n; t++)
			up[t] = t % 5 != 0;
		x->up = up;
		x->runs = NULL;
	}
	assert_int_equal(spot_risk_fit(a, w.v, w.n, NULL, &m2, &r2, &err), 0);
	str_init(&s1, a);
	str_init(&s2, a);
	schema_encode(&spot_risk_model_schema, &m1, &s1);
	schema_encode(&spot_risk_model_schema, &m2, &s2);
	assert_string_equal(s1.p, s2.p);
	assert_true(memcmp(&r1.fit_rate, &r2.fit_rate, sizeof(double)) == 0);
	assert_int_equal(r1.fit_windows, r2.fit_windows);
	assert_true(fabs(r1.brier - r2.brier) > 0.01);
}

/* A model reads back as it was written and forecasts the same; a notice and
 * a bad class raise the hazard, a long run lowers it. */
static void
test_a_model_in_use(void **state)
{
	struct spot_risk_view v = { .age_h = 2, .avail_fast = 0.9,
	    .avail_slow = 0.9, .interruption = -1 }, n = v, c = v, old = v;
	struct spot_risk_model m, back;
	struct spot_hazard base, z;
	struct spot_risk_report r;
	struct spot_watches w;
	struct str s;

	(void)state;
	if (!traces(&w))
		return;
	assert_int_equal(spot_risk_fit(a, w.v, w.n, NULL, &m, &r, &err), 0);
	str_init(&s, a);
	schema_encode(&spot_risk_model_schema, &m, &s);
	assert_int_equal(spot_risk_read(a, s.p, s.len, &back, &err), 0);
	base = spot_risk_prior(&back, "nothing like it");
	near(spot_risk_hour(&m, &base, &v), spot_risk_hour(&back, &base, &v),
	    1e-12);
	z = spot_risk_now(&back, &base, &v);
	near(spot_hazard_loss(&z, v.age_h, 1), spot_risk_hour(&back, &base,
	    &v), 1e-9);
	n.notice = true;
	c.interruption = 4;
	old.age_h = 20;
	assert_true(spot_risk_hour(&back, &base, &n) >
	    1.5 * spot_risk_hour(&back, &base, &v));
	assert_true(spot_risk_hour(&back, &base, &c) >
	    spot_risk_hour(&back, &base, &v));
	assert_true(spot_risk_hour(&back, &base, &old) <
	    spot_risk_hour(&back, &base, &v));
	/* judged as the live one, it is as good as itself */
	assert_int_equal(spot_risk_fit(a, w.v, w.n, &back, &m, &r, &err), 0);
	near(r.brier_live, r.brier, 1e-9);
	err_clear(&err);
	assert_int_equal(spot_risk_read(a, "{\"ages\":[0]}", 12, &back, &err),
	    -1);
	assert_int_equal(err.status, 422);
}

/* Episodes: a run that its owner ended says nothing about the hour after. */
static void
test_runs_of_their_owner(void **state)
{
	enum { N = 2400 };
	struct spot_run *runs = arena_array(a, 400, sizeof(*runs));
	uint8_t *up = arena_alloc(a, N);
	struct spot_watch w = { .pool = "p", .group = "g", .up = up, .n = N,
	    .interruption = -1, .tick_h = 0.1, .split_h = 120, .runs = runs };
	struct spot_risk_report r;
	struct spot_risk_model m;

	(void)state;
	memset(up, 2, N);
	for (size_t i = 0; i < 400; i++)
		runs[w.nruns++] = (struct spot_run){ 0.6 * (double)i,
		    0.6 * (double)i + (i % 2 == 0 ? 0.5 : 3), i % 4 != 0 };
	assert_int_equal(spot_risk_fit(a, &w, 1, NULL, &m, &r, &err), 0);
	assert_true(w.all.lost[1] > 0 && w.fitted.lost[1] < w.all.lost[1]);
	/* half of the short ones were ended by their owner: not counted */
	assert_true(r.fit_rate > 0.2 && r.fit_rate < 0.6);
	err_clear(&err);
	w.nruns = 2;
	assert_int_equal(spot_risk_fit(a, &w, 1, NULL, &m, &r, &err), -1);
	assert_string_equal(err.code, "too_little");
}

/* ---- ranking -------------------------------------------------------------------------- */

#define E8(x) { (int64_t)((x) * 1e8 + .5) }

static struct spot_offer
offer(const char *az, const char *type, double price)
{
	return (struct spot_offer){ .az = az, .instance_type = type,
	    .arch = "x86_64", .vcpu = 4, .mem_mib = 16384, .nvme_gb = 100,
	    .ebs_mbps = 1000, .interfaces = 3, .hypervisor = "nitro",
	    .price = E8(price), .on_demand = E8(0.2),
	    .price_at = { 999990 * S }, .interruption = 1 };
}

static void
test_every_refusal(void **state)
{
	struct spot_offer v[UNFITS];
	static const char *const zones[] = { "z1a", "z1b" };
	static const char *const allow[] = { "m5.*", "c5.*", NULL };
	static const char *const deny[] = { "c5.*", NULL };
	const struct spot_need need = { .arch = "x86_64", .vcpu = 4,
	    .mem_mib = 16384, .nvme_gb = 50, .ebs_mbps = 800,
	    .interfaces = 2, .hypervisor = "nitro", .steady = true,
	    .zones = zones,
	    .nzones = 2, .allow = allow, .deny = deny, .avoid_az = "z1b",
	    .avoid_type = "m5.avoid", .now = { 1000000 * S } };
	struct spot_ranking r;

	(void)state;
	for (int i = 0; i < UNFITS; i++)
		v[i] = offer("z1a", arena_printf(a, "m5.%02d", i), 0.1);
	v[UNFIT_EXCLUDED].excluded = true;
	v[UNFIT_TYPE].vcpu = 0;
	v[UNFIT_ARCH].arch = "arm64";
	v[UNFIT_VCPU].vcpu = 2;
	v[UNFIT_MEMORY].mem_mib = 8192;
	v[UNFIT_NVME].nvme_gb = 0;
	v[UNFIT_EBS].ebs_mbps = 500;
	v[UNFIT_INTERFACES].interfaces = 1;
	v[UNFIT_HYPERVISOR].hypervisor = "xen";
	v[UNFIT_CREDITS].burstable = true;
	v[UNFIT_CREDITS].instance_type = "t3.credits";
	v[UNFIT_DENIED].instance_type = "c5.denied";
	v[UNFIT_NOT_ALLOWED].instance_type = "r5.other";
	v[UNFIT_ZONE].az = "z1c";
	v[UNFIT_PRICE].price.e8 = 0;
	v[UNFIT_STALE].price_at.us -= 8 * 86400 * S;
	v[UNFIT_CLASS].interruption = 4;
	v[UNFIT_DEAR].price = v[UNFIT_DEAR].on_demand;
	v[UNFIT_FULL].full_until.us = need.now.us + 100 * S;
	v[UNFIT_NOTICE].az = "z1b";
	v[UNFIT_NOTICE].instance_type = "m5.avoid";
	for (int i = 0; i < UNFITS; i++) {
		if (i == UNFIT_GPU)
			continue;	/* below */
		assert_int_equal(spot_pool_unfit(&v[i], &need), i);
	}
	spot_pools_rank(a, v, UNFITS, &need, &r);
	assert_int_equal(r.n, 2);	/* the one without fault, and the GPU */
	assert_int_equal(r.nrefused, UNFITS - 2);
	for (size_t i = 0; i < r.nrefused; i++) {
		assert_true(*r.refused[i].reason != '\0');
		for (size_t j = 0; j < i; j++)	/* each has words of its own */
			assert_string_not_equal(r.refused[i].reason,
			    r.refused[j].reason);
	}
	{
		struct spot_need gpu = need;

		gpu.gpu = 1;
		assert_int_equal(spot_pool_unfit(&v[0], &gpu), UNFIT_GPU);
		assert_string_equal(spot_pool_unfit_text(a, UNFIT_GPU, &v[0],
		    &gpu), "fewer GPUs: 0 of 1");
	}
}

/* EHC by hand: price 0.1, on-demand 0.2, hazard 0.05 at all ages, H = 24 h,
 * d = 0.05 h, running 0.12, an interruption costs 2 USD. */
static void
test_expected_cost(void **state)
{
	struct spot_hazard z = spot_hazard_flat(0.05);
	struct spot_offer v[2] = { offer("z1a", "m5.a", 0.1),
	    offer("z1b", "m5.b", 0.099) };
	struct spot_need need = { .running = E8(0.12), .move_cost = 0.01,
	    .interruption_cost = 2, .now = { 1000000 * S } };
	double q = 1 - exp(-1.2), up = q / 0.05, run;
	struct spot_ranking r;

	(void)state;
	v[0].hazard = v[1].hazard = &z;
	spot_pools_rank(a, v, 2, &need, &r);
	assert_int_equal(r.n, 2);
	run = 0.099 * up + (24 - up) * 0.2 + q * 2;
	near(r.v[0].c.ehc, (run + 0.05 * 0.12 + 0.01) / (24 - 0.05 -
	    0.05 * q), 1e-9);
	near(r.v[0].c.loss, q, 1e-12);
	near(r.v[0].c.loss_1h, 1 - exp(-0.05), 1e-12);
	assert_string_equal(r.v[0].o->az, "z1b");
	/* a pool that dies young loses to a dearer one that does not */
	v[0].hazard = NULL;		/* the class: under 10 % a month */
	spot_pools_rank(a, v, 2, &need, &r);
	assert_string_equal(r.v[0].o->az, "z1a");
}

/* ---- feeds ---------------------------------------------------------------------------- */

static void
test_feeds(void **state)
{
	static const char *const bad[] = { "{", "{}",
	    "{\"spot_advisor\":{\"r\":{\"Linux\":{\"t\":{\"r\":5,"
	    "\"s\":1}}}}}", "{\"us-east-1\":{\"m5.large\":\"dear\"}}" };
	const struct utc t = { 1000000 * S };
	struct spot_od_price *p;
	struct spot_advisor *v;
	bool m5 = false, dear = false;
	char *text;
	size_t n, rows;

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		err_clear(&err);
		assert_int_equal(spot_feed_advisor(a, bad[i], strlen(bad[i]),
		    t, &v, &rows, &err), -1);
		assert_int_equal(err.status, 422);
		err_clear(&err);
		assert_int_equal(spot_feed_prices(a, bad[i], strlen(bad[i]),
		    t, "test", &p, &rows, &err), -1);
		assert_int_equal(err.status, 422);
	}
	err_clear(&err);
	if ((text = data_read(a, "aws/spot-advisor-data.json.gz", &n)) ==
	    NULL)
		return;
	assert_int_equal(spot_feed_advisor(a, text, n, t, &v, &rows, &err),
	    0);
	assert_int_equal(rows, 25323);
	for (size_t i = 0; i < rows; i++) {
		assert_in_range(v[i].interruption, 0, 4);
		assert_in_range(v[i].savings, 0, 100);
		m5 |= strcmp(v[i].region, "us-east-1") == 0 &&
		    strcmp(v[i].instance_type, "m5.large") == 0;
		/* recorded with a saving of -62 percent: it has none */
		dear |= strcmp(v[i].region, "ca-central-1") == 0 &&
		    strcmp(v[i].instance_type, "p5.48xlarge") == 0 &&
		    v[i].savings == 0;
	}
	assert_true(m5 && dear);
	if ((text = data_read(a, "aws/ondemand_prices_us-east-1_2026.json",
	    &n)) == NULL)
		return;
	assert_int_equal(spot_feed_prices(a, text, n, t, "test", &p, &rows,
	    &err), 0);
	assert_int_equal(rows, 1367);
	for (size_t i = 0; i < rows; i++)
		if (strcmp(p[i].instance_type, "a1.large") == 0)
			assert_int_equal(p[i].price.e8, 5100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hazards),
		cmocka_unit_test(test_exposure_and_shrinkage),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_forecasts_on_traces),
		cmocka_unit_test(test_nothing_leaks),
		cmocka_unit_test(test_a_model_in_use),
		cmocka_unit_test(test_runs_of_their_owner),
		cmocka_unit_test(test_every_refusal),
		cmocka_unit_test(test_expected_cost),
		cmocka_unit_test(test_feeds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
