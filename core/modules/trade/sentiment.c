/*
 * The score of a text. Each found word or phrase becomes a hit; a verb of
 * direction is multiplied with the noun it speaks of; what weighs, turns or
 * doubts a hit changes its weight and is named in its rule. The score is
 * always that of the hits shown.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "modules/trade/sentiment.h"

#define ALPHA 15.0
#define NEGATED_GOOD -0.74
#define NEGATED_BAD -0.5
#define CAPITALS 0.733
#define EXCLAIM 0.292
#define QUESTION 0.5
#define BEFORE_BUT 0.5
#define AFTER_BUT 1.5
#define PERCENT_MOST 2.0
#define PERCENT_PART 5.0

enum { NEAR_NEGATE = 3, NEAR_BOOST = 3, NEAR_HEDGE = 6, NEAR_SUBJECT = 6,
    NEAR_OBJECT = 4, NEAR_PERCENT = 3 };

#define H struct trade_sentiment_hit
static const struct field hit_fields[] = {
	FIELD(H, term, .doc = "Word or phrase"),
	FIELD(H, weight, .doc = "What it added"),
	FIELD(H, rule, .doc = "Why so much"),
	FIELD(H, position, .doc = "First byte of it in title, newline, body"),
	FIELD_END
};
const struct schema trade_sentiment_hit_schema = {
	.name = "SentimentHit", .doc = "A word that counted",
	.size = sizeof(H), .fields = hit_fields
};

/* A phrase of the lexicon in a sentence, or a signed percentage (x NULL). */
struct found {
	const struct trade_lexeme *x;
	size_t i, n;			/* tokens */
	bool paired;			/* a noun that has its direction */
	double weight;			/* after all rules */
	struct str rule;
};
struct sentence {
	struct arena *a;
	const struct trade_lexicon *x;
	const struct trade_token *t;	/* of the whole text */
	struct trade_sentence *s;
	VEC(struct found) f;
};

static bool
is(const struct found *f, enum trade_word kind)
{
	return f->x != NULL && f->x->kind == kind;
}

static void
say(struct found *f, const char *rule)
{
	if (f->rule.len > 0)
		str_add(&f->rule, ", ");
	str_add(&f->rule, rule);
}

/* Longest phrases first; a phrase ends with its clause. */
static void
look_up(struct sentence *s)
{
	const char *words[LEXICON_WORDS];
	size_t end = s->s->first + s->s->n, used;

	for (size_t i = s->s->first; i < end; i += used) {
		const struct trade_token *t = &s->t[i];
		const struct trade_lexeme *x = NULL;
		struct found *f;
		size_t n = 0;

		used = 1;
		if (t->kind == TOKEN_WORD || t->kind == TOKEN_NUMBER) {
			for (; n < LEXICON_WORDS && i + n < end &&
			    t[n].clause == t->clause; n++)
				words[n] = t[n].text;
			x = trade_lexicon_match(s->x, s->a, words, n, &used);
			if (x == NULL)
				used = 1;
		}
		if (x == NULL && !(t->kind == TOKEN_PERCENT && t->is_signed))
			continue;
		f = VEC_ADD(s->a, &s->f);
		*f = (struct found){ .x = x, .i = i, .n = used };
		str_init(&f->rule, s->a);
	}
}

/* ---- direction and noun ------------------------------------------------------- */

static bool
same_clause(const struct sentence *s, const struct found *x,
    const struct found *y)
{
	return s->t[x->i].clause == s->t[y->i].clause;
}

static bool
joins(const struct sentence *s, const struct found *f)
{
	static const char *const words[] = { "in", "of", "for", "on", "its",
	    "their", "his", "the", NULL };
	const char *next;

	if (f->i + f->n >= s->s->first + s->s->n)
		return false;
	next = s->t[f->i + f->n].text;
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], next) == 0)
			return true;
	return false;
}

static struct found *
noun_before(struct sentence *s, size_t k)
{
	for (size_t j = k; j-- > 0; ) {
		struct found *f = &s->f.v[j];

		if (s->f.v[k].i - f->i > NEAR_SUBJECT ||
		    !same_clause(s, f, &s->f.v[k]) ||
		    is(f, WORD_DIRECTION))
			return NULL;
		if (is(f, WORD_NOUN) && !f->paired)
			return f;
	}
	return NULL;
}

