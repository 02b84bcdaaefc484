/*
 * Small things that several nouns need: counts, "not found", one-use tokens.
 * Pure but for random bytes.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "modules/auth/rows.h"

static const struct field count_fields[] = {
	FIELD(struct auth_count, n, .doc = "Rows"), FIELD_END
};
const struct schema auth_count_schema = {
	.name = "Count", .doc = "A number of rows",
	.size = sizeof(struct auth_count), .fields = count_fields
};

const char *
auth_fit(struct arena *a, const char *text, size_t max)
{
	size_t n = strlen(text);
	char *s;

	if (n > max) {
		n = max;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	s = arena_strndup(a, text, n);
	if (!utf8_valid(s, n))
		for (char *p = s; *p != '\0'; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
	return s;
}

struct blob
auth_token_hash(struct arena *a, const char *token)
{
	uint8_t *digest = arena_alloc(a, SHA256_LEN);

	crypto_sha256(token, strlen(token), digest);
	return (struct blob){ digest, SHA256_LEN };
}

const char *
auth_token_make(struct arena *a, const char *prefix)
{
	uint8_t raw[32];

	random_bytes(raw, sizeof(raw));
	return arena_printf(a, "%s%s", prefix,
	    base64_encode(a, raw, sizeof(raw), true));
}
