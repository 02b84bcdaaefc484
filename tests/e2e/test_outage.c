/*
 * What is lost under load and comes back: MariaDB stopped and continued,
 * killed and started again, the shared segment truncated, filled with noise
 * and deleted. Health goes on answering, requests end with 503 in time, and
 * nothing needs a restart.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/harness/forked.h"
#include "tests/harness/load.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"
#include "tests/harness/web.h"

enum { FAST_MS = 50, BACK_MS = 15000, SAMPLES = 20, CLIENTS = 64 };

static struct stack st;
static struct web web;
static const char *admin, *read_one;

/* ---- tools ---- */

/* All children: one that found the database away waits a moment. */
static bool
profile_ok(void *arg)
{
	(void)arg;
	for (int i = 0; i < SAMPLES; i++)
		if (web_call(&web, "GET", "/api/auth/profile", admin,
		    NULL).status != 200)
			return false;
	return true;
}

static void
expect_back(const char *what)
{
	if (eventually(profile_ok, NULL, BACK_MS))
		return;
	web_logs(&web);
	fail_msg("no answer after %s", what);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Health under whatever goes on: all answered, the slowest but two under the
 * limit (the clients of the load share these processors). */
static void
expect_health_fast(const char *path, int status)
{
	double ms[SAMPLES];

	for (int i = 0; i < SAMPLES; i++) {
		struct raw_reply r = web_call(&web, "GET", path, NULL, NULL);

		ms[i] = r.ms;
		if (r.status != 200)
			web_expect(&web, r, status);
		nap_ms(30);
	}
	qsort(ms, SAMPLES, sizeof(ms[0]), by_size);
	if (ms[SAMPLES - 3] > FAST_MS)
		fail_msg("%s took %.1f ms (median %.1f)", path,
		    ms[SAMPLES - 3], ms[SAMPLES / 2]);
}

static size_t
deaths(void)
{
	const char *p = stack_file(&st, "log/server.log");
	size_t n = 0;

	for (; (p = strstr(p, "a child ")) != NULL; p += 8)
		n++;
	return n;
}

/* ---- the database ---- */

static void
test_stopped(void **state)
{
	pid_t manager = st.responder;
	struct load l;

	(void)state;
	load_start(&l, &web.to, CLIENTS, read_one, 5);
	nap_ms(500);
	assert_true(l.now->status[200] > 0);
	mariadb_freeze();
	nap_ms(500);
	expect_health_fast("/health/live", 200);
	expect_health_fast("/health", 503);
	nap_ms(4000);		/* read timeout 2 s, and the queue behind it */
	mariadb_thaw();
	expect_back("SIGCONT");
	load_stop(&l);
	if (l.now->status[503] == 0 || load_bad(&l, 503) != 0 ||
	    l.now->slowest_us > 20000000)
		fail_msg("load: %s, slowest %lu ms", load_text(&l),
		    l.now->slowest_us / 1000);
	load_free(&l);
	assert_int_equal(st.responder, manager);
	assert_int_equal(kill(manager, 0), 0);
}

static void
test_killed(void **state)
{
	struct load l;

	(void)state;
	load_start(&l, &web.to, 8, read_one, 5);
	nap_ms(300);
	mariadb_kill();
	nap_ms(1000);
	expect_health_fast("/health/live", 200);
	mariadb_restart();
	expect_back("a restart of MariaDB");
	load_stop(&l);
	if (l.now->status[503] == 0 || load_bad(&l, 503) != 0)
		fail_msg("load: %s", load_text(&l));
	load_free(&l);
}

/* A write is there or not, never half: what was answered 201 is in. */
static void
test_killed_writes(void **state)
{
	const char *body = "{\"name\":\"out-" LOAD_NUMBER "\",\"scopes\":"
	    "[\"auth:self\"]}", *n;
	struct load l;

	(void)state;
	/* tests' servers are lax otherwise */
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	load_start(&l, &web.to, 4, arena_printf(st.a,
	    "POST /api/auth/keys HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n%sContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", admin, strlen(body), body), 5);
	nap_ms(500);
	mariadb_kill();
	nap_ms(300);
	mariadb_restart();
	expect_back("a restart of MariaDB");
	load_stop(&l);
	if (load_bad(&l, 503) != 0)
		fail_msg("load: %s", load_text(&l));
	n = mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM auth_apikey WHERE name LIKE 'out-%'");
	assert_true(strtoul(n, NULL, 10) >= l.now->status[201]);
	load_free(&l);
}

/* ---- the segment ---- */

static const char *
segment_path(void)
{
	DIR *d = opendir(stack_path(&st, "run"));
	struct dirent *e;
	const char *path = NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "shm.", 4) == 0)
			path = stack_path(&st, arena_printf(st.a, "run/%s",
			    e->d_name));
	if (d != NULL)
		closedir(d);
	assert_non_null(path);
	return path;
}

static void
truncate_it(const char *path)
{
	assert_int_equal(truncate(path, 4096), 0);
}

static void
delete_it(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static void
fill_it(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	unsigned char noise[4096];
	struct stat sb;

	assert_true(fd != -1);
	assert_int_equal(fstat(fd, &sb), 0);
	for (off_t at = 0; at < sb.st_size; at += (off_t)sizeof(noise)) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (unsigned char)(at / 4096 * 31 + (off_t)i * 7);
		assert_true(pwrite(fd, noise, sizeof(noise), at) > 0);
	}
	close(fd);
}

static void
damage(void (*how)(const char *), const char *what)
{
	size_t before = deaths(), after;
	struct load l;

	load_start(&l, &web.to, 4, read_one, 2);
	nap_ms(300);
	how(segment_path());
	nap_ms(3000);
	load_stop(&l);
	after = deaths();
	expect_back(what);
	/* each child may die of it once or twice, but not again and again */
	if (after - before > 24)
		fail_msg("%s: %zu children died", what, after - before);
	nap_ms(2000);
	if (deaths() - after > 2)
		fail_msg("%s: children go on dying", what);
	if (load_bad(&l, 0) != 0) {
		web_logs(&web);
		fail_msg("%s: load %s", what, load_text(&l));
	}
	printf("%s: %zu children died, load %s\n", what, after - before,
	    load_text(&l));
	load_free(&l);
	stack_restart(&st, false);
	expect_back("a restart");
}

static void
test_segment_deleted(void **state)
{
	(void)state;
	damage(delete_it, "segment deleted");
}

static void
test_segment_noise(void **state)
{
	(void)state;
	damage(fill_it, "segment filled with noise");
}

static void
test_segment_truncated(void **state)
{
	(void)state;
	damage(truncate_it, "segment truncated");
}

/* ---- main ---- */

static int
open_all(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){ .no_web = true,
	    .settings = (const char *const[]){ "database.read_timeout=2",
	    "database.write_timeout=2", "database.connect_timeout=1",
	    "database.statement_timeout_ms=2000", NULL } });
	if (!web_start(&web, &st, &(struct web_options){ WEB_NGINX, false,
	    NULL }))
		exit(0);
	admin = web_login(&web);
	read_one = arena_printf(st.a, "GET /api/auth/profile HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n%s\r\n", admin);
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	web_stop(&web);
	stack_stop(&st);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_deleted),
		cmocka_unit_test(test_segment_noise),
		cmocka_unit_test(test_segment_truncated),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_writes)
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
