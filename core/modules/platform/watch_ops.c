/*
 * Who watches the evaluator: every host's sampler. When the turn that was due
 * is a minute late it tells so, once in the installation; the evaluator tells
 * when it is back.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "modules/platform/alert.h"

const struct metric platform_alert_age = { "alert_evaluation_age_seconds",
	"Since the alerts were last evaluated, as this host sees it",
	METRIC_GAUGE, { NULL, NULL } };

void
platform_alert_late(struct event_pack *pack, struct arena *a, struct utc now,
    struct utc due, bool late)
{
	char at[CLOCK_TEXT];
	struct platform_notice x = { .status = late ? "late" : "resolved",
	    .severity = "critical", .group = "evaluator", .at = now };

	x.key = arena_printf(a, "AlertEvaluatorLate/%lld",
	    (long long)due.us);
	x.title = late ? arena_printf(a, "Alerts have not been evaluated as "
	    "they should have been at %s", clock_format(due, at)) :
	    "Alerts are evaluated again";
	event_pack_add(pack, &platform_alert_events[0],
	    (struct uuid){ { 0 } }, "evaluator", 0, &x);
}

int64_t
platform_alert_late_s(const struct platform_alert_turn *t, struct utc now)
{
	return t->due_at.us == 0 || now.us <= t->due_at.us ? 0 :
	    (now.us - t->due_at.us) / US_PER_S;
}

struct watch {
	struct arena *a;
	struct utc now;
};

static int
watch_txn(struct db *db, void *arg, struct err *e)
{
	enum { LATE_S = 60 };
	struct watch *w = arg;
	struct platform_alert_turn t;
	struct event_pack *pack = event_pack_new(w->a);

	if (platform_turn_get(db, w->a, true, &t, e) == -1)
		return -1;
	if (t.lag_told || platform_alert_late_s(&t, w->now) <= LATE_S)
		return 0;
	t.lag_told = true;
	platform_alert_late(pack, w->a, w->now, t.due_at, true);
	return platform_turn_put(db, &t, e) == -1 ? -1 :
	    event_pack_publish(db, pack, e);
}

int
platform_alert_watch(struct env *env, struct arena *a, struct utc now,
    struct err *e)
{
	struct watch w = { a, now };
	struct platform_alert_turn t;

	if (platform_turn_get(env->db, a, false, &t, e) == -1)
		return -1;
	if (t.at.us == 0)
		return 0;
	metric_set(&platform_alert_age, 0, 0, (now.us - t.at.us) / US_PER_S);
	return platform_alert_late_s(&t, now) == 0 ? 0 : db_txn(env->db, a, watch_txn, &w,
	    e);
}
