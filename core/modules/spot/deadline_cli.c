/*
 * `quincunx spot simulate`: what each policy would have cost on a recorded
 * trace. Needs neither database nor network.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "db/env.h"
#include "db/table.h"
#include "modules/platform/platform.h"
#include "modules/spot/deadline.h"
#include "modules/spot/trace.h"

#define USAGE "spot simulate TRACE.json --work H --deadline H " \
	"[--start T] [--end T] [--changeover H] [--od USD] [--spot USD] " \
	"[--tick S] [--theta X] [--policy on_demand|greedy|uniform_progress|" \
	"paced] [--json]"

enum { SIMULATE_CAP = 512 << 20, CHART = 72 };

struct options {
	const char *file, *policy;
	double start, end, work, deadline, changeover, od, spot, tick, theta;
	bool json;
};

/* A number option: 0 no such option here, 1 taken, -1 not a number. */
static int
number(struct option_walk *w, const char *name, double *out)
{
	const char *text;

	if (!platform_terminal_option(w, name, &text))
		return 0;
	if (text == NULL || num_real(text, strlen(text), out) != NUM_OK) {
		fprintf(stderr, "quincunx: %s wants a number\n", name);
		return -1;
	}
	return 1;
}

static int
one_option(struct option_walk *w, struct options *o)
{
	const struct {
		const char *name;
		double *at;
	} numbers[] = {
		{ "--start", &o->start }, { "--end", &o->end },
		{ "--work", &o->work }, { "--deadline", &o->deadline },
		{ "--changeover", &o->changeover }, { "--od", &o->od },
		{ "--spot", &o->spot }, { "--tick", &o->tick },
		{ "--theta", &o->theta },
	};
	int rc;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if ((rc = number(w, numbers[i].name, numbers[i].at)) != 0)
			return rc;
	if (platform_terminal_option(w, "--policy", &o->policy))
		return o->policy != NULL ? 1 : -1;
	if (platform_terminal_option(w, "--json", NULL)) {
		o->json = true;
		return 1;
	}
	return o->file == NULL && platform_terminal_word(w, &o->file) ? 1 : -1;
}

static int
read_options(int argc, char **argv, struct options *o)
{
	struct option_walk w = { .argc = argc, .argv = argv };

	while (w.i < w.argc)
		if (one_option(&w, o) != 1)
			return platform_terminal_usage(USAGE);
	if (o->file == NULL || o->work <= 0 || o->deadline <= 0)
		return platform_terminal_usage(USAGE);
	if (o->policy != NULL && spot_pacing_parse(o->policy) < 0) {
		fprintf(stderr, "quincunx: no policy \"%.40s\"\n", o->policy);
		return platform_terminal_usage(USAGE);
	}
	return 0;
}

/* The part of the trace that was asked for. */
static int
window(const struct options *o, struct spot_trace *t, struct err *e)
{
	double end = o->end > 0 ? o->end : (double)t->n;

	if (o->start < 0 || o->start >= end || end > (double)t->n)
		return err_set(e, 422, "bad_window", "the trace has the ticks "
		    "0 to %zu", t->n);
	t->offered += (size_t)o->start;
	t->n = (size_t)end - (size_t)o->start;
	return 0;
}

/* The timeline in at most CHART letters: in each cell the most expensive
 * place that was used. */
static void
add_chart(struct str *s, const char *timeline)
{
	size_t n = strlen(timeline), cells = n < CHART ? n : CHART;

	for (size_t i = 0; i < cells; i++) {
		size_t from = i * n / cells, to = (i + 1) * n / cells;
		char c = '.';

		for (size_t j = from; j < to; j++)
			if (timeline[j] == 'd' || c == '.')
				c = timeline[j];
		str_addc(s, c);
	}
}

static void
add_row(struct str *s, const struct spot_deadline_result *r)
{
	str_addf(s, "%-17s %10.2f %8.1f %8.1f %6lld %9.1f  %s\n", r->policy,
	    r->cost, r->spot_h, r->od_h, (long long)r->moves, r->finished_h,
	    r->late ? "LATE" : "in time");
	str_add(s, "  ");
	add_chart(s, r->timeline);
	str_addc(s, '\n');
}

static int
simulate(const struct options *o, struct arena *a, struct str *s,
    struct err *e)
{
	struct spot_deadline_job j = { .work_s = o->work * 3600,
	    .deadline_s = o->deadline * 3600, .theta = o->theta,
	    .changeover_s = o->changeover * 3600, .demand_price = o->od,
	    .spot_price = o->spot };
	int only = o->policy != NULL ? spot_pacing_parse(o->policy) : -1;
	struct spot_trace t;
	size_t ticks;

	if (spot_trace_file(a, o->file, &t, e) == -1 ||
	    window(o, &t, e) == -1)
		return -1;
	j.tick_s = o->tick > 0 ? o->tick : t.gap_s > 0 ? t.gap_s : 600;
	if (spot_deadline_check(&j, a, e) == -1)
		return -1;
	ticks = (size_t)(j.deadline_s / j.tick_s) + 2;
	if (!o->json)
		str_add(s, "policy                  cost   spot h     od h  "
		    "moves  done at h\n");
	for (int p = 0; p < PACINGS; p++) {
		struct spot_deadline_result r;

		if (only != -1 && p != only)
			continue;
		j.pacing = (enum spot_pacing)p;
		spot_deadline_replay(&j, t.offered, t.n, arena_alloc(a,
		    ticks + 1), ticks, &r);
		if (!o->json) {
			add_row(s, &r);
			continue;
		}
		str_add(s, only != -1 ? "" : p == 0 ? "[" : ",");
		schema_encode(&spot_deadline_result_schema, &r, s);
	}
	if (o->json)
		str_add(s, only != -1 ? "\n" : "]\n");
	return 0;
}

static int
run(struct env *env, int argc, char **argv)
{
	struct options o = { .changeover = 0.05, .od = 3.06, .spot = 0.9731 };
	struct err e = { 0 };
	struct arena *a;
	struct str s;
	int rc;

	(void)env;
	if ((rc = read_options(argc, argv, &o)) != 0)
		return rc;
	a = arena_new(SIMULATE_CAP);
	str_init(&s, a);
	rc = simulate(&o, a, &s, &e) == -1 ? platform_terminal_error(&e) :
	    platform_terminal_write(&s);
	arena_free(a);
	return rc;
}

const struct command spot_deadline_commands[] = {
	{ .name = "spot simulate", .usage = USAGE + sizeof("spot simulate"),
	    .doc = "What deadline policies would have cost on a recorded "
	    "availability trace (hours, ticks, US dollars per hour)",
	    .no_db = COMMAND_NO_BOOT, .run = run },
	{ .name = NULL }
};
