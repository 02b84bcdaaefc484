/*
 * Any bytes as a form body, and as a query string: fields decode or are
 * refused, errors are well-formed and never repeat the secret.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "base/types.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct login {
	const char *user, *password, *mail;
	bool remember;
	int64_t n;
	double r;
	struct uuid id;
	struct list tags, nums;
	struct json j;
};

static const struct field login_fields[] = {
	FIELD(struct login, user, .flags = FF_REQUIRED, .min = 1, .max = 9),
	FIELD(struct login, password, .flags = FF_REQUIRED | FF_SECRET,
	    .min = 3, .max = 12),
	FIELD(struct login, mail, .fmt = FMT_EMAIL),
	FIELD(struct login, remember),
	FIELD(struct login, n, .def = "1", .max = 50),
	FIELD(struct login, r),
	FIELD(struct login, id),
	FIELD(struct login, tags, .elem = FT_STR, .max = 3),
	FIELD(struct login, nums, .elem = FT_INT),
	FIELD(struct login, j, .flags = FF_NULLABLE),
	FIELD_END
};
static const struct schema login_schema = { .name = "Login",
	.size = sizeof(struct login), .fields = login_fields };

/* The text of the last password sent, if it cannot stand there for another
 * reason. */
static const char *
secret_of(const struct pair *p, size_t n)
{
	const char *s = NULL;
	size_t i, same = 0;

	for (i = 0; i < n; i++)
		if (strcmp(p[i].name, "password") == 0)
			s = p[i].value;
	if (s == NULL || strlen(s) < 6)
		return NULL;
	for (i = 0; i < n; i++)
		same += strstr(p[i].name, s) != NULL ||
		    strstr(p[i].value, s) != NULL;
	return same > 1 || strpbrk(s, "\"\\*") != NULL ||
	    strstr("redacted password remember", s) != NULL ? NULL : s;
}

static void
check_error(const struct err *e, const char *secret)
{
	struct json_object *j;
	size_t i;

	ASSERT(e->status == 422 && e->nfields > 0);
	for (i = 0; i < e->nfields; i++) {
		j = json_tokener_parse(e->fields[i].loc);
		ASSERT(json_object_is_type(j, json_type_array));
		json_object_put(j);
		j = json_tokener_parse(e->fields[i].input);
		ASSERT(j != NULL || strcmp(e->fields[i].input, "null") == 0);
		json_object_put(j);
		ASSERT(secret == NULL ||
		    strstr(e->fields[i].input, secret) == NULL);
	}
}

static void
try_one(const struct schema_input *in, struct arena *a, const char *secret)
{
	struct err e = { 0 };
	struct login l;
	struct str s;
	uint64_t seen;

	if (schema_decode(&login_schema, in, a, &l, &seen, &e) == -1) {
		check_error(&e, secret);
		return;
	}
	str_init(&s, a);
	schema_encode(&login_schema, &l, &s);
	ASSERT(utf8_valid(s.p, s.len));
	ASSERT(utf8_valid(l.user, strlen(l.user)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct arena *a = arena_new(256 * 1024 * 1024);
	struct schema_input in = { .kind = BODY_FORM,
		.body = (const char *)bytes, .body_len = n,
		.forbid_extra = true };
	struct pair *pairs = NULL;
	const char *secret = NULL;
	size_t np = 0;

	if (url_pairs(a, in.body, n, &pairs, &np) == 0)
		secret = secret_of(pairs, np);
	try_one(&in, a, secret);
	in = (struct schema_input){ .from_query = true, .query = pairs,
		.nquery = np };
	try_one(&in, a, secret);
	arena_free(a);
	return 0;
}
