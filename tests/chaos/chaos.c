/*
 * Chaos: a whole installation on two hosts, with workers outside, under load
 * while its processes are killed and stopped, its database too, COMMITs get
 * lost, clocks step, old rows are held, and the disk is full. clients.c says
 * who writes down what, judge.c what must be true in the end.
 *
 * ROUNDS faults (environment; 60), SEED to repeat the choice of faults. Each
 * kind comes once before any comes again, in an order of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/chaos/chaos.h"
#include "tests/chaos/proxy.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

enum { KIDS = 256, HITS = 4096 };

struct stack st;
struct arena *a;
const char *token;
int *stop;

static struct proxy_faults *faults;
static struct chaos_control *control;
static char control_path[64];
static pid_t worker[CHAOS_HOSTS], outside[OUTSIDE], proxy, clients[CLIENTS],
    reader, revoker;
static MYSQL *snapshot;
static unsigned seed;
static uint8_t hits[HITS][16];		/* jobs whose child was killed */
static size_t nhits;

static unsigned
dice(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- processes ------------------------------------------------------------- */

static size_t
children(pid_t of, pid_t *out, size_t max)
{
	char path[64], text[4096], *p = text;
	size_t n = 0;
	FILE *f;
	long pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)of,
	    (int)of);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	while (n < max && (pid = strtol(p, &p, 10)) > 0)
		out[n++] = (pid_t)pid;
	return n;
}

/* A host is a worker with a run directory of its own: other locks, bells and
 * segment, the same database. */
static void
worker_start(int host)
{
	const char *url = arena_printf(a, "database.url_file=%s/proxy.url",
	    st.dir);
	const char *run = arena_printf(a, "base.run_dir=%s/%s", st.dir,
	    host == 0 ? "run" : "run2");

	setenv("QX_CHAOS_HOST", host == 0 ? "0" : "1", 1);
	worker[host] = stack_launch(&st, host == 0 ? "worker" : "worker2",
	    (const char *[]){ arena_printf(a, "%s/quincunx-worker",
	    stack_bin()), "-c", st.conf, "-o", url, "-o", run, "-o",
	    "jobs.lease=10", "-o", "worker.children=2", "-o",
	    "worker.grace=2", "-o", "worker.drain=3", NULL });
	unsetenv("QX_CHAOS_HOST");
}

static void
outside_start(int which)
{
	const char *name = arena_printf(a, "w%d", which);

	outside[which] = stack_launch(&st, name, (const char *[]){
	    "/usr/bin/python3", "-B", "tests/chaos/outside.py",
	    "packaging/client", st.base, st.email, st.password, st.dir, name,
	    NULL });
}

static bool
gone(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid;
}

static void
revive(void)
{
	for (int i = 0; i < CHAOS_HOSTS; i++)
		if (worker[i] == 0 || gone(worker[i]))
			worker_start(i);
	for (int i = 0; i < OUTSIDE; i++)
		if (outside[i] == 0 || gone(outside[i]))
			outside_start(i);
}

/* ---- faults --------------------------------------------------------------------- */

static pid_t
host(void)
{
	return worker[dice(CHAOS_HOSTS)];
}

static pid_t
grandchild(void)
{
	pid_t v[KIDS], w[KIDS];
	size_t n = children(host(), v, KIDS), k;

	for (size_t i = 0; i < n; i++)
		if ((k = children(v[i], w, KIDS)) > 0)
			return w[dice((unsigned)k)];
	return 0;
}

static pid_t
dispatcher(void)
{
	pid_t v[KIDS], w[KIDS];
	size_t n = children(host(), v, KIDS);

	for (size_t i = 0; i < n; i++)
		if (children(v[i], w, KIDS) > 0)
			return v[i];
	return 0;
}

static pid_t
any_child(pid_t of)
{
	pid_t v[KIDS];
	size_t n = children(of, v, KIDS);

	return n > 0 ? v[dice((unsigned)n)] : 0;
}

static void
hit(pid_t pid, int sig)
{
	if (pid > 1)
		kill(pid, sig);
}

static void
frozen(pid_t pid, unsigned ms)
{
	hit(pid, SIGSTOP);
	nap_ms(ms);
	hit(pid, SIGCONT);
}

/* A child that is at work, each time with another job: then no job may be
 * quarantined, and none may pass for done. */
static void
kill_at_work(void)
{
	for (int tries = 0; tries < 300; tries++, nap_ms(10))
		for (int i = 0; i < CHAOS_BUSY; i++) {
			struct chaos_busy b = control->busy[i];
			size_t k = 0;

			if (b.pid == 0 || nhits == HITS || b.until_ns -
			    clock_boot_ns() < 50 * 1000000)
				continue;
			while (k < nhits && memcmp(hits[k], b.job, 16) != 0)
				k++;
			if (k < nhits || kill(b.pid, SIGKILL) == -1)
				continue;
			memcpy(hits[nhits++], b.job, 16);
			control->busy[i].pid = 0;
			return;
		}
}

