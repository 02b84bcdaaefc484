/*
 * Dependencies: their number in the segment, the way in (breaker, then a
 * permit) and the way out. Refuses nothing of a dependency it does not know:
 * then there is no segment, or a test. A process that dies between the two
 * leaves nothing behind: permits and probes name their holder.
 */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "shm/segment.h"

enum { NAP_MS = 2 };

const struct metric_label dependency_label = { "name", NULL };
const struct metric_label dependency_service_label = { "service", NULL };
const struct metric bulkhead_rejected_total = { "bulkhead_rejected_total",
    "Calls refused because all permits were taken.", METRIC_COUNTER,
    { &dependency_label, NULL } };

/* ---- layout ------------------------------------------------------------------ */

void
seg_guards_plan(struct shm *s)
{
	const struct guard *from = s->layout.guards;
	size_t n = 0;

	while (from != NULL && from[n].name != NULL)
		n++;
	s->nguards = n;
	s->guards = arena_array(s->arena, n + 1, sizeof(*s->guards));
	s->guard_names = arena_array(s->arena, n + 2, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		s->guards[i] = from[i];
		s->guards[i].name = arena_strdup(s->arena, from[i].name);
		if (s->guards[i].permits > SEG_PERMITS)
			s->guards[i].permits = SEG_PERMITS;
		s->guard_names[i] = s->guards[i].name;
	}
	s->guard_names[n] = "other";
	s->layout.guards = NULL;	/* copied; the caller's may go now */
}

/* After a reload: other rules for the same names. */
void
seg_guards_replace(struct shm *s, const struct shm *from)
{
	for (size_t i = 0; i < s->nguards && i < from->nguards; i++) {
		const char *name = s->guards[i].name;

		s->guards[i] = from->guards[i];
		s->guards[i].name = name;
	}
}

int
dependency_find(struct shm *s, const char *name)
{
	for (size_t i = 0; s != NULL && name != NULL && i < s->nguards; i++)
		if (strcmp(s->guards[i].name, name) == 0)
			return (int)i;
	return -1;
}

size_t
dependency_count(struct shm *s)
{
	return s == NULL ? 0 : s->nguards;
}

const struct guard *
dependency_guard(struct shm *s, int dependency)
{
	return s == NULL || dependency < 0 || (size_t)dependency >=
	    s->nguards ? NULL : &s->guards[dependency];
}

size_t
dependency_label_index(struct shm *s, int dependency)
{
	return dependency_guard(s, dependency) != NULL ? (size_t)dependency :
	    dependency_count(s);
}

/* ---- permits -------------------------------------------------------------------- */

static uint64_t *
permits(struct shm *s, int dependency)
{
	return (uint64_t *)(s->base + s->map.permits) +
	    (size_t)dependency * SEG_PERMITS;
}

uint32_t
dependency_used(struct shm *s, int dependency)
{
	return dependency_guard(s, dependency) == NULL ? 0 :
	    seg_permits_held(s, permits(s, dependency), SEG_PERMITS);
}

/* Waits a little; dead holders are looked for at the first and last try. */
static int
permit(struct shm *s, int dependency, const struct guard *g, uint32_t wait_ms)
{
	const struct timespec nap = { 0, NAP_MS * 1000000L };
	int64_t end = clock_boot_ns() + (int64_t)wait_ms * 1000000;
	uint64_t *words = permits(s, dependency);
	int at = seg_permit_take(s, words, g->permits, true);

	if (at != -1 || wait_ms == 0)
		return at;
	while (at == -1 && clock_boot_ns() < end) {
		nanosleep(&nap, NULL);
		at = seg_permit_take(s, words, g->permits, false);
	}
	return at != -1 ? at : seg_permit_take(s, words, g->permits, true);
}

/* ---- in and out -------------------------------------------------------------------- */

static int
closed(struct shm *s, int dependency, const struct guard *g, struct err *e)
{
	struct dependency_view v;

	err_set(e, 503, "breaker_open", "%s does not answer; not tried again "
	    "for the moment", g->name);
	if (e == NULL)
		return -1;
	dependency_look(s, dependency, (uint64_t)clock_boot_ns(), &v);
	if (v.mode == BREAKER_FORCED_OPEN)
		err_set(e, 503, "breaker_open", "%s is switched off by an "
		    "operator", g->name);
	e->retry_after_s = v.pause_ms <= 1000 ? 1 :
	    (int)((v.pause_ms + 999) / 1000);
	return -1;
}

int
dependency_full(struct shm *s, int dependency, struct err *e)
{
	const struct guard *g = dependency_guard(s, dependency);

	metric_add(&bulkhead_rejected_total,
	    dependency_label_index(s, dependency), 0, 1);
	err_set(e, 503, "bulkhead_full", "Too many calls to %s at once",
	    g == NULL ? "a service" : g->name);
	if (e != NULL)
		e->retry_after_s = 1;
	return -1;
}

static bool
allowed(struct shm *s, int dependency, unsigned flags,
    struct breaker_pass *p)
{
	if (!(flags & DEPENDENCY_UNJUDGED))
		return breaker_allow(s, dependency,
		    (uint64_t)clock_boot_ns(), p);
	*p = (struct breaker_pass){ .uncounted = true };
	return !breaker_forced_open(s, dependency);
}

int
dependency_enter(struct shm *s, int dependency, unsigned flags,
    struct dependency_pass *p, struct err *e)
{
	const struct guard *g = dependency_guard(s, dependency);

	*p = (struct dependency_pass){ .permit = -1 };
	if (g == NULL)
		return 0;
	if (!allowed(s, dependency, flags, &p->breaker))
		return closed(s, dependency, g, e);
	p->in = true;
	if (g->permits == 0)
		return 0;
	p->permit = permit(s, dependency, g, flags & DEPENDENCY_WAIT ?
	    g->wait_ms : 0);
	if (p->permit != -1)
		return 0;
	dependency_leave(s, dependency, p, OUTCOME_NONE);
	return flags & DEPENDENCY_WAIT ? dependency_full(s, dependency, e) : 1;
}

void
dependency_leave(struct shm *s, int dependency, struct dependency_pass *p,
    enum outcome o)
{
	if (!p->in)
		return;
	p->in = false;
	breaker_result(s, dependency, &p->breaker, o,
	    (uint64_t)clock_boot_ns());
	if (p->permit != -1)
		seg_permit_leave(s, permits(s, dependency), SEG_PERMITS,
		    p->permit);
	p->permit = -1;
}

bool
dependency_refused(const struct err *e)
{
	return e->code != NULL && (strcmp(e->code, "breaker_open") == 0 ||
	    strcmp(e->code, "bulkhead_full") == 0);
}
