/*
 * Whether an instance may be touched, by its tags. Pure. The tags are JSON of
 * our own making, so a key is what stands behind '{' or ',' and a quote.
 */
#include <string.h>
#include <strings.h>

#include "modules/spot/instance.h"

static const char MANAGED[] = "\"ManagedBy\":\"", OURS[] = "spotoptimizer\"";

static bool
managed(const char *tags)
{
	for (const char *p = tags; (p = strstr(p, MANAGED)) != NULL; p++)
		if (p > tags && (p[-1] == '{' || p[-1] == ',') &&
		    strncasecmp(p + sizeof(MANAGED) - 1, OURS,
		    sizeof(OURS) - 1) == 0)
			return true;
	return false;
}

static bool
has_key(const char *tags, const char *key, size_t n)
{
	for (const char *p = tags; (p = strchr(p, '"')) != NULL; p++)
		if (p > tags && (p[-1] == '{' || p[-1] == ',') &&
		    strncmp(p + 1, key, n) == 0)
			return true;
	return false;
}

const char *
spot_instance_auth(const char *tags, const char *asg)
{
	static const char *const eks[] = { "eks:", "aws:eks:",
	    "kubernetes.io/cluster/" };

	if (*asg != '\0' || managed(tags))
		return "AUTHORIZED";
	for (size_t i = 0; i < sizeof(eks) / sizeof(eks[0]); i++)
		if (has_key(tags, eks[i], strlen(eks[i])))
			return "AUTHORIZED";
	return "UNAUTHORIZED";
}
