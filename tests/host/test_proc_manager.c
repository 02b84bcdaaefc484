/*
 * The prefork manager with real children: an echo server whose requests can
 * be told to take their time. Every case starts a manager of its own and
 * stops it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "proc/proc.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"

static const char *const pool_names[] = { "api", NULL };
static const struct metric_label *const dynamic[] = { &proc_pool_label, NULL };
static const char *const *const dynamic_values[] = { pool_names };

static char dir[SCRATCH_PATH], path[SCRATCH_PATH + 8], log_path[SCRATCH_PATH +
    16];
static struct arena *a;
static struct shm *s;
static pid_t manager;
static struct pool pool;
static struct manager_hooks hooks;

/* ---- the server ---------------------------------------------------------- */

/* 'e' echoes at once, '0'-'9' after so many tenths of a second. */
static void
serve(int c)
{
	char b;

	shm_slot_request(s, "echo", "req-7", (uint64_t)clock_boot_ns());
	crumb("accept");
	crumb("think");
	if (read(c, &b, 1) == 1) {
		if (b >= '0' && b <= '9')
			nap_ms((unsigned)(b - '0') * 100);
		if (b == 'h')
			nap_ms(20000);
		if (write(c, &b, 1) != 1)
			shm_word_add(s, "unsent", 1);
	}
	close(c);
	shm_slot_done(s);
}

static int
echo_run(struct pool *p, int listen_fd, void *arg)
{
	uint64_t left = proc_retire_after(&p->conf);
	struct pollfd w = { .fd = listen_fd, .events = POLLIN };
	int c;

	(void)arg;
	fcntl(listen_fd, F_SETFL, O_NONBLOCK);
	proc_child_signals();
	while (!proc_draining() && left > 0) {
		if (proc_reopen_asked())
			shm_word_add(s, "reopened", 1);
		if (poll(&w, 1, 500) < 1 ||
		    (c = accept(listen_fd, NULL, NULL)) == -1)
			continue;
		serve(c);
		left--;
	}
	return 0;
}

/* Takes its time to get ready: the old generation must bridge it. */
static int
slow_start_run(struct pool *p, int listen_fd, void *arg)
{
	nap_ms(700);
	return echo_run(p, listen_fd, arg);
}

static int
fail_run(struct pool *p, int listen_fd, void *arg)
{
	(void)p;
	(void)listen_fd;
	(void)arg;
	shm_word_add(s, "births", 1);
	return 1;
}

static int
stubborn_run(struct pool *p, int listen_fd, void *arg)
{
	(void)p;
	(void)listen_fd;
	(void)arg;
	proc_child_signals();
	for (;;)
		nap_ms(1000);
	return 0;
}

