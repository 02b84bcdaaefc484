/*
 * How long from an interruption's coming to the commit of its replacement's
 * request, when many come at once: N warnings spread over one second, taken by
 * P processes in batches of ten as the queues' loop takes them, on a private
 * MariaDB with its durable log. The inventory and the pools are those of the
 * simulated cloud, with a spot machine more for each warning.
 *	interrupt [N [P]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "modules/auth/auth.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/episode.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move.h"
#include "modules/spot/spot.h"
#include "net/net.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#define DB "bench_interrupt"
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="
#define S_NS INT64_C(1000000000)

enum { BATCH = 10, WARM = 20 };

static const struct module *const mods[] = { &spot_module, NULL };
static const struct settings *const settings[] = { &base_settings,
    &spot_settings, &net_settings, &auth_settings, &spot_move_settings,
    NULL };

static struct arena *a;
static int total = 500, processes = 2;
static int64_t *taken_ns;	/* shared: one per warning */
static int64_t start_ns;
static struct spot_account acc;
static struct spot_source source;
static struct principal by = { .kind = PRINCIPAL_USER, .name = "bench" };

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%d %s: %s\n", e->status, e->detail, e->cause);
	exit(1);
}

static struct env
boot(void)
{
	char *const none[] = { NULL };
	struct env e = { .a = arena_new(64 << 20), .modules = mods,
	    .program = "bench", .process = uuid_new() };
	struct err err = { 0 };
	struct keyring *ring;
	struct conf *conf;

	must(conf_load(&conf, e.a, settings, &(struct conf_source){
	    .file = "/none", .env = none }, &err), &err);
	e.conf = conf;
	must(keyring_open(&ring, e.a, KEY, &err), &err);
	e.keys = ring;
	must(net_open(&e.net, e.a, conf_get(conf, &net_settings), NULL,
	    &err), &err);
	e.db = mariadb_open(e.a, DB);
	return e;
}

static const char *
machine(int i)
{
	return arena_printf(a, "i-%017x", i + 1000);
}

static void
prepare(void)
{
	struct spot_connect n = { .name = "bench",
	    .connection_method = "simulated" };
	struct env env;
	struct err e = { 0 };
	struct rows rows;
	char hex[33];

	mariadb_migrated(DB, NULL);
	env = boot();
	by.tenant_id = uuid_new();
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", by.tenant_id.b[i]);
	mariadb_sql(DB, arena_printf(a, "INSERT INTO auth_tenant (id, name, "
	    "active, created_at, updated_at) VALUES (X'%s', 'bench', 1, "
	    "NOW(6), NOW(6))", hex));
	must(spot_account_make(&env, a, &by, &n, clock_now(), &acc, &e), &e);
	must(spot_discover(&env, 0, NULL, &e), &e);
	for (int i = -WARM; i < total; i++)
		mariadb_sql(DB, arena_printf(a, "INSERT INTO spot_instance "
		    "(id, tenant_id, account_id, region, az, instance_id, "
		    "instance_type, lifecycle, state, launched_at, arch, "
		    "product, tags, auth_status, seen_generation, first_seen, "
		    "last_seen) SELECT UNHEX(MD5('%s')), tenant_id, "
		    "account_id, region, az, '%s', instance_type, 'spot', "
		    "'running', launched_at, arch, product, '{}', "
		    "'AUTHORIZED', 1, NOW(6), NOW(6) FROM spot_instance WHERE "
		    "region = 'us-east-1' AND asg = '' AND instance_id NOT LIKE 'i-0000000%%' ORDER BY "
		    "MD5(CONCAT(id, '%d')) LIMIT 1", machine(i), machine(i),
		    i));
	must(spot_episode_reconcile(env.db, by.tenant_id, acc.id, "us-east-1",
	    clock_now(), &e), &e);
	must(spot_source_simulated(env.db, clock_now(), &e), &e);
	must(spot_source_kind(env.db, a, "simulated", &rows, &e), &e);
	source = *ROW(&rows, struct spot_source, 0);
	must(spot_account_by_id(env.db, a, by.tenant_id, acc.id, &acc, &e),
	    &e);
	db_close(env.db);
}

