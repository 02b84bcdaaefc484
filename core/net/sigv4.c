/*
 * AWS Signature Version 4 in its header form: canonical request, string to
 * sign, key derivation, Authorization value. Refuses nothing and knows no
 * clock: the caller says when. Invariant: what is signed is a function of the
 * arguments alone, and every header given is signed except those that proxies
 * and clients rewrite.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "net/sigv4.h"

/* A header or query parameter with what it is sorted by. */
struct item {
	const char *key, *value;
	size_t order;
};

static const char *const unsigned_headers[] = {
	"authorization", "connection", "expect", "sec-websocket-extensions",
	"sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version",
	"upgrade", "user-agent", "x-amz-date", "x-amzn-trace-id"
};

static bool
space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Trimmed, inner white space collapsed: also folds lines. */
static char *
header_value(struct arena *a, const char *v)
{
	struct str s;

	str_init(&s, a);
	str_reserve(&s, strlen(v));
	for (; *v != '\0'; v++) {
		if (!space(*v))
			str_addc(&s, *v);
		else if (s.len > 0 && !space(v[1]) && v[1] != '\0')
			str_addc(&s, ' ');
	}
	return s.p;
}

static char *
lower(struct arena *a, const char *v)
{
	char *p = arena_strdup(a, v);

	for (size_t i = 0; p[i] != '\0'; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] |= 0x20;
	return p;
}

static int
by_key(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = strcmp(a->key, b->key);

	return c != 0 ? c : a->order < b->order ? -1 : 1;
}

static int
by_key_and_value(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = strcmp(a->key, b->key);

	return c != 0 ? c : strcmp(a->value, b->value);
}

static bool
has_token(const struct sigv4_key *key)
{
	return key->session_token != NULL && *key->session_token != '\0';
}

/* What the signer adds itself is not taken from the caller as well. */
static bool
is_signed(const char *name, const struct sigv4_key *key,
    const struct sigv4_request *r)
{
	if (r->sign_body && strcasecmp(name, "x-amz-content-sha256") == 0)
		return false;
	if (has_token(key) && strcasecmp(name, "x-amz-security-token") == 0)
		return false;
	for (size_t i = 0; i < NITEMS(unsigned_headers); i++)
		if (strcasecmp(name, unsigned_headers[i]) == 0)
			return false;
	return true;
}

/* Encoded once whatever it was: %XX counts as the byte it stands for. */
static void
encode_query(struct str *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (c == '%' && i + 2 < n && hex_value(p[i + 1]) >= 0 &&
		    hex_value(p[i + 2]) >= 0) {
			c = (char)(hex_value(p[i + 1]) << 4 |
			    hex_value(p[i + 2]));
			i += 2;
		}
		url_encode(out, &c, 1, false);
	}
}

static const char *
encoded(struct arena *a, const char *p, size_t n)
{
	struct str s;

	str_init(&s, a);
	encode_query(&s, p, n);
	return s.p;
}

static void
add_query(struct arena *a, struct str *out, const char *query)
{
	struct item *v;
	size_t n = 1, k = 0;

	for (const char *p = query; *p != '\0'; p++)
		n += *p == '&';
	v = arena_array(a, n, sizeof(*v));
	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		const char *eq = memchr(query, '=', len);
		size_t nkey = eq == NULL ? len : (size_t)(eq - query);

		if (len > 0) {
			v[k].key = encoded(a, query, nkey);
			v[k++].value = eq == NULL ? "" :
			    encoded(a, eq + 1, len - nkey - 1);
		}
		query += len + (query[len] == '&');
	}
	qsort(v, k, sizeof(*v), by_key_and_value);
	for (size_t i = 0; i < k; i++)
		str_addf(out, "%s%s=%s", i > 0 ? "&" : "", v[i].key,
		    v[i].value);
}