/* ---- the client ---------------------------------------------------------- */

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
ask_begin(char what)
{
	int fd = dial();

	if (fd != -1 && send(fd, &what, 1, MSG_NOSIGNAL) != 1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
ask_end(int fd, char what)
{
	char b = 0;
	bool ok = fd != -1 && read(fd, &b, 1) == 1 && b == what;

	if (fd != -1)
		close(fd);
	return ok;
}

static bool
ask(char what)
{
	return ask_end(ask_begin(what), what);
}

/* ---- scaffolding --------------------------------------------------------- */

static void
ready_hook(void *arg)
{
	(void)arg;
	shm_word_add(s, "ready", 1);
}

static int
reload_hook(void *arg, struct err *e)
{
	(void)arg;
	shm_word_add(s, "reloads", 1);
	if (shm_word_get(s, "refuse", NULL) != 0)
		return err_set(e, 400, "conf", "no good");
	if (shm_word_get(s, "children", NULL) != 0)
		pool.conf.children = (int64_t)shm_word_get(s, "children",
		    NULL);
	return 0;
}

static int
begin(void **state)
{
	const struct shm_layout layout = {
		.metrics = proc_metrics, .processes = 64, .limit_slots = 64,
		.dynamic = dynamic, .dynamic_values = dynamic_values
	};
	struct log_options lo = { .dir = dir, .level = LOG_DEBUG };
	struct err e;

	(void)state;
	scratch_dir(dir);
	snprintf(path, sizeof(path), "%s/s.sock", dir);
	snprintf(log_path, sizeof(log_path), "%s/server.log", dir);
	a = arena_new(16 << 20);
	memset(&pool, 0, sizeof(pool));
	pool.name = "api";
	pool.listen = path;
	pool.run = echo_run;
	pool.conf.children = 3;
	pool.conf.mode = "static";
	memset(&hooks, 0, sizeof(hooks));
	hooks.ready = ready_hook;
	hooks.reload = reload_hook;
	hooks.drain_s = 5;
	manager = -1;
	if (log_setup(&lo, &e) == -1 ||
	    shm_attach(&s, a, dir, &layout, &e) == -1)
		return -1;
	hooks.shm = s;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	if (manager > 0) {	/* a case failed half way */
		kill(manager, SIGKILL);
		forked_wait(manager);
		nap_ms(200);
	}
	shm_detach(s);
	log_reopen();
	arena_free(a);
	scratch_remove(dir);
	return 0;
}

static int
manage(void *unused)
{
	struct err e;

	(void)unused;
	shm_after_fork(s);
	err_clear(&e);
	if (manager_run(&pool, 1, &hooks, &e) == 0)
		return 0;
	fprintf(stderr, "manager: %s\n", e.cause);
	return 1;
}

static bool
word_is(const char *name, uint64_t v)
{
	return shm_word_get(s, name, NULL) >= v;
}

static bool
is_ready(void *unused)
{
	(void)unused;
	return word_is("ready", 1);
}

static void
start(void)
{
	manager = forked(manage, NULL);
	assert_true(eventually(is_ready, NULL, 30000));
}

static void
stop(void)
{
	pid_t pid = manager;

	kill(pid, SIGTERM);
	manager = -1;
	assert_int_equal(forked_wait(pid), 0);
}

/* Live children of the pool, their pids in out. */
static size_t
children(pid_t out[64])
{
	static struct shm_slot slots[64];
	size_t i, n = shm_slots(s, slots, 64), k = 0;

	for (i = 0; i < n; i++) {
		if (slots[i].alive && strcmp(slots[i].pool, "api") == 0)
			out[k++] = slots[i].pid;
	}
	return k;
}

static bool
has_children(void *n)
{
	pid_t pids[64];

	return children(pids) == *(size_t *)n;
}

static void
assert_children(size_t n)
{
	assert_true(eventually(has_children, &n, 30000));
}

/* Lines of the log that contain text. */
static size_t
logged(const char *text, char *line, size_t cap)
{
	static char buf[262144];
	FILE *f = fopen(log_path, "r");
	size_t n = 0;

	while (f != NULL && fgets(buf, sizeof(buf), f) != NULL) {
		if (strstr(buf, text) == NULL)
			continue;
		n++;
		if (line != NULL)
			snprintf(line, cap, "%.*s", (int)cap - 1, buf);
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static uint64_t
metric_named(const char *name, size_t i, size_t j)
{
	size_t k;

	for (k = 0; proc_metrics[k] != NULL; k++) {
		if (strcmp(proc_metrics[k]->name, name) == 0)
			return metric_read(proc_metrics[k], i, j);
	}
	return UINT64_MAX;
}

static uint64_t
now_ms(void)
{
	return (uint64_t)clock_boot_ns() / 1000000;
}

/* ---- cases --------------------------------------------------------------- */

static void
serves_and_replaces(void **state)
{
	pid_t pids[64];
	int i;

	(void)state;
	start();
	assert_children(3);
	for (i = 0; i < 30; i++)
		assert_true(ask('e'));
	children(pids);
	kill(pids[1], SIGKILL);
	nap_ms(50);
	assert_children(3);
	assert_true(ask('e'));
	assert_int_equal(metric_named("fcgi_respawns_total", 0, 0), 1);
	assert_int_equal(metric_named("fcgi_workers", 0, 1) +
	    metric_named("fcgi_workers", 0, 0), 3);
	assert_int_equal(logged("a child was killed", NULL, 0), 1);
	stop();
	assert_int_equal(access(path, F_OK), -1);
	assert_children(0);
}

static void
request_ends_before_stop(void **state)
{
	uint64_t t;
	int fd;

	(void)state;
	start();
	fd = ask_begin('6');
	nap_ms(100);
	t = now_ms();
	stop();
	assert_in_range(now_ms() - t, 300, 2500);
	assert_true(ask_end(fd, '6'));
}

static void
stubborn_are_killed(void **state)
{
	uint64_t t;

	(void)state;
	pool.run = stubborn_run;
	hooks.drain_s = 1;
	start();
	t = now_ms();
	stop();
	assert_in_range(now_ms() - t, 900, 2500);
	assert_int_equal(logged("did not leave in time", NULL, 0), 3);
}

static void
asked_twice_stops_at_once(void **state)
{
	uint64_t t;

	(void)state;
	pool.run = stubborn_run;
	start();
	t = now_ms();
	kill(manager, SIGTERM);
	nap_ms(100);
	stop();
	assert_in_range(now_ms() - t, 0, 1500);
}

static int
clients(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!word_is("enough", 1)) {
		if (!ask(n % 50 == 0 ? '1' : 'e'))
			return 1;
		n++;
	}
	return n > 100 ? 0 : 2;
}

struct change {
	pid_t old[64];
	size_t n, want;
};

static bool
all_new(void *arg)
{
	struct change *c = arg;
	pid_t now[64];
	size_t i, k, n = children(now);

	for (i = 0; i < n; i++) {
		for (k = 0; k < c->n; k++) {
			if (now[i] == c->old[k])
				return false;
		}
	}
	return n == c->want;
}

static void
reload_under_load(void **state)
{
	struct change c = { .want = 3 };
	pid_t kids[3];
	int i;

	(void)state;
	start();
	for (i = 0; i < 3; i++)
		kids[i] = forked(clients, NULL);
	for (i = 0; i < 20; i++) {
		c.n = children(c.old);
		c.want = i < 10 ? 3 : 2;
		shm_word_set(s, "children", c.want);
		kill(manager, SIGHUP);
		assert_true(eventually(all_new, &c, 30000));
	}
	shm_word_set(s, "enough", 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(forked_wait(kids[i]), 0);
	assert_int_equal(shm_word_get(s, "reloads", NULL), 20);
	assert_int_equal(logged("reloaded", NULL, 0), 20);
	stop();
}

static void
old_serve_until_new_are_up(void **state)
{
	struct change c = { .want = 3 };
	uint64_t t, worst = 0;

	(void)state;
	pool.run = slow_start_run;
	start();
	c.n = children(c.old);
	kill(manager, SIGHUP);
	while (!all_new(&c)) {
		t = now_ms();
		assert_true(ask('e'));
		t = now_ms() - t;
		worst = t > worst ? t : worst;
	}
	assert_in_range(worst, 0, 350);
	stop();
}

static void
reload_storm(void **state)
{
	struct change c = { .want = 3 };
	int i;

	(void)state;
	start();
	c.n = children(c.old);
	for (i = 0; i < 100; i++) {
		kill(manager, SIGHUP);
		nap_ms(2);
	}
	assert_true(eventually(all_new, &c, 30000));
	assert_true(ask('e'));
	stop();
}

static void
reload_refused(void **state)
{
	pid_t before[64], after[64];
	char line[512];
	size_t n;

	(void)state;
	start();
	assert_children(3);
	n = children(before);
	shm_word_set(s, "refuse", 1);
	kill(manager, SIGHUP);
	nap_ms(500);
	assert_int_equal(children(after), n);
	assert_memory_equal(before, after, n * sizeof(before[0]));
	assert_int_equal(logged("reload refused", line, sizeof(line)), 1);
	assert_non_null(strstr(line, "no good"));
	stop();
}

static void
slow_logged_once(void **state)
{
	char line[1024];

	(void)state;
	pool.conf.slow_ms = 250;
	start();
	assert_true(ask('1'));
	assert_int_equal(logged("slow request", NULL, 0), 0);
	assert_true(ask('9'));
	assert_int_equal(logged("slow request", line, sizeof(line)), 1);
	assert_non_null(strstr(line, "echo"));
	assert_non_null(strstr(line, "req-7"));
	assert_non_null(strstr(line, "accept > think"));
	assert_int_equal(metric_named("fcgi_slow_requests_total", 0, 0), 1);
	stop();
}

static void
stuck_killed(void **state)
{
	uint64_t t = now_ms();

	(void)state;
	pool.conf.kill_ms = 400;
	start();
	assert_false(ask('h'));
	assert_in_range(now_ms() - t, 400, 3000);
	assert_int_equal(logged("stuck request killed", NULL, 0), 1);
	assert_int_equal(metric_named("fcgi_kills_total", 0, 0), 1);
	assert_children(3);
	assert_true(ask('e'));
	stop();
}

static void
crash_loop_throttled(void **state)
{
	uint64_t births;

	(void)state;
	pool.run = fail_run;
	manager = forked(manage, NULL);
	nap_ms(2500);
	births = shm_word_get(s, "births", NULL);
	assert_in_range(births, 11, 25);
	assert_int_equal(logged("children die young", NULL, 0), 1);
	assert_in_range(logged("a child failed", NULL, 0), 1, 14);
	assert_int_equal(shm_word_get(s, "ready", NULL), 0);
	stop();
}

static bool
at_max(void *unused)
{
	(void)unused;
	return metric_named("fcgi_children_max_reached_total", 0, 0) == 1;
}

static void
dynamic_pool(void **state)
{
	size_t one = 1, four = 4;
	int fd[4], i;

	(void)state;
	pool.conf = (struct pool_conf){ .children = 4, .mode = "dynamic",
	    .min_spare = 1, .max_spare = 1 };
	start();
	assert_children(one);
	for (i = 0; i < 4; i++)
		fd[i] = ask_begin('9');
	assert_children(four);
	assert_true(eventually(at_max, NULL, 30000));
	for (i = 0; i < 4; i++)
		assert_true(ask_end(fd[i], '9'));
	assert_children(one);
	assert_true(ask('e'));
	stop();
}

static void
retired_children_replaced(void **state)
{
	int i;

	(void)state;
	pool.conf.max_requests = 1000;
	pool.conf.children = 2;
	start();
	for (i = 0; i < 8000; i++)
		assert_true(ask('e'));
	/* Frequent, but no failure: not throttled. */
	assert_int_equal(logged("die young", NULL, 0), 0);
	assert_true(metric_named("fcgi_respawns_total", 0, 0) >= 5);
	stop();
}

static bool
nobody_left(void *unused)
{
	pid_t pids[64];

	(void)unused;
	return children(pids) == 0;
}

static void
children_follow_manager(void **state)
{
	(void)state;
	start();
	assert_children(3);
	kill(manager, SIGKILL);
	forked_wait(manager);
	manager = -1;
	assert_true(eventually(nobody_left, NULL, 30000));
}

static bool
all_reopened(void *unused)
{
	(void)unused;
	return word_is("reopened", 3);
}

static void
logs_reopened(void **state)
{
	char moved[sizeof(log_path) + 4];

	(void)state;
	start();
	snprintf(moved, sizeof(moved), "%s.1", log_path);
	assert_int_equal(rename(log_path, moved), 0);
	kill(manager, SIGUSR1);
	assert_true(eventually(all_reopened, NULL, 30000));
	stop();
	assert_int_equal(logged("stopping", NULL, 0), 1);
}

static int
bystander(void *unused)
{
	(void)unused;
	pause();
	return 0;
}

/* Random bytes all over the segment, and a stranger's pid in every word. */
static void
vandalise(pid_t stranger)
{
	uint64_t until = now_ms() + 1500, v;
	size_t size, i;
	char *base = NULL;
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long lo, hi;
	char line[512];

	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "/shm.") != NULL &&
		    sscanf(line, "%lx-%lx", &lo, &hi) == 2)
			base = (char *)lo + 4096;
	}
	fclose(maps);
	assert_non_null(base);
	size = (size_t)((char *)hi - base);
	while (now_ms() < until) {
		for (i = 0; i < 2000; i++) {
			v = i % 8 == 0 ? (uint64_t)stranger : random_below(
			    UINT64_MAX) >> random_below(64);
			memcpy(base + random_below(size / 8) * 8, &v, 8);
		}
		close(ask_begin('e'));
		nap_ms(1);
	}
}

static void
hostile_segment(void **state)
{
	pid_t stranger = forked(bystander, NULL);

	(void)state;
	pool.conf.slow_ms = 50;
	pool.conf.kill_ms = 100;
	start();
	vandalise(stranger);
	assert_int_equal(kill(stranger, 0), 0);
	stop();
	assert_int_equal(waitpid(stranger, NULL, WNOHANG), 0);
	kill(stranger, SIGKILL);
	forked_wait(stranger);
}

/* ---- systemd ------------------------------------------------------------- */

static int
manage_activated(void *listener)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	if (dup2(*(int *)listener, 3) == -1)
		return 9;
	return manage(NULL);
}

