/*
 * Webhooks against MariaDB and a real receiver: everything once and in order
 * through failures of every kind, signatures that another implementation
 * checks, private addresses only where they are listed, switched off after
 * days of failing, and what the maker may not see is not sent.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "crypto/crypto.h"
#include "events/relay.h"
#include "jobs/queue.h"
#include "module.h"
#include "modules/platform/event.h"
#include "modules/platform/platform.h"
#include "modules/platform/webhook.h"
#include "net/net.h"
#include "tests/harness/hook.h"
#include "tests/harness/mariadb.h"

#include <cmocka.h>

#define DB "test_webhook"
#define KEY "a:5v5PiSR+3jkNnMqX8kZY2z/n5Phlr3R6jTeIBNVPiis="

struct note {
	int64_t n;
};
static const struct field note_fields[] = {
	FIELD(struct note, n, .doc = "Number"), FIELD_END
};
static const struct schema note_schema = { .name = "Note", .doc = "Note",
    .size = sizeof(struct note), .fields = note_fields };
static const struct event events[] = {
	{ .name = "thing.changed", .doc = "d", .payload = &note_schema },
	{ .name = "thing.hidden", .doc = "d", .payload = &note_schema,
	  .permission = "thing:read" },
	{ .name = "other.changed", .doc = "d", .payload = &note_schema },
	EVENT_END
};
static const struct module test_module = { .name = "test", .doc = "d",
    .events = (const struct event *const[]){ events, NULL } };
static const struct module *const mods[] = { &platform_module, &test_module,
    NULL };
static const struct settings *const groups[] = { &base_settings,
    &net_settings, &jobs_settings, &platform_webhook_settings, NULL };

static const struct uuid tenant = { { 7 } }, stranger = { { 8 } };
static const char *const few_rights[] = { "events:webhooks", NULL },
    *const all_rights[] = { "*", NULL };
static struct principal who = { .kind = PRINCIPAL_USER, .name = "anna" };

static struct arena *a;
static struct env env;
static struct err err;
static struct hook hook;
static struct relay *relay;

/* ---- fixture ------------------------------------------------------------------- */

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static int
group_setup(void **state)
{
	struct keyring *ring;
	struct conf *conf;

	(void)state;
	a = arena_new((size_t)1 << 30);
	mariadb_migrated(DB, NULL);
	hook_start(&hook);
	env = (struct env){ .a = a, .db = mariadb_open(a, DB),
	    .modules = mods, .process = uuid_new() };
	good(conf_load(&conf, a, groups, &(struct conf_source){
	    .file = "/none", .env = (char *[]){ NULL },
	    .overrides = (const char *[]){
	    arena_printf(a, "net.allow=127.0.0.1:%u", hook.port),
	    "webhooks.timeout=1500", "webhooks.max=3", NULL } }, &err));
	env.conf = conf;
	good(keyring_open(&ring, a, KEY, &err));
	env.keys = ring;
	good(net_open(&env.net, a, conf_get(conf, &net_settings), NULL,
	    &err));
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	hook_stop(&hook);
	arena_free(a);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	mariadb_sql(DB, "DELETE FROM events_outbox; DELETE FROM events_head; "
	    "DELETE FROM events_stream; UPDATE events_position SET pos = 0; "
	    "DELETE FROM platform_webhook; DELETE FROM db_lease; "
	    "DELETE FROM jobs_ready; DELETE FROM jobs_job; "
	    "DELETE FROM jobs_delayed; DELETE FROM jobs_parked; "
	    "DELETE FROM jobs_unique; DELETE FROM jobs_limit; "
	    "DELETE FROM jobs_claim; DELETE FROM jobs_dead");
	err_clear(&err);
	kill(hook.pid, SIGCONT);
	hook_mode(&hook, "200");
	hook_forget(&hook);
	who.tenant_id = tenant;
	who.permissions = few_rights;
	relay = relay_new(a, env.process);
	if (db_in_txn(env.db))
		db_rollback(env.db);
	return 0;
}

