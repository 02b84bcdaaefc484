/*
 * The list of routes: every row names a source file that exists, and names are
 * used once.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"
#include "http/route.h"
#include "module.h"

#include <cmocka.h>

static void
test_files(void **state)
{
	(void)state;
	for (size_t m = 0; modules[m] != NULL; m++) {
		const struct route *const *set = modules[m]->routes;

		for (; set != NULL && *set != NULL; set++) {
			const struct route *end = *set;
			char noun[256];

			while (end->id != NULL)
				end++;
			assert_non_null(end->file);
			snprintf(noun, sizeof(noun), "core/modules/%s/",
			    modules[m]->name);
			assert_non_null(strstr(end->file, noun));
			assert_non_null(strstr(end->file, "_http.c"));
			assert_int_equal(access(end->file, R_OK), 0);
		}
	}
}

static void
test_ids(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct map *seen = map_new(a);

	(void)state;
	for (size_t m = 0; modules[m] != NULL; m++) {
		const struct route *const *set = modules[m]->routes;

		for (; set != NULL && *set != NULL; set++)
			for (const struct route *r = *set; r->id != NULL; r++)
				if (map_put(seen, r->id, (void *)r) != NULL)
					fail_msg("%s occurs twice", r->id);
	}
	assert_true(map_count(seen) > 20);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
