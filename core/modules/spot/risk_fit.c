/*
 * Fitting and judging the risk model. Pure. Invariant: everything that the
 * fit sees happened before the split of its pool; see risk_model.h for why
 * nothing leaks.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "math/logit.h"
#include "math/score.h"
#include "modules/spot/risk_inner.h"
#include "modules/spot/risk_model.h"
#include "modules/spot/signal.h"

#define RIDGE 1.0
#define RATE_BEFORE 0.05		/* losses per hour, when nothing is known */
#define WINDOW_H 1.0
#define EVERY_H (1.0 / 6)		/* of running, a window */

enum { WINDOWS_MAX = 200000, FIT_MIN = 100 };

#define R struct spot_risk_bin
static const struct field bin_fields[] = {
	FIELD(R, from, .doc = "Forecasts from here"),
	FIELD(R, to, .doc = "… to here"),
	FIELD(R, said, .doc = "Their mean"),
	FIELD(R, seen, .doc = "How often it happened"),
	FIELD(R, n, .doc = "How many"), FIELD_END
};
#undef R
static const struct schema bin_schema = {
	.name = "SpotRiskBin", .doc = "Forecasts beside what happened",
	.size = sizeof(struct spot_risk_bin), .fields = bin_fields
};
#define R struct spot_risk_age
static const struct field age_fields[] = {
	FIELD(R, from_h, .doc = "Age from here, hours"),
	FIELD(R, hazard, .doc = "Losses per hour"),
	FIELD(R, hour_loss, .doc = "Lost within the next hour"),
	FIELD(R, residual_h, .doc = "Further life expected, hours"),
	FIELD_END
};
#undef R
const struct schema spot_risk_age_schema = {
	.name = "SpotRiskAge", .doc = "Hazard at an age",
	.size = sizeof(struct spot_risk_age), .fields = age_fields
};
#define R struct spot_risk_report
static const struct field report_fields[] = {
	FIELD(R, pools, .doc = "Pools or traces"),
	FIELD(R, fit_windows, .doc = "Windows of an hour to fit"),
	FIELD(R, held_windows, .doc = "Windows to judge by"),
	FIELD(R, steps, .doc = "Steps of Newton's method"),
	FIELD(R, converged, .doc = "Whether it came to rest"),
	FIELD(R, fit_rate, .doc = "Lost within the hour, to fit"),
	FIELD(R, held_rate, .doc = "The same, to judge by"),
	FIELD(R, brier, .doc = "Brier score on what was held out"),
	FIELD(R, brier_constant, .doc = "Of the constant guess"),
	FIELD(R, brier_pool, .doc = "Of each pool's own rate"),
	FIELD(R, skill_constant, .doc = "1 - brier / brier_constant"),
	FIELD(R, skill_pool, .doc = "1 - brier / brier_pool"),
	FIELD(R, brier_live, .doc = "Of the model in force on the same "
	    "windows; 0 when there is none"),
	FIELD(R, auc, .doc = "Area under the ROC curve"),
	FIELD(R, auc_pool, .doc = "Of each pool's own rate"),
	FIELD(R, log_loss, .doc = "Mean log loss"),
	FIELD(R, calibration_error, .doc = "Mean distance of forecast and "
	    "frequency"),
	FIELD(R, platt_a, .doc = "Calibration: added to the logit"),
	FIELD(R, platt_b, .doc = "Calibration: multiplies the logit"),
	FIELD(R, ages, .sub = &spot_risk_age_schema,
	    .doc = "Hazards by age"),
	FIELD(R, reliability, .sub = &bin_schema,
	    .doc = "Forecasts beside what happened"),
	FIELD_END
};
#undef R
const struct schema spot_risk_report_schema = {
	.name = "SpotRiskReport", .doc = "How good a risk model is",
	.size = sizeof(struct spot_risk_report), .fields = report_fields
};

