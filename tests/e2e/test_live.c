/*
 * The gateway behind nginx, lighttpd and Apache: who may connect, what twins
 * see of each other, resuming honestly in every case, the last event of a
 * relay that died, clients that are slow, dead or flooding, rights that end,
 * a helper that is killed, reload and drain, and the recorded Autobahn cases.
 */
#include <json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "crypto/crypto.h"
#include "tests/harness/contract.h"
#include "tests/harness/data.h"
#include "tests/harness/forked.h"
#include "tests/harness/mariadb.h"
#include "tests/harness/web.h"
#include "tests/harness/ws.h"

#define MS 30000
#define NATIVE "/api/system/live"
#define SUB_ALL "{\"type\":\"sub\",\"topics\":[\"*\"]}"

static struct stack st;
static struct world w = { .st = &st, .modules = modules,
	.recipes = contract_recipes };
static struct arena *a;
static pid_t live;
static int port;	/* of the web server in front */

/* ---- tools ---- */

static bool
serves(void *arg)
{
	struct arena *mem = arena_new((size_t)64 << 20);
	struct ws s = ws_open(mem, port, "/ws", NULL);

	(void)arg;
	ws_close(&s);
	arena_free(mem);
	return s.status == 101;
}

static void
live_start(void)
{
	live = stack_launch(&st, "live", (const char *[]){
	    http_text(&st, "%s/quincunx-live", stack_bin()), "-c", st.conf,
	    NULL });
	if (!eventually(serves, NULL, MS)) {
		stack_logs(&st);
		fail_msg("the gateway does not serve");
	}
}

static void
live_restart(void)
{
	stack_end(&live, SIGTERM);
	live_start();
}

static const char *
bearer(const char *token)
{
	return arena_printf(a, "Authorization: Bearer %s\r\n", token);
}

static const char *
ticket(const char *token)
{
	const struct reply *r = http_send(&st, "POST",
	    "/api/system/live/ticket", token, NULL);

	expect_status(r, 200);
	return arena_strdup(a, json_text_at(r->json, "ticket"));
}

static const char *
uuid_hex(const char *id)
{
	char *out = arena_alloc(a, 40);
	size_t n = 0;

	for (; *id != '\0'; id++)
		if (*id != '-')
			out[n++] = *id;
	return out;
}

/* What a module does inside its transaction. */
static void
publish(const char *tenant, const char *topic, const char *entity,
    const char *data)
{
	mariadb_sql(st.db, arena_printf(a, "INSERT INTO events_outbox "
	    "(tenant_id, n, body, at) VALUES (X'%s', 1, '{\"t\":\"%s\","
	    "\"e\":\"%s\",\"v\":1,\"at\":\"2026-01-01T00:00:00Z\",\"d\":%s}',"
	    " NOW(6))", uuid_hex(tenant), topic, entity, data));
}

/* Any process relays. */
static void
relay(void)
{
	expect_status(http_get(&st, "/api/system/events?since=-1&limit=1",
	    w.super.token), 200);
}

static void
event(const char *tenant, const char *entity)
{
	publish(tenant, "decision.made", entity, "{\"k\":1}");
	relay();
}

static struct ws
connected(const char *path, const char *token)
{
	struct ws s = ws_open(a, port, path, bearer(token));

	if (s.status != 101) {
		stack_logs(&st);
		fail_msg("%s: status %d", path, s.status);
	}
	return s;
}

struct place {
	long long epoch, off;
	bool recovered;
};

static struct place
subscribe(struct ws *s, const char *text)
{
	struct json_object *o;
	struct place p;

	ws_say(s, text);
	o = ws_wait(s, "subd", MS);
	if (o == NULL) {
		stack_logs(&st);
		fail_msg("no subd, code %d", s->code);
	}
	p.epoch = json_int_at(o, "epoch");
	p.off = json_int_at(o, "off");
	p.recovered = json_object_get_boolean(json_at(o, "recovered"));
	json_object_put(o);
	return p;
}

static struct place
resume(struct ws *s, struct place at)
{
	return subscribe(s, arena_printf(a, "{\"type\":\"sub\",\"topics\":"
	    "[\"decision.*\"],\"since\":{\"epoch\":%lld,\"off\":%lld}}",
	    at.epoch, at.off));
}

/* The next event is about this; its number. */
static long long
expect_event_at(struct ws *s, const char *entity, int line)
{
	struct json_object *o = ws_wait(s, "event", MS);
	long long off;

	if (o == NULL || strcmp(json_text_at(o, "entity"), entity) != 0) {
		stack_logs(&st);
		fail_msg("line %d: event %s expected, code %d %s, got %s",
		    line, entity, s->code, s->reason, o == NULL ? "none" :
		    json_object_get_string(o));
	}
	off = json_int_at(o, "off");
	json_object_put(o);
	return off;
}
#define expect_event(s, entity) expect_event_at((s), (entity), __LINE__)

static void
expect_close_at(struct ws *s, int code, int line)
{
	int got = ws_wait_close(s, MS);

	if (got == code)
		return;
	stack_logs(&st);
	fail_msg("line %d: close %d expected, got %d %s", line, code, got,
	    s->reason);
}
#define expect_close(s, code) expect_close_at((s), (code), __LINE__)

