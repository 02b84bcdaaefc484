/*
 * Any bytes as a file of the demonstration, plain, gzip or tar: what is taken
 * from it gives figures that can be right, and both outputs are text.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/demo_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_pool(const struct spot_demo_pool *p)
{
	ASSERT(p->records > 0 && p->price.e8 > 0);
	ASSERT(p->lowest.e8 <= p->mean.e8 && p->mean.e8 <= p->highest.e8);
	ASSERT(p->from.us <= p->to.us && p->to.us <= p->as_of.us);
	ASSERT(p->above_on_demand_percent >= 0 &&
	    p->above_on_demand_percent <= 100 + 1e-9);
	ASSERT(isfinite(p->volatility_percent) && p->volatility_percent >= 0);
	ASSERT((p->advice == NULL) == (p->undecided != NULL));
}

static void
check_notes(struct list l)
{
	const struct spot_demo_note *v = l.items;

	for (size_t i = 0; i < l.n; i++)
		ASSERT(v[i].count > 0 && *v[i].file != '\0' &&
		    *v[i].text != '\0');
}

static void
check_text(const struct spot_demo_result *r, struct arena *a)
{
	struct json_object *o;
	struct str s;

	str_init(&s, a);
	spot_demo_print(r, &s);
	ASSERT(utf8_valid(s.p, s.len));
	for (size_t i = 0; i < s.len; i++)
		ASSERT((unsigned char)s.p[i] >= ' ' || s.p[i] == '\n');
	str_init(&s, a);
	schema_encode(&spot_demo_schema, r, &s);
	ASSERT((o = json_tokener_parse(s.p)) != NULL);
	json_object_put(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(512 << 20);
	struct spot_demo_result r;
	struct spot_demo d;
	struct err e = { 0 };
	const struct spot_demo_pool *v;

	spot_demo_init(&d, a);
	spot_demo_bytes(&d, "file", in, n);
	if (spot_demo_report(&d, (struct utc){ 0 }, &r, &e) == 0)
		ASSERT(r.pools.n > 0);
	else
		ASSERT(e.detail[0] != '\0' && r.pools.n == 0);
	v = r.pools.items;
	for (size_t i = 0; i < r.pools.n; i++)
		check_pool(&v[i]);
	check_notes(r.skipped);
	check_notes(r.errors);
	check_text(&r, a);
	arena_free(a);
	return 0;
}
