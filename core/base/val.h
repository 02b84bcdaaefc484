/*
 * A tagged value: statement parameters and structured log fields.
 * V(x) infers the tag from the C type.
 */
#ifndef BASE_VAL_H
#define BASE_VAL_H

#include "base/types.h"

enum vtype {
	VT_NULL, VT_BOOL, VT_INT, VT_REAL, VT_STR, VT_BLOB, VT_DEC, VT_UUID,
	VT_TIME
};

struct val {
	enum vtype type;
	union {
		bool b;
		int64_t i;
		double r;
		struct blob s;	/* VT_STR and VT_BLOB */
		struct dec d;
		struct uuid u;
		struct utc t;
	};
};

struct val val_null(void);
struct val val_b(bool);
struct val val_i(int64_t);
struct val val_r(double);
struct val val_s(const char *);		/* NULL gives VT_NULL */
struct val val_sn(const char *, size_t);
struct val val_blob(struct blob);	/* p NULL gives VT_NULL */
struct val val_dec(struct dec);
struct val val_uuid(struct uuid);	/* all zero gives VT_NULL */
struct val val_id(struct uuid);		/* all zero stays sixteen zeros */
struct val val_utc(struct utc);		/* 0 gives VT_NULL */
struct val val_json(struct json);	/* NULL gives VT_NULL */

#define V(x) _Generic((x), bool: val_b, \
	char: val_i, signed char: val_i, unsigned char: val_i, \
	short: val_i, unsigned short: val_i, int: val_i, unsigned: val_i, \
	long: val_i, unsigned long: val_i, long long: val_i, \
	unsigned long long: val_i, double: val_r, char *: val_s, \
	const char *: val_s, struct blob: val_blob, struct dec: val_dec, \
	struct uuid: val_uuid, struct utc: val_utc, struct json: val_json)(x)

/* ARGS(V(a), V(b)) expands to the two arguments "values, count". */
#define ARGS(...) (const struct val[]){ __VA_ARGS__ }, \
	sizeof((const struct val[]){ __VA_ARGS__ }) / sizeof(struct val)
#define NO_ARGS NULL, 0

#endif
