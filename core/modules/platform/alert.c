/*
 * The engine of the alerts. Pure: no clock, no rows of its own. Invariants:
 * fired_at tells one story from another, so (rule, labels, fired_at) is told
 * at most once for each of its states; a flapping alert is told once.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/number.h"
#include "modules/platform/alert.h"

enum { FLAP_CHANGES = 4, FLAP_S = 600, CHANGES = 8, GAP_S = 300,
	SEEN_EVERY_S = 60 };

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static double
since_s(struct utc then, struct utc now)
{
	return (double)(now.us - then.us) / 1e6;
}

/* ---- changes and flapping ------------------------------------------------------- */

static size_t
changes_parse(const char *s, int64_t v[CHANGES])
{
	size_t n = 0, len;

	while (*s != '\0' && n < CHANGES) {
		len = strcspn(s, " ");
		if (num_i64(s, len, &v[n]) != NUM_OK)
			return n;
		n++;
		s += len + (s[len] == ' ');
	}
	return n;
}

static void
changed(struct arena *a, struct platform_alert *x, struct utc now)
{
	int64_t v[CHANGES + 1];
	size_t n = changes_parse(x->changes, v);
	char text[200];
	size_t at = 0, from = n >= CHANGES ? n - CHANGES + 1 : 0;

	v[n++] = now.us;
	for (size_t i = from; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld",
		    i > from ? " " : "", (long long)v[i]);
	x->changes = arena_strdup(a, text);
}

/* Flapping begins with the fourth change within ten minutes and ends when ten
 * minutes brought none. */
static bool
flap(struct platform_alert *x, struct utc now)
{
	int64_t v[CHANGES], edge = now.us - FLAP_S * US_PER_S;
	size_t n = changes_parse(x->changes, v), recent = 0;
	bool was = x->flapping;

	for (size_t i = 0; i < n; i++)
		recent += v[i] > edge;
	x->flapping = recent >= FLAP_CHANGES || (was && recent > 0);
	return x->flapping != was;
}

/* ---- one turn of one alert --------------------------------------------------------- */

static bool
begins(const struct platform_alert *x, struct utc now, struct utc was_at)
{
	return !is(x->state, "pending") || was_at.us == 0 ||
	    since_s(was_at, now) > GAP_S;
}

static bool
held(struct arena *a, struct platform_alert *x, const struct platform_rule *r,
    struct utc now, struct utc was_at)
{
	/* each turn where it decides something, else now and then */
	bool write = r->keep_s > 0 || !is(x->state, "firing") ||
	    since_s(x->seen_at, now) >= SEEN_EVERY_S;

	if (write)
		x->seen_at = now;
	if (is(x->state, "firing"))
		return write;
	write = false;
	if (begins(x, now, was_at)) {
		x->state = "pending";
		x->active_at = now;
		write = true;
	}
	if (since_s(x->active_at, now) < (double)r->for_s)
		return write;
	x->state = "firing";
	x->fired_at = now;
	x->resolved_at.us = 0;
	changed(a, x, now);
	return true;
}

static bool
let_go(struct arena *a, struct platform_alert *x,
    const struct platform_rule *r, struct utc now)
{
	if (is(x->state, "pending")) {
		x->state = x->resolved_at.us != 0 ? "resolved" : "inactive";
		x->active_at = x->fired_at;
		return true;
	}
	if (!is(x->state, "firing") || (r != NULL && r->keep_s > 0 &&
	    since_s(x->seen_at, now) < (double)r->keep_s))
		return false;
	x->state = "resolved";
	x->resolved_at = now;
	changed(a, x, now);
	return true;
}

bool
platform_alert_step(struct arena *a, struct platform_alert *x,
    const struct platform_rule *r, bool holds, double value, struct utc now,
    struct utc was_at)
{
	bool write;

	if (holds)
		x->value = value;
	write = holds && r != NULL ? held(a, x, r, now, was_at) :
	    let_go(a, x, r, now);
	return flap(x, now) || write;
}

/* ---- telling ------------------------------------------------------------------------ */

const char *
platform_alert_wanted(const struct platform_alert *x)
{
	if (x->flapping)
		return "flapping";
	if (is(x->state, "firing"))
		return "firing";
	if (is(x->told, "firing") || is(x->told, "flapping") ||
	    is(x->told, "resolved"))
		return "resolved";
	return "";
}

