/*
 * Pages of the spot optimizer: tables only. How to add one is told in
 * http/page.h.
 */
#include <stddef.h>

#include "modules/spot/ui.h"

#define LOADS(...) \
	(const struct page_load[]){ __VA_ARGS__, { NULL, NULL, NULL, 0 } }

const struct page spot_pages[] = {
	{ .path = "/ui/spot/accounts", .title = "Cloud accounts",
	  .permission = "spot:read", .template = "spot/accounts.html",
	  .loads = LOADS(
	    { "accounts", "spot.account.list", "limit=50", LOAD_MAIN },
	    { "summary", "spot.summary.get", NULL, 0 }) },
	{ .path = "/ui/spot/accounts/{id}", .title = "Cloud account",
	  .permission = "spot:read", .template = "spot/account.html",
	  .loads = LOADS(
	    { "account", "spot.account.get", NULL, LOAD_MAIN },
	    { "scans", "spot.scan.list", "limit=20", 0 }) },
	{ .path = "/ui/spot/scans/{id}", .title = "Scan",
	  .permission = "spot:read", .template = "spot/scan.html",
	  .loads = LOADS(
	    { "scan", "spot.scan.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/spot/instances", .title = "Fleet",
	  .permission = "spot:read", .template = "spot/instances.html",
	  .loads = LOADS(
	    { "instances", "spot.instance.list", "limit=50", LOAD_MAIN },
	    { "summary", "spot.summary.get", NULL, 0 }) },
	{ .path = "/ui/spot/prices", .title = "Prices",
	  .permission = "spot:read", .template = "spot/prices.html",
	  .loads = LOADS(
	    { "pools", "spot.pool.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/spot/instances/{id}", .title = "Machine",
	  .permission = "spot:read", .template = "spot/instance.html",
	  .loads = LOADS(
	    { "instance", "spot.instance.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/spot/groups", .title = "Groups",
	  .permission = "spot:read", .template = "spot/groups.html",
	  .loads = LOADS(
	    { "groups", "spot.group.list", "limit=50", LOAD_MAIN },
	    { "assets", "spot.asset.list", "limit=50", 0 }) },
	{ .path = "/ui/spot/pools/{id:int}", .title = "Pool",
	  .permission = "spot:read", .template = "spot/pool.html",
	  .loads = LOADS(
	    { "pool", "spot.risk.pool", NULL, LOAD_MAIN }) },
	{ .path = "/ui/spot/risk", .title = "Risk",
	  .permission = "spot:read", .template = "spot/risk.html",
	  .loads = LOADS(
	    { "risk", "spot.risk.get", "market=simulated", LOAD_MAIN }) },
	{ .path = "/ui/spot/interruptions", .title = "Interruptions",
	  .permission = "spot:read", .template = "spot/interruptions.html",
	  .loads = LOADS(
	    { "interruptions", "spot.interruption.list", "limit=50", LOAD_MAIN },
	    { "totals", "spot.interruption.totals", NULL, 0 },
	    { "sources", "spot.source.list", "limit=20", 0 },
	    { "downtime", "spot.downtime.list", "limit=20", 0 }) },
	{ .path = "/ui/spot/savings", .title = "Savings",
	  .permission = "spot:read", .template = "spot/savings.html",
	  .loads = LOADS(
	    { "report", "spot.saving.get", "group_by=account", LOAD_MAIN }) },
	{ .path = "/ui/spot/waste", .title = "Waste",
	  .permission = "spot:read", .template = "spot/waste.html",
	  .loads = LOADS(
	    { "waste", "spot.waste.list", "limit=50&state=detected", LOAD_MAIN },
	    { "sum", "spot.waste.summary", NULL, 0 }) },
	{ .path = "/ui/spot/governance", .title = "Governance",
	  .permission = "spot:read", .template = "spot/governance.html",
	  .loads = LOADS(
	    { "audit", "spot.governance.audit", NULL, LOAD_MAIN },
	    { "terminations", "spot.termination.list", "limit=20", 0 }) },
	{ .path = "/ui/spot/recommendations", .title = "Recommendations",
	  .permission = "spot:read", .template = "spot/recommendations.html",
	  .loads = LOADS(
	    { "recs", "spot.recommendation.list", "limit=50&state=open", LOAD_MAIN }) },
	{ .path = "/ui/spot/moves", .title = "Moves",
	  .permission = "spot:read", .template = "spot/moves.html",
	  .loads = LOADS(
	    { "moves", "spot.move.list", "limit=50", LOAD_MAIN }) },
	{ .path = "/ui/spot/moves/{id}", .title = "Move",
	  .permission = "spot:read", .template = "spot/move.html",
	  .loads = LOADS(
	    { "move", "spot.move.get", NULL, LOAD_MAIN }) },
	{ .path = "/ui/spot/policy", .title = "Policy",
	  .permission = "spot:read", .template = "spot/policy.html",
	  .loads = LOADS(
	    { "policy", "spot.policy.get", NULL, LOAD_MAIN }) },
	{ .path = NULL }
};
