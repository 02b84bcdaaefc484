/*
 * multipart/form-data: the file comes out byte for byte, however the body is
 * cut into reads; what breaks the format is one clear error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/multipart.h"

struct feed {
	const char *p;
	size_t n, step;
};

static long
feed_read(void *arg, void *buf, size_t n, struct err *e)
{
	struct feed *f = arg;

	(void)e;
	if (n > f->step)
		n = f->step;
	if (n > f->n)
		n = f->n;
	memcpy(buf, f->p, n);
	f->p += n;
	f->n -= n;
	return (long)n;
}

#define TYPE "multipart/form-data; boundary=xYz"
#define PART "--xYz\r\nContent-Disposition: form-data; name=\"f\"; " \
	"filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
#define NOTE "--xYz\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nhi\r\n"

/* Status of the error, or 0 with the file's bytes in out. */
static int
parse(struct arena *a, const char *type, const char *body, size_t n,
    size_t step, struct str *out)
{
	struct feed f = { body, n, step };
	const struct multipart_source src = { feed_read, &f };
	struct multipart *m;
	struct err e = { 0 };
	char buf[7];
	long got;

	str_init(out, a);
	if (multipart_open(a, type, &src, &m, &e) == -1)
		return e.status;
	assert_non_null(m);
	while ((got = multipart_read(m, buf, sizeof(buf), &e)) > 0)
		str_addn(out, buf, (size_t)got);
	return got == -1 ? e.status : 0;
}

static void
test_any_cut(void **state)
{
	static const char file[] = "a,b\r\n1,--xY\r\n--xY\r\r\n-\0z\r\n";
	struct arena *a = arena_new(64 << 20);
	struct str body, out;

	(void)state;
	str_init(&body, a);
	str_add(&body, NOTE PART);
	str_addn(&body, file, sizeof(file) - 1);
	str_add(&body, "\r\n" NOTE "--xYz--\r\n");
	for (size_t step = 1; step < body.len + 2; step++) {
		assert_int_equal(parse(a, TYPE, body.p, body.len, step, &out),
		    0);
		assert_int_equal(out.len, sizeof(file) - 1);
		assert_memory_equal(out.p, file, out.len);
	}
	arena_free(a);
}

static void
test_large_file(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct str body, out;

	(void)state;
	str_init(&body, a);
	str_add(&body, PART);
	for (int i = 0; i < 100000; i++)
		str_addf(&body, "%d,\r\n-", i);
	str_add(&body, "\r\n--xYz--");
	assert_int_equal(parse(a, TYPE, body.p, body.len, 4096, &out), 0);
	assert_int_equal(out.len, body.len - strlen(PART) -
	    strlen("\r\n--xYz--"));
	arena_free(a);
}

static void
test_faults(void **state)
{
	static const struct { const char *type, *body; int status; } t[] = {
		{ TYPE, "", 400 },
		{ TYPE, PART, 400 },
		{ TYPE, PART "abc", 400 },
		{ TYPE, PART "abc\r\n--xYz", 400 },
		{ TYPE, "--xYz--", 422 },
		{ TYPE, NOTE "--xYz--", 422 },
		{ TYPE, "--xYzQ\r\n\r\n", 400 },
		{ TYPE, "no boundary at all", 400 },
		{ "multipart/form-data", PART, 400 },
		{ "multipart/form-data; boundary=", PART, 400 },
		{ "multipart/form-data; boundary=\"\"", PART, 400 },
		{ "multipart/form-data; boundary=\"xYz\"",
		  PART "abc\r\n--xYz--", 0 },
		{ "Multipart/Form-Data; charset=x; BOUNDARY=xYz",
		  PART "\r\n--xYz--", 0 },
	};
	struct arena *a = arena_new(64 << 20);
	struct str out;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (size_t step = 1; step < 40; step += 13)
			if (parse(a, t[i].type, t[i].body, strlen(t[i].body),
			    step, &out) != t[i].status)
				fail_msg("case %zu step %zu", i, step);
	arena_free(a);
}

static void
test_endless_headers(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct str body, out;

	(void)state;
	str_init(&body, a);
	str_add(&body, "--xYz\r\nX: ");
	for (int i = 0; i < 40000; i++)
		str_addc(&body, 'a');
	assert_int_equal(parse(a, TYPE, body.p, body.len, 512, &out), 400);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_endless_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
