/*
 * Counters, histograms and gauges, and their Prometheus text. Counters and
 * histograms are summed over cache-line stripes that belong to nobody, so
 * they neither fall nor leak when a process dies; gauges live in the slot of
 * the process that set them and vanish with it. A label index out of range is
 * dropped and counted, never written.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/str.h"
#include "shm/segment.h"

const struct metric shm_lost_total = { "shm_lost_total",
    "Times a process found the shared segment truncated under it.",
    METRIC_COUNTER, { NULL, NULL } };
const struct metric shm_dropped_total = { "shm_dropped_total",
    "Writes to the shared segment without a place for them.",
    METRIC_COUNTER, { NULL, NULL } };
const struct metric limiter_full_total = { "limiter_full_total",
    "Rate-limit words taken from a key that was still counting.",
    METRIC_COUNTER, { NULL, NULL } };

static const struct metric *const own_metrics[] = {
	&shm_lost_total, &shm_dropped_total, &limiter_full_total,
	&breaker_transitions_total, &bulkhead_rejected_total,
	&retry_budget_empty_total, NULL
};

static const struct {
	uint64_t ns;
	const char *text;
} bounds[SEG_BUCKETS] = {
	{ UINT64_C(500000), "0.0005" },
	{ UINT64_C(1000000), "0.001" },
	{ UINT64_C(2500000), "0.0025" },
	{ UINT64_C(5000000), "0.005" },
	{ UINT64_C(10000000), "0.01" },
	{ UINT64_C(25000000), "0.025" },
	{ UINT64_C(50000000), "0.05" },
	{ UINT64_C(100000000), "0.1" },
	{ UINT64_C(250000000), "0.25" },
	{ UINT64_C(500000000), "0.5" },
	{ UINT64_C(1000000000), "1" },
	{ UINT64_C(2500000000), "2.5" },
	{ UINT64_C(5000000000), "5" },
	{ UINT64_C(10000000000), "10" },
	{ UINT64_C(25000000000), "25" },
	{ UINT64_C(60000000000), "60" },
};

static bool
is_gauge(const struct metric *m)
{
	return m->kind == METRIC_GAUGE || m->kind == METRIC_MICRO;
}

/* ---- positions ----------------------------------------------------------- */

static size_t
index_start(const struct shm *s, const struct metric *m)
{
	uint64_t h = (uint64_t)(uintptr_t)m * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h >> 32) & s->index_mask;
}

static struct seg_metric *
find(const struct shm *s, const struct metric *m)
{
	size_t i = index_start(s, m);
	uint32_t at;

	while ((at = s->index[i]) != 0) {
		if (s->metrics[at - 1].m == m)
			return &s->metrics[at - 1];
		i = (i + 1) & s->index_mask;
	}
	return NULL;
}

static const char *const *
label_values(const struct shm *s, const struct metric_label *l)
{
	const struct shm_layout *y = &s->layout;
	size_t i;

	if (l->values != NULL)
		return l->values;
	if (l == &dependency_label || l == &dependency_service_label)
		return s->guard_names;
	for (i = 0; y->dynamic != NULL && y->dynamic[i] != NULL; i++) {
		if (y->dynamic[i] == l)
			return y->dynamic_values[i];
	}
	return NULL;
}

static void
plan_one(struct shm *s, const struct metric *m)
{
	struct seg_metric *q = &s->metrics[s->nmetrics];
	size_t *len = is_gauge(m) ? &s->map.gauge_len : &s->map.stripe_len;
	size_t i, k;

	if (find(s, m) != NULL)
		return;
	q->m = m;
	q->cells = 1;
	for (k = 0; k < 2; k++) {
		q->n[k] = 1;
		if (m->labels[k] == NULL)
			continue;
		q->values[k] = seg_copy_texts(s, label_values(s,
		    m->labels[k]));
		for (i = 0; q->values[k] != NULL && q->values[k][i] != NULL;)
			i++;
		if (i > 0)
			q->n[k] = i;
		q->cells *= q->n[k];
	}
	q->cell_len = m->kind == METRIC_HISTOGRAM ? SEG_HIST : 1;
	q->off = *len / 8;
	*len += q->cells * q->cell_len * 8;
	s->nmetrics++;
	for (i = index_start(s, m); s->index[i] != 0;)
		i = (i + 1) & s->index_mask;
	s->index[i] = (uint32_t)s->nmetrics;
}