static void
outside_hit(int sig, unsigned ms)
{
	pid_t pid = outside[dice(OUTSIDE)];

	if (sig == SIGSTOP)
		frozen(pid, ms);
	else
		hit(pid, sig);
}

static void
step_clock(void)
{
	static const int64_t steps[] = { 0, 60, -60, 5, -5, 3600 };
	unsigned h = dice(CHAOS_HOSTS);

	control->clock_us[h] = steps[dice(6)] * 1000000;
	if (control->clock_us[h] == 0)
		control->clock_us[h] = 61 * 1000000;
}

/* A backup or a dashboard that reads for rounds. */
static void
hold_snapshot(void)
{
	if (snapshot != NULL) {
		mysql_close(snapshot);
		snapshot = NULL;
		return;
	}
	snapshot = mariadb_root();
	if (mysql_query(snapshot, "SET SESSION TRANSACTION ISOLATION LEVEL "
	    "REPEATABLE READ") != 0 || mysql_query(snapshot,
	    "START TRANSACTION WITH CONSISTENT SNAPSHOT") != 0)
		print_message("no snapshot: %s\n", mysql_error(snapshot));
}

/* With the library that can refuse it to grow. */
static void
database_start(void (*start)(void))
{
	setenv("LD_PRELOAD", getenv("QX_CHAOS_FULL"), 1);
	start();
	unsetenv("LD_PRELOAD");
}

/* The harness's servers are quick instead of durable. */
static void
durable(void)
{
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
}

static void
kill_worker(void)
{
	hit(host(), SIGKILL);
}

static void
kill_dispatcher(void)
{
	hit(dispatcher(), SIGKILL);
}

static void
kill_idle(void)
{
	hit(grandchild(), SIGKILL);
}

static void
kill_loop(void)
{
	hit(any_child(host()), SIGKILL);
}

static void
kill_responder(void)
{
	hit(any_child(st.responder), SIGKILL);
}

/* Now and then for longer than its lease. */
static void
stop_dispatcher(void)
{
	frozen(dispatcher(), dice(6) == 0 ? 14000 : 1500);
}

static void
stop_job(void)
{
	frozen(grandchild(), 1500);
}

static void
kill_outside(void)
{
	outside_hit(SIGKILL, 0);
}

static void
stop_outside(void)
{
	outside_hit(SIGSTOP, dice(6) == 0 ? 14000 : 1500);
}

static void
kill_database(void)
{
	mariadb_kill();
	nap_ms(dice(800));
	database_start(mariadb_restart);
	durable();
}

static void
stop_database(void)
{
	mariadb_freeze();
	nap_ms(1000 + dice(2000));
	mariadb_thaw();
}

static void
commits_before(void)
{
	faults->lose_before = 200;
	nap_ms(800);
	faults->lose_before = 0;
}

static void
commits_after(void)
{
	faults->lose_after = 200;
	nap_ms(800);
	faults->lose_after = 0;
}

static void
fill_disk(void)
{
	control->full = 1;
	nap_ms(2500);
	control->full = 0;
}

static void
reload(void)
{
	hit(host(), SIGHUP);
}

static void
drain(void)
{
	hit(host(), SIGTERM);
}

static struct fault {
	const char *name;
	unsigned weight;		/* so often in a deck */
	void (*run)(void);
	unsigned done;
} all_faults[] = {
	{ "kill worker", 1, kill_worker, 0 },
	{ "kill dispatcher", 1, kill_dispatcher, 0 },
	{ "kill child at work", 3, kill_at_work, 0 },
	{ "kill job child", 1, kill_idle, 0 },
	{ "kill loop", 1, kill_loop, 0 },
	{ "kill responder child", 1, kill_responder, 0 },
	{ "stop dispatcher", 1, stop_dispatcher, 0 },
	{ "stop job child", 1, stop_job, 0 },
	{ "kill outside worker", 1, kill_outside, 0 },
	{ "stop outside worker", 1, stop_outside, 0 },
	{ "kill database", 1, kill_database, 0 },
	{ "stop database", 1, stop_database, 0 },
	{ "lose COMMITs", 1, commits_before, 0 },
	{ "lose answers of COMMIT", 1, commits_after, 0 },
	{ "step a host's clock", 1, step_clock, 0 },
	{ "hold or end a snapshot", 1, hold_snapshot, 0 },
	{ "full disk", 1, fill_disk, 0 },
	{ "reload worker", 1, reload, 0 },
	{ "restart worker", 1, drain, 0 },
};
enum { FAULTS = sizeof(all_faults) / sizeof(all_faults[0]), DECK = 64 };

