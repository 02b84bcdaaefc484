/*
 * Logistic regression by Newton's method. Invariants: the penalised loss
 * never rises from step to step; the fit ends after STEPS_MAX steps whatever
 * the data (separable data end by the penalty).
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "math/logit.h"

#define NEAR 1e-9
#define TINY 1e-12

enum { STEPS_MAX = 50, HALVES_MAX = 30 };

double
math_logistic(double x)
{
	if (x >= 0)
		return 1 / (1 + exp(-x));
	return exp(x) / (1 + exp(x));
}

double
math_logit(double p)
{
	p = fmin(fmax(p, NEAR), 1 - NEAR);
	return log(p / (1 - p));
}

int
math_cholesky(double *m, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		for (size_t i = j; i < n; i++) {
			double s = m[i * n + j];

			for (size_t k = 0; k < j; k++)
				s -= m[i * n + k] * m[j * n + k];
			if (i > j)
				m[i * n + j] = s / m[j * n + j];
			else if (s <= 0 || !isfinite(s))
				return -1;
			else
				m[j * n + j] = sqrt(s);
		}
	}
	return 0;
}

void
math_cholesky_solve(const double *l, size_t n, double *b)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			b[i] -= l[i * n + k] * b[k];
		b[i] /= l[i * n + i];
	}
	for (size_t i = n; i-- > 0;) {
		for (size_t k = i + 1; k < n; k++)
			b[i] -= l[k * n + i] * b[k];
		b[i] /= l[i * n + i];
	}
}

/* ---- the fit --------------------------------------------------------------- */

struct fit {
	const struct math_logit_data *d;
	double *mean, *scale;		/* of the inputs */
	double *w, *next;		/* of scaled inputs, intercept first */
	double *g, *h, *row;		/* gradient, information, a row */
	double sum;			/* of weights */
	size_t m;			/* k + 1 */
};

/* What the penalty draws coefficient j + 1 of the scaled inputs to. */
static double
drawn(const struct fit *f, size_t j)
{
	return f->d->prior != NULL ? f->d->prior[j] * f->scale[j] : 0;
}

static double
weight(const struct math_logit_data *d, size_t i)
{
	return d->weight != NULL ? d->weight[i] : 1;
}

static void
scale_inputs(struct fit *f)
{
	const struct math_logit_data *d = f->d;

	for (size_t i = 0; i < d->n; i++)
		f->sum += weight(d, i);
	for (size_t j = 0; j < d->k; j++) {
		double s = 0, q = 0;

		for (size_t i = 0; i < d->n; i++)
			s += weight(d, i) * d->x[i * d->k + j];
		f->mean[j] = f->sum > 0 ? s / f->sum : 0;
		for (size_t i = 0; i < d->n; i++) {
			double v = d->x[i * d->k + j] - f->mean[j];

			q += weight(d, i) * v * v;
		}
		f->scale[j] = f->sum > 0 ? sqrt(q / f->sum) : 0;
	}
}

static void
take_row(struct fit *f, size_t i)
{
	const double *x = f->d->x + i * f->d->k;

	f->row[0] = 1;
	for (size_t j = 0; j < f->d->k; j++)
		f->row[j + 1] = f->scale[j] > TINY ?
		    (x[j] - f->mean[j]) / f->scale[j] : 0;
}

static double
dot(const double *a, const double *b, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

/* -log likelihood of one row, without overflow */
static double
row_loss(double eta, double y)
{
	double soft = eta > 0 ? eta + log1p(exp(-eta)) : log1p(exp(eta));

	return soft - y * eta;
}

static double
loss_at(struct fit *f, const double *w, double *plain)
{
	double s = 0, pen = 0;

	for (size_t i = 0; i < f->d->n; i++) {
		take_row(f, i);
		s += weight(f->d, i) * row_loss(dot(w, f->row, f->m),
		    f->d->y[i]);
	}
	for (size_t j = 1; j < f->m; j++)
		pen += (w[j] - drawn(f, j - 1)) * (w[j] - drawn(f, j - 1)) *
		    f->d->ridge / 2;
	*plain = f->sum > 0 ? s / f->sum : 0;
	return s + pen;
}

static void
gather(struct fit *f)
{
	size_t m = f->m;

	memset(f->g, 0, m * sizeof(*f->g));
	memset(f->h, 0, m * m * sizeof(*f->h));
	for (size_t i = 0; i < f->d->n; i++) {
		double p, c, u = weight(f->d, i);

		take_row(f, i);
		p = math_logistic(dot(f->w, f->row, m));
		c = u * fmax(p * (1 - p), TINY);
		for (size_t j = 0; j < m; j++) {
			f->g[j] += u * (f->d->y[i] - p) * f->row[j];
			for (size_t k = 0; k <= j; k++)
				f->h[j * m + k] += c * f->row[j] * f->row[k];
		}
	}
	f->h[0] += TINY;
	for (size_t j = 1; j < m; j++) {
		f->g[j] -= f->d->ridge * (f->w[j] - drawn(f, j - 1));
		f->h[j * m + j] += f->d->ridge + TINY +
		    (f->scale[j - 1] > TINY ? 0 : 1);
	}
}

/* One step: 1 moved, 0 nothing left to gain. */
static int
step(struct fit *f, double *loss, double *plain)
{
	double t = 1, next, p;

	gather(f);
	if (math_cholesky(f->h, f->m) == -1)
		return 0;
	math_cholesky_solve(f->h, f->m, f->g);
	for (int half = 0; half < HALVES_MAX; half++, t /= 2) {
		for (size_t j = 0; j < f->m; j++)
			f->next[j] = f->w[j] + t * f->g[j];
		next = loss_at(f, f->next, &p);
		if (!(next < *loss))
			continue;
		memcpy(f->w, f->next, f->m * sizeof(*f->w));
		t = *loss - next;
		*loss = next;
		*plain = p;
		return t > 1e-10 * (1 + fabs(next));
	}
	return 0;
}

static void
unscale(const struct fit *f, double *w)
{
	w[0] = f->w[0];
	for (size_t j = 0; j < f->d->k; j++) {
		w[j + 1] = f->scale[j] > TINY ? f->w[j + 1] / f->scale[j] :
		    f->d->prior != NULL ? f->d->prior[j] : 0;
		w[0] -= w[j + 1] * f->mean[j];
	}
}

void
math_logit_train(struct arena *a, const struct math_logit_data *d,
    struct math_logit_fit *out)
{
	size_t m = d->k + 1;
	struct fit f = { .d = d, .m = m,
	    .mean = arena_array(a, m, sizeof(double)),
	    .scale = arena_array(a, m, sizeof(double)),
	    .w = arena_array(a, m, sizeof(double)),
	    .next = arena_array(a, m, sizeof(double)),
	    .g = arena_array(a, m, sizeof(double)),
	    .h = arena_array(a, m * m, sizeof(double)),
	    .row = arena_array(a, m, sizeof(double)) };
	double loss;

	*out = (struct math_logit_fit){ .w = arena_array(a, m,
	    sizeof(double)) };
	scale_inputs(&f);
	loss = loss_at(&f, f.w, &out->loss);
	while (out->steps < STEPS_MAX) {
		out->steps++;
		if (step(&f, &loss, &out->loss) == 0) {
			out->converged = true;
			break;
		}
	}
	unscale(&f, out->w);
}

double
math_logit_predict(const double *w, const double *x, size_t k)
{
	return math_logistic(w[0] + dot(w + 1, x, k));
}
