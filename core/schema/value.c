/*
 * One scalar into one member, with pydantic's lax rules: text becomes a
 * number where a number is wanted, true becomes 1, 1.0 becomes 1; a number
 * never becomes text. What does not fit is refused in pydantic's words;
 * nothing is clamped or rounded. FF_STRICT turns the conversions off.
 */
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/str.h"
#include "schema/inner.h"

/* What every conversion below gets. */
struct conv {
	struct decoder *d;
	const struct field *f;
	const struct loc *loc;
	const struct raw *raw;
	bool bare;		/* no conversions from other kinds */
};

static int
bad(const struct conv *c, const char *type, const char *msg)
{
	return refuse(c->d, c->f, c->loc, type, msg, c->raw, NULL);
}

static int
bad_ctx(const struct conv *c, const char *type, const char *msg,
    const char *ctx)
{
	return refuse(c->d, c->f, c->loc, type, msg, c->raw, ctx);
}

/* Text without the white space around it, as pydantic strips it. */
static struct blob
trimmed(const struct raw *raw)
{
	const char *p = raw->s, *end = raw->s + raw->n;

	while (p < end && strchr(" \t\n\r\f\v", *p) != NULL)
		p++;
	while (end > p && strchr(" \t\n\r\f\v", end[-1]) != NULL)
		end--;
	return (struct blob){ p, (size_t)(end - p) };
}

/* ---- bounds ---------------------------------------------------------- */

static const char *
bound_text(const struct conv *c, enum ftype type, int64_t bound)
{
	return arena_printf(c->d->a, type == FT_REAL ? "%lld.0" : "%lld",
	    (long long)bound);
}

static int
bad_bound(const struct conv *c, enum ftype type, bool lower)
{
	const struct field *f = c->f;
	bool open = (f->flags & (lower ? FF_XMIN : FF_XMAX)) != 0;
	int64_t bound = lower ? f->min : f->max;
	static const char *const kind[2][2] = {
		{ "less_than_equal", "less_than" },
		{ "greater_than_equal", "greater_than" },
	};
	static const char *const key[2][2] = { { "le", "lt" },
		{ "ge", "gt" } };

	return bad_ctx(c, kind[lower][open],
	    arena_printf(c->d->a, "Input should be %s than %s%lld",
	    lower ? "greater" : "less", open ? "" : "or equal to ",
	    (long long)bound),
	    ctx_num(c->d, key[lower][open], bound_text(c, type, bound)));
}

/* lo and hi: the value compared with the bounds (<0, 0, >0). */
static int
in_bounds(const struct conv *c, enum ftype type, int lo, int hi)
{
	if (c->f->type == FT_LIST)
		return 0;	/* its bounds count items */
	if (field_min(c->f) && (lo < 0 ||
	    (lo == 0 && (c->f->flags & FF_XMIN))))
		return bad_bound(c, type, true);
	if (field_max(c->f) && (hi > 0 ||
	    (hi == 0 && (c->f->flags & FF_XMAX))))
		return bad_bound(c, type, false);
	return 0;
}

#define CMP(a, b) (((a) > (b)) - ((a) < (b)))

/* ---- numbers and truth ----------------------------------------------- */

static int
bad_int_range(const struct conv *c, bool negative)
{
	return bad_ctx(c, negative ? "greater_than_equal" : "less_than_equal",
	    negative ?
	    "Input should be greater than or equal to -9223372036854775808" :
	    "Input should be less than or equal to 9223372036854775807",
	    negative ? "{\"ge\":-9223372036854775808}" :
	    "{\"le\":9223372036854775807}");
}

/* "12", " +12 ", "12.00": but not "12." and not "1e3". */
static enum num_rc
int_text(struct blob t, int64_t *out)
{
	const char *p = t.p, *dot = memchr(t.p, '.', t.n);
	size_t n = dot != NULL ? (size_t)(dot - p) : t.n;

	if (dot != NULL && (n + 1 == t.n ||
	    strspn(dot + 1, "0") < t.n - n - 1))
		return NUM_SYNTAX;
	return num_i64(p, n, out);
}

