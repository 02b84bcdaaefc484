/*
 * The dispatcher and its children with jobs of the test's own, against
 * MariaDB: caps, transactions, payloads and results of every size, and what a
 * child that dies at the worst moment leaves behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/worker.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "db/lease.h"
#include "module.h"
#include "proc/bell.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_worker"

enum { BIG = 3 << 20 };

static struct arena *a;
static struct env *env;
static struct boot boot;
static struct err err;
static char dir[SCRATCH_PATH];
static struct uuid tenant;
static bool have;

/* ---- jobs ------------------------------------------------------------------- */

static const struct query LEDGER = { "test.ledger",
	"INSERT INTO test_ledger (job_id) VALUES (?)", NULL };

static enum job_rc
spin(struct job_ctx *c, const void *in)
{
	volatile uint64_t n = 0;

	(void)c, (void)in;
	while (n + 1 != 0)
		n++;
	return JOB_DONE;
}

static enum job_rc
eat(struct job_ctx *c, const void *in)
{
	(void)in;
	for (int i = 0; i < 100000; i++)
		memset(arena_alloc(c->a, 1 << 20), 1, 1 << 20);
	return JOB_DONE;
}

static enum job_rc
leave_open(struct job_ctx *c, const void *in)
{
	(void)in;
	if (job_begin(c, &c->err) == -1 || db_exec(c->db, &LEDGER,
	    ARGS(V(c->id)), NULL, &c->err) == -1)
		return JOB_RETRY;
	return JOB_DONE;
}

static int
effect(struct job_ctx *c, bool finish)
{
	if (job_begin(c, &c->err) == -1)
		return -1;
	if (db_exec(c->db, &LEDGER, ARGS(V(c->id)), NULL, &c->err) == 0 &&
	    (!finish || job_finish(c, &c->err) == 0))
		return db_commit(c->db, &c->err);
	db_rollback(c->db);
	return -1;
}

static enum job_rc
begins(struct job_ctx *c, const void *in)
{
	(void)in;
	return effect(c, false) == 0 ? JOB_DONE : JOB_RETRY;
}

static enum job_rc
finishes(struct job_ctx *c, const void *in)
{
	(void)in;
	c->result_text = "{\"by\":\"itself\"}";
	return effect(c, true) == 0 ? JOB_DONE : JOB_RETRY;
}

static enum job_rc
dies_finished(struct job_ctx *c, const void *in)
{
	(void)in;
	if (effect(c, true) == -1)
		return JOB_RETRY;
	raise(SIGKILL);
	return JOB_FAIL;
}

/* The first time it dies before its COMMIT. */
static enum job_rc
dies_once(struct job_ctx *c, const void *in)
{
	(void)in;
	if (c->token == 1) {
		if (job_begin(c, &c->err) == -1 || db_exec(c->db, &LEDGER,
		    ARGS(V(c->id)), NULL, &c->err) == -1)
			return JOB_RETRY;
		raise(SIGKILL);
	}
	return effect(c, false) == 0 ? JOB_DONE : JOB_RETRY;
}

static enum job_rc
mirror(struct job_ctx *c, const void *in)
{
	(void)in;
	c->result_text = c->payload.p;
	return JOB_DONE;
}

struct number_in {
	int64_t n;
};
static const struct field number_fields[] = {
	FIELD(struct number_in, n, .flags = FF_REQUIRED, .min = 1, .max = 9,
	    .doc = "A digit"), FIELD_END
};
static const struct schema number_schema = {
	.name = "Number", .size = sizeof(struct number_in),
	.fields = number_fields
};

static enum job_rc
number(struct job_ctx *c, const void *in)
{
	const struct number_in *i = in;

	c->result_text = arena_printf(c->a, "%lld", (long long)i->n);
	return JOB_DONE;
}

static enum job_rc
waits(struct job_ctx *c, const void *in)
{
	(void)in;
	while (!job_stopping(c))
		poll(NULL, 0, 20);
	return JOB_RELEASE;
}

