/*
 * News, how they bear on the symbols they name, and the aliases by which a
 * symbol is known. A text is stored once per tenant and source; a repeat of
 * what was said within 48 hours is kept and does not count.
 */
#ifndef TRADE_NEWS_H
#define TRADE_NEWS_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "modules/trade/sentiment.h"

struct trade_news_conf {
	const char *lexicon;		/* file; "" = built in */
	const char *engine;		/* URL of a service with POST /analyze */
	const char *const *sources;	/* "reuters=1.5" */
	int64_t engine_ms;
};
extern const struct settings trade_news_settings;
/* 1 for a source without a weight of its own. */
double trade_news_weight(const struct trade_news_conf *, const char *source);

/* ---- rows ---------------------------------------------------------------------- */

struct trade_news {
	struct uuid id, tenant_id;
	struct utc at;
	const char *source, *title, *body, *url;
	struct blob digest;
	double score, authenticity, novelty;
	bool counted;			/* false: a repeat */
	const char *engine;		/* "lexicon" "external" "fallback" */
	const char *lexicon;		/* digest of the lexicon */
	struct json hits;		/* [{term, weight, rule, position}] */
	struct blob shingles;
	struct utc created_at;
	struct list symbols;		/* of trade_symbol_score, computed */
};
/* What a text says of one symbol. */
struct trade_symbol_score {
	struct uuid tenant_id;
	const char *symbol;
	struct uuid news_id;
	struct utc at;
	const char *source;
	double score, weight, novelty, authenticity;
	bool counted;
};
struct trade_alias {
	struct uuid tenant_id;
	const char *alias, *symbol;
	struct utc created_at;
};
extern const struct schema trade_news_schema, trade_symbol_score_schema,
    trade_alias_schema;
extern const struct query *const trade_news_queries[];
extern const struct table trade_news_tables[];
extern const struct route trade_news_routes[], trade_sentiment_routes[];
extern const struct event trade_news_events[];
extern const struct job trade_sentiment_jobs[];
extern const struct command trade_sentiment_commands[];

/* 1: that text of that source is there already. */
int trade_news_insert(struct db *, struct arena *,
    const struct trade_news *, struct err *);
/* Newest first; symbol "" = all; below nil = from the newest. */
int trade_news_page(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, struct uuid below, int64_t limit, struct rows *,
    struct err *);
/* Newest first, from ≤ at < to, whose title or body holds the words ("" =
 * all), at most limit. */
int trade_news_find(struct db *, struct arena *, struct uuid tenant,
    const char *words, struct utc from, struct utc to, int64_t limit,
    struct rows *, struct err *);
int trade_news_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct trade_news *, struct err *);
/* 1 = there is none. */
int trade_news_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
/* Ids and shingles of the texts of a time, newest first, at most 300. */
int trade_news_recent(struct db *, struct arena *, struct uuid tenant,
    struct utc from, struct utc to, struct rows *, struct err *);
int trade_symbol_score_insert(struct db *,
    const struct trade_symbol_score *, struct err *);
int trade_symbol_score_of_news(struct db *, struct arena *, struct uuid news,
    struct rows *, struct err *);
/* Those that count, newest first, from ≤ at ≤ to; symbol "" = all of the
 * tenant, then by symbol. At most 5,000. */
int trade_symbol_score_all(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, struct utc from, struct utc to, struct rows *,
    struct err *);
int trade_alias_put(struct db *, const struct trade_alias *, struct err *);
int trade_alias_delete(struct db *, struct uuid tenant, const char *alias,
    struct err *);
int trade_alias_page(struct db *, struct arena *, struct uuid tenant,
    const char *after, int64_t limit, struct rows *, struct err *);
/* Symbols of the tenant's instruments with their names, and its aliases: rows
 * of struct trade_named. */
int trade_named_all(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);
/* 0 found, 1 none. */
int trade_sentiment_result_get(struct db *, struct arena *,
    struct uuid tenant, struct blob digest, const char **, struct err *);
int trade_sentiment_result_put(struct db *, struct uuid tenant,
    struct blob digest, const char *, struct utc, struct err *);
/* Changes whenever the tenant's news do: number and newest id. */
int trade_news_stamp(struct db *, struct arena *, struct uuid tenant,
    const char **, struct err *);

/* ---- use-cases -------------------------------------------------------------------- */

struct trade_news_in {
	const char *title, *body, *source, *url;
	struct utc at;
	struct list symbols;		/* said by the sender, besides found */
};
extern const struct schema trade_news_in_schema;

/* A text judged: by the external engine when one is configured and answers
 * (never inside a transaction), else by the lexicon. Names are those of
 * trade_named_all(). */
struct trade_judged {
	struct trade_scored own;
	double score, authenticity;
	const char *engine, *summary;
	struct list symbols;		/* of trade_symbol_score: symbol, score */
};
int trade_news_judge(struct env *, struct arena *, const struct rows *named,
    const struct trade_news_in *, struct trade_judged *, struct err *);
/* In the caller's transaction: the text, what it says of whom, events. 1:
 * it was there; *out is then not changed. */
int trade_news_store(struct db *, struct arena *, struct env *,
    struct uuid tenant, const struct trade_news_in *,
    const struct trade_judged *, struct utc now, struct trade_news *out,
    struct err *);

/* Many, in a transaction of its own. */
struct trade_news_posted {
	int64_t stored, known, repeats;
	struct list items;		/* of trade_news: the new ones */
};
extern const struct schema trade_news_posted_schema;
int trade_news_store_all(struct db *, struct arena *, struct env *,
    struct uuid tenant, const struct trade_news_in *,
    const struct trade_judged *, size_t n, struct utc now,
    struct trade_news_posted *, struct err *);

/* POST /analyze {text, source} of the configured engine. -1: no answer, or
 * none of its form. */
int trade_sentiment_ask(struct env *, struct arena *, const char *text,
    const char *source, double *score, double *authenticity,
    const char **summary, struct err *);
/* Hits as JSON text. */
struct json trade_hits_json(struct arena *, const struct trade_scored *);

/* What news of a window say of a symbol. */
struct trade_symbol_news {
	const char *symbol;
	double score;
	int64_t n;
	double dispersion, novelty, authenticity;
	struct utc newest;
	struct list sources;		/* of text */
	struct list items;		/* of trade_symbol_item */
};
struct trade_symbol_item {
	const char *title, *source;
	struct utc at;
	double score, novelty;
	struct json hits;
};
extern const struct schema trade_symbol_news_schema;
/* Rows of trade_symbol_score_all(): one per symbol. sources: only these;
 * NULL = all. */
int trade_symbol_news_of(struct arena *, const struct rows *,
    const char *const *sources, struct utc now, struct rows *out);

#endif
