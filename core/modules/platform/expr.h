/*
 * Conditions over metrics: a small part of PromQL, so that one text serves our
 * own evaluator and the exported rules.
 *
 *	rule    = value cmp number { "and" value cmp number }
 *	        | "absent" "(" selector ")"
 *	value   = term { ("+" | "-") term }
 *	term    = factor { ("*" | "/") factor }
 *	factor  = number | "(" value ")" | selector | func "(" range ")"
 *	        | "histogram_quantile" "(" number "," range ")"
 *	        | ("sum"|"min"|"max"|"avg") ["by" "(" labels ")"] "(" value ")"
 *	func    = "rate" | "increase" | "deriv" | "delta"
 *	        | "avg_over_time" | "max_over_time" | "min_over_time"
 *	range   = selector "[" duration "]"		60 s to 1 h
 *	selector= name [ "{" label ("=" | "!=" | "=~") "text" … "}" ]
 *
 * =~ takes words separated by | and nothing else. Metric names are ours,
 * without "quincunx_"; the label host is Prometheus's instance. The quantile
 * is taken per host, over all other labels. No loops, no recursion in data,
 * bounded text, depth and result.
 */
#ifndef PLATFORM_EXPR_H
#define PLATFORM_EXPR_H

#include "modules/platform/series.h"

struct arena;
struct err;
struct str;
struct platform_expr;

enum { EXPR_TEXT = 500, EXPR_RESULTS = 500 };

/* What an expression looks at. Frames ascend in time within each host; the
 * last one of a host is what it read last. */
struct platform_view {
	const struct platform_series *series;
	size_t nseries;
	struct platform_host {
		const char *name;
		const struct platform_frame *frame;
		size_t n;
	} *hosts;
	size_t nhosts;
	struct utc now;
	int64_t fresh_s;	/* a host silent for longer says nothing */
};

struct platform_element {
	struct pair label[SERIES_LABELS];	/* sorted by name */
	size_t nlabels;
	double v;
};
struct platform_vector {
	struct platform_element *v;
	size_t n;
};

/* NULL and 422 "expression" with the position and what was expected. */
struct platform_expr *platform_expr_parse(struct arena *, const char *,
    struct err *);
/* The elements for which it holds, with the value of the left side. */
void platform_expr_eval(struct arena *, const struct platform_expr *,
    const struct platform_view *, struct platform_vector *);
/* The same as PromQL. */
void platform_expr_promql(const struct platform_expr *, struct str *);
/* Longest window in seconds; 0 = none. */
int64_t platform_expr_window_s(const struct platform_expr *);
/* Calls fn with each metric it names. */
void platform_expr_metrics(const struct platform_expr *,
    void (*fn)(void *arg, const char *name), void *arg);

/* ---- inside (expr.c, expr_eval.c, expr_text.c) -------------------------------- */

enum expr_kind {
	EX_NUMBER = 1, EX_SELECT, EX_RANGE, EX_QUANTILE, EX_AGG, EX_MATH,
	EX_CMP, EX_AND, EX_ABSENT
};
enum expr_func {
	EF_RATE, EF_INCREASE, EF_DERIV, EF_DELTA, EF_AVG, EF_MAX, EF_MIN
};
enum { EXPR_MATCHERS = 4, EXPR_BY = 3 };
struct expr_match {
	const char *label, *op;		/* "=" "!=" "=~" */
	const char *value;
};
struct platform_expr {
	enum expr_kind kind;
	const char *op;			/* AGG, MATH, CMP: as written */
	double num;			/* NUMBER, QUANTILE, CMP's right side */
	const char *name;		/* SELECT, RANGE, QUANTILE, ABSENT */
	struct expr_match match[EXPR_MATCHERS];
	size_t nmatch;
	enum expr_func func;		/* RANGE */
	int64_t window_s;
	const char *by[EXPR_BY];	/* AGG, sorted */
	size_t nby;
	const struct platform_expr *l, *r;
};
extern const char *const platform_expr_funcs[];	/* by enum expr_func */

#endif
