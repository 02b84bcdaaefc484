/*
 * Rows of instances. All SQL on spot_instance is here. Invariant: a row is
 * marked gone only by the sweep of a shard that saw its whole region.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/instance.h"

#define S struct spot_instance
static const struct field instance_fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose instance"),
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, az, .doc = "Availability zone"),
	FIELD(S, instance_id, .flags = FF_KEY, .doc = "The cloud's own id"),
	FIELD(S, instance_type, .doc = "Instance type"),
	FIELD(S, lifecycle, .doc = "on-demand, spot, scheduled, "
	    "capacity-block"),
	FIELD(S, state, .doc = "pending, running, stopped, …"),
	FIELD(S, launched_at, .flags = FF_NULLABLE, .doc = "Launch"),
	FIELD(S, asg, .doc = "Auto Scaling group; empty = none"),
	FIELD(S, image_id, .doc = "Image"),
	FIELD(S, arch, .doc = "Architecture"),
	FIELD(S, product, .doc = "Product whose price holds"),
	FIELD(S, subnet_id, .doc = "Subnet"),
	FIELD(S, vpc_id, .doc = "Network"),
	FIELD(S, private_ip, .doc = "Private address"),
	FIELD(S, name, .doc = "Tag Name"),
	FIELD(S, tags, .doc = "All tags"),
	FIELD(S, auth_status, .oneof = ONEOF("AUTHORIZED", "UNAUTHORIZED",
	    "FLAGGED"), .doc = "Whether it may be touched"),
	FIELD(S, aws_signal, .oneof = ONEOF("NONE", "REBALANCE",
	    "TERMINATION"), .doc = "What the cloud has announced"),
	SPOT_SEEN_FIELDS(S),
	FIELD(S, hourly_price, .flags = FF_NULLABLE,
	    .doc = "What it costs now, USD per hour; null = not known"),
	FIELD(S, market, .flags = FF_HIDDEN, .doc = "Whose prices"),
	FIELD_END
};
#undef S
const struct schema spot_instance_schema = {
	.name = "SpotInstance", .doc = "An instance in an account",
	.size = sizeof(struct spot_instance), .fields = instance_fields
};

static const struct field tally_fields[] = {
	FIELD(struct spot_tally, instances, .doc = "Seen"),
	FIELD(struct spot_tally, added, .doc = "New"),
	FIELD(struct spot_tally, changed, .doc = "Changed"),
	FIELD_END
};
static const struct schema tally_schema = {
	.name = "SpotTally", .doc = "What a scan found",
	.size = sizeof(struct spot_tally), .fields = tally_fields
};

/* The price in force: the pool's latest, or the type's on demand. */
#define INSTANCE_FROM "SELECT i.id, i.tenant_id, i.account_id, i.region, " \
	"i.az, i.instance_id, i.instance_type, i.lifecycle, i.state, " \
	"i.launched_at, i.asg, i.image_id, i.arch, i.product, i.subnet_id, " \
	"i.vpc_id, i.private_ip, i.name, i.tags, i.auth_status, " \
	"i.aws_signal, i.seen_generation, i.first_seen, i.last_seen, " \
	"i.stale, i.gone_at, a.provider AS market, " \
	"IF(i.lifecycle = 'spot', (SELECT p.price FROM spot_pool o " \
	"JOIN spot_price p ON p.pool_id = o.id WHERE o.market = a.provider " \
	"AND o.region = i.region AND o.az = i.az " \
	"AND o.instance_type = i.instance_type AND o.product = i.product " \
	"ORDER BY p.ts DESC LIMIT 1), (SELECT d.price FROM spot_od_price d " \
	"WHERE d.market = a.provider AND d.region = i.region " \
	"AND d.instance_type = i.instance_type AND d.product = i.product)) " \
	"AS hourly_price FROM spot_instance i " \
	"JOIN spot_account a ON a.id = i.account_id "

static const struct query INSTANCE_PAGE = { "spot_instance.page",
	INSTANCE_FROM "WHERE i.tenant_id = ? AND i.id > COALESCE(?, X'00') "
	"AND i.account_id = COALESCE(?, i.account_id) "
	"AND i.region = COALESCE(?, i.region) "
	"AND i.lifecycle = COALESCE(?, i.lifecycle) "
	"AND i.instance_type = COALESCE(?, i.instance_type) "
	"AND i.state = COALESCE(?, i.state) AND (? < 0 OR i.stale = ?) "
	"AND (? OR i.gone_at IS NULL) ORDER BY i.id LIMIT ?",
	&spot_instance_schema };
