/*
 * Models that others trained: trees and sums recomputed by hand, what is
 * refused, vectors that do not come out.
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
#include "modules/platform/model.h"

#include <cmocka.h>

static struct arena *a;
static struct err err;

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

static struct platform_predictor *
must_read(const char *format, const char *text)
{
	struct platform_predictor *p = NULL;

	err_clear(&err);
	if (platform_predictor_read(a, format, text, strlen(text), &p,
	    &err) == -1)
		fail_msg("%s: %s", err.detail, err.nfields > 0 ?
		    err.fields[0].msg : "");
	return p;
}

static void
near(double got, double wanted)
{
	if (fabs(got - wanted) > 1e-9)
		fail_msg("%.12f instead of %.12f", got, wanted);
}

static void
logistic(void **state)
{
	struct platform_predictor *p = must_read("logistic.json",
	    "{\"features\":[\"a\",\"b\"],\"coef\":[2,-1],\"mean\":[1,0],"
	    "\"scale\":[2,1],\"intercept\":0.5}");
	const double x[] = { 3, 1.5 };

	(void)state;
	assert_int_equal(platform_predictor_inputs(p), 2);
	/* 0.5 + 2 * (3 - 1) / 2 - 1.5 = 1 */
	near(platform_predict(p, x), 1 / (1 + exp(-1)));
	p = must_read("logistic.json",
	    "{\"coef\":[2],\"intercept\":1,\"identity\":true}");
	near(platform_predict(p, x), 7);
}

/* Two trees: x0 < 0.5 ? 0.3 : (x1 < 2 ? -0.2 : 0.7), and a single leaf. */
#define TREES "[{\"left_children\":[1,-1,3,-1,-1],\"right_children\":" \
	"[2,-1,4,-1,-1],\"split_indices\":[0,0,1,0,0]," \
	"\"split_conditions\":[0.5,0.3,2,-0.2,0.7],\"default_left\":" \
	"[1,0,0,0,0],\"split_type\":[0,0,0,0,0],\"id\":0}," \
	"{\"left_children\":[-1],\"right_children\":[-1]," \
	"\"split_indices\":[0],\"split_conditions\":[0.1]," \
	"\"default_left\":[0]}]"
#define XGB(trees, objective, base) "{\"version\":[2,0,3],\"learner\":{" \
	"\"attributes\":{},\"gradient_booster\":{\"name\":\"gbtree\"," \
	"\"model\":{\"trees\":" trees ",\"tree_info\":[0,0]}}," \
	"\"learner_model_param\":{\"base_score\":\"" base "\"," \
	"\"num_class\":\"0\",\"num_feature\":\"2\"},\"objective\":{" \
	"\"name\":\"" objective "\"}}}"

static void
xgboost(void **state)
{
	struct platform_predictor *p = must_read("xgboost.json",
	    XGB(TREES, "reg:squarederror", "5E-1"));
	const double left[] = { 0.4, 9 }, low[] = { 0.5, 1.9 },
	    high[] = { 1, 2 }, gone[] = { NAN, 2 }, gone1[] = { 1, NAN };

	(void)state;
	near(platform_predict(p, left), 0.5 + 0.3 + 0.1);
	near(platform_predict(p, low), 0.5 - 0.2 + 0.1);
	near(platform_predict(p, high), 0.5 + 0.7 + 0.1);
	near(platform_predict(p, gone), 0.5 + 0.3 + 0.1);
	near(platform_predict(p, gone1), 0.5 + 0.7 + 0.1);
	p = must_read("xgboost.json", XGB(TREES, "binary:logistic",
	    "[2.5E-1]"));
	near(platform_predict(p, left), 1 / (1 + exp(-(log(0.25 / 0.75) +
	    0.4))));
}

