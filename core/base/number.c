/*
 * Numbers from their text, digit by digit, so that the answer "does it fit?" is
 * exact. Nothing is rounded, clamped or read by the current locale, and an
 * exponent is only ever compared, never counted down.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/number.h"

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

/* A number's text taken apart: digits x 10^exp, the digits being the integer
 * and fraction parts without zeros at either end. */
struct scan {
	bool neg;
	const char *ip, *fp;	/* integer and fraction digits */
	size_t in, fn;
	size_t lo, hi;		/* significant digits in ip ++ fp */
	int64_t exp;
};

enum { EXP_LIMIT = 1000000000 };

static size_t
digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

static char
digit_at(const struct scan *sc, size_t i)
{
	return i < sc->in ? sc->ip[i] : sc->fp[i - sc->in];
}

/* Reads "[eE][+-]digits" to the end; the value stops growing at a limit that is
 * far outside every type. */
static bool
scan_exponent(const char *s, size_t n, int64_t *out)
{
	int64_t v = 0;
	bool neg = false;
	size_t i;

	*out = 0;
	if (n == 0)
		return true;
	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	n--;
	if (n > 0 && (*s == '+' || *s == '-')) {
		neg = *s == '-';
		s++;
		n--;
	}
	if (n == 0 || digits(s, n) != n)
		return false;
	for (i = 0; i < n; i++)
		if (v < INT64_C(1) << 50)
			v = v * 10 + (s[i] - '0');
	*out = neg ? -v : v;
	return true;
}

/* json: no plus sign, no leading zeros, digits on both sides of the point. */
static bool
scan_number(const char *s, size_t n, bool json, struct scan *sc)
{
	memset(sc, 0, sizeof(*sc));
	if (n > 0 && (*s == '-' || (*s == '+' && !json))) {
		sc->neg = *s == '-';
		s++;
		n--;
	}
	sc->ip = s;
	sc->in = digits(s, n);
	s += sc->in;
	n -= sc->in;
	if (n > 0 && *s == '.') {
		sc->fp = s + 1;
		sc->fn = digits(s + 1, n - 1);
		s += sc->fn + 1;
		n -= sc->fn + 1;
	}
	if (sc->in + sc->fn == 0 || !scan_exponent(s, n, &sc->exp))
		return false;
	if (json && (sc->in == 0 || (sc->in > 1 && sc->ip[0] == '0') ||
	    (sc->fp != NULL && sc->fn == 0)))
		return false;
	sc->hi = sc->in + sc->fn;
	while (sc->lo < sc->hi && digit_at(sc, sc->lo) == '0')
		sc->lo++;
	while (sc->hi > sc->lo && digit_at(sc, sc->hi - 1) == '0')
		sc->hi--;
	sc->exp += (int64_t)sc->in - (int64_t)sc->hi;
	return true;
}

/* The number times 10^scale as an integer; inexact is the answer if that has
 * a fraction. */
static enum num_rc
scan_scaled(const struct scan *sc, int scale, enum num_rc inexact, int64_t *out)
{
	uint64_t v = 0, limit = (uint64_t)INT64_MAX + sc->neg;
	int64_t zeros = sc->exp + scale;
	size_t i;

	*out = 0;
	if (sc->lo == sc->hi)
		return NUM_OK;
	if (zeros < 0)
		return inexact;
	/* 19 digits always fit into v. */
	if (sc->hi - sc->lo > 19 ||
	    zeros > (int64_t)(19 - (sc->hi - sc->lo)))
		return NUM_RANGE;
	for (i = sc->lo; i < sc->hi; i++)
		v = v * 10 + (uint64_t)(digit_at(sc, i) - '0');
	for (; zeros > 0; zeros--)
		v *= 10;
	if (v > limit)
		return NUM_RANGE;
	*out = sc->neg ? (int64_t)(0 - v) : (int64_t)v;
	return NUM_OK;
}

