/*
 * What a condition finds in a view. Pure. Results are cut at EXPR_RESULTS
 * elements; a metric nobody reads gives none. Invariant: elements of a vector
 * differ in their labels, which are sorted by name.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "modules/platform/expr.h"

struct eval {
	struct arena *a;
	const struct platform_view *view;
};

typedef VEC(struct platform_element) elements;

static void eval(struct eval *, const struct platform_expr *, elements *);

static const char *
label_of(const struct platform_element *el, const char *name)
{
	for (size_t i = 0; i < el->nlabels; i++)
		if (strcmp(el->label[i].name, name) == 0)
			return el->label[i].value;
	return "";
}

static void
label_add(struct platform_element *el, const char *name, const char *value)
{
	size_t i = el->nlabels;

	if (i == SERIES_LABELS)
		return;
	for (; i > 0 && strcmp(el->label[i - 1].name, name) > 0; i--)
		el->label[i] = el->label[i - 1];
	el->label[i] = (struct pair){ name, value };
	el->nlabels++;
}

static bool
same_labels(const struct platform_element *a, const struct platform_element *b)
{
	if (a->nlabels != b->nlabels)
		return false;
	for (size_t i = 0; i < a->nlabels; i++)
		if (strcmp(a->label[i].name, b->label[i].name) != 0 ||
		    strcmp(a->label[i].value, b->label[i].value) != 0)
			return false;
	return true;
}

/* ---- selecting ----------------------------------------------------------------- */

static bool
in_words(const char *words, const char *s)
{
	size_t n = strlen(s);

	for (const char *p = words; p != NULL; p = strchr(p, '|')) {
		p += *p == '|';
		if (strncmp(p, s, n) == 0 && (p[n] == '|' || p[n] == '\0'))
			return true;
	}
	return false;
}

static bool
matches(const struct platform_expr *n, const struct platform_element *el)
{
	for (size_t i = 0; i < n->nmatch; i++) {
		const struct expr_match *m = &n->match[i];
		const char *v = label_of(el, m->label);
		bool equal = m->op[1] == '~' ? in_words(m->value, v) :
		    strcmp(m->value, v) == 0;

		if (equal == (m->op[0] == '!'))
			return false;
	}
	return true;
}

/* Calls fn for each host that is fresh and each series of the metric that
 * the matchers take; fn fills the value and tells whether there is one. */
typedef bool value_fn(const struct eval *, const struct platform_expr *,
    const struct platform_series *, const struct platform_host *, double *);

static bool
fresh(const struct platform_view *v, const struct platform_host *h)
{
	return h->n > 0 && v->now.us - h->frame[h->n - 1].at.us <=
	    v->fresh_s * 1000000;
}

static void
select_each(struct eval *x, const struct platform_expr *n, elements *out,
    value_fn *fn)
{
	const struct platform_view *v = x->view;

	for (size_t s = 0; s < v->nseries; s++) {
		const struct platform_series *se = &v->series[s];

		if (strcmp(se->name, n->name) != 0)
			continue;
		for (size_t h = 0; h < v->nhosts &&
		    out->n < EXPR_RESULTS; h++) {
			struct platform_element el = { .nlabels = 0 };

			label_add(&el, "host", v->hosts[h].name);
			for (size_t i = 0; i < se->nlabels; i++)
				label_add(&el, se->label[i].name,
				    se->label[i].value);
			if (!matches(n, &el) || !fresh(v, &v->hosts[h]) ||
			    !fn(x, n, se, &v->hosts[h], &el.v))
				continue;
			*VEC_ADD(x->a, out) = el;
		}
	}
}

static bool
latest(const struct eval *x, const struct platform_expr *n,
    const struct platform_series *s, const struct platform_host *h, double *v)
{
	const struct platform_reading *r = platform_frame_find(
	    &h->frame[h->n - 1], s->id);

	(void)x;
	(void)n;
	if (r == NULL)
		return false;
	*v = r->v;
	return true;
}

/* ---- over a window ----------------------------------------------------------------- */

/* Least squares. */
struct line {
	double n, t, v, tt, tv;
};

/* The first and last of a window, and what lies between. */
struct window {
	struct platform_span span;
	struct line line;
	double first;
	struct utc first_at;
};

