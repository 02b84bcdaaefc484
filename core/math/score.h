/*
 * How good probabilities are, and how to mend them. Brier (1950); the area
 * under the ROC curve as the Mann-Whitney statistic; calibration by Platt
 * (1999) and by isotonic regression (pool adjacent violators).
 */
#ifndef MATH_SCORE_H
#define MATH_SCORE_H

#include <stddef.h>

struct arena;

/* Mean of (p - y)^2; y is 0 or 1. 0 for n = 0. */
double math_brier(const double *p, const double *y, size_t n);
/* Probability that a 1 is ranked above a 0; equal ranks count half. 0.5 when
 * one of them does not occur. */
double math_auc(struct arena *, const double *p, const double *y, size_t n);
/* Mean log loss, p within 1e-9 of 0 and 1. */
double math_log_loss(const double *p, const double *y, size_t n);

/* Forecasts of [from, to): their mean, how often it happened. */
struct math_bin {
	double from, to, said, seen;
	size_t n;
};
/* Ten equal bins of 0..1; empty ones have n = 0. The return value is the
 * expected calibration error: sum of n/N |said - seen|. */
enum { MATH_BINS = 10 };
double math_reliability(const double *p, const double *y, size_t n,
    struct math_bin out[MATH_BINS]);

/* logit(p') = a + b logit(p), by maximum likelihood. */
void math_platt(struct arena *, const double *p, const double *y, size_t n,
    double *a, double *b);
double math_platt_at(double a, double b, double p);

/* A step function that never falls: value y[i] from x[i] on. */
struct math_steps {
	double *x, *y;
	size_t n;
};
void math_isotonic(struct arena *, const double *p, const double *y,
    size_t n, struct math_steps *);
double math_isotonic_at(const struct math_steps *, double p);

#endif
