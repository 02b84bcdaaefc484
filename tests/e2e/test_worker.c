/*
 * quincunx-worker and its cron twin against real processes: jobs run, fail,
 * crash, are cancelled and time out as they should, and killing any process at
 * any time, the database included, loses nothing, doubles nothing, and
 * quarantines nothing that did not crash. The lease is long, so whatever comes
 * back soon comes back because somebody noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/harness/forked.h"
#include "tests/harness/http.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/stack.h"

enum { WAIT_MS = 60000, MANY = 300, KIDS = 3 };

static struct stack st;
static const char *token;

/* ---- jobs over HTTP --------------------------------------------------------------- */

/* Id of a new job; body without its braces. */
static const char *
post(const char *body)
{
	const struct reply *r = http_send(&st, "POST", "/api/system/jobs",
	    token, http_text(&st, "{%s}", body));

	expect_status(r, 202);
	return http_text(&st, "%s", json_text_at(r->json, "id"));
}

/* Responders may not have found a database back yet. */
static const struct reply *
get(const char *path)
{
	int64_t end = clock_boot_ns() + WAIT_MS * INT64_C(1000000);
	const struct reply *r;

	while ((r = http_get(&st, path, token))->status == 503 &&
	    clock_boot_ns() < end)
		nap_ms(100);
	expect_status(r, 200);
	return r;
}

static struct json_object *
job(const char *id)
{
	return get(http_text(&st, "/api/system/jobs/%s", id))->json;
}

static bool
in_state(const char *id, const char *state)
{
	return strcmp(json_text_at(job(id), "status"), state) == 0;
}

static void
print_job(const char *id)
{
	fprintf(stderr, "job: %s\n", json_object_to_json_string(job(id)));
	stack_logs(&st);
}

static void
wait_state(const char *id, const char *state)
{
	int64_t end = clock_boot_ns() + WAIT_MS * INT64_C(1000000);

	while (!in_state(id, state)) {
		if (clock_boot_ns() > end) {
			print_job(id);
			fail_msg("job is not %s", state);
		}
		nap_ms(20);
	}
}

#define expect_int(id, member, want) do { \
	if (json_int_at(job(id), member) != (want)) \
		print_job(id); \
	assert_int_equal(json_int_at(job(id), member), want); \
} while (0)
#define expect_text(id, member, want) do { \
	if (strcmp(json_text_at(job(id), member), want) != 0) \
		print_job(id); \
	assert_string_equal(json_text_at(job(id), member), want); \
} while (0)

static struct json_object *
workers(void)
{
	return get("/api/system/workers")->json;
}

/* The process that runs the job. */
static pid_t
child_of(const char *id)
{
	int64_t end = clock_boot_ns() + WAIT_MS * INT64_C(1000000);

	while (clock_boot_ns() < end) {
		struct json_object *w = workers();

		for (int i = 0; i < 100; i++) {
			const char *at = http_text(&st, "children.%d.job_id",
			    i);

			if (json_at(w, http_text(&st, "children.%d", i)) ==
			    NULL)
				break;
			if (strcmp(json_text_at(w, at), id) == 0)
				return (pid_t)json_int_at(w, http_text(&st,
				    "children.%d.pid", i));
		}
		nap_ms(20);
	}
	print_job(id);
	fail_msg("nobody runs the job");
	return 0;
}

/* ---- exec types -------------------------------------------------------------------- */

static void
put(const char *path, mode_t mode, const char *text)
{
	FILE *f = fopen(stack_path(&st, path), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(stack_path(&st, path), mode), 0);
}

static void
exec_type(const char *name, const char *script, const char *more)
{
	const char *prog = http_text(&st, "exec.d/%s.sh", name);

	mkdir(stack_path(&st, "exec.d"), 0750);
	put(prog, 0750, http_text(&st, "#!/bin/sh\n%s\n", script));
	put(http_text(&st, "exec.d/%s.conf", name), 0640, http_text(&st,
	    "argv = [\"%s\"];\n%s\n", stack_path(&st, prog), more));
}

