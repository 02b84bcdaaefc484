/*
 * What recorded prices say: the facts of files by name, the history of each
 * pool in order, its statistics, and a decision for an instance in each pool.
 * Reads no file and no clock; decides nothing itself. Invariant: the result
 * depends on the facts only, never on the order in which files came.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "modules/spot/demo.h"

enum { NAME_MAX_LEN = 64, KEY_MAX = 3 * NAME_MAX_LEN + 4 };

struct kind {
	const char *arch;
	int64_t vcpu, mem_mib, gpu;
};

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

/* ---- facts --------------------------------------------------------------- */

void
spot_demo_init(struct spot_demo *d, struct arena *a)
{
	memset(d, 0, sizeof(*d));
	d->a = a;
	d->pools = map_new(a);
	d->types = map_new(a);
	d->on_demand = map_new(a);
	d->classes = map_new(a);
}

static int
check_name(const char *what, const char *s, struct err *e)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (n > 0 && n <= NAME_MAX_LEN && s[n] == '\0')
		return 0;
	return err_set(e, 422, "bad_name", "the %s is not a name", what);
}

static int
check_product(const char *s, struct err *e)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			n = 0;
	if (n > 0 && n <= NAME_MAX_LEN)
		return 0;
	return err_set(e, 422, "bad_name", "the product is not a name");
}

/* The names are checked, so the key always fits. */
static void
make_key(char key[KEY_MAX], const char *x, const char *y, const char *z)
{
	snprintf(key, KEY_MAX, "%s|%s|%s", x, y, z);
}

/* The value of a key, made zeroed when it is not there; NULL: no room. */
static void *
fact(struct spot_demo *d, struct map *m, const char *key, size_t size,
    struct err *e)
{
	void *v = map_get(m, key);

	if (v != NULL)
		return v;
	if (d->facts == SPOT_DEMO_FACTS) {
		err_set(e, 422, "too_much", "more than %d facts in one run",
		    SPOT_DEMO_FACTS);
		return NULL;
	}
	d->facts++;
	v = arena_alloc(d->a, size);
	map_put(m, arena_strdup(d->a, key), v);
	return v;
}

static struct spot_series *
series(struct spot_demo *d, const char *az, const char *type,
    const char *product, struct err *e)
{
	struct spot_series *s;
	const char *region;
	char key[KEY_MAX];

	make_key(key, az, type, product);
	if ((s = map_get(d->pools, key)) != NULL)
		return s;
	if (d->series.n == SPOT_DEMO_POOLS) {
		err_set(e, 422, "too_much", "more than %d pools in one run",
		    SPOT_DEMO_POOLS);
		return NULL;
	}
	if ((region = spot_zone_region(d->a, az)) == NULL) {
		err_set(e, 422, "bad_zone", "%s is not an availability zone",
		    az);
		return NULL;
	}
	s = arena_alloc(d->a, sizeof(*s));
	s->region = region;
	s->az = arena_strdup(d->a, az);
	s->instance_type = arena_strdup(d->a, type);
	s->product = arena_strdup(d->a, product);
	map_put(d->pools, arena_strdup(d->a, key), s);
	*VEC_ADD(d->a, &d->series) = s;
	return s;
}

int
spot_demo_price(struct spot_demo *d, const char *az, const char *type,
    const char *product, struct utc at, struct dec price,
    struct spot_series **out, struct err *e)
{
	struct spot_series *s;

	if (check_name("availability zone", az, e) == -1 ||
	    check_name("instance type", type, e) == -1 ||
	    check_product(product, e) == -1)
		return -1;
	if (price.e8 <= 0 || price.e8 > 10000 * DEC_ONE)
		return err_set(e, 422, "bad_price",
		    "the price is not between 0 and 10000 USD");
	if (at.us <= 0)
		return err_set(e, 422, "bad_time", "the time is before 1970");
	if (d->prices == SPOT_DEMO_PRICES)
		return err_set(e, 422, "too_much",
		    "more than %d prices in one run", SPOT_DEMO_PRICES);
	if ((s = series(d, az, type, product, e)) == NULL)
		return -1;
	*VEC_ADD(d->a, &s->ticks) = (struct spot_tick){ at.us, price.e8 };
	d->prices++;
	if (out != NULL)
		*out = s;
	return 0;
}

int
spot_demo_type(struct spot_demo *d, const char *type, const char *arch,
    int64_t vcpu, int64_t mem_mib, int64_t gpu, struct err *e)
{
	struct kind *k;

	if (check_name("instance type", type, e) == -1)
		return -1;
	if (vcpu <= 0 || mem_mib <= 0 || gpu < 0)
		return err_set(e, 422, "bad_type", "%s has no processors or "
		    "no memory", type);
	if ((k = fact(d, d->types, type, sizeof(*k), e)) == NULL)
		return -1;
	if (k->arch == NULL || strcmp(k->arch, arch) != 0)
		k->arch = arena_strdup(d->a, arch);
	k->vcpu = vcpu;
	k->mem_mib = mem_mib;
	k->gpu = gpu;
	return 0;
}

