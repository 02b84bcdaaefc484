/*
 * Rows of armings and acts. All SQL on trade_arming, trade_arming_instrument
 * and trade_act is here, but for the joins of what came of them
 * (reward_sql.c).
 */
#include <math.h>

#include "base/err.h"
#include "modules/trade/arming.h"

#define A struct trade_arming
static const struct field fields[] = {
	FIELD(A, id, .doc = "Identifier"),
	FIELD(A, tenant_id, .flags = FF_HIDDEN),
	FIELD(A, user_id, .doc = "Whose"),
	FIELD(A, session_id, .doc = "Session it trades for"),
	FIELD(A, mode, .doc = "paper or live"),
	FIELD(A, name, .doc = "Name"),
	FIELD(A, strategy_id, .flags = FF_NULLABLE,
	    .doc = "Strategy; null: it follows signals"),
	FIELD(A, spec, .doc = "The strategy as it was armed"),
	FIELD(A, spec_digest, .flags = FF_HIDDEN),
	FIELD(A, params, .doc = "Values of its parameters"),
	FIELD(A, timeframe, .doc = "Length of its bars"),
	FIELD(A, symbols, .doc = "Instruments"),
	FIELD(A, exchange, .doc = "Exchange"),
	FIELD(A, follow, .doc = "Sources of signals it acts on"),
	FIELD(A, min_score, .doc = "Of this amount or more"),
	FIELD(A, sizing, .doc = "strategy, units, value or risk"),
	FIELD(A, size, .doc = "Units, or worth"),
	FIELD(A, risk_pct, .doc = "Percent of the equity lost at the stop"),
	FIELD(A, cooldown_s, .doc = "Seconds between two entries"),
	FIELD(A, state, .doc = "disarmed, waiting (for another person), "
	    "armed or paused"),
	FIELD(A, detail, .doc = "Why it is so"),
	FIELD(A, approval_id, .flags = FF_NULLABLE, .doc = "Approval"),
	FIELD(A, armed_at, .flags = FF_NULLABLE, .doc = "Since when"),
	FIELD(A, armed_until, .flags = FF_NULLABLE,
	    .doc = "Live: when it takes a new approval"),
	FIELD(A, acted_at, .flags = FF_NULLABLE, .doc = "Bar of its last "
	    "entry"),
	FIELD(A, made_by, .doc = "Who made it"),
	FIELD(A, version, .doc = "Counts its changes"),
	FIELD(A, created_at, .doc = "When it was made"),
	FIELD(A, updated_at, .doc = "When it was changed"),
	FIELD_END
};
const struct schema trade_arming_schema = {
	.name = "Arming", .doc = "A strategy at work", .size = sizeof(A),
	.fields = fields
};
#define ARMING "id, tenant_id, user_id, session_id, mode, name, " \
	"strategy_id, spec, spec_digest, params, timeframe, symbols, " \
	"exchange, follow, min_score, sizing, size, risk_pct, cooldown_s, " \
	"state, detail, approval_id, armed_at, armed_until, acted_at, " \
	"made_by, version, created_at, updated_at"
#define ARMING_A "a.id, a.tenant_id, a.user_id, a.session_id, a.mode, " \
	"a.name, a.strategy_id, a.spec, a.spec_digest, a.params, " \
	"a.timeframe, a.symbols, a.exchange, a.follow, a.min_score, " \
	"a.sizing, a.size, a.risk_pct, a.cooldown_s, a.state, a.detail, " \
	"a.approval_id, a.armed_at, a.armed_until, a.acted_at, a.made_by, " \
	"a.version, a.created_at, a.updated_at"

#define T struct trade_act
static const struct field act_fields[] = {
	FIELD(T, id, .doc = "Identifier"),
	FIELD(T, tenant_id, .flags = FF_HIDDEN),
	FIELD(T, arming_id, .doc = "Arming"),
	FIELD(T, signal_id, .doc = "Signal"),
	FIELD(T, leg, .doc = "leave: what is held is closed; enter"),
	FIELD(T, instrument_id, .doc = "Instrument"),
	FIELD(T, symbol, .doc = "Symbol"),
	FIELD(T, side, .doc = "buy or sell"),
	FIELD(T, quantity, .doc = "Units"),
	FIELD(T, price, .doc = "Close it was decided on"),
	FIELD(T, atr, .flags = FF_NULLABLE, .doc = "ATR then"),
	FIELD(T, outcome, .doc = "ordered, refused (by a check), held "
	    "(nothing to do)"),
	FIELD(T, code, .doc = "Check that refused it"),
	FIELD(T, reason, .doc = "Why"),
	FIELD(T, order_id, .flags = FF_NULLABLE, .doc = "Order"),
	FIELD(T, decision_id, .flags = FF_NULLABLE, .doc = "Decision"),
	FIELD(T, settled, .doc = "Its order is over and counted"),
	FIELD(T, bar_at, .doc = "Bar of the signal"),
	FIELD(T, created_at, .doc = "When"), FIELD_END
};
const struct schema trade_act_schema = {
	.name = "TradeAct", .doc = "What an arming did about a signal",
	.size = sizeof(T), .fields = act_fields
};
#define ACT "id, tenant_id, arming_id, signal_id, leg, instrument_id, " \
	"symbol, side, quantity, price, atr, outcome, code, reason, " \
	"order_id, decision_id, settled, bar_at, created_at"

