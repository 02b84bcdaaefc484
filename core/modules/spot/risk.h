/*
 * The risk of losing spot capacity: hazards by the age of an instance, shrunk
 * from pool to family and zone to all, and what is seen now on top of them.
 *
 * S(t|age) = exp(-integral of h); q(H) = 1 - S(H|age);
 * E[T] = integral of S over 0..H; m(age) = the same without end.
 */
#ifndef SPOT_RISK_H
#define SPOT_RISK_H

#include "base/types.h"
#include "schema/schema.h"

struct arena;
struct err;

/* Ages in hours: 0, 1/3, 1, 2, 4, 8, 16, no end. */
enum { SPOT_AGES = 7 };
extern const double spot_age_from[SPOT_AGES + 1];
int spot_age_bin(double age_h);

/* Losses per hour of an instance, by its age. */
struct spot_hazard {
	double h[SPOT_AGES];
};

/* The same hazard at every age. */
struct spot_hazard spot_hazard_flat(double per_hour);
/* q(H): lost within so many hours, from this age on. */
double spot_hazard_loss(const struct spot_hazard *, double age_h,
    double hours);
/* E[T]: hours expected to run of so many. */
double spot_hazard_up(const struct spot_hazard *, double age_h, double hours);
/* m(age): further life expected, in hours. */
double spot_hazard_residual(const struct spot_hazard *, double age_h);

/* ---- counts and shrinkage ---------------------------------------------------- */

/* Hours run and losses seen, by age. */
struct spot_exposure {
	double hours[SPOT_AGES], lost[SPOT_AGES];
};
/* One run: from_h..to_h of age, ended by a loss or not. */
void spot_exposure_run(struct spot_exposure *, double from_h, double to_h,
    bool lost);
void spot_exposure_add(struct spot_exposure *, const struct spot_exposure *);
/* h_b = (D_b + a H_b) / (T_b + a); a in pool-hours (8). */
struct spot_hazard spot_hazard_shrunk(const struct spot_exposure *,
    const struct spot_hazard *prior, double a);

#endif
