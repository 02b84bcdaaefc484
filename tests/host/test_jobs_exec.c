/*
 * Exec job types with real programs: the protocol, caps, time limits, and that
 * nothing of a program outlives its job, whoever dies first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/table.h"
#include "jobs/exec.h"
#include "jobs/port.h"
#include "module.h"
#include "tests/harness/forked.h"

static char dir[SCRATCH_PATH];
static struct arena *a;
static const struct module *const *mods;
static const char *const *faults;
static struct err e;
static struct env env;
static bool stop, stop_when_told;
static int told;
static char note[300];

static const struct permission permissions[] = {
	{ "jobs:create", "x", "", false }, { .name = NULL }
};
static enum job_rc
nothing(struct job_ctx *c, const void *in)
{
	(void)c, (void)in;
	return JOB_DONE;
}
static const struct job builtin[] = {
	{ .name = "taken", .run = nothing }, JOB_END
};
static const struct job *const builtins[] = { builtin, NULL };
static const struct module platform = { .name = "platform",
    .permissions = permissions, .jobs = builtins };
static const struct module *const some[] = { &platform, NULL };

static int
begin(void **state)
{
	(void)state;
	a = arena_new(256 << 20);
	scratch_dir(dir);
	err_clear(&e);
	stop = stop_when_told = false;
	told = -1;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static const char *
in_dir(const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static void
put(const char *name, mode_t mode, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(in_dir(name), mode), 0);
}

/* A type t whose program is this shell text, with more settings. */
static void
type(const char *script, const char *more)
{
	put("t.sh", 0700, arena_printf(a, "#!/bin/sh\n%s\n", script));
	put("t.conf", 0600, arena_printf(a, "argv = [\"%s\", \"one\", "
	    "\"two words\"];\n%s\n", in_dir("t.sh"), more));
	assert_int_equal(exec_modules(a, dir, some, &mods, &faults, &e), 0);
	assert_null(faults[0]);
}

static void
progress(void *arg, int permille, const char *text)
{
	(void)arg;
	told = permille;
	snprintf(note, sizeof(note), "%s", text);
}

/* Once the program has said that it is up, if it is to say so. */
static bool
stopping(void *arg)
{
	(void)arg;
	return stop && (!stop_when_told || told >= 0);
}

static const struct job_port port = { progress, stopping, NULL };

static struct job_ctx
context(const char *payload, int seconds)
{
	env.modules = mods;
	return (struct job_ctx){ .env = &env, .a = a, .id = uuid_new(),
	    .tenant = uuid_new(), .token = 1, .attempt = 3, .tries = 5,
	    .type = "t", .actor = "", .payload.p = payload,
	    .deadline_boot_ns = clock_boot_ns() + seconds *
	    INT64_C(1000000000),
	    .port = (void *)(uintptr_t)&port };
}

static enum job_rc
run(struct job_ctx *c)
{
	return exec_run(c, NULL);
}

static const char *
text_of(const char *name)
{
	char *buf = arena_alloc(a, 64 << 10);
	FILE *f = fopen(in_dir(name), "r");

	if (f == NULL)
		return "";
	buf[fread(buf, 1, (64 << 10) - 1, f)] = '\0';
	fclose(f);
	return buf;
}

static bool
gone(void *pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", *(long *)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state == 'Z' || state == 'X';
}

static bool
written(void *name)
{
	return *text_of(name) != '\0';
}

/* The process whose number is in the file ends. */
static void
assert_gone(const char *name)
{
	long pid;

	assert_true(eventually(written, (void *)(uintptr_t)name, 20000));
	pid = strtol(text_of(name), NULL, 10);
	assert_true(pid > 1);
	assert_true(eventually(gone, &pid, 20000));
}

/* ---- the protocol ------------------------------------------------------------- */

static void
test_talks(void **state)
{
	struct job_ctx c;

	(void)state;
	type("read p; echo '{\"progress\":0.25,\"note\":\"half way\"}'; "
	    "echo \"{\\\"result\\\":{\\\"p\\\":$p,\\\"n\\\":$#,"
	    "\\\"two\\\":\\\"$2\\\"}}\"; echo noise >&2", "");
	c = context("{\"a\":[1,2]}", 30);
	assert_int_equal(run(&c), JOB_DONE);
	assert_string_equal(c.result_text,
	    "{\"p\":{\"a\":[1,2]},\"n\":2,\"two\":\"two words\"}");
	assert_int_equal(told, 250);
	assert_string_equal(note, "half way");
}

