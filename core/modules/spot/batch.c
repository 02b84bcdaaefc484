/*
 * One tick of a batch job. Pure: reads no clock. Invariant: time is paid where
 * it was told to run, and the answer is that of the deadline policy, which
 * keeps the deadline if the work fits at all.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "modules/spot/batch.h"

#define HOUR 3600.0

static struct spot_deadline_job
job_of(const struct spot_batch *b, const struct spot_batch_market *m)
{
	return (struct spot_deadline_job){ .work_s = b->work_s,
	    .deadline_s = (double)(b->deadline.us - b->created_at.us) / 1e6,
	    .changeover_s = b->changeover_s, .tick_s = b->tick_s,
	    .demand_price = m->demand_price, .spot_price = m->offered ?
	    m->spot_price : m->demand_price, .theta = b->theta,
	    .pacing = (enum spot_pacing)spot_pacing_parse(b->policy) };
}

/* Since the last decision, at the place that was told. */
static void
pay(struct spot_batch *b, const struct spot_batch_market *m, struct utc now)
{
	double h = b->decided_at.us == 0 ? 0 : (double)(now.us -
	    b->decided_at.us) / 1e6 / HOUR;

	if (strcmp(b->place, "spot") == 0) {
		b->spot_h += h;
		b->cost += h * (m->offered ? m->spot_price : 0);
	} else if (strcmp(b->place, "on_demand") == 0) {
		b->od_h += h;
		b->cost += h * m->demand_price;
	}
}

static const char *
why(struct arena *a, const struct spot_deadline_job *j,
    const struct spot_deadline_view *v, const struct spot_batch_market *m,
    enum spot_place p)
{
	double left = (j->deadline_s - v->elapsed_s) / HOUR;
	double spare = left - (v->left_s + 2 * j->changeover_s) / HOUR;

	if (v->left_s <= 0)
		return "the work is done";
	if (p == PLACE_DEMAND && spare <= j->tick_s / HOUR)
		return arena_printf(a, "%.1f h of work and %.1f h to the "
		    "deadline: only on-demand still keeps it",
		    v->left_s / HOUR, left);
	if (p == PLACE_DEMAND)
		return arena_printf(a, "%.0f %% done after %.0f %% of the "
		    "time%s: on-demand catches up", (1 - v->left_s /
		    j->work_s) * 100, v->elapsed_s / j->deadline_s * 100,
		    v->offered ? "" : " and no spot is offered");
	if (p == PLACE_SPOT)
		return arena_printf(a, "spot is offered in %s for %.4f USD "
		    "per hour and expected to last %.1f h; %.1f h to spare",
		    m->pool, m->spot_price, m->residual_h, spare);
	return arena_printf(a, "%s and %.1f h to spare: waiting costs "
	    "nothing", v->offered ? "spot is not expected to last long "
	    "enough" : "no spot is offered", spare);
}

void
spot_batch_next(struct arena *a, struct spot_batch *b,
    const struct spot_batch_market *m, enum spot_place runs_on,
    double done_s, struct utc now, struct spot_batch_step *s)
{
	struct spot_deadline_seen seen = { b->up_s, b->up_ends, b->down_s,
	    b->down_ends, (int)b->seen_before };
	struct spot_deadline_view v = { .elapsed_s = (double)(now.us -
	    b->created_at.us) / 1e6, .left_s = fmax(0, b->work_s - done_s),
	    .now = runs_on, .offered = m->offered,
	    .residual_s = m->offered ? m->residual_h * HOUR : 0 };
	struct spot_deadline_job j = job_of(b, m);
	enum spot_place next = PLACE_IDLE;

	pay(b, m, now);
	b->done_s = done_s;
	if (v.left_s > 0)
		next = spot_deadline_step(&j, &seen, &v);
	else
		b->state = now.us <= b->deadline.us ? "done" : "late";
	b->moves += next != PLACE_IDLE && next != runs_on;
	b->up_s = seen.up_s;
	b->up_ends = seen.up_ends;
	b->down_s = seen.down_s;
	b->down_ends = seen.down_ends;
	b->seen_before = seen.before;
	b->place = spot_place_names[next];
	b->pool = next == PLACE_SPOT && m->pool != NULL ? m->pool : "";
	b->decided_at = now;
	*s = (struct spot_batch_step){ .batch_id = b->id, .n = ++b->ticks,
	    .at = now, .place = b->place, .pool = b->pool, .done_s = done_s,
	    .offered = m->offered, .residual_h = m->residual_h,
	    .price = next == PLACE_DEMAND ? m->demand_price :
	    next == PLACE_SPOT ? m->spot_price : 0,
	    .reason = why(a, &j, &v, m, next), .model = "" };
}