/* Lines of a file that begin with this. */
static int
lines_with(const char *file, const char *what)
{
	const char *p = stack_file(&st, file);
	int n = 0;

	for (; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

/* ---- the whole ------------------------------------------------------------------------ */

static void
types(void)
{
	exec_type("t.echo", "read p; echo \"{\\\"result\\\":$p}\"", "");
	/* its ledger tells who ran, whatever our tables say */
	exec_type("t.ledger", http_text(&st, "echo $QUINCUNX_JOB_ID >>%s",
	    stack_path(&st, "ledger")), "");
	exec_type("t.slow", http_text(&st, "echo start-$QUINCUNX_JOB_ID >>%s; "
	    "sleep 2; echo end-$QUINCUNX_JOB_ID >>%s",
	    stack_path(&st, "slow"), stack_path(&st, "slow")), "");
}

static int
group_begin(void **state)
{
	(void)state;
	stack_start(&st, &(struct stack_options){
	    .settings = (const char *const[]){ "jobs.lease=600",
	    "worker.children=3", "worker.grace=3", "worker.drain=20",
	    NULL } });
	types();
	stack_responder_stop(&st, SIGTERM);
	stack_responder_start(&st);
	http_ready(&st, WAIT_MS);
	token = http_admin(&st);
	stack_worker_start(&st);
	return 0;
}

static int
group_end(void **state)
{
	(void)state;
	stack_stop(&st);
	return 0;
}

/* What a test that failed has left is not for the next one. */
static int
begin(void **state)
{
	(void)state;
	http_forget(&st);
	token = http_admin(&st);
	stack_worker_start(&st);
	http_send(&st, "POST", "/api/system/jobs/actions", token,
	    "{\"action\":\"cancel\",\"filter\":{},\"reason\":"
	    "\"the next test\"}");
	return 0;
}

/* ---- what a worker does ------------------------------------------------------------- */

static void
test_runs(void **state)
{
	const char *noop = post("\"type\":\"noop\"");
	const char *slow = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":1}");
	const char *twice = post("\"type\":\"fail\",\"payload\":"
	    "{\"message\":\"not yet\",\"times\":1}");
	const char *never = post("\"type\":\"fail\",\"tries\":1");
	const char *echo = post("\"type\":\"t.echo\",\"payload\":"
	    "{\"a\":[1,\"x\"]}");

	(void)state;
	wait_state(noop, "succeeded");
	wait_state(slow, "succeeded");
	wait_state(twice, "succeeded");
	expect_int(twice, "attempt", 2);
	wait_state(never, "failed");
	expect_text(never, "error_class", "asked");
	expect_text(never, "error", "as asked");
	wait_state(echo, "succeeded");
	expect_text(echo, "result.a.1", "x");
}

static void
test_progress(void **state)
{
	const char *id = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":600}");
	int64_t end = clock_boot_ns() + WAIT_MS * INT64_C(1000000);

	(void)state;
	while (json_int_at(job(id), "progress") == 0 &&
	    strcmp(json_text_at(job(id), "note"), "sleeping") != 0) {
		assert_true(clock_boot_ns() < end);
		nap_ms(50);
	}
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/system/jobs/%s/cancel", id), token, NULL), 200);
	wait_state(id, "cancelled");
}

static void
test_timeout(void **state)
{
	const char *id = post("\"type\":\"sleep\",\"timeout_s\":1,"
	    "\"tries\":1,\"payload\":{\"seconds\":600}");

	(void)state;
	wait_state(id, "failed");
	expect_text(id, "error_class", "timeout");
	expect_int(id, "crashes", 0);
}

static void
test_crash_is_quarantined(void **state)
{
	const char *id = post("\"type\":\"crash\"");
	const char *other = post("\"type\":\"noop\"");

	(void)state;
	wait_state(id, "quarantined");
	wait_state(other, "succeeded");
	expect_int(id, "crashes", 2);
	expect_int(id, "lost", 0);
	/* where it died is told with the attempt */
	assert_non_null(strstr(json_object_to_json_string(job(id)),
	    "platform crash job"));
}

static void
test_bad_payload(void **state)
{
	const struct reply *r = http_send(&st, "POST", "/api/system/jobs",
	    token, "{\"type\":\"sleep\",\"payload\":{\"seconds\":\"x\"}}");

	(void)state;
	expect_status(r, 422);
}

/* ---- killing ------------------------------------------------------------------------- */

