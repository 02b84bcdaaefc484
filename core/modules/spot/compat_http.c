/*
 * Seed 001's own paths around waste, storage, governance and costs, where
 * their shape differs from ours. Thin covers of the same use-cases. Refuses
 * what the seed did without asking: its cleanups deleted, these recommend.
 */
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/spot/compat.h"
#include "modules/spot/governance.h"
#include "modules/spot/saving.h"
#include "modules/spot/scan.h"
#include "modules/spot/waste.h"

/* ---- GET /api/v1/waste/, POST /api/v1/waste/scan ----------------------------- */

struct item {
	struct uuid id;
	const char *resource_type, *resource_id, *region;
	struct dec monthly_cost;
	const char *currency;
	struct utc detected_at;
	int64_t days_unused;
	const char *status, *reason;
};
#define I struct item
static const struct field item_fields[] = {
	FIELD(I, id, .doc = "Identifier"),
	FIELD(I, resource_type, .doc = "elastic_ip, ebs_volume, "
	    "ebs_snapshot, network_interface"),
	FIELD(I, resource_id, .doc = "The cloud's own id"),
	FIELD(I, region, .doc = "Region"),
	FIELD(I, monthly_cost, .doc = "A month"),
	FIELD(I, currency, .doc = "USD"),
	FIELD(I, detected_at, .doc = "First found"),
	FIELD(I, days_unused, .doc = "At least"),
	FIELD(I, status, .doc = "DETECTED"),
	FIELD(I, reason, .doc = "Why"),
	FIELD_END
};
#undef I
static const struct schema item_schema = {
	.name = "WasteResource", .doc = "A finding as the seed shows it",
	.size = sizeof(struct item), .fields = item_fields
};
struct waste_out {
	int64_t total_waste_items;
	struct dec total_monthly_savings;
	struct list waste_resources;
};
#define W struct waste_out
static const struct field waste_fields[] = {
	FIELD(W, total_waste_items, .doc = "Findings that are not ignored"),
	FIELD(W, total_monthly_savings, .doc = "What they cost a month"),
	FIELD(W, waste_resources, .sub = &item_schema,
	    .doc = "At most 1,000 of them"),
	FIELD_END
};
#undef W
static const struct schema waste_schema = {
	.name = "WasteOverview", .doc = "What costs and is not used",
	.size = sizeof(struct waste_out), .fields = waste_fields
};

enum { MOST = 1000, ACCOUNTS = 200 };

static const char *
seed_kind(const char *kind)
{
	static const char *const names[][2] = {
		{ "volume", "ebs_volume" }, { "snapshot", "ebs_snapshot" },
		{ "address", "elastic_ip" },
		{ "interface", "network_interface" }
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], kind) == 0)
			return names[i][1];
	return kind;
}

static int
findings(struct ctx *c, const char *kind, struct list *out)
{
	struct spot_waste_filter f = { .tenant = c->who.tenant_id,
	    .kind = kind, .state = "detected", .ignored = 0, .limit = MOST };
	struct rows rows;
	struct item *v;

	if (spot_waste_page(c->db, c->a, &f, &rows, &c->err) == -1)
		return -1;
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_waste *w = ROW(&rows, struct spot_waste, i);

		v[i] = (struct item){ w->id, seed_kind(w->kind),
		    w->resource_id, w->region, w->monthly_cost, "USD",
		    w->detected_at, w->days_unused, "DETECTED", w->reason };
	}
	*out = (struct list){ v, rows.n };
	return 0;
}

static int
waste_overview(struct ctx *c, const void *in)
{
	const struct uuid all = { { 0 } };
	struct waste_out out = { 0 };
	struct rows kinds;

	(void)in;
	if (findings(c, NULL, &out.waste_resources) == -1 ||
	    spot_waste_kinds(c->db, c->a, c->who.tenant_id, all, &kinds,
	    &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < kinds.n; i++) {
		const struct spot_waste_kind *k = ROW(&kinds,
		    struct spot_waste_kind, i);

		out.total_waste_items += k->items;
		out.total_monthly_savings.e8 += k->monthly.e8;
	}
	return reply(c, &out);
}

/* The scans are queued; the answer is what is known now. */
static int
waste_scan(struct ctx *c, const void *in)
{
	const struct uuid start = { { 0 } };
	struct spot_scan s;
	struct rows rows;

	if (spot_account_page(c->db, c->a, c->who.tenant_id, start, ACCOUNTS,
	    &rows, &c->err) == -1)
		return fail_err(c);
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_account *x = ROW(&rows, struct spot_account,
		    i);

		if (strcmp(x->status, "pending") == 0 ||
		    strcmp(x->status, "failed") == 0)
			continue;
		if (spot_scan_queue(c->db, c->a, c->who.tenant_id, x->id,
		    "inventory", c->who.name, c->now, &s, &c->err) == -1)
			return fail_err(c);
	}
	return waste_overview(c, in);
}

