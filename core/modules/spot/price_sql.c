/*
 * Rows of pools and prices. All SQL on spot_pool and spot_price is here. The
 * tables belong to no tenant. Invariant: a pool's price of an instant is one
 * row, whoever tells it and however often.
 */
#include <string.h>

#include "base/arena.h"
#include "modules/spot/price.h"

#define P struct spot_price
static const struct field price_fields[] = {
	FIELD(P, market, .flags = FF_KEY, .def = "\"aws\"",
	    .oneof = ONEOF("aws", "simulated"), .doc = "Whose market"),
	FIELD(P, region, .max = 32, .flags = FF_KEY, .doc = "Region"),
	FIELD(P, availability_zone, .flags = FF_KEY | FF_REQUIRED, .min = 1,
	    .max = 64, .column = "az", .doc = "Availability zone"),
	FIELD(P, instance_type, .flags = FF_KEY | FF_REQUIRED, .min = 1,
	    .max = 64, .doc = "Instance type"),
	FIELD(P, product, .flags = FF_KEY, .max = 64,
	    .def = "\"Linux/UNIX\"", .doc = "Product"),
	FIELD(P, timestamp, .flags = FF_KEY | FF_REQUIRED, .column = "ts",
	    .doc = "Since when it holds"),
	FIELD(P, price, .flags = FF_REQUIRED, .min = 0, .max = 10000,
	    .doc = "USD per hour"),
	FIELD(P, src, .max = 32, .def = "\"import\"", .doc = "Source"),
	FIELD(P, pool_id, .flags = FF_HIDDEN, .doc = "Pool"),
	FIELD_END
};
#undef P
const struct schema spot_price_schema = {
	.name = "SpotPrice", .doc = "The price of a pool since an instant",
	.size = sizeof(struct spot_price), .fields = price_fields
};

#define P struct spot_pool
/* Of a type that the catalog does not have (yet): NULL, so zero. */
#define UNKNOWN (FF_HIDDEN | FF_NULLABLE)
static const struct field pool_fields[] = {
	FIELD(P, id, .doc = "Identifier"),
	FIELD(P, market, .doc = "Whose market"),
	FIELD(P, region, .doc = "Region"),
	FIELD(P, az, .doc = "Availability zone"),
	FIELD(P, instance_type, .doc = "Instance type"),
	FIELD(P, product, .doc = "Product"),
	FIELD(P, price, .flags = FF_NULLABLE,
	    .doc = "Spot price, USD per hour"),
	FIELD(P, price_at, .flags = FF_NULLABLE, .doc = "Since when"),
	FIELD(P, on_demand, .flags = FF_NULLABLE,
	    .doc = "On-demand price, USD per hour"),
	FIELD(P, on_demand_at, .flags = FF_NULLABLE, .doc = "As of"),
	FIELD(P, saving_percent, .flags = FF_NOSQL,
	    .doc = "Spot below on-demand, percent; 0 when not known"),
	FIELD(P, interruption, .doc = "Class 0-4; -1 = not known"),
	FIELD(P, interruption_label, .flags = FF_NOSQL,
	    .doc = "Share of instances interrupted in a month"),
	FIELD(P, interruption_at, .flags = FF_NULLABLE, .doc = "As of"),
	FIELD(P, arch, .flags = UNKNOWN, .doc = "Architecture"),
	FIELD(P, vcpu, .flags = UNKNOWN, .doc = "Virtual processors"),
	FIELD(P, mem_mib, .flags = UNKNOWN, .doc = "Memory"),
	FIELD(P, gpu, .flags = UNKNOWN, .doc = "GPUs"),
	FIELD(P, nvme_gb, .flags = UNKNOWN, .doc = "Local storage"),
	FIELD(P, ebs_mbps, .flags = UNKNOWN, .doc = "EBS bandwidth"),
	FIELD(P, interfaces, .flags = UNKNOWN, .doc = "Interfaces"),
	FIELD(P, hypervisor, .flags = UNKNOWN, .doc = "Virtualization"),
	FIELD(P, burstable, .flags = UNKNOWN, .doc = "On CPU credits"),
	FIELD_END
};
#undef P
#undef UNKNOWN
const struct schema spot_pool_schema = {
	.name = "SpotPool", .doc = "Zone, type and product with its figures",
	.size = sizeof(struct spot_pool), .fields = pool_fields
};

