/*
 * The pure parts of the gateway: endpoints, topics as bits, the ring, what
 * clients say and what they are told.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <json.h>

#include <cmocka.h>

#include "app/live.h"
#include "base/clock.h"
#include "base/err.h"
#include "events/event.h"
#include "module.h"
#include "modules/platform/live.h"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const struct event some[] = {
	{ .name = "job.started", .doc = "d", .seed_type = "job_updates" },
	{ .name = "job.succeeded", .doc = "d", .seed_type = "job_updates" },
	{ .name = "agent.status", .doc = "d", .seed_type = "agent_status",
	  .flags = EV_STATE },
	{ .name = "alert.fired", .doc = "d", .seed_type = "system_alert",
	  .flags = EV_ALL },
	{ .name = "plain.thing", .doc = "d" },
	EVENT_END
};
static const struct event *const some_list[] = { some, NULL };
static const struct module one = { .name = "one", .events = some_list };
static const struct module *const mods[] = { &one, NULL };

static struct live_topics
topics(void)
{
	struct live_topics t;
	struct err e = { 0 };

	assert_int_equal(live_topics_open(&t, a, mods, &e), 0);
	return t;
}

/* ---- endpoints ------------------------------------------------------------- */

static void
test_endpoints(void **state)
{
	const struct live_endpoint *e;
	const char *entity;

	(void)state;
	e = live_endpoint_find(a, "/ws", &entity);
	assert_non_null(e);
	assert_int_equal(e->dialect, LIVE_SEED);
	assert_string_equal(entity, "");
	assert_ptr_equal(live_endpoint_find(a, "/ws/", &entity), e);
	e = live_endpoint_find(a, "/api/v1/ws/sandbox/s-1", &entity);
	assert_int_equal(e->dialect, LIVE_SANDBOX);
	assert_string_equal(entity, "s-1");
	assert_null(live_endpoint_find(a, "/api/v1/ws/sandbox/", &entity));
	assert_null(live_endpoint_find(a, "/api/v1/ws/sandbox/a/b", &entity));
	assert_null(live_endpoint_find(a, "/wsx", &entity));
	assert_null(live_endpoint_find(a, "/", &entity));
	/* every row finds itself, and no row hides another */
	for (e = live_endpoints; e->path != NULL; e++) {
		if (strchr(e->path, '{') != NULL)
			continue;
		assert_ptr_equal(live_endpoint_find(a, e->path, &entity), e);
	}
}

/* ---- topics ------------------------------------------------------------------ */

static size_t
matched(const char *name, bool *single)
{
	struct live_topics t = topics();
	struct live_bits b;

	return live_topic_match(&t, name, &b, single) == -1 ? 99 :
	    live_count(&b);
}

static void
test_topics(void **state)
{
	struct live_topics t = topics();
	bool single;

	(void)state;
	assert_int_equal(t.n, 5);
	assert_int_equal(live_count(&t.all), 1);
	assert_int_equal(matched("job.started", &single), 1);
	assert_true(single);
	assert_int_equal(matched("job.*", &single), 2);
	assert_false(single);
	assert_int_equal(matched("*", &single), 5);
	assert_int_equal(matched("all", &single), 5);
	assert_int_equal(matched("job_updates", &single), 2);
	assert_int_equal(matched("agents_only", &single), 1);
	assert_int_equal(matched("alerts_only", &single), 1);
	/* of the documents, but nobody publishes it here */
	assert_int_equal(matched("market_data", &single), 0);
	assert_int_equal(matched("job.nothing", &single), 99);
	assert_int_equal(matched("jo*", &single), 99);
	assert_int_equal(matched(".*", &single), 99);
	assert_int_equal(matched("", &single), 99);
	assert_string_equal(live_type(&some[0]), "job_updates");
	assert_string_equal(live_type(&some[4]), "plain.thing");
}

