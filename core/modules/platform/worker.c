/*
 * Who does the jobs: the judgement alone.
 */
#include <stdio.h>

#include "modules/platform/worker.h"

enum { DAEMON_S = 15, CRON_S = 180 };

static void
say(struct probe *p, enum probe_state state, const char *text)
{
	p->state = state;
	snprintf(p->detail, sizeof(p->detail), "%s", text);
}

void
platform_worker_judge(int64_t daemon_s, int64_t cron_s, int64_t tick_s,
    int64_t elsewhere, struct probe *p)
{
	if (daemon_s >= 0 && daemon_s <= DAEMON_S)
		say(p, PROBE_OK, "quincunx-worker runs");
	else if (cron_s >= 0 && cron_s <= CRON_S)
		say(p, PROBE_OK, "quincunx-schedule --work does the jobs");
	else if (elsewhere > 0)
		say(p, PROBE_OK, "other hosts do the jobs");
	else if (elsewhere < 0)
		say(p, PROBE_DEGRADED, "the database cannot be asked");
	else if (tick_s >= 0 && tick_s <= CRON_S)
		say(p, PROBE_DEGRADED, "jobs wait: quincunx-schedule runs "
		    "without --work, and there is no quincunx-worker");
	else
		say(p, PROBE_DEGRADED, "jobs wait: start quincunx-worker, or "
		    "let cron run quincunx-schedule --work each minute");
}
