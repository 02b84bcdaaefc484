/*
 * The hourly close as a job of a schedule, a close of a given time by hand
 * (late prices), and the monthly report as a job's result. All idempotent.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/saving.h"

#define C struct spot_close
static const struct field close_fields[] = {
	FIELD(C, hours, .doc = "Hours that were closed"),
	FIELD(C, rows, .doc = "Instance-hours"),
	FIELD_END
};
#undef C
static const struct schema close_schema = {
	.name = "SpotClose", .doc = "What was closed",
	.size = sizeof(struct spot_close), .fields = close_fields
};

struct close_in {
	struct utc from, to;
};
static const struct field close_in_fields[] = {
	FIELD(struct close_in, from, .flags = FF_NULLABLE,
	    .doc = "Also what was closed already, from here"),
	FIELD(struct close_in, to, .flags = FF_NULLABLE,
	    .doc = "… to here, not included"), FIELD_END
};
static const struct schema close_in_schema = {
	.name = "SpotCloseJob", .doc = "Which hours to state again",
	.size = sizeof(struct close_in), .fields = close_in_fields
};

static bool
stopping(void *arg)
{
	return job_stopping(arg);
}

static enum job_rc
ledger_close(struct job_ctx *c, const void *in)
{
	const struct close_in *p = in;
	struct spot_close *out = arena_alloc(c->a, sizeof(*out));

	if (p->from.us != 0 && spot_uptime_spoil(c->db, p->from, p->to.us !=
	    0 ? p->to : clock_now(), NULL, &c->err) == -1)
		return JOB_RETRY;
	if (spot_saving_close_due(c->db, c->a, clock_now(), stopping, c, out,
	    &c->err) == -1)
		return JOB_RETRY;
	c->result = out;
	return job_stopping(c) ? JOB_RELEASE : JOB_DONE;
}

struct report_in {
	const char *month, *group_by;
};
static const struct field report_in_fields[] = {
	FIELD(struct report_in, month, .flags = FF_REQUIRED,
	    .pattern = "^[0-9]{4}-[0-9]{2}$", .max = 7,
	    .example = "\"2026-11\"", .doc = "Month"),
	FIELD(struct report_in, group_by, .oneof = ONEOF("account", "region",
	    "type", "lifecycle", "day", "instance"), .def = "\"account\"",
	    .doc = "How the lines are grouped"), FIELD_END
};
static const struct schema report_in_schema = {
	.name = "SpotReportJob", .doc = "A monthly report",
	.size = sizeof(struct report_in), .fields = report_in_fields
};

static enum job_rc
report(struct job_ctx *c, const void *in)
{
	const struct report_in *p = in;
	struct spot_saving_report *r = arena_alloc(c->a, sizeof(*r));
	struct spot_saving_ask q = { .tenant = c->tenant,
	    .group_by = p->group_by };

	if (spot_month_parse(p->month, &q.from, &q.to) == -1) {
		err_set(&c->err, 422, "month", "There is no such month");
		return JOB_FAIL;
	}
	if (spot_saving_report(c->db, c->a, &q, r, &c->err) == -1)
		return JOB_RETRY;
	c->result = r;
	return JOB_DONE;
}

const struct job spot_saving_jobs[] = {
	{ .name = "spot.ledger_close", .doc = "Closes the hours of the "
	  "savings ledger that are over, restates those whose prices came "
	  "late", .in = &close_in_schema, .out = &close_schema,
	  .queue = "spot", .lane = LANE_LOW, .flags = JOB_API, .tries = 5,
	  .timeout_s = 1800, .permission = "spot:prices",
	  .run = ledger_close },
	{ .name = "spot.report", .doc = "Savings of a month",
	  .in = &report_in_schema, .out = &spot_saving_report_schema,
	  .queue = "spot", .lane = LANE_LOW, .flags = JOB_API, .tries = 3,
	  .permission = "spot:read", .run = report },
	JOB_END
};

const struct schedule spot_saving_schedules[] = {
	{ .name = "spot.ledger_close", .doc = "Hourly close of the savings "
	  "ledger", .spec = "7 * * * *", .job = "spot.ledger_close" },
	SCHEDULE_END
};