static void
test_too_many_topics(void **state)
{
	struct event *many = arena_array(a, LIVE_TOPICS + 2, sizeof(*many));
	const struct event *list[] = { many, NULL };
	struct module m = { .name = "many", .events = list };
	const struct module *const v[] = { &m, NULL };
	struct live_topics t;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i <= LIVE_TOPICS; i++)
		many[i].name = arena_printf(a, "t.%d", i);
	assert_int_equal(live_topics_open(&t, a, v, &e), -1);
	many[LIVE_TOPICS].name = NULL;
	assert_int_equal(live_topics_open(&t, a, v, &e), 0);
}

/* ---- ring ---------------------------------------------------------------------- */

static struct live_item
item(int64_t off, const char *entity, unsigned flags)
{
	struct live_item it = { .off = off, .topic = 2,
	    .flags = (uint16_t)flags, .entity = entity,
	    .entity_len = (uint32_t)strlen(entity), .data = "{\"x\":1}",
	    .data_len = 7 };

	it.key = live_key(2, entity, it.entity_len);
	return it;
}

static uint64_t
push(struct live_ring *r, int64_t off, const char *entity, unsigned flags)
{
	struct live_item it = item(off, entity, flags);

	return live_ring_push(r, &it);
}

static void
test_ring(void **state)
{
	struct live_ring r;
	uint64_t n;

	(void)state;
	live_ring_open(&r, a, 100, 1 << 20);
	for (int i = 1; i <= 250; i++)
		push(&r, i, "e", 0);
	assert_int_equal(r.next - r.first, 100);
	assert_int_equal(live_ring_at(&r, r.first)->off, 151);
	assert_null(live_ring_at(&r, r.first - 1));
	assert_null(live_ring_at(&r, r.next));
	assert_int_equal(live_ring_at(&r, r.next - 1)->off, 250);
	assert_memory_equal(live_ring_at(&r, r.first)->data, "{\"x\":1}", 7);
	/* after an offset */
	assert_true(live_ring_after(&r, 250, &n));
	assert_int_equal(n, r.next);
	assert_true(live_ring_after(&r, 200, &n));
	assert_int_equal(live_ring_at(&r, n)->off, 201);
	assert_true(live_ring_after(&r, 150, &n));
	assert_int_equal(n, r.first);
	assert_false(live_ring_after(&r, 149, &n));
	assert_false(live_ring_after(&r, 251, &n));
	live_ring_clear(&r);
	assert_false(live_ring_after(&r, 250, &n));
	assert_int_equal(r.bytes, 0);
}

static void
test_ring_brief(void **state)
{
	struct live_ring r;
	uint64_t n;

	(void)state;
	live_ring_open(&r, a, 100, 1 << 20);
	push(&r, 0, "e", LIVE_BRIEF);
	push(&r, 5, "e", 0);
	push(&r, 0, "e", LIVE_BRIEF);
	push(&r, 6, "e", 0);
	push(&r, 0, "e", LIVE_BRIEF);
	/* an event between that has no number may be dropped */
	assert_true(live_ring_after(&r, 5, &n));
	assert_int_equal(n, 3);
	assert_true(live_ring_after(&r, 4, &n));
	assert_int_equal(n, 1);
	assert_false(live_ring_after(&r, 3, &n));
	live_ring_clear(&r);
}

/* Bytes bound it too, and chunks go with their items. */
static void
test_ring_bytes(void **state)
{
	struct live_ring r;
	char *big = arena_alloc(a, 30000);
	struct live_item it = item(1, "e", 0);

	(void)state;
	memset(big, 'x', 29999);
	it.data = big;
	it.data_len = 29999;
	live_ring_open(&r, a, 1000, 100000);
	for (int i = 1; i <= 50; i++) {
		it.off = i;
		live_ring_push(&r, &it);
		assert_true(r.bytes <= 100000);
		assert_true(r.chunks.n <= 5);
	}
	assert_int_equal(r.next - r.first, 3);
	assert_int_equal(live_ring_at(&r, r.first)->off, 48);
	assert_int_equal(live_ring_at(&r, r.first)->data[29998], 'x');
	live_ring_clear(&r);
}

