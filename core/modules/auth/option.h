/*
 * Options of commands: "--name value" and "--flag" anywhere behind the
 * command's own words.
 */
#ifndef AUTH_OPTION_H
#define AUTH_OPTION_H

#include <stdbool.h>

/* Takes the option and its value out of argv; NULL if absent or valueless. */
const char *auth_option(int *argc, char **argv, const char *name);
bool auth_flag(int *argc, char **argv, const char *name);

#endif
