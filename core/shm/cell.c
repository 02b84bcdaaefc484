/*
 * Cells: numbers that only grow, by key, for hints that may be lost. Key and
 * number are two words: a reader may for a moment see the number of a key that
 * has just lost its place. Refuses nothing.
 */
#include "shm/segment.h"

static struct seg_cell *
group(struct shm *s, uint64_t key)
{
	size_t at = (size_t)(key % (SEG_CELLS / SEG_GROUP)) * SEG_GROUP;

	return (struct seg_cell *)(void *)(s->base + s->map.cells) + at;
}

static struct seg_cell *
find(struct shm *s, uint64_t key)
{
	struct seg_cell *g = group(s, key);

	for (int i = 0; i < SEG_GROUP; i++)
		if (seg_get(&g[i].key) == key)
			return &g[i];
	return NULL;
}

uint64_t
shm_cell_get(struct shm *s, uint64_t key)
{
	struct seg_cell *c = s == NULL ? NULL : find(s, key);

	return c == NULL ? 0 : seg_get(&c->value);
}

/* An empty place, or the one with the smallest number. */
static struct seg_cell *
take(struct shm *s, uint64_t key)
{
	struct seg_cell *g = group(s, key), *least = g;
	uint64_t old;

	for (int i = 0; i < SEG_GROUP; i++) {
		if (seg_get(&g[i].key) == 0) {
			least = &g[i];
			break;
		}
		if (seg_get(&g[i].value) < seg_get(&least->value))
			least = &g[i];
	}
	old = seg_get(&least->key);
	seg_put(&least->value, 0);
	return seg_cas(&least->key, old, key) ? least : NULL;
}

uint64_t
shm_cell_raise(struct shm *s, uint64_t key, uint64_t v)
{
	struct seg_cell *c;
	uint64_t now;

	if (s == NULL)
		return v;
	c = find(s, key);
	if (c == NULL)
		c = take(s, key);
	while (c != NULL) {
		now = seg_get(&c->value);
		if (now >= v)
			return now;
		if (seg_cas(&c->value, now, v))
			break;
	}
	return v;
}
