/*
 * The environment of a program, for tests that call use-cases in front of a
 * real database: settings by overrides, no file.
 */
#ifndef HARNESS_ENV_H
#define HARNESS_ENV_H

#include "db/env.h"

struct module;
struct settings;

struct env_options {
	const struct module *const *modules;
	const struct settings *const *groups;
	const char *const *over;	/* "trade.live=true"; NULL = none */
	char *const *vars;		/* environment; NULL = empty */
	const char *key;		/* of the key ring and for calls to the
					 * outside; NULL = neither */
	const char *db;			/* migrated already; NULL = none */
};
/* Lives in this arena. Fails the test on any trouble. */
struct env env_open(struct arena *, const struct env_options *);

#endif
