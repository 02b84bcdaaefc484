/*
 * The rules of vaderSentiment 3.3 (Hutto and Gilbert, 2014; MIT licence) as
 * that program applies them, its oddities too, so that what we say of it is
 * measured and not remembered. Idioms and emoji beyond its lexicon are left
 * out.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/str.h"
#include "modules/trade/sentiment.h"

#define BOOST 0.293
#define CAPS 0.733
#define TURN -0.74

static const char negators[] = " aint arent cannot cant couldnt darent didnt "
    "doesnt ain't aren't can't couldn't daren't didn't doesn't dont hadnt "
    "hasnt havent isnt mightnt mustnt neither don't hadn't hasn't haven't "
    "isn't mightn't mustn't neednt needn't never none nope nor not nothing "
    "nowhere oughtnt shant shouldnt uhuh wasnt werent oughtn't shan't "
    "shouldn't uh-uh wasn't weren't without wont wouldnt won't wouldn't "
    "rarely seldom despite ";
static const char more[] = " absolutely amazingly awfully completely "
    "considerable considerably decidedly deeply effing enormous enormously "
    "entirely especially exceptional exceptionally extreme extremely "
    "fabulously flipping flippin frackin fracking fricking frickin frigging "
    "friggin fully fuckin fucking fuggin fugging greatly hella highly hugely "
    "incredible incredibly intensely major majorly more most particularly "
    "purely quite really remarkably so substantially thoroughly total "
    "totally tremendous tremendously uber unbelievably unusually utter "
    "utterly very ";
static const char less[] = " almost barely hardly kinda kindof kind-of less "
    "little marginal marginally occasional occasionally partly scarce "
    "scarcely slight slightly somewhat sorta sortof sort-of ";
static const struct {
	const char *text;
	double v;
} special[] = {
	{ "the shit", 3 }, { "the bomb", 3 }, { "bad ass", 1.5 },
	{ "badass", 1.5 }, { "bus stop", 0 }, { "yeah right", -2 },
	{ "kiss of death", -1.5 }, { "to die for", 3 },
	{ "beating heart", 3.1 }, { "broken heart", -2.9 }
};

struct words {
	struct arena *a;
	const struct trade_lexicon *x;
	VEC(char *) w;			/* as written */
	VEC(char *) low;
	bool capitals;			/* some words shout, not all */
};

static bool
among(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; n > 0 && (p = strstr(p, word)) != NULL;
	    p++)
		if (p[-(p > list)] == ' ' && p > list && p[n] == ' ')
			return strchr(word, ' ') == NULL;
	return false;
}

static bool
shouts(const char *w)
{
	bool upper = false;

	for (; *w != '\0'; w++) {
		if (islower((unsigned char)*w))
			return false;
		upper |= isupper((unsigned char)*w) != 0;
	}
	return upper;
}

static size_t
points(const char *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += ((unsigned char)s[i] & 0xc0) != 0x80;
	return k;
}