static void
window_read(const struct eval *x, const struct platform_expr *n,
    const struct platform_series *s, const struct platform_host *h,
    struct window *w)
{
	static const struct platform_reading none;
	int64_t now = x->view->now.us;
	bool counter = strcmp(s->kind, "gauge") != 0;

	*w = (struct window){ .first = 0 };
	for (size_t i = 0; i < h->n; i++) {
		const struct platform_frame *f = &h->frame[i];
		const struct platform_reading *r;
		double t = (double)(f->at.us - now) / 1e6;

		if (f->at.us < now - n->window_s * 1000000 || f->at.us > now)
			continue;
		r = platform_frame_find(f, s->id);
		if (r == NULL && !counter)
			continue;
		if (r == NULL)
			r = &none;	/* it had not counted yet */
		if (w->span.n == 0) {
			w->first = r->v;
			w->first_at = f->at;
		}
		platform_span_add(&w->span, f->at, r, true);
		w->line.n++;
		w->line.t += t;
		w->line.v += r->v;
		w->line.tt += t * t;
		w->line.tv += t * r->v;
	}
}

static bool
slope(const struct line *l, double *v)
{
	double d = l->n * l->tt - l->t * l->t;

	if (l->n < 2 || d == 0)
		return false;
	*v = (l->n * l->tv - l->t * l->v) / d;
	return true;
}

static bool
over_window(const struct eval *x, const struct platform_expr *n,
    const struct platform_series *s, const struct platform_host *h, double *v)
{
	struct window w;

	window_read(x, n, s, h, &w);
	if (w.span.n == 0)
		return false;
	switch (n->func) {
	case EF_RATE:
		*v = w.span.increase / w.span.covered_s;
		return w.span.n > 1 && w.span.covered_s > 0;
	case EF_INCREASE:
		*v = w.span.increase;
		return w.span.n > 1;
	case EF_DELTA:
		*v = w.span.last - w.first;
		return w.span.n > 1;
	case EF_DERIV:
		return slope(&w.line, v);
	case EF_AVG:
		*v = w.span.total / (double)w.span.n;
		return true;
	case EF_MAX:
		*v = w.span.high;
		return true;
	case EF_MIN:
		*v = w.span.low;
		return true;
	}
	return false;
}

/* Per host, over all series that the matchers take. */
static void
quantile(struct eval *x, const struct platform_expr *n, elements *out)
{
	const struct platform_view *v = x->view;

	for (size_t h = 0; h < v->nhosts && out->n < EXPR_RESULTS; h++) {
		struct platform_element el = { .nlabels = 0 };
		double bucket[METRIC_BUCKETS] = { 0 };
		struct window w;

		label_add(&el, "host", v->hosts[h].name);
		for (size_t s = 0; s < v->nseries &&
		    fresh(v, &v->hosts[h]); s++) {
			const struct platform_series *se = &v->series[s];
			struct platform_element full = el;

			for (size_t i = 0; i < se->nlabels; i++)
				label_add(&full, se->label[i].name,
				    se->label[i].value);
			if (strcmp(se->name, n->name) != 0 ||
			    !matches(n, &full))
				continue;
			window_read(x, n, se, &v->hosts[h], &w);
			for (size_t b = 0; b < METRIC_BUCKETS; b++)
				bucket[b] += w.span.bucket[b];
		}
		el.v = platform_quantile(bucket, n->num);
		if (el.v >= 0)
			*VEC_ADD(x->a, out) = el;
	}
}

/* ---- over elements --------------------------------------------------------------------- */

struct group {
	struct platform_element el;
	double sum, low, high, n;
};

static void
aggregate(struct eval *x, const struct platform_expr *n, elements *out)
{
	VEC(struct group) groups = { 0 };
	elements in = { 0 };

	eval(x, n->l, &in);
	for (size_t i = 0; i < in.n; i++) {
		struct group *g = NULL, key = { .n = 0 };

		for (size_t b = 0; b < n->nby; b++)
			if (*label_of(&in.v[i], n->by[b]) != '\0')
				label_add(&key.el, n->by[b],
				    label_of(&in.v[i], n->by[b]));
		for (size_t k = 0; k < groups.n && g == NULL; k++)
			if (same_labels(&groups.v[k].el, &key.el))
				g = &groups.v[k];
		if (g == NULL) {
			g = VEC_ADD(x->a, &groups);
			*g = key;
			g->low = g->high = in.v[i].v;
		}
		g->sum += in.v[i].v;
		g->low = fmin(g->low, in.v[i].v);
		g->high = fmax(g->high, in.v[i].v);
		g->n++;
	}
	for (size_t k = 0; k < groups.n; k++) {
		struct platform_element *el = VEC_ADD(x->a, out);

		*el = groups.v[k].el;
		el->v = n->op[0] == 's' ? groups.v[k].sum :
		    n->op[0] == 'a' ? groups.v[k].sum / groups.v[k].n :
		    n->op[1] == 'i' ? groups.v[k].low : groups.v[k].high;
	}
}