static struct found *
noun_after(struct sentence *s, size_t k)
{
	for (size_t j = k + 1; j < s->f.n; j++) {
		struct found *f = &s->f.v[j];

		if (f->i - s->f.v[k].i > NEAR_OBJECT ||
		    !same_clause(s, f, &s->f.v[k]) ||
		    is(f, WORD_DIRECTION))
			return NULL;
		if (is(f, WORD_NOUN) && !f->paired)
			return f;
	}
	return NULL;
}

/* up 5 %, 38 % rise: the part of a percentage beside it. */
static double
percentage(const struct sentence *s, const struct found *f)
{
	size_t end = s->s->first + s->s->n, from = f->i >= s->s->first + 2 ?
	    f->i - 2 : s->s->first, to = f->i + f->n + NEAR_PERCENT;

	for (size_t i = f->i + f->n; i < to && i < end; i++)
		if (s->t[i].kind == TOKEN_PERCENT)
			return fmin(PERCENT_MOST, fabs(s->t[i].value) /
			    PERCENT_PART);
	for (size_t i = f->i; i-- > from; )
		if (s->t[i].kind == TOKEN_PERCENT)
			return fmin(PERCENT_MOST, fabs(s->t[i].value) /
			    PERCENT_PART);
	return 0;
}

static void
direct(struct sentence *s, size_t k)
{
	struct found *f = &s->f.v[k], *noun = NULL, *more;
	double part = percentage(s, f), sign = 1;

	if (joins(s, f))
		noun = noun_after(s, k);
	if (noun == NULL)
		noun = noun_before(s, k);
	if (noun == NULL)
		noun = noun_after(s, k);
	say(f, "direction");
	if (noun != NULL) {
		noun->paired = true;
		sign = noun->x->weight;
		str_addf(&f->rule, ", noun %s", noun->x->text);
		/* "cuts price target": all that stand in a row */
		while ((more = noun_after(s, k)) != NULL &&
		    more->i == noun->i + noun->n) {
			more->paired = true;
			noun = more;
		}
	}
	if (part > 0)
		say(f, "percent");
	f->weight = sign * (f->x->weight + copysign(part, f->x->weight));
}

static void
signed_percent(struct sentence *s, size_t k)
{
	struct found *f = &s->f.v[k], *noun;
	double v = s->t[f->i].value;

	for (size_t j = 0; j < s->f.n; j++)	/* a direction has it */
		if (is(&s->f.v[j], WORD_DIRECTION) && s->f.v[j].i < f->i &&
		    f->i - s->f.v[j].i <= NEAR_PERCENT)
			return;
	f->weight = copysign(fmin(PERCENT_MOST, fabs(v) / PERCENT_PART), v);
	say(f, "percent");
	if ((noun = noun_before(s, k)) != NULL) {
		noun->paired = true;
		f->weight *= noun->x->weight;
		str_addf(&f->rule, ", noun %s", noun->x->text);
	}
}

/* ---- what changes a hit ------------------------------------------------------------ */

static void
boosted(const struct sentence *s, size_t k)
{
	static const double fades[] = { 1, 0.95, 0.9 };
	struct found *f = &s->f.v[k];

	for (size_t j = k; j-- > 0; ) {
		const struct found *b = &s->f.v[j];
		size_t far = f->i - (b->i + b->n - 1);

		if (far > NEAR_BOOST)
			return;
		if (is(b, WORD_BOOST)) {
			f->weight += copysign(1, f->weight) *
			    b->x->weight * fades[far - 1];
			say(f, b->x->weight > 0 ? "boosted" : "weakened");
		}
	}
}

static void
negated(const struct sentence *s, size_t k)
{
	struct found *f = &s->f.v[k];

	for (size_t j = k; j-- > 0; ) {
		const struct found *b = &s->f.v[j];

		if (f->i - (b->i + b->n - 1) > NEAR_NEGATE)
			return;
		if (is(b, WORD_NEGATE)) {
			f->weight *= f->weight > 0 ? NEGATED_GOOD :
			    NEGATED_BAD;
			say(f, "negated");
			return;
		}
	}
}

static void
weighed(const struct sentence *s, size_t k)
{
	struct found *f = &s->f.v[k];
	bool hedge = false, spite = false, after = false, before = false;

	for (size_t j = 0; j < s->f.n; j++) {
		const struct found *b = &s->f.v[j];

		if (is(b, WORD_HEDGE) && j < k && f->i - b->i <= NEAR_HEDGE &&
		    !hedge) {
			f->weight *= b->x->weight;
			say(f, "hedged");
			hedge = true;
		} else if (is(b, WORD_SPITE) && j < k && !spite) {
			f->weight *= b->x->weight;
			say(f, "in spite");
			spite = true;
		} else if (is(b, WORD_BUT)) {
			after |= j < k;
			before |= j > k;
		}
	}
	if (after || before) {
		f->weight *= after ? AFTER_BUT : BEFORE_BUT;
		say(f, after ? "after but" : "before but");
	}
}