int
spot_demo_on_demand(struct spot_demo *d, const char *region, const char *type,
    struct dec price, struct err *e)
{
	char key[KEY_MAX];
	struct dec *p;

	if (check_name("region", region, e) == -1 ||
	    check_name("instance type", type, e) == -1)
		return -1;
	if (price.e8 <= 0)
		return err_set(e, 422, "bad_price", "the on-demand price of "
		    "%s is not above 0", type);
	make_key(key, region, type, "");
	if ((p = fact(d, d->on_demand, key, sizeof(*p), e)) == NULL)
		return -1;
	*p = price;
	return 0;
}

int
spot_demo_class(struct spot_demo *d, const char *region, const char *os,
    const char *type, int64_t interruption, struct err *e)
{
	char key[KEY_MAX];
	int64_t *p;

	if (check_name("region", region, e) == -1 ||
	    check_name("system", os, e) == -1 ||
	    check_name("instance type", type, e) == -1)
		return -1;
	if (interruption < 0 || interruption >= SPOT_CLASSES)
		return err_set(e, 422, "bad_class", "the interruption class "
		    "of %s in %s is not 0-4", type, region);
	make_key(key, region, os, type);
	if ((p = fact(d, d->classes, key, sizeof(*p), e)) == NULL)
		return -1;
	*p = interruption;
	return 0;
}

static void
note(struct spot_demo *d, struct spot_demo_note *v, size_t n,
    struct spot_demo_note *(*add)(struct spot_demo *), const char *file,
    const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].file, file) == 0 &&
		    strcmp(v[i].text, text) == 0) {
			v[i].count++;
			return;
		}
	if (n == SPOT_DEMO_NOTES) {
		d->notes_left_out++;
		return;
	}
	*add(d) = (struct spot_demo_note){ arena_strdup(d->a, file),
	    arena_strdup(d->a, text), 1 };
}

static struct spot_demo_note *
add_skipped(struct spot_demo *d)
{
	return VEC_ADD(d->a, &d->skipped);
}

static struct spot_demo_note *
add_bad(struct spot_demo *d)
{
	return VEC_ADD(d->a, &d->bad);
}

void
spot_demo_skip(struct spot_demo *d, const char *file, const char *text)
{
	note(d, d->skipped.v, d->skipped.n, add_skipped, file, text);
}

void
spot_demo_bad(struct spot_demo *d, const char *file, const char *text)
{
	note(d, d->bad.v, d->bad.n, add_bad, file, text);
}

void
spot_demo_use(struct spot_demo *d, const char *file, const char *kind,
    int64_t records)
{
	*VEC_ADD(d->a, &d->used) = (struct spot_demo_file){
	    arena_strdup(d->a, file), kind, records };
}

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

static struct spot_offer
offer_of(struct spot_demo *d, const struct member *m)
{
	const struct spot_series *s = m->s;
	const struct spot_tick *t = &s->ticks.v[m->hi - 1];
	const struct kind *k = map_get(d->types, s->instance_type);
	struct spot_offer o = { .az = s->az,
	    .instance_type = s->instance_type, .arch = "",
	    .price = { t->e8 }, .price_at = { t->us },
	    .on_demand = s->on_demand, .interruption = -1 };
	bool windows = strncmp(s->product, "Windows", 7) == 0;
	const int64_t *class;
	const struct dec *p;
	char key[KEY_MAX];

	make_key(key, s->region, s->instance_type, "");
	/* the lists are those of Linux */
	if (o.on_demand.e8 == 0 && strcmp(s->product, "Linux/UNIX") == 0 &&
	    (p = map_get(d->on_demand, key)) != NULL)
		o.on_demand = *p;
	make_key(key, s->region, windows ? "Windows" : "Linux",
	    s->instance_type);
	if ((class = map_get(d->classes, key)) != NULL)
		o.interruption = *class;
	if (k != NULL) {
		o.arch = k->arch;
		o.vcpu = k->vcpu;
		o.mem_mib = k->mem_mib;
		o.gpu = k->gpu;
	}
	return o;
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

static void
decide(struct report *r, struct spot_demo_pool *p,
    const struct spot_offer *offers, size_t n)
{
	struct arena_mark mark = arena_mark(r->scratch);
	struct spot_question q = { .az = p->az,
	    .instance_type = p->instance_type, .now = p->as_of };
	struct spot_advice advice;
	struct err e = { 0 };

	p->decision = "";
	if (spot_advise(r->scratch, &spot_rules_default, &q, offers, n,
	    &advice, &e) == -1) {
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
		offers[i] = offer_of(r->d, &m[i]);
	for (size_t i = 0; i < n; i++) {
		struct spot_demo_pool *p = VEC_ADD(r->d->a, &r->pools);

		*p = pool_of(&m[i], &offers[i], now);
		decide(r, p, offers, n);
	}
}

static size_t
first_from(const struct spot_series *s, int64_t us)
{
	size_t i = 0;

	while (i < s->ticks.n && s->ticks.v[i].us < us)
		i++;
	return i;
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
	r->out->sum = t;
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
		r.scratch = arena_new(64 << 20);
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