static struct platform_webhook
make(const char *name, const char *url, const char *topics)
{
	struct platform_webhook_new in = { .name = name, .url = url,
	    .topics = platform_webhook_split(a, topics), .active = true };
	struct platform_webhook w;

	good(db_begin(env.db, &err));
	good(platform_webhook_make(&env, a, &who, &in, clock_now(), &w,
	    &err));
	good(db_commit(env.db, &err));
	return w;
}

static const char *
hook_url(void)
{
	return arena_printf(a, "http://127.0.0.1:%u/in", hook.port);
}

static void
publish(int topic, int64_t n)
{
	size_t count;
	bool more;

	good(db_begin(env.db, &err));
	good(event_publish(env.db, &events[topic], tenant, "x", n,
	    &(struct note){ n }, &err));
	good(db_commit(env.db, &err));
	good(relay_step(relay, env.db, 1000, &count, &more, &err));
}

static struct platform_webhook
row_of(struct uuid id)
{
	struct platform_webhook w;

	good(platform_webhook_by_id(env.db, a, tenant, id, false, &w, &err));
	return w;
}

/* ---- a worker of our own ---------------------------------------------------------- */

static void
run_one(const struct job_row *row, struct jobs_outcome *o)
{
	static const enum jobs_end ends[] = { [JOB_DONE] = END_DONE,
	    [JOB_RETRY] = END_RETRY, [JOB_FAIL] = END_FAIL,
	    [JOB_RELEASE] = END_RELEASE };
	const struct job *job = job_find(mods, row->type);
	struct job_ctx c = { .env = &env, .a = a, .db = env.db,
	    .tenant = row->tenant_id, .id = row->id, .token = row->token,
	    .type = row->type, .attempt = row->attempt, .tries = row->tries };
	uint64_t seen;
	void *in = arena_alloc(a, job->in->size);

	assert_non_null(job);
	good(schema_decode_json(job->in, row->payload, strlen(row->payload),
	    "payload", true, a, in, &seen, &err));
	o->end = ends[job->run(&c, in)];
	o->stored = c.finished;
	o->error = c.err.detail[0] != '\0' ? arena_strdup(a, c.err.detail) :
	    NULL;
	o->error_class = c.err.code;
	o->retry_after_s = c.retry_after_s;
	o->tenant = row->tenant_id;
	o->id = row->id;
	o->token = row->token;
}

/* One batch by a dispatcher that has just started, and so looks everywhere. */
static int
batch(void)
{
	struct jobs_claimer *claimer = jobs_claimer_new(a, NULL, mods);
	struct jobs_outcome done[16];
	struct jobs_claimed got, none;
	struct jobs_lease lease;
	int looks = 0;

	good(jobs_lease_open(env.db, &lease, uuid_new(), "here", "run", 60,
	    1, &err));
	do {		/* it looks at a lane at a time */
		good(jobs_cycle(claimer, env.db, a, &lease, NULL, 0, 10,
		    &got, &err));
	} while (got.n == 0 && got.more && ++looks < 100);
	memset(done, 0, sizeof(done));
	for (size_t i = 0; i < got.n; i++) {
		done[i].claim_n = got.claim_n;
		run_one(&got.v[i], &done[i]);
	}
	good(jobs_cycle(claimer, env.db, a, &lease, done, got.n, 0, &none,
	    &err));
	good(jobs_lease_close(env.db, &lease, &err));
	return (int)got.n;
}

/* Follows the stream and works until nothing is ready. Tries made. */
static int
work(void)
{
	int tries = 0, n;
	bool more;

	do {
		good(platform_webhook_follow(&env, env.db, &more, &err));
		n = batch();
		tries += n;
	} while (n > 0);
	return tries;
}

/* What waits for its next try is due now. */
static void
time_passes(void)
{
	int64_t next;
	size_t n;

	mariadb_sql(DB, "UPDATE jobs_delayed SET run_at = '2020-01-01'");
	mariadb_sql(DB, "UPDATE jobs_job SET run_at = '2020-01-01' "
	    "WHERE state = 6");
	good(jobs_promote(env.db, a, &n, &next, &err));
}

