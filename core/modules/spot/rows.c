/*
 * Small things that several nouns need: counts, lists of names in a column,
 * "not found", the names of products. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/spot/rows.h"

static const struct field count_fields[] = {
	FIELD(struct spot_count, n, .doc = "Rows"), FIELD_END
};
const struct schema spot_count_schema = {
	.name = "SpotCount", .doc = "A number of rows",
	.size = sizeof(struct spot_count), .fields = count_fields
};

static const struct field id_fields[] = {
	FIELD(struct spot_id_in, id, .flags = FF_REQUIRED,
	    .doc = "Identifier"), FIELD_END
};
const struct schema spot_id_in_schema = {
	.name = "SpotId", .doc = "One row of a list",
	.size = sizeof(struct spot_id_in), .fields = id_fields
};

struct list
spot_names_split(struct arena *a, const char *text)
{
	VEC(const char *) v = { 0 };

	for (const char *p = text; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (n > 0)
			*VEC_ADD(a, &v) = arena_strndup(a, p, n);
		p += n;
		if (*p == ',')
			p++;
	}
	return (struct list){ v.v, v.n };
}

const char *
spot_names_join(struct arena *a, struct list l)
{
	const char *const *v = l.items;
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < l.n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_add(&s, v[i]);
	}
	return s.p;
}

int
spot_found(int rc, const char *noun, struct err *e)
{
	return db_found(rc, noun, e);
}

bool
spot_db_away(const struct err *e)
{
	return e->status == 503 && e->code != NULL &&
	    strncmp(e->code, "db_", 3) == 0;
}

const char *
spot_product(const char *p)
{
	if (p == NULL || *p == '\0' || strncmp(p, "Linux/UNIX", 10) == 0 ||
	    strcmp(p, "Linux") == 0)
		return "Linux/UNIX";
	if (strncmp(p, "Windows (Amazon VPC)", 20) == 0)
		return "Windows";
	return p;
}
