/*
 * Lines of the stream, topics, and the relay's memory of gaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "events/event.h"
#include "events/inner.h"
#include "events/relay.h"

#include <cmocka.h>

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* ---- lines ------------------------------------------------------------------------ */

#define AT "\"at\":\"2026-11-27T10:00:00Z\""

static void
unpack(void **state)
{
	static const struct {
		const char *line, *topic, *entity, *data;
		int64_t version;
	} cases[] = {
		{ "{\"t\":\"a.b\",\"e\":\"x\",\"v\":3," AT ",\"d\":{}}",
		    "a.b", "x", "{}", 3 },
		{ "{\"t\":\"a\",\"e\":\"q\\\"\\\\\\n\\u00e4\",\"v\":-1," AT
		    ",\"d\":[1,{\"d\":2}]}", "a", "q\"\\\n\xc3\xa4",
		    "[1,{\"d\":2}]", -1 },
		{ "{\"t\":\"a\",\"e\":\"\",\"v\":0," AT ",\"d\":\"}\"}", "a",
		    "", "\"}\"", 0 },
		{ "{\"t\":\"a\",\"e\":\"\",\"v\":9223372036854775807," AT
		    ",\"d\":1.10}", "a", "", "1.10", INT64_MAX },
		/* unreadable: left out, its number is not given to others */
		{ "", NULL, NULL, NULL, 0 },
		{ "rubbish", NULL, NULL, NULL, 0 },
		{ "{\"t\":\"a\",\"e\":\"x\",\"v\":3," AT ",\"d\":{}", NULL,
		    NULL, NULL, 0 },
		{ "{\"t\":\"a\",\"e\":\"x\",\"v\":3," AT ",\"d\":}", NULL,
		    NULL, NULL, 0 },
		{ "{\"t\":\"a\",\"e\":\"x\",\"v\":3," AT ",\"d\":1,\"z\":2}",
		    NULL, NULL, NULL, 0 },
		{ "{\"t\":\"a\",\"e\":\"x\",\"v\":3.5," AT ",\"d\":1}", NULL,
		    NULL, NULL, 0 },
		{ "{\"t\":\"a\",\"e\":\"x\",\"v\":3,\"at\":\"soon\","
		    "\"d\":1}", NULL, NULL, NULL, 0 },
		{ "{\"e\":\"x\",\"t\":\"a\",\"v\":3," AT ",\"d\":1}", NULL,
		    NULL, NULL, 0 },
		{ "{\"t\":\"a\\", NULL, NULL, NULL, 0 },
		{ "{\"t\":\"a", NULL, NULL, NULL, 0 },
	};
	struct event_row row = { .pos = 9, .first = 100,
	    .n = NITEMS(cases) };
	struct err e = { 0 };
	struct rows out;
	struct str body;
	size_t k = 0;

	(void)state;
	str_init(&body, a);
	for (size_t i = 0; i < NITEMS(cases); i++)
		str_addf(&body, "%s%s", i == 0 ? "" : "\n", cases[i].line);
	row.body = body.p;
	assert_int_equal(event_unpack(a, &row, &out, &e), 0);
	for (size_t i = 0; i < NITEMS(cases); i++) {
		const struct event_item *it;

		if (cases[i].topic == NULL)
			continue;
		assert_true(k < out.n);
		it = ROW(&out, struct event_item, k++);
		assert_int_equal(it->off, 100 + (int64_t)i);
		assert_string_equal(it->topic, cases[i].topic);
		assert_string_equal(it->entity, cases[i].entity);
		assert_string_equal(it->data.p, cases[i].data);
		assert_int_equal(it->version, cases[i].version);
		assert_int_equal(it->at.us, INT64_C(1795773600) * US_PER_S);
	}
	assert_int_equal(k, out.n);
	row.n = -1;
	assert_int_equal(event_unpack(a, &row, &out, &e), -1);
}

