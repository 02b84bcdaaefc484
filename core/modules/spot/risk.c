/*
 * Hazards: piecewise constant over the ages of an instance. Reads no clock and
 * no table. Invariant: a hazard is finite and never negative, S falls from 1,
 * and E[T] of a stretch is at most the stretch.
 */
#include <math.h>

#include "modules/spot/risk.h"

#define LIFE_MAX_H 87600.0		/* ten years: "no end" of a life */

const double spot_age_from[SPOT_AGES + 1] = { 0, 1.0 / 3, 1, 2, 4, 8, 16,
    INFINITY };

int
spot_age_bin(double age_h)
{
	int b = SPOT_AGES - 1;

	while (b > 0 && age_h < spot_age_from[b])
		b--;
	return b;
}

struct spot_hazard
spot_hazard_flat(double per_hour)
{
	struct spot_hazard z;

	for (int b = 0; b < SPOT_AGES; b++)
		z.h[b] = per_hour;
	return z;
}

/* Walks the bins from an age on: the integral of S, and S at the end. */
static double
walk(const struct spot_hazard *z, double age_h, double hours, double *s)
{
	double up = 0, from = fmax(age_h, 0), end = from + hours;

	*s = 1;
	for (int b = spot_age_bin(from); b < SPOT_AGES && from < end; b++) {
		double to = fmin(spot_age_from[b + 1], end), w = to - from;
		double gone = -expm1(-z->h[b] * w);

		up += *s * (z->h[b] > 0 ? gone / z->h[b] : w);
		*s *= 1 - gone;
		from = to;
	}
	return up;
}

double
spot_hazard_loss(const struct spot_hazard *z, double age_h, double hours)
{
	double sum = 0, from = fmax(age_h, 0), end = from + hours;

	for (int b = spot_age_bin(from); b < SPOT_AGES && from < end; b++) {
		double to = fmin(spot_age_from[b + 1], end);

		sum += z->h[b] * (to - from);
		from = to;
	}
	return -expm1(-sum);
}

double
spot_hazard_up(const struct spot_hazard *z, double age_h, double hours)
{
	double s;

	return walk(z, age_h, hours, &s);
}

double
spot_hazard_residual(const struct spot_hazard *z, double age_h)
{
	return spot_hazard_up(z, age_h, LIFE_MAX_H);
}

/* ---- counts -------------------------------------------------------------------- */

void
spot_exposure_run(struct spot_exposure *x, double from_h, double to_h,
    bool lost)
{
	double from = fmax(from_h, 0);

	if (!(to_h > from) && !lost)
		return;
	for (int b = spot_age_bin(from); b < SPOT_AGES; b++) {
		double to = fmin(spot_age_from[b + 1], to_h);

		if (to > from)
			x->hours[b] += to - from;
		if (to_h < spot_age_from[b + 1]) {
			x->lost[b] += lost;
			return;
		}
		from = to;
	}
}

void
spot_exposure_add(struct spot_exposure *x, const struct spot_exposure *y)
{
	for (int b = 0; b < SPOT_AGES; b++) {
		x->hours[b] += y->hours[b];
		x->lost[b] += y->lost[b];
	}
}

struct spot_hazard
spot_hazard_shrunk(const struct spot_exposure *x,
    const struct spot_hazard *prior, double a)
{
	struct spot_hazard z;

	for (int b = 0; b < SPOT_AGES; b++)
		z.h[b] = (x->lost[b] + a * prior->h[b]) / (x->hours[b] + a);
	return z;
}
