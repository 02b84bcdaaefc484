/*
 * Health of the inventory: how old the least recent scan is.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/health_ops.h"
#include "modules/spot/scan.h"

enum { OLD_S = 3 * 3600 };

void
spot_inventory_probe(struct env *env, struct probe *out)
{
	struct arena *a = arena_new((size_t)1 << 20);
	struct err e = { 0 };
	struct utc at;
	int64_t age;

	if (spot_scan_oldest(env->db, a, &at, &e) == -1) {
		out->state = PROBE_DOWN;
		snprintf(out->detail, sizeof(out->detail), "%.150s", e.detail);
	} else if (at.us == 0) {
		out->state = PROBE_OK;
		snprintf(out->detail, sizeof(out->detail),
		    "no account is connected");
	} else {
		age = (clock_now().us - at.us) / US_PER_S;
		out->state = age > OLD_S ? PROBE_DEGRADED : PROBE_OK;
		snprintf(out->detail, sizeof(out->detail),
		    "the oldest scan ended %lld s ago", (long long)age);
	}
	arena_free(a);
}
