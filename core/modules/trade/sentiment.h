/*
 * How a text of news bears on what it names. Pure: words against a lexicon
 * (lexicon.h), rules for direction and noun, negation, boosters, doubt,
 * contrast, capitals, exclamation, questions and percentages; each point of
 * the score is shown with term, weight, rule and place.
 *
 * A sentence is x / sqrt(x^2 + 15) of its sum x (the form of Hutto and
 * Gilbert, VADER, 2014); a text is the mean of its sentences that say
 * anything, title 2, first paragraph 1.5, the rest 1.
 */
#ifndef TRADE_SENTIMENT_H
#define TRADE_SENTIMENT_H

#include "base/types.h"
#include "base/vec.h"
#include "db/db.h"
#include "modules/trade/lexicon.h"

/* ---- tokens ------------------------------------------------------------------ */

enum trade_token_kind {
	TOKEN_WORD, TOKEN_NUMBER, TOKEN_PERCENT, TOKEN_MONEY, TOKEN_CASHTAG,
	TOKEN_LINK
};
struct trade_token {
	enum trade_token_kind kind;
	const char *text;		/* lower case, without "'s" */
	size_t at, len;			/* bytes of the source */
	bool caps;			/* a word of capitals */
	bool is_signed;			/* a number with + or - */
	double value;			/* NUMBER, PERCENT */
	int64_t clause;			/* parts between , : ( ) and dashes */
};
struct trade_sentence {
	size_t first, n;		/* tokens */
	size_t at, len;			/* bytes */
	int64_t exclaims;
	bool question, shouted;		/* every word is of capitals */
	double weight, score, sum;
	size_t hits;			/* of it, in trade_scored.hits */
};
struct trade_tokens {
	VEC(struct trade_token) t;
	VEC(struct trade_sentence) s;
};
/* Adds the text's tokens; at = where it begins in the source. */
void trade_tokenize(struct arena *, const char *text, size_t at,
    struct trade_tokens *);

/* ---- scores ------------------------------------------------------------------ */

struct trade_sentiment_hit {
	const char *term;
	double weight;			/* what it added */
	const char *rule;		/* "direction, noun loss, negated" */
	int64_t position;		/* byte in title, newline, body */
};
extern const struct schema trade_sentiment_hit_schema;

struct trade_scored {
	double score;			/* -1..1 */
	double positive, negative;	/* shares of the weight in the hits */
	VEC(struct trade_sentiment_hit) hits;
	struct trade_tokens tokens;
	const char *text;		/* title, newline, body */
};
/* title or body may be "". */
void trade_sentiment_score(struct arena *, const struct trade_lexicon *,
    const char *title, const char *body, struct trade_scored *);
/* "positive" above 0.05, "negative" below -0.05, else "neutral". */
const char *trade_sentiment_label(double score);

/* ---- whom a text names ---------------------------------------------------------- */

struct trade_named {
	const char *symbol, *name;	/* name: "" or of a company, an alias */
};
/* The score of the sentences that name it by ticker, cashtag or name; of the
 * whole text when none does alone. false: the text does not name it. */
bool trade_sentiment_about(struct arena *, const struct trade_scored *,
    const struct trade_named *, double *score);

/* ---- novelty, authenticity, sums -------------------------------------------------- */

#define TRADE_WEEK_US INT64_C(604800000000)
enum { SHINGLE = 5, SHINGLES_MAX = 4096 };
struct trade_shingles {
	uint32_t *v;			/* hashes, ascending, each once */
	size_t n;
};
/* Of each five words in a row; a shorter text is one shingle. */
void trade_shingles_of(struct arena *, const struct trade_tokens *,
    struct trade_shingles *);
/* Common over all: 0..1. */
double trade_jaccard(const struct trade_shingles *,
    const struct trade_shingles *);

/* As document 002's engine: length / 1000 up to 1, +0.3 for a trusted source,
 * +0.1 with a link, -0.2 for a tweet below 50 characters; within 0..1. */
double trade_authenticity(const char *text, const char *source);

/* What a symbol's news of the last days say together. */
struct trade_sentiment {
	double score;			/* sum(score e^(-age/6h) w) / sum(...) */
	double dispersion;		/* weighted standard deviation */
	double novelty;			/* mean */
	double authenticity;		/* mean */
	double weight;			/* sum of the weights: how fresh */
	int64_t n;
	struct utc newest;
};
struct trade_sentiment_point {
	double score, weight, novelty, authenticity;
	struct utc at, known;		/* told; since when we know of it */
};
void trade_sentiment_sum(const struct trade_sentiment_point *, size_t n,
    struct utc now, struct trade_sentiment *);

/* The past of a symbol's news: what was known when. */
struct trade_sentiment_past {
	const struct trade_sentiment_point *v;	/* by .known, oldest first */
	size_t n, from, to;		/* looked at last; begins with 0 */
};
/* The sum as it would have been at this instant: news of the seven days before
 * it that were known by then. Instants may not go back. 0, or 1: there is
 * none. */
int trade_sentiment_then(struct trade_sentiment_past *, struct utc,
    struct trade_sentiment *);

/* ---- VADER ------------------------------------------------------------------------ */

struct trade_vader {
	double compound, positive, neutral, negative;
};
/* The rules of vaderSentiment as they are, on its own lexicon, to be compared
 * with; not used for news. Emoji are not turned into words. */
void trade_vader_score(struct arena *, const struct trade_lexicon *,
    const char *text, struct trade_vader *);

/* ---- for whoever decides ------------------------------------------------------------ */

/* A symbol's news up to now, of the last seven days (news_sql.c). 0 found, 1
 * there is none. */
int trade_sentiment_of(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, struct utc now, struct trade_sentiment *,
    struct err *);
/* Its news from … to with the instants they were known. News that came more
 * than a day after they were told are an import: then known is told. */
int trade_sentiment_history(struct db *, struct arena *, struct uuid tenant,
    const char *symbol, struct utc from, struct utc to,
    struct trade_sentiment_past *, struct err *);
/* Symbols that have any news at all, TRADE_NEWS_SYMBOLS at most: rows of
 * struct trade_news_symbol. */
enum { TRADE_NEWS_SYMBOLS = 10000 };
struct trade_news_symbol {
	const char *symbol;
};
int trade_news_symbols(struct db *, struct arena *, struct uuid tenant,
    struct rows *, struct err *);

#endif