#define NEWEST "COALESCE(?, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')"
static const struct query ARMING_PAGE = { "trade_arming.page",
	"SELECT " ARMING " FROM trade_arming WHERE tenant_id = ? AND id < "
	NEWEST " ORDER BY id DESC LIMIT ?", &trade_arming_schema };
static const struct query ARMING_FIND = { "trade_arming.find",
	"SELECT " ARMING " FROM trade_arming WHERE tenant_id = ? AND id = ? "
	"LIMIT 1", &trade_arming_schema };
static const struct query ARMING_LOCK = { "trade_arming.lock",
	"SELECT " ARMING " FROM trade_arming WHERE tenant_id = ? AND id = ? "
	"LIMIT 1 FOR UPDATE", &trade_arming_schema };
static const struct query ARMING_AT_WORK = { "trade_arming.at_work",
	"SELECT " ARMING_A " FROM trade_arming_instrument i JOIN "
	"trade_arming a ON a.id = i.arming_id JOIN auth_user u ON u.id = "
	"a.user_id AND u.active WHERE i.instrument_id = ? AND a.state = "
	"'armed' AND a.timeframe = ? AND a.strategy_id IS NOT NULL ORDER BY "
	"a.id LIMIT 200", &trade_arming_schema };
static const struct query ARMING_FOLLOWING = { "trade_arming.following",
	"SELECT " ARMING_A " FROM trade_arming_instrument i JOIN "
	"trade_arming a ON a.id = i.arming_id JOIN auth_user u ON u.id = "
	"a.user_id AND u.active WHERE i.instrument_id = ? AND a.state = "
	"'armed' AND a.follow <> '' ORDER BY a.id LIMIT 200",
	&trade_arming_schema };
static const struct field at_work_fields[] = {
	FIELD(struct trade_at_work, id, .doc = "Instrument"),
	FIELD(struct trade_at_work, follows, .doc = "By signals"), FIELD_END
};
static const struct schema at_work_schema = { .name = "AtWork",
    .doc = "An instrument that strategies are at work on",
    .size = sizeof(struct trade_at_work), .fields = at_work_fields };
static const struct query ARMING_ALL = { "trade_arming.all",
	"SELECT i.instrument_id AS id, MAX(a.follow <> '') AS follows FROM "
	"trade_arming a JOIN trade_arming_instrument i ON i.arming_id = a.id "
	"WHERE a.state = 'armed' GROUP BY i.instrument_id ORDER BY "
	"i.instrument_id LIMIT 10000", &at_work_schema };
