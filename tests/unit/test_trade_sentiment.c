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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_sentences),
		cmocka_unit_test(fiqa),
		cmocka_unit_test(vader_rules)
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
