/*
 * Policies: defaults, quiet hours, patterns. Reads no clock. Refuses hours
 * that are no times of day, zones that do not exist and patterns that are no
 * names of types.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "base/zone.h"
#include "modules/spot/policy.h"

enum { PATTERNS_MAX = 200, DAY_MIN = 1440 };

void
spot_policy_default(struct spot_policy *p)
{
	*p = (struct spot_policy){ .enabled = true, .max_pool_share = 0.25,
	    .max_zone_share = 0.5, .max_hourly_loss = 0.1,
	    .max_moves_per_h = 10, .k_aversion = 2, .min_age_s = 4 * 3600,
	    .horizon_h = 24, .changeover_s = 180, .min_saving_pct = 5,
	    .max_interruption_pct = 20, .quiet_hours = "",
	    .quiet_zone = "UTC", .allow_types = { "[]" },
	    .deny_types = { "[]" }, .fallback = "on-demand",
	    .revert_to_spot = true, .approve = "manual", .updated_by = "",
	    .source = "default" };
}

/* "HH:MM" into minutes; the character behind it, or NULL. */
static const char *
clock_time(const char *s, int *min)
{
	int v[4], h;

	for (int i = 0, j = 0; i < 5; i++) {
		if (i == 2 && s[i] == ':')
			continue;
		if (i == 2 || s[i] < '0' || s[i] > '9')
			return NULL;
		v[j++] = s[i] - '0';
	}
	h = v[0] * 10 + v[1];
	*min = h * 60 + v[2] * 10 + v[3];
	return v[2] <= 5 && (h < 24 || *min == DAY_MIN) ? s + 5 : NULL;
}

/* The next "HH:MM-HH:MM" of a list: 1, 0 at its end, -1 not one. */
static int
next_hours(const char **s, int *from, int *to)
{
	if (**s == '\0')
		return 0;
	if ((*s = clock_time(*s, from)) == NULL || **s != '-' ||
	    (*s = clock_time(*s + 1, to)) == NULL)
		return -1;
	if (**s == ',')
		return *++*s == '\0' ? -1 : 1;
	return **s == '\0' ? 1 : -1;
}

bool
spot_policy_quiet(const struct spot_policy *p, struct utc now)
{
	const struct zone *z = zone_find(p->quiet_zone);
	int64_t s = now.us / 1000000;
	const char *at = p->quiet_hours;
	int from, to, min;

	if (*at == '\0')
		return false;
	s += z != NULL ? zone_offset(z, now) : 0;
	min = (int)((s % 86400 + 86400) % 86400 / 60);
	while (next_hours(&at, &from, &to) == 1)
		if (from <= to ? min >= from && min < to :
		    min >= from || min < to)
			return true;
	return false;
}

struct names {
	struct list v;
};
static const struct field names_fields[] = {
	FIELD(struct names, v, .flags = FF_REQUIRED, .elem = FT_STR,
	    .max = PATTERNS_MAX, .doc = "Patterns"), FIELD_END
};
static const struct schema names_schema = {
	.name = "SpotPatterns", .size = sizeof(struct names),
	.fields = names_fields
};

static int
read_names(struct arena *a, struct json j, struct list *out, struct err *e)
{
	const char *text = arena_printf(a, "{\"v\":%s}", j.p != NULL ? j.p :
	    "[]");
	struct names n = { .v = { NULL, 0 } };
	uint64_t seen;

	if (schema_decode_json(&names_schema, text, strlen(text), "body",
	    true, a, &n, &seen, e) == -1)
		return -1;
	*out = n.v;
	return 0;
}

const char *const *
spot_policy_patterns(struct arena *a, struct json j)
{
	const char **v;
	struct err e = { 0 };
	struct list l;

	if (read_names(a, j, &l, &e) == -1)
		l.n = 0;
	v = arena_array(a, l.n + 1, sizeof(*v));
	if (l.n > 0)
		memcpy(v, l.items, l.n * sizeof(*v));
	return v;
}

static int
bad(struct err *e, struct arena *a, const char *name, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(a, "[\"body\",\"%s\"]", name), .msg = msg,
	    .input = "null" });
}

static int
check_names(struct arena *a, const char *field, struct json j, struct err *e)
{
	struct list l;

	if (read_names(a, j, &l, e) == -1)
		return bad(e, a, field, "A list of patterns is wanted");
	for (size_t i = 0; i < l.n; i++) {
		const char *s = ((const char *const *)l.items)[i];
		size_t n = strlen(s);

		if (n == 0 || n > 64 || strspn(s, "abcdefghijklmnopqrstuvwxyz"
		    "0123456789.-*?") != n)
			return bad(e, a, field, "A pattern is a type such as "
			    "m5.large, with * and ?");
	}
	return 0;
}

int
spot_policy_check(const struct spot_policy *p, struct arena *a,
    struct err *e)
{
	const char *at = p->quiet_hours;
	int from, to, rc;

	while ((rc = next_hours(&at, &from, &to)) == 1)
		continue;
	if (rc == -1)
		return bad(e, a, "quiet_hours", "Hours are written "
		    "22:00-06:00, several with commas");
	if (!zone_known(p->quiet_zone))
		return bad(e, a, "quiet_zone", "There is no such time zone");
	if (check_names(a, "allow_types", p->allow_types, e) == -1)
		return -1;
	return check_names(a, "deny_types", p->deny_types, e);
}
