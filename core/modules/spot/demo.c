/*
 * What recorded prices say: the history of each pool in order, its statistics,
 * and a decision for an instance in each pool. Reads no file and no clock;
 * the decisions are spot_advise()'s. Invariant: the result depends on the
 * facts only, never on the order in which files came.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/spot/demo.h"

enum { SCRATCH_MAX = 128 << 20 };

/* A stretch of time in which prices were recorded. */
struct era {
	int64_t first, last;
};

/* A pool within an era. */
struct member {
	const struct spot_series *s;
	size_t lo, hi;			/* of its ticks */
};

struct report {
	struct spot_demo *d;
	struct spot_demo_result *out;
	struct arena *scratch;
	VEC(struct spot_demo_pool) pools;
};

/* ---- statistics ----------------------------------------------------------- */

/* Microseconds for which price i counts. */
static double
weight(const struct spot_tick *v, size_t n, size_t i, struct utc until)
{
	int64_t end = i + 1 < n ? v[i + 1].us : until.us;
	int64_t us = end - v[i].us;

	return us <= 0 || us > SPOT_DEMO_HOLE_S * US_PER_S ? 0 : (double)us;
}

void
spot_demo_stats(const struct spot_tick *v, size_t n, struct utc until,
    struct dec limit, struct spot_stats *out)
{
	double sum = 0, all = 0, above = 0, square = 0, mean, w;
	int64_t low = v[0].e8, high = v[0].e8;

	for (size_t i = 0; i < n; i++) {
		w = weight(v, n, i, until);
		all += w;
		sum += w * (double)v[i].e8;
		if (limit.e8 > 0 && v[i].e8 > limit.e8)
			above += w;
		low = v[i].e8 < low ? v[i].e8 : low;
		high = v[i].e8 > high ? v[i].e8 : high;
	}
	mean = all > 0 ? sum / all : (double)v[n - 1].e8;
	for (size_t i = 0; i < n; i++) {
		double off = (double)v[i].e8 - mean;

		square += weight(v, n, i, until) * off * off;
	}
	*out = (struct spot_stats){ .records = (int64_t)n,
	    .mean = { llround(mean) }, .lowest = { low }, .highest = { high },
	    .hours = all / 3600e6 };
	if (all > 0) {
		out->volatility_percent = sqrt(square / all) / mean * 100;
		out->above_percent = above / all * 100;
	}
}

/* ---- histories in order ------------------------------------------------------ */

static int
by_time(const void *va, const void *vb)
{
	const struct spot_tick *a = va, *b = vb;

	if (a->us != b->us)
		return a->us < b->us ? -1 : 1;
	return (a->e8 > b->e8) - (a->e8 < b->e8);
}

/* Sorts, drops what is later than the limit (0: nothing), and keeps one price
 * of an instant: the highest. */
static void
order(struct spot_series *s, struct utc limit)
{
	struct spot_tick *v = s->ticks.v;
	size_t n = 0;

	qsort(v, s->ticks.n, sizeof(*v), by_time);
	for (size_t i = 0; i < s->ticks.n; i++) {
		if (limit.us != 0 && v[i].us > limit.us)
			break;
		if (n > 0 && v[n - 1].us == v[i].us)
			n--;
		v[n++] = v[i];
	}
	s->ticks.n = n;
}

static int
by_series(const void *va, const void *vb)
{
	const struct spot_series *a = *(struct spot_series *const *)va;
	const struct spot_series *b = *(struct spot_series *const *)vb;
	int c;

	if ((c = strcmp(a->region, b->region)) != 0 ||
	    (c = strcmp(a->product, b->product)) != 0 ||
	    (c = strcmp(a->instance_type, b->instance_type)) != 0)
		return c;
	return strcmp(a->az, b->az);
}

static int
by_start(const void *va, const void *vb)
{
	const struct era *a = va, *b = vb;

	return (a->first > b->first) - (a->first < b->first);
}

