/*
 * Deadline policies: equal to the published simulator on its own traces, ours
 * cheaper in every setting and never late, also on traces it was not tuned
 * on; and the numbers that are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <json.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/deadline.h"
#include "modules/spot/trace.h"
#include "tests/harness/data.h"
#include "tests/harness/forked.h"
#include "tests/harness/tar.h"

#include <cmocka.h>

#define TRACES "aws/spot_availability_traces_skypilot.dev.tar.gz"
#define ORACLE "aws/oracle_deadline_policies.json.gz"
#define OD 3.06
#define SPOT 0.9731

enum { SETTINGS = 6, NAMES = 16, RUNS = 4000 };

static struct arena *a;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)1 << 30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct spot_deadline_job
job(double deadline_h, double changeover_h, double tick_s,
    enum spot_pacing pacing)
{
	return (struct spot_deadline_job){ .work_s = 48 * 3600,
	    .deadline_s = deadline_h * 3600,
	    .changeover_s = changeover_h * 3600, .tick_s = tick_s,
	    .demand_price = OD, .spot_price = SPOT, .pacing = pacing };
}

static struct spot_deadline_result
replay(struct spot_deadline_job j, const uint8_t *v, size_t n)
{
	struct spot_deadline_result r;

	spot_deadline_replay(&j, v, n, NULL, 0, &r);
	return r;
}

/* ---- recorded traces ------------------------------------------------------ */

static struct {
	const char *name;
	struct spot_trace t;
} known[NAMES];
static size_t nknown;

static const struct spot_trace *
trace(const struct tar *tar, const char *name)
{
	const struct tar_file *f;

	for (size_t i = 0; i < nknown; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i].t;
	f = tar_find(tar, name);
	assert_non_null(f);
	assert_true(nknown < NAMES);
	known[nknown].name = arena_strdup(a, name);
	err_clear(&err);
	if (spot_trace_text(a, f->text, f->n, &known[nknown].t, &err) == -1)
		fail_msg("%s: %s", name, err.detail);
	return &known[nknown++].t;
}

static double
number(struct json_object *o, const char *name)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, name, &v));
	return json_object_get_double(v);
}

struct mean {
	double deadline, changeover, uniform, paced;
	size_t n;
};

static void
one_row(const struct tar *tar, struct json_object *row, struct mean *mean)
{
	struct json_object *cost, *name;
	const struct spot_trace *t;
	const uint8_t *v;
	size_t n, i = 0;

	assert_true(json_object_object_get_ex(row, "trace", &name));
	assert_true(json_object_object_get_ex(row, "cost_usd", &cost));
	t = trace(tar, json_object_get_string(name));
	v = t->offered + (size_t)number(row, "start_tick");
	n = (size_t)(number(row, "end_tick") - number(row, "start_tick"));
	for (int p = 0; p < PACINGS; p++) {
		struct spot_deadline_result r = replay(job(number(row,
		    "deadline_h"), number(row, "changeover_h"), t->gap_s,
		    (enum spot_pacing)p), v, n);

		assert_false(r.late);
		if (p != PACING_PACED && fabs(r.cost - number(cost,
		    spot_pacing_names[p])) > 5e-5)
			fail_msg("%s from %g, %gh, %gh: %s costs %.6f, "
			    "published %.6f", json_object_get_string(name),
			    number(row, "start_tick"), number(row,
			    "deadline_h"), number(row, "changeover_h"),
			    r.policy, r.cost, number(cost,
			    spot_pacing_names[p]));
		while (mean[i].n > 0 && (mean[i].deadline != number(row,
		    "deadline_h") || mean[i].changeover != number(row,
		    "changeover_h")))
			i++;
		assert_true(i < SETTINGS);
		mean[i].deadline = number(row, "deadline_h");
		mean[i].changeover = number(row, "changeover_h");
		if (p == PACING_UNIFORM)
			mean[i].uniform += r.cost;
		if (p == PACING_PACED) {
			mean[i].paced += r.cost;
			mean[i].n++;
		}
	}
}

static void
equals_the_published_simulator(void **state)
{
	struct mean mean[SETTINGS + 1] = { { 0 } };
	struct json_object *doc, *rows;
	struct tar tar;
	int64_t start;
	char *text;
	size_t n;

	(void)state;
	if (tar_read(a, TRACES, &tar) == -1 ||
	    (text = data_read(a, ORACLE, &n)) == NULL)
		return;
	doc = json_tokener_parse(text);
	assert_true(json_object_object_get_ex(doc, "rows", &rows));
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		one_row(&tar, json_object_array_get_idx(rows, i), mean);
	/* told, not judged: a busy machine is no fault */
	start = clock_boot_ns();
	for (int k = 0; k < RUNS; k++)
		(void)replay(job(52 + k % 3 * 9, 0.05, known[0].t.gap_s,
		    (enum spot_pacing)(k % PACINGS)), known[0].t.offered,
		    known[0].t.n);
	print_message("one run takes %.1f us; the published simulator's, "
	    "20 ms\n", (double)(clock_boot_ns() - start) / 1e3 / RUNS);
	for (size_t i = 0; i < SETTINGS; i++) {
		double k = (double)mean[i].n;

		assert_true(mean[i].n > 100);
		print_message("deadline %2.0f h, changeover %4.2f h: uniform "
		    "progress %7.2f, paced %7.2f (%zu jobs)\n",
		    mean[i].deadline, mean[i].changeover, mean[i].uniform / k,
		    mean[i].paced / k, mean[i].n);
		assert_true(mean[i].paced < mean[i].uniform);
	}
	json_object_put(doc);
}

