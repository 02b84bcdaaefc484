/*
 * Text of a Redis URL, and the slot of a key. Pure; refuses what could only
 * be half understood.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "net/redis_inner.h"

static int
fault(struct err *e, const char *why)
{
	return err_set(e, 500, "redis_url", "redis.url (REDIS_URL): %s", why);
}

static const char *
decoded(struct arena *a, const char *p, size_t n)
{
	char *out = arena_alloc(a, n + 1);
	size_t k = 0;
	uint8_t byte;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '%') {
			out[k++] = p[i];
			continue;
		}
		if (i + 2 >= n || hex_decode(p + i + 1, 2, &byte, 1) != 1 ||
		    byte == 0)
			return NULL;
		out[k++] = (char)byte;
		i += 2;
	}
	return out;
}

int
redis_host_parse(struct arena *a, const char *p, size_t n, const char **host,
    int *port)
{
	const char *colon = NULL;
	int64_t number = 6379;
	size_t len = n;

	for (size_t i = 0; i < n; i++)
		if (p[i] == ':')
			colon = p + i;
	if (n > 0 && p[0] == '[') {		/* [::1]:6379 */
		const char *end = memchr(p, ']', n);

		if (end == NULL)
			return -1;
		colon = end + 1 < p + n ? end + 1 : NULL;
		if (colon != NULL && *colon != ':')
			return -1;
		*host = arena_strndup(a, p + 1, (size_t)(end - p - 1));
	} else {
		if (colon != NULL)
			len = (size_t)(colon - p);
		*host = arena_strndup(a, p, len);
	}
	if (colon != NULL && (num_i64(colon + 1, n - (size_t)(colon + 1 - p),
	    &number) != NUM_OK || number < 1 || number > 65535))
		return -1;
	*port = (int)number;
	return **host == '\0' ? -1 : 0;
}

static int
parse_user(struct redis_url *u, struct arena *a, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);

	if (colon == NULL) {
		u->password = decoded(a, p, n);
		return u->password == NULL ? -1 : 0;
	}
	u->user = decoded(a, p, (size_t)(colon - p));
	u->password = decoded(a, colon + 1, n - (size_t)(colon + 1 - p));
	return u->user == NULL || u->password == NULL ? -1 : 0;
}

static int
parse_hosts(struct redis_url *u, struct arena *a, const char *p, size_t n)
{
	while (n > 0) {
		const char *comma = memchr(p, ',', n);
		size_t len = comma == NULL ? n : (size_t)(comma - p);

		if (u->nhosts == REDIS_NODES || redis_host_parse(a, p, len,
		    &u->hosts[u->nhosts].host, &u->hosts[u->nhosts].port) ==
		    -1)
			return -1;
		u->nhosts++;
		p += len + (comma != NULL);
		n -= len + (comma != NULL);
	}
	return u->nhosts == 0 ? -1 : 0;
}

int
redis_url_parse(struct redis_url *u, struct arena *a, const char *url,
    struct err *e)
{
	const char *p = url, *at = NULL;
	size_t n;

	*u = (struct redis_url){ .user = "", .password = "" };
	if (strncmp(p, "rediss://", 9) == 0)
		return fault(e, "rediss:// needs a hiredis with TLS, which "
		    "Debian 12 does not have. Run a TLS tunnel (stunnel, "
		    "spiped) beside this host and name its local end as "
		    "redis://127.0.0.1:PORT or unix:///PATH");
	if (strncmp(p, "unix://", 7) == 0) {
		u->path = arena_strndup(a, p + 7, strcspn(p + 7, "?"));
		return u->path[0] == '/' ? 0 : fault(e, "unix:// needs an "
		    "absolute path");
	}
	if (strncmp(p, "redis://", 8) != 0)
		return fault(e, "it must look like "
		    "redis://[[user]:password@]host[:port][/db] or "
		    "unix:///PATH");
	p += 8;
	n = strcspn(p, "/?");
	for (size_t i = 0; i < n; i++)
		if (p[i] == '@')
			at = p + i;
	if (at != NULL) {
		if (parse_user(u, a, p, (size_t)(at - p)) == -1)
			return fault(e, "a bad escape in user or password");
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	if (parse_hosts(u, a, p, n) == -1)
		return fault(e, "host and port cannot be read");
	p += n;
	if (*p == '/' && p[1] != '\0' && p[1] != '?' && (num_i64(p + 1,
	    strcspn(p + 1, "?"), &u->db) != NUM_OK || u->db < 0))
		return fault(e, "the database is not a number");
	return 0;
}

int
redis_url_check(const char *url, struct err *e)
{
	struct arena *a = arena_new(1 << 20);
	struct redis_url u;
	int rc = redis_url_parse(&u, a, url, e);

	arena_free(a);
	return rc;
}

/* CRC16-CCITT (XMODEM), bit by bit: keys are short. */
unsigned
redis_slot(const char *key, size_t n)
{
	const char *open = memchr(key, '{', n), *close;
	unsigned crc = 0;

	if (open != NULL) {
		close = memchr(open, '}', n - (size_t)(open - key));
		if (close != NULL && close > open + 1) {
			key = open + 1;
			n = (size_t)(close - key);
		}
	}
	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned)(unsigned char)key[i] << 8;
		for (int b = 0; b < 8; b++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) &
			    0xffff;
	}
	return crc % REDIS_SLOTS;
}
