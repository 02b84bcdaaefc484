/*
 * What the files of a demonstration said, by name: prices of pools, instance
 * types, on-demand prices, interruption classes, and what was left out. Reads
 * nothing itself. Invariant: every name and number in it can be right, and no
 * input makes it grow without bound.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "modules/spot/demo.h"

enum { NAME_LEN = 64, KEY_MAX = 3 * NAME_LEN + 4 };

/* EC2 is of 2006; a far future is a mistake too. */
#define EARLIEST (INT64_C(946684800) * US_PER_S)	/* 2000 */
#define LATEST (INT64_C(4102444800) * US_PER_S)		/* 2100 */

struct kind {
	const char *arch;
	int64_t vcpu, mem_mib, gpu;
};

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

	if (n > 0 && n <= NAME_LEN && s[n] == '\0')
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
	if (n > 0 && n <= NAME_LEN)
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
	if (at.us < EARLIEST || at.us > LATEST)
		return err_set(e, 422, "bad_time",
		    "the time is not between 2000 and 2100");
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

struct spot_offer
spot_demo_offer(const struct spot_demo *d, const struct spot_series *s,
    const struct spot_tick *t)
{
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
