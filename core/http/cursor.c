/*
 * Page cursors: the last key under a MAC that also covers the route and the
 * tenant, so that a cursor cannot be altered or carried across.
 */
#include <string.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/random.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "http/serve.h"

enum { MAC_LEN = 12, KEY_MAX = 240 };

static const struct field page_only_fields[] = {
	PAGE_LIMIT(struct page_only_in), PAGE_CURSOR(struct page_only_in),
	FIELD_END
};
const struct schema page_only_schema = {
	.name = "Page", .doc = "Page of a list",
	.size = sizeof(struct page_only_in), .fields = page_only_fields
};
static const struct field id_fields[] = {
	FIELD(struct id_in, id, .flags = FF_REQUIRED, .doc = "Identifier"),
	FIELD_END
};
const struct schema id_in_schema = {
	.name = "Id", .doc = "One row of a list",
	.size = sizeof(struct id_in), .fields = id_fields
};

static void
cursor_mac(struct ctx *c, const char *key, size_t n, uint8_t out[SHA256_LEN])
{
	char tenant[UUID_TEXT];
	char *text = arena_printf(c->a, "%s\n%s\n%.*s", c->route->id,
	    uuid_format(c->who.tenant_id, tenant), (int)n, key);

	crypto_hmac_sha256(c->http->cursor_key, sizeof(c->http->cursor_key),
	    text, strlen(text), out);
}

const char *
cursor_seal(struct ctx *c, const char *key)
{
	uint8_t raw[MAC_LEN + KEY_MAX], mac[SHA256_LEN];
	size_t n = strlen(key);

	ASSERT(n <= KEY_MAX);
	cursor_mac(c, key, n, mac);
	memcpy(raw, mac, MAC_LEN);
	memcpy(raw + MAC_LEN, key, n);
	return base64_encode(c->a, raw, MAC_LEN + n, true);
}

int
cursor_open(struct ctx *c, const char *cursor, const char **key)
{
	uint8_t raw[MAC_LEN + KEY_MAX], mac[SHA256_LEN];
	long n;

	if (cursor == NULL || *cursor == '\0') {
		*key = "";
		return 0;
	}
	n = base64_decode(cursor, strlen(cursor), true, false, raw, sizeof(raw));
	/* one text for one cursor: no NUL behind which more could hide */
	if (n >= MAC_LEN &&
	    memchr(raw + MAC_LEN, '\0', (size_t)n - MAC_LEN) == NULL) {
		*key = arena_strndup(c->a, (char *)raw + MAC_LEN,
		    (size_t)n - MAC_LEN);
		cursor_mac(c, *key, strlen(*key), mac);
		if (crypto_equal(mac, raw, MAC_LEN))
			return 0;
	}
	fail_field(c, "cursor", "value_error",
	    "Value error, this is not a cursor of this list");
	return -1;
}

const char *
cursor_uuid(struct ctx *c, struct rows *rows, int64_t limit, size_t off)
{
	char text[UUID_TEXT];
	const char *last;

	if ((int64_t)rows->n <= limit)
		return NULL;
	rows->n = (size_t)limit;
	last = (const char *)rows->v + (rows->n - 1) * rows->schema->size;
	return cursor_seal(c,
	    uuid_format(*(const struct uuid *)(last + off), text));
}

int
cursor_open_uuid(struct ctx *c, const char *cursor, struct uuid *after)
{
	const char *key;

	*after = (struct uuid){ { 0 } };
	if (cursor_open(c, cursor, &key) == -1)
		return -1;
	return *key == '\0' ? 0 : uuid_parse(key, after);
}