enum num_rc
num_i64(const char *s, size_t n, int64_t *out)
{
	struct scan sc;

	if (!scan_number(s, n, false, &sc) || sc.fp != NULL ||
	    sc.ip + sc.in != s + n)
		return NUM_SYNTAX;
	return scan_scaled(&sc, 0, NUM_FRACTION, out);
}

enum num_rc
num_i64_lax(const char *s, size_t n, int64_t *out)
{
	struct scan sc;

	if (!scan_number(s, n, true, &sc))
		return NUM_SYNTAX;
	return scan_scaled(&sc, 0, NUM_FRACTION, out);
}

enum num_rc
dec_parse(const char *s, size_t n, struct dec *out)
{
	struct scan sc;

	if (!scan_number(s, n, false, &sc))
		return NUM_SYNTAX;
	return scan_scaled(&sc, 8, NUM_SCALE, &out->e8);
}

/* The "C" locale belongs to libc and is never freed. */
static locale_t
c_locale(void)
{
	static locale_t c;

	if (c == (locale_t)0)
		c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	ASSERT(c != (locale_t)0);
	return c;
}

enum num_rc
num_real(const char *s, size_t n, double *out)
{
	/* No double needs more than 767 digits to be told from its
	 * neighbours; of those beyond only matters whether any is not 0,
	 * and the last significant one is not. */
	enum { KEEP = 800 };
	char buf[KEEP + 40];
	struct scan sc;
	size_t i, to = 0, sig;
	int64_t e;
	double d;

	if (!scan_number(s, n, false, &sc))
		return NUM_SYNTAX;
	sig = sc.hi - sc.lo;
	e = sc.exp;
	buf[to++] = sc.neg ? '-' : '+';
	if (sig == 0)
		buf[to++] = '0';
	for (i = 0; i < sig && i < KEEP; i++)
		buf[to++] = digit_at(&sc, sc.lo + i);
	if (sig > KEEP) {
		buf[to++] = '1';
		e += (int64_t)(sig - KEEP - 1);
	}
	if (e > EXP_LIMIT)
		e = EXP_LIMIT;
	if (e < -EXP_LIMIT)
		e = -EXP_LIMIT;
	if (sig == 0)
		e = 0;
	snprintf(buf + to, sizeof(buf) - to, "e%d", (int)e);
	d = strtod_l(buf, NULL, c_locale());
	if (!isfinite(d))
		return NUM_RANGE;
	*out = d;
	return NUM_OK;
}

/* Digits from the last to the first: printf() takes five times as long, and
 * an order has dozens of these. */
const char *
dec_format(struct dec d, char buf[DEC_TEXT])
{
	uint64_t u = d.e8 < 0 ? 0 - (uint64_t)d.e8 : (uint64_t)d.e8;
	uint64_t whole = u / (uint64_t)DEC_ONE, part = u % (uint64_t)DEC_ONE;
	char text[DEC_TEXT], *end = text + sizeof(text), *p = end;

	*--p = '\0';
	for (int i = 0; i < 8; i++, part /= 10)
		if (part % 10 != 0 || *p != '\0')
			*--p = (char)('0' + part % 10);
	if (*p != '\0')
		*--p = '.';
	do {
		*--p = (char)('0' + whole % 10);
	} while ((whole /= 10) > 0);
	if (d.e8 < 0)
		*--p = '-';
	return memcpy(buf, p, (size_t)(end - p));
}

int
dec_add(struct dec a, struct dec b, struct dec *out)
{
	return __builtin_add_overflow(a.e8, b.e8, &out->e8) ? -1 : 0;
}

int
dec_sub(struct dec a, struct dec b, struct dec *out)
{
	return __builtin_sub_overflow(a.e8, b.e8, &out->e8) ? -1 : 0;
}

/* num / den, half to even, if it fits. */
static int
divide(i128 num, i128 den, struct dec *out)
{
	i128 q, r, twice;

	if (den < 0) {
		num = -num;
		den = -den;
	}
	q = num / den;
	r = num % den;
	twice = 2 * (r < 0 ? -r : r);
	if (twice > den || (twice == den && q % 2 != 0))
		q += num < 0 ? -1 : 1;
	if (q > INT64_MAX || q < INT64_MIN)
		return -1;
	out->e8 = (int64_t)q;
	return 0;
}