/* Of each key exactly the newest is not past. */
static void
test_ring_state(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct live_ring r;

	(void)state;
	live_ring_open(&r, a, 64, 1 << 20);
	for (int i = 1; i <= 200; i++) {
		push(&r, i, names[i * 7 % 3], i % 5 == 0 ? 0 : LIVE_STATE);
		for (int k = 0; k < 3; k++) {
			size_t latest = 0;

			for (uint64_t n = r.first; n < r.next; n++) {
				const struct live_item *it = live_ring_at(&r,
				    n);

				if (it->entity[0] == names[k][0] &&
				    (it->flags & LIVE_STATE) &&
				    !(it->flags & LIVE_PAST))
					latest++;
				if (!(it->flags & LIVE_STATE))
					assert_false(it->flags & LIVE_PAST);
			}
			assert_true(latest <= 1);
		}
	}
	live_ring_clear(&r);
}

/* ---- messages ------------------------------------------------------------------ */

static int
parse(const char *text, struct live_message *m)
{
	const char *why = NULL;
	int rc = live_parse(LIVE_NATIVE, text, strlen(text), 4, a, m, &why);

	assert_true(rc == 0 || why != NULL);
	return rc;
}

static void
test_parse(void **state)
{
	struct live_message m;
	const char *why;

	(void)state;
	assert_int_equal(parse("{\"type\":\"sub\",\"topics\":[\"job.*\","
	    "\"x\"],\"id\":7,\"since\":{\"epoch\":3,\"off\":9,"
	    "\"installation\":{\"epoch\":4,\"off\":1}}}", &m), 0);
	assert_int_equal(m.op, LIVE_OP_SUB);
	assert_true(m.native);
	assert_int_equal(m.names.n, 2);
	assert_string_equal(m.id, "7");
	assert_true(m.since[LIVE_TENANT].given);
	assert_int_equal(m.since[LIVE_TENANT].off, 9);
	assert_int_equal(m.since[LIVE_INSTALLATION].epoch, 4);
	assert_int_equal(parse("{\"op\":\"sub\",\"ch\":\"job.*\"}", &m), 0);
	assert_int_equal(m.names.n, 1);
	assert_false(m.since[LIVE_TENANT].given);
	assert_int_equal(parse("{\"action\":\"ping\",\"timestamp\":12.5}",
	    &m), 0);
	assert_int_equal(m.op, LIVE_OP_PING);
	assert_string_equal(m.timestamp, "12.5");
	assert_int_equal(parse("{\"type\":\"subscribe\",\"subscriptions\":"
	    "[\"agents_only\"]}", &m), 0);
	assert_int_equal(m.op, LIVE_OP_REPLACE);
	assert_int_equal(parse("{\"type\":\"agent_action\",\"action\":"
	    "\"stop\",\"agent_id\":\"a\"}", &m), 0);
	assert_int_equal(m.op, LIVE_OP_ACTION);
	assert_string_equal(m.action, "stop");
	assert_int_equal(live_parse(LIVE_SANDBOX, "ping", 4, 4, a, &m, &why),
	    0);
	assert_int_equal(m.op, LIVE_OP_PING);
	assert_int_equal(live_parse(LIVE_SEED, "ping", 4, 4, a, &m, &why),
	    -1);
	assert_string_equal(why, "Invalid JSON format");
}

static void
test_parse_refused(void **state)
{
	static const char *const bad[] = {
		"", "[]", "null", "{", "{}", "{\"type\":\"nothing\"}",
		"{\"type\":5}", "{\"type\":\"sub\",\"topics\":\"x\"}",
		"{\"type\":\"sub\",\"topics\":[1]}",
		"{\"type\":\"sub\",\"topics\":[\"1\",\"2\",\"3\",\"4\","
		"\"5\"]}",
		"{\"type\":\"sub\",\"since\":{\"epoch\":-1,\"off\":0}}",
		"{\"type\":\"sub\",\"since\":5}",
		"{\"type\":\"ping\",\"type\":\"ping\"}",
		"{\"type\":\"ping\",\"id\":NaN}",
		"{\"type\":\"ping\"} x", "{\"type\":\"ping\",}", NULL
	};
	struct live_message m;

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++)
		if (parse(bad[i], &m) != -1)
			fail_msg("taken: %s", bad[i]);
}

