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
	{ .path = NULL }
};
