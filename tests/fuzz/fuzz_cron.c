/*
 * Any text as a cron expression (up to the first newline), the bytes behind it
 * as a time, a zone and policies: what is accepted has a description, fires
 * strictly later, at whole seconds, in order, and never holds up a schedule.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "jobs/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct source {
	struct cron_spec spec;
	const char *zone;
	enum cron_gap gap;
	enum cron_fold fold;
};

static int
next(const void *arg, struct utc after, struct utc *out)
{
	const struct source *s = arg;

	return cron_next(&s->spec, s->zone, s->gap, s->fold, after, out);
}

static void
check_fires(const struct source *s, struct utc t)
{
	struct utc out, again, before;

	for (int i = 0; i < 4 && next(s, t, &out) == 0; i++) {
		ASSERT(out.us > t.us);
		ASSERT(s->spec.every_us > 0 || out.us % US_PER_S == 0);
		/* From just before it, and from half way, it is the same. */
		before.us = out.us - 1;
		ASSERT(next(s, before, &again) == 0 && again.us == out.us);
		before.us = (int64_t)((uint64_t)t.us +
		    ((uint64_t)out.us - (uint64_t)t.us) / 2);
		ASSERT(before.us == out.us || (next(s, before, &again) == 0 &&
		    again.us == out.us));
		t = out;
	}
}

static void
check_misfires(const struct source *s, struct utc t, uint8_t policy)
{
	static struct cron_plan p;
	struct cron_source source = { next, s };
	struct cron_misfire_rule r = { .policy = policy % 3,
	    .window_s = policy % 4 * 3600, .max_catchup = policy % 10 };
	struct utc at, now;

	if (t.us > INT64_MAX / 2 || next(s, t, &at) != 0 ||
	    at.us > INT64_MAX / 2 || at.us == 0)
		return;
	now.us = at.us + policy * 3600 * US_PER_S;
	cron_misfires(&r, &source, at, now, &p);
	ASSERT(p.next_at.us == 0 || p.next_at.us > now.us);
	ASSERT(p.nrun + (uint64_t)p.skipped > 0);
	for (size_t i = 0; i < p.nrun; i++)
		ASSERT(p.run[i].us >= at.us && p.run[i].us <= now.us &&
		    (i == 0 || p.run[i].us > p.run[i - 1].us));
}

static int
parse(struct source *s, struct arena *a, const char *text)
{
	struct cron_options o = { .seed = text };
	struct err e = { 0 };
	int rc = cron_parse(&s->spec, text, &o, &e);

	ASSERT((rc == 0) == (e.status == 0));
	if (rc == 0) {
		const char *words = cron_describe(a, &s->spec, s->zone);

		ASSERT(words[0] != '\0' && utf8_valid(words, strlen(words)));
		return 0;
	}
	ASSERT(e.status == 422 && e.nfields >= 1 && e.nfields <= 6);
	for (size_t i = 0; i < e.nfields; i++)
		ASSERT(strlen(e.fields[i].msg) > strlen("Value error, "));
	return -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin",
	    "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
	    "Africa/Casablanca", "Europe/Dublin", "Nowhere" };
	const uint8_t *end = memchr(in, '\n', n);
	size_t len = end != NULL ? (size_t)(end - in) : n;
	uint8_t rest[10] = { 0 };
	struct arena *a = arena_new(1 << 20);
	struct source s = { .zone = "UTC" };
	struct utc t = { 0 };

	if (end != NULL)
		memcpy(rest, end + 1, n - len - 1 < sizeof(rest) ?
		    n - len - 1 : sizeof(rest));
	for (int i = 0; i < 8; i++)
		t.us = (int64_t)((uint64_t)t.us << 8 | rest[i]);
	s.zone = zones[rest[8] % NITEMS(zones)];
	s.gap = rest[9] % 2;
	s.fold = rest[9] % 3;
	if (parse(&s, a, arena_strndup(a, (const char *)in, len)) == 0) {
		check_fires(&s, t);
		check_misfires(&s, t, rest[9]);
	}
	arena_free(a);
	return 0;
}