static int
int_value(const struct conv *c, int64_t *out)
{
	const struct raw *raw = c->raw;
	enum num_rc rc = NUM_OK;
	struct blob t;

	switch (raw->kind) {
	case RAW_BOOL:
		if (c->bare)
			return bad(c, "int_type",
			    "Input should be a valid integer");
		*out = raw->i;
		return 0;
	case RAW_INT:
		*out = raw->i;
		return 0;
	case RAW_REAL:
		rc = num_i64_lax(raw->s, raw->n, out);
		if (rc == NUM_RANGE)
			return bad_int_range(c, raw->s[0] == '-');
		if (rc != NUM_OK)
			return bad(c, "int_from_float", "Input should be a "
			    "valid integer, got a number with a fractional "
			    "part");
		return 0;
	case RAW_STR:
		if (c->bare)
			break;
		t = trimmed(raw);
		rc = int_text(t, out);
		if (rc == NUM_RANGE)
			return bad_int_range(c, *(const char *)t.p == '-');
		if (rc != NUM_OK)
			return bad(c, "int_parsing", "Input should be a valid "
			    "integer, unable to parse string as an integer");
		return 0;
	default:
		break;
	}
	return bad(c, "int_type", "Input should be a valid integer");
}

static int
store_int(const struct conv *c, void *member)
{
	int64_t i = 0;

	if (int_value(c, &i) == -1 || in_bounds(c, FT_INT,
	    CMP(i, c->f->min), CMP(i, c->f->max)) == -1)
		return -1;
	memcpy(member, &i, sizeof(i));
	return 0;
}

/* nan, inf, infinity with a sign: numbers for Python, not for us. */
static bool
not_finite(struct blob t)
{
	const char *p = t.p;
	size_t n = t.n;

	if (n > 0 && (*p == '-' || *p == '+')) {
		p++;
		n--;
	}
	return (n == 3 && (strncasecmp(p, "nan", 3) == 0 ||
	    strncasecmp(p, "inf", 3) == 0)) ||
	    (n == 8 && strncasecmp(p, "infinity", 8) == 0);
}

static int
real_text(const struct conv *c, struct blob t, double *out)
{
	enum num_rc rc = num_real(t.p, t.n, out);

	if (rc == NUM_OK)
		return 0;
	if (rc == NUM_RANGE || not_finite(t))
		return bad(c, "finite_number",
		    "Input should be a finite number");
	return bad(c, "float_parsing", "Input should be a valid number, "
	    "unable to parse string as a number");
}

static int
store_real(const struct conv *c, void *member)
{
	const struct raw *raw = c->raw;
	double r = 0;
	int rc = 0;

	if (raw->kind == RAW_INT || (raw->kind == RAW_BOOL && !c->bare))
		r = (double)raw->i;
	else if (raw->kind == RAW_REAL)
		rc = real_text(c, (struct blob){ raw->s, raw->n }, &r);
	else if (raw->kind == RAW_STR && !c->bare)
		rc = real_text(c, trimmed(raw), &r);
	else
		rc = bad(c, "float_type", "Input should be a valid number");
	if (rc == -1 || in_bounds(c, FT_REAL, CMP(r, (double)c->f->min),
	    CMP(r, (double)c->f->max)) == -1)
		return -1;
	memcpy(member, &r, sizeof(r));
	return 0;
}

static int
bad_dec(const struct conv *c, enum num_rc rc, struct blob t)
{
	if (rc == NUM_RANGE)
		return bad_ctx(c, "decimal_whole_digits", "Decimal input "
		    "should have no more than 11 digits before the decimal "
		    "point", "{\"whole_digits\":11}");
	if (rc == NUM_SCALE)
		return bad_ctx(c, "decimal_max_places", "Decimal input should "
		    "have no more than 8 decimal places",
		    "{\"decimal_places\":8}");
	if (not_finite(t))
		return bad(c, "finite_number",
		    "Input should be a finite number");
	return bad(c, "decimal_parsing", "Input should be a valid decimal");
}

static int
dec_value(const struct conv *c, struct dec *out)
{
	const struct raw *raw = c->raw;
	struct blob t;
	enum num_rc rc;

	if (raw->kind == RAW_INT) {
		if (__builtin_mul_overflow(raw->i, DEC_ONE, &out->e8))
			return bad_dec(c, NUM_RANGE, (struct blob){ "", 0 });
		return 0;
	}
	if (raw->kind == RAW_REAL)
		t = (struct blob){ raw->s, raw->n };
	else if (raw->kind == RAW_STR && !c->bare)
		t = trimmed(raw);
	else
		return bad(c, "decimal_type", "Decimal input should be an "
		    "integer, float, string or Decimal object");
	if ((rc = dec_parse(t.p, t.n, out)) != NUM_OK)
		return bad_dec(c, rc, t);
	return 0;
}

