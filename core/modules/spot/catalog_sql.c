/*
 * Rows of the catalogue. All SQL on spot_type, spot_od_price and spot_advisor
 * is here. The tables belong to no tenant; who may write them is a permission.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/spot/catalog.h"

#define T struct spot_type
static const struct field type_fields[] = {
	FIELD(T, instance_type, .flags = FF_KEY | FF_REQUIRED, .min = 1,
	    .max = 64, .doc = "Name"),
	FIELD(T, arch, .flags = FF_REQUIRED, .max = 64,
	    .doc = "x86_64, arm64, or several with commas"),
	FIELD(T, vcpu, .flags = FF_REQUIRED, .min = 1, .max = 10000,
	    .doc = "Virtual processors"),
	FIELD(T, mem_mib, .flags = FF_REQUIRED, .min = 1, .max = 100000000,
	    .doc = "Memory in MiB"),
	FIELD(T, gpu, .min = 0, .max = 1000, .def = "0", .doc = "GPUs"),
	FIELD(T, gpu_name, .max = 64, .def = "\"\"", .doc = "Kind of GPU"),
	FIELD(T, nvme_gb, .min = 0, .max = 10000000, .def = "0",
	    .doc = "Local disks in GB"),
	FIELD(T, ebs_mbps, .min = 0, .max = 10000000, .def = "0",
	    .doc = "Bandwidth to volumes in Mbit/s"),
	FIELD(T, interfaces, .min = 0, .max = 10000, .def = "0",
	    .doc = "Network interfaces"),
	FIELD(T, network, .max = 64, .def = "\"\"", .doc = "Network class"),
	FIELD(T, hypervisor, .max = 32, .def = "\"\"", .doc = "Hypervisor"),
	FIELD(T, burstable, .def = "false", .doc = "Runs on CPU credits"),
	FIELD(T, bare_metal, .def = "false", .doc = "Bare metal"),
	FIELD(T, current_generation, .def = "true", .doc = "Current"),
	FIELD(T, spot, .def = "true", .doc = "Offered as spot"),
	FIELD(T, src, .max = 32, .def = "\"import\"", .doc = "Source"),
	FIELD(T, asof, .flags = FF_REQUIRED, .doc = "Age of the facts"),
	FIELD_END
};
#undef T
const struct schema spot_type_schema = {
	.name = "SpotType", .doc = "An instance type",
	.size = sizeof(struct spot_type), .fields = type_fields
};

#define MARKET(T) FIELD(T, market, .flags = FF_KEY, .def = "\"aws\"", \
	.oneof = ONEOF("aws", "simulated"), .doc = "Whose market")
#define P struct spot_od_price
static const struct field od_fields[] = {
	MARKET(P),
	FIELD(P, region, .flags = FF_KEY | FF_REQUIRED, .max = 32,
	    .doc = "Region"),
	FIELD(P, instance_type, .flags = FF_KEY | FF_REQUIRED, .max = 64,
	    .doc = "Instance type"),
	FIELD(P, product, .flags = FF_KEY, .max = 64,
	    .def = "\"Linux/UNIX\"", .doc = "Product"),
	FIELD(P, price, .flags = FF_REQUIRED, .min = 0, .max = 10000,
	    .doc = "USD per hour"),
	FIELD(P, asof, .flags = FF_REQUIRED, .doc = "Age of the price"),
	FIELD(P, src, .max = 32, .def = "\"import\"", .doc = "Source"),
	FIELD_END
};
#undef P
const struct schema spot_od_price_schema = {
	.name = "SpotOnDemandPrice", .doc = "Price of a type on demand",
	.size = sizeof(struct spot_od_price), .fields = od_fields
};

#define A struct spot_advisor
static const struct field advisor_fields[] = {
	MARKET(A),
	FIELD(A, region, .flags = FF_KEY | FF_REQUIRED, .max = 32,
	    .doc = "Region"),
	FIELD(A, instance_type, .flags = FF_KEY | FF_REQUIRED, .max = 64,
	    .doc = "Instance type"),
	FIELD(A, os, .flags = FF_KEY, .oneof = ONEOF("Linux", "Windows"),
	    .def = "\"Linux\"", .doc = "Operating system"),
	FIELD(A, interruption, .flags = FF_REQUIRED, .min = 0, .max = 4,
	    .doc = "0 under 5 % a month … 4 over 20 %"),
	FIELD(A, savings, .min = 0, .max = 100, .def = "0",
	    .doc = "Percent below on-demand"),
	FIELD(A, asof, .flags = FF_REQUIRED, .doc = "Age of the class"),
	FIELD_END
};
#undef A
const struct schema spot_advisor_schema = {
	.name = "SpotAdvisor", .doc = "Interruption class of a type",
	.size = sizeof(struct spot_advisor), .fields = advisor_fields
};

#define TYPE_FROM "SELECT instance_type, arch, vcpu, mem_mib, gpu, gpu_name, " \
	"nvme_gb, ebs_mbps, interfaces, network, hypervisor, burstable, " \
	"bare_metal, current_generation, spot, src, asof FROM spot_type "

/* What the simulated cloud tells never replaces what is known; src is compared
 * by all and therefore written last. */
