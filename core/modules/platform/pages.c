/*
 * Pages of the platform: tables only. A row names a template and the GET routes
 * it shows; how to add one is told in http/page.h.
 */
#include <stddef.h>

#include "modules/platform/ui.h"

#define LOADS(...) (const struct page_load[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }

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
	    { "spot", "spot.summary.get", NULL, LOAD_OPTIONAL }) },
	{ .path = "/ui/system/jobs", .title = "Jobs",
	  .permission = "jobs:read", .template = "system/jobs.html",
	  .loads = LOADS(
	    { "jobs", "system.job.list", "limit=50", LOAD_MAIN },
	    { "queues", "system.queue.list", NULL, 0 },
	    { "status", "system.status.get", NULL, 0 }) },
	{ .path = "/ui/system/jobs/{id:uuid}", .title = "Job",
	  .permission = "jobs:read", .template = "system/job.html",
	  .loads = LOADS({ "job", "system.job.get", NULL, LOAD_MAIN }) },
	{ .path = NULL }
};
