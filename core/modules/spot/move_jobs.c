/*
 * Moves as jobs: each run takes one move as far as it goes now and leaves the
 * next run behind. The sweep every five minutes, the upkeep every two seconds;
 * hosts without a worker run both by quincunx-schedule.
 */
#include "base/arena.h"
#include "modules/spot/move_inner.h"

static enum job_rc
move(struct job_ctx *c, const void *in)
{
	const struct spot_id_in *i = in;

	return spot_move_run(c, i->id, NULL);
}

static enum job_rc
sweep(struct job_ctx *c, const void *in)
{
	struct spot_swept *s = arena_alloc(c->a, sizeof(*s));
	struct env env = *c->env;

	(void)in;
	env.db = c->db;
	if (spot_move_sweep(&env, c->a, NULL, s, &c->err) == -1)
		return JOB_RETRY;
	c->result = s;
	return JOB_DONE;
}

/* Crashes are what the steps are made for: many are forgiven. */
const struct job spot_move_jobs[] = {
	{ .name = "spot.move", .doc = "Takes a move on until it waits or ends",
	  .in = &spot_id_in_schema, .queue = "moves", .lane = LANE_NORMAL,
	  .flags = JOB_TXN, .tries = 50, .timeout_s = 300, .backoff_s = 1,
	  .backoff_max_s = 60, .max_crashes = 50, .run = move },
	{ .name = "spot.sweep", .doc = "Ends what failed moves have left "
	  "behind", .out = &spot_swept_schema, .queue = "moves",
	  .lane = LANE_LOW, .flags = JOB_API, .tries = 3, .timeout_s = 600,
	  .permission = "spot:act", .run = sweep },
	JOB_END
};

const struct schedule spot_move_schedules[] = {
	{ .name = "spot.sweep", .doc = "Orphans and raised groups of moves",
	  .spec = "@every 5m", .job = "spot.sweep" },
	SCHEDULE_END
};

static int
upkeep(struct loop_ctx *c, struct err *e)
{
	struct env env = *c->env;

	env.db = c->db;
	return spot_move_upkeep(&env, c->a, e);
}

const struct loop spot_move_loops[] = {
	{ .name = "spot.moves", .doc = "Starts approved moves, wakes those "
	  "that nobody works at", .period_ms = 2000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .bell = "move", .component = "spot.move",
	  .run = upkeep },
	LOOP_END
};