/* ---- GET /api/v1/storage/… ------------------------------------------------------ */

struct storage_out {
	int64_t total;
	struct list items;
};
static const struct field storage_fields[] = {
	FIELD(struct storage_out, total, .doc = "How many"),
	FIELD(struct storage_out, items, .sub = &item_schema,
	    .doc = "At most 1,000 of them"),
	FIELD_END
};
static const struct schema storage_schema = {
	.name = "StorageWaste", .doc = "Storage that is not used",
	.size = sizeof(struct storage_out), .fields = storage_fields
};

static int
storage(struct ctx *c, const char *kind)
{
	struct storage_out out = { 0 };

	if (findings(c, kind, &out.items) == -1)
		return fail_err(c);
	out.total = (int64_t)out.items.n;
	return reply(c, &out);
}

static int
storage_volumes(struct ctx *c, const void *in)
{
	(void)in;
	return storage(c, "volume");
}

static int
storage_snapshots(struct ctx *c, const void *in)
{
	(void)in;
	return storage(c, "snapshot");
}

/* ---- POST /api/v1/governance/instances/apply -------------------------------------- */

struct order {
	const char *instance_id, *action;
};
static const struct field order_fields[] = {
	FIELD(struct order, instance_id, .flags = FF_REQUIRED, .min = 1,
	    .max = 64, .doc = "The cloud's own id"),
	FIELD(struct order, action, .flags = FF_REQUIRED,
	    .oneof = ONEOF("authorize", "terminate"), .doc = "What to do"),
	FIELD_END
};
static const struct schema order_schema = {
	.name = "GovernanceOrder", .doc = "What to do with an instance",
	.size = sizeof(struct order), .fields = order_fields
};
struct orders {
	struct list items;
};
static const struct field orders_fields[] = {
	FIELD(struct orders, items, .sub = &order_schema, .max = 100,
	    .flags = FF_REQUIRED, .doc = "Orders"), FIELD_END
};
static const struct schema orders_schema = {
	.name = "GovernanceOrders", .doc = "What to do with instances",
	.size = sizeof(struct orders), .fields = orders_fields
};
struct effect {
	const char *instance_id, *action, *status, *message;
};
static const struct field effect_fields[] = {
	FIELD(struct effect, instance_id, .doc = "The cloud's own id"),
	FIELD(struct effect, action, .doc = "What was asked"),
	FIELD(struct effect, status, .doc = "success, pending or failed"),
	FIELD(struct effect, message, .doc = "A sentence for people"),
	FIELD_END
};
static const struct schema effect_schema = {
	.name = "GovernanceOutcome", .doc = "What became of an order",
	.size = sizeof(struct effect), .fields = effect_fields
};
struct applied {
	const char *status, *summary;
	struct list results;
	struct utc timestamp;
};
static const struct field applied_fields[] = {
	FIELD(struct applied, status, .doc = "success or partial"),
	FIELD(struct applied, results, .sub = &effect_schema,
	    .doc = "One for each"),
	FIELD(struct applied, summary, .doc = "A sentence for people"),
	FIELD(struct applied, timestamp, .doc = "When"),
	FIELD_END
};
static const struct schema applied_schema = {
	.name = "GovernanceApplied", .doc = "What became of the orders",
	.size = sizeof(struct applied), .fields = applied_fields
};

enum { BODY_MAX = 65536 };

