/*
 * Rows of news, of what they say of symbols, of aliases and of kept results.
 * All SQL on those tables is here.
 */
#include "base/random.h"
#include "modules/trade/news.h"

#define N struct trade_news
#define NEWS_FIELDS \
	FIELD(N, id, .doc = "Identifier"), \
	FIELD(N, tenant_id, .flags = FF_HIDDEN), \
	FIELD(N, at, .doc = "When it was told"), \
	FIELD(N, source, .doc = "Who told it"), \
	FIELD(N, title, .doc = "Headline"), \
	FIELD(N, body, .doc = "Text"), \
	FIELD(N, url, .doc = "Where it stands"), \
	FIELD(N, digest, .flags = FF_HIDDEN), \
	FIELD(N, score, .doc = "-1 bad news … 1 good news"), \
	FIELD(N, authenticity, .doc = "0…1: length, source, link"), \
	FIELD(N, novelty, .doc = "1 - the likeness to the nearest text of " \
	    "the 48 hours before"), \
	FIELD(N, counted, .doc = "false: a repeat"), \
	FIELD(N, engine, .doc = "lexicon, external, or fallback: the " \
	    "external one did not answer"), \
	FIELD(N, lexicon, .doc = "SHA-256 of the lexicon"), \
	FIELD(N, hits, .doc = "What counted: term, weight, rule, position"), \
	FIELD(N, shingles, .flags = FF_HIDDEN), \
	FIELD(N, created_at, .doc = "When it was stored")
static const struct field row_fields[] = { NEWS_FIELDS, FIELD_END };
static const struct schema row_schema = {
	.name = "NewsRow", .doc = "News as they are stored",
	.size = sizeof(N), .fields = row_fields
};
static const struct field recent_fields[] = {
	FIELD(N, id), FIELD(N, shingles), FIELD_END
};
static const struct schema recent_schema = {
	.name = "NewsShingles", .doc = "What repeats are told by",
	.size = sizeof(N), .fields = recent_fields
};
static const struct field news_fields[] = {
	NEWS_FIELDS,
	FIELD(N, symbols, .flags = FF_NOSQL,
	    .sub = &trade_symbol_score_schema, .doc = "Whom it names"),
	FIELD_END
};
const struct schema trade_news_schema = {
	.name = "News", .doc = "News and how they bear",
	.size = sizeof(N), .fields = news_fields
};
#define NEWS "id, tenant_id, at, source, title, body, url, digest, score, " \
	"authenticity, novelty, counted, engine, lexicon, hits, shingles, " \
	"created_at"
#define LISTED "n.id, n.tenant_id, n.at, n.source, n.title, n.body, n.url, " \
	"n.digest, n.score, n.authenticity, n.novelty, n.counted, n.engine, " \
	"n.lexicon, n.hits, '' AS shingles, n.created_at"

#define S struct trade_symbol_score
static const struct field score_fields[] = {
	FIELD(S, tenant_id, .flags = FF_HIDDEN),
	FIELD(S, symbol, .doc = "Symbol"),
	FIELD(S, news_id, .flags = FF_HIDDEN),
	FIELD(S, at, .flags = FF_HIDDEN),
	FIELD(S, source, .flags = FF_HIDDEN),
	FIELD(S, score, .doc = "-1 … 1, of the sentences that name it"),
	FIELD(S, weight, .doc = "Of its source"),
	FIELD(S, novelty, .flags = FF_HIDDEN),
	FIELD(S, authenticity, .flags = FF_HIDDEN),
	FIELD(S, counted, .flags = FF_HIDDEN),
	FIELD_END
};
const struct schema trade_symbol_score_schema = {
	.name = "SymbolScore", .doc = "What a text says of a symbol",
	.size = sizeof(S), .fields = score_fields
};
#define SCORE "tenant_id, symbol, news_id, at, source, score, weight, " \
	"novelty, authenticity, counted"