/* Windows of the traces of another year, which no number was chosen on. */
static void
cheaper_elsewhere(void **state)
{
	static const double deadlines[] = { 52, 60, 70 };
	static const double changeovers[] = { 0.05, 0.2 };
	struct tar tar;

	(void)state;
	if (tar_read(a, TRACES, &tar) == -1)
		return;
	for (size_t s = 0; s < SETTINGS; s++) {
		double sum[PACINGS] = { 0 };
		size_t jobs = 0;

		for (size_t f = 0; f < tar.n; f++) {
			const struct spot_trace *t;
			size_t span;

			if (strstr(tar.v[f].path, "02-15-2023") == NULL ||
			    strstr(tar.v[f].path, ".json") == NULL)
				continue;
			t = trace(&tar, tar.v[f].path);
			span = (size_t)(70 * 3600 / t->gap_s) + 1;
			for (size_t at = 0; at + span <= t->n; at += 97) {
				for (int p = 0; p < PACINGS; p++) {
					struct spot_deadline_result r = replay(
					    job(deadlines[s % 3],
					    changeovers[s / 3], t->gap_s,
					    (enum spot_pacing)p),
					    t->offered + at, span);

					assert_false(r.late);
					sum[p] += r.cost;
				}
				jobs++;
			}
		}
		assert_true(jobs > 50);
		print_message("not tuned on: %2.0f h, %4.2f h: on-demand %6.2f"
		    ", greedy %6.2f, uniform %6.2f, paced %6.2f (%zu jobs)\n",
		    deadlines[s % 3], changeovers[s / 3],
		    sum[PACING_ON_DEMAND] / (double)jobs,
		    sum[PACING_GREEDY] / (double)jobs,
		    sum[PACING_UNIFORM] / (double)jobs,
		    sum[PACING_PACED] / (double)jobs, jobs);
		assert_true(sum[PACING_PACED] < sum[PACING_UNIFORM]);
	}
}

/* ---- made by hand ----------------------------------------------------------- */

static void
never_late(void **state)
{
	uint8_t v[2000];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct spot_deadline_job j = job(0, 0, 600, PACING_GREEDY);

		for (size_t i = 0; i < NITEMS(v); i++) {
			seed = seed * 1664525 + 1013904223;
			v[i] = (seed >> 24) % (2 + (uint32_t)round % 5) == 0;
		}
		j.work_s = 3600 * (1 + round % 40);
		j.changeover_s = round % 7 * 200;
		/* three changeovers and a tick to spare */
		j.deadline_s = j.work_s + 3 * j.changeover_s + 1200 +
		    round % 11 * 3600;
		for (int p = 0; p < PACINGS; p++) {
			struct spot_deadline_result r;

			j.pacing = (enum spot_pacing)p;
			r = replay(j, v, NITEMS(v));
			if (r.late)
				fail_msg("round %d: %s late", round, r.policy);
		}
	}
}

static void
timeline(void **state)
{
	static const uint8_t v[] = { 1, 1, 0, 0, 1, 1, 1, 1 };
	struct spot_deadline_job j = { .work_s = 2400, .deadline_s = 6000,
	    .changeover_s = 60, .tick_s = 600, .demand_price = 3,
	    .spot_price = 1, .pacing = PACING_GREEDY };
	struct spot_deadline_result r;
	char line[4];

	(void)state;
	spot_deadline_replay(&j, v, NITEMS(v), line, sizeof(line) - 1, &r);
	assert_string_equal(line, "ss.");	/* cut at its length */
	assert_int_equal(r.moves, 2);
	/* 540 s before the loss: its last tick counts as it was paid */
	assert_true(r.spot_h > 0.8 && r.spot_h < 0.9);
	assert_true(fabs(r.cost - r.spot_h) < 1e-9);
}

