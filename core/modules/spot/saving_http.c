/*
 * Savings over HTTP: totals of any time, and the monthly report as JSON, CSV
 * and text. All three are the same lines.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/http.h"
#include "modules/spot/saving.h"

#define GROUPS .oneof = ONEOF("account", "region", "type", "lifecycle", \
	"day", "instance")

struct savings_in {
	struct utc from, to;
	struct uuid account_id;
	const char *group_by;
};
#define S struct savings_in
static const struct field savings_fields[] = {
	FIELD(S, from, .flags = FF_NULLABLE,
	    .doc = "Begin; 30 days before the end if absent"),
	FIELD(S, to, .flags = FF_NULLABLE, .doc = "End; now if absent"),
	FIELD(S, account_id, .flags = FF_NULLABLE, .ref = "spot_account",
	    .doc = "Only of this account"),
	FIELD(S, group_by, GROUPS, .def = "\"day\"",
	    .doc = "How the lines are grouped"),
	FIELD_END
};
#undef S
static const struct schema savings_schema = {
	.name = "SpotSavingsOf", .doc = "Which savings",
	.size = sizeof(struct savings_in), .fields = savings_fields
};

#define DAYS_US(n) ((n) * INT64_C(86400) * US_PER_S)

static int
savings_get(struct ctx *c, const void *in)
{
	const struct savings_in *p = in;
	struct spot_saving_ask q = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .to = p->to, .from = p->from,
	    .group_by = p->group_by };
	struct spot_saving_report r;

	if (q.to.us == 0)
		q.to = c->now;
	if (q.from.us == 0)
		q.from.us = q.to.us - DAYS_US(30);
	if (q.from.us >= q.to.us || q.to.us - q.from.us > DAYS_US(1100))
		return fail_field(c, "from", "value_error", "Value error, a "
		    "time before `to`, at most three years");
	if (spot_saving_report(c->db, c->a, &q, &r, &c->err) == -1)
		return fail_err(c);
	return reply(c, &r);
}

/* ---- the month -------------------------------------------------------------------- */

struct month_in {
	const char *month, *group_by;
	struct uuid account_id;
};
static const struct field month_fields[] = {
	FIELD(struct month_in, month, .flags = FF_REQUIRED, .max = 7,
	    .pattern = "^[0-9]{4}-[0-9]{2}$", .example = "\"2026-11\"",
	    .doc = "Month, UTC"),
	FIELD(struct month_in, account_id, .flags = FF_NULLABLE,
	    .ref = "spot_account", .doc = "Only of this account"),
	FIELD(struct month_in, group_by, GROUPS, .def = "\"account\"",
	    .doc = "How the lines are grouped"),
	FIELD_END
};
static const struct schema month_schema = {
	.name = "SpotSavingMonth", .doc = "Which month",
	.size = sizeof(struct month_in), .fields = month_fields
};

/* 0, or the status that was answered. */
static int
month(struct ctx *c, const void *in, struct spot_saving_report *r)
{
	const struct month_in *p = in;
	struct spot_saving_ask q = { .tenant = c->who.tenant_id,
	    .account = p->account_id, .group_by = p->group_by };

	if (spot_month_parse(p->month, &q.from, &q.to) == -1)
		return fail_field(c, "month", "value_error",
		    "Value error, there is no such month");
	if (spot_saving_report(c->db, c->a, &q, r, &c->err) == -1)
		return fail_err(c);
	return 0;
}

static int
report_json(struct ctx *c, const void *in)
{
	struct spot_saving_report r;
	int rc = month(c, in, &r);

	return rc != 0 ? rc : reply(c, &r);
}

static int
report_csv(struct ctx *c, const void *in)
{
	const struct month_in *p = in;
	struct spot_saving_report r;
	struct str s;
	int rc = month(c, in, &r);

	if (rc != 0)
		return rc;
	str_init(&s, c->a);
	spot_saving_csv(&r, &s);
	reply_header(c, "Content-Disposition", arena_printf(c->a,
	    "attachment; filename=\"savings_%s.csv\"", p->month));
	return reply_text(c, 200, "text/csv; charset=utf-8", s.p, s.len);
}

static int
report_text(struct ctx *c, const void *in)
{
	struct spot_saving_report r;
	struct str s;
	int rc = month(c, in, &r);

	if (rc != 0)
		return rc;
	str_init(&s, c->a);
	spot_saving_text(&r, &s);
	return reply_text(c, 200, "text/plain; charset=utf-8", s.p, s.len);
}

const struct route spot_saving_routes[] = {
	{ .id = "spot.saving.get", .method = HTTP_GET,
	  .path = "/api/spot/savings", .summary = "What was saved, proven by "
	  "instance-hours", .doc = "Sums of the ledger: what instances cost "
	  "and what the same would have cost on demand, in micro-USD.",
	  .auth = AUTH_USER, .permission = "spot:read",
	  .in = &savings_schema, .out = &spot_saving_report_schema,
	  .ok = 200, .run = savings_get },
	{ .id = "spot.saving.report", .method = HTTP_GET,
	  .path = "/api/spot/savings/report", .summary = "Report of a month",
	  .auth = AUTH_USER, .permission = "spot:read", .in = &month_schema,
	  .out = &spot_saving_report_schema, .ok = 200, .run = report_json },
	{ .id = "spot.saving.report_csv", .method = HTTP_GET,
	  .path = "/api/spot/savings/report.csv",
	  .summary = "Report of a month as CSV", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &month_schema, .ok = 200,
	  .flags = R_TEXT, .media = "text/csv; charset=utf-8", .run = report_csv },
	{ .id = "spot.saving.report_text", .method = HTTP_GET,
	  .path = "/api/spot/savings/report.txt",
	  .summary = "Report of a month as text", .auth = AUTH_USER,
	  .permission = "spot:read", .in = &month_schema, .ok = 200,
	  .flags = R_TEXT, .media = "text/plain; charset=utf-8", .run = report_text },
	ROUTE_END
};
