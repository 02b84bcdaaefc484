/*
 * The words by which a text is judged: a file of finance terms and phrases of
 * our own (static/lexicon/finance.txt), and VADER's general words for what it
 * does not know. A phrase stands before its parts. The digest of both goes
 * with every result.
 */
#ifndef TRADE_LEXICON_H
#define TRADE_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct env;
struct err;
struct map;

enum trade_word {
	WORD_TERM, WORD_DIRECTION, WORD_NOUN, WORD_BOOST, WORD_NEGATE,
	WORD_HEDGE, WORD_BUT, WORD_SPITE
};
struct trade_lexeme {
	const char *text;		/* "price target": lower case */
	enum trade_word kind;
	double weight;			/* noun: +1 or -1 */
	double alone;			/* noun without a direction */
	bool general;			/* VADER's, at half its weight */
};
struct trade_lexicon {
	struct map *terms;		/* text to trade_lexeme */
	struct map *heads;		/* first word to its longest phrase */
	struct map *vader;		/* token to double: of VADER's rules */
	size_t n, phrases;		/* of the finance file */
	int64_t version;
	char digest[65];		/* SHA-256 of both files, hex */
};
enum { LEXICON_WORDS = 6 };		/* of the longest phrase */

/* finance and vader: the files' texts. -1 and 422 names the line. */
int trade_lexicon_parse(struct arena *, const char *finance, size_t n,
    const char *vader, size_t nvader, struct trade_lexicon *, struct err *);
/* Longest phrase that begins with words[0]; NULL = none, *used words. */
const struct trade_lexeme *trade_lexicon_match(const struct trade_lexicon *,
    struct arena *, const char *const *words, size_t n, size_t *used);

/* The files as they were built in; NUL-terminated. */
extern const char trade_lexicon_finance[], trade_lexicon_finance_end[];
extern const char trade_lexicon_vader[], trade_lexicon_vader_end[];
/* Those, or the file that trade.lexicon names in place of the first; read once
 * per process. env may be NULL (a terminal without configuration). NULL: the
 * named file cannot be used. */
const struct trade_lexicon *trade_lexicon_of(struct env *, struct err *);

#endif
