/*
 * Order of components, and tables that cannot work.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "module.h"
#include "modules/platform/service.h"

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

#define NEEDS(...) .needs = (const char *const[]){ __VA_ARGS__, NULL }

static const struct component good[] = {
	{ .name = "page", NEEDS("web", "cache") },
	{ .name = "web", NEEDS("db") },
	{ .name = "cache", NEEDS("db") },
	{ .name = "db" },
	{ .name = "mail" },
	{ .name = NULL }
};
static const struct component circle[] = {
	{ .name = "a", NEEDS("b") }, { .name = "b", NEEDS("c") },
	{ .name = "c", NEEDS("a") }, { .name = NULL }
};
static const struct component missing[] = {
	{ .name = "a", NEEDS("zebra") }, { .name = NULL }
};

static const struct component *const *
all_of(const struct component *list)
{
	struct module *m = arena_alloc(a, sizeof(*m));
	const struct module **v = arena_array(a, 2, sizeof(*v));

	m->components = list;
	v[0] = m;
	return platform_components(a, v);
}

static const char *
order(const char *name, bool needs)
{
	const struct component *const *all = all_of(good), *const *p;
	struct str s;

	str_init(&s, a);
	for (p = platform_component_order(a, all,
	    platform_component_find(all, name), needs); *p != NULL; p++)
		str_addf(&s, "%s ", (*p)->name);
	return s.p;
}

static void
test_order(void **state)
{
	(void)state;
	assert_string_equal(order("page", true), "db web cache page ");
	assert_string_equal(order("db", true), "db ");
	assert_string_equal(order("db", false), "page cache web db ");
	assert_string_equal(order("web", false), "page web ");
	assert_string_equal(order("mail", false), "mail ");
}

static void
test_faults(void **state)
{
	const char *why;

	(void)state;
	assert_null(platform_components_fault(a, all_of(good)));
	assert_non_null(platform_components_fault(a, all_of(circle)));
	why = platform_components_fault(a, all_of(missing));
	assert_non_null(why);
	assert_non_null(strstr(why, "zebra"));
}

/* The tables as they are. */
static void
test_real(void **state)
{
	const char *why = platform_components_fault(a,
	    platform_components(a, modules));

	(void)state;
	if (why != NULL)
		fail_msg("%s", why);
}

static void
test_words(void **state)
{
	(void)state;
	assert_int_equal(platform_action_parse("start"), ACT_START);
	assert_int_equal(platform_action_parse("resume"), ACT_RESUME);
	assert_int_equal(platform_action_parse(""), 0);
	assert_int_equal(platform_action_parse("Stop"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_real, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
