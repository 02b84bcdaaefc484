/*
 * Metrics across processes: counters survive, gauges vanish, and the text is
 * what Prometheus reads (promtool judges it where it is installed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "shm/dependency.h"
#include "tests/harness/forked.h"

static const char *const codes[] = { "2xx", "4xx", "5xx", NULL };
static const struct metric_label code = { "code", codes };
static const struct metric_label route = { "route", NULL };
static const struct metric requests = { "http_requests_total",
    "Requests by\nroute \\ code.", METRIC_COUNTER, { &route, &code } };
static const struct metric seconds = { "http_request_seconds",
    "Time to answer.", METRIC_HISTOGRAM, { &route, NULL } };
static const struct metric inflight = { "http_inflight", "In progress.",
    METRIC_GAUGE, { NULL, NULL } };
static const struct metric boots = { "boots_total", "Boots.", METRIC_COUNTER,
    { NULL, NULL } };
static const struct metric stranger = { "stranger_total", "Nowhere.",
    METRIC_COUNTER, { NULL, NULL } };
static const struct metric *const metrics[] = { &requests, &seconds, &inflight,
    &boots, &boots, NULL };
static const char *const routes[] = { "jobs", "a\"b\\c\nd", NULL };
static const struct metric_label *const dynamic[] = { &route, NULL };
static const char *const *const dynamic_values[] = { routes };
static const struct guard guards[] = {
	{ .name = "aws", .budget = { 200, 10, 10 }, .permits = 2 },
	{ .name = "redis" }, { .name = NULL }
};
static const struct bulkhead hall = { "password", 3 };
static const struct bulkhead *const halls[] = { &hall, NULL };
static const struct shm_layout layout = {
	.metrics = metrics, .guards = guards, .bulkheads = halls,
	.processes = 16, .limit_slots = 64,
	.dynamic = dynamic, .dynamic_values = dynamic_values
};

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *s;

static int
begin(void **state)
{
	struct err e;

	(void)state;
	scratch_dir(dir);
	a = arena_new(16 << 20);
	return shm_attach(&s, a, dir, &layout, &e);
}

static int
end(void **state)
{
	(void)state;
	shm_detach(s);
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static const char *
text(void)
{
	struct str o;

	str_init(&o, a);
	metrics_expose(s, &o);
	return o.p;
}

static int
count_up(void *unused)
{
	int i;

	(void)unused;
	shm_after_fork(s);
	for (i = 0; i < 100000; i++) {
		metric_add(&requests, 1, 2, 1);
		metric_observe_ns(&seconds, 0, 0, 700000);
	}
	raise(SIGKILL);
	return 0;
}

static void
counters_survive(void **state)
{
	uint64_t last = 0, now;
	pid_t kids[4];
	int i, k;

	(void)state;
	for (i = 0; i < 4; i++)
		kids[i] = forked(count_up, NULL);
	for (k = 0; k < 100; k++, last = now) {
		now = metric_read(&requests, 1, 2);
		assert_true(now >= last);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(forked_wait(kids[i]), 1000 + SIGKILL);
	assert_int_equal(metric_read(&requests, 1, 2), 400000);
	assert_int_equal(metric_read(&requests, 0, 2), 0);
	assert_int_equal(metric_read(&seconds, 0, 0), 400000);
	assert_non_null(strstr(text(),
	    "http_request_seconds_sum{route=\"jobs\"} 280.000000000\n"));
}

static int
hold_gauge(void *unused)
{
	(void)unused;
	shm_after_fork(s);
	metric_set(&inflight, 0, 0, 7);
	pause();
	return 0;
}

static bool
is_twelve(void *unused)
{
	(void)unused;
	return metric_read(&inflight, 0, 0) == 12;
}

static void
gauges_vanish(void **state)
{
	pid_t kid;

	(void)state;
	metric_set(&inflight, 0, 0, 9);
	metric_set(&inflight, 0, 0, 5);
	kid = forked(hold_gauge, NULL);
	assert_true(eventually(is_twelve, NULL, 3000));
	kill(kid, SIGKILL);
	forked_wait(kid);
	assert_int_equal(metric_read(&inflight, 0, 0), 5);
	metric_set(&inflight, 0, 0, -3);
	assert_non_null(strstr(text(), "quincunx_http_inflight -3\n"));
}

static void
wrong_places_dropped(void **state)
{
	(void)state;
	metric_add(&requests, 2, 0, 1);
	metric_add(&requests, 0, 3, 1);
	metric_add(&requests, SIZE_MAX, SIZE_MAX, 1);
	metric_add(&stranger, 0, 0, 1);
	metric_set(&boots, 0, 0, 1);
	metric_observe_ns(&boots, 0, 0, 1);
	assert_int_equal(metric_read(&requests, 2, 0), 0);
	assert_int_equal(metric_read(&boots, 0, 0), 0);
	assert_non_null(strstr(text(), "quincunx_shm_dropped_total 6\n"));
}

static void
buckets(void **state)
{
	const char *t;

	(void)state;
	metric_observe_ns(&seconds, 0, 0, 500000);	/* on the bound: in */
	metric_observe_ns(&seconds, 0, 0, 500001);
	metric_observe_ns(&seconds, 0, 0, UINT64_C(61000000000));
	t = text();
	assert_non_null(strstr(t, "{route=\"jobs\",le=\"0.0005\"} 1\n"));
	assert_non_null(strstr(t, "{route=\"jobs\",le=\"0.001\"} 2\n"));
	assert_non_null(strstr(t, "{route=\"jobs\",le=\"60\"} 2\n"));
	assert_non_null(strstr(t, "{route=\"jobs\",le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(t,
	    "http_request_seconds_count{route=\"jobs\"} 3\n"));
}

static void
escaped(void **state)
{
	const char *t;

	(void)state;
	metric_add(&requests, 1, 0, 1);
	t = text();
	assert_non_null(strstr(t, "quincunx_http_requests_total{"
	    "route=\"a\\\"b\\\\c\\nd\",code=\"2xx\"} 1\n"));
	assert_non_null(strstr(t, "# HELP quincunx_http_requests_total "
	    "Requests by\\nroute \\\\ code.\n"));
	assert_non_null(strstr(t, "quincunx_breaker_state{name=\"redis\"} 0\n"));
	assert_non_null(strstr(t, "quincunx_retry_budget{name=\"aws\"} 100\n"));
	assert_non_null(strstr(t, "quincunx_bulkhead_used{name=\"aws\"} 0\n"));
	assert_non_null(strstr(t, "quincunx_breaker_transitions_total{"
	    "name=\"other\",to=\"half_open\"} 0\n"));
	t = strstr(t, "# TYPE quincunx_boots_total counter\n");
	assert_non_null(t);
	assert_null(strstr(t + 1, "# TYPE quincunx_boots_total"));
}

static void
promtool_reads_it(void **state)
{
	FILE *p;

	(void)state;
	if (system("command -v promtool >/dev/null 2>&1") != 0) {
		print_message("not run: promtool is not installed\n");
		if (getenv("CI") != NULL)
			fail();
		return;
	}
	metric_observe_ns(&seconds, 1, 0, 5000000);
	metric_add(&requests, 1, 1, 3);
	p = popen("promtool check metrics >&2", "w");
	assert_non_null(p);
	fputs(text(), p);
	assert_int_equal(pclose(p), 0);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(counters_survive),
		CASE(gauges_vanish),
		CASE(wrong_places_dropped),
		CASE(buckets),
		CASE(escaped),
		CASE(promtool_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