static void
test_big_payload_unread(void **state)
{
	char *p;
	struct job_ctx c;

	(void)state;
	type("echo '{\"result\":1}'", "");
	p = arena_alloc(a, (4 << 20) + 1);
	memset(p, ' ', 4 << 20);
	c = context(p, 30);
	assert_int_equal(run(&c), JOB_DONE);
	type("n=$(wc -c); echo \"{\\\"result\\\":$n}\"", "");
	c = context(p, 60);
	assert_int_equal(run(&c), JOB_DONE);
	assert_string_equal(c.result_text, "4194305");
}

static void
test_environment(void **state)
{
	struct job_ctx c;
	const char *env_text, *ignored;
	char id[UUID_TEXT];

	(void)state;
	setenv("QX_TEST_SECRET", "sesame", 1);
	setenv("QX_TEST_PASSED", "yes", 1);
	type(arena_printf(a, "env >%s; ls -l /proc/self/fd >%s; pwd >%s; "
	    "grep -E 'NoNewPrivs|SigIgn|SigBlk' /proc/self/status >%s",
	    in_dir("env"), in_dir("fds"), in_dir("pwd"), in_dir("status")),
	    "env = [\"PATH\", \"QX_TEST_PASSED\", \"SET=here\"]; "
	    "dir = \"/usr\";");
	signal(SIGPIPE, SIG_IGN);
	c = context("{}", 30);
	c.traceparent = "00-aa-bb-01";
	assert_int_equal(run(&c), JOB_DONE);
	env_text = text_of("env");
	assert_null(strstr(env_text, "sesame"));
	assert_non_null(strstr(env_text, "QX_TEST_PASSED=yes\n"));
	assert_non_null(strstr(env_text, "SET=here\n"));
	assert_non_null(strstr(env_text, "TRACEPARENT=00-aa-bb-01\n"));
	assert_non_null(strstr(env_text, "QUINCUNX_JOB_ATTEMPT=3\n"));
	assert_non_null(strstr(env_text, arena_printf(a,
	    "QUINCUNX_JOB_ID=%s\n", uuid_format(c.id, id))));
	assert_null(strstr(env_text, "HOME="));
	assert_string_equal(text_of("pwd"), "/usr\n");
	assert_non_null(strstr(text_of("status"), "NoNewPrivs:\t1"));
	assert_non_null(strstr(text_of("status"), "SigBlk:\t00000000"));
	/* two are the C library's own: who was started by posix_spawn() of some
	 * version has them ignored, and nobody can change that */
	ignored = strstr(text_of("status"), "SigIgn:\t");
	assert_non_null(ignored);
	assert_int_equal(strtoull(ignored + 8, NULL, 16) &
	    ~UINT64_C(0x180000000), 0);
	/* 0 1 2 and the one that ls has open */
	assert_non_null(strstr(text_of("fds"), " 3 -> /proc/"));
	assert_null(strstr(text_of("fds"), " 4 -> "));
	unsetenv("QX_TEST_SECRET");
}

static void
test_errors(void **state)
{
	struct job_ctx c;

	(void)state;
	type("echo 'it broke' >&2; echo '{\"error\":\"no gateway\","
	    "\"class\":\"gateway\",\"retry_after\":7}'; exit 1", "");
	c = context("{}", 30);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "gateway");
	assert_string_equal(c.err.detail, "no gateway");
	assert_string_equal(c.err.cause, "it broke");
	assert_int_equal(c.retry_after_s, 7);
	type("exit 65", "");
	c = context("{}", 30);
	assert_int_equal(run(&c), JOB_FAIL);
	assert_string_equal(c.err.code, "exit_65");
	type("kill -SEGV $$", "");
	c = context("{}", 30);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "signal");
	type("echo nonsense", "");
	c = context("{}", 30);
	assert_int_equal(run(&c), JOB_FAIL);
	assert_string_equal(c.err.code, "bad_output");
}

