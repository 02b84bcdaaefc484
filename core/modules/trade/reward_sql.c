/*
 * Rows of trips and rewards, and the joins of acts with their orders and
 * fills. A fill is counted once: its id is the trip's key.
 */
#include "base/err.h"
#include "modules/trade/reward.h"

#define T struct trade_trip
static const struct field trip_fields[] = {
	FIELD(T, fill_id, .doc = "Fill"),
	FIELD(T, tenant_id, .flags = FF_HIDDEN),
	FIELD(T, arming_id, .doc = "Arming"),
	FIELD(T, instrument_id, .doc = "Instrument"),
	FIELD(T, seq, .doc = "Number"),
	FIELD(T, strategy, .doc = "Name of the arming"),
	FIELD(T, symbol, .doc = "Symbol"),
	FIELD(T, side, .doc = "buy or sell"),
	FIELD(T, quantity, .doc = "Units"), FIELD(T, price, .doc = "Price"),
	FIELD(T, fee, .doc = "Fee"),
	FIELD(T, held, .doc = "Units of the arming after it, signed"),
	FIELD(T, avg_price, .doc = "Their mean price"),
	FIELD(T, fees_held, .flags = FF_HIDDEN),
	FIELD(T, pnl, .flags = FF_NULLABLE, FIELD_HAS(T, has_pnl),
	    .doc = "Profit of what it closed, after fees"),
	FIELD(T, reward, .flags = FF_NULLABLE, .doc = "Reward"),
	FIELD(T, at, .doc = "When"), FIELD_END
};
const struct schema trade_trip_schema = {
	.name = "TradeTrip", .doc = "A fill of a strategy at work",
	.size = sizeof(T), .fields = trip_fields
};
#define TRIP "fill_id, tenant_id, arming_id, instrument_id, seq, strategy, " \
	"symbol, side, quantity, price, fee, held, avg_price, fees_held, " \
	"pnl, reward, at"

#define R struct trade_reward
static const struct field reward_fields[] = {
	FIELD(R, id, .doc = "Identifier"),
	FIELD(R, tenant_id, .flags = FF_HIDDEN),
	FIELD(R, model, .doc = "Strategy or model"),
	FIELD(R, symbol, .doc = "Symbol"), FIELD(R, reward, .doc = "Reward"),
	FIELD(R, pnl, .flags = FF_NULLABLE, FIELD_HAS(R, has_pnl),
	    .doc = "Profit it is of"),
	FIELD(R, reason, .doc = "filled_profit, filled_loss or submitted"),
	FIELD(R, fill_id, .flags = FF_NULLABLE, .doc = "Fill"),
	FIELD(R, created_at, .doc = "When"), FIELD_END
};
const struct schema trade_reward_schema = {
	.name = "TradeReward", .doc = "A reward", .size = sizeof(R),
	.fields = reward_fields
};

#define N struct trade_standing
static const struct field standing_fields[] = {
	FIELD(N, strategy, .doc = "Strategy"),
	FIELD(N, trades, .doc = "Closing fills"),
	FIELD(N, wins, .doc = "With a profit"),
	FIELD(N, losses, .doc = "Without"),
	FIELD(N, win_rate, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "wins / trades"),
	FIELD(N, avg_win, .flags = FF_NULLABLE, .doc = "Mean profit"),
	FIELD(N, avg_loss, .flags = FF_NULLABLE, .doc = "Mean loss, above 0"),
	FIELD(N, expectancy, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "win_rate * avg_win - (1 - win_rate) * avg_loss"),
	FIELD(N, sd, .flags = FF_NULLABLE,
	    .doc = "Deviation of the population"),
	FIELD(N, sharpe_like, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "Mean over deviation"),
	FIELD(N, score, .flags = FF_NULLABLE | FF_NOSQL,
	    .doc = "Expectancy over deviation"),
	FIELD(N, pnl, .flags = FF_NULLABLE, .doc = "Sum of profits"),
	FIELD(N, reward, .flags = FF_NULLABLE, .doc = "Sum of rewards"),
	FIELD_END
};
const struct schema trade_standing_schema = {
	.name = "StrategyStanding", .doc = "A row of the leaderboard",
	.size = sizeof(N), .fields = standing_fields
};

