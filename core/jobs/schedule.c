/*
 * The pure part of schedules: what a row says, whether it may be kept, when
 * it fires next. Refuses what would never fire and, for a tenant, what would
 * fire too often.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "jobs/schedule_inner.h"

enum { SAMPLE = 64 };		/* fires looked at for the floor */

const char *const schedule_overlap_names[] = {
	"skip", "queue_one", "allow", "replace", NULL
};

#define S(m, ...) FIELD(struct schedule_row, m, __VA_ARGS__)
static const struct field row_fields[] = {
	S(id, .doc = "Identifier"), S(tenant_id, .doc = "Whose"),
	S(name, .doc = "Name"), S(declared, .doc = "Of the application"),
	S(spec, .doc = "Cron expression or interval"),
	S(zone, .doc = "Time zone"), S(gap, .doc = "Times that do not exist"),
	S(fold, .doc = "Times that come twice"),
	S(misfire, .doc = "Times that were missed"),
	S(window_s, .doc = "Older ones are never made good"),
	S(max_catchup, .doc = "So many at most"),
	S(overlap, .doc = "While the job before still lives"),
	S(jitter_ms, .doc = "Delay of its own for each fire, at most"),
	S(start_at, .flags = FF_NULLABLE, .doc = "Not before"),
	S(end_at, .flags = FF_NULLABLE, .doc = "Not after"),
	S(type, .column = "job_type", .doc = "What is to be done"), S(payload, .doc = "On what"),
	S(queue, .doc = "Queue"), S(priority, .doc = "Lane"),
	S(paused, .doc = "Does not fire"),
	S(fault, .doc = "Why it was paused"),
	S(next_at, .flags = FF_NULLABLE, .doc = "Next fire"),
	S(last_at, .flags = FF_NULLABLE, .doc = "Last fire"),
	S(version, .doc = "Grows with each change"),
	S(created_by, .doc = "Who made it"), S(created_at, .doc = "When"),
	S(updated_at, .doc = "Last change"), FIELD_END
};
const struct schema schedule_row_schema = {
	.name = "ScheduleRow", .doc = "A row of jobs_schedule",
	.size = sizeof(struct schedule_row), .fields = row_fields
};

#define F(m, ...) FIELD(struct fire_row, m, __VA_ARGS__)
static const struct field fire_fields[] = {
	F(schedule_id, .flags = FF_HIDDEN, .doc = "Schedule"),
	F(fire_at, .doc = "Nominal time"),
	F(tenant_id, .flags = FF_HIDDEN, .doc = "Whose"),
	F(job_id, .flags = FF_NULLABLE, .doc = "Job that was made"),
	F(outcome, .oneof = ONEOF("fired", "skipped", "overlap", "misfire",
	    "manual"), .doc = "What became of it: skipped = the tenant's queue "
	    "is full; overlap = the job before still lives; misfire = too late "
	    "or one of too many"),
	F(at, .doc = "When that was decided"), FIELD_END
};
const struct schema fire_row_schema = {
	.name = "ScheduleFire", .doc = "One time of a schedule",
	.size = sizeof(struct fire_row), .fields = fire_fields
};

/* ---- times ---------------------------------------------------------------- */

static int
plan_of(const struct schedule_row *r, int64_t floor_s, struct schedule_plan *p,
    struct err *e)
{
	struct cron_options o = { .seed = r->name,
	    .every_min_us = floor_s * US_PER_S };
	int gap = cron_choice(cron_gap_names, r->gap);
	int fold = cron_choice(cron_fold_names, r->fold);

	*p = (struct schedule_plan){ .zone = r->zone, .gap = gap < 0 ? 0 : gap,
	    .fold = fold < 0 ? 0 : fold, .start = r->start_at,
	    .end = r->end_at };
	if (cron_parse(&p->spec, r->spec, &o, e) == -1)
		return -1;
	p->spec.start = r->start_at;
	return 0;
}

int
schedule_plan(const struct schedule_row *r, struct schedule_plan *p,
    struct err *e)
{
	return plan_of(r, 0, p, e);
}

