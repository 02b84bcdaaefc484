/*
 * The relay against MariaDB: every committed event once, in the order of its
 * entity, whatever writers and relays do in between; rows that cannot be
 * relayed hold up nobody; what readers are told about missing events is true.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "db/db.h"
#include "events/event.h"
#include "events/relay.h"
#include "module.h"
#include "proc/bell.h"
#include "schema/schema.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/pace.h"

#include <cmocka.h>

#define DB "test_events"

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
	EVENT_END
};
static const struct module test_module = { .name = "test", .doc = "d",
    .events = (const struct event *const[]){ events, NULL } };
static const struct module *const mods[] = { &test_module, NULL };

static const struct uuid tenant_a = { { 1 } }, tenant_b = { { 2 } },
    installation = { { 0 } };

static struct arena *a;
static struct db *db;
static struct err err;

/* ---- fixture ------------------------------------------------------------------- */

static int
group_setup(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	mariadb_migrated(DB, NULL);
	mariadb_sql(DB, "CREATE TABLE thing (id INT PRIMARY KEY, version "
	    "INT NOT NULL) ENGINE=InnoDB");
	db = mariadb_open(a, DB);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	if (db_in_txn(db))
		db_rollback(db);
	mariadb_sql(DB, "DELETE FROM events_outbox; DELETE FROM events_head; "
	    "DELETE FROM events_stream; DELETE FROM events_dead; "
	    "UPDATE events_position SET pos = 0; DELETE FROM thing; "
	    "DELETE FROM db_lease");
	err_clear(&err);
	return 0;
}

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static void
publish(struct db *d, struct uuid tenant, const char *entity, int64_t v)
{
	struct note n = { v };

	good(event_publish(d, &events[0], tenant, entity, v, &n, &err));
	good(db_hear(d, &err));		/* it has its number */
}

static void
publish_one(struct uuid tenant, const char *entity, int64_t v)
{
	good(db_begin(db, &err));
	publish(db, tenant, entity, v);
	good(db_commit(db, &err));
}

static size_t
step(struct relay *r)
{
	size_t n, all = 0;
	bool more = true;

	while (more) {
		good(relay_step(r, db, 100000, &n, &more, &err));
		all += n;
	}
	return all;
}

static int64_t
value(const char *sql)
{
	return strtoll(mariadb_value(a, DB, sql), NULL, 10);
}

/* All events of the installation in stream order, "entity:version ". */
static const char *
told(struct uuid tenant)
{
	struct event_query q = { .tenant = tenant, .limit = 1000000 };
	struct event_page page;
	struct str s;

	str_init(&s, a);
	do {
		good(event_read(db, a, &q, &page, &err));
		for (size_t i = 0; i < page.items.n; i++) {
			const struct event_item *it = ROW(&page.items,
			    struct event_item, i);

			assert_int_equal(it->off, q.since + 1 + (int64_t)i);
			str_addf(&s, "%s:%lld ", it->entity,
			    (long long)it->version);
		}
		q.since = page.next;
		q.epoch = page.epoch;
	} while (page.next < page.top);
	return s.p;
}

/* ---- order and numbers -------------------------------------------------------------- */

static void
numbers(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	struct event_pack *p = event_pack_new(a);
	struct rows rows, items;
	int64_t pos;

	(void)state;
	publish_one(tenant_a, "x", 1);
	publish_one(installation, "all", 1);
	publish_one(tenant_b, "y\"\\\n\xc3\xa4", 1);
	publish_one(tenant_a, "x", 2);
	for (int64_t i = 0; i < 450; i++)
		event_pack_add(p, &events[0], tenant_a, "p", i,
		    &(struct note){ i });
	good(db_begin(db, &err));
	good(event_pack_publish(db, p, &err));
	good(db_commit(db, &err));
	assert_int_equal(step(r), 454);
	assert_int_equal(step(r), 0);
	assert_int_equal(value("SELECT COUNT(*) FROM events_outbox"), 0);
	assert_string_equal(told(tenant_b), "y\"\\\n\xc3\xa4:1 ");
	assert_string_equal(told(installation), "all:1 ");
	assert_memory_equal(told(tenant_a), "x:1 x:2 p:0 p:1 p:2 ", 20);
	assert_int_equal(value("SELECT top FROM events_head WHERE tenant_id "
	    "= X'01000000000000000000000000000000'"), 452);
	/* several outbox rows in one, up to a bound; positions without holes */
	assert_in_range(value("SELECT COUNT(*) FROM events_stream"), 4, 5);
	good(event_position(db, &pos, &err));
	assert_int_equal(pos, value("SELECT MAX(pos) FROM events_stream"));
	assert_int_equal(pos, value("SELECT COUNT(*) FROM events_stream"));
	good(event_follow(db, a, 0, 100, &rows, &err));
	assert_int_equal(rows.n, pos);
	good(event_unpack(a, ROW(&rows, struct event_row, 0), &items, &err));
	assert_string_equal(ROW(&items, struct event_item, 0)->data.p,
	    "{\"n\":1}");
	relay_end(r, db);
}