static void
test_child_killed(void **state)
{
	const char *id = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":3}");

	(void)state;
	kill(child_of(id), SIGKILL);
	wait_state(id, "succeeded");
	expect_int(id, "crashes", 1);
	expect_int(id, "lost", 0);
}

static void
test_dispatcher_killed(void **state)
{
	const char *ids[2 * KIDS];
	pid_t pid;

	(void)state;
	for (int i = 0; i < 2 * KIDS; i++)
		ids[i] = post("\"type\":\"sleep\","
		    "\"payload\":{\"seconds\":2}");
	child_of(ids[0]);
	pid = stack_lock_holder(&st, "dispatch");
	assert_true(pid > 1);
	kill(pid, SIGKILL);
	for (int i = 0; i < 2 * KIDS; i++) {
		wait_state(ids[i], "succeeded");
		expect_int(ids[i], "crashes", 0);
	}
	expect_int(ids[0], "lost", 1);
}

static bool
group_gone(void *pid)
{
	return kill(-*(pid_t *)pid, 0) == -1;
}

static void
test_supervisor_killed(void **state)
{
	const char *id = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":2}");
	pid_t group = st.worker;

	(void)state;
	child_of(id);
	kill(group, SIGKILL);
	forked_wait(group);
	st.worker = 0;
	assert_true(eventually(group_gone, &group, WAIT_MS));
	stack_worker_start(&st);
	wait_state(id, "succeeded");
	expect_int(id, "crashes", 0);
}

/* The program of an exec job goes with its worker, and runs again whole. */
static void
test_exec_and_supervisor_killed(void **state)
{
	const char *id = post("\"type\":\"t.slow\"");
	pid_t group = st.worker;

	(void)state;
	child_of(id);
	kill(group, SIGKILL);
	forked_wait(group);
	st.worker = 0;
	assert_true(eventually(group_gone, &group, WAIT_MS));
	stack_worker_start(&st);
	wait_state(id, "succeeded");
	assert_int_equal(lines_with("slow", http_text(&st, "end-%s", id)), 1);
}

/* ---- the database --------------------------------------------------------------------- */

static void
database_away(void (*away)(void))
{
	const char *ids[KIDS], *waiting;

	/* as a real server has it: what was acknowledged is there again */
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	for (int i = 0; i < KIDS; i++)
		ids[i] = post("\"type\":\"sleep\","
		    "\"payload\":{\"seconds\":2}");
	waiting = post("\"type\":\"noop\"");
	for (int i = 0; i < KIDS; i++)
		child_of(ids[i]);
	away();
	http_ready(&st, WAIT_MS);
	for (int i = 0; i < KIDS; i++) {
		wait_state(ids[i], "succeeded");
		expect_int(ids[i], "attempt", 1);
		expect_int(ids[i], "lost", 0);
		expect_int(ids[i], "crashes", 0);
	}
	wait_state(waiting, "succeeded");
}

static void
test_database_killed(void **state)
{
	(void)state;
	database_away(mariadb_restart);
}

static void
frozen(void)
{
	mariadb_freeze();
	nap_ms(4000);
	mariadb_thaw();
}

static void
test_database_frozen(void **state)
{
	(void)state;
	database_away(frozen);
}

/* ---- two hosts ------------------------------------------------------------------------- */

static bool
lease_given_away(void *id)
{
	return strcmp(mariadb_value(st.a, st.db, http_text(&st, "SELECT "
	    "COUNT(*) FROM jobs_lease WHERE id = %lld", *(long long *)id)),
	    "0") == 0;
}

/* A host that is paused for longer than its lease loses its jobs to another
 * one, which runs them again; what the paused one says later is dropped. */
