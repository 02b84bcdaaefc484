/*
 * The alert engine on tables, with time from outside: for, keep, flapping,
 * muting, groups, restarts; what Alertmanager is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "modules/platform/alert.h"

#include <cmocka.h>

static struct arena *a;
static const struct utc zero;

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

static struct utc
at(int64_t s)
{
	return (struct utc){ (INT64_C(1700000000) + s) * US_PER_S };
}

static struct platform_alert
fresh(const char *rule, const char *host)
{
	return (struct platform_alert){ .rule = rule, .host = host,
	    .labels.p = "{}", .state = "inactive", .changes = "", .told = "",
	    .muted_by = "", .severity = "warning", .summary = "S" };
}

/* ---- one alert, a turn every 15 s -------------------------------------------------- */

/* input: '#' the condition holds, '.' it does not, '|' the evaluator is away
 * for ten minutes. states: i p f r, one for each turn. */
static const struct {
	const char *what;
	int64_t for_s, keep_s;
	const char *input, *states;
} steps[] = {
	{ "at once", 0, 0, "#..#.", "frrfr" },
	{ "for", 30, 0, "##.###.", "ppippfr" },
	{ "for exactly", 15, 0, "##", "pf" },
	{ "keep", 0, 30, "#.#...", "ffffrr" },
	{ "keep counts from the last time", 0, 60, "#..#...#", "ffffffff" },
	{ "pending again after it was resolved", 30, 0, "###.#.###",
	    "ppfrprppf" },
	{ "pending begins anew after a gap", 30, 0, "#|###", "pppf" },
	{ "firing goes on over a gap", 0, 0, "#|#|.", "ffr" },
	{ "never", 0, 0, "....", "iiii" },
};

static void
test_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct platform_rule r = { .for_s = steps[i].for_s,
		    .keep_s = steps[i].keep_s };
		struct platform_alert x = fresh("R", "");
		struct utc was = zero;
		int64_t t = 0;
		char got[32];
		size_t n = 0;

		for (const char *p = steps[i].input; *p != '\0'; p++) {
			if (*p == '|') {
				t += 600;
				continue;
			}
			platform_alert_step(a, &x, &r, *p == '#', 1, at(t),
			    was);
			got[n++] = x.state[0];
			was = at(t);
			t += 15;
		}
		got[n] = '\0';
		if (strcmp(got, steps[i].states) != 0)
			fail_msg("%s: %s, wanted %s", steps[i].what, got,
			    steps[i].states);
	}
}

/* Nothing to write in a turn that changes nothing, apart from seen_at once a
 * minute. */
static void
test_writes(void **state)
{
	struct platform_rule r = { .for_s = 0, .keep_s = 0 };
	struct platform_alert x = fresh("R", "");
	int writes = 0;

	(void)state;
	assert_false(platform_alert_step(a, &x, &r, false, 0, at(0), zero));
	assert_true(platform_alert_step(a, &x, &r, true, 1, at(15), at(0)));
	for (int i = 2; i <= 41; i++)
		writes += platform_alert_step(a, &x, &r, true, 1,
		    at(15 * i), at(15 * (i - 1)));
	assert_int_equal(writes, 10);
	assert_true(platform_alert_step(a, &x, &r, false, 0, at(660),
	    at(645)));
	assert_false(platform_alert_step(a, &x, &r, false, 0, at(675),
	    at(660)));
	/* a rule that is gone lets its alert go, whatever it keeps */
	assert_true(platform_alert_step(a, &x, &r, true, 1, at(690),
	    at(675)));
	assert_true(platform_alert_step(a, &x, NULL, false, 0, at(705),
	    at(690)));
	assert_string_equal(x.state, "resolved");
}

/* Notices of an alert in a group of its own without delays. */
static size_t
told(struct platform_alert *x, struct platform_alert_group *g, struct utc now,
    struct str *log)
{
	const struct platform_alert_timing none = { 0, 1, 14400 };
	bool repeated;

	if (platform_group_step(g, &x, 1, &none, now, &repeated) !=
	    GROUP_TELL)
		return 0;
	str_addf(log, "%c", repeated ? 'R' : x->told[0] == 'f' &&
	    x->told[1] == 'l' ? '~' : x->told[0]);
	return 1;
}

/* On, off, on, off within ten minutes: one notice of flapping, and one when
 * ten minutes brought no change. */