/* ---- who may come in ---- */

static void
test_ticket(void **state)
{
	const char *t = ticket(w.a.admin.token);
	const char *path = arena_printf(a, NATIVE "?ticket=%s", t);
	struct ws s = ws_open(a, port, path, NULL), again;

	(void)state;
	assert_int_equal(s.status, 101);
	subscribe(&s, SUB_ALL);
	again = ws_open(a, port, path, NULL);
	expect_close(&again, 4401);
	/* too old */
	t = ticket(w.a.admin.token);
	mariadb_sql(st.db, "UPDATE platform_live_ticket SET expires_at = "
	    "NOW(6) - INTERVAL 1 SECOND");
	again = ws_open(a, port, arena_printf(a, NATIVE "?ticket=%s", t),
	    NULL);
	expect_close(&again, 4401);
	/* the first one was not harmed */
	event(w.a.tenant, "after-ticket");
	expect_event(&s, "after-ticket");
	ws_close(&s);
}

static void
test_credentials(void **state)
{
	struct ws s;

	(void)state;
	s = ws_open(a, port, NATIVE, bearer("no.such.token"));
	expect_close(&s, 4401);
	s = ws_open(a, port, NATIVE, bearer(w.a.self_key));
	expect_close(&s, 4403);		/* a key without events:read */
	/* ?token= only by setting */
	s = ws_open(a, port, arena_printf(a, NATIVE "?token=%s",
	    w.a.admin.token), NULL);
	expect_close(&s, 4401);
	/* a cookie is nobody */
	s = ws_open(a, port, NATIVE, arena_printf(a, "Cookie: session=%s; "
	    "access_token=%s\r\n", w.a.admin.token, w.a.admin.token));
	ws_say(&s, SUB_ALL);
	json_object_put(ws_wait(&s, "err", MS));
	expect_close(&s, 4401);
	/* first message */
	s = ws_open(a, port, NATIVE, NULL);
	ws_say(&s, arena_printf(a, "{\"type\":\"auth\",\"token\":\"%s\"}",
	    w.a.admin.token));
	subscribe(&s, SUB_ALL);		/* waits for the answer by itself */
	/* another person in the same connection */
	ws_say(&s, arena_printf(a, "{\"type\":\"auth\",\"token\":\"%s\"}",
	    w.b.admin.token));
	expect_close(&s, 4403);
}

static void
test_origin(void **state)
{
	struct ws s;

	(void)state;
	s = ws_open(a, port, NATIVE, arena_printf(a,
	    "Origin: https://evil.test\r\n%s", bearer(w.a.admin.token)));
	assert_int_equal(s.status, 403);
	s = ws_open(a, port, NATIVE, arena_printf(a,
	    "Origin: http://127.0.0.1:%d\r\n%s", port,
	    bearer(w.a.admin.token)));
	assert_int_equal(s.status, 101);
	ws_close(&s);
	/* the same host by name only in front */
	s = ws_open(a, port, NATIVE, arena_printf(a,
	    "Origin: http://127.0.0.1:%d.evil.test\r\n%s", port,
	    bearer(w.a.admin.token)));
	assert_int_equal(s.status, 403);
	s = ws_open(a, port, NATIVE, "Origin: null\r\n");
	assert_int_equal(s.status, 403);
}

/* ---- who sees what ---- */

static void
test_twins(void **state)
{
	struct ws sa = connected(NATIVE, w.a.admin.token);
	struct ws sb = connected(NATIVE, w.b.admin.token);
	struct place pa, pb;

	(void)state;
	pa = subscribe(&sa, SUB_ALL);
	pb = subscribe(&sb, SUB_ALL);
	for (int i = 0; i < 5; i++) {
		publish(w.a.tenant, "decision.made", arena_printf(a, "a%d",
		    i), "{}");
		publish(w.b.tenant, "decision.made", arena_printf(a, "b%d",
		    i), "{}");
	}
	relay();
	/* each its own, numbered without holes */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(expect_event(&sa, arena_printf(a, "a%d", i)),
		    pa.off + 1 + i);
		assert_int_equal(expect_event(&sb, arena_printf(a, "b%d", i)),
		    pb.off + 1 + i);
	}
	/* the installation's reach both, and have numbers of their own */
	publish("00000000-0000-0000-0000-000000000000", "alert.changed", "all",
	    "{}");
	relay();
	expect_event(&sa, "all");
	expect_event(&sb, "all");
	ws_close(&sa);
	ws_close(&sb);
}

