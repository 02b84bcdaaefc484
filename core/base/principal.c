/*
 * The one place that decides whether a list of grants covers a permission.
 * Nobody in particular has no grants; a missing list grants nothing.
 */
#include <string.h>

#include "base/principal.h"

/* "*" covers all, "spot:*" all that starts with "spot:", others themselves. */
static bool
covers(const char *grant, const char *perm)
{
	size_t n = strlen(grant);

	if (strcmp(grant, "*") == 0 || strcmp(grant, perm) == 0)
		return true;
	return n > 2 && strcmp(grant + n - 2, ":*") == 0 &&
	    strncmp(grant, perm, n - 1) == 0;
}

bool
principal_may(const struct principal *p, const char *perm)
{
	const char *const *g;

	if (perm == NULL)
		return true;
	if (p == NULL || p->kind == PRINCIPAL_NONE || p->permissions == NULL)
		return false;
	for (g = p->permissions; *g != NULL; g++)
		if (covers(*g, perm))
			return true;
	return false;
}
