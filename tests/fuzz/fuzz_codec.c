/*
 * Any bytes through the codecs: what is decoded encodes back to itself, what is
 * escaped is valid UTF-8 without raw control bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/random.h"
#include "base/str.h"
#include "base/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_base64(struct arena *a, const char *s, size_t n, bool url)
{
	char *out = arena_alloc(a, n + 1), *text;
	long len;

	/* Refusing padding leaves one text for one value. */
	len = base64_decode(s, n, url, false, out, n);
	if (len >= 0) {
		text = base64_encode(a, out, (size_t)len, url);
		ASSERT(strlen(text) == n && memcmp(text, s, n) == 0);
	}
	text = base64_encode(a, s, n, url);
	len = base64_decode(text, strlen(text), url, true, out, n);
	ASSERT(len == (long)n && memcmp(out, s, n) == 0);
}

static void
check_hex(struct arena *a, const char *s, size_t n)
{
	char *text = hex_encode(s, n, arena_alloc(a, 2 * n + 1));
	char *out = arena_alloc(a, n + 1);

	ASSERT(hex_decode(text, 2 * n, out, n) == (long)n);
	ASSERT(memcmp(out, s, n) == 0);
	hex_decode(s, n, out, n);
}

static void
check_url(struct arena *a, const char *s, size_t n)
{
	struct pair *pairs;
	struct str t;
	size_t np;
	char *back;

	str_init(&t, a);
	url_encode(&t, s, n, false);
	back = url_decode(a, t.p, t.len, true);
	ASSERT((back == NULL) == (memchr(s, 0, n) != NULL));
	ASSERT(back == NULL || memcmp(back, s, n) == 0);
	url_decode(a, s, n, true);
	if (url_pairs(a, s, n, &pairs, &np) == 0)
		ASSERT(np <= n);
}

static void
check_escapes(struct arena *a, const char *s, size_t n)
{
	struct str t;
	size_t i;

	str_init(&t, a);
	str_jsonn(&t, s, n);
	ASSERT(utf8_valid(t.p, t.len));
	for (i = 0; i < t.len; i++)
		ASSERT((unsigned char)t.p[i] >= 0x20);
	str_init(&t, a);
	str_term(&t, s, n);
	ASSERT(utf8_valid(t.p, t.len));
	str_init(&t, a);
	str_csv(&t, arena_strndup(a, s, n), false);
	str_html(&t, arena_strndup(a, s, n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 * 1024 * 1024);
	const char *s = (const char *)in;
	char buf[UUID_TEXT];
	struct uuid u;

	check_base64(a, s, n, false);
	check_base64(a, s, n, true);
	check_hex(a, s, n);
	check_url(a, s, n);
	check_escapes(a, s, n);
	if (uuid_parse(arena_strndup(a, s, n), &u) == 0)
		ASSERT(strcasecmp(uuid_format(u, buf),
		    arena_strndup(a, s, n)) == 0);
	arena_free(a);
	return 0;
}
