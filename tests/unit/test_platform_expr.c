/*
 * Conditions: what is an expression and what is not, what it finds, and that
 * Prometheus takes the exported rules and raises the same alerts (promtool
 * judges where it is installed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/table.h"
#include "module.h"
#include "modules/platform/alert.h"
#include "modules/platform/sample.h"
#include "tests/harness/forked.h"

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

/* ---- the grammar ------------------------------------------------------------- */

static const struct {
	const char *text, *promql;
} good[] = {
	{ "up > 0", "quincunx_up > 0" },
	{ " up\n>=\t1e3 ", "quincunx_up >= 1000" },
	{ "up{a=\"b\", c != \"d\"} == 1",
	    "quincunx_up{a=\"b\",c!=\"d\"} == 1" },
	{ "up{code=~\"500|502\"} > 0", "quincunx_up{code=~\"500|502\"} > 0" },
	{ "up{host=\"x\"} > -1", "quincunx_up{instance=\"x\"} > -1" },
	{ "up{} != 0", "quincunx_up != 0" },
	{ "rate(a_total[5m]) > 0.5", "rate(quincunx_a_total[300s]) > 0.5" },
	{ "sum by (host, b) (rate(a[1h])) > 1",
	    "sum by (b, instance) (rate(quincunx_a[3600s])) > 1" },
	{ "sum(a) / sum(b) > 1 and max(c) < 2",
	    "(sum(quincunx_a) / sum(quincunx_b)) > 1 and "
	    "max(quincunx_c) < 2" },
	{ "a - b * 2 > 3", "(quincunx_a - (quincunx_b * 2)) > 3" },
	{ "(a - b) * 2 > 3", "((quincunx_a - quincunx_b) * 2) > 3" },
	{ "a * (2 + 3 * 4) > 3", "(quincunx_a * 14) > 3" },
	{ "absent(a{b=\"c\"})", "absent(quincunx_a{b=\"c\"})" },
	{ "absent > 1", "quincunx_absent > 1" },
	{ "rate > 1", "quincunx_rate > 1" },
	{ "sum > 1", "quincunx_sum > 1" },
	{ "histogram_quantile(0.99, s[5m]) > 1", "histogram_quantile(0.99, "
	    "sum by (le, instance) (rate(quincunx_s_bucket[300s]))) > 1" },
	{ "avg_over_time(a[10m]) < 0.1",
	    "avg_over_time(quincunx_a[600s]) < 0.1" },
	{ "deriv(a[15m]) > 0 and a > 5 and b > 6",
	    "deriv(quincunx_a[900s]) > 0 and quincunx_a > 5 and "
	    "quincunx_b > 6" },
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err e = { 0 };
		struct platform_expr *x = platform_expr_parse(a, good[i].text,
		    &e);
		struct str s;

		if (x == NULL)
			fail_msg("%s: %s", good[i].text, e.detail);
		str_init(&s, a);
		platform_expr_promql(x, &s);
		assert_string_equal(s.p, good[i].promql);
	}
}

static const struct {
	const char *text, *complaint;	/* part of it */
} bad[] = {
	{ "", "Column 1" }, { "up", "a comparison" }, { "> 1", "Column 1" },
	{ "1 > 1", "a metric on the left" }, { "1 + 2 > 1", "a metric on" },
	{ "up > up", "a number" }, { "up > ", "a number" },
	{ "up > 1 x", "the end" }, { "up > 1 and", "Column" },
	{ "up > 1 or up > 2", "the end" }, { "up{a} > 1", "=, != or =~" },
	{ "up{a=b} > 1", "\"\"\"" }, { "up{a=\"b} > 1", "without escapes" },
	{ "up{a=\"b\\\"\"} > 1", "without escapes" },
	{ "up{a=~\".*\"} > 1", "words separated" },
	{ "up{a=~\"(a+)+$\"} > 1", "words separated" },
	{ "up{a=~\"a||b\"} > 1", "words separated" },
	{ "up{a=\"1\",b=\"1\",c=\"1\",d=\"1\",e=\"1\"} > 1", "no more than" },
	{ "rate(up) > 1", "\"[\"" }, { "rate(up[5]) > 1", "s, m or h" },
	{ "rate(up[1s]) > 1", "between 60s and 1h" },
	{ "rate(up[2h]) > 1", "between 60s and 1h" },
	{ "rate(up[999999h]) > 1", "a duration" },
	{ "rate(sum(up)[5m]) > 1", "\"[\"" },
	{ "up[5m] > 1", "a comparison" }, { "nope(up) > 1", "a comparison" },
	{ "sum by () (up) > 1", "a label" },
	{ "sum by (a,b,c,d) (up) > 1", "no more than 3" },
	{ "histogram_quantile(1.5, a[5m]) > 1", "between 0 and 1" },
	{ "absent(up) and up > 1", "the end" }, { "up > 1e999", "a number" },
	{ "up * (1 / 0) > 1", "a finite number" },
	{ "((((((((((((((((((((up))))))))))))))))))) > 1", "less depth" },
	{ "up > 1; DROP TABLE x", "the end" },
};

