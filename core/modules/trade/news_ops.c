/*
 * What is done with news: judging a text, storing it once, telling what it
 * changed, summing up a window. Repeats of the last 48 hours are stored with
 * their novelty and do not count.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/instrument.h"
#include "modules/trade/news.h"

#define REPEAT_US INT64_C(172800000000)		/* 48 hours */
#define REPEAT_BELOW 0.2
enum { SAID_MAX = 50, SUMMARY_MAX = 160 };

#define E struct trade_symbol_news
static const struct field item_fields[] = {
	FIELD(struct trade_symbol_item, title, .doc = "Headline"),
	FIELD(struct trade_symbol_item, source, .doc = "Who told it"),
	FIELD(struct trade_symbol_item, at, .flags = FF_NULLABLE,
	    .doc = "When"),
	FIELD(struct trade_symbol_item, score, .doc = "-1 … 1"),
	FIELD(struct trade_symbol_item, novelty, .doc = "0 … 1"),
	FIELD(struct trade_symbol_item, hits, .flags = FF_NULLABLE,
	    .doc = "What counted"), FIELD_END
};
static const struct schema item_schema = {
	.name = "SymbolNewsItem", .doc = "A text that names a symbol",
	.size = sizeof(struct trade_symbol_item), .fields = item_fields
};
static const struct field symbol_fields[] = {
	FIELD(E, symbol, .doc = "Symbol"),
	FIELD(E, score, .doc = "-1 … 1: mean, newer texts weigh more"),
	FIELD(E, n, .doc = "Texts"),
	FIELD(E, dispersion, .doc = "How far they differ"),
	FIELD(E, novelty, .doc = "How new they are, 0 … 1"),
	FIELD(E, authenticity, .doc = "How trusted, 0 … 1"),
	FIELD(E, newest, .flags = FF_NULLABLE, .doc = "The newest"),
	FIELD(E, sources, .elem = FT_STR, .doc = "Who told"),
	FIELD(E, items, .sub = &item_schema, .doc = "The texts"), FIELD_END
};
const struct schema trade_symbol_news_schema = {
	.name = "SymbolSentiment", .doc = "What news say of a symbol",
	.size = sizeof(E), .fields = symbol_fields
};

static const struct field news_in_fields[] = {
	FIELD(struct trade_news_in, title, .flags = FF_REQUIRED, .min = 1,
	    .max = 500, .doc = "Headline"),
	FIELD(struct trade_news_in, body, .max = 60000, .def = "\"\"",
	    .doc = "Text"),
	FIELD(struct trade_news_in, source, .max = 64, .def = "\"\"",
	    .doc = "Who told it"),
	FIELD(struct trade_news_in, url, .max = 1000, .def = "\"\"",
	    .doc = "Where it stands"),
	FIELD(struct trade_news_in, at, .flags = FF_NULLABLE,
	    .doc = "When it was told; now when left out"),
	FIELD(struct trade_news_in, symbols, .flags = FF_NULLABLE,
	    .elem = FT_STR, .max = SAID_MAX,
	    .doc = "Whom it is about, besides those found in it"),
	FIELD_END
};
const struct schema trade_news_in_schema = {
	.name = "NewsPost", .doc = "A text of news",
	.size = sizeof(struct trade_news_in), .fields = news_in_fields
};

struct told {
	const char *symbol;
	double score;
	int64_t n;
	double dispersion, novelty;
	struct uuid news_id;
	double news_score;
};
#define T struct told
static const struct field told_fields[] = {
	FIELD(T, symbol, .doc = "Symbol"),
	FIELD(T, score, .doc = "Of its news of a week, -1 … 1"),
	FIELD(T, n, .doc = "Texts"),
	FIELD(T, dispersion, .doc = "How far they differ"),
	FIELD(T, novelty, .doc = "How new they are"),
	FIELD(T, news_id, .doc = "The text that changed it"),
	FIELD(T, news_score, .doc = "What that says of the symbol"), FIELD_END
};
static const struct schema told_schema = {
	.name = "SentimentUpdate", .doc = "News changed a symbol's sentiment",
	.size = sizeof(T), .fields = told_fields
};
const struct event trade_news_events[] = {
	{ .name = "trade.sentiment", .doc = "News changed the sentiment of a "
	  "symbol", .payload = &told_schema, .permission = "trade:read",
	  .flags = EV_STATE, .seed_type = "sentiment" },
	EVENT_END
};

/* ---- judging ------------------------------------------------------------------------- */

struct json
trade_hits_json(struct arena *a, const struct trade_scored *x)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < x->hits.n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		schema_encode(&trade_sentiment_hit_schema, &x->hits.v[i],
		    &s);
	}
	str_addc(&s, ']');
	return (struct json){ s.p };
}

static void
link_to(struct arena *a, struct trade_judged *j, const char *symbol,
    double score)
{
	struct trade_symbol_score *v = j->symbols.items;

	for (size_t i = 0; i < j->symbols.n; i++)
		if (strcmp(v[i].symbol, symbol) == 0)
			return;
	j->symbols.items = v = arena_grow(a, v, j->symbols.n * sizeof(*v),
	    (j->symbols.n + 1) * sizeof(*v));
	v[j->symbols.n++] = (struct trade_symbol_score){ .symbol = symbol,
	    .score = score };
}