#define TELL(c) #c " = IF(VALUES(src) = 'simulated' AND src <> 'simulated', " \
	#c ", VALUES(" #c "))"
static const struct query TYPE_PUT = { "spot_type.put",
	"INSERT INTO spot_type (instance_type, arch, vcpu, mem_mib, gpu, "
	"gpu_name, nvme_gb, ebs_mbps, interfaces, network, hypervisor, "
	"burstable, bare_metal, current_generation, spot, src, asof) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE "
	TELL(arch) ", " TELL(vcpu) ", " TELL(mem_mib) ", " TELL(gpu) ", "
	TELL(gpu_name) ", " TELL(nvme_gb) ", " TELL(ebs_mbps) ", "
	TELL(interfaces) ", " TELL(network) ", " TELL(hypervisor) ", "
	TELL(burstable) ", " TELL(bare_metal) ", "
	TELL(current_generation) ", " TELL(spot) ", " TELL(asof) ", "
	TELL(src), NULL };
static const struct query TYPE_PAGE = { "spot_type.page",
	TYPE_FROM "WHERE instance_type > ? AND (? IS NULL OR "
	"FIND_IN_SET(?, arch)) AND vcpu >= ? AND mem_mib >= ? "
	"ORDER BY instance_type LIMIT ?", &spot_type_schema };
static const struct query TYPE_BY_NAME = { "spot_type.by_name",
	TYPE_FROM "WHERE instance_type = ? LIMIT 1", &spot_type_schema };
const struct query spot_type_all = { "spot_type.all",
	TYPE_FROM "ORDER BY instance_type", &spot_type_schema };
static const struct query OD_PUT = { "spot_od_price.put",
	"INSERT INTO spot_od_price (market, region, instance_type, product, "
	"price, asof, src) VALUES (?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE "
	"price = IF(VALUES(asof) >= asof, VALUES(price), price), "
	"src = IF(VALUES(asof) >= asof, VALUES(src), src), "
	"asof = GREATEST(asof, VALUES(asof))", NULL };
const struct query spot_od_price_all = { "spot_od_price.all",
	"SELECT market, region, instance_type, product, price, asof, src "
	"FROM spot_od_price ORDER BY market, region, instance_type, product",
	&spot_od_price_schema };
static const struct query OD_GET = { "spot_od_price.get",
	"SELECT market, region, instance_type, product, price, asof, src "
	"FROM spot_od_price WHERE market = ? AND region = ? "
	"AND instance_type = ? AND product = ? LIMIT 1",
	&spot_od_price_schema };
static const struct query ADVISOR_PUT = { "spot_advisor.put",
	"INSERT INTO spot_advisor (market, region, instance_type, os, "
	"interruption, savings, asof) VALUES (?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE "
	"interruption = IF(VALUES(asof) >= asof, VALUES(interruption), "
	"interruption), savings = IF(VALUES(asof) >= asof, VALUES(savings), "
	"savings), asof = GREATEST(asof, VALUES(asof))", NULL };
