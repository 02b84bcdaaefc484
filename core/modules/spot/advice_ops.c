/*
 * Gathers what a decision needs: the instance if one is named, the pools of
 * its region, its market. Reads only; refuses to mix real and simulated
 * prices.
 */
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/advice_ops.h"
#include "modules/spot/catalog.h"
#include "modules/spot/instance.h"
#include "modules/spot/price.h"

static int
find_instance(struct db *db, struct arena *a, struct uuid tenant,
    const char *id, struct spot_instance *out, struct err *e)
{
	struct uuid u;
	int rc = 1;

	if (uuid_parse(id, &u) == 0)
		rc = spot_instance_by_id(db, a, tenant, u, out, e);
	if (rc == 1)
		rc = spot_instance_by_name(db, a, tenant, id, out, e);
	return spot_found(rc, "Instance", e);
}

/* The market that knows the zone: the real one first. */
static int
find_market(struct db *db, struct arena *a, const char *region,
    const char *az, const char **market, struct err *e)
{
	static const char *const markets[] = { "aws", "simulated" };
	bool known;

	for (size_t i = 0; i < 2; i++) {
		if (spot_pool_known(db, a, markets[i], region, az, &known,
		    e) == -1)
			return -1;
		if (!known)
			continue;
		*market = markets[i];
		return 0;
	}
	return err_set(e, 422, "no_pool", "No prices are known in %.60s: "
	    "import or pull them", az);
}

static int
check_type(struct db *db, struct arena *a, const char *type, struct err *e)
{
	struct spot_type t;
	int rc = spot_type_by_name(db, a, type, &t, e);

	if (rc != 1)
		return rc;
	return err_set(e, 422, "no_type", "Instance type %.60s is not in the "
	    "catalogue: pull the provider's types or import spot.type", type);
}

static enum spot_signal
signal_of(const char *s)
{
	return strcmp(s, "TERMINATION") == 0 ? SPOT_TERMINATION :
	    strcmp(s, "REBALANCE") == 0 ? SPOT_REBALANCE : SPOT_NONE;
}

int
spot_evaluate(struct db *db, struct arena *a, struct uuid tenant,
    const struct spot_ask *ask, struct utc now, struct spot_advice *out,
    struct err *e)
{
	struct spot_question q = { .az = ask->availability_zone,
	    .instance_type = ask->instance_type, .now = now };
	const char *market = ask->market, *product = ask->product, *region;
	int64_t start = clock_boot_ns();
	struct spot_instance i = { .product = NULL };
	struct spot_offer *v;
	size_t n;

	if (ask->instance_id != NULL) {
		if (find_instance(db, a, tenant, ask->instance_id, &i, e) ==
		    -1)
			return -1;
		q.signal = signal_of(i.aws_signal);
		q.on_demand = strcmp(i.lifecycle, "spot") != 0;
		market = market != NULL ? market : i.market;
	}
	product = spot_product(product != NULL ? product : i.product);
	region = spot_zone_region(a, q.az);
	if (region == NULL)
		return err_set(e, 422, "zone", "\"%.60s\" is not an "
		    "availability zone", q.az);
	if (check_type(db, a, q.instance_type, e) == -1 || (market == NULL &&
	    find_market(db, a, region, q.az, &market, e) == -1) ||
	    spot_pool_offers(db, a, market, region, product, &v, &n, e) == -1)
		return -1;
	if (spot_advise(a, &spot_rules_default, &q, v, n, out, e) == -1)
		return -1;
	out->market = market;
	out->execution_time_ms = (double)(clock_boot_ns() - start) / 1e6;
	return 0;
}
