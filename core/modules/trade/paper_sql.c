/*
 * Rows of the paper market. All SQL on trade_paper, trade_paper_order,
 * trade_paper_log and trade_paper_hash is here.
 */
#include "modules/trade/papers.h"

#define R struct trade_paper_row
static const struct field row_fields[] = {
	FIELD(R, session_id), FIELD(R, tenant_id, .flags = FF_HIDDEN),
	FIELD(R, spread_ppm), FIELD(R, head), FIELD(R, seq),
	FIELD(R, hashed_seq), FIELD(R, heard_at), FIELD(R, seen_orders),
	FIELD(R, seen_versions), FIELD_END
};
static const struct schema row_schema = {
	.name = "PaperMarket", .doc = "State of a session's paper market",
	.size = sizeof(R), .fields = row_fields
};
#define ROW_COLUMNS "session_id, tenant_id, spread_ppm, head, seq, " \
	"hashed_seq, heard_at, seen_orders, seen_versions"

#define L struct trade_paper_line
#define LINE_FIELDS FIELD(L, session_id), FIELD(L, order_id), \
	FIELD(L, instrument_id), FIELD(L, due_at, .flags = FF_NULLABLE), \
	FIELD(L, line)
static const struct field line_fields[] = { LINE_FIELDS, FIELD_END };
static const struct schema line_schema = {
	.name = "PaperOrder", .doc = "An order in a paper market",
	.size = sizeof(L), .fields = line_fields
};
static const struct field joined_fields[] = {
	LINE_FIELDS, FIELD(L, spread_ppm), FIELD_END
};
static const struct schema joined_schema = {
	.name = "PaperOrderOf", .doc = "An order and its market's spread",
	.size = sizeof(L), .fields = joined_fields
};
static const struct field due_fields[] = {
	FIELD(L, session_id), FIELD(L, instrument_id), FIELD_END
};
static const struct schema due_schema = {
	.name = "PaperDue", .doc = "A market that has something to do",
	.size = sizeof(L), .fields = due_fields
};
#define LINE "session_id, order_id, instrument_id, due_at, line"

#define G struct trade_paper_log
static const struct field log_fields[] = {
	FIELD(G, session_id, .flags = FF_HIDDEN),
	FIELD(G, seq, .doc = "1, 2, 3 …"),
	FIELD(G, parent, .doc = "Input that was at work; 0: none"),
	FIELD(G, step, .doc = "After so many of its effects"),
	FIELD(G, kind, .doc = "What it was"),
	FIELD(G, instrument_id, .flags = FF_HIDDEN),
	FIELD(G, market_at, .flags = FF_NULLABLE, .doc = "The market's time"),
	FIELD(G, body, .doc = "All of it, as JSON text"),
	FIELD(G, mark, .flags = FF_HIDDEN),
	FIELD(G, at, .doc = "When it was heard"), FIELD_END
};
const struct schema trade_paper_log_schema = {
	.name = "PaperLog", .doc = "An input of a paper market",
	.size = sizeof(G), .fields = log_fields
};
#define LOG "session_id, seq, parent, step, kind, instrument_id, " \
	"market_at, body, mark, at"

#define H struct trade_paper_hash
#define HASH_FIELDS FIELD(H, session_id, .flags = FF_HIDDEN), \
	FIELD(H, seq, .doc = "After this input"), \
	FIELD(H, kind, .oneof = ONEOF("start", "count", "day"), \
	    .doc = "Why then"), \
	FIELD(H, hash, .flags = FF_HIDDEN), FIELD(H, at, .doc = "When"), \
	FIELD(H, hex, .flags = FF_NOSQL, .doc = "SHA-256 of the state")
static const struct field hash_fields[] = { HASH_FIELDS, FIELD_END };
const struct schema trade_paper_hash_schema = {
	.name = "PaperHash", .doc = "Hash of a paper market's state",
	.size = sizeof(H), .fields = hash_fields
};
static const struct field state_fields[] = {
	HASH_FIELDS, FIELD(H, state, .flags = FF_HIDDEN), FIELD_END
};
static const struct schema state_schema = {
	.name = "PaperState", .doc = "A hash with its state",
	.size = sizeof(H), .fields = state_fields
};

static const struct query ROW_GET = { "trade_paper.get",
	"SELECT " ROW_COLUMNS " FROM trade_paper WHERE session_id = ? LIMIT 1",
	&row_schema };