int
dec_mul(struct dec a, struct dec b, struct dec *out)
{
	return divide((i128)a.e8 * b.e8, DEC_ONE, out);
}

int
dec_div(struct dec a, struct dec b, struct dec *out)
{
	if (b.e8 == 0)
		return -1;
	return divide((i128)a.e8 * DEC_ONE, b.e8, out);
}

double
dec_real(struct dec d)
{
	char buf[DEC_TEXT];

	/* Both operands exact: the quotient is rounded once. */
	if (d.e8 >= -(INT64_C(1) << 53) && d.e8 <= INT64_C(1) << 53)
		return (double)d.e8 / (double)DEC_ONE;
	return strtod_l(dec_format(d, buf), NULL, c_locale());
}

int
dec_from_real(double x, struct dec *out)
{
	double whole, part, p, rest, r;
	int64_t v;

	if (!(fabs(x) < 1e11))
		return -1;
	part = modf(x, &whole);
	/* p + rest is part * 10^8 exactly; rest decides only a tie of p. */
	p = part * (double)DEC_ONE;
	rest = fma(part, (double)DEC_ONE, -p);
	r = nearbyint(p);
	if (p - r == 0.5 && rest > 0)
		r += 1;
	else if (p - r == -0.5 && rest < 0)
		r -= 1;
	if (__builtin_mul_overflow((int64_t)whole, DEC_ONE, &v) ||
	    __builtin_add_overflow(v, (int64_t)r, &v))
		return -1;
	out->e8 = v;
	return 0;
}

/* Formats with so many significant digits; true if it reads back as x. */
static bool
reads_back(double x, int precision, char buf[DEC_TEXT])
{
	snprintf(buf, DEC_TEXT, "%.*g", precision, x);
	return strtod_l(buf, NULL, c_locale()) == x;
}

/* Below a power of two the doubles lie closer together than above it, so the
 * nearest 16 digits may fail where the next number above succeeds. */
static bool
next_above(double x, char buf[DEC_TEXT])
{
	int expo, i;

	if (fabs(frexp(x, &expo)) != 0.5)
		return false;
	snprintf(buf, DEC_TEXT, "%.15e", x);
	for (i = (int)strcspn(buf, "e") - 1; i >= 0 && buf[i] == '9'; i--)
		buf[i] = '0';
	if (i < 0 || buf[i] < '0')
		return false;
	buf[i]++;
	return strtod_l(buf, NULL, c_locale()) == x;
}

/* ---- shortest text of usual doubles, exactly and without a call ------------- */

enum { USUAL_LOW = -6, USUAL_HIGH = 14 };	/* decimal exponents */

/* x = m * 2^-s with 10^low <= x < 10^(high+1): then m * 10^22 fits in 127 bits. */
struct binary {
	uint64_t m;
	int s;
	int expo;		/* decimal exponent of the leading digit */
};

static u128
power_of_ten(int k)
{
	static const uint64_t low[] = { 1, 10, 100, 1000, 10000, 100000,
	    1000000, 10000000, 100000000, 1000000000, 10000000000,
	    100000000000 };

	return k < 12 ? low[k] : (u128)low[k - 11] * low[11];
}

static bool
usual(double x, struct binary *b)
{
	static const double powers[] = { 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
	    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	    1e13, 1e14, 1e15 };
	uint64_t bits;
	int two;

	if (!(x >= powers[0] && x < powers[USUAL_HIGH - USUAL_LOW + 1]))
		return false;
	memcpy(&bits, &x, sizeof(bits));
	two = (int)(bits >> 52) - 1023;
	b->m = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
	b->s = 52 - two;
	/* log10(2) = 1233/4096 within what the powers then put right */
	b->expo = two * 1233 / 4096;
	b->expo += x >= powers[b->expo + 1 - USUAL_LOW];
	b->expo -= x < powers[b->expo - USUAL_LOW];
	return true;
}