static void
test_bad(void **state)
{
	char *deep = arena_alloc(a, EXPR_TEXT + 2);
	struct err long_e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		if (platform_expr_parse(a, bad[i].text, &e) != NULL)
			fail_msg("taken: %s", bad[i].text);
		assert_int_equal(e.status, 422);
		if (strstr(e.detail, bad[i].complaint) == NULL)
			fail_msg("%s: %s", bad[i].text, e.detail);
	}
	memset(deep, '(', EXPR_TEXT + 1);
	assert_null(platform_expr_parse(a, deep, &long_e));
	assert_non_null(strstr(long_e.detail, "at most"));
}

/* ---- what it finds ---------------------------------------------------------------- */

/* Ten minutes of two hosts, a value a minute, the last one now. */
enum { MINUTES = 10 };
static const struct platform_series series[] = {
	{ 1, "gauge", "{}", "gauge", { { NULL, NULL } }, 0 },
	{ 2, "c_total", "{}", "counter", { { "code", "200" } }, 1 },
	{ 3, "c_total", "{}", "counter", { { "code", "500" } }, 1 },
	{ 4, "sec", "{}", "histogram", { { NULL, NULL } }, 0 },
	{ 5, "quiet", "{}", "gauge", { { NULL, NULL } }, 0 },
};

static struct platform_view
view(void)
{
	struct platform_host *h = arena_array(a, 3, sizeof(*h));
	struct platform_view v = { series, 5, h, 3, { INT64_C(1000000000) },
	    150 };

	for (int k = 0; k < 3; k++) {
		struct platform_frame *f = arena_array(a, MINUTES + 1,
		    sizeof(*f));

		h[k] = (struct platform_host){ (const char *[]){ "a", "b",
		    "dead" }[k], f, MINUTES + 1 };
		for (int i = 0; i <= MINUTES; i++) {
			double *b = arena_array(a, METRIC_BUCKETS,
			    sizeof(*b));

			f[i].host = h[k].name;
			f[i].at.us = v.now.us - (MINUTES - i) * 60000000LL -
			    (k == 2 ? 600000000LL : 0);
			b[4] = 60.0 * i;
			b[7] = 6.0 * i;
			*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 1,
			    k == 0 ? i : 10 - i, 0, NULL };
			*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 2,
			    600.0 * i, 0, NULL };
			if (i >= 5 && k == 0)	/* not counted before */
				*VEC_ADD(a, &f[i].v) =
				    (struct platform_reading){ 3,
				    60.0 * (i - 4), 0, NULL };
			*VEC_ADD(a, &f[i].v) = (struct platform_reading){ 4,
			    66.0 * i, 0.3 * i, b };
		}
	}
	return v;
}

static const struct {
	const char *text;
	const char *found;	/* "host:value host:value" */
} finds[] = {
	{ "gauge > 3", "a:10" }, { "gauge <= 3", "b:0" },
	{ "gauge{host=\"b\"} == 0", "b:0" },
	{ "gauge{host!=\"b\"} >= 0", "a:10" },
	{ "gauge{host=~\"x|a\"} >= 0", "a:10" },
	{ "max(gauge) > 3", ":10" }, { "min(gauge) < 3", ":0" },
	{ "sum(gauge) > 3", ":10" }, { "avg(gauge) > 3", ":5" },
	{ "rate(c_total{code=\"200\"}[5m]) > 1", "200:10 200:10" },
	{ "increase(c_total{code=\"500\"}[5m]) > 1", "500:300" },
	{ "sum by (host) (rate(c_total[5m])) > 10.5", "a:11" },
	{ "sum by (code) (rate(c_total[5m])) > 10", "200:20" },
	{ "sum by (host) (rate(c_total{code=\"500\"}[5m])) / "
	    "sum by (host) (rate(c_total[5m])) > 0.05", "a:0.0909091" },
	{ "deriv(gauge[10m]) > 0", "a:0.0166667" },
	{ "delta(gauge[5m]) < 0", "b:-5" },
	{ "avg_over_time(gauge[4m]) > 5", "a:8" },
	{ "max_over_time(gauge[10m]) >= 10", "a:10 b:10" },
	{ "min_over_time(gauge[5m]) > 4", "a:5" },
	{ "histogram_quantile(0.5, sec[5m]) < 0.01", "a:0.00775 "
	    "b:0.00775" },
	{ "histogram_quantile(0.99, sec[5m]) > 0.05",
	    "a:0.0945 b:0.0945" },
	{ "quiet > 0", "" }, { "nobody > 0", "" },
	{ "absent(quiet)", ":1" }, { "absent(gauge)", "" },
	{ "absent(gauge{host=\"dead\"})", "dead:1" },
	{ "gauge > 3 and rate(gauge[5m]) > 0", "a:10" },
	{ "gauge > 3 and gauge{host=\"b\"} >= 0", "" },
	{ "gauge * 2 + 1 > 3", "a:21" }, { "20 - gauge > 15", "b:20" },
	{ "gauge / gauge > 0", "a:1" },		/* b: 0/0 is no number */
};