static const struct job own_jobs[] = {
	{ .name = "t.spin", .doc = "d", .tries = 1, .cpu_s = 1, .run = spin },
	{ .name = "t.eat", .doc = "d", .tries = 1, .memory_mib = 64,
	  .run = eat },
	{ .name = "t.open", .doc = "d", .tries = 1, .run = leave_open },
	{ .name = "t.begins", .doc = "d", .run = begins },
	{ .name = "t.finishes", .doc = "d", .flags = JOB_TXN,
	  .run = finishes },
	{ .name = "t.dies_finished", .doc = "d", .flags = JOB_TXN,
	  .run = dies_finished },
	{ .name = "t.dies_once", .doc = "d", .run = dies_once },
	{ .name = "t.mirror", .doc = "d", .flags = JOB_RAW, .run = mirror },
	{ .name = "t.number", .doc = "d", .in = &number_schema,
	  .run = number },
	{ .name = "t.waits", .doc = "d", .tries = 1, .timeout_s = 1,
	  .run = waits },
	{ .name = "t.quick", .doc = "d", .flags = JOB_QUICK, .run = begins },
	JOB_END
};
static const struct job *const own[] = { own_jobs, NULL };

/* ---- loops -------------------------------------------------------------------- */

static const struct query TURN = { "test.turn",
	"INSERT INTO test_turn (loop_name, token, pid) VALUES (?, ?, ?)",
	NULL };

/* Guarded, as a loop's writes are. */
static int
turn(struct loop_ctx *c, const char *name, struct err *e)
{
	if (db_begin(c->db, e) == -1)
		return -1;
	if ((c->lease == NULL || lease_guard(c->db, c->lease, e) == 0) &&
	    db_exec(c->db, &TURN, ARGS(V(name), V(c->lease != NULL ?
	    c->lease->token : 0), V((int)getpid())), NULL, e) == 0)
		return db_commit(c->db, e);
	db_rollback(c->db);
	return -1;
}

static int
blocks(struct loop_ctx *c, struct err *e)
{
	if (turn(c, "blocks", e) == -1)
		return -1;
	for (;;)
		poll(NULL, 0, 1000);
}

static int
counts(struct loop_ctx *c, struct err *e)
{
	return turn(c, "counts", e);
}

static int
ticks(struct loop_ctx *c, struct err *e)
{
	return turn(c, "ticks", e);
}

static int
fails(struct loop_ctx *c, struct err *e)
{
	if (turn(c, "fails", e) == -1 || db_begin(c->db, e) == -1)
		return -1;
	return err_set(e, 500, "asked", "as asked");	/* leaves it open */
}

static int
belled(struct loop_ctx *c, struct err *e)
{
	return turn(c, "belled", e);
}

static int
parted(struct loop_ctx *c, struct err *e)
{
	return turn(c, "parted", e);
}

static const struct loop own_loops[] = {
	{ .name = "t.blocks", .doc = "d", .period_ms = 100,
	  .scope = LOOP_CLUSTER, .humble = LOOP_NEVER, .lease_s = 5,
	  .run = blocks },
	{ .name = "t.counts", .doc = "d", .period_ms = 100,
	  .scope = LOOP_CLUSTER, .humble = LOOP_NEVER, .lease_s = 5,
	  .run = counts },
	{ .name = "t.ticks", .doc = "d", .period_ms = 100,
	  .scope = LOOP_HOST, .humble = LOOP_TICK, .run = ticks },
	{ .name = "t.fails", .doc = "d", .period_ms = 100,
	  .scope = LOOP_SHARD, .shards = 2, .humble = LOOP_TICK,
	  .run = fails },
	{ .name = "t.belled", .doc = "d", .period_ms = 3600000,
	  .scope = LOOP_HOST, .humble = LOOP_NEVER, .bell = "test",
	  .run = belled },
	{ .name = "t.parted", .doc = "d", .period_ms = 100,
	  .scope = LOOP_HOST, .humble = LOOP_TICK, .component = "t.part",
	  .run = parted },
	LOOP_END
};
static const struct loop *const loops[] = { own_loops, NULL };
enum { L_BLOCKS, L_COUNTS, L_TICKS, L_FAILS, L_BELLED, L_PARTED };

static const struct module test_module = { .name = "test", .doc = "d",
    .jobs = own, .loops = loops };
static const struct module *mods[32];

/* ---- the fixture --------------------------------------------------------------- */

static char *
word(const char *s)
{
	return arena_strdup(a, s);
}

