/*
 * The model of suggestions. Walk-forward: nothing is forecast by a fit that
 * could know its outcome. Calibration: Platt's on what was held out of earlier
 * folds, folded into the coefficients, so that the stored model is a plain
 * logistic regression. Skill is a difference of Brier scores with a standard
 * error over blocks of time, because neighbouring cases share their future.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "math/logit.h"
#include "math/score.h"
#include "modules/trade/suggest.h"

enum { FOLDS = 6, PLATT_MIN = 200, BLOCKS = 40, REASONS = 5 };
#define K TRADE_FEATURES

#define R struct trade_suggest_report
static const struct field report_fields[] = {
	FIELD(R, cases, .doc = "Cases"), FIELD(R, held, .doc = "Held out"),
	FIELD(R, base_rate, .doc = "How often the close was higher"),
	FIELD(R, brier, .doc = "Brier score on what was held out"),
	FIELD(R, brier_base, .doc = "The same of the base rate"),
	FIELD(R, skill, .doc = "1 - brier / brier_base"),
	FIELD(R, z, .flags = FF_NULLABLE,
	    .doc = "Difference of the two over its standard error"),
	FIELD(R, auc, .doc = "Area under the ROC curve"),
	FIELD(R, good, .doc = "It beats the base rate beyond chance"),
	FIELD_END
};
const struct schema trade_suggest_report_schema = {
	.name = "SuggestReport", .doc = "How good a model of suggestions is",
	.size = sizeof(R), .fields = report_fields
};

int
trade_suggest_cases(struct arena *a, const struct trade_series *s,
    struct trade_suggest_news *news, size_t horizon, struct trade_cases *out,
    struct err *e)
{
	struct trade_watch *w = trade_watch_new(a, e);
	struct trade_sentiment mood;
	struct trade_seen seen;

	if (w == NULL)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		struct trade_case *c;

		if (trade_watch_push(w, s->at[i], &s->bars[i], &s->units[i],
		    &seen, e) == -1)
			return -1;
		if (!seen.warm || i + horizon >= s->n ||
		    out->v.n == TRADE_CASES_MAX)
			continue;
		c = VEC_ADD(a, &out->v);
		memcpy(c->x, seen.x, sizeof(c->x));
		if (trade_sentiment_then(&news->past, news->closed[i],
		    &mood) == 0)
			c->x[FEATURE_SENTIMENT] = mood.score;
		c->y = s->bars[i + horizon].c > s->bars[i].c;
		c->at = s->at[i];
		c->end = s->at[i + horizon];
	}
	return 0;
}

/* ---- fitting ---------------------------------------------------------------------- */

static int
by_time(const void *x, const void *y)
{
	const struct trade_case *p = x, *q = y;

	return p->at.us < q->at.us ? -1 : p->at.us > q->at.us;
}

struct fitting {
	struct arena *a;
	const struct trade_case *v;
	size_t n;
	double ridge;
	double *p, *base, *y;		/* of what was held out */
	size_t held, from;		/* first held-out case */
};

/* Fits to the cases before `to` whose outcome was known at `known`. Standard
 * units are of these cases. */
static bool
fit_to(struct fitting *f, size_t to, struct utc known,
    struct trade_suggest_model *m, double *rate)
{
	double *x = arena_array(f->a, to * K, sizeof(*x));
	double *y = arena_array(f->a, to, sizeof(*y));
	struct math_logit_data d = { .x = x, .y = y, .k = K,
	    .ridge = f->ridge };
	struct math_logit_fit out;
	size_t n = 0;

	*m = (struct trade_suggest_model){ .intercept = 0 };
	*rate = 0;
	for (size_t i = 0; i < to; i++) {
		if (f->v[i].end.us >= known.us)
			continue;
		memcpy(&x[n * K], f->v[i].x, K * sizeof(*x));
		y[n] = f->v[i].y;
		*rate += y[n++];
	}
	if (n < TRADE_CASES_MIN / 4)
		return false;
	*rate /= (double)n;
	for (size_t k = 0; k < K; k++) {
		double sum = 0, squares = 0;

		for (size_t i = 0; i < n; i++)
			sum += x[i * K + k];
		m->mean[k] = sum / (double)n;
		for (size_t i = 0; i < n; i++)
			squares += (x[i * K + k] - m->mean[k]) *
			    (x[i * K + k] - m->mean[k]);
		m->scale[k] = sqrt(squares / (double)n);
		if (!(m->scale[k] > 1e-9))
			m->scale[k] = 1;
		for (size_t i = 0; i < n; i++)
			x[i * K + k] = (x[i * K + k] - m->mean[k]) /
			    m->scale[k];
	}
	d.n = n;
	math_logit_train(f->a, &d, &out);
	m->intercept = out.w[0];
	memcpy(m->coef, out.w + 1, K * sizeof(m->coef[0]));
	return isfinite(m->intercept);
}

