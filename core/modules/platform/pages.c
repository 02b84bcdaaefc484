/*
 * Pages of the platform: tables only. A row names a template and the GET routes
 * it shows; how to add one is told in http/page.h.
 */
#include <stddef.h>

#include "modules/platform/ui.h"

#define LOADS(...) \
	(const struct page_load[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }

const struct page platform_pages[] = {
	{ .path = PAGE_LAYOUT, .title = "", .template = "ui/layout.html",
	  .flags = PAGE_INNER,
	  .loads = LOADS(
	    { "inbox", "system.approval.list", "state=pending&limit=100", 0 },
	    { "stops", "system.switch.list", NULL, 0 },
	    { "alarms", "system.alert.list", "state=firing&limit=100", 0 }) },
	{ .path = PAGE_MISSING, .title = "Not here",
	  .template = "ui/missing.html", .flags = PAGE_INNER },
	{ .path = PAGE_ERROR, .title = "Something went wrong",
	  .template = "ui/error.html", .flags = PAGE_INNER | PAGE_BARE },
	{ .path = "/ui", .title = "Overview", .template = "ui/overview.html",
	  .loads = LOADS(
	    { "status", "system.status.get", NULL, 0 },
	    { "services", "health.services", NULL, 0 },
	    { "queues", "system.queue.list", NULL, 0 },
	    { "running", "system.job.list", "state=running&limit=6", 0 },
	    { "dead", "system.job.dead", "limit=5", 0 },
	    { "schedules", "system.schedule.list", "limit=1", 0 },
	    { "events", "system.event.list", "last=25", 0 },
	    { "accounts", "spot.account.list", "limit=5", LOAD_OPTIONAL },
	    { "spot", "spot.summary.get", NULL, LOAD_OPTIONAL },
	    { "trading", "trade.session.get", NULL, LOAD_OPTIONAL },
	    { "armings", "trade.arming.list", "limit=5", LOAD_OPTIONAL }) },
	{ .path = "/ui/system/jobs", .title = "Jobs",
	  .permission = "jobs:read", .template = "system/jobs.html",
	  .loads = LOADS(
	    { "jobs", "system.job.list", "limit=50", LOAD_MAIN },
	    { "queues", "system.queue.list", NULL, 0 },
	    { "status", "system.status.get", NULL, 0 }) },
	{ .path = "/ui/system/jobs/{id:uuid}", .title = "Job",
	  .permission = "jobs:read", .template = "system/job.html",
	  .loads = LOADS({ "job", "system.job.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/schedules", .title = "Schedules",
	  .permission = "jobs:read", .template = "system/schedules.html",
	  .loads = LOADS(
	    { "schedules", "system.schedule.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/system/schedules/{id:uuid}", .title = "Schedule",
	  .permission = "jobs:read", .template = "system/schedule.html",
	  .loads = LOADS(
	    { "schedule", "system.schedule.get", NULL, LOAD_MAIN },
	    { "fires", "system.schedule.fires", "limit=50", 0 }) },
	{ .path = "/ui/system/events", .title = "Events",
	  .permission = "events:read", .template = "system/events.html",
	  .loads = LOADS(
	    { "events", "system.event.list", "last=50", LOAD_MAIN },
	    { "topics", "system.topic.list", NULL, 0 }) },
	{ .path = "/ui/system/approvals", .title = "Inbox",
	  .permission = "approvals:read", .template = "system/approvals.html",
	  .loads = LOADS(
	    { "approvals", "system.approval.list", "state=pending&limit=50", LOAD_MAIN }) },
	{ .path = "/ui/system/approvals/{id}", .title = "Plan",
	  .permission = "approvals:read", .template = "system/approval.html",
	  .loads = LOADS(
	    { "approval", "system.approval.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/decisions", .title = "Decisions",
	  .permission = "decisions:read", .template = "system/decisions.html",
	  .loads = LOADS(
	    { "decisions", "system.decision.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/system/decisions/{id}", .title = "Decision",
	  .permission = "decisions:read", .template = "system/decision.html",
	  .loads = LOADS(
	    { "decision", "system.decision.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/models", .title = "Models",
	  .permission = "models:read", .template = "system/models.html",
	  .loads = LOADS(
	    { "models", "system.model.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/system/models/{id}", .title = "Model",
	  .permission = "models:read", .template = "system/model.html",
	  .loads = LOADS(
	    { "model", "system.model.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/health", .title = "Health",
	  .permission = "system:read", .template = "system/health.html",
	  .loads = LOADS(
	    { "health", "system.status.get", NULL, 0 },
	    { "services", "health.services", NULL, 0 },
	    { "deps", "system.dependency.list", NULL, 0 },
	    { "components", "system.component.list", NULL, 0 }) },
	{ .path = "/ui/system/metrics", .title = "Metrics",
	  .permission = "system:metrics", .template = "system/metrics.html",
	  .loads = LOADS(
	    { "now", "system.metrics.now", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/alerts", .title = "Alerts",
	  .permission = "system:read", .template = "system/alerts.html",
	  .loads = LOADS(
	    { "alerts", "system.alert.list", "limit=50", LOAD_MAIN },
	    { "silences", "system.silence.list", "limit=50", 0 },
	    { "rules", "system.alert_rule.list", NULL, 0 }) },
	{ .path = "/ui/system/workers", .title = "Workers",
	  .permission = "system:processes", .template = "system/workers.html",
	  .loads = LOADS(
	    { "workers", "system.worker.get", NULL, LOAD_MAIN },
	    { "processes", "system.process.list", NULL, 0 },
	    { "queues", "system.queue.list", NULL, 0 }) },
	{ .path = "/ui/system/routes", .title = "Routes",
	  .permission = "system:read", .template = "system/routes.html",
	  .loads = LOADS(
	    { "routes", "system.route.list", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/config", .title = "Settings",
	  .permission = "system:config", .template = "system/config.html",
	  .loads = LOADS(
	    { "config", "system.config.list", NULL, LOAD_MAIN }) },
	{ .path = "/ui/system/errors", .title = "Errors",
	  .permission = "system:logs", .template = "system/errors.html",
	  .loads = LOADS(
	    { "errors", "system.error.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/system/logs", .title = "Logs",
	  .permission = "system:logs", .template = "system/logs.html",
	  .loads = LOADS(
	    { "logs", "system.log.list", "limit=100", LOAD_MAIN }) },
	{ .path = NULL }
};