static int
group_begin(void **state)
{
	char **argv;
	size_t n = 0;
	int k = 0;

	(void)state;
	a = arena_new(256 << 20);
	have = mariadb_start();
	if (!have)
		return 0;
	mariadb_migrated(DB, NULL);
	mariadb_sql(DB, "CREATE TABLE test_ledger (id INT AUTO_INCREMENT "
	    "PRIMARY KEY, job_id BINARY(16) NOT NULL) ENGINE=InnoDB; "
	    "CREATE TABLE test_turn (id INT AUTO_INCREMENT PRIMARY KEY, "
	    "loop_name VARCHAR(20) NOT NULL, token BIGINT NOT NULL, "
	    "pid INT NOT NULL) ENGINE=InnoDB");
	for (; modules[n] != NULL; n++)
		mods[n] = modules[n];
	mods[n] = &test_module;
	scratch_dir(dir);
	argv = arena_array(a, 20, sizeof(*argv));
	argv[k++] = word("test");
	argv[k++] = word("-o");
	argv[k++] = arena_printf(a, "base.dir=%s", dir);
	setenv("DATABASE_URL", mariadb_url(a, DB), 1);
	argv[k++] = word("-o");
	argv[k++] = word("jobs.lease=600");
	argv[k++] = word("-o");
	argv[k++] = word("worker.grace=2");
	boot = (struct boot){ .program = "test", .modules = mods,
	    .flags = BOOT_NO_KEYS, .argc = k, .argv = argv };
	if (app_boot(&env, &boot, &err) == -1)
		return app_die("test", &err);
	tenant = uuid_new();
	return 0;
}

static int
group_end(void **state)
{
	(void)state;
	if (have) {
		db_close(env->db);
		app_end(env, &boot);
		mariadb_stop();
	}
	arena_free(a);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	if (!have)
		skip();
	err_clear(&err);
	return 0;
}

static struct uuid
add(const char *type, const char *payload)
{
	struct uuid id;

	if (job_enqueue_text(env->db, a, type, job_find(env->modules, type),
	    false, tenant, payload, &(struct job_options){ .backoff_s = 1 },
	    &id, &err) != 0)
		fail_msg("%s: %s", err.detail, err.cause);
	return id;
}

static struct job_row
row(struct uuid id)
{
	struct job_row j;

	if (jobs_by_id(env->db, a, tenant, id, &j, &err) != 0)
		fail_msg("no such job: %s", err.detail);
	return j;
}

/* Dispatches until the job has ended. */
static struct job_row
ended(struct uuid id, size_t children)
{
	const struct worker_conf *cf = conf_get(env->conf, &worker_settings);
	int64_t end = clock_boot_ns() + INT64_C(60000000000);
	struct dispatch_options o = { .children = children,
	    .until_empty = true, .until_boot_ns = end };
	struct job_row j;

	while ((j = row(id)).state < 10) {
		if (clock_boot_ns() > end)
			fail_msg("job does not end: %s %s", j.error_class,
			    j.error);
		if (worker_dispatch(env, cf, &o, &err) != 0)
			fail_msg("%s %s", err.detail, err.cause);
		nap_ms(20);
	}
	return j;
}

static long
ledger(struct uuid id)
{
	char text[UUID_TEXT];

	return strtol(mariadb_value(a, DB, arena_printf(a, "SELECT COUNT(*) "
	    "FROM test_ledger WHERE job_id = UNHEX(REPLACE('%s', '-', ''))",
	    uuid_format(id, text))), NULL, 10);
}

/* ---- caps ----------------------------------------------------------------------- */

static void
test_cpu_cap(void **state)
{
	struct job_row j = ended(add("t.spin", "{}"), 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "cpu_limit");
	assert_int_equal(j.crashes, 0);
}

static void
test_memory_cap(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	(void)state;
	skip();		/* it reserves the address space itself */
#else
	struct job_row j = ended(add("t.eat", "{}"), 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "memory_limit");
	assert_int_equal(j.crashes, 0);
#endif
}

static void
test_timeout(void **state)
{
	struct job_row j = ended(add("t.waits", "{}"), 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "timeout");
}

/* ---- transactions ----------------------------------------------------------------- */

static void
test_open_transaction(void **state)
{
	struct uuid id = add("t.open", "{}");
	struct job_row j = ended(id, 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "open_transaction");
	assert_int_equal(ledger(id), 0);
}

static void
test_effects(void **state)
{
	struct uuid one = add("t.begins", "{}"), two = add("t.finishes", "{}");
	struct job_row j;

	(void)state;
	assert_int_equal(ended(one, 2).state, JS_SUCCEEDED);
	j = ended(two, 2);
	assert_int_equal(j.state, JS_SUCCEEDED);
	assert_string_equal(j.result, "{\"by\":\"itself\"}");
	assert_int_equal(ledger(one), 1);
	assert_int_equal(ledger(two), 1);
}

