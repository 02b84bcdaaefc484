/*
 * The installation's own secrets: random keys made once, kept in the database
 * sealed with the key ring, so that they outlive a rotation of ENCRYPTION_KEY
 * and a copy of the database alone is worth nothing.
 */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include "db/db.h"
#include "db/env.h"

enum auth_secret_use {
	AUTH_SECRET_REFRESH,		/* refresh tokens */
	AUTH_SECRET_APIKEY,		/* stored form of API keys */
	AUTH_SECRET_AUDIT,		/* seal of the audit trail */
	AUTH_SECRETS
};
struct auth_secrets {
	bool loaded;
	uint8_t key[AUTH_SECRETS][32];
};

struct auth_secret {
	struct uuid id;
	const char *name, *value;	/* value: sealed */
	struct utc created_at;
};
extern const struct schema auth_secret_schema;
extern const struct query *const auth_secret_queries[];

int auth_secret_all(struct db *, struct arena *, struct rows *, struct err *);
int auth_secret_insert(struct db *, const struct auth_secret *, struct err *);
/* Key ids that occur in a sealed column of a table. */
int auth_sealed_ids(struct env *, struct arena *, const char *table,
    const char *column, struct rows *, struct err *);
struct auth_sealed_id {
	const char *key_id;
};

/* 32 bytes that belong to the process. Makes missing ones, but never inside a
 * transaction that could take them back. */
int auth_secret(struct env *, struct arena *, enum auth_secret_use,
    const uint8_t **key, struct err *);

#endif
