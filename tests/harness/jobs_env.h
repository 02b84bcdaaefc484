/*
 * Fixture of the queue's tests: a migrated database, a shared segment, a
 * claimer with its lease, and the invariants of the queue's tables as one
 * check. Static, because each test program includes this file once.
 */
#ifndef HARNESS_JOBS_ENV_H
#define HARNESS_JOBS_ENV_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/port.h"
#include "jobs/queue.h"
#include "jobs/tag.h"
#include "module.h"
#include "proc/bell.h"
#include "shm/shm.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/step.h"

#include <cmocka.h>	/* last: it takes the name fail() */

#define FIXTURE static __attribute__((unused))
#ifndef DB
#define DB "test_jobs"
#endif

FIXTURE struct arena *base;	/* of the program */
FIXTURE struct arena *a;	/* since the last clean() */
FIXTURE struct db *db;
FIXTURE struct shm *shm;
FIXTURE struct err err;
FIXTURE char dir[SCRATCH_PATH];
FIXTURE struct uuid tenant, tenant2;
FIXTURE struct arena *life;	/* of the claimer */
FIXTURE struct jobs_claimer *claimer;
FIXTURE struct jobs_lease lease;

/* rc of a call that must succeed. */
FIXTURE void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d: %d %s: %s (%s)", rc, err.status, err.code,
		    err.detail, err.cause);
	err_clear(&err);
}

FIXTURE void
bad(int rc, int status, const char *code)
{
	assert_int_equal(rc, -1);
	if (err.status != status || strcmp(err.code, code) != 0)
		fail_msg("wanted %d %s, got %d %s: %s (%s)", status, code,
		    err.status, err.code, err.detail, err.cause);
	if (db_in_txn(db))
		db_rollback(db);
	err_clear(&err);
}

FIXTURE void
begin(void)
{
	good(db_begin(db, &err));
}

FIXTURE void
commit(void)
{
	good(db_commit(db, &err));
}