static double
calculate(char op, double a, double b)
{
	return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b :
	    a / b;
}

/* A number meets every element; two vectors meet where the labels agree. */
static void
math(struct eval *x, const struct platform_expr *n, elements *out)
{
	bool lnum = n->l->kind == EX_NUMBER, rnum = n->r->kind == EX_NUMBER;
	elements l = { 0 }, r = { 0 };

	eval(x, n->l, &l);
	eval(x, n->r, &r);
	for (size_t i = 0; i < l.n; i++)
		for (size_t k = 0; k < r.n && out->n < EXPR_RESULTS; k++) {
			struct platform_element el = lnum ? r.v[k] : l.v[i];

			if (!lnum && !rnum && !same_labels(&l.v[i], &r.v[k]))
				continue;
			el.v = calculate(n->op[0], l.v[i].v, r.v[k].v);
			*VEC_ADD(x->a, out) = el;
		}
}

static bool
holds(const char *op, double v, double than)
{
	bool equal = op[1] == '=';

	switch (op[0]) {
	case '>':
		return equal ? v >= than : v > than;
	case '<':
		return equal ? v <= than : v < than;
	case '=':
		return v == than;
	default:
		return v != than;
	}
}

static void
compare(struct eval *x, const struct platform_expr *n, elements *out)
{
	elements in = { 0 };

	eval(x, n->l, &in);
	for (size_t i = 0; i < in.n; i++)
		if (!isnan(in.v[i].v) && holds(n->op, in.v[i].v, n->num))
			*VEC_ADD(x->a, out) = in.v[i];
}

static void
both(struct eval *x, const struct platform_expr *n, elements *out)
{
	elements l = { 0 }, r = { 0 };

	eval(x, n->l, &l);
	eval(x, n->r, &r);
	for (size_t i = 0; i < l.n; i++) {
		bool found = false;

		for (size_t k = 0; k < r.n && !found; k++)
			found = same_labels(&l.v[i], &r.v[k]);
		if (found)
			*VEC_ADD(x->a, out) = l.v[i];
	}
}

static void
absent(struct eval *x, const struct platform_expr *n, elements *out)
{
	struct platform_element el = { .v = 1 };
	elements in = { 0 };

	select_each(x, n, &in, latest);
	if (in.n > 0)
		return;
	for (size_t i = 0; i < n->nmatch; i++)
		if (strcmp(n->match[i].op, "=") == 0)
			label_add(&el, n->match[i].label, n->match[i].value);
	*VEC_ADD(x->a, out) = el;
}

static void
eval(struct eval *x, const struct platform_expr *n, elements *out)
{
	switch (n->kind) {
	case EX_NUMBER:
		VEC_ADD(x->a, out)->v = n->num;
		return;
	case EX_SELECT:
		select_each(x, n, out, latest);
		return;
	case EX_RANGE:
		select_each(x, n, out, over_window);
		return;
	case EX_QUANTILE:
		quantile(x, n, out);
		return;
	case EX_AGG:
		aggregate(x, n, out);
		return;
	case EX_MATH:
		math(x, n, out);
		return;
	case EX_CMP:
		compare(x, n, out);
		return;
	case EX_AND:
		both(x, n, out);
		return;
	case EX_ABSENT:
		absent(x, n, out);
		return;
	}
}

void
platform_expr_eval(struct arena *a, const struct platform_expr *n,
    const struct platform_view *view, struct platform_vector *out)
{
	struct eval x = { a, view };
	elements found = { 0 };

	eval(&x, n, &found);
	*out = (struct platform_vector){ found.v, found.n };
}
