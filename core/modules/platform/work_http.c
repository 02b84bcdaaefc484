/*
 * The five words of an external worker: claim, heartbeat (or progress),
 * complete, fail, release. A claim may wait; waiting takes a permit, so that
 * waiters never fill the slow pool, and who gets none is answered at once.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "base/vec.h"
#include "http/ctx.h"
#include "modules/platform/event.h"
#include "modules/platform/job.h"
#include "modules/platform/work.h"

enum { POLL_MS = 250, BUSY_RETRY_S = 2, ERROR_MAX = 500 };

/* ---- shapes ----------------------------------------------------------------- */

#define LEASE(T) FIELD(T, lease_s, .min = 10, .max = 300, .def = "30", \
	.doc = "Silent for so many seconds, the worker loses the job")
#define TOKEN(T) FIELD(T, token, .flags = FF_REQUIRED, .min = 1, \
	.max = INT64_MAX, .doc = "As the claim told")
#define ID(T) FIELD(T, id, .flags = FF_REQUIRED, .doc = "Identifier")

struct claim_in {
	struct list queues, types;
	const char *worker;
	int64_t max, wait_s, lease_s;
};
static const struct field claim_fields[] = {
	FIELD(struct claim_in, queues, .elem = FT_STR, .fmt = FMT_SLUG,
	    .max = 20, .flags = FF_REQUIRED, .example = "[\"default\"]",
	    .doc = "Queues of the tenant, the most important first"),
	FIELD(struct claim_in, types, .elem = FT_STR, .fmt = FMT_SLUG,
	    .max = 50, .doc = "Only jobs of these types"),
	FIELD(struct claim_in, worker, .max = 100, .def = "\"worker\"",
	    .doc = "How it calls itself, for people"),
	FIELD(struct claim_in, max, .min = 1, .max = PLATFORM_CLAIM_MAX,
	    .def = "1", .doc = "Jobs at most"),
	FIELD(struct claim_in, wait_s, .min = 0, .max = PLATFORM_WAIT_MAX_S,
	    .def = "0", .doc = "Seconds to wait for the first job"),
	LEASE(struct claim_in), FIELD_END
};
static const struct schema claim_schema = {
	.name = "JobClaim", .doc = "What a worker wants to do",
	.size = sizeof(struct claim_in), .fields = claim_fields
};

struct held {
	struct uuid id;
	int64_t token;
	const char *type;
	struct json payload;
	int64_t attempt, tries, lease_s;
	struct utc deadline, created_at;
	struct uuid workflow;
	const char *actor, *traceparent;
	struct utc fire_at;
};
#define H(m, ...) FIELD(struct held, m, __VA_ARGS__)
static const struct field held_fields[] = {
	H(id, .doc = "Identifier"),
	H(token, .doc = "Of this start; goes with everything said about it"),
	H(type, .doc = "What is to be done"), H(payload, .doc = "On what"),
	H(attempt, .doc = "Which start"), H(tries, .doc = "Starts at most"),
	H(lease_s, .doc = "Say something within so many seconds"),
	H(deadline, .doc = "Then its time is over"),
	H(created_at, .doc = "When it was asked for"),
	H(workflow, .flags = FF_NULLABLE, .doc = "Jobs that belong together"),
	H(actor, .doc = "Who asked for it"),
	H(traceparent, .flags = FF_NULLABLE, .doc = "Trace"),
	H(fire_at, .flags = FF_NULLABLE, .doc = "Time of the schedule that "
	    "made it"), FIELD_END
};
static const struct schema held_schema = {
	.name = "JobHeld", .doc = "A job in the hands of a worker",
	.size = sizeof(struct held), .fields = held_fields
};

struct claim_out {
	struct list jobs;
};
static const struct field claim_out_fields[] = {
	FIELD(struct claim_out, jobs, .sub = &held_schema,
	    .doc = "Jobs that are now the worker's"), FIELD_END
};
static const struct schema claim_out_schema = {
	.name = "JobClaimed", .doc = "What a claim got",
	.size = sizeof(struct claim_out), .fields = claim_out_fields
};

