/*
 * Reading CSV: RFC 4180, the header with its comments, and the errors that
 * name a line.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "schema/csv.h"

static struct arena *a;
static struct err e;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 * 1024 * 1024);
	err_clear(&e);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* "name=value;..." of all rows with '|' between them; or the error. */
static const char *
rows(const char *text, size_t n)
{
	const struct pair *p;
	struct csv *csv;
	struct str s;
	size_t k, i;
	int rc;
	FILE *f = tmpfile();

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	rewind(f);
	err_clear(&e);
	str_init(&s, a);
	rc = csv_open(&csv, f, a, &e);
	if (rc == 0 && *csv_comment(csv) != '\0')
		str_addf(&s, "#%s#", csv_comment(csv));
	while (rc == 0 && (rc = csv_next(csv, a, &p, &k, &e)) == 0) {
		str_addf(&s, "%zu:", csv_line(csv));
		for (i = 0; i < k; i++)
			str_addf(&s, "%s=%s;", p[i].name, p[i].value);
		str_addc(&s, '|');
	}
	fclose(f);
	if (rc == 1)
		return s.p;
	assert_int_equal(e.status, 422);
	return e.detail;
}

static void
test_rows(void **state)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "a,b\n1,2\n", "2:a=1;b=2;|" },
		{ "a,b\r\n1,2\r\n3,4", "2:a=1;b=2;|3:a=3;b=4;|" },
		{ "\xef\xbb\xbf""a\nx\n", "2:a=x;|" },
		{ "# one\n#two\r\na\nx\n", "# one\ntwo#4:a=x;|" },
		{ "a,b\n\"x,y\",\"\"\"q\"\"\"\n", "2:a=x,y;b=\"q\";|" },
		{ "a,b\n\"x\ny\",2\n3,4\n", "2:a=x\ny;b=2;|4:a=3;b=4;|" },
		{ "a,b\n,\n", "2:a=;b=;|" },
		{ "a\n\n", "2:a=;|" }, { "a\n", "" }, { "a", "" },
		{ "a\n'=1+1\n'it's\n", "2:a==1+1;|3:a='it's;|" },
		{ "a\n''=1\n''x\n'\n", "2:a='=1;|3:a=''x;|4:a=';|" },
		{ "", "line 1, column 1: the header line is missing" },
		{ "#x", "line 2, column 1: the header line is missing" },
		{ "a,a\n", "line 1, column 2: name \"a\" is used twice" },
		{ "a,b\n1\n", "line 2: 1 cells, the header has 2" },
		{ "a\n1,2\n", "line 2: 2 cells, the header has 1" },
		{ "a,b\n1,\"2\n", "line 3, column 2: quoted text does not "
		    "end" },
		{ "a\nx\"y\n", "line 2, column 1: quote inside unquoted "
		    "text" },
		{ "a\n\"x\"y\n", "line 2, column 1: text after the closing "
		    "quote" },
		{ "a\nx\ry\n", "line 2, column 1: carriage return in text" },
		{ "a\n1\n\xff\n", "line 3, column 1: text is not valid "
		    "UTF-8" },
		{ "\xc3,b\n", "line 1, column 1: text is not valid "
		    "UTF-8" },
		{ "\xef\xbb""a\n", "line 1, column 1: the byte order mark "
		    "is incomplete" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NITEMS(t); i++)
		assert_string_equal(rows(t[i].text, strlen(t[i].text)),
		    t[i].want);
	assert_string_equal(rows("a\nx\0y\n", 6),
	    "line 2, column 1: NUL in text");
	assert_string_equal(rows("a\n\"x\0y\"\n", 8),
	    "line 2, column 1: NUL in text");
}

static void
test_bounds(void **state)
{
	struct str s;
	int i;

	(void)state;
	str_init(&s, a);
	for (i = 0; i < CSV_MAX_CELLS; i++)
		str_addf(&s, "%sc%d", i > 0 ? "," : "", i);
	assert_string_equal(rows(s.p, s.len), "");
	str_add(&s, ",more");
	assert_string_equal(rows(s.p, s.len),
	    "line 1, column 257: too many columns");
	/* One line of four megabytes, quoted or not. */
	for (i = 0; i < 2; i++) {
		str_init(&s, a);
		str_add(&s, i ? "a\n\"" : "a\n");
		while (s.len < (4 << 20))
			str_add(&s, "0123456789abcdef");
		assert_string_equal(rows(s.p, s.len),
		    "line 2, column 1: line is too long");
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(test_rows), T(test_bounds) };

	return cmocka_run_group_tests_name("schema_csv", tests, NULL, NULL);
}
