/*
 * What to do about a notice. Pure. Refuses to act for instances that are not
 * ours to move, that are no spot machines, that have an answer already, and
 * for news so old that whatever runs by now is not what the notice was about.
 * Invariant: one answer per instance and escalation, in whatever order the
 * messages come.
 */
#include <string.h>

#include "base/clock.h"
#include "modules/spot/interruption.h"

enum { REPLICA_TTL_S = 6 * 3600 };

const struct spot_notice_policy spot_notice_policy_default = {
	.on_rebalance = "replica", .on_interruption = "replace",
	.instances = "authorized", .replica_ttl_s = REPLICA_TTL_S,
	.updated_by = ""
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static enum spot_answer
watch(const char **why, const char *text)
{
	*why = text;
	return ANSWER_WATCH;
}

/* An answer was given before: only a warning after a recommendation asks for
 * more than was done. */
static enum spot_answer
again(const struct spot_notice *n, const struct spot_interruption *open,
    const char **why)
{
	if (n->kind != NOTICE_INTERRUPTION || is(open->kind, "interruption"))
		return watch(why, "It is being answered already");
	if (is(open->state, "replica"))
		return ANSWER_PROMOTE;
	if (is(open->state, "replacing") || is(open->state, "serving") ||
	    is(open->state, "replaced"))
		return watch(why, "Its replacement is under way already");
	return ANSWER_REPLACE;
}

enum spot_answer
spot_interruption_answer(const struct spot_notice_policy *p,
    const struct spot_notice *n, const struct spot_noticed *i,
    const struct spot_interruption *open, struct utc now, const char **why)
{
	const char *want = n->kind == NOTICE_INTERRUPTION ?
	    p->on_interruption : p->on_rebalance;

	*why = "";
	if (n->kind == NOTICE_HEALTH)
		return watch(why, "Scheduled by the cloud");
	if (now.us - n->at.us > NOTICE_ACT_S * US_PER_S)
		return watch(why, "The notice came too late to act on it");
	if (i == NULL)
		return watch(why, "It is not in the inventory yet");
	if (!is(i->lifecycle, "spot"))
		return watch(why, "It is not a spot machine");
	if (is(p->instances, "authorized") && !is(i->auth_status, "AUTHORIZED"))
		return watch(why, "It is not authorized to be moved");
	if (is(want, "watch"))
		return watch(why, "The account's policy is to watch");
	/* what was over when it happened is another matter */
	if (open != NULL && open->ended_at.us == 0)
		return again(n, open, why);
	if (open != NULL && open->ended_at.us >= n->at.us)
		return watch(why, "It was answered already");
	return is(want, "replica") ? ANSWER_REPLICA : ANSWER_REPLACE;
}

double
spot_downtime_gap(const struct spot_downtime *d)
{
	if (d->serving_at.us == 0 || d->drained_at.us == 0 ||
	    d->serving_at.us <= d->drained_at.us)
		return 0;
	return (double)(d->serving_at.us - d->drained_at.us) / US_PER_S;
}