/* H2: the writer of version 1 is slow, others overtake it, then the same
 * entity writes version 2. */
static void
slow_writer_of(struct relay *r, bool warm)
{
	struct db *slow = mariadb_open(a, DB);

	if (warm) {
		publish_one(tenant_a, "first", 1);
		step(r);
	}
	good(db_begin(slow, &err));
	publish(slow, tenant_a, "x", 1);
	for (int i = 1; i <= 50; i++)
		publish_one(tenant_a, "o", i);
	step(r);
	publish_one(tenant_a, "o", 51);
	good(db_commit(slow, &err));
	publish_one(tenant_a, "x", 2);
	step(r);
	const char *all = told(tenant_a);
	const char *one = strstr(all, "x:1 "), *two = strstr(all, "x:2 ");
	assert_non_null(one);
	assert_non_null(two);
	assert_true(one < two);
	assert_int_equal(value("SELECT COUNT(*) FROM events_outbox"), 0);
	db_close(slow);
}

static void
slow_writer(void **state)
{
	struct relay *r = relay_new(a, uuid_new());

	(void)state;
	slow_writer_of(r, true);
	relay_end(r, db);
}

static void
slow_writer_before_a_fresh_relay(void **state)
{
	struct relay *r = relay_new(a, uuid_new());

	(void)state;
	slow_writer_of(r, false);
	relay_end(r, db);
}

/* A transaction that outlives every promise is late, but not lost. */
static void
forgotten_gap(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	struct db *slow = mariadb_open(a, DB);

	(void)state;
	relay_limits(r, 0, 3600);
	publish_one(tenant_a, "first", 1);
	step(r);
	good(db_begin(slow, &err));
	publish(slow, tenant_a, "x", 1);
	publish_one(tenant_a, "o", 1);
	step(r);
	good(db_commit(slow, &err));
	step(r);
	assert_string_equal(told(tenant_a), "first:1 o:1 ");
	relay_limits(r, 0, 0);
	step(r);
	assert_string_equal(told(tenant_a), "first:1 o:1 x:1 ");
	relay_end(r, db);
	db_close(slow);
}

/* Rollbacks leave gaps, many of them; everything else is relayed. */
static void
many_gaps(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	struct db *slow = mariadb_open(a, DB);

	(void)state;
	publish_one(tenant_a, "o", 0);
	step(r);
	good(db_begin(slow, &err));
	publish(slow, tenant_a, "x", 1);
	for (int i = 1; i < 200; i++) {
		good(db_begin(db, &err));
		publish(db, tenant_a, "gone", i);
		db_rollback(db);
		publish_one(tenant_a, "o", i);
		if (i % 50 == 0)
			step(r);
	}
	mariadb_sql(DB, "INSERT INTO events_outbox SELECT 9000000, "
	    "X'01000000000000000000000000000000', 1, '{\"t\":\"x\",\"e\":"
	    "\"far\",\"v\":1,\"at\":\"2026-01-01T00:00:00Z\",\"d\":1}', "
	    "NOW(6)");
	publish_one(tenant_a, "o", 200);	/* a gap of millions */
	step(r);
	good(db_commit(slow, &err));
	publish_one(tenant_a, "x", 2);
	step(r);
	assert_null(strstr(told(tenant_a), "gone"));
	assert_true(strstr(told(tenant_a), "x:1 ") <
	    strstr(told(tenant_a), "x:2 "));
	assert_int_equal(value("SELECT top FROM events_head"), 204);
	relay_end(r, db);
	db_close(slow);
}

