/*
 * What commands of this module share. Options are "--name value" and "--flag"
 * anywhere behind the command's own words.
 */
#ifndef AUTH_OPTION_H
#define AUTH_OPTION_H

#include <stdbool.h>

struct arena;
struct env;
struct err;

/* Takes the option and its value out of argv; NULL if absent or valueless. */
const char *auth_option(int *argc, char **argv, const char *name);
bool auth_flag(int *argc, char **argv, const char *name);
/* One line on stderr; returns 1, the exit status. */
int auth_complain(const struct err *);

/* Defines the command `name` as `body` with an arena of its own. */
#define AUTH_COMMAND(name, body) \
static int \
name(struct env *env, int argc, char **argv) \
{ \
	struct arena *a = arena_new(64 << 20); \
	int rc = body(env, a, argc, argv); \
 \
	arena_free(a); \
	return rc; \
}

#endif