static void
test_cannot_start(void **state)
{
	struct job_ctx c;

	(void)state;
	type("true", "");
	put("t.sh", 0700, "#!/no/such/interpreter\n");
	c = context("{}", 30);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "exec_start");
}

/* ---- limits --------------------------------------------------------------------- */

static void
test_output_limit(void **state)
{
	struct job_ctx c;

	(void)state;
	type("while :; do echo '{\"result\":\"0123456789\"}'; done",
	    "output_kib = 8;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "output_limit");
	type("exec tr '\\0' x </dev/zero", "output_kib = 8;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "output_limit");
	/* errors are cut, not counted */
	type("head -c 3000000 /dev/zero >&2; echo '{\"result\":1}'",
	    "output_kib = 8;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_DONE);
}

static void
test_cpu_limit(void **state)
{
	struct job_ctx c;

	(void)state;
	type("while :; do :; done", "cpu_s = 1;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "cpu_limit");
}

static void
test_memory_limit(void **state)
{
	struct job_ctx c;

	(void)state;
	type("exec tail /dev/zero", "memory_mib = 32;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "memory_limit");
}

static void
test_timeout(void **state)
{
	struct job_ctx c;

	(void)state;
	type(arena_printf(a, "trap '' TERM; sleep 1000 & echo $! >%s; "
	    "echo $$ >%s; while :; do wait; done", in_dir("other"),
	    in_dir("self")), "grace_s = 1;");
	c = context("{}", 1);
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "timeout");
	assert_gone("self");
	assert_gone("other");
}

static void
test_sigterm_is_heard(void **state)
{
	struct job_ctx c;

	(void)state;
	type("trap 'echo \"{\\\"result\\\":\\\"saved\\\"}\"; exit 0' TERM; "
	    "echo '{\"progress\":0}'; sleep 1000 & wait", "grace_s = 30; drain_s = 0;");
	stop = stop_when_told = true;
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_DONE);
	assert_string_equal(c.result_text, "\"saved\"");
	stop_when_told = false;
	type("sleep 1000", "grace_s = 30; drain_s = 0;");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_RELEASE);
	assert_string_equal(c.err.code, "stopped");
}

/* A worker that wants to end lets the program go on for a while. */
static void
test_drain(void **state)
{
	struct job_ctx c;

	(void)state;
	type("sleep 1; echo '{\"result\":1}'", "drain_s = 60;");
	stop = true;
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_DONE);
	type("sleep 1000", "drain_s = 1;");
	c = context("{}", 600);
	assert_int_equal(run(&c), JOB_RELEASE);
}

/* ---- nothing is left --------------------------------------------------------------- */

/* In the group, and in a session of its own with a dead parent. */
#define LEAVE_TWO "sleep 1000 & echo $! >%s; " \
	"setsid sh -c 'sleep 1000 & echo $! >%s' & wait $!; "

static void
test_left_behind(void **state)
{
	struct job_ctx c;

	(void)state;
	type(arena_printf(a, LEAVE_TWO "echo '{\"result\":1}'",
	    in_dir("one"), in_dir("two")), "");
	c = context("{}", 60);
	assert_int_equal(run(&c), JOB_DONE);
	assert_gone("one");
	assert_gone("two");
}

static int
run_it(void *arg)
{
	struct job_ctx c = context("{}", 600);

	(void)arg;
	return run(&c) == JOB_DONE ? 0 : 1;
}

static void
test_job_process_killed(void **state)
{
	pid_t pid;

	(void)state;
	type(arena_printf(a, LEAVE_TWO "echo $$ >%s; sleep 1000",
	    in_dir("one"), in_dir("two"), in_dir("self")), "");
	pid = forked(run_it, NULL);
	assert_true(eventually(written, (void *)"self", 20000));
	kill(pid, SIGKILL);
	assert_int_equal(forked_wait(pid), 1000 + SIGKILL);
	assert_gone("self");
	assert_gone("one");
	assert_gone("two");
}

static int
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
test_no_leak(void **state)
{
	int before;

	(void)state;
	type("echo '{\"result\":1}'", "");
	before = open_files();
	for (int i = 0; i < 20; i++) {
		struct job_ctx c = context("{}", 30);

		assert_int_equal(run(&c), JOB_DONE);
	}
	assert_int_equal(open_files(), before);
}

/* ---- files ------------------------------------------------------------------------ */

static const char *
fault_of(const char *name)
{
	const struct exec_type *x = exec_of(job_find(mods, name));

	assert_non_null(x);
	return x->fault != NULL ? x->fault : "";
}

static void
test_files(void **state)
{
	struct job_ctx c;

	(void)state;
	put("p", 0700, "#!/bin/sh\necho '{\"result\":1}'\n");
	put("good.one.conf", 0600, arena_printf(a, "argv = [\"%s\"];\n"
	    "priority = \"high\"; queue = \"q\"; tries = 2;", in_dir("p")));
	put("broken.conf", 0600, "argv = [\"/bin/true\"];\ntries = ;\n");
	put("typo.conf", 0600, "argv = [\"/bin/true\"];\n\ntimout_s = 3;\n");
	put("range.conf", 0600, "tries = 0;\nargv = [\"/bin/true\"];\n");
	put("relative.conf", 0600, "doc = \"x\";\nargv = [\"true\"];\n");
	put("absent.conf", 0600, "argv = [\"/no/such\"];\n");
	put("nobody.conf", 0600, "argv = [\"/bin/true\"];\n"
	    "permission = \"jobs:all\";\n");
	put("leak.conf", 0600, "argv = [\"/bin/true\"];\n"
	    "env = \"PATH,DATABASE_URL\";\n");
	put("open.conf", 0606, "argv = [\"/bin/true\"];\n");
	put("taken.conf", 0600, "argv = [\"/bin/true\"];\n");
	put("empty.conf", 0600, "");
	put("Not.A.Type.conf", 0600, "nonsense");
	put("notes.txt", 0600, "nonsense");
	assert_int_equal(exec_modules(a, dir, some, &mods, &faults, &e), 0);
	for (size_t i = 0; i < 10; i++)
		assert_non_null(faults[i]);
	assert_null(faults[10]);
	assert_string_equal(fault_of("good.one"), "");
	assert_int_equal(job_find(mods, "good.one")->lane, LANE_HIGH);
	assert_int_equal(job_find(mods, "good.one")->tries, 2);
	assert_non_null(strstr(fault_of("broken"), "broken.conf:2"));
	assert_non_null(strstr(fault_of("typo"), "typo.conf:3"));
	assert_non_null(strstr(fault_of("typo"), "timeout_s"));
	assert_non_null(strstr(fault_of("range"), "range.conf:1"));
	assert_non_null(strstr(fault_of("relative"), "relative.conf:2"));
	assert_non_null(strstr(fault_of("absent"), "absent.conf:1"));
	assert_non_null(strstr(fault_of("nobody"), "nobody.conf:2"));
	assert_non_null(strstr(fault_of("leak"), "leak.conf:2"));
	assert_non_null(strstr(fault_of("open"), "everybody"));
	assert_non_null(strstr(fault_of("empty"), "argv"));
	/* a type of ours stays ours */
	assert_ptr_equal(job_find(mods, "taken"), &builtin[0]);
	/* jobs of a broken file wait for a better one */
	c = context("{}", 30);
	c.type = "broken";
	assert_int_equal(run(&c), JOB_RETRY);
	assert_string_equal(c.err.code, "exec_config");
	assert_int_equal(c.retry_after_s, 60);
}

static void
test_directories(void **state)
{
	(void)state;
	assert_int_equal(exec_modules(a, in_dir("none"), some, &mods,
	    &faults, &e), 0);
	assert_ptr_equal(mods, some);
	assert_int_equal(exec_modules(a, "", some, &mods, &faults, &e), 0);
	assert_ptr_equal(mods, some);
	put("t.conf", 0600, "argv = [\"/bin/true\"];");
	assert_int_equal(chmod(dir, 0707), 0);
	assert_int_equal(exec_modules(a, dir, some, &mods, &faults, &e), -1);
	assert_int_equal(chmod(dir, 0700), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_talks), T(test_big_payload_unread),
		T(test_environment), T(test_errors), T(test_cannot_start),
		T(test_output_limit), T(test_cpu_limit),
		T(test_memory_limit), T(test_timeout),
		T(test_sigterm_is_heard), T(test_drain), T(test_left_behind),
		T(test_job_process_killed), T(test_no_leak), T(test_files),
		T(test_directories),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
