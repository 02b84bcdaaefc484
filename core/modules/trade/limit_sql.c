/*
 * Rows of limits and of refusals. All SQL on trade_risk_limit and
 * trade_risk_hit is here.
 */
#include "base/random.h"
#include "modules/trade/limit.h"

#define L struct trade_risk_limit
static const struct field limit_fields[] = {
	FIELD(L, tenant_id, .flags = FF_HIDDEN),
	FIELD(L, session_id, .doc = "Session; all zero: of the whole tenant"),
	FIELD(L, name, .oneof = trade_limit_names, .doc = "Limit"),
	FIELD(L, value, .doc = "In the unit of the setting trade.<name>"),
	FIELD(L, made_by, .doc = "Who set it"),
	FIELD(L, updated_at, .doc = "When"), FIELD_END
};
const struct schema trade_risk_limit_schema = {
	.name = "RiskLimitRow", .doc = "A limit narrower than the settings",
	.size = sizeof(L), .fields = limit_fields
};
#define LIMIT "tenant_id, session_id, name, value, made_by, updated_at"

#define H struct trade_risk_hit
static const struct field hit_fields[] = {
	FIELD(H, id, .doc = "Identifier"),
	FIELD(H, tenant_id, .flags = FF_HIDDEN),
	FIELD(H, session_id, .doc = "Session"),
	FIELD(H, order_id, .flags = FF_NULLABLE, .doc = "The order as it is "
	    "kept"),
	FIELD(H, client_order_id, .doc = "The caller's identifier"),
	FIELD(H, symbol, .doc = "Symbol"),
	FIELD(H, rule, .doc = "Check that refused"),
	FIELD(H, detail, .doc = "Why"), FIELD(H, at, .doc = "When"), FIELD_END
};
const struct schema trade_risk_hit_schema = {
	.name = "RiskHit", .doc = "An order that a check refused; without one, an "
	"account that it stopped",
	.size = sizeof(H), .fields = hit_fields
};
#define HIT "id, tenant_id, session_id, order_id, client_order_id, " \
	"symbol, rule, detail, at"

static const struct query LIMIT_ALL = { "trade_risk_limit.all",
	"SELECT " LIMIT " FROM trade_risk_limit WHERE tenant_id = ? AND "
	"session_id IN (?, ?) ORDER BY session_id, name LIMIT 100",
	&trade_risk_limit_schema };
static const struct query LIMIT_PUT = { "trade_risk_limit.put",
	"INSERT INTO trade_risk_limit (" LIMIT ") VALUES (?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE value = VALUE(value), made_by = "
	"VALUE(made_by), updated_at = VALUE(updated_at)", NULL };
static const struct query LIMIT_DROP = { "trade_risk_limit.drop",
	"DELETE FROM trade_risk_limit WHERE tenant_id = ? AND session_id = ? "
	"AND name = ?", NULL };
static const struct query HIT_ADD = { "trade_risk_hit.add",
	"INSERT INTO trade_risk_hit (" HIT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?)", NULL };
static const struct query HIT_PAGE = { "trade_risk_hit.page",
	"SELECT " HIT " FROM trade_risk_hit WHERE tenant_id = ? AND "
	"session_id = ? AND (? = '' OR rule = ?) AND id < COALESCE(?, "
	"X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF') ORDER BY id DESC LIMIT ?",
	&trade_risk_hit_schema };

const struct query *const trade_limit_queries[] = {
	&LIMIT_ALL, &LIMIT_PUT, &LIMIT_DROP, &HIT_ADD, &HIT_PAGE, NULL
};

const struct table trade_limit_tables[] = {
	{ .name = "trade_risk_limit", .row = &trade_risk_limit_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_risk_hit", .row = &trade_risk_hit_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .retention_days = 400, .retention_column = "at" },
	{ .name = NULL }
};

int
trade_risk_limit_all(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid session, struct rows *out, struct err *e)
{
	return trade_risk_limit_ask(db, a, tenant, session, out, e) == -1 ?
	    -1 : db_hear(db, e);
}

int
trade_risk_limit_ask(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid session, struct rows *out, struct err *e)
{
	const struct uuid all = { { 0 } };

	return db_ask(db, a, &LIMIT_ALL, ARGS(V(tenant), val_id(all),
	    val_id(session)), out, e);
}

int
trade_risk_limit_put(struct db *db, const L *l, struct err *e)
{
	if (l->value.e8 == 0)
		return db_exec(db, &LIMIT_DROP, ARGS(V(l->tenant_id),
		    val_id(l->session_id), V(l->name)), NULL, e);
	return db_exec(db, &LIMIT_PUT, ARGS(V(l->tenant_id),
	    val_id(l->session_id), V(l->name), V(l->value), V(l->made_by),
	    V(l->updated_at)), NULL, e);
}

int
trade_risk_limits(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid session, struct trade_limits *limits, struct err *e)
{
	struct rows rows;

	if (trade_risk_limit_all(db, a, tenant, session, &rows, e) == -1)
		return -1;
	trade_risk_narrow(limits, &rows);
	return 0;
}

void
trade_risk_narrow(struct trade_limits *limits, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const L *l = ROW(rows, L, i);
		struct err wider = { .status = 0 };

		(void)trade_limit_narrow(limits, l->name, l->value, &wider);
	}
}

int
trade_risk_hit_add(struct db *db, const H *h, struct err *e)
{
	return db_exec(db, &HIT_ADD, ARGS(V(h->id), V(h->tenant_id),
	    V(h->session_id), V(h->order_id), V(h->client_order_id),
	    V(h->symbol), V(h->rule), V(h->detail), V(h->at)), NULL, e);
}

int
trade_risk_hit_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid session, const char *rule, struct uuid below, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &HIT_PAGE, ARGS(V(tenant), V(session), V(rule),
	    V(rule), V(below), V(limit)), out, e);
}