/* Empty and "." segments vanish, ".." takes the one before it. */
static const char *
normal_path(struct arena *a, const char *path)
{
	struct str s;
	size_t len = strlen(path);

	str_init(&s, a);
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (s.len > 0 && s.p[--s.len] != '/')
				;
			s.p[s.len] = '\0';
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			str_addc(&s, '/');
			str_addn(&s, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (s.len == 0 || path[len - 1] == '/')
		str_addc(&s, '/');
	return s.p;
}

/* The path travels encoded; every service but S3 signs it encoded again. */
static void
add_path(struct arena *a, struct str *out, const struct sigv4_request *r)
{
	const char *path = r->path == NULL || *r->path == '\0' ? "/" : r->path;

	if (r->normalize)
		path = normal_path(a, path);
	if (strcmp(r->service, "s3") != 0) {
		url_encode(out, path, strlen(path), true);
		return;
	}
	for (; *path != '\0'; path++) {
		size_t n = strcspn(path, "/");

		encode_query(out, path, n);
		path += n;
		if (*path == '\0')
			break;
		str_addc(out, '/');
	}
}

static void
hash_hex(const void *p, size_t n, char out[2 * SHA256_LEN + 1])
{
	uint8_t sum[SHA256_LEN];

	crypto_sha256(n > 0 ? p : "", n, sum);
	hex_encode(sum, sizeof(sum), out);
}

/* All headers to sign, sorted; duplicates stay in their order. */
static size_t
collect(struct arena *a, const struct sigv4_key *key,
    const struct sigv4_request *r, const char *date, const char *body_hash,
    struct item **out)
{
	struct item *v = arena_array(a, r->nheaders + 3, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < r->nheaders; i++) {
		if (!is_signed(r->headers[i].name, key, r))
			continue;
		v[n].key = lower(a, r->headers[i].name);
		v[n].value = header_value(a, r->headers[i].value);
		v[n].order = n;
		n++;
	}
	v[n].key = "x-amz-date";
	v[n++].value = date;
	if (r->sign_body) {
		v[n].key = "x-amz-content-sha256";
		v[n++].value = body_hash;
	}
	if (has_token(key) && !r->omit_session_token) {
		v[n].key = "x-amz-security-token";
		v[n++].value = header_value(a, key->session_token);
	}
	qsort(v, n, sizeof(*v), by_key);
	*out = v;
	return n;
}

static void
add_headers(struct str *out, struct str *names, const struct item *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(v[i].key, v[i - 1].key) == 0) {
			out->p[--out->len] = '\0';	/* the newline */
			str_addf(out, ",%s\n", v[i].value);
			continue;
		}
		str_addf(out, "%s:%s\n", v[i].key, v[i].value);
		str_addf(names, "%s%s", i > 0 ? ";" : "", v[i].key);
	}
}

static void
signing_key(struct arena *a, const char *secret, const char *day,
    const struct sigv4_request *r, uint8_t out[SHA256_LEN])
{
	const char *parts[] = { day, r->region, r->service, "aws4_request" };
	char *key = arena_printf(a, "AWS4%s", secret);
	size_t n = strlen(key);

	for (size_t i = 0; i < NITEMS(parts); i++) {
		crypto_hmac_sha256(key, n, parts[i], strlen(parts[i]), out);
		explicit_bzero(key, n);
		n = SHA256_LEN;
		key = arena_memdup(a, out, n);
	}
	explicit_bzero(key, n);
}

static const char *
signature(struct arena *a, const struct sigv4_key *key, const char *day,
    const struct sigv4_request *r, const char *text)
{
	uint8_t k[SHA256_LEN], mac[SHA256_LEN];
	char *hex = arena_alloc(a, 2 * SHA256_LEN + 1);

	signing_key(a, key->secret_key, day, r, k);
	crypto_hmac_sha256(k, sizeof(k), text, strlen(text), mac);
	explicit_bzero(k, sizeof(k));
	return hex_encode(mac, sizeof(mac), hex);
}

void
sigv4_sign(struct arena *a, const struct sigv4_key *key,
    const struct sigv4_request *r, struct sigv4_result *out)
{
	char date[CLOCK_TEXT], hash[2 * SHA256_LEN + 1];
	struct str text, names;
	struct item *v;
	const char *day, *scope;
	size_t n;

	clock_basic(r->when, date);
	day = arena_strndup(a, date, 8);
	hash_hex(r->body, r->body_len, hash);
	str_init(&text, a);
	str_init(&names, a);
	n = collect(a, key, r, date, hash, &v);

	str_addf(&text, "%s\n", r->method);
	add_path(a, &text, r);
	str_addc(&text, '\n');
	add_query(a, &text, r->query == NULL ? "" : r->query);
	str_addc(&text, '\n');
	add_headers(&text, &names, v, n);
	str_addf(&text, "\n%s\n%s", names.p, hash);

	out->canonical_request = text.p;
	out->signed_headers = names.p;
	out->amz_date = arena_strdup(a, date);
	scope = arena_printf(a, "%s/%s/%s/aws4_request", day, r->region,
	    r->service);
	hash_hex(text.p, text.len, hash);
	out->string_to_sign = arena_printf(a, "AWS4-HMAC-SHA256\n%s\n%s\n%s",
	    date, scope, hash);
	out->signature = signature(a, key, day, r, out->string_to_sign);
	out->authorization = arena_printf(a, "AWS4-HMAC-SHA256 Credential=%s/"
	    "%s, SignedHeaders=%s, Signature=%s", key->access_key, scope,
	    names.p, out->signature);
}
