/*
 * What the log must not show: values registered at run time, fields named like
 * secrets, passwords in addresses and credentials of the Authorization header.
 * It finds, it never copies; the list of secrets is a per-process singleton in
 * an arena that is wiped.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/log.h"
#include "base/redact.h"
#include "base/vec.h"

struct secret {
	const char *p;
	size_t n;
};

static struct {
	struct arena *arena;
	VEC(struct secret) secrets;
	bool first[256];	/* first bytes of secrets */
} st;

void
log_redact(const char *secret)
{
	enum { SHORTEST = 6, ROOM = 1024 * 1024 };
	struct secret *s;
	size_t i;

	if (secret == NULL || strlen(secret) < SHORTEST)
		return;
	for (i = 0; i < st.secrets.n; i++)
		if (strcmp(st.secrets.v[i].p, secret) == 0)
			return;
	if (st.arena == NULL) {
		st.arena = arena_new(ROOM);
		arena_set_secret(st.arena);
	}
	s = VEC_ADD(st.arena, &st.secrets);
	s->p = arena_strdup(st.arena, secret);
	s->n = strlen(secret);
	st.first[(unsigned char)secret[0]] = true;
}

static bool
holds_secret_word(const char *key)
{
	static const char *const parts[] = {
		"password", "passwd", "passphrase", "secret", "token",
		"authorization", "cookie", "private_key", "privatekey",
		"api_key", "apikey", "api-key", "encryption_key",
		"signing_key", "session_key", "master_key", "key_material",
		"keymaterial", "credentials"
	};
	enum { SHORTEST = 5 };
	size_t n = strlen(key);

	for (; n >= SHORTEST; key++, n--)
		for (size_t i = 0; i < NITEMS(parts); i++)
			if ((*key | 0x20) == parts[i][0] && strncasecmp(key,
			    parts[i], strlen(parts[i])) == 0)
				return true;
	return false;
}

bool
redact_field(const char *key)
{
	return holds_secret_word(key) || strcasecmp(key, "pwd") == 0 ||
	    strcasecmp(key, "jwt") == 0 || strcasecmp(key, "otp") == 0 ||
	    strcasecmp(key, "totp") == 0;
}

bool
redact_starts(char c)
{
	return c == ':' || c == 'B' || c == 'b' || st.first[(unsigned char)c];
}

static size_t
secret_at(const char *s, size_t n)
{
	size_t i, best = 0;

	if (!st.first[(unsigned char)*s])
		return 0;
	for (i = 0; i < st.secrets.n; i++)
		if (st.secrets.v[i].n <= n && st.secrets.v[i].n > best &&
		    memcmp(s, st.secrets.v[i].p, st.secrets.v[i].n) == 0)
			best = st.secrets.v[i].n;
	return best;
}

/* A password in "scheme://user:password@host": where s points at "://", the
 * bytes from there to the password, and its length. */
static size_t
url_password(const char *s, size_t n, size_t *len)
{
	size_t i, at = 0, colon = 0;

	*len = 0;
	if (n < 3 || memcmp(s, "://", 3) != 0)
		return 0;
	for (i = 3; i < n && memchr("/?# \"'<>", s[i], 8) == NULL; i++) {
		if (s[i] == '@')
			at = i;
		if (s[i] == ':' && colon == 0)
			colon = i;
	}
	if (at == 0 || colon == 0 || colon > at)
		return 0;
	*len = at - colon - 1;
	return colon + 1;
}

/* Credentials after "Bearer " or "Basic ", unless it is a plain word. */
static size_t
header_secret(const char *s, size_t n, size_t *len)
{
	static const char *const schemes[] = { "Bearer ", "Basic " };
	size_t i, k, to;
	bool word;

	*len = 0;
	if (*s != 'B' && *s != 'b')
		return 0;
	for (i = 0; i < NITEMS(schemes); i++) {
		k = strlen(schemes[i]);
		if (n <= k || strncasecmp(s, schemes[i], k) != 0)
			continue;
		word = true;
		for (to = k; to < n && memchr(" ,;\"'\r\n", s[to], 7) == NULL;
		    to++)
			word = word && s[to] >= 'a' && s[to] <= 'z';
		*len = word ? 0 : to - k;
		return word ? 0 : k;
	}
	return 0;
}

size_t
redact_at(struct redaction *r, const char *s, size_t n, size_t i)
{
	size_t to, len, skip;

	if ((to = url_password(s + i, n - i, &len)) > 0 ||
	    (to = header_secret(s + i, n - i, &len)) > 0) {
		r->at = i + to;
		r->n = len;
	}
	skip = secret_at(s + i, n - i);
	return r->n > skip && r->at == i ? r->n : skip;
}

void
redact_copy(const char *in, char *out, size_t cap)
{
	static const char mask[] = "[redacted]";
	struct redaction r = { 0 };
	size_t n = strlen(in), i = 0, k = 0, skip;

	while (i < n && k + sizeof(mask) < cap) {
		skip = redact_at(&r, in, n, i);
		if (skip == 0) {
			out[k++] = in[i++];
			continue;
		}
		memcpy(out + k, mask, sizeof(mask) - 1);
		k += sizeof(mask) - 1;
		i += skip;
	}
	if (cap > 0)
		out[k] = '\0';
}