/* What the regression believes before it has seen anything: the hazard by
 * age as it is; a notice multiplies the odds by e^1.5; the advisor's class
 * as its hazards are to each other; the rest nothing. */
static const double believed[SPOT_RISK_INPUTS] = { 1, 0, 0, 0, 1.5, 1, 0 };

struct window {
	double x[SPOT_RISK_INPUTS];
	double y, live;			/* live: forecast of the model in force */
	size_t pool;
	bool held;
};

struct fit {
	struct arena *a;
	struct spot_watch *w;
	size_t n;
	struct spot_hazard all, *prior;	/* prior: of each pool's group */
	struct spot_hazard *live_prior;
	const struct spot_risk_model *live;
	VEC(struct spot_risk_group) groups;
	VEC(struct window) v;
	size_t stride;
};

/* ---- runs and exposures --------------------------------------------------------- */

static void
find_runs(struct arena *a, struct spot_watch *w)
{
	VEC(struct spot_run) v = { 0 };
	size_t from = 0;
	bool on = false;

	for (size_t i = 0; i <= w->n; i++) {
		bool up = i < w->n && w->up[i] == 1;

		if (up && !on)
			from = i;
		if (!up && on)
			*VEC_ADD(a, &v) = (struct spot_run){
			    (double)from * w->tick_h, (double)i * w->tick_h,
			    i < w->n && w->up[i] == 0 };
		on = up;
	}
	w->runs = v.v;
	w->nruns = v.n;
}

void
spot_watch_count(struct spot_watch *w)
{
	memset(&w->fitted, 0, sizeof(w->fitted));
	memset(&w->all, 0, sizeof(w->all));
	for (size_t i = 0; i < w->nruns; i++) {
		const struct spot_run *r = &w->runs[i];
		bool cut = r->to_h > w->split_h;
		double to = cut ? w->split_h : r->to_h;
		/* what lies before the watch was seen of survivors only */
		double from = fmax(0, -r->from_h);

		spot_exposure_run(&w->all, from, r->to_h - r->from_h,
		    r->lost);
		if (r->from_h < w->split_h)
			spot_exposure_run(&w->fitted, from, to - r->from_h,
			    r->lost && !cut);
	}
}

static int
by_group(const void *va, const void *vb)
{
	const struct spot_watch *a = va, *b = vb;
	int c = strcmp(a->group, b->group);

	return c != 0 ? c : strcmp(a->pool, b->pool);
}

static struct list
hazard_list(struct arena *a, const struct spot_hazard *z)
{
	return (struct list){ arena_memdup(a, z->h, sizeof(z->h)),
	    SPOT_AGES };
}

/* All, then each group shrunk to all. */
static void
shrink(struct fit *f)
{
	struct spot_hazard before = spot_hazard_flat(RATE_BEFORE), group;
	struct spot_exposure sum = { .hours = { 0 } };

	for (size_t i = 0; i < f->n; i++)
		spot_exposure_add(&sum, &f->w[i].fitted);
	f->all = spot_hazard_shrunk(&sum, &before, SPOT_SHRINK_HOURS);
	f->prior = arena_array(f->a, f->n, sizeof(*f->prior));
	for (size_t i = 0; i < f->n;) {
		size_t j = i;

		memset(&sum, 0, sizeof(sum));
		for (; j < f->n && strcmp(f->w[j].group, f->w[i].group) == 0;
		    j++)
			spot_exposure_add(&sum, &f->w[j].fitted);
		group = spot_hazard_shrunk(&sum, &f->all, SPOT_SHRINK_HOURS);
		*VEC_ADD(f->a, &f->groups) = (struct spot_risk_group){
		    f->w[i].group, hazard_list(f->a, &group) };
		while (i < j)
			f->prior[i++] = group;
	}
}

static void
live_priors(struct fit *f)
{
	f->live_prior = arena_array(f->a, f->n, sizeof(*f->live_prior));
	for (size_t i = 0; i < f->n && f->live != NULL; i++)
		f->live_prior[i] = spot_risk_prior(f->live, f->w[i].group);
}