static void
test_permissions(void **state)
{
	struct actor viewer;
	struct json_object *o;
	struct ws s;

	(void)state;
	ct_user(&w, &w.a, "[\"agent\"]", &viewer);
	s = connected(NATIVE, viewer.token);
	ws_say(&s, "{\"type\":\"sub\",\"topics\":[\"decision.made\","
	    "\"no.such\",\"approval.requested\"]}");
	o = ws_wait(&s, "err", MS);
	assert_non_null(o);
	assert_string_equal(json_text_at(o, "code"), "forbidden");
	json_object_put(o);
	o = ws_wait(&s, "err", MS);
	assert_string_equal(json_text_at(o, "code"), "unknown_topic");
	json_object_put(o);
	o = ws_wait(&s, "subd", MS);
	assert_int_equal(json_object_array_length(json_at(o, "topics")), 0);
	json_object_put(o);
	/* patterns bring only what may be seen: a decision does not come, and
	 * what comes after it does */
	subscribe(&s, SUB_ALL);
	event(w.a.tenant, "secret");
	publish(w.a.tenant, "switch.changed", "seen", "{}");
	relay();
	ws_say(&s, "{\"type\":\"ping\",\"id\":\"end\"}");
	for (bool end = false; !end;) {
		const char *text = ws_next(&s, MS);

		assert_non_null(text);
		assert_null(strstr(text, "secret"));
		end = strstr(text, "\"id\":\"end\"") != NULL;
	}
	ws_close(&s);
}

/* ---- resuming ---- */

static void
test_resume(void **state)
{
	struct ws s = connected(NATIVE, w.a.admin.token);
	struct place at = subscribe(&s, "{\"type\":\"sub\",\"topics\":"
	    "[\"decision.*\"]}"), p;

	(void)state;
	event(w.a.tenant, "r1");
	at.off = expect_event(&s, "r1");
	if (at.epoch == 0) {	/* there was no event before */
		ws_close(&s);
		s = connected(NATIVE, w.a.admin.token);
		at = subscribe(&s, SUB_ALL);
	}
	ws_close(&s);
	event(w.a.tenant, "r2");
	publish(w.a.tenant, "switch.changed", "other", "{}");
	event(w.a.tenant, "r3");
	for (int restarted = 0; restarted < 2; restarted++) {
		/* from memory, then from the database */
		s = connected(NATIVE, w.a.admin.token);
		p = resume(&s, at);
		assert_true(p.recovered);
		assert_int_equal(p.off, at.off);
		expect_event(&s, "r2");
		expect_event(&s, "r3");
		event(w.a.tenant, arena_printf(a, "live%d", restarted));
		if (restarted > 0)
			expect_event(&s, "live0");
		expect_event(&s, arena_printf(a, "live%d", restarted));
		ws_close(&s);
		if (!restarted)
			live_restart();
	}
	/* another epoch, and a number that was never given */
	s = connected(NATIVE, w.a.admin.token);
	p = resume(&s, (struct place){ at.epoch + 1, at.off, false });
	assert_false(p.recovered);
	ws_close(&s);
	s = connected(NATIVE, w.a.admin.token);
	p = resume(&s, (struct place){ at.epoch, at.off + 100000, false });
	assert_false(p.recovered);
	event(w.a.tenant, "onward");
	expect_event(&s, "onward");
	ws_close(&s);
}

/* Rows that retention took are not passed over in silence. */
static void
test_resume_gone(void **state)
{
	struct ws s = connected(NATIVE, w.b.admin.token);
	struct place at, p;

	(void)state;
	event(w.b.tenant, "g0");
	at = subscribe(&s, SUB_ALL);
	ws_close(&s);
	for (int i = 1; i <= 4; i++)
		event(w.b.tenant, arena_printf(a, "g%d", i));
	mariadb_sql(st.db, arena_printf(a, "DELETE FROM events_stream WHERE "
	    "tenant_id = X'%s' AND first <= %lld", uuid_hex(w.b.tenant),
	    at.off + 2));
	live_restart();
	s = connected(NATIVE, w.b.admin.token);
	p = resume(&s, at);
	assert_false(p.recovered);
	event(w.b.tenant, "g5");
	expect_event(&s, "g5");
	ws_close(&s);
	s = connected(NATIVE, w.b.admin.token);
	p = resume(&s, (struct place){ at.epoch, at.off + 2, false });
	assert_true(p.recovered);
	expect_event(&s, "g3");
	ws_close(&s);
}

/* A relay commits and dies before it rings: nothing else ever comes. */
static void
test_last_event(void **state)
{
	struct ws s = connected(NATIVE, w.a.admin.token);

	(void)state;
	event(w.a.tenant, "before");	/* there is a head */
	subscribe(&s, SUB_ALL);
	mariadb_sql(st.db, arena_printf(a, "BEGIN; "
	    "UPDATE events_position SET pos = pos + 1; "
	    "UPDATE events_head SET top = top + 1 WHERE tenant_id = X'%s'; "
	    "INSERT INTO events_stream (pos, tenant_id, first, n, at, body) "
	    "SELECT p.pos, h.tenant_id, h.top, 1, NOW(6), '{\"t\":"
	    "\"decision.made\",\"e\":\"last\",\"v\":1,\"at\":"
	    "\"2026-01-01T00:00:00Z\",\"d\":{}}' FROM events_position p, "
	    "events_head h WHERE h.tenant_id = X'%s'; COMMIT",
	    uuid_hex(w.a.tenant), uuid_hex(w.a.tenant)));
	expect_event(&s, "last");
	ws_close(&s);
}

/* ---- clients that behave badly ---- */

/* Ephemeral events: no database in the way. */
static void
flood(const char *entity, size_t bytes)
{
	char *data = arena_alloc(a, bytes + 1);

	memset(data, 'x', bytes);
	publish(w.a.tenant, "decision.made", entity, arena_printf(a,
	    "{\"x\":\"%s\"}", data));
}

