/*
 * Every number of resilience is a setting, with the documents' defaults; a
 * row of a module may say otherwise for its dependency, and an operator for
 * any: resilience.overrides = ["aws.failures=3", "aws.open=30"]. Refuses
 * overrides of members or dependencies that do not exist and values outside
 * of the bounds of the setting they replace.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "shm/dependency.h"

#define ROW(m, p, ...) \
	SETTING(struct resilience_conf, m, "resilience." p, __VA_ARGS__)

static const struct setting rows[] = {
	ROW(failures, "failures", .def = "5", .min = 0, .max = 10000,
	    .unit = "calls", .doc = "Failures in a row that open a breaker; "
	    "0 = not by these"),
	ROW(min_calls, "min_calls", .def = "20", .min = 0, .max = 10000,
	    .unit = "calls", .doc = "Calls of the last ten seconds before "
	    "their shares may open a breaker; 0 = never"),
	ROW(fail_percent, "fail_percent", .def = "50", .min = 0, .max = 100,
	    .unit = "percent", .doc = "Share of failures that opens a "
	    "breaker; 0 = not by these"),
	ROW(slow_percent, "slow_percent", .def = "80", .min = 0, .max = 100,
	    .unit = "percent", .doc = "Share of slow calls that opens a "
	    "breaker; 0 = not by these"),
	ROW(slow_ms, "slow", .def = "10000", .min = 0, .max = 600000,
	    .unit = "milliseconds", .doc = "A call that takes longer is slow; "
	    "0 = none is"),
	ROW(open_s, "open", .def = "60", .min = 1, .max = 3600,
	    .unit = "seconds", .doc = "First pause of an open breaker, doubled "
	    "each time in a row"),
	ROW(open_max_s, "open_max", .def = "600", .min = 1, .max = 86400,
	    .unit = "seconds", .doc = "Longest pause of an open breaker"),
	ROW(jitter_percent, "jitter", .def = "10", .min = 0, .max = 50,
	    .unit = "percent", .doc = "Random part of a pause, either way"),
	ROW(probes, "probes", .def = "3", .min = 1, .max = 8,
	    .unit = "calls", .doc = "Calls let through after a pause; all must "
	    "end well"),
	ROW(probe_s, "probe", .def = "60", .min = 1, .max = 3600,
	    .unit = "seconds", .doc = "A probe without a result is lost then; "
	    "longer than net.timeout"),
	ROW(permits, "permits", .def = "32", .min = 0,
	    .max = DEPENDENCY_PERMITS, .unit = "calls",
	    .doc = "Calls of this host to one dependency at once; 0 = no "
	    "limit"),
	ROW(permit_wait_ms, "permit_wait", .def = "50", .min = 0, .max = 50,
	    .unit = "milliseconds", .doc = "Longest wait for one of them"),
	ROW(retries, "retries", .def = "3", .min = 0, .max = 10,
	    .unit = "calls", .doc = "Repeats of one call at most"),
	ROW(retry_base_ms, "retry_base", .def = "1000", .min = 1,
	    .max = 60000, .unit = "milliseconds",
	    .doc = "Wait before the first repeat, doubled each time; half of "
	    "it is random"),
	ROW(retry_cap_ms, "retry_cap", .def = "30000", .min = 1,
	    .max = 600000, .unit = "milliseconds",
	    .doc = "Longest wait before a repeat"),
	ROW(budget_ratio, "budget_ratio", .def = "0.2", .min = 0, .max = 1,
	    .doc = "Repeats that each first call adds to the budget of its "
	    "dependency"),
	ROW(budget_per_s, "budget_floor", .def = "10", .min = 0, .max = 10000,
	    .unit = "calls", .doc = "Repeats that each second adds to it"),
	ROW(budget_cap_s, "budget_cap", .def = "10", .min = 1, .max = 60,
	    .unit = "seconds", .doc = "The budget holds what so many seconds "
	    "add"),
	ROW(overrides, "overrides", .def = "", .doc = "Other numbers for one "
	    "dependency: name.setting=number, as aws.failures=3"),
	SETTING_END
};

/* ---- overrides ------------------------------------------------------------------ */

struct override {
	size_t name_len;
	const struct setting *s;
	int64_t i;
	double r;
};

static const struct setting *
setting_of(const char *p, size_t n)
{
	for (const struct setting *s = rows; s->path != NULL; s++) {
		const char *short_name = strchr(s->path, '.') + 1;

		if (s->type != CT_LIST && strlen(short_name) == n &&
		    memcmp(short_name, p, n) == 0)
			return s;
	}
	return NULL;
}

static int
wrong(struct err *e, const char *entry, const char *why)
{
	return err_set(e, 500, "config", "resilience.overrides: \"%.80s\": %s",
	    entry, why);
}

static int
parse(const char *entry, struct override *o, struct err *e)
{
	const char *eq = strchr(entry, '='), *dot = NULL;
	bool ok;

	for (const char *p = entry; eq != NULL && p < eq; p++)
		if (*p == '.')
			dot = p;
	if (dot == NULL || dot == entry)
		return wrong(e, entry, "not name.setting=number");
	o->name_len = (size_t)(dot - entry);
	o->s = setting_of(dot + 1, (size_t)(eq - dot) - 1);
	if (o->s == NULL)
		return wrong(e, entry, "no such setting");
	eq++;
	ok = o->s->type == CT_REAL ?
	    num_real(eq, strlen(eq), &o->r) == NUM_OK :
	    num_i64(eq, strlen(eq), &o->i) == NUM_OK;
	if (!ok)
		return wrong(e, entry, "not a number");
	if (o->s->type == CT_INT)
		o->r = (double)o->i;
	if (o->r < (double)o->s->min || o->r > (double)o->s->max)
		return wrong(e, entry, "out of bounds");
	return 0;
}

