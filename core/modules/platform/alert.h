/*
 * Alerts: rules evaluated every 15 seconds by one process of the installation.
 * inactive -> pending (the condition holds) -> firing (it held for_s long) ->
 * resolved (it did not hold for keep_s). All of it is stored: a restart goes
 * on where it was and tells nothing twice. Four changes within ten minutes
 * are flapping: one notice, and the next when it was stable for ten minutes.
 *
 * A notice is an event (topic system_alert) about a group of alerts: the first
 * one waits a little for others, further ones keep a distance, and what goes
 * on is told again after hours. Silenced and inhibited alerts are not told.
 */
#ifndef PLATFORM_ALERT_H
#define PLATFORM_ALERT_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"
#include "modules/platform/expr.h"
#include "modules/platform/rule.h"
#include "modules/platform/silence.h"

struct str;

/* A row. */
struct platform_alert {
	struct uuid id;			/* digest of rule and labels */
	const char *rule;
	struct json labels;
	const char *host;		/* label, or "" */
	const char *severity, *summary;
	const char *state;		/* "inactive" "pending" "firing"
					 * "resolved" */
	double value;
	struct utc active_at, fired_at, resolved_at;
	struct utc seen_at;		/* when the condition held last */
	const char *changes;		/* times of the last changes, µs */
	bool flapping;
	const char *told;		/* "" "firing" "flapping" "resolved" */
	struct utc told_at;
	const char *muted_by;		/* "silence …" "rule …" or "" */
	struct uuid group_id;
	int64_t version;
	struct utc updated_at;
};
struct platform_alert_group {
	struct uuid id;
	const char *name;		/* "host db1", "DiskFree" */
	struct utc waits_at;		/* the first news that waits */
	struct utc told_at;		/* last notice; 0: a new story */
	int64_t notices;
};
struct platform_alert_turn {
	struct utc at, due_at;
	int64_t took_ms;
	const char *host;
	bool lag_told;
};
extern const struct schema platform_alert_schema, platform_alert_group_schema,
    platform_alert_turn_schema, platform_notice_schema;
extern const struct query *const platform_alert_queries[];
extern const struct table platform_alert_tables[];

/* ---- the engine: pure, time comes from outside (alert.c) ---------------------- */

struct platform_alert_timing {
	int64_t wait_s, interval_s, repeat_s;
};

/* Moves one alert by one turn. was_at: the turn before (a condition that was
 * not watched for five minutes begins anew). True: something changed that
 * must be written. */
bool platform_alert_step(struct arena *, struct platform_alert *,
    const struct platform_rule *, bool holds, double value, struct utc now,
    struct utc was_at);
/* What should have been told by now: "firing", "flapping", "resolved", or ""
 * when nothing is to be said. */
const char *platform_alert_wanted(const struct platform_alert *);
/* Sets muted_by from the silences and from the rules that explain this one;
 * true when it changed. */
bool platform_alert_mute(struct arena *, struct platform_alert *,
    const struct platform_rule *, const struct platform_alert *all, size_t n,
    const struct platform_silence *, size_t nsilences, struct utc now);
enum platform_group_act { GROUP_QUIET, GROUP_WAIT, GROUP_TELL };
/* Of the group's alerts (pointers). TELL: the notice is due; the alerts and
 * the group are then marked as told. */
enum platform_group_act platform_group_step(struct platform_alert_group *,
    struct platform_alert **, size_t n, const struct platform_alert_timing *,
    struct utc now, bool *repeated);

/* ---- rows ------------------------------------------------------------------------ */

enum { ALERTS_MAX = 2000 };
struct platform_alert_filter {
	const char *state, *severity, *rule;	/* NULL: all but inactive */
	struct uuid after;
	int64_t limit;
};
int platform_alert_all(struct db *, struct arena *, struct rows *,
    struct err *);
int platform_alert_page(struct db *, struct arena *,
    const struct platform_alert_filter *, struct rows *, struct err *);
int platform_alert_by_id(struct db *, struct arena *, struct uuid id,
    struct platform_alert *, struct err *);
int platform_alert_put(struct db *, const struct platform_alert *,
    struct err *);
int platform_alert_purge(struct db *, struct utc before, struct err *);
int platform_group_all(struct db *, struct arena *, struct rows *,
    struct err *);
int platform_group_put(struct db *, const struct platform_alert_group *,
    struct err *);
int platform_turn_get(struct db *, struct arena *, bool lock,
    struct platform_alert_turn *, struct err *);
int platform_turn_put(struct db *, const struct platform_alert_turn *,
    struct err *);
/* The number of a declared gauge. */
int platform_gauge_read(struct db *, struct arena *, const struct gauge *,
    double *, struct err *);

/* ---- use-cases ------------------------------------------------------------------- */

struct platform_notice {
	const char *key;		/* rule, labels and start of the first */
	const char *status, *severity, *title, *group;
	bool repeated;
	struct list alerts;		/* struct platform_alert */
	struct utc at;
};

struct platform_alert_work {
	const struct lease *lease;	/* written first; NULL: none */
	struct utc now;
	int64_t period_ms;		/* until the next turn */
	/* Instead of what is stored and live, for tests. */
	const struct platform_view *view;
};
/* One turn: gauges, rules, states, notices. *firing counts. */
int platform_alert_evaluate(struct env *, struct arena *,
    const struct platform_alert_work *, size_t *firing, struct err *);
/* Watches the evaluator from outside it: a notice when it is a minute late. */
int platform_alert_watch(struct env *, struct arena *, struct utc now,
    struct err *);
/* What the rules look at: stored minutes and this host now. */
int platform_alert_view(struct env *, struct arena *, struct utc now,
    int64_t window_s, struct platform_view *, struct err *);

/* Reads and sets the declared gauges. */
void platform_gauges_read(struct env *, struct arena *);
/* Seconds since the next turn was due; 0 = it is not. */
int64_t platform_alert_late_s(const struct platform_alert_turn *,
    struct utc now);
/* Adds the notice that the evaluator is late, or back. */
void platform_alert_late(struct event_pack *, struct arena *, struct utc now,
    struct utc due, bool late);
extern const struct metric platform_alerts, platform_alert_lag,
    platform_rules_faulty, platform_alert_age;

/* Outside calls after a turn: dead-man signal, Alertmanager. Errors are
 * logged, never returned. */
void platform_alert_signals(struct env *, struct arena *, struct utc now);
/* Firing alerts as Alertmanager's /api/v2/alerts takes them. */
void platform_alert_push_body(const struct platform_alert *, size_t n,
    const char *url, struct utc now, struct str *);

/* All rules as a Prometheus rules file; those that cannot be parsed are left
 * out as comments. */
void platform_rules_export(struct arena *, const struct platform_rule *,
    size_t n, struct str *);

extern const struct event platform_alert_events[];
extern const struct alert platform_declared_alerts[];
extern const struct loop platform_alert_loops[];
extern const struct route platform_alert_routes[];
extern const struct command platform_alert_commands[];

#endif
