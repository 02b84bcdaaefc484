/*
 * One setting's text becomes one value or one error that names the place.
 * Nothing is clamped or rounded; an integer beyond its bounds is refused. The
 * text of a secret never appears in a message.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/number.h"
#include "base/vec.h"
#include "conf/internal.h"

enum { QUOTE_MAX = 60 };

/* What is being judged: kept together for the messages. */
struct judged {
	struct arena *a;
	const struct setting *s;
	const char *text, *origin;
	struct err *err;
};

const char *
value_quote(struct arena *a, const char *text)
{
	struct str s;
	size_t n = strlen(text);

	str_init(&s, a);
	str_addc(&s, '"');
	str_term(&s, text, n > QUOTE_MAX ? QUOTE_MAX : n);
	str_add(&s, n > QUOTE_MAX ? "...\"" : "\"");
	return s.p;
}

static int
refuse(const struct judged *j, const char *want)
{
	const char *got = "a secret text";

	if (!(j->s->flags & SET_SECRET))
		got = value_quote(j->a, j->text);
	return conf_fail(j->err, j->origin, "%s: %s, got %s", j->s->path,
	    want, got);
}

static int
parse_bool(const struct judged *j, bool *out)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off", "" };
	size_t i;

	for (i = 0; i < NITEMS(yes); i++)
		if (strcasecmp(j->text, yes[i]) == 0) {
			*out = true;
			return 0;
		}
	for (i = 0; i < NITEMS(no); i++)
		if (strcasecmp(j->text, no[i]) == 0) {
			*out = false;
			return 0;
		}
	return refuse(j, "expected true or false");
}

static int
refuse_range(const struct judged *j)
{
	const char *unit = j->s->unit != NULL ? j->s->unit : "";

	return refuse(j, arena_printf(j->a,
	    "must be from %" PRId64 " to %" PRId64 "%s%s", j->s->min,
	    j->s->max, *unit != '\0' ? " " : "", unit));
}

static bool
bounded(const struct setting *s)
{
	return s->min != 0 || s->max != 0;
}

static int
parse_int(const struct judged *j, int64_t *out)
{
	switch (num_i64(j->text, strlen(j->text), out)) {
	case NUM_OK:
		break;
	case NUM_RANGE:
		return refuse(j, "number out of range");
	case NUM_SYNTAX:
	case NUM_FRACTION:
	case NUM_SCALE:
		return refuse(j, "expected a whole number");
	}
	if (bounded(j->s) && (*out < j->s->min || *out > j->s->max))
		return refuse_range(j);
	return 0;
}

static int
parse_real(const struct judged *j, double *out)
{
	switch (num_real(j->text, strlen(j->text), out)) {
	case NUM_OK:
		break;
	case NUM_RANGE:
		return refuse(j, "number out of range");
	case NUM_SYNTAX:
	case NUM_FRACTION:
	case NUM_SCALE:
		return refuse(j, "expected a number");
	}
	if (bounded(j->s) && (*out < (double)j->s->min ||
	    *out > (double)j->s->max))
		return refuse_range(j);
	return 0;
}

/* http(s)://host..., without white space, control bytes or a user part
 * hidden before the host. */
static bool
url_ok(const char *s)
{
	const char *host, *p;

	if (strncasecmp(s, "http://", 7) == 0)
		host = s + 7;
	else if (strncasecmp(s, "https://", 8) == 0)
		host = s + 8;
	else
		return false;
	if (*host == '\0' || strchr("/?#:@", *host) != NULL)
		return false;
	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\')
			return false;
	p = host + strcspn(host, "/?#");
	return memchr(host, '@', (size_t)(p - host)) == NULL;
}

/* True if the table gives no default: then empty means "not set". */
static bool
unset(const struct setting *s)
{
	return s->def == NULL || *s->def == '\0';
}

/* One word of text against the table's list and form; the list's spelling
 * wins, so LOG_LEVEL=INFO is "info". */
