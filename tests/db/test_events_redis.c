/*
 * The bridge to a real Redis and a real cluster: everything out and in once,
 * also when either side dies in between, redirects followed, foreign entries
 * judged by the topic's schema.
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "events/relay.h"
#include "module.h"
#include "modules/platform/redis.h"
#include "net/redis.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/redis.h"

#include <cmocka.h>

#define DB "test_redis"
#define TENANT "01000000-0000-0000-0000-000000000000"
#define STREAM "quincunx:events:" TENANT
#define CLI(r, ...) redis_cli(r, a, (const char *[]){ __VA_ARGS__, NULL })

struct note {
	int64_t n;
	const char *text;
};
static const struct field note_fields[] = {
	FIELD(struct note, n, .flags = FF_REQUIRED, .min = 0, .max = 999,
	    .doc = "Number"),
	FIELD(struct note, text, .flags = FF_NULLABLE, .doc = "Text"),
	FIELD_END
};
static const struct schema note_schema = { .name = "Note", .doc = "Note",
    .size = sizeof(struct note), .fields = note_fields };
static const struct event events[] = {
	{ .name = "thing.changed", .doc = "d", .payload = &note_schema },
	EVENT_END
};
static const struct module test_module = { .name = "test", .doc = "d",
    .events = (const struct event *const[]){ events, NULL } };
static const struct module *const mods[] = { &test_module, NULL };
static const struct settings *const groups[] = { &base_settings,
    &platform_redis_settings, NULL };

static const struct uuid tenant = { { 1 } };
static struct arena *a;
static struct env env;
static struct err err;
static struct redis_server server;
static struct redis *redis;
static struct relay *relay;

/* ---- fixture ------------------------------------------------------------------- */

static void
good(int rc)
{
	if (rc != 0)
		fail_msg("%d %s: %s (%s)", err.status, err.code, err.detail,
		    err.cause);
}

static struct redis *
client(int port)
{
	struct redis *r;

	good(redis_open(&r, a, arena_printf(a, "redis://127.0.0.1:%d", port),
	    2000, NULL, &err));
	return r;
}

static int
group_setup(void **state)
{
	struct conf *conf;

	(void)state;
	a = arena_new((size_t)2 << 30);
	mariadb_migrated(DB, NULL);
	redis_start(&server, false);
	env = (struct env){ .a = a, .db = mariadb_open(a, DB),
	    .modules = mods, .process = uuid_new() };
	good(conf_load(&conf, a, groups, &(struct conf_source){
	    .file = "/none", .env = (char *[]){ NULL },
	    .overrides = (const char *[]){
	    "redis.in=prices=thing.changed", "redis.in_tenant=" TENANT,
	    NULL } }, &err));
	env.conf = conf;
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	redis_stop(&server);
	arena_free(a);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	mariadb_sql(DB, "DELETE FROM events_outbox; DELETE FROM events_head; "
	    "DELETE FROM events_stream; UPDATE events_position SET pos = 0; "
	    "DELETE FROM platform_redis; DELETE FROM db_lease");
	err_clear(&err);
	CLI(&server, "FLUSHALL");
	redis = client(server.port);
	relay = relay_new(a, env.process);
	return 0;
}

static void
publish(struct uuid t, int64_t n)
{
	struct note note = { n, "\"x\" \xc3\xa4\n" };
	size_t count;
	bool more;

	good(db_begin(env.db, &err));
	good(event_publish(env.db, &events[0], t, "x", n, &note, &err));
	good(db_commit(env.db, &err));
	good(relay_step(relay, env.db, 1000, &count, &more, &err));
}

static int
out(void)
{
	bool more;

	err_clear(&err);
	return platform_redis_out(&env, env.db, redis, NULL, &more, &err);
}