double
trade_suggest_ask(const struct trade_suggest_model *m, const double *x)
{
	double z = m->intercept;

	for (size_t k = 0; k < K; k++)
		z += m->coef[k] * (x[k] - m->mean[k]) / m->scale[k];
	return math_logistic(z);
}

/* Cases from … to are forecast by a fit to earlier ones. */
static void
fold(struct fitting *f, size_t from, size_t to)
{
	struct arena_mark mark = arena_mark(f->a);
	struct trade_suggest_model m;
	double rate, a = 0, b = 1;

	if (!fit_to(f, from, f->v[from].at, &m, &rate)) {
		arena_rewind(f->a, mark);
		return;
	}
	if (f->held >= PLATT_MIN)
		math_platt(f->a, f->p, f->y, f->held, &a, &b);
	if (f->held == 0)
		f->from = from;
	for (size_t i = from; i < to; i++) {
		f->p[f->held] = math_platt_at(a, b,
		    trade_suggest_ask(&m, f->v[i].x));
		f->base[f->held] = rate;
		f->y[f->held++] = f->v[i].y;
	}
	arena_rewind(f->a, mark);
}

/* Mean difference of the squared errors over its standard error. */
static double
blocks(const struct fitting *f)
{
	double mean[BLOCKS] = { 0 }, all = 0, squares = 0;
	size_t per = f->held / BLOCKS;

	if (per == 0)
		return NAN;
	for (size_t b = 0; b < BLOCKS; b++) {
		for (size_t i = b * per; i < (b + 1) * per; i++) {
			double q = f->base[i] - f->y[i], p = f->p[i] -
			    f->y[i];

			mean[b] += (q * q - p * p) / (double)per;
		}
		all += mean[b] / BLOCKS;
	}
	for (size_t b = 0; b < BLOCKS; b++)
		squares += (mean[b] - all) * (mean[b] - all);
	squares = sqrt(squares / (BLOCKS - 1) / BLOCKS);
	return squares > 0 ? all / squares : NAN;
}

static void
judge(struct fitting *f, R *r)
{
	r->held = (int64_t)f->held;
	r->brier = math_brier(f->p, f->y, f->held);
	r->brier_base = math_brier(f->base, f->y, f->held);
	r->skill = r->brier_base > 0 ? 1 - r->brier / r->brier_base : 0;
	r->z = blocks(f);
	r->auc = math_auc(f->a, f->p, f->y, f->held);
	r->good = r->skill > 0 && r->z > 1.645;
}

static int
too_little(struct err *e, size_t n)
{
	return err_set(e, 422, "too_little", "%zu cases are too few to learn "
	    "from: at least %d", n, TRADE_CASES_MIN);
}

int
trade_suggest_fit(struct arena *a, struct trade_cases *cases, double ridge,
    int (*tick)(void *, double), void *arg, struct trade_suggest_model *m,
    R *r, struct err *e)
{
	struct fitting f = { .a = a, .v = cases->v.v, .n = cases->v.n,
	    .ridge = ridge };
	size_t first = f.n * 2 / 5, step = (f.n - first) / FOLDS;
	double pa = 0, pb = 1;

	*r = (R){ .cases = (int64_t)f.n, .z = NAN };
	if (f.n < TRADE_CASES_MIN)
		return too_little(e, f.n);
	qsort(cases->v.v, f.n, sizeof(f.v[0]), by_time);
	f.p = arena_array(a, f.n, sizeof(*f.p));
	f.base = arena_array(a, f.n, sizeof(*f.base));
	f.y = arena_array(a, f.n, sizeof(*f.y));
	for (int i = 0; i < FOLDS; i++) {
		size_t from = first + (size_t)i * step;

		if (tick != NULL && tick(arg, (double)i / FOLDS) == -1)
			return err_set(e, 409, "stopped",
			    "The training was stopped");
		fold(&f, from, i == FOLDS - 1 ? f.n : from + step);
	}
	if (f.held < TRADE_CASES_MIN / 2 || !fit_to(&f, f.n,
	    (struct utc){ INT64_MAX }, m, &r->base_rate))
		return too_little(e, f.n);
	judge(&f, r);
	if (f.held >= PLATT_MIN)
		math_platt(a, f.p, f.y, f.held, &pa, &pb);
	m->intercept = pa + pb * m->intercept;
	for (size_t k = 0; k < K; k++)
		m->coef[k] *= pb;
	return 0;
}

/* ---- as text ------------------------------------------------------------------------ */

struct doc {
	struct list features, coef, mean, scale;
	double intercept;
	int64_t horizon;
};
#define D(m, ...) FIELD(struct doc, m, __VA_ARGS__)
static const struct field doc_fields[] = {
	D(features, .elem = FT_STR, .max = 100),
	D(coef, .elem = FT_REAL, .flags = FF_REQUIRED, .max = 100),
	D(intercept, .flags = FF_REQUIRED),
	D(mean, .elem = FT_REAL, .flags = FF_REQUIRED, .max = 100),
	D(scale, .elem = FT_REAL, .flags = FF_REQUIRED, .max = 100),
	D(horizon, .def = "5", .min = 1, .max = 1000), FIELD_END
};
static const struct schema doc_schema = {
	.name = "SuggestModel", .doc = "A model of suggestions",
	.size = sizeof(struct doc), .fields = doc_fields
};

