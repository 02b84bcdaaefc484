/*
 * What is sampled: the metrics that somebody keeps, and numbers out of the
 * texts of /proc. Pure. A text that does not look as expected leaves zeros.
 */
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "module.h"
#include "modules/platform/sample.h"

/* ---- gathering -------------------------------------------------------------- */

static const struct history *
history_find(const struct module *const *mods, const char *metric)
{
	for (; *mods != NULL; mods++)
		for (const struct history *h = (*mods)->histories;
		    h != NULL && h->metric != NULL; h++)
			if (strcmp(h->metric, metric) == 0)
				return h;
	return NULL;
}

bool
platform_history_of(const struct module *const *mods, const char *metric,
    const char **by)
{
	const struct history *h = history_find(mods, metric);

	*by = h == NULL ? NULL : h->by;
	return h != NULL;
}

static bool
same(const struct platform_value *v, const char *name,
    const struct pair *label, size_t n)
{
	if (strcmp(v->name, name) != 0 || v->nlabels != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(v->label[i].name, label[i].name) != 0 ||
		    strcmp(v->label[i].value, label[i].value) != 0)
			return false;
	return true;
}

/* Cells of one metric come one after the other: the search goes backwards. */
static struct platform_value *
value_of(struct platform_take *t, const char *name, const char *kind,
    const struct pair *label, size_t n)
{
	struct platform_value *v;

	for (size_t i = t->v.n; i > 0; i--) {
		if (strcmp(t->v.v[i - 1].name, name) != 0)
			break;
		if (same(&t->v.v[i - 1], name, label, n))
			return &t->v.v[i - 1];
	}
	v = VEC_ADD(t->a, &t->v);
	v->name = name;
	v->kind = kind;
	v->nlabels = n;
	memcpy(v->label, label, n * sizeof(*label));
	return v;
}

void
platform_take_add(struct platform_take *t, const struct metric_cell *c,
    const char *by)
{
	static const char *const kinds[] = { "", "counter", "gauge",
	    "histogram" };
	struct pair label[2];
	struct platform_value *v;
	size_t n = 0;

	for (size_t k = 0; k < 2; k++)
		if (c->label[k] != NULL && by != NULL &&
		    (*by == '*' || strcmp(by, c->label[k]) == 0))
			label[n++] = (struct pair){ c->label[k], c->value[k] };
	v = value_of(t, c->name, kinds[c->kind], label, n);
	v->v += c->v;
	if (c->kind != METRIC_HISTOGRAM)
		return;
	v->sum += c->sum_s;
	if (v->bucket == NULL)
		v->bucket = arena_array(t->a, METRIC_BUCKETS, sizeof(double));
	for (size_t b = 0; b < METRIC_BUCKETS; b++)
		v->bucket[b] += (double)c->bucket[b];
}

void
platform_take_put(struct platform_take *t, const char *name, const char *kind,
    const char *label, const char *value, double v)
{
	struct pair l = { label, value };

	value_of(t, name, kind, &l, label != NULL)->v = v;
}

/* ---- texts of /proc ------------------------------------------------------------- */

/* The number that begins here after blanks; *end behind it. */
static double
number(const char *p, const char **end)
{
	double v = 0;
	size_t n;

	p += strspn(p, " \t");
	n = strspn(p, "0123456789.");
	*end = p + n;
	return n > 0 && n < 30 && num_real(p, n, &v) == NUM_OK ? v : 0;
}

/* "cpu  user nice system idle iowait irq softirq steal …" in ticks of 10 ms */
void
platform_stat_parse(const char *text, struct platform_host_facts *f)
{
	enum { IDLE = 3, IOWAIT = 4, KNOWN = 8 };
	const char *p = strncmp(text, "cpu ", 4) == 0 ? text + 4 : "";

	for (int i = 0; i < KNOWN && *p != '\0' && *p != '\n'; i++) {
		double s = number(p, &p) / 100;

		if (i == IDLE || i == IOWAIT)
			f->cpu_idle_s += s;
		else
			f->cpu_busy_s += s;
	}
}

static double
meminfo(const char *text, const char *name)
{
	const char *p = strstr(text, name), *end;

	return p == NULL ? 0 : number(p + strlen(name), &end) * 1024;
}

void
platform_meminfo_parse(const char *text, struct platform_host_facts *f)
{
	f->memory_total = meminfo(text, "MemTotal:");
	f->memory_available = meminfo(text, "MemAvailable:");
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes …" */
void
platform_netdev_parse(const char *text, struct platform_host_facts *f)
{
	enum { SENT = 8 };

	for (const char *p = text; p != NULL && *p != '\0';) {
		const char *name = p + strspn(p, " "), *colon;

		p = strchr(p, '\n');
		p = p == NULL ? NULL : p + 1;
		colon = strchr(name, ':');
		if (colon == NULL || (p != NULL && colon >= p) ||
		    strncmp(name, "lo:", 3) == 0)
			continue;
		colon++;
		f->net_in += number(colon, &colon);
		for (int i = 1; i < SENT; i++)
			number(colon, &colon);
		f->net_out += number(colon, &colon);
	}
}