static const struct query PRICE_PUT = { "spot_price.put",
	"INSERT INTO spot_price (pool_id, ts, price, src) "
	"SELECT id, ?, ?, ? FROM spot_pool WHERE market = ? AND region = ? "
	"AND az = ? AND instance_type = ? AND product = ? "
	"ON DUPLICATE KEY UPDATE price = VALUES(price), src = VALUES(src)",
	NULL };
static const struct query PRICE_PUT_ROW = { "spot_price.put_row",
	"INSERT INTO spot_price (pool_id, ts, price, src) "
	"VALUES (?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE price = VALUES(price), src = VALUES(src)",
	NULL };
static const struct query POOL_PUT = { "spot_pool.put",
	"INSERT IGNORE INTO spot_pool (market, region, az, instance_type, "
	"product) VALUES (?, ?, ?, ?, ?)", NULL };
static const struct query POOL_ID = { "spot_pool.id",
	"SELECT id AS n FROM spot_pool WHERE market = ? AND region = ? "
	"AND az = ? AND instance_type = ? AND product = ? LIMIT 1",
	&spot_count_schema };
#define PRICE_FROM "SELECT o.market, o.region, o.az, o.instance_type, " \
	"o.product, p.ts, p.price, p.src, p.pool_id FROM spot_pool o " \
	"JOIN spot_price p ON p.pool_id = o.id "
#define PRICE_POOLS "o.market = COALESCE(?, o.market) " \
	"AND o.region = COALESCE(?, o.region) " \
	"AND o.az = COALESCE(?, o.az) " \
	"AND o.instance_type = COALESCE(?, o.instance_type) " \
	"AND o.product = COALESCE(?, o.product) AND o.id >= ? "
static const struct query PRICE_UP_TO = { "spot_price.up_to",
	"SELECT o.id AS n FROM spot_pool o WHERE " PRICE_POOLS
	"ORDER BY o.id LIMIT 1 OFFSET ?", &spot_count_schema };
static const struct query PRICE_PAGE = { "spot_price.page",
	PRICE_FROM "WHERE " PRICE_POOLS "AND o.id < ? AND p.ts >= COALESCE(?, '1000-01-01') "
	"AND p.ts < COALESCE(?, '9999-12-31') "
	"AND (o.id > ? OR (o.id = ? AND p.ts < ?)) "
	"ORDER BY o.id, p.ts DESC LIMIT ?", &spot_price_schema };
const struct query spot_price_export = { "spot_price.export",
	PRICE_FROM "ORDER BY o.id, p.ts", &spot_price_schema };
/* The newest price by ORDER BY … LIMIT 1: MAX(ts) of a pool that an outer row
 * names reads all prices of the pool. */
#define POOL_FROM "SELECT o.id, o.market, o.region, o.az, o.instance_type, " \
	"o.product, p.price, p.ts AS price_at, d.price AS on_demand, " \
	"d.asof AS on_demand_at, COALESCE(v.interruption, -1) " \
	"AS interruption, v.asof AS interruption_at, t.arch, t.vcpu, " \
	"t.mem_mib, t.gpu, t.nvme_gb, t.ebs_mbps, t.interfaces, t.hypervisor, " \
	"t.burstable " \
	"FROM spot_pool o " \
	"LEFT JOIN spot_price p ON p.pool_id = o.id AND p.ts = " \
	"(SELECT x.ts FROM spot_price x WHERE x.pool_id = o.id " \
	"ORDER BY x.ts DESC LIMIT 1) " \
	"LEFT JOIN spot_od_price d ON d.market = o.market " \
	"AND d.region = o.region AND d.instance_type = o.instance_type " \
	"AND d.product = o.product " \
	"LEFT JOIN spot_advisor v ON v.market = o.market " \
	"AND v.region = o.region AND v.instance_type = o.instance_type " \
	"AND v.os = IF(o.product LIKE 'Windows%', 'Windows', 'Linux') " \
	"LEFT JOIN spot_type t ON t.instance_type = o.instance_type "
static const struct query POOL_PAGE = { "spot_pool.page",
	POOL_FROM "WHERE o.market = COALESCE(?, o.market) "
	"AND o.region = COALESCE(?, o.region) "
	"AND o.instance_type = COALESCE(?, o.instance_type) "
	"AND o.id > ? ORDER BY o.id LIMIT ?", &spot_pool_schema };