static void
test_finds(void **state)
{
	struct platform_view v = view();

	(void)state;
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		struct err e = { 0 };
		struct platform_expr *x = platform_expr_parse(a,
		    finds[i].text, &e);
		struct platform_vector out;
		struct str s;

		assert_non_null(x);
		platform_expr_eval(a, x, &v, &out);
		str_init(&s, a);
		for (size_t k = 0; k < out.n; k++)
			str_addf(&s, "%s%s:%g", k > 0 ? " " : "",
			    out.v[k].nlabels > 0 ? out.v[k].label[0].value :
			    "", out.v[k].v);
		if (strcmp(s.p, finds[i].found) != 0)
			fail_msg("%s: %s, wanted %s", finds[i].text, s.p,
			    finds[i].found);
	}
}

/* ---- the rules that come with the program ---------------------------------------------- */

static struct rows
declared(void)
{
	struct err e = { 0 };
	struct rows rows;

	assert_int_equal(platform_rules(modules, NULL, a, &rows, &e), 0);
	return rows;
}

static void
test_declared(void **state)
{
	struct rows rows = declared();

	(void)state;
	assert_true(rows.n > 20);
	for (size_t i = 0; i < rows.n; i++) {
		const struct platform_rule *r = ROW(&rows,
		    struct platform_rule, i);
		struct err e = { 0 };

		if (platform_rule_check(modules, a, r, &e) == -1)
			fail_msg("%s: %s", r->name, e.fields[0].msg);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(r->name, ROW(&rows,
			    struct platform_rule, k)->name);
		for (const char *w = r->inhibited_by; *w != '\0';) {
			size_t n = strcspn(w, " "), k = 0;

			while (k < rows.n && strncmp(ROW(&rows,
			    struct platform_rule, k)->name, w, n) != 0)
				k++;
			if (k == rows.n)
				fail_msg("%s: no rule %s", r->name, w);
			w += n + (w[n] == ' ');
		}
	}
}

/* A rule about something nobody keeps would never fire. */
static void
test_unknown_metric(void **state)
{
	struct platform_rule r = { .expr = "htpp_requests_total > 1" };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(platform_rule_check(modules, a, &r, &e), -1);
	assert_non_null(strstr(e.fields[0].msg, "htpp_requests_total"));
	r.expr = "process_count{pool=\"api\"} < 1";
	err_clear(&e);
	assert_int_equal(platform_rule_check(modules, a, &r, &e), 0);
}

static bool
promtool(const char *args)
{
	if (system("command -v promtool >/dev/null 2>&1") != 0) {
		print_message("not run: promtool is not installed\n");
		if (getenv("CI") != NULL)
			fail();
		return false;
	}
	if (system(arena_printf(a, "promtool %s >&2", args)) != 0)
		fail_msg("promtool %s", args);
	return true;
}

static const char *
file_text(const char *path)
{
	char *buf = arena_alloc(a, 1 << 16);
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		fail_msg("%s is missing", path);
	n = fread(buf, 1, (1 << 16) - 1, f);
	fclose(f);
	buf[n] = '\0';
	return buf;
}

static const char rules_file[] = "packaging/prometheus/quincunx.rules.yml";

static void
test_export(void **state)
{
	struct rows rows = declared();
	struct str s;

	(void)state;
	str_init(&s, a);
	platform_rules_export(a, rows.v, rows.n, &s);
	if (strcmp(s.p, file_text(rules_file)) != 0)
		fail_msg("%s is not what `quincunx alerts export --declared` "
		    "writes", rules_file);
	promtool(arena_printf(a, "check rules %s", rules_file));
}

/* Prometheus judges the exported file on series of its own. */
static void
test_promtool_cases(void **state)
{
	(void)state;
	promtool("test rules packaging/prometheus/quincunx.test.yml");
}

/* What test_finds() expects is what PromQL finds on the same series. */
static void
put_series(FILE *f, const char *name, const char *labels, const char *values)
{
	fprintf(f, "  - series: 'quincunx_%s{%s}'\n    values: '%s'\n", name,
	    labels, values);
}