static void
split(struct words *v, const char *text)
{
	size_t shouted = 0;

	while (*(text += strspn(text, " \t\n\r\f\v")) != '\0') {
		size_t n = strcspn(text, " \t\n\r\f\v"), from = 0, to = n;
		char *w;

		while (from < to && ispunct((unsigned char)text[from]))
			from++;
		while (to > from && ispunct((unsigned char)text[to - 1]))
			to--;
		if (points(text + from, to - from) <= 2) {
			from = 0;
			to = n;
		}
		w = arena_strndup(v->a, text + from, to - from);
		*VEC_ADD(v->a, &v->w) = w;
		shouted += shouts(w);
		w = arena_strdup(v->a, w);
		for (char *p = w; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		*VEC_ADD(v->a, &v->low) = w;
		text += n;
	}
	v->capitals = shouted > 0 && shouted < v->w.n;
}

static bool
negates(const char *low)
{
	return among(negators, low) || strstr(low, "n't") != NULL;
}

static double
known(const struct words *v, size_t i, bool *is)
{
	const double *x = map_get(v->x->vader, v->low.v[i]);

	*is = x != NULL;
	return x != NULL ? *x : 0;
}

static double
booster(const char *low)
{
	return among(more, low) ? BOOST : among(less, low) ? -BOOST : 0;
}

static double
scaled(const struct words *v, size_t i, double valence)
{
	double s = booster(v->low.v[i]);

	if (s == 0)
		return 0;
	if (valence < 0)
		s = -s;
	if (v->capitals && shouts(v->w.v[i]))
		s += valence > 0 ? CAPS : -CAPS;
	return s;
}

static bool
said(const struct words *v, size_t i, const char *what)
{
	return strcmp(v->low.v[i], what) == 0;
}

static bool
so(const struct words *v, size_t i)
{
	return said(v, i, "so") || said(v, i, "this");
}

static double
turned(const struct words *v, size_t i, int back, double x)
{
	if (back == 1 && said(v, i - 2, "never") && so(v, i - 1))
		return x * 1.25;
	if (back == 1 && said(v, i - 2, "without") && said(v, i - 1,
	    "doubt"))
		return x;
	if (back == 2 && ((said(v, i - 3, "never") && so(v, i - 2)) ||
	    so(v, i - 1)))
		return x * 1.25;
	if (back == 2 && said(v, i - 3, "without") && (said(v, i - 2,
	    "doubt") || said(v, i - 1, "doubt")))
		return x;
	return negates(v->low.v[i - 1 - (size_t)back]) ? x * TURN : x;
}

static bool
idiom(const struct words *v, size_t from, size_t n, double *x)
{
	struct str s;

	str_init(&s, v->a);
	for (size_t i = from; i < from + n; i++) {
		if (i > from)
			str_addc(&s, ' ');
		str_add(&s, v->low.v[i]);
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (strcmp(special[i].text, s.p) == 0) {
			*x = special[i].v;
			return true;
		}
	return false;
}

static double
idioms(const struct words *v, size_t i, double x)
{
	(void)(idiom(v, i - 1, 2, &x) || idiom(v, i - 2, 3, &x) ||
	    idiom(v, i - 2, 2, &x) || idiom(v, i - 3, 3, &x) ||
	    idiom(v, i - 3, 2, &x));
	if (i + 1 < v->w.n)
		idiom(v, i, 2, &x);
	if (i + 2 < v->w.n)
		idiom(v, i, 3, &x);
	for (size_t k = i - 3; k + 1 < i; k++)	/* "sort of" */
		if (said(v, k + 1, "of") && (said(v, k, "kind") ||
		    said(v, k, "sort")))
			x -= BOOST;
		else if (said(v, k, "just") && said(v, k + 1, "enough"))
			x -= BOOST;
	return x;
}

static bool
no_before(const struct words *v, size_t i)
{
	return (i > 0 && said(v, i - 1, "no")) || (i > 1 && said(v, i - 2,
	    "no")) || (i > 2 && said(v, i - 3, "no") && (said(v, i - 1,
	    "or") || said(v, i - 1, "nor")));
}

static double
least(const struct words *v, size_t i, double x)
{
	bool is;

	if (i == 0 || !said(v, i - 1, "least"))
		return x;
	known(v, i - 1, &is);
	if (is || (i > 1 && (said(v, i - 2, "at") || said(v, i - 2,
	    "very"))))
		return x;
	return x * TURN;
}

static double
valence(const struct words *v, size_t i)
{
	bool is, other;
	double x = known(v, i, &is);
	const double plain = x;

	if (!is || booster(v->low.v[i]) != 0 || (i + 1 < v->w.n &&
	    said(v, i, "kind") && said(v, i + 1, "of")))
		return 0;
	if (said(v, i, "no") && i + 1 < v->w.n) {
		known(v, i + 1, &other);
		if (other)
			x = 0;
	}
	if (no_before(v, i))
		x = plain * TURN;
	if (v->capitals && shouts(v->w.v[i]))
		x += x > 0 ? CAPS : -CAPS;
	for (int back = 0; back < 3 && i > (size_t)back; back++) {
		static const double fades[] = { 1, 0.95, 0.9 };

		known(v, i - 1 - (size_t)back, &other);
		if (other)
			continue;
		x += scaled(v, i - 1 - (size_t)back, x) * fades[back];
		x = turned(v, i, back, x);
		if (back == 2)
			x = idioms(v, i, x);
	}
	return least(v, i, x);
}

/* As written there: the place of a value is looked for by the value. */
static void
but(const struct words *v, double *s)
{
	size_t at = 0;

	while (at < v->w.n && !said(v, at, "but"))
		at++;
	for (size_t i = 0; i < v->w.n && at < v->w.n; i++) {
		size_t k = 0;

		while (s[k] != s[i])
			k++;
		s[k] *= k < at ? 0.5 : k > at ? 1.5 : 1;
	}
}

static double
emphasis(const char *text)
{
	size_t exclaims = 0, asks = 0;

	for (; *text != '\0'; text++) {
		exclaims += *text == '!';
		asks += *text == '?';
	}
	return fmin(4, (double)exclaims) * 0.292 + (asks < 2 ? 0 :
	    asks <= 3 ? (double)asks * 0.18 : 0.96);
}

void
trade_vader_score(struct arena *a, const struct trade_lexicon *x,
    const char *text, struct trade_vader *out)
{
	struct words v = { .a = a, .x = x };
	double sum = 0, good = 0, bad = 0, none = 0, more_by = emphasis(text);
	double *s;

	*out = (struct trade_vader){ 0 };
	split(&v, text);
	if (v.w.n == 0)
		return;
	s = arena_array(a, v.w.n, sizeof(*s));
	for (size_t i = 0; i < v.w.n; i++)
		s[i] = valence(&v, i);
	but(&v, s);
	for (size_t i = 0; i < v.w.n; i++) {
		sum += s[i];
		good += s[i] > 0 ? s[i] + 1 : 0;
		bad += s[i] < 0 ? s[i] - 1 : 0;
		none += s[i] == 0;
	}
	sum += sum > 0 ? more_by : sum < 0 ? -more_by : 0;
	if (good > -bad)
		good += more_by;
	else if (good < -bad)
		bad -= more_by;
	out->compound = fmax(-1, fmin(1, sum / sqrt(sum * sum + 15)));
	none += good - bad;		/* the whole, from here on */
	out->positive = good / none;
	out->negative = -bad / none;
	out->neutral = 1 - out->positive - out->negative;
}