/* ---- relays that pause and die --------------------------------------------------------- */

static int crumbs_left, crumb_signal;

static void
at_crumb(const char *what)
{
	(void)what;
	if (crumbs_left > 0 && --crumbs_left == 0)
		kill(getpid(), crumb_signal);
}

/* One step; meets its signal at the k-th thing it does. */
static int
relay_child(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct relay *r;
	struct db *d;
	struct err e = { 0 };
	size_t n;
	bool more;

	db_forget(db);
	d = mariadb_open(own, DB);
	if (db_ping(d, &e) == -1)
		return 3;
	r = relay_new(own, *(struct uuid *)arg);
	crumb_sink(at_crumb);
	if (relay_step(r, d, 1000, &n, &more, &e) == 0 || e.status == 0)
		return 0;
	fprintf(stderr, "%s: %s (%s)\n", e.code, e.detail, e.cause);
	return 4;
}

/* It has met its signal, or come to its end without. */
static bool
has_changed(void *arg)
{
	siginfo_t si = { 0 };

	return waitid(P_PID, (id_t)*(pid_t *)arg, &si, WSTOPPED | WEXITED |
	    WNOHANG | WNOWAIT) == 0 && si.si_pid != 0;
}

/* Everything is there once, in order and without holes. */
static void
nothing_lost(int n)
{
	struct relay *r = relay_new(a, uuid_new());
	struct str want;

	/* whoever held the lease is gone or done */
	mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6)");
	step(r);
	relay_end(r, db);
	str_init(&want, a);
	for (int i = 1; i <= n; i++)
		str_addf(&want, "x:%d ", i);
	assert_string_equal(told(tenant_a), want.p);
	assert_int_equal(value("SELECT COUNT(*) FROM events_outbox"), 0);
	assert_int_equal(value("SELECT COUNT(*) FROM events_stream"),
	    value("SELECT COALESCE(MAX(pos), 0) FROM events_stream"));
}

static const struct query EXPIRE = { "test.expire",
	"UPDATE db_lease SET expires = NOW(6)", NULL };

/* The paused one's lease runs out, and another relays. Inside its transaction
 * it holds the lease row: then the other one has to wait. */
static void
overtake(void)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct db_conf cf = mariadb_conf(own, DB);
	struct relay *r = relay_new(own, uuid_new());
	struct err e = { 0 };
	struct db *d;
	size_t n;
	bool more;

	cf.lock_wait_s = 1;
	good(db_open(&d, own, &cf, &err));
	db_exec(d, &EXPIRE, NO_ARGS, NULL, &e);
	err_clear(&e);
	relay_step(r, d, 1000, &n, &more, &e);
	relay_end(r, d);
	publish_one(tenant_a, "x", 6);
	db_close(d);
	arena_free(own);
}

/* Exit status of a relay that meets the signal at the k-th thing it does. */
static int
meets(int k, int sig, bool *met)
{
	struct uuid holder = uuid_new();
	int status;
	pid_t pid;

	setup(NULL);
	for (int i = 1; i <= 5; i++)
		publish_one(tenant_a, "x", i);
	crumbs_left = k;
	crumb_signal = sig;
	pid = forked(relay_child, &holder);
	if (sig == SIGSTOP) {
		siginfo_t si = { 0 };

		assert_true(eventually(has_changed, &pid, 30000));
		waitid(P_PID, (id_t)pid, &si, WSTOPPED | WEXITED | WNOWAIT);
		*met = si.si_code == CLD_STOPPED;
		if (*met)
			overtake();
		kill(pid, SIGCONT);
	}
	status = forked_wait(pid);
	if (sig == SIGKILL)
		*met = status == 1000 + SIGKILL;
	nothing_lost(sig == SIGSTOP && *met ? 6 : 5);
	return status;
}

