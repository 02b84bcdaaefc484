/*
 * The outside of a token: three parts of canonical base64url, a header that
 * only selects one of our key rows, a signature. Nothing of the payload is
 * read before the signature holds. No other algorithm, no "none", no key from
 * the header, no extension we do not know.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "crypto/internal.h"

struct parts {
	const char *head, *body, *sig;
	size_t nhead, nbody, nsig;
	size_t nsigned;		/* bytes from head that are signed */
};

struct header {
	enum jwt_alg alg;
	const char *kid;	/* NULL: absent */
};

static const char *
split(const char *token, struct parts *p)
{
	size_t n = strnlen(token, JWT_TOKEN_MAX + 1);
	const char *dot, *dot2;

	if (n > JWT_TOKEN_MAX)
		return "longer than 8192 bytes";
	dot = memchr(token, '.', n);
	dot2 = dot != NULL ? memchr(dot + 1, '.',
	    n - (size_t)(dot + 1 - token)) : NULL;
	if (dot2 == NULL)
		return "not three parts";
	*p = (struct parts){ .head = token, .nhead = (size_t)(dot - token),
	    .body = dot + 1, .nbody = (size_t)(dot2 - dot - 1),
	    .sig = dot2 + 1, .nsig = n - (size_t)(dot2 + 1 - token),
	    .nsigned = (size_t)(dot2 - token) };
	if (memchr(p->sig, '.', p->nsig) != NULL)
		return "more than three parts";
	if (p->nhead == 0 || p->nsig == 0)
		return "an empty part";
	return NULL;
}

static const char *
judge_member(const struct scan_member *m, struct header *h)
{
	static const char *const refused[] = { "crit", "b64", "zip", "enc",
	    "p2c", "epk" };
	size_t i;

	if (strcmp(m->name, "alg") == 0) {
		if (m->type != SCAN_STRING)
			return "alg is no text";
		if (strcmp(m->string, "HS256") == 0)
			h->alg = JWT_HS256;
		else if (strcmp(m->string, "EdDSA") == 0)
			h->alg = JWT_EDDSA;
		else
			return "alg is not one of ours";
	} else if (strcmp(m->name, "kid") == 0) {
		if (m->type != SCAN_STRING)
			return "kid is no text";
		h->kid = m->string;
	} else if (strcmp(m->name, "typ") == 0) {
		if (m->type != SCAN_STRING || strcasecmp(m->string,
		    "JWT") != 0)
			return "typ is not JWT";
	}
	for (i = 0; i < NITEMS(refused); i++)
		if (strcmp(m->name, refused[i]) == 0)
			return "an extension we do not know";
	return NULL;
}

static const char *
read_header(struct arena *a, const struct parts *p, struct header *h)
{
	struct scan_member m[SCAN_MEMBERS];
	char *json = arena_alloc(a, p->nhead + 1);
	const char *why;
	long got;
	int n, i;

	got = base64_decode(p->head, p->nhead, true, false, json, p->nhead);
	if (got < 0)
		return "header is not canonical base64url";
	if ((n = scan_object(a, json, (size_t)got, m)) < 0)
		return "header is not a JSON object with distinct members";
	memset(h, 0, sizeof(*h));
	for (i = 0; i < n; i++)
		if ((why = judge_member(&m[i], h)) != NULL)
			return why;
	return h->alg == 0 ? "no alg" : NULL;
}

/* Signature text of the exact length of the algorithm. */
static int
decode_sig(const struct parts *p, size_t want, uint8_t *out)
{
	return base64_decode(p->sig, p->nsig, true, false, out, want) ==
	    (long)want ? 0 : -1;
}

static bool
hs256_holds(const struct jwt_key *k, const struct parts *p)
{
	uint8_t sig[SHA256_LEN], mac[SHA256_LEN];

	if (p->nsig != 43 || decode_sig(p, sizeof(sig), sig) != 0)
		return false;
	hmac_with(k->mac, p->head, p->nsigned, mac);
	return crypto_equal(sig, mac, sizeof(mac));
}

