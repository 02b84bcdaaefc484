/*
 * Queue benchmark: enqueueing and draining without anything around it, on a
 * private MariaDB with full durability. Prints one line a figure:
 *   name rate_per_s own_cpu_s_per_1000 server_cpu_s_per_1000
 * usage: queue [JOBS [PROCESSES [BATCH [SCENES]]]]
 * SCENES: letters of enqueue, drain, relay, history, snapshot, tenants; all if
 * none. tenants: 200 of them, one flooding; fails when the others' p99 wait is
 * two seconds or more
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <mysql.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "events/relay.h"
#include "jobs/queue.h"
#include "module.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"


#define DB "bench_queue"
#define PAYLOAD "{\"symbol\":\"BTCUSDT\",\"window\":90,\"note\":" \
	"\"0123456789012345678901234567890123456789\"}"

enum { PROCS_MAX = 16, HISTORY = 1000000, IDLE_LOOKS = 200, TENANTS = 200 };

static struct {
	uint64_t done[PROCS_MAX], cycles[PROCS_MAX];
	int64_t last_ns[PROCS_MAX];
	int stop;
} *sh;

static struct uuid tenant;
static size_t njobs = 40000, procs = 2, batch = 10;

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %d %s: %s (%s)\n", what, e->status, e->code,
	    e->detail, e->cause);
	exit(1);
}

/* ---- measuring --------------------------------------------------------------- */

static double
server_cpu(void)
{
	char path[64], buf[1024], *p;
	unsigned long u = 0, s = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)mariadb_pid());
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fgets(buf, sizeof(buf), f) != NULL &&
	    (p = strrchr(buf, ')')) != NULL)
		sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		    "%lu %lu", &u, &s);
	fclose(f);
	return (double)(u + s) / (double)sysconf(_SC_CLK_TCK);
}

static double
own_cpu(void)
{
	struct rusage a, b;

	getrusage(RUSAGE_SELF, &a);
	getrusage(RUSAGE_CHILDREN, &b);
	return (double)(a.ru_utime.tv_sec + a.ru_stime.tv_sec +
	    b.ru_utime.tv_sec + b.ru_stime.tv_sec) +
	    (double)(a.ru_utime.tv_usec + a.ru_stime.tv_usec +
	    b.ru_utime.tv_usec + b.ru_stime.tv_usec) / 1e6;
}

struct meter {
	int64_t ns;
	double own, server;
};

static struct meter
meter(void)
{
	return (struct meter){ clock_boot_ns(), own_cpu(), server_cpu() };
}

static void
report(const char *name, size_t n, double seconds, struct meter from)
{
	struct meter now = meter();

	printf("%-34s %8.0f /s   own %.4f  server %.4f CPU s/1000\n", name,
	    (double)n / seconds, (now.own - from.own) * 1000 / (double)n,
	    (now.server - from.server) * 1000 / (double)n);
	fflush(stdout);
}

static double
since(struct meter from)
{
	return (double)(clock_boot_ns() - from.ns) / 1e9;
}

/* What a durable commit costs here: half the story of every figure. */
static void
probe_fsync(void)
{
	char path[] = "/tmp/qxb-fsync.XXXXXX", block[4096] = { 0 };
	int fd = mkstemp(path);
	struct meter m = meter();

	for (int i = 0; i < 200 && fd != -1; i++)
		if (pwrite(fd, block, sizeof(block), (off_t)i * 4096) == -1 ||
		    fdatasync(fd) == -1)
			break;
	printf("%-34s %8.0f us\n", "fdatasync", since(m) * 1e6 / 200);
	close(fd);
	unlink(path);
}

/* ---- jobs ---------------------------------------------------------------------- */

