/*
 * Deadline policies and their replay. Pure arithmetic on seconds. Invariant:
 * every policy takes on-demand as soon as a further tick without progress
 * could make what is left (work, one changeover to come and one to spare) not
 * fit any more, and then keeps it to the end: no policy is late if the job
 * fits at all.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/deadline.h"

#define HOUR 3600.0
#define DONE_S 1e-3		/* work smaller than this is done */
#define PRIOR_RUNS 1.5
#define PRIOR_UP_S (20 * HOUR)
#define PRIOR_DOWN_S (10 * HOUR)
#define THETA 0.5

const char *const spot_place_names[] = { "idle", "spot", "on_demand", NULL };
const char *const spot_pacing_names[] = {
	"on_demand", "greedy", "uniform_progress", "paced", NULL
};

int
spot_pacing_parse(const char *name)
{
	for (int i = 0; i < PACINGS; i++)
		if (strcmp(spot_pacing_names[i], name) == 0)
			return i;
	return -1;
}

static const struct field result_fields[] = {
	FIELD(struct spot_deadline_result, policy, .doc = "Policy"),
	FIELD(struct spot_deadline_result, cost, .doc = "US dollars"),
	FIELD(struct spot_deadline_result, spot_h, .doc = "Hours on spot"),
	FIELD(struct spot_deadline_result, od_h, .doc = "Hours on on-demand"),
	FIELD(struct spot_deadline_result, moves,
	    .doc = "Starts on a machine"),
	FIELD(struct spot_deadline_result, late,
	    .doc = "Not done at the deadline"),
	FIELD(struct spot_deadline_result, finished_h,
	    .doc = "Hours from start to end"),
	FIELD(struct spot_deadline_result, timeline, .flags = FF_NULLABLE,
	    .doc = "A letter for each tick: . idle, s spot, d on-demand"),
	FIELD_END
};
const struct schema spot_deadline_result_schema = {
	.name = "SpotDeadlineResult", .doc = "What a policy would have cost",
	.size = sizeof(struct spot_deadline_result), .fields = result_fields
};

/* ---- policies -------------------------------------------------------------- */

static double
left_time(const struct spot_deadline_job *j,
    const struct spot_deadline_view *v)
{
	return j->deadline_s - v->elapsed_s;
}

/* One tick later it might be too late. */
static bool
must_run(const struct spot_deadline_job *j, const struct spot_deadline_view *v)
{
	return left_time(j, v) - j->tick_s <
	    v->left_s + 2 * j->changeover_s;
}

/* Progress that an even pace would have made, s seconds ahead of now. */
static double
pace(const struct spot_deadline_job *j, const struct spot_deadline_view *v,
    double s)
{
	return (v->elapsed_s + s) * j->work_s / j->deadline_s;
}

static enum spot_place
greedy(const struct spot_deadline_job *j, const struct spot_deadline_view *v)
{
	if (v->now == PLACE_DEMAND || must_run(j, v))
		return PLACE_DEMAND;
	return v->offered ? PLACE_SPOT : PLACE_IDLE;
}

static enum spot_place
uniform(const struct spot_deadline_job *j, const struct spot_deadline_view *v)
{
	double progress = j->work_s - v->left_s;

	if (must_run(j, v))
		return PLACE_DEMAND;
	if (v->now == PLACE_DEMAND) {
		if (progress < pace(j, v, 2 * j->changeover_s))
			return PLACE_DEMAND;
		return v->offered ? PLACE_SPOT : PLACE_IDLE;
	}
	if (v->offered)
		return PLACE_SPOT;
	return progress < pace(j, v, 0) ? PLACE_DEMAND : PLACE_IDLE;
}

/* The time that could pass idle before on-demand has to be taken, if spot
 * goes on as it was seen: the part of the time left that spot's own progress
 * does not use up. */
static double
slack(const struct spot_deadline_job *j, const struct spot_deadline_seen *s,
    const struct spot_deadline_view *v, double up)
{
	double down = s->down_s / s->down_ends;
	double d = j->changeover_s, share = up / (up + down);
	double rate = share * (1 - d / fmax(up, 2 * d));

	return (left_time(j, v) - 2 * d - v->left_s - j->tick_s) / (1 - rate);
}

static enum spot_place
paced(const struct spot_deadline_job *j, const struct spot_deadline_seen *s,
    const struct spot_deadline_view *v)
{
	double k = j->demand_price / j->spot_price, d = j->changeover_s;
	double theta = j->theta > 0 ? j->theta : THETA;
	double up = s->up_s / s->up_ends, x = slack(j, s, v, up);
	double life = v->residual_s > 0 ? v->residual_s : up;
	double worth = k > 1 ? k * d / (k - 1) : INFINITY;
	double progress = j->work_s - v->left_s;
	bool roomy = x >= theta * left_time(j, v);

	if (must_run(j, v))
		return PLACE_DEMAND;
	if (v->now == PLACE_DEMAND) {
		if (v->offered)
			return life > 2 * worth && (roomy || progress >=
			    pace(j, v, theta * d)) ? PLACE_SPOT : PLACE_DEMAND;
		return progress >= pace(j, v, 2 * d) ? PLACE_IDLE :
		    PLACE_DEMAND;
	}
	if (v->offered && life > worth)
		return PLACE_SPOT;
	return !roomy && progress < pace(j, v, 0) ? PLACE_DEMAND : PLACE_IDLE;
}