static bool
polar(const struct found *f)
{
	return f->x == NULL || f->x->kind == WORD_TERM ||
	    f->x->kind == WORD_DIRECTION || (f->x->kind == WORD_NOUN &&
	    !f->paired && f->x->alone != 0);
}

static void
weigh(struct sentence *s)
{
	for (size_t k = 0; k < s->f.n; k++)
		if (is(&s->f.v[k], WORD_DIRECTION))
			direct(s, k);
	for (size_t k = 0; k < s->f.n; k++)
		if (s->f.v[k].x == NULL)
			signed_percent(s, k);
	for (size_t k = 0; k < s->f.n; k++) {
		struct found *f = &s->f.v[k];

		if (!polar(f))
			continue;
		if (is(f, WORD_TERM)) {
			f->weight = f->x->weight;
			say(f, f->x->general ? "general term" : "term");
		} else if (is(f, WORD_NOUN)) {
			f->weight = f->x->alone;
			say(f, "noun alone");
		}
		if (f->weight == 0)
			continue;
		if (s->t[f->i].caps && !s->s->shouted && f->x != NULL) {
			f->weight += copysign(CAPITALS, f->weight);
			say(f, "capitals");
		}
		boosted(s, k);
		negated(s, k);
		weighed(s, k);
	}
}

/* ---- sums ---------------------------------------------------------------------------- */

static void
hit(struct trade_scored *out, const struct sentence *s,
    const struct found *f)
{
	struct trade_sentiment_hit *h = VEC_ADD(s->a, &out->hits);

	*h = (struct trade_sentiment_hit){ f->x != NULL ?
	    f->x->text : arena_strndup(s->a, out->text + s->t[f->i].at,

	    s->t[f->i].len), f->weight, f->rule.p,
	    (int64_t)s->t[f->i].at };
	s->s->sum += f->weight;
	s->s->hits++;
	*(f->weight > 0 ? &out->positive : &out->negative) +=
	    fabs(f->weight);
}

static void
one_sentence(struct arena *a, const struct trade_lexicon *x,
    struct trade_scored *out, struct trade_sentence *at)
{
	struct sentence s = { .a = a, .x = x, .t = out->tokens.t.v, .s = at };

	look_up(&s);
	weigh(&s);
	for (size_t k = 0; k < s.f.n; k++)
		if (polar(&s.f.v[k]) && s.f.v[k].weight != 0)
			hit(out, &s, &s.f.v[k]);
	if (at->sum != 0)
		at->sum += copysign(EXCLAIM * fmin(3,
		    (double)at->exclaims), at->sum);
	if (at->question)
		at->sum *= QUESTION;
	at->score = at->sum / sqrt(at->sum * at->sum + ALPHA);
}

void
trade_sentiment_score(struct arena *a, const struct trade_lexicon *x,
    const char *title, const char *body, struct trade_scored *out)
{
	size_t titled, first, n = strlen(title);
	const char *paragraph = strstr(body, "\n\n");
	double sum = 0, weight = 0, all;

	*out = (struct trade_scored){ .text = arena_printf(a, "%s\n%s",
	    title, body) };
	trade_tokenize(a, title, 0, &out->tokens);
	titled = out->tokens.s.n;
	first = n + 1 + (paragraph != NULL ? (size_t)(paragraph - body) :
	    strlen(body));
	trade_tokenize(a, body, n + 1, &out->tokens);
	for (size_t i = 0; i < out->tokens.s.n; i++) {
		struct trade_sentence *s = &out->tokens.s.v[i];

		s->weight = i < titled ? 2 : s->at < first ? 1.5 : 1;
		one_sentence(a, x, out, s);
		if (s->hits > 0) {
			sum += s->weight * s->score;
			weight += s->weight;
		}
	}
	out->score = weight > 0 ? sum / weight : 0;
	all = out->positive + out->negative;
	out->positive = all > 0 ? out->positive / all : 0;
	out->negative = all > 0 ? out->negative / all : 0;
}

const char *
trade_sentiment_label(double score)
{
	return score > 0.05 ? "positive" : score < -0.05 ? "negative" :
	    "neutral";
}
