/*
 * Sentiment: rules one by one, the three sentences that VADER gets wrong,
 * expert scores of FiQA that nothing here was fitted to, and VADER's own
 * rules against VADER.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/trade/sentiment.h"
#include "tests/harness/data.h"

static struct arena *a;
static const struct trade_lexicon *lexicon;

static int
setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	a = arena_new((size_t)512 << 20);
	lexicon = trade_lexicon_of(NULL, &e);
	if (lexicon == NULL)
		fprintf(stderr, "%s\n", e.detail);
	return lexicon == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static double
score(const char *text)
{
	struct trade_scored x;

	trade_sentiment_score(a, lexicon, text, "", &x);
	return x.score;
}

/* ---- FiQA ------------------------------------------------------------------------ */

struct pairs {
	double sx, sy, sxx, syy, sxy, signs;
	size_t n;
};

static void
pair(struct pairs *p, double x, double y)
{
	p->sx += x;
	p->sy += y;
	p->sxx += x * x;
	p->syy += y * y;
	p->sxy += x * y;
	p->signs += (x > 0 && y > 0) || (x < 0 && y < 0) || (x == 0 &&
	    y == 0);
	p->n++;
}

static double
pearson(const struct pairs *p)
{
	double n = (double)p->n;

	return (n * p->sxy - p->sx * p->sy) / sqrt((n * p->sxx - p->sx *
	    p->sx) * (n * p->syy - p->sy * p->sy));
}

/* The first rows were read while the lexicon was written; the rest never. */
enum { SEEN_ROWS = 80 };

static void
fiqa(void **state)
{
	struct pairs seen = { 0 }, held = { 0 }, vader = { 0 };
	size_t n, row = 0;
	char *text = data_read(a, "sentiment/fiqa_headlines_posts.dev.tsv.gz",
	    &n), *line;

	(void)state;
	if (text == NULL)
		skip();
	strsep(&text, "\n");
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		char *cell[6];
		struct trade_scored x;
		struct trade_named who = { "", "" };
		struct trade_vader v;
		double own, expert;

		for (size_t i = 0; i < 6; i++)
			cell[i] = strsep(&line, "\t");
		who.name = cell[2];
		expert = strtod(cell[3], NULL);
		trade_sentiment_score(a, lexicon, cell[5], "", &x);
		trade_sentiment_about(a, &x, &who, &own);
		if (row++ < SEEN_ROWS) {
			pair(&seen, own, expert);
			if (getenv("QX_FIQA") != NULL)
				printf("%6.3f %6.3f %s | %s\n", expert, own,
				    cell[2], cell[5]);
			continue;
		}
		trade_vader_score(a, lexicon, cell[5], &v);
		pair(&held, own, expert);
		pair(&vader, v.compound, expert);
	}
	printf("FiQA: seen %zu Pearson %.3f sign %.3f; held out %zu Pearson "
	    "%.3f sign %.3f; VADER on the same %.3f %.3f\n", seen.n,
	    pearson(&seen), seen.signs / (double)seen.n, held.n,
	    pearson(&held), held.signs / (double)held.n, pearson(&vader),
	    vader.signs / (double)vader.n);
	assert_true(held.n > 150);
	assert_true(pearson(&held) > pearson(&vader));
	assert_true(held.signs > vader.signs);
	assert_true(pearson(&held) > 0.377);
	assert_true(held.signs / (double)held.n > 0.438);
}

