/*
 * Hash map: entries in insertion order, and beside them an open-addressed index
 * of entry numbers that is at most half full. Keys are hashed with SipHash under
 * a random key of this process (a singleton), so that nobody outside can choose
 * keys that collide. Entries are never removed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/map.h"
#include "base/random.h"
#include "base/vec.h"

struct entry {
	const char *key;
	void *value;
	uint64_t hash;
};

struct map {
	struct arena *a;
	VEC(struct entry) e;
	uint32_t *index;	/* entry number + 1; 0 = free */
	size_t mask;		/* slots - 1, slots a power of two */
};

static uint64_t
hash_key(const char *key)
{
	static uint8_t seed[16];
	static bool seeded;

	if (!seeded) {
		random_bytes(seed, sizeof(seed));
		seeded = true;
	}
	return siphash(seed, key, strlen(key));
}

/* Slot of the key, or the free slot where it belongs. */
static size_t
find(const struct map *m, const char *key, uint64_t hash)
{
	const struct entry *e;
	size_t i;

	for (i = hash & m->mask; m->index[i] != 0; i = (i + 1) & m->mask) {
		e = &m->e.v[m->index[i] - 1];
		if (e->hash == hash && strcmp(e->key, key) == 0)
			break;
	}
	return i;
}

static void
rehash(struct map *m, size_t slots)
{
	size_t n, i;

	m->index = arena_array(m->a, slots, sizeof(*m->index));
	m->mask = slots - 1;
	for (n = 0; n < m->e.n; n++) {
		i = m->e.v[n].hash & m->mask;
		while (m->index[i] != 0)
			i = (i + 1) & m->mask;
		m->index[i] = (uint32_t)(n + 1);
	}
}

struct map *
map_new(struct arena *a)
{
	struct map *m = arena_alloc(a, sizeof(*m));

	m->a = a;
	rehash(m, 16);
	return m;
}

void *
map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_key(key);
	size_t i = find(m, key, hash);
	struct entry *e;
	void *old;

	if (m->index[i] != 0) {
		e = &m->e.v[m->index[i] - 1];
		old = e->value;
		e->value = value;
		return old;
	}
	ASSERT(m->e.n < UINT32_MAX - 1);
	e = VEC_ADD(m->a, &m->e);
	*e = (struct entry){ key, value, hash };
	m->index[i] = (uint32_t)m->e.n;
	if (m->e.n * 2 > m->mask)
		rehash(m, (m->mask + 1) * 2);
	return NULL;
}

void *
map_get(const struct map *m, const char *key)
{
	uint32_t n = m->index[find(m, key, hash_key(key))];

	return n == 0 ? NULL : m->e.v[n - 1].value;
}

size_t
map_count(const struct map *m)
{
	return m->e.n;
}

_Bool
map_next(const struct map *m, size_t *it, const char **key, void **value)
{
	if (*it >= m->e.n)
		return false;
	if (key != NULL)
		*key = m->e.v[*it].key;
	if (value != NULL)
		*value = m->e.v[*it].value;
	(*it)++;
	return true;
}
