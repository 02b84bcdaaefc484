/*
 * What the platform module consists of: tables only.
 */
#include "db/lease.h"
#include "http/http.h"
#include "events/relay.h"
#include "jobs/look.h"
#include "jobs/queue.h"
#include "modules/platform/admin.h"
#include "modules/platform/approval.h"
#include "modules/platform/backup.h"
#include "modules/platform/decision.h"
#include "modules/platform/compat.h"
#include "modules/platform/docs.h"
#include "modules/platform/doctor.h"
#include "modules/platform/event.h"
#include "modules/platform/exchange.h"
#include "modules/platform/health.h"
#include "modules/platform/job.h"
#include "modules/platform/alert.h"
#include "modules/platform/error.h"
#include "modules/platform/gauge.h"
#include "modules/platform/rule.h"
#include "modules/platform/sample.h"
#include "modules/platform/schedule.h"
#include "modules/platform/silence.h"
#include "modules/platform/sweep.h"
#include "modules/platform/worker.h"
#include "modules/platform/live.h"
#include "modules/platform/compat.h"
#include "modules/platform/demo.h"
#include "modules/platform/dependency.h"
#include "modules/platform/doctor.h"
#include "modules/platform/installation.h"
#include "modules/platform/log.h"
#include "modules/platform/metric.h"
#include "modules/platform/migration.h"
#include "modules/platform/model.h"
#include "modules/platform/platform.h"
#include "modules/platform/queue.h"
#include "modules/platform/redis.h"
#include "modules/platform/route.h"
#include "modules/platform/service.h"
#include "modules/platform/setting.h"
#include "modules/platform/setup.h"
#include "modules/platform/site.h"
#include "modules/platform/switch.h"
#include "modules/platform/system.h"
#include "modules/platform/ui.h"
#include "modules/platform/webhook.h"
#include "modules/platform/work.h"

static const char *const needs[] = { "auth", NULL };

/* What concerns the whole installation, and so every tenant, is for those who
 * run it: no role but super_admin has it by itself. */
const struct permission platform_permissions[] = {
	{ "system:read", "See health details, status, components and routes",
	  "admin operator auditor analyst trader viewer", false },
	{ "system:metrics", "Read metrics when they are not public", "",
	  false },
	{ "system:config", "Read the effective configuration", "", false },
	{ "system:logs", "Read the logs of all components", "", false },
	{ "system:processes", "See what processes are doing", "", false },
	{ "system:control", "Start and stop components", "", false },
	{ "jobs:read", "See jobs, queues and schedules",
	  "admin operator analyst trader viewer", false },
	{ "jobs:create", "Enqueue jobs", "admin operator analyst trader",
	  false },
	{ "jobs:work", "Claim and finish jobs as an external worker",
	  "admin agent", false },
	{ "jobs:control", "Cancel, retry, replay and discard jobs, pause "
	  "queues", "admin operator", false },
	{ "schedules:write", "Make and change schedules", "admin operator",
	  false },
	{ "events:read", "Read and follow events",
	  "admin operator analyst trader viewer agent", false },
	{ "events:webhooks", "Send events to other hosts", "admin", false },
	{ "decisions:read", "See what was decided and why",
	  "admin operator analyst trader viewer auditor", false },
	{ "approvals:read", "See plans that wait for a yes",
	  "admin operator analyst trader viewer auditor", false },
	{ "approvals:decide", "Approve and reject plans up to medium risk",
	  "admin operator", false },
	{ "approvals:high", "Approve plans of high and critical risk", "admin",
	  false },
	{ "switch:stop", "Stop outward acts", "admin operator trader", false },
	{ "switch:release", "Release what was stopped", "admin", true },
	{ "models:read", "See models and how good they are",
	  "admin operator analyst trader viewer auditor lab", false },
	{ "models:write", "Store and promote models", "admin lab", false },
	{ "alerts:write", "Change alert rules, silences and routes", "",
	  false },
	{ .name = NULL }
};