static void
test_flapping(void **state)
{
	struct platform_rule r = { .for_s = 0, .keep_s = 0 };
	struct platform_alert_group g = { .notices = 0 };
	struct platform_alert x = fresh("R", "");
	struct str log;
	int64_t t = 0;

	(void)state;
	str_init(&log, a);
	for (int i = 0; i < 40; i++, t += 60) {	/* 40 minutes of flapping */
		platform_alert_step(a, &x, &r, i % 2 == 0, 1, at(t),
		    at(t - 60));
		told(&x, &g, at(t), &log);
	}
	assert_true(x.flapping);
	assert_string_equal(log.p, "frf~");
	for (int i = 0; i < 9; i++, t += 60) {
		platform_alert_step(a, &x, &r, false, 1, at(t), at(t - 60));
		told(&x, &g, at(t), &log);
	}
	assert_true(x.flapping);
	assert_string_equal(log.p, "frf~");
	for (int i = 0; i < 3; i++, t += 60) {
		platform_alert_step(a, &x, &r, false, 1, at(t), at(t - 60));
		told(&x, &g, at(t), &log);
	}
	assert_false(x.flapping);
	assert_string_equal(log.p, "frf~r");
}

/* A row read again is all the engine needs: nothing is told twice. */
static void
test_restart(void **state)
{
	struct platform_rule r = { .for_s = 30, .keep_s = 0 };
	struct platform_alert_group g = { .notices = 0 };
	struct platform_alert x = fresh("R", ""), row;
	struct str log;

	(void)state;
	str_init(&log, a);
	for (int64_t t = 0; t < 3600; t += 15) {
		row = x;		/* as the next process reads it */
		row.changes = arena_strdup(a, x.changes);
		x = row;
		platform_alert_step(a, &x, &r, true, 1, at(t), at(t - 15));
		told(&x, &g, at(t), &log);
	}
	assert_string_equal(log.p, "f");
	for (int64_t t = 3600; t < 4 * 3600 + 120; t += 15) {
		platform_alert_step(a, &x, &r, true, 1, at(t), at(t - 15));
		told(&x, &g, at(t), &log);
	}
	assert_string_equal(log.p, "fR");	/* four hours later, once */
}

/* ---- silences and explanations -------------------------------------------------------- */

