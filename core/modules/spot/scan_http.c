/*
 * Scans over HTTP: asking for one, and what the last ones found.
 */
#include "base/random.h"
#include "http/http.h"
#include "modules/spot/scan.h"
#include "shm/shm.h"

struct page_of {
	struct page_in page;
	struct uuid id;
};
static const struct field page_fields[] = {
	PAGE_LIMIT(struct page_of), PAGE_CURSOR(struct page_of),
	FIELD(struct page_of, id, .flags = FF_REQUIRED, .doc = "Account"),
	FIELD_END
};
static const struct schema page_schema = {
	.name = "SpotScanPage", .doc = "Page of scans",
	.size = sizeof(struct page_of), .fields = page_fields
};

static int
scan_list(struct ctx *c, const void *in)
{
	const struct page_of *p = in;
	struct spot_account x;
	struct uuid before;
	struct rows rows;

	if (cursor_open_uuid(c, p->page.cursor, &before) == -1 ||
	    spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    p->id, &x, &c->err), "Account", &c->err) == -1 ||
	    spot_scan_page(c->db, c->a, c->who.tenant_id, p->id, before,
	    p->page.limit + 1, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, cursor_uuid(c, &rows, p->page.limit,
	    offsetof(struct spot_scan, id)));
}

static int
scan_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_scan s;
	struct rows shards;

	if (spot_found(spot_scan_by_id(c->db, c->a, c->who.tenant_id, w->id,
	    &s, &c->err), "Scan", &c->err) == -1 ||
	    spot_shard_all(c->db, c->a, s.id, &shards, &c->err) == -1)
		return fail_err(c);
	s.shards = (struct list){ shards.v, shards.n };
	return reply(c, &s);
}

static int
request(struct ctx *c, const void *in, const char *kind)
{
	const struct spot_id_in *w = in;
	char text[UUID_TEXT];
	struct spot_scan s;

	if (spot_scan_request(c->db, c->a, c->who.tenant_id, w->id, kind,
	    c->who.name, c->now, &s, &c->err) == -1)
		return fail_err(c);
	ctx_target(c, "spot_scan", arena_strdup(c->a,
	    uuid_format(s.id, text)), NULL);
	return reply(c, &s);
}

static int
rediscover(struct ctx *c, const void *in)
{
	return request(c, in, "inventory");
}

static int
prices_pull(struct ctx *c, const void *in)
{
	return request(c, in, "prices");
}

static const char *const outcomes[] = { "complete", "partial", "failed",
    NULL };
static const struct metric_label outcome_label = { "state", outcomes };
const struct metric spot_scans_total = { "spot_scans_total",
    "Scans that ended", METRIC_COUNTER, { &outcome_label, NULL } };
const struct metric spot_instances = { "spot_instances",
    "Instances known and not gone", METRIC_GAUGE, { NULL, NULL } };

const struct route spot_scan_routes[] = {
	{ .id = "spot.scan.request", .method = HTTP_POST,
	  .path = "/api/spot/accounts/{id}/rediscover",
	  .summary = "Ask for an inventory",
	  .doc = "Queued for quincunx-discover. While one waits or runs, the "
	  "answer is that one.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_scan_schema, .ok = 202,
	  .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT | R_ACCEPTED | R_IDEMPOTENT,
	  .run = rediscover },
	{ .id = "spot.price.pull", .method = HTTP_POST,
	  .path = "/api/spot/accounts/{id}/prices/pull",
	  .summary = "Ask for the provider's prices",
	  .doc = "A scan of kind prices: spot price history and the "
	  "catalogue of instance types.",
	  .auth = AUTH_USER, .permission = "spot:write",
	  .in = &spot_id_in_schema, .out = &spot_scan_schema, .ok = 202,
	  .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT | R_ACCEPTED | R_IDEMPOTENT,
	  .run = prices_pull },
	{ .id = "spot.scan.list", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/scans",
	  .summary = "Scans of an account, newest first",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &page_schema,
	  .out = &spot_scan_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = scan_list },
	{ .id = "spot.scan.get", .method = HTTP_GET,
	  .path = "/api/spot/scans/{id}",
	  .summary = "A scan with its shards and coverage",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &spot_scan_schema, .ok = 200,
	  .errors = ERRORS(404), .run = scan_get },
	ROUTE_END
};