static void
test_slow(void **state)
{
	struct ws good = connected(NATIVE, w.a.admin.token);
	struct ws slow = connected(NATIVE, w.a.admin.token);

	(void)state;
	subscribe(&good, SUB_ALL);
	subscribe(&slow, SUB_ALL);
	for (int i = 0; i < 100; i++) {
		flood(arena_printf(a, "f%d", i), 100000);
		if (i % 10 != 9)
			continue;
		relay();
		for (int k = i - 9; k <= i; k++)
			expect_event(&good, arena_printf(a, "f%d", k));
	}
	/* it reads at last, and is told to resume */
	expect_close(&slow, 4001);
	ws_close(&good);
}

/* Reads until this one; they come in order. How many came. */
static int
expect_state(struct ws *s, int until, int *after)
{
	int last = after == NULL ? -1 : *after, got = 0;

	while (last != until) {
		struct json_object *o = ws_wait(s, "event", MS);

		if (o == NULL) {
			stack_logs(&st);
			fail_msg("after %d: code %d %s", last, s->code,
			    s->reason);
		}
		assert_true(json_int_at(o, "data.i") > last);
		last = (int)json_int_at(o, "data.i");
		json_object_put(o);
		got++;
	}
	return got;
}

/* Of a state only the latest matters: a slow reader is not sent away, it gets
 * the newest of each entity. */
static void
test_slow_state(void **state)
{
	struct ws good = connected(NATIVE, w.a.admin.token);
	struct ws slow = connected(NATIVE, w.a.admin.token);
	char *x = arena_alloc(a, 100001);
	int got, last = -1;

	(void)state;
	memset(x, 'x', 100000);
	subscribe(&good, "{\"type\":\"sub\",\"topics\":[\"switch.*\"]}");
	subscribe(&slow, "{\"type\":\"sub\",\"topics\":[\"switch.*\"]}");
	for (int i = 0; i < 120; i++) {
		publish(w.a.tenant, "switch.changed", arena_printf(a, "s%d",
		    i % 3), arena_printf(a, "{\"i\":%d,\"x\":\"%s\"}", i, x));
		if (i % 10 != 9)
			continue;
		relay();
		/* it may be behind for a moment, too */
		expect_state(&good, i, NULL);
	}
	got = expect_state(&slow, 119, &last);
	assert_true(got < 120);
	ws_close(&good);
	ws_close(&slow);
}

static void
test_dead(void **state)
{
	struct ws dead, good;

	(void)state;
	stack_setting(&st, "live.ping", "1");
	live_restart();
	good = connected(NATIVE, w.a.admin.token);
	dead = connected(NATIVE, w.a.admin.token);
	dead.deaf = true;
	subscribe(&good, SUB_ALL);
	subscribe(&dead, SUB_ALL);
	for (int i = 0; i < 300 && ws_wait_close(&dead, 50) == 0; i++)
		assert_null(ws_next(&good, 50));	/* answers pings */
	assert_int_not_equal(dead.code, 0);
	assert_int_equal(good.code, 0);
	event(w.a.tenant, "alive");
	expect_event(&good, "alive");
	ws_close(&good);
	stack_setting(&st, "live.ping", NULL);
	live_restart();
}

static void
test_flooding(void **state)
{
	struct ws good = connected(NATIVE, w.a.admin.token);
	struct ws bad = connected(NATIVE, w.a.admin.token);
	struct json_object *o;

	(void)state;
	subscribe(&good, SUB_ALL);
	for (int i = 0; i < 300; i++)
		ws_say(&bad, "{\"type\":\"ping\"}");
	o = ws_wait(&bad, "err", MS);
	assert_non_null(o);
	assert_string_equal(json_text_at(o, "code"), "rate_limited");
	json_object_put(o);
	expect_close(&bad, 4429);
	event(w.a.tenant, "calm");
	expect_event(&good, "calm");
	/* a message over the limit */
	bad = connected(NATIVE, w.a.admin.token);
	ws_frame(&bad, 0x81, arena_alloc(a, 70000), 70000);
	assert_true(ws_wait_close(&bad, MS) != 0);
	ws_close(&good);
}

/* ---- rights that end ---- */

static void
test_revoked(void **state)
{
	struct actor u;
	struct ws s, other = connected(NATIVE, w.a.admin.token);

	(void)state;
	subscribe(&other, SUB_ALL);
	/* logout */
	ct_user(&w, &w.a, "[\"operator\"]", &u);
	s = connected(NATIVE, u.token);
	subscribe(&s, SUB_ALL);
	http_send(&st, "POST", "/api/auth/logout", u.token, "{}");
	expect_close(&s, 4401);
	/* disabled */
	ct_user(&w, &w.a, "[\"operator\"]", &u);
	s = connected(NATIVE, u.token);
	subscribe(&s, SUB_ALL);
	expect_status(http_send(&st, "PATCH", arena_printf(a,
	    "/api/auth/users/%s", u.id), w.a.admin.token,
	    "{\"active\":false}"), 200);
	expect_close(&s, 4401);
	/* role */
	ct_user(&w, &w.a, "[\"operator\"]", &u);
	s = ws_open(a, port, arena_printf(a, NATIVE "?ticket=%s",
	    ticket(u.token)), NULL);
	subscribe(&s, "{\"type\":\"sub\",\"topics\":[\"decision.made\"]}");
	expect_status(http_send(&st, "PUT", arena_printf(a,
	    "/api/auth/users/%s/roles", u.id), w.a.admin.token,
	    "{\"roles\":[\"agent\"]}"), 200);
	assert_true(ws_wait_close(&s, MS) == 4401 || s.code == 4403);
	/* nobody else noticed */
	event(w.a.tenant, "still");
	expect_event(&other, "still");
	ws_close(&other);
}