static const struct query POOL_OFFERS = { "spot_pool.offers",
	POOL_FROM "WHERE o.market = ? AND o.region = ? AND o.product = ? "
	"ORDER BY o.id LIMIT 10000", &spot_pool_schema };
static const struct query POOL_KNOWN = { "spot_pool.known",
	"SELECT COUNT(*) AS n FROM (SELECT 1 FROM spot_pool "
	"WHERE market = ? AND region = ? AND az = ? LIMIT 1) x",
	&spot_count_schema };

const struct query *const spot_price_queries[] = {
	&PRICE_PUT, &PRICE_PUT_ROW, &POOL_PUT, &POOL_ID, &PRICE_UP_TO,
	&PRICE_PAGE,
	&spot_price_export, &POOL_PAGE, &POOL_OFFERS, &POOL_KNOWN, NULL
};

#define POOL_KEY(p) V((p)->market), V((p)->region), \
	V((p)->availability_zone), V((p)->instance_type), \
	V(spot_product((p)->product))

static int
put_known(struct db *db, const struct spot_price *p, uint64_t *hit,
    struct err *e)
{
	return db_exec(db, &PRICE_PUT, ARGS(V(p->timestamp), V(p->price.e8),
	    V(p->src), POOL_KEY(p)), hit, e);
}

int
spot_price_put(struct db *db, const struct spot_price *p, struct err *e)
{
	uint64_t hit;

	if (put_known(db, p, &hit, e) == -1)
		return -1;
	if (hit > 0)
		return 0;
	if (db_exec(db, &POOL_PUT, ARGS(POOL_KEY(p)), NULL, e) == -1)
		return -1;
	return put_known(db, p, &hit, e);
}

static bool
same_pool(const struct spot_price *a, const struct spot_price *b)
{
	return strcmp(a->instance_type, b->instance_type) == 0 &&
	    strcmp(a->availability_zone, b->availability_zone) == 0 &&
	    strcmp(spot_product(a->product), spot_product(b->product)) == 0 &&
	    strcmp(a->region, b->region) == 0 &&
	    strcmp(a->market, b->market) == 0;
}

static int
pool_id(struct db *db, struct arena *a, const struct spot_price *p,
    int64_t *id, struct err *e)
{
	struct spot_count c;
	int rc = db_one(db, a, &POOL_ID, ARGS(POOL_KEY(p)), &c, e);

	if (rc == 1) {
		if (db_exec(db, &POOL_PUT, ARGS(POOL_KEY(p)), NULL, e) == -1)
			return -1;
		rc = db_one(db, a, &POOL_ID, ARGS(POOL_KEY(p)), &c, e);
	}
	*id = c.n;
	return spot_found(rc, "Pool", e);
}

/* Remembers the pools of one batch: files come sorted or in turns. */
struct pool_memo {
	const struct spot_price *p[64];
	int64_t id[64];
};

static int
memo_id(struct db *db, struct arena *a, struct pool_memo *m,
    const struct spot_price *p, int64_t *id, struct err *e)
{
	size_t h = 0;

	for (const char *s = p->instance_type; *s != '\0'; s++)
		h = h * 31 + (unsigned char)*s;
	for (const char *s = p->availability_zone; *s != '\0'; s++)
		h = h * 31 + (unsigned char)*s;
	h %= 64;
	if (m->p[h] == NULL || !same_pool(m->p[h], p)) {
		if (pool_id(db, a, p, &m->id[h], e) == -1)
			return -1;
		m->p[h] = p;
	}
	*id = m->id[h];
	return 0;
}

int
spot_price_put_many(struct db *db, struct arena *a,
    const struct spot_price *p, size_t n, struct err *e)
{
	struct pool_memo memo = { .id = { 0 } };
	struct val *v;
	int64_t id;

	if (n == 0)
		return 0;
	v = arena_array(a, n * 4, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		if (memo_id(db, a, &memo, &p[i], &id, e) == -1)
			return -1;
		v[i * 4] = V(id);
		v[i * 4 + 1] = V(p[i].timestamp);
		v[i * 4 + 2] = V(p[i].price.e8);
		v[i * 4 + 3] = V(p[i].src);
	}
	return db_exec_many(db, &PRICE_PUT_ROW, v, 4, n, NULL, e);
}

