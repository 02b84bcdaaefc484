/*
 * What the commands of this module share: one line for an error, exit status
 * 2 for a wrong call, options by name.
 */
#ifndef PLATFORM_TERMINAL_H
#define PLATFORM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/principal.h"

struct env;
struct err;
struct str;

/* "quincunx: sentence: cause" on stderr; returns 1. */
int platform_terminal_error(const struct err *);
/* "usage: quincunx …" on stderr; returns 2. */
int platform_terminal_usage(const char *);
/* Whether stdout is a terminal that wants colours (NO_COLOR is unset). */
bool platform_terminal_colour(void);
/* All of it to stdout; 0, or 1 when that failed. */
int platform_terminal_write(const struct str *);

/* Options "--name value", "--name=value" and flags, then words. */
struct option_walk {
	int argc, i;
	char **argv;
};
/* True if the argument under the walk is this option: *value is set and the
 * walk has moved on. NULL value: a flag without one. */
bool platform_terminal_option(struct option_walk *, const char *name,
    const char **value);
/* The same for a word that is no option. */
bool platform_terminal_word(struct option_walk *, const char **value);

/* Whose rows a command is about: "--tenant NAME|ID" (by default the first
 * tenant) or "--installation"; and "--json". */
struct platform_terminal_scope {
	const char *tenant;
	bool installation, json;
	struct principal who;		/* the terminal, in that tenant */
};
bool platform_terminal_scope(struct option_walk *, struct platform_terminal_scope *);
/* Fills who; 0, or -1 with 404. */
int platform_terminal_tenant(struct env *, struct platform_terminal_scope *, struct err *);

#endif