static void
test_death_after_commit(void **state)
{
	struct uuid id = add("t.dies_finished", "{}");
	struct job_row j = ended(id, 1);

	(void)state;
	assert_int_equal(j.state, JS_SUCCEEDED);
	assert_int_equal(j.attempt, 1);
	assert_int_equal(ledger(id), 1);
	/* nobody believes that it is running still */
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "jobs_claim"), "0");
}

static void
test_death_before_commit(void **state)
{
	struct uuid id = add("t.dies_once", "{}");
	struct job_row j = ended(id, 1);

	(void)state;
	assert_int_equal(j.state, JS_SUCCEEDED);
	assert_int_equal(j.crashes, 1);
	assert_int_equal(ledger(id), 1);
}

/* ---- payloads --------------------------------------------------------------------- */

static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 2, 1000, 64 * 1024 - 1, 64 * 1024,
	    64 * 1024 + 1, 200 * 1024, BIG };

	(void)state;
	for (size_t i = 0; i < NITEMS(sizes); i++) {
		char *p = arena_alloc(a, sizes[i] + 1);
		struct job_row j;

		memset(p, 'x', sizes[i]);
		p[0] = p[sizes[i] - 1] = '"';
		j = ended(add("t.mirror", p), 1);
		assert_int_equal(j.state, JS_SUCCEEDED);
		assert_int_equal(strlen(j.result), sizes[i]);
		assert_true(strcmp(j.result, p) == 0);
	}
}

static void
test_bad_payload(void **state)
{
	struct job_row j = ended(add("t.number", "{\"n\":77}"), 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "bad_payload");
	assert_non_null(strstr(j.error, "\"n\""));
	j = ended(add("t.number", "{\"n\":7}"), 1);
	assert_string_equal(j.result, "7");
}

static void
test_unknown_type(void **state)
{
	struct job_row j = ended(add("t.nothing", "{}"), 1);

	(void)state;
	assert_int_equal(j.state, JS_FAILED);
	assert_string_equal(j.error_class, "unknown_type");
}

/* Quick jobs are given ahead; a child that dies takes only its own with it. */
static void
test_many_with_deaths(void **state)
{
	struct uuid ids[200], dead[5];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < NITEMS(ids); i++) {
		ids[i] = add("t.quick", "{}");
		if (i % 40 == 0)
			dead[n++] = add("t.dies_once", "{}");
	}
	for (size_t i = 0; i < NITEMS(ids); i++) {
		struct job_row j = ended(ids[i], 3);

		assert_int_equal(j.state, JS_SUCCEEDED);
		assert_int_equal(j.crashes, 0);
		assert_int_equal(ledger(ids[i]), 1);
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ended(dead[i], 3).crashes, 1);
		assert_int_equal(ledger(dead[i]), 1);
	}
	assert_string_equal(mariadb_value(a, DB, "SELECT (SELECT COUNT(*) "
	    "FROM jobs_claim) + (SELECT COUNT(*) FROM jobs_ready)"), "0");
}

/* ---- loops ------------------------------------------------------------------------ */

static int
loop_process(void *arg)
{
	const struct loop *l = arg;

	db_forget(env->db);
	shm_after_fork(env->shm);
	env->process = uuid_new();
	return worker_loop(env, l, 0);
}

static pid_t
loop_start(int which)
{
	return forked(loop_process, (void *)(uintptr_t)&own_loops[which]);
}

/* Of its turns. */
static long
turns(const char *name, const char *what)
{
	return strtol(mariadb_value(a, DB, arena_printf(a, "SELECT %s FROM "
	    "test_turn WHERE loop_name = '%s'", what, name)), NULL, 10);
}

struct more {
	const char *name, *what;
	long than;
};

static bool
more(void *arg)
{
	const struct more *m = arg;

	return turns(m->name, m->what) > m->than;
}

static void
wait_more(const char *name, const char *what, long than)
{
	struct more m = { name, what, than };

	assert_true(eventually(more, &m, 30000));
}

static void
no_turns(void)
{
	mariadb_sql(DB, "DELETE FROM test_turn");
}

/* It is killed before its lease ends; the next one gets a higher token, and
 * other loops do not notice. */
