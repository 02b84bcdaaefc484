/*
 * A simulation: the trace from the request or from the folder of traces, the
 * replay of each policy, and its figures as points and segments. Refuses
 * names that leave the folder.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/simulation.h"
#include "modules/spot/trace.h"

#define HOUR 3600.0

enum { NAME_MAX_BYTES = 200 };

#define S struct spot_simulate
static const struct field ask_fields[] = {
	FIELD(S, trace, .flags = FF_REQUIRED, .example = "[1,1,0,1]",
	    .doc = "A number for each tick, 1 when spot could be had; or "
	    "{\"metadata\":{\"gap_seconds\":s},\"data\":[…]}; or the name of "
	    "a file in spot.trace_dir"),
	FIELD(S, start, .min = 0, .max = 4000000, .def = "0",
	    .doc = "First tick"),
	FIELD(S, end, .min = 0, .max = 4000000, .def = "0",
	    .doc = "Behind the last tick; 0 = of the trace"),
	FIELD(S, work_s, .flags = FF_REQUIRED, .min = 1, .max = 100000000,
	    .example = "1800", .doc = "Seconds of work"),
	FIELD(S, deadline_s, .flags = FF_REQUIRED, .min = 1,
	    .max = 100000000, .example = "7200",
	    .doc = "Seconds until it must be done"),
	FIELD(S, d_s, .min = 0, .max = 1000000, .def = "180",
	    .doc = "Seconds lost at each start on a machine"),
	FIELD(S, tick_s, .min = 0, .max = 1000000, .def = "0",
	    .doc = "Length of a tick; 0 = of the trace, or ten minutes"),
	FIELD(S, on_demand, .flags = FF_XMIN, .min = 0, .max = 10000,
	    .def = "3.06", .doc = "USD per hour"),
	FIELD(S, spot, .flags = FF_XMIN, .min = 0, .max = 10000,
	    .def = "0.9731", .doc = "USD per hour"),
	FIELD(S, theta, .min = 0, .max = 10, .def = "0",
	    .doc = "Of the paced policy; 0 = 0.5"),
	FIELD(S, policy, .flags = FF_NULLABLE, .oneof = ONEOF("on_demand",
	    "greedy", "uniform_progress", "paced"), .doc = "Only this one"),
	FIELD_END
};
#undef S
const struct schema spot_simulate_schema = {
	.name = "SpotSimulate", .doc = "Work with a deadline on a trace",
	.size = sizeof(struct spot_simulate), .fields = ask_fields
};

static const struct field segment_fields[] = {
	FIELD(struct spot_segment, from_h, .doc = "From, hours"),
	FIELD(struct spot_segment, to_h, .doc = "To, hours"),
	FIELD(struct spot_segment, place, .doc = "idle, spot or on_demand"),
	FIELD_END
};
static const struct schema segment_schema = {
	.name = "SpotSegment", .doc = "A stretch of time on one place",
	.size = sizeof(struct spot_segment), .fields = segment_fields
};
static const struct field point_fields[] = {
	FIELD(struct spot_point, t_h, .doc = "Hours since the start"),
	FIELD(struct spot_point, done, .doc = "Share of the work, 0-1"),
	FIELD(struct spot_point, cost, .doc = "USD so far"), FIELD_END
};
static const struct schema point_schema = {
	.name = "SpotPoint", .doc = "A point of a chart",
	.size = sizeof(struct spot_point), .fields = point_fields
};
#define R struct spot_simulated
static const struct field result_fields[] = {
	FIELD(R, policy, .doc = "Policy"), FIELD(R, cost, .doc = "USD"),
	FIELD(R, spot_h, .doc = "Hours on spot"),
	FIELD(R, od_h, .doc = "Hours on demand"),
	FIELD(R, moves, .doc = "Starts on a machine"),
	FIELD(R, late, .doc = "Not done at the deadline"),
	FIELD(R, finished_h, .doc = "Hours until the end"),
	FIELD(R, saving_percent, .doc = "Against on-demand all the time"),
	FIELD(R, segments, .sub = &segment_schema, .doc = "What ran where"),
	FIELD(R, points, .sub = &point_schema, .doc = "Work and money"),
	FIELD_END
};
#undef R
static const struct schema result_schema = {
	.name = "SpotSimulated", .doc = "What a policy would have cost",
	.size = sizeof(struct spot_simulated), .fields = result_fields
};
#define R struct spot_simulation
static const struct field out_fields[] = {
	FIELD(R, policy, .doc = "The cheapest that is in time"),
	FIELD(R, cost, .doc = "Its USD"),
	FIELD(R, spot_h, .doc = "Its hours on spot"),
	FIELD(R, od_h, .doc = "Its hours on demand"),
	FIELD(R, moves, .doc = "Its starts on a machine"),
	FIELD(R, late, .doc = "Whether even it is late"),
	FIELD(R, ticks, .doc = "Of the trace that was used"),
	FIELD(R, tick_s, .doc = "Seconds of a tick"),
	FIELD(R, offered, .doc = "Share of the ticks with spot"),
	FIELD(R, deadline_h, .doc = "Hours until it must be done"),
	FIELD(R, offers, .sub = &segment_schema, .doc = "When spot was "
	    "offered, until the deadline"),
	FIELD(R, results, .sub = &result_schema, .doc = "Each policy"),
	FIELD_END
};
#undef R
const struct schema spot_simulation_schema = {
	.name = "SpotSimulation", .doc = "Policies on a recorded trace",
	.size = sizeof(struct spot_simulation), .fields = out_fields
};

/* ---- the trace --------------------------------------------------------------------- */

