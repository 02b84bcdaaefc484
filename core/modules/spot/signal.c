/*
 * What a row of signals comes to. Reads no clock; a signal that is older than
 * the last one counts with no time passed.
 */
#include <math.h>
#include <string.h>

#include "modules/spot/signal.h"

#define REFUSED_H (10.0 / 60)
#define US_PER_S INT64_C(1000000)
#define US_PER_H (3600.0 * 1e6)

static const char *const kinds[] = { "probe_ok", "probe_ice", "launch_ok",
    "launch_ice", "rebalance", "interrupt", "score", "advisor", NULL };

bool
spot_signal_kind(const char *kind)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

void
spot_pool_state_begin(struct spot_pool_state *s, int64_t pool_id)
{
	*s = (struct spot_pool_state){ .pool_id = pool_id,
	    .avail_fast = 0.5, .avail_slow = 0.5 };
}

double
spot_ewma(double e, double v, double dt_h, double tau_h)
{
	return e + (v - e) * -expm1(-dt_h / tau_h);
}

static void
capacity(struct spot_pool_state *s, double v, struct utc at)
{
	double dt = s->seen_at.us == 0 ? SPOT_TAU_SLOW_H :
	    fmax(0, (double)(at.us - s->seen_at.us) / US_PER_H);

	if (v < 1 && s->seen_at.us == 0)
		dt = SPOT_TAU_FAST_H;	/* one refusal is not a day of them */
	if (v < 1)
		dt = fmax(dt, REFUSED_H);
	s->avail_fast = spot_ewma(s->avail_fast, v, dt, SPOT_TAU_FAST_H);
	s->avail_slow = spot_ewma(s->avail_slow, v, dt, SPOT_TAU_SLOW_H);
	if (at.us > s->seen_at.us)
		s->seen_at = at;
}

static void
full(struct spot_pool_state *s, struct utc at)
{
	int64_t wait = SPOT_FULL_FIRST_S;

	for (int64_t i = 0; i < s->full_n && wait < SPOT_FULL_MAX_S; i++)
		wait *= 2;
	wait = wait < SPOT_FULL_MAX_S ? wait : SPOT_FULL_MAX_S;
	s->full_n++;
	if (at.us + wait * US_PER_S > s->full_until.us)
		s->full_until.us = at.us + wait * US_PER_S;
}

void
spot_signal_apply(struct spot_pool_state *s, const char *kind, double value,
    struct utc at)
{
	if (strcmp(kind, "probe_ok") == 0 || strcmp(kind, "launch_ok") == 0) {
		capacity(s, 1, at);
		s->full_n = 0;
		s->full_until.us = 0;
	} else if (strcmp(kind, "probe_ice") == 0 ||
	    strcmp(kind, "launch_ice") == 0) {
		capacity(s, 0, at);
		full(s, at);
	} else if (strcmp(kind, "rebalance") == 0 ||
	    strcmp(kind, "interrupt") == 0) {
		if (strcmp(kind, "interrupt") == 0)
			capacity(s, 0, at);
		if (at.us > s->notice_at.us)
			s->notice_at = at;
	} else if (strcmp(kind, "score") == 0 && at.us >= s->score_at.us) {
		s->score = value;
		s->score_at = at;
	}
}