/* A decimal against a bound in whole units, without overflow. */
static int
dec_cmp(struct dec d, int64_t bound)
{
	int64_t b;

	if (__builtin_mul_overflow(bound, DEC_ONE, &b))
		return bound > 0 ? -1 : 1;
	return CMP(d.e8, b);
}

static int
store_dec(const struct conv *c, void *member)
{
	struct dec v = { 0 };

	if (dec_value(c, &v) == -1 || in_bounds(c, FT_DEC,
	    dec_cmp(v, c->f->min), dec_cmp(v, c->f->max)) == -1)
		return -1;
	memcpy(member, &v, sizeof(v));
	return 0;
}

static int
bool_word(const char *s)
{
	static const char *const words[2][7] = {
		{ "0", "off", "f", "false", "n", "no", NULL },
		{ "1", "on", "t", "true", "y", "yes", NULL },
	};
	int v, i;

	for (v = 0; v < 2; v++)
		for (i = 0; words[v][i] != NULL; i++)
			if (strcasecmp(s, words[v][i]) == 0)
				return v;
	return -1;
}

static int
store_bool(const struct conv *c, void *member)
{
	const struct raw *raw = c->raw;
	int64_t v = -1;
	bool b;

	switch (raw->kind) {
	case RAW_BOOL:
		v = raw->i;
		break;
	case RAW_INT:
	case RAW_REAL:
	case RAW_STR:
		if (c->bare)
			return bad(c, "bool_type",
			    "Input should be a valid boolean");
		if (raw->kind == RAW_INT)
			v = raw->i;
		else if (raw->kind == RAW_STR)
			v = bool_word(raw->s);
		else if (num_i64_lax(raw->s, raw->n, &v) != NUM_OK)
			return bad(c, "bool_type",
			    "Input should be a valid boolean");
		break;
	default:
		return bad(c, "bool_type", "Input should be a valid boolean");
	}
	if (v != 0 && v != 1)
		return bad(c, "bool_parsing", "Input should be a valid "
		    "boolean, unable to interpret input");
	b = v == 1;
	memcpy(member, &b, sizeof(b));
	return 0;
}

/* ---- text ------------------------------------------------------------ */

static int
bad_length(const struct conv *c, bool shorter, int64_t bound)
{
	return bad_ctx(c, shorter ? "string_too_short" : "string_too_long",
	    arena_printf(c->d->a, "String should have at %s %lld character%s",
	    shorter ? "least" : "most", (long long)bound,
	    bound == 1 ? "" : "s"),
	    ctx_num(c->d, shorter ? "min_length" : "max_length",
	    arena_printf(c->d->a, "%lld", (long long)bound)));
}

/* 'a', 'b' or 'c' */
static const char *
choices(struct arena *a, const char *const *oneof)
{
	struct str s;
	size_t i;

	str_init(&s, a);
	for (i = 0; oneof[i] != NULL; i++) {
		if (i > 0)
			str_add(&s, oneof[i + 1] == NULL ? " or " : ", ");
		str_addf(&s, "'%s'", oneof[i]);
	}
	return s.p;
}

static int
bad_choice(const struct conv *c)
{
	const char *expected;

	if (c->d->err->nfields == ERR_FIELDS)
		return bad(c, "enum", "");
	expected = choices(c->d->a, c->f->oneof);
	return bad_ctx(c, "enum", arena_printf(c->d->a, "Input should be %s",
	    expected), ctx_str(c->d, "expected", expected));
}

static bool
is_choice(const char *const *oneof, const char *s)
{
	for (; *oneof != NULL; oneof++)
		if (strcmp(*oneof, s) == 0)
			return true;
	return false;
}

