/*
 * What can be done to API keys. Refuses scopes that the owner does not have
 * when a key is made, and everything beyond owner-and-scopes when it is used.
 * Invariant: rights are computed from the rows of this moment.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "modules/auth/access.h"
#include "modules/auth/apikey.h"

static struct blob
mac_of(struct arena *a, const uint8_t key[32], const char *text)
{
	uint8_t *mac = arena_alloc(a, SHA256_LEN);

	crypto_hmac_sha256(key, 32, text, strlen(text), mac);
	return (struct blob){ mac, SHA256_LEN };
}

static void
bad_item(struct arena *a, const char *loc, const char *msg, const char *item,
    struct err *e)
{
	struct str input;

	str_init(&input, a);
	str_json(&input, item);
	err_field(e, (struct err_field){ .type = "value_error", .loc = loc,
	    .msg = msg, .input = input.p });
}

static int
judge(struct env *env, struct arena *a, const struct principal *by,
    const struct auth_apikey_new *in, struct err *e)
{
	const char *const *scope = in->scopes.items;
	const char *const *cidr = in->cidrs.items;

	for (size_t i = 0; i < in->scopes.n; i++)
		if (!auth_permission_known(env->modules, scope[i]))
			bad_item(a, "[\"body\",\"scopes\"]", "Value error, "
			    "no module has this permission", scope[i], e);
	for (size_t i = 0; i < in->cidrs.n; i++)
		if (!auth_cidr_valid(cidr[i]))
			bad_item(a, "[\"body\",\"cidrs\"]", "Value error, "
			    "this is not a network", cidr[i], e);
	if (e->status != 0)
		return -1;
	if (!auth_set_covers(by->permissions, auth_set_of(a, in->scopes)))
		return err_set(e, 403, "beyond_own_rights",
		    "You cannot grant rights that you do not have");
	return 0;
}

int
auth_apikey_make(struct env *env, struct arena *a, const struct principal *by,
    const struct auth_apikey_new *in, struct utc now, struct auth_apikey *out,
    struct err *e)
{
	char *prefix = arena_alloc(a, AUTH_KEY_PREFIX + 1);
	const uint8_t *key;
	uint8_t secret[32];

	if (judge(env, a, by, in, e) == -1 ||
	    auth_secret(env, a, AUTH_SECRET_APIKEY, &key, e) == -1)
		return -1;
	random_text(prefix, AUTH_KEY_PREFIX);
	random_bytes(secret, sizeof(secret));
	*out = (struct auth_apikey){ .id = uuid_new(),
	    .tenant_id = by->tenant_id, .user_id = by->user_id,
	    .name = in->name, .prefix = prefix, .scopes = in->scopes,
	    .cidrs = in->cidrs, .scope_names = auth_names_join(a, in->scopes),
	    .cidr_names = auth_names_join(a, in->cidrs),
	    .key = auth_key_format(a, prefix, secret),
	    .expires_at = in->expires_at, .created_at = now };
	out->mac = mac_of(a, key, out->key);
	return auth_apikey_insert(env->db, out, e);
}

static int
refuse(struct err *e)
{
	metric_add(&auth_refused_total, AUTH_BAD_KEY, 0, 1);
	return err_set(e, 401, "key_invalid",
	    "API key is invalid, expired or switched off");
}

/* Is it this key, and may it be used? */
static int
key_judge(struct arena *a, const uint8_t *key, const char *text,
    const struct auth_apikey_owner *k, const char *ip, struct utc now,
    struct err *e)
{
	struct blob mac = mac_of(a, key, text);

	if (k->mac.n != mac.n || !crypto_equal(k->mac.p, mac.p, mac.n) ||
	    !k->user.active || !k->tenant_active ||
	    (k->expires_at.us != 0 && k->expires_at.us <= now.us))
		return refuse(e);
	if (!auth_cidr_any(k->cidr_names, ip))
		return err_set(e, 403, "foreign_network",
		    "The API key may not be used from this address");
	return 0;
}

int
auth_apikey_verify(struct env *env, struct db *db, struct arena *a,
    const char *text, const char *ip, struct utc now, struct principal *who,
    struct err *e)
{
	char prefix[AUTH_KEY_PREFIX + 1];
	struct auth_apikey_owner k;
	const uint8_t *key;
	int rc;

	if (db == NULL || !auth_key_parse(text, prefix))
		return refuse(e);
	if (auth_secret(env, a, AUTH_SECRET_APIKEY, &key, e) == -1)
		return -1;
	rc = auth_apikey_by_prefix(db, a, prefix, &k, e);
	if (rc != 0)
		return rc == 1 ? refuse(e) : -1;
	if (key_judge(a, key, text, &k, ip, now, e) == -1 ||
	    auth_access_principal(env, db, a, &k.user, who, e) == -1)
		return -1;
	who->kind = PRINCIPAL_KEY;
	who->session_id = k.id;
	who->permissions = auth_set_meet(a, who->permissions,
	    auth_set_of(a, auth_names_split(a, k.scope_names)));
	if (now.us - k.last_used_at.us < 60 * US_PER_S)
		return 0;
	return auth_apikey_used(db, k.id, now, e);
}
