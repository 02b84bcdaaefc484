/*
 * Sentiment over HTTP: judging a text without keeping it, what the news say
 * of a symbol, and document 002's shapes of both.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/trade/instrument.h"
#include "modules/trade/news.h"

enum { LISTED_MAX = 100, BUCKETS_MAX = 500 };

static const char *const windows[] = { "1h", "4h", "1d", "1w", NULL };

static int64_t
window_us(const char *name)
{
	return (strcmp(name, "1h") == 0 ? 1 : strcmp(name, "4h") == 0 ? 4 :
	    strcmp(name, "1d") == 0 ? 24 : 168) * 3600 * US_PER_S;
}

/* ---- judging a text ------------------------------------------------------------- */

struct analyze_in {
	const char *text, *title, *source, *mode;
};
static const struct field analyze_in_fields[] = {
	FIELD(struct analyze_in, text, .flags = FF_REQUIRED, .max = 60000,
	    .doc = "Text"),
	FIELD(struct analyze_in, title, .max = 500, .def = "\"\"",
	    .doc = "Its headline, if it has one"),
	FIELD(struct analyze_in, source, .max = 64, .def = "\"\"",
	    .doc = "Who told it"),
	FIELD(struct analyze_in, mode, .oneof = ONEOF("finance", "vader"),
	    .def = "\"finance\"", .doc = "vader: that program's rules, to "
	    "compare with"), FIELD_END
};
static const struct schema analyze_in_schema = {
	.name = "SentimentAsk", .doc = "A text to judge",
	.size = sizeof(struct analyze_in), .fields = analyze_in_fields
};
struct analyzed {
	const char *source;
	double authenticity_score, sentiment_score;
	const char *summary, *label;
	double confidence;
	const char *engine, *lexicon;
	struct json hits;
	struct list symbols;
};
#define A struct analyzed
static const struct field analyzed_fields[] = {
	FIELD(A, source, .doc = "Who told it"),
	FIELD(A, authenticity_score, .doc = "0 … 1: length, source, link"),
	FIELD(A, sentiment_score, .doc = "-1 bad news … 1 good news"),
	FIELD(A, summary, .doc = "Its beginning"),
	FIELD(A, label, .doc = "positive, neutral or negative"),
	FIELD(A, confidence, .doc = "How far from neutral, 0 … 1"),
	FIELD(A, engine, .doc = "lexicon, vader, external, or fallback: the "
	    "external one did not answer"),
	FIELD(A, lexicon, .doc = "SHA-256 of the lexicon"),
	FIELD(A, hits, .doc = "What counted: term, weight, rule, position"),
	FIELD(A, symbols, .sub = &trade_symbol_score_schema,
	    .doc = "Whom it names"), FIELD_END
};
static const struct schema analyzed_schema = {
	.name = "SentimentAnswer", .doc = "A text, judged", .size = sizeof(A),
	.fields = analyzed_fields
};

static void
by_vader(struct ctx *c, const struct trade_lexicon *x, const char *text,
    A *out)
{
	struct trade_vader v;

	trade_vader_score(c->a, x, text, &v);
	out->sentiment_score = v.compound;
	out->engine = "vader";
	out->hits = (struct json){ "[]" };
	out->symbols = (struct list){ NULL, 0 };
}

static int
analyze(struct ctx *c, const void *in)
{
	const struct analyze_in *p = in;
	const struct trade_lexicon *x = trade_lexicon_of(c->env, &c->err);
	const struct trade_news_in text = { .title = *p->title != '\0' ?
	    p->title : p->text, .body = *p->title != '\0' ? p->text : "",
	    .source = p->source, .url = "" };
	struct trade_judged j;
	struct rows named;
	A out = { .source = p->source };

	if (x == NULL || trade_named_all(c->db, c->a, c->who.tenant_id,
	    &named, &c->err) == -1 || trade_news_judge(c->env, c->a, &named,
	    &text, &j, &c->err) == -1)
		return fail_err(c);
	out.authenticity_score = j.authenticity;
	out.sentiment_score = j.score;
	out.summary = j.summary;
	out.engine = j.engine;
	out.lexicon = x->digest;
	out.hits = trade_hits_json(c->a, &j.own);
	out.symbols = j.symbols;
	if (strcmp(p->mode, "vader") == 0)
		by_vader(c, x, p->text, &out);
	out.label = trade_sentiment_label(out.sentiment_score);
	out.confidence = fabs(out.sentiment_score);
	return reply(c, &out);
}

/* ---- of symbols -------------------------------------------------------------------- */

struct ask_in {
	const char *symbol, *window, *sources;
};
#define ASK(T) \
	FIELD(T, window, .oneof = windows, .def = "\"1d\"", \
	    .doc = "How far back"), \
	FIELD(T, sources, .max = 500, .def = "\"\"", \
	    .doc = "Only these, with commas between")
