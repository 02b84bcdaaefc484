/*
 * Randomness straight from the kernel, nothing buffered, so that a forked child
 * never repeats its parent. The last UUID time is a per-process singleton.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"

void
random_bytes(void *buf, size_t n)
{
	unsigned char *p = buf;
	ssize_t got;

	while (n > 0) {
		got = getrandom(p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			check_failed(__FILE__, __LINE__, "getrandom works");
		p += got;
		n -= (size_t)got;
	}
}

uint64_t
random_below(uint64_t n)
{
	uint64_t v, skip;

	ASSERT(n > 0);
	/* 2^64 mod n values at the low end would be drawn too often. */
	skip = (0 - n) % n;
	do
		random_bytes(&v, sizeof(v));
	while (v < skip);
	return v % n;
}

struct uuid
uuid_new(void)
{
	static uint64_t last;	/* milliseconds << 12 | counter */
	struct uuid u;
	uint64_t t;
	int i;

	random_bytes(u.b, sizeof(u.b));
	t = (uint64_t)(clock_now().us / 1000) << 12 |
	    ((uint64_t)(u.b[6] & 0x07) << 8 | u.b[7]);
	/* Same millisecond, or the clock went back: count on from the last. */
	if (t <= last)
		t = last + 1;
	last = t;
	for (i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(t >> (52 - 8 * i));
	u.b[6] = (uint8_t)(0x70 | (t >> 8 & 0x0f));
	u.b[7] = (uint8_t)t;
	u.b[8] = (u.b[8] & 0x3f) | 0x80;
	return u;
}

struct uuid
uuid_first(struct utc t)
{
	uint64_t ms = t.us > 0 ? (uint64_t)(t.us / 1000) : 0;
	struct uuid u = { { 0 } };

	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	return u;
}

bool
uuid_is_nil(struct uuid u)
{
	return uuid_equal(u, (struct uuid){ { 0 } });
}

bool
uuid_equal(struct uuid a, struct uuid b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* Lengths of the groups of a UUID's text, in bytes. */
static const unsigned char groups[] = { 4, 2, 2, 2, 6 };

const char *
uuid_format(struct uuid u, char buf[UUID_TEXT])
{
	const uint8_t *from = u.b;
	char *to = buf;
	size_t g;

	for (g = 0; g < NITEMS(groups); g++) {
		if (g > 0)
			*to++ = '-';
		hex_encode(from, groups[g], to);
		from += groups[g];
		to += 2 * groups[g];
	}
	return buf;
}

int
uuid_parse(const char *text, struct uuid *out)
{
	struct uuid u;
	uint8_t *to = u.b;
	size_t g;

	if (text == NULL || strlen(text) != UUID_TEXT - 1)
		return -1;
	for (g = 0; g < NITEMS(groups); g++) {
		if (g > 0 && *text++ != '-')
			return -1;
		if (hex_decode(text, 2 * (size_t)groups[g], to, groups[g]) < 0)
			return -1;
		to += groups[g];
		text += 2 * groups[g];
	}
	*out = u;
	return 0;
}

void
random_text(char *buf, size_t n)
{
	static const char set[] =
	    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
	size_t i;

	for (i = 0; i < n; i++)
		buf[i] = set[random_below(sizeof(set) - 1)];
	buf[n] = '\0';
}
