/*
 * Reading lexicon files. Refuses a line that it does not understand, and the
 * same term twice: which of the two counted would be chance.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/trade/lexicon.h"

#define GENERAL 0.5		/* of the weight that VADER gives */

static const struct {
	const char *name;
	enum trade_word kind;
} classes[] = {
	{ "term", WORD_TERM }, { "dir", WORD_DIRECTION },
	{ "noun", WORD_NOUN }, { "boost", WORD_BOOST },
	{ "negate", WORD_NEGATE }, { "hedge", WORD_HEDGE },
	{ "but", WORD_BUT }, { "spite", WORD_SPITE }
};

struct reading {
	struct arena *a;
	struct trade_lexicon *x;
	int64_t line;
};

static int
refuse(struct reading *r, const char *why, struct err *e)
{
	return err_set(e, 422, "lexicon", "Line %lld of the lexicon: %s",
	    (long long)r->line, why);
}

static void
head(struct reading *r, const char *text)
{
	size_t *longest, words = 1;
	char *first = arena_strndup(r->a, text, strcspn(text, " "));

	for (const char *p = text; (p = strchr(p, ' ')) != NULL; p++)
		words++;
	if ((longest = map_get(r->x->heads, first)) == NULL) {
		longest = arena_alloc(r->a, sizeof(*longest));
		map_put(r->x->heads, first, longest);
	}
	if (words > *longest)
		*longest = words;
}

static int
add(struct reading *r, const struct trade_lexeme *like, char *text,
    struct err *e)
{
	struct trade_lexeme *w;
	size_t words = 1;

	for (char *p = text; *p != '\0'; p++)
		if (*p == ' ')
			words++;
	if (*text == '\0' || words > LEXICON_WORDS)
		return refuse(r, "a term of 1 to 6 words is missing", e);
	if (map_get(r->x->terms, text) != NULL)
		return err_set(e, 422, "lexicon", "Line %lld of the lexicon: "
		    "\"%.60s\" is there twice", (long long)r->line, text);
	w = arena_memdup(r->a, like, sizeof(*like));
	w->text = text;
	map_put(r->x->terms, text, w);
	head(r, text);
	r->x->n++;
	r->x->phrases += words > 1;
	return 0;
}

static int
number(struct reading *r, char **rest, double *out, struct err *e)
{
	char *word = strsep(rest, " ");

	if (word == NULL || *rest == NULL ||
	    num_real(word, strlen(word), out) != NUM_OK || *out < -4 ||
	    *out > 4)
		return refuse(r, "a weight of -4 to 4 is missing", e);
	return 0;
}

static int
one_line(struct reading *r, char *line, struct err *e)
{
	struct trade_lexeme w = { .kind = WORD_TERM };
	char *rest = line, *word = strsep(&rest, " "), *term;
	size_t i;

	if (rest == NULL)
		return refuse(r, "nothing follows the first word", e);
	if (strcmp(word, "version") == 0)
		return num_i64(rest, strlen(rest), &r->x->version) ==
		    NUM_OK ? 0 : refuse(r, "the version is a number", e);
	for (i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (strcmp(word, classes[i].name) == 0)
			break;
	if (i == sizeof(classes) / sizeof(*classes))
		return refuse(r, "unknown class", e);
	w.kind = classes[i].kind;
	if (number(r, &rest, &w.weight, e) == -1 || (w.kind == WORD_NOUN &&
	    number(r, &rest, &w.alone, e) == -1))
		return -1;
	while ((term = strsep(&rest, "|")) != NULL)
		if (add(r, &w, term, e) == -1)
			return -1;
	return 0;
}

static int
general(struct reading *r, char *text, struct err *e)
{
	char *line, *token;

	r->line = 0;
	while ((line = strsep(&text, "\n")) != NULL) {
		double *w = arena_alloc(r->a, sizeof(*w));
		struct trade_lexeme *x;

		r->line++;
		if (*line == '\0' || (line[0] == '#' && line[1] == ' '))
			continue;
		token = strsep(&line, "\t");
		if (line == NULL || num_real(line, strlen(line), w) !=
		    NUM_OK)
			return refuse(r, "a token, a tab and a weight", e);
		map_put(r->x->vader, token, w);
		if (map_get(r->x->terms, token) != NULL)
			continue;
		x = arena_alloc(r->a, sizeof(*x));
		*x = (struct trade_lexeme){ token, WORD_TERM, *w * GENERAL, 0,
		    true };
		map_put(r->x->terms, token, x);
		head(r, token);
	}
	return 0;
}

static void
digest(struct arena *a, const char *one, size_t n, const char *two, size_t m,
    char out[65])
{
	uint8_t sum[SHA256_LEN];
	struct str both;

	str_init(&both, a);
	str_addn(&both, one, n);
	str_addn(&both, two, m);
	crypto_sha256(both.p, both.len, sum);
	for (size_t i = 0; i < SHA256_LEN; i++) {
		out[2 * i] = "0123456789abcdef"[sum[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
	}
	out[64] = '\0';
}

int
trade_lexicon_parse(struct arena *a, const char *finance, size_t n,
    const char *vader, size_t nvader, struct trade_lexicon *x, struct err *e)
{
	struct reading r = { a, x, 0 };
	char *text = arena_strndup(a, finance, n), *line;

	*x = (struct trade_lexicon){ .terms = map_new(a),
	    .heads = map_new(a), .vader = map_new(a) };
	digest(a, finance, n, vader, nvader, x->digest);
	while ((line = strsep(&text, "\n")) != NULL) {
		r.line++;
		if (*line != '\0' && *line != '#' &&
		    one_line(&r, line, e) == -1)
			return -1;
	}
	return general(&r, arena_strndup(a, vader, nvader), e);
}

const struct trade_lexeme *
trade_lexicon_match(const struct trade_lexicon *x, struct arena *a,
    const char *const *words, size_t n, size_t *used)
{
	const size_t *longest = map_get(x->heads, words[0]);
	struct arena_mark mark = arena_mark(a);
	const struct trade_lexeme *found = NULL;

	if (longest == NULL)
		return NULL;
	if (n > *longest)
		n = *longest;
	for (; n > 0 && found == NULL; n--) {
		struct str key;

		str_init(&key, a);
		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				str_addc(&key, ' ');
			str_add(&key, words[i]);
		}
		found = map_get(x->terms, key.p);
		*used = n;
	}
	arena_rewind(a, mark);
	return found;
}
