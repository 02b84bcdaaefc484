/*
 * The cached text of a probe: one line per check,
 *	name TAB state TAB microseconds TAB detail
 * and "@name TAB state" for components. Written by one process and read by
 * others that trust nothing in it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/platform/health.h"

static const char *const states[] = { "ok", "degraded", "down", "disabled" };

static void
put_plain(struct str *s, const char *text, size_t max)
{
	for (size_t i = 0; text[i] != '\0' && i < max; i++)
		str_addc(s, (unsigned char)text[i] < 0x20 ? ' ' : text[i]);
}

void
platform_health_put(struct str *s, const char *name, enum probe_state state,
    int64_t latency_us, const char *detail)
{
	put_plain(s, name, 48);
	str_addf(s, "\t%s\t%lld\t", states[state], (long long)latency_us);
	put_plain(s, detail, 160);
	str_addc(s, '\n');
}

void
platform_health_put_component(struct str *s, const char *name,
    const char *state)
{
	str_addc(s, '@');
	put_plain(s, name, 64);
	str_addc(s, '\t');
	put_plain(s, state, 16);
	str_addc(s, '\n');
}

/* The line that begins with the name and a tab; its rest, or NULL. */
static const char *
line_of(const char *text, char mark, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; *p != '\0'; p += strcspn(p, "\n"),
	    p += *p == '\n') {
		const char *q = p;

		if (mark != '\0' && *q++ != mark)
			continue;
		if (strncmp(q, name, n) == 0 && q[n] == '\t')
			return q + n + 1;
	}
	return NULL;
}

static const char *
known_state(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strlen(states[i]) == n && memcmp(states[i], p, n) == 0)
			return states[i];
	return NULL;
}

void
platform_health_find(struct arena *a, const char *text, int64_t age_ms,
    const char *name, struct platform_check *out)
{
	const char *p = line_of(text, '\0', name), *state;
	int64_t us;
	size_t n;

	out->name = name;
	out->status = "unknown";
	out->latency_ms = 0;
	out->detail = NULL;
	out->age_s = age_ms < 0 ? 0 : (double)age_ms / 1000;
	if (p == NULL || age_ms < 0 || age_ms > HEALTH_STALE_MS)
		return;
	n = strcspn(p, "\t\n");
	state = known_state(p, n);
	p += n + (p[n] == '\t');
	n = strcspn(p, "\t\n");
	if (state == NULL || num_i64(p, n, &us) != NUM_OK || p[n] != '\t')
		return;
	p += n + 1;
	n = strcspn(p, "\n");
	out->status = state;
	out->latency_ms = (double)us / 1000;
	out->detail = n == 0 ? NULL : arena_strndup(a, p, n);
}

const char *
platform_health_component(struct arena *a, const char *text, const char *name)
{
	const char *p = line_of(text, '@', name);

	return p == NULL ? NULL : arena_strndup(a, p, strcspn(p, "\t\n"));
}

const char *
platform_health_sum(const struct platform_check *v, size_t n)
{
	const char *sum = "healthy";

	for (size_t i = 0; i < n; i++) {
		bool down = strcmp(v[i].status, "down") == 0;

		if (down && v[i].required)
			return "down";
		if (down || strcmp(v[i].status, "degraded") == 0 ||
		    strcmp(v[i].status, "unknown") == 0)
			sum = "degraded";
	}
	return sum;
}
