/*
 * What one account looks like: its numbers with their coverage and age, what
 * each region and service is known by, and its instances as a file.
 */
#include "base/random.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/spot/account.h"
#include "modules/spot/instance.h"
#include "modules/spot/settle.h"
#include "modules/spot/sight.h"
#include "modules/spot/summary.h"

struct view {
	const void *account, *numbers, *digest;
	int64_t oldest_age_s;
	struct list sights;
};
static const struct field view_fields[] = {
	FIELD(struct view, account, .sub = &spot_account_schema,
	    .doc = "The account"),
	FIELD(struct view, numbers, .sub = &spot_summary_schema,
	    .doc = "Its fleet, counted now"),
	FIELD(struct view, oldest_age_s, .doc = "Seconds since the least "
	    "recently seen region and service was seen whole"),
	FIELD(struct view, digest, .flags = FF_NULLABLE,
	    .sub = &spot_digest_schema,
	    .doc = "What followed its last scan: governance, waste, health"),
	FIELD(struct view, sights, .sub = &spot_sight_schema,
	    .doc = "By region and service"),
	FIELD_END
};
static const struct schema view_schema = {
	.name = "SpotAccountSummary", .doc = "An account in numbers",
	.size = sizeof(struct view), .fields = view_fields
};

static int
view_get(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_account x;
	struct spot_summary s;
	struct spot_digest d;
	struct rows alike, sights;
	struct view out = { .account = &x, .numbers = &s };
	int rc;

	if (spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &x, &c->err), "Account", &c->err) == -1 ||
	    spot_summary_load(c->db, c->a, c->who.tenant_id, w->id, &s,
	    &alike, &c->err) == -1 ||
	    spot_sight_all(c->db, c->a, w->id, &sights, &c->err) == -1 ||
	    (rc = spot_digest_get(c->db, c->a, c->who.tenant_id, w->id, &d,
	    &c->err)) == -1)
		return fail_err(c);
	if (rc == 0)
		out.digest = &d;
	out.oldest_age_s = s.oldest_scan_at.us == 0 ? 0 :
	    (c->now.us - s.oldest_scan_at.us) / 1000000;
	out.sights = (struct list){ sights.v, sights.n };
	return reply(c, &out);
}

enum { PAGE = 1000, MOST = 100000 };

static int
export_csv(struct ctx *c, const void *in)
{
	const struct spot_id_in *w = in;
	struct spot_instance_filter f = { .tenant = c->who.tenant_id,
	    .account = w->id, .stale = -1, .limit = PAGE };
	struct spot_account x;
	struct rows rows = { .n = PAGE };
	struct str s;

	if (spot_found(spot_account_by_id(c->db, c->a, c->who.tenant_id,
	    w->id, &x, &c->err), "Account", &c->err) == -1)
		return fail_err(c);
	str_init(&s, c->a);
	schema_csv_header(&spot_instance_schema, &s);
	for (int n = 0; rows.n == PAGE && n < MOST; n += PAGE) {
		if (spot_instance_page(c->db, c->a, &f, &rows, &c->err) == -1)
			return fail_err(c);
		for (size_t i = 0; i < rows.n; i++) {
			const struct spot_instance *one = ROW(&rows,
			    struct spot_instance, i);

			schema_csv_row(&spot_instance_schema, one, &s);
			f.after = one->id;
		}
	}
	reply_header(c, "Content-Disposition",
	    "attachment; filename=\"instances.csv\"");
	return reply_text(c, 200, "text/csv; charset=utf-8", s.p, s.len);
}

const struct route spot_account_view_routes[] = {
	{ .id = "spot.account.summary", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/summary",
	  .summary = "An account in numbers, with coverage and age",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .out = &view_schema, .ok = 200,
	  .errors = ERRORS(404), .run = view_get },
	{ .id = "spot.account.export", .method = HTTP_GET,
	  .path = "/api/spot/accounts/{id}/instances.csv",
	  .summary = "Instances of an account as CSV",
	  .doc = "Text that a spreadsheet would run is quoted.",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &spot_id_in_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_TEXT, .media = "text/csv; charset=utf-8", .pool = POOL_SLOW,
	  .run = export_csv },
	ROUTE_END
};
