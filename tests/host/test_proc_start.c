/*
 * The first steps of every program: hardening, giving up root, run directory,
 * lock, listening sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "proc/proc.h"
#include "tests/harness/forked.h"

static char dir[SCRATCH_PATH];
static struct err e;

static int
begin(void **state)
{
	(void)state;
	scratch_dir(dir);
	err_clear(&e);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static const char *
in_dir(const char *name)
{
	static char path[SCRATCH_PATH + 128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* ---- hardening and users ------------------------------------------------- */

static int
hardened(void *unused)
{
	struct rlimit r;
	struct stat st;

	(void)unused;
	close(0);
	close(2);
	proc_harden();
	if (getrlimit(RLIMIT_CORE, &r) == -1 || r.rlim_cur != 0)
		return 1;
#ifndef __SANITIZE_ADDRESS__
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
#endif
	if (fstat(0, &st) == -1 || fstat(2, &st) == -1)
		return 3;
	raise(SIGPIPE);
	return umask(0) == 0027 ? 0 : 4;
}

static void
harden(void **state)
{
	(void)state;
	assert_int_equal(forked_wait(forked(hardened, NULL)), 0);
}

static int
drop_nobody(void *unused)
{
	(void)unused;
	if (proc_drop("nobody", false, &e) == -1)
		return 1;
	if (geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) > 1)
		return 2;
	if (setuid(0) == 0 || setgid(0) == 0)
		return 3;
	/* Another user is out of reach now; the same one is fine. */
	if (proc_drop("root", true, &e) != -1)
		return 4;
	return proc_drop("nobody", false, &e) == 0 ? 0 : 5;
}

static int
run_as_web(void *unused)
{
	const struct passwd *pw = getpwnam("www-data");

	(void)unused;
	if (pw == NULL)
		return 0;
	if (proc_is_web_user() || setgid(pw->pw_gid) == -1 ||
	    setuid(pw->pw_uid) == -1)
		return 1;
	if (!proc_is_web_user() || proc_drop(NULL, false, &e) != -1)
		return 2;
	return strstr(e.cause, "refusing to run as www-data") != NULL &&
	    strstr(e.cause, "systemd socket") != NULL ? 0 : 3;
}

static void
users(void **state)
{
	(void)state;
	assert_int_equal(proc_drop("no-such-user-here", true, &e), -1);
	assert_int_equal(proc_drop("www-data", true, &e), -1);
	if (geteuid() != 0) {
		print_message("not run: the rest needs root\n");
		return;
	}
	assert_int_equal(proc_drop(NULL, false, &e), -1);
	assert_int_equal(proc_drop("root", false, &e), -1);
	assert_int_equal(proc_drop(NULL, true, &e), 0);
	assert_int_equal(forked_wait(forked(drop_nobody, NULL)), 0);
	assert_int_equal(forked_wait(forked(run_as_web, NULL)), 0);
}

/* ---- files --------------------------------------------------------------- */

static void
run_dir(void **state)
{
	struct stat st;
	char deep[SCRATCH_PATH + 16];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	assert_int_equal(proc_run_dir(deep, &e), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0750, 0);
	assert_int_equal(proc_run_dir(deep, &e), 0);
	assert_int_equal(chmod(deep, 0777), 0);
	assert_int_equal(proc_run_dir(deep, &e), -1);
	assert_int_equal(proc_run_dir("/proc/self/stat", &e), -1);
	assert_int_equal(proc_run_dir("", &e), -1);
	rmdir(deep);
	deep[strlen(deep) - 2] = '\0';
	rmdir(deep);
}

static int
lock_elsewhere(void *path)
{
	int fd;

	return proc_lock(path, &fd, &e) + 10;
}

