/*
 * Pools of a region for a decision: prices, classes, and what is known of
 * their risk. Reads only; refuses nothing, an unknown region ranks nothing.
 */
#include "modules/spot/pool.h"
#include "modules/spot/risk_ops.h"

int
spot_pools_for(struct db *db, struct arena *a, const char *market,
    const char *region, const char *product, const struct spot_need *need,
    struct spot_ranking *out, struct err *e)
{
	struct spot_offer *v;
	const char *label;
	struct uuid model;
	size_t n;

	if (spot_offers_load(db, a, market, region, product, need->now, &v,
	    &n, &label, &model, e) == -1)
		return -1;
	spot_pools_rank(a, v, n, need, out);
	out->model = label != NULL ? label : SPOT_CLASS_MODEL;
	out->model_id = model;
	return 0;
}