/* Cron knows whole seconds only; intervals are exact. */
static struct utc
whole(const struct schedule_plan *p, struct utc t)
{
	int64_t part = t.us % US_PER_S;

	if (p->spec.every_us > 0)
		return t;
	return (struct utc){ t.us - (part < 0 ? part + US_PER_S : part) };
}

int
schedule_plan_next(const void *arg, struct utc after, struct utc *out)
{
	const struct schedule_plan *p = arg;

	if (p->start.us != 0 && after.us < p->start.us)
		after.us = p->start.us - 1;
	if (cron_next(&p->spec, p->zone, p->gap, p->fold, whole(p, after),
	    out) == -1)
		return -1;
	if (p->end.us != 0 && out->us > p->end.us) {
		*out = (struct utc){ 0 };
		return -1;
	}
	return 0;
}

int
schedule_preview(const struct schedule_row *r, struct utc after, size_t n,
    struct utc *out, size_t *found, struct err *e)
{
	struct schedule_plan p;

	*found = 0;
	if (schedule_plan(r, &p, e) == -1)
		return -1;
	while (*found < n && schedule_plan_next(&p, after, &after) == 0)
		out[(*found)++] = after;
	return 0;
}

/* ---- may it be kept? --------------------------------------------------------- */

static int
refuse(struct err *e, const char *loc, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = loc, .msg = msg, .input = "null" });
}

static int
often_check(const struct schedule_plan *p, int64_t floor_s, struct utc now,
    struct err *e)
{
	struct utc a = now, b;

	if (floor_s <= 0 || schedule_plan_next(p, a, &a) == -1)
		return 0;
	for (int i = 0; i < SAMPLE; i++, a = b) {
		if (schedule_plan_next(p, a, &b) == -1)
			return 0;
		if (b.us - a.us < floor_s * US_PER_S)
			return refuse(e, "[\"body\",\"spec\"]", "Value error, "
			    "it would fire more often than schedules may here "
			    "(setting jobs.schedule_floor)");
	}
	return 0;
}

static int
words_check(const struct schedule_row *r, struct err *e)
{
	if (cron_choice(cron_gap_names, r->gap) < 0)
		return refuse(e, "[\"body\",\"gap\"]", "Value error, not "
		    "shift or skip");
	if (cron_choice(cron_fold_names, r->fold) < 0)
		return refuse(e, "[\"body\",\"fold\"]", "Value error, not "
		    "first, last or both");
	if (cron_choice(cron_misfire_names, r->misfire) < 0)
		return refuse(e, "[\"body\",\"misfire\"]", "Value error, not "
		    "skip, latest or each");
	if (cron_choice(schedule_overlap_names, r->overlap) < 0)
		return refuse(e, "[\"body\",\"overlap\"]", "Value error, not "
		    "skip, queue_one, allow or replace");
	if (r->max_catchup < 1 || r->max_catchup > CRON_CATCHUP_MAX)
		return refuse(e, "[\"body\",\"max_catchup\"]", "Value error, "
		    "not 1 to 100");
	if (r->window_s < 0 || r->jitter_ms < 0)
		return refuse(e, "[\"body\",\"window_s\"]", "Value error, "
		    "times are not negative");
	if (r->end_at.us != 0 && r->end_at.us <= r->start_at.us)
		return refuse(e, "[\"body\",\"end_at\"]", "Value error, it "
		    "would be over before it begins");
	return 0;
}

int
schedule_check(struct schedule_row *r, int64_t floor_s, struct utc now,
    struct err *e)
{
	struct schedule_plan p;

	if (words_check(r, e) == -1 || plan_of(r, floor_s, &p, e) == -1 ||
	    cron_check(&p.spec, r->zone, now, NULL, NULL, e) == -1 ||
	    often_check(&p, floor_s, now, e) == -1)
		return -1;
	if (schedule_plan_next(&p, now, &r->next_at) == -1)
		return refuse(e, r->end_at.us != 0 ? "[\"body\",\"end_at\"]" :
		    "[\"body\",\"spec\"]", "Value error, it would never fire");
	return 0;
}