static int
text_rules(const struct conv *c, const char *s, size_t n)
{
	int64_t len = 0, max = c->f->max > 0 ? c->f->max : TEXT_MAX;
	bool list = c->f->type == FT_LIST;	/* its bounds count items */
	size_t i;

	if (list)
		max = TEXT_MAX;
	/* Counted only when the number of bytes alone does not decide. */
	if ((int64_t)n > max || (!list && c->f->min > 0)) {
		for (i = 0; i < n; i++)
			len += ((unsigned char)s[i] & 0xc0) != 0x80;
		if (!list && len < c->f->min)
			return bad_length(c, true, c->f->min);
		if (len > max)
			return bad_length(c, false, max);
	}
	if (c->f->pattern != NULL && !pattern_match(c->f->pattern, s))
		return bad_ctx(c, "string_pattern_mismatch",
		    arena_printf(c->d->a, "String should match pattern '%s'",
		    c->f->pattern), ctx_str(c->d, "pattern", c->f->pattern));
	return value_format(c->d, c->f, c->loc, c->raw, s, n);
}

static int
store_str(const struct conv *c, void *member)
{
	char *copy;
	size_t i;

	if (c->raw->kind != RAW_STR)
		return c->f->oneof != NULL ? bad_choice(c) :
		    bad(c, "string_type", "Input should be a valid string");
	copy = arena_strndup(c->d->a, c->raw->s, c->raw->n);
	if (c->f->flags & FF_LOWER)
		for (i = 0; copy[i] != '\0'; i++)
			if (copy[i] >= 'A' && copy[i] <= 'Z')
				copy[i] += 'a' - 'A';
	if (c->f->oneof != NULL && !is_choice(c->f->oneof, copy))
		return bad_choice(c);
	if (text_rules(c, copy, c->raw->n) == -1)
		return -1;
	memcpy(member, &copy, sizeof(copy));
	return 0;
}

static int
store_blob(const struct conv *c, void *member)
{
	struct blob b;
	long n;
	void *p;

	if (c->raw->kind != RAW_STR)
		return bad(c, "bytes_type", "Input should be a valid bytes");
	p = arena_alloc(c->d->a, c->raw->n / 4 * 3 + 3);
	n = base64_decode(c->raw->s, c->raw->n, false, true, p,
	    c->raw->n / 4 * 3 + 3);
	if (n == -1)
		return bad_ctx(c, "base64_decode",
		    "Base64 decoding error: 'not canonical base64'",
		    "{\"error\":\"not canonical base64\"}");
	b = (struct blob){ p, (size_t)n };
	memcpy(member, &b, sizeof(b));
	return 0;
}

/* ---- JSON as it is --------------------------------------------------- */

static int
store_json(const struct conv *c, void *member)
{
	const struct raw *raw = c->raw;
	struct raw inner;
	struct json out;
	struct str s;

	if (raw->kind == RAW_STR && c->d->cells) {
		if (json_parse(c->d, raw->s, raw->n, c->loc, &inner) == -1)
			return -1;
		out.p = arena_strndup(c->d->a, raw->s, raw->n);
		memcpy(member, &out, sizeof(out));
		return 0;
	}
	str_init(&s, c->d->a);
	if (raw->j != NULL)
		str_add(&s, json_object_to_json_string_ext(raw->j,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (raw->kind == RAW_STR)
		str_jsonn(&s, raw->s, raw->n);
	else if (raw->kind == RAW_REAL)
		str_addn(&s, raw->s, raw->n);
	else if (raw->kind == RAW_INT)
		str_add_i64(&s, raw->i);
	else
		str_add(&s, raw->kind == RAW_NULL ? "null" :
		    raw->i ? "true" : "false");
	out.p = s.p;
	memcpy(member, &out, sizeof(out));
	return 0;
}

int
value_store(struct decoder *d, const struct field *f, enum ftype type,
    const struct loc *loc, const struct raw *raw, void *member)
{
	struct conv c = { d, f, loc, raw,
	    (f->flags & FF_STRICT) != 0 && !d->cells };

	switch (type) {
	case FT_BOOL:
		return store_bool(&c, member);
	case FT_INT:
		return store_int(&c, member);
	case FT_REAL:
		return store_real(&c, member);
	case FT_STR:
		return store_str(&c, member);
	case FT_BLOB:
		return store_blob(&c, member);
	case FT_DEC:
		return store_dec(&c, member);
	case FT_UUID:
		return value_uuid(d, f, loc, raw, member);
	case FT_TIME:
		return value_time(d, f, loc, raw, member);
	case FT_JSON:
		return store_json(&c, member);
	case FT_SUB:
	case FT_LIST:
		break;
	}
	ASSERT(type != FT_SUB && type != FT_LIST);
	return -1;
}