#define Q struct trade_sentiment_point
static const struct field point_fields[] = {
	FIELD(Q, score), FIELD(Q, weight), FIELD(Q, novelty),
	FIELD(Q, authenticity), FIELD(Q, at), FIELD(Q, known), FIELD_END
};
static const struct schema point_schema = {
	.name = "SentimentPoint", .doc = "A score, and since when it is known",
	.size = sizeof(Q), .fields = point_fields
};

#define A struct trade_alias
static const struct field alias_fields[] = {
	FIELD(A, tenant_id, .flags = FF_HIDDEN),
	FIELD(A, alias, .doc = "Name in texts"),
	FIELD(A, symbol, .doc = "Symbol"),
	FIELD(A, created_at, .doc = "Since when"), FIELD_END
};
const struct schema trade_alias_schema = {
	.name = "SymbolAlias", .doc = "A name by which texts call a symbol",
	.size = sizeof(A), .fields = alias_fields
};

#define M struct trade_named
static const struct field named_fields[] = {
	FIELD(M, symbol), FIELD(M, name), FIELD_END
};
static const struct schema named_schema = {
	.name = "Named", .doc = "What texts may call a symbol",
	.size = sizeof(M), .fields = named_fields
};

struct result_row {
	const char *result;
};
static const struct field result_fields[] = {
	FIELD(struct result_row, result), FIELD_END
};
static const struct schema result_schema = {
	.name = "SentimentResult", .doc = "A kept result",
	.size = sizeof(struct result_row), .fields = result_fields
};
struct stamp {
	int64_t n;
	struct uuid newest;
};
static const struct field stamp_fields[] = {
	FIELD(struct stamp, n), FIELD(struct stamp, newest,
	    .flags = FF_NULLABLE), FIELD_END
};
static const struct schema stamp_schema = {
	.name = "NewsStamp", .doc = "Number and newest of the news",
	.size = sizeof(struct stamp), .fields = stamp_fields
};