static void
numbers(struct str *s, const char *name, const double *v)
{
	char text[DEC_TEXT];

	str_addf(s, ",\"%s\":[", name);
	for (size_t k = 0; k < K; k++)
		str_addf(s, "%s%s", k > 0 ? "," : "", real_format(v[k],
		    text));
	str_add(s, "]");
}

const char *
trade_suggest_write(struct arena *a, const struct trade_suggest_model *m,
    int64_t horizon)
{
	char text[DEC_TEXT];
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"features\":[");
	for (size_t k = 0; k < K; k++)
		str_addf(&s, "%s\"%s\"", k > 0 ? "," : "",
		    trade_feature_names[k]);
	str_addf(&s, "],\"intercept\":%s", real_format(m->intercept, text));
	numbers(&s, "coef", m->coef);
	numbers(&s, "mean", m->mean);
	numbers(&s, "scale", m->scale);
	str_addf(&s, ",\"horizon\":%lld}", (long long)horizon);
	return s.p;
}

static bool
takes(double *to, const struct list *l)
{
	if (l->n != K)
		return false;
	memcpy(to, l->items, K * sizeof(*to));
	return true;
}

int
trade_suggest_read(struct arena *a, const char *text, size_t n,
    struct trade_suggest_model *m, int64_t *horizon, struct err *e)
{
	struct doc d;
	uint64_t seen;

	if (schema_decode_json(&doc_schema, text, n, "model", false, a, &d,
	    &seen, e) == -1)
		return -1;
	m->intercept = d.intercept;
	*horizon = d.horizon;
	if (!takes(m->coef, &d.coef) || !takes(m->mean, &d.mean) ||
	    !takes(m->scale, &d.scale))
		return err_set(e, 422, "model", "The model has not the "
		    "%d features of this version", K);
	return 0;
}

/* ---- judging a bar -------------------------------------------------------------------- */

struct reason {
	int k;
	double x, part;
};

static int
by_part(const void *x, const void *y)
{
	double p = fabs(((const struct reason *)x)->part);
	double q = fabs(((const struct reason *)y)->part);

	return p < q ? 1 : p > q ? -1 : 0;
}

static struct json
reasons(struct arena *a, const struct trade_suggest_model *m, const double *x)
{
	struct reason r[K];
	char value[DEC_TEXT], part[DEC_TEXT];
	struct str s;

	for (int k = 0; k < K; k++)
		r[k] = (struct reason){ k, x[k], m->coef[k] *
		    (x[k] - m->mean[k]) / m->scale[k] };
	qsort(r, K, sizeof(r[0]), by_part);
	str_init(&s, a);
	for (int i = 0; i < REASONS; i++)
		str_addf(&s, "%c{\"feature\":\"%s\",\"value\":%s,"
		    "\"contribution\":%s}", i == 0 ? '[' : ',',
		    trade_feature_names[r[i].k], real_format(r[i].x, value),
		    real_format(r[i].part, part));
	str_add(&s, "]");
	return (struct json){ s.p };
}

void
trade_suggest_judge(struct arena *a, const struct trade_suggest_model *m,
    const struct trade_seen *seen, const struct trade_suggest_terms *t,
    struct trade_suggestion *out)
{
	double p, stop = 2 * seen->atr, units;
	int side = 0;

	out->side = "none";
	out->entry = out->stop = out->target = out->size = NAN;
	out->probability = NAN;
	out->reasons.p = "[]";
	if (!seen->warm) {
		out->note = "Not enough bars: the features need about 80";
		return;
	}
	p = out->probability = trade_suggest_ask(m, seen->x);
	out->reasons = reasons(a, m, seen->x);
	out->entry = seen->close;
	side = p >= 0.5 + t->edge ? 1 : p <= 0.5 - t->edge ? -1 : 0;
	if (side == 0) {
		out->note = arena_printf(a, "A probability of %.3f is too "
		    "near to one half", p);
		return;
	}
	units = t->lot > 0 ? floor(t->equity * t->risk_pct / 100 / stop /
	    t->lot) * t->lot : t->equity * t->risk_pct / 100 / stop;
	out->side = side > 0 ? "buy" : "sell";
	out->stop = seen->close - side * stop;
	out->target = seen->close + side * 3 * seen->atr;
	out->size = units > 0 ? units : 0;
	out->note = arena_printf(a, "The close is %s in %lld bars with a "
	    "probability of %.3f (base rate %.3f)", side > 0 ? "higher" :
	    "not higher", (long long)out->horizon, side > 0 ? p : 1 - p,
	    side > 0 ? out->base_rate : 1 - out->base_rate);
}