struct beat_in {
	struct uuid id;
	int64_t token, lease_s, progress;
	const char *note;
};
static const struct field beat_fields[] = {
	ID(struct beat_in), TOKEN(struct beat_in), LEASE(struct beat_in),
	FIELD_END
};
static const struct schema beat_schema = {
	.name = "JobHeartbeat", .doc = "Still at it",
	.size = sizeof(struct beat_in), .fields = beat_fields
};
static const struct field progress_fields[] = {
	ID(struct beat_in), TOKEN(struct beat_in), LEASE(struct beat_in),
	FIELD(struct beat_in, progress, .flags = FF_REQUIRED, .min = 0,
	    .max = 1000, .doc = "0 to 1000"),
	FIELD(struct beat_in, note, .max = 200, .def = "\"\"",
	    .doc = "What it does now"), FIELD_END
};
static const struct schema progress_schema = {
	.name = "JobProgress", .doc = "How far it is",
	.size = sizeof(struct beat_in), .fields = progress_fields
};

struct beat_out {
	struct uuid id;
	bool cancel;
	struct utc deadline;
};
static const struct field beat_out_fields[] = {
	FIELD(struct beat_out, id, .doc = "Identifier"),
	FIELD(struct beat_out, cancel, .doc = "Stop, and release the job"),
	FIELD(struct beat_out, deadline, .doc = "Then its time is over"),
	FIELD_END
};
static const struct schema beat_out_schema = {
	.name = "JobLease", .doc = "The job is still the worker's",
	.size = sizeof(struct beat_out), .fields = beat_out_fields
};

struct end_in {
	struct uuid id;
	int64_t token;
	struct json result;
	const char *error, *error_class;
	bool retry;
	int64_t retry_after_s;
};
static const struct field complete_fields[] = {
	ID(struct end_in), TOKEN(struct end_in),
	FIELD(struct end_in, result, .flags = FF_NULLABLE,
	    .doc = "What came of it, up to 256 KiB"), FIELD_END
};
static const struct schema complete_schema = {
	.name = "JobComplete", .doc = "Done",
	.size = sizeof(struct end_in), .fields = complete_fields
};
static const struct field fail_fields[] = {
	ID(struct end_in), TOKEN(struct end_in),
	FIELD(struct end_in, error, .flags = FF_REQUIRED, .max = 10000,
	    .doc = "What went wrong; 500 characters are kept"),
	{ .name = "class", .off = offsetof(struct end_in, error_class),
	    .type = FT_STR, .fmt = FMT_SLUG, .max = 64,
	    .def = "\"error\"", .doc = "Class of the error, for filters" },
	FIELD(struct end_in, retry, .def = "true",
	    .doc = "Another try may help"),
	FIELD(struct end_in, retry_after_s, .min = 0, .max = 604800,
	    .def = "0", .doc = "Not before so many seconds; 0 = the job's "
	    "own back-off"), FIELD_END
};
static const struct schema fail_schema = {
	.name = "JobFailure", .doc = "It went wrong",
	.size = sizeof(struct end_in), .fields = fail_fields
};
static const struct field release_fields[] = {
	ID(struct end_in), TOKEN(struct end_in), FIELD_END
};
static const struct schema release_schema = {
	.name = "JobRelease", .doc = "Back to the queue, no try is lost",
	.size = sizeof(struct end_in), .fields = release_fields
};

struct end_out {
	struct uuid id;
	const char *status;
	struct utc run_at;
	bool repeated;
};
static const struct field end_out_fields[] = {
	FIELD(struct end_out, id, .doc = "Identifier"),
	FIELD(struct end_out, status, .doc = "State of the job now"),
	FIELD(struct end_out, run_at, .flags = FF_NULLABLE,
	    .doc = "Its next start"),
	FIELD(struct end_out, repeated, .doc = "This was told before"),
	FIELD_END
};
static const struct schema end_out_schema = {
	.name = "JobEnded", .doc = "What became of the job",
	.size = sizeof(struct end_out), .fields = end_out_fields
};

/* ---- claim --------------------------------------------------------------------- */

static const char *const *
words(struct arena *a, struct list l)
{
	const char **v;

	if (l.n == 0)
		return NULL;
	v = arena_array(a, l.n + 1, sizeof(*v));
	memcpy(v, l.items, l.n * sizeof(*v));
	return v;
}