static int
parse_word(const struct judged *j, const char *word, const char **out)
{
	const char *const *o;
	struct str s;

	*out = word;
	if (*word == '\0' && unset(j->s))
		return 0;
	if ((j->s->flags & SET_URL) && *word != '\0' && !url_ok(word))
		return refuse(j, "expected an http:// or https:// URL");
	if (j->s->oneof == NULL)
		return 0;
	str_init(&s, j->a);
	str_add(&s, "expected one of");
	for (o = j->s->oneof; *o != NULL; o++) {
		if (strcasecmp(*o, word) == 0) {
			*out = *o;
			return 0;
		}
		str_addf(&s, " %s", *o);
	}
	return refuse(j, s.p);
}

static int
parse_str(const struct judged *j, const char **out)
{
	const char *p;

	if (!utf8_valid(j->text, strlen(j->text)))
		return refuse(j, "text is not valid UTF-8");
	if (j->s->flags & SET_PATH)
		for (p = j->text; *p != '\0'; p++)
			if ((unsigned char)*p < ' ')
				return refuse(j, "control byte in a path");
	return parse_word(j, j->text, out);
}

static int
parse_list(const struct judged *j, const char *const **out,
    const char **canon)
{
	VEC(const char *) list = { 0 };
	const char *p = j->text, *word;
	struct str all;
	size_t n;

	str_init(&all, j->a);
	if (!utf8_valid(p, strlen(p)))
		return refuse(j, "text is not valid UTF-8");
	for (;;) {
		p += strspn(p, " \t\r\n");
		n = strcspn(p, ",");
		while (n > 0 && isspace((unsigned char)p[n - 1]))
			n--;
		if (n > 0) {
			word = arena_strndup(j->a, p, n);
			if (parse_word(j, word, &word) != 0)
				return -1;
			*VEC_ADD(j->a, &list) = word;
			str_addf(&all, "%s%s", all.len > 0 ? "," : "", word);
		}
		p += strcspn(p, ",");
		if (*p++ == '\0')
			break;
	}
	*VEC_ADD(j->a, &list) = NULL;
	*out = list.v;
	*canon = all.p;
	return 0;
}

int
value_parse(struct arena *a, const struct setting *s, const char *text,
    const char *origin, union conf_value *v, const char **canon,
    struct err *err)
{
	struct judged j = { a, s, text, origin, err };
	char buf[DEC_TEXT];
	int rc = -1;

	*canon = "";
	switch (s->type) {
	case CT_BOOL:
		rc = parse_bool(&j, &v->b);
		if (rc == 0)
			*canon = v->b ? "true" : "false";
		break;
	case CT_INT:
		j.text = *text == '\0' && unset(s) ? "0" : text;
		if ((rc = parse_int(&j, &v->i)) == 0)
			*canon = arena_printf(a, "%" PRId64, v->i);
		break;
	case CT_REAL:
		j.text = *text == '\0' && unset(s) ? "0" : text;
		if ((rc = parse_real(&j, &v->r)) == 0)
			*canon = arena_strdup(a, real_format(v->r, buf));
		break;
	case CT_STR:
		if ((rc = parse_str(&j, &v->s)) == 0)
			*canon = v->s;
		break;
	case CT_LIST:
		rc = parse_list(&j, &v->list, canon);
		break;
	}
	return rc;
}

void
conf_value_store(const struct setting *s, void *group, const union conf_value *v)
{
	char *at = (char *)group + s->off;

	switch (s->type) {
	case CT_BOOL:
		memcpy(at, &v->b, sizeof(v->b));
		break;
	case CT_INT:
		memcpy(at, &v->i, sizeof(v->i));
		break;
	case CT_REAL:
		memcpy(at, &v->r, sizeof(v->r));
		break;
	case CT_STR:
		memcpy(at, &v->s, sizeof(v->s));
		break;
	case CT_LIST:
		memcpy(at, &v->list, sizeof(v->list));
		break;
	}
}