/* Stretches of all pools, those that meet made one. */
static size_t
find_eras(struct spot_demo *d, struct era **out)
{
	VEC(struct era) v = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < d->series.n; i++) {
		const struct spot_series *s = d->series.v[i];

		for (size_t k = 0; k < s->ticks.n; k++) {
			int64_t us = s->ticks.v[k].us;

			if (k == 0 || us - v.v[v.n - 1].last >
			    SPOT_DEMO_HOLE_S * US_PER_S)
				*VEC_ADD(d->a, &v) = (struct era){ us, us };
			v.v[v.n - 1].last = us;
		}
	}
	if (v.n > 1)
		qsort(v.v, v.n, sizeof(*v.v), by_start);
	for (size_t i = 0; i < v.n; i++) {
		struct era *e = &v.v[n > 0 ? n - 1 : 0];

		if (n == 0 || v.v[i].first - e->last >
		    SPOT_DEMO_APART_S * US_PER_S)
			v.v[n++] = v.v[i];
		else if (v.v[i].last > e->last)
			e->last = v.v[i].last;
	}
	*out = v.v;
	return n;
}

/* ---- decisions ------------------------------------------------------------------ */

static struct spot_choice *
keep_choices(struct arena *a, const struct spot_choice *v, size_t n)
{
	struct spot_choice *c = arena_array(a, n, sizeof(*c));

	for (size_t i = 0; i < n; i++) {
		c[i] = v[i];
		c[i].pool = arena_strdup(a, v[i].pool);
	}
	return c;
}

/* The advice without the scratch it was made in; names are the series'. */
static const struct spot_advice *
keep_advice(struct arena *a, const struct spot_advice *from)
{
	struct spot_advice *to = arena_memdup(a, from, sizeof(*from));
	const char **said = arena_array(a, from->reasons.n, sizeof(*said));
	struct spot_refusal *no = arena_array(a, from->refused.n,
	    sizeof(*no));

	for (size_t i = 0; i < from->reasons.n; i++)
		said[i] = arena_strdup(a,
		    ((const char *const *)from->reasons.items)[i]);
	for (size_t i = 0; i < from->refused.n; i++) {
		const struct spot_refusal *r = from->refused.items;

		no[i] = (struct spot_refusal){ arena_strdup(a, r[i].pool),
		    arena_strdup(a, r[i].reason) };
	}
	to->reasons.items = said;
	to->reason = said[0];
	to->refused.items = no;
	to->candidates.items = keep_choices(a, from->candidates.items,
	    from->candidates.n);
	to->selected_candidate = from->selected_candidate == NULL ? NULL :
	    to->candidates.items;
	to->market = "recorded";
	return to;
}

static void
count(struct spot_demo_totals *t, const struct spot_advice *advice)
{
	const struct spot_choice *to = advice->selected_candidate;

	(void)dec_add(t->hourly_cost, advice->current_hourly_cost,
	    &t->hourly_cost);
	if (to == NULL) {
		t->stay++;
		return;
	}
	t->switches++;
	(void)dec_add(t->hourly_saving, to->hourly_saving,
	    &t->hourly_saving);
}

static int
advise(struct report *r, const struct spot_demo_pool *p,
    const struct spot_offer *offers, size_t n, struct spot_advice *out,
    struct err *e)
{
	int64_t days = (p->as_of.us - p->to.us) / US_PER_S / 86400;
	struct spot_question q = { .az = p->az,
	    .instance_type = p->instance_type, .now = p->as_of };

	if (days * 86400 > spot_rules_default.max_price_age_s)
		return err_set(e, 422, "stale", "The newest price of this "
		    "pool is %lld days old", (long long)days);
	return spot_advise(r->scratch, &spot_rules_default, &q, offers, n,
	    out, e);
}

static void
decide(struct report *r, struct spot_demo_pool *p,
    const struct spot_offer *offers, size_t n)
{
	struct arena_mark mark = arena_mark(r->scratch);
	struct spot_advice advice;
	struct err e = { 0 };

	p->decision = "";
	if (advise(r, p, offers, n, &advice, &e) == -1) {
		p->undecided = arena_strdup(r->d->a, e.detail);
		r->out->totals.undecided++;
	} else {
		p->advice = keep_advice(r->d->a, &advice);
		p->decision = advice.decision;
		count(&r->out->totals, &advice);
	}
	arena_rewind(r->scratch, mark);
}

