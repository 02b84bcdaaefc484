/*
 * Sessions of browsers: the cookie is a token of its own kind, bound to a
 * session row. It is good for reading with the cookie alone; a write also
 * takes the session's CSRF token and a request from a page of this site.
 */
#ifndef AUTH_COOKIE_H
#define AUTH_COOKIE_H

#include "http/page.h"
#include "modules/auth/access.h"
#include "modules/auth/session.h"

/* Fills c->who and c->csrf from the cookie; nobody when there is none or it is
 * no longer good. -1: 403 for a write that no page of ours can have sent, 503
 * as auth_access_verify(). */
int auth_cookie_authenticate(struct ctx *);

extern const struct route auth_cookie_routes[];
extern const struct page auth_pages[];

#endif
