/*
 * Schedules over HTTP.
 */
#include <string.h>

#include "base/str.h"
#include "http/ctx.h"
#include "jobs/cron.h"
#include "modules/platform/schedule.h"

/* ---- shapes --------------------------------------------------------------- */

struct schedule_in {
	struct uuid id;
	const char *name, *spec, *zone, *gap, *fold, *misfire, *overlap, *type,
	    *queue, *priority;
	struct json payload;
	int64_t window_s, max_catchup, jitter_ms, version;
	struct utc start_at, end_at;
	bool paused;
};
#define S(m, ...) FIELD(struct schedule_in, m, __VA_ARGS__)
#define SPEC S(spec, .flags = FF_REQUIRED, .min = 1, .max = CRON_TEXT_MAX, \
	.example = "\"30 2 * * mon-fri\"", .doc = "Five or six cron fields, " \
	"@daily and the like, or @every 15m")
/* D(x): the default of a new one, nothing for a change. */
#define RHYTHM(D) \
	S(zone, D("\"UTC\"") .min = 1, .max = 64, \
	    .example = "\"Europe/Berlin\"", .doc = "Time zone"), \
	S(gap, D("\"shift\"") .oneof = ONEOF("shift", "skip"), \
	    .doc = "A time that the clock leaps over"), \
	S(fold, D("\"first\"") .oneof = ONEOF("first", "last", "both"), \
	    .doc = "A time that comes twice"), \
	S(start_at, .flags = FF_NULLABLE, \
	    .doc = "Not before; anchor of @every"), \
	S(end_at, .flags = FF_NULLABLE, .doc = "Not after")
#define OTHERS(D) \
	S(misfire, D("\"latest\"") .oneof = ONEOF("skip", "latest", "each"), \
	    .doc = "What is run of the times that were missed"), \
	S(window_s, D("3600") .min = 0, .max = 31536000, \
	    .doc = "Missed times older than this are never run; 0 = no " \
	    "limit"), \
	S(max_catchup, D("10") .min = 1, .max = CRON_CATCHUP_MAX, \
	    .doc = "With misfire each: so many at most"), \
	S(overlap, D("\"skip\"") .oneof = ONEOF("skip", "queue_one", "allow", \
	    "replace"), .doc = "While a job of it still lives: leave this " \
	    "one out, let one wait, run both, or cancel the old one"), \
	S(jitter_ms, D("0") .min = 0, .max = 86400000, \
	    .doc = "Each fire is delayed by a time of its own up to this"), \
	S(payload, .doc = "Of the job, by default {}"), \
	S(queue, D("\"\"") .max = 64, .pattern = "^[A-Za-z0-9._:-]*$", \
	    .doc = "Empty: of the type"), \
	S(priority, D("\"normal\"") .oneof = ONEOF("critical", "high", \
	    "normal", "low"), .doc = "Lane"), \
	S(paused, D("false") .doc = "Does not fire")
#define DEFAULT(x) .def = x,
#define NOTHING(x)

static const struct field make_fields[] = {
	S(name, .flags = FF_REQUIRED, .fmt = FMT_SLUG, .min = 1, .max = 64,
	    .example = "\"nightly-report\"", .doc = "Name in the tenant"),
	SPEC, RHYTHM(DEFAULT),
	S(type, .flags = FF_REQUIRED, .fmt = FMT_SLUG, .max = 64,
	    .doc = "Type of the job"), OTHERS(DEFAULT), FIELD_END
};
static const struct schema make_schema = {
	.name = "ScheduleCreate", .doc = "A new schedule",
	.size = sizeof(struct schedule_in), .fields = make_fields
};
static const struct field patch_fields[] = {
	S(id, .flags = FF_REQUIRED, .doc = "Identifier"),
	S(name, .fmt = FMT_SLUG, .min = 1, .max = 64, .doc = "Name"),
	S(spec, .min = 1, .max = CRON_TEXT_MAX, .doc = "Cron expression"),
	RHYTHM(NOTHING),
	S(type, .fmt = FMT_SLUG, .max = 64, .doc = "Type of the job"),
	OTHERS(NOTHING),
	S(version, .min = 1, .doc = "Refuse when it is another by now"),
	FIELD_END
};
static const struct schema patch_schema = {
	.name = "SchedulePatch", .doc = "Members that change",
	.size = sizeof(struct schedule_in), .fields = patch_fields
};