static void
refused(void **state)
{
	static const struct {
		const char *format, *text;
	} rows[] = {
		{ "logistic.json", "" }, { "logistic.json", "{}" },
		{ "logistic.json", "{\"coef\":[]}" },
		{ "logistic.json", "{\"coef\":[1],\"mean\":[1,2]}" },
		{ "logistic.json", "{\"coef\":[1],\"scale\":[0]}" },
		{ "logistic.json", "{\"coef\":[NaN]}" },
		{ "logistic.json", "{\"coef\":[1],\"features\":[]" },
		{ "logistic.json", "{\"coef\":[1],\"features\":[\"a\","
		    "\"b\"]}" },
		{ "onnx", "{}" }, { "xgboost.json", "{\"learner\":{}}" },
		{ "xgboost.json", XGB(TREES, "multi:softprob", "0.5") },
		{ "xgboost.json", XGB(TREES, "binary:logistic", "1.5") },
		{ "xgboost.json", XGB(TREES, "binary:logistic", "x") },
		/* a circle, a child outside, an input that is not there */
		{ "xgboost.json", XGB("[{\"left_children\":[0],"
		    "\"right_children\":[0],\"split_indices\":[0],"
		    "\"split_conditions\":[1],\"default_left\":[0]}]",
		    "reg:squarederror", "0") },
		{ "xgboost.json", XGB("[{\"left_children\":[5],"
		    "\"right_children\":[6],\"split_indices\":[0],"
		    "\"split_conditions\":[1],\"default_left\":[0]}]",
		    "reg:squarederror", "0") },
		{ "xgboost.json", XGB("[{\"left_children\":[1,-1,-1],"
		    "\"right_children\":[2,-1,-1],\"split_indices\":[2,0,0],"
		    "\"split_conditions\":[1,1,1],\"default_left\":[0,0,0]}]",
		    "reg:squarederror", "0") },
		{ "xgboost.json", XGB("[{\"left_children\":[1,-1,-1],"
		    "\"right_children\":[2,-1],\"split_indices\":[0,0,0],"
		    "\"split_conditions\":[1,1,1],\"default_left\":[0,0,0]}]",
		    "reg:squarederror", "0") },
		{ "xgboost.json", XGB("[{\"left_children\":[-1],"
		    "\"right_children\":[-1],\"split_indices\":[0],"
		    "\"split_conditions\":[1],\"default_left\":[0],"
		    "\"split_type\":[1]}]", "reg:squarederror", "0") },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct platform_predictor *p = NULL;

		err_clear(&err);
		if (platform_predictor_read(a, rows[i].format, rows[i].text,
		    strlen(rows[i].text), &p, &err) != -1)
			fail_msg("row %zu was taken: %s", i, rows[i].text);
		assert_int_equal(err.status, 422);
	}
}

static void
pickles(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} rows[] = { { "\x80\x04\x95", 3 }, { "\x78\x9c\x01", 3 },
	    { "\x93NUMPY\x01", 7 }, { "c__builtin__\neval", 10 },
	    { "(ip0", 4 } };

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct platform_predictor *p;

		assert_true(platform_model_is_pickle(rows[i].p, rows[i].n));
		err_clear(&err);
		assert_int_equal(platform_predictor_read(a, "xgboost.json",
		    rows[i].p, rows[i].n, &p, &err), -1);
		assert_string_equal(err.code, "pickle");
		assert_non_null(strstr(err.detail, "save_model"));
	}
	assert_false(platform_model_is_pickle("{\"coef\":[1]}", 12));
	assert_false(platform_model_is_pickle("", 0));
}

static int
try(const struct platform_predictor *p, const char *vectors)
{
	err_clear(&err);
	return platform_predictor_try(a, p, (struct json){ vectors }, 1e-6,
	    &err);
}

static void
vectors(void **state)
{
	struct platform_predictor *p = must_read("logistic.json",
	    "{\"coef\":[2],\"intercept\":1,\"identity\":true}");

	(void)state;
	assert_int_equal(try(p, "[{\"x\":[3],\"y\":7}]"), 0);
	assert_int_equal(try(p, "[{\"x\":[3],\"y\":7.0000005}]"), 0);
	assert_int_equal(try(p, "[{\"x\":[3],\"y\":7.1}]"), -1);
	assert_non_null(strstr(err.fields[0].loc, "0,\"y\""));
	assert_non_null(strstr(err.fields[0].msg, "gives 7"));
	assert_int_equal(try(p, "[{\"x\":[3,4],\"y\":7}]"), -1);
	assert_int_equal(try(p, "[]"), -1);
	assert_int_equal(try(p, NULL), -1);
	assert_int_equal(try(p, "nonsense"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logistic),
		cmocka_unit_test(xgboost),
		cmocka_unit_test(refused),
		cmocka_unit_test(pickles),
		cmocka_unit_test(vectors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
