/*
 * Health. What a probe found is kept for the whole host in the shared
 * segment, so that an answer never waits for what it reports on. A short-lived
 * child looks again every two seconds while somebody asks; older than ten
 * seconds counts as unknown.
 */
#ifndef PLATFORM_HEALTH_H
#define PLATFORM_HEALTH_H

#include <stdint.h>

#include "base/types.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"

struct str;

enum {
	HEALTH_TEXT = 4000,		/* bytes of the cached text */
	HEALTH_FRESH_MS = 2000,
	HEALTH_STALE_MS = 10000
};

/* What the cache says about one check. */
struct platform_check {
	const char *name;
	const char *status;	/* "ok" "degraded" "down" "disabled" "unknown" */
	double latency_ms, age_s;
	const char *detail;	/* for permitted callers */
	bool required;
};

/* ---- pure ------------------------------------------------------------------- */

/* Appends one finding, or the state of a component, to the cached text. */
void platform_health_put(struct str *, const char *name, enum probe_state,
    int64_t latency_us, const char *detail);
void platform_health_put_component(struct str *, const char *name,
    const char *state);
/* Fills in what the text says about the named check; "unknown" if nothing. */
void platform_health_find(struct arena *, const char *text, int64_t age_ms,
    const char *name, struct platform_check *);
/* State of a component by the text, NULL if it says nothing. */
const char *platform_health_component(struct arena *, const char *text,
    const char *name);
/* "healthy", "degraded" or "down". */
const char *platform_health_sum(const struct platform_check *, size_t n);

/* ---- probing ------------------------------------------------------------------ */

/* Copies the cached text (NUL-terminated) and starts a probe if it is due.
 * Waits a moment only if nothing is known yet. Age in milliseconds, -1 =
 * nothing known. */
void platform_health_read(struct env *, char text[HEALTH_TEXT + 1],
    int64_t *age_ms);

/* Milliseconds since a probe found all that requests need; -1 = never. */
int64_t platform_health_good_ms(struct env *);

extern const struct health_check platform_health_checks[];
extern const struct route platform_health_routes[];

#endif
