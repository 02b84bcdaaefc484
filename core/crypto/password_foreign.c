/*
 * Password hashes of backends being replaced: verified so that people keep
 * their passwords, never made. Costs are bounded before computing; a damaged
 * hash is -1, never a match. Without a password nothing is computed: 0 says
 * that the hash could be verified.
 *	bcrypt	 $2b$12$salt+hash, Django's bcrypt$$2b$12$...
 *	crypt(3) $6$rounds=656000$salt$hash, $5$ the same
 *	Django	 argon2$argon2id$...
 *	passlib	 $pbkdf2-sha256$29000$salt$hash		"." for "+", no padding
 *	Django	 pbkdf2_sha256$600000$salt$hash		salt is text
 *	Werkzeug pbkdf2:sha256:600000$salt$hex, scrypt:32768:8:1$salt$hex
 */
#include <crypt.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/codec.h"
#include "crypto/internal.h"

enum {
	ROUNDS_MAX = 10000000, CRYPT_ROUNDS_MAX = 1000000,
	BCRYPT_LEN = 60, BCRYPT_COST_MAX = 16,
	SCRYPT_BLOCKS = 1 << 21,	/* N times r: 256 MiB */
	SCRYPT_WORK = 1 << 22,		/* N times r times p */
	SALT_MAX = 256
};

/* A hash text cut at its '$' signs. */
struct cut {
	const char *f[4];
	size_t n[4];
};

static int
cut(const char *p, size_t want, struct cut *o)
{
	size_t i;

	for (i = 0; i < want; i++) {
		o->f[i] = p;
		o->n[i] = strcspn(p, "$");
		p += o->n[i];
		if (i + 1 < want && *p++ != '$')
			return -1;
	}
	return *p == '\0' ? 0 : -1;
}

#define CRYPT_ALPHABET "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789"

/* The hash has the right form and bounded costs. */
static int
crypt_compare(const char *hash, const char *password)
{
	struct crypt_data data;
	const char *got;
	int rc = -1;

	if (password == NULL)
		return 0;
	memset(&data, 0, sizeof(data));
	got = crypt_r(password, hash, &data);
	if (got != NULL && *got != '*' && strlen(got) == strlen(hash))
		rc = crypto_equal(got, hash, strlen(hash));
	OPENSSL_cleanse(&data, sizeof(data));
	return rc;
}

static int
bcrypt_verify(const char *hash, const char *password)
{
	int cost;

	if (strlen(hash) != BCRYPT_LEN || hash[4] < '0' || hash[4] > '3' ||
	    hash[5] < '0' || hash[5] > '9' || hash[6] != '$')
		return -1;
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	if (cost < 4 || cost > BCRYPT_COST_MAX ||
	    strspn(hash + 7, CRYPT_ALPHABET) != BCRYPT_LEN - 7)
		return -1;
	return crypt_compare(hash, password);
}

/* $5$ or $6$: rounds may be left out, which is 5000. */
static int
sha_crypt_verify(const char *hash, const char *password)
{
	size_t digest = hash[1] == '5' ? 43 : 86, n;
	const char *p = hash + 3;
	uint32_t rounds;

	if (strncmp(p, "rounds=", 7) == 0) {
		n = strcspn(p += 7, "$");
		if (cost_read(p, n, CRYPT_ROUNDS_MAX, &rounds) != 0 ||
		    rounds < 1000 || p[n] != '$')
			return -1;
		p += n + 1;
	}
	n = strspn(p, CRYPT_ALPHABET);
	if (n == 0 || n > 16 || p[n] != '$' || strlen(p + n + 1) != digest ||
	    strspn(p + n + 1, CRYPT_ALPHABET) != digest)
		return -1;
	return crypt_compare(hash, password);
}

/* Django writes its own name in front of the hash of others. */
static int
django_bcrypt(const char *rest, const char *password)
{
	return strncmp(rest, "$2", 2) == 0 ? bcrypt_verify(rest, password) : -1;
}

static int
django_argon2(const char *rest, const char *password)
{
	return phc_verify(rest - 1, password);
}

static int
pbkdf2_compare(const char *password, const void *salt, size_t nsalt,
    uint32_t rounds, const uint8_t *want, size_t n)
{
	uint8_t got[SHA256_LEN];
	int rc;

	if (n != sizeof(got))
		return -1;
	if (password == NULL)
		return 0;
	if (PKCS5_PBKDF2_HMAC(password,
	    (int)strlen(password), salt, (int)nsalt, (int)rounds,
	    EVP_sha256(), sizeof(got), got) != 1)
		return -1;
	rc = crypto_equal(got, want, n);
	OPENSSL_cleanse(got, sizeof(got));
	return rc;
}

/* passlib's ab64. */
static long
ab64_decode(const char *p, size_t n, uint8_t *out, size_t cap)
{
	char text[SALT_MAX];
	size_t i;

	if (n > sizeof(text) - 4 || memchr(p, '+', n) != NULL ||
	    memchr(p, '=', n) != NULL)
		return -1;
	for (i = 0; i < n; i++)
		text[i] = p[i] == '.' ? '+' : p[i];
	for (; i % 4 != 0; i++)
		text[i] = '=';
	return base64_decode(text, i, false, false, out, cap);
}