static void
fill(struct db *db, size_t n, size_t per_commit)
{
	struct arena *a = arena_new(64 << 20);
	struct err e = { 0 };
	struct uuid id;

	for (size_t i = 0; i < n; i += per_commit) {
		if (per_commit > 1 && db_begin(db, &e) == -1)
			die("begin", &e);
		for (size_t k = 0; k < per_commit; k++)
			if (job_enqueue_text(db, a, "noop", NULL, false,
			    tenant, PAYLOAD, NULL, &id, &e) != 0)
				die("enqueue", &e);
		if (per_commit > 1 && db_commit(db, &e) == -1)
			die("commit", &e);
		arena_reset(a);
	}
	arena_free(a);
}

struct worker {
	size_t slot;
	size_t want;		/* jobs in all */
};

static size_t
all_done(void)
{
	size_t n = 0;

	for (size_t i = 0; i < procs; i++)
		n += __atomic_load_n(&sh->done[i], __ATOMIC_RELAXED);
	return n;
}

static int
work(void *arg)
{
	struct worker *w = arg;
	struct arena *life = arena_new(64 << 20), *a = arena_new(64 << 20);
	struct arena *keep = arena_new(64 << 20), *t;
	struct db *db = mariadb_open(life, DB);
	struct jobs_claimer *c = jobs_claimer_new(life, shm_current(),
	    modules);
	struct jobs_outcome done[64];
	struct jobs_claimed got = { 0 };
	struct jobs_lease lease;
	struct err e = { 0 };
	size_t n = 0;

	shm_after_fork(shm_current());
	if (jobs_lease_open(db, &lease, uuid_new(), "bench", "bench", 60,
	    (int)getpid(), &e) == -1)
		die("lease", &e);
	while (n > 0 || (all_done() < w->want &&
	    !__atomic_load_n(&sh->stop, __ATOMIC_RELAXED))) {
		if (jobs_cycle(c, db, a, &lease, done, n,
		    all_done() + n < w->want && !sh->stop ? batch : 0, &got, &e) == -1)
			die("cycle", &e);
		sh->done[w->slot] += n;
		sh->cycles[w->slot]++;
		if (n > 0)
			sh->last_ns[w->slot] = clock_boot_ns();
		for (n = 0; n < got.n; n++)
			done[n] = (struct jobs_outcome){
			    .tenant = got.v[n].tenant_id, .id = got.v[n].id,
			    .token = got.v[n].token, .claim_n = got.claim_n,
			    .end = END_DONE };
		t = a;	/* the batch's memory lives one cycle longer */
		a = keep;
		keep = t;
		arena_reset(a);
		if (got.n == 0 && n == 0)
			nap_ms(1);
	}
	if (jobs_lease_close(db, &lease, &e) == -1)
		die("lease close", &e);
	return 0;
}

static int
relay(void *arg)
{
	struct arena *life = arena_new(64 << 20);
	struct db *db = mariadb_open(life, DB);
	struct relay *r = relay_new(life, uuid_new());
	struct err e = { 0 };
	size_t n;
	bool more;

	(void)arg;
	shm_after_fork(shm_current());
	while (!__atomic_load_n(&sh->stop, __ATOMIC_RELAXED)) {
		if (relay_step(r, db, 200, &n, &more, &e) == -1)
			die("relay", &e);
		if (n == 0)
			nap_ms(2);
	}
	return 0;
}

static void
drain(const char *name, size_t n, bool with_relay)
{
	struct worker w[PROCS_MAX];
	pid_t pid[PROCS_MAX], rpid = 0;
	struct meter m = meter();
	int64_t last = 0;
	uint64_t cycles = 0;

	memset(sh, 0, sizeof(*sh));
	if (with_relay)
		rpid = forked(relay, NULL);
	for (size_t i = 0; i < procs; i++) {
		w[i] = (struct worker){ i, n };
		pid[i] = forked(work, &w[i]);
	}
	for (size_t i = 0; i < procs; i++)
		if (forked_wait(pid[i]) != 0)
			exit(1);
	for (size_t i = 0; i < procs; i++) {
		if (sh->last_ns[i] > last)
			last = sh->last_ns[i];
		cycles += sh->cycles[i];
	}
	if (with_relay) {
		sh->stop = 1;
		forked_wait(rpid);
	}
	report(name, n, (double)(last - m.ns) / 1e9, m);
	if (getenv("QX_BENCH_VERBOSE") != NULL)
		printf("  cycles %llu, jobs a cycle %.2f\n",
		    (unsigned long long)cycles, (double)n / (double)cycles);
}

