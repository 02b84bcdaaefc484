/*
 * spot.simulate: a simulation as a job, for traces that take longer.
 */
#include "base/arena.h"
#include "base/err.h"
#include "conf/conf.h"
#include "modules/spot/conf.h"
#include "modules/spot/simulation.h"

static enum job_rc
simulate(struct job_ctx *c, const void *in)
{
	const struct spot_conf *conf = conf_get(c->env->conf,
	    &spot_settings);
	struct spot_simulation *out = arena_alloc(c->a, sizeof(*out));

	if (spot_simulate(c->a, conf->trace_dir, in, out, &c->err) == -1)
		return JOB_FAIL;
	c->result = out;
	return JOB_DONE;
}

const struct job spot_simulation_jobs[] = {
	{ .name = "spot.simulate", .doc = "Deadline policies on a recorded "
	  "trace", .in = &spot_simulate_schema,
	  .out = &spot_simulation_schema, .queue = "spot", .lane = LANE_NORMAL,
	  .flags = JOB_API, .tries = 1, .timeout_s = 300,
	  .permission = "spot:read", .run = simulate },
	JOB_END
};