/* ---- windows of an hour ----------------------------------------------------------- */

/* The decayed averages at each tick, its own observation included. */
static void
averages(struct arena *a, const struct spot_watch *w, double **fast,
    double **slow)
{
	double f = 0.5, s = 0.5;

	*fast = arena_array(a, w->n, sizeof(double));
	*slow = arena_array(a, w->n, sizeof(double));
	for (size_t i = 0; i < w->n; i++) {
		if (w->up[i] <= 1) {
			f = spot_ewma(f, w->up[i], w->tick_h,
			    SPOT_TAU_FAST_H);
			s = spot_ewma(s, w->up[i], w->tick_h,
			    SPOT_TAU_SLOW_H);
		}
		(*fast)[i] = f;
		(*slow)[i] = s;
	}
}

/* What a walk over the time of one pool knows so far. */
struct walk {
	struct fit *f;
	const struct spot_watch *w;
	size_t pool, next;		/* next run to begin */
	struct spot_exposure past;	/* counted up to t */
	const struct spot_run **on;	/* runs that go on */
	size_t non;
	double t;
};

static void
add_window(struct walk *k, const struct spot_run *r, size_t i, double fast,
    double slow)
{
	struct fit *f = k->f;
	struct spot_risk_view v = { .age_h = k->t - r->from_h,
	    .avail_fast = fast, .avail_slow = slow,
	    .notice = k->w->notice != NULL && k->w->notice[i] == 1,
	    .interruption = k->w->interruption };
	double end = k->t + WINDOW_H, half = k->w->tick_h / 2;
	bool lost = r->lost && r->to_h <= end + half;
	struct spot_hazard base;
	struct window *x;

	if (!lost && r->to_h < end - half)
		return;			/* how it would have gone on: unknown */
	if (end > k->w->split_h && k->t < k->w->split_h)
		return;			/* reaches over the split */
	x = VEC_ADD(f->a, &f->v);
	base = spot_hazard_shrunk(&k->past, &f->prior[k->pool],
	    SPOT_SHRINK_HOURS);
	spot_risk_row(&base, &v, x->x);
	x->y = lost;
	x->pool = k->pool;
	x->held = k->t >= k->w->split_h;
	if (f->live == NULL || !x->held)
		return;
	base = spot_hazard_shrunk(&k->past, &f->live_prior[k->pool],
	    f->live->shrink_hours);
	x->live = spot_risk_hour(f->live, &base, &v);
}

/* Counts what the runs did since the last tick, and ends and begins them. */
static void
walk_on(struct walk *k, double t)
{
	size_t kept = 0;

	while (k->next < k->w->nruns && k->w->runs[k->next].from_h <=
	    t + 1e-9)
		k->on[k->non++] = &k->w->runs[k->next++];
	for (size_t j = 0; j < k->non; j++) {
		const struct spot_run *r = k->on[j];
		bool ends = r->to_h <= t + 1e-9;
		double from = fmax(k->t, r->from_h);
		double to = fmin(t, r->to_h);

		spot_exposure_run(&k->past, from - r->from_h,
		    fmax(from, to) - r->from_h, ends && r->lost);
		if (!ends)
			k->on[kept++] = r;
	}
	k->non = kept;
	k->t = t;
}

static void
windows_of(struct fit *f, size_t pool)
{
	struct walk k = { .f = f, .w = &f->w[pool], .pool = pool };
	size_t every = (size_t)fmax(1, round(EVERY_H / k.w->tick_h));
	double *fast, *slow;

	averages(f->a, k.w, &fast, &slow);
	k.on = arena_array(f->a, k.w->nruns, sizeof(struct spot_run *));
	for (size_t i = 0; i < k.w->n; i++) {
		walk_on(&k, (double)i * k.w->tick_h);
		for (size_t j = 0; j < k.non && i % every == 0; j++)
			if ((i / every + j) % f->stride == 0)
				add_window(&k, k.on[j], i, fast[i], slow[i]);
	}
}