/* Versions in a Redis stream, in order. */
static const char *
versions(const struct redis_server *r, const char *stream)
{
	const char *p = CLI(r, "-c", "--raw", "XRANGE", stream, "-", "+");
	struct str s;

	str_init(&s, a);
	while ((p = strstr(p, "version\n")) != NULL) {
		p += 8;
		str_addf(&s, "%.*s ", (int)strcspn(p, "\n"), p);
	}
	return s.p;
}

/* ---- out ------------------------------------------------------------------------ */

static pid_t
subscribe(const char *path)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		    STDOUT_FILENO);
		execl("/usr/bin/redis-cli", "redis-cli", "-p",
		    arena_printf(a, "%d", server.port), "SUBSCRIBE",
		    "quincunx." TENANT, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool
file_says(void *arg)
{
	const char *const *v = arg;	/* path, word */
	char text[20000];
	size_t n;
	FILE *f = fopen(v[0], "r");

	if (f == NULL)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return strstr(text, v[1]) != NULL;
}

static void
sent(void **state)
{
	const char *path = arena_printf(a, "%s/heard", server.dir);
	pid_t pid = subscribe(path);

	(void)state;
	assert_true(eventually(file_says, (const char *[]){ path,
	    "subscribe" }, 30000));
	publish(tenant, 1);		/* before the bridge was there */
	good(out());
	publish(tenant, 2);
	publish((struct uuid){ { 0 } }, 7);
	publish(tenant, 3);
	good(out());
	good(out());
	assert_string_equal(versions(&server, STREAM), "2 3 ");
	assert_string_equal(versions(&server,
	    "quincunx:events:installation"), "7 ");
	assert_non_null(strstr(CLI(&server, "--raw", "XRANGE", STREAM, "-",
	    "+"), "{\"n\":3,\"text\":\"\\\"x\\\" \xc3\xa4\\n\"}"));
	assert_true(eventually(file_says, (const char *[]){ path,
	    "\"version\":3" }, 30000));
	assert_false(file_says((const char *[]){ path, "\"version\":7" }));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* It was sent, but that was not remembered: once all the same. */
static void
sent_twice(void **state)
{
	const char *reached;

	(void)state;
	good(out());
	good(platform_redis_reached(env.db, a, "out", &reached, &err));
	for (int i = 1; i <= 30; i++)
		publish(tenant, i);
	good(out());
	good(platform_redis_reach(env.db, "out", reached, &err));
	good(out());
	assert_int_equal(strtol(CLI(&server, "XLEN", STREAM), NULL, 10), 30);
	/* ids of another life of the database stand in the way */
	CLI(&server, "DEL", STREAM);
	CLI(&server, "XADD", STREAM, "9000000-1", "a", "b");
	publish(tenant, 31);
	good(out());
	assert_string_equal(versions(&server, STREAM), "31 ");
}

static void
killed_and_back(void **state)
{
	(void)state;
	good(out());
	for (int i = 1; i <= 40; i++) {
		publish(tenant, i);
		if (i == 10)
			redis_kill(&server);
		if (out() == -1)
			assert_int_equal(err.status, 503);
		if (i == 30)
			redis_again(&server);
	}
	redis = client(server.port);	/* without its back-off */
	good(out());
	assert_string_equal(versions(&server, STREAM), "1 2 3 4 5 6 7 8 9 10 "
	    "11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 "
	    "32 33 34 35 36 37 38 39 40 ");
}

/* The client of before finds its way back by itself. */
static bool
works_again(void *arg)
{
	(void)arg;
	return out() == 0;
}

static void
reconnects(void **state)
{
	(void)state;
	good(out());
	redis_kill(&server);
	publish(tenant, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(out(), -1);
	redis_again(&server);
	assert_true(eventually(works_again, NULL, 30000));
	assert_string_equal(versions(&server, STREAM), "1 ");
}

/* ---- in --------------------------------------------------------------------------- */

static int
in_with(struct db *db, struct redis *r)
{
	bool more = true;

	err_clear(&err);
	while (more)
		if (platform_redis_in(&env, db, r, NULL, 0, &more, &err) ==
		    -1)
			return -1;
	return 0;
}

/* Published from Redis: "entity:n ". */
static const char *
taken(void)
{
	struct event_query q = { .tenant = tenant, .limit = 10000 };
	struct event_page p;
	struct str s;
	size_t n;
	bool more;

	good(relay_step(relay, env.db, 10000, &n, &more, &err));
	good(event_read(env.db, a, &q, &p, &err));
	str_init(&s, a);
	for (size_t i = 0; i < p.items.n; i++) {
		const struct event_item *it = ROW(&p.items,
		    struct event_item, i);

		assert_string_equal(it->topic, "thing.changed");
		str_addf(&s, "%s:%ld ", it->entity,
		    strtol(it->data.p + strlen("{\"n\":"), NULL, 10));
	}
	return s.p;
}

static void
entries(void **state)
{
	(void)state;
	good(in_with(env.db, redis));	/* no stream yet */
	CLI(&server, "XADD", "prices", "*", "entity", "e", "data",
	    "{\"n\":1,\"text\":\"t\"}");
	CLI(&server, "XADD", "prices", "*", "n", "2", "text", "plain");
	CLI(&server, "XADD", "prices", "*", "n", "1000");	/* too large */
	CLI(&server, "XADD", "prices", "*", "data", "{\"n\":1}}");
	CLI(&server, "XADD", "prices", "*", "data", "{\"n\":1,\"evil\":1}");
	CLI(&server, "XADD", "prices", "*", "n", "1", "topic",
	    "job.succeeded");
	CLI(&server, "XADD", "prices", "*", "text", "no n");
	CLI(&server, "XADD", "prices", "*", "n", "3");
	CLI(&server, "XADD", "other", "*", "n", "4");	/* not listed */
	good(in_with(env.db, redis));
	assert_string_equal(taken(), "e:1 :2 :3 ");
	good(in_with(env.db, redis));
	assert_string_equal(taken(), "e:1 :2 :3 ");
}

static int crumbs_left;

static void
at_crumb(const char *what)
{
	(void)what;
	if (--crumbs_left == 0)
		kill(getpid(), SIGKILL);
}

static int
dying_child(void *arg)
{
	struct arena *own = arena_new((size_t)64 << 20);
	struct redis *r;
	struct db *db;

	(void)arg;
	db_forget(env.db);
	db = mariadb_open(own, DB);
	if (db_ping(db, &err) == -1 || redis_open(&r, own, arena_printf(own,
	    "redis://127.0.0.1:%d", server.port), 2000, NULL, &err) == -1)
		return 3;
	crumb_sink(at_crumb);
	return in_with(db, r) == -1 ? 4 : 0;
}

static void
killed_at_every_statement(void **state)
{
	int status = 1000 + SIGKILL, k;
	struct str want;

	(void)state;
	str_init(&want, a);
	for (k = 1; status == 1000 + SIGKILL && k < 40; k++) {
		CLI(&server, "XADD", "prices", "*", "n",
		    arena_printf(a, "%d", k));
		str_addf(&want, ":%d ", k);
		crumbs_left = k;
		status = forked_wait(forked(dying_child, NULL));
	}
	assert_int_equal(status, 0);
	assert_true(k > 5);
	good(in_with(env.db, redis));
	assert_string_equal(taken(), want.p);
}

/* ---- cluster ------------------------------------------------------------------------ */

enum { NODES = 3 };
static struct redis_server node[NODES];

static bool
cluster_ok(void *arg)
{
	(void)arg;
	for (int i = 0; i < NODES; i++) {
		const char *s = CLI(&node[i], "CLUSTER", "INFO");

		if (strstr(s, "cluster_state:ok") == NULL ||
		    strstr(s, "cluster_known_nodes:3") == NULL)
			return false;
	}
	return true;
}

static void
cluster_start(void)
{
	for (int i = 0; i < NODES; i++) {
		redis_start(&node[i], true);
		CLI(&node[i], "CLUSTER", "ADDSLOTSRANGE",
		    arena_printf(a, "%d", i * REDIS_SLOTS / NODES +
		    (i > 0)), arena_printf(a, "%d", i == NODES - 1 ?
		    REDIS_SLOTS - 1 : (i + 1) * REDIS_SLOTS / NODES));
		CLI(&node[i], "CLUSTER", "SET-CONFIG-EPOCH",
		    arena_printf(a, "%d", i + 1));
	}
	for (int i = 1; i < NODES; i++)
		CLI(&node[0], "CLUSTER", "MEET", "127.0.0.1",
		    arena_printf(a, "%d", node[i].port));
	assert_true(eventually(cluster_ok, NULL, 60000));
}

static const char *
node_id(int i)
{
	const char *s = CLI(&node[i], "--raw", "CLUSTER", "MYID");

	return arena_strndup(a, s, strcspn(s, "\n"));
}

/* Owner of a slot, by the cluster's own word. */
static int
owner(const char *key, const char **slot)
{
	long n = strtol(CLI(&node[0], "CLUSTER", "KEYSLOT", key), NULL, 10);

	*slot = arena_printf(a, "%ld", n);
	assert_int_equal(n, redis_slot(key, strlen(key)));
	for (int i = 0; i < NODES; i++)
		if (n <= (i + 1) * REDIS_SLOTS / NODES)
			return i;
	return NODES - 1;
}

static void
cluster(void **state)
{
	const char *slot, *stream;
	struct uuid t = { { 0 } };
	int from, to;

	(void)state;
	cluster_start();
	redis = client(node[0].port);
	good(out());
	for (int i = 1; i <= 60; i++) {
		t.b[0] = (uint8_t)(1 + i % 20);
		publish(t, i);
	}
	good(out());
	for (int i = 0; i < NODES; i++)
		assert_true(strtol(CLI(&node[i], "DBSIZE"), NULL, 10) > 0);
	t.b[0] = 5;
	stream = platform_redis_name(a, "quincunx:events:{tenant}", t);
	assert_string_equal(versions(&node[0], stream), "4 24 44 ");
	/* a slot on its way: ASK, then MOVED */
	from = owner(stream, &slot);
	to = (from + 1) % NODES;
	CLI(&node[to], "CLUSTER", "SETSLOT", slot, "IMPORTING",
	    node_id(from));
	CLI(&node[from], "CLUSTER", "SETSLOT", slot, "MIGRATING",
	    node_id(to));
	CLI(&node[from], "MIGRATE", "127.0.0.1", arena_printf(a, "%d",
	    node[to].port), stream, "0", "5000");
	publish(t, 61);
	good(out());
	CLI(&node[to], "CLUSTER", "SETSLOT", slot, "NODE", node_id(to));
	CLI(&node[from], "CLUSTER", "SETSLOT", slot, "NODE", node_id(to));
	publish(t, 62);
	good(out());
	assert_string_equal(versions(&node[to], stream), "4 24 44 61 62 ");
	/* entries in, from whichever node has them */
	CLI(&node[0], "-c", "XADD", "prices", "*", "n", "5");
	mariadb_sql(DB, "DELETE FROM events_stream; DELETE FROM events_head");
	good(in_with(env.db, redis));
	assert_string_equal(taken(), ":5 ");
	for (int i = 0; i < NODES; i++)
		redis_stop(&node[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sent, setup),
		cmocka_unit_test_setup(sent_twice, setup),
		cmocka_unit_test_setup(killed_and_back, setup),
		cmocka_unit_test_setup(reconnects, setup),
		cmocka_unit_test_setup(entries, setup),
		cmocka_unit_test_setup(killed_at_every_statement, setup),
		cmocka_unit_test_setup(cluster, setup),
	};

	if (!redis_there() || !mariadb_start())
		return 0;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
