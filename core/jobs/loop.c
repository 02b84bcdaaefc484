/*
 * What is remembered of loops: in cells of the shared segment, which may be
 * lost, as they are for people only.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "jobs/loop.h"
#include "shm/shm.h"

static uint64_t
key(const char *role, uint64_t which)
{
	return fnv1a(role, strlen(role), 0x6c6f6f70 + which) | 1;
}

void
loop_seen(struct shm *s, const char *role, bool good)
{
	uint64_t now = (uint64_t)clock_boot_ns();

	shm_cell_raise(s, key(role, 0), now);
	if (good)
		shm_cell_raise(s, key(role, 1), now);
}

void
loop_last(struct shm *s, const char *role, int64_t *end_ns, int64_t *good_ns)
{
	int64_t now = clock_boot_ns();
	int64_t *out[] = { end_ns, good_ns };

	for (uint64_t i = 0; i < 2; i++) {
		*out[i] = (int64_t)shm_cell_get(s, key(role, i));
		if (*out[i] < 0 || *out[i] > now)
			*out[i] = 0;
	}
}

const char *
loop_role(struct arena *a, const struct loop *l, int shard)
{
	return l->scope == LOOP_SHARD ? arena_printf(a, "%s.%d", l->name,
	    shard) : l->name;
}