static void
windows(struct fit *f)
{
	double all = 0;

	for (size_t p = 0; p < f->n; p++)
		for (size_t k = 0; k < f->w[p].nruns; k++)
			all += (f->w[p].runs[k].to_h -
			    f->w[p].runs[k].from_h) / fmax(EVERY_H,
			    f->w[p].tick_h);
	f->stride = (size_t)(all / WINDOWS_MAX) + 1;
	for (size_t p = 0; p < f->n; p++)
		windows_of(f, p);
}

/* ---- the fit ----------------------------------------------------------------------- */

struct part {
	double *x, *y, *p;
	size_t n;
	double ones;
};

static struct part
part_of(struct fit *f, bool held)
{
	struct part p = { .x = arena_array(f->a, f->v.n * SPOT_RISK_INPUTS,
	    sizeof(double)), .y = arena_array(f->a, f->v.n, sizeof(double)),
	    .p = arena_array(f->a, f->v.n, sizeof(double)) };

	for (size_t i = 0; i < f->v.n; i++) {
		const struct window *w = &f->v.v[i];

		if (w->held != held)
			continue;
		memcpy(p.x + p.n * SPOT_RISK_INPUTS, w->x, sizeof(w->x));
		p.y[p.n++] = w->y;
		p.ones += w->y;
	}
	return p;
}

/* Calibrated on its own part: the intercept and slope that are left to gain
 * after the penalty. */
static void
train(struct fit *f, struct part *p, struct spot_risk_model *m,
    struct spot_risk_report *r)
{
	struct math_logit_data d = { .x = p->x, .y = p->y, .n = p->n,
	    .k = SPOT_RISK_INPUTS, .ridge = RIDGE, .prior = believed };
	struct math_logit_fit out;

	math_logit_train(f->a, &d, &out);
	m->coef = (struct list){ out.w, SPOT_RISK_COEFS };
	r->steps = out.steps;
	r->converged = out.converged;
	for (size_t i = 0; i < p->n; i++)
		p->p[i] = math_logit_predict(out.w, p->x + i *
		    SPOT_RISK_INPUTS, SPOT_RISK_INPUTS);
	math_platt(f->a, p->p, p->y, p->n, &m->platt_a, &m->platt_b);
	r->platt_a = m->platt_a;
	r->platt_b = m->platt_b;
}

/* ---- judging ---------------------------------------------------------------------- */

/* The pool's own rate in the part to fit; the constant where it has none. */
static void
pool_rates(struct fit *f, double constant, double *rate)
{
	double *n = arena_array(f->a, f->n, sizeof(*n));

	for (size_t i = 0; i < f->v.n; i++)
		if (!f->v.v[i].held) {
			n[f->v.v[i].pool]++;
			rate[f->v.v[i].pool] += f->v.v[i].y;
		}
	for (size_t p = 0; p < f->n; p++)
		rate[p] = n[p] > 0 ? rate[p] / n[p] : constant;
}

static void
tables(struct fit *f, const struct part *h, struct spot_risk_report *r)
{
	struct spot_risk_age *ages = arena_array(f->a, SPOT_AGES,
	    sizeof(*ages));
	struct spot_risk_bin *bins = arena_array(f->a, MATH_BINS,
	    sizeof(*bins));
	struct math_bin b[MATH_BINS];

	r->calibration_error = math_reliability(h->p, h->y, h->n, b);
	for (int i = 0; i < MATH_BINS; i++)
		bins[i] = (struct spot_risk_bin){ b[i].from, b[i].to,
		    b[i].said, b[i].seen, (int64_t)b[i].n };
	for (int i = 0; i < SPOT_AGES; i++)
		ages[i] = (struct spot_risk_age){ spot_age_from[i],
		    f->all.h[i], spot_hazard_loss(&f->all, spot_age_from[i],
		    1), spot_hazard_residual(&f->all, spot_age_from[i]) };
	r->reliability = (struct list){ bins, MATH_BINS };
	r->ages = (struct list){ ages, SPOT_AGES };
}