static const struct query NEWS_INSERT = { "trade_news.insert",
	"INSERT INTO trade_news (" NEWS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id", NULL };
static const struct query NEWS_KNOWN = { "trade_news.known",
	"SELECT COUNT(*) AS n, MAX(id) AS newest FROM trade_news WHERE "
	"tenant_id = ? AND digest = ?", &stamp_schema };
static const struct query NEWS_PAGE = { "trade_news.page",
	"SELECT " LISTED " FROM trade_news n WHERE n.tenant_id = ? AND n.id < "
	"? ORDER BY n.id DESC LIMIT ?", &row_schema };
static const struct query NEWS_OF = { "trade_news.of_symbol",
	"SELECT " LISTED " FROM trade_sentiment s JOIN trade_news n ON n.id = "
	"s.news_id WHERE s.tenant_id = ? AND s.symbol = ? AND s.news_id < ? "
	"ORDER BY s.news_id DESC LIMIT ?", &row_schema };
static const struct query NEWS_FIND = { "trade_news.find",
	"SELECT " LISTED " FROM trade_news n WHERE n.tenant_id = ? AND n.at >= "
	"? AND n.at < ? AND (? = '' OR LOCATE(?, n.title) > 0 OR LOCATE(?, "
	"n.body) > 0) ORDER BY n.at DESC LIMIT ?", &row_schema };
static const struct query NEWS_BY_ID = { "trade_news.by_id",
	"SELECT " NEWS " FROM trade_news WHERE tenant_id = ? AND id = ? LIMIT "
	"1", &row_schema };
static const struct query NEWS_DELETE = { "trade_news.delete",
	"DELETE FROM trade_news WHERE tenant_id = ? AND id = ?", NULL };
static const struct query NEWS_RECENT = { "trade_news.recent",
	"SELECT id, shingles FROM trade_news WHERE tenant_id = ? AND at >= ? "
	"AND at <= ? ORDER BY at DESC LIMIT 300", &recent_schema };
static const struct query NEWS_STAMP = { "trade_news.stamp",
	"SELECT COUNT(*) AS n, MAX(id) AS newest FROM trade_news WHERE "
	"tenant_id = ?", &stamp_schema };
static const struct query SCORE_INSERT = { "trade_sentiment.insert",
	"INSERT INTO trade_sentiment (" SCORE ") VALUES (?, ?, ?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct field symbol_fields[] = {
	FIELD(struct trade_news_symbol, symbol, .doc = "Symbol"), FIELD_END
};
static const struct schema symbol_schema = { .name = "NewsSymbol",
    .doc = "A symbol that has news",
    .size = sizeof(struct trade_news_symbol), .fields = symbol_fields };
static const struct query SCORE_OF_NEWS = { "trade_sentiment.of_news",
	"SELECT " SCORE " FROM trade_sentiment WHERE news_id = ? ORDER BY "
	"symbol LIMIT 200", &trade_symbol_score_schema };
static const struct query SCORE_OF = { "trade_sentiment.of_symbol",
	"SELECT " SCORE " FROM trade_sentiment WHERE tenant_id = ? AND symbol "
	"= ? AND at >= ? AND at <= ? AND counted ORDER BY at DESC LIMIT 5000",
	&trade_symbol_score_schema };
static const struct query SCORE_ALL = { "trade_sentiment.all",
	"SELECT " SCORE " FROM trade_sentiment WHERE tenant_id = ? AND at >= ? "
	"AND at <= ? AND counted ORDER BY symbol, at DESC LIMIT 5000",
	&trade_symbol_score_schema };
/* A week more than asked for: that is what the first instant looks back. */
static const struct query SCORE_PAST = { "trade_sentiment.past",
	"SELECT s.score, s.weight, s.novelty, s.authenticity, s.at, "
	"IF(n.created_at < s.at + INTERVAL 1 DAY, GREATEST(s.at, "
	"n.created_at), s.at) AS known FROM trade_sentiment s JOIN trade_news "
	"n ON n.id = s.news_id WHERE s.tenant_id = ? AND s.symbol = ? AND "
	"s.at >= ? AND s.at <= ? AND s.counted ORDER BY known LIMIT 200000",
	&point_schema };
static const struct query SCORED = { "trade_sentiment.symbols",
	"SELECT DISTINCT symbol FROM trade_sentiment WHERE tenant_id = ? "
	"LIMIT 10000", &symbol_schema };
static const struct query ALIAS_PUT = { "trade_alias.put",
	"INSERT INTO trade_alias (tenant_id, alias, symbol, created_at) VALUES "
	"(?, ?, ?, ?) ON DUPLICATE KEY UPDATE symbol = VALUE(symbol)", NULL };
static const struct query ALIAS_DELETE = { "trade_alias.delete",
	"DELETE FROM trade_alias WHERE tenant_id = ? AND alias = ?", NULL };
static const struct query ALIAS_PAGE = { "trade_alias.page",
	"SELECT tenant_id, alias, symbol, created_at FROM trade_alias WHERE "
	"tenant_id = ? AND alias > ? ORDER BY alias LIMIT ?",
	&trade_alias_schema };
static const struct query NAMED_ALL = { "trade_alias.named",
	"(SELECT symbol, name FROM trade_instrument WHERE tenant_id = ? LIMIT "
	"5000) UNION (SELECT symbol, alias FROM trade_alias WHERE tenant_id = "
	"? LIMIT 4000)", &named_schema };
static const struct query RESULT_GET = { "trade_sentiment_result.get",
	"SELECT result FROM trade_sentiment_result WHERE tenant_id = ? AND "
	"digest = ? LIMIT 1", &result_schema };
static const struct query RESULT_PUT = { "trade_sentiment_result.put",
	"INSERT INTO trade_sentiment_result (tenant_id, digest, result, "
	"created_at) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE result = "
	"VALUE(result)", NULL };

const struct query *const trade_news_queries[] = {
	&NEWS_INSERT, &NEWS_KNOWN, &NEWS_PAGE, &NEWS_OF, &NEWS_FIND,
	&NEWS_BY_ID, &NEWS_DELETE, &NEWS_RECENT, &NEWS_STAMP, &SCORE_INSERT,
	&SCORE_OF_NEWS, &SCORE_OF, &SCORE_ALL, &SCORE_PAST, &SCORED,
	&ALIAS_PUT, &ALIAS_DELETE, &ALIAS_PAGE, &NAMED_ALL, &RESULT_GET,
	&RESULT_PUT, NULL
};

const struct table trade_news_tables[] = {
	{ .name = "trade_news", .row = &row_schema,
	  .tenant_column = "tenant_id", .retention_days = 90,
	  .retention_column = "created_at", .snapshot = SNAP_FULL },
	{ .name = "trade_sentiment", .row = &trade_symbol_score_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_alias", .row = &trade_alias_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL },
	{ .name = "trade_sentiment_result", .row = &result_schema,
	  .tenant_column = "tenant_id", .retention_days = 30,
	  .retention_column = "created_at", .snapshot = SNAP_NEVER,
	  .sql_only = (const char *const[]){ "tenant_id", "digest",
	      "created_at", NULL } },
	{ .name = NULL }
};

int
trade_news_insert(struct db *db, struct arena *a, const N *n, struct err *e)
{
	struct stamp was;

	if (db_one(db, a, &NEWS_KNOWN, ARGS(V(n->tenant_id),
	    V(n->digest)), &was, e) == -1)
		return -1;
	if (was.n > 0)
		return 1;
	return db_exec(db, &NEWS_INSERT, ARGS(V(n->id), V(n->tenant_id),
	    V(n->at), V(n->source), V(n->title), V(n->body), V(n->url),
	    V(n->digest), V(n->score), V(n->authenticity), V(n->novelty),
	    V(n->counted), V(n->engine), V(n->lexicon), V(n->hits),
	    V(n->shingles), V(n->created_at)), NULL, e);
}

int
trade_news_page(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, struct uuid below, int64_t limit, struct rows *out,
    struct err *e)
{
	const struct uuid top = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

	if (uuid_is_nil(below))
		below = top;
	return *symbol == '\0' ? db_all(db, a, &NEWS_PAGE, ARGS(V(tenant),
	    V(below), V(limit)), out, e) : db_all(db, a, &NEWS_OF,
	    ARGS(V(tenant), V(symbol), V(below), V(limit)), out, e);
}

int
trade_news_find(struct db *db, struct arena *a, struct uuid tenant,
    const char *words, struct utc from, struct utc to, int64_t limit,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &NEWS_FIND, ARGS(V(tenant), V(from), V(to),
	    V(words), V(words), V(words), V(limit)), out, e);
}

int
trade_news_by_id(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, N *out, struct err *e)
{
	return db_one(db, a, &NEWS_BY_ID, ARGS(V(tenant), V(id)), out, e);
}

int
trade_news_delete(struct db *db, struct uuid tenant, struct uuid id,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &NEWS_DELETE, ARGS(V(tenant), V(id)), &n, e) == -1)
		return -1;
	return n == 0;
}