static int
passlib_verify(const char *rest, const char *password)
{
	uint8_t salt[SALT_MAX], want[HASH_MAX];
	uint32_t rounds;
	struct cut c;
	long nsalt, n;

	if (cut(rest, 3, &c) != 0 ||
	    cost_read(c.f[0], c.n[0], ROUNDS_MAX, &rounds) != 0)
		return -1;
	nsalt = ab64_decode(c.f[1], c.n[1], salt, sizeof(salt));
	n = ab64_decode(c.f[2], c.n[2], want, sizeof(want));
	if (nsalt < 0 || n < 0)
		return -1;
	return pbkdf2_compare(password, salt, (size_t)nsalt, rounds, want,
	    (size_t)n);
}

static int
django_verify(const char *rest, const char *password)
{
	uint8_t want[HASH_MAX];
	uint32_t rounds;
	struct cut c;
	long n;

	if (cut(rest, 3, &c) != 0 || c.n[1] == 0 || c.n[1] > SALT_MAX ||
	    cost_read(c.f[0], c.n[0], ROUNDS_MAX, &rounds) != 0)
		return -1;
	n = base64_decode(c.f[2], c.n[2], false, false, want, sizeof(want));
	if (n < 0)
		return -1;
	return pbkdf2_compare(password, c.f[1], c.n[1], rounds, want,
	    (size_t)n);
}

static int
werkzeug_pbkdf2(const char *rest, const char *password)
{
	uint8_t want[HASH_MAX];
	uint32_t rounds;
	struct cut c;
	long n;

	if (cut(rest, 3, &c) != 0 || c.n[1] == 0 || c.n[1] > SALT_MAX ||
	    cost_read(c.f[0], c.n[0], ROUNDS_MAX, &rounds) != 0)
		return -1;
	n = hex_decode(c.f[2], c.n[2], want, sizeof(want));
	if (n < 0)
		return -1;
	return pbkdf2_compare(password, c.f[1], c.n[1], rounds, want,
	    (size_t)n);
}

/* "32768:8:1" of n bytes. */
static int
scrypt_costs(const char *p, size_t n, uint32_t cost[3])
{
	const char *end = p + n;
	size_t i, len;

	for (i = 0; i < 3; i++, p += len + 1) {
		if (p > end)
			return -1;
		len = strcspn(p, ":$");
		if (cost_read(p, len, SCRYPT_BLOCKS, &cost[i]) != 0)
			return -1;
	}
	if (p != end + 1)
		return -1;
	if (cost[0] < 2 || (cost[0] & (cost[0] - 1)) != 0 ||
	    (uint64_t)cost[0] * cost[1] > SCRYPT_BLOCKS ||
	    (uint64_t)cost[0] * cost[1] * cost[2] > SCRYPT_WORK)
		return -1;
	return 0;
}

static int
werkzeug_scrypt(const char *rest, const char *password)
{
	uint8_t want[HASH_MAX], got[HASH_MAX];
	uint32_t cost[3];
	struct cut c;
	long n;
	int rc;

	if (cut(rest, 3, &c) != 0 || c.n[1] == 0 || c.n[1] > SALT_MAX ||
	    scrypt_costs(c.f[0], c.n[0], cost) != 0)
		return -1;
	n = hex_decode(c.f[2], c.n[2], want, sizeof(want));
	if (n < 32)
		return -1;
	if (password == NULL)
		return 0;
	if (EVP_PBE_scrypt(password, strlen(password),
	    (const unsigned char *)c.f[1], c.n[1], cost[0], cost[1], cost[2],
	    512u << 20, got, (size_t)n) != 1)
		return -1;
	rc = crypto_equal(got, want, (size_t)n);
	OPENSSL_cleanse(got, sizeof(got));
	return rc;
}

int
foreign_verify(const char *hash, const char *password)
{
	static const struct {
		const char *prefix;
		bool whole;	/* hand over the prefix too */
		int (*verify)(const char *, const char *);
	} kinds[] = {
		{ "$2a$", true, bcrypt_verify },
		{ "$2b$", true, bcrypt_verify },
		{ "$2y$", true, bcrypt_verify },
		{ "bcrypt$", false, django_bcrypt },
		{ "argon2$", false, django_argon2 },
		{ "$5$", true, sha_crypt_verify },
		{ "$6$", true, sha_crypt_verify },
		{ "$pbkdf2-sha256$", false, passlib_verify },
		{ "pbkdf2_sha256$", false, django_verify },
		{ "pbkdf2:sha256:", false, werkzeug_pbkdf2 },
		{ "scrypt:", false, werkzeug_scrypt },
	};
	size_t i, n;

	if (strnlen(hash, HASH_TEXT_MAX) == HASH_TEXT_MAX)
		return -1;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i].prefix);
		if (strncmp(hash, kinds[i].prefix, n) == 0)
			return kinds[i].verify(kinds[i].whole ? hash :
			    hash + n, password);
	}
	return -1;
}
