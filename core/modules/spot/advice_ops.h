/*
 * A decision on stored figures.
 */
#ifndef SPOT_ADVICE_OPS_H
#define SPOT_ADVICE_OPS_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/advice.h"

struct spot_ask {
	const char *instance_type, *availability_zone;
	const char *instance_id;	/* ours or the cloud's; NULL */
	const char *product, *market;	/* NULL: of the instance, or found */
};
/* 404 for an instance the tenant does not have; 422 for an unknown zone, type
 * or price, naming what is missing. */
int spot_evaluate(struct db *, struct arena *, struct uuid tenant,
    const struct spot_ask *, struct utc now, struct spot_advice *,
    struct err *);

extern const struct route spot_advice_routes[];

#endif
