/*
 * Text of API keys and the networks they may come from. Pure. The checksum
 * lets a scanner of leaked texts, and us before any query, tell a key from
 * noise. Invariant: a key has one text; its length never varies.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/number.h"
#include "modules/auth/apikey.h"

enum { BODY_LEN = AUTH_KEY_TEXT - 9, SECRET_AT = 3 + AUTH_KEY_PREFIX + 1 };

static void
checksum(const char *body, char out[9])
{
	unsigned long crc = crc32(0, (const Bytef *)body, BODY_LEN);

	snprintf(out, 9, "%08lx", crc & 0xffffffffUL);
}

const char *
auth_key_format(struct arena *a, const char id[AUTH_KEY_PREFIX],
    const uint8_t secret[32])
{
	char *body = arena_printf(a, "qk_%.8s_%s", id,
	    base64_encode(a, secret, 32, true));
	char crc[9];

	checksum(body, crc);
	return arena_printf(a, "%s_%s", body, crc);
}

bool
auth_key_parse(const char *text, char *id)
{
	static const char crc_digits[] = "0123456789abcdef";
	char crc[9];

	if (strlen(text) != AUTH_KEY_TEXT || memcmp(text, "qk_", 3) != 0 ||
	    text[SECRET_AT - 1] != '_' || text[BODY_LEN] != '_' ||
	    strspn(text + BODY_LEN + 1, crc_digits) != 8)
		return false;
	checksum(text, crc);
	if (memcmp(crc, text + BODY_LEN + 1, 8) != 0)
		return false;
	memcpy(id, text + 3, AUTH_KEY_PREFIX);
	id[AUTH_KEY_PREFIX] = '\0';
	return true;
}

/* ---- networks ----------------------------------------------------------- */

/* Sixteen bytes for every address: IPv4 is mapped into IPv6, so that
 * "::ffff:10.0.0.1" and "10.0.0.1" are the same client. */
static bool
address(const char *text, size_t n, uint8_t out[16], bool *v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char buf[INET6_ADDRSTRLEN];

	if (n == 0 || n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (inet_pton(AF_INET, buf, out + 12) == 1) {
		memcpy(out, mapped, 12);
		return *v4 = true;
	}
	*v4 = false;
	return inet_pton(AF_INET6, buf, out) == 1;
}

static bool
network(const char *cidr, uint8_t out[16], int64_t *bits)
{
	size_t n = strcspn(cidr, "/");
	int64_t max;
	bool v4;

	if (!address(cidr, n, out, &v4))
		return false;
	max = v4 ? 32 : 128;
	*bits = max;
	if (cidr[n] == '/' && (num_i64(cidr + n + 1, strlen(cidr + n + 1),
	    bits) != NUM_OK || *bits < 0 || *bits > max))
		return false;
	*bits += v4 ? 96 : 0;
	return true;
}

bool
auth_cidr_valid(const char *cidr)
{
	uint8_t net[16];
	int64_t bits;

	return network(cidr, net, &bits);
}

bool
auth_cidr_match(const char *cidr, const char *ip)
{
	uint8_t net[16], addr[16], mask;
	int64_t bits;
	bool v4;

	if (!network(cidr, net, &bits) ||
	    !address(ip, strlen(ip), addr, &v4) ||
	    memcmp(net, addr, (size_t)bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	mask = (uint8_t)(0xff << (8 - bits % 8));
	return (net[bits / 8] & mask) == (addr[bits / 8] & mask);
}

bool
auth_cidr_any(const char *names, const char *ip)
{
	char one[64];

	if (names == NULL || *names == '\0')
		return true;
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		if (n < sizeof(one)) {
			memcpy(one, names, n);
			one[n] = '\0';
			if (auth_cidr_match(one, ip))
				return true;
		}
		names += n + (names[n] == ',');
	}
	return false;
}