static void
test_paused_host(void **state)
{
	const char *id, *dir = stack_path(&st, "run2");
	long long lease;
	pid_t a, b;

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	stack_setting(&st, "jobs.lease", "10");
	stack_worker_start(&st);
	id = post("\"type\":\"t.slow\"");
	child_of(id);
	a = stack_lock_holder(&st, "dispatch");
	lease = json_int_at(workers(), "leases.0.id");
	kill(a, SIGSTOP);
	mkdir(dir, 0750);
	b = stack_launch(&st, "worker2", (const char *[]){ http_text(&st,
	    "%s/quincunx-worker", stack_bin()), "-c", st.conf, "-o",
	    http_text(&st, "base.run_dir=%s", dir), NULL });
	assert_true(eventually(lease_given_away, &lease, WAIT_MS));
	wait_state(id, "succeeded");
	expect_int(id, "lost", 1);
	expect_int(id, "crashes", 0);
	kill(a, SIGCONT);
	stack_end(&b, SIGTERM);
	id = post("\"type\":\"noop\"");	/* it is of use again */
	wait_state(id, "succeeded");
	stack_worker_stop(&st, SIGTERM);
	stack_setting(&st, "jobs.lease", "600");
	stack_worker_start(&st);
}

/* Dead, if not yet waited for. */
static bool
gone(void *pid)
{
	char path[64], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)*(pid_t *)pid);
	f = fopen(path, "r");
	if (f != NULL && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	if (f != NULL)
		fclose(f);
	return state == 'X' || state == 'Z';
}

/* A database that hangs must not keep a job going past the lease: its child
 * is killed although the dispatcher waits for an answer. It did not crash. */
static void
test_lease_runs_out(void **state)
{
	const char *id;
	pid_t pid;

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	stack_setting(&st, "jobs.lease", "10");
	stack_setting(&st, "database.read_timeout", "60");
	stack_worker_start(&st);
	id = post("\"type\":\"sleep\",\"payload\":{\"seconds\":600}");
	pid = child_of(id);
	mariadb_freeze();
	assert_true(eventually(gone, &pid, 40000));
	mariadb_thaw();
	assert_int_not_equal(child_of(id), pid);
	expect_int(id, "crashes", 0);
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/system/jobs/%s/cancel", id), token, NULL), 200);
	wait_state(id, "cancelled");
	stack_worker_stop(&st, SIGTERM);
	stack_setting(&st, "jobs.lease", "600");
	stack_setting(&st, "database.read_timeout", NULL);
	stack_worker_start(&st);
}

/* ---- leaving ----------------------------------------------------------------------------- */

static void
test_drain(void **state)
{
	const char *slow = post("\"type\":\"t.slow\"");
	const char *sleep_id = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":3}");

	(void)state;
	child_of(slow);
	child_of(sleep_id);
	stack_worker_stop(&st, SIGTERM);
	/* what can go on does, what stops when asked is given back */
	expect_text(slow, "status", "succeeded");
	expect_text(sleep_id, "status", "queued");
	stack_worker_start(&st);
	wait_state(sleep_id, "succeeded");
	expect_int(sleep_id, "attempt", 1);
	expect_int(sleep_id, "lost", 0);
	expect_int(sleep_id, "crashes", 0);
}

/* Every job once, by the word of the programs that ran, while the worker is
 * reloaded again and again. */
static void
test_reload_under_load(void **state)
{
	const char *ids[MANY], *noops[MANY];
	int n = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		for (; n < (i + 1) * MANY / 50; n++) {
			ids[n] = post("\"type\":\"t.ledger\"");
			noops[n] = post("\"type\":\"noop\"");
		}
		assert_true(stack_worker_reload(&st));
	}
	for (int i = 0; i < MANY; i++) {
		wait_state(ids[i], "succeeded");
		wait_state(noops[i], "succeeded");
		assert_int_equal(lines_with("ledger", ids[i]), 1);
		expect_int(ids[i], "attempt", 1);
		expect_int(noops[i], "attempt", 1);
	}
}

static void
test_reload_keeps_running_jobs(void **state)
{
	const char *id = post("\"type\":\"t.slow\"");

	(void)state;
	child_of(id);
	assert_true(stack_worker_reload(&st));
	wait_state(id, "succeeded");
	expect_int(id, "attempt", 1);
	expect_int(id, "lost", 0);
	assert_int_equal(lines_with("slow", http_text(&st, "start-%s", id)),
	    1);
}

/* ---- files of exec types ------------------------------------------------------------------ */