static void
vader_rules(void **state)
{
	size_t n, rows = 0, same = 0;
	char *text = data_read(a,
	    "sentiment/vader_tweets_human_and_peer.dev.tsv.gz", &n), *line;
	struct pairs peer = { 0 };

	(void)state;
	if (text == NULL)
		skip();
	strsep(&text, "\n");
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		char *cell[7];
		struct trade_vader v;
		bool ok;

		for (size_t i = 0; i < 7; i++)
			cell[i] = strsep(&line, "\t");
		trade_vader_score(a, lexicon, cell[6], &v);
		ok = fabs(v.compound - strtod(cell[2], NULL)) < 0.000051 &&
		    fabs(v.positive - strtod(cell[3], NULL)) < 0.00051 &&
		    fabs(v.negative - strtod(cell[5], NULL)) < 0.00051;
		if (!ok)
			printf("%s: %.4f, here %.4f: %s\n", cell[0],
			    strtod(cell[2], NULL), v.compound, cell[6]);
		same += ok;
		rows++;
		pair(&peer, v.compound, strtod(cell[1], NULL));
	}
	printf("VADER rules: %zu of %zu equal, Pearson %.3f\n", same, rows,
	    pearson(&peer));
	assert_true(rows >= 1000);
	assert_int_equal(same, rows);
}

static void
three_sentences(void **state)
{
	(void)state;
	/* VADER: 0.0, 0.0 and +0.20 */
	assert_true(score("Shares surged after record earnings") > 0.5);
	assert_true(score("Company files for bankruptcy") < -0.5);
	assert_true(score("Profit did not rise") < -0.05);
}

/* ---- rules, one by one ---------------------------------------------------------------- */

static const struct trade_sentiment_hit *
hit_of(const char *text, const char *term)
{
	static struct trade_scored x;

	trade_sentiment_score(a, lexicon, text, "", &x);
	for (size_t i = 0; i < x.hits.n; i++)
		if (strcmp(x.hits.v[i].term, term) == 0)
			return &x.hits.v[i];
	fail_msg("%s: no hit %s", text, term);
	return NULL;
}

static void
weighs(const char *text, const char *term, double weight, const char *rule)
{
	const struct trade_sentiment_hit *h = hit_of(text, term);

	if (fabs(h->weight - weight) > 1e-9 || strcmp(h->rule, rule) != 0)
		fail_msg("%s: %s %.4f (%s), wanted %.4f (%s)", text, term,
		    h->weight, h->rule, weight, rule);
}

static void
rules_are_shown(void **state)
{
	(void)state;
	/* direction and noun */
	weighs("Profit fell", "fell", -1.5, "direction, noun profit");
	weighs("Unemployment fell", "fell", 1.5,
	    "direction, noun unemployment");
	weighs("Firm cuts its costs", "cuts", 1.8, "direction, noun costs");
	weighs("A rise in debt", "rise", -1.5, "direction, noun debt");
	weighs("It fell", "fell", -1.5, "direction");
	weighs("Heavy losses", "losses", -1.3 - 0.0, "noun alone");
	/* percentages */
	weighs("Shares up 5 %", "up", 2.5,
	    "direction, noun shares, percent");
	weighs("Sales fell 50%", "fell", -3.5,
	    "direction, noun sales, percent");
	weighs("A 2 percent rise", "rise", 1.9, "direction, percent");
	weighs("$ABC -3.5% today", "-3.5%", -0.7, "percent");
	/* negation by sign, three words far and no further */
	weighs("It was not a success", "success", 2 * -0.74,
	    "term, negated");
	weighs("No fraud here", "fraud", -3.6 * -0.5, "term, negated");
	weighs("Not one of them was a success", "success", 2, "term");
	/* boosters by distance */
	weighs("very strong", "strong", 2.293, "term, boosted");
	weighs("a very big strong", "strong", 2 + 0.293 * 0.95,
	    "term, boosted");
	weighs("slightly weak", "weak", -2.2 + 0.293, "term, weakened");
	/* doubt, contrast, capitals */
	weighs("It may be a success", "success", 1.2, "term, hedged");
	weighs("A success but a fraud", "success", 1, "term, before but");
	weighs("A success but a fraud", "fraud", -5.4, "term, after but");
	weighs("Up despite the scandal", "scandal", -1.2,
	    "term, in spite");
	weighs("This is a SUCCESS for us", "success", 2.733,
	    "term, capitals");
	/* all shout: nobody does */
	weighs("THIS IS A SUCCESS", "success", 2, "term");
	/* the longest phrase */
	weighs("It files for bankruptcy", "files for bankruptcy", -3.6,
	    "term");
	weighs("Shares of Best Buy fell", "fell", -1.5,
	    "direction, noun shares");
}