const char *const *
seg_copy_texts(struct shm *s, const char *const *from)
{
	const char **to;
	size_t i, n = 0;

	if (from == NULL)
		return NULL;
	while (from[n] != NULL)
		n++;
	to = arena_array(s->arena, n + 1, sizeof(*to));
	for (i = 0; i < n; i++)
		to[i] = arena_strdup(s->arena, from[i]);
	return to;
}

void
seg_metrics_plan(struct shm *s)
{
	const struct metric *const *m = s->layout.metrics;
	size_t i, n = 0, cap;

	while (m != NULL && m[n] != NULL)
		n++;
	n += sizeof(own_metrics) / sizeof(own_metrics[0]);
	for (cap = 16; cap < 2 * n;)
		cap *= 2;
	s->metrics = arena_array(s->arena, n, sizeof(*s->metrics));
	s->index = arena_array(s->arena, cap, sizeof(*s->index));
	s->index_mask = cap - 1;
	for (i = 0; own_metrics[i] != NULL; i++)
		plan_one(s, own_metrics[i]);
	for (i = 0; m != NULL && m[i] != NULL; i++)
		plan_one(s, m[i]);
	s->map.stripe_len = (s->map.stripe_len + 63) / 64 * 64;
	s->map.gauge_len = (s->map.gauge_len + 63) / 64 * 64;
}

uint64_t
seg_hash_text(uint64_t h, const char *t)
{
	return t == NULL ? fnv1a("", 1, h) : fnv1a(t, strlen(t) + 1, h);
}

uint64_t
seg_metrics_hash(const struct shm *s, uint64_t h)
{
	const struct seg_metric *q;
	size_t i, k, v;

	for (i = 0; i < s->nmetrics; i++) {
		q = &s->metrics[i];
		h = seg_hash_text(h, q->m->name);
		h = fnv1a(&q->m->kind, sizeof(q->m->kind), h);
		for (k = 0; k < 2; k++) {
			for (v = 0; q->values[k] != NULL && v < q->n[k]; v++)
				h = seg_hash_text(h, q->values[k][v]);
			h = seg_hash_text(h, NULL);
		}
	}
	return h;
}

/* ---- writing ------------------------------------------------------------- */

static uint64_t *
stripe_cell(const struct shm *s, const struct seg_metric *q, size_t stripe,
    size_t cell)
{
	return (uint64_t *)(s->base + s->map.stripes +
	    stripe * s->map.stripe_len) + q->off + cell * q->cell_len;
}

static uint64_t *
gauge_cell(const struct shm *s, const struct seg_metric *q, size_t slot,
    size_t cell)
{
	return (uint64_t *)(s->base + s->map.gauges +
	    slot * s->map.gauge_len) + q->off + cell;
}

void
seg_gauges_clear(struct shm *s, size_t slot)
{
	memset(s->base + s->map.gauges + slot * s->map.gauge_len, 0,
	    s->map.gauge_len);
}

