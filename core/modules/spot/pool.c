/*
 * Ranking of pools. Reads no clock and no table. Invariant: every pool but
 * the one where it runs is ranked or has a refusal with its reason; the answer
 * never depends on the order of the rows.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/vec.h"
#include "base/str.h"
#include "modules/spot/pool.h"

#define HOURS_PER_MONTH 730.0
#define US_PER_S INT64_C(1000000)

const struct spot_rules spot_rules_default = {
	.max_price_age_s = 7 * 86400, .max_interruption_pct = 20,
	.horizon_h = 24, .changeover_s = 180, .min_saving_pct = 5,
	.min_migration_ratio = 1.5
};

static const struct field refusal_fields[] = {
	FIELD(struct spot_refusal, pool, .doc = "Zone and type"),
	FIELD(struct spot_refusal, reason, .doc = "Why it is no candidate"),
	FIELD_END
};
const struct schema spot_refusal_schema = {
	.name = "SpotRefusal", .doc = "A pool that is no candidate",
	.size = sizeof(struct spot_refusal), .fields = refusal_fields
};

/* ---- classes ------------------------------------------------------------- */

static const struct class {
	const char *label;
	double monthly;
	int64_t reaches;		/* percent */
} classes[SPOT_CLASSES] = {
	{ "<5 %", 0.025, 5 }, { "5-10 %", 0.075, 10 },
	{ "10-15 %", 0.125, 15 }, { "15-20 %", 0.175, 20 },
	{ ">20 %", 0.25, 100 }
};

enum { CLASS_ASSUMED = 2 };

static const struct class *
class_of(int64_t i)
{
	return &classes[i >= 0 && i < SPOT_CLASSES ? i : CLASS_ASSUMED];
}

const char *
spot_class_label(int64_t i)
{
	return i >= 0 && i < SPOT_CLASSES ? classes[i].label : "unknown";
}

double
spot_class_hazard(int64_t i)
{
	return -log1p(-class_of(i)->monthly) / HOURS_PER_MONTH;
}

/* ---- names --------------------------------------------------------------- */

/* Words, then "-" and digits: what follows belongs to the zone. */
const char *
spot_zone_region(struct arena *a, const char *az)
{
	const char *p = az;

	for (; *p != '\0'; p++) {
		size_t digits;

		if (*p != '-')
			continue;
		digits = strspn(p + 1, "0123456789");
		if (digits == 0)
			continue;
		p += 1 + digits;
		if (p == az + 1 + digits || *p == '\0' || strlen(az) > 60 ||
		    (!islower((unsigned char)*p) && *p != '-'))
			return NULL;
		return arena_strndup(a, az, (size_t)(p - az));
	}
	return NULL;
}

const char *
spot_pool_name(struct arena *a, const char *az, const char *type)
{
	return arena_printf(a, "%s:%s", az, type);
}

/* ---- costs --------------------------------------------------------------- */

struct spot_cost
spot_pool_cost(const struct spot_offer *o, const struct spot_rules *r,
    double age_h, double move, double interruption_cost)
{
	struct spot_hazard flat, z;
	double H = (double)r->horizon_h, d = (double)r->changeover_s / 3600;
	double price = dec_real(o->price);
	double rest = o->on_demand.e8 > 0 ? dec_real(o->on_demand) : price;
	struct spot_cost c;

	flat = spot_hazard_flat(spot_class_hazard(o->interruption));
	z = o->hazard != NULL ? *o->hazard : flat;
	c.loss = spot_hazard_loss(&z, age_h, H);
	c.loss_1h = spot_hazard_loss(&z, age_h, 1);
	c.up_h = spot_hazard_up(&z, age_h, H);
	c.run = price * c.up_h + (H - c.up_h) * rest +
	    c.loss * interruption_cost;
	c.hours = H - d - c.loss * d;
	c.ehc = (c.run + move) / c.hours;
	c.stay = c.run / (H - c.loss * d);
	return c;
}

/* ---- who fits ------------------------------------------------------------ */

static bool
has_word(const char *list, const char *word, size_t n)
{
	for (const char *p = list; *p != '\0';) {
		size_t k = strcspn(p, ",");

		if (k == n && memcmp(p, word, n) == 0)
			return true;
		p += k;
		if (*p == ',')
			p++;
	}
	return false;
}

/* What runs here must run there: the widest architecture of the instance. */
static bool
same_arch(const char *here, const char *there)
{
	const char *last = strrchr(here, ',');

	last = last == NULL ? here : last + 1;
	return has_word(there, last, strlen(last));
}

static bool
matches(const char *const *patterns, const char *type)
{
	for (; *patterns != NULL; patterns++)
		if (fnmatch(*patterns, type, 0) == 0)
			return true;
	return false;
}