static int
bad(struct arena *a, struct err *e, const char *member, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(a, "[\"body\",\"%s\"]", member), .msg = msg,
	    .input = "null" });
}

/* "name" of a file below the folder. */
static int
named(struct arena *a, const char *dir, const char *text, size_t n,
    struct spot_trace *t, struct err *e)
{
	if (*dir == '\0')
		return bad(a, e, "trace", "spot.trace_dir names no folder of "
		    "recorded traces");
	text++;
	n -= 2;
	if (n == 0 || n > NAME_MAX_BYTES || *text == '.' || *text == '/' ||
	    memchr(text, '\\', n) != NULL || memmem(text, n, "..", 2) != NULL)
		return bad(a, e, "trace", "This is no name of a trace");
	return spot_trace_file(a, arena_printf(a, "%s/%.*s", dir, (int)n,
	    text), t, e);
}

static int
read_trace(struct arena *a, const char *dir, const struct spot_simulate *in,
    struct spot_trace *t, struct err *e)
{
	const char *text = in->trace.p != NULL ? in->trace.p : "";
	size_t n = strlen(text);
	int64_t end;
	int rc;

	if (n > 2 && text[0] == '"' && text[n - 1] == '"')
		rc = named(a, dir, text, n, t, e);
	else
		rc = spot_trace_text(a, text, n, t, e);
	if (rc == -1)
		return -1;
	end = in->end > 0 ? in->end : (int64_t)t->n;
	if (in->start >= end || end > (int64_t)t->n)
		return bad(a, e, "start", "The trace has no such part");
	t->offered += in->start;
	t->n = (size_t)(end - in->start);
	return 0;
}

/* ---- charts ------------------------------------------------------------------------- */

static const char *
place_of(char letter)
{
	return spot_place_names[letter == 's' ? PLACE_SPOT : letter == 'd' ?
	    PLACE_DEMAND : PLACE_IDLE];
}

static struct list
segments(struct arena *a, const char *timeline, double tick_h)
{
	VEC(struct spot_segment) v = { 0 };
	size_t n = strlen(timeline);

	for (size_t i = 0; i < n && v.n < SPOT_SEGMENTS;) {
		size_t k = i;

		while (k < n && timeline[k] == timeline[i])
			k++;
		*VEC_ADD(a, &v) = (struct spot_segment){ (double)i * tick_h,
		    (double)k * tick_h, place_of(timeline[i]) };
		i = k;
	}
	return (struct list){ v.v, v.n };
}