static void
lock(void **state)
{
	char path[SCRATCH_PATH + 128];
	int fd;

	(void)state;
	memcpy(path, in_dir("lock"), sizeof(path));
	assert_int_equal(proc_lock(path, &fd, &e), 0);
	assert_int_equal(forked_wait(forked(lock_elsewhere, path)), 11);
	close(fd);
	assert_int_equal(forked_wait(forked(lock_elsewhere, path)), 10);
	assert_int_equal(proc_lock("/nonexistent/lock", &fd, &e), -1);
}

/* ---- sockets ------------------------------------------------------------- */

static int
dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
unix_socket(void **state)
{
	char where[SCRATCH_PATH + 160];
	const char *path = in_dir("s.sock");
	struct stat st;
	int fd, other, c;

	(void)state;
	snprintf(where, sizeof(where), "unix:%s", path);
	assert_int_equal(proc_listen(where, 5, &fd, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_not_equal(c = dial(path), -1);
	close(c);
	assert_int_equal(proc_listen(path, 5, &other, &e), -1);
	assert_int_equal(other, -1);
	assert_non_null(strstr(e.cause, "another process"));
	close(fd);
	assert_int_equal(dial(path), -1);
	assert_int_equal(proc_listen(path, 5, &fd, &e), 0);	/* stale */
	assert_int_not_equal(c = dial(path), -1);
	close(c);
	close(fd);
}

static int
listen_and_leave(void *path)
{
	int fd;
	pid_t pid;

	if (proc_listen(path, 5, &fd, &e) == -1)
		return 1;
	if ((pid = fork()) == 0) {
		nap_ms(1500);
		_exit(0);
	}
	return pid == -1;
}

/* Draining children of a killed manager do not keep the name. */
static void
orphans_do_not_count(void **state)
{
	char path[SCRATCH_PATH + 128];
	int fd;

	(void)state;
	memcpy(path, in_dir("o.sock"), sizeof(path));
	assert_int_equal(forked_wait(forked(listen_and_leave, path)), 0);
	fd = dial(path);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(proc_listen(path, 5, &fd, &e), 0);
	close(fd);
}

static void
sockets_refused(void **state)
{
	static const char *const bad[] = {
		"0.0.0.0:9000", "192.0.2.1:9000", "[::]:9000", "example.com:1",
		"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
		":9000", "", "s.sock", "127.0.0.1:1x", "8.8.8.8:80",
		"/nonexistent/dir/s.sock", "unix:",
	};
	const char *path = in_dir("plain");
	char deep[200];
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(proc_listen(bad[i], 5, &fd, &e), -1);
		assert_int_equal(fd, -1);
	}
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(proc_listen(path, 5, &fd, &e), -1);
	assert_int_equal(access(path, F_OK), 0);
	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(proc_listen(deep, 5, &fd, &e), -1);
}

static void
loopback(void **state)
{
	static const char *const good[] = { "127.0.0.1:0", "localhost:0",
	    "127.8.9.1:0" };
	struct sockaddr_in in;
	socklen_t len;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(proc_listen(good[i], 5, &fd, &e), 0);
		len = sizeof(in);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len),
		    0);
		assert_int_equal(ntohl(in.sin_addr.s_addr) >> 24, 127);
		close(fd);
	}
}

static void
retirement(void **state)
{
	struct pool_conf c = { .max_requests = 1000 };
	uint64_t n, lo = UINT64_MAX, hi = 0;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		n = proc_retire_after(&c);
		lo = n < lo ? n : lo;
		hi = n > hi ? n : hi;
	}
	assert_in_range(lo, 900, 920);
	assert_in_range(hi, 1080, 1100);
	c.max_requests = 0;
	assert_true(proc_retire_after(&c) == UINT64_MAX);
	c.max_requests = 1;
	assert_int_equal(proc_retire_after(&c), 1);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(harden),
		CASE(users),
		CASE(run_dir),
		CASE(lock),
		CASE(unix_socket),
		CASE(orphans_do_not_count),
		CASE(sockets_refused),
		CASE(loopback),
		CASE(retirement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