/* What was published, as it reached the receiver with a 200, in order; all signed. */
static const char *
taken(void)
{
	const char *log = hook_log(&hook, a);
	struct str s;

	str_init(&s, a);
	for (const char *p = log; *p != '\0'; p = strchr(p, '\n') + 1) {
		const char *end = strchr(p, '\n'), *ns, *close;
		const char *line = arena_strndup(a, p, (size_t)(end - p));

		assert_non_null(strstr(line, "\"signed\": true"));
		assert_non_null(strstr(line, "\"rising\": true"));
		if (strstr(line, "\"mode\": \"200\"") == NULL)
			continue;
		ns = strstr(line, "\"ns\": [") + 7;
		close = strchr(ns, ']');
		for (; ns < close; ns++)
			if (*ns != ' ')
				str_addc(&s, *ns);
		str_addc(&s, ' ');
	}
	return s.p;
}

/* ---- cases --------------------------------------------------------------------------- */

static void
in_order(void **state)
{
	struct platform_webhook w;

	(void)state;
	publish(0, 1);			/* before it was made */
	w = make("hook", hook_url(), "");
	hook_secret(&hook, w.secret);
	assert_int_equal(work(), 0);
	publish(0, 2);
	publish(2, 3);
	publish(0, 4);
	assert_int_equal(work(), 1);
	publish(0, 5);
	assert_int_equal(work(), 1);
	assert_string_equal(taken(), "2,3,4 5 ");
	assert_true(row_of(w.id).delivered >= 5);
	assert_int_equal(row_of(w.id).failures, 0);
	assert_non_null(strstr(hook_log(&hook, a), "\"recovered\": \"true\""));
}

static void
topics_and_rights(void **state)
{
	struct platform_webhook w, v;

	(void)state;
	w = make("some", hook_url(), "thing.*");
	hook_secret(&hook, w.secret);
	publish(2, 1);			/* not asked for */
	publish(1, 2);			/* not for its maker's eyes */
	assert_int_equal(work(), 0);
	assert_int_equal(row_of(w.id).delivered, 2);
	publish(0, 3);
	publish(1, 4);
	assert_int_equal(work(), 1);
	assert_string_equal(taken(), "3 ");
	assert_true(row_of(w.id).delivered >= 4);
	/* somebody who may see it */
	mariadb_sql(DB, "UPDATE platform_webhook SET active = FALSE");
	who.permissions = all_rights;
	v = make("all", hook_url(), "");
	hook_secret(&hook, v.secret);
	who.permissions = few_rights;
	hook_forget(&hook);
	publish(1, 5);
	work();
	assert_string_equal(taken(), "5 ");
}

static void
failures(void **state)
{
	static const char *const modes[] = { "500", "503", "404", "retry 7",
		"slow 3", "hang", "redirect http://127.0.0.1:1/" };
	struct platform_webhook w = make("hook", hook_url(), "");

	(void)state;
	hook_secret(&hook, w.secret);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		hook_mode(&hook, modes[i]);
		publish(0, (int64_t)i + 1);
		if (i > 0)
			time_passes();
		assert_int_equal(work(), 1);
		w = row_of(w.id);
		assert_int_equal(w.failures, i + 1);
		assert_int_equal(w.delivered, 0);
		assert_true(w.failing_since.us != 0);
		assert_true(*w.last_error != '\0');
		assert_true(w.active);
		/* it waits, however much comes after it */
		assert_int_equal(work(), 0);
	}
	assert_non_null(strstr(w.last_error, "redirects are not followed"));
	/* every try was of the same delivery, which holds what was there when
	 * it was queued */
	assert_null(strstr(hook_log(&hook, a), "[1, 2"));
	assert_null(strstr(hook_log(&hook, a), "[2"));
	hook_mode(&hook, "200");
	time_passes();
	work();
	assert_string_equal(taken(), "1 2,3,4,5,6,7 ");
	w = row_of(w.id);
	assert_int_equal(w.failures, 0);
	assert_int_equal(w.failing_since.us, 0);
	assert_string_equal(w.last_error, "");
}

