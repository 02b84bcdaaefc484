/*
 * Folding of signals into the states of their pools, every few minutes. A
 * crash leaves them unfolded, and they are read beside the states until then.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/signal.h"

enum { PASSES_MAX = 200, KEPT_DAYS = 90 };
#define HOUR_US (INT64_C(3600) * 1000000)
#define DAY_US (24 * HOUR_US)

struct folded {
	int64_t signals;
};
static const struct field folded_fields[] = {
	FIELD(struct folded, signals, .doc = "Signals folded"), FIELD_END
};
static const struct schema folded_schema = {
	.name = "SpotSignalsFolded", .doc = "What was folded",
	.size = sizeof(struct folded), .fields = folded_fields
};

static enum job_rc
fold(struct job_ctx *c, const void *in)
{
	struct folded *out = arena_alloc(c->a, sizeof(*out));
	struct arena_mark mark = arena_mark(c->a);
	size_t n = 1;

	(void)in;
	for (int i = 0; i < PASSES_MAX && n > 0 && !job_stopping(c); i++) {
		if (job_begin(c, &c->err) == -1)
			return JOB_RETRY;
		if (spot_signal_fold(c->db, c->a, &n, &c->err) == -1) {
			db_rollback(c->db);
			return JOB_RETRY;
		}
		if (db_commit(c->db, &c->err) == -1)
			return JOB_RETRY;
		out->signals += (int64_t)n;
		arena_rewind(c->a, mark);
	}
	c->result = out;
	return JOB_DONE;
}

/* Whole hours since the last that is there, and the two days before it once
 * more, for what came late; a day at a time. */
static enum job_rc
hours(struct job_ctx *c, const void *in)
{
	struct folded *out = arena_alloc(c->a, sizeof(*out));
	struct utc at, end = { clock_now().us / HOUR_US * HOUR_US };
	uint64_t n;

	(void)in;
	c->result = out;
	if (spot_signal_hours_last(c->db, c->a, &at, &c->err) == -1)
		return JOB_RETRY;
	at.us = at.us == 0 ? end.us - KEPT_DAYS * DAY_US : at.us - 2 * DAY_US;
	for (; at.us < end.us && !job_stopping(c); at.us += DAY_US) {
		struct utc to = { at.us + DAY_US < end.us ? at.us + DAY_US :
		    end.us };

		if (job_begin(c, &c->err) == -1)
			return JOB_RETRY;
		if (spot_signal_hours_sum(c->db, at, to, &n, &c->err) == -1 ||
		    db_commit(c->db, &c->err) == -1) {
			db_rollback(c->db);
			return JOB_RETRY;
		}
		out->signals += (int64_t)n;
	}
	return JOB_DONE;
}

const struct job spot_signal_jobs[] = {
	{ .name = "spot.signal_fold", .doc = "What is heard about pools, "
	  "summed up in their states", .out = &folded_schema,
	  .queue = "spot", .lane = LANE_NORMAL, .flags = JOB_API, .tries = 3,
	  .timeout_s = 300, .permission = "spot:prices", .run = fold },
	{ .name = "spot.signal_hours", .doc = "Signals summed up by the hour, "
	  "for when the single ones are gone", .out = &folded_schema,
	  .queue = "spot", .lane = LANE_LOW, .flags = JOB_API, .tries = 3,
	  .timeout_s = 900, .permission = "spot:prices", .run = hours },
	JOB_END
};

const struct schedule spot_signal_schedules[] = {
	{ .name = "spot.signal_fold", .doc = "States of pools from signals",
	  .spec = "@every 5m", .job = "spot.signal_fold" },
	{ .name = "spot.signal_hours", .doc = "Signals by the hour",
	  .spec = "H H * * *", .job = "spot.signal_hours" },
	SCHEDULE_END
};
