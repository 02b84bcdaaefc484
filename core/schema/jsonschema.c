/*
 * JSON Schema (2020-12) of a field table, in the style FastAPI writes it with
 * pydantic 2: a title from the name, anyOf null for what may be null, $ref for
 * structs. Describes; validates nothing.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "schema/inner.h"

#define REF "#/components/schemas/"

/* "max_price" becomes "Max Price". */
static void
add_title(struct str *out, const char *name)
{
	bool start = true;

	str_add(out, "\"title\":\"");
	for (; *name != '\0'; name++) {
		if (*name == '_') {
			str_addc(out, ' ');
			start = true;
			continue;
		}
		str_addc(out, start && *name >= 'a' && *name <= 'z' ?
		    *name - 'a' + 'A' : *name);
		start = (*name < 'a' || *name > 'z') &&
		    (*name < 'A' || *name > 'Z');
	}
	str_addc(out, '"');
}

static void
add_bound(struct str *out, const char *key, int64_t bound)
{
	str_addf(out, ",\"%s\":", key);
	str_add_i64(out, bound);
}

static void
add_number(struct str *out, const struct field *f, const char *type)
{
	str_addf(out, "\"type\":\"%s\"", type);
	if (f->type == FT_LIST)
		return;		/* its bounds count items */
	if (field_max(f))
		add_bound(out, f->flags & FF_XMAX ? "exclusiveMaximum" :
		    "maximum", f->max);
	if (field_min(f))
		add_bound(out, f->flags & FF_XMIN ? "exclusiveMinimum" :
		    "minimum", f->min);
}

static void
add_choices(struct str *out, const char *const *oneof)
{
	const char *const *p;

	str_add(out, ",\"enum\":[");
	for (p = oneof; *p != NULL; p++) {
		if (p != oneof)
			str_addc(out, ',');
		str_json(out, *p);
	}
	str_addc(out, ']');
}

static void
add_text(struct str *out, const struct field *f)
{
	str_add(out, "\"type\":\"string\"");
	if (f->oneof != NULL)
		add_choices(out, f->oneof);
	if (f->type == FT_STR && f->min > 0)
		add_bound(out, "minLength", f->min);
	if (f->type == FT_STR && f->max > 0)
		add_bound(out, "maxLength", f->max);
	else if (f->fmt == FMT_URL)
		add_bound(out, "maxLength", 2083);
	if (f->pattern != NULL) {
		str_add(out, ",\"pattern\":");
		str_json(out, f->pattern);
	} else if (f->fmt == FMT_SLUG)
		str_add(out, ",\"pattern\":\"^[A-Za-z0-9._:-]+$\"");
	if (f->fmt == FMT_EMAIL)
		str_add(out, ",\"format\":\"email\"");
	else if (f->fmt == FMT_URL)
		str_add(out, ",\"format\":\"uri\"");
	if (f->flags & FF_SECRET)
		str_add(out, ",\"format\":\"password\",\"writeOnly\":true");
}

/* The inside of {} for a scalar. */
static void
add_scalar(struct str *out, const struct field *f, enum ftype type)
{
	switch (type) {
	case FT_BOOL:
		str_add(out, "\"type\":\"boolean\"");
		break;
	case FT_INT:
		add_number(out, f, "integer");
		break;
	case FT_REAL:
	case FT_DEC:
		add_number(out, f, "number");
		break;
	case FT_STR:
		add_text(out, f);
		break;
	case FT_BLOB:
		str_add(out, "\"type\":\"string\","
		    "\"contentEncoding\":\"base64\"");
		break;
	case FT_UUID:
		str_add(out, "\"type\":\"string\",\"format\":\"uuid\"");
		break;
	case FT_TIME:
		str_addf(out, "\"type\":\"string\",\"format\":\"%s\"",
		    f->fmt == FMT_DATE ? "date" : "date-time");
		break;
	case FT_JSON:
	case FT_SUB:
	case FT_LIST:
		break;
	}
}

static void
add_list(struct str *out, const struct field *f)
{
	str_add(out, "\"items\":{");
	if (f->sub != NULL)
		str_addf(out, "\"$ref\":\"" REF "%s\"", f->sub->name);
	else
		add_scalar(out, f, f->elem);
	str_add(out, "},\"type\":\"array\"");
	if (f->max > 0)
		add_bound(out, "maxItems", f->max);
	if (f->min > 0)
		add_bound(out, "minItems", f->min);
}

static void
add_type(struct str *out, const struct field *f)
{
	if (f->type == FT_SUB)
		str_addf(out, "\"$ref\":\"" REF "%s\"", f->sub->name);
	else if (f->type == FT_LIST)
		add_list(out, f);
	else
		add_scalar(out, f, f->type);
}

/* Members are separated by hand: a type may be empty (any JSON). */
static void
separate(struct str *out)
{
	if (out->p[out->len - 1] != '{')
		str_addc(out, ',');
}

void
field_json_schema(const struct field *f, struct str *out)
{
	str_addc(out, '{');
	if ((f->flags & FF_NULLABLE) && f->type != FT_JSON) {
		str_add(out, "\"anyOf\":[{");
		add_type(out, f);
		str_add(out, "},{\"type\":\"null\"}]");
	} else
		add_type(out, f);
	if (f->type != FT_SUB) {
		separate(out);
		add_title(out, f->name);
	}
	if (f->doc != NULL) {
		str_add(out, ",\"description\":");
		str_json(out, f->doc);
	}
	if (f->def != NULL)
		str_addf(out, ",\"default\":%s", f->def);
	if (f->example != NULL)
		str_addf(out, ",\"examples\":[%s]", f->example);
	if (f->flags & FF_READONLY)
		str_add(out, ",\"readOnly\":true");
	str_addc(out, '}');
}

static bool
shown(const struct field *f, bool input)
{
	return (f->flags & (FF_HIDDEN |
	    (input ? FF_READONLY : FF_SECRET))) == 0;
}

/* Output always has every member; input what is required. */
static void
add_required(const struct schema *s, bool input, struct str *out)
{
	const struct field *f;
	bool first = true;

	for (f = s->fields; f->name != NULL; f++) {
		if (!shown(f, input) || (input && !(f->flags & FF_REQUIRED)))
			continue;
		str_add(out, first ? ",\"required\":[" : ",");
		str_json(out, f->name);
		first = false;
	}
	if (!first)
		str_addc(out, ']');
}

void
schema_json_schema(const struct schema *s, bool input, struct str *out)
{
	const struct field *f;

	str_add(out, "{\"properties\":{");
	for (f = s->fields; f->name != NULL; f++) {
		if (!shown(f, input))
			continue;
		separate(out);
		str_json(out, f->name);
		str_addc(out, ':');
		field_json_schema(f, out);
	}
	str_add(out, "},\"type\":\"object\"");
	add_required(s, input, out);
	str_add(out, ",\"title\":");
	str_json(out, s->name);
	if (s->doc != NULL) {
		str_add(out, ",\"description\":");
		str_json(out, s->doc);
	}
	str_addc(out, '}');
}
