/*
 * Use-cases of schedules. Refuses at once what would otherwise be a fault at
 * three in the morning: a type that the caller may not enqueue, a payload that
 * its schema refuses, a rhythm that never comes.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/zone.h"
#include "jobs/cron.h"
#include "jobs/queue.h"
#include "modules/platform/job.h"
#include "modules/platform/schedule.h"

static const struct uuid installation;

#define R(m, ...) FIELD_IN(struct platform_schedule, row., m, __VA_ARGS__)
#define NUL FF_NULLABLE
static const struct field fields[] = {
	R(id, .doc = "Identifier"), R(name, .doc = "Name"),
	R(declared, .doc = "Of the application: it may be paused, resumed "
	    "and run, not changed"),
	R(spec, .doc = "Cron expression, or @every"),
	FIELD(struct platform_schedule, description,
	    .doc = "The same in words"),
	R(zone, .doc = "Time zone"),
	R(gap, .doc = "A time that the clock leaps over: shift to the first "
	    "instant after, or skip"),
	R(fold, .doc = "A time that comes twice: first, last or both"),
	R(misfire, .doc = "After downtime: skip, the latest, or each"),
	R(window_s, .doc = "Missed times older than this are never run; "
	    "0 = no limit"),
	R(max_catchup, .doc = "With each: so many at most"),
	R(overlap, .doc = "While a job of it still lives: skip, queue_one, "
	    "allow, or replace"),
	R(jitter_ms, .doc = "Each fire is delayed by its own time up to this"),
	R(start_at, .flags = NUL, .doc = "Not before; anchor of @every"),
	R(end_at, .flags = NUL, .doc = "Not after"),
	R(type, .doc = "Type of the job"),
	FIELD(struct platform_schedule, payload, .doc = "Its payload"),
	R(queue, .doc = "Its queue; empty: of the type"),
	R(priority, .doc = "Its lane"), R(paused, .doc = "Does not fire"),
	R(fault, .doc = "Why it was paused by the application"),
	R(next_at, .flags = NUL, .doc = "Next time, without jitter"),
	R(last_at, .flags = NUL, .doc = "Last time that was run"),
	R(version, .doc = "Grows with each change"),
	R(created_by, .doc = "Who made it"),
	R(created_at, .doc = "When it was made"),
	R(updated_at, .doc = "Last change"), FIELD_END
};
const struct schema platform_schedule_schema = {
	.name = "Schedule", .doc = "When a job is made",
	.size = sizeof(struct platform_schedule), .fields = fields
};

static const struct field time_fields[] = {
	FIELD(struct platform_fire_time, at, .doc = "Instant"),
	FIELD(struct platform_fire_time, local, .doc = "On the zone's clock"),
	FIELD_END
};
const struct schema platform_fire_time_schema = {
	.name = "ScheduleTime", .doc = "One time of a schedule",
	.size = sizeof(struct platform_fire_time), .fields = time_fields
};

/* ---- showing -------------------------------------------------------------- */

void
platform_schedule_show(struct arena *a, const struct schedule_row *r,
    struct platform_schedule *out)
{
	struct cron_options o = { .seed = r->name };
	struct cron_spec spec;
	struct err e = { 0 };

	*out = (struct platform_schedule){ .row = *r,
	    .payload = { r->payload },
	    .description = "" };
	if (cron_parse(&spec, r->spec, &o, &e) == 0)
		out->description = cron_describe(a, &spec, r->zone);
}

/* "2027-03-28 03:00:00 +02:00" */
static const char *
local_text(struct arena *a, const char *zone, struct utc t)
{
	const struct zone *z = zone_find(zone);
	int32_t off = z != NULL ? zone_offset(z, t) : 0;
	int32_t min = off < 0 ? -off / 60 : off / 60;
	char text[CLOCK_TEXT];

	clock_format((struct utc){ t.us + off * US_PER_S }, text);
	return arena_printf(a, "%.10s %.8s %c%02d:%02d", text, text + 11,
	    off < 0 ? '-' : '+', min / 60, min % 60);
}

int
platform_schedule_preview(struct arena *a, const struct schedule_row *r,
    struct utc after, size_t n, struct rows *out, struct err *e)
{
	struct utc at[PLATFORM_PREVIEW_MAX];
	struct platform_fire_time *v;
	size_t found;