/* What filling left to be flushed and purged is not the queue's. */
static void
quiet(struct arena *a)
{
	mariadb_sql(NULL, "SET GLOBAL innodb_max_dirty_pages_pct = 0; "
	    "SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0");
	for (int i = 0; i < 1200 && strtol(mariadb_value(a, NULL, "SELECT "
	    "variable_value FROM information_schema.global_status WHERE "
	    "variable_name = 'Innodb_buffer_pool_pages_dirty'"), NULL, 10) >
	    50; i++)
		nap_ms(100);
	mariadb_sql(NULL, "SET GLOBAL innodb_max_dirty_pages_pct = 90");
}

/* ---- scenes ------------------------------------------------------------------------ */

/* A million jobs that are done. */
static void
history(void)
{
	for (int i = 0; i < HISTORY / 100000; i++)
		mariadb_sql(DB, "INSERT INTO jobs_job (id, tenant_id, "
		    "queue_id, lane, state, type, payload, tries, timeout_s, "
		    "backoff_s, created_at, started_at, finished_at) SELECT "
		    "CONCAT(UNHEX('018f00000000'), RANDOM_BYTES(10)), "
		    "REPEAT(CHAR(1), 16), 1, 2, 10, 'noop', '" PAYLOAD "', 5, "
		    "300, 1, NOW(6), NOW(6), NOW(6) FROM seq_1_to_100000");
}

static void
fill_some(struct arena *a, size_t n)
{
	struct db *db = mariadb_open(a, DB);

	fill(db, n, 100);
	db_close(db);
	quiet(a);
}

static void
enqueueing(struct arena *a)
{
	struct db *db = mariadb_open(a, DB);
	struct meter m;

	fill(db, 1, 1);		/* statements prepared, queue made */
	m = meter();
	fill(db, njobs / 4, 1);
	report("enqueue, 1 a commit", njobs / 4, since(m), m);
	m = meter();
	fill(db, njobs, 10);
	report("enqueue, 10 a commit", njobs, since(m), m);
	m = meter();
	fill(db, njobs, 100);
	report("enqueue, 100 a commit", njobs, since(m), m);
	db_close(db);
	drain("drain of these", njobs * 2 + njobs / 4, false);
}

static void
under_a_snapshot(struct arena *a)
{
	MYSQL *snap = mariadb_root();

	if (mysql_query(snap, "SET SESSION TRANSACTION ISOLATION LEVEL "
	    "REPEATABLE READ") != 0 || mysql_query(snap, "START TRANSACTION "
	    "WITH CONSISTENT SNAPSHOT") != 0)
		exit(1);
	fill_some(a, 3 * njobs);
	drain("drain, snapshot held, first", njobs, false);
	drain("drain, snapshot held, second", njobs, false);
	drain("drain, snapshot held, third", njobs - 500, false);
	mysql_close(snap);
}

/* One tenant keeps its backlog full, until told to stop. */
static int
flood(void *arg)
{
	struct arena *life = arena_new(64 << 20);
	struct db *db = mariadb_open(life, DB);

	(void)arg;
	shm_after_fork(shm_current());
	while (!__atomic_load_n(&sh->stop, __ATOMIC_RELAXED))
		fill(db, 1000, 100);
	db_close(db);
	return 0;
}

/* The others come one by one; their waits are the database's: from the insert
 * to the claim. */
static void
others(struct arena *a, size_t n)
{
	struct db *db = mariadb_open(a, DB);
	struct arena *each = arena_new(1 << 20);
	struct uuid v[TENANTS - 1], id;
	struct err e = { 0 };

	for (size_t i = 0; i < NITEMS(v); i++)
		v[i] = uuid_new();
	for (size_t i = 0; i < n; i++) {
		if (job_enqueue_text(db, each, "noop", NULL, false,
		    v[random_below(NITEMS(v))], PAYLOAD, &(struct job_options){
		    .actor = "other" }, &id, &e) != 0)
			die("enqueue", &e);
		arena_reset(each);
		nap_ms(5);
	}
	arena_free(each);
	db_close(db);
}