void
spot_deadline_begin(struct spot_deadline_seen *s)
{
	*s = (struct spot_deadline_seen){ PRIOR_UP_S, PRIOR_RUNS,
	    PRIOR_DOWN_S, PRIOR_RUNS, -1 };
}

static void
learn(struct spot_deadline_seen *s, bool offered, double tick_s)
{
	if (s->before == 1) {
		s->up_s += tick_s;
		s->up_ends += !offered;
	} else if (s->before == 0) {
		s->down_s += tick_s;
		s->down_ends += offered;
	}
	s->before = offered;
}

enum spot_place
spot_deadline_step(const struct spot_deadline_job *j,
    struct spot_deadline_seen *s, const struct spot_deadline_view *v)
{
	if (j->pacing == PACING_PACED)
		learn(s, v->offered, j->tick_s);
	if (v->left_s <= DONE_S)
		return PLACE_IDLE;
	if (j->pacing == PACING_ON_DEMAND)
		return PLACE_DEMAND;
	if (v->now == PLACE_SPOT)
		return PLACE_SPOT;
	switch (j->pacing) {
	case PACING_GREEDY: return greedy(j, v);
	case PACING_UNIFORM: return uniform(j, v);
	default: return paced(j, s, v);
	}
}

/* ---- replay ------------------------------------------------------------------ */

/* Work done in one tick on a machine, after what is left of the changeover. */
static void
progress(const struct spot_deadline_job *j, double *start_s, double *left_s)
{
	double lost = fmin(*start_s, j->tick_s);

	*start_s -= lost;
	*left_s = fmax(0, *left_s - (j->tick_s - lost));
}

void
spot_deadline_replay(const struct spot_deadline_job *j,
    const uint8_t *offered, size_t n, char *timeline, size_t ticks,
    struct spot_deadline_result *out)
{
	static const char letters[] = ".sd";
	struct spot_deadline_view v = { .left_s = j->work_s };
	struct spot_deadline_seen seen;
	size_t count[3] = { 0 }, i = 0;
	size_t most = (size_t)(4 * j->deadline_s / j->tick_s) + 1;
	enum spot_place next;
	double start_s = 0;

	*out = (struct spot_deadline_result){
	    .policy = spot_pacing_names[j->pacing] };
	spot_deadline_begin(&seen);
	for (;; i++) {
		v.offered = i < n && offered[i];
		if (v.now != PLACE_IDLE)
			progress(j, &start_s, &v.left_s);
		if (v.now == PLACE_SPOT && !v.offered)
			v.now = PLACE_IDLE;
		v.elapsed_s = (double)i * j->tick_s;
		if (v.left_s <= DONE_S || i >= most)
			break;
		next = spot_deadline_step(j, &seen, &v);
		if (next != PLACE_IDLE && next != v.now) {
			start_s = j->changeover_s;
			out->moves++;
		}
		v.now = next;
		count[next]++;
		if (timeline != NULL && i < ticks)
			timeline[i] = letters[next];
	}
	if (timeline != NULL)
		timeline[i < ticks ? i : ticks] = '\0';
	out->timeline = timeline;
	out->spot_h = (double)count[PLACE_SPOT] * j->tick_s / HOUR;
	out->od_h = (double)count[PLACE_DEMAND] * j->tick_s / HOUR;
	out->cost = out->spot_h * j->spot_price + out->od_h * j->demand_price;
	out->finished_h = v.elapsed_s / HOUR;
	out->late = v.left_s > DONE_S || v.elapsed_s > j->deadline_s;
}

/* ---- input --------------------------------------------------------------------- */

static int
refuse(struct arena *a, struct err *e, const char *member, const char *msg,
    double value)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(a, "[\"body\",\"%s\"]", member), .msg = msg,
	    .input = isfinite(value) ? arena_printf(a, "%.9g", value) :
	    "null" });
}

int
spot_deadline_check(const struct spot_deadline_job *j, struct arena *a,
    struct err *e)
{
	const struct {
		const char *member;
		double value, max;
		bool zero;
	} rows[] = {
		{ "work", j->work_s, 1e9, false },
		{ "deadline", j->deadline_s, 1e9, false },
		{ "changeover", j->changeover_s, 1e6, true },
		{ "tick", j->tick_s, 1e6, false },
		{ "od", j->demand_price, 1e6, false },
		{ "spot", j->spot_price, 1e6, false },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!isfinite(rows[i].value) || rows[i].value > rows[i].max ||
		    rows[i].value < 0 ||
		    (rows[i].value <= 0 && !rows[i].zero))
			rc = refuse(a, e, rows[i].member,
			    "Input should be a positive number of a sensible "
			    "size", rows[i].value);
	if (rc == 0 && j->deadline_s / j->tick_s > 1e7)
		rc = refuse(a, e, "tick", "More than ten million ticks fit "
		    "before the deadline", j->tick_s);
	if (rc == 0 && j->work_s + j->changeover_s > j->deadline_s)
		rc = refuse(a, e, "deadline", "The work and one changeover do "
		    "not fit before the deadline", j->deadline_s);
	return rc;
}
