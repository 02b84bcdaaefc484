/*
 * Any bytes as a number: the parsers agree with each other and with what the
 * formatters write.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_real(const char *s, size_t n)
{
	char buf[DEC_TEXT];
	struct dec d;
	double x, y;

	if (num_real(s, n, &x) != NUM_OK)
		return;
	real_format(x, buf);
	ASSERT(num_real(buf, strlen(buf), &y) == NUM_OK && x == y);
	if (dec_from_real(x, &d) == 0)
		ASSERT(fabs(dec_real(d) - x) <= 6e-9 + fabs(x) * 1e-15);
}

static void
check_dec(const char *s, size_t n)
{
	char buf[DEC_TEXT];
	struct dec d, e;
	double x;

	if (dec_parse(s, n, &d) != NUM_OK)
		return;
	dec_format(d, buf);
	ASSERT(dec_parse(buf, strlen(buf), &e) == NUM_OK && d.e8 == e.e8);
	ASSERT(num_real(s, n, &x) == NUM_OK && x == dec_real(d));
	if (dec_mul(d, (struct dec){ DEC_ONE }, &e) != 0 || e.e8 != d.e8)
		abort();
	if (dec_div(d, (struct dec){ DEC_ONE }, &e) != 0 || e.e8 != d.e8)
		abort();
}

static void
check_clock(const char *s, size_t n)
{
	char text[64], buf[CLOCK_TEXT];
	struct utc t, u;

	if (n >= sizeof(text))
		return;
	memcpy(text, s, n);
	text[n] = '\0';
	if (clock_parse(text, &t) != 0)
		return;
	clock_format(t, buf);
	ASSERT(clock_parse(buf, &u) == 0 && t.us == u.us);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	const char *s = (const char *)in;
	int64_t i, j;

	if (num_i64_lax(s, n, &i) == NUM_OK && num_i64(s, n, &j) == NUM_OK)
		ASSERT(i == j);
	check_real(s, n);
	check_dec(s, n);
	check_clock(s, n);
	return 0;
}
