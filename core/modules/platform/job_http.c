/*
 * Jobs over HTTP, by the documents' path /jobs as well. Bodies of the
 * documents ({job_type, user_id, payload}) are taken as they are; user_id is
 * for people and gives no right.
 */
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "http/ctx.h"
#include "modules/platform/job.h"

/* ---- shapes --------------------------------------------------------------- */

#define STATES ONEOF("waiting", "scheduled", "queued", "parked", "running", \
	"retrying", "succeeded", "failed", "cancelled", "expired", \
	"quarantined", "skipped")

struct filter_in {
	const char *state, *type, *queue, *error_class;
	struct uuid workflow;
	struct utc since, until;
};
#define FILTER_FIELDS(T, at, fl) \
	FIELD_IN(T, at, state, .oneof = STATES, .flags = fl, \
	    .doc = "Only in this state"), \
	FIELD_IN(T, at, type, .fmt = FMT_SLUG, .max = 64, .flags = fl, \
	    .doc = "Only of this type"), \
	FIELD_IN(T, at, queue, .fmt = FMT_SLUG, .max = 64, .flags = fl, \
	    .doc = "Only of this queue"), \
	FIELD_IN(T, at, error_class, .max = 64, .flags = fl, \
	    .doc = "Only with this class of the last error"), \
	FIELD_IN(T, at, workflow, .flags = fl, \
	    .doc = "Only of this workflow"), \
	FIELD_IN(T, at, since, .flags = fl, \
	    .doc = "Asked for (dead letters: dead) at that time or later"), \
	FIELD_IN(T, at, until, .flags = fl, .doc = "And before that time")

struct list_in {
	struct page_in page;
	struct filter_in f;
};
static const struct field list_fields[] = {
	PAGE_LIMIT(struct list_in), PAGE_CURSOR(struct list_in),
	FILTER_FIELDS(struct list_in, f., FF_NULLABLE), FIELD_END
};
static const struct schema list_schema = {
	.name = "JobPage", .doc = "Page of jobs, newest first",
	.size = sizeof(struct list_in), .fields = list_fields
};

static const struct field filter_fields[] = {
	FILTER_FIELDS(struct filter_in, , 0), FIELD_END
};
static const struct schema filter_schema = {
	.name = "JobFilter", .doc = "Which jobs",
	.size = sizeof(struct filter_in), .fields = filter_fields
};

struct act_in {
	const char *action, *reason;
	const void *filter;
	int64_t max, spread_s;
	bool dry_run;
};
static const struct field act_fields[] = {
	FIELD(struct act_in, action, .flags = FF_REQUIRED,
	    .oneof = ONEOF("retry", "discard", "cancel"), .doc = "retry and "
	    "discard look at dead letters, cancel at live jobs"),
	FIELD(struct act_in, filter, .flags = FF_REQUIRED,
	    .sub = &filter_schema, .doc = "Which of them; {} = all"),
	FIELD(struct act_in, max, .min = 1, .max = PLATFORM_ACT_MAX,
	    .def = "1000", .doc = "At most so many, newest first"),
	FIELD(struct act_in, spread_s, .min = 0, .max = 86400, .def = "60",
	    .doc = "Runs again are spread over so many seconds"),
	FIELD(struct act_in, dry_run, .def = "false", .doc = "Only count"),
	FIELD(struct act_in, reason, .flags = FF_REQUIRED, .min = 3,
	    .max = 500, .example = "\"the provider is back\"",
	    .doc = "Why; kept in the audit log"),
	FIELD_END
};
static const struct schema act_schema = {
	.name = "JobAction", .doc = "One act on many jobs",
	.size = sizeof(struct act_in), .fields = act_fields
};

struct batch_in {
	struct list jobs;
};
static const struct field batch_fields[] = {
	FIELD(struct batch_in, jobs, .flags = FF_REQUIRED, .min = 1,
	    .max = PLATFORM_JOBS_MAX, .sub = &platform_job_item_schema,
	    .doc = "Jobs in any order; they may need each other"),
	FIELD_END
};
static const struct schema batch_schema = {
	.name = "JobBatch", .doc = "Jobs that are accepted together or not "
	"at all", .size = sizeof(struct batch_in), .fields = batch_fields
};

struct batch_out {
	struct uuid workflow;
	struct list jobs;
};
static const struct field batch_out_fields[] = {
	FIELD(struct batch_out, workflow, .doc = "The jobs' workflow"),
	FIELD(struct batch_out, jobs, .sub = &platform_job_made_schema,
	    .doc = "In the order of the request"), FIELD_END
};
static const struct schema batch_out_schema = {
	.name = "JobBatchAccepted", .doc = "Jobs that were accepted",
	.size = sizeof(struct batch_out), .fields = batch_out_fields
};

/* ---- enqueueing -------------------------------------------------------------- */

