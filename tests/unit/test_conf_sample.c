/*
 * Sample configuration: as printed, and with every setting made active, it
 * loads to exactly the defaults, in both formats; every setting is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "conf/base.h"

/* Groups that interleave and share prefixes, as modules do. */
struct odd_conf {
	int64_t wide, narrow;
	double real;
	bool yes;
	const char *text, *secret, *top;
	const char *const *list;
};

#define ROW(m, p, ...) SETTING(struct odd_conf, m, p, __VA_ARGS__)
static const struct setting odd_rows[] = {
	ROW(wide, "odd.a.wide", .def = "9000000000", .doc = "Wide",
	    .unit = "bytes", .min = 0, .max = INT64_C(1) << 40),
	ROW(text, "log.extra.text", .def = "q \"x\" \\ \t", .doc = "Text"),
	ROW(narrow, "odd.narrow", .def = "-5", .doc = "Narrow"),
	ROW(real, "odd.a.real", .def = "2", .doc = "Real"),
	ROW(yes, "odd.b.yes", .def = "YES", .doc = "Yes"),
	ROW(secret, "odd.a.secret", .flags = SET_SECRET, .env = "ODD_SECRET",
	    .doc = "Secret"),
	ROW(top, "odd_top", .def = "t", .doc = "Top level, last"),
	ROW(list, "odd.b.list", .def = "x, y", .doc = "List"),
	SETTING_END
};

static const struct settings odd_settings = { .name = "odd",
    .size = sizeof(struct odd_conf), .rows = odd_rows };
static const struct settings *const groups[] = { &base_settings,
    &odd_settings, NULL };

static char *const no_env[] = { NULL };
static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	err_clear(&err);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static uint64_t
hash_of(const char *file, char *const *env)
{
	/* "/none": not that of an installation in this checkout */
	struct conf_source src = { .file = file != NULL ? file : "/none",
	    .file_required = file != NULL, .env = env };
	struct conf *c;

	if (conf_load(&c, a, groups, &src, &err) != 0)
		fail_msg("%s", err.detail);
	return conf_hash(c);
}

/* Takes the one sign off the lines that are settings. */
static char *
activate(const char *text)
{
	struct str s;
	const char *p;

	str_init(&s, a);
	for (p = text; *p != '\0'; p++)
		if (*p != '#' || p[1] == ' ' || p[1] == '\n')
			str_addc(&s, *p);
	return s.p;
}

static size_t
lines_with(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word)) != NULL) {
		n++;
		text++;
	}
	return n;
}

static uint64_t
hash_of_text(const char *text)
{
	char path[] = "/tmp/qx-sample-XXXXXX";
	int fd = mkstemp(path);
	uint64_t got;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	got = hash_of(path, no_env);
	unlink(path);
	return got;
}

static void
test_libconfig(void **state)
{
	struct str s;
	char *active;

	(void)state;
	str_init(&s, a);
	conf_sample(groups, CONF_LIBCONFIG, &s);
	assert_true(hash_of_text(s.p) == hash_of(NULL, no_env));
	active = activate(s.p);
	assert_true(hash_of_text(active) == hash_of(NULL, no_env));
	assert_int_equal(lines_with(active, ";\n") -
	    lines_with(active, "};\n"), 13 + 8);
	assert_non_null(strstr(active, "\t\twide = 9000000000L;\n"));
	assert_non_null(strstr(active, "\t\tyes = true;\n"));
	assert_non_null(strstr(active, "list = [ \"x\", \"y\" ];\n"));
	assert_non_null(strstr(active,
	    "# Wide, in bytes (0 to 1099511627776).\n"));
	assert_non_null(strstr(active, "(debug | info | warning | error)"));
	assert_non_null(strstr(active, "Variable ODD_SECRET. A secret"));
	/* each group is opened once */
	assert_int_equal(lines_with(active, "log:\n"), 1);
	assert_int_equal(lines_with(active, "odd:\n"), 1);
	/* and an activated line that is changed does change the result */
	*strstr(active, "9000000000L") = '8';
	assert_false(hash_of_text(active) == hash_of(NULL, no_env));
}

static char *const *
env_lines(const char *text)
{
	VEC(char *) env = { 0 };
	char *copy = arena_strdup(a, text), *line;

	while ((line = strsep(&copy, "\n")) != NULL)
		if (*line != '#' && *line != '\0')
			*VEC_ADD(a, &env) = line;
	*VEC_ADD(a, &env) = NULL;
	return env.v;
}

static void
test_env(void **state)
{
	struct str s;
	char *active;

	(void)state;
	str_init(&s, a);
	conf_sample(groups, CONF_ENV, &s);
	assert_null(env_lines(s.p)[0]);
	active = activate(s.p);
	assert_true(hash_of(NULL, env_lines(active)) ==
	    hash_of(NULL, no_env));
	assert_non_null(strstr(active, "\nLOG_LEVEL=info\n"));
	assert_non_null(strstr(active, "\nQUINCUNX_ODD_A_WIDE=9000000000\n"));
	assert_non_null(strstr(active, "\nODD_SECRET=\n"));
	assert_non_null(strstr(active, "\nODD_SECRET_FILE=\n"));
	*strstr(active, "9000000000") = '8';
	assert_true(hash_of(NULL, env_lines(active)) !=
	    hash_of(NULL, no_env));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_libconfig, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_env, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