#define F struct trade_trip_fill
static const struct field fill_fields[] = {
	FIELD(F, id), FIELD(F, side), FIELD(F, quantity), FIELD(F, price),
	FIELD(F, fee), FIELD(F, at), FIELD(F, atr, .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema fill_schema = {
	.name = "TripFill", .size = sizeof(F), .fields = fill_fields
};
#define O struct trade_act_over
static const struct field over_fields[] = {
	FIELD(O, id), FIELD(O, decision_id, .flags = FF_NULLABLE),
	FIELD(O, state), FIELD(O, filled), FIELD(O, avg_price), FIELD_END
};
static const struct schema over_schema = {
	.name = "ActOver", .size = sizeof(O), .fields = over_fields
};
#define W struct trade_act_open
static const struct field open_fields[] = {
	FIELD(W, order_id), FIELD(W, bar_at), FIELD(W, type), FIELD_END
};
static const struct schema open_schema = {
	.name = "ActOpen", .size = sizeof(W), .fields = open_fields
};
#define U struct trade_unsettled
static const struct field unsettled_fields[] = {
	FIELD(U, tenant_id), FIELD(U, arming_id), FIELD(U, instrument_id),
	FIELD_END
};
static const struct schema unsettled_schema = {
	.name = "ActUnsettled", .size = sizeof(U), .fields = unsettled_fields
};
struct mean {
	double mean;
};
static const struct field mean_fields[] = {
	FIELD(struct mean, mean, .flags = FF_NULLABLE), FIELD_END
};
static const struct schema mean_schema = {
	.name = "RewardMean", .size = sizeof(struct mean),
	.fields = mean_fields
};
struct number {
	int64_t n;
};
static const struct field number_fields[] = {
	FIELD(struct number, n), FIELD_END
};
static const struct schema number_schema = {
	.name = "ActCount", .size = sizeof(struct number),
	.fields = number_fields
};

/* ---- trips ------------------------------------------------------------------------ */

static const struct query TRIP_LAST = { "trade_trip.last",
	"SELECT " TRIP " FROM trade_trip WHERE arming_id = ? AND "
	"instrument_id = ? ORDER BY seq DESC LIMIT 1", &trade_trip_schema };
#define NEW_FILL "SELECT f.id, f.side, f.quantity, f.price, f.fee, f.at, " \
	"t.atr FROM trade_act t "
#define NOT_COUNTED "WHERE t.settled = 0 AND t.arming_id = ? AND " \
	"t.instrument_id = ? AND NOT EXISTS (SELECT 1 FROM trade_trip r " \
	"WHERE r.fill_id = f.id)"
/* The exits of a bracket are children of the entry. */
static const struct query TRIP_NEW_FILLS = { "trade_trip.new_fills",
	"SELECT id, side, quantity, price, fee, at, atr FROM ("
	NEW_FILL "JOIN trade_fill f ON f.order_id = t.order_id " NOT_COUNTED
	" UNION ALL "
	NEW_FILL "JOIN trade_order o ON o.parent_id = t.order_id JOIN "
	"trade_fill f ON f.order_id = o.id " NOT_COUNTED ") x ORDER BY at, "
	"id LIMIT 1000", &fill_schema };
static const struct query TRIP_INSERT = { "trade_trip.insert",
	"INSERT INTO trade_trip (" TRIP ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query TRIP_PAGE = { "trade_trip.page",
	"SELECT " TRIP " FROM trade_trip WHERE tenant_id = ? AND arming_id = "
	"? AND at < COALESCE(?, '9999-12-31') ORDER BY at DESC, seq DESC "
	"LIMIT ?", &trade_trip_schema };

/* ---- rewards ----------------------------------------------------------------------- */

static const struct query REWARD_INSERT = { "trade_reward.insert",
	"INSERT INTO trade_reward (id, tenant_id, model, symbol, reward, pnl, "
	"reason, fill_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	NULL };
static const struct query REWARD_MEAN = { "trade_reward.mean",
	"SELECT AVG(reward) AS mean FROM (SELECT reward FROM trade_reward "
	"WHERE tenant_id = ? AND model = ? AND symbol = ? ORDER BY id DESC "
	"LIMIT 10000) x LIMIT 1", &mean_schema };
static const struct query REWARD_BOARD = { "trade_reward.board",
	"SELECT MAX(id) AS id, MAX(tenant_id) AS tenant_id, model, symbol, "
	"AVG(reward) AS reward, SUM(pnl) AS pnl, MAX(reason) AS reason, "
	"MAX(fill_id) AS fill_id, MAX(created_at) AS created_at FROM "
	"trade_reward WHERE tenant_id = ? AND created_at >= COALESCE(?, "
	"'1000-01-01') GROUP BY model, symbol ORDER BY AVG(reward) DESC, "
	"model, symbol LIMIT ?", &trade_reward_schema };
static const struct query STANDING_ALL = { "trade_trip.standing",
	"SELECT strategy, COUNT(*) AS trades, CAST(SUM(pnl > 0) AS SIGNED) "
	"AS wins, CAST(SUM(pnl <= 0) AS SIGNED) AS losses, CAST(AVG(IF(pnl "
	"> 0, pnl, NULL)) AS DOUBLE) AS avg_win, CAST(AVG(IF(pnl <= 0, -pnl, "
	"NULL)) AS DOUBLE) AS avg_loss, CAST(STDDEV_POP(pnl) AS DOUBLE) AS "
	"sd, CAST(SUM(pnl) AS DOUBLE) AS pnl, SUM(reward) AS reward FROM "
	"trade_trip WHERE tenant_id = ? AND pnl IS NOT NULL AND at >= "
	"COALESCE(?, '1000-01-01') GROUP BY strategy ORDER BY SUM(pnl) DESC "
	"LIMIT ?", &trade_standing_schema };

/* ---- acts and their orders ----------------------------------------------------------- */

#define MINE "WHERE t.settled = 0 AND t.arming_id = ? AND t.instrument_id = ?"
static const struct query ACT_UNSETTLED = { "trade_act.unsettled",
	"SELECT COUNT(*) AS n FROM trade_act t " MINE " LIMIT 1",
	&number_schema };
static const struct query ACT_OVERS = { "trade_act.overs",
	"SELECT t.id, t.decision_id, o.state, o.filled, o.avg_price FROM "
	"trade_act t JOIN trade_order o ON o.id = t.order_id " MINE " AND "
	"o.open IS NULL AND NOT EXISTS (SELECT 1 FROM trade_order k WHERE "
	"k.parent_id = o.id AND k.open = 1) LIMIT 1000", &over_schema };
static const struct query ACT_OPENS = { "trade_act.opens",
	"SELECT t.order_id, t.bar_at, o.type FROM trade_act t JOIN "
	"trade_order o ON o.id = t.order_id " MINE " AND t.leg = 'enter' AND "
	"o.open = 1 LIMIT 100", &open_schema };
static const struct query ACT_SETTLE = { "trade_act.settle",
	"UPDATE trade_act SET settled = 1 WHERE id = ?", NULL };
static const struct query ACT_UNSETTLED_ALL = { "trade_act.unsettled_all",
	"SELECT DISTINCT tenant_id, arming_id, instrument_id FROM trade_act "
	"WHERE settled = 0 LIMIT ?", &unsettled_schema };

const struct query *const trade_reward_queries[] = {
	&TRIP_LAST, &TRIP_NEW_FILLS, &TRIP_INSERT, &TRIP_PAGE,
	&REWARD_INSERT, &REWARD_MEAN, &REWARD_BOARD, &STANDING_ALL,
	&ACT_UNSETTLED, &ACT_OVERS, &ACT_OPENS, &ACT_SETTLE,
	&ACT_UNSETTLED_ALL, NULL
};

const struct table trade_reward_tables[] = {
	{ .name = "trade_trip", .row = &trade_trip_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_reward", .row = &trade_reward_schema,
	  .tenant_column = "tenant_id", .retention_days = 730,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_trip_last(struct db *db, struct arena *a, const struct trade_arming *r,
    int64_t instrument, T *out, struct err *e)
{
	return db_one(db, a, &TRIP_LAST, ARGS(V(r->id), V(instrument)), out,
	    e);
}

int
trade_trip_new_fills(struct db *db, struct arena *a,
    const struct trade_arming *r, int64_t instrument, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &TRIP_NEW_FILLS, ARGS(V(r->id), V(instrument),
	    V(r->id), V(instrument)), out, e);
}

int
trade_trip_insert(struct db *db, const T *t, struct err *e)
{
	return db_exec(db, &TRIP_INSERT, ARGS(V(t->fill_id), V(t->tenant_id),
	    V(t->arming_id), V(t->instrument_id), V(t->seq), V(t->strategy),
	    V(t->symbol), V(t->side), V(t->quantity), V(t->price), V(t->fee),
	    V(t->held), V(t->avg_price), V(t->fees_held), t->has_pnl ?
	    V(t->pnl) : val_null(), t->has_pnl ? V(t->reward) : val_null(),
	    V(t->at)), NULL, e);
}

int
trade_trip_page(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid arming, struct utc before, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &TRIP_PAGE, ARGS(V(tenant), V(arming),
	    V(before), V(limit)), out, e);
}

int
trade_reward_insert(struct db *db, const R *r, struct err *e)
{
	return db_exec(db, &REWARD_INSERT, ARGS(V(r->id), V(r->tenant_id),
	    V(r->model), V(r->symbol), V(r->reward), r->has_pnl ? V(r->pnl) :
	    val_null(), V(r->reason), V(r->fill_id), V(r->created_at)), NULL,
	    e);
}

int
trade_reward_mean(struct db *db, struct arena *a, struct uuid tenant,
    const char *model, const char *symbol, double *mean, struct err *e)
{
	struct mean m;

	if (db_one(db, a, &REWARD_MEAN, ARGS(V(tenant), V(model), V(symbol)),
	    &m, e) == -1)
		return -1;
	*mean = m.mean;
	return 0;
}

int
trade_reward_board(struct db *db, struct arena *a, struct uuid tenant,
    struct utc since, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &REWARD_BOARD, ARGS(V(tenant), V(since),
	    V(limit)), out, e);
}

int
trade_standing_all(struct db *db, struct arena *a, struct uuid tenant,
    struct utc since, int64_t limit, struct rows *out, struct err *e)
{
	if (db_all(db, a, &STANDING_ALL, ARGS(V(tenant), V(since), V(limit)),
	    out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		trade_standing_complete(ROW(out, N, i));
	return 0;
}

int
trade_act_unsettled(struct db *db, struct arena *a,
    const struct trade_arming *r, int64_t instrument, int64_t *n,
    struct err *e)
{
	struct number one;

	if (db_one(db, a, &ACT_UNSETTLED, ARGS(V(r->id), V(instrument)),
	    &one, e) == -1)
		return -1;
	*n = one.n;
	return 0;
}

int
trade_act_overs(struct db *db, struct arena *a, const struct trade_arming *r,
    int64_t instrument, struct rows *out, struct err *e)
{
	return db_all(db, a, &ACT_OVERS, ARGS(V(r->id), V(instrument)), out,
	    e);
}

int
trade_act_opens(struct db *db, struct arena *a, const struct trade_arming *r,
    int64_t instrument, struct rows *out, struct err *e)
{
	return db_all(db, a, &ACT_OPENS, ARGS(V(r->id), V(instrument)), out,
	    e);
}

int
trade_act_settle(struct db *db, struct uuid id, struct err *e)
{
	return db_exec(db, &ACT_SETTLE, ARGS(V(id)), NULL, e);
}

int
trade_act_unsettled_all(struct db *db, struct arena *a, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ACT_UNSETTLED_ALL, ARGS(V(limit)), out, e);
}
