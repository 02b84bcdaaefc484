/*
 * The log as a reader of its files sees it: whole lines, valid JSON, nothing
 * secret, nothing foreign unescaped; and what a failed check leaves behind.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"

static char dir[64];
static char text[1 << 20];

static const char *
path_of(const char *component)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s.log", dir, component);
	return path;
}

/* The file's content, "" if there is none. */
static const char *
content(const char *component)
{
	FILE *f = fopen(path_of(component), "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static void
drop_files(void)
{
	size_t i;

	for (i = 0; log_components()[i] != NULL; i++)
		unlink(path_of(log_components()[i]));
}

static void
start(bool json)
{
	drop_files();
	log_context(NULL, NULL);
	assert_int_equal(log_setup(&(struct log_options){ .dir = dir,
	    .json = json, .level = LOG_INFO }, NULL), 0);
}

static struct json_object *
only_line(const char *component)
{
	const char *s = content(component);
	struct json_object *o;

	assert_true(strlen(s) > 1 && strlen(s) <= 4096);
	assert_ptr_equal(strchr(s, '\n'), s + strlen(s) - 1);
	assert_true(utf8_valid(s, strlen(s)));
	o = json_tokener_parse(s);
	assert_non_null(o);
	return o;
}

static void
assert_field(struct json_object *o, const char *key, const char *want)
{
	assert_string_equal(json_object_get_string(
	    json_object_object_get(o, key)), want);
}

static void
test_json(void **state)
{
	struct json_object *o;
	struct stat st;
	struct utc t;

	(void)state;
	start(true);
	log_context("req-1", "tr-2");
	log_debug("spot.policy", "hidden");
	log_info("spot.policy", "created", KV("name", "a\"b\r\nc\x1b"),
	    KV("n", 3), KV("ok", true), KV("price", (struct dec){ 4370000 }),
	    KV("x", 0.5), KV("none", (const char *)NULL));
	o = only_line("spot");
	assert_field(o, "lvl", "info");
	assert_field(o, "comp", "spot.policy");
	assert_field(o, "msg", "created");
	assert_field(o, "req", "req-1");
	assert_field(o, "trace", "tr-2");
	assert_field(o, "name", "a\"b\r\nc\x1b");
	assert_field(o, "n", "3");
	assert_field(o, "price", "0.0437");
	assert_true(json_object_object_get_ex(o, "none", NULL));
	assert_int_equal(clock_parse(json_object_get_string(
	    json_object_object_get(o, "ts")), &t), 0);
	assert_true(clock_now().us - t.us < 60 * US_PER_S);
	json_object_put(o);
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(stat(path_of("spot"), &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0640, 0);
	log_info("unknown", "goes to the server's file");
	json_object_put(only_line("server"));
}

static void
test_text(void **state)
{
	const char *s;

	(void)state;
	start(false);
	log_warn("router", "a\nb", KV("k", "v"), KV("sp", "x y\n2026 fake"),
	    KV("bad", "\xff"), KV("u", ""));
	s = content("router");
	assert_non_null(strstr(s, " warning router a\\u000ab k=v "
	    "sp=\"x y\\u000a2026 fake\" bad=\"\xef\xbf\xbd\" u=\"\"\n"));
	assert_ptr_equal(strchr(s, '\n'), s + strlen(s) - 1);
}

static void
test_truncation(void **state)
{
	static char big[20000];
	struct json_object *o;
	size_t i, cut;
	static const char *const fill[] = { "a", "\"", "\xc3\xa9", "\x01",
	    "\xff", "\xe2\x80\xae" };

	(void)state;
	for (i = 0; i < NITEMS(fill); i++)
		for (cut = 0; cut < 3; cut++) {
			size_t at = 0;

			start(cut != 2);
			for (; at < sizeof(big) - 4; at += strlen(fill[i]))
				memcpy(big + at, fill[i], strlen(fill[i]));
			big[at] = '\0';
			log_info("net", cut == 1 ? big : "x", KV("a", big),
			    KV("b", big), KV("c", big), KV("d", 1),
			    KV("e", "last"));
			if (cut == 2) {
				content("net");
				assert_true(strlen(text) <= 4096);
				assert_true(utf8_valid(text, strlen(text)));
				assert_non_null(strstr(text, " truncated\n"));
				continue;
			}
			o = only_line("net");
			assert_field(o, "truncated", "true");
			assert_true(strlen(json_object_get_string(
			    json_object_object_get(o, "a"))) > 100);
			json_object_put(o);
		}
}

static void
test_redaction(void **state)
{
	static const char *const leaks[] = { "hunter22", "line1", "tok123",
	    "p%40ss", "eyJhbGci", "sesame-open" };
	struct json_object *o;
	size_t i;

	(void)state;
	start(true);
	log_redact("sesame-open");
	log_redact("line1\nline2");
	log_redact("abc");	/* too short to tell from other text */
	log_redact(NULL);
	log_info("auth", "opened with sesame-open", KV("Password", "hunter22"),
	    KV("text", "xx sesame-opensesame-open yy abc"),
	    KV("pem", "-line1\nline2-"), KV("access_token", "tok123"),
	    KV("url", "mysql://root:p%40ss@db:3306/x?y"),
	    KV("head", "Authorization: Bearer eyJhbGci.x-y, basic needs"),
	    KV("plain_url", "http://host:80/a@b"), KV("tokens", 42),
	    KV("jwt_secret_key", "hunter22"));
	o = only_line("auth");
	assert_field(o, "msg", "opened with [redacted]");
	assert_field(o, "Password", "[redacted]");
	assert_field(o, "text", "xx [redacted][redacted] yy abc");
	assert_field(o, "pem", "-[redacted]-");
	assert_field(o, "url", "mysql://root:[redacted]@db:3306/x?y");
	assert_field(o, "head",
	    "Authorization: Bearer [redacted], basic needs");
	assert_field(o, "plain_url", "http://host:80/a@b");
	assert_field(o, "tokens", "42");
	json_object_put(o);
	for (i = 0; i < NITEMS(leaks); i++)
		assert_null(strstr(text, leaks[i]));
}

static size_t
count_lines(const char *s, const char *needle)
{
	size_t n = 0;

	for (; (s = strstr(s, needle)) != NULL; s++)
		n++;
	return n;
}

/* Waits for the start of a second of the limiter's clock. */
static void
next_second(void)
{
	int64_t ns = clock_boot_ns() % INT64_C(1000000000);
	struct timespec ts = { 0, 1000000000 - ns > 999999999 ? 999999999 :
	    1000000000 - ns };

	nanosleep(&ts, NULL);
}

static void
test_rate(void **state)
{
	size_t i;

	(void)state;
	start(true);
	next_second();
	for (i = 0; i < 200; i++)
		log_info("db", "again", KV("i", i));
	log_info("db", "other");
	log_error("db", "again");
	content("db");
	assert_int_equal(count_lines(text, "\"msg\":\"again\""), 51);
	assert_int_equal(count_lines(text, "\"msg\":\"other\""), 1);
	next_second();
	log_info("router", "anything wakes the report");
	content("db");
	assert_int_equal(count_lines(text, "\"msg\":\"suppressed 150\""), 1);
	assert_non_null(strstr(text, "\"message\":\"again\""));
	log_info("db", "again");
	content("db");
	assert_int_equal(count_lines(text, "\"msg\":\"again\""), 52);
}

static void
test_reopen(void **state)
{
	char old[160];

	(void)state;
	start(true);
	log_info("globals", "one");
	snprintf(old, sizeof(old), "%s/old", dir);
	assert_int_equal(rename(path_of("globals"), old), 0);
	log_info("globals", "two");
	assert_string_equal(content("globals"), "");
	log_reopen();
	log_info("globals", "three");
	content("globals");
	assert_int_equal(count_lines(text, "\n"), 1);
	assert_non_null(strstr(text, "three"));
	unlink(old);
}

/* Runs fn in a child and returns what it wrote to standard error. */
static const char *
child_stderr(void (*fn)(void), int *status)
{
	size_t n = 0;
	ssize_t got;
	int fd[2];
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		dup2(fd[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((got = read(fd[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd[0]);
	text[n] = '\0';
	assert_int_equal(waitpid(pid, status, 0), pid);
	return text;
}

static void
log_nowhere(void)
{
	log_setup(&(struct log_options){ .dir = "/proc/no/such", .json = true,
	    .level = LOG_INFO }, NULL);
	log_info("server", "first");
	log_info("server", "second");
}

static void
log_to_terminal(void)
{
	log_setup(&(struct log_options){ .dir = dir, .level = LOG_DEBUG,
	    .also_stderr = true }, NULL);
	log_debug("scheduler", "seen twice");
}

static void
break_check(void)
{
	log_context("req-77", NULL);
	ASSERT(1 + 1 == 3);
}

static void
unbalanced(void)
{
	txn_depth_add(1);
	if (txn_depth() == 1)
		txn_depth_add(-2);
}

static void
test_stderr(void **state)
{
	int status;

	(void)state;
	start(true);
	child_stderr(log_nowhere, &status);
	assert_int_equal(status, 0);
	assert_int_equal(count_lines(text, "cannot write"), 1);
	assert_int_equal(count_lines(text, "\"msg\":\"first\""), 1);
	assert_int_equal(count_lines(text, "\"msg\":\"second\""), 1);
	assert_non_null(strstr(child_stderr(log_to_terminal, &status),
	    "debug scheduler seen twice\n"));
	assert_non_null(strstr(content("scheduler"), "seen twice"));
}

static void
test_check_failed(void **state)
{
	struct json_object *o;
	int status;

	(void)state;
	start(true);
	child_stderr(break_check, &status);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(text, "test_base_log.c:"));
	assert_non_null(strstr(text, "1 + 1 == 3"));
	assert_non_null(strstr(text, "req-77"));
	o = only_line("server");
	assert_field(o, "lvl", "error");
	assert_field(o, "check", "1 + 1 == 3");
	assert_field(o, "req", "req-77");
	json_object_put(o);
	child_stderr(unbalanced, &status);
	assert_true(WIFSIGNALED(status));
}

static void
test_levels(void **state)
{
	(void)state;
	assert_int_equal(log_level_parse("DEBUG"), LOG_DEBUG);
	assert_int_equal(log_level_parse("Warning"), LOG_WARN);
	assert_int_equal(log_level_parse("error"), LOG_ERROR);
	assert_int_equal(log_level_parse("loud"), -1);
	assert_int_equal(log_level_parse(""), -1);
	assert_int_equal(log_level_parse(NULL), -1);
	start(true);
	assert_false(log_enabled(LOG_DEBUG));
	assert_true(log_enabled(LOG_ERROR));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_redaction),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_stderr),
		cmocka_unit_test(test_check_failed),
		cmocka_unit_test(test_levels),
	};
	const char *tmp = getenv("TMPDIR");
	int failed;

	snprintf(dir, sizeof(dir), "%.40s/log-test-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	drop_files();
	rmdir(dir);
	return failed;
}