static int
wait_ms(struct arena *a, int percent)
{
	const char *n = mariadb_value(a, DB, "SELECT COUNT(*) FROM jobs_job "
	    "WHERE actor = 'other'");

	return (int)strtol(mariadb_value(a, DB, arena_printf(a, "SELECT "
	    "COALESCE(TIMESTAMPDIFF(MICROSECOND, created_at, IF(started_at > "
	    "'2000-01-01', started_at, NOW(6))) DIV 1000, 0) AS ms FROM "
	    "jobs_job WHERE actor = 'other' ORDER BY ms LIMIT %ld, 1",
	    (strtol(n, NULL, 10) - 1) * percent / 100)), NULL, 10);
}

/* 0: the others were served. */
static int
one_floods(struct arena *a)
{
	struct worker w[PROCS_MAX];
	pid_t pid[PROCS_MAX], flooder;
	const char *left;

	memset(sh, 0, sizeof(*sh));
	fill_some(a, 20000);
	flooder = forked(flood, NULL);
	for (size_t i = 0; i < procs; i++) {
		w[i] = (struct worker){ i, SIZE_MAX };
		pid[i] = forked(work, &w[i]);
	}
	others(a, 2000);
	left = mariadb_value(a, DB, "SELECT COUNT(*) FROM jobs_ready");
	__atomic_store_n(&sh->stop, 1, __ATOMIC_RELAXED);
	forked_wait(flooder);
	for (size_t i = 0; i < procs; i++)
		forked_wait(pid[i]);
	printf("%-34s p50 %d ms  p99 %d ms  max %d ms (of the flood %s "
	    "waited)\n", "200 tenants, one flooding: others", wait_ms(a, 50),
	    wait_ms(a, 99), wait_ms(a, 100), left);
	if (strtol(left, NULL, 10) < 1000)
		printf("  the flood was drained: this says nothing\n");
	return wait_ms(a, 99) < 2000 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *scenes = argc > 4 ? argv[4] : "edrhst";
	int rc = 0;
	char dir[SCRATCH_PATH];
	struct arena *a = arena_new(64 << 20);
	struct err e = { 0 };
	struct shm *s;

	if (argc > 1)
		njobs = strtoul(argv[1], NULL, 10) / 100 * 100;
	if (argc > 2)
		procs = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		batch = strtoul(argv[3], NULL, 10);
	if (!mariadb_start())
		return 1;
	mariadb_sql(NULL, "SET GLOBAL innodb_log_file_size = 536870912; "
	    "SET GLOBAL innodb_buffer_pool_size = 1073741824");
	mariadb_migrated(DB, NULL);
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	if (shm_attach(&s, a, scratch_dir(dir), &(struct shm_layout){
	    .metrics = jobs_metrics }, &e) == -1)
		die("segment", &e);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	tenant = uuid_new();
	printf("jobs %zu, processes %zu, batch %zu\n", njobs, procs, batch);
	probe_fsync();
	if (strchr(scenes, 'e') != NULL)
		enqueueing(a);
	if (strchr(scenes, 'd') != NULL) {
		fill_some(a, njobs);
		drain("drain", njobs, false);
	}
	if (strchr(scenes, 'r') != NULL) {
		fill_some(a, njobs);
		drain("drain, relay beside", njobs, true);
	}
	if (strchr(scenes, 'h') != NULL) {
		history();
		fill_some(a, njobs);
		drain("drain, 1 M finished rows", njobs, false);
	}
	if (strchr(scenes, 's') != NULL)
		under_a_snapshot(a);
	if (strchr(scenes, 't') != NULL)
		rc = one_floods(a);
	probe_fsync();
	scratch_remove(dir);
	arena_free(a);
	return rc;
}