static void
add(uint64_t *p, uint64_t n)
{
	__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

/* The metric's place if it is of the right kind and i, j exist. */
static struct seg_metric *
target(struct shm *s, const struct metric *m, bool kind_ok, size_t i, size_t j,
    size_t *cell)
{
	struct seg_metric *q = kind_ok ? find(s, m) : NULL;

	if (q == NULL || i >= q->n[0] || j >= q->n[1]) {
		q = find(s, &shm_dropped_total);
		add(stripe_cell(s, q, s->stripe, 0), 1);
		return NULL;
	}
	*cell = i * q->n[1] + j;
	return q;
}

void
metric_add(const struct metric *m, size_t i, size_t j, uint64_t n)
{
	struct shm *s = shm_current();
	struct seg_metric *q;
	size_t cell;

	if (s == NULL)
		return;
	q = target(s, m, m->kind == METRIC_COUNTER, i, j, &cell);
	if (q != NULL)
		add(stripe_cell(s, q, s->stripe, cell), n);
}

void
metric_set(const struct metric *m, size_t i, size_t j, int64_t v)
{
	struct shm *s = shm_current();
	struct seg_metric *q;
	size_t cell;

	if (s == NULL)
		return;
	q = target(s, m, is_gauge(m) && seg_own_slot(s), i, j, &cell);
	if (q != NULL)
		seg_put(gauge_cell(s, q, (size_t)s->slot, cell), (uint64_t)v);
}

void
metric_observe_ns(const struct metric *m, size_t i, size_t j, uint64_t ns)
{
	struct shm *s = shm_current();
	struct seg_metric *q;
	uint64_t *p;
	size_t cell, b = 0;

	if (s == NULL)
		return;
	q = target(s, m, m->kind == METRIC_HISTOGRAM, i, j, &cell);
	if (q == NULL)
		return;
	while (b < SEG_BUCKETS && ns > bounds[b].ns)
		b++;
	p = stripe_cell(s, q, s->stripe, cell);
	add(p + b, 1);
	add(p + SEG_BUCKETS + 1, ns);
}

/* ---- reading ------------------------------------------------------------- */

static void
sum_stripes(const struct shm *s, const struct seg_metric *q, size_t cell,
    uint64_t out[SEG_HIST])
{
	size_t t, w;

	memset(out, 0, SEG_HIST * sizeof(out[0]));
	for (t = 0; t < SEG_STRIPES; t++) {
		for (w = 0; w < q->cell_len; w++)
			out[w] += seg_get(stripe_cell(s, q, t, cell) + w);
	}
}

static uint64_t
sum_gauge(struct shm *s, const struct seg_metric *q, size_t cell)
{
	uint64_t v, sum = 0;
	size_t i;

	for (i = 0; i < s->map.nslots; i++) {
		v = seg_get(gauge_cell(s, q, i, cell));
		if (v != 0 && ((long)i == s->slot ||
		    seg_locked(s, LOCK_SLOT + (off_t)i)))
			sum += v;
	}
	return sum;
}

uint64_t
metric_read(const struct metric *m, size_t i, size_t j)
{
	struct shm *s = shm_current();
	struct seg_metric *q;
	uint64_t w[SEG_HIST], sum = 0;
	size_t cell, b;

	if (s == NULL || (q = find(s, m)) == NULL || i >= q->n[0] ||
	    j >= q->n[1])
		return 0;
	cell = i * q->n[1] + j;
	if (is_gauge(m))
		return sum_gauge(s, q, cell);
	sum_stripes(s, q, cell, w);
	if (m->kind == METRIC_COUNTER)
		return w[0];
	for (b = 0; b <= SEG_BUCKETS; b++)
		sum += w[b];
	return sum;
}

double
metric_quantile(const struct metric *m, size_t i, size_t j, double q)
{
	struct shm *s = shm_current();
	uint64_t w[SEG_HIST], total = 0, seen = 0;
	struct seg_metric *h;
	size_t b;

	if (s == NULL || m->kind != METRIC_HISTOGRAM ||
	    (h = find(s, m)) == NULL || i >= h->n[0] || j >= h->n[1])
		return 0;
	sum_stripes(s, h, i * h->n[1] + j, w);
	for (b = 0; b <= SEG_BUCKETS; b++)
		total += w[b];
	for (b = 0; b < SEG_BUCKETS && total > 0; b++) {
		seen += w[b];
		if ((double)seen >= q * (double)total)
			break;
	}
	if (b == SEG_BUCKETS)
		b--;
	return total == 0 ? 0 : (double)bounds[b].ns / 1e9;
}

static void
read_cell(struct shm *s, const struct seg_metric *q, size_t cell,
    uint64_t w[SEG_HIST])
{
	memset(w, 0, SEG_HIST * sizeof(w[0]));
	if (is_gauge(q->m))
		w[0] = sum_gauge(s, q, cell);
	else
		sum_stripes(s, q, cell, w);
}

/* ---- exposition ---------------------------------------------------------- */

static void
escaped(struct str *o, const char *t, bool quote)
{
	for (; *t != '\0'; t++) {
		if (*t == '\\' || *t == '\n' || (quote && *t == '"'))
			str_addc(o, '\\');
		str_addc(o, *t == '\n' ? 'n' : *t);
	}
}

static void
header(struct str *o, const char *name, const char *help, const char *type)
{
	str_addf(o, "# HELP quincunx_%s ", name);
	escaped(o, help, false);
	str_addf(o, "\n# TYPE quincunx_%s %s\n", name, type);
}

static void
label(struct str *o, bool *open, const char *name, const char *value)
{
	str_addf(o, "%c%s=\"", *open ? ',' : '{', name);
	escaped(o, value, true);
	str_addc(o, '"');
	*open = true;
}

/* name_suffix{labels,le="..."} and the blank before the value. */
static void
series(struct str *o, const struct seg_metric *q, size_t cell,
    const char *suffix, const char *le)
{
	const size_t at[2] = { cell / q->n[1], cell % q->n[1] };
	bool open = false;
	size_t k;

	str_addf(o, "quincunx_%s%s", q->m->name, suffix);
	for (k = 0; k < 2; k++) {
		if (q->m->labels[k] != NULL)
			label(o, &open, q->m->labels[k]->name,
			    q->values[k] != NULL && q->values[k][0] != NULL ?
			    q->values[k][at[k]] : "");
	}
	if (le != NULL)
		label(o, &open, "le", le);
	str_add(o, open ? "} " : " ");
}

static void
expose_histogram(struct str *o, const struct seg_metric *q, size_t cell,
    const uint64_t w[SEG_HIST])
{
	uint64_t n = 0, ns = w[SEG_BUCKETS + 1];
	size_t b;

	for (b = 0; b <= SEG_BUCKETS; b++) {
		n += w[b];
		series(o, q, cell, "_bucket",
		    b < SEG_BUCKETS ? bounds[b].text : "+Inf");
		str_addf(o, "%llu\n", (unsigned long long)n);
	}
	series(o, q, cell, "_sum", NULL);
	str_addf(o, "%llu.%09llu\n", (unsigned long long)(ns / 1000000000),
	    (unsigned long long)(ns % 1000000000));
	series(o, q, cell, "_count", NULL);
	str_addf(o, "%llu\n", (unsigned long long)n);
}

/* Cells that never counted are left out where there may be thousands. */
static bool
sparse(const struct seg_metric *q)
{
	return q->cells > (q->m->kind == METRIC_HISTOGRAM ? 1 : 32);
}

static bool
all_zero(const uint64_t *w, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (w[i] != 0)
			return false;
	}
	return true;
}

