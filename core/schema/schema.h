/*
 * One field table per struct. It drives JSON, forms and query strings in and
 * out, validation with FastAPI's 422 entries, SQL rows, CSV/NDJSON, templates
 * and OpenAPI. The field type is inferred from the struct member, so table
 * and struct cannot disagree. SQL columns, JSON members and struct members
 * share one name unless .column says otherwise.
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "base/err.h"
#include "base/types.h"
#include "base/val.h"

struct arena;
struct str;
struct schema;

enum ftype {
	FT_BOOL = 1, FT_INT, FT_REAL, FT_STR, FT_BLOB, FT_DEC, FT_UUID,
	FT_TIME, FT_JSON,
	FT_SUB,			/* pointer to a struct described by .sub */
	FT_LIST			/* struct list of .sub structs or .elem scalars */
};

enum fmt {
	FMT_NONE,
	FMT_EMAIL,		/* name@host.tld */
	FMT_SLUG,		/* [A-Za-z0-9._:-]+, the caller's own ids */
	FMT_URL,		/* http(s) URL with host */
	FMT_DATE		/* FT_TIME written as YYYY-MM-DD */
};

enum field_flag {
	FF_REQUIRED = 1 << 0,	/* absent on input is "missing" */
	FF_NULLABLE = 1 << 1,	/* JSON null / SQL NULL allowed */
	FF_READONLY = 1 << 2,	/* never taken from input */
	FF_SECRET   = 1 << 3,	/* input only: never encoded, logged or echoed */
	FF_HIDDEN   = 1 << 4,	/* SQL column only: not part of the JSON */
	FF_NOSQL    = 1 << 5,	/* JSON member only: not a column */
	FF_XMIN     = 1 << 6,	/* .min is exclusive (gt) */
	FF_XMAX     = 1 << 7,	/* .max is exclusive (lt) */
	FF_LOWER    = 1 << 8,	/* text is lower-cased after decoding */
	FF_STRICT   = 1 << 9,	/* no pydantic-style coercion from text */
	FF_KEY      = 1 << 10	/* natural key: import upserts by these fields */
};

enum { FIELD_NOHAS = -1 };

struct field {
	const char *name;	/* member name in JSON, form and query */
	const char *doc;	/* sentence for OpenAPI and --help */
	size_t off;		/* offset of the member */
	enum ftype type;
	enum fmt fmt;
	unsigned flags;		/* enum field_flag */
	/* Numbers: bounds; text: length in code points; lists: item count.
	 * min = max = 0: unbounded (text then at most 64 KiB). */
	int64_t min, max;
	const char *const *oneof;	/* NULL-terminated choices for text */
	const char *pattern;	/* POSIX extended regex; write ^ and $ */
	const struct schema *sub;
	enum ftype elem;	/* FT_LIST without .sub: type of the items */
	const char *column;	/* SQL column when it differs from name */
	const char *def;	/* default as JSON text, applied when absent */
	const char *example;	/* JSON text for the docs */
	const char *ref;	/* "auth_user": id of a row of this table, checked
				 * with the tenant by the noun's own query */
	size_t has;		/* 1 + offset of a bool "has_x", 0 = none: tells
				 * null or absent from zero */
};

struct schema {
	const char *name;	/* OpenAPI component: "SpotAccount" */
	const char *doc;
	size_t size;		/* sizeof the struct */
	const struct field *fields;	/* ends with FIELD_END, at most 64 */
	/* Rules over several fields; uses err_field(). May be NULL. */
	int (*check)(const void *obj, struct arena *, struct err *);
};

#define FTYPE_OF(T, m) _Generic(((T *)0)->m, bool: FT_BOOL, \
	int64_t: FT_INT, double: FT_REAL, const char *: FT_STR, \
	struct blob: FT_BLOB, struct dec: FT_DEC, struct uuid: FT_UUID, \
	struct utc: FT_TIME, struct json: FT_JSON, struct list: FT_LIST, \
	const void *: FT_SUB)
/* FIELD(struct x, member, .doc = "...", ...): options may be left out. */
#define FIELD(...) FIELD_OF(__VA_ARGS__, )
#define FIELD_OF(T, m, ...) { .name = #m, .off = offsetof(T, m), \
	.type = FTYPE_OF(T, m), __VA_ARGS__ }
/* The same for a member of a struct inside T: FIELD_IN(T, user., email, …), so
 * that a reply can extend a row without naming its fields again. */