static void
paused_at_every_statement(void **state)
{
	bool met = true;
	int k;

	(void)state;
	for (k = 1; k < 60 && met; k++)
		assert_int_equal(meets(k, SIGSTOP, &met), 0);
	assert_false(met);	/* the last one came to its end */
	assert_true(k > 12);
}

static void
killed_at_every_statement(void **state)
{
	bool met = true;
	int k;

	(void)state;
	for (k = 1; k < 60 && met; k++)
		meets(k, SIGKILL, &met);
	assert_false(met);
	assert_true(k > 12);
}

/* H20: it dies after COMMIT, before the bell. Whoever compares positions sees
 * the event without any later traffic. */
static void
after_commit_before_the_bell(const char *what)
{
	if (strcmp(what, "relay.ring") == 0)
		kill(getpid(), SIGKILL);
}

static int
dying_child(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct err e = { 0 };
	size_t n;
	bool more;

	(void)arg;
	db_forget(db);
	crumb_sink(after_commit_before_the_bell);
	return relay_step(relay_new(own, uuid_new()), mariadb_open(own, DB),
	    1000, &n, &more, &e);
}

static void
no_bell(void **state)
{
	char dir[SCRATCH_PATH], text[64];
	int64_t pos;
	int fd;

	(void)state;
	bell_dir(scratch_dir(dir));
	good(bell_listen("live", &fd, &err));
	publish_one(tenant_a, "x", 1);
	assert_int_equal(forked_wait(forked(dying_child, NULL)),
	    1000 + SIGKILL);
	assert_int_equal(bell_take(fd, text, sizeof(text)), 0);
	good(event_position(db, &pos, &err));
	assert_int_equal(pos, 1);
	assert_string_equal(told(tenant_a), "x:1 ");
	/* and a living one rings, with the position */
	mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6)");
	publish_one(tenant_a, "x", 2);
	struct relay *r = relay_new(a, uuid_new());
	step(r);
	relay_end(r, db);
	assert_int_equal(bell_take(fd, text, sizeof(text)), 1);
	assert_string_equal(text, "2");
	bell_close("live", fd);
	scratch_remove(dir);
}

/* Somebody holds the lease: nothing is touched. */
static void
lease(void **state)
{
	struct relay *x = relay_new(a, uuid_new()),
	    *y = relay_new(a, uuid_new());
	size_t n;
	bool more;

	(void)state;
	publish_one(tenant_a, "x", 1);
	step(x);
	publish_one(tenant_a, "x", 2);
	assert_int_equal(relay_step(y, db, 100, &n, &more, &err), 1);
	assert_int_equal(n, 0);
	relay_end(x, db);
	assert_int_equal(step(y), 1);
	/* the first one's token is old, although it does not know yet */
	publish_one(tenant_a, "x", 3);
	assert_int_equal(relay_step(x, db, 100, &n, &more, &err), 1);
	relay_end(y, db);
	assert_int_equal(step(x), 1);
	assert_string_equal(told(tenant_a), "x:1 x:2 x:3 ");
	relay_end(x, db);
}

/* ---- what cannot be relayed ---------------------------------------------------------------- */

static void
poison(void **state)
{
	static const char *const bad[] = {
		"1, ''", "1, '{\"t\":\"x\"'", "0, '{\"t\":\"x\"}'",
		"2, '{\"t\":\"x\"}'", "1, 'rubbish'", "-5, '{\"t\":\"x\"}'",
		"1, '{\"t\":\"x\"}\n'", "1, '{\"t\":\"x\"}\n{\"t\":\"y\"}'",
		"1, CONCAT('{\"t\":\"x\",\"d\":\"', REPEAT('z', 1100000), "
		"'\"}')", "1, '{\"t\":\"x\",\"d\":1e400}'",
	};
	struct relay *r = relay_new(a, uuid_new());

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		publish_one(tenant_a, "x", (int64_t)i + 1);
		mariadb_sql(DB, arena_printf(a, "INSERT INTO events_outbox "
		    "(tenant_id, n, body, at) VALUES (X'0100000000000000"
		    "0000000000000000', %s, NOW(6))", bad[i]));
	}
	assert_int_equal(step(r), NITEMS(bad));
	assert_string_equal(told(tenant_a), "x:1 x:2 x:3 x:4 x:5 x:6 x:7 x:8 "
	    "x:9 x:10 ");
	assert_int_equal(value("SELECT COUNT(*) FROM events_outbox"), 0);
	assert_int_equal(value("SELECT COUNT(*) FROM events_dead"),
	    NITEMS(bad));
	assert_int_equal(value("SELECT COUNT(*) FROM events_dead "
	    "WHERE reason = ''"), 0);
	assert_int_equal(value("SELECT MAX(LENGTH(body)) FROM events_dead"),
	    1100016);
	relay_end(r, db);
}