static void
link_all(struct arena *a, const struct rows *named,
    const struct trade_news_in *in, struct trade_judged *j)
{
	const char *const *said = in->symbols.items;
	double score;

	for (size_t i = 0; named != NULL && i < named->n; i++) {
		const struct trade_named *who = ROW(named,
		    struct trade_named, i);

		if (j->symbols.n < SAID_MAX * 2 &&
		    trade_sentiment_about(a, &j->own, who, &score))
			link_to(a, j, who->symbol, score);
	}
	for (size_t i = 0; i < in->symbols.n; i++)
		link_to(a, j, said[i], j->own.score);
}

int
trade_news_judge(struct env *env, struct arena *a, const struct rows *named,
    const struct trade_news_in *in, struct trade_judged *j, struct err *e)
{
	const struct trade_lexicon *x = trade_lexicon_of(env, e);
	const struct trade_news_conf *f = conf_get(env->conf,
	    &trade_news_settings);
	struct trade_symbol_score *v;
	struct err silent = { 0 };
	const char *text;

	if (x == NULL)
		return -1;
	*j = (struct trade_judged){ .engine = "lexicon" };
	trade_sentiment_score(a, x, in->title, in->body, &j->own);
	text = *in->body != '\0' ? j->own.text : in->title;
	j->score = j->own.score;
	j->authenticity = trade_authenticity(text, in->source);
	j->summary = arena_strndup(a, in->title, SUMMARY_MAX);
	link_all(a, named, in, j);
	if (*f->engine == '\0')
		return 0;
	if (trade_sentiment_ask(env, a, text, in->source, &j->score,
	    &j->authenticity, &j->summary, &silent) == -1) {
		log_warn("trade", "the sentiment engine did not answer",
		    KV("error", silent.detail));
		j->engine = "fallback";
		return 0;
	}
	j->engine = "external";		/* it knows texts, not symbols */
	v = j->symbols.items;
	for (size_t i = 0; i < j->symbols.n; i++)
		v[i].score = j->score;
	return 0;
}

/* ---- storing -------------------------------------------------------------------------- */