int
trade_news_recent(struct db *db, struct arena *a, struct uuid tenant,
    struct utc from, struct utc to, struct rows *out, struct err *e)
{
	return db_all(db, a, &NEWS_RECENT, ARGS(V(tenant), V(from), V(to)),
	    out, e);
}

int
trade_symbol_score_insert(struct db *db, const S *s, struct err *e)
{
	return db_exec(db, &SCORE_INSERT, ARGS(V(s->tenant_id), V(s->symbol),
	    V(s->news_id), V(s->at), V(s->source), V(s->score), V(s->weight),
	    V(s->novelty), V(s->authenticity), V(s->counted)), NULL, e);
}

int
trade_symbol_score_of_news(struct db *db, struct arena *a, struct uuid news,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SCORE_OF_NEWS, ARGS(V(news)), out, e);
}

int
trade_symbol_score_all(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, struct utc from, struct utc to, struct rows *out,
    struct err *e)
{
	return *symbol != '\0' ? db_all(db, a, &SCORE_OF, ARGS(V(tenant),
	    V(symbol), V(from), V(to)), out, e) : db_all(db, a, &SCORE_ALL,
	    ARGS(V(tenant), V(from), V(to)), out, e);
}

int
trade_alias_put(struct db *db, const A *x, struct err *e)
{
	return db_exec(db, &ALIAS_PUT, ARGS(V(x->tenant_id), V(x->alias),
	    V(x->symbol), V(x->created_at)), NULL, e);
}