static const struct table *const tables[] = {
	platform_service_tables,
	platform_exchange_tables,
	platform_decision_tables,
	platform_approval_tables,
	platform_switch_tables,
	platform_model_tables,
	jobs_tables,
	event_tables,
	platform_redis_tables,
	platform_webhook_tables,
	platform_sample_tables,
	platform_error_tables,
	platform_rule_tables,
	platform_silence_tables,
	platform_alert_tables,
	http_tables,
	platform_live_tables,
	platform_dependency_tables,
	schedule_tables,
	platform_installation_tables,
	NULL
};
static const struct query *const *const queries[] = {
	platform_service_queries,
	platform_exchange_queries,
	platform_decision_queries,
	platform_approval_queries,
	platform_switch_queries,
	platform_model_queries,
	http_queries,
	lease_queries,
	event_queries,
	jobs_enqueue_queries,
	jobs_need_queries,
	jobs_claimer_queries,
	jobs_claim_queries,
	jobs_settle_queries,
	jobs_move_queries,
	jobs_lease_queries,
	jobs_upkeep_queries,
	jobs_verb_queries,
	jobs_pull_queries,
	jobs_child_queries,
	event_stream_queries,
	relay_queries,
	platform_event_queries,
	platform_redis_queries,
	platform_webhook_queries,
	jobs_look_queries,
	platform_sample_queries,
	platform_error_queries,
	platform_rule_queries,
	platform_silence_queries,
	platform_alert_queries, platform_demo_queries,
	platform_gauge_queries,
	platform_worker_queries,
	jobs_place_queries,
	jobs_cycle_queries,
	jobs_cascade_queries,
	jobs_recount_queries,
	jobs_purge_queries,
	platform_live_queries,
	jobs_page_queries,
	platform_dependency_queries,
	schedule_queries,
	platform_installation_queries,
	platform_backup_queries,
	NULL
};
static const struct route *const routes[] = {
	platform_health_routes,
	platform_metric_routes,
	platform_system_routes,
	platform_setting_routes,
	platform_route_routes,
	platform_service_routes,
	platform_log_routes,
	platform_docs_routes,
	platform_decision_routes,
	platform_approval_routes,
	platform_switch_routes,
	platform_model_routes,
	platform_event_routes,
	platform_webhook_routes,
	platform_job_routes,
	platform_work_routes,
	platform_queue_routes,
	platform_sample_routes,
	platform_error_routes,
	platform_alert_routes,
	platform_rule_routes,
	platform_silence_routes,
	platform_worker_routes,
	platform_live_routes,
	platform_dependency_routes,
	platform_schedule_routes,
	platform_ui_routes,
	NULL
};
static const struct page *const pages[] = { platform_pages, NULL };
static const struct settings *const settings[] = {
	&platform_settings,
	&platform_event_settings,
	&platform_redis_settings,
	&platform_webhook_settings,
	&platform_live_settings,
	&platform_backup_settings,
	NULL
};
static const struct event *const events[] = {
	platform_decision_events,
	platform_approval_events,
	platform_switch_events,
	platform_model_events,
	jobs_events,
	platform_webhook_topics,
	platform_error_events,
	platform_alert_events,
	schedule_events,
	NULL
};
static const struct command *const commands[] = {
	platform_setting_commands,
	platform_migration_commands,
	platform_admin_commands,
	platform_site_commands,
	platform_route_commands,
	platform_system_commands,
	platform_service_commands,
	platform_log_commands,
	platform_exchange_commands,
	platform_switch_commands,
	platform_event_commands,
	platform_webhook_commands,
	platform_job_commands,
	platform_queue_commands,
	platform_alert_commands,
	platform_worker_commands,
	platform_live_commands,
	platform_dependency_commands,
	platform_schedule_commands,
	platform_installation_commands,
	platform_setup_commands,
	platform_backup_commands,
	platform_doctor_commands, platform_demo_commands,
	platform_compat_commands,
	NULL
};
static const struct loop *const loops[] = {
	platform_event_loops,
	platform_redis_loops,
	platform_webhook_loops,
	platform_sample_loops,
	platform_error_loops,
	platform_alert_loops,
	platform_dependency_loops,
	platform_schedule_loops,
	NULL
};
static const struct metric *const own_metrics[] = {
	&platform_host_load1,
	&platform_host_memory,
	&platform_host_memory_available,
	&platform_disk_free,
	&platform_disk_free_ratio,
	&platform_cert_expiry,
	&platform_error_dropped,
	&platform_read_transactions,
	&platform_history_list,
	&platform_dead_letters,
	&platform_alerts,
	&platform_alert_lag,
	&platform_rules_faulty,
	&platform_alert_age,
	NULL
};
static const struct metric *const *const metrics[] = {
	jobs_metrics,
	event_metrics,
	platform_event_metrics,
	platform_redis_metrics,
	platform_webhook_metrics,
	own_metrics,
	platform_live_metrics,
	schedule_metrics,
	NULL
};

static const struct job *const jobs[] = {
	platform_job_jobs,
	platform_webhook_jobs,
	platform_sweep_jobs,
	NULL
};

static const struct schedule *const schedules[] = {
	platform_sweep_schedules,
	NULL
};

const struct module platform_module = {
	.name = "platform",
	.doc = "Health, metrics, configuration, components and documentation",
	.needs = needs,
	.tables = tables,
	.queries = queries,
	.pages = pages,
	.routes = routes,
	.settings = settings,
	.permissions = platform_permissions,
	.health = platform_health_checks,
	.components = platform_service_components,
	.commands = commands,
	.metrics = metrics,
	.events = events,
	.jobs = jobs,
	.loops = loops,
	.histories = platform_histories,
	.gauges = platform_gauges,
	.alerts = platform_declared_alerts,
	.schedules = schedules,
	.dependencies = platform_dependencies
};
