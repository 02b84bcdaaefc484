/*
 * Keys of the process: from the settings (key ring, token keys) and from the
 * database (the installation's own secrets). Refuses to start without them,
 * and with a ring that cannot open what is stored. Invariant: a secret is made
 * outside of any transaction, so that what is remembered is committed.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "db/table.h"
#include "modules/auth/access.h"
#include "modules/auth/secret.h"

static const char *const names[AUTH_SECRETS] = { "refresh", "apikey", "audit" };

/* ---- from the settings -------------------------------------------------- */

static int
legacy_open(struct jwt_keys *keys, const struct auth_conf *cf, struct err *e)
{
	struct utc until;

	if (*cf->jwt_legacy_secret == '\0')
		return 0;
	if (clock_parse(cf->jwt_legacy_until, &until) == -1)
		return err_set(e, 500, "config", "auth.jwt_legacy_secret needs "
		    "auth.jwt_legacy_until, a date like 2027-03-31");
	return jwt_keys_legacy(keys, cf->jwt_legacy_secret, until, e);
}

int
auth_keys_open(struct env *env, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct keyring *ring;
	struct jwt_keys *jwt;

	if (*cf->encryption_key == '\0')
		return err_set(e, 500, "config", "ENCRYPTION_KEY is not set: "
		    "`quincunx config --new-key` prints one");
	if (*cf->jwt_secret == '\0')
		return err_set(e, 500, "config", "JWT_SECRET_KEY is not set: "
		    "`quincunx config --new-key` prints one");
	if (keyring_open(&ring, env->a, cf->encryption_key, e) == -1 ||
	    jwt_keys_open(&jwt, env->a, cf->jwt_secret, e) == -1 ||
	    legacy_open(jwt, cf, e) == -1)
		return -1;
	env->keys = ring;
	env->jwt = jwt;
	auth_access_open(env);
	return 0;
}

/* ---- from the database -------------------------------------------------- */

static int
secret_unseal(struct env *env, struct arena *a, const struct auth_secret *s,
    uint8_t out[32], struct err *e)
{
	struct blob plain;

	if (keyring_open_value(env->keys, a, s->value,
	    keyring_aad(a, "auth_secret", "value", s->id), &plain, e) == -1)
		return -1;
	if (plain.n != 32)
		return err_set(e, 500, "secret_damaged",
		    "The installation's secret %s is damaged", s->name);
	memcpy(out, plain.p, 32);
	return 0;
}

/* Reads all that are there; bit i of *missing for each that is not. */
static int
secrets_read(struct env *env, struct arena *a, unsigned *missing,
    struct err *e)
{
	struct rows rows;

	*missing = (1u << AUTH_SECRETS) - 1;
	if (auth_secret_all(env->db, a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct auth_secret *s = ROW(&rows, struct auth_secret, i);

		for (unsigned use = 0; use < AUTH_SECRETS; use++) {
			if (strcmp(s->name, names[use]) != 0)
				continue;
			if (secret_unseal(env, a, s,
			    env->auth->secrets.key[use], e) == -1)
				return -1;
			*missing &= ~(1u << use);
		}
	}
	return 0;
}

/* A name that another process inserted first is no error: it is read next. */
static int
secret_make(struct env *env, struct arena *a, const char *name,
    struct err *e)
{
	struct auth_secret s = { .id = uuid_new(), .name = name,
	    .created_at = clock_now() };
	uint8_t raw[32];

	random_bytes(raw, sizeof(raw));
	s.value = keyring_seal(env->keys, a, raw, sizeof(raw),
	    keyring_aad(a, "auth_secret", "value", s.id));
	if (auth_secret_insert(env->db, &s, e) == 0)
		return 0;
	if (e->status != 409)
		return -1;
	err_clear(e);
	return 0;
}

static int
secrets_load(struct env *env, struct arena *a, struct err *e)
{
	unsigned missing;

	if (secrets_read(env, a, &missing, e) == -1)
		return -1;
	if (missing != 0) {
		if (db_in_txn(env->db))
			return err_set(e, 503, "not_ready",
			    "The installation's secrets are not made yet");
		for (unsigned use = 0; use < AUTH_SECRETS; use++)
			if ((missing & (1u << use)) &&
			    secret_make(env, a, names[use], e) == -1)
				return -1;
		if (secrets_read(env, a, &missing, e) == -1)
			return -1;
	}
	env->auth->secrets.loaded = true;
	return 0;
}

int
auth_secret(struct env *env, struct arena *a, enum auth_secret_use use,
    const uint8_t **key, struct err *e)
{
	const struct auth_conf *cf = conf_get(env->conf, &auth_settings);
	struct auth_secrets *s = &env->auth->secrets;

	if (!s->loaded) {
		if (secrets_load(env, a, e) == -1)
			return -1;
		if (*cf->audit_key != '\0')
			crypto_sha256(cf->audit_key, strlen(cf->audit_key),
			    s->key[AUTH_SECRET_AUDIT]);
	}
	*key = s->key[use];
	return 0;
}

/* ---- does the ring open what is stored? --------------------------------- */

static int
column_check(struct env *env, struct arena *a, const char *table,
    const char *column, struct err *e)
{
	struct rows rows;

	if (auth_sealed_ids(env, a, table, column, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const char *id = ROW(&rows, struct auth_sealed_id, i)->key_id;

		if (!keyring_has(env->keys, id))
			return err_set(e, 500, "key_missing",
			    "ENCRYPTION_KEY lacks key \"%.40s\", with which "
			    "%s.%s is sealed: add it behind the first one",
			    id, table, column);
	}
	return 0;
}

int
auth_keys_check(struct env *env, struct err *e)
{
	struct arena *a = arena_new(4 << 20);
	const uint8_t *key;
	int rc = 0;

	for (size_t m = 0; rc == 0 && env->modules[m] != NULL; m++) {
		const struct table *const *set = env->modules[m]->tables;

		for (; rc == 0 && set != NULL && *set != NULL; set++)
			for (const struct table *t = *set; t->name; t++)
				for (const char *const *c = t->sealed;
				    rc == 0 && c != NULL && *c != NULL; c++)
					rc = column_check(env, a, t->name, *c,
					    e);
	}
	if (rc == 0)
		rc = auth_secret(env, a, AUTH_SECRET_AUDIT, &key, e);
	arena_free(a);
	return rc;
}
