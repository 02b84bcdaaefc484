/*
 * Tags of the ready table. Never fails: without a segment all jobs of a lane
 * are served in the order of their random bits after V, that is unfairly.
 */
#include <string.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "jobs/tag.h"
#include "shm/shm.h"

enum { KEY_SEED = 23, LANE_SEED = 29, TENANT_SEED = 31, DUE_SEED = 37 };

uint64_t
jobs_tag_time(int64_t tag)
{
	return (uint64_t)tag >> TAG_BITS;
}

int64_t
jobs_tag_of(uint64_t virtual_time, uint32_t random)
{
	return (int64_t)(virtual_time << TAG_BITS |
	    (random & ((UINT32_C(1) << TAG_BITS) - 1)));
}

uint64_t
jobs_queue_key(struct uuid tenant, const char *name, bool external)
{
	uint64_t h = fnv1a(tenant.b, sizeof(tenant.b),
	    KEY_SEED + (uint64_t)external);

	return fnv1a(name, strlen(name), h);
}

static uint64_t
lane_key(uint64_t queue_key, int lane)
{
	uint8_t b = (uint8_t)lane;
	uint64_t h = fnv1a(&b, 1, queue_key ^ LANE_SEED);

	return h == 0 ? 1 : h;
}

uint64_t
jobs_virtual(struct shm *s, uint64_t queue_key, int lane)
{
	return shm_cell_get(s, lane_key(queue_key, lane));
}

void
jobs_virtual_raise(struct shm *s, uint64_t queue_key, int lane, uint64_t v)
{
	shm_cell_raise(s, lane_key(queue_key, lane), v);
}

bool
jobs_lane_due(struct shm *s, uint64_t queue_key, int lane, int seconds)
{
	uint64_t key = lane_key(queue_key, lane) ^ DUE_SEED;
	uint64_t now = (uint64_t)(clock_boot_ns() / 1000000000) + 1;
	uint64_t last = shm_cell_get(s, key);

	if (last != 0 && now < last + (uint64_t)seconds)
		return false;
	shm_cell_raise(s, key, now);
	return true;
}

int64_t
jobs_tag(struct shm *s, uint64_t queue_key, int lane, struct uuid tenant,
    uint64_t *backlog)
{
	uint64_t key = lane_key(queue_key, lane);
	uint64_t own = fnv1a(tenant.b, sizeof(tenant.b), key ^ TENANT_SEED);
	uint64_t v = shm_cell_get(s, key), last = shm_cell_get(s, own);
	uint64_t next = (v > last ? v : last) + 1;

	*backlog = next - v - 1;
	shm_cell_raise(s, own == 0 ? 1 : own, next);
	return jobs_tag_of(next, (uint32_t)random_below(UINT64_C(1) <<
	    TAG_BITS));
}