static double
novelty(struct db *db, struct arena *a, const struct trade_news *n,
    const struct trade_shingles *own, struct err *e)
{
	struct rows rows;
	double most = 0;

	if (trade_news_recent(db, a, n->tenant_id, (struct utc){
	    n->at.us - REPEAT_US }, n->at, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct blob b = ROW(&rows, struct trade_news, i)->shingles;
		struct trade_shingles s = { arena_memdup(a, b.p, b.n),
		    b.n / sizeof(uint32_t) };
		double like = trade_jaccard(own, &s);

		if (like > most)
			most = like;
	}
	return 1 - most;
}

static void
fill(struct arena *a, struct env *env, const struct trade_news_in *in,
    const struct trade_judged *j, struct utc now, struct trade_news *n,
    struct err *e)
{
	uint8_t *sum = arena_alloc(a, SHA256_LEN);
	const char *all = arena_printf(a, "%s\n%s\n%s", in->source,
	    in->title, in->body);

	crypto_sha256(all, strlen(all), sum);
	*n = (struct trade_news){ .id = uuid_new(), .tenant_id =
	    n->tenant_id, .at = in->at.us != 0 ? in->at : now,
	    .source = in->source, .title = in->title, .body = in->body,
	    .url = in->url, .digest = { sum, SHA256_LEN },
	    .score = j->score, .authenticity = j->authenticity,
	    .engine = j->engine, .lexicon = trade_lexicon_of(env, e)->digest,
	    .hits = trade_hits_json(a, &j->own), .created_at = now };
}

static int
tell(struct db *db, struct arena *a, const struct trade_news *n,
    const struct trade_symbol_score *s, struct utc now, struct err *e)
{
	struct trade_sentiment all;
	T t = { .symbol = s->symbol, .news_id = n->id,
	    .news_score = s->score };

	if (trade_sentiment_of(db, a, n->tenant_id, s->symbol, now, &all,
	    e) == -1)
		return -1;
	t.score = all.score;
	t.n = all.n;
	t.dispersion = all.dispersion;
	t.novelty = all.novelty;
	return event_publish(db, &trade_news_events[0], n->tenant_id,
	    s->symbol, 0, &t, e);
}

int
trade_news_store(struct db *db, struct arena *a, struct env *env,
    struct uuid tenant, const struct trade_news_in *in,
    const struct trade_judged *j, struct utc now, struct trade_news *out,
    struct err *e)
{
	const struct trade_news_conf *f = conf_get(env->conf,
	    &trade_news_settings);
	struct trade_symbol_score *v = j->symbols.items;
	struct trade_news n = { .tenant_id = tenant };
	struct trade_shingles own;
	int rc;

	fill(a, env, in, j, now, &n, e);
	trade_shingles_of(a, &j->own.tokens, &own);
	n.shingles = (struct blob){ own.v, own.n * sizeof(uint32_t) };
	if ((n.novelty = novelty(db, a, &n, &own, e)) < 0)
		return -1;
	n.counted = n.novelty >= REPEAT_BELOW;
	if ((rc = trade_news_insert(db, a, &n, e)) != 0)
		return rc;
	for (size_t i = 0; i < j->symbols.n; i++) {
		v[i].tenant_id = tenant;
		v[i].news_id = n.id;
		v[i].at = n.at;
		v[i].source = n.source;
		v[i].weight = trade_news_weight(f, n.source);
		v[i].novelty = n.novelty;
		v[i].authenticity = n.authenticity;
		v[i].counted = n.counted;
		if (trade_symbol_score_insert(db, &v[i], e) == -1)
			return -1;
	}
	for (size_t i = 0; n.counted && i < j->symbols.n; i++)
		if (tell(db, a, &n, &v[i], now, e) == -1)
			return -1;
	n.symbols = j->symbols;
	*out = n;
	return 0;
}

#define P struct trade_news_posted
static const struct field posted_fields[] = {
	FIELD(P, stored, .doc = "New ones"),
	FIELD(P, known, .doc = "Those that were there"),
	FIELD(P, repeats, .doc = "New ones that repeat what was said within "
	    "48 hours: they do not count"),
	FIELD(P, items, .sub = &trade_news_schema, .doc = "The new ones"),
	FIELD_END
};
const struct schema trade_news_posted_schema = {
	.name = "NewsPosted", .doc = "What became of the texts",
	.size = sizeof(P), .fields = posted_fields
};

struct storing {
	struct arena *a;
	struct env *env;
	struct uuid tenant;
	const struct trade_news_in *in;
	const struct trade_judged *j;
	size_t n;
	struct utc now;
	struct trade_news *v;
	P *out;
};

static int
store_all(struct db *db, void *arg, struct err *e)
{
	struct storing *s = arg;

	*s->out = (P){ .items = { s->v, 0 } };
	for (size_t i = 0; i < s->n; i++) {
		struct trade_news *n = &s->v[s->out->items.n];
		int rc = trade_news_store(db, s->a, s->env, s->tenant,
		    &s->in[i], &s->j[i], s->now, n, e);

		if (rc == -1)
			return -1;
		s->out->known += rc;
		if (rc == 1)
			continue;
		s->out->repeats += !n->counted;
		s->out->stored++;
		s->out->items.n++;
	}
	return 0;
}

int
trade_news_store_all(struct db *db, struct arena *a, struct env *env,
    struct uuid tenant, const struct trade_news_in *in,
    const struct trade_judged *j, size_t n, struct utc now, P *out,
    struct err *e)
{
	struct storing s = { a, env, tenant, in, j, n, now, arena_array(a,
	    n + 1, sizeof(struct trade_news)), out };

	return db_txn(db, a, store_all, &s, e);
}

/* ---- summing up ------------------------------------------------------------------------ */

static bool
wanted(const char *const *sources, const char *source)
{
	if (sources == NULL || sources[0] == NULL)
		return true;
	for (; *sources != NULL; sources++)
		if (strcmp(*sources, source) == 0)
			return true;
	return false;
}

static void
source_add(struct arena *a, struct list *l, const char *source)
{
	const char **v = l->items;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(v[i], source) == 0)
			return;
	l->items = v = arena_grow(a, v, l->n * sizeof(*v), (l->n + 1) *
	    sizeof(*v));
	v[l->n++] = source;
}

int
trade_symbol_news_of(struct arena *a, const struct rows *rows,
    const char *const *sources, struct utc now, struct rows *out)
{
	struct trade_sentiment_point *v = arena_array(a, rows->n + 1,
	    sizeof(*v));
	E *all = arena_array(a, rows->n + 1, sizeof(*all));

	*out = (struct rows){ all, 0, &trade_symbol_news_schema };
	for (size_t i = 0, j; i < rows->n; i = j) {
		const char *symbol = ROW(rows, struct trade_symbol_score,
		    i)->symbol;
		E *x = &all[out->n];
		struct trade_sentiment s;
		size_t n = 0;

		for (j = i; j < rows->n; j++) {
			const struct trade_symbol_score *r = ROW(rows,
			    struct trade_symbol_score, j);

			if (strcmp(r->symbol, symbol) != 0)
				break;
			if (!wanted(sources, r->source))
				continue;
			v[n++] = (struct trade_sentiment_point){ r->score,
			    r->weight, r->novelty, r->authenticity, r->at,
			    r->at };
			source_add(a, &x->sources, r->source);
		}
		if (n == 0)
			continue;
		trade_sentiment_sum(v, n, now, &s);
		x->symbol = symbol;
		x->score = s.score;
		x->n = s.n;
		x->dispersion = s.dispersion;
		x->novelty = s.novelty;
		x->authenticity = s.authenticity;
		x->newest = s.newest;
		out->n++;
	}
	return 0;
}