static void
expose_one(struct shm *s, struct str *o, const struct seg_metric *q)
{
	static const char *const types[] = { "", "counter", "gauge",
	    "histogram", "gauge" };
	char number[DEC_TEXT];
	uint64_t w[SEG_HIST];
	size_t cell;

	header(o, q->m->name, q->m->help, types[q->m->kind]);
	for (cell = 0; cell < q->cells; cell++) {
		read_cell(s, q, cell, w);
		if (sparse(q) && all_zero(w, SEG_HIST))
			continue;
		if (q->m->kind == METRIC_HISTOGRAM) {
			expose_histogram(o, q, cell, w);
			continue;
		}
		series(o, q, cell, "", NULL);
		if (q->m->kind == METRIC_GAUGE)
			str_add_i64(o, (int64_t)w[0]);
		else if (q->m->kind == METRIC_MICRO)
			str_add(o, real_format((double)(int64_t)w[0] / 1e6,
			    number));
		else
			str_addf(o, "%llu", (unsigned long long)w[0]);
		str_addc(o, '\n');
	}
}

static const struct {
	const char *name, *help;
} own_gauges[] = {
	{ "breaker_state", "0 closed, 1 open, 2 half open." },
	{ "retry_budget", "Repeats of calls that may be made now." },
	{ "bulkhead_used", "Permits held by live processes." }
};