static void
test_blocked_loop(void **state)
{
	pid_t one, other;
	long token;

	(void)state;
	no_turns();
	other = loop_start(L_COUNTS);
	one = loop_start(L_BLOCKS);
	wait_more("blocks", "COUNT(*)", 0);
	token = turns("blocks", "MAX(token)");
	assert_int_equal(forked_wait(one), 1000 + SIGALRM);
	wait_more("counts", "COUNT(*)", turns("counts", "COUNT(*)") + 5);
	one = loop_start(L_BLOCKS);
	wait_more("blocks", "MAX(token)", token);
	kill(one, SIGKILL);
	assert_int_equal(forked_wait(one), 1000 + SIGKILL);
	kill(other, SIGTERM);
	assert_int_equal(forked_wait(other), 0);
}

/* Two hosts: one at a time, the other one takes over, tokens only grow. */
static void
test_takeover(void **state)
{
	pid_t pids[2], holder;
	long token;

	(void)state;
	no_turns();
	pids[0] = loop_start(L_COUNTS);
	pids[1] = loop_start(L_COUNTS);
	wait_more("counts", "COUNT(*)", 10);
	assert_int_equal(turns("counts", "COUNT(DISTINCT pid)"), 1);
	holder = (pid_t)turns("counts", "MAX(pid)");
	token = turns("counts", "MAX(token)");
	kill(holder, SIGKILL);
	wait_more("counts", "MAX(token)", token);
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "test_turn x JOIN test_turn y ON y.id > x.id AND "
	    "y.loop_name = x.loop_name WHERE y.token < x.token"), "0");
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGTERM);
		assert_int_equal(forked_wait(pids[i]), pids[i] == holder ?
		    1000 + SIGKILL : 0);
	}
}

/* Asked to end, it gives its lease back: nobody waits for that to run out. */
static void
test_lease_given_back(void **state)
{
	pid_t pid;

	(void)state;
	no_turns();
	pid = loop_start(L_COUNTS);
	wait_more("counts", "COUNT(*)", 0);
	kill(pid, SIGTERM);
	assert_int_equal(forked_wait(pid), 0);
	assert_string_equal(mariadb_value(a, DB, "SELECT expires <= NOW(6) "
	    "FROM db_lease WHERE role = 't.counts'"), "1");
}

static void
test_tick(void **state)
{
	size_t failed;

	(void)state;
	no_turns();
	failed = worker_tick(env, &err);
	assert_int_equal(failed, 2);		/* both shards */
	assert_int_equal(turns("ticks", "COUNT(*)"), 1);
	assert_int_equal(turns("fails", "COUNT(*)"), 2);
	assert_int_equal(turns("parted", "COUNT(*)"), 1);
	assert_int_equal(turns("counts", "COUNT(*)"), 0);
	assert_int_equal(turns("belled", "COUNT(*)"), 0);
	assert_false(db_in_txn(env->db));
}

static void
test_stopped_component(void **state)
{
	(void)state;
	no_turns();
	mariadb_sql(DB, "INSERT INTO platform_component (name, desired, "
	    "changed_by, changed_at) VALUES ('t.part', 'stopped', 'x', "
	    "NOW(6))");
	worker_tick(env, &err);
	assert_int_equal(turns("parted", "COUNT(*)"), 0);
	mariadb_sql(DB, "DELETE FROM platform_component");
	worker_tick(env, &err);
	assert_int_equal(turns("parted", "COUNT(*)"), 1);
}

/* A bell begins a turn of a loop that would wait an hour. */
static bool
rung(void *unused)
{
	(void)unused;
	bell_ring("test", "");
	return turns("belled", "COUNT(*)") > 1;
}

static void
test_bell(void **state)
{
	pid_t pid;

	(void)state;
	no_turns();
	pid = loop_start(L_BELLED);
	wait_more("belled", "COUNT(*)", 0);
	assert_true(eventually(rung, NULL, 30000));
	kill(pid, SIGTERM);
	assert_int_equal(forked_wait(pid), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		T(test_cpu_cap), T(test_memory_cap), T(test_timeout),
		T(test_open_transaction), T(test_effects),
		T(test_death_after_commit), T(test_death_before_commit),
		T(test_sizes), T(test_bad_payload), T(test_unknown_type),
		T(test_many_with_deaths), T(test_blocked_loop),
		T(test_takeover), T(test_lease_given_back), T(test_tick),
		T(test_stopped_component), T(test_bell),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}
