/*
 * The loop that evaluates the alerts, and the rules that come with the
 * program. Thresholds are the documents'; a rule about a part that is not
 * there finds nothing and is silent.
 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "modules/platform/alert.h"

const struct alert platform_declared_alerts[] = {
	{ "BreakerOpen", "A circuit breaker is open: a service outside does "
	    "not answer", "max by (name) (breaker_state) == 1", 60, 0,
	    "warning", NULL, NULL, "GET /health/services names the service; "
	    "it is tried again by itself" },
	{ "RetryBudgetEmpty", "So much fails that retries are not allowed "
	    "any more", "sum by (host) (increase(retry_budget_empty_total"
	    "[5m])) > 0", 60, 120, "warning", "host", "BreakerOpen", NULL },
	{ "HttpErrors", "More than 5 % of the requests fail", "sum by (host) "
	    "(rate(http_requests_total{code=~\"500|502|503|504\"}[5m])) / "
	    "sum by (host) (rate(http_requests_total[5m])) > 0.05 and "
	    "sum by (host) (rate(http_requests_total[5m])) > 0.1", 120, 120,
	    "critical", "host", NULL, "GET /api/system/errors shows which" },
	{ "DbErrors", "Database statements fail", "sum by (host) (rate("
	    "db_errors_total[5m])) > 0.2", 120, 120, "critical", "host",
	    NULL, NULL },
	{ "DbReadTransactionOld", "A read transaction is held open and keeps "
	    "old rows from being purged",
	    "max(db_read_transactions_oldest_seconds) > 60", 0, 60,
	    "warning", NULL, NULL, "information_schema.INNODB_TRX names the "
	    "connection" },
	{ "HistoryList", "Old row versions pile up in the database",
	    "max(innodb_history_list) > 1000000", 300, 0, "warning", NULL,
	    NULL, NULL },
	{ "QueueGrowing", "Jobs come faster than they are done",
	    "sum(deriv(job_ready[15m])) > 0.1 and sum(job_ready) > 1000",
	    900, 120, "warning", NULL, NULL, "More workers, or a slower "
	    "source: quincunx jobs" },
	{ "TaskOldestWait", "Ready jobs wait too long",
	    "max(job_oldest_ready_seconds) > 300", 300, 60, "warning", NULL,
	    NULL, NULL },
	{ "TaskFailRatio", "More than 10 % of the jobs fail", "sum(rate("
	    "jobs_total{outcome=\"failed\"}[10m])) / sum(rate("
	    "jobs_total[10m])) > 0.1", 600, 120, "warning", NULL, NULL,
	    NULL },
	{ "JobCrashes", "Jobs kill their processes",
	    "sum(increase(job_crashes_total[10m])) > 3", 0, 300, "warning",
	    NULL, NULL, NULL },
	{ "WebhookFailing", "Most webhook deliveries fail", "sum(rate("
	    "webhook_deliveries_total{outcome=\"failed\"}[10m])) / sum(rate("
	    "webhook_deliveries_total[10m])) > 0.5", 600, 120, "info", NULL,
	    NULL, "quincunx webhook list shows whose" },
	{ "DeadLetters", "Jobs failed for good", "max(job_dead_letters) > 0",
	    0, 60, "warning", NULL, NULL, "Look at them, then replay or "
	    "discard: quincunx jobs dead" },
	{ "JobQuarantined", "Jobs were set aside because they crash",
	    "sum(increase(jobs_total{outcome=\"quarantined\"}[10m])) > 0", 0,
	    600, "critical", NULL, NULL, NULL },
	{ "OutboxOldest", "Events wait to be relayed",
	    "max(outbox_oldest_seconds) > 10", 30, 60, "warning", NULL,
	    NULL, "Does a worker or quincunx-schedule run?" },
	{ "EventsDead", "Events were set aside because they cannot be "
	    "relayed", "sum(increase(events_dead_total[10m])) > 0", 0, 600,
	    "critical", NULL, NULL, NULL },
	{ "GatewayLagClosed", "Slow clients of the gateway are closed",
	    "sum by (host) (rate(ws_lag_closed_total[5m])) > 0.5", 120, 120,
	    "info", "host", NULL, NULL },
	{ "LeaderMissing", "Nobody leads", "max by (role) (leader) < 1", 30,
	    0, "critical", NULL, NULL, NULL },
	{ "ScheduleLag", "Schedules fire late",
	    "max(schedule_lag_seconds) > 60", 60, 60, "warning", NULL,
	    "LeaderMissing", NULL },
	{ "AlertEvaluatorLate", "Alerts were evaluated too late",
	    "max(alert_evaluation_lag_seconds) > 60", 0, 300, "critical",
	    NULL, NULL, NULL },
	{ "AlertRuleFaulty", "An alert rule cannot be evaluated",
	    "max(alert_rules_faulty) > 0", 0, 60, "warning", NULL, NULL,
	    "quincunx alerts rules names it and its fault" },
	{ "DiskFree", "Less than a tenth of the disk is free",
	    "min by (host) (disk_free_ratio) < 0.1", 300, 60, "critical",
	    "host", NULL, NULL },
	{ "MemoryShort", "Less than a twentieth of the memory is available",
	    "min by (host) (host_memory_available_bytes) / min by (host) "
	    "(host_memory_bytes) < 0.05", 300, 60, "warning", "host", NULL,
	    NULL },
	{ "CertExpiry", "The certificate ends within 14 days",
	    "min by (host) (cert_expiry_seconds) < 1209600 and "
	    "min by (host) (cert_expiry_seconds) != 0", 60, 0,
	    "warning", "host", NULL, NULL },
	{ "SegmentFull", "The shared segment has no place for what it should "
	    "count", "sum by (host) (increase(shm_dropped_total[10m])) > 0",
	    0, 600, "info", "host", NULL, NULL },
	{ "RefreshReuse", "A refresh token was used twice: it may be stolen",
	    "sum(increase(refresh_reuse_total[10m])) > 0", 0, 600,
	    "critical", NULL, NULL, "The sessions of the family were ended; "
	    "quincunx audit tells whose" },
	{ "SnapshotOld", "The last snapshot is older than 26 hours",
	    "max(snapshot_age_seconds) > 93600", 60, 0, "warning", NULL,
	    NULL, NULL },
	{ "SnapshotVerifyFailed", "A snapshot does not verify",
	    "min(snapshot_verify_ok) < 1", 0, 0, "page", NULL, NULL, NULL },
	ALERT_END
};

struct memory {
	struct utc signalled;
};

static int
turn(struct loop_ctx *c, struct err *e)
{
	enum { CRON_MS = 60000, SIGNAL_S = 60 };
	bool cron = strcmp(c->env->program, "quincunx-schedule") == 0;
	struct platform_alert_work w = { .lease = c->lease,
	    .now = clock_now(), .period_ms = cron ? CRON_MS : 15000 };
	struct memory *m = c->memory;
	size_t firing;

	if (m == NULL)
		c->memory = m = arena_alloc(c->keep, sizeof(*m));
	if (platform_alert_evaluate(c->env, c->a, &w, &firing, e) == -1)
		return -1;
	if (w.now.us - m->signalled.us >= SIGNAL_S * US_PER_S) {
		m->signalled = w.now;
		platform_alert_signals(c->env, c->a, w.now);
	}
	return 0;
}

const struct loop platform_alert_loops[] = {
	{ .name = "platform.alert", .doc = "Evaluates the alert rules",
	    .period_ms = 15000, .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	    .lease_s = 30, .run = turn },
	LOOP_END
};