static void
test_since(void **state)
{
	static const char *const bad[] = { "", "1", "1:", ":1", "1:2;",
	    "1:2;3", "-1:2", "1:-2", "a:b", "1:2:3", "1:2;3:4;5:6",
	    "99999999999999999999:1", NULL };
	struct live_since s[LIVE_STREAMS];

	(void)state;
	assert_int_equal(live_since_parse("12:34", s), 0);
	assert_int_equal(s[LIVE_TENANT].epoch, 12);
	assert_int_equal(s[LIVE_TENANT].off, 34);
	assert_false(s[LIVE_INSTALLATION].given);
	assert_int_equal(live_since_parse("12:34;5:6", s), 0);
	assert_int_equal(s[LIVE_INSTALLATION].off, 6);
	for (size_t i = 0; bad[i] != NULL; i++)
		if (live_since_parse(bad[i], s) != -1)
			fail_msg("taken: %s", bad[i]);
}

/* ---- frames ---------------------------------------------------------------------- */

/* Payload of the single WebSocket frame in the text. */
static struct json_object *
payload(const struct str *s)
{
	size_t n = (uint8_t)s->p[1], h = 2;
	struct json_object *o;

	assert_int_equal((uint8_t)s->p[0], 0x81);
	if (n == 126) {
		n = (size_t)(uint8_t)s->p[2] << 8 | (uint8_t)s->p[3];
		h = 4;
	}
	assert_int_equal(s->len, h + n);
	o = json_tokener_parse(s->p + h);
	assert_non_null(o);
	return o;
}

static const char *
member(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ?
	    arena_strdup(a, json_object_get_string(v)) : NULL;
}

static struct json_object *
framed(enum live_dialect d, const struct live_item *it,
    const struct live_about *ab)
{
	struct live_topics t = topics();
	struct str s;

	str_init(&s, a);
	live_frame(d, &t, it, ab, &s);
	return payload(&s);
}

static void
test_frames(void **state)
{
	struct live_item it = item(17, "ag\"1", LIVE_STATE);
	struct live_about ab = { .sequence = 4 };
	struct json_object *o;

	(void)state;
	it.at.us = 1700000000000000;
	it.version = 3;
	o = framed(LIVE_NATIVE, &it, NULL);
	assert_string_equal(member(o, "type"), "event");
	assert_string_equal(member(o, "topic"), "agent.status");
	assert_string_equal(member(o, "entity"), "ag\"1");
	assert_string_equal(member(o, "off"), "17");
	assert_string_equal(member(o, "version"), "3");
	assert_string_equal(member(o, "at"), "2023-11-14T22:13:20Z");
	assert_null(member(o, "stream"));
	json_object_put(o);
	o = framed(LIVE_SEED, &it, NULL);
	assert_string_equal(member(o, "type"), "agent_status");
	assert_string_equal(member(o, "_off"), "17");
	assert_string_equal(member(o, "data"), member(o, "payload"));
	json_object_put(o);
	o = framed(LIVE_RUNTIME, &it, NULL);
	assert_string_equal(member(o, "topic"), "agent_status");
	json_object_put(o);
	o = framed(LIVE_TICK, &it, &ab);
	assert_string_equal(member(o, "sequence"), "4");
	assert_string_equal(member(o, "x"), "1");
	json_object_put(o);
	o = framed(LIVE_SANDBOX, &it, NULL);
	assert_string_equal(member(o, "type"), "status");
	json_object_put(o);
	it.flags |= LIVE_ALL | LIVE_BRIEF;
	o = framed(LIVE_NATIVE, &it, NULL);
	assert_null(member(o, "off"));
	assert_string_equal(member(o, "stream"), "installation");
	json_object_put(o);
}