static const struct query INSTANCE_BY_ID = { "spot_instance.by_id",
	INSTANCE_FROM "WHERE i.tenant_id = ? AND i.id = ? LIMIT 1",
	&spot_instance_schema };
static const struct query INSTANCE_BY_NAME = { "spot_instance.by_name",
	INSTANCE_FROM "WHERE i.tenant_id = ? AND i.instance_id = ? "
	"ORDER BY i.gone_at IS NOT NULL, i.id DESC LIMIT 1",
	&spot_instance_schema };
static const struct query INSTANCE_ALL = { "spot_instance.all",
	INSTANCE_FROM "WHERE i.tenant_id = ? AND i.account_id = ? "
	"AND i.gone_at IS NULL ORDER BY i.id LIMIT ?",
	&spot_instance_schema };
const struct query spot_instance_export = { "spot_instance.export",
	INSTANCE_FROM "WHERE i.tenant_id = ? ORDER BY i.id",
	&spot_instance_schema };

static const struct query INSTANCE_UPSERT = { "spot_instance.upsert",
	"INSERT INTO spot_instance (id, tenant_id, account_id, region, az, "
	"instance_id, instance_type, lifecycle, state, launched_at, asg, "
	"image_id, arch, product, subnet_id, vpc_id, private_ip, name, tags, "
	"auth_status, aws_signal, seen_generation, first_seen, last_seen) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"changed_at = IF(state <> VALUES(state) "
	"OR instance_type <> VALUES(instance_type) "
	"OR az <> VALUES(az) OR asg <> VALUES(asg) OR name <> VALUES(name) "
	"OR tags <> VALUES(tags) OR aws_signal <> VALUES(aws_signal) "
	"OR NOT launched_at <=> VALUES(launched_at) OR gone_at IS NOT NULL, "
	"VALUES(last_seen), changed_at), "
	"auth_status = IF(auth_by <> '' OR (auth_status = 'FLAGGED' AND "
	"VALUES(auth_status) = 'UNAUTHORIZED'), auth_status, "
	"VALUES(auth_status)), az = VALUES(az), "
	"instance_type = VALUES(instance_type), "
	"lifecycle = VALUES(lifecycle), state = VALUES(state), "
	"launched_at = VALUES(launched_at), asg = VALUES(asg), "
	"image_id = VALUES(image_id), arch = VALUES(arch), "
	"product = VALUES(product), subnet_id = VALUES(subnet_id), "
	"vpc_id = VALUES(vpc_id), private_ip = VALUES(private_ip), "
	"name = VALUES(name), tags = VALUES(tags), "
	"aws_signal = VALUES(aws_signal), "
	"last_seen = GREATEST(last_seen, VALUES(last_seen)), stale = 0, "
	"missed = 0, gone_at = IF(VALUES(seen_generation) >= "
	"seen_generation, NULL, gone_at), "
	"seen_generation = GREATEST(seen_generation, "
	"VALUES(seen_generation))", NULL };
static const struct query INSTANCE_SWEEP = { "spot_instance.sweep",
	"UPDATE spot_instance SET gone_at = ?, stale = 0, missed = 0, "
	"state = 'terminated', aws_signal = 'NONE' "
	"WHERE account_id = ? AND region = ? AND seen_generation < ? "
	"AND gone_at IS NULL", NULL };
static const struct query INSTANCE_MISS = { "spot_instance.miss",
	"UPDATE spot_instance SET missed = LEAST(missed + 1, 100), "
	"stale = missed >= 2 WHERE account_id = ? AND region = ? "
	"AND seen_generation < ? AND gone_at IS NULL", NULL };
static const struct query INSTANCE_TALLY = { "spot_instance.tally",
	"SELECT COUNT(*) AS instances, "
	"COUNT(IF(first_seen = ?, 1, NULL)) AS added, "
	"COUNT(IF(changed_at = ? AND first_seen <> ?, 1, NULL)) AS changed "
	"FROM spot_instance WHERE account_id = ? AND seen_generation = ?",
	&tally_schema };
static const struct query INSTANCE_COUNT = { "spot_instance.count",
	"SELECT COUNT(*) AS n FROM spot_instance WHERE tenant_id = ? "
	"AND account_id = ? AND gone_at IS NULL", &spot_count_schema };
static const struct query INSTANCE_TOTAL = { "spot_instance.total",
	"SELECT COUNT(*) AS n FROM spot_instance WHERE gone_at IS NULL",
	&spot_count_schema };

const struct query *const spot_instance_queries[] = {
	&INSTANCE_PAGE, &INSTANCE_BY_ID, &INSTANCE_BY_NAME, &INSTANCE_ALL,
	&spot_instance_export, &INSTANCE_UPSERT, &INSTANCE_SWEEP, &INSTANCE_MISS,
	&INSTANCE_TALLY, &INSTANCE_COUNT, &INSTANCE_TOTAL, NULL
};

int
spot_instance_page(struct db *db, struct arena *a,
    const struct spot_instance_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &INSTANCE_PAGE, ARGS(V(f->tenant), V(f->after),
	    V(f->account), V(f->region), V(f->lifecycle), V(f->type),
	    V(f->state), V(f->stale), V(f->stale), V(f->gone), V(f->limit)),
	    out, e);
}

