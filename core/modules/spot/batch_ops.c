/*
 * A tick of a batch job on stored figures. Refuses a type without a price on
 * demand, since the deadline rests on it. Invariant: counters and the step are
 * one transaction.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/number.h"
#include "modules/spot/batch.h"
#include "modules/spot/catalog.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

#define PRODUCT "Linux/UNIX"

/* The pool of the type that is expected to last longest, among those that
 * have a price below on-demand and capacity when last asked. */
static int
look(struct db *db, struct arena *a, const struct spot_batch *b,
    struct utc now, struct spot_batch_market *m, const char **label,
    struct err *e)
{
	struct spot_hazard flat;
	struct spot_od_price od;
	struct spot_offer *v;
	struct uuid model;
	size_t n;
	int rc = spot_od_price_get(db, a, b->market, b->region,
	    b->instance_type, PRODUCT, &od, e);

	if (rc == 1)
		return err_set(e, 422, "no_price", "There is no on-demand "
		    "price of %s in %s: import it", b->instance_type,
		    b->region);
	if (rc == -1 || spot_offers_load(db, a, b->market, b->region, PRODUCT,
	    now, &v, &n, label, &model, e) == -1)
		return -1;
	*m = (struct spot_batch_market){ .demand_price = dec_real(od.price) };
	for (size_t i = 0; i < n; i++) {
		double life;

		if (strcmp(v[i].instance_type, b->instance_type) != 0 ||
		    v[i].price.e8 <= 0 || v[i].price.e8 >= od.price.e8 ||
		    v[i].full_until.us > now.us)
			continue;
		flat = spot_hazard_flat(spot_class_hazard(
		    v[i].interruption));
		life = spot_hazard_residual(v[i].hazard != NULL ?
		    v[i].hazard : &flat, 0);
		if (m->offered && life <= m->residual_h)
			continue;
		m->offered = true;
		m->pool = spot_pool_name(a, v[i].az, v[i].instance_type);
		m->residual_h = life;
		m->spot_price = dec_real(v[i].price);
	}
	return 0;
}

int
spot_batch_tick(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, enum spot_place runs_on, double done_s, struct utc now,
    struct spot_batch *b, struct spot_batch_step *s, struct err *e)
{
	enum { MODEL_MAX = 100 };
	struct spot_batch_market m;
	const char *label;

	if (spot_found(spot_batch_by_id(db, a, tenant, id, true, b, e),
	    "Batch job", e) == -1)
		return -1;
	if (strcmp(b->state, "open") != 0)
		return err_set(e, 409, "over", "It is %s already", b->state);
	if (look(db, a, b, now, &m, &label, e) == -1)
		return -1;
	spot_batch_next(a, b, &m, runs_on, done_s, now, s);
	s->model = arena_strndup(a, label != NULL ? label : SPOT_CLASS_MODEL,
	    MODEL_MAX);
	if (spot_batch_update(db, b, e) == -1)
		return -1;
	return spot_batch_step_insert(db, s, e);
}
