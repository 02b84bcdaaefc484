/*
 * Lanes and waits between tries: arithmetic only.
 */
#include "jobs/lane.h"

enum { OVERRIDE_EVERY = 8 };

#define S INT64_C(1000000)
static const int64_t limits[LANES] = { 5 * S, 30 * S, 300 * S, 1800 * S };
static const int weights[LANES] = { 8, 4, 2, 1 };

/* The lane that is most over its limit, -1 = none is. */
static int
overdue(const bool full[LANES], const int64_t age_us[LANES])
{
	double most = 1;
	int lane = -1;

	for (int i = 0; i < LANES; i++) {
		double over = (double)age_us[i] / (double)limits[i];

		if (full[i] && over > most) {
			most = over;
			lane = i;
		}
	}
	return lane;
}

int
jobs_lane_pick(struct jobs_turn *t, const bool full[LANES],
    const int64_t age_us[LANES])
{
	int best = -1, old, total = 0;

	if (t->since_override < OVERRIDE_EVERY)
		t->since_override++;
	old = overdue(full, age_us);
	if (old != -1 && t->since_override == OVERRIDE_EVERY) {
		t->since_override = 0;
		return old;
	}
	for (int i = 0; i < LANES; i++) {
		if (!full[i]) {
			t->credit[i] = 0;
			continue;
		}
		t->credit[i] += weights[i];
		total += weights[i];
		if (best == -1 || t->credit[i] > t->credit[best])
			best = i;
	}
	if (best != -1)
		t->credit[best] -= total;
	return best;
}

double
jobs_backoff(int64_t failures, int64_t base_s, int64_t max_s, double u)
{
	double d = (double)base_s;

	for (int64_t i = 1; i < failures && d < (double)max_s; i++)
		d *= 2;
	if (d > (double)max_s)
		d = (double)max_s;
	return d / 2 + u * d / 2;
}
