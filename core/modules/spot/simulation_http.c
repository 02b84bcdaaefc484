/*
 * Simulations over HTTP. Nothing is written.
 */
#include "conf/conf.h"
#include "http/http.h"
#include "modules/spot/conf.h"
#include "modules/spot/simulation.h"

static int
simulate(struct ctx *c, const void *in)
{
	const struct spot_conf *conf = conf_get(c->env->conf,
	    &spot_settings);
	struct spot_simulation out;

	if (spot_simulate(c->a, conf->trace_dir, in, &out, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

const struct route spot_simulation_routes[] = {
	{ .id = "spot.simulation.create", .method = HTTP_POST,
	  .path = "/api/spot/simulations", .aliases = ALIASES(
	  { "/api/v1/simulations", "001", false }),
	  .summary = "What deadline policies would have cost on a trace",
	  .doc = "Replays on_demand, greedy, uniform_progress and paced on "
	  "recorded availability; the answer is ready for a chart: stretches "
	  "of time by place, work done and money spent.",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_simulate_schema, .out = &spot_simulation_schema,
	  .ok = 200, .errors = ERRORS(404, 422), .pool = POOL_SLOW,
	  .max_body = 4 << 20, .max_values = 500000,
	  .natural_key = "nothing is written", .run = simulate },
	ROUTE_END
};