static struct platform_job_by
caller(struct ctx *c)
{
	return (struct platform_job_by){ .who = &c->who,
	    .traceparent = platform_job_trace(ctx_header(c, "traceparent")),
	    .lenient = c->alias != NULL };
}

static int
job_create(struct ctx *c, const void *in)
{
	struct platform_job_by by = caller(c);
	struct platform_job_made made;

	if (platform_job_enqueue(c->env, c->db, c->a, &by, in, &made,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &made);
}

static int
job_bulk(struct ctx *c, const void *in)
{
	const struct batch_in *i = in;
	struct platform_job_by by = caller(c);
	struct platform_job_made *made = arena_array(c->a, i->jobs.n,
	    sizeof(*made));
	struct batch_out out = { .workflow = uuid_new(),
	    .jobs = { made, i->jobs.n } };

	if (platform_job_batch(c->env, c->db, c->a, &by, i->jobs.items,
	    i->jobs.n, out.workflow, made, &c->err) == -1)
		return fail_err(c);
	return reply(c, &out);
}

/* ---- looking -------------------------------------------------------------------- */

static struct jobs_filter
filter_of(struct ctx *c, const struct filter_in *f)
{
	return (struct jobs_filter){ .tenant = c->who.tenant_id,
	    .state = f->state != NULL ? job_state_parse(f->state) : 0,
	    .type = f->type, .queue = f->queue,
	    .error_class = f->error_class, .workflow = f->workflow,
	    .since = f->since, .until = f->until };
}

static int
page(struct ctx *c, const struct list_in *i, bool dead)
{
	struct jobs_filter f = filter_of(c, &i->f);
	struct uuid reached;
	char text[UUID_TEXT];
	const char *next;
	struct rows rows;

	f.dead = dead;
	f.limit = i->page.limit + 1;
	if (cursor_open_uuid(c, i->page.cursor, &f.below) == -1 ||
	    platform_job_page(c->db, c->a, &f, &rows, &reached,
	    &c->err) == -1)
		return fail_err(c);
	next = cursor_uuid(c, &rows, i->page.limit,
	    offsetof(struct platform_job, id));
	if (next == NULL && !uuid_is_nil(reached))
		next = cursor_seal(c, uuid_format(reached, text));
	return reply_list(c, &rows, next);
}

static int
job_list(struct ctx *c, const void *in)
{
	return page(c, in, false);
}

static int
job_dead(struct ctx *c, const void *in)
{
	return page(c, in, true);
}

static int
job_get(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_job j;

	if (platform_job_get(c->db, c->a, c->who.tenant_id, w->id, &j,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &j);
}

static int
job_types(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	if (platform_job_types(c->env, c->db, c->a, &c->who, &rows,
	    &c->err) == -1)
		return fail_err(c);
	return reply_list(c, &rows, NULL);
}

/* ---- acting ---------------------------------------------------------------------- */

static void
target(struct ctx *c, struct uuid id)
{
	char text[UUID_TEXT];

	ctx_target(c, "job", arena_strdup(c->a, uuid_format(id, text)), NULL);
}

static int
job_cancel(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_job j;

	target(c, w->id);
	if (platform_job_cancel(c->db, c->a, c->who.tenant_id, w->id, &j,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &j);
}

static int
job_retry(struct ctx *c, const void *in)
{
	const struct id_in *w = in;
	struct platform_job j;

	target(c, w->id);
	if (platform_job_retry(c->db, c->a, c->who.tenant_id, w->id, &j,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &j);
}

static int
job_act(struct ctx *c, const void *in)
{
	const struct act_in *i = in;
	struct platform_job_act want = { .action = i->action,
	    .filter = filter_of(c, i->filter), .max = i->max,
	    .spread_s = i->spread_s, .dry_run = i->dry_run,
	    .reason = i->reason, .actor = c->who.name != NULL ?
	    c->who.name : "" };
	struct platform_job_acted out;
	struct str detail;

	if (platform_job_act(c->db, c->a, &want, &out, &c->err) == -1)
		return fail_err(c);
	str_init(&detail, c->a);
	schema_encode(&platform_job_acted_schema, &out, &detail);
	ctx_target(c, "jobs", i->action, detail.p);
	return reply(c, &out);
}

#define ROOT(path) ALIASES({ path, NULL, false })
#define SEED(path) ALIASES({ path, "002", false })

const struct route platform_job_routes[] = {
	{ .id = "system.job.create", .method = HTTP_POST,
	  .path = "/api/system/jobs", .aliases = SEED("/jobs"),
	  .auth = AUTH_USER, .permission = "jobs:create",
	  .in = &platform_job_in_schema, .out = &platform_job_made_schema,
	  .ok = 202, .errors = ERRORS(403, 429),
	  .flags = R_TXN | R_IDEMPOTENT | R_ACCEPTED, .run = job_create,
	  .summary = "Enqueue a job", .doc = "Types of this application need "
	  "their permission and a payload that fits their schema (see "
	  "/api/system/jobs/types). Any other type is work for external "
	  "workers, in a queue of the tenant." },
	{ .id = "system.job.bulk", .method = HTTP_POST,
	  .path = "/api/system/jobs/bulk", .aliases = ROOT("/jobs/bulk"),
	  .auth = AUTH_USER, .permission = "jobs:create",
	  .in = &batch_schema, .out = &batch_out_schema, .ok = 202,
	  .errors = ERRORS(403, 429), .max_body = 8 << 20,
	  .max_values = 200000, .pool = POOL_SLOW,
	  .flags = R_TXN | R_IDEMPOTENT | R_ACCEPTED, .run = job_bulk,
	  .summary = "Enqueue up to 1,000 jobs, all or none",
	  .doc = "Jobs may need each other: \"#0\" is the first job of the "
	  "batch, \"#name\" the one with that ref. A circle is 422." },
	{ .id = "system.job.list", .method = HTTP_GET,
	  .path = "/api/system/jobs", .aliases = ROOT("/jobs"),
	  .auth = AUTH_USER, .permission = "jobs:read",
	  .in = &list_schema, .out = &platform_job_row_schema, .ok = 200,
	  .flags = R_LIST, .run = job_list,
	  .summary = "Jobs, newest first", .doc = "With a filter a page looks "
	  "at 20,000 jobs at most: it may hold fewer rows than asked for, or "
	  "none, while `next` leads on." },
	{ .id = "system.job.dead", .method = HTTP_GET,
	  .path = "/api/system/jobs/dead", .aliases = ROOT("/jobs/dead"),
	  .auth = AUTH_USER, .permission = "jobs:read",
	  .in = &list_schema, .out = &platform_job_row_schema, .ok = 200,
	  .flags = R_LIST, .run = job_dead,
	  .summary = "Dead letters: jobs that failed or were quarantined" },
	{ .id = "system.job.types", .method = HTTP_GET,
	  .path = "/api/system/jobs/types", .aliases = ROOT("/jobs/types"),
	  .auth = AUTH_USER, .permission = "jobs:read",
	  .out = &platform_job_type_schema, .ok = 200, .flags = R_LIST,
	  .run = job_types, .summary = "Types of jobs with their schemas" },
	{ .id = "system.job.get", .method = HTTP_GET,
	  .path = "/api/system/jobs/{id:uuid}",
	  .aliases = SEED("/jobs/{id:uuid}"),
	  .auth = AUTH_USER, .permission = "jobs:read",
	  .in = &id_in_schema, .out = &platform_job_schema, .ok = 200,
	  .errors = ERRORS(404), .run = job_get,
	  .summary = "One job with result, needs and attempts" },
	{ .id = "system.job.cancel", .method = HTTP_POST,
	  .path = "/api/system/jobs/{id:uuid}/cancel",
	  .aliases = ROOT("/jobs/{id:uuid}/cancel"),
	  .auth = AUTH_USER, .permission = "jobs:control",
	  .in = &id_in_schema, .out = &platform_job_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = job_cancel, .summary = "Cancel a job", .doc = "At once "
	  "when it does not run; else it is asked to stop, and stopped." },
	{ .id = "system.job.delete", .method = HTTP_DELETE,
	  .path = "/api/system/jobs/{id:uuid}",
	  .aliases = ROOT("/jobs/{id:uuid}"),
	  .auth = AUTH_USER, .permission = "jobs:control",
	  .in = &id_in_schema, .out = &platform_job_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = job_cancel, .summary = "Cancel a job", .doc = "The same; "
	  "the job stays to be looked at." },
	{ .id = "system.job.retry", .method = HTTP_POST,
	  .path = "/api/system/jobs/{id:uuid}/retry",
	  .aliases = ROOT("/jobs/{id:uuid}/retry"),
	  .auth = AUTH_USER, .permission = "jobs:control",
	  .in = &id_in_schema, .out = &platform_job_schema, .ok = 200,
	  .errors = ERRORS(404, 409), .flags = R_TXN | R_AUDIT,
	  .run = job_retry, .summary = "Run a job again that ended badly",
	  .doc = "The same job with its id, data and keys; at most three "
	  "times." },
	{ .id = "system.job.act", .method = HTTP_POST,
	  .path = "/api/system/jobs/actions",
	  .aliases = ROOT("/jobs/actions"),
	  .auth = AUTH_USER, .permission = "jobs:control",
	  .in = &act_schema, .out = &platform_job_acted_schema, .ok = 200,
	  .pool = POOL_SLOW, .flags = R_AUDIT, .run = job_act,
	  .summary = "Retry, discard or cancel many jobs" },
	ROUTE_END
};
