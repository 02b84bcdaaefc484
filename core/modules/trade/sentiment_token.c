/*
 * Text into tokens and sentences. Bytes above 127 are letters, save the
 * typographic apostrophe and dashes. A text without a sentence end is one
 * sentence.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/str.h"
#include "modules/trade/sentiment.h"

struct walk {
	struct arena *a;
	struct trade_tokens *out;
	const char *text, *p;
	size_t at;			/* of text in the source */
	int64_t clause;
	struct trade_sentence s;	/* under way */
	size_t upper, words;
};

static bool
letter(char c)
{
	return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct trade_token *
token(struct walk *w, enum trade_token_kind kind, const char *from)
{
	struct trade_token *t = VEC_ADD(w->a, &w->out->t);

	*t = (struct trade_token){ .kind = kind, .text = "",
	    .at = w->at + (size_t)(from - w->text),
	    .len = (size_t)(w->p - from), .clause = w->clause };
	return t;
}

static void
end_sentence(struct walk *w)
{
	size_t end = (size_t)(w->p - w->text) + w->at;

	w->s.n = w->out->t.n - w->s.first;
	if (w->s.n > 0) {
		w->s.len = end - w->s.at;
		w->s.shouted = w->words > 2 && w->upper == w->words;
		*VEC_ADD(w->a, &w->out->s) = w->s;
	}
	w->s = (struct trade_sentence){ .first = w->out->t.n, .at = end,
	    .weight = 1 };
	w->upper = w->words = 0;
	w->clause++;
}

/* The length of an apostrophe here, of either form. */
static size_t
apostrophe(const char *p)
{
	return *p == '\'' ? 1 : strncmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

static size_t
dash(const char *p)
{
	return strncmp(p, "\xe2\x80\x93", 3) == 0 ||
	    strncmp(p, "\xe2\x80\x94", 3) == 0 ? 3 : 0;
}

static void
word(struct walk *w)
{
	const char *from = w->p;
	struct trade_token *t;
	size_t upper = 0, letters = 0, n;
	struct str s;

	str_init(&s, w->a);
	for (;; ) {
		if ((n = apostrophe(w->p)) > 0 && letter(w->p[n])) {
			str_addc(&s, '\'');
			w->p += n;
		} else if (dash(w->p) == 0 && apostrophe(w->p) == 0 &&
		    (letter(*w->p) || digit(*w->p) || ((*w->p == '&' ||
		    *w->p == '.') && w->p > from && letter(w->p[1]) &&
		    !isspace((unsigned char)w->p[1])))) {
			upper += isupper((unsigned char)*w->p) != 0;
			letters += letter(*w->p);
			str_addc(&s, (char)tolower((unsigned char)*w->p));
			w->p++;
		} else
			break;
	}
	if (s.len > 2 && strcmp(s.p + s.len - 2, "'s") == 0)
		s.p[s.len - 2] = '\0';
	t = token(w, TOKEN_WORD, from);
	t->text = s.p;
	t->caps = letters > 1 && upper == letters;
	w->words += letters > 1;
	w->upper += t->caps;
}

/* "%", " %", "percent", "per cent", "pct" after a number. */
static bool
percent(struct walk *w)
{
	static const char *const names[] = { "%", "percent", "per cent",
	    "pct", NULL };
	const char *p = w->p + (*w->p == ' ');

	for (size_t i = 0; names[i] != NULL; i++) {
		size_t n = strlen(names[i]);

		if (strncasecmp(p, names[i], n) == 0 && !letter(p[n])) {
			w->p = p + n;
			return true;
		}
	}
	return false;
}

static void
number(struct walk *w, const char *from, bool money)
{
	struct trade_token *t;
	bool is_signed = *w->p == '+' || *w->p == '-';
	struct str s;
	double v = 0;
	bool pct;

	str_init(&s, w->a);
	if (*w->p == '-')
		str_addc(&s, '-');
	w->p += is_signed;
	for (; digit(*w->p) || ((*w->p == ',' || *w->p == '.') &&
	    digit(w->p[1])); w->p++)
		if (*w->p != ',')
			str_addc(&s, *w->p);
	if (num_real(s.p, s.len, &v) != NUM_OK)
		v = 0;
	pct = !money && percent(w);
	t = token(w, money ? TOKEN_MONEY : pct ? TOKEN_PERCENT :
	    TOKEN_NUMBER, from);
	t->text = s.p;
	t->value = v;
	t->is_signed = is_signed;
}

static bool
link_here(struct walk *w)
{
	const char *from = w->p;

	if (strncasecmp(from, "http://", 7) != 0 &&
	    strncasecmp(from, "https://", 8) != 0 &&
	    strncasecmp(from, "www.", 4) != 0 && *from != '@')
		return false;
	while (*w->p != '\0' && !isspace((unsigned char)*w->p))
		w->p++;
	token(w, TOKEN_LINK, from);
	return true;
}

static void
cashtag(struct walk *w)
{
	const char *from = w->p++;
	struct trade_token *t;
	struct str s;

	str_init(&s, w->a);
	for (; isalpha((unsigned char)*w->p) || ((*w->p == '.' ||
	    *w->p == '_') && isalpha((unsigned char)w->p[1])); w->p++)
		str_addc(&s, (char)tolower((unsigned char)*w->p));
	t = token(w, TOKEN_CASHTAG, from);
	t->text = s.p;
}

static void
mark(struct walk *w)
{
	const char c = *w->p;
	bool ends = w->p[1] == '\0' || isspace((unsigned char)w->p[1]) ||
	    strchr("!?.\"')", w->p[1]) != NULL;
	size_t n = dash(w->p);

	w->p += n > 0 ? n : 1;
	w->s.exclaims += c == '!';
	w->s.question |= c == '?';
	if (c == '\n' || c == ';' || (strchr(".!?", c) != NULL && ends &&
	    (*w->p == '\0' || strchr("!?.", *w->p) == NULL)))
		end_sentence(w);
	else if (strchr(",:()[]|", c) != NULL || n > 0)
		w->clause++;
}

void
trade_tokenize(struct arena *a, const char *text, size_t at,
    struct trade_tokens *out)
{
	struct walk w = { .a = a, .out = out, .text = text, .p = text,
	    .at = at };

	w.s = (struct trade_sentence){ .first = out->t.n, .at = at,
	    .weight = 1 };
	if (out->t.n > 0)
		w.clause = out->t.v[out->t.n - 1].clause + 1;
	while (*w.p != '\0') {
		bool start = w.p == text || !(letter(w.p[-1]) ||
		    digit(w.p[-1]));

		if (start && link_here(&w))
			continue;
		if (*w.p == '$' && isalpha((unsigned char)w.p[1]))
			cashtag(&w);
		else if (*w.p == '$' && digit(w.p[1])) {
			w.p++;
			number(&w, w.p - 1, true);
		} else if (digit(*w.p) || (start && (*w.p == '+' ||
		    *w.p == '-') && digit(w.p[1])))
			number(&w, w.p, false);
		else if (letter(*w.p) && dash(w.p) == 0 &&
		    apostrophe(w.p) == 0)
			word(&w);
		else
			mark(&w);
	}
	end_sentence(&w);
}
