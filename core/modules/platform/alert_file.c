/*
 * The rules as a file for Prometheus. Invariant: the same condition in the
 * same words (expr_text.c), so that both systems raise the same alerts.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/alert.h"

static void
quoted(struct str *s, const char *name, const char *value)
{
	str_addf(s, "      %s: ", name);
	str_json(s, value);		/* a YAML double-quoted text, too */
	str_addc(s, '\n');
}

static void
export_one(struct arena *a, const struct platform_rule *r, struct str *s)
{
	struct err e = { 0 };
	struct platform_expr *x = platform_expr_parse(a, r->expr, &e);
	struct str expr;

	if (x == NULL) {
		str_addf(s, "  # %s: %s\n", r->name, e.detail);
		return;
	}
	str_init(&expr, a);
	platform_expr_promql(x, &expr);
	str_addf(s, "  - alert: %s\n    expr: ", r->name);
	str_json(s, expr.p);
	str_addc(s, '\n');
	if (r->for_s > 0)
		str_addf(s, "    for: %llds\n", (long long)r->for_s);
	if (r->keep_s > 0)
		str_addf(s, "    keep_firing_for: %llds\n",
		    (long long)r->keep_s);
	str_add(s, "    labels:\n");
	quoted(s, "severity", r->severity);
	str_add(s, "    annotations:\n");
	quoted(s, "summary", r->summary);
	if (*r->runbook != '\0')
		quoted(s, "runbook", r->runbook);
}

void
platform_rules_export(struct arena *a, const struct platform_rule *v,
    size_t n, struct str *s)
{
	str_add(s, "# Alert rules of Quincunx for Prometheus 2.42 and later. "
	    "Made by `quincunx alerts export`.\n"
	    "groups:\n- name: quincunx\n  interval: 15s\n  rules:\n");
	for (size_t i = 0; i < n; i++)
		if (v[i].enabled)
			export_one(a, &v[i], s);
}
