/*
 * The order of a batch whose jobs need each other, its refusals, and the
 * places of 422 entries.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/platform/job.h"

#include <cmocka.h>

enum { MANY = 1000 };

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

static struct platform_job_in
item(const char *ref, size_t n, const char *const *needs)
{
	return (struct platform_job_in){ .type = "t", .ref = ref,
	    .needs = { arena_memdup(a, needs, n * sizeof(*needs)), n } };
}
#define NONE(ref) item((ref), 0, NULL)
#define NEEDS(ref, ...) item((ref), \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	(const char *[]){ __VA_ARGS__ })

/* Everything once, and after what it needs. */
static void
check_order(const struct platform_job_in *v, size_t n, const size_t *order)
{
	size_t *at = arena_array(a, n, sizeof(*at));
	bool *seen = arena_array(a, n, sizeof(*seen));

	for (size_t i = 0; i < n; i++) {
		assert_true(order[i] < n && !seen[order[i]]);
		seen[order[i]] = true;
		at[order[i]] = i;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i].needs.n; k++) {
			long from = platform_job_local(v, n,
			    ((const char **)v[i].needs.items)[k]);

			if (from >= 0)
				assert_true(at[from] < at[i]);
		}
}

static void
test_order(void **state)
{
	const struct platform_job_in v[] = { NEEDS("join", "#left", "#2"),
	    NEEDS("left", "#root"), NEEDS(NULL, "#root", "#root"),
	    NONE("root"), NEEDS(NULL,
	    "01890a5d-ac96-774b-bcce-b302099a8057") };
	size_t order[5];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(platform_job_order(a, v, 5, order, &e), 0);
	check_order(v, 5, order);
}

/* Random graphs without circles, and the same with one edge that closes one. */
static void
test_random_graphs(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		size_t n = 2 + random_below(60);
		struct platform_job_in *v = arena_array(a, n, sizeof(*v));
		size_t *rank = arena_array(a, n, sizeof(*rank));
		size_t *order = arena_array(a, n, sizeof(*order));
		struct err e = { 0 };

		for (size_t i = 0; i < n; i++) {	/* a permutation */
			size_t k = random_below(i + 1);

			rank[i] = rank[k];
			rank[k] = i;
		}
		for (size_t i = 0; i < n; i++) {
			const char *needs[8];
			size_t m = 0;

			for (int k = 0; k < 8; k++) {
				size_t to = random_below(n);

				if (rank[to] < rank[i])
					needs[m++] = arena_printf(a, "#%zu",
					    to);
			}
			v[i] = item(NULL, m, needs);
		}
		assert_int_equal(platform_job_order(a, v, n, order, &e), 0);
		check_order(v, n, order);
		for (size_t i = 0; i < n; i++)	/* first needs last */
			if (rank[i] == 0)
				for (size_t k = 0; k < n; k++)
					if (v[k].needs.n > 0 && k != i)
						v[i] = NEEDS(NULL,
						    arena_printf(a, "#%zu",
						    k)), v[k] = NEEDS(NULL,
						    arena_printf(a, "#%zu",
						    i));
		err_clear(&e);
		if (platform_job_order(a, v, n, order, &e) == 0) {
			check_order(v, n, order);	/* no edge at all */
			continue;
		}
		assert_int_equal(e.status, 422);
	}
}

static void
test_long_chain(void **state)
{
	struct platform_job_in *v = arena_array(a, MANY, sizeof(*v));
	size_t *order = arena_array(a, MANY, sizeof(*order));
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		v[i] = i + 1 < MANY ? NEEDS(NULL, arena_printf(a, "#%zu",
		    i + 1)) : NONE(NULL);
	assert_int_equal(platform_job_order(a, v, MANY, order, &e), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(order[i], MANY - 1 - i);
}

static void
refused(const struct platform_job_in *v, size_t n, const char *loc)
{
	size_t order[8];
	struct err e = { 0 };

	assert_int_equal(platform_job_order(a, v, n, order, &e), -1);
	assert_int_equal(e.status, 422);
	for (size_t i = 0; i < e.nfields; i++)
		if (strcmp(e.fields[i].loc, loc) == 0)
			return;
	fail_msg("no entry at %s but %s", loc, e.fields[0].loc);
}

static void
test_refusals(void **state)
{
	struct platform_job_in self[] = { NEEDS(NULL, "#0") };
	struct platform_job_in circle[] = { NONE(NULL), NEEDS("a", "#b"),
	    NEEDS("b", "#0", "#a") };
	struct platform_job_in unknown[] = { NEEDS(NULL, "#x") };
	struct platform_job_in beyond[] = { NEEDS(NULL, "#1") };
	struct platform_job_in huge[] = { NEEDS(NULL,
	    "#99999999999999999999") };
	struct platform_job_in empty[] = { NEEDS(NULL, "#") };
	struct platform_job_in twice[] = { NONE("a"), NONE("a") };

	(void)state;
	refused(self, 1, "[\"body\",\"jobs\",0,\"needs\"]");
	refused(circle, 3, "[\"body\",\"jobs\",1,\"needs\"]");
	refused(circle, 3, "[\"body\",\"jobs\",2,\"needs\"]");
	refused(unknown, 1, "[\"body\",\"jobs\",0,\"needs\",0]");
	refused(beyond, 1, "[\"body\",\"jobs\",0,\"needs\",0]");
	refused(huge, 1, "[\"body\",\"jobs\",0,\"needs\",0]");
	refused(empty, 1, "[\"body\",\"jobs\",0,\"needs\",0]");
	refused(twice, 2, "[\"body\",\"jobs\",1,\"ref\"]");
}

static void
test_local_names(void **state)
{
	struct platform_job_in v[] = { NONE("a"), NONE(NULL), NONE("b1") };

	(void)state;
	assert_int_equal(platform_job_local(v, 3, "#0"), 0);
	assert_int_equal(platform_job_local(v, 3, "#2"), 2);
	assert_int_equal(platform_job_local(v, 3, "#3"), -2);
	assert_int_equal(platform_job_local(v, 3, "#a"), 0);
	assert_int_equal(platform_job_local(v, 3, "#b1"), 2);
	assert_int_equal(platform_job_local(v, 3, "#c"), -2);
	assert_int_equal(platform_job_local(v, 3, "#-1"), -2);
	assert_int_equal(platform_job_local(v, 3, "a"), -1);
	assert_int_equal(platform_job_local(v, 3, ""), -1);
	assert_int_equal(platform_job_local(NULL, 0, "#0"), -2);
}

static void
test_places(void **state)
{
	struct err e = { 0 };

	(void)state;
	err_field(&e, (struct err_field){ .type = "t",
	    .loc = "[\"body\",\"tries\"]", .msg = "m", .input = "1" });
	err_field(&e, (struct err_field){ .type = "t",
	    .loc = "[\"path\",\"id\"]", .msg = "m", .input = "1" });
	platform_job_place(a, &e, "\"jobs\",7");
	assert_string_equal(e.fields[0].loc,
	    "[\"body\",\"jobs\",7,\"tries\"]");
	assert_string_equal(e.fields[1].loc, "[\"path\",\"id\"]");
}

static void
test_trace(void **state)
{
	static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-"
	    "b7ad6b7169203331-01";
	static const char *const bad[] = { "", "00", "00-", "x",
	    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
	    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
	    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
	    "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
	    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011" };

	(void)state;
	assert_ptr_equal(platform_job_trace(good), good);
	assert_null(platform_job_trace(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(platform_job_trace(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_long_chain),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_local_names),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_trace),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