static void
topics(void **state)
{
	static const char *const one[] = { "job.failed", NULL },
	    *const under[] = { "x", "job.*", NULL }, *const all[] = { "*",
	    NULL }, *const none[] = { NULL };

	(void)state;
	assert_true(event_topic_matches(one, "job.failed"));
	assert_false(event_topic_matches(one, "job.failed.again"));
	assert_false(event_topic_matches(one, "job"));
	assert_true(event_topic_matches(under, "job.failed"));
	assert_true(event_topic_matches(under, "job.a.b"));
	assert_false(event_topic_matches(under, "jobs.failed"));
	assert_false(event_topic_matches(under, "job"));
	assert_true(event_topic_matches(all, "anything"));
	assert_true(event_topic_matches(none, "anything"));
	assert_true(event_topic_matches(NULL, "anything"));
}

static void
faults(void **state)
{
	struct relay_row r = { .n = 2, .body = { "{\"t\":\"a\"}\n{\"t\":\"b\"}",
	    19 } };

	(void)state;
	assert_null(relay_fault(a, &r));
	r.n = 1;
	assert_non_null(relay_fault(a, &r));
	r.n = 3;
	assert_non_null(relay_fault(a, &r));
	r = (struct relay_row){ .n = 1, .body = { "{\"t\":\"\0\"}", 9 } };
	assert_non_null(relay_fault(a, &r));
	r = (struct relay_row){ .n = 1, .body = { "[\"t\"]", 5 } };
	assert_non_null(relay_fault(a, &r));
}

/* ---- gaps ------------------------------------------------------------------------------ */

static const char *
gaps(const struct relay *r)
{
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < r->ngaps; i++)
		str_addf(&s, "%lld-%lld ", (long long)r->gaps[i].lo,
		    (long long)r->gaps[i].hi);
	return s.p;
}

static void
gap_memory(void **state)
{
	struct relay *r = relay_new(a, uuid_new());

	(void)state;
	relay_limits(r, 100, 1000);
	relay_gap_pass(r, 3, 0);
	relay_gap_pass(r, 4, 0);
	relay_gap_pass(r, 10, INT64_C(50000000000));
	relay_gap_pass(r, 12, INT64_C(50000000000));
	assert_string_equal(gaps(r), "1-2 5-9 11-11 ");
	assert_int_equal(relay_gap_ids(r), 8);
	assert_string_equal(relay_gap_text(r, a), "[1,2,5,6,7,8,9,11]");
	relay_gap_fill(r, 7);
	relay_gap_fill(r, 11);
	relay_gap_fill(r, 5);
	relay_gap_fill(r, 9);
	relay_gap_fill(r, 4);		/* never was one */
	relay_gap_fill(r, 99);
	assert_string_equal(gaps(r), "1-2 6-6 8-8 ");
	relay_gap_forget(r, INT64_C(100000000000));
	assert_string_equal(gaps(r), "6-6 8-8 ");
	relay_gap_forget(r, INT64_C(149000000000));
	assert_string_equal(gaps(r), "6-6 8-8 ");
	relay_gap_forget(r, INT64_C(150000000000));
	assert_string_equal(gaps(r), "");
}

/* However many gaps: none is lost, only their borders. */
static void
gap_flood(void **state)
{
	struct relay *r = relay_new(a, uuid_new());
	int64_t id;

	(void)state;
	for (id = 2; id < 100000; id += 3)
		relay_gap_pass(r, id, id);
	assert_true(r->ngaps <= GAPS);
	for (id = 1; id < r->low; id++) {
		bool inside = false;

		if (id % 3 == 2)
			continue;
		for (size_t i = 0; i < r->ngaps && !inside; i++)
			inside = r->gaps[i].lo <= id && id <= r->gaps[i].hi;
		assert_true(inside);
	}
	for (size_t i = 1; i < r->ngaps; i++)
		assert_true(r->gaps[i - 1].hi < r->gaps[i].lo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpack),
		cmocka_unit_test(topics),
		cmocka_unit_test(faults),
		cmocka_unit_test(gap_memory),
		cmocka_unit_test(gap_flood),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