int
trade_alias_delete(struct db *db, struct uuid tenant, const char *alias,
    struct err *e)
{
	uint64_t n;

	if (db_exec(db, &ALIAS_DELETE, ARGS(V(tenant), V(alias)), &n, e) ==
	    -1)
		return -1;
	return n == 0;
}

int
trade_alias_page(struct db *db, struct arena *a, struct uuid tenant,
    const char *after, int64_t limit, struct rows *out, struct err *e)
{
	return db_all(db, a, &ALIAS_PAGE, ARGS(V(tenant), V(after),
	    V(limit)), out, e);
}

int
trade_named_all(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &NAMED_ALL, ARGS(V(tenant), V(tenant)), out, e);
}

int
trade_sentiment_result_get(struct db *db, struct arena *a,
    struct uuid tenant, struct blob digest, const char **out, struct err *e)
{
	struct result_row r;
	int rc = db_one(db, a, &RESULT_GET, ARGS(V(tenant), V(digest)), &r,
	    e);

	if (rc == 0)
		*out = r.result;
	return rc;
}

int
trade_sentiment_result_put(struct db *db, struct uuid tenant,
    struct blob digest, const char *text, struct utc now, struct err *e)
{
	return db_exec(db, &RESULT_PUT, ARGS(V(tenant), V(digest), V(text),
	    V(now)), NULL, e);
}

int
trade_news_stamp(struct db *db, struct arena *a, struct uuid tenant,
    const char **out, struct err *e)
{
	struct stamp s;
	char id[UUID_TEXT];

	if (db_one(db, a, &NEWS_STAMP, ARGS(V(tenant)), &s, e) != 0)
		return -1;
	*out = arena_printf(a, "%lld %s", (long long)s.n,
	    uuid_format(s.newest, id));
	return 0;
}

int
trade_news_symbols(struct db *db, struct arena *a, struct uuid tenant,
    struct rows *out, struct err *e)
{
	return db_all(db, a, &SCORED, ARGS(V(tenant)), out, e);
}

int
trade_sentiment_of(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, struct utc now, struct trade_sentiment *out,
    struct err *e)
{
	struct trade_sentiment_point *v;
	struct rows rows;

	if (trade_symbol_score_all(db, a, tenant, symbol, (struct utc){
	    now.us - TRADE_WEEK_US }, now, &rows, e) == -1)
		return -1;
	v = arena_array(a, rows.n + 1, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const S *s = ROW(&rows, S, i);

		v[i] = (struct trade_sentiment_point){ s->score, s->weight,
		    s->novelty, s->authenticity, s->at, s->at };
	}
	trade_sentiment_sum(v, rows.n, now, out);
	return rows.n == 0;
}

int
trade_sentiment_history(struct db *db, struct arena *a, struct uuid tenant,
    const char *symbol, struct utc from, struct utc to,
    struct trade_sentiment_past *out, struct err *e)
{
	struct rows rows;

	if (db_all(db, a, &SCORE_PAST, ARGS(V(tenant), V(symbol),
	    V(((struct utc){ from.us - TRADE_WEEK_US })), V(to)), &rows, e) ==
	    -1)
		return -1;
	*out = (struct trade_sentiment_past){ .v = rows.n > 0 ?
	    ROW(&rows, Q, 0) : NULL, .n = rows.n };
	return 0;
}