static int
pull(struct ctx *c, const struct jobs_pull *p, struct jobs_claimed *got)
{
	if (platform_work_upkeep(c->env, c->db, &c->err) == -1)
		return -1;
	return jobs_pull(c->db, c->a, p, got, &c->err);
}

static int
wait_for(struct ctx *c, const struct jobs_pull *p, int64_t wait_s,
    struct jobs_claimed *got)
{
	const struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
	int64_t until = clock_boot_ns() + wait_s * 1000000000;
	struct arena_mark m = arena_mark(c->a);

	while (got->n == 0 && clock_boot_ns() < until) {
		nanosleep(&nap, NULL);
		arena_rewind(c->a, m);
		if (pull(c, p, got) == -1)
			return -1;
	}
	return 0;
}

static int
wait_guarded(struct ctx *c, const struct jobs_pull *p, int64_t wait_s,
    struct jobs_claimed *got)
{
	uint32_t limit = platform_event_waiters(0, c->env->children);
	int permit, rc;

	if (c->env->shm == NULL || limit == 0 || bulkhead_enter(c->env->shm,
	    &platform_work_bulkhead, limit, &permit) == -1) {
		reply_header(c, "Retry-After", arena_printf(c->a, "%d",
		    BUSY_RETRY_S));
		return 0;
	}
	rc = wait_for(c, p, wait_s, got);
	bulkhead_leave(c->env->shm, &platform_work_bulkhead, permit);
	return rc;
}

static struct utc
deadline(const struct job_row *j)
{
	return (struct utc){ j->started_at.us + j->timeout_s * US_PER_S };
}

static int
work_claim(struct ctx *c, const void *in)
{
	const struct claim_in *i = in;
	struct jobs_pull p = { .tenant = c->who.tenant_id,
	    .holder = uuid_new(), .worker = i->worker,
	    .queues = words(c->a, i->queues), .types = words(c->a, i->types),
	    .max = (size_t)i->max, .lease_s = i->lease_s };
	VEC(struct held) v = { 0 };
	struct jobs_claimed got;

	if (p.queues == NULL)
		return fail_field(c, "queues", "too_short",
		    "List should have at least 1 item");
	if (pull(c, &p, &got) == -1 || (got.n == 0 && i->wait_s > 0 &&
	    wait_guarded(c, &p, i->wait_s, &got) == -1))
		return fail_err(c);
	for (size_t k = 0; k < got.n; k++) {
		const struct job_row *j = &got.v[k];

		*VEC_ADD(c->a, &v) = (struct held){ j->id, j->token, j->type,
		    { j->payload }, j->attempt, j->tries, i->lease_s,
		    deadline(j), j->created_at, j->workflow, j->actor,
		    j->traceparent, j->fire_at };
	}
	return reply(c, &(struct claim_out){ { v.v, v.n } });
}

/* ---- heartbeat and progress -------------------------------------------------------- */

static int
say(struct ctx *c, const struct beat_in *i, int progress, const char *note)
{
	struct jobs_hold h = { c->who.tenant_id, i->id, i->token };
	struct platform_work_beat b = { .over = false };

	if (platform_work_heartbeat(c->db, c->a, &h, i->lease_s, progress,
	    note, &b, &c->err) == -1)
		return fail_err(c);
	if (b.over)
		return fail(c, 410, "timeout", "The job's time is over; it is "
		    "no longer yours");
	return reply(c, &(struct beat_out){ i->id, b.job.cancel,
	    deadline(&b.job) });
}

static int
work_heartbeat(struct ctx *c, const void *in)
{
	return say(c, in, -1, NULL);
}

static int
work_progress(struct ctx *c, const void *in)
{
	const struct beat_in *i = in;

	return say(c, i, (int)i->progress, i->note);
}

/* ---- the end --------------------------------------------------------------------------- */