static int
read_orders(struct ctx *c, struct orders *out)
{
	char *buf = arena_alloc(c->a, BODY_MAX + 1);
	uint64_t seen;
	size_t n = 0;
	struct str s;
	long got;

	while (n < BODY_MAX && (got = ctx_read(c, buf + n, BODY_MAX - n)) !=
	    0) {
		if (got == -1)
			return -1;
		n += (size_t)got;
	}
	if (n == BODY_MAX)
		return err_set(&c->err, 413, "too_large",
		    "The body is too large");
	str_init(&s, c->a);
	str_add(&s, "{\"items\":");
	str_addn(&s, buf, n);
	str_addc(&s, '}');
	return schema_decode_json(&orders_schema, s.p, s.len, "body", false,
	    c->a, out, &seen, &c->err);
}

struct one {
	struct ctx *c;
	struct spot_instance *i;
	const struct order *o;
};

static int
apply_in(struct db *db, void *arg, struct err *e)
{
	struct one *x = arg;
	struct ctx *c = x->c;
	struct spot_termination t;

	if (strcmp(x->o->action, "authorize") == 0)
		return spot_governance_decide(c->env, db, c->a, &c->who,
		    x->i->id, true, c->now, x->i, e);
	return spot_governance_terminate(c->env, db, c->a, &c->who, NULL, x->i,
	    "asked for by governance", c->now, &t, e);
}

/* One order; what it is refused for is its outcome, not the request's. */
static int
apply_one(struct ctx *c, const struct order *o, struct effect *out)
{
	struct spot_instance i;
	struct one x = { c, &i, o };
	struct err e = { 0 };

	*out = (struct effect){ o->instance_id, o->action, "failed",
	    "Instance not found" };
	if (spot_found(spot_instance_by_name(c->db, c->a, c->who.tenant_id,
	    o->instance_id, &i, &e), "Instance", &e) == -1 ||
	    db_savepoint(c->db, apply_in, &x, &e) == -1) {
		if (e.status != 404 && e.status != 409) {
			c->err = e;
			return -1;
		}
		out->message = arena_strdup(c->a, e.detail);
		return 0;
	}
	if (strcmp(o->action, "authorize") == 0) {
		out->status = "success";
		out->message = "Authorized";
	} else {
		out->status = "pending";
		out->message = "Waits for the approval of another person";
	}
	return 0;
}

static int
governance_apply(struct ctx *c, const void *in)
{
	struct applied out = { .timestamp = c->now, .status = "success" };
	const struct order *v;
	struct effect *res;
	struct orders p;
	size_t failed = 0;

	(void)in;
	if (read_orders(c, &p) == -1)
		return fail_err(c);
	v = p.items.items;
	res = arena_array(c->a, p.items.n, sizeof(*res));
	for (size_t i = 0; i < p.items.n; i++) {
		if (apply_one(c, &v[i], &res[i]) == -1)
			return fail_err(c);
		failed += res[i].status[0] == 'f';
	}
	out.results = (struct list){ res, p.items.n };
	if (failed > 0)
		out.status = "partial";
	out.summary = arena_printf(c->a, "%zu of %zu done or asked for",
	    p.items.n - failed, p.items.n);
	return reply(c, &out);
}

/* ---- GET /api/v1/client/costs/export ----------------------------------------------- */

enum { PERIOD_DAYS = 30, MONTH_H = 730 };
#define DAY_US (INT64_C(86400) * US_PER_S)

static void
cost_row(struct ctx *c, const struct spot_saving_day *d, struct str *s)
{
	const char *cells[10], *at;
	char text[CLOCK_TEXT], num[4][DEC_TEXT];
	int64_t hour = d->seconds > 0 ? 3600 : 0, n = d->seconds > 0 ?
	    d->seconds : 1;
	int64_t od = d->counterfactual_micro * hour / n;
	int64_t now = d->actual_micro * hour / n;

	at = clock_format(d->day, text);
	cells[0] = arena_strndup(c->a, at, 10);
	cells[1] = d->instance_id;
	cells[2] = d->instance_type;
	cells[3] = d->az;
	cells[4] = dec_format(spot_micro_dec(od), num[0]);
	cells[5] = dec_format(spot_micro_dec(now), num[1]);
	cells[6] = dec_format(spot_micro_dec(od - now), num[2]);
	cells[7] = dec_format(spot_micro_dec((od - now) * MONTH_H), num[3]);
	cells[8] = strcmp(d->lifecycle, "spot") == 0 ? "SPOT" : "ON_DEMAND";
	cells[9] = d->basis;
	for (int i = 0; i < 10; i++) {
		if (i > 0)
			str_addc(s, ',');
		str_csv(s, cells[i], i >= 4 && i <= 7);
	}
	str_add(s, "\r\n");
}