/* A token that lasts a few seconds: the connection ends with it, unless a new
 * one is said in time. */
static void
test_expiry(void **state)
{
	const char *secret = stack_file(&st, "secrets/jwt_secret");
	struct utc now = clock_now();
	struct jwt_claims c = { 0 };
	struct jwt_keys *keys;
	struct err e = { 0 };
	bool legacy;
	const char *brief;
	struct ws s, renewed;

	(void)state;
	secret = arena_strndup(a, secret, strcspn(secret, "\n"));
	assert_int_equal(jwt_keys_open(&keys, a, secret, &e), 0);
	assert_int_equal(jwt_verify(keys, a, w.a.admin.token, "access", now,
	    &c, &legacy, &e), 0);
	c.exp = now.us / US_PER_S + 4;
	brief = jwt_sign(keys, a, &c);
	s = connected(NATIVE, brief);
	renewed = connected(NATIVE, brief);
	subscribe(&s, SUB_ALL);
	subscribe(&renewed, SUB_ALL);
	ws_say(&renewed, arena_printf(a, "{\"type\":\"auth\","
	    "\"token\":\"%s\"}", w.a.admin.token));
	expect_close(&s, 4401);
	event(w.a.tenant, "renewed");
	expect_event(&renewed, "renewed");
	ws_close(&renewed);
}

/* Two questions at once get two answers, in order. */
static void
test_two_subs(void **state)
{
	struct ws s;
	struct json_object *o;

	(void)state;
	live_restart();		/* the head is not known yet */
	s = connected(NATIVE, w.b.admin.token);
	ws_say(&s, "{\"type\":\"sub\",\"topics\":[\"job.*\"],\"id\":1}");
	ws_say(&s, "{\"type\":\"sub\",\"topics\":[\"decision.*\"],"
	    "\"id\":2}");
	for (int i = 1; i <= 2; i++) {
		o = ws_wait(&s, "subd", MS);
		assert_non_null(o);
		assert_int_equal(json_int_at(o, "id"), i);
		json_object_put(o);
	}
	ws_close(&s);
	/* the documents' dialect resumes too */
	s = connected("/ws?since=1:1", w.b.admin.token);
	o = ws_wait(&s, "resumed", MS);
	assert_non_null(o);
	assert_false(json_object_get_boolean(json_at(o, "recovered")));
	json_object_put(o);
	ws_close(&s);
}

static void
test_key_deleted(void **state)
{
	const struct reply *r = http_send(&st, "POST", "/api/auth/keys",
	    w.a.admin.token, "{\"name\":\"live\",\"scopes\":[\"events:read\","
	    "\"decisions:read\"]}");
	const char *key, *id;
	struct ws s;

	(void)state;
	expect_status(r, 201);
	key = arena_strdup(a, json_text_at(r->json, "key"));
	id = arena_strdup(a, json_text_at(r->json, "id"));
	s = ws_open(a, port, NATIVE, arena_printf(a, "X-API-Key: %s\r\n",
	    key));
	subscribe(&s, SUB_ALL);
	event(w.a.tenant, "by-key");
	expect_event(&s, "by-key");
	expect_status(http_send(&st, "DELETE", arena_printf(a,
	    "/api/auth/keys/%s", id), w.a.admin.token, NULL), 204);
	expect_close(&s, 4401);
}

/* ---- processes ---- */

static pid_t
child_of(pid_t pid)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)pid, (long)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

static bool
new_helper(void *old)
{
	pid_t now = child_of(child_of(live));

	return now > 0 && now != *(pid_t *)old;
}

static void
test_helper_killed(void **state)
{
	struct ws s = connected(NATIVE, w.a.admin.token);
	struct actor u;
	struct ws other;
	pid_t helper;

	(void)state;
	ct_user(&w, &w.a, "[\"operator\"]", &u);
	other = connected(NATIVE, u.token);
	subscribe(&s, SUB_ALL);
	subscribe(&other, SUB_ALL);
	helper = child_of(child_of(live));
	assert_true(helper > 0);
	kill(helper, SIGKILL);
	event(w.a.tenant, "while-away");
	expect_event(&s, "while-away");
	assert_true(eventually(new_helper, &helper, MS));
	/* whoever was in is still judged */
	http_send(&st, "POST", "/api/auth/logout", u.token, "{}");
	expect_close(&other, 4401);
	event(w.a.tenant, "after-away");
	expect_event(&s, "after-away");
	ws_close(&s);
}