static bool
news(const struct platform_alert *x)
{
	const char *wanted = platform_alert_wanted(x);

	return *wanted != '\0' && !is(wanted, x->told) &&
	    *x->muted_by == '\0';
}

static bool
word_in(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

bool
platform_silence_covers(const struct platform_silence *s,
    const struct platform_alert *x, struct utc now)
{
	return now.us >= s->starts_at.us && now.us < s->ends_at.us &&
	    (*s->rule == '\0' || is(s->rule, x->rule)) &&
	    (*s->severity == '\0' || is(s->severity, x->severity)) &&
	    (*s->host == '\0' || is(s->host, x->host));
}

/* A firing alert of a rule that explains this one, on the same host or on
 * none in particular. */
static bool
explains(const struct platform_alert *y, const struct platform_alert *x,
    const struct platform_rule *r)
{
	return is(y->state, "firing") && !is(y->rule, x->rule) &&
	    (*y->host == '\0' || *x->host == '\0' || is(y->host, x->host)) &&
	    word_in(r->inhibited_by, y->rule);
}

bool
platform_alert_mute(struct arena *a, struct platform_alert *x,
    const struct platform_rule *r, const struct platform_alert *all, size_t n,
    const struct platform_silence *s, size_t ns, struct utc now)
{
	const char *was = x->muted_by;

	x->muted_by = "";
	for (size_t i = 0; i < ns && *x->muted_by == '\0'; i++)
		if (platform_silence_covers(&s[i], x, now))
			x->muted_by = arena_printf(a, "silence of %.60s",
			    s[i].owner);
	for (size_t i = 0; i < n && r != NULL && *r->inhibited_by != '\0' &&
	    *x->muted_by == '\0'; i++)
		if (explains(&all[i], x, r))
			x->muted_by = arena_printf(a, "rule %s", all[i].rule);
	/* an end that nobody may hear is settled: no late news of it */
	if (*x->muted_by != '\0' && *x->told != '\0' &&
	    is(platform_alert_wanted(x), "resolved") &&
	    !is(x->told, "resolved")) {
		x->told = "";
		return true;
	}
	return !is(was, x->muted_by);
}

static void
told(struct platform_alert *x, struct utc now)
{
	const char *wanted = platform_alert_wanted(x);

	if (*x->muted_by != '\0' || *wanted == '\0')
		return;
	x->told = wanted;
	x->told_at = now;
}

/* Nothing of the group goes on: the next news begins a new story. */
static bool
over(struct platform_alert **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(v[i]->state, "firing") || v[i]->flapping)
			return false;
	return true;
}

enum platform_group_act
platform_group_step(struct platform_alert_group *g, struct platform_alert **v,
    size_t n, const struct platform_alert_timing *t, struct utc now,
    bool *repeated)
{
	bool some = false, goes_on = false, due;

	for (size_t i = 0; i < n; i++) {
		some = some || news(v[i]);
		goes_on = goes_on || (is(v[i]->state, "firing") &&
		    *v[i]->muted_by == '\0' && is(v[i]->told, "firing"));
	}
	*repeated = !some;
	if (!some && !(goes_on && g->told_at.us != 0 &&
	    since_s(g->told_at, now) >= (double)t->repeat_s)) {
		bool was = g->waits_at.us != 0;

		g->waits_at.us = 0;
		if (g->told_at.us != 0 && over(v, n) &&
		    since_s(g->told_at, now) >= (double)t->interval_s) {
			g->told_at.us = 0;
			was = true;
		}
		return was ? GROUP_WAIT : GROUP_QUIET;
	}
	if (g->told_at.us != 0)
		due = !some || since_s(g->told_at, now) >=
		    (double)t->interval_s;
	else if (g->waits_at.us == 0) {
		g->waits_at = now;
		due = t->wait_s == 0;
		if (!due)
			return GROUP_WAIT;
	} else
		due = since_s(g->waits_at, now) >= (double)t->wait_s;
	if (!due)
		return GROUP_QUIET;
	for (size_t i = 0; i < n; i++)
		told(v[i], now);
	g->waits_at.us = 0;
	g->told_at = now;
	g->notices++;
	return GROUP_TELL;
}