struct list_in {
	struct page_in page;
	bool installation;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FIELD(struct list_in, installation, .def = "false",
	    .doc = "Those of the application instead of the tenant's"),
	FIELD_END
};
static const struct schema list_schema = {
	.name = "SchedulePage", .doc = "Page of schedules",
	.size = sizeof(struct list_in), .fields = list_fields
};

struct fires_in {
	struct uuid id;
	int64_t limit;
	struct utc before;
};
static const struct field fires_fields[] = {
	FIELD(struct fires_in, id, .flags = FF_REQUIRED, .doc = "Identifier"),
	FIELD(struct fires_in, limit, .def = "50", .min = 1, .max = 200,
	    .doc = "So many at most"),
	FIELD(struct fires_in, before, .flags = FF_NULLABLE,
	    .doc = "Only before this time"), FIELD_END
};
static const struct schema fires_schema = {
	.name = "ScheduleFires", .doc = "Which fires of a schedule",
	.size = sizeof(struct fires_in), .fields = fires_fields
};

struct preview_in {
	struct schedule_in s;
	struct utc after;
	int64_t n;
};
#define P(m, ...) FIELD_IN(struct preview_in, s., m, __VA_ARGS__)
static const struct field preview_fields[] = {
	P(spec, .flags = FF_REQUIRED, .min = 1, .max = CRON_TEXT_MAX,
	    .example = "\"30 2 * * *\"", .doc = "Cron expression"),
	P(zone, .def = "\"UTC\"", .min = 1, .max = 64, .doc = "Time zone"),
	P(gap, .def = "\"shift\"", .oneof = ONEOF("shift", "skip"),
	    .doc = "A time that the clock leaps over"),
	P(fold, .def = "\"first\"", .oneof = ONEOF("first", "last", "both"),
	    .doc = "A time that comes twice"),
	P(name, .def = "\"\"", .max = 64, .doc = "For the H of the "
	    "expression"),
	P(start_at, .flags = FF_NULLABLE, .doc = "Not before"),
	P(end_at, .flags = FF_NULLABLE, .doc = "Not after"),
	FIELD(struct preview_in, after, .flags = FF_NULLABLE,
	    .doc = "From then on; by default now"),
	FIELD(struct preview_in, n, .def = "10", .min = 1,
	    .max = PLATFORM_PREVIEW_MAX, .doc = "How many"), FIELD_END
};
static const struct schema preview_schema = {
	.name = "SchedulePreview", .doc = "A rhythm to look at",
	.size = sizeof(struct preview_in), .fields = preview_fields
};

struct ran {
	struct uuid job_id;
};
static const struct field ran_fields[] = {
	FIELD(struct ran, job_id, .doc = "Job that was made"), FIELD_END
};
static const struct schema ran_schema = {
	.name = "ScheduleRun", .doc = "A schedule was run by hand",
	.size = sizeof(struct ran), .fields = ran_fields
};

/* ---- looking -------------------------------------------------------------------- */

static int
schedule_list(struct ctx *c, const void *in)
{
	const struct list_in *i = in;
	struct uuid tenant = { { 0 } }, after;
	struct platform_schedule *v;
	struct rows rows;

	if (!i->installation)
		tenant = c->who.tenant_id;
	if (cursor_open_uuid(c, i->page.cursor, &after) == -1 ||
	    schedule_page(c->db, c->a, tenant, after, i->page.limit + 1,
	    &rows, &c->err) == -1)
		return fail_err(c);
	v = arena_array(c->a, rows.n, sizeof(*v));
	for (size_t k = 0; k < rows.n; k++)
		platform_schedule_show(c->a, ROW(&rows, struct schedule_row,
		    k), &v[k]);
	rows = (struct rows){ v, rows.n, &platform_schedule_schema };
	return reply_list(c, &rows, cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_schedule, row.id)));
}

static int
answer(struct ctx *c, const struct schedule_row *r)
{
	struct platform_schedule s;

	platform_schedule_show(c->a, r, &s);
	return reply(c, &s);
}

static int
find(struct ctx *c, struct uuid id, struct schedule_row *r)
{
	ctx_target_id(c, "schedule", id);
	return platform_schedule_find(c->db, c->a, c->who.tenant_id, id, r,
	    &c->err);
}