static double
of_sum(double x)
{
	return x / sqrt(x * x + 15);
}

static void
sentences_and_texts(void **state)
{
	struct trade_scored x;

	(void)state;
	assert_true(fabs(score("A success") - of_sum(2)) < 1e-12);
	assert_true(fabs(score("A success!") - of_sum(2.292)) < 1e-12);
	assert_true(fabs(score("A success!!!!!") - of_sum(2.876)) < 1e-12);
	assert_true(fabs(score("A success?") - of_sum(1)) < 1e-12);
	assert_true(score("Nothing of note") == 0);
	assert_true(score("") == 0);
	/* title 2, first paragraph 1.5, others 1 */
	trade_sentiment_score(a, lexicon, "A success.", "A fraud. The rest is "
	    "silence.\n\nA success.", &x);
	assert_true(fabs(x.score - (2 * of_sum(2) + 1.5 * of_sum(-3.6) +
	    of_sum(2)) / 4.5) < 1e-12);
	assert_int_equal(x.hits.n, 3);
	for (size_t i = 0; i < x.hits.n; i++)
		assert_true(strncasecmp(x.text + x.hits.v[i].position,
		    x.hits.v[i].term, strlen(x.hits.v[i].term)) == 0);
	assert_string_equal(trade_sentiment_label(0.2), "positive");
	assert_string_equal(trade_sentiment_label(-0.2), "negative");
	assert_string_equal(trade_sentiment_label(0.01), "neutral");
}

static bool
names(const char *text, const char *symbol, const char *name)
{
	const struct trade_named who = { symbol, name };
	struct trade_scored x;
	double v;

	trade_sentiment_score(a, lexicon, text, "", &x);
	return trade_sentiment_about(a, &x, &who, &v);
}

static void
names_have_borders(void **state)
{
	const struct trade_named tesco = { "TSCO", "Tesco plc" },
	    marks = { "MKS", "Marks & Spencer" };
	struct trade_scored x;
	double up, down;

	(void)state;
	assert_true(names("Apple rose", "AAPL", "Apple Inc."));
	assert_false(names("Pineapple rose", "AAPL", "Apple Inc."));
	assert_false(names("Apples rose", "AAPL", "Apple Inc."));
	assert_true(names("AAPL rose", "AAPL", ""));
	assert_false(names("aapl rose", "AAPL", ""));
	assert_true(names("$aapl rose", "AAPL", ""));
	assert_true(names("Apple (AAPL) rose", "AAPL", ""));
	/* a word is no ticker where everybody shouts */
	assert_false(names("WHAT ALL OF THEM SAY", "ALL", "Allstate Corp"));
	assert_true(names("NOW NYSE:ALL IS UP", "ALL", "Allstate Corp"));
	assert_false(names("A rise", "A", "Agilent"));
	assert_true(names("$A rises", "A", "Agilent"));
	/* each has its own sentences */
	trade_sentiment_score(a, lexicon, "Tesco shares surge; Marks & "
	    "Spencer drops", "", &x);
	assert_true(trade_sentiment_about(a, &x, &tesco, &up));
	assert_true(trade_sentiment_about(a, &x, &marks, &down));
	assert_true(up > 0.3 && down < -0.3);
}

static void
repeats_and_sources(void **state)
{
	struct trade_tokens t = { .t = { 0 } }, u = { .t = { 0 } };
	struct trade_shingles x, y;
	char text[1201];

	(void)state;
	trade_tokenize(a, "one two three four five six", 0, &t);
	trade_tokenize(a, "Two three four five six seven", 0, &u);
	trade_shingles_of(a, &t, &x);
	trade_shingles_of(a, &u, &y);
	assert_int_equal(x.n, 2);
	/* one of three in common */
	assert_true(fabs(trade_jaccard(&x, &y) - 1.0 / 3) < 1e-12);
	assert_true(trade_jaccard(&x, &x) == 1);
	/* as document 002's engine */
	memset(text, 'x', 1200);
	text[1200] = '\0';
	assert_true(trade_authenticity(text, "blog") == 1);
	text[500] = '\0';
	assert_true(fabs(trade_authenticity(text, "blog") - 0.5) < 1e-12);
	assert_true(fabs(trade_authenticity(text, "Reuters") - 0.8) < 1e-12);
	assert_true(fabs(trade_authenticity("see https://x.y",
	    "The Guardian") - 0.415) < 1e-12);
	assert_true(trade_authenticity("short", "twitter") == 0);
}

