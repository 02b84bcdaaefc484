/*
 * Faults: what makes two messages one kind, counting from many processes at
 * once, places for new kinds, and that reading takes nothing from the file on
 * trust.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/platform/error.h"
#include "shm/segment.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"

static const struct shm_layout layout = { .processes = 16,
    .limit_slots = 64 };

static char dir[SCRATCH_PATH];
static struct arena *a;
static struct shm *s;
static struct shm_fault f[SHM_FAULTS];

static int
begin(void **state)
{
	struct err e;

	(void)state;
	scratch_dir(dir);
	a = arena_new(16 << 20);
	return shm_attach(&s, a, dir, &layout, &e);
}

static int
end(void **state)
{
	(void)state;
	shm_detach(s);
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

/* ---- normalising ----------------------------------------------------------------- */

static const struct {
	const char *in, *out;
} texts[] = {
	{ "", "" }, { "plain words", "plain words" },
	{ "  blanks \t\n and more  ", "blanks and more" },
	{ "job 4711 failed after 3 tries", "job # failed after # tries" },
	{ "sha256 of m5.large on MariaDB", "sha256 of m5.large on MariaDB" },
	{ "0x7ffe12 at 0199f3a2-4b1c-7c3d-8e2f-112233445566", "# at #" },
	{ "10.1.2.3:8080 refused", "# refused" },
	{ "2026-11-27T19:29:04Z late", "# late" },
	{ "i-0abc123def is gone", "i-# is gone" },
	{ "deadbeefcafe", "#" }, { "decade", "decade" },
	{ "no table 'quincunx.x y'", "no table #" },
	{ "\"a\" and \"b\"", "# and #" },
	{ "can't open it, don't ask", "can't open it, don't ask" },
	{ "an \"open quote", "an \"open quote" },
	{ "1, 2, 3", "#, #, #" }, { "1,2,3", "#" },
	{ "Stra\xc3\x9f" "e 7", "Stra\xc3\x9f" "e #" },
};

static void
normalised(void **state)
{
	char out[160];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		shm_fault_normalise(texts[i].in, out, sizeof(out));
		assert_string_equal(out, texts[i].out);
	}
	for (size_t cap = 1; cap < 12; cap++) {
		shm_fault_normalise("Stra\xc3\x9f" "e number 12345", out, cap);
		assert_true(strlen(out) < cap);
	}
	shm_fault_normalise(NULL, out, sizeof(out));
	assert_string_equal(out, "");
}

/* ---- counting ---------------------------------------------------------------------- */

static size_t
read_all(void)
{
	return shm_faults(s, f, SHM_FAULTS);
}

static void
one_kind(void **state)
{
	(void)state;
	shm_fault_note("spot.scan", "db_down", "lost 1 after 20 ms",
	    "cause 1", "req-1");
	shm_fault_note("spot.scan", "db_down", "lost 2 after 31 ms",
	    "cause 2", "req-2");
	shm_fault_note("spot.scan", "db_gone", "lost 2 after 31 ms", NULL,
	    NULL);
	assert_int_equal(read_all(), 2);
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(f[i].code, "db_gone") == 0)
			continue;
		assert_int_equal(f[i].count, 2);
		assert_int_equal(f[i].reported, 0);
		assert_string_equal(f[i].place, "spot.scan");
		assert_string_equal(f[i].message, "lost # after # ms");
		assert_string_equal(f[i].cause, "cause 2");
		assert_string_equal(f[i].request_id, "req-2");
		assert_true(f[i].first.us > 0);
		assert_true(f[i].last.us >= f[i].first.us);
		shm_fault_reported(s, &f[i]);
	}
	shm_fault_note("spot.scan", "db_down", "lost 5 after 1 ms", "", "");
	read_all();
	for (size_t i = 0; i < 2; i++)
		if (strcmp(f[i].code, "db_down") == 0)
			assert_int_equal(f[i].count - f[i].reported, 1);
}

enum { CHILDREN = 4, NOTES = 20000, KINDS = 5 };

