/*
 * What the contract suite derives from the route rows: a request that
 * succeeds, for two tenants whose objects have the same names, and the check
 * of replies against the rows' schemas and against /openapi.json.
 *
 * A route whose values cannot be derived from its fields has a recipe:
 *	{ "auth.password.change", .body = "{\"current_password\":\"$password\"
 *	  ,…}", .flags = CT_FRESH }
 * Words in path and body:
 *	$n		a number, the same in both twins, new in each request
 *	$t		"a" or "b", the twin's letter
 *	$id:NOUN	id of a new object: "<NOUN>.create" is called for it;
 *			without such a route the first of "<NOUN>.list"
 *	$password $email $refresh	the caller's
 *	$session	another session of the caller
 *	$reset		a one-use token, new
 *	others		contract_word()
 */
#ifndef HARNESS_CONTRACT_H
#define HARNESS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "http/route.h"
#include "schema/schema.h"
#include "module.h"
#include "tests/harness/http.h"
#include "tests/harness/stack.h"

enum recipe_flag {
	CT_VOLATILE = 1 << 0,	/* the reply changes by itself */
	CT_FRESH = 1 << 1,	/* the caller is a user made for this call */
	CT_SUPER = 1 << 2,	/* by the first admin of the installation */
	CT_OUTSIDE = 1 << 3,	/* succeeds only with a server outside:
				 * another suite shows it */
	CT_SHARED = 1 << 4,	/* not tenant data: not part of the twins */
	CT_ONCE = 1 << 5	/* a second call is refused by design */
};

struct recipe {
	const char *id;
	const char *path;	/* "name=value&other=value" */
	const char *query;	/* "a=1&b=2" */
	const char *body;
	const char *type;	/* content type of the body */
	unsigned flags;
};

struct actor {
	const char *email, *password, *token, *refresh, *id;
};

struct twin {
	char letter;		/* 'a', 'b' */
	const char *tenant;
	struct actor admin;
	const char *self_key;	/* API key with auth:self only */
	const char *users_key;	/* API key with auth:users only */
	const char *cloud;	/* account with an inventory */
	unsigned n;
};

struct world {
	struct stack *st;
	const struct module *const *modules;
	const struct recipe *recipes;	/* end: .id NULL */
	struct json_object *openapi;
	struct actor super;
	struct twin a, b;
	unsigned failures;
	bool quiet;		/* count without a word */
	const char *at;		/* what is being judged, for messages */
};

/* A request that should succeed. */
struct wanted {
	const struct route *route;
	int alias;
	const char *method, *path, *body, *type;
	const char *token;
	struct actor actor;
};

/* The recipes of the routes that exist (contract_recipes.c). */
extern const struct recipe contract_recipes[];
/* The stack with what the routes need around it (a fake cloud), data for both
 * twins that no route makes (an inventory), and the end of the cloud. */
void contract_stack(struct stack *);
void contract_prepare(struct world *);
void contract_end(void);
/* Words of the recipes that only certain routes know; NULL: no such word. */
const char *contract_word(struct world *, struct twin *, const char *word);

/* Says what is wrong and counts it; the suite goes on. */
void ct_bad(struct world *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes the twins. */
void ct_open(struct world *);
/* All routes in table order; NULL after the last. */
const struct route *ct_route(const struct world *, size_t i);
const struct route *ct_find(const struct world *, const char *id);
const struct recipe *ct_recipe(const struct world *, const struct route *);
unsigned ct_flags(const struct world *, const struct route *);
/* Paths of a row: alias -1 and up; NULL after the last. */
const char *ct_path(const struct route *, int alias);
const char *ct_seed(const struct route *, int alias);	/* NULL: canonical */
/* True if the role "admin" of a tenant may. */
bool ct_tenant_may(const struct world *, const struct route *);

void ct_build(struct world *, struct twin *, const struct route *, int alias,
    struct wanted *);
const struct reply *ct_do(struct world *, const struct wanted *);
/* Both; the reply is validated. NULL body on an unexpected status. */
const struct reply *ct_success(struct world *, struct twin *,
    const struct route *, int alias);
/* Id of a new object of the noun ("auth.user"), "" if none can be made. */
const char *ct_object(struct world *, struct twin *, const char *noun);
/* A user of the twin's tenant with these roles (JSON list), logged in. */
void ct_user(struct world *, struct twin *, const char *roles,
    struct actor *);

/* The reply of that row is what its schema and the document say. */
void ct_validate(struct world *, const struct route *, int alias,
    const struct reply *);
/* {"detail": …} with everything an error must have. */
void ct_validate_error(struct world *, const struct reply *, int status);

/* The 422 entry with this type (NULL: any) whose loc begins with where and
 * member; member NULL: loc is [where]. */
bool ct_entry(const struct reply *, const char *type, const char *where,
    const char *member);

/* JSON value of a field for a request that succeeds; NULL: leave it out. */
const char *ct_value(struct world *, struct twin *, const struct route *,
    const struct field *, bool optional_too);
/* A value the field must refuse; NULL: it takes anything. */
const char *ct_wrong(const struct field *);

#endif
