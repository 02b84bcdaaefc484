/*
 * What exec programs say, and what their end means for the job.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "jobs/exec.h"

static struct arena *a;
static struct exec_talk t;
static struct exec_type x;
static struct job_ctx c;

static int
begin(void **state)
{
	static const char *const argv[] = { "/bin/x", NULL };

	(void)state;
	a = arena_new(64 << 20);
	exec_talk_init(&t, a, 4096);
	x = (struct exec_type){ .argv = argv, .memory_mib = 64, .cpu_s = 5,
	    .output_kib = 4 };
	c = (struct job_ctx){ .a = a };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void
out(const char *s)
{
	exec_talk_out(&t, s, strlen(s));
}

static enum job_rc
ended(int wstatus, enum exec_why why)
{
	struct exec_end e = { .wstatus = wstatus, .why = why };

	exec_talk_end(&t);
	return exec_verdict(&c, &x, &t, &e);
}

static int
status(int code)
{
	return code << 8;
}

/* ---- lines ------------------------------------------------------------------ */

static void
test_result(void **state)
{
	(void)state;
	out("{\"progress\":0.4,\"note\":\"pages\"}\n{\"resu");
	assert_int_equal(t.permille, 400);
	assert_string_equal(t.note, "pages");
	out("lt\":{\"n\":1,\"s\":\"\xc3\xa4\"}}");
	assert_int_equal(ended(0, EXEC_RAN), JOB_DONE);
	assert_string_equal(c.result_text, "{\"n\":1,\"s\":\"\xc3\xa4\"}");
}

static void
test_last_counts(void **state)
{
	(void)state;
	out("{\"result\":1}\r\n\n{\"error\":\"no\",\"class\":\"gateway\","
	    "\"retry_after\":30}\n");
	assert_int_equal(ended(0, EXEC_RAN), JOB_RETRY);
	assert_string_equal(c.err.code, "gateway");
	assert_string_equal(c.err.detail, "no");
	assert_int_equal(c.retry_after_s, 30);
	out("{\"result\":[2]}\n");
	assert_int_equal(ended(0, EXEC_RAN), JOB_DONE);
	assert_string_equal(c.result_text, "[2]");
}

static void
test_nothing_said(void **state)
{
	(void)state;
	assert_int_equal(ended(0, EXEC_RAN), JOB_DONE);
	assert_null(c.result_text);
}

static void
test_final_error(void **state)
{
	(void)state;
	out("{\"error\":\"gone\",\"class\":\"no such/word\","
	    "\"retry\":false}\n");
	assert_int_equal(ended(status(1), EXEC_RAN), JOB_FAIL);
	assert_string_equal(c.err.code, "error");
}

static void
test_not_the_protocol(void **state)
{
	static const char *const lines[] = { "hello\n", "[1]\n",
	    "{\"result\":\n", "{\"progress\":2}\n", "{\"error\":{}}\n",
	    "{\"result\":NaN}\n", "{'result':1}\n" };

	for (size_t i = 0; i < NITEMS(lines); i++) {
		exec_talk_init(&t, a, 4096);
		out(lines[i]);
		out("{\"result\":1}\n");
		assert_int_equal(ended(0, EXEC_RAN), JOB_FAIL);
		assert_string_equal(c.err.code, "bad_output");
	}
	(void)state;
	exec_talk_init(&t, a, 4096);
	out("{\"other\":1}\n");		/* for later versions */
	assert_int_equal(ended(0, EXEC_RAN), JOB_DONE);
}

static void
test_output_limit(void **state)
{
	char big[4098];

	(void)state;
	for (int i = 0; i < 10000; i++)	/* progress is free */
		out("{\"progress\":0.5,\"note\":\"on and on\"}\n");
	assert_false(t.overflow);
	memset(big, ' ', sizeof(big));
	exec_talk_out(&t, big, 4096);
	assert_false(t.overflow);
	exec_talk_out(&t, big, 1);
	assert_true(t.overflow);
	exec_talk_init(&t, a, 100);
	for (int i = 0; i < 8; i++)
		out("{\"result\":1}\n");
	assert_false(t.overflow);
	out("{\"result\":1}\n");
	assert_true(t.overflow);
	assert_int_equal(ended(0, EXEC_OUTPUT), JOB_RETRY);
	assert_string_equal(c.err.code, "output_limit");
}

