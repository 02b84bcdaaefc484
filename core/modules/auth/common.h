/*
 * What the handlers of this module share: inputs that several routes have, and
 * questions about the caller.
 */
#ifndef AUTH_COMMON_H
#define AUTH_COMMON_H

#include "http/http.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"

/* One row of a list, by the identifier in the path. */
struct auth_id_in {
	struct uuid id;
};
extern const struct schema auth_id_in_schema;

/* A page of a list without filters. */
struct auth_page_in {
	struct page_in page;
};
extern const struct schema auth_page_in_schema;

/* What the audit row is about. */
void auth_target(struct ctx *, const char *kind, struct uuid id);
/* Where the request comes from. */
struct auth_client auth_client_of(struct ctx *);
/* 403 unless a person with a session asks. */
int auth_need_session(struct ctx *);
/* Refuses after auth_prove(): a wrong password is counted, whatever else is
 * rolled back. */
int auth_not_proved(struct ctx *, const struct auth_proof *);

#endif
