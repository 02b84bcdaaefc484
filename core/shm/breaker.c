/*
 * Circuit breakers: one 64-bit word each, changed by compare-and-swap only.
 *	bits 0-39	milliseconds of the boot clock: when opened, or when
 *			the probe in flight began
 *	bits 40-55	failures in a row (closed), successes (half open)
 *	bits 56-57	state	bits 58-59 forced: 1 closed, 2 open
 *	bit 60		a probe is in flight
 * A probe whose process died is given up after open_s. Times in the future
 * count as passed, an impossible state as closed.
 */
#include <string.h>

#include "base/clock.h"
#include "shm/segment.h"

#define MS_MASK ((UINT64_C(1) << 40) - 1)
#define PROBING (UINT64_C(1) << 60)

struct view {
	uint64_t ms;
	unsigned count, state, forced;
	bool probing;
};

static struct view
unpack(uint64_t w)
{
	struct view v;

	v.ms = w & MS_MASK;
	v.count = (unsigned)(w >> 40) & 0xffff;
	v.state = (unsigned)(w >> 56) & 3;
	v.forced = (unsigned)(w >> 58) & 3;
	v.probing = (w & PROBING) != 0;
	if (v.state > BREAKER_HALF_OPEN)
		v.state = BREAKER_CLOSED;
	return v;
}

static uint64_t
pack(struct view v)
{
	return (v.ms & MS_MASK) | (uint64_t)(v.count & 0xffff) << 40 |
	    (uint64_t)v.state << 56 | (uint64_t)v.forced << 58 |
	    (v.probing ? PROBING : 0);
}

static uint64_t *
find(struct shm *s, const char *name)
{
	size_t i;

	for (i = 0; s != NULL && i < s->nbreakers; i++) {
		if (strcmp(s->layout.breakers[i], name) == 0)
			return &((struct seg_breaker *)(s->base +
			    s->map.breakers))[i].word;
	}
	if (s != NULL)
		metric_add(&shm_dropped_total, 0, 0, 1);
	return NULL;
}

static bool
waited(struct view v, struct breaker_rule r, uint64_t now_ms)
{
	return v.ms > now_ms || now_ms - v.ms >= (uint64_t)r.open_s * 1000;
}

bool
breaker_allow(struct shm *s, const char *name, struct breaker_rule r,
    uint64_t now_ns)
{
	uint64_t *w = find(s, name), old, now = now_ns / 1000000;
	struct view v;

	if (w == NULL || r.failures == 0)
		return true;
	for (;;) {
		old = seg_get(w);
		v = unpack(old);
		if (v.forced != 0)
			return v.forced == 1;
		if (v.state == BREAKER_CLOSED)
			return true;
		if ((v.state == BREAKER_OPEN || v.probing) &&
		    !waited(v, r, now))
			return false;
		if (v.state == BREAKER_OPEN)
			v.count = 0;
		v.state = BREAKER_HALF_OPEN;
		v.probing = true;
		v.ms = now;
		if (seg_cas(w, old, pack(v)))
			return true;
	}
}

static struct view
after(struct view v, struct breaker_rule r, bool ok, uint64_t now)
{
	bool counts = v.state == BREAKER_CLOSED ? !ok : ok;
	unsigned need = v.state == BREAKER_CLOSED ? r.failures : r.probes;

	if (v.state == BREAKER_OPEN)
		return v;	/* a call begun before it opened */
	v.probing = false;
	if (!counts && v.state == BREAKER_CLOSED) {
		v.count = 0;
		return v;
	}
	if (counts && v.count < 0xffff)
		v.count++;
	if (counts && v.count < need)
		return v;
	v.state = counts && v.state == BREAKER_HALF_OPEN ? BREAKER_CLOSED :
	    BREAKER_OPEN;
	v.count = 0;
	v.ms = now;
	return v;
}

void
breaker_result(struct shm *s, const char *name, struct breaker_rule r,
    bool ok, uint64_t now_ns)
{
	uint64_t *w = find(s, name), old, new;

	if (w == NULL || r.failures == 0)
		return;
	do {
		old = seg_get(w);
		new = pack(after(unpack(old), r, ok, now_ns / 1000000));
	} while (new != old && !seg_cas(w, old, new));
}

enum breaker_state
breaker_state(struct shm *s, const char *name, uint64_t now_ns)
{
	uint64_t *w = find(s, name);
	struct view v;

	(void)now_ns;	/* open until somebody is let through to probe */
	if (w == NULL)
		return BREAKER_CLOSED;
	v = unpack(seg_get(w));
	if (v.forced != 0)
		return v.forced == 1 ? BREAKER_CLOSED : BREAKER_OPEN;
	return (enum breaker_state)v.state;
}

void
breaker_force(struct shm *s, const char *name, int force)
{
	uint64_t *w = find(s, name), old;
	struct view v;

	if (w == NULL)
		return;
	do {
		old = seg_get(w);
		v = unpack(old);
		v.forced = force < 0 ? 0 : force == 0 ? 1 : 2;
		/* Released by hand: start afresh. */
		if (force < 0)
			v = (struct view){ 0, 0, BREAKER_CLOSED, 0, false };
	} while (!seg_cas(w, old, pack(v)));
}