static void
older_texts_fade(void **state)
{
	const struct utc now = { INT64_C(1800000000000000) };
	const int64_t h6 = INT64_C(21600000000);
	const struct trade_sentiment_point v[] = {
		{ 1, 1, 1, 0.5, now, now },
		{ -1, 1, 0.5, 1, { now.us - h6 }, now },
		{ -1, 0, 0, 0, now, now }
	};
	struct trade_sentiment s;
	double w = exp(-1);

	(void)state;
	trade_sentiment_sum(v, 2, now, &s);
	assert_true(fabs(s.score - (1 - w) / (1 + w)) < 1e-12);
	assert_true(fabs(s.novelty - 0.75) < 1e-12);
	assert_true(fabs(s.dispersion - sqrt(1 - s.score * s.score)) <
	    1e-12);
	assert_int_equal(s.newest.us, now.us);
	trade_sentiment_sum(v + 2, 1, now, &s);	/* no weight: no score */
	assert_true(s.score == 0 && s.weight == 0);
}

/* What is no lexicon is refused with its line. */
static void
bad_lexicons(void **state)
{
	static const char *const bad[] = {
		"word 1 x", "term x", "term 9 x", "term nan x", "term 1 ",
		"term 1 a|a", "term 1 a\ndir 2 a", "noun 1 x", "version x",
		"term 1 a b c d e f g", "term 1 a||b"
	};
	struct trade_lexicon x;
	struct err e = { 0 };

	(void)state;
	assert_true(lexicon->n > 1700 && lexicon->phrases > 400);
	assert_int_equal(lexicon->version, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (trade_lexicon_parse(a, bad[i], strlen(bad[i]), "", 0, &x,
		    &e) != -1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.status, 422);
		err_clear(&e);
	}
	assert_int_equal(trade_lexicon_parse(a, "term 1 up", 9,
	    "good\t1.9\n", 9, &x, &e), 0);
	assert_int_equal(x.n, 1);
}

/* Whatever the bytes are: a score in range, hits inside of the text. */
static void
any_bytes(void **state)
{
	static const char *const parts[] = {
		"surge", " ", "$", "%", "5", "-", "+", ".", "!", "?", "'s",
		"\xe2\x80\x99", "\xe2\x80", "\xff", "\n", "not ", "BUT ",
		"loss ", "http://", "@", "\xe2\x80\x94", ",", "(", "A", "very "
	};
	uint64_t seed = 2463534242u;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct arena_mark mark = arena_mark(a);
		struct trade_scored x;
		struct trade_vader v;
		char text[200] = "";

		for (int k = 0; k < 20; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			strncat(text, parts[seed % (sizeof(parts) /
			    sizeof(*parts))], sizeof(text) - strlen(text) -
			    1);
		}
		trade_sentiment_score(a, lexicon, text, text, &x);
		assert_true(x.score >= -1 && x.score <= 1);
		for (size_t k = 0; k < x.hits.n; k++)
			assert_true(x.hits.v[k].position >= 0 &&
			    (size_t)x.hits.v[k].position < strlen(x.text));
		trade_vader_score(a, lexicon, text, &v);
		assert_true(v.compound >= -1 && v.compound <= 1);
		arena_rewind(a, mark);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_shown),
		cmocka_unit_test(sentences_and_texts),
		cmocka_unit_test(names_have_borders),
		cmocka_unit_test(repeats_and_sources),
		cmocka_unit_test(older_texts_fade),
		cmocka_unit_test(bad_lexicons),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(three_sentences),
		cmocka_unit_test(fiqa),
		cmocka_unit_test(vader_rules)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