static int
check(void *values, struct arena *a, struct err *e)
{
	const struct resilience_conf *c = values;
	struct override o;

	(void)a;
	for (size_t i = 0; c->overrides != NULL && c->overrides[i] != NULL; i++)
		if (parse(c->overrides[i], &o, e) == -1)
			return -1;
	if (c->open_max_s < c->open_s)
		return err_set(e, 500, "config", "resilience.open_max is "
		    "shorter than resilience.open");
	return 0;
}

const struct settings resilience_settings = { .name = "resilience",
    .size = sizeof(struct resilience_conf), .rows = rows, .check = check };

/* ---- rules of one --------------------------------------------------------------- */

/* The settings with what was overridden for the name. */
static int
settings_for(struct resilience_conf *c, const char *name, struct err *e)
{
	struct override o;

	for (size_t i = 0; c->overrides != NULL && c->overrides[i] != NULL;
	    i++) {
		if (parse(c->overrides[i], &o, e) == -1)
			return -1;
		if (strlen(name) != o.name_len ||
		    memcmp(name, c->overrides[i], o.name_len) != 0)
			continue;
		if (o.s->type == CT_REAL)
			memcpy((char *)c + o.s->off, &o.r, sizeof(o.r));
		else
			memcpy((char *)c + o.s->off, &o.i, sizeof(o.i));
	}
	return 0;
}

static void
prefer(int64_t *setting, uint32_t row)
{
	if (row > 0)
		*setting = row;
}

/* What the module knows of its dependency stands above the settings for all,
 * and below what an operator says of this one. */
static void
row_over(struct resilience_conf *c, const struct dependency *d)
{
	prefer(&c->failures, d->breaker.failures);
	prefer(&c->min_calls, d->breaker.min_calls);
	prefer(&c->fail_percent, d->breaker.fail_percent);
	prefer(&c->slow_percent, d->breaker.slow_percent);
	prefer(&c->slow_ms, d->breaker.slow_ms);
	prefer(&c->open_s, d->breaker.open_s);
	prefer(&c->open_max_s, d->breaker.open_max_s);
	prefer(&c->jitter_percent, d->breaker.jitter_percent);
	prefer(&c->probes, d->breaker.probes);
	prefer(&c->probe_s, d->breaker.probe_s);
	prefer(&c->permits, d->permits);
}

static struct guard
guard_of(const struct dependency *d, const struct resilience_conf *c)
{
	return (struct guard){ .name = d->name, .busy_503 = d->busy_503,
	    .breaker = { .failures = (uint32_t)c->failures,
		.min_calls = (uint32_t)c->min_calls,
		.fail_percent = (uint32_t)c->fail_percent,
		.slow_percent = (uint32_t)c->slow_percent,
		.slow_ms = (uint32_t)c->slow_ms,
		.open_s = (uint32_t)c->open_s,
		.open_max_s = (uint32_t)(c->open_max_s > c->open_s ?
		    c->open_max_s : c->open_s),
		.jitter_percent = (uint32_t)c->jitter_percent,
		.probes = (uint32_t)c->probes,
		.probe_s = (uint32_t)c->probe_s },
	    .budget = { .per_call = (uint32_t)(c->budget_ratio * 1000 + 0.5),
		.per_s = (uint32_t)c->budget_per_s,
		.cap_s = (uint32_t)c->budget_cap_s },
	    .retry = { .max = (uint32_t)c->retries,
		.base_ms = (uint32_t)c->retry_base_ms,
		.cap_ms = (uint32_t)c->retry_cap_ms },
	    .permits = (uint32_t)c->permits,
	    .wait_ms = (uint32_t)c->permit_wait_ms };
}

static bool
declared(const struct dependency *const *v, const char *name, size_t n)
{
	for (; *v != NULL; v++)
		if (strlen((*v)->name) == n &&
		    memcmp((*v)->name, name, n) == 0)
			return true;
	return false;
}

int
dependency_guards(struct arena *a, const struct dependency *const *v,
    const struct resilience_conf *conf, const struct guard **out,
    struct err *e)
{
	VEC(struct guard) all = { 0 };
	struct override o;

	for (size_t i = 0; conf->overrides != NULL &&
	    conf->overrides[i] != NULL; i++) {
		if (parse(conf->overrides[i], &o, e) == -1)
			return -1;
		if (!declared(v, conf->overrides[i], o.name_len))
			return wrong(e, conf->overrides[i],
			    "no such dependency");
	}
	for (size_t i = 0; v[i] != NULL; i++) {
		struct resilience_conf c = *conf;

		for (size_t k = 0; k < i; k++)
			if (strcmp(v[k]->name, v[i]->name) == 0)
				return err_set(e, 500, "modules", "two "
				    "dependencies are called %s", v[i]->name);
		row_over(&c, v[i]);
		if (settings_for(&c, v[i]->name, e) == -1)
			return -1;
		*VEC_ADD(a, &all) = guard_of(v[i], &c);
	}
	ASSERT(all.n <= DEPENDENCIES_MAX);
	*VEC_ADD(a, &all) = (struct guard){ .name = NULL };
	*out = all.v;
	return 0;
}