/* The nearest number of so many digits, ties to even, as printf has it. True
 * when it lies so near that it reads back as the same double. */
static bool
nearest(const struct binary *b, int digits, uint64_t *out)
{
	u128 unit = power_of_ten(digits - 1 - b->expo), all = unit * b->m;
	u128 one = (u128)1 << b->s, rest = all & (one - 1), far;
	uint64_t v = (uint64_t)(all >> b->s);
	bool even = (b->m & 1) == 0;

	far = rest;
	if (rest > one / 2 || (rest == one / 2 && (v & 1) != 0)) {
		v++;
		far = one - rest;
	}
	*out = v;
	/* The doubles below a power of two lie nearer than those above. */
	if (b->m == UINT64_C(1) << 52)
		return far == 0;
	return 2 * far < unit || (2 * far == unit && even);
}

/* Digits as %g shows them when so many are asked for. */
static void
lay_out(const char *d, int n, int expo, int asked, char *p)
{
	if (expo < -4 || expo >= asked) {
		*p++ = *d;
		if (n > 1) {
			*p++ = '.';
			memcpy(p, d + 1, (size_t)n - 1);
			p += n - 1;
		}
		*p++ = 'e';
		*p++ = expo < 0 ? '-' : '+';
		expo = abs(expo);
		*p++ = (char)('0' + expo / 10);
		*p++ = (char)('0' + expo % 10);
	} else if (expo < 0) {
		memcpy(p, "0.0000", 6);
		memcpy(p + 1 - expo, d, (size_t)n);
		p += 1 - expo + n;
	} else {
		int whole = expo + 1;

		memcpy(p, d, (size_t)(n < whole ? n : whole));
		if (n < whole)
			memset(p + n, '0', (size_t)(whole - n));
		p += whole;
		if (n > whole) {
			*p++ = '.';
			memcpy(p, d + whole, (size_t)(n - whole));
			p += n - whole;
		}
	}
	*p = '\0';
}

/* The last n digits of v, two at a time. */
static void
add_digits(uint64_t v, int n, char *p)
{
	for (; n > 1; v /= 100) {
		unsigned two = (unsigned)(v % 100);

		p[--n] = (char)('0' + two % 10);
		p[--n] = (char)('0' + two / 10);
	}
	if (n == 1)
		p[0] = (char)('0' + v % 10);
}

/* False where another way is needed: very large, very small, or a power of two
 * that needs more than 15 digits. */
static bool
usual_format(double x, char *buf)
{
	enum { FEW = 8 };		/* most prices have no more */
	char text[20];
	struct binary b;
	uint64_t v;
	int asked = 15, n = FEW;

	if (signbit(x))
		*buf++ = '-';
	if (x == 0)
		memcpy(buf, "0", 2);
	if (x == 0 || !usual(fabs(x), &b))
		return x == 0;
	if (b.expo >= FEW || !nearest(&b, FEW, &v)) {
		while (!nearest(&b, asked, &v))
			if (++asked > 17 || b.m == UINT64_C(1) << 52)
				return false;
		n = asked;
	}
	for (; v % 10 == 0; n--)
		v /= 10;
	/* Rounded up to the next power of ten it has a digit more. */
	if (n <= 0) {
		n = 1;
		b.expo++;
	}
	add_digits(v, n, text);
	lay_out(text, n, b.expo, asked, buf);
	return true;
}

const char *
real_format(double x, char buf[DEC_TEXT])
{
	locale_t old;
	int p;

	if (!isfinite(x)) {
		memcpy(buf, "null", 5);
		return buf;
	}
	if (usual_format(x, buf))
		return buf;
	/* snprintf would write the decimal comma of the current locale. */
	old = uselocale(c_locale());
	p = fpclassify(x) == FP_SUBNORMAL ? 1 : 15;
	while (p < 17 && !reads_back(x, p, buf)) {
		if (p == 16 && next_above(x, buf))
			break;
		p++;
	}
	if (p == 17)
		reads_back(x, p, buf);
	uselocale(old);
	return buf;
}