static const struct field ask_fields[] = {
	FIELD(struct ask_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Symbol; all when empty"), ASK(struct ask_in), FIELD_END
};
static const struct schema ask_schema = {
	.name = "SymbolSentimentAsk", .doc = "Whose sentiment, how far back",
	.size = sizeof(struct ask_in), .fields = ask_fields
};

static const char *const *
split(struct arena *a, const char *text)
{
	VEC(const char *) v = { 0 };
	char *rest = arena_strdup(a, text), *one;

	while ((one = strsep(&rest, ",")) != NULL)
		if (*one != '\0')
			*VEC_ADD(a, &v) = one;
	*VEC_ADD(a, &v) = NULL;
	return v.v;
}

static int
sentiment_list(struct ctx *c, const void *in)
{
	const struct ask_in *p = in;
	struct rows rows, out;

	if (trade_symbol_score_all(c->db, c->a, c->who.tenant_id, p->symbol,
	    (struct utc){ c->now.us - window_us(p->window) }, c->now, &rows,
	    &c->err) == -1)
		return fail_err(c);
	trade_symbol_news_of(c->a, &rows, split(c->a, p->sources), c->now,
	    &out);
	return reply_list(c, &out, NULL);
}

/* ---- as document 002 has it -------------------------------------------------------- */

struct seed_in {
	const char *symbol, *window, *sources, *cursor;
	struct utc since;
	int64_t limit;
};
#define SEED_REST \
	ASK(struct seed_in), \
	FIELD(struct seed_in, since, .flags = FF_NULLABLE, \
	    .doc = "Only from this time on"), \
	FIELD(struct seed_in, limit, .min = 1, .max = LISTED_MAX, \
	    .def = "20", .doc = "Entries at most"), \
	FIELD(struct seed_in, cursor, .flags = FF_NULLABLE, .max = 20, \
	    .pattern = "^[0-9]*$", .doc = "Entries to leave out, as text")
static const struct field seed_fields[] = {
	FIELD(struct seed_in, symbol, .max = 32, .def = "\"\"",
	    .doc = "Symbol; all when empty"), SEED_REST, FIELD_END
};
static const struct schema seed_schema = {
	.name = "SentimentSeedAsk", .doc = "Whose sentiment, as document 002 "
	"asks", .size = sizeof(struct seed_in), .fields = seed_fields
};
static const struct field one_fields[] = {
	FIELD(struct seed_in, symbol, .flags = FF_REQUIRED, .min = 1,
	    .max = 32, .doc = "Symbol"), SEED_REST, FIELD_END
};
static const struct schema one_schema = {
	.name = "SentimentSeedOne", .doc = "One symbol's sentiment",
	.size = sizeof(struct seed_in), .fields = one_fields
};
struct entry {
	const char *symbol;
	double score, sentiment_score, authenticity_score;
	const char *window;
	struct utc timestamp;
	struct list sources;
	int64_t n;
};
static const struct field entry_fields[] = {
	FIELD(struct entry, symbol, .doc = "Symbol"),
	FIELD(struct entry, score, .doc = "-1 … 1"),
	FIELD(struct entry, sentiment_score, .doc = "The same, by the name "
	    "that document's strategy engine reads"),
	FIELD(struct entry, authenticity_score, .doc = "0 … 1"),
	FIELD(struct entry, window, .doc = "Length of the time"),
	FIELD(struct entry, timestamp, .doc = "Its end"),
	FIELD(struct entry, sources, .elem = FT_STR, .doc = "Who told"),
	FIELD(struct entry, n, .doc = "Texts"), FIELD_END
};
static const struct schema entry_schema = {
	.name = "SentimentEntry", .doc = "Sentiment of a symbol in a window",
	.size = sizeof(struct entry), .fields = entry_fields
};
struct seed_out {
	struct list sentiment;
	const char *nextCursor;
	bool hasMore;
	int64_t total;
};
static const struct field seed_out_fields[] = {
	FIELD(struct seed_out, sentiment, .sub = &entry_schema,
	    .doc = "Newest first"),
	FIELD(struct seed_out, nextCursor, .flags = FF_NULLABLE,
	    .doc = "Of the next page"),
	FIELD(struct seed_out, hasMore, .doc = "There is one"),
	FIELD(struct seed_out, total, .doc = "Entries in all"), FIELD_END
};
static const struct schema seed_out_schema = {
	.name = "SentimentSeed", .doc = "Sentiment as document 002 has it",
	.size = sizeof(struct seed_out), .fields = seed_out_fields
};

static void
seed_add(struct ctx *c, const struct seed_in *p, const struct rows *all,
    struct utc from, struct utc to, struct list *l, size_t cap)
{
	struct trade_symbol_score *v = arena_array(c->a, all->n + 1,
	    sizeof(*v));
	struct rows part = { v, 0, all->schema }, out;
	struct entry *x = l->items;

	for (size_t i = 0; i < all->n; i++) {
		const struct trade_symbol_score *s = ROW(all,
		    struct trade_symbol_score, i);

		if (s->at.us > from.us && s->at.us <= to.us)
			v[part.n++] = *s;
	}
	trade_symbol_news_of(c->a, &part, split(c->a, p->sources), to, &out);
	for (size_t i = 0; i < out.n && l->n < cap; i++) {
		const struct trade_symbol_news *n = ROW(&out,
		    struct trade_symbol_news, i);

		x[l->n++] = (struct entry){ n->symbol, n->score, n->score,
		    n->authenticity, p->window, to, n->sources, n->n };
	}
}

static int
seed_reply(struct ctx *c, const struct seed_in *p, struct list *all)
{
	struct entry *x = all->items;
	struct seed_out out = { .total = (int64_t)all->n };
	int64_t skip = 0;

	if (p->cursor != NULL && *p->cursor != '\0' && num_i64(p->cursor,
	    strlen(p->cursor), &skip) != NUM_OK)
		return fail(c, 422, "cursor", "Not a cursor of this list");
	if (skip > out.total)
		skip = out.total;
	out.sentiment = (struct list){ x + skip,
	    (size_t)(out.total - skip < p->limit ? out.total - skip :
	    p->limit) };
	skip += (int64_t)out.sentiment.n;
	out.hasMore = skip < out.total;
	if (out.hasMore)
		out.nextCursor = arena_printf(c->a, "%lld", (long long)skip);
	return reply(c, &out);
}

/* One entry a symbol, of the newest window. */
static int
seed_list(struct ctx *c, const void *in)
{
	const struct seed_in *p = in;
	struct utc from = { c->now.us - window_us(p->window) };
	struct list l = { arena_array(c->a, BUCKETS_MAX,
	    sizeof(struct entry)), 0 };
	struct rows rows;

	if (p->since.us > from.us)
		from = p->since;
	if (trade_symbol_score_all(c->db, c->a, c->who.tenant_id, p->symbol,
	    from, c->now, &rows, &c->err) == -1)
		return fail_err(c);
	seed_add(c, p, &rows, from, c->now, &l, BUCKETS_MAX);
	return seed_reply(c, p, &l);
}

/* A symbol's windows, newest first. */
static int
seed_one(struct ctx *c, const void *in)
{
	const struct seed_in *p = in;
	int64_t step = window_us(p->window), to = c->now.us;
	int64_t from = p->since.us != 0 ? p->since.us : to - step *
	    LISTED_MAX;
	struct list l = { arena_array(c->a, BUCKETS_MAX,
	    sizeof(struct entry)), 0 };
	struct rows rows;

	if (trade_symbol_score_all(c->db, c->a, c->who.tenant_id, p->symbol,
	    (struct utc){ from }, c->now, &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < BUCKETS_MAX && to > from && rows.n > 0; i++) {
		seed_add(c, p, &rows, (struct utc){ to - step },
		    (struct utc){ to }, &l, BUCKETS_MAX);
		to -= step;
	}
	return seed_reply(c, p, &l);
}

const struct route trade_sentiment_routes[] = {
	{ .id = "trade.sentiment.analyze", .method = HTTP_POST,
	  .path = "/api/trade/sentiment/analyze", .aliases = ALIASES(
	  { "/api/analyze", "002", false }, { "/api/predict", "002", false }),
	  .summary = "Judge a text, keep nothing", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &analyze_in_schema,
	  .out = &analyzed_schema, .ok = 200, .errors = ERRORS(422),
	  .natural_key = "changes nothing", .run = analyze },
	{ .id = "trade.sentiment.list", .method = HTTP_GET,
	  .path = "/api/trade/sentiment",
	  .summary = "What the news say of symbols", .auth = AUTH_USER,
	  .permission = "trade:read", .in = &ask_schema,
	  .out = &trade_symbol_news_schema, .ok = 200, .flags = R_LIST,
	  .run = sentiment_list },
	{ .id = "trade.sentiment.seed", .method = HTTP_GET,
	  .path = "/api/sentiment", .seed = "002",
	  .summary = "Sentiment of symbols as document 002 has it",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .in = &seed_schema, .out = &seed_out_schema, .ok = 200,
	  .errors = ERRORS(422), .run = seed_list },
	{ .id = "trade.sentiment.seed_one", .method = HTTP_GET,
	  .path = "/api/sentiment/{symbol}", .seed = "002",
	  .summary = "A symbol's sentiment, window by window",
	  .auth = AUTH_USER, .permission = "trade:read", .in = &one_schema,
	  .out = &seed_out_schema, .ok = 200, .errors = ERRORS(422),
	  .run = seed_one },
	ROUTE_END
};
