/*
 * Passwords: argon2id for what we store, dispatch for what we took over. The
 * costs inside a stored hash are bounded before anything is computed, so that
 * a planted row cannot take a child's memory or minutes. Lanes are computed
 * one after another: a pre-forked child starts no threads.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <argon2.h>
#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "crypto/internal.h"

enum {
	SALT_LEN = 16, TAG_LEN = 32,
	MEMORY_MAX = 1 << 20,		/* KiB: 1 GiB */
	PASSES_MAX = 64, LANES_MAX = 64,
	WORK_MAX = 1 << 23,		/* KiB times passes */
	PASSWORD_MAX = 4096
};

struct phc {
	argon2_type type;
	uint32_t version;
	struct password_cost cost;
	uint8_t salt[64], tag[64];
	size_t nsalt, ntag;
};

int
cost_read(const char *p, size_t n, uint32_t max, uint32_t *out)
{
	int64_t v;

	if (n == 0 || n > 10 || *p < '0' || *p > '9' || (*p == '0' && n > 1) ||
	    num_i64(p, n, &v) != NUM_OK || v < 1 || v > max)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

/* "x=123" up to the separator; moves past it. */
static int
parameter(const char **p, const char *name, char sep, uint32_t max,
    uint32_t *out)
{
	const char *end = strchr(*p, sep);
	size_t n = strlen(name);

	if (end == NULL || strncmp(*p, name, n) != 0 ||
	    cost_read(*p + n, (size_t)(end - *p) - n, max, out) != 0)
		return -1;
	*p = end + 1;
	return 0;
}

/* Standard base64 without padding up to the separator. */
static int
field(const char **p, char sep, uint8_t *out, size_t cap, size_t *nout)
{
	const char *end = strchrnul(*p, sep);
	size_t n = (size_t)(end - *p), i;
	char text[96];
	long got;

	if (n + 3 >= sizeof(text) || *end != sep || memchr(*p, '=', n) != NULL)
		return -1;
	memcpy(text, *p, n);
	for (i = n; i % 4 != 0; i++)
		text[i] = '=';
	got = base64_decode(text, i, false, false, out, cap);
	*nout = got > 0 ? (size_t)got : 0;
	*p = *end != '\0' ? end + 1 : end;
	return got > 0 ? 0 : -1;
}

static int
phc_parse(const char *hash, struct phc *o)
{
	const char *p;

	if (strnlen(hash, HASH_TEXT_MAX) == HASH_TEXT_MAX)
		return -1;
	if (strncmp(hash, "$argon2id$", 10) == 0) {
		o->type = Argon2_id;
		p = hash + 10;
	} else if (strncmp(hash, "$argon2i$", 9) == 0) {
		o->type = Argon2_i;
		p = hash + 9;
	} else
		return -1;
	o->version = ARGON2_VERSION_10;
	if (*p == 'v' && (parameter(&p, "v=", '$', 19, &o->version) != 0 ||
	    (o->version != 19 && o->version != 16)))
		return -1;
	if (parameter(&p, "m=", ',', MEMORY_MAX, &o->cost.memory_kib) != 0 ||
	    parameter(&p, "t=", ',', PASSES_MAX, &o->cost.passes) != 0 ||
	    parameter(&p, "p=", '$', LANES_MAX, &o->cost.lanes) != 0 ||
	    (uint64_t)o->cost.memory_kib * o->cost.passes > WORK_MAX ||
	    field(&p, '$', o->salt, sizeof(o->salt), &o->nsalt) != 0 ||
	    field(&p, '\0', o->tag, sizeof(o->tag), &o->ntag) != 0)
		return -1;
	return o->nsalt < 8 || o->ntag < 16 ? -1 : 0;
}

static int
argon2_tag(struct phc *o, const char *password, uint8_t *tag)
{
	argon2_context ctx = {
		.out = tag, .outlen = (uint32_t)o->ntag,
		.pwd = (uint8_t *)(uintptr_t)password,
		.pwdlen = (uint32_t)strlen(password),
		.salt = o->salt, .saltlen = (uint32_t)o->nsalt,
		.t_cost = o->cost.passes, .m_cost = o->cost.memory_kib,
		.lanes = o->cost.lanes, .threads = 1,
		.version = o->version, .flags = ARGON2_DEFAULT_FLAGS,
	};

	return argon2_ctx(&ctx, o->type);
}

static char *
without_padding(struct arena *a, const void *p, size_t n)
{
	char *text = base64_encode(a, p, n, false);

	text[strcspn(text, "=")] = '\0';
	return text;
}

int
password_hash(struct arena *a, const char *password,
    struct password_cost cost, const char **out, struct err *err)
{
	struct phc o = { .type = Argon2_id, .version = ARGON2_VERSION_13,
	    .cost = cost, .nsalt = SALT_LEN, .ntag = TAG_LEN };
	int rc;

	if (strnlen(password, PASSWORD_MAX + 1) > PASSWORD_MAX)
		return err_set(err, 422, "validation", "The password is "
		    "longer than %d bytes", PASSWORD_MAX);
	if (cost.memory_kib > MEMORY_MAX || cost.passes > PASSES_MAX ||
	    cost.lanes > LANES_MAX ||
	    (uint64_t)cost.memory_kib * cost.passes > WORK_MAX) {
		err_set(err, 500, "password_cost", "Internal Server Error");
		return err_cause(err, "argon2 cost is out of bounds");
	}
	random_bytes(o.salt, SALT_LEN);
	if ((rc = argon2_tag(&o, password, o.tag)) != ARGON2_OK) {
		err_set(err, rc == ARGON2_MEMORY_ALLOCATION_ERROR ? 503 : 500,
		    "password_hash", "The password cannot be hashed now");
		return err_cause(err, "argon2: %s",
		    argon2_error_message(rc));
	}
	*out = arena_printf(a, "$argon2id$v=19$m=%" PRIu32 ",t=%" PRIu32
	    ",p=%" PRIu32 "$%s$%s", cost.memory_kib, cost.passes, cost.lanes,
	    without_padding(a, o.salt, SALT_LEN),
	    without_padding(a, o.tag, TAG_LEN));
	return 0;
}

int
passphrase_key(const char *passphrase, const uint8_t salt[STREAM_SALT],
    struct password_cost cost, uint8_t out[SHA256_LEN], struct err *err)
{
	struct phc o = { .type = Argon2_id, .version = ARGON2_VERSION_13,
	    .cost = cost, .nsalt = SALT_LEN, .ntag = TAG_LEN };
	int rc;

	if (strnlen(passphrase, PASSWORD_MAX + 1) > PASSWORD_MAX)
		return err_set(err, 422, "validation", "The passphrase is "
		    "longer than %d bytes", PASSWORD_MAX);
	if (cost.memory_kib > MEMORY_MAX || cost.passes > PASSES_MAX ||
	    cost.lanes > LANES_MAX ||
	    (uint64_t)cost.memory_kib * cost.passes > WORK_MAX)
		return err_set(err, 422, "password_cost", "The cost of the "
		    "passphrase's key is out of bounds");
	memcpy(o.salt, salt, SALT_LEN);
	if ((rc = argon2_tag(&o, passphrase, out)) == ARGON2_OK)
		return 0;
	err_set(err, 503, "password_hash", "The passphrase cannot be made a "
	    "key now");
	return err_cause(err, "argon2: %s", argon2_error_message(rc));
}

int
phc_verify(const char *hash, const char *password)
{
	struct phc o;
	uint8_t tag[sizeof(o.tag)];
	int rc;

	if (phc_parse(hash, &o) != 0)
		return -1;
	if (password == NULL)
		return 0;
	if (argon2_tag(&o, password, tag) != ARGON2_OK)
		return -1;
	rc = crypto_equal(tag, o.tag, o.ntag);
	OPENSSL_cleanse(tag, sizeof(tag));
	return rc;
}

static int
verify(const char *hash, const char *password)
{
	return strncmp(hash, "$argon2", 7) == 0 ?
	    phc_verify(hash, password) : foreign_verify(hash, password);
}

int
password_verify(const char *hash, const char *password)
{
	return strnlen(password, PASSWORD_MAX + 1) > PASSWORD_MAX ? 0 :
	    verify(hash, password);
}

bool
password_known(const char *hash)
{
	return verify(hash, NULL) == 0;
}

bool
password_stale(const char *hash, struct password_cost cost)
{
	struct phc o;

	return phc_parse(hash, &o) != 0 || o.type != Argon2_id ||
	    o.version != ARGON2_VERSION_13 ||
	    o.cost.memory_kib < cost.memory_kib ||
	    o.cost.passes < cost.passes || o.cost.lanes < cost.lanes ||
	    o.nsalt < SALT_LEN || o.ntag < TAG_LEN;
}
