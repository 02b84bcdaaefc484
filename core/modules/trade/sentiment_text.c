/*
 * Whom a text names, how new it is, how far its source is trusted, and what
 * many texts say together. A name is found with word borders on both sides; a
 * ticker in small letters or inside of a shouted line is a word, not a ticker.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "modules/trade/sentiment.h"

#define HALF_SCALE_US 21600000000.0	/* six hours */

/* ---- naming --------------------------------------------------------------------- */

static bool
border(char c)
{
	return !isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool
contains(const char *text, size_t n, const char *what, bool exact)
{
	size_t m = strlen(what);

	for (size_t i = 0; m > 0 && i + m <= n; i++)
		if ((exact ? strncmp(text + i, what, m) : strncasecmp(text +
		    i, what, m)) == 0 && (i == 0 || border(text[i - 1])) &&
		    (i + m == n || border(text[i + m])))
			return true;
	return false;
}

/* "Apple Inc." is written of as "Apple". */
static const char *
short_name(struct arena *a, const char *name)
{
	static const char *const ends[] = { " inc", " inc.", " corp",
	    " corp.", " corporation", " plc", " ltd", " ltd.", " limited",
	    " company", " co", " co.", " group", " holdings", " ag", " se",
	    " sa", " nv", " llc", " &", ",", NULL };
	char *s = arena_strdup(a, name);
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; ends[i] != NULL; i++) {
			size_t n = strlen(s), m = strlen(ends[i]);

			if (n > m && strcasecmp(s + n - m, ends[i]) == 0) {
				s[n - m] = '\0';
				again = true;
			}
		}
	}
	return s;
}

static bool
cashtag(const struct trade_scored *x, const struct trade_sentence *s,
    const char *symbol)
{
	for (size_t i = s->first; i < s->first + s->n; i++)
		if (x->tokens.t.v[i].kind == TOKEN_CASHTAG &&
		    strcasecmp(x->tokens.t.v[i].text, symbol) == 0)
			return true;
	return false;
}

/* Beside a ticker that is shouted among shouted words: "(AAPL)", "LSE:VOD". */
static bool
marked(const char *text, size_t n, const char *symbol)
{
	size_t m = strlen(symbol);

	for (size_t i = 1; i + m <= n; i++)
		if ((text[i - 1] == '(' || text[i - 1] == ':') &&
		    strncmp(text + i, symbol, m) == 0 && (i + m == n ||
		    border(text[i + m])))
			return true;
	return false;
}

static bool
names(struct arena *a, const struct trade_scored *x,
    const struct trade_sentence *s, const struct trade_named *who)
{
	const char *text = x->text + s->at;
	const char *name = short_name(a, who->name);

	if (cashtag(x, s, who->symbol) || marked(text, s->len, who->symbol))
		return true;
	if (*name != '\0' && (contains(text, s->len, who->name, false) ||
	    contains(text, s->len, name, strlen(name) < 4)))
		return true;
	return strlen(who->symbol) > 1 && !s->shouted &&
	    contains(text, s->len, who->symbol, true);
}

bool
trade_sentiment_about(struct arena *a, const struct trade_scored *x,
    const struct trade_named *who, double *score)
{
	double sum = 0, weight = 0;
	bool any = false;

	for (size_t i = 0; i < x->tokens.s.n; i++) {
		const struct trade_sentence *s = &x->tokens.s.v[i];

		if (!names(a, x, s, who))
			continue;
		any = true;
		if (s->hits > 0) {
			sum += s->weight * s->score;
			weight += s->weight;
		}
	}
	*score = weight > 0 ? sum / weight : x->score;
	return any;
}

/* ---- novelty ----------------------------------------------------------------------- */

static int
ascending(const void *x, const void *y)
{
	uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;

	return p < q ? -1 : p > q;
}

/* FNV-1a (Fowler, Noll, Vo), 32 bits. */
static uint32_t
hash(uint32_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return (h ^ 0x20) * 16777619u;
}

