/*
 * What the model files of this module share.
 */
#ifndef AUTH_ROWS_H
#define AUTH_ROWS_H

#include "db/db.h"

/* One number of a statement: "SELECT COUNT(*) AS n …". */
struct auth_count {
	int64_t n;
};
extern const struct schema auth_count_schema;

/* Text from outside as a column of max bytes takes it: cut at a character,
 * bytes that are not UTF-8 as '?'. */
const char *auth_fit(struct arena *, const char *, size_t max);
/* Digest under which one-use tokens are stored. */
struct blob auth_token_hash(struct arena *, const char *token);
/* Random token text with a prefix that says what it is for. */
const char *auth_token_make(struct arena *, const char *prefix);

#endif