static const struct {
	const char *text;
	const char *holds;	/* instances, or "" */
} same[] = {
	{ "gauge > 3", "a" }, { "max(gauge) > 3", "-" },
	{ "rate(c_total{code=\"200\"}[5m]) > 9", "a b" },
	{ "sum by (host) (rate(c_total[5m])) > 10.5", "a" },
	{ "sum by (host) (rate(c_total{code=~\"500|502\"}[4m])) / "
	    "sum by (host) (rate(c_total[4m])) > 0.05", "a" },
	{ "deriv(gauge[10m]) > 0", "a" }, { "delta(gauge[5m]) < 0", "b" },
	{ "avg_over_time(gauge[4m]) > 5", "a" },
	{ "absent(quiet)", "-" }, { "gauge > 3 and delta(gauge[5m]) > 0", "a" },
	{ "20 - gauge > 15", "b" },
	{ "histogram_quantile(0.99, sec[5m]) > 0.05", "a b" },
};

static void
write_rules(FILE *f)
{
	fprintf(f, "groups:\n- name: same\n  rules:\n");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct err e = { 0 };
		struct str s;

		str_init(&s, a);
		platform_expr_promql(platform_expr_parse(a, same[i].text,
		    &e), &s);
		fprintf(f, "  - alert: A%zu\n    expr: ", i);
		s.p = arena_strdup(a, s.p);
		fprintf(f, "|-\n      %s\n", s.p);
	}
}

static void
write_cases(FILE *f)
{
	fprintf(f, "rule_files:\n- rules.yml\ntests:\n- interval: 1m\n"
	    "  input_series:\n");
	for (int k = 0; k < 2; k++) {
		const char *l = k == 0 ? "instance=\"a\"" : "instance=\"b\"";

		put_series(f, "gauge", l, k == 0 ? "0+1x10" : "10-1x10");
		put_series(f, "c_total", arena_printf(a, "%s,code=\"200\"",
		    l), "0+600x10");
		put_series(f, "sec_bucket", arena_printf(a,
		    "%s,le=\"0.005\"", l), "0+0x10");
		put_series(f, "sec_bucket", arena_printf(a, "%s,le=\"0.01\"",
		    l), "0+60x10");
		put_series(f, "sec_bucket", arena_printf(a, "%s,le=\"0.05\"",
		    l), "0+60x10");
		put_series(f, "sec_bucket", arena_printf(a, "%s,le=\"0.1\"",
		    l), "0+66x10");
		put_series(f, "sec_bucket", arena_printf(a, "%s,le=\"+Inf\"",
		    l), "0+66x10");
	}
	put_series(f, "c_total", "instance=\"a\",code=\"500\"",
	    "0 0 0 0 0 60+60x5");
	fprintf(f, "  alert_rule_test:\n");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		fprintf(f, "  - eval_time: 10m\n    alertname: A%zu\n"
		    "    exp_alerts:%s\n", i, *same[i].holds == '\0' ?
		    " []" : "");
		for (const char *h = same[i].holds; *h != '\0'; h++) {
			if (*h == ' ')
				continue;
			if (*h == '-')
				fprintf(f, "    - exp_labels: {}\n");
			else
				fprintf(f, "    - exp_labels: {instance: %c"
				    "%s}\n", *h, i == 2 ? ", code: 200" : "");
		}
	}
}

static void
test_same_as_prometheus(void **state)
{
	struct platform_view v = view();
	char dir[SCRATCH_PATH];
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct err e = { 0 };
		struct platform_vector out;
		struct str s;

		platform_expr_eval(a, platform_expr_parse(a, same[i].text,
		    &e), &v, &out);
		str_init(&s, a);
		for (size_t k = 0; k < out.n; k++) {
			const char *host = "-";

			for (size_t l = 0; l < out.v[k].nlabels; l++)
				if (strcmp(out.v[k].label[l].name,
				    "host") == 0)
					host = out.v[k].label[l].value;
			str_addf(&s, "%s%s", k > 0 ? " " : "", host);
		}
		if (strcmp(s.p, same[i].holds) != 0)
			fail_msg("%s: %s, wanted %s", same[i].text, s.p,
			    same[i].holds);
	}
	scratch_dir(dir);
	f = fopen(arena_printf(a, "%s/rules.yml", dir), "w");
	write_rules(f);
	fclose(f);
	f = fopen(arena_printf(a, "%s/cases.yml", dir), "w");
	write_cases(f);
	fclose(f);
	promtool(arena_printf(a, "test rules %s/cases.yml", dir));
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_declared),
		cmocka_unit_test(test_unknown_metric),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_promtool_cases),
		cmocka_unit_test(test_same_as_prometheus),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