static void
test_database_away(void **state)
{
	struct ws s = connected(NATIVE, w.a.admin.token);
	struct json_object *o = NULL;

	(void)state;
	subscribe(&s, SUB_ALL);
	/* the test server may lose its last second; this is not about that */
	mariadb_sql(NULL, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	event(w.a.tenant, "durable");
	expect_event(&s, "durable");
	mariadb_restart();
	publish(w.a.tenant, "decision.made", "back", "{}");
	/* a lease of the relay may outlive the connection that held it */
	for (int i = 0; i < 100 && o == NULL && s.code == 0; i++) {
		http_get(&st, "/api/system/events?since=-1", w.super.token);
		o = ws_wait(&s, "event", 500);
	}
	if (o == NULL) {
		stack_logs(&st);
		fail_msg("nothing came, code %d %s", s.code, s.reason);
	}
	assert_string_equal(json_text_at(o, "entity"), "back");
	json_object_put(o);
	ws_close(&s);
}

static void
test_reload(void **state)
{
	struct ws s = connected(NATIVE, w.a.admin.token);
	struct place at = subscribe(&s, SUB_ALL), p;

	(void)state;
	kill(live, SIGHUP);
	expect_close(&s, 4000);
	assert_non_null(strstr(s.reason, "retry_ms="));
	event(w.a.tenant, "reloaded");
	assert_true(eventually(serves, NULL, MS));
	s = connected(NATIVE, w.a.admin.token);
	p = resume(&s, at);
	assert_true(p.recovered);
	expect_event(&s, "reloaded");
	stack_end(&live, SIGTERM);
	assert_int_equal(ws_wait_close(&s, MS), 4000);
	live_start();
}

/* ---- the documents' ways ---- */

static void
test_seed(void **state)
{
	struct ws s = connected("/ws", w.a.admin.token);
	struct json_object *o = ws_wait(&s, "welcome", MS);

	(void)state;
	assert_non_null(o);
	assert_true(json_object_array_length(json_at(o,
	    "supported_subscriptions")) >= 5);
	json_object_put(o);
	ws_say(&s, "{\"type\":\"ping\",\"timestamp\":5}");
	o = ws_wait(&s, "pong", MS);
	assert_int_equal(json_int_at(o, "client_timestamp"), 5);
	json_object_put(o);
	/* everything, unasked */
	publish(w.a.tenant, "job.succeeded", "j1", "{\"k\":2}");
	relay();
	o = ws_wait(&s, "job_updates", MS);
	if (o == NULL) {
		stack_logs(&st);
		fail_msg("no job_updates");
	}
	assert_int_equal(json_int_at(o, "data.k"), 2);
	assert_int_equal(json_int_at(o, "payload.k"), 2);
	assert_true(json_int_at(o, "_off") > 0);
	json_object_put(o);
	ws_say(&s, "{\"type\":\"subscribe\",\"subscriptions\":"
	    "[\"agents_only\"]}");
	json_object_put(ws_wait(&s, "subscription_updated", MS));
	publish(w.a.tenant, "job.succeeded", "j2", "{}");
	relay();
	ws_say(&s, "{\"type\":\"request_data\",\"request_type\":"
	    "\"system_status\"}");
	for (;;) {
		const char *text = ws_next(&s, MS);

		assert_non_null(text);
		assert_null(strstr(text, "\"j2\""));
		if (strstr(text, "data_response") != NULL) {
			assert_non_null(strstr(text, "\"status\":"));
			break;
		}
	}
	ws_say(&s, "{\"type\":\"nonsense\"}");
	o = ws_wait(&s, "error", MS);
	assert_string_equal(json_text_at(o, "message"),
	    "Unknown message type");
	json_object_put(o);
	ws_close(&s);
	s = connected("/api/v2/runtime/stream", w.a.admin.token);
	json_object_put(ws_wait(&s, "connected", MS));
	ws_say(&s, "{\"action\":\"subscribe\",\"topics\":[\"job_updates\"]}");
	json_object_put(ws_wait(&s, "subscribed", MS));
	publish(w.a.tenant, "job.succeeded", "j3", "{\"k\":3}");
	relay();
	o = ws_wait(&s, "event", MS);
	assert_string_equal(json_text_at(o, "topic"), "job_updates");
	json_object_put(o);
	ws_close(&s);
	s = connected("/api/v1/ws/sandbox/s9", w.a.admin.token);
	json_object_put(ws_wait(&s, "connected", MS));
	ws_say(&s, "ping");
	json_object_put(ws_wait(&s, "pong", MS));
	publish(w.a.tenant, "job.succeeded", "other", "{}");
	publish(w.a.tenant, "job.succeeded", "s9", "{\"k\":9}");
	relay();
	o = ws_wait(&s, "status", MS);
	assert_int_equal(json_int_at(o, "data.k"), 9);
	json_object_put(o);
	ws_close(&s);
	s = connected("/api/ws/monitor", w.a.admin.token);
	o = ws_wait(&s, "system_status", MS);
	assert_non_null(o);
	json_object_put(o);
	ws_close(&s);
}

/* Text of an SSE connection until a word comes. */
static const char *
sse_until(int fd, const char *word)
{
	char *buf = arena_alloc(a, 1 << 20);
	size_t have = 0;

	while (strstr(buf, word) == NULL && have < (1 << 20) - 1) {
		ssize_t n = recv(fd, buf + have, (1 << 20) - 1 - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
		buf[have] = '\0';
	}
	if (strstr(buf, word) == NULL) {
		stack_logs(&st);
		fail_msg("no %s in: %s", word, buf);
	}
	return buf;
}

static int
sse_open(const char *path, const char *headers)
{
	struct timeval t = { .tv_sec = 30 };
	int fd = raw_connect(port);
	const char *text = arena_printf(a, "GET %s HTTP/1.1\r\nHost: x\r\n"
	    "Accept: text/event-stream\r\n%s\r\n", path, headers);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

static void
test_sse(void **state)
{
	int fd = sse_open("/events?topics=decision.*", bearer(
	    w.a.admin.token));
	const char *text, *id;

	(void)state;
	text = sse_until(fd, "\"subd\"");
	assert_non_null(strstr(text, "text/event-stream"));
	event(w.a.tenant, "s1");
	text = sse_until(fd, "\"s1\"");
	id = strstr(text, "id: ");
	assert_non_null(id);
	id = arena_strndup(a, id + 4, strcspn(id + 4, "\r\n"));
	close(fd);
	event(w.a.tenant, "s2");
	fd = sse_open("/events?topics=decision.*", arena_printf(a,
	    "Last-Event-ID: %s\r\n%s", id, bearer(w.a.admin.token)));
	text = sse_until(fd, "\"s2\"");
	assert_non_null(strstr(text, "\"recovered\":true"));
	assert_null(strstr(text, "\"s1\""));
	close(fd);
	/* without a credential it is plain HTTP */
	assert_int_equal(http_get(&st, "/events", NULL)->status, 401);
	assert_int_equal(http_get(&st, "/events", "bad")->status, 401);
	assert_int_equal(http_get(&st, "/ws", w.a.admin.token)->status, 426);
}

static bool
listed(void *arg)
{
	const struct reply *r = http_get(&st, "/api/system/live/clients",
	    w.b.admin.token);

	(void)arg;
	return r->status == 200 && strstr(r->body, "\"endpoint\":\"" NATIVE)
	    != NULL;
}

static bool
unlisted(void *arg)
{
	return !listed(arg);
}

static void
test_clients(void **state)
{
	struct ws s = connected(NATIVE, w.b.admin.token);
	const struct reply *r;
	const char *out;

	(void)state;
	subscribe(&s, SUB_ALL);
	assert_true(eventually(listed, NULL, MS));
	r = http_get(&st, "/api/system/live/clients", w.a.admin.token);
	assert_null(strstr(r->body, "admin-b"));
	r = http_get(&st, "/api/websocket/clients", w.b.admin.token);
	expect_status(r, 200);
	assert_non_null(strstr(r->body, "\"subscriptions\":[\""));
	assert_int_equal(stack_cli(&st, &out, (const char *[]){ "live",
	    "clients", "--json", NULL }), 0);
	assert_non_null(strstr(out, "admin-b"));
	r = http_get(&st, "/health", w.super.token);
	assert_non_null(strstr(r->body, "\"live\":"));
	ws_close(&s);
	assert_true(eventually(unlisted, NULL, MS));
}

/* ---- Autobahn ---- */

/* Bytes of a recorded payload: text, or 0x hex; "..." = the first byte again
 * and again. NULL: cut, and not to be made up. */
static char *
case_payload(struct json_object *f, size_t *n)
{
	const char *text = json_text_at(f, "payload");
	size_t have = strlen(text), want = (size_t)json_int_at(f, "len");
	char *out = arena_alloc(a, want + have + 8);

	*n = want;
	if (strncmp(text, "0x", 2) == 0) {
		const char *cut = strstr(text, " ...");
		size_t digits = (cut == NULL ? have : (size_t)(cut - text)) -
		    2;

		hex_decode(text + 2, digits, out, want + have);
		have = digits / 2;
	} else {
		if (have > 4 && strcmp(text + have - 4, " ...") == 0)
			have -= 4;
		memcpy(out, text, have < want ? have : want);
	}
	if (have < want)
		memset(out + have, out[0], want - have);
	return out;
}

static bool
same(struct json_object *f, int op, const char *p, size_t n)
{
	size_t want;
	char *bytes = case_payload(f, &want);

	if (op != json_int_at(f, "opcode"))
		return false;
	if (op == 8)		/* the code; the words are free */
		return want < 2 || (n >= 2 && memcmp(p, bytes, 2) == 0);
	return n == want && memcmp(p, bytes, n) == 0;
}

/* What the peer sent back, up to its close frame or with it. Of several pings
 * in a row not all need an answer (RFC 6455, 5.5.3). */
static bool
answers(struct ws *s, struct json_object *got, size_t *i, size_t *pongs,
    bool but_close)
{
	const char *p;
	size_t n;

	for (; *i < json_object_array_length(got); ++*i) {
		struct json_object *f = json_object_array_get_idx(got, *i);
		bool pong = json_int_at(f, "opcode") == 10;
		int op;

		if (but_close && json_int_at(f, "opcode") == 8)
			return true;
		if (pong && *pongs > 0)
			continue;
		op = ws_next_frame(s, MS, &p, &n);
		while (op == 10 && !pong)	/* a later one of them */
			op = ws_next_frame(s, MS, &p, &n);
		if (!same(f, op, p, n))
			return false;
		*pongs += pong;
	}
	return true;
}

/* Frames in the order in which they were recorded; what came back, compared
 * with what the peer sent back. */
static bool
run_case(struct json_object *c)
{
	struct json_object *sent = json_at(c, "sent_frames"), *got =
	    json_at(c, "peer_ws_received");
	struct ws s = ws_open(a, port, "/ws/echo", NULL);
	size_t n, i = 0;
	bool ok = s.status == 101;
	size_t pongs = 0;

	for (size_t k = 0; k < json_object_array_length(sent); k++) {
		struct json_object *f = json_object_array_get_idx(sent, k);
		uint8_t first = (uint8_t)(json_int_at(f, "opcode") |
		    json_int_at(f, "rsv") << 4 |
		    (json_object_get_boolean(json_at(f, "fin")) ? 0x80 : 0));
		char *bytes = case_payload(f, &n);

		/* the recording client closed when it had its answers */
		if (first == 0x88 && k > 0)
			ok = ok && answers(&s, got, &i, &pongs, true);
		ws_frame(&s, first, bytes, n);
	}
	ok = ok && answers(&s, got, &i, &pongs, false);
	/* a breach of the protocol: cut off at once is good as well */
	if (!ok && s.status == 101 && !json_object_get_boolean(json_at(c,
	    "expectedClose.requireClean")))
		ok = ws_wait_close(&s, MS) == 1002 || s.code == 1006;
	if (!ok)
		print_message("case %s: frame %zu, code %d\n",
		    json_text_at(c, "id"), i, s.code);
	ws_close(&s);
	return ok;
}

static void
test_autobahn(void **state)
{
	size_t n, bad = 0;
	char *text = data_read(a,
	    "protocol/websocket_autobahn_cases_dev.json.gz", &n);
	struct json_object *all;

	(void)state;
	if (text == NULL)
		skip();
	all = json_tokener_parse(text);
	n = json_object_array_length(all);
	assert_true(n > 40);
	for (size_t i = 0; i < n; i++)
		bad += !run_case(json_object_array_get_idx(all, i));
	json_object_put(all);
	assert_int_equal(bad, 0);
}

/* ---- other web servers ---- */

static void
through(enum web_shape shape)
{
	struct web web;
	struct ws s;
	int before = port, fd;

	if (!web_start(&web, &st, &(struct web_options){ .shape = shape }))
		skip();
	port = web.to.port;
	s = ws_open(a, port, arena_printf(a, NATIVE "?ticket=%s",
	    ticket(w.a.admin.token)), arena_printf(a,
	    "Origin: http://127.0.0.1:%d\r\n", port));
	if (s.status != 101)
		web_logs(&web);
	assert_int_equal(s.status, 101);
	subscribe(&s, SUB_ALL);
	event(w.a.tenant, web.name);
	expect_event(&s, web.name);
	ws_close(&s);
	s = ws_open(a, port, "/ws", "Origin: http://evil.test\r\n");
	assert_int_equal(s.status, 403);
	s = connected("/api/v1/ws/sandbox/x", w.a.admin.token);
	json_object_put(ws_wait(&s, "connected", MS));
	ws_close(&s);
	fd = sse_open("/events", bearer(w.a.admin.token));
	sse_until(fd, "\"subd\"");
	event(w.a.tenant, "streamed");
	sse_until(fd, "\"streamed\"");
	close(fd);
	port = before;
	web_stop(&web);
}

static void
test_lighttpd(void **state)
{
	(void)state;
	through(WEB_LIGHTTPD);
}

static void
test_apache(void **state)
{
	(void)state;
	through(WEB_APACHE);
}

/* ---- the suite ---- */

static int
each(void **state)
{
	(void)state;
	arena_free(a);
	a = arena_new((size_t)4 << 30);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, each)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ticket), TEST(test_credentials), TEST(test_origin),
		TEST(test_twins), TEST(test_permissions), TEST(test_resume),
		TEST(test_resume_gone), TEST(test_last_event),
		TEST(test_slow), TEST(test_slow_state), TEST(test_dead), TEST(test_flooding),
		TEST(test_revoked), TEST(test_key_deleted),
		TEST(test_expiry), TEST(test_two_subs),
		TEST(test_helper_killed), TEST(test_database_away),
		TEST(test_reload), TEST(test_seed), TEST(test_sse),
		TEST(test_clients), TEST(test_autobahn), TEST(test_lighttpd),
		TEST(test_apache)
	};
	int rc;

	a = arena_new((size_t)4 << 30);
	stack_start(&st, &(struct stack_options){ .web = "nginx",
	    .settings = (const char *[]){ "live.echo=true",
	    "live.auth_wait=3", "live.drain=1", NULL } });
	port = st.port;
	ct_open(&w);
	live_start();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	stack_end(&live, SIGTERM);
	stack_stop(&st);
	return rc;
}
