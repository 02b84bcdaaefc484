/*
 * Numbers judged by their text. Nothing is clamped or rounded silently.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

enum { DEC_TEXT = 32 };
#define DEC_ONE INT64_C(100000000)

enum num_rc {
	NUM_OK = 0,
	NUM_SYNTAX,	/* not a number at all */
	NUM_FRACTION,	/* integer wanted, value has a fractional part */
	NUM_RANGE,	/* does not fit */
	NUM_SCALE	/* decimal with more than 8 places */
};

/* Whole text: [-+]digits. */
enum num_rc num_i64(const char *, size_t n, int64_t *out);
/* Whole text as JSON writes numbers; an integral real ("1.0", "2e3") is
 * accepted as an integer, others are NUM_FRACTION. */
enum num_rc num_i64_lax(const char *, size_t n, int64_t *out);
/* Finite double; overflow is NUM_RANGE. Locale-independent. */
enum num_rc num_real(const char *, size_t n, double *out);
/* Decimal text with optional exponent into 10^-8 units, exactly. */
enum num_rc dec_parse(const char *, size_t n, struct dec *out);
/* Shortest decimal text without exponent, no trailing zeros: "0.0437", "12". */
const char *dec_format(struct dec, char buf[DEC_TEXT]);
/* Sums and products with range check: 0 ok, -1 overflow. The product rounds
 * half to even at the eighth place. */
int dec_add(struct dec, struct dec, struct dec *out);
int dec_sub(struct dec, struct dec, struct dec *out);
int dec_mul(struct dec, struct dec, struct dec *out);
int dec_div(struct dec, struct dec, struct dec *out);
double dec_real(struct dec);
/* Nearest 10^-8 to a finite double in range; 0 otherwise never: -1. */
int dec_from_real(double, struct dec *out);
/* Shortest text that reads back as the same double; "null" if not finite. */
const char *real_format(double, char buf[DEC_TEXT]);

#endif