static void
test_tail(void **state)
{
	char big[EXEC_TAIL * 2];

	(void)state;
	exec_talk_err(&t, "first", 5);
	memset(big, 'a', sizeof(big));
	exec_talk_err(&t, big, EXEC_TAIL - 3);
	assert_int_equal(t.ntail, EXEC_TAIL);
	assert_memory_equal(t.tail, "rst", 3);
	exec_talk_err(&t, big, sizeof(big));
	exec_talk_err(&t, "\x01last words\n", 12);
	assert_int_equal(t.ntail, EXEC_TAIL);
	assert_int_equal(ended(status(3), EXEC_RAN), JOB_RETRY);
	assert_string_equal(c.err.code, "exit_3");
	assert_non_null(strstr(c.err.cause, "\\x01last words"));
}

/* ---- ends ------------------------------------------------------------------- */

static void
test_statuses(void **state)
{
	static const struct {
		int wstatus;
		enum exec_why why;
		enum job_rc rc;
		const char *code;
	} v[] = {
		{ 64 << 8, EXEC_RAN, JOB_FAIL, "exit_64" },
		{ 65 << 8, EXEC_RAN, JOB_FAIL, "exit_65" },
		{ 78 << 8, EXEC_RAN, JOB_FAIL, "exit_78" },
		{ 75 << 8, EXEC_RAN, JOB_RETRY, "exit_75" },
		{ 1 << 8, EXEC_RAN, JOB_RETRY, "exit_1" },
		{ SIGSEGV, EXEC_RAN, JOB_RETRY, "signal" },
		{ SIGXCPU, EXEC_RAN, JOB_RETRY, "cpu_limit" },
		{ SIGKILL, EXEC_TIMEOUT, JOB_RETRY, "timeout" },
		{ 0, EXEC_TIMEOUT, JOB_RETRY, "timeout" },
		{ SIGTERM, EXEC_STOPPED, JOB_RELEASE, "stopped" },
		{ 75 << 8, EXEC_STOPPED, JOB_RELEASE, "stopped" },
		{ 0, EXEC_STOPPED, JOB_RELEASE, "stopped" },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++) {
		assert_int_equal(ended(v[i].wstatus, v[i].why), v[i].rc);
		assert_string_equal(c.err.code, v[i].code);
	}
}

static void
test_result_in_spite_of_sigterm(void **state)
{
	(void)state;
	out("{\"result\":7}\n");
	assert_int_equal(ended(0, EXEC_STOPPED), JOB_DONE);
	assert_int_equal(ended(0, EXEC_TIMEOUT), JOB_DONE);
	/* but not when it failed */
	assert_int_equal(ended(status(1), EXEC_RAN), JOB_RETRY);
}

static void
test_memory(void **state)
{
	struct exec_end e = { .wstatus = status(1), .rss_kib = 60 * 1024 };

	(void)state;
	assert_int_equal(exec_verdict(&c, &x, &t, &e), JOB_RETRY);
	assert_string_equal(c.err.code, "memory_limit");
	e.rss_kib = 20 * 1024;
	exec_verdict(&c, &x, &t, &e);
	assert_string_equal(c.err.code, "exit_1");
	exec_talk_err(&t, "MemoryError\n", 12);
	exec_verdict(&c, &x, &t, &e);
	assert_string_equal(c.err.code, "memory_limit");
	x.memory_mib = 0;
	exec_verdict(&c, &x, &t, &e);
	assert_string_equal(c.err.code, "exit_1");
}

static void
test_other_ends(void **state)
{
	struct exec_end e = { .start_errno = 2 };

	(void)state;
	assert_int_equal(exec_verdict(&c, &x, &t, &e), JOB_RETRY);
	assert_string_equal(c.err.code, "exec_start");
	e = (struct exec_end){ .silent = true };
	assert_int_equal(exec_verdict(&c, &x, &t, &e), JOB_RETRY);
	assert_string_equal(c.err.code, "killed");
	e = (struct exec_end){ .wstatus = SIGKILL, .cpu_ms = 5000 };
	exec_verdict(&c, &x, &t, &e);
	assert_string_equal(c.err.code, "cpu_limit");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_result), T(test_last_counts), T(test_nothing_said),
		T(test_final_error), T(test_not_the_protocol),
		T(test_output_limit), T(test_tail), T(test_statuses),
		T(test_result_in_spite_of_sigterm), T(test_memory),
		T(test_other_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
