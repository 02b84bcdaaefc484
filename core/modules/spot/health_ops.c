/*
 * Health of the inventory: how old the least recent scan is. Degraded when a
 * scan is overdue by an hour: the helper does not run, or gets nowhere.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "modules/spot/health_ops.h"
#include "modules/spot/scan.h"

enum { LATE_S = 3600 };

void
spot_inventory_probe(struct env *env, struct probe *out)
{
	struct arena *a = arena_new((size_t)1 << 20);
	struct err e = { 0 };
	struct utc at, due, now = clock_now();

	if (env->db == NULL)
		err_set(&e, 503, "no_database", "no database here");
	if (e.status != 0 || spot_scan_oldest(env->db, a, &at, &due, &e) ==
	    -1) {
		out->state = PROBE_DOWN;
		snprintf(out->detail, sizeof(out->detail), "%.150s", e.detail);
	} else if (at.us == 0) {
		out->state = PROBE_OK;
		snprintf(out->detail, sizeof(out->detail),
		    "no account is connected");
	} else {
		out->state = now.us - due.us > LATE_S * US_PER_S ?
		    PROBE_DEGRADED : PROBE_OK;
		snprintf(out->detail, sizeof(out->detail),
		    "the oldest scan ended %lld s ago",
		    (long long)((now.us - at.us) / US_PER_S));
	}
	arena_free(a);
}