static void
test_silences(void **state)
{
	const struct platform_silence s = { .rule = "R", .severity = "",
	    .host = "h1", .owner = "ann", .starts_at = at(100),
	    .ends_at = at(200) };
	const struct {
		const char *rule, *host;
		int64_t t;
		bool covers;
	} cases[] = {
		{ "R", "h1", 100, true }, { "R", "h1", 199, true },
		{ "R", "h1", 200, false }, { "R", "h1", 99, false },
		{ "R", "h2", 150, false }, { "Q", "h1", 150, false },
		{ "R", "", 150, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform_alert x = fresh(cases[i].rule,
		    cases[i].host);

		if (platform_silence_covers(&s, &x, at(cases[i].t)) !=
		    cases[i].covers)
			fail_msg("case %zu", i);
	}
}

/* Silenced while it fires: told when the silence ends and it still does. */
static void
test_silence_ends(void **state)
{
	const struct platform_silence s = { .rule = "R", .severity = "",
	    .host = "", .owner = "ann", .starts_at = at(0),
	    .ends_at = at(100) };
	struct platform_rule r = { .inhibited_by = "" };
	struct platform_alert_group g = { .notices = 0 };
	struct platform_alert x = fresh("R", "");
	struct str log;

	(void)state;
	str_init(&log, a);
	for (int64_t t = 15; t < 300; t += 15) {
		platform_alert_step(a, &x, &r, true, 1, at(t), at(t - 15));
		platform_alert_mute(a, &x, &r, &x, 1, &s, 1, at(t));
		if (t < 100)
			assert_string_equal(x.muted_by, "silence of ann");
		told(&x, &g, at(t), &log);
		if (t < 100)
			assert_string_equal(log.p, "");
	}
	assert_string_equal(log.p, "f");
	/* it ends under another silence: nobody hears of it, also not later */
	x.muted_by = "";
	{
		const struct platform_silence again = { .rule = "R",
		    .severity = "", .host = "", .owner = "bob",
		    .starts_at = at(300), .ends_at = at(400) };

		for (int64_t t = 300; t < 500; t += 15) {
			platform_alert_step(a, &x, &r, false, 1, at(t),
			    at(t - 15));
			platform_alert_mute(a, &x, &r, &x, 1, &again, 1,
			    at(t));
			told(&x, &g, at(t), &log);
		}
	}
	assert_string_equal(log.p, "f");
}

static void
test_explained(void **state)
{
	const struct {
		const char *rule, *host, *state, *words;
		bool muted;
	} cases[] = {
		{ "Engine", "h1", "firing", "Engine", true },
		{ "Engine", "h1", "firing", "Other Engine", true },
		{ "Engine", "h1", "firing", "Engines", false },
		{ "Engine", "h1", "pending", "Engine", false },
		{ "Engine", "h2", "firing", "Engine", false },
		{ "Engine", "", "firing", "Engine", true },
		{ "Engine", "h1", "firing", "", false },
		{ "Agent", "h1", "firing", "Agent", false },	/* itself */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform_rule r = { .inhibited_by = cases[i].words };
		struct platform_alert all[2] = { fresh("Agent", "h1"),
		    fresh(cases[i].rule, cases[i].host) };

		all[1].state = cases[i].state;
		platform_alert_mute(a, &all[0], &r, all, 2, NULL, 0, at(0));
		if ((*all[0].muted_by != '\0') != cases[i].muted)
			fail_msg("case %zu: %s", i, all[0].muted_by);
	}
}

/* ---- groups ------------------------------------------------------------------------------ */

/* Two alerts of one group; letters: '1' the first fires, '2' the second, 'b'
 * both, '.' none; a turn every 15 s. Result: at which turn a notice goes and
 * about how many firing ones. */
static const struct {
	const char *what, *input, *notices;
} groups[] = {
	{ "the first waits for the second", "1bbbbbbb", "2:2" },
	{ "the second keeps its distance", "1111bbbbbbbbbbbbbbbbbbbbbbbbb",
	    "2:1 22:2" },
	{ "over before it was told", "1.......", "" },
	{ "told, over after the interval", "111....................."
	    ".........", "2:1 22:0" },
	{ "both over together", "bbb..............................",
	    "2:2 22:0" },
};

static void
test_groups(void **state)
{
	const struct platform_alert_timing t = { 30, 300, 14400 };
	struct platform_rule r = { .inhibited_by = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		struct platform_alert v[2] = { fresh("A", "h"),
		    fresh("B", "h") };
		struct platform_alert *p[2] = { &v[0], &v[1] };
		struct platform_alert_group g = { .notices = 0 };
		struct str log;
		bool repeated;

		str_init(&log, a);
		for (int k = 0; groups[i].input[k] != '\0'; k++) {
			char c = groups[i].input[k];
			struct utc now = at(15 * k), was = at(15 * k - 15);

			platform_alert_step(a, &v[0], &r, c == '1' ||
			    c == 'b', 1, now, was);
			platform_alert_step(a, &v[1], &r, c == '2' ||
			    c == 'b', 1, now, was);
			if (platform_group_step(&g, p, 2, &t, now,
			    &repeated) == GROUP_TELL)
				str_addf(&log, "%s%d:%d", log.len > 0 ?
				    " " : "", k, (v[0].told[0] == 'f') +
				    (v[1].told[0] == 'f'));
		}
		if (strcmp(log.p, groups[i].notices) != 0)
			fail_msg("%s: %s, wanted %s", groups[i].what, log.p,
			    groups[i].notices);
	}
}

/* ---- Alertmanager ------------------------------------------------------------------------- */

static void
test_push(void **state)
{
	struct platform_alert v[3] = { fresh("A", "h"), fresh("B", ""),
	    fresh("C", "") };
	struct str s;

	(void)state;
	v[0].state = "firing";
	v[0].labels.p = "{\"host\":\"h\"}";
	v[0].fired_at = at(0);
	v[0].value = 0.5;
	v[1].state = "resolved";
	v[1].fired_at = at(0);
	v[1].resolved_at = at(60);
	v[2].state = "pending";
	str_init(&s, a);
	platform_alert_push_body(v, 3, "http://q/alerts", at(100), &s);
	assert_string_equal(s.p, "[{\"labels\":{\"alertname\":\"A\","
	    "\"severity\":\"warning\",\"host\":\"h\"},\"annotations\":"
	    "{\"summary\":\"S\",\"value\":\"0.5\"},"
	    "\"startsAt\":\"2023-11-14T22:13:20Z\","
	    "\"endsAt\":\"2023-11-14T22:19:00Z\","
	    "\"generatorURL\":\"http://q/alerts\"},"
	    "{\"labels\":{\"alertname\":\"B\",\"severity\":\"warning\"},"
	    "\"annotations\":{\"summary\":\"S\",\"value\":\"0\"},"
	    "\"startsAt\":\"2023-11-14T22:13:20Z\","
	    "\"endsAt\":\"2023-11-14T22:14:20Z\","
	    "\"generatorURL\":\"http://q/alerts\"}]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps), cmocka_unit_test(test_writes),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_silences),
		cmocka_unit_test(test_silence_ends),
		cmocka_unit_test(test_explained),
		cmocka_unit_test(test_groups), cmocka_unit_test(test_push),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
