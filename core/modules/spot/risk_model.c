/*
 * A fitted risk model in use, and its form as JSON. Refuses content whose
 * lists have other lengths than its version has. Invariant: a forecast lies
 * strictly between 0 and 1.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "math/logit.h"
#include "math/score.h"
#include "modules/spot/pool.h"
#include "modules/spot/risk_inner.h"
#include "modules/spot/risk_model.h"

#define FACTOR_MAX 20.0
#define CLASS_MIDDLE 2

const char *const spot_risk_inputs[SPOT_RISK_INPUTS + 1] = { "base",
    "log_age", "avail_fast", "avail_slow", "notice", "class", "placement",
    NULL };

static const struct field group_fields[] = {
	FIELD(struct spot_risk_group, name, .flags = FF_REQUIRED,
	    .doc = "Family and zone"),
	FIELD(struct spot_risk_group, hazard, .flags = FF_REQUIRED,
	    .elem = FT_REAL, .max = SPOT_AGES, .doc = "Losses per hour by "
	    "age"),
	FIELD_END
};
static const struct schema group_schema = {
	.name = "SpotRiskGroup", .doc = "Hazards of a family in a zone",
	.size = sizeof(struct spot_risk_group), .fields = group_fields
};
#define M struct spot_risk_model
static const struct field model_fields[] = {
	FIELD(M, ages, .flags = FF_REQUIRED, .elem = FT_REAL,
	    .max = SPOT_AGES, .doc = "Where each age begins, hours"),
	FIELD(M, all, .flags = FF_REQUIRED, .elem = FT_REAL,
	    .max = SPOT_AGES, .doc = "Losses per hour by age, everywhere"),
	FIELD(M, groups, .flags = FF_REQUIRED, .sub = &group_schema,
	    .max = 20000, .doc = "The same of families in zones"),
	FIELD(M, shrink_hours, .flags = FF_REQUIRED | FF_XMIN, .min = 0,
	    .max = 10000, .doc = "Hours of the prior"),
	FIELD(M, inputs, .flags = FF_REQUIRED, .elem = FT_STR,
	    .max = SPOT_RISK_INPUTS, .doc = "Names of the inputs"),
	FIELD(M, coef, .flags = FF_REQUIRED, .elem = FT_REAL,
	    .max = SPOT_RISK_COEFS, .doc = "Intercept, then one for each "
	    "input"),
	FIELD(M, platt_a, .flags = FF_REQUIRED, .doc = "Calibration: added"),
	FIELD(M, platt_b, .flags = FF_REQUIRED,
	    .doc = "Calibration: multiplied"),
	FIELD_END
};
#undef M
const struct schema spot_risk_model_schema = {
	.name = "SpotRiskModel", .doc = "Hazards by age and what moves them",
	.size = sizeof(struct spot_risk_model), .fields = model_fields
};

static int
by_name(const void *va, const void *vb)
{
	const struct spot_risk_group *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

static bool
sound(const struct spot_risk_model *m)
{
	const double *all = m->all.items, *ages = m->ages.items;
	const struct spot_risk_group *g = m->groups.items;

	if (m->ages.n != SPOT_AGES || m->all.n != SPOT_AGES ||
	    m->coef.n != SPOT_RISK_COEFS || m->inputs.n != SPOT_RISK_INPUTS)
		return false;
	for (int b = 0; b < SPOT_AGES; b++)
		if (all[b] < 0 || fabs(ages[b] - spot_age_from[b]) > 1e-6)
			return false;
	for (int i = 0; i < SPOT_RISK_INPUTS; i++)
		if (strcmp(((const char *const *)m->inputs.items)[i],
		    spot_risk_inputs[i]) != 0)
			return false;
	for (size_t i = 0; i < m->groups.n; i++) {
		const double *h = g[i].hazard.items;

		if (g[i].hazard.n != SPOT_AGES)
			return false;
		for (int b = 0; b < SPOT_AGES; b++)
			if (h[b] < 0)
				return false;
	}
	return true;
}

int
spot_risk_read(struct arena *a, const char *text, size_t n,
    struct spot_risk_model *m, struct err *e)
{
	struct schema_input in = { .kind = BODY_JSON, .body = text,
	    .body_len = n, .max_values = 1000000 };
	uint64_t seen;

	if (schema_decode(&spot_risk_model_schema, &in, a, m, &seen, e) == -1)
		return -1;
	if (!sound(m))
		return err_set(e, 422, "bad_model", "The content is no model "
		    "of the format " SPOT_RISK_FORMAT);
	if (m->groups.n > 1)
		qsort(m->groups.items, m->groups.n,
		    sizeof(struct spot_risk_group), by_name);
	return 0;
}

const char *
spot_risk_group_name(struct arena *a, const char *type, const char *az)
{
	return arena_printf(a, "%.*s %s", (int)strcspn(type, "."), type, az);
}

static struct spot_hazard
hazard_of(struct list l)
{
	struct spot_hazard z;

	memcpy(z.h, l.items, sizeof(z.h));
	return z;
}

struct spot_hazard
spot_risk_prior(const struct spot_risk_model *m, const char *group)
{
	const struct spot_risk_group *g = m->groups.items;
	size_t lo = 0, hi = m->groups.n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(g[mid].name, group);

		if (c == 0)
			return hazard_of(g[mid].hazard);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return hazard_of(m->all);
}

/* ---- forecasts ------------------------------------------------------------------ */

void
spot_risk_row(const struct spot_hazard *base, const struct spot_risk_view *v,
    double x[SPOT_RISK_INPUTS])
{
	x[0] = math_logit(spot_hazard_loss(base, v->age_h, 1));
	x[1] = log(fmax(v->age_h, 0) + 0.25);
	x[2] = 0.5 - v->avail_fast;
	x[3] = 0.5 - v->avail_slow;
	x[4] = v->notice;
	x[5] = v->interruption < 0 ? 0 : log(spot_class_hazard(
	    v->interruption) / spot_class_hazard(CLASS_MIDDLE));
	x[6] = v->score > 0 ? (10 - v->score) / 10 : 0;
}

double
spot_risk_hour(const struct spot_risk_model *m,
    const struct spot_hazard *base, const struct spot_risk_view *v)
{
	double x[SPOT_RISK_INPUTS];

	spot_risk_row(base, v, x);
	return math_platt_at(m->platt_a, m->platt_b,
	    math_logit_predict(m->coef.items, x, SPOT_RISK_INPUTS));
}

struct spot_hazard
spot_risk_now(const struct spot_risk_model *m,
    const struct spot_hazard *base, const struct spot_risk_view *v)
{
	double hour = spot_risk_hour(m, base, v);
	double plain = spot_hazard_loss(base, v->age_h, 1), f = 1;
	struct spot_hazard z = *base;

	if (plain > 0 && plain < 1 && hour < 1)
		f = log1p(-hour) / log1p(-plain);
	f = fmin(fmax(f, 1 / FACTOR_MAX), FACTOR_MAX);
	for (int b = 0; b < SPOT_AGES; b++)
		z.h[b] *= f;
	return z;
}