/* The server takes all but one row of a batch. */
static void
poison_for_the_server(void **state)
{
	struct relay *r = relay_new(a, uuid_new());

	(void)state;
	mariadb_sql(DB, "ALTER TABLE events_stream ADD CONSTRAINT no_poison "
	    "CHECK (body NOT LIKE '%poison%')");
	for (int i = 1; i <= 20; i++)
		publish_one(tenant_a, i == 7 ? "poison" : "x", i);
	assert_int_equal(step(r), 19);
	assert_int_equal(value("SELECT COUNT(*) FROM events_dead "
	    "WHERE reason LIKE '%no_poison%'"), 1);
	assert_int_equal(value("SELECT COUNT(*) FROM events_outbox"), 0);
	mariadb_sql(DB, "ALTER TABLE events_stream DROP CONSTRAINT no_poison");
	relay_end(r, db);
}

/* Heads and position that are behind the stream (a partial restore) are moved
 * up, and readers are told by a new epoch. */
static void
repaired(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	int64_t epoch, epoch2, top;

	(void)state;
	publish_one(tenant_a, "x", 1);
	publish_one(tenant_a, "x", 2);
	step(r);
	good(event_head(db, tenant_a, &epoch, &top, &err));
	mariadb_sql(DB, "UPDATE events_head SET top = 0; "
	    "DELETE FROM events_position");
	publish_one(tenant_a, "x", 3);
	assert_int_equal(step(r), 1);
	assert_string_equal(told(tenant_a), "x:1 x:2 x:3 ");
	good(event_head(db, tenant_a, &epoch2, &top, &err));
	assert_int_equal(top, 3);
	assert_true(epoch2 > epoch);
	relay_end(r, db);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static struct event_page
read_page(int64_t since, int64_t epoch, int64_t limit)
{
	struct event_query q = { .tenant = tenant_a, .since = since,
	    .epoch = epoch, .limit = limit, .modules = mods };
	struct event_page p;

	good(event_read(db, a, &q, &p, &err));
	return p;
}

static bool
see_nothing_hidden(void *arg, const struct event *ev)
{
	(void)arg;
	return ev->permission == NULL;
}

static void
reading(void **state)
{
	static const char *const topics[] = { "thing.h*", "thing.hidden",
	    NULL };
	struct relay *r = relay_new(a, uuid_new());
	struct event_query q = { .tenant = tenant_a, .limit = 10,
	    .modules = mods };
	struct event_page p;
	int64_t epoch;

	(void)state;
	p = read_page(0, 0, 10);	/* a stream that is not there yet */
	assert_true(p.recovered && p.top == 0 && p.next == 0 &&
	    p.items.n == 0);
	for (int i = 1; i <= 10; i++) {
		publish_one(tenant_a, "x", i);
		if (i % 2 == 0)
			step(r);
	}
	p = read_page(-1, 0, 10);
	assert_true(p.recovered && p.items.n == 0);
	assert_int_equal(p.next, 10);
	epoch = p.epoch;
	assert_true(epoch != 0);
	p = read_page(3, epoch, 4);
	assert_true(p.recovered);
	assert_int_equal(p.items.n, 4);
	assert_int_equal(ROW(&p.items, struct event_item, 0)->off, 4);
	assert_int_equal(p.next, 7);
	p = read_page(10, epoch, 4);
	assert_true(p.recovered && p.items.n == 0 && p.next == 10);
	p = read_page(11, epoch, 4);	/* more than there ever was */
	assert_false(p.recovered);
	assert_int_equal(p.next, 10);
	p = read_page(3, epoch + 1, 4);
	assert_false(p.recovered);
	assert_int_equal(p.items.n, 0);
	assert_int_equal(p.next, 10);
	good(db_begin(db, &err));
	good(event_publish(db, &events[1], tenant_a, "h", 1,
	    &(struct note){ 1 }, &err));
	good(db_commit(db, &err));
	step(r);
	q.topics = topics;
	good(event_read(db, a, &q, &p, &err));
	assert_int_equal(p.items.n, 1);
	assert_int_equal(p.next, 11);
	q.may_see = see_nothing_hidden;
	good(event_read(db, a, &q, &p, &err));
	assert_int_equal(p.items.n, 0);
	assert_int_equal(p.next, 11);
	assert_true(p.recovered);
	relay_end(r, db);
}

static void
retention(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	struct event_page p;
	int64_t epoch;
	bool more;

	(void)state;
	for (int i = 1; i <= 6; i++) {
		publish_one(tenant_a, "x", i);
		step(r);
	}
	epoch = read_page(-1, 0, 1).epoch;
	mariadb_sql(DB, "UPDATE events_stream SET at = '2020-01-01' "
	    "WHERE pos <= 3");
	good(event_drop_before(db, (struct utc){ 1600000000 * US_PER_S },
	    &more, &err));
	assert_false(more);
	assert_int_equal(value("SELECT MIN(first) FROM events_stream"), 4);
	p = read_page(1, epoch, 10);
	assert_false(p.recovered);	/* 2 and 3 are gone */
	assert_int_equal(p.items.n, 3);
	p = read_page(3, epoch, 10);
	assert_true(p.recovered);
	assert_int_equal(p.items.n, 3);
	p = read_page(0, 0, 10);	/* from the oldest that is kept */
	assert_true(p.recovered);
	assert_int_equal(p.items.n, 3);
	p = read_page(0, epoch, 10);	/* who was there when it was empty */
	assert_false(p.recovered);
	mariadb_sql(DB, "DELETE FROM events_stream");
	p = read_page(4, epoch, 10);
	assert_false(p.recovered);
	assert_int_equal(p.next, 6);
	p = read_page(6, epoch, 10);
	assert_true(p.recovered);
	publish_one(tenant_a, "x", 7);
	step(r);
	p = read_page(6, epoch, 10);
	assert_true(p.recovered);
	assert_int_equal(p.items.n, 1);
	relay_end(r, db);
}

static void
restored(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	struct event_page p;
	int64_t epoch, pos;

	(void)state;
	publish_one(tenant_a, "x", 1);
	step(r);
	epoch = read_page(-1, 0, 1).epoch;
	good(event_position(db, &pos, &err));
	good(event_restored(db, &err));
	p = read_page(1, epoch, 10);
	assert_false(p.recovered);
	assert_true(p.epoch > epoch);
	publish_one(tenant_a, "x", 2);
	step(r);
	p = read_page(1, p.epoch, 10);
	assert_true(p.recovered);
	assert_int_equal(p.items.n, 1);
	assert_true(value("SELECT MAX(pos) FROM events_stream") > pos + 1000);
	relay_end(r, db);
}

/* ---- ledger ------------------------------------------------------------------------------------------ */

enum { WRITERS = 3, THINGS = 5, CHANGES = 120, LEDGER = WRITERS * CHANGES };

struct ledger {
	int n, writers;
	struct { int thing, version; } v[LEDGER];
};
static struct ledger *ledger;

static const struct query THING_UP = { "thing.up",
	"INSERT INTO thing (id, version) VALUES (?, LAST_INSERT_ID(1)) "
	"ON DUPLICATE KEY UPDATE version = LAST_INSERT_ID(version + 1)",
	NULL };

static void
change(struct db *d, struct err *e)
{
	int thing = (int)random_below(THINGS), at;
	bool keep = random_below(4) != 0;
	char name[16];
	int64_t version;
	struct note n;

	if (db_begin(d, e) == -1)
		return;
	if (db_exec(d, &THING_UP, ARGS(V(thing)), NULL, e) == -1) {
		db_rollback(d);
		return;
	}
	n.n = version = (int64_t)db_insert_id(d);
	snprintf(name, sizeof(name), "t%d", thing);
	if (event_publish(d, &events[0], tenant_a, name, version, &n, e) ==
	    -1) {
		db_rollback(d);
		return;
	}
	pace_us((unsigned)random_below(8000));
	if (!keep) {
		db_rollback(d);
		return;
	}
	if (db_commit(d, e) == -1)
		return;
	at = __atomic_fetch_add(&ledger->n, 1, __ATOMIC_SEQ_CST);
	ledger->v[at].thing = thing;
	ledger->v[at].version = (int)version;
}

static int
writer(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct db *d;

	(void)arg;
	db_forget(db);
	d = mariadb_open(own, DB);
	for (int i = 0; i < CHANGES; i++) {
		struct err e = { 0 };

		change(d, &e);
	}
	__atomic_sub_fetch(&ledger->writers, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* Relays until the writers are done; now and then it drops its lease, or
 * leaves without a word. */
static int
relayer(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct db *d;
	struct relay *r;

	(void)arg;
	db_forget(db);
	d = mariadb_open(own, DB);
	r = relay_new(own, uuid_new());
	while (__atomic_load_n(&ledger->writers, __ATOMIC_SEQ_CST) > 0) {
		struct err e = { 0 };
		size_t n;
		bool more;

		if (relay_step(r, d, 1 + random_below(20), &n, &more, &e) ==
		    -1)
			fprintf(stderr, "relay: %s %s\n", e.detail, e.cause);
		if (random_below(8) == 0)
			relay_end(r, d);
		if (random_below(20) == 0)
			r = relay_new(own, uuid_new());
		pace_us((unsigned)random_below(3000));
	}
	relay_end(r, d);
	return 0;
}

static void
one_to_one(void **state)
{
	pid_t pid[WRITERS + 2];
	int seen[THINGS] = { 0 }, total = 0, top[THINGS] = { 0 };
	const char *all;
	struct relay *r;

	(void)state;
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ledger, MAP_FAILED);
	ledger->writers = WRITERS;
	for (int i = 0; i < WRITERS + 2; i++)
		pid[i] = forked(i < WRITERS ? writer : relayer, NULL);
	for (int i = 0; i < WRITERS + 2; i++)
		assert_int_equal(forked_wait(pid[i]), 0);
	mariadb_sql(DB, "UPDATE db_lease SET expires = NOW(6)");
	r = relay_new(a, uuid_new());
	step(r);
	relay_end(r, db);
	assert_true(ledger->n > LEDGER / 3);
	for (int i = 0; i < ledger->n; i++)
		if (ledger->v[i].version > top[ledger->v[i].thing])
			top[ledger->v[i].thing] = ledger->v[i].version;
	all = told(tenant_a);
	for (const char *p = all; *p != '\0'; p = strchr(p, ' ') + 1) {
		int thing, version;

		assert_int_equal(sscanf(p, "t%d:%d ", &thing, &version), 2);
		if (version != seen[thing] + 1)
			fail_msg("t%d: %d after %d", thing, version,
			    seen[thing]);
		seen[thing] = version;
		total++;
	}
	assert_int_equal(total, ledger->n);
	assert_memory_equal(seen, top, sizeof(seen));
	munmap(ledger, sizeof(*ledger));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(numbers, setup),
		cmocka_unit_test_setup(slow_writer, setup),
		cmocka_unit_test_setup(slow_writer_before_a_fresh_relay,
		    setup),
		cmocka_unit_test_setup(forgotten_gap, setup),
		cmocka_unit_test_setup(many_gaps, setup),
		cmocka_unit_test_setup(lease, setup),
		cmocka_unit_test_setup(paused_at_every_statement, setup),
		cmocka_unit_test_setup(killed_at_every_statement, setup),
		cmocka_unit_test_setup(no_bell, setup),
		cmocka_unit_test_setup(poison, setup),
		cmocka_unit_test_setup(poison_for_the_server, setup),
		cmocka_unit_test_setup(repaired, setup),
		cmocka_unit_test_setup(reading, setup),
		cmocka_unit_test_setup(retention, setup),
		cmocka_unit_test_setup(restored, setup),
		cmocka_unit_test_setup(one_to_one, setup),
	};

	if (!mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
