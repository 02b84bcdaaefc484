/*
 * Scores and calibration of probabilities. Pure arithmetic; refuses nothing:
 * empty input gives the neutral value that the header names.
 */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "math/logit.h"
#include "math/score.h"

double
math_brier(const double *p, const double *y, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += (p[i] - y[i]) * (p[i] - y[i]);
	return n > 0 ? s / (double)n : 0;
}

double
math_log_loss(const double *p, const double *y, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++) {
		double eta = math_logit(p[i]);

		s += (eta > 0 ? eta + log1p(exp(-eta)) : log1p(exp(eta))) -
		    y[i] * eta;
	}
	return n > 0 ? s / (double)n : 0;
}

struct point {
	double p, y;
};

static int
by_p(const void *va, const void *vb)
{
	const struct point *a = va, *b = vb;

	return (a->p > b->p) - (a->p < b->p);
}

static struct point *
sorted(struct arena *a, const double *p, const double *y, size_t n)
{
	struct point *v = arena_array(a, n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = (struct point){ p[i], y[i] };
	if (n > 1)
		qsort(v, n, sizeof(*v), by_p);
	return v;
}

double
math_auc(struct arena *a, const double *p, const double *y, size_t n)
{
	struct arena_mark mark = arena_mark(a);
	struct point *v = sorted(a, p, y, n);
	double ones = 0, ranks = 0, auc = 0.5;

	for (size_t i = 0; i < n;) {
		size_t j = i;
		double here = 0;

		while (j < n && v[j].p <= v[i].p)
			here += v[j++].y;
		/* mean rank of the tie, counted from 1 */
		ranks += here * ((double)(i + 1 + j) / 2);
		ones += here;
		i = j;
	}
	if (ones > 0 && ones < (double)n)
		auc = (ranks - ones * (ones + 1) / 2) /
		    (ones * ((double)n - ones));
	arena_rewind(a, mark);
	return auc;
}

double
math_reliability(const double *p, const double *y, size_t n,
    struct math_bin out[MATH_BINS])
{
	double error = 0;

	for (int b = 0; b < MATH_BINS; b++)
		out[b] = (struct math_bin){ .from = (double)b / MATH_BINS,
		    .to = (double)(b + 1) / MATH_BINS };
	for (size_t i = 0; i < n; i++) {
		int b = (int)(fmin(fmax(p[i], 0), 1) * MATH_BINS);

		b = b < MATH_BINS ? b : MATH_BINS - 1;
		out[b].said += p[i];
		out[b].seen += y[i];
		out[b].n++;
	}
	for (int b = 0; b < MATH_BINS; b++) {
		if (out[b].n == 0)
			continue;
		error += fabs(out[b].said - out[b].seen) / (double)n;
		out[b].said /= (double)out[b].n;
		out[b].seen /= (double)out[b].n;
	}
	return error;
}

/* ---- calibration -------------------------------------------------------------- */

void
math_platt(struct arena *a, const double *p, const double *y, size_t n,
    double *wa, double *wb)
{
	struct arena_mark mark = arena_mark(a);
	double *x = arena_array(a, n, sizeof(*x));
	struct math_logit_data d = { .x = x, .y = y, .n = n, .k = 1,
	    .ridge = 1e-6 };
	struct math_logit_fit f;

	for (size_t i = 0; i < n; i++)
		x[i] = math_logit(p[i]);
	math_logit_train(a, &d, &f);
	*wa = n > 0 ? f.w[0] : 0;
	*wb = n > 0 ? f.w[1] : 1;
	arena_rewind(a, mark);
}

double
math_platt_at(double a, double b, double p)
{
	return math_logistic(a + b * math_logit(p));
}

void
math_isotonic(struct arena *a, const double *p, const double *y, size_t n,
    struct math_steps *out)
{
	struct point *v = sorted(a, p, y, n);
	double *w = arena_array(a, n, sizeof(*w));
	size_t k = 0;

	out->x = arena_array(a, n, sizeof(double));
	out->y = arena_array(a, n, sizeof(double));
	for (size_t i = 0; i < n;) {
		double sum = 0, at = v[i].p;
		size_t j = i;

		while (j < n && v[j].p <= at)
			sum += v[j++].y;
		out->x[k] = at;
		w[k] = (double)(j - i);
		out->y[k] = sum / w[k];
		k++;
		for (; k > 1 && out->y[k - 2] >= out->y[k - 1]; k--) {
			out->y[k - 2] = (out->y[k - 2] * w[k - 2] +
			    out->y[k - 1] * w[k - 1]) / (w[k - 2] + w[k - 1]);
			w[k - 2] += w[k - 1];
		}
		i = j;
	}
	out->n = k;
}

double
math_isotonic_at(const struct math_steps *s, double p)
{
	size_t lo = 0, hi = s->n;

	if (s->n == 0)
		return p;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->x[mid] <= p)
			lo = mid + 1;
		else
			hi = mid;
	}
	return s->y[lo > 0 ? lo - 1 : 0];
}