#define FIELD_IN(T, at, m, ...) { .name = #m, .off = offsetof(T, at m), \
	.type = FTYPE_OF(T, at m), __VA_ARGS__ }
#define FIELD_HAS(T, m) .has = 1 + offsetof(T, m)
#define FIELD_END { .name = NULL }
#define ONEOF(...) (const char *const[]){ __VA_ARGS__, NULL }

size_t schema_count(const struct schema *);
/* Index of a field by JSON name or by column; -1 none. */
int schema_find(const struct schema *, const char *name);
int schema_find_column(const struct schema *, const char *column);
/* Index of the field with this member offset; for SEEN(). -1 none. */
int schema_at(const struct schema *, size_t off);
/* True if a PATCH sent the member: SEEN(seen, schema, struct x, member). */
#define SEEN(mask, s, T, m) \
	(((mask) >> schema_at((s), offsetof(T, m))) & 1)

/* Checks the table itself: duplicate names, missing sub, > 64 fields, list
 * without element. For route verification at start. */
int schema_verify(const struct schema *, struct err *);

/* ---- input ---------------------------------------------------------- */

enum body_kind { BODY_NONE, BODY_JSON, BODY_FORM };

/* Where one request's values come from. A field named in path[] is read
 * there, else from query[] when from_query, else from the body. */
struct schema_input {
	const struct pair *path;
	size_t npath;
	const struct pair *query;
	size_t nquery;
	enum body_kind kind;
	const char *body;	/* need not be NUL-terminated */
	size_t body_len;
	bool from_query;	/* GET, HEAD, DELETE */
	bool body_absent;	/* no body at all was sent */
	bool forbid_extra;	/* unknown body members are extra_forbidden */
	size_t max_values;	/* JSON values allowed; 0 = 10,000 */
};

/* Decodes into out (s->size bytes, zeroed first); sets bit i of *seen for
 * each field that was present. Collects all field errors (422); text lives in
 * the arena. Body members are judged by their text: NaN, infinities, numbers
 * out of range, duplicate members, NUL and lone surrogates are errors. */
int schema_decode(const struct schema *, const struct schema_input *,
    struct arena *, void *out, uint64_t *seen, struct err *);
/* One JSON object text (config rows, NDJSON lines, job arguments). loc_root
 * starts each loc ("body", "line 3"). */
int schema_decode_json(const struct schema *, const char *text, size_t n,
    const char *loc_root, bool forbid_extra, struct arena *, void *out,
    uint64_t *seen, struct err *);
/* Named text cells (CSV with header). */
int schema_decode_pairs(const struct schema *, const struct pair *, size_t n,
    const char *loc_root, bool forbid_extra, struct arena *, void *out,
    uint64_t *seen, struct err *);
/* The scan alone: is this text acceptable JSON? Errors as above (json_invalid
 * with Python's words and position, or our own types). */
int json_scan(const char *text, size_t n, size_t max_values,
    const char *loc_root, struct arena *, struct err *);
/* ["a","b",0] from text parts; a part that is all digits becomes a number. */
const char *loc_json(struct arena *, const char *const *parts, size_t n);

/* ---- output --------------------------------------------------------- */

/* Appends the object as compact JSON: field order, secrets and hidden fields
 * left out, nullable empties as null. */
void schema_encode(const struct schema *, const void *obj, struct str *);
/* One header line / one row of CSV. */
void schema_csv_header(const struct schema *, struct str *);
void schema_csv_row(const struct schema *, const void *obj, struct str *);
/* Field as text for templates and terminals ("" when null). */
void schema_text(const struct field *, const void *obj, struct str *);
/* Field as a statement parameter. */
struct val schema_val(const struct field *, const void *obj);
/* Stores a value read from a database column into the member, with range and
 * type checks; -1 if it does not fit. Copies text into the arena. */
int schema_store(const struct field *, void *obj, struct val,
    struct arena *, struct err *);

/* ---- JSON Schema ---------------------------------------------------- */

/* Appends the JSON Schema (2020-12) of the struct as FastAPI writes it.
 * input: read-only members left out, secrets kept; else the reverse. */
void schema_json_schema(const struct schema *, bool input, struct str *);
/* Schema of a single field (path and query parameters). */
void field_json_schema(const struct field *, struct str *);
/* Calls fn once for s and every schema it refers to, each once. */
void schema_each(const struct schema *, void (*fn)(const struct schema *,
    void *), void *arg);

#endif