void
trade_shingles_of(struct arena *a, const struct trade_tokens *x,
    struct trade_shingles *out)
{
	size_t n = 0, words = 0, k = 0;
	const char **w = arena_array(a, x->t.n + 1, sizeof(*w));

	for (size_t i = 0; i < x->t.n; i++)
		if (x->t.v[i].kind != TOKEN_LINK)
			w[words++] = x->t.v[i].text;
	n = words == 0 ? 0 : words < SHINGLE ? 1 : words - SHINGLE + 1;
	if (n > SHINGLES_MAX)
		n = SHINGLES_MAX;
	*out = (struct trade_shingles){ arena_array(a, n + 1,
	    sizeof(uint32_t)), n };
	for (size_t i = 0; i < n; i++) {
		uint32_t h = 2166136261u;

		for (size_t j = i; j < i + SHINGLE && j < words; j++)
			h = hash(h, w[j]);
		out->v[i] = h;
	}
	qsort(out->v, n, sizeof(uint32_t), ascending);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || out->v[i] != out->v[k - 1])
			out->v[k++] = out->v[i];
	out->n = k;
}

double
trade_jaccard(const struct trade_shingles *x, const struct trade_shingles *y)
{
	size_t i = 0, j = 0, both = 0;

	while (i < x->n && j < y->n)
		if (x->v[i] == y->v[j]) {
			both++;
			i++;
			j++;
		} else if (x->v[i] < y->v[j])
			i++;
		else
			j++;
	return x->n + y->n == 0 ? 0 : (double)both /
	    (double)(x->n + y->n - both);
}

/* ---- authenticity ------------------------------------------------------------------- */

double
trade_authenticity(const char *text, const char *source)
{
	static const char *const trusted[] = { "reuters", "bloomberg", "wsj",
	    "ft", "financial times", "nyt", "cnbc", "the guardian",
	    "the economist", NULL };
	size_t n = 0;
	double v;

	for (const char *p = text; *p != '\0'; p++)	/* characters */
		n += ((unsigned char)*p & 0xc0) != 0x80;
	v = fmin(1, (double)n / 1000);
	for (size_t i = 0; trusted[i] != NULL; i++)
		if (strcasecmp(source, trusted[i]) == 0)
			v += 0.3;
	if (strstr(text, "http://") != NULL ||
	    strstr(text, "https://") != NULL)
		v += 0.1;
	if (strcasecmp(source, "twitter") == 0 && n < 50)
		v -= 0.2;
	return fmax(0, fmin(1, v));
}

/* ---- together ------------------------------------------------------------------------- */

void
trade_sentiment_sum(const struct trade_sentiment_point *v, size_t n,
    struct utc now, struct trade_sentiment *out)
{
	double sum = 0, squares = 0;

	*out = (struct trade_sentiment){ .n = (int64_t)n };
	for (size_t i = 0; i < n; i++) {
		double age = fmax(0, (double)(now.us - v[i].at.us));
		double w = v[i].weight * exp(-age / HALF_SCALE_US);

		out->weight += w;
		sum += w * v[i].score;
		squares += w * v[i].score * v[i].score;
		out->novelty += v[i].novelty / (double)n;
		out->authenticity += v[i].authenticity / (double)n;
		if (v[i].at.us > out->newest.us)
			out->newest = v[i].at;
	}
	if (out->weight <= 0)
		return;
	out->score = sum / out->weight;
	out->dispersion = sqrt(fmax(0, squares / out->weight -
	    out->score * out->score));
}

int
trade_sentiment_then(struct trade_sentiment_past *p, struct utc now,
    struct trade_sentiment *out)
{
	while (p->to < p->n && p->v[p->to].known.us <= now.us)
		p->to++;
	while (p->from < p->to && p->v[p->from].at.us < now.us -
	    TRADE_WEEK_US)
		p->from++;
	if (p->from == p->to)
		return 1;
	trade_sentiment_sum(p->v + p->from, p->to - p->from, now, out);
	return 0;
}