#define POOLS_OF(f) V((f)->market), V((f)->region), V((f)->az), \
	V((f)->type), V((f)->product)

/* Newest first within a pool needs a sort, so that one statement would sort
 * all prices there are: the page is filled from a few pools, then from more. */
int
spot_price_page(struct db *db, struct arena *a,
    const struct spot_price_filter *f, struct rows *out, struct err *e)
{
	struct rows part;
	int64_t from = f->pool_after, pools = 4;

	*out = (struct rows){ .schema = &spot_price_schema,
	    .v = arena_array(a, (size_t)f->limit, sizeof(struct spot_price)) };
	while (from < INT64_MAX && (int64_t)out->n < f->limit) {
		struct spot_count next;
		int rc = db_one(db, a, &PRICE_UP_TO, ARGS(POOLS_OF(f), V(from),
		    V(pools)), &next, e);
		int64_t to = rc == 0 ? next.n : INT64_MAX;

		if (rc == -1 || db_all(db, a, &PRICE_PAGE,
		    ARGS(POOLS_OF(f), V(from), V(to), V(f->from), V(f->to),
		    V(f->pool_after), V(f->pool_after), V(f->ts_below),
		    V(f->limit - (int64_t)out->n)), &part, e) == -1)
			return -1;
		if (part.n > 0)
			memcpy(ROW(out, struct spot_price, out->n), part.v,
			    part.n * sizeof(struct spot_price));
		out->n += part.n;
		from = to;
		pools *= 8;
	}
	return 0;
}

int
spot_pool_page(struct db *db, struct arena *a, const char *market,
    const char *region, const char *type, int64_t after, int64_t limit,
    struct rows *out, struct err *e)
{
	if (db_all(db, a, &POOL_PAGE, ARGS(V(market), V(region), V(type),
	    V(after), V(limit)), out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		struct spot_pool *p = ROW(out, struct spot_pool, i);

		p->interruption_label = spot_class_label(p->interruption);
		if (p->price.e8 > 0 && p->on_demand.e8 > 0)
			p->saving_percent = (double)(int64_t)(1000 -
			    1000 * (double)p->price.e8 /
			    (double)p->on_demand.e8) / 10;
	}
	return 0;
}

int
spot_pool_offers(struct db *db, struct arena *a, const char *market,
    const char *region, const char *product, struct spot_offer **out,
    size_t *n, struct err *e)
{
	struct rows r;

	if (db_all(db, a, &POOL_OFFERS, ARGS(V(market), V(region),
	    V(product)), &r, e) == -1)
		return -1;
	*n = r.n;
	*out = arena_array(a, r.n, sizeof(**out));
	for (size_t i = 0; i < r.n; i++) {
		const struct spot_pool *p = ROW(&r, struct spot_pool, i);

		(*out)[i] = (struct spot_offer){ .az = p->az,
		    .instance_type = p->instance_type,
		    .arch = p->arch == NULL ? "" : p->arch, .vcpu = p->vcpu,
		    .mem_mib = p->mem_mib, .gpu = p->gpu, .price = p->price,
		    .price_at = p->price_at, .on_demand = p->on_demand,
		    .on_demand_at = p->on_demand_at, .pool_id = p->id,
		    .interruption = p->interruption,
		    .interruption_at = p->interruption_at,
		    .hypervisor = p->hypervisor == NULL ? "" : p->hypervisor,
		    .nvme_gb = p->nvme_gb, .ebs_mbps = p->ebs_mbps,
		    .interfaces = p->interfaces, .burstable = p->burstable };
	}
	return 0;
}

int
spot_pool_known(struct db *db, struct arena *a, const char *market,
    const char *region, const char *az, bool *yes, struct err *e)
{
	struct spot_count c = { 0 };

	if (db_one(db, a, &POOL_KNOWN, ARGS(V(market), V(region), V(az)),
	    &c, e) == -1)
		return -1;
	*yes = c.n > 0;
	return 0;
}

int
spot_price_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	struct spot_price p = *(const struct spot_price *)row;

	(void)tenant;
	*changed = true;
	if (p.region == NULL || *p.region == '\0')
		p.region = spot_zone_region(a, p.availability_zone);
	if (p.region == NULL)
		return err_set(e, 422, "zone", "\"%s\" is not an availability "
		    "zone", p.availability_zone);
	return spot_price_put(db, &p, e);
}
