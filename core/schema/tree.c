/*
 * JSON values to walk through: json-c's objects under another name, so that
 * nothing above this layer knows the library. Refuses text that is no JSON.
 */
#include <json-c/json.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "schema/tree.h"

enum { TREE_DEPTH = 40 };

static struct json_object *
object(const struct tree *t)
{
	return (struct json_object *)(uintptr_t)t;
}

static void
put(void *arg)
{
	json_object_put(arg);
}

int
tree_parse(struct arena *a, const char *text, size_t n,
    const struct tree **out, struct err *e)
{
	struct json_tokener *tok = json_tokener_new_ex(TREE_DEPTH);
	struct json_object *j;
	enum json_tokener_error rc;

	if (tok == NULL)
		return err_set(e, 500, "internal", "Internal server error");
	j = json_tokener_parse_ex(tok, text, (int)n);
	if (json_tokener_get_error(tok) == json_tokener_continue)
		j = json_tokener_parse_ex(tok, "", 1);
	rc = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (rc != json_tokener_success) {
		json_object_put(j);
		err_set(e, 500, "internal", "Internal server error");
		return err_cause(e, "not JSON: %s",
		    json_tokener_error_desc(rc));
	}
	if (j != NULL)
		arena_defer(a, put, j);
	*out = (const struct tree *)j;
	return 0;
}

enum tree_kind
tree_kind(const struct tree *t)
{
	switch (json_object_get_type(object(t))) {
	case json_type_null:
		break;
	case json_type_boolean:
		return TREE_BOOL;
	case json_type_int:
	case json_type_double:
		return TREE_NUMBER;
	case json_type_string:
		return TREE_TEXT;
	case json_type_array:
		return TREE_LIST;
	case json_type_object:
		return TREE_OBJECT;
	}
	return TREE_NONE;
}

const struct tree *
tree_get(const struct tree *t, const char *name)
{
	struct json_object *j;

	if (tree_kind(t) != TREE_OBJECT ||
	    !json_object_object_get_ex(object(t), name, &j))
		return NULL;
	return (const struct tree *)j;
}

size_t
tree_count(const struct tree *t)
{
	switch (tree_kind(t)) {
	case TREE_LIST:
		return json_object_array_length(object(t));
	case TREE_OBJECT:
		return (size_t)json_object_object_length(object(t));
	default:
		return 0;
	}
}

const struct tree *
tree_at(const struct tree *t, size_t i, const char **name)
{
	*name = NULL;
	if (tree_kind(t) == TREE_LIST)
		return (const struct tree *)json_object_array_get_idx(
		    object(t), i);
	if (tree_kind(t) == TREE_OBJECT) {
		json_object_object_foreach(object(t), key, val) {
			if (i-- > 0)
				continue;
			*name = key;
			return (const struct tree *)val;
		}
	}
	return NULL;
}

const char *
tree_text(const struct tree *t)
{
	const char *s;

	switch (tree_kind(t)) {
	case TREE_BOOL:
		return json_object_get_boolean(object(t)) ? "true" : "false";
	case TREE_NUMBER:	/* a real's own text is kept beside it */
	case TREE_TEXT:
		s = json_object_get_string(object(t));
		return s != NULL ? s : "";
	default:
		return "";
	}
}

bool
tree_true(const struct tree *t)
{
	switch (tree_kind(t)) {
	case TREE_NONE:
		return false;
	case TREE_BOOL:
		return json_object_get_boolean(object(t));
	case TREE_NUMBER:
		return json_object_get_double(object(t)) != 0;
	case TREE_TEXT:
		return json_object_get_string_len(object(t)) > 0;
	default:
		return tree_count(t) > 0;
	}
}

void
tree_pretty(const struct tree *t, struct str *out)
{
	str_add(out, json_object_to_json_string_ext(object(t),
	    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
}