static void
test_bad_exec_file(void **state)
{
	const char *out, *id;

	(void)state;
	put("exec.d/bad.conf", 0640, "argv = [\"/bin/true\"];\ntries = no;\n");
	/* a reload goes on with the others */
	assert_true(stack_worker_reload(&st));
	id = post("\"type\":\"t.echo\",\"payload\":{\"n\":1}");
	wait_state(id, "succeeded");
	assert_non_null(strstr(stack_file(&st, "log/scheduler.log"),
	    "bad.conf:2"));
	/* a start is refused, with the place */
	stack_worker_stop(&st, SIGTERM);
	assert_int_equal(stack_program(&st, &out, "quincunx-worker",
	    (const char *[]){ NULL }), 1);
	assert_non_null(strstr(out, "bad.conf:2"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "config",
	    "--check", NULL }), 1);
	assert_non_null(strstr(out, "bad.conf:2"));
	unlink(stack_path(&st, "exec.d/bad.conf"));
	stack_worker_start(&st);
}

/* ---- operators ------------------------------------------------------------------------------- */

static void
test_workers_shown(void **state)
{
	const char *id = post("\"type\":\"sleep\","
	    "\"payload\":{\"seconds\":600}"), *out;
	pid_t pid = child_of(id);
	struct json_object *w = workers();

	(void)state;
	assert_string_equal(json_text_at(w, "dispatcher"), "daemon");
	assert_int_equal(json_int_at(w, "leases.0.pid"),
	    stack_lock_holder(&st, "dispatch"));
	assert_true(json_int_at(w, "leases.0.jobs") >= 1);
	assert_non_null(json_at(w, "children.2"));
	assert_null(json_at(w, "children.3"));
	assert_non_null(json_at(w, "loops.0"));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "workers",
	    NULL }), 0);
	assert_non_null(strstr(out, "jobs are done by: daemon"));
	assert_non_null(strstr(out, id));
	assert_non_null(strstr(out, http_text(&st, "pid %d", (int)pid)));
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/system/jobs/%s/cancel", id), token, NULL), 200);
	wait_state(id, "cancelled");
}

static const char *
health_of_worker(void)
{
	struct json_object *h = get("/health/services")->json;

	for (int i = 0; json_at(h, http_text(&st, "items.%d", i)); i++)
		if (strcmp(json_text_at(h, http_text(&st, "items.%d.name",
		    i)), "worker") == 0)
			return json_text_at(h, http_text(&st,
			    "items.%d.status", i));
	return "absent";
}

static void
wait_health(const char *want)
{
	int64_t end = clock_boot_ns() + WAIT_MS * INT64_C(1000000);

	while (strcmp(health_of_worker(), want) != 0) {
		if (clock_boot_ns() > end)
			fail_msg("worker is %s: %s", health_of_worker(),
			    get("/health/services")->body);
		nap_ms(200);
	}
}

static void
test_health(void **state)
{
	(void)state;
	wait_health("ok");
	stack_worker_stop(&st, SIGTERM);
	wait_health("degraded");
	stack_worker_start(&st);
	wait_health("ok");
}

/* ---- without a daemon ------------------------------------------------------------------------- */

static int
schedule(const char *word)
{
	const char *out;
	int rc = stack_program(&st, &out, "quincunx-schedule",
	    (const char *[]){ word, NULL });

	if (rc != 0) {
		fprintf(stderr, "quincunx-schedule: %s%s\n", out,
		    stack_file(&st, "log/scheduler.log"));
		stack_logs(&st);
	}
	return rc;
}

