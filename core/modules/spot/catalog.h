/*
 * Facts that hold for every tenant: instance types, on-demand prices and
 * interruption classes. market "simulated" keeps the simulated cloud's figures
 * apart from real ones.
 */
#ifndef SPOT_CATALOG_H
#define SPOT_CATALOG_H

#include "db/db.h"
#include "http/route.h"
#include "modules/spot/rows.h"

struct spot_type {
	const char *instance_type, *arch;
	int64_t vcpu, mem_mib, gpu;
	const char *gpu_name;
	int64_t nvme_gb, ebs_mbps, interfaces;
	const char *network, *hypervisor;
	bool burstable, bare_metal, current_generation, spot;
	const char *src;
	struct utc asof;
};
struct spot_od_price {
	const char *market, *region, *instance_type, *product;
	struct dec price;
	struct utc asof;
	const char *src;
};
struct spot_advisor {
	const char *market, *region, *instance_type, *os;
	int64_t interruption, savings;
	struct utc asof;
};
extern const struct schema spot_type_schema, spot_od_price_schema,
    spot_advisor_schema;
extern const struct query *const spot_catalog_queries[];
extern const struct query spot_type_all, spot_od_price_all, spot_advisor_all;

int spot_type_put(struct db *, struct arena *, const struct spot_type *,
    size_t n, struct err *);
int spot_type_page(struct db *, struct arena *, const char *after,
    const char *arch, int64_t vcpu, int64_t mem_mib, int64_t limit,
    struct rows *, struct err *);
int spot_type_by_name(struct db *, struct arena *, const char *,
    struct spot_type *, struct err *);
int spot_od_price_get(struct db *, struct arena *, const char *market,
    const char *region, const char *type, const char *product,
    struct spot_od_price *, struct err *);
int spot_od_price_put(struct db *, struct arena *,
    const struct spot_od_price *, size_t n, struct err *);
int spot_advisor_put(struct db *, struct arena *,
    const struct spot_advisor *, size_t n, struct err *);

/* ---- import: struct exchange --------------------------------------------- */

int spot_type_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);
int spot_od_price_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);
int spot_advisor_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);

extern const struct route spot_catalog_routes[];

#endif
