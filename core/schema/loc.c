/*
 * Locations of refused values. Nothing is written while a request decodes
 * well: a location is a chain on the stack, and becomes the JSON array of the
 * answer only when there is an error to report.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "schema/inner.h"

enum { LOC_PARTS = 3 * JSON_DEPTH, LOC_NAME = 256 };

const char *
loc_text(struct arena *a, const struct loc *loc)
{
	const struct loc *part[LOC_PARTS], *l;
	struct str s;
	size_t n = 0;

	for (l = loc; l != NULL && n < LOC_PARTS; l = l->up)
		part[n++] = l;
	str_init(&s, a);
	str_addc(&s, '[');
	while (n-- > 0) {
		if (part[n]->name != NULL)
			str_jsonn(&s, part[n]->name, part[n]->len < LOC_NAME ?
			    part[n]->len : LOC_NAME);
		else
			str_add_i64(&s, (int64_t)part[n]->idx);
		if (n > 0)
			str_addc(&s, ',');
	}
	str_addc(&s, ']');
	return s.p;
}

/* Short enough for an integer that reads back the same. */
static bool
all_digits(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n < 18 && s[n] == '\0' && (n == 1 || s[0] != '0');
}

const char *
loc_json(struct arena *a, const char *const *parts, size_t n)
{
	struct str s;
	size_t i;

	str_init(&s, a);
	str_addc(&s, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		if (all_digits(parts[i]))
			str_add(&s, parts[i]);
		else
			str_json(&s, parts[i]);
	}
	str_addc(&s, ']');
	return s.p;
}