static void
test_humble(void **state)
{
	const char *a, *b, *c;

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	a = post("\"type\":\"noop\"");
	b = post("\"type\":\"t.echo\",\"payload\":{\"n\":5}");
	c = post("\"type\":\"crash\"");
	assert_int_equal(schedule(NULL), 0);
	expect_text(a, "status", "queued");
	assert_int_equal(schedule("--work"), 0);
	expect_text(a, "status", "succeeded");
	expect_text(b, "result.n", "5");
	assert_string_not_equal(json_text_at(job(c), "status"), "queued");
	/* events are relayed without a daemon as well */
	assert_string_equal(mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM events_outbox"), "0");
	assert_int_equal(schedule("--nonsense"), 1);
	/* a worker is not disturbed */
	stack_worker_start(&st);
	a = post("\"type\":\"sleep\",\"payload\":{\"seconds\":1}");
	assert_int_equal(schedule("--work"), 0);
	wait_state(a, "succeeded");
	expect_int(a, "attempt", 1);
	wait_state(c, "quarantined");
}

/* A job that takes long holds up neither loops nor delayed jobs. */
static void
test_humble_goes_on(void **state)
{
	const char *slow, *later;
	pid_t pid;

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	slow = post("\"type\":\"sleep\",\"payload\":{\"seconds\":600}");
	pid = stack_launch(&st, "schedule", (const char *[]){
	    http_text(&st, "%s/quincunx-schedule", stack_bin()), "-c",
	    st.conf, "--work", NULL });
	child_of(slow);
	later = post("\"type\":\"noop\"");
	assert_int_equal(schedule("--work"), 0);
	assert_string_equal(mariadb_value(st.a, st.db,
	    "SELECT COUNT(*) FROM events_outbox"), "0");
	expect_text(later, "status", "queued");
	/* asked to end, it gives back what it has */
	stack_end(&pid, SIGTERM);
	expect_text(slow, "status", "queued");
	expect_int(slow, "attempt", 0);
	expect_status(http_send(&st, "POST", http_text(&st,
	    "/api/system/jobs/%s/cancel", slow), token, NULL), 200);
}

/* Killed in the middle, the next run begins where it was. */
static void
test_humble_killed(void **state)
{
	const char *id;
	pid_t pid;

	(void)state;
	stack_worker_stop(&st, SIGTERM);
	id = post("\"type\":\"sleep\",\"payload\":{\"seconds\":2}");
	pid = stack_launch(&st, "schedule", (const char *[]){
	    http_text(&st, "%s/quincunx-schedule", stack_bin()), "-c",
	    st.conf, "--work", NULL });
	child_of(id);
	kill(pid, SIGKILL);
	forked_wait(pid);
	assert_true(eventually(group_gone, &pid, WAIT_MS));
	assert_int_equal(schedule("--work"), 0);
	expect_text(id, "status", "succeeded");
	expect_int(id, "lost", 1);
	expect_int(id, "crashes", 0);
}

static void
test_sweep(void **state)
{
	const char *out;

	(void)state;
	mariadb_sql(st.db, "INSERT INTO http_idempotency (key_hash, digest, "
	    "expires_at) SELECT UNHEX(SHA2(CONCAT('old', seq), 256)), "
	    "REPEAT('x', 32), NOW(6) - INTERVAL 3 DAY FROM seq_1_to_1300; "
	    "INSERT INTO http_idempotency (key_hash, digest, expires_at) "
	    "SELECT UNHEX(SHA2(CONCAT('new', seq), 256)), REPEAT('x', 32), "
	    "NOW(6) FROM seq_1_to_10; "
	    "UPDATE jobs_job SET finished_at = NOW(6) - INTERVAL 20 DAY, "
	    "id = CONCAT(UNHEX('018000000000'), SUBSTRING(id, 7)) "
	    "WHERE state = 10 ORDER BY id LIMIT 3");
	assert_int_equal(stack_program(&st, &out, "quincunx-sweep",
	    (const char *[]){ NULL }), 0);
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "http_idempotency WHERE expires_at < NOW(6) - INTERVAL 2 DAY"),
	    "0");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) >= "
	    "10 FROM http_idempotency"), "1");
	assert_string_equal(mariadb_value(st.a, st.db, "SELECT COUNT(*) FROM "
	    "jobs_job WHERE id < UNHEX('0190000000000000')"), "0");
	assert_non_null(strstr(stack_file(&st, "log/scheduler.log"),
	    "\"swept\""));
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		T(test_runs), T(test_progress), T(test_timeout),
		T(test_crash_is_quarantined), T(test_bad_payload),
		T(test_child_killed), T(test_dispatcher_killed),
		T(test_supervisor_killed), T(test_exec_and_supervisor_killed),
		T(test_database_killed), T(test_database_frozen),
		T(test_paused_host), T(test_lease_runs_out), T(test_drain), T(test_reload_under_load),
		T(test_reload_keeps_running_jobs), T(test_bad_exec_file),
		T(test_workers_shown), T(test_health), T(test_humble),
		T(test_humble_goes_on), T(test_humble_killed), T(test_sweep),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, group_begin, group_end);
}
