/*
 * Logs read backwards: order over files, pages, filters, rotation, lines that
 * are none.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/platform/log.h"

#include <cmocka.h>

static struct arena *a;
static char dir[64];

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	snprintf(dir, sizeof(dir), "/tmp/qxlogXXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
teardown(void **state)
{
	static const char *const files[] = { "server", "router", "auth" };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		unlink(arena_printf(a, "%s/%s.log", dir, files[i]));
	rmdir(dir);
	arena_free(a);
	return 0;
}

static void
put(const char *component, const char *text)
{
	FILE *f = fopen(arena_printf(a, "%s/%.*s.log", dir,
	    (int)strcspn(component, "."), component), "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
line(const char *component, int second, const char *level, const char *msg)
{
	put(component, arena_printf(a, "{\"ts\":\"2026-11-21T10:%02d:%02dZ\","
	    "\"lvl\":\"%s\",\"comp\":\"%s\",\"msg\":\"%s\",\"n\":%d}\n",
	    second / 60, second % 60, level, component, msg, second));
}

static struct rows
read_page(struct platform_log_filter f, const char *from, const char **next)
{
	struct err e = { 0 };
	struct rows rows;

	if (platform_log_read(a, dir, &f, from, &rows, next, &e) == -1)
		fail_msg("%s %s", e.detail, e.cause);
	return rows;
}

#define MSG(rows, i) (ROW(&(rows), struct platform_log_entry, i)->message)

static void
test_merge(void **state)
{
	const char *next;
	struct rows r;

	(void)state;
	line("server", 1, "info", "one");
	line("router", 2, "info", "two");
	line("server", 3, "error", "three");
	line("auth.user", 4, "warning", "four");
	put("router", "not a line\n\n{\"ts\":1}\n");
	r = read_page((struct platform_log_filter){ .limit = 10 }, "", &next);
	assert_int_equal(r.n, 4);
	assert_null(next);
	assert_string_equal(MSG(r, 0), "four");
	assert_string_equal(MSG(r, 3), "one");
	r = read_page((struct platform_log_filter){ .limit = 10,
	    .component = "auth" }, "", &next);
	assert_int_equal(r.n, 1);
	r = read_page((struct platform_log_filter){ .limit = 10,
	    .component = "auth.session" }, "", &next);
	assert_int_equal(r.n, 0);
	r = read_page((struct platform_log_filter){ .limit = 10,
	    .level = "warning" }, "", &next);
	assert_int_equal(r.n, 2);
	r = read_page((struct platform_log_filter){ .limit = 10,
	    .contains = "THREE" }, "", &next);
	assert_int_equal(r.n, 1);
}

static void
test_since(void **state)
{
	struct platform_log_filter f = { .limit = 10 };
	const char *next;

	(void)state;
	for (int i = 0; i < 20; i++)
		line("server", i, "info", "x");
	clock_parse("2026-11-21T10:00:15Z", &f.since);
	assert_int_equal(read_page(f, "", &next).n, 5);
	assert_null(next);
}

/* Pages over two files, some windows long, meet every line once. */
static void
test_pages(void **state)
{
	const char *from = "", *next, *pad = arena_alloc(a, 301);
	int want = 2999;

	(void)state;
	memset((char *)pad, 'p', 300);
	for (int i = 0; i < 3000; i++)
		line(i % 3 ? "server" : "router", i, "info",
		    arena_printf(a, "%d %s", i, pad));
	do {
		struct rows r = read_page((struct platform_log_filter){
		    .limit = 70 }, from, &next);

		for (size_t i = 0; i < r.n; i++, want--)
			if (strtol(MSG(r, i), NULL, 10) != want)
				fail_msg("wanted %d, got %.20s", want,
				    MSG(r, i));
		from = next;
	} while (next != NULL);
	assert_int_equal(want, -1);
}

static void
test_rotated_and_cut(void **state)
{
	const char *next;
	struct err e = { 0 };
	struct rows r;
	struct platform_log_filter f = { .limit = 1 };

	(void)state;
	line("server", 1, "info", "old");
	line("server", 2, "info", "older");
	read_page(f, "", &next);
	assert_non_null(next);
	unlink(arena_printf(a, "%s/server.log", dir));
	line("server", 3, "info", "n");
	put("server", "{\"ts\":\"2026-11-21T10:00:04Z\",\"lvl\":\"info\",");
	r = read_page((struct platform_log_filter){ .limit = 9 }, "", &next);
	assert_int_equal(r.n, 1);
	assert_int_equal(platform_log_read(a, dir, &f, "x,y", &r, &next, &e),
	    -1);
	assert_int_equal(e.status, 422);
}

static void
test_text_lines(void **state)
{
	struct platform_log_entry l;

	(void)state;
	assert_true(platform_log_parse(a, "2026-11-21T10:00:00Z info server "
	    "request method=GET", &l));
	assert_string_equal(l.message, "request method=GET");
	assert_null(l.fields.p);
	assert_false(platform_log_parse(a, "yesterday info server x", &l));
	assert_false(platform_log_parse(a, "2026-11-21T10:00:00Z loud s x",
	    &l));
	assert_false(platform_log_parse(a, "", &l));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotated_and_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_lines, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