static bool
eddsa_holds(const struct jwt_keys *keys, const struct jwt_key *k,
    const struct parts *p)
{
	uint8_t sig[ED25519_SIG], digest[SHA256_LEN];
	EVP_MD_CTX *ctx;
	size_t slot;
	bool ok;

	if (p->nsig != 86 || decode_sig(p, sizeof(sig), sig) != 0)
		return false;
	crypto_sha256(p->head, p->nsigned + 1 + p->nsig, digest);
	slot = digest[0] % JWS_CACHE;
	if (keys->cache->slot[slot].key == k && memcmp(
	    keys->cache->slot[slot].digest, digest, sizeof(digest)) == 0)
		return true;
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig, sizeof(sig),
	    (const unsigned char *)p->head, p->nsigned) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok) {
		keys->cache->slot[slot].key = k;
		memcpy(keys->cache->slot[slot].digest, digest,
		    sizeof(digest));
	}
	return ok;
}

static bool
key_holds(const struct jwt_keys *keys, const struct jwt_key *k,
    const struct parts *p)
{
	return k->alg == JWT_HS256 ? hs256_holds(k, p) :
	    eddsa_holds(keys, k, p);
}

/* A header byte for byte as we write it needs no parsing. */
static const struct jwt_key *
key_of_own_header(const struct jwt_keys *keys, const struct parts *p)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->v[i].nhead == p->nhead &&
		    memcmp(keys->v[i].head, p->head, p->nhead) == 0)
			return &keys->v[i];
	return NULL;
}

/* Without kid: the replaced backend's key while it lives, else the only key
 * there is. */
static const char *
check_unnamed(const struct jwt_keys *keys, const struct header *h,
    const struct parts *p, struct utc now, bool *legacy)
{
	if (keys->legacy.mac != NULL && now.us < keys->legacy_until.us &&
	    h->alg == JWT_HS256 && hs256_holds(&keys->legacy, p)) {
		*legacy = true;
		return NULL;
	}
	if (keys->n != 1)
		return "no kid";
	if (keys->v[0].alg != h->alg)
		return "alg is not the key's";
	return key_holds(keys, &keys->v[0], p) ? NULL : "wrong signature";
}

static const char *
check_signature(const struct jwt_keys *keys, struct arena *a,
    const struct parts *p, struct utc now, bool *legacy)
{
	const struct jwt_key *k = key_of_own_header(keys, p);
	struct header h;
	const char *why;
	size_t i;

	if (k == NULL) {
		if ((why = read_header(a, p, &h)) != NULL)
			return why;
		if (h.kid == NULL)
			return check_unnamed(keys, &h, p, now, legacy);
		for (i = 0; i < keys->n && k == NULL; i++)
			if (strcmp(keys->v[i].kid, h.kid) == 0)
				k = &keys->v[i];
		if (k == NULL)
			return "unknown kid";
		if (k->alg != h.alg)
			return "alg is not the key's";
	}
	return key_holds(keys, k, p) ? NULL : "wrong signature";
}

int
jws_open(const struct jwt_keys *keys, struct arena *a, const char *token,
    struct utc now, char **payload, size_t *npayload, bool *legacy,
    const char **why)
{
	struct parts p;
	long got;

	*legacy = false;
	if ((*why = split(token, &p)) != NULL ||
	    (*why = check_signature(keys, a, &p, now, legacy)) != NULL)
		return -1;
	*payload = arena_alloc(a, p.nbody + 1);
	got = base64_decode(p.body, p.nbody, true, false, *payload, p.nbody);
	if (got < 0) {
		*why = "payload is not canonical base64url";
		return -1;
	}
	(*payload)[got] = '\0';
	*npayload = (size_t)got;
	return 0;
}

static void
eddsa_sign(const struct jwt_key *k, const char *p, size_t n,
    uint8_t sig[ED25519_SIG])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = ED25519_SIG;

	ASSERT(ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, sig, &len, (const unsigned char *)p, n) == 1 &&
	    len == ED25519_SIG);
	EVP_MD_CTX_free(ctx);
}

char *
jws_seal(const struct jwt_keys *keys, struct arena *a, const char *payload,
    size_t n)
{
	const struct jwt_key *k = &keys->v[0];
	uint8_t sig[ED25519_SIG];
	const char *text;
	size_t nsig = k->alg == JWT_HS256 ? SHA256_LEN : ED25519_SIG;

	text = arena_printf(a, "%s.%s", k->head,
	    base64_encode(a, payload, n, true));
	if (k->alg == JWT_HS256)
		hmac_with(k->mac, text, strlen(text), sig);
	else
		eddsa_sign(k, text, strlen(text), sig);
	return arena_printf(a, "%s.%s", text,
	    base64_encode(a, sig, nsig, true));
}
