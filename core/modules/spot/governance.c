/*
 * How bad it is that an instance is not authorized. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/governance.h"

void
spot_violation_judge(struct arena *a, struct spot_violation *v,
    struct utc now)
{
	bool flagged = strcmp(v->auth_status, "FLAGGED") == 0;
	char at[CLOCK_TEXT];

	if (flagged && v->grace_until.us != 0 &&
	    v->grace_until.us <= now.us) {
		v->severity = "critical";
		v->reason = arena_printf(a, "Nobody claimed it; its grace "
		    "ended at %s", clock_format(v->grace_until, at));
	} else if (flagged) {
		v->severity = "high";
		v->reason = arena_printf(a, "No tag, group or person "
		    "authorizes it; its grace ends at %s",
		    clock_format(v->grace_until, at));
	} else if (strcmp(v->state, "running") == 0 ||
	    strcmp(v->state, "pending") == 0) {
		v->severity = "medium";
		v->reason = "No tag, group or person authorizes it";
	} else {
		v->severity = "low";
		v->reason = "No tag, group or person authorizes it; it does "
		    "not run";
	}
}
