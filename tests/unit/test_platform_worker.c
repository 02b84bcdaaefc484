/*
 * Who does the jobs: the judgement of the health check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "modules/platform/worker.h"

static void
test_judgement(void **state)
{
	static const struct {
		int64_t daemon_s, cron_s, tick_s, elsewhere;
		enum probe_state want;
		const char *says;
	} v[] = {
		{ 0, -1, -1, 0, PROBE_OK, "quincunx-worker" },
		{ 15, -1, -1, 0, PROBE_OK, "quincunx-worker" },
		{ 16, 5, -1, 0, PROBE_OK, "--work" },
		{ -1, 180, -1, 0, PROBE_OK, "--work" },
		{ -1, 181, -1, 0, PROBE_DEGRADED, "jobs wait" },
		{ -1, -1, -1, 2, PROBE_OK, "other hosts" },
		{ -1, -1, 10, 0, PROBE_DEGRADED, "without --work" },
		{ -1, -1, -1, 0, PROBE_DEGRADED, "start quincunx-worker" },
		{ -1, -1, -1, -1, PROBE_DEGRADED, "database" },
		{ 1000, 1000, 1000, 0, PROBE_DEGRADED, "jobs wait" },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++) {
		struct probe p = { .state = PROBE_DISABLED };

		platform_worker_judge(v[i].daemon_s, v[i].cron_s,
		    v[i].tick_s, v[i].elsewhere, &p);
		assert_int_equal(p.state, v[i].want);
		assert_non_null(strstr(p.detail, v[i].says));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
