/*
 * Static files: only plain names below the directory, never through a link.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/platform/docs.h"

#include <cmocka.h>

static struct arena *a;
static char dir[64];

static const char *
in_dir(const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static int
setup(void **state)
{
	FILE *f;

	(void)state;
	a = arena_new(64 << 20);
	snprintf(dir, sizeof(dir), "/tmp/qxdocsXXXXXX");
	if (mkdtemp(dir) == NULL || mkdir(in_dir("sub"), 0700) == -1 ||
	    (f = fopen(in_dir("sub/a.js"), "w")) == NULL)
		return -1;
	fputs("alert", f);
	fclose(f);
	return symlink("/etc/passwd", in_dir("sub/link.txt")) |
	    symlink("/etc", in_dir("etc"));
}

static int
teardown(void **state)
{
	(void)state;
	unlink(in_dir("sub/a.js"));
	unlink(in_dir("sub/link.txt"));
	unlink(in_dir("etc"));
	rmdir(in_dir("sub"));
	rmdir(dir);
	arena_free(a);
	return 0;
}

static void
test_names(void **state)
{
	static const struct { const char *name; int rc; } cases[] = {
		{ "sub/a.js", 0 }, { "sub/b.js", 1 }, { "sub", 1 },
		{ "sub/", 1 }, { "", 1 }, { "/sub/a.js", 1 },
		{ "sub//a.js", 1 }, { "sub/../sub/a.js", 1 }, { "..", 1 },
		{ "../etc/passwd", 1 }, { "./sub/a.js", 1 },
		{ "sub/.hidden", 1 }, { "sub/link.txt", 1 },
		{ "etc/passwd", 1 }, { "sub/a.js\n", 1 }, { "sub/a js", 1 },
		{ "sub/a.js/x", 1 }, { "a/b/c/d/e/f/g/h/i", 1 },
		{ "sub\\a.js", 1 }, { "sub/a.js%00", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };
		struct blob b;
		int rc = platform_file_read(a, dir, cases[i].name, &b, &e);

		if (rc != cases[i].rc)
			fail_msg("\"%s\": %d", cases[i].name, rc);
		if (rc == 0) {
			assert_int_equal(b.n, 5);
			assert_string_equal(b.p, "alert");
		}
	}
}

static void
test_types(void **state)
{
	(void)state;
	assert_string_equal(platform_file_type("a/b.js"),
	    "text/javascript; charset=utf-8");
	assert_string_equal(platform_file_type("b.svg"), "image/svg+xml");
	assert_string_equal(platform_file_type("b.exe"),
	    "application/octet-stream");
	assert_string_equal(platform_file_type("js"),
	    "application/octet-stream");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