static void
test_frame_tick_empty(void **state)
{
	struct live_item it = item(1, "e", 0);
	struct live_about ab = { .sequence = 9 };
	struct json_object *o;

	(void)state;
	it.data = "{}";
	it.data_len = 2;
	o = framed(LIVE_TICK, &it, &ab);
	assert_string_equal(member(o, "sequence"), "9");
	json_object_put(o);
	it.data = "[1]";
	it.data_len = 3;
	o = framed(LIVE_TICK, &it, &ab);
	assert_string_equal(member(o, "data"), "[ 1 ]");
	json_object_put(o);
}

static void
test_frame_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536,
	    200000 };
	uint8_t head[10];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t h = live_ws_head(1, sizes[i], head), n = head[1];

		assert_int_equal(head[0], 0x81);
		if (n == 126)
			n = (size_t)head[2] << 8 | head[3];
		else if (n == 127) {
			n = 0;
			for (int k = 0; k < 8; k++)
				n = n << 8 | head[2 + k];
		}
		assert_int_equal(n, sizes[i]);
		assert_int_equal(h, sizes[i] < 126 ? 2 : sizes[i] < 65536 ?
		    4 : 10);
	}
}

static void
test_frame_sse(void **state)
{
	struct live_topics t = topics();
	struct live_item it = item(17, "e", 0);
	struct live_about ab = { .epoch = { 5, 0 }, .off = { 17, 0 } };
	struct str s;

	(void)state;
	str_init(&s, a);
	live_frame(LIVE_SSE, &t, &it, &ab, &s);
	assert_non_null(strstr(s.p, "id: 5:17\nevent: agent.status\ndata: {"));
	assert_string_equal(s.p + s.len - 3, "}\n\n");
	ab.epoch[LIVE_INSTALLATION] = 8;
	ab.off[LIVE_INSTALLATION] = 2;
	str_init(&s, a);
	live_frame(LIVE_SSE, &t, &it, &ab, &s);
	assert_non_null(strstr(s.p, "id: 5:17;8:2\n"));
	it.flags = LIVE_BRIEF;
	str_init(&s, a);
	live_frame(LIVE_SSE, &t, &it, &ab, &s);
	assert_null(strstr(s.p, "id:"));
}

/* ---- ticks ------------------------------------------------------------------------ */

/* At once after a pause; within the tick with the next. What is stored has a
 * tick of its own, whatever else went out. */
static void
test_flush_at(void **state)
{
	const int64_t ms = 1000000, now = 5000 * ms;

	(void)state;
	assert_int_equal(live_flush_at(now, 0, 10), now);
	assert_int_equal(live_flush_at(now, now - 10 * ms, 10), now);
	assert_int_equal(live_flush_at(now, now - 3 * ms, 10), now + 7 * ms);
	assert_int_equal(live_flush_at(now, now, 10), now + 10 * ms);
	assert_int_equal(live_flush_at(now, now, 0), now);
}

/* ---- tickets ---------------------------------------------------------------------- */

static void
test_ticket(void **state)
{
	char text[PLATFORM_TICKET_TEXT], other[PLATFORM_TICKET_TEXT];
	uint8_t raw[32] = { 1, 2, 3 }, h1[32], h2[32];

	(void)state;
	platform_live_ticket_format(raw, text);
	assert_int_equal(strlen(text), PLATFORM_TICKET_TEXT - 1);
	assert_int_equal(platform_live_ticket_hash(text, h1), 0);
	raw[31] = 1;
	platform_live_ticket_format(raw, other);
	assert_int_equal(platform_live_ticket_hash(other, h2), 0);
	assert_memory_not_equal(h1, h2, 32);
	assert_int_equal(platform_live_ticket_hash("", h1), -1);
	assert_int_equal(platform_live_ticket_hash("lt_x", h1), -1);
	text[5] = '!';
	assert_int_equal(platform_live_ticket_hash(text, h1), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_endpoints), TEST(test_topics),
		TEST(test_too_many_topics), TEST(test_ring),
		TEST(test_ring_brief), TEST(test_ring_bytes),
		TEST(test_ring_state), TEST(test_parse),
		TEST(test_parse_refused), TEST(test_since), TEST(test_frames),
		TEST(test_frame_tick_empty), TEST(test_frame_sizes),
		TEST(test_frame_sse), TEST(test_flush_at), TEST(test_ticket)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
