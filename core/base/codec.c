/*
 * Byte encodings. Decoders accept exactly one text for each value and refuse
 * everything else; nothing is skipped or repaired. No state but constant tables.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/str.h"
#include "base/types.h"
#include "base/vec.h"

static const char hex_digits[] = "0123456789abcdef";
static const char b64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *
hex_encode(const void *in, size_t n, char *out)
{
	const uint8_t *p = in;
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = hex_digits[p[i] >> 4];
		out[2 * i + 1] = hex_digits[p[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

long
hex_decode(const char *s, size_t n, void *out, size_t cap)
{
	uint8_t *to = out;
	size_t i;
	int hi, lo;

	if (n % 2 != 0 || n / 2 > cap)
		return -1;
	for (i = 0; i < n; i += 2) {
		hi = hex_value(s[i]);
		lo = hex_value(s[i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		to[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	return (long)(n / 2);
}

char *
base64_encode(struct arena *a, const void *in, size_t n, bool url)
{
	const char *set = url ? b64_url : b64_std;
	const uint8_t *p = in;
	char *out = arena_alloc(a, n / 3 * 4 + 5), *to = out;
	uint32_t v;

	for (; n >= 3; n -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*to++ = set[v >> 18];
		*to++ = set[v >> 12 & 63];
		*to++ = set[v >> 6 & 63];
		*to++ = set[v & 63];
	}
	if (n > 0) {
		v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
		*to++ = set[v >> 18];
		*to++ = set[v >> 12 & 63];
		if (n == 2)
			*to++ = set[v >> 6 & 63];
		else if (!url)
			*to++ = '=';
		if (!url)
			*to++ = '=';
	}
	*to = '\0';
	return out;
}

static int
b64_value(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

long
base64_decode(const char *s, size_t n, bool url, bool pad_ok, void *out,
    size_t cap)
{
	uint8_t *to = out;
	size_t i, len = 0, pad = 0;
	uint32_t v = 0;
	int d, bits = 0;

	while (pad < 2 && n > 0 && s[n - 1] == '=') {
		n--;
		pad++;
	}
	if (n % 4 == 1 || (pad > 0 && (n + pad) % 4 != 0) ||
	    (pad > 0 && url && !pad_ok) || (!url && (n + pad) % 4 != 0))
		return -1;
	for (i = 0; i < n; i++) {
		if ((d = b64_value(s[i], url)) < 0)
			return -1;
		v = (v << 6 | (uint32_t)d) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (len == cap)
			return -1;
		to[len++] = (uint8_t)(v >> bits);
	}
	return (v & ((1u << bits) - 1)) != 0 ? -1 : (long)len;
}

char *
url_decode(struct arena *a, const char *s, size_t n, bool plus)
{
	char *out = arena_alloc(a, n + 1), *to = out;
	size_t i;

	for (i = 0; i < n; i++) {
		*to = s[i];
		if (s[i] == '%') {
			if (n - i < 3 || hex_decode(s + i + 1, 2, to, 1) != 1)
				return NULL;
			i += 2;
		} else if (s[i] == '+' && plus) {
			*to = ' ';
		}
		if (*to++ == '\0')
			return NULL;
	}
	*to = '\0';
	return out;
}

static bool
unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

void
url_encode(struct str *out, const char *s, size_t n, bool keep_slash)
{
	static const char upper[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];

		if (unreserved(s[i]) || (keep_slash && s[i] == '/')) {
			str_addc(out, s[i]);
			continue;
		}
		str_addn(out, (const char[]){ '%', upper[c >> 4],
		    upper[c & 15] }, 3);
	}
}

int
url_pairs(struct arena *a, const char *s, size_t n, struct pair **out,
    size_t *nout)
{
	VEC(struct pair) pairs = { 0 };
	const char *end = s + n, *stop, *eq;
	struct pair *p;

	*out = NULL;
	*nout = 0;
	for (; n > 0 && s < end; s = stop + 1) {
		stop = memchr(s, '&', (size_t)(end - s));
		if (stop == NULL)
			stop = end;
		if (stop == s)
			continue;
		eq = memchr(s, '=', (size_t)(stop - s));
		p = VEC_ADD(a, &pairs);
		p->name = url_decode(a, s,
		    (size_t)((eq != NULL ? eq : stop) - s), true);
		p->value = eq == NULL ? "" :
		    url_decode(a, eq + 1, (size_t)(stop - eq - 1), true);
		if (p->name == NULL || p->value == NULL)
			return -1;
		if (stop == end)
			break;
	}
	*out = pairs.v;
	*nout = pairs.n;
	return 0;
}

int
utf8_step(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;
	uint8_t lo = 0x80, hi = 0xbf;
	int len, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return -1;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	/* Only the second byte has a narrower range: it keeps out overlong
	 * forms, surrogates and what lies beyond U+10FFFF. */
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	for (i = 1; i < len; i++) {
		if ((size_t)i >= n || p[i] < lo || p[i] > hi)
			return -i;
		lo = 0x80;
		hi = 0xbf;
	}
	return len;
}

bool
utf8_steers(const char *s, int n)
{
	const uint8_t *p = (const uint8_t *)s;

	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	return n == 3 && p[0] == 0xe2 &&
	    ((p[1] == 0x80 && ((p[2] >= 0xa8 && p[2] <= 0xae) ||
	    p[2] == 0x8e || p[2] == 0x8f)) ||
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

bool
utf8_valid(const char *s, size_t n)
{
	uint64_t word;
	int step;

	while (n > 0) {
		if (n >= sizeof(word)) {
			memcpy(&word, s, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				s += sizeof(word);
				n -= sizeof(word);
				continue;
			}
		}
		if ((step = utf8_step(s, n)) < 0)
			return false;
		s += step;
		n -= (size_t)step;
	}
	return true;
}

static uint64_t
load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint64_t
rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static void
sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t
siphash(const uint8_t key[16], const void *in, size_t n)
{
	const uint8_t *p = in;
	uint64_t k0 = load_le(key, 8), k1 = load_le(key + 8, 8), m;
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573)
	};
	size_t left;

	for (left = n; left >= 8; left -= 8, p += 8) {
		m = load_le(p, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	m = load_le(p, left) | (uint64_t)n << 56;
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
fnv1a(const void *in, size_t n, uint64_t seed)
{
	const uint8_t *p = in;
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

	while (n-- > 0)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}
