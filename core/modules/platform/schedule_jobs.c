/*
 * The loop that fires schedules. Wakes when the next one is due, so that a
 * fire is milliseconds late; leadership saves work, the fire's key and the
 * row's lock make a fire happen once.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/platform/schedule.h"

enum { PERIOD_MS = 1000 };

static int
fire(struct loop_ctx *c, struct err *e)
{
	int64_t next_us, ms;
	size_t fired;

	if (c->memory == NULL) {
		if (schedule_declare(c->db, c->a, c->env->modules,
		    clock_now(), e) == -1)
			return -1;
		c->memory = c->keep;	/* only: that was done */
	}
	if (schedule_step(c->env, c->a, &fired, &next_us, e) == -1)
		return -1;
	if (next_us == 0)
		return 0;
	ms = (next_us - clock_now().us) / 1000 + 1;
	c->next_ms = ms < 1 ? 1 : ms > PERIOD_MS ? PERIOD_MS : ms;
	return 0;
}

const struct loop platform_schedule_loops[] = {
	{ .name = "jobs.schedules", .doc = "Makes the jobs of schedules when "
	  "their time has come", .period_ms = PERIOD_MS,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .run = fire },
	LOOP_END
};
