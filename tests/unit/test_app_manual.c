/*
 * Help, completion and manual pages of the real tables: nothing that can be
 * called is missing from any of them, and nothing they show does not exist.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/manual.h"
#include "base/arena.h"
#include "base/str.h"
#include "module.h"

#include <cmocka.h>

static struct arena *a;
static struct str s;

static int
begin(void **state)
{
	(void)state;
	a = arena_new(32 << 20);
	str_init(&s, a);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const struct command *
command(const char *name)
{
	const struct command *c;

	for (size_t i = 0; (c = manual_command(modules, &i)) != NULL; )
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Under the title of its group, not under "More". */
static void
test_all_grouped(void **state)
{
	const struct command *c;
	size_t n = 0;

	(void)state;
	manual_help(modules, false, &s);
	for (size_t i = 0; (c = manual_command(modules, &i)) != NULL; n++) {
		if (manual_group_of(c->name) == -1)
			fail_msg("%s is in no group of manual_groups", c->name);
		if (strstr(s.p, arena_printf(a, "\n  %s", c->name)) == NULL)
			fail_msg("%s is not in the overview", c->name);
	}
	assert_true(n > 60);
	assert_null(strstr(s.p, "\nMore\n"));
	assert_null(strchr(s.p, '\033'));
	assert_int_equal(manual_group_of("jobsx"), -1);
	assert_int_not_equal(manual_group_of("jobs retry"), -1);
}

static void
test_groups_name_what_exists(void **state)
{
	(void)state;
	for (const struct manual_group *g = manual_groups; g->title; g++)
		for (const char *const *w = g->words; *w != NULL; w++)
			if (!manual_help_of(modules, *w, false, &s))
				fail_msg("group \"%s\" names %s, which does not "
				    "exist", g->title, *w);
	assert_false(manual_help_of(modules, "nothing", false, &s));
	assert_false(manual_help_of(modules, "", false, &s));
}

/* An example begins with its command and uses options of its usage. */
static void
test_examples(void **state)
{
	(void)state;
	for (const struct manual_example *x = manual_examples; x->command;
	    x++) {
		const struct command *c = command(x->command);

		if (c == NULL)
			fail_msg("example of %s, which does not exist",
			    x->command);
		if (strncmp(x->line, x->command, strlen(x->command)) != 0)
			fail_msg("\"%s\" is no example of %s", x->line,
			    x->command);
		for (const char *p = x->line; (p = strstr(p, " --")); p++) {
			const char *option = arena_strndup(a, p + 1,
			    strcspn(p + 1, " ="));

			if (strstr(c->usage, option) == NULL)
				fail_msg("\"%s\": %s has no %s", x->line,
				    c->name, option);
		}
	}
}

/* Whoever asks how to call something with arguments is shown a call. */
static void
test_arguments_have_examples(void **state)
{
	const struct command *c;

	(void)state;
	for (size_t i = 0; (c = manual_command(modules, &i)) != NULL; ) {
		const struct manual_example *x = manual_examples;

		if (*c->usage == '[' || *c->usage == '\0')
			continue;
		while (x->command && strcmp(x->command, c->name) != 0)
			x++;
		if (x->command == NULL)
			fail_msg("\"%s %s\" has no example", c->name, c->usage);
	}
}

static void
test_one_command(void **state)
{
	(void)state;
	assert_true(manual_help_of(modules, "doctor", false, &s));
	assert_non_null(strstr(s.p, "usage: quincunx doctor"));
	assert_non_null(strstr(s.p, "quincunx doctor --json"));
	assert_non_null(strstr(s.p, "Exit status:"));
	s.len = 0;
	assert_true(manual_help_of(modules, "user", true, &s));
	assert_non_null(strstr(s.p, "user create"));
	assert_non_null(strstr(s.p, "\033[1m"));
}

static void
test_lines_fit(void **state)
{
	(void)state;
	manual_help(modules, false, &s);
	for (const char *p = s.p; *p != '\0'; ) {
		size_t n = strcspn(p, "\n");

		if (n > 80)
			fail_msg("%zu columns: %.*s", n, (int)n, p);
		p += n + (p[n] == '\n');
	}
}

static void
test_completion(void **state)
{
	const struct command *c;

	(void)state;
	manual_bash(modules, &s);
	for (size_t i = 0; (c = manual_command(modules, &i)) != NULL; ) {
		size_t n = strcspn(c->name, " ");

		if (strstr(s.p, arena_printf(a, "\t'%.*s '", (int)n,
		    c->name)) == NULL)
			fail_msg("%s cannot be completed", c->name);
	}
	assert_non_null(strstr(s.p, "\t'jobs retry') words='--help --tenant "
	    "--installation --json' ;;"));
	assert_null(strstr(s.p, "/usr"));
}

/* No line of a page begins with a sign that a table brought in. */
static void
check_roff(const char *name)
{
	static const char *const known[] = { "TH ", "SH ", "SS ", "TP\n",
	    "PP\n", "ad l\n", "nh\n", "nf\n", "fi\n", "BR ", "I ", NULL };

	for (const char *p = s.p; p != NULL; p = strchr(p, '\n')) {
		size_t i = 0;

		p += *p == '\n';
		if (*p != '.' && *p != '\'')
			continue;
		while (known[i] != NULL && strncmp(p + 1, known[i],
		    strlen(known[i])) != 0)
			i++;
		if (*p == '\'' || known[i] == NULL)
			fail_msg("%s: \"%.40s\"", name, p);
	}
}

static void
test_pages(void **state)
{
	const struct settings *const *groups = app_settings(a, modules);
	size_t n = 0;

	(void)state;
	for (const struct manual_program *p = manual_programs; p->name; p++) {
		s.len = 0;
		assert_true(manual_page(p->name, modules, groups, &s));
		assert_non_null(strstr(s.p, ".SH NAME"));
		assert_non_null(strstr(s.p, ".SH SYNOPSIS"));
		check_roff(p->name);
		n++;
	}
	assert_int_equal(n, 7);
	s.len = 0;
	assert_true(manual_page("quincunx.conf.5", modules, groups, &s));
	check_roff("quincunx.conf");
	for (; *groups != NULL; groups++)
		for (const struct setting *o = (*groups)->rows; o->path; o++) {
			char *want = arena_printf(a, ".TP\n\\fB%s\\fR\n",
			    o->path);

			if (strchr(o->path, '-') == NULL &&
			    strstr(s.p, want) == NULL)
				fail_msg("%s is not in the page", o->path);
		}
	assert_false(manual_page("quincunx.8", modules, groups, &s));
	assert_false(manual_page("quincunxx", modules, groups, &s));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_all_grouped), T(test_groups_name_what_exists),
		T(test_examples), T(test_arguments_have_examples),
		T(test_one_command), T(test_lines_fit),
		T(test_completion), T(test_pages)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
