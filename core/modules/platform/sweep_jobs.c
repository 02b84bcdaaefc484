/*
 * The sweep as a job, once an hour by its schedule, for hosts whose cron does
 * not run quincunx-sweep. Both at once do no harm.
 */
#include "base/arena.h"
#include "modules/platform/sweep.h"

enum { JOB_S = 300 };

static enum job_rc
sweep(struct job_ctx *c, const void *in)
{
	struct platform_sweep *s = arena_alloc(c->a, sizeof(*s));

	(void)in;
	if (platform_sweep(c->env, c->a, JOB_S, s, &c->err) == -1)
		return JOB_RETRY;
	c->result = s;
	return JOB_DONE;
}

const struct job platform_sweep_jobs[] = {
	{ .name = "platform.sweep", .doc = "Removes what is old, puts right "
	  "what was left lying about", .out = &platform_sweep_schema,
	  .queue = "platform", .lane = LANE_LOW, .flags = JOB_API,
	  .tries = 3, .timeout_s = 900, .permission = "jobs:control",
	  .run = sweep },
	JOB_END
};

const struct schedule platform_sweep_schedules[] = {
	{ .name = "platform.sweep", .doc = "Old rows and jobs, expired leases",
	  .spec = "H * * * *", .job = "platform.sweep" },
	SCHEDULE_END
};
