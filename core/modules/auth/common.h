/*
 * What the handlers of this module share: inputs that several routes have, and
 * questions about the caller.
 */
#ifndef AUTH_COMMON_H
#define AUTH_COMMON_H

#include "http/http.h"
#include "modules/auth/rows.h"
#include "modules/auth/session.h"

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