static void
take(struct env *env, struct spot_pool_cache *market, const int *which, size_t n)
{
	struct arena *mem = arena_new(64 << 20);
	struct spot_text v[BATCH];
	struct spot_taken t;
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *id = machine(which[i]);

		v[i].p = spot_notice_write(mem, "TERMINATION",
		    arena_printf(mem, "bench-%d", which[i]),
		    acc.aws_account, "us-east-1", id, clock_now());
		v[i].n = strlen(v[i].p);
	}
	must(spot_intake_texts(&(struct spot_intake){ env, env->db, mem,
	    &source, &acc, "sqs", NULL, market }, v, n, clock_now(), &t, &e), &e);
	arena_free(mem);
}

static int64_t
due_ns(int i)
{
	return start_ns + i * S_NS / total;
}

static void
sleep_until(int64_t ns)
{
	struct timespec ts = { ns / S_NS, ns % S_NS };

	clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL);
}

static void
say_cost(struct env *env, int n)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("of one process: %.1f statements and %.2f ms of processor time "
	    "a warning\n", (double)db_statements(env->db) / n,
	    ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3) / n);
	fflush(stdout);
}

/* Its share of the warnings, each not before it is due. */
static int
worker(void *arg)
{
	struct env env = boot();
	int mine = *(int *)arg, next = mine, which[BATCH], warm[WARM];
	struct spot_pool_cache *market = spot_pool_cache_new(env.a);
	size_t n;

	/* statements are prepared and pools loaded, as in a loop that runs */
	for (int i = 0; i < WARM; i++)
		warm[i] = -1 - i;
	take(&env, market, warm + mine % 2 * BATCH, BATCH);
	sleep_until(start_ns);
	while (next < total) {
		int64_t now = clock_boot_ns();

		for (n = 0; n < BATCH && next < total && due_ns(next) <= now;
		    next += processes)
			which[n++] = next;
		if (n == 0) {
			sleep_until(due_ns(next));
			continue;
		}
		take(&env, market, which, n);
		for (size_t i = 0; i < n; i++)
			taken_ns[which[i]] = clock_boot_ns();
	}
	if (mine == 0)
		say_cost(&env, total / processes + BATCH);
	db_close(env.db);
	return 0;
}

static int
by_size(const void *x, const void *y)
{
	const double *p = x, *q = y;

	return (*p > *q) - (*p < *q);
}

static void
report(void)
{
	double *ms = arena_array(a, (size_t)total, sizeof(*ms));
	int64_t last = 0;

	for (int i = 0; i < total; i++) {
		ms[i] = (double)(taken_ns[i] - due_ns(i)) / 1e6;
		if (taken_ns[i] > last)
			last = taken_ns[i];
	}
	qsort(ms, (size_t)total, sizeof(*ms), by_size);
	printf("%d interruptions in one second, %d processes: p50 %.1f ms, "
	    "p90 %.1f ms, p99 %.1f ms, max %.1f ms; all requested after "
	    "%.2f s\n", total, processes, ms[total / 2], ms[total * 9 / 10],
	    ms[total * 99 / 100], ms[total - 1],
	    (double)(last - start_ns) / 1e9);
	printf("%s interruptions are being replaced, %s moves\n",
	    mariadb_value(a, DB, "SELECT COUNT(*) FROM spot_interruption "
	    "WHERE state = 'replacing'"), mariadb_value(a, DB,
	    "SELECT COUNT(*) FROM spot_move"));
	printf("why not: %s\n", mariadb_value(a, DB, "SELECT "
	    "COALESCE(GROUP_CONCAT(DISTINCT state, ': ', why), 'none') FROM "
	    "spot_interruption WHERE state <> 'replacing'"));
}

int
main(int argc, char **argv)
{
	pid_t pid[16];
	int number[16];

	if (argc > 1)
		total = atoi(argv[1]);
	if (argc > 2)
		processes = atoi(argv[2]);
	if (total < 10 || total > 20000 || processes < 1 || processes > 16)
		return 2;
	a = arena_new((size_t)512 << 20);
	if (!mariadb_start())
		return 1;
	prepare();
	taken_ns = mmap(NULL, (size_t)total * sizeof(*taken_ns), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start_ns = clock_boot_ns() + 2 * S_NS;
	for (int i = 0; i < processes; i++) {
		number[i] = i;
		pid[i] = forked(worker, &number[i]);
	}
	for (int i = 0; i < processes; i++)
		if (forked_wait(pid[i]) != 0)
			return 1;
	report();
	mariadb_stop();
	return 0;
}