static struct spot_demo_pool
pool_of(const struct member *m, const struct spot_offer *o, struct utc now)
{
	const struct spot_series *s = m->s;
	const struct spot_tick *v = &s->ticks.v[m->lo];
	size_t n = m->hi - m->lo;
	struct spot_stats st;

	spot_demo_stats(v, n, now, o->on_demand, &st);
	return (struct spot_demo_pool){ .region = s->region, .az = s->az,
	    .instance_type = s->instance_type, .product = s->product,
	    .from = { v[0].us }, .to = { v[n - 1].us }, .as_of = now,
	    .records = st.records, .price = o->price,
	    .on_demand = o->on_demand, .mean = st.mean,
	    .lowest = st.lowest, .highest = st.highest,
	    .volatility_percent = st.volatility_percent,
	    .above_on_demand_percent = st.above_percent,
	    .saving_percent = o->on_demand.e8 == 0 ? 0 :
	    (1 - (double)o->price.e8 / (double)o->on_demand.e8) * 100,
	    .interruption = o->interruption,
	    .interruption_label = spot_class_label(o->interruption) };
}

/* Pools of one region and product compete with each other. */
static void
judge_group(struct report *r, const struct member *m, size_t n,
    struct utc now)
{
	struct spot_offer *offers = arena_array(r->d->a, n, sizeof(*offers));

	for (size_t i = 0; i < n; i++)
		offers[i] = spot_demo_offer(r->d, m[i].s,
		    &m[i].s->ticks.v[m[i].hi - 1]);
	for (size_t i = 0; i < n; i++) {
		struct spot_demo_pool *p = VEC_ADD(r->d->a, &r->pools);

		*p = pool_of(&m[i], &offers[i], now);
		decide(r, p, offers, n);
	}
}

static size_t
first_from(const struct spot_series *s, int64_t us)
{
	size_t lo = 0, hi = s->ticks.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->ticks.v[mid].us < us)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
judge_era(struct report *r, const struct era *e, struct utc now)
{
	VEC(struct member) v = { 0 };
	size_t n;

	for (size_t i = 0; i < r->d->series.n; i++) {
		const struct spot_series *s = r->d->series.v[i];
		struct member m = { s, first_from(s, e->first),
		    first_from(s, e->last + 1) };

		if (m.lo < m.hi)
			*VEC_ADD(r->d->a, &v) = m;
	}
	for (size_t i = 0; i < v.n; i += n) {
		const struct spot_series *s = v.v[i].s;

		for (n = 1; i + n < v.n &&
		    strcmp(v.v[i + n].s->region, s->region) == 0 &&
		    strcmp(v.v[i + n].s->product, s->product) == 0; n++)
			;
		judge_group(r, &v.v[i], n, now);
	}
	r->out->totals.recordings++;
	r->out->as_of = now;
}

static void
sum_up(struct report *r)
{
	struct spot_demo_totals *t = &r->out->totals;

	r->out->pools = (struct list){ r->pools.v, r->pools.n };
	t->pools = (int64_t)r->pools.n;
	t->files = (int64_t)r->d->used.n;
	t->prices = r->d->prices;
	for (size_t i = 0; i < r->d->skipped.n; i++)
		t->skipped += r->d->skipped.v[i].count;
	for (size_t i = 0; i < r->d->bad.n; i++)
		t->errors += r->d->bad.v[i].count;
	if (t->hourly_cost.e8 > 0)
		t->saving_percent = (double)t->hourly_saving.e8 /
		    (double)t->hourly_cost.e8 * 100;
	r->out->used = (struct list){ r->d->used.v, r->d->used.n };
	r->out->skipped = (struct list){ r->d->skipped.v, r->d->skipped.n };
	r->out->errors = (struct list){ r->d->bad.v, r->d->bad.n };
	r->out->summary = t;
}

int
spot_demo_report(struct spot_demo *d, struct utc as_of,
    struct spot_demo_result *out, struct err *e)
{
	struct report r = { .d = d, .out = out };
	struct era *eras, whole = { 0, as_of.us };
	size_t n;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < d->series.n; i++)
		order(d->series.v[i], as_of);
	if (d->series.n > 1)
		qsort(d->series.v, d->series.n, sizeof(*d->series.v),
		    by_series);
	if ((n = find_eras(d, &eras)) > 0) {
		r.scratch = arena_new(SCRATCH_MAX);
		if (as_of.us != 0)
			judge_era(&r, &whole, as_of);
		for (size_t i = 0; i < n && as_of.us == 0; i++)
			judge_era(&r, &eras[i], (struct utc){ eras[i].last });
		arena_free(r.scratch);
	}
	sum_up(&r);
	return n > 0 ? 0 : err_set(e, 422, "no_prices", d->prices > 0 ?
	    "there is no price up to that date" : "there is no price history");
}
