/*
 * Pages of identity: tables only. How to add one is told in http/page.h.
 */
#include <stddef.h>

#include "modules/auth/cookie.h"

#define LOADS(...) \
	(const struct page_load[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }

const struct page auth_pages[] = {
	{ .path = PAGE_LOGIN, .title = "Log in", .template = "ui/login.html",
	  .flags = PAGE_PUBLIC | PAGE_BARE },
	{ .path = "/ui/auth/users", .title = "Users",
	  .permission = "auth:users", .template = "auth/users.html",
	  .loads = LOADS(
	    { "users", "auth.user.list", "limit=100", LOAD_MAIN },
	    { "roles", "auth.role.list", NULL, 0 }) },
	{ .path = "/ui/auth/keys", .title = "API keys",
	  .permission = "auth:keys", .template = "auth/keys.html",
	  .loads = LOADS(
	    { "keys", "auth.apikey.list", "limit=100", LOAD_MAIN }) },
	{ .path = "/ui/auth/sessions", .title = "Your sessions",
	  .permission = "auth:self", .template = "auth/sessions.html",
	  .loads = LOADS(
	    { "sessions", "auth.session.list", "limit=100", LOAD_MAIN }) },
	{ .path = "/ui/auth/audit", .title = "Audit",
	  .permission = "auth:audit", .template = "auth/audit.html",
	  .loads = LOADS(
	    { "audit", "auth.audit.list", "limit=50", LOAD_MAIN }) },
	{ .path = NULL }
};
