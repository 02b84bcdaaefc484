/*
 * Rows of assets. All SQL that writes spot_asset is here. Invariants: a row is
 * marked gone only by the sweep of a shard that saw its whole region; a scan
 * that is overtaken by a later one takes nothing back.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/spot/asset.h"

#define S struct spot_asset
static const struct field asset_fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	FIELD(S, account_id, .doc = "Account"),
	FIELD(S, region, .doc = "Region"),
	FIELD(S, kind, .oneof = ONEOF("volume", "snapshot", "image",
	    "address", "interface", "template"), .doc = "What it is"),
	FIELD(S, asset_id, .flags = FF_KEY, .doc = "The cloud's own id"),
	FIELD(S, name, .doc = "Tag Name, or its own name"),
	FIELD(S, state, .doc = "available, in-use, completed, …"),
	FIELD(S, az, .doc = "Zone; empty = the region's"),
	FIELD(S, subtype, .doc = "Type of volume, tier, type of interface"),
	FIELD(S, attached_to, .doc = "What uses it; empty = nothing"),
	FIELD(S, source, .doc = "A volume's snapshot, a snapshot's volume, "
	    "an image's snapshots"),
	FIELD(S, detail, .doc = "Public address, description, versions"),
	FIELD(S, size_gb, .doc = "GiB"),
	FIELD(S, iops, .doc = "Provisioned operations per second"),
	FIELD(S, managed, .doc = "AWS runs it for the account"),
	FIELD(S, created_at, .flags = FF_NULLABLE,
	    .doc = "When it was made; null = the cloud does not tell"),
	FIELD(S, tags, .doc = "All tags"),
	FIELD(S, idle_since, .flags = FF_NULLABLE,
	    .doc = "Since when no scan saw it used; null = it is used"),
	SPOT_SEEN_FIELDS(S),
	FIELD_END
};
#undef S
const struct schema spot_asset_schema = {
	.name = "SpotAsset", .doc = "A thing in an account that costs money "
	"or once did", .size = sizeof(struct spot_asset),
	.fields = asset_fields
};

#define ASSET_FROM "SELECT id, tenant_id, account_id, region, kind, " \
	"asset_id, name, state, az, subtype, attached_to, source, detail, " \
	"size_gb, iops, managed, created_at, tags, idle_since, " \
	"seen_generation, first_seen, last_seen, stale, gone_at " \
	"FROM spot_asset "

static const struct query ASSET_PAGE = { "spot_asset.page",
	ASSET_FROM "WHERE tenant_id = ? AND id > COALESCE(?, X'00') "
	"AND account_id = COALESCE(?, account_id) "
	"AND region = COALESCE(?, region) AND kind = COALESCE(?, kind) "
	"AND state = COALESCE(?, state) "
	"AND (? < 0 OR (idle_since IS NOT NULL) = ?) "
	"AND (? OR gone_at IS NULL) ORDER BY id LIMIT ?",
	&spot_asset_schema };
static const struct query ASSET_BY_ID = { "spot_asset.by_id",
	ASSET_FROM "WHERE tenant_id = ? AND id = ? LIMIT 1",
	&spot_asset_schema };
static const struct query ASSET_UPSERT = { "spot_asset.upsert",
	"INSERT INTO spot_asset (id, tenant_id, account_id, region, kind, "
	"asset_id, name, state, az, subtype, attached_to, source, detail, "
	"size_gb, iops, managed, created_at, tags, idle_since, "
	"seen_generation, first_seen, last_seen) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?) ON DUPLICATE KEY UPDATE "
	"changed_at = IF(state <> VALUES(state) OR name <> VALUES(name) "
	"OR tags <> VALUES(tags) OR attached_to <> VALUES(attached_to) "
	"OR size_gb <> VALUES(size_gb) OR detail <> VALUES(detail) "
	"OR gone_at IS NOT NULL, VALUES(last_seen), changed_at), "
	"idle_since = IF(VALUES(idle_since) IS NULL, NULL, "
	"COALESCE(idle_since, VALUES(idle_since))), "
	"name = VALUES(name), state = VALUES(state), az = VALUES(az), "
	"subtype = VALUES(subtype), attached_to = VALUES(attached_to), "
	"source = VALUES(source), detail = VALUES(detail), "
	"size_gb = VALUES(size_gb), iops = VALUES(iops), "
	"managed = VALUES(managed), created_at = VALUES(created_at), "
	"tags = VALUES(tags), stale = 0, missed = 0, "
	"last_seen = GREATEST(last_seen, VALUES(last_seen)), "
	"gone_at = IF(VALUES(seen_generation) >= seen_generation, NULL, "
	"gone_at), "
	"seen_generation = GREATEST(seen_generation, "
	"VALUES(seen_generation))", NULL };
static const struct query ASSET_SWEEP = { "spot_asset.sweep",
	"UPDATE spot_asset SET gone_at = ?, stale = 0, missed = 0 "
	"WHERE account_id = ? AND region = ? AND kind = ? "
	"AND seen_generation < ? AND gone_at IS NULL", NULL };
static const struct query ASSET_MISS = { "spot_asset.miss",
	"UPDATE spot_asset SET missed = LEAST(missed + 1, 100), "
	"stale = missed >= 2 WHERE account_id = ? AND region = ? "
	"AND kind = ? AND seen_generation < ? AND gone_at IS NULL", NULL };
static const struct query ASSET_TALLY = { "spot_asset.tally",
	"SELECT COUNT(*) AS n FROM spot_asset WHERE account_id = ? "
	"AND seen_generation = ?", &spot_count_schema };

const struct query *const spot_asset_queries[] = {
	&ASSET_PAGE, &ASSET_BY_ID, &ASSET_UPSERT, &ASSET_SWEEP, &ASSET_MISS,
	&ASSET_TALLY, NULL
};

const char *
spot_asset_kind(enum ec2_call what)
{
	static const char *const kinds[EC2_CALLS] = {
		[EC2_VOLUMES] = "volume", [EC2_SNAPSHOTS] = "snapshot",
		[EC2_IMAGES] = "image", [EC2_ADDRESSES] = "address",
		[EC2_INTERFACES] = "interface", [EC2_TEMPLATES] = "template"
	};

	return kinds[what];
}

int
spot_asset_page(struct db *db, struct arena *a,
    const struct spot_asset_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &ASSET_PAGE, ARGS(V(f->tenant), V(f->after),
	    V(f->account), V(f->region), V(f->kind), V(f->state), V(f->idle),
	    V(f->idle), V(f->gone), V(f->limit)), out, e);
}

int
spot_asset_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct spot_asset *out, struct err *e)
{
	return db_one(db, a, &ASSET_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

enum { UPSERT_COLS = 22 };

/* Kinds that something must use to be of use. */
static bool
usable(const char *kind)
{
	return strcmp(kind, "volume") == 0 || strcmp(kind, "address") == 0 ||
	    strcmp(kind, "interface") == 0;
}