static bool
in_zones(const struct spot_need *n, const char *az)
{
	for (size_t i = 0; i < n->nzones; i++)
		if (strcmp(n->zones[i], az) == 0)
			return true;
	return n->nzones == 0;
}

static bool
is_pool(const struct spot_offer *o, const char *az, const char *type)
{
	return az != NULL && type != NULL && strcmp(o->az, az) == 0 &&
	    strcmp(o->instance_type, type) == 0;
}

static const struct spot_rules *
rules(const struct spot_need *n)
{
	return n->rules != NULL ? n->rules : &spot_rules_default;
}

static enum spot_unfit
unlike(const struct spot_offer *o, const struct spot_need *n)
{
	if (o->vcpu < n->vcpu)
		return UNFIT_VCPU;
	if (o->mem_mib < n->mem_mib)
		return UNFIT_MEMORY;
	if (o->gpu < n->gpu)
		return UNFIT_GPU;
	if (o->nvme_gb < n->nvme_gb)
		return UNFIT_NVME;
	/* 0 = the catalogue does not say: not held against it */
	if (o->ebs_mbps > 0 && o->ebs_mbps < n->ebs_mbps)
		return UNFIT_EBS;
	if (o->interfaces > 0 && o->interfaces < n->interfaces)
		return UNFIT_INTERFACES;
	if (n->hypervisor != NULL && *n->hypervisor != '\0' &&
	    o->hypervisor != NULL && *o->hypervisor != '\0' &&
	    strcmp(o->hypervisor, n->hypervisor) != 0)
		return UNFIT_HYPERVISOR;
	/* as many vCPUs, but a fraction of each: cheap for a reason */
	if (n->steady && o->burstable && (n->allow == NULL ||
	    !matches(n->allow, o->instance_type)))
		return UNFIT_CREDITS;
	return FITS;
}

enum spot_unfit
spot_pool_unfit(const struct spot_offer *o, const struct spot_need *n)
{
	const struct spot_rules *r = rules(n);
	enum spot_unfit why;

	if (o->excluded)
		return UNFIT_EXCLUDED;
	if (o->vcpu == 0)
		return UNFIT_TYPE;
	if (n->arch != NULL && !same_arch(n->arch, o->arch))
		return UNFIT_ARCH;
	if ((why = unlike(o, n)) != FITS)
		return why;
	if (n->deny != NULL && matches(n->deny, o->instance_type))
		return UNFIT_DENIED;
	if (n->allow != NULL && *n->allow != NULL &&
	    !matches(n->allow, o->instance_type))
		return UNFIT_NOT_ALLOWED;
	if (!in_zones(n, o->az))
		return UNFIT_ZONE;
	if (o->price.e8 <= 0)
		return UNFIT_PRICE;
	if ((n->now.us - o->price_at.us) / US_PER_S > r->max_price_age_s)
		return UNFIT_STALE;
	if (o->interruption >= 0 && class_of(o->interruption)->reaches >
	    r->max_interruption_pct)
		return UNFIT_CLASS;
	if (o->on_demand.e8 > 0 && o->price.e8 >= o->on_demand.e8)
		return UNFIT_DEAR;
	if (o->full_until.us > n->now.us)
		return UNFIT_FULL;
	return is_pool(o, n->avoid_az, n->avoid_type) ? UNFIT_NOTICE : FITS;
}

static const char *
of(struct arena *a, const char *what, int64_t got, int64_t want,
    const char *unit)
{
	return arena_printf(a, "%s: %lld of %lld%s", what, (long long)got,
	    (long long)want, unit);
}

static const char *
market_text(struct arena *a, enum spot_unfit why, const struct spot_offer *o,
    const struct spot_need *n)
{
	char x[DEC_TEXT], y[DEC_TEXT];

	switch (why) {
	case UNFIT_PRICE:
		return "no current price";
	case UNFIT_STALE:
		return arena_printf(a, "stale price: %lld hours old",
		    (long long)((n->now.us - o->price_at.us) / US_PER_S /
		    3600));
	case UNFIT_CLASS:
		return arena_printf(a, "interruption class %s above the "
		    "limit of %lld %%", spot_class_label(o->interruption),
		    (long long)rules(n)->max_interruption_pct);
	case UNFIT_DEAR:
		return arena_printf(a, "dearer than on-demand: %s of %s",
		    dec_format(o->price, x), dec_format(o->on_demand, y));
	case UNFIT_FULL:
		return arena_printf(a, "no capacity when last asked: not "
		    "again for %lld minutes", (long long)
		    ((o->full_until.us - n->now.us) / US_PER_S / 60 + 1));
	case UNFIT_NOTICE:
		return "the pool that gave the notice";
	default:
		return "";
	}
}

