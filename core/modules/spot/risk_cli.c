/*
 * `quincunx spot risk`: fits the risk model on recorded traces and prints how
 * good its forecasts are on the part of the time that it has not seen. Needs
 * neither database nor network.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/platform.h"
#include "modules/spot/risk_model.h"

#define USAGE "spot risk DIR|TRACES... [--fit 0.6] [--model] [--json]"

enum { RISK_CAP = 1 << 30, PATHS_MAX = 64 };

struct options {
	const char *paths[PATHS_MAX];
	size_t n;
	double fit;
	bool json, model;
};

static int
one_option(struct option_walk *w, struct options *o)
{
	const char *text;

	if (platform_terminal_option(w, "--fit", &text))
		return text != NULL && num_real(text, strlen(text),
		    &o->fit) == NUM_OK && o->fit > 0 && o->fit < 1 ? 0 : -1;
	if (platform_terminal_option(w, "--json", NULL)) {
		o->json = true;
		return 0;
	}
	if (platform_terminal_option(w, "--model", NULL)) {
		o->model = true;
		return 0;
	}
	if (o->n == PATHS_MAX ||
	    !platform_terminal_word(w, &o->paths[o->n]))
		return -1;
	o->n++;
	return 0;
}

static void
add_scores(struct str *s, const struct spot_risk_report *r, int64_t skipped)
{
	str_addf(s, "%lld traces (%lld other files left out)\n",
	    (long long)r->pools, (long long)skipped);
	str_addf(s, "to fit     %8lld windows of 1 h, %.1f %% lost\n",
	    (long long)r->fit_windows, r->fit_rate * 100);
	str_addf(s, "held out   %8lld windows of 1 h, %.1f %% lost\n\n",
	    (long long)r->held_windows, r->held_rate * 100);
	str_addf(s, "forecast of a loss within the hour, held out:\n"
	    "                     Brier    AUC\n"
	    "constant guess      %.4f  0.500\n"
	    "each pool's rate    %.4f  %.3f\n"
	    "model               %.4f  %.3f\n\n", r->brier_constant,
	    r->brier_pool, r->auc_pool, r->brier, r->auc);
	str_addf(s, "better than the constant guess by %.1f %%, than each "
	    "pool's rate by %.1f %%\n", r->skill_constant * 100,
	    r->skill_pool * 100);
	str_addf(s, "log loss %.4f, calibration error %.3f, %lld steps%s\n\n",
	    r->log_loss, r->calibration_error, (long long)r->steps,
	    r->converged ? "" : ", NOT converged");
}

static void
add_tables(struct str *s, const struct spot_risk_report *r)
{
	const struct spot_risk_age *a = r->ages.items;
	const struct spot_risk_bin *b = r->reliability.items;

	str_add(s, "up for      losses per h  lost in 1 h  further life h\n");
	for (size_t i = 0; i < r->ages.n; i++)
		str_addf(s, "%5.2f h and more %7.3f  %10.1f %%  %12.1f\n",
		    a[i].from_h, a[i].hazard, a[i].hour_loss * 100,
		    a[i].residual_h);
	str_add(s, "\nforecast        said     seen   windows\n");
	for (size_t i = 0; i < r->reliability.n; i++)
		if (b[i].n > 0)
			str_addf(s, "%3.0f-%3.0f %%    %5.1f %%  %5.1f %%  "
			    "%8lld\n", b[i].from * 100, b[i].to * 100,
			    b[i].said * 100, b[i].seen * 100,
			    (long long)b[i].n);
}

static int
measure(const struct options *o, struct arena *a, struct str *s,
    struct err *e)
{
	struct spot_watches w = { .n = 0 };
	struct spot_risk_report r;
	struct spot_risk_model m;

	for (size_t i = 0; i < o->n; i++)
		if (spot_traces_read(a, o->paths[i], o->fit, &w, e) == -1)
			return -1;
	if (w.n == 0)
		return err_set(e, 422, "no_traces", "There is no trace of 0 "
		    "and 1 there");
	if (spot_risk_fit(a, w.v, w.n, NULL, &m, &r, e) == -1)
		return -1;
	if (o->model) {
		schema_encode(&spot_risk_model_schema, &m, s);
		str_addc(s, '\n');
	} else if (o->json) {
		schema_encode(&spot_risk_report_schema, &r, s);
		str_addc(s, '\n');
	} else {
		add_scores(s, &r, w.skipped);
		add_tables(s, &r);
	}
	return 0;
}

static int
run(struct env *env, int argc, char **argv)
{
	struct options o = { .fit = 0.6 };
	struct option_walk w = { .argc = argc, .argv = argv };
	struct err e = { 0 };
	struct arena *a;
	struct str s;
	int rc;

	(void)env;
	while (w.i < w.argc)
		if (one_option(&w, &o) == -1)
			return platform_terminal_usage(USAGE);
	if (o.n == 0)
		return platform_terminal_usage(USAGE);
	a = arena_new(RISK_CAP);
	str_init(&s, a);
	rc = measure(&o, a, &s, &e) == -1 ? platform_terminal_error(&e) :
	    platform_terminal_write(&s);
	arena_free(a);
	return rc;
}

const struct command spot_risk_commands[] = {
	{ .name = "spot risk", .usage = USAGE + sizeof("spot risk"),
	    .doc = "How good the risk model's forecasts are on recorded "
	    "availability traces, fit on the first part of their time",
	    .no_db = COMMAND_NO_BOOT, .run = run },
	{ .name = NULL }
};
