/*
 * Regular expressions of the field tables, compiled once per process: the
 * only state of this layer. The expressions come from our own tables, never
 * from a user.
 */
#include <regex.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "schema/inner.h"

enum { PATTERNS_MAX = 512, PATTERN_MEMORY = 1 << 20 };

struct compiled {
	char *text;		/* NULL: free slot */
	bool valid;
	regex_t re;
};

static struct {
	struct arena *a;
	struct compiled *slot;
	size_t n;
} cache;

static struct compiled *
compiled(const char *pattern)
{
	struct compiled *c;
	size_t i;

	for (i = 0; i < cache.n; i++)
		if (strcmp(cache.slot[i].text, pattern) == 0)
			return &cache.slot[i];
	if (cache.a == NULL) {
		cache.a = arena_new(PATTERN_MEMORY);
		cache.slot = arena_array(cache.a, PATTERNS_MAX,
		    sizeof(*cache.slot));
	}
	ASSERT(cache.n < PATTERNS_MAX);
	c = &cache.slot[cache.n++];
	c->text = arena_strdup(cache.a, pattern);
	c->valid = regcomp(&c->re, pattern, REG_EXTENDED | REG_NOSUB) == 0;
	return c;
}

bool
pattern_valid(const char *pattern)
{
	return compiled(pattern)->valid;
}

bool
pattern_match(const char *pattern, const char *text)
{
	struct compiled *c = compiled(pattern);

	return c->valid && regexec(&c->re, text, 0, NULL, 0) == 0;
}
