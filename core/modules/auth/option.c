/*
 * Options of commands, taken out of argv so that what is left are the words.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "modules/auth/option.h"

/* Closes the gap of n words at i. */
static void
take(int *argc, char **argv, int i, int n)
{
	for (int k = i; k + n < *argc; k++)
		argv[k] = argv[k + n];
	*argc -= n;
}

const char *
auth_option(int *argc, char **argv, const char *name)
{
	for (int i = 0; i + 1 < *argc; i++)
		if (strcmp(argv[i], name) == 0) {
			const char *value = argv[i + 1];

			take(argc, argv, i, 2);
			return value;
		}
	return NULL;
}

bool
auth_flag(int *argc, char **argv, const char *name)
{
	for (int i = 0; i < *argc; i++)
		if (strcmp(argv[i], name) == 0) {
			take(argc, argv, i, 1);
			return true;
		}
	return false;
}

int
auth_complain(const struct err *e)
{
	fprintf(stderr, "%s%s%s\n", e->detail, e->cause[0] != '\0' ? ": " : "",
	    e->cause);
	return 1;
}
