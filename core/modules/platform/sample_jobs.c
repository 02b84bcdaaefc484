/*
 * The loops of the samples: each host reads itself at the turn of the minute,
 * one in the installation turns hours round. And what of the metrics is kept:
 * names of all layers, those of parts that are not built yet simply have no
 * values.
 */
#include "base/clock.h"
#include "base/err.h"
#include "modules/platform/alert.h"
#include "modules/platform/sample.h"

const struct history platform_histories[] = {
	{ "http_requests_total", "code" }, { "http_request_seconds", NULL },
	{ "http_retries_total", NULL }, { "http_inflight", NULL },
	{ "fcgi_workers", "*" }, { "fcgi_listen_queue", NULL },
	{ "fcgi_children_max_reached_total", "*" },
	{ "fcgi_respawns_total", NULL }, { "fcgi_kills_total", NULL },
	{ "db_query_seconds", NULL }, { "db_errors_total", "*" },
	{ "db_connections", "*" }, { "db_reconnects_total", NULL },
	{ "db_read_transactions_oldest_seconds", NULL },
	{ "innodb_history_list", NULL },
	{ "net_calls_total", "outcome" }, { "net_call_seconds", NULL },
	{ "retry_budget_empty_total", NULL },
	{ "breaker_state", "*" }, { "breaker_transitions_total", "*" },
	{ "bulkhead_used", "*" }, { "bulkhead_rejected_total", NULL },
	{ "limiter_rejected_total", "*" }, { "limiter_full_total", NULL },
	{ "shm_lost_total", NULL }, { "shm_dropped_total", NULL },
	{ "jobs_total", "outcome" }, { "job_wait_seconds", NULL },
	{ "job_run_seconds", NULL }, { "job_ready", "*" },
	{ "job_oldest_ready_seconds", NULL }, { "job_running", NULL },
	{ "job_crashes_total", NULL }, { "job_quarantined", NULL },
	{ "job_stale_total", NULL }, { "job_lost_total", NULL },
	{ "job_dead_letters", NULL },
	{ "schedule_lag_seconds", NULL }, { "schedule_misfires_total", NULL },
	{ "leader", "*" }, { "outbox_pending", NULL },
	{ "outbox_oldest_seconds", NULL }, { "events_relayed_total", NULL },
	{ "events_dead_total", NULL },
	{ "webhook_deliveries_total", "*" }, { "redis_sent_total", "*" },
	{ "redis_taken_total", "*" },
	{ "ws_connections", NULL }, { "ws_subscriptions", NULL },
	{ "ws_sent_total", NULL }, { "ws_lag_closed_total", NULL },
	{ "ws_recovered_total", "*" }, { "auth_failures_total", "*" },
	{ "auth_refused_total", "*" }, { "refresh_reuse_total", NULL },
	{ "snapshot_age_seconds", NULL }, { "snapshot_verify_ok", NULL },
	{ "host_load1", NULL }, { "host_memory_bytes", NULL },
	{ "host_memory_available_bytes", NULL }, { "disk_free_bytes", NULL },
	{ "disk_free_ratio", NULL }, { "cert_expiry_seconds", NULL },
	{ "alerts", "*" }, { "alert_evaluation_age_seconds", NULL },
	{ "alert_evaluation_lag_seconds", NULL },
	{ "alert_rules_faulty", NULL }, { "error_kinds_dropped_total", NULL },
	HISTORY_END
};

/* One sampler per host: its process is also whose gauges count. */
static int
sample(struct loop_ctx *c, struct err *e)
{
	enum { MINUTE_MS = 60000 };
	struct utc now = clock_now();

	c->next_ms = MINUTE_MS - now.us / 1000 % MINUTE_MS;
	if (c->memory == NULL && !shm_step_begin(c->env->shm,
	    "platform.sample"))
		return 0;
	c->memory = c;			/* ours until the process ends */
	if (platform_alert_watch(c->env, c->a, now, e) == -1)
		return -1;
	return platform_sample_now(c->env, c->a, now, e);
}

static int
rollup(struct loop_ctx *c, struct err *e)
{
	enum { HOURS = 6 };
	size_t done;

	if (platform_rollup(c->env, c->a, c->lease, clock_now(), HOURS, &done,
	    e) == -1)
		return -1;
	if (done == HOURS)
		c->next_ms = 1000;	/* there are more */
	return 0;
}

const struct loop platform_sample_loops[] = {
	{ .name = "platform.sample", .doc = "Reads this host and its metrics "
	    "once a minute", .period_ms = 60000, .scope = LOOP_HOST,
	    .humble = LOOP_TICK, .run = sample },
	{ .name = "platform.rollup", .doc = "Turns the past hours of the "
	    "metrics round and forgets old ones", .period_ms = 300000,
	    .scope = LOOP_CLUSTER, .humble = LOOP_TICK, .lease_s = 60,
	    .run = rollup },
	LOOP_END
};
