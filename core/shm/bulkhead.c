/*
 * Bulkheads: so many permits, each a word that names its holder (slot index
 * and generation) or is zero. Nothing has to be given back by a dead process:
 * whoever finds the bulkhead full takes the permits of holders whose slot
 * lock is free. Without a segment or a slot there is no permit (fails closed).
 */
#include "shm/segment.h"

static uint64_t *
find(struct shm *s, const struct bulkhead *b)
{
	size_t i;

	for (i = 0; s != NULL && i < s->nbulkheads; i++) {
		if (s->bulkheads[i].b == b)
			return (uint64_t *)(s->base + s->bulkheads[i].off);
	}
	if (s != NULL)
		metric_add(&shm_dropped_total, 0, 0, 1);
	return NULL;
}

/* ---- permits: words that name their holder ---------------------------------- */

static int
take_free(uint64_t *words, uint32_t limit, uint64_t ref)
{
	uint32_t i;

	for (i = 0; i < limit; i++) {
		if (seg_get(&words[i]) == 0 && seg_cas(&words[i], 0, ref))
			return (int)i;
	}
	return -1;
}

static int
take_dead(struct shm *s, uint64_t *words, uint32_t limit, uint64_t ref)
{
	uint64_t w;
	uint32_t i;

	for (i = 0; i < limit; i++) {
		w = seg_get(&words[i]);
		if (!seg_owner_alive(s, w) && seg_cas(&words[i], w, ref))
			return (int)i;
	}
	return -1;
}

int
seg_permit_take(struct shm *s, uint64_t *words, uint32_t limit, bool bury)
{
	uint64_t ref;
	int i;

	if (!seg_own_slot(s))
		return -1;
	ref = seg_owner_ref(s);
	i = take_free(words, limit, ref);
	return i == -1 && bury ? take_dead(s, words, limit, ref) : i;
}

void
seg_permit_leave(struct shm *s, uint64_t *words, uint32_t n, int permit)
{
	if (s->slot != -1 && permit >= 0 && (uint32_t)permit < n)
		seg_cas(&words[permit], seg_owner_ref(s), 0);
}

uint32_t
seg_permits_held(struct shm *s, const uint64_t *words, uint32_t n)
{
	uint32_t i, held = 0;
	uint64_t w;

	for (i = 0; i < n; i++) {
		w = seg_get(&words[i]);
		held += w != 0 && seg_owner_alive(s, w);
	}
	return held;
}

/* ---- bulkheads ------------------------------------------------------------------ */

int
bulkhead_enter(struct shm *s, const struct bulkhead *b, uint32_t limit,
    int *permit)
{
	uint64_t *words;

	*permit = -1;
	if (s == NULL)
		return -1;
	seg_mend(s);
	if ((words = find(s, b)) == NULL)
		return -1;
	if (limit == 0 || limit > b->permits)
		limit = b->permits;
	*permit = seg_permit_take(s, words, limit, true);
	return *permit == -1 ? -1 : 0;
}

void
bulkhead_leave(struct shm *s, const struct bulkhead *b, int permit)
{
	uint64_t *words = find(s, b);

	if (words != NULL)
		seg_permit_leave(s, words, b->permits, permit);
}

uint32_t
bulkhead_used(struct shm *s, const struct bulkhead *b)
{
	uint64_t *words = find(s, b);

	return words == NULL ? 0 : seg_permits_held(s, words, b->permits);
}