static bool
told(int fd, const char *what)
{
	struct timeval tv = { 5, 0 };
	char buf[256];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return strncmp(buf, what, strlen(what)) == 0;
}

static void
systemd_protocol(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), listener;
	struct err e;

	(void)state;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/n.sock", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(proc_listen(path, 64, &listener, &e), 0);
	pool.listen = "/nonexistent/not/used.sock";
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	manager = forked(manage_activated, &listener);
	assert_true(told(fd, "READY=1"));
	assert_true(ask('e'));
	kill(manager, SIGHUP);
	assert_true(told(fd, "RELOADING=1\nMONOTONIC_USEC="));
	assert_true(told(fd, "READY=1"));
	stop();
	assert_true(told(fd, "STOPPING=1"));
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(access(path, F_OK), 0);	/* not ours to remove */
	close(listener);
	close(fd);
}

static void
no_socket_no_start(void **state)
{
	struct err e;

	(void)state;
	err_clear(&e);
	pool.listen = "0.0.0.0:80";
	assert_int_not_equal(manager_run(&pool, 1, &hooks, &e), 0);
	assert_non_null(strstr(e.cause, "0.0.0.0:80"));
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(serves_and_replaces),
		CASE(request_ends_before_stop),
		CASE(stubborn_are_killed),
		CASE(asked_twice_stops_at_once),
		CASE(reload_under_load),
		CASE(old_serve_until_new_are_up),
		CASE(reload_storm),
		CASE(reload_refused),
		CASE(slow_logged_once),
		CASE(stuck_killed),
		CASE(crash_loop_throttled),
		CASE(dynamic_pool),
		CASE(retired_children_replaced),
		CASE(children_follow_manager),
		CASE(logs_reopened),
		CASE(hostile_segment),
		CASE(systemd_protocol),
		CASE(no_socket_no_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