static struct fault *
draw(void)
{
	static struct fault *deck[DECK];
	static size_t n;
	struct fault *f;
	size_t k;

	if (n == 0)
		for (size_t i = 0; i < FAULTS; i++)
			for (unsigned w = 0; w < all_faults[i].weight; w++)
				deck[n++] = &all_faults[i];
	k = dice((unsigned)n);
	f = deck[k];
	deck[k] = deck[--n];
	return f;
}

static void
storm(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		struct fault *f = draw();

		f->done++;
		f->run();
		nap_ms(200 + dice(400));
		revive();
	}
	memset(control->clock_us, 0, sizeof(control->clock_us));
	if (snapshot != NULL)
		hold_snapshot();
}

/* ---- the run --------------------------------------------------------------------------- */

static void
begin(void)
{
	const struct reply *r;
	int fd;

	a = arena_new((size_t)1 << 30);
	faults = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	stop = (int *)(void *)(faults + 1);
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .settings = (const char *[]){ "jobs.schedule_floor=1", NULL } });
	mariadb_sql(st.db, "CREATE TABLE chaos_effect (job_id BINARY(16) NOT "
	    "NULL PRIMARY KEY, token BIGINT NOT NULL); CREATE TABLE chaos_run "
	    "(n BIGINT AUTO_INCREMENT PRIMARY KEY, job_id BINARY(16) NOT NULL, "
	    "token BIGINT NOT NULL, at DATETIME(6) NOT NULL); CREATE TABLE "
	    "chaos_fire (n BIGINT AUTO_INCREMENT PRIMARY KEY, s INT NOT NULL, "
	    "at DATETIME(6) NOT NULL, job_id BINARY(16) NOT NULL, KEY (job_id))");
	fd = open(stack_path(&st, "proxy.url"), O_CREAT | O_WRONLY, 0600);
	assert_true(dprintf(fd, "mysql://root@/%s?unix_socket=%s/proxy.sock",
	    st.db, st.dir) > 0);
	close(fd);
	assert_int_equal(mkdir(stack_path(&st, "effects"), 0700), 0);
	assert_int_equal(mkdir(stack_path(&st, "run2"), 0700), 0);
	durable();
	proxy = proxy_start(stack_path(&st, "proxy.sock"), strchr(mariadb_url(
	    a, st.db), '=') + 1, faults);
	r = http_send(&st, "POST", "/api/auth/login", NULL, http_text(&st,
	    "{\"email\":\"%s\",\"password\":\"%s\"}", st.email, st.password));
	expect_status(r, 200);
	token = arena_strdup(a, json_text_at(r->json, "access_token"));
	schedules_make();
	revive();
	judge_begin();
}

static pid_t
child(void (*loop)(int), int which)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	loop(which);
	_exit(1);
}

static void
the_books_agree(void **state)
{
	const char *rounds = getenv("ROUNDS"), *s = getenv("SEED");
	unsigned bad;
	int status;

	(void)state;
	seed = s != NULL ? (unsigned)strtoul(s, NULL, 10) :
	    (unsigned)random_below(1u << 30);
	print_message("chaos: seed %u\n", seed);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = child(client_loop, i);
	reader = child(reader_loop, 0);
	revoker = child(revoker_loop, 0);
	storm(rounds != NULL ? (unsigned)strtoul(rounds, NULL, 10) : 60);
	*stop = 1;
	for (int i = 0; i < CLIENTS; i++)
		waitpid(clients[i], &status, 0);
	waitpid(revoker, &status, 0);
	revive();
	judge_after_the_last(revive);
	*stop = 2;
	waitpid(reader, &status, 0);
	bad = judge();
	for (size_t i = 0; i < FAULTS; i++)
		print_message("%4u × %s\n", all_faults[i].done,
		    all_faults[i].name);
	print_message("COMMITs lost: %d before, %d after they were executed; "
	    "children killed at work: %zu; refused to grow: %d\n",
	    faults->lost_before, faults->lost_after, nhits, control->refused);
	if (bad > 0) {
		stack_logs(&st);
		fail_msg("%u breaches", bad);
	}
}

static void
control_make(void)
{
	int fd;

	snprintf(control_path, sizeof(control_path), "/tmp/qxc.XXXXXX");
	fd = mkstemp(control_path);
	if (fd == -1 || ftruncate(fd, CHAOS_SIZE) == -1 ||
	    setenv("QX_CHAOS", control_path, 1) == -1 ||
	    (control = chaos_control()) == NULL)
		exit(1);
	close(fd);
}

static bool there;

static void
first_start(void)
{
	there = mariadb_start();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_books_agree),
	};
	int rc;

	stack_user();
	control_make();
	database_start(first_start);
	if (!there)
		return 0;
	begin();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	for (int i = 0; i < CHAOS_HOSTS; i++)
		stack_end(&worker[i], SIGKILL);
	for (int i = 0; i < OUTSIDE; i++)
		stack_end(&outside[i], SIGKILL);
	kill(proxy, SIGKILL);
	stack_stop(&st);
	unlink(control_path);
	return rc;
}