const char *
spot_pool_unfit_text(struct arena *a, enum spot_unfit why,
    const struct spot_offer *o, const struct spot_need *n)
{
	switch (why) {
	case UNFIT_EXCLUDED:
		return "excluded";
	case UNFIT_TYPE:
		return "type not in the catalogue";
	case UNFIT_ARCH:
		return arena_printf(a, "architecture %s instead of %s",
		    o->arch, n->arch);
	case UNFIT_VCPU:
		return of(a, "fewer vCPUs", o->vcpu, n->vcpu, "");
	case UNFIT_MEMORY:
		return of(a, "less memory", o->mem_mib, n->mem_mib, " MiB");
	case UNFIT_GPU:
		return of(a, "fewer GPUs", o->gpu, n->gpu, "");
	case UNFIT_NVME:
		return of(a, "less local storage", o->nvme_gb, n->nvme_gb,
		    " GB");
	case UNFIT_EBS:
		return of(a, "less EBS bandwidth", o->ebs_mbps, n->ebs_mbps,
		    " Mbit/s");
	case UNFIT_INTERFACES:
		return of(a, "fewer network interfaces", o->interfaces,
		    n->interfaces, "");
	case UNFIT_HYPERVISOR:
		return arena_printf(a, "virtualization %s instead of %s",
		    o->hypervisor, n->hypervisor);
	case UNFIT_CREDITS:
		return "runs on CPU credits, which it does not where it is";
	case UNFIT_DENIED:
		return "type denied by the policy";
	case UNFIT_NOT_ALLOWED:
		return "type not among those the policy allows";
	case UNFIT_ZONE:
		return "no subnet in this zone";
	default:
		return market_text(a, why, o, n);
	}
}

/* ---- the order ------------------------------------------------------------- */

struct entry {
	struct spot_ranked r;
	size_t offers;			/* that fit, in its zone */
};

static int
by_cost(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	int c;

	if (a->r.c.ehc != b->r.c.ehc)
		return a->r.c.ehc < b->r.c.ehc ? -1 : 1;
	if (a->offers != b->offers)
		return a->offers > b->offers ? -1 : 1;
	c = strcmp(a->r.o->instance_type, b->r.o->instance_type);
	return c != 0 ? c : strcmp(a->r.o->az, b->r.o->az);
}

static int
by_pool(const void *va, const void *vb)
{
	const struct spot_refusal *a = va, *b = vb;

	return strcmp(a->pool, b->pool);
}

static void
order(struct arena *a, struct entry *v, size_t n, struct spot_ranking *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			v[i].offers += strcmp(v[i].r.o->az, v[j].r.o->az) ==
			    0;
	if (n > 1)
		qsort(v, n, sizeof(*v), by_cost);
	out->v = arena_array(a, n, sizeof(*out->v));
	out->n = n;
	for (size_t i = 0; i < n; i++)
		out->v[i] = v[i].r;
	if (out->nrefused > 1)
		qsort(out->refused, out->nrefused, sizeof(*out->refused),
		    by_pool);
}

void
spot_pools_rank(struct arena *a, const struct spot_offer *v, size_t n,
    const struct spot_need *need, struct spot_ranking *out)
{
	double d = (double)rules(need)->changeover_s / 3600;
	double move = d * dec_real(need->running) + need->move_cost;
	VEC(struct spot_refusal) bad = { 0 };
	VEC(struct entry) good = { 0 };

	*out = (struct spot_ranking){ .model = "" };
	for (size_t i = 0; i < n; i++) {
		const struct spot_offer *o = &v[i];
		enum spot_unfit why = spot_pool_unfit(o, need);
		struct entry *e;

		if (why != FITS) {
			*VEC_ADD(a, &bad) = (struct spot_refusal){
			    spot_pool_name(a, o->az, o->instance_type),
			    spot_pool_unfit_text(a, why, o, need) };
			continue;
		}
		if (is_pool(o, need->here_az, need->here_type))
			continue;
		e = VEC_ADD(a, &good);
		e->r.o = o;
		e->r.c = spot_pool_cost(o, rules(need), 0, move,
		    need->interruption_cost);
		if (out->oldest.us == 0 || o->price_at.us < out->oldest.us)
			out->oldest = o->price_at;
	}
	out->refused = bad.v;
	out->nrefused = bad.n;
	order(a, good.v, good.n, out);
}

const char *
spot_pool_refused(struct arena *a, const struct spot_ranking *r, size_t max)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < r->nrefused && i < max; i++) {
		str_add(&s, i > 0 ? ",{\"alternative\":" :
		    "{\"alternative\":");
		str_json(&s, r->refused[i].pool);
		str_add(&s, ",\"reason\":");
		str_json(&s, r->refused[i].reason);
		str_addc(&s, '}');
	}
	str_addc(&s, ']');
	return s.p;
}