int
spot_instance_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_instance *out, struct err *e)
{
	return db_one(db, a, &INSTANCE_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_instance_by_name(struct db *db, struct arena *a, struct uuid tenant,
    const char *instance_id, struct spot_instance *out, struct err *e)
{
	return db_one(db, a, &INSTANCE_BY_NAME, ARGS(V(tenant),
	    V(instance_id)), out, e);
}

int
spot_instance_all(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &INSTANCE_ALL, ARGS(V(tenant), V(account),
	    V(limit)), out, e);
}

enum { UPSERT_COLS = 24 };

static void
upsert_row(struct val *p, const struct spot_seen *s,
    const struct spot_seen_row *r)
{
	const struct ec2_instance *i = r->i;

	*p++ = V(uuid_new());
	*p++ = V(s->tenant);
	*p++ = V(s->account);
	*p++ = V(s->region);
	*p++ = V(i->az);
	*p++ = V(i->instance_id);
	*p++ = V(i->instance_type);
	*p++ = V(i->lifecycle);
	*p++ = V(i->state);
	*p++ = V(i->launched_at);
	*p++ = V(i->asg);
	*p++ = V(i->image_id);
	*p++ = V(i->architecture);
	*p++ = V(spot_product(i->product));
	*p++ = V(i->subnet_id);
	*p++ = V(i->vpc_id);
	*p++ = V(i->private_ip);
	*p++ = V(i->name);
	*p++ = V(i->tags);
	*p++ = V(spot_instance_auth(i->tags, i->asg));
	*p++ = V(r->signal);
	*p++ = V(s->generation);
	*p++ = V(s->at);
	*p++ = V(s->at);
}

int
spot_instance_upsert(struct db *db, struct arena *a,
    const struct spot_seen *s, const struct spot_seen_row *r, size_t n,
    struct err *e)
{
	struct val *v;

	if (n == 0)
		return 0;
	v = arena_array(a, n * UPSERT_COLS, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		upsert_row(v + i * UPSERT_COLS, s, &r[i]);
	return db_exec_many(db, &INSTANCE_UPSERT, v, UPSERT_COLS, n, NULL, e);
}

int
spot_instance_sweep(struct db *db, const struct spot_seen *s,
    uint64_t *gone, struct err *e)
{
	return db_exec(db, &INSTANCE_SWEEP, ARGS(V(s->at), V(s->account),
	    V(s->region), V(s->generation)), gone, e);
}

int
spot_instance_miss(struct db *db, const struct spot_seen *s, struct err *e)
{
	return db_exec(db, &INSTANCE_MISS, ARGS(V(s->account),
	    V(s->region), V(s->generation)), NULL, e);
}

int
spot_instance_tally(struct db *db, struct arena *a,
    const struct spot_seen *s, struct spot_tally *out, struct err *e)
{
	return db_one(db, a, &INSTANCE_TALLY, ARGS(V(s->at), V(s->at),
	    V(s->at), V(s->account), V(s->generation)), out, e);
}

int
spot_instance_count(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, int64_t *n, struct err *e)
{
	struct spot_count c = { 0 };
	int rc = db_one(db, a, &INSTANCE_COUNT, ARGS(V(tenant), V(account)),
	    &c, e);

	*n = c.n;
	return rc == -1 ? -1 : 0;
}

int
spot_instance_total(struct db *db, struct arena *a, int64_t *n,
    struct err *e)
{
	struct spot_count c = { 0 };
	int rc = db_one(db, a, &INSTANCE_TOTAL, NO_ARGS, &c, e);

	*n = c.n;
	return rc == -1 ? -1 : 0;
}

int
spot_instance_import(struct db *db, struct arena *a, struct uuid tenant,
    const void *row, bool *changed, struct err *e)
{
	(void)db, (void)a, (void)tenant, (void)row;
	*changed = false;
	return err_set(e, 422, "export_only",
	    "instances are found by scans, not imported");
}
