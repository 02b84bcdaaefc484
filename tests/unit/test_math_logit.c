/*
 * Logistic regression against closed forms and a published fit; Cholesky;
 * scores and calibration against values computed by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include "base/arena.h"
#include "base/check.h"
#include "math/logit.h"
#include "math/score.h"

#include <cmocka.h>

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
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

static void
test_cholesky(void **state)
{
	/* L = [2; 6 1; -8 5 3], A = L L' */
	double m[] = { 4, 12, -16, 12, 37, -43, -16, -43, 98 };
	double b[] = { 4 - 24 - 48, 12 - 74 - 129, -16 + 86 + 294 };
	double bad[] = { 1, 2, 2, 1 };

	(void)state;
	assert_int_equal(math_cholesky(m, 3), 0);
	near(m[0], 2, 1e-12);
	near(m[3], 6, 1e-12);
	near(m[4], 1, 1e-12);
	near(m[6], -8, 1e-12);
	near(m[7], 5, 1e-12);
	near(m[8], 3, 1e-12);
	math_cholesky_solve(m, 3, b);
	near(b[0], 1, 1e-9);
	near(b[1], -2, 1e-9);
	near(b[2], 3, 1e-9);
	assert_int_equal(math_cholesky(bad, 2), -1);
}

static struct math_logit_fit
train(const double *x, const double *y, size_t n, size_t k, double ridge,
    const double *prior)
{
	struct math_logit_data d = { .x = x, .y = y, .n = n, .k = k,
	    .ridge = ridge, .prior = prior };
	struct math_logit_fit f;

	math_logit_train(a, &d, &f);
	assert_true(f.converged);
	return f;
}

/* One input of 0 and 1: both rates are met exactly. */
static void
test_closed_form(void **state)
{
	double x[100], y[100];
	struct math_logit_fit f;

	(void)state;
	for (int i = 0; i < 100; i++) {
		x[i] = i >= 40;
		y[i] = i < 40 ? i < 10 : i < 85;
	}
	f = train(x, y, 100, 1, 0, NULL);
	near(f.w[0], log(10.0 / 30), 1e-7);
	near(f.w[1], log(45.0 / 15) - log(10.0 / 30), 1e-7);
	near(math_logit_predict(f.w, (double[]){ 1 }, 1), 0.75, 1e-8);
}

/* O-rings of the space shuttle (Dalal, Fowlkes & Hoadley 1989): 15.0429 and
 * -0.2322 per degree. */
static void
test_published_fit(void **state)
{
	static const double t[] = { 66, 70, 69, 68, 67, 72, 73, 70, 57, 63,
	    70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58 };
	static const double y[] = { 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1,
	    0, 0, 0, 0, 0, 0, 1, 0, 1 };
	struct math_logit_fit f = train(t, y, NITEMS(t), 1, 0, NULL);

	(void)state;
	near(f.w[0], 15.0429, 5e-4);
	near(f.w[1], -0.2322, 5e-5);
	near(2 * f.loss * (double)NITEMS(t), 20.315, 5e-3);	/* deviance */
}

static void
test_penalty(void **state)
{
	static const double x[] = { -2, 7, -1, 7, 1, 7, 2, 7 };
	static const double y[] = { 0, 0, 1, 1 }, prior[] = { 0, 0.7 };
	struct math_logit_fit f;

	(void)state;
	/* separable: without the penalty there is no end */
	f = train(x, y, 4, 2, 1, NULL);
	assert_true(f.w[1] > 0.3 && f.w[1] < 3);
	near(f.w[2], 0, 0);		/* constant input */
	/* what no data speak about stays as believed, and costs nothing */
	f = train(x, y, 4, 2, 1, prior);
	near(f.w[2], 0.7, 1e-12);
	near(math_logit_predict(f.w, (double[]){ 0, 7 }, 2), 0.5, 1e-6);
	/* a strong belief wins */
	f = train(x, y, 4, 2, 1e9, (double[]){ 0.25, 0 });
	near(f.w[1], 0.25, 1e-6);
}

static void
test_scores(void **state)
{
	static const double y[] = { 0, 0, 1, 1 };
	static const double p[] = { 0.1, 0.4, 0.35, 0.8 };
	static const double same[] = { 0.5, 0.5, 0.5, 0.5 };
	static const double tied[] = { 0.1, 0.4, 0.4, 0.8 };
	struct math_bin b[MATH_BINS];

	(void)state;
	near(math_auc(a, p, y, 4), 0.75, 1e-12);
	near(math_auc(a, same, y, 4), 0.5, 1e-12);
	near(math_auc(a, tied, y, 4), 0.875, 1e-12);
	near(math_auc(a, p, same, 0), 0.5, 0);
	near(math_brier((double[]){ 0.1, 0.9, 0.8, 0.3 },
	    (double[]){ 0, 1, 1, 0 }, 4), 0.0375, 1e-12);
	near(math_log_loss((double[]){ 0.8, 0.4 }, (double[]){ 1, 0 }, 2),
	    (-log(0.8) - log(0.6)) / 2, 1e-9);
	near(math_reliability(p, y, 4, b), (0.1 + 0.4 + 0.65 + 0.2) / 4, 1e-12);
	assert_int_equal(b[1].n, 1);
	assert_int_equal(b[3].n, 1);
	near(b[3].said, 0.35, 1e-12);
	near(b[3].seen, 1, 1e-12);
	near(math_reliability((double[]){ 1 }, (double[]){ 1 }, 1, b), 0,
	    1e-12);
	assert_int_equal(b[9].n, 1);
}

static void
test_calibration(void **state)
{
	static const double p[] = { 0.9, 0.1, 0.3, 0.2, 0.8, 0.3 };
	static const double y[] = { 1, 0, 0, 1, 0, 1 };
	enum { N = 4000 };
	double *q = arena_array(a, N, sizeof(*q)), wa, wb;
	double *z = arena_array(a, N, sizeof(*z));
	struct math_steps s;

	(void)state;
	/* .1:0 | .2:1 .3:.5 .8:0 pooled to .5 | .9:1 */
	math_isotonic(a, p, y, 6, &s);
	assert_int_equal(s.n, 3);
	near(math_isotonic_at(&s, 0.05), 0, 0);
	near(math_isotonic_at(&s, 0.2), 0.5, 1e-12);
	near(math_isotonic_at(&s, 0.85), 0.5, 1e-12);
	near(math_isotonic_at(&s, 0.95), 1, 0);
	/* forecasts whose logit is twice too large, and one too high */
	for (int i = 0; i < N; i++) {
		double truth = (i % 10 + 0.5) / 10;

		q[i] = math_logistic(2 * math_logit(truth) + 1);
		z[i] = (double)(i / 10 % 400) < truth * 400;
	}
	math_platt(a, q, z, N, &wa, &wb);
	near(wb, 0.5, 1e-3);
	near(wa, -0.5, 2e-3);
	near(math_platt_at(wa, wb, q[2]), 0.25, 1e-3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cholesky),
		cmocka_unit_test(test_closed_form),
		cmocka_unit_test(test_published_fit),
		cmocka_unit_test(test_penalty),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_calibration),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