static int
note_many(void *unused)
{
	char text[32];

	(void)unused;
	shm_after_fork(s);
	for (int i = 0; i < NOTES; i++) {
		snprintf(text, sizeof(text), "kind %c", 'a' + i % KINDS);
		shm_fault_note("place", "code", text, text, text);
	}
	return 0;
}

static void
no_count_is_lost(void **state)
{
	uint64_t sum = 0;
	pid_t kids[CHILDREN];

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		kids[i] = forked(note_many, NULL);
	for (int i = 0; i < CHILDREN; i++)
		assert_int_equal(forked_wait(kids[i]), 0);
	assert_int_equal(read_all(), KINDS);
	for (size_t i = 0; i < KINDS; i++) {
		sum += f[i].count;
		/* texts belong together */
		assert_string_equal(f[i].message, f[i].cause);
		assert_string_equal(f[i].message, f[i].request_id);
	}
	assert_int_equal(sum, (uint64_t)CHILDREN * NOTES);
}

/* More kinds than places: what has a place keeps counting. */
static void
full(void **state)
{
	char text[64];
	size_t n;

	(void)state;
	shm_fault_note("first", "c", "m", "", "");
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "%c%c%c", 'g' + i % 17, 'g' +
		    i / 17 % 17, 'g' + i / 289);
		shm_fault_note("p", text, "m", "", "");
	}
	n = read_all();
	assert_true(n > SHM_FAULTS / 2 && n <= SHM_FAULTS);
	shm_fault_note("first", "c", "m", "", "");
	read_all();
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].place, "first") == 0) {
			assert_int_equal(f[i].count, 2);
			return;
		}
	fail_msg("the first kind is gone");
}

/* A kind that was quiet for an hour gives its place up, with nothing lost. */
static void
quiet(void **state)
{
	(void)state;
	shm_fault_note("p", "c", "m", "", "");
	assert_int_equal(read_all(), 1);
	f[0].last.us -= INT64_C(3601000000);
	shm_fault_reported(s, &f[0]);
	assert_int_equal(read_all(), 0);
	shm_fault_note("p", "c", "m", "", "");
	assert_int_equal(read_all(), 1);
	assert_int_equal(f[0].count - f[0].reported, 1);
}

/* Whatever stands in the file, texts end and are UTF-8. */
static void
garbage(void **state)
{
	uint8_t *p = s->base + s->map.faults;

	(void)state;
	memset(p, 0xff, SHM_FAULTS * sizeof(struct seg_fault));
	for (size_t i = 0; i < read_all(); i++)
		assert_true(strlen(f[i].cause) < sizeof(f[i].cause));
	shm_fault_note("p", "c", "m", "", "");
	memset(p, 0, SHM_FAULTS * sizeof(struct seg_fault));
	assert_int_equal(read_all(), 0);
}

/* ---- from the log ------------------------------------------------------------------- */

static void
from_the_log(void **state)
{
	(void)state;
	log_redact("s3cret-value");
	log_on_error(platform_error_log);
	log_context("req-9", NULL);
	for (int i = 0; i < 200; i++)	/* more than the log writes */
		log_error("server", "request failed", KV("route", "spot.get"),
		    KV("code", 500), KV("error", "internal"),
		    KV("cause", "row 12 of s3cret-value"));
	log_error("net", "cannot listen");
	log_warn("net", "only a warning");
	log_context(NULL, NULL);
	log_on_error(NULL);
	assert_int_equal(read_all(), 2);
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(f[i].place, "net") == 0)
			continue;
		assert_string_equal(f[i].place, "spot.get");
		assert_string_equal(f[i].code, "internal");
		assert_int_equal(f[i].count, 200);
		assert_string_equal(f[i].message,
		    "request failed: row # of [redacted]");
		assert_string_equal(f[i].cause, "row 12 of [redacted]");
		assert_string_equal(f[i].request_id, "req-9");
	}
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalised), CASE(one_kind),
		CASE(no_count_is_lost), CASE(full), CASE(quiet),
		CASE(garbage), CASE(from_the_log),
	};

	log_setup(&(struct log_options){ .dir = "", .level = LOG_ERROR },
	    &(struct err){ 0 });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