/* The delivery's job is given up (or lost): another one is made for it. */
static void
given_up(void **state)
{
	struct platform_webhook w = make("hook", hook_url(), "");

	(void)state;
	hook_secret(&hook, w.secret);
	hook_mode(&hook, "500");
	publish(0, 1);
	for (int i = 0; i < 14; i++) {
		if (i > 0)
			time_passes();
		assert_int_equal(work(), 1);
	}
	time_passes();
	assert_int_equal(work(), 0);
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "jobs_dead"), "1");
	hook_mode(&hook, "200");
	mariadb_sql(DB, "UPDATE platform_webhook SET queued_at = "
	    "'2020-01-01'");
	assert_int_equal(work(), 1);
	assert_string_equal(taken(), "1 ");
}

static bool
has_log(void *arg)
{
	struct arena *own = arena_new((size_t)4 << 20);
	bool has = strchr(hook_log(&hook, own), '\n') != NULL;

	(void)arg;
	arena_free(own);
	return has;
}

static void
down(void **state)
{
	struct platform_webhook w;

	(void)state;
	/* listed, but nobody listens */
	kill(hook.pid, SIGSTOP);
	w = make("hook", hook_url(), "");
	hook_secret(&hook, w.secret);
	publish(0, 1);
	assert_int_equal(work(), 1);
	kill(hook.pid, SIGCONT);
	assert_int_equal(row_of(w.id).failures, 1);
	assert_int_equal(row_of(w.id).last_status, 0);
	/* it reads the late request when it is back: the same delivery */
	assert_true(eventually(has_log, NULL, 30000));
	time_passes();
	assert_int_equal(work(), 1);
	assert_string_equal(taken(), "1 1 ");
}

static void
private_address(void **state)
{
	struct platform_webhook w = make("hook", arena_printf(a,
	    "http://127.0.0.1:%u/", hook.port + 1), "");
	struct platform_webhook v = make("meta",
	    "http://169.254.169.254/latest", "");

	(void)state;
	publish(0, 1);
	work();
	assert_non_null(strstr(row_of(w.id).last_error, "not a public"));
	assert_non_null(strstr(row_of(v.id).last_error, "not a public"));
	assert_string_equal(hook_log(&hook, a), "");
}

static void
switched_off(void **state)
{
	struct platform_webhook w = make("hook", hook_url(), ""), v;
	struct event_query q = { .tenant = tenant, .limit = 10,
	    .topics = (const char *const[]){ "webhook.disabled", NULL } };
	char id[UUID_TEXT];
	struct event_page p;
	size_t n;
	bool more;

	(void)state;
	hook_secret(&hook, w.secret);
	hook_mode(&hook, "500");
	publish(0, 1);
	work();
	mariadb_sql(DB, "UPDATE platform_webhook SET failing_since = "
	    "NOW(6) - INTERVAL 6 DAY");
	time_passes();
	assert_int_equal(work(), 1);
	assert_false(row_of(w.id).active);
	good(relay_step(relay, env.db, 100, &n, &more, &err));
	good(event_read(env.db, a, &q, &p, &err));
	assert_int_equal(p.items.n, 1);
	assert_string_equal(ROW(&p.items, struct event_item, 0)->entity,
	    uuid_format(w.id, id));
	time_passes();
	assert_int_equal(work(), 0);
	/* and back on: from where it stopped */
	hook_mode(&hook, "200");
	good(db_begin(env.db, &err));
	v = row_of(w.id);
	v.active = true;
	good(platform_webhook_change(&env, a, &who, &v, clock_now(), &err));
	good(db_commit(env.db, &err));
	mariadb_sql(DB, "UPDATE platform_webhook SET queued_at = "
	    "'2020-01-01'");
	work();
	assert_non_null(strstr(taken(), "1"));
	/* 410: the receiver wants no more */
	hook_mode(&hook, "410");
	publish(0, 3);
	work();
	assert_false(row_of(w.id).active);
}