struct exposing {
	struct str *o;
	const char *last;
};

static void
expose_own(void *arg, const struct metric_cell *c)
{
	struct exposing *x = arg;
	bool open = false;
	size_t i;

	for (i = 0; i < NITEMS(own_gauges) && c->name != x->last; i++)
		if (strcmp(own_gauges[i].name, c->name) == 0)
			header(x->o, c->name, own_gauges[i].help, "gauge");
	x->last = c->name;
	str_addf(x->o, "quincunx_%s", c->name);
	label(x->o, &open, "name", c->value[0]);
	str_addf(x->o, "} %lld\n", (long long)c->v);
}

void
metrics_expose(struct shm *s, struct str *o)
{
	struct exposing x = { o, NULL };
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->nmetrics; i++)
		expose_one(s, o, &s->metrics[i]);
	seg_own_gauges(s, expose_own, &x);
}

/* ---- for those who keep the past ----------------------------------------- */

double
metric_bound_s(size_t bucket)
{
	return bucket < SEG_BUCKETS ? (double)bounds[bucket].ns / 1e9 :
	    HUGE_VAL;
}

static void
cell_fill(struct metric_cell *c, const struct seg_metric *q, size_t cell,
    const uint64_t w[SEG_HIST])
{
	const size_t at[2] = { cell / q->n[1], cell % q->n[1] };

	*c = (struct metric_cell){ .name = q->m->name, .kind = is_gauge(q->m) ?
	    METRIC_GAUGE : q->m->kind };
	for (size_t k = 0; k < 2; k++) {
		if (q->m->labels[k] == NULL)
			continue;
		c->label[k] = q->m->labels[k]->name;
		c->value[k] = q->values[k] != NULL && q->values[k][0] != NULL ?
		    q->values[k][at[k]] : "";
	}
	if (is_gauge(q->m))
		c->v = (double)(int64_t)w[0] /
		    (q->m->kind == METRIC_MICRO ? 1e6 : 1);
	else if (q->m->kind == METRIC_COUNTER)
		c->v = (double)w[0];
	else
		for (size_t b = 0; b <= SEG_BUCKETS; b++) {
			c->bucket[b] = w[b];
			c->v += (double)w[b];
		}
	if (q->m->kind == METRIC_HISTOGRAM)
		c->sum_s = (double)w[SEG_BUCKETS + 1] / 1e9;
}

void
metrics_each(struct shm *s, void (*fn)(void *, const struct metric_cell *),
    void *arg)
{
	struct metric_cell c;
	uint64_t w[SEG_HIST];
	size_t i, cell;

	if (s == NULL)
		return;
	for (i = 0; i < s->nmetrics; i++)
		for (cell = 0; cell < s->metrics[i].cells; cell++) {
			read_cell(s, &s->metrics[i], cell, w);
			if (sparse(&s->metrics[i]) && all_zero(w, SEG_HIST))
				continue;
			cell_fill(&c, &s->metrics[i], cell, w);
			fn(arg, &c);
		}
	seg_own_gauges(s, fn, arg);
}