static const struct query ARMING_INSERT = { "trade_arming.insert",
	"INSERT INTO trade_arming (" ARMING ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query ARMING_UPDATE = { "trade_arming.update",
	"UPDATE trade_arming SET state = ?, detail = ?, approval_id = ?, "
	"armed_at = ?, armed_until = ?, version = version + 1, updated_at = ? "
	"WHERE id = ?", NULL };
static const struct query ARMING_ACTED = { "trade_arming.acted",
	"UPDATE trade_arming SET acted_at = ? WHERE id = ?", NULL };
static const struct query ARMING_DELETE = { "trade_arming.delete",
	"DELETE FROM trade_arming WHERE tenant_id = ? AND id = ?", NULL };
static const struct query ARMING_ON = { "trade_arming_instrument.add",
	"INSERT IGNORE INTO trade_arming_instrument (instrument_id, "
	"arming_id, tenant_id) VALUES (?, ?, ?)", NULL };
static const struct query ACT_PAGE = { "trade_act.page",
	"SELECT " ACT " FROM trade_act WHERE tenant_id = ? AND arming_id = "
	"COALESCE(?, arming_id) AND id < " NEWEST " ORDER BY id DESC LIMIT ?",
	&trade_act_schema };
static const struct query ACT_CLAIM = { "trade_act.claim",
	"INSERT IGNORE INTO trade_act (" ACT ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query ACT_UPDATE = { "trade_act.update",
	"UPDATE trade_act SET quantity = ?, outcome = ?, code = ?, reason = "
	"?, order_id = ?, decision_id = ?, settled = ? WHERE id = ?", NULL };

const struct query *const trade_arming_queries[] = {
	&ARMING_PAGE, &ARMING_FIND, &ARMING_LOCK, &ARMING_AT_WORK,
	&ARMING_FOLLOWING, &ARMING_ALL, &ARMING_INSERT, &ARMING_UPDATE, &ARMING_ACTED,
	&ARMING_DELETE, &ARMING_ON, &ACT_PAGE, &ACT_CLAIM, &ACT_UPDATE, NULL
};

const struct table trade_arming_tables[] = {
	{ .name = "trade_arming", .row = &trade_arming_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_arming_instrument", .tenant_column = "tenant_id",
	  .sql_only = (const char *const[]){ "instrument_id", "arming_id",
	  "tenant_id", NULL }, .snapshot = SNAP_FULL },
	{ .name = "trade_act", .row = &trade_act_schema,
	  .tenant_column = "tenant_id", .retention_days = 730,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_arming_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &ARMING_PAGE, ARGS(V(tenant), V(below),
	    V(limit)), out, e);
}

int
trade_arming_find(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, bool lock, A *out, struct err *e)
{
	return db_one(db, a, lock ? &ARMING_LOCK : &ARMING_FIND,
	    ARGS(V(tenant), V(id)), out, e);
}

int
trade_arming_at_work(struct db *db, struct arena *a, int64_t instrument,
    const char *timeframe, struct rows *out, struct err *e)
{
	if (*timeframe == '\0')
		return db_all(db, a, &ARMING_FOLLOWING, ARGS(V(instrument)),
		    out, e);
	return db_all(db, a, &ARMING_AT_WORK, ARGS(V(instrument),
	    V(timeframe)), out, e);
}

int
trade_arming_all(struct db *db, struct arena *a, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ARMING_ALL, NO_ARGS, out, e);
}

int
trade_arming_insert(struct db *db, const A *r, struct err *e)
{
	return db_exec(db, &ARMING_INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->user_id), V(r->session_id), V(r->mode), V(r->name),
	    V(r->strategy_id), V(r->spec), V(r->spec_digest), V(r->params),
	    V(r->timeframe), V(r->symbols), V(r->exchange), V(r->follow),
	    V(r->min_score), V(r->sizing), V(r->size), V(r->risk_pct),
	    V(r->cooldown_s), V(r->state), V(r->detail), V(r->approval_id),
	    V(r->armed_at), V(r->armed_until), V(r->acted_at), V(r->made_by),
	    V(r->version), V(r->created_at), V(r->updated_at)), NULL, e);
}

int
trade_arming_update(struct db *db, A *r, struct err *e)
{
	if (db_exec(db, &ARMING_UPDATE, ARGS(V(r->state), V(r->detail),
	    V(r->approval_id), V(r->armed_at), V(r->armed_until),
	    V(r->updated_at), V(r->id)), NULL, e) == -1)
		return -1;
	r->version++;
	return 0;
}

int
trade_arming_acted(struct db *db, const A *r, struct utc at, struct err *e)
{
	return db_exec(db, &ARMING_ACTED, ARGS(V(at), V(r->id)), NULL, e);
}

int
trade_arming_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &ARMING_DELETE, ARGS(V(tenant), V(id)), &n, e) == -1)
		return -1;
	return n == 0;
}

int
trade_arming_on(struct db *db, const A *r, int64_t instrument, struct err *e)
{
	return db_exec(db, &ARMING_ON, ARGS(V(instrument), V(r->id),
	    V(r->tenant_id)), NULL, e);
}

/* ---- acts ------------------------------------------------------------------------ */

int
trade_act_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid arming, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &ACT_PAGE, ARGS(V(tenant), V(arming), V(below),
	    V(limit)), out, e);
}

int
trade_act_claim(struct db *db, const T *t, struct err *e)
{
	uint64_t n;

	if (db_exec(db, &ACT_CLAIM, ARGS(V(t->id), V(t->tenant_id),
	    V(t->arming_id), V(t->signal_id), V(t->leg), V(t->instrument_id),
	    V(t->symbol), V(t->side), V(t->quantity), V(t->price),
	    isfinite(t->atr) ? V(t->atr) : val_null(), V(t->outcome), V(t->code), V(t->reason),
	    V(t->order_id), V(t->decision_id), V(t->settled), V(t->bar_at),
	    V(t->created_at)), &n, e) == -1)
		return -1;
	return n == 0;
}

int
trade_act_update(struct db *db, const T *t, struct err *e)
{
	return db_exec(db, &ACT_UPDATE, ARGS(V(t->quantity), V(t->outcome),
	    V(t->code), V(t->reason), V(t->order_id), V(t->decision_id),
	    V(t->settled), V(t->id)), NULL, e);
}
