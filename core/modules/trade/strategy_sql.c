/*
 * Rows of strategies. All SQL on trade_strategy is here.
 */
#include "modules/trade/strategies.h"

#define S struct trade_strategy_row
static const struct field fields[] = {
	FIELD(S, id, .doc = "Identifier"),
	FIELD(S, tenant_id, .flags = FF_HIDDEN),
	FIELD(S, name, .doc = "Name"),
	FIELD(S, spec, .doc = "Indicators, rules, size and exits"),
	FIELD(S, digest, .flags = FF_HIDDEN),
	FIELD(S, sha256, .flags = FF_NOSQL, .doc = "SHA-256 of the spec"),
	FIELD(S, version, .doc = "Counts its changes"),
	FIELD(S, made_by, .doc = "Who wrote it last"),
	FIELD(S, created_at, .doc = "When it was made"),
	FIELD(S, updated_at, .doc = "When it was changed"),
	FIELD_END
};
const struct schema trade_strategy_row_schema = {
	.name = "Strategy", .doc = "A strategy that was written down",
	.size = sizeof(S), .fields = fields
};

#define COLUMNS "id, tenant_id, name, spec, digest, version, made_by, " \
	"created_at, updated_at"

static const struct query STRATEGY_PAGE = { "trade_strategy.page",
	"SELECT " COLUMNS " FROM trade_strategy WHERE tenant_id = ? AND id > "
	"COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&trade_strategy_row_schema };
static const struct query STRATEGY_BY_ID = { "trade_strategy.by_id",
	"SELECT " COLUMNS " FROM trade_strategy WHERE tenant_id = ? AND "
	"id = ? LIMIT 1", &trade_strategy_row_schema };
static const struct query STRATEGY_INSERT = { "trade_strategy.insert",
	"INSERT INTO trade_strategy (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct query STRATEGY_UPDATE = { "trade_strategy.update",
	"UPDATE trade_strategy SET name = ?, spec = ?, digest = ?, version = "
	"version + 1, made_by = ?, updated_at = ? WHERE tenant_id = ? AND "
	"id = ? AND version = ?", NULL };
static const struct query STRATEGY_DELETE = { "trade_strategy.delete",
	"DELETE FROM trade_strategy WHERE tenant_id = ? AND id = ?", NULL };

const struct query *const trade_strategy_queries[] = {
	&STRATEGY_PAGE, &STRATEGY_BY_ID, &STRATEGY_INSERT, &STRATEGY_UPDATE,
	&STRATEGY_DELETE, NULL
};

const struct table trade_strategy_tables[] = {
	{ .name = "trade_strategy", .row = &trade_strategy_row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_strategy_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &STRATEGY_PAGE, ARGS(V(tenant), V(after),
	    V(limit)), out, e);
}

int
trade_strategy_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, S *out, struct err *e)
{
	return db_one(db, a, &STRATEGY_BY_ID, ARGS(V(tenant), V(id)), out,
	    e);
}

int
trade_strategy_insert(struct db *db, const S *s, struct err *e)
{
	return db_exec(db, &STRATEGY_INSERT, ARGS(V(s->id), V(s->tenant_id),
	    V(s->name), V(s->spec), V(s->digest), V(s->version),
	    V(s->made_by), V(s->created_at), V(s->updated_at)), NULL, e);
}

int
trade_strategy_update(struct db *db, S *s, struct err *e)
{
	uint64_t n;

	if (db_exec(db, &STRATEGY_UPDATE, ARGS(V(s->name), V(s->spec),
	    V(s->digest), V(s->made_by), V(s->updated_at), V(s->tenant_id),
	    V(s->id), V(s->version)), &n, e) == -1)
		return -1;
	if (n == 0)
		return err_set(e, 409, "version", "Strategy has been changed "
		    "meanwhile; read it again");
	s->version++;
	return 0;
}

int
trade_strategy_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &STRATEGY_DELETE, ARGS(V(tenant), V(id)), &n, e) ==
	    -1)
		return -1;
	return n == 0;
}