static const struct query ROW_PUT = { "trade_paper.put",
	"INSERT INTO trade_paper (" ROW_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?) ON DUPLICATE KEY UPDATE spread_ppm = VALUE(spread_ppm), head "
	"= VALUE(head), seq = VALUE(seq), hashed_seq = VALUE(hashed_seq), "
	"heard_at = VALUE(heard_at), seen_orders = VALUE(seen_orders), "
	"seen_versions = VALUE(seen_versions)", NULL };
static const struct query ROW_DUE = { "trade_paper.due",
	"SELECT " ROW_COLUMNS " FROM trade_paper WHERE heard_at < ? AND seq > "
	"hashed_seq ORDER BY heard_at DESC LIMIT 100", &row_schema };
static const struct query LINE_ALL = { "trade_paper_order.all",
	"SELECT " LINE " FROM trade_paper_order WHERE session_id = ? ORDER BY "
	"order_id LIMIT 10000", &line_schema };
static const struct query LINE_OF = { "trade_paper_order.of",
	"SELECT o.session_id, o.order_id, o.instrument_id, o.due_at, o.line, "
	"p.spread_ppm FROM trade_paper_order o JOIN trade_paper p ON "
	"p.session_id = o.session_id WHERE o.instrument_id = ? ORDER BY "
	"o.session_id, o.order_id LIMIT 10000", &joined_schema };
static const struct query LINE_PUT = { "trade_paper_order.put",
	"INSERT INTO trade_paper_order (" LINE ") VALUES (?, ?, ?, ?, ?) ON "
	"DUPLICATE KEY UPDATE due_at = VALUE(due_at), line = VALUE(line)",
	NULL };
static const struct query LINE_DROP = { "trade_paper_order.drop",
	"DELETE FROM trade_paper_order WHERE session_id = ? AND order_id = ?",
	NULL };
static const struct query LINE_DUE = { "trade_paper_order.due",
	"SELECT DISTINCT session_id, instrument_id FROM trade_paper_order "
	"WHERE due_at <= ? LIMIT 500", &due_schema };
static const struct query LOG_ADD = { "trade_paper_log.add",
	"INSERT INTO trade_paper_log (" LOG ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct query LOG_PAGE = { "trade_paper_log.page",
	"SELECT " LOG " FROM trade_paper_log WHERE session_id = ? AND seq > ? "
	"AND seq <= ? ORDER BY seq LIMIT 1000", &trade_paper_log_schema };
static const struct query LOG_BARS = { "trade_paper_log.bars",
	"SELECT " LOG " FROM trade_paper_log WHERE instrument_id = ? AND kind "
	"IN ('bar', 'note') AND market_at BETWEEN ? AND ? ORDER BY market_at, "
	"session_id, seq LIMIT 1000", &trade_paper_log_schema };
static const struct query HASH_ADD = { "trade_paper_hash.add",
	"INSERT INTO trade_paper_hash (session_id, seq, kind, hash, state, at) "
	"VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE kind = "
	"VALUE(kind)", NULL };
static const struct query HASH_NEXT = { "trade_paper_hash.next",
	"SELECT session_id, seq, kind, hash, state, at FROM trade_paper_hash "
	"WHERE session_id = ? AND seq >= ? ORDER BY seq LIMIT 1",
	&state_schema };
static const struct query HASH_PAGE = { "trade_paper_hash.page",
	"SELECT session_id, seq, kind, hash, at FROM trade_paper_hash WHERE "
	"session_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
	&trade_paper_hash_schema };
static const struct query HASH_OF_DAY = { "trade_paper_hash.of_day",
	"SELECT h.session_id, COALESCE((SELECT MAX(p.seq) FROM "
	"trade_paper_hash p WHERE p.session_id = h.session_id AND p.at < ?), "
	"MIN(h.seq)) AS seq, 'day' AS kind, MIN(h.hash) AS hash, MIN(h.at) AS "
	"at FROM trade_paper_hash h WHERE h.at >= ? AND h.at < ? GROUP BY "
	"h.session_id ORDER BY h.session_id LIMIT 10000",
	&trade_paper_hash_schema };
const struct query *const trade_paper_queries[] = {
	&ROW_GET, &ROW_PUT, &ROW_DUE, &LINE_ALL, &LINE_OF, &LINE_PUT,
	&LINE_DROP, &LINE_DUE, &LOG_ADD, &LOG_PAGE, &LOG_BARS, &HASH_ADD,
	&HASH_NEXT, &HASH_PAGE, &HASH_OF_DAY, NULL
};

enum { LOG_DAYS = 30, HASH_DAYS = 30 };
const struct table trade_paper_tables[] = {
	{ .name = "trade_paper", .row = &row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_paper_order", .row = &line_schema,
	  .snapshot = SNAP_FULL },
	{ .name = "trade_paper_log", .row = &trade_paper_log_schema,
	  .retention_days = LOG_DAYS, .retention_column = "at",
	  .snapshot = SNAP_FULL },
	{ .name = "trade_paper_hash", .row = &state_schema,
	  .retention_days = HASH_DAYS, .retention_column = "at",
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
trade_paper_row_get(struct db *db, struct arena *a, struct uuid session,
    R *out, struct err *e)
{
	return db_one(db, a, &ROW_GET, ARGS(V(session)), out, e);
}

int
trade_paper_ask(struct db *db, struct arena *a, struct uuid session,
    struct rows *row, struct rows *lines, struct err *e)
{
	return db_ask(db, a, &ROW_GET, ARGS(V(session)), row, e) == -1 ? -1 :
	    db_ask(db, a, &LINE_ALL, ARGS(V(session)), lines, e);
}

int
trade_paper_row_put(struct db *db, const R *r, struct err *e)
{
	return db_post(db, &ROW_PUT, ARGS(V(r->session_id), V(r->tenant_id),
	    V(r->spread_ppm), V(r->head), V(r->seq), V(r->hashed_seq),
	    V(r->heard_at), V(r->seen_orders), V(r->seen_versions)),
	    e);
}

int
trade_paper_row_due(struct db *db, struct arena *a, struct utc day,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &ROW_DUE, ARGS(V(day)), out, e);
}

int
trade_paper_line_all(struct db *db, struct arena *a, struct uuid session,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &LINE_ALL, ARGS(V(session)), out, e);
}

int
trade_paper_line_of(struct db *db, struct arena *a, int64_t instrument,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &LINE_OF, ARGS(V(instrument)), out, e);
}