/* Work done and money spent, at even distances. */
static struct list
points(struct arena *a, const struct spot_deadline_job *j,
    const char *timeline)
{
	size_t n = strlen(timeline);
	size_t every = n / SPOT_CHART_POINTS + 1;
	double done = 0, cost = 0, lost = 0, tick_h = j->tick_s / HOUR;
	VEC(struct spot_point) v = { 0 };
	char before = '.';

	for (size_t i = 0; i <= n; i++) {
		double use = j->tick_s;

		if (i % every == 0 || i == n)
			*VEC_ADD(a, &v) = (struct spot_point){
			    (double)i * tick_h, fmin(1, done / j->work_s),
			    cost };
		if (i == n)
			break;
		if (timeline[i] != before)
			lost = timeline[i] == '.' ? 0 : j->changeover_s;
		before = timeline[i];
		if (timeline[i] == '.')
			continue;
		cost += tick_h * (timeline[i] == 'd' ? j->demand_price :
		    j->spot_price);
		use = fmin(lost, j->tick_s);
		lost -= use;
		done += j->tick_s - use;
	}
	return (struct list){ v.v, v.n };
}

static struct list
offers(struct arena *a, const struct spot_trace *t, size_t most,
    double tick_h)
{
	size_t n = t->n < most ? t->n : most;
	char *text = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = t->offered[i] ? 's' : '.';
	return segments(a, text, tick_h);
}

static struct spot_simulated
replay(struct arena *a, const struct spot_deadline_job *j,
    const struct spot_trace *t)
{
	size_t ticks = (size_t)(j->deadline_s / j->tick_s) + 2;
	double plain = (j->work_s + j->changeover_s) / HOUR * j->demand_price;
	struct spot_deadline_result r;

	spot_deadline_replay(j, t->offered, t->n, arena_alloc(a, ticks + 1),
	    ticks, &r);
	return (struct spot_simulated){ .policy =
	    spot_pacing_names[j->pacing], .cost = r.cost, .spot_h = r.spot_h,
	    .od_h = r.od_h, .moves = r.moves, .late = r.late,
	    .finished_h = r.finished_h, .saving_percent =
	    round(1000 - 1000 * r.cost / plain) / 10,
	    .segments = segments(a, r.timeline, j->tick_s / HOUR),
	    .points = points(a, j, r.timeline) };
}

static void
choose(struct spot_simulation *out, const struct spot_simulated *v, size_t n)
{
	const struct spot_simulated *best = &v[0];

	for (size_t i = 1; i < n; i++)
		if (v[i].late != best->late ? best->late :
		    v[i].cost < best->cost)
			best = &v[i];
	out->policy = best->policy;
	out->cost = best->cost;
	out->spot_h = best->spot_h;
	out->od_h = best->od_h;
	out->moves = best->moves;
	out->late = best->late;
}

int
spot_simulate(struct arena *a, const char *dir,
    const struct spot_simulate *in, struct spot_simulation *out,
    struct err *e)
{
	struct spot_deadline_job j = { .work_s = in->work_s,
	    .deadline_s = in->deadline_s, .changeover_s = in->d_s,
	    .demand_price = in->on_demand, .spot_price = in->spot,
	    .theta = in->theta };
	int only = in->policy != NULL ? spot_pacing_parse(in->policy) : -1;
	struct spot_simulated *v = arena_array(a, PACINGS, sizeof(*v));
	size_t n = 0, up = 0;
	struct spot_trace t;

	if (read_trace(a, dir, in, &t, e) == -1)
		return -1;
	j.tick_s = in->tick_s > 0 ? in->tick_s : t.gap_s > 0 ? t.gap_s : 600;
	if (spot_deadline_check(&j, a, e) == -1)
		return -1;
	for (int p = 0; p < PACINGS; p++)
		if (only == -1 || p == only) {
			j.pacing = (enum spot_pacing)p;
			v[n++] = replay(a, &j, &t);
		}
	for (size_t i = 0; i < t.n; i++)
		up += t.offered[i];
	*out = (struct spot_simulation){ .ticks = (int64_t)t.n,
	    .tick_s = j.tick_s, .offered = (double)up / (double)t.n,
	    .deadline_h = j.deadline_s / HOUR, .results = { v, n } };
	out->offers = offers(a, &t, (size_t)(j.deadline_s / j.tick_s) + 1,
	    j.tick_s / HOUR);
	choose(out, v, n);
	return 0;
}