/* First value of a statement, as a number. */
__attribute__((format(printf, 1, 2))) FIXTURE int64_t
number(const char *fmt, ...)
{
	char sql[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

__attribute__((format(printf, 1, 2))) FIXTURE void
sql(const char *fmt, ...)
{
	char text[4000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mariadb_sql(DB, text);
}

FIXTURE int64_t
state_of(struct uuid id)
{
	return number("SELECT state FROM jobs_job WHERE id = X'%s'", mariadb_hex(a, id));
}

FIXTURE int64_t
column(struct uuid id, const char *name)
{
	return number("SELECT %s FROM jobs_job WHERE id = X'%s'", name,
	    mariadb_hex(a, id));
}

/* A claimer that remembers nothing, under a lease of its own. */
FIXTURE void
new_claimer(void)
{
	arena_free(life);
	life = arena_new(64 << 20);
	claimer = jobs_claimer_new(life, shm, modules);
	good(jobs_lease_open(db, &lease, uuid_new(), "here", dir, 600,
	    (int)getpid(), &err));
}

/* A claimer's lanes may have rows: what the bell says after an enqueue. */
FIXTURE void
wake(struct jobs_claimer *c)
{
	uint64_t key = jobs_queue_key((struct uuid){ { 0 } }, "default",
	    false);
	char text[64];

	for (int lane = 0; lane < LANES; lane++) {
		snprintf(text, sizeof(text), "%llx %d %lld",
		    (unsigned long long)key, lane, 1LL << 60);
		jobs_claimer_bell(c, text);
	}
}

FIXTURE void
clean(void)
{
	arena_reset(a);
	sql("DELETE FROM jobs_ready; DELETE FROM jobs_delayed; "
	    "DELETE FROM jobs_parked; DELETE FROM jobs_limit; "
	    "DELETE FROM jobs_claim; DELETE FROM jobs_lease; "
	    "DELETE FROM jobs_need; DELETE FROM jobs_unique; "
	    "DELETE FROM jobs_attempt; DELETE FROM jobs_dead; "
	    "DELETE FROM jobs_job; "
	    "DELETE FROM jobs_queue WHERE name <> 'default'; "
	    "UPDATE jobs_queue SET paused = FALSE, rate_n = NULL, "
	    "max_running = NULL, running = 0, rate_tat = 0; "
	    "DELETE FROM events_outbox; DELETE FROM jobs_cascade");
	tenant = uuid_new();	/* without a past in the segment */
	tenant2 = uuid_new();
	new_claimer();
}

FIXTURE int
jobs_setup(void **state)
{
	(void)state;
	base = arena_new(64 << 20);
	a = arena_new(256 << 20);
	mariadb_migrated(DB, NULL);
	good(shm_attach(&shm, base, scratch_dir(dir), &(struct shm_layout){
	    .metrics = jobs_metrics }, &err));
	bell_dir(dir);
	db = mariadb_open(base, DB);
	return 0;
}

FIXTURE int
jobs_teardown(void **state)
{
	(void)state;
	db_close(db);
	shm_detach(shm);
	arena_free(life);
	arena_free(a);
	arena_free(base);
	scratch_remove(dir);
	return 0;
}

FIXTURE int
each_clean(void **state)
{
	(void)state;
	clean();
	return 0;
}

/* ---- doing ----------------------------------------------------------------------- */

FIXTURE struct uuid
enqueue(const char *type, const struct job_options *o)
{
	struct uuid id = { { 0 } };

	good(job_enqueue_text(db, a, type, NULL, false, tenant, "{}", o, &id,
	    &err));
	return id;
}

FIXTURE struct uuid
enqueue_for(struct uuid who, const char *type, const struct job_options *o)
{
	struct uuid id = { { 0 } };

	good(job_enqueue_text(db, a, type, NULL, false, who, "{}", o, &id,
	    &err));
	return id;
}

FIXTURE struct jobs_claimed
claim(size_t want)
{
	struct jobs_claimed got;

	good(jobs_cycle(claimer, db, a, &lease, NULL, 0, want, &got, &err));
	return got;
}

FIXTURE struct jobs_outcome
outcome(const struct jobs_claimed *c, size_t i, enum jobs_end end)
{
	return (struct jobs_outcome){ .tenant = c->v[i].tenant_id,
	    .id = c->v[i].id, .token = c->v[i].token, .claim_n = c->claim_n,
	    .end = end };
}

/* All of a batch ends so. */
FIXTURE void
settle_all(const struct jobs_claimed *c, enum jobs_end end)
{
	struct jobs_outcome v[64];
	struct jobs_claimed none;

	assert_true(c->n <= 64);
	for (size_t i = 0; i < c->n; i++) {
		v[i] = outcome(c, i, end);
		if (end != END_DONE) {
			v[i].error_class = "test";
			v[i].error = "as asked for";
		}
	}
	if (c->n > 0)
		good(jobs_cycle(claimer, db, a, &lease, v, c->n, 0, &none,
		    &err));
}

/* Claims until one is there (the hint, a look a second), or never. */
FIXTURE struct jobs_claimed
claim_soon(size_t want)
{
	struct jobs_claimed got = { .n = 0 };

	for (int i = 0; i < 3000 && got.n == 0; i++) {
		got = claim(want);
		if (got.n == 0)
			nap_ms(10);
	}
	return got;
}

/* Everything that is ready is done, by a claimer that remembers nothing. */
FIXTURE size_t
drain(void)
{
	size_t n = 0;
	struct jobs_claimed got;

	do {
		new_claimer();
		while ((got = claim(10)).n > 0) {
			settle_all(&got, END_DONE);
			n += got.n;
		}
	} while (number("SELECT COUNT(*) FROM jobs_ready r JOIN jobs_queue q "
	    "ON q.id = r.queue_id WHERE NOT q.external AND NOT q.paused"));
	return n;
}

FIXTURE struct job_row
cancel(struct uuid id)
{
	struct job_row now;

	begin();
	good(jobs_cancel(db, a, tenant, id, &now, &err));
	commit();
	return now;
}

/* ---- invariants ------------------------------------------------------------------- */

/* Each answers with the number of rows that break it. */
static const struct {
	const char *text, *sql;
} invariants[] = {
	{ "a queued job has one ready row at least",
	  "SELECT COUNT(*) FROM jobs_job j WHERE state = 3 AND NOT EXISTS "
	  "(SELECT 1 FROM jobs_ready r WHERE r.job_id = j.id)" },
	{ "a parked job has one parked row at least",
	  "SELECT COUNT(*) FROM jobs_job j WHERE state = 4 AND NOT EXISTS "
	  "(SELECT 1 FROM jobs_parked p WHERE p.job_id = j.id)" },
	{ "the key of a parked job is taken by somebody",
	  "SELECT COUNT(*) FROM jobs_job j JOIN jobs_limit l USING "
	  "(tenant_id, limit_key) WHERE j.state = 4 AND l.running = 0 AND "
	  "NOT EXISTS (SELECT 1 FROM jobs_job o WHERE o.tenant_id = "
	  "j.tenant_id AND o.limit_key = j.limit_key AND o.state = 3)" },
	{ "a delayed job has its row",
	  "SELECT COUNT(*) FROM jobs_job j WHERE state IN (2, 6) AND NOT "
	  "EXISTS (SELECT 1 FROM jobs_delayed d WHERE d.job_id = j.id AND "
	  "d.run_at = j.run_at)" },
	{ "a running job is in a claim of its lease",
	  "SELECT COUNT(*) FROM jobs_job j WHERE state = 5 AND NOT EXISTS "
	  "(SELECT 1 FROM jobs_claim c JOIN jobs_lease l ON l.id = "
	  "c.lease_id WHERE c.lease_id = j.lease_id AND "
	  "LOCATE(j.id, c.jobs) > 0)" },
	{ "a waiting job waits for as many as its edges say, and for one",
	  "SELECT COUNT(*) FROM jobs_job j WHERE state = 1 AND (waits = 0 OR "
	  "waits <> (SELECT COUNT(*) FROM jobs_need n WHERE n.job_id = j.id "
	  "AND n.open))" },
	{ "nothing waits for a job that has ended, but what upkeep will move",
	  "SELECT COUNT(*) FROM jobs_need n JOIN jobs_job j ON j.id = "
	  "n.job_id JOIN jobs_job p ON p.id = n.needs_id WHERE n.open AND "
	  "j.state = 1 AND p.state >= 10 AND NOT EXISTS (SELECT 1 FROM "
	  "jobs_cascade c WHERE c.job_id = p.id)" },
	{ "a key counts what runs",
	  "SELECT COUNT(*) FROM jobs_limit l WHERE running <> (SELECT "
	  "COUNT(*) FROM jobs_job j WHERE j.tenant_id = l.tenant_id AND "
	  "j.limit_key = l.limit_key AND j.state = 5)" },
	{ "no key is over its limit",
	  "SELECT COUNT(*) FROM jobs_limit WHERE running > max_running" },
	{ "a queue counts what runs",
	  "SELECT COUNT(*) FROM jobs_queue q WHERE running <> (SELECT "
	  "COUNT(*) FROM jobs_job j WHERE j.queue_id = q.id AND j.state = 5 "
	  "AND j.counted)" },
	{ "a unique key belongs to its live job",
	  "SELECT (SELECT COUNT(*) FROM jobs_job j WHERE state < 10 AND "
	  "unique_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs_unique "
	  "u WHERE u.tenant_id = j.tenant_id AND u.unique_key = "
	  "j.unique_key AND u.job_id = j.id)) + (SELECT COUNT(*) FROM "
	  "jobs_unique u LEFT JOIN jobs_job j ON j.id = u.job_id WHERE "
	  "j.state IS NULL OR j.state >= 10)" },
	{ "what has ended has an end, and nothing else has",
	  "SELECT COUNT(*) FROM jobs_job WHERE (state >= 10) <> "
	  "(finished_at > '1971-01-01')" },
	{ "only failed and quarantined jobs are dead letters",
	  "SELECT COUNT(*) FROM jobs_dead d LEFT JOIN jobs_job j ON j.id = "
	  "d.job_id WHERE j.state IS NULL OR j.state NOT IN (11, 14)" },
	{ "tries are not below nothing",
	  "SELECT COUNT(*) FROM jobs_job WHERE attempt < 0 OR crashes < 0" },
};

/* All of them in one statement: this is asked thousands of times. */
FIXTURE void
sound(const char *when)
{
	static char all[16000];
	const char *broken;
	size_t n = 0;

	if (all[0] == '\0') {
		n = (size_t)snprintf(all, sizeof(all), "SELECT CONCAT(n, "
		    "' rows break: ', what) FROM (");
		for (size_t i = 0; i < sizeof(invariants) /
		    sizeof(invariants[0]); i++)
			n += (size_t)snprintf(all + n, sizeof(all) - n,
			    "%sSELECT (%s) AS n, '%s' AS what",
			    i > 0 ? " UNION ALL " : "", invariants[i].sql,
			    invariants[i].text);
		snprintf(all + n, sizeof(all) - n, ") x WHERE n > 0");
	}
	broken = mariadb_value(a, DB, all);
	if (*broken != '\0')
		fail_msg("%s: %s", when, broken);
}

/* Every change of a job was told once, in its order: versions 1, 2, 3 … in
 * the outbox, and the last is the row's. */
FIXTURE void
told(const char *when)
{
	int64_t gaps, jobs;

	/* one line a event; lines of one row are split by number */
	gaps = number("WITH RECURSIVE l AS (SELECT id, n, 1 AS i, body FROM "
	    "events_outbox UNION ALL SELECT id, n, i + 1, body FROM l WHERE "
	    "i < n), e AS (SELECT id, i, SUBSTRING_INDEX(SUBSTRING_INDEX("
	    "body, '\\n', i), '\\n', -1) AS line FROM l), v AS (SELECT id, "
	    "i, JSON_VALUE(line, '$.e') AS entity, CAST(JSON_VALUE(line, "
	    "'$.v') AS SIGNED) AS version FROM e), o AS (SELECT version - "
	    "ROW_NUMBER() OVER (PARTITION BY entity ORDER BY id, i) AS off "
	    "FROM v) SELECT COUNT(*) FROM o WHERE off <> 0");
	if (gaps != 0)
		fail_msg("%s: %lld events are out of order or missing", when,
		    (long long)gaps);
	jobs = number("SELECT COALESCE(SUM(n), 0) - (SELECT "
	    "COALESCE(SUM(version), 0) FROM jobs_job) FROM events_outbox");
	if (jobs != 0)
		fail_msg("%s: %lld more events than changes", when,
		    (long long)jobs);
}

#endif
