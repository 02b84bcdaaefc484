/*
 * Health of the inventory.
 */
#ifndef SPOT_HEALTH_OPS_H
#define SPOT_HEALTH_OPS_H

#include "db/env.h"
#include "db/table.h"

void spot_inventory_probe(struct env *, struct probe *);

#endif
