/*
 * A condition as PromQL. Pure. Invariant: what is written here means in
 * Prometheus what expr_eval.c does, apart from Prometheus's extrapolation to
 * the edges of a window.
 */
#include <string.h>

#include "base/number.h"
#include "base/str.h"
#include "modules/platform/expr.h"

static const char *
label_name(const char *name)
{
	return strcmp(name, "host") == 0 ? "instance" : name;
}

static void
number(struct str *s, double v)
{
	char buf[DEC_TEXT];

	str_add(s, real_format(v, buf));
}

static void
selector(struct str *s, const struct platform_expr *n, const char *suffix)
{
	str_addf(s, "quincunx_%s%s", n->name, suffix);
	for (size_t i = 0; i < n->nmatch; i++)
		str_addf(s, "%c%s%s\"%s\"", i == 0 ? '{' : ',',
		    label_name(n->match[i].label), n->match[i].op,
		    n->match[i].value);
	if (n->nmatch > 0)
		str_addc(s, '}');
}

static void
window(struct str *s, const struct platform_expr *n)
{
	str_addf(s, "[%llds]", (long long)n->window_s);
}

static void
aggregate(struct str *s, const struct platform_expr *n)
{
	str_add(s, n->op);
	for (size_t i = 0; i < n->nby; i++)
		str_addf(s, "%s%s", i == 0 ? " by (" : ", ",
		    label_name(n->by[i]));
	if (n->nby > 0)
		str_add(s, ") ");
	str_addc(s, '(');
	platform_expr_promql(n->l, s);
	str_addc(s, ')');
}

static void
infix(struct str *s, const struct platform_expr *n, const char *op)
{
	bool brackets = n->kind == EX_MATH;

	if (brackets)
		str_addc(s, '(');
	platform_expr_promql(n->l, s);
	str_addf(s, " %s ", op);
	platform_expr_promql(n->r, s);
	if (brackets)
		str_addc(s, ')');
}

void
platform_expr_promql(const struct platform_expr *n, struct str *s)
{
	switch (n->kind) {
	case EX_NUMBER:
		number(s, n->num);
		return;
	case EX_SELECT:
		selector(s, n, "");
		return;
	case EX_RANGE:
		str_addf(s, "%s(", platform_expr_funcs[n->func]);
		selector(s, n, "");
		window(s, n);
		str_addc(s, ')');
		return;
	case EX_QUANTILE:
		str_add(s, "histogram_quantile(");
		number(s, n->num);
		str_add(s, ", sum by (le, instance) (rate(");
		selector(s, n, "_bucket");
		window(s, n);
		str_add(s, ")))");
		return;
	case EX_AGG:
		aggregate(s, n);
		return;
	case EX_MATH:
		infix(s, n, n->op);
		return;
	case EX_CMP:
		platform_expr_promql(n->l, s);
		str_addf(s, " %s ", n->op);
		number(s, n->num);
		return;
	case EX_AND:
		infix(s, n, "and");
		return;
	case EX_ABSENT:
		str_add(s, "absent(");
		selector(s, n, "");
		str_addc(s, ')');
		return;
	}
}