static int
end(struct ctx *c, const struct end_in *i, struct jobs_outcome *o)
{
	struct jobs_hold h = { c->who.tenant_id, i->id, i->token };
	struct job_row now;
	bool repeated;

	o->worker = c->who.name;
	if (platform_work_end(c->db, c->a, &h, o, &now, &repeated,
	    &c->err) == -1)
		return fail_err(c);
	return reply(c, &(struct end_out){ i->id, job_state_name(now.state),
	    now.state == JS_RETRYING ? now.run_at : (struct utc){ 0 },
	    repeated });
}

static int
work_complete(struct ctx *c, const void *in)
{
	const struct end_in *i = in;
	struct jobs_outcome o = { .end = END_DONE, .result = i->result.p };

	if (i->result.p != NULL && strlen(i->result.p) > PLATFORM_RESULT_MAX)
		return fail_field(c, "result", "too_long",
		    "The result is larger than 256 KiB");
	return end(c, i, &o);
}

/* As many characters as the column takes. */
static const char *
shortened(struct arena *a, const char *s)
{
	size_t n = 0;

	for (int k = 0; k < ERROR_MAX && s[n] != '\0'; k++)
		n += (size_t)utf8_step(s + n, strlen(s + n));
	return arena_strndup(a, s, n);
}

static int
work_fail(struct ctx *c, const void *in)
{
	const struct end_in *i = in;
	struct jobs_outcome o = { .end = i->retry ? END_RETRY : END_FAIL,
	    .error_class = i->error_class,
	    .error = shortened(c->a, i->error),
	    .retry_after_s = i->retry_after_s };

	return end(c, i, &o);
}

static int
work_release(struct ctx *c, const void *in)
{
	struct jobs_outcome o = { .end = END_RELEASE };

	return end(c, in, &o);
}

#define WORK(word, schema_in, schema_out, more, text) \
	.id = "system.work." word, .method = HTTP_POST, \
	.path = "/api/system/jobs/{id:uuid}/" word, \
	.aliases = ALIASES({ "/jobs/{id:uuid}/" word, NULL, false }), \
	.auth = AUTH_USER, .permission = "jobs:work", .in = &(schema_in), \
	.out = &(schema_out), .ok = 200, .flags = more, .summary = text

const struct route platform_work_routes[] = {
	{ .id = "system.work.claim", .method = HTTP_POST,
	  .path = "/api/system/jobs/claim",
	  .aliases = ALIASES({ "/jobs/claim", NULL, false }),
	  .auth = AUTH_USER, .permission = "jobs:work",
	  .in = &claim_schema, .out = &claim_out_schema, .ok = 200,
	  .pool = POOL_SLOW, .run = work_claim,
	  .summary = "Claim jobs as an external worker",
	  .doc = "Each job comes with a token and a lease. A worker that says "
	  "nothing for lease_s seconds loses the job to another one; what it "
	  "says afterwards is refused with 409 job_lost. When too many claims "
	  "wait already, the answer comes at once with Retry-After." },
	{ WORK("heartbeat", beat_schema, beat_out_schema, 0,
	    "Still at it"), .errors = ERRORS(404, 409, 410),
	  .natural_key = "the time of the last one",
	  .run = work_heartbeat, .doc = "Renews the lease. cancel: true asks "
	  "the worker to stop and release; 410 tells that the job's time was "
	  "over." },
	{ WORK("progress", progress_schema, beat_out_schema, 0,
	    "How far it is"), .errors = ERRORS(404, 409, 410),
	  .natural_key = "the last word counts", .run = work_progress,
	  .doc = "Renews the lease as well." },
	{ WORK("complete", complete_schema, end_out_schema, R_TXN,
	    "The job is done"), .errors = ERRORS(404, 409),
	  .natural_key = "the token of the start", .run = work_complete },
	{ WORK("fail", fail_schema, end_out_schema, R_TXN,
	    "The job went wrong"), .errors = ERRORS(404, 409),
	  .natural_key = "the token of the start", .run = work_fail },
	{ WORK("release", release_schema, end_out_schema, R_TXN,
	    "Give the job back"), .errors = ERRORS(404, 409),
	  .natural_key = "the token of the start", .run = work_release,
	  .doc = "For workers that end: no try is lost. A job that shall be "
	  "cancelled is cancelled by it." },
	ROUTE_END
};