static int
schedule_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct schedule_row r;

	return find(c, w->id, &r) == -1 ? fail_err(c) : answer(c, &r);
}

static int
schedule_fire_list(struct ctx *c, const void *in)
{
	const struct fires_in *i = in;
	struct schedule_row r;
	struct rows rows;

	if (find(c, i->id, &r) == -1 || schedule_fires(c->db, c->a,
	    r.tenant_id, i->id, i->before, i->limit, &rows, &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

static int
schedule_times(struct ctx *c, const void *in)
{
	const struct preview_in *i = in;
	struct schedule_row r = { .name = i->s.name, .spec = i->s.spec,
	    .zone = i->s.zone, .gap = i->s.gap, .fold = i->s.fold,
	    .misfire = "latest", .overlap = "skip", .max_catchup = 1,
	    .start_at = i->s.start_at, .end_at = i->s.end_at };
	struct utc after = i->after.us != 0 ? i->after : c->now;
	struct rows rows;

	if (schedule_check(&r, 0, after, &c->err) == -1 ||
	    platform_schedule_preview(c->a, &r, after, (size_t)i->n, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

/* ---- changing -------------------------------------------------------------------- */

static int
schedule_create(struct ctx *c, const void *in)
{
	const struct schedule_in *i = in;
	struct schedule_row r = { .name = i->name, .spec = i->spec,
	    .zone = i->zone, .gap = i->gap, .fold = i->fold,
	    .misfire = i->misfire, .window_s = i->window_s,
	    .max_catchup = i->max_catchup, .overlap = i->overlap,
	    .jitter_ms = i->jitter_ms, .start_at = i->start_at,
	    .end_at = i->end_at, .type = i->type,
	    .payload = i->payload.p != NULL ? i->payload.p : "{}", .queue = i->queue,
	    .priority = i->priority, .paused = i->paused };

	if (platform_schedule_make(c->env, c->a, &c->who, &r, &c->err) == -1)
		return fail_err(c);
	ctx_target_id(c, "schedule", r.id);
	return answer(c, &r);
}

#define TAKE(m) do { \
	if (SEEN(c->seen, c->route->in, struct schedule_in, m)) \
		r->m = i->m; \
} while (0)

static void
take(struct ctx *c, const struct schedule_in *i, struct schedule_row *r)
{
	TAKE(name);
	TAKE(spec);
	TAKE(zone);
	TAKE(gap);
	TAKE(fold);
	TAKE(misfire);
	TAKE(window_s);
	TAKE(max_catchup);
	TAKE(overlap);
	TAKE(jitter_ms);
	TAKE(start_at);
	TAKE(end_at);
	TAKE(type);
	TAKE(queue);
	TAKE(priority);
	TAKE(paused);
	if (SEEN(c->seen, c->route->in, struct schedule_in, payload))
		r->payload = i->payload.p;
}

static int
schedule_change(struct ctx *c, const void *in)
{
	const struct schedule_in *i = in;
	struct schedule_row r;

	if (find(c, i->id, &r) == -1)
		return fail_err(c);
	if (i->version != 0 && i->version != r.version)
		return fail(c, 409, "conflict", "The schedule was changed "
		    "meanwhile: it has version %lld", (long long)r.version);
	take(c, i, &r);
	if (platform_schedule_change(c->env, c->a, &c->who, &r,
	    &c->err) == -1)
		return fail_err(c);
	return answer(c, &r);
}

static int
schedule_remove(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct schedule_row r;

	if (find(c, w->id, &r) == -1 || platform_schedule_remove(c->env,
	    &c->who, &r, &c->err) == -1)
		return fail_err(c);
	return reply_none(c);
}

static int
turn(struct ctx *c, const struct id_in *w, bool paused)
{
	struct schedule_row r;

	if (find(c, w->id, &r) == -1 || platform_schedule_pause(c->env, c->a,
	    &c->who, &r, paused, &c->err) == -1)
		return fail_err(c);
	return answer(c, &r);
}

static int
schedule_pause(struct ctx *c, const void *in)
{
	return turn(c, in, true);
}

static int
schedule_resume(struct ctx *c, const void *in)
{
	return turn(c, in, false);
}

static int
schedule_run(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct schedule_row r;
	struct ran out;

	if (find(c, w->id, &r) == -1 || platform_schedule_run(c->env, c->a,
	    &c->who, &r, &out.job_id, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

#define ROOT "/api/system/schedules"
#define ONE ROOT "/{id:uuid}"

const struct route platform_schedule_routes[] = {
	{ .id = "system.schedule.list", .method = HTTP_GET, .path = ROOT,
	  .auth = AUTH_USER, .permission = "jobs:read", .in = &list_schema,
	  .out = &platform_schedule_schema, .ok = 200, .flags = R_LIST,
	  .run = schedule_list, .summary = "Schedules" },
	{ .id = "system.schedule.create", .method = HTTP_POST, .path = ROOT,
	  .auth = AUTH_USER, .permission = "schedules:write",
	  .in = &make_schema, .out = &platform_schedule_schema, .ok = 201,
	  .errors = ERRORS(403, 409), .flags = R_TXN | R_AUDIT | R_IDEMPOTENT,
	  .run = schedule_create, .summary = "Make a schedule",
	  .doc = "The type of job is subject to the same rules as a job that "
	  "the caller enqueues." },
	{ .id = "system.schedule.preview", .method = HTTP_GET,
	  .path = ROOT "/preview", .auth = AUTH_USER,
	  .permission = "jobs:read", .in = &preview_schema,
	  .out = &platform_fire_time_schema, .ok = 200, .flags = R_LIST,
	  .run = schedule_times, .summary = "When an expression would fire" },
	{ .id = "system.schedule.get", .method = HTTP_GET, .path = ONE,
	  .auth = AUTH_USER, .permission = "jobs:read", .in = &id_in_schema,
	  .out = &platform_schedule_schema, .ok = 200, .errors = ERRORS(404),
	  .run = schedule_get, .summary = "One schedule" },
	{ .id = "system.schedule.update", .method = HTTP_PATCH, .path = ONE,
	  .auth = AUTH_USER, .permission = "schedules:write",
	  .in = &patch_schema, .out = &platform_schedule_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .run = schedule_change, .summary = "Change a schedule",
	  .doc = "Its next time is worked out anew from now." },
	{ .id = "system.schedule.delete", .method = HTTP_DELETE, .path = ONE,
	  .auth = AUTH_USER, .permission = "schedules:write",
	  .in = &id_in_schema, .ok = 204, .errors = ERRORS(404, 409),
	  .flags = R_TXN | R_AUDIT, .run = schedule_remove,
	  .summary = "Remove a schedule; jobs it made stay" },
	{ .id = "system.schedule.pause", .method = HTTP_POST,
	  .path = ONE "/pause", .auth = AUTH_USER,
	  .permission = "schedules:write", .in = &id_in_schema,
	  .out = &platform_schedule_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .natural_key = "the state that is asked for",
	  .run = schedule_pause, .summary = "It does not fire any more" },
	{ .id = "system.schedule.resume", .method = HTTP_POST,
	  .path = ONE "/resume", .auth = AUTH_USER,
	  .permission = "schedules:write", .in = &id_in_schema,
	  .out = &platform_schedule_schema, .ok = 200,
	  .errors = ERRORS(403, 404, 409), .flags = R_TXN | R_AUDIT,
	  .natural_key = "the state that is asked for",
	  .run = schedule_resume, .summary = "It fires again, from its next "
	  "time on" },
	{ .id = "system.schedule.run", .method = HTTP_POST,
	  .path = ONE "/run", .auth = AUTH_USER,
	  .permission = "schedules:write", .in = &id_in_schema,
	  .out = &ran_schema, .ok = 202, .errors = ERRORS(403, 404, 409, 429),
	  .flags = R_TXN | R_AUDIT | R_IDEMPOTENT | R_ACCEPTED,
	  .run = schedule_run, .summary = "Make its job now" },
	{ .id = "system.schedule.fires", .method = HTTP_GET,
	  .path = ONE "/fires", .auth = AUTH_USER,
	  .permission = "jobs:read", .in = &fires_schema,
	  .out = &fire_row_schema, .ok = 200, .errors = ERRORS(404),
	  .flags = R_LIST, .run = schedule_fire_list,
	  .summary = "Its last times, and what became of them" },
	ROUTE_END
};