	if (n > PLATFORM_PREVIEW_MAX)
		n = PLATFORM_PREVIEW_MAX;
	if (schedule_preview(r, after, n, at, &found, e) == -1)
		return -1;
	v = arena_array(a, found, sizeof(*v));
	for (size_t i = 0; i < found; i++)
		v[i] = (struct platform_fire_time){ at[i],
		    local_text(a, r->zone, at[i]) };
	*out = (struct rows){ v, found, &platform_fire_time_schema };
	return 0;
}

int
platform_schedule_find(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct schedule_row *out, struct err *e)
{
	int rc = schedule_by_id(db, a, tenant, id, out, e);

	if (rc == 1)
		rc = schedule_by_id(db, a, installation, id, out, e);
	return db_found(rc, "Schedule", e);
}

int
platform_schedule_named(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, struct schedule_row *out, struct err *e)
{
	int rc = schedule_by_name(db, a, tenant, name, out, e);

	if (rc == 1)
		rc = schedule_by_name(db, a, installation, name, out, e);
	return db_found(rc, "Schedule", e);
}

/* ---- changing ------------------------------------------------------------------- */

static int
may_touch(const struct principal *who, const struct schedule_row *r,
    struct err *e)
{
	if (!r->declared || who->kind == PRINCIPAL_SYSTEM ||
	    principal_may(who, "system:control"))
		return 0;
	return err_set(e, 403, "forbidden", "The schedule belongs to the "
	    "installation: permission system:control is required");
}

static int
check(struct env *env, struct arena *a, const struct principal *who,
    struct schedule_row *r, struct err *e)
{
	const struct jobs_conf *cf = conf_get(env->conf, &jobs_settings);
	struct platform_job_by by = { .who = who };
	struct platform_job_in job = { .type = r->type,
	    .payload = { r->payload },
	    .queue = *r->queue != '\0' ? r->queue : NULL,
	    .priority = r->priority };

	if (schedule_check(r, cf->schedule_floor_s, clock_now(), e) == -1)
		return -1;
	return platform_job_check(env, env->db, a, &by, &job, e);
}

int
platform_schedule_make(struct env *env, struct arena *a,
    const struct principal *who, struct schedule_row *r, struct err *e)
{
	struct utc now = clock_now();
	struct rows rows;

	r->id = uuid_new();
	r->tenant_id = who->tenant_id;
	r->fault = "";
	r->version = 1;
	r->created_by = who->name != NULL ? who->name : "";
	r->created_at = r->updated_at = now;
	if (check(env, a, who, r, e) == -1 || schedule_page(env->db, a,
	    who->tenant_id, installation, PLATFORM_SCHEDULES_MAX, &rows,
	    e) == -1)
		return -1;
	if (rows.n >= PLATFORM_SCHEDULES_MAX)
		return err_set(e, 409, "quota", "A tenant may have %d "
		    "schedules", PLATFORM_SCHEDULES_MAX);
	return schedule_insert(env->db, r, e);
}

int
platform_schedule_change(struct env *env, struct arena *a,
    const struct principal *who, struct schedule_row *to, struct err *e)
{
	if (to->declared)
		return err_set(e, 409, "declared", "This schedule comes with "
		    "the program: pause it, and make one of your own");
	to->fault = "";
	if (check(env, a, who, to, e) == -1 ||
	    schedule_update(env->db, to, e) == -1)
		return -1;
	return db_found(schedule_by_id(env->db, a, to->tenant_id, to->id, to,
	    e), "Schedule", e);
}

int
platform_schedule_remove(struct env *env, const struct principal *who,
    const struct schedule_row *r, struct err *e)
{
	if (r->declared)
		return err_set(e, 409, "declared", "This schedule comes with "
		    "the program: pause it instead");
	return schedule_delete(env->db, who->tenant_id, r->id, e);
}

int
platform_schedule_pause(struct env *env, struct arena *a,
    const struct principal *who, struct schedule_row *r, bool paused,
    struct err *e)
{
	if (may_touch(who, r, e) == -1)
		return -1;
	r->paused = paused;
	if (!paused) {
		r->fault = "";
		if (schedule_check(r, 0, clock_now(), e) == -1)
			return -1;
	}
	if (schedule_update(env->db, r, e) == -1)
		return -1;
	return db_found(schedule_by_id(env->db, a, r->tenant_id, r->id, r,
	    e), "Schedule", e);
}

int
platform_schedule_run(struct env *env, struct arena *a,
    const struct principal *who, const struct schedule_row *r,
    struct uuid *job, struct err *e)
{
	if (may_touch(who, r, e) == -1)
		return -1;
	return schedule_run_now(env, a, r, who->name != NULL ? who->name : "",
	    job, e);
}
