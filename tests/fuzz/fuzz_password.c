/*
 * Any bytes as a stored hash, and as "hash, newline, password": never a
 * crash, never more than the bounded cost, and a hash accepts only the
 * password it was made from. Sealed values, key texts and Fernet tokens ride
 * along: they come from the same database columns.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "crypto/crypto.h"

#define KEY "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Costs are bounded, but a bound is too slow for a fuzzer: only cheap hashes
 * are computed here. */
static bool
cheap(const char *hash)
{
	size_t digits = 0, most = 0;

	for (; *hash != '\0' && *hash != '/'; hash++) {
		digits = *hash >= '0' && *hash <= '9' ? digits + 1 : 0;
		if (digits > most)
			most = digits;
	}
	return most <= 3;
}

static void
as_hash(struct arena *a, const char *text)
{
	struct password_cost cost = { 64, 1, 1 };
	char *hash = arena_strdup(a, text), *password;
	int rc;

	password_stale(text, cost);
	if ((password = strchr(hash, '\n')) != NULL)
		*password++ = '\0';
	else
		password = hash + strlen(hash);
	if (strncmp(hash, "$2", 2) == 0 && strstr(hash, "$04$") != hash + 3)
		return;
	if (!cheap(hash))
		return;
	rc = password_verify(hash, password);
	ASSERT(rc >= -1 && rc <= 1);
}

static void
as_sealed(struct arena *a, const char *text)
{
	struct keyring *r, *other;
	struct err err = { 0 };
	struct blob out;

	ASSERT(keyring_open(&r, a, "main:" KEY, &err) == 0);
	if (keyring_open_value(r, a, text, "x", &out, &err) != 0)
		ASSERT(err.status == 500 && err.code != NULL);
	keyring_stale(r, text);
	if (keyring_open(&other, a, text, &err) == 0)
		ASSERT(keyring_has(other, keyring_primary(other)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 << 20);
	char *text = arena_strndup(a, (const char *)in, n < 8192 ? n : 8192);

	as_hash(a, text);
	as_sealed(a, text);
	arena_free(a);
	return 0;
}