static int
costs_export(struct ctx *c, const void *in)
{
	struct spot_saving_ask q = { .tenant = c->who.tenant_id,
	    .from = { c->now.us - PERIOD_DAYS * DAY_US }, .to = c->now };
	struct spot_saving_line sum;
	struct spot_account x;
	char saved[DEC_TEXT], from[CLOCK_TEXT], to[CLOCK_TEXT];
	struct rows rows;
	struct str s;

	(void)in;
	if (spot_found(spot_account_first(c->db, c->a, c->who.tenant_id, &x,
	    &c->err), "Account", &c->err) == -1 ||
	    spot_saving_days(c->db, c->a, &q, &rows, &c->err) == -1 ||
	    spot_saving_sum(c->db, c->a, &q, &sum, &c->err) == -1)
		return fail_err(c);
	str_init(&s, c->a);
	str_add(&s, "Date,Instance ID,Instance Type,Availability Zone,"
	    "Old Price,New Price,Hourly Savings,Monthly Projected,Decision,"
	    "Reason\r\n");
	for (size_t i = 0; i < rows.n; i++)
		cost_row(c, ROW(&rows, struct spot_saving_day, i), &s);
	str_addf(&s, "\r\nTOTAL,%s\r\nRecords,%zu\r\nPeriod,%.10s to "
	    "%.10s\r\n", dec_format(sum.saved, saved), rows.n,
	    clock_format(q.from, from), clock_format(q.to, to));
	reply_header(c, "Content-Disposition", arena_printf(c->a,
	    "attachment; filename=\"cost_savings_%.10s.csv\"", to));
	return reply_text(c, 200, "text/csv; charset=utf-8", s.p, s.len);
}

#define READS .method = HTTP_GET, .seed = "001", .auth = AUTH_USER, \
	.permission = "spot:read", .ok = 200
#define WRITES .method = HTTP_POST, .seed = "001", .auth = AUTH_USER, \
	.permission = "spot:write", .ok = 200, .flags = R_TXN | R_AUDIT
const struct route spot_compat_routes[] = {
	{ .id = "spot.compat.waste", READS, .path = "/api/v1/waste",
	  .summary = "What costs and is not used", .out = &waste_schema,
	  .run = waste_overview },
	{ .id = "spot.compat.waste_scan", WRITES,
	  .path = "/api/v1/waste/scan", .summary = "Queue inventories, and "
	  "what is known now", .out = &waste_schema, .run = waste_scan },
	{ .id = "spot.compat.volumes", READS,
	  .path = "/api/v1/storage/unmapped-volumes",
	  .summary = "Volumes attached to nothing", .out = &storage_schema,
	  .run = storage_volumes },
	{ .id = "spot.compat.snapshots", READS,
	  .path = "/api/v1/storage/ami-snapshots",
	  .summary = "Old snapshots that no image is made of",
	  .out = &storage_schema, .run = storage_snapshots },
	{ .id = "spot.compat.apply", .method = HTTP_POST, .seed = "001",
	  .path = "/api/v1/governance/instances/apply", .auth = AUTH_USER,
	  .permission = "spot:write", .ok = 200,
	  .summary = "Authorize instances, or ask for their end",
	  .doc = "Body: [{\"instance_id\":…,\"action\":\"authorize\" or "
	  "\"terminate\"}], at most 100. A termination waits for another "
	  "person.", .out = &applied_schema, .errors = ERRORS(413, 422),
	  .flags = R_RAW | R_TXN | R_AUDIT, .run = governance_apply },
	{ .id = "spot.compat.costs", READS,
	  .path = "/api/v1/client/costs/export",
	  .summary = "Costs and savings of 30 days as CSV",
	  .doc = "From the savings ledger, one row an instance and day.",
	  .errors = ERRORS(404), .flags = R_TEXT, .media = "text/csv; charset=utf-8",
	  .run = costs_export },
	ROUTE_END
};