/* What retention took away is admitted. */
static void
not_all_there(void **state)
{
	struct platform_webhook w = make("hook", hook_url(), "");

	(void)state;
	hook_secret(&hook, w.secret);
	publish(0, 1);
	work();
	publish(0, 2);
	publish(0, 3);
	hook_forget(&hook);
	mariadb_sql(DB, "DELETE FROM events_stream WHERE body LIKE "
	    "'%\"v\":2%'");
	work();
	assert_string_equal(taken(), "3 ");
	assert_non_null(strstr(hook_log(&hook, a),
	    "\"recovered\": \"false\""));
}

static void
refusals(void **state)
{
	static const struct { const char *url, *topics, *code; } cases[] = {
		{ "ftp://example.org/", "", "url" },
		{ "http://user:pw@example.org/", "", "url" },
		{ "file:///etc/passwd", "", "url" },
		{ "https://example.org/", "no topic", "topics" },
		{ "https://example.org/", "a.*.b", "topics" },
	};
	struct platform_webhook w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform_webhook_new in = { .name = "x",
		    .url = cases[i].url, .topics = platform_webhook_split(a,
		    cases[i].topics) };

		err_clear(&err);
		assert_int_equal(platform_webhook_make(&env, a, &who, &in,
		    clock_now(), &w, &err), -1);
		assert_int_equal(err.status, 422);
		assert_string_equal(err.code, cases[i].code);
	}
	err_clear(&err);
	make("one", "https://example.org/", "");
	for (int i = 0; i < 2; i++) {
		struct platform_webhook_new in = { .name = "one",
		    .url = "https://example.org/" };

		good(db_begin(env.db, &err));
		assert_int_equal(platform_webhook_make(&env, a, &who, &in,
		    clock_now(), &w, &err), -1);
		db_rollback(env.db);
		assert_string_equal(err.code, i == 0 ? "name_taken" :
		    "quota");
		err_clear(&err);
		if (i == 0) {
			make("two", "https://example.org/", "");
			make("three", "https://example.org/", "");
		}
	}
	/* another tenant neither sees nor counts */
	who.tenant_id = stranger;
	w = make("one", "https://example.org/", "");
	assert_int_equal(platform_webhook_by_id(env.db, a, tenant, w.id,
	    false, &w, &err), 1);
	/* the secret is nowhere in the row */
	assert_string_equal(mariadb_value(a, DB, "SELECT COUNT(*) FROM "
	    "platform_webhook WHERE secret LIKE '%whsec_%'"), "0");
}

/* Health: somebody waits for the relay. */
static void
probe(void **state)
{
	struct probe p = { .state = PROBE_OK };

	(void)state;
	platform_event_probe(&env, &p);
	assert_int_equal(p.state, PROBE_OK);
	mariadb_sql(DB, "INSERT INTO events_outbox (tenant_id, n, body, at) "
	    "VALUES (X'07000000000000000000000000000000', 1, '{}', "
	    "UTC_TIMESTAMP(6))");
	platform_event_probe(&env, &p);
	assert_int_equal(p.state, PROBE_OK);
	mariadb_sql(DB, "UPDATE events_outbox SET at = at - INTERVAL 60 "
	    "SECOND");
	platform_event_probe(&env, &p);
	assert_int_equal(p.state, PROBE_DEGRADED);
	assert_non_null(strstr(p.detail, "1 rows wait"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_order, setup),
		cmocka_unit_test_setup(topics_and_rights, setup),
		cmocka_unit_test_setup(failures, setup),
		cmocka_unit_test_setup(given_up, setup),
		cmocka_unit_test_setup(down, setup),
		cmocka_unit_test_setup(private_address, setup),
		cmocka_unit_test_setup(switched_off, setup),
		cmocka_unit_test_setup(not_all_there, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(probe, setup),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
