/*
 * Penalised logistic regression, and the small dense algebra it needs. Own
 * code: the Debian libraries with a Cholesky (GSL, LAPACK) have no such fit,
 * and what is left of one without it is thirty lines.
 */
#ifndef MATH_LOGIT_H
#define MATH_LOGIT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* 1/(1+e^-x) and its inverse, which takes p within 1e-9 of 0 and 1. */
double math_logistic(double x);
double math_logit(double p);

/* A = L L' in place (lower triangle, n*n row-major); -1: not positive
 * definite. Then solves A x = b in place. Golub & Van Loan, 4.2. */
int math_cholesky(double *m, size_t n);
void math_cholesky_solve(const double *l, size_t n, double *b);

struct math_logit_data {
	const double *x;	/* n rows of k inputs */
	const double *y;	/* 0..1 */
	const double *weight;	/* NULL: 1 each */
	size_t n, k;
	double ridge;		/* added to the information of each input,
				 * which are scaled to variance 1 for it; not
				 * to that of the intercept */
	const double *prior;	/* coefficients the penalty draws to; NULL: 0 */
};
struct math_logit_fit {
	double *w;		/* intercept, then a coefficient per input, of
				 * the inputs as they were given */
	double loss;		/* mean log loss without the penalty */
	int steps;
	bool converged;
};
/* Newton-Raphson (IRLS) with halved steps where a full one would not descend;
 * McCullagh & Nelder, 2.5. Inputs without variance get that of
 * the prior. */
void math_logit_train(struct arena *, const struct math_logit_data *,
    struct math_logit_fit *);
/* Probability for one row of inputs. */
double math_logit_predict(const double *w, const double *x, size_t k);

#endif
