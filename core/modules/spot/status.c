/*
 * Statuses as notices. Pure. A machine that the cloud took says so in the
 * reason of its state; without that it is only a change of state. Invariant:
 * the same finding has the same event's id, so that it counts once a day.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "modules/spot/act.h"
#include "modules/spot/status.h"

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool
spot_status_ended(const struct spot_status *s)
{
	return is(s->state, "shutting-down") || is(s->state, "terminated") ||
	    is(s->state, "stopping") || is(s->state, "stopped");
}

bool
spot_status_notice(struct arena *a, const struct spot_status *s,
    const char *known, const char *reason, const char *account,
    const char *region, struct utc now, struct spot_notice *out)
{
	const char **id = arena_alloc(a, sizeof(*id));
	bool taken = reason != NULL && strncmp(reason, "Server.Spot", 11) == 0;

	*id = s->instance_id;
	*out = (struct spot_notice){ .account = account, .region = region,
	    .at = now, .instances = id, .n = 1, .action = "", .asg = "",
	    .hook = "", .token = "" };
	if (spot_status_ended(s) && taken) {
		out->kind = NOTICE_INTERRUPTION;
		out->action = is(s->state, "stopping") ||
		    is(s->state, "stopped") ? "stop" : "terminate";
		out->event_id = arena_printf(a, "status-%s-taken",
		    s->instance_id);
		return true;
	}
	if (*s->state != '\0' && !is(s->state, known)) {
		out->kind = NOTICE_STATE;
		out->action = s->state;
		out->event_id = arena_printf(a, "status-%s-%s-%lld",
		    s->instance_id, s->state,
		    (long long)(now.us / US_PER_S / 60));
		return true;
	}
	if (s->event == NULL || *s->event == '\0')
		return false;
	out->kind = NOTICE_HEALTH;
	out->action = s->event;
	out->due = s->event_at;
	out->event_id = arena_printf(a, "status-%s-%s-%lld", s->instance_id,
	    s->event, (long long)(s->event_at.us / US_PER_S));
	return true;
}