static void
upsert_row(struct val *p, const struct spot_seen *s, const char *kind,
    const struct ec2_asset *x)
{
	bool idle = usable(kind) && *x->attached_to == '\0' && !x->managed &&
	    strcmp(x->state, "available") == 0;

	*p++ = V(uuid_new());
	*p++ = V(s->tenant);
	*p++ = V(s->account);
	*p++ = V(s->region);
	*p++ = V(kind);
	*p++ = V(x->id);
	*p++ = V(x->name);
	*p++ = V(x->state);
	*p++ = V(x->az);
	*p++ = V(x->subtype);
	*p++ = V(x->attached_to);
	*p++ = V(x->source);
	*p++ = V(x->detail);
	*p++ = V(x->size_gb);
	*p++ = V(x->iops);
	*p++ = V(x->managed);
	*p++ = V(x->created_at);
	*p++ = V(x->tags);
	*p++ = idle ? V(s->at) : val_null();
	*p++ = V(s->generation);
	*p++ = V(s->at);
	*p++ = V(s->at);
}

int
spot_asset_upsert(struct db *db, struct arena *a, const struct spot_seen *s,
    const char *kind, const struct ec2_asset *x, size_t n, struct err *e)
{
	struct val *v;

	if (n == 0)
		return 0;
	v = arena_array(a, n * UPSERT_COLS, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		upsert_row(v + i * UPSERT_COLS, s, kind, &x[i]);
	return db_exec_many(db, &ASSET_UPSERT, v, UPSERT_COLS, n, NULL, e);
}

int
spot_asset_sweep(struct db *db, const struct spot_seen *s, const char *kind,
    uint64_t *gone, struct err *e)
{
	return db_exec(db, &ASSET_SWEEP, ARGS(V(s->at), V(s->account),
	    V(s->region), V(kind), V(s->generation)), gone, e);
}

int
spot_asset_miss(struct db *db, const struct spot_seen *s, const char *kind,
    struct err *e)
{
	return db_exec(db, &ASSET_MISS, ARGS(V(s->account), V(s->region),
	    V(kind), V(s->generation)), NULL, e);
}

int
spot_asset_tally(struct db *db, struct arena *a, const struct spot_seen *s,
    int64_t *n, struct err *e)
{
	struct spot_count c = { 0 };
	int rc = db_one(db, a, &ASSET_TALLY, ARGS(V(s->account),
	    V(s->generation)), &c, e);

	*n = c.n;
	return rc == -1 ? -1 : 0;
}