static void
judge(struct fit *f, const struct spot_risk_model *m, struct part *h,
    struct spot_risk_report *r)
{
	double *flat = arena_array(f->a, h->n, sizeof(*flat));
	double *own = arena_array(f->a, h->n, sizeof(*own));
	double *live = arena_array(f->a, h->n, sizeof(*live));
	double *rate = arena_array(f->a, f->n, sizeof(*rate));
	size_t k = 0;

	pool_rates(f, r->fit_rate, rate);
	for (size_t i = 0; i < f->v.n; i++) {
		const struct window *w = &f->v.v[i];

		if (!w->held)
			continue;
		h->p[k] = math_platt_at(m->platt_a, m->platt_b,
		    math_logit_predict(m->coef.items, w->x,
		    SPOT_RISK_INPUTS));
		live[k] = w->live;
		flat[k] = r->fit_rate;
		own[k++] = rate[w->pool];
	}
	r->brier = math_brier(h->p, h->y, h->n);
	r->brier_constant = math_brier(flat, h->y, h->n);
	r->brier_pool = math_brier(own, h->y, h->n);
	r->skill_constant = 1 - r->brier / r->brier_constant;
	r->skill_pool = 1 - r->brier / r->brier_pool;
	r->brier_live = f->live != NULL ? math_brier(live, h->y, h->n) : 0;
	r->auc = math_auc(f->a, h->p, h->y, h->n);
	r->auc_pool = math_auc(f->a, own, h->y, h->n);
	r->log_loss = math_log_loss(h->p, h->y, h->n);
	tables(f, h, r);
}

static void
fill(struct fit *f, struct spot_risk_model *m)
{
	m->ages = (struct list){ arena_memdup(f->a, spot_age_from,
	    SPOT_AGES * sizeof(double)), SPOT_AGES };
	m->all = hazard_list(f->a, &f->all);
	m->groups = (struct list){ f->groups.v, f->groups.n };
	m->shrink_hours = SPOT_SHRINK_HOURS;
	m->inputs = (struct list){ arena_memdup(f->a, spot_risk_inputs,
	    SPOT_RISK_INPUTS * sizeof(char *)), SPOT_RISK_INPUTS };
}

int
spot_risk_fit(struct arena *a, struct spot_watch *w, size_t n,
    const struct spot_risk_model *live, struct spot_risk_model *m,
    struct spot_risk_report *r, struct err *e)
{
	struct fit f = { .a = a, .w = w, .n = n, .live = live };
	struct part fit, held;

	*m = (struct spot_risk_model){ .platt_b = 1 };
	*r = (struct spot_risk_report){ .pools = (int64_t)n };
	if (n > 1)
		qsort(w, n, sizeof(*w), by_group);
	for (size_t i = 0; i < n; i++) {
		if (w[i].runs == NULL)
			find_runs(a, &w[i]);
		spot_watch_count(&w[i]);
	}
	shrink(&f);
	live_priors(&f);
	windows(&f);
	fit = part_of(&f, false);
	held = part_of(&f, true);
	r->fit_windows = (int64_t)fit.n;
	r->held_windows = (int64_t)held.n;
	if (fit.n < FIT_MIN || fit.ones < 1 || fit.ones >= (double)fit.n ||
	    held.n == 0)
		return err_set(e, 422, "too_little", "Too little was seen to "
		    "fit a model: %zu windows of an hour with %.0f losses "
		    "before the split, %zu behind it", fit.n, fit.ones,
		    held.n);
	r->fit_rate = fit.ones / (double)fit.n;
	r->held_rate = held.ones / (double)held.n;
	train(&f, &fit, m, r);
	fill(&f, m);
	judge(&f, m, &held, r);
	return 0;
}
