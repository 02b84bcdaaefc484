/*
 * What the commands of this module share: one line for an error, exit status
 * 2 for a wrong call, options by name.
 */
#ifndef PLATFORM_TERMINAL_H
#define PLATFORM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct str;

/* "quincunx: sentence: cause" on stderr; returns 1. */
int platform_terminal_error(const struct err *);
/* "usage: quincunx …" on stderr; returns 2. */
int platform_terminal_usage(const char *);
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

#endif
