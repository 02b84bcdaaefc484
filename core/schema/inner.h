/*
 * Shared by the files of core/schema only; everybody else uses schema.h.
 */
#ifndef SCHEMA_INNER_H
#define SCHEMA_INNER_H

#include "schema/schema.h"

struct arena;
struct str;
struct json_object;

enum {
	JSON_DEPTH = 32,	/* nested arrays and objects */
	JSON_VALUES = 10000,	/* values of one text, unless told */
	TEXT_MAX = 65536,	/* code points of text without a bound */
	ECHO_MAX = 4096,	/* longest refused value repeated to the client */
	FIELDS_MAX = 64		/* bits of seen */
};

/* Where a value stands; the chain is turned into text only for an error. */
struct loc {
	const struct loc *up;
	const char *name;	/* NULL: item number idx */
	size_t len;		/* of the name */
	size_t idx;
};

const char *loc_text(struct arena *, const struct loc *);

/* A value before it has a type of ours. */
enum raw_kind {
	RAW_ABSENT, RAW_NULL, RAW_BOOL, RAW_INT, RAW_REAL, RAW_STR, RAW_LIST,
	RAW_OBJ
};

struct raw {
	enum raw_kind kind;
	int64_t i;		/* RAW_BOOL, RAW_INT */
	const char *s;		/* RAW_REAL: its text; RAW_STR: NUL-terminated */
	size_t n;
	struct json_object *j;	/* RAW_LIST, RAW_OBJ */
};

/* A refused array or object: repeated once everything secret is out of it. */
struct pending {
	size_t at;		/* index in err->fields */
	struct json_object *j;
};

/* One decoding under way. */
struct decoder {
	struct arena *a;
	struct err *err;
	const struct schema *top;
	bool forbid_extra;
	bool cells;		/* CSV: empty cell is null, JSON inside cells */
	size_t max_values;
	size_t nerr;		/* all errors so far */
	struct pending pending[ERR_FIELDS];
	size_t npending;
};

struct raw raw_of(struct json_object *);
struct raw raw_text(const char *);

/* One refused value. msg and type are static or in the arena; ctx may be
 * NULL. Returns -1. */
int refuse(struct decoder *, const struct field *, const struct loc *,
    const char *type, const char *msg, const struct raw *input,
    const char *ctx);
/* "missing", input as FastAPI has it: JSON text or (j) the whole object. */
int refuse_missing(struct decoder *, const struct loc *, const char *input,
    struct json_object *j);
/* A member that the table does not know. */
void refuse_unknown(struct decoder *, const struct loc *, const struct raw *);
/* {"key": n} as ctx. */
const char *ctx_num(struct decoder *, const char *key, const char *number);
const char *ctx_str(struct decoder *, const char *key, const char *text);
/* Fills in the inputs that were left pending, without secrets. */
void echo_finish(struct decoder *);
/* True if some field below the top schema with this name is secret. */
bool echo_secret(const struct schema *top, const char *name);

/* One scalar into *member, of the given type (the field's, or its items'). */
int value_store(struct decoder *, const struct field *, enum ftype,
    const struct loc *, const struct raw *, void *member);
/* Formats of text; -1 = refused and recorded. */
int value_format(struct decoder *, const struct field *, const struct loc *,
    const struct raw *, const char *text, size_t n);
int value_time(struct decoder *, const struct field *, const struct loc *,
    const struct raw *, struct utc *out);
int value_uuid(struct decoder *, const struct field *, const struct loc *,
    const struct raw *, struct uuid *out);
/* Bounds that are in force. */
bool field_min(const struct field *);
bool field_max(const struct field *);
/* The text matches the extended expression. Compiled once per process. */
bool pattern_match(const char *pattern, const char *text);
bool pattern_valid(const char *pattern);

/* Scan, then json-c. The object is freed with the arena. */
int json_parse(struct decoder *, const char *, size_t n,
    const struct loc *, struct raw *out);
int scan_text(const char *, size_t n, size_t max_values, const struct loc *,
    struct arena *, struct err *);
/* Decodes a value (any type, also lists and structs) into the member. */
int decode_member(struct decoder *, const struct field *, const struct loc *,
    const struct raw *, void *obj);

/* A field that was not sent: default or "missing" (input as in
 * refuse_missing()). */
void decode_absent(struct decoder *, const struct field *,
    const struct loc *, const char *input, struct json_object *j, void *obj);
/* The rules over several fields, once each field is right by itself: nerr is
 * the count of errors before its first one. */
void check_struct(struct decoder *, const struct schema *, const void *obj,
    size_t nerr);
int list_count(struct decoder *, const struct field *, const struct loc *,
    const struct raw *, size_t n);
/* n zeroed items, already in the list member of obj. */
void *list_items(struct decoder *, const struct field *, size_t n, void *obj);
void refuse_extra(struct decoder *, const struct schema *,
    struct json_object *, const struct loc *up);
bool takes_input(const struct field *);

size_t elem_size(const struct field *);
/* Types that live in a FT_LIST without .sub. */
size_t type_size(enum ftype);
/* The member is null: empty and allowed to be. */
bool field_null(const struct field *, const void *obj);
void field_set_has(const struct field *, void *obj, bool);
/* Appends one scalar as JSON. */
void encode_scalar(const struct field *, enum ftype, const void *, struct str *);
/* Appends the member as JSON, whatever its type. */
void encode_member(const struct field *, const void *obj, struct str *);

static inline const void *
member_of(const struct field *f, const void *obj)
{
	return (const char *)obj + f->off;
}

#endif