const struct query spot_advisor_all = { "spot_advisor.all",
	"SELECT market, region, instance_type, os, interruption, savings, "
	"asof FROM spot_advisor ORDER BY market, region, instance_type, os",
	&spot_advisor_schema };

const struct query *const spot_catalog_queries[] = {
	&TYPE_PUT, &TYPE_PAGE, &TYPE_BY_NAME, &spot_type_all, &OD_PUT, &OD_GET,
	&spot_od_price_all,
	&ADVISOR_PUT, &spot_advisor_all, NULL
};

enum { TYPE_COLS = 17, OD_COLS = 7, ADVISOR_COLS = 7 };

int
spot_type_put(struct db *db, struct arena *a, const struct spot_type *t,
    size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * TYPE_COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++, t++) {
		const struct val row[TYPE_COLS] = { V(t->instance_type),
		    V(t->arch), V(t->vcpu), V(t->mem_mib), V(t->gpu),
		    V(t->gpu_name), V(t->nvme_gb), V(t->ebs_mbps),
		    V(t->interfaces), V(t->network), V(t->hypervisor),
		    V(t->burstable), V(t->bare_metal),
		    V(t->current_generation), V(t->spot), V(t->src),
		    V(t->asof) };

		memcpy(p, row, sizeof(row));
		p += TYPE_COLS;
	}
	return n == 0 ? 0 :
	    db_exec_many(db, &TYPE_PUT, v, TYPE_COLS, n, NULL, e);
}

int
spot_type_page(struct db *db, struct arena *a, const char *after,
    const char *arch, int64_t vcpu, int64_t mem_mib, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &TYPE_PAGE, ARGS(V(after), V(arch), V(arch),
	    V(vcpu), V(mem_mib), V(limit)), out, e);
}

int
spot_type_by_name(struct db *db, struct arena *a, const char *name,
    struct spot_type *out, struct err *e)
{
	return db_one(db, a, &TYPE_BY_NAME, ARGS(V(name)), out, e);
}

int
spot_od_price_get(struct db *db, struct arena *a, const char *market,
    const char *region, const char *type, const char *product,
    struct spot_od_price *out, struct err *e)
{
	return db_one(db, a, &OD_GET, ARGS(V(market), V(region), V(type),
	    V(product)), out, e);
}

int
spot_od_price_put(struct db *db, struct arena *a,
    const struct spot_od_price *o, size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * OD_COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++, o++) {
		const struct val row[OD_COLS] = { V(o->market), V(o->region),
		    V(o->instance_type), V(spot_product(o->product)),
		    V(o->price.e8), V(o->asof), V(o->src) };

		memcpy(p, row, sizeof(row));
		p += OD_COLS;
	}
	return n == 0 ? 0 : db_exec_many(db, &OD_PUT, v, OD_COLS, n, NULL, e);
}

int
spot_advisor_put(struct db *db, struct arena *a, const struct spot_advisor *s,
    size_t n, struct err *e)
{
	struct val *v = arena_array(a, n * ADVISOR_COLS, sizeof(*v)), *p = v;

	for (size_t i = 0; i < n; i++, s++) {
		const struct val row[ADVISOR_COLS] = { V(s->market),
		    V(s->region), V(s->instance_type), V(s->os),
		    V(s->interruption), V(s->savings), V(s->asof) };

		memcpy(p, row, sizeof(row));
		p += ADVISOR_COLS;
	}
	return n == 0 ? 0 :
	    db_exec_many(db, &ADVISOR_PUT, v, ADVISOR_COLS, n, NULL, e);
}

/* ---- import -------------------------------------------------------------- */

int
spot_type_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	(void)tenant;
	*changed = true;
	return spot_type_put(db, a, row, 1, e);
}

int
spot_od_price_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	(void)tenant;
	*changed = true;
	return spot_od_price_put(db, a, row, 1, e);
}

int
spot_advisor_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	(void)tenant;
	*changed = true;
	return spot_advisor_put(db, a, row, 1, e);
}