static void
refused_numbers(void **state)
{
	struct spot_deadline_job good = job(52, 0.05, 600, PACING_PACED);
	struct {
		double *at, bad;
		const char *loc;
	} rows[] = {
		{ &good.work_s, 0, "work" }, { &good.work_s, -1, "work" },
		{ &good.work_s, NAN, "work" },
		{ &good.work_s, 1e300, "work" },
		{ &good.deadline_s, INFINITY, "deadline" },
		{ &good.deadline_s, 3600, "deadline" },
		{ &good.changeover_s, -1, "changeover" },
		{ &good.tick_s, 0, "tick" }, { &good.tick_s, 1e-6, "tick" },
		{ &good.demand_price, 0, "od" },
		{ &good.spot_price, -2, "spot" },
	};

	(void)state;
	err_clear(&err);
	assert_int_equal(spot_deadline_check(&good, a, &err), 0);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		double was = *rows[i].at;

		*rows[i].at = rows[i].bad;
		err_clear(&err);
		assert_int_equal(spot_deadline_check(&good, a, &err), -1);
		assert_int_equal(err.status, 422);
		assert_non_null(strstr(err.fields[0].loc, rows[i].loc));
		*rows[i].at = was;
	}
}

static void
refused_traces(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "[1,2]", "[1,-1]",
	    "[1,0.5]", "[1,\"x\"]", "{\"data\":[1],\"metadata\":"
	    "{\"gap_seconds\":0}}", "{\"data\":5}", "[1,0", "nonsense" };
	struct spot_trace t;

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		err_clear(&err);
		if (spot_trace_text(a, bad[i], strlen(bad[i]), &t, &err) != -1)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.status, 422);
	}
	err_clear(&err);
	assert_int_equal(spot_trace_text(a, " [1,0,1]", 8, &t, &err), 0);
	assert_int_equal(t.n, 3);
}

/* ---- the command ----------------------------------------------------------- */

struct shell {
	char *argv[24];
	const char *out;
};

static int
in_child(void *arg)
{
	struct shell *s = arg;
	int argc = 0, fd = open(s->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	while (s->argv[argc] != NULL)
		argc++;
	dup2(fd, 1);
	dup2(fd, 2);
	return spot_deadline_commands[0].run(NULL, argc, s->argv);
}

static struct json_object *
output(const char *file)
{
	char text[20000];
	FILE *f = fopen(file, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = '\0';
	return json_tokener_parse(text);
}

static void
put(const char *file, const char *text, size_t n)
{
	FILE *f = fopen(file, "w");

	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

#define WORD(s) (char []){ s }
#define GIVEN file, WORD("--start"), WORD("100"), WORD("--end"), \
	WORD("800"), WORD("--work"), WORD("48"), WORD("--deadline"), \
	WORD("60"), WORD("--changeover"), WORD("0.2"), WORD("--od"), \
	WORD("3.06"), WORD("--spot"), WORD("0.9731")

/* What it says of one policy and of all is what the replay says. */
static void
command_line(void **state)
{
	char dir[] = "/tmp/qx.sim.XXXXXX", file[40], out[40];
	const struct spot_trace *t;
	struct json_object *o;
	struct tar tar;

	(void)state;
	if (tar_read(a, TRACES, &tar) == -1)
		return;
	t = &known[0].t;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/t.json", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	put(file, tar_find(&tar, known[0].name)->text,
	    tar_find(&tar, known[0].name)->n);
	for (int p = 0; p < PACINGS; p++) {
		char policy[32];
		struct shell s = { { GIVEN, WORD("--policy"), policy,
		    WORD("--json") }, out };
		struct spot_deadline_result r = replay(job(60, 0.2, t->gap_s,
		    (enum spot_pacing)p), t->offered + 100, 700);

		snprintf(policy, sizeof(policy), "%s", spot_pacing_names[p]);
		assert_int_equal(forked_wait(forked(in_child, &s)), 0);
		o = output(out);
		assert_true(fabs(number(o, "cost") - r.cost) < 5e-5);
		assert_true(fabs(number(o, "spot_h") - r.spot_h) < 1e-6);
		assert_true(fabs(number(o, "od_h") - r.od_h) < 1e-6);
		assert_int_equal((int64_t)number(o, "moves"), r.moves);
		assert_int_equal(number(o, "late"), 0);
		json_object_put(o);
	}
	assert_int_equal(forked_wait(forked(in_child, &(struct shell){ {
	    GIVEN, WORD("--json") }, out })), 0);
	o = output(out);
	assert_int_equal(json_object_array_length(o), PACINGS);
	json_object_put(o);
	assert_int_equal(forked_wait(forked(in_child, &(struct shell){ {
	    GIVEN, WORD("--policy"), WORD("lucky") }, out })), 2);
	assert_int_equal(forked_wait(forked(in_child, &(struct shell){ {
	    file }, out })), 2);
	unlink(file);
	unlink(out);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_the_published_simulator),
		cmocka_unit_test(command_line),
		cmocka_unit_test(cheaper_elsewhere),
		cmocka_unit_test(never_late),
		cmocka_unit_test(timeline),
		cmocka_unit_test(refused_numbers),
		cmocka_unit_test(refused_traces),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
