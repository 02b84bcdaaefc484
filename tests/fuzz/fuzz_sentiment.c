/*
 * Any bytes as a text of news: scores within their range, hits inside of the
 * text, sentences in order, shingles sorted, and the same again the same.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/trade/sentiment.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
judge(struct arena *a, const struct trade_lexicon *x, const char *text)
{
	const struct trade_named who = { "ACME", "Acme & Sons plc" };
	struct trade_scored one, two;
	struct trade_shingles sh;
	struct trade_vader v;
	double score;

	trade_sentiment_score(a, x, text, text, &one);
	trade_sentiment_score(a, x, text, text, &two);
	ASSERT(one.score == two.score && one.hits.n == two.hits.n);
	ASSERT(one.score >= -1 && one.score <= 1);
	for (size_t i = 0; i < one.hits.n; i++)
		ASSERT(one.hits.v[i].position >= 0 &&
		    (size_t)one.hits.v[i].position < strlen(one.text));
	for (size_t i = 0; i < one.tokens.s.n; i++)
		ASSERT(one.tokens.s.v[i].at + one.tokens.s.v[i].len <=
		    strlen(one.text));
	trade_sentiment_about(a, &one, &who, &score);
	ASSERT(score >= -1 && score <= 1);
	trade_shingles_of(a, &one.tokens, &sh);
	for (size_t i = 1; i < sh.n; i++)
		ASSERT(sh.v[i - 1] < sh.v[i]);
	trade_vader_score(a, x, text, &v);
	ASSERT(v.compound >= -1 && v.compound <= 1);
	ASSERT(trade_authenticity(text, text) >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct trade_lexicon *x;
	struct err e = { 0 };
	struct arena *a;

	if (x == NULL && (x = trade_lexicon_of(NULL, &e)) == NULL)
		return 0;
	if (n > 20000)
		return 0;
	a = arena_new((size_t)512 << 20);
	judge(a, x, arena_strndup(a, (const char *)data, n));
	arena_free(a);
	return 0;
}
