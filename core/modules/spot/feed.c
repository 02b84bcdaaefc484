/*
 * Published feeds into rows. Pure. Refuses text that is no JSON, classes that
 * are none and prices that are no money; names of regions and types that are
 * too long are left out with the rest of their entry.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "base/vec.h"
#include "modules/spot/feed.h"
#include "schema/tree.h"

enum { NAME_MAX_BYTES = 64, REGION_MAX = 32, VALUES_MAX = 2000000 };

static int
parse(struct arena *a, const char *text, size_t n, const struct tree **t,
    struct err *e)
{
	if (json_scan(text, n, VALUES_MAX, "body", a, e) == -1)
		return -1;
	return tree_parse(a, text, n, t, e);
}

static int
bad(struct err *e, const char *what, const char *name)
{
	return err_set(e, 422, "bad_feed", "%.60s: %.100s", name, what);
}

static bool
fits(const char *region, const char *type)
{
	return region != NULL && type != NULL && strlen(region) <=
	    REGION_MAX && strlen(type) <= NAME_MAX_BYTES;
}

static bool
number(const struct tree *t, int64_t least, int64_t most, int64_t *out)
{
	const char *s = tree_text(t);

	return num_i64_lax(s, strlen(s), out) == NUM_OK && *out >= least &&
	    *out <= most;
}

int
spot_feed_advisor(struct arena *a, const char *text, size_t n,
    struct utc asof, struct spot_advisor **out, size_t *rows, struct err *e)
{
	static const char *const systems[] = { "Linux", "Windows" };
	VEC(struct spot_advisor) v = { 0 };
	const struct tree *top, *regions;
	const char *region, *type;

	if (parse(a, text, n, &top, e) == -1)
		return -1;
	regions = tree_get(top, "spot_advisor");
	for (size_t i = 0; i < tree_count(regions); i++) {
		const struct tree *r = tree_at(regions, i, &region);

		for (size_t s = 0; s < 2; s++) {
			const struct tree *l = tree_get(r, systems[s]);

			for (size_t k = 0; k < tree_count(l); k++) {
				const struct tree *x = tree_at(l, k, &type);
				struct spot_advisor row = { .market = "aws",
				    .region = region, .instance_type = type,
				    .os = systems[s], .asof = asof };

				if (!fits(region, type) ||
				    v.n >= SPOT_FEED_ROWS)
					continue;
				if (!number(tree_get(x, "r"), 0, 4,
				    &row.interruption) || !number(
				    tree_get(x, "s"), -10000, 100,
				    &row.savings))
					return bad(e, "no class 0-4 or no "
					    "saving in percent", type);
				if (row.savings < 0)	/* dearer: none */
					row.savings = 0;
				*VEC_ADD(a, &v) = row;
			}
		}
	}
	if (v.n == 0)
		return bad(e, "there is no class in it", "spot_advisor");
	*out = v.v;
	*rows = v.n;
	return 0;
}

int
spot_feed_prices(struct arena *a, const char *text, size_t n,
    struct utc asof, const char *src, struct spot_od_price **out,
    size_t *rows, struct err *e)
{
	VEC(struct spot_od_price) v = { 0 };
	const char *region, *type;
	const struct tree *top;

	if (parse(a, text, n, &top, e) == -1)
		return -1;
	if (tree_kind(tree_get(top, "prices")) == TREE_OBJECT)
		top = tree_get(top, "prices");
	for (size_t i = 0; i < tree_count(top); i++) {
		const struct tree *r = tree_at(top, i, &region);

		if (tree_kind(r) != TREE_OBJECT)
			continue;
		for (size_t k = 0; k < tree_count(r); k++) {
			const struct tree *x = tree_at(r, k, &type);
			struct spot_od_price row = { .market = "aws",
			    .region = region, .instance_type = type,
			    .product = "Linux/UNIX", .asof = asof,
			    .src = src };
			const char *s = tree_text(x);

			if (!fits(region, type) || v.n >= SPOT_FEED_ROWS)
				continue;
			if (dec_parse(s, strlen(s), &row.price) != NUM_OK ||
			    row.price.e8 < 0)
				return bad(e, "this is no price", type);
			*VEC_ADD(a, &v) = row;
		}
	}
	if (v.n == 0)
		return bad(e, "there is no price in it", "on-demand");
	*out = v.v;
	*rows = v.n;
	return 0;
}
