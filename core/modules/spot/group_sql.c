/*
 * Rows of Auto Scaling groups. All SQL on spot_group is here. Invariant: as
 * for instances, only a shard that saw its whole region marks a row gone.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/group.h"

#define S struct spot_group_row
static const struct field group_fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, name, .flags = FF_KEY, .doc = "Name of the group"),
	FIELD(S, min_size, .doc = "Fewest instances"),
	FIELD(S, max_size, .doc = "Most instances"),
	FIELD(S, desired, .doc = "Wanted instances"),
	FIELD(S, members, .doc = "Instances in it"),
	FIELD(S, in_service, .doc = "In service"),
	FIELD(S, protected_members, .doc = "Protected from scale-in"),
	FIELD(S, health_type, .doc = "EC2, ELB, …"),
	FIELD(S, grace_s, .doc = "Seconds before the health of a new instance "
	    "counts"),
	FIELD(S, suspended, .doc = "Suspended processes, with commas"),
	FIELD(S, mixed, .doc = "It has a policy of mixed instances"),
	FIELD(S, od_base, .doc = "On-demand instances before the share"),
	FIELD(S, od_percent, .doc = "Share of on-demand above, in percent"),
	FIELD(S, protect_new, .doc = "New instances are protected"),
	FIELD(S, launch_template, .doc = "Launch template"),
	FIELD(S, az, .doc = "Zones, with commas"),
	FIELD(S, subnets, .doc = "Subnets, with commas"),
	FIELD(S, status, .doc = "Set while it is being deleted"),
	FIELD(S, tags, .doc = "All tags"),
	FIELD(S, created_at, .flags = FF_NULLABLE, .doc = "When it was made"),
	SPOT_SEEN_FIELDS(S),
	FIELD_END
};
#undef S
const struct schema spot_group_schema = {
	.name = "SpotGroup", .doc = "An Auto Scaling group",
	.size = sizeof(struct spot_group_row), .fields = group_fields
};

#define GROUP_FROM "SELECT id, tenant_id, account_id, region, name, " \
	"min_size, max_size, desired, members, in_service, " \
	"protected_members, health_type, grace_s, suspended, mixed, " \
	"od_base, od_percent, protect_new, launch_template, az, subnets, " \
	"status, tags, created_at, seen_generation, first_seen, last_seen, " \
	"stale, gone_at FROM spot_group "

static const struct query GROUP_PAGE = { "spot_group.page",
	GROUP_FROM "WHERE tenant_id = ? AND id > COALESCE(?, X'00') "
	"AND account_id = COALESCE(?, account_id) "
	"AND region = COALESCE(?, region) AND (? OR gone_at IS NULL) "
	"ORDER BY id LIMIT ?", &spot_group_schema };
static const struct query GROUP_BY_ID = { "spot_group.by_id",
	GROUP_FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_group_schema };
static const struct query GROUP_BY_NAME = { "spot_group.by_name",
	GROUP_FROM "WHERE tenant_id = ? AND account_id = ? AND region = ? "
	"AND name = ? LIMIT 1", &spot_group_schema };
static const struct query GROUP_UPSERT = { "spot_group.upsert",
	"INSERT INTO spot_group (id, tenant_id, account_id, region, name, "
	"min_size, max_size, desired, members, in_service, "
	"protected_members, health_type, grace_s, suspended, mixed, od_base, "
	"od_percent, protect_new, launch_template, az, subnets, status, tags, "
	"created_at, seen_generation, first_seen, last_seen) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE "
	"changed_at = IF(min_size <> VALUES(min_size) "
	"OR max_size <> VALUES(max_size) OR desired <> VALUES(desired) "
	"OR members <> VALUES(members) OR suspended <> VALUES(suspended) "
	"OR status <> VALUES(status) OR gone_at IS NOT NULL, "
	"VALUES(last_seen), changed_at), "
	"min_size = VALUES(min_size), max_size = VALUES(max_size), "
	"desired = VALUES(desired), members = VALUES(members), "
	"in_service = VALUES(in_service), "
	"protected_members = VALUES(protected_members), "
	"health_type = VALUES(health_type), grace_s = VALUES(grace_s), "
	"suspended = VALUES(suspended), mixed = VALUES(mixed), "
	"od_base = VALUES(od_base), od_percent = VALUES(od_percent), "
	"protect_new = VALUES(protect_new), "
	"launch_template = VALUES(launch_template), az = VALUES(az), "
	"subnets = VALUES(subnets), status = VALUES(status), "
	"tags = VALUES(tags), created_at = VALUES(created_at), "
	"stale = 0, missed = 0, "
	"last_seen = GREATEST(last_seen, VALUES(last_seen)), "
	"gone_at = IF(VALUES(seen_generation) >= seen_generation, NULL, "
	"gone_at), "
	"seen_generation = GREATEST(seen_generation, "
	"VALUES(seen_generation))", NULL };
static const struct query GROUP_SWEEP = { "spot_group.sweep",
	"UPDATE spot_group SET gone_at = ?, stale = 0, missed = 0 "
	"WHERE account_id = ? AND region = ? AND seen_generation < ? "
	"AND gone_at IS NULL", NULL };
static const struct query GROUP_MISS = { "spot_group.miss",
	"UPDATE spot_group SET missed = LEAST(missed + 1, 100), "
	"stale = missed >= 2 WHERE account_id = ? AND region = ? "
	"AND seen_generation < ? AND gone_at IS NULL", NULL };

const struct query *const spot_group_queries[] = {
	&GROUP_PAGE, &GROUP_BY_ID, &GROUP_BY_NAME, &GROUP_UPSERT,
	&GROUP_SWEEP, &GROUP_MISS, NULL
};

int
spot_group_page(struct db *db, struct arena *a,
    const struct spot_group_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &GROUP_PAGE, ARGS(V(f->tenant), V(f->after),
	    V(f->account), V(f->region), V(f->gone), V(f->limit)), out, e);
}

int
spot_group_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_group_row *out, struct err *e)
{
	return db_one(db, a, &GROUP_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
spot_group_by_name(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, const char *region, const char *name,
    struct spot_group_row *out, struct err *e)
{
	return db_one(db, a, &GROUP_BY_NAME, ARGS(V(tenant), V(account),
	    V(region), V(name)), out, e);
}

enum { UPSERT_COLS = 27 };

static void
upsert_row(struct val *p, const struct spot_seen *s,
    const struct ec2_group *g)
{
	*p++ = V(uuid_new());
	*p++ = V(s->tenant);
	*p++ = V(s->account);
	*p++ = V(s->region);
	*p++ = V(g->name);
	*p++ = V(g->min);
	*p++ = V(g->max);
	*p++ = V(g->desired);
	*p++ = V(g->members);
	*p++ = V(g->in_service);
	*p++ = V(g->protected_n);
	*p++ = V(g->health_type);
	*p++ = V(g->grace_s);
	*p++ = V(g->suspended);
	*p++ = V(g->mixed);
	*p++ = V(g->od_base);
	*p++ = V(g->od_percent);
	*p++ = V(g->protect_new);
	*p++ = V(g->launch_template);
	*p++ = V(g->az);
	*p++ = V(g->subnets);
	*p++ = V(g->status);
	*p++ = V(g->tags);
	*p++ = V(g->created_at);
	*p++ = V(s->generation);
	*p++ = V(s->at);
	*p++ = V(s->at);
}

int
spot_group_upsert(struct db *db, struct arena *a, const struct spot_seen *s,
    const struct ec2_group *g, size_t n, struct err *e)
{
	struct val *v;

	if (n == 0)
		return 0;
	v = arena_array(a, n * UPSERT_COLS, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		upsert_row(v + i * UPSERT_COLS, s, &g[i]);
	return db_exec_many(db, &GROUP_UPSERT, v, UPSERT_COLS, n, NULL, e);
}

int
spot_group_sweep(struct db *db, const struct spot_seen *s, uint64_t *gone,
    struct err *e)
{
	return db_exec(db, &GROUP_SWEEP, ARGS(V(s->at), V(s->account),
	    V(s->region), V(s->generation)), gone, e);
}

int
spot_group_miss(struct db *db, const struct spot_seen *s, struct err *e)
{
	return db_exec(db, &GROUP_MISS, ARGS(V(s->account), V(s->region),
	    V(s->generation)), NULL, e);
}
