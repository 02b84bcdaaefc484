/*
 * When a source counts as silent. Pure. Invariant: a source that fails or is
 * silent is never without the poll of statuses in its place.
 */
#include <string.h>

#include "base/clock.h"
#include "modules/spot/source.h"

static int64_t
heard(const struct spot_source *s)
{
	struct utc word = s->last_message_at;

	/* the simulated cloud answers when asked; no queue can go silent */
	if (strcmp(s->kind, "simulated") == 0)
		word = s->last_poll_at;
	return word.us > s->created_at.us ? word.us : s->created_at.us;
}

const char *
spot_source_judge(const struct spot_source *s, struct utc now)
{
	if (strcmp(s->state, "off") == 0)
		return "off";
	if (s->failures >= 3)
		return "failing";
	if (now.us - heard(s) >= SOURCE_SILENT_S * US_PER_S)
		return "silent";
	return s->last_message_at.us == 0 && s->last_poll_at.us == 0 ? "new" :
	    "ok";
}

bool
spot_source_status_due(const struct spot_source *s, struct utc now)
{
	const char *state = spot_source_judge(s, now);

	return strcmp(s->kind, "simulated") != 0 &&
	    (strcmp(state, "silent") == 0 || strcmp(state, "failing") == 0) &&
	    now.us - s->last_status_at.us >= SOURCE_STATUS_S * US_PER_S;
}
