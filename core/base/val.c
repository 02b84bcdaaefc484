/*
 * Constructors of tagged values. They borrow text and bytes and never copy;
 * the "none" value of each type becomes VT_NULL.
 */
#include <string.h>

#include "base/val.h"

struct val
val_null(void)
{
	return (struct val){ .type = VT_NULL };
}

struct val
val_b(bool b)
{
	return (struct val){ .type = VT_BOOL, .b = b };
}

struct val
val_i(int64_t i)
{
	return (struct val){ .type = VT_INT, .i = i };
}

struct val
val_r(double r)
{
	return (struct val){ .type = VT_REAL, .r = r };
}

struct val
val_s(const char *s)
{
	return s == NULL ? val_null() : val_sn(s, strlen(s));
}

struct val
val_sn(const char *s, size_t n)
{
	return (struct val){ .type = VT_STR, .s = { s, n } };
}

struct val
val_blob(struct blob b)
{
	if (b.p == NULL)
		return val_null();
	return (struct val){ .type = VT_BLOB, .s = b };
}

struct val
val_dec(struct dec d)
{
	return (struct val){ .type = VT_DEC, .d = d };
}

struct val
val_uuid(struct uuid u)
{
	static const struct uuid nil;

	if (memcmp(&u, &nil, sizeof(u)) == 0)
		return val_null();
	return (struct val){ .type = VT_UUID, .u = u };
}

struct val
val_id(struct uuid u)
{
	return (struct val){ .type = VT_UUID, .u = u };
}

struct val
val_utc(struct utc t)
{
	if (t.us == 0)
		return val_null();
	return (struct val){ .type = VT_TIME, .t = t };
}

struct val
val_json(struct json j)
{
	return val_s(j.p);
}