int
trade_paper_line_put(struct db *db, const L *l, struct err *e)
{
	return db_post(db, &LINE_PUT, ARGS(V(l->session_id), V(l->order_id),
	    V(l->instrument_id), V(l->due_at), V(l->line)), e);
}

int
trade_paper_line_drop(struct db *db, struct uuid session, struct uuid order,
    struct err *e)
{
	return db_post(db, &LINE_DROP, ARGS(V(session), V(order)), e);
}

int
trade_paper_line_due(struct db *db, struct arena *a, struct utc now,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &LINE_DUE, ARGS(V(now)), out, e);
}

int
trade_paper_log_add(struct db *db, const G *g, struct err *e)
{
	return db_post(db, &LOG_ADD, ARGS(V(g->session_id), V(g->seq),
	    V(g->parent), V(g->step), V(g->kind), V(g->instrument_id),
	    V(g->market_at), V(g->body), V(g->mark), V(g->at)), e);
}

int
trade_paper_log_page(struct db *db, struct arena *a, struct uuid session,
    int64_t from, int64_t to, struct rows *out, struct err *e)
{
	return db_all(db, a, &LOG_PAGE, ARGS(V(session), V(from), V(to)), out,
	    e);
}

int
trade_paper_log_bars(struct db *db, struct arena *a, int64_t instrument,
    struct utc from, struct utc to, struct rows *out, struct err *e)
{
	return db_all(db, a, &LOG_BARS, ARGS(V(instrument), V(from), V(to)),
	    out, e);
}

int
trade_paper_hash_add(struct db *db, const H *h, struct err *e)
{
	return db_post(db, &HASH_ADD, ARGS(V(h->session_id), V(h->seq),
	    V(h->kind), V(h->hash), V(h->state), V(h->at)), e);
}

int
trade_paper_hash_next(struct db *db, struct arena *a, struct uuid session,
    int64_t seq, H *out, struct err *e)
{
	return db_one(db, a, &HASH_NEXT, ARGS(V(session), V(seq)), out, e);
}

int
trade_paper_hash_page(struct db *db, struct arena *a, struct uuid session,
    int64_t below, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &HASH_PAGE, ARGS(V(session), V(below),
	    V(limit)), out, e);
}

int
trade_paper_hash_of_day(struct db *db, struct arena *a, struct utc from,
    struct utc to, struct rows *out, struct err *e)
{
	return db_all(db, a, &HASH_OF_DAY, ARGS(V(from), V(from), V(to)), out,
	    e);
}
