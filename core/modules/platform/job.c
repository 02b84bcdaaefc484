/*
 * Shapes of jobs, and the order of a batch whose jobs need each other. Refuses
 * a batch with a circle, a name that is not in it, or a name given twice, each
 * at its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/platform/job.h"

/* ---- what is shown --------------------------------------------------------- */

static const struct field need_fields[] = {
	FIELD(struct platform_job_need, id, .doc = "Job that is needed"),
	FIELD(struct platform_job_need, rule, .oneof = ONEOF("success", "end",
	    "failure"), .doc = "What of it"),
	FIELD(struct platform_job_need, status, .doc = "Its state"),
	FIELD(struct platform_job_need, open, .doc = "Still waited for"),
	FIELD_END
};
static const struct schema need_schema = {
	.name = "JobNeed", .doc = "A job that another one waits for",
	.size = sizeof(struct platform_job_need), .fields = need_fields
};

#define J(m, ...) FIELD(struct platform_job, m, __VA_ARGS__)
#define NUL FF_NULLABLE
#define JOB_FIELDS \
	J(id, .doc = "Identifier"), J(job_id, .doc = "The same"), \
	J(type, .doc = "What is to be done"), \
	J(status, .oneof = ONEOF("waiting", "scheduled", "queued", "parked", \
	    "running", "retrying", "succeeded", "failed", "cancelled", \
	    "expired", "quarantined", "skipped"), .doc = "State"), \
	J(queue, .doc = "Queue"), \
	J(priority, .oneof = ONEOF("critical", "high", "normal", "low"), \
	    .doc = "Lane"), \
	J(external, .doc = "Done by workers that pull over HTTP"), \
	J(progress, .doc = "0 to 1000"), \
	J(note, .flags = NUL, .doc = "What it does now"), \
	J(attempt, .doc = "Starts so far"), \
	J(tries, .doc = "Starts at most"), \
	J(crashes, .doc = "Processes that died of it"), \
	J(lost, .doc = "Leases that ran out"), \
	J(timeout_s, .doc = "Seconds a start may take"), \
	J(run_at, .flags = NUL, .doc = "Not before"), \
	J(expires_at, .flags = NUL, .doc = "Not started after"), \
	J(error_class, .flags = NUL, .doc = "Class of the last error"), \
	J(error, .flags = NUL, .doc = "Last error"), \
	J(cancel_requested, .doc = "It runs and shall stop"), \
	J(workflow, .flags = NUL, .doc = "Jobs that belong together"), \
	J(replay_of, .flags = NUL, .doc = "Job that this one repeats"), \
	J(replays, .doc = "How often it was run again by hand"), \
	J(actor, .doc = "Who asked for it"), \
	J(created_at, .doc = "When it was asked for"), \
	J(started_at, .flags = NUL, .doc = "Last start"), \
	J(finished_at, .flags = NUL, .doc = "End")

static const struct field row_fields[] = { JOB_FIELDS, FIELD_END };
const struct schema platform_job_row_schema = {
	.name = "JobSummary", .doc = "A job without its data",
	.size = sizeof(struct platform_job), .fields = row_fields
};
static const struct field job_fields[] = {
	JOB_FIELDS,
	J(payload, .doc = "On what"),
	J(result, .flags = NUL, .doc = "What came of it"),
	J(needs, .sub = &need_schema, .doc = "Jobs it waits for"),
	J(attempts, .sub = &jobs_attempt_schema,
	    .doc = "Starts that did not simply succeed at the first try"),
	FIELD_END
};
const struct schema platform_job_schema = {
	.name = "Job", .doc = "A job with its history",
	.size = sizeof(struct platform_job), .fields = job_fields
};

#define M(m, ...) FIELD(struct platform_job_made, m, __VA_ARGS__)
static const struct field made_fields[] = {
	M(job_id, .doc = "Identifier"), M(id, .doc = "The same"),
	M(status, .doc = "State"), M(type, .doc = "What is to be done"),
	M(queue, .doc = "Queue"),
	M(ref, .flags = NUL, .doc = "Its local name in the batch"),
	M(existing, .doc = "A live job with this unique key was there "
	    "already; nothing new was made"),
	M(workflow, .flags = NUL, .doc = "Jobs that belong together"),
	FIELD_END
};
const struct schema platform_job_made_schema = {
	.name = "JobAccepted", .doc = "A job that was accepted",
	.size = sizeof(struct platform_job_made), .fields = made_fields
};

#define T(m, ...) FIELD(struct platform_job_type, m, __VA_ARGS__)
static const struct field type_fields[] = {
	T(name, .doc = "Name"), T(doc, .doc = "What it does"),
	T(kind, .oneof = ONEOF("builtin", "exec", "external"),
	    .doc = "Who does it: this application, a program of this host, "
	    "or workers that pull over HTTP"),
	T(queue, .doc = "Queue unless the job says otherwise"),
	T(priority, .doc = "Lane unless the job says otherwise"),
	T(tries, .doc = "Starts at most"),
	T(timeout_s, .doc = "Seconds a start may take"),
	T(permission, .flags = NUL, .doc = "Needed besides jobs:create"),
	T(may_enqueue, .doc = "The caller may enqueue it"),
	T(payload_schema, .flags = NUL, .doc = "JSON Schema of the payload"),
	T(result_schema, .flags = NUL, .doc = "JSON Schema of the result"),
	FIELD_END
};
const struct schema platform_job_type_schema = {
	.name = "JobType", .doc = "A kind of job",
	.size = sizeof(struct platform_job_type), .fields = type_fields
};

#define A(m, ...) FIELD(struct platform_job_acted, m, __VA_ARGS__)
static const struct field acted_fields[] = {
	A(action, .doc = "What was asked for"),
	A(dry_run, .doc = "Only counted"),
	A(matched, .doc = "Jobs that fit the filter, up to max"),
	A(done, .doc = "Jobs it was done to"),
	A(skipped, .doc = "Jobs that refused it: replayed three times "
	    "already, or another live job has their unique key"),
	A(more, .doc = "There are more than max"),
	A(sample, .elem = FT_UUID, .doc = "The first of them"), FIELD_END
};
const struct schema platform_job_acted_schema = {
	.name = "JobActionResult", .doc = "What a bulk action did",
	.size = sizeof(struct platform_job_acted), .fields = acted_fields
};

#define S(m, ...) FIELD(struct platform_job_status, m, __VA_ARGS__)
static const struct field status_fields[] = {
	S(ready, .doc = "Jobs that could start now"),
	S(delayed, .doc = "Jobs whose time has not come"),
	S(running, .doc = "Jobs in somebody's hands"),
	S(dead, .doc = "Dead letters"),
	S(workers, .doc = "Dispatchers of worker services"),
	S(external_workers, .doc = "Jobs held by external workers"),
	S(oldest_at, .flags = NUL, .doc = "The longest waiting one is ready "
	    "since"),
	S(oldest_age_s, .doc = "The same in seconds"), FIELD_END
};
const struct schema platform_job_status_schema = {
	.name = "JobStatus", .doc = "The queue in a few numbers",
	.size = sizeof(struct platform_job_status), .fields = status_fields
};

/* ---- what is wanted --------------------------------------------------------- */

#define NAME_PATTERN "^[A-Za-z0-9._:-]+$"
#define I(m, ...) FIELD(struct platform_job_in, m, __VA_ARGS__)
#define IN_FIELDS \
	I(type, .fmt = FMT_SLUG, .max = 64, .example = "\"report\"", \
	    .doc = "What is to be done. A type of this application, an exec " \
	    "type, or any other name: work for external workers"), \
	I(job_type, .fmt = FMT_SLUG, .max = 64, \
	    .doc = "The same as `type`, as a document calls it"), \
	I(user_id, .max = 100, .doc = "For whom; shown to people, gives no " \
	    "right"), \
	I(payload, .doc = "Data of the job, by default {}"), \
	I(queue, .fmt = FMT_SLUG, .max = 64, .doc = "Queue; external work " \
	    "may name any, it belongs to the tenant"), \
	I(priority, .oneof = ONEOF("critical", "high", "normal", "low"), \
	    .doc = "Lane; by default the type's"), \
	I(run_at, .doc = "Not before"), \
	I(expires_at, .doc = "Dropped when it could not start until then"), \
	I(unique, .min = 1, .max = 200, .doc = "At most one live job of the " \
	    "type with this key; a second one is answered with the first"), \
	I(limit_key, .min = 1, .max = 200, .doc = "Concurrency key: jobs " \
	    "with the same key run at most limit_max at once"), \
	I(limit_max, .min = 1, .max = 10000, .doc = "See limit_key; 1"), \
	I(tries, .min = 1, .max = 100, .doc = "Starts at most"), \
	I(timeout_s, .min = 1, .max = 604800, .doc = "Seconds a start may " \
	    "take"), \
	I(backoff_s, .min = 1, .max = 86400, .doc = "Seconds before the " \
	    "second start; doubled for each further one"), \
	I(needs_rule, .oneof = ONEOF("success", "end", "failure"), \
	    .def = "\"success\"", .doc = "What of the needed jobs: that all " \
	    "succeed, end somehow, or fail")

static const struct field in_fields[] = {
	IN_FIELDS,
	I(needs, .elem = FT_STR, .max = 1000, .doc = "Ids of jobs to wait "
	    "for"),
	I(workflow, .doc = "Jobs that belong together have the same one"),
	FIELD_END
};
const struct schema platform_job_in_schema = {
	.name = "JobCreate", .doc = "A job that is wanted",
	.size = sizeof(struct platform_job_in), .fields = in_fields
};
static const struct field item_fields[] = {
	IN_FIELDS,
	I(needs, .elem = FT_STR, .max = 1000, .doc = "Jobs to wait for: ids, "
	    "\"#0\" for the first job of this batch, \"#name\" for the one "
	    "with that ref"),
	I(ref, .max = 64, .pattern = "^[A-Za-z_][A-Za-z0-9._-]*$",
	    .doc = "Local name within the batch"),
	FIELD_END
};
const struct schema platform_job_item_schema = {
	.name = "JobBatchItem", .doc = "A job of a batch",
	.size = sizeof(struct platform_job_in), .fields = item_fields
};

/* ---- a batch ------------------------------------------------------------------ */

long
platform_job_local(const struct platform_job_in *v, size_t n,
    const char *name)
{
	size_t digits;
	long i;

	if (*name != '#')
		return -1;
	name++;
	digits = strspn(name, "0123456789");
	if (digits > 0 && name[digits] == '\0') {
		i = digits > 6 ? -1 : strtol(name, NULL, 10);
		return i >= 0 && (size_t)i < n ? i : -2;
	}
	for (size_t k = 0; k < n && *name != '\0'; k++)
		if (v[k].ref != NULL && strcmp(v[k].ref, name) == 0)
			return (long)k;
	return -2;
}

static int
refuse(struct arena *a, struct err *e, size_t i, const char *member,
    const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = arena_printf(a, "[\"body\",\"jobs\",%zu,%s]", i, member),
	    .msg = msg, .input = "null" });
}

static int
refs_check(struct arena *a, const struct platform_job_in *v, size_t n,
    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		char name[80];

		if (v[i].ref == NULL)
			continue;
		snprintf(name, sizeof(name), "#%s", v[i].ref);
		if (platform_job_local(v, n, name) != (long)i)
			refuse(a, e, i, "\"ref\"", "Value error, another job "
			    "of the batch has this name");
	}
	return e->nfields > 0 ? -1 : 0;
}

struct edge {
	size_t to;		/* the job that waits */
	struct edge *next;
};

/* edges[k]: who waits for k; open[i]: for how many i waits. */
static int
edges_of(struct arena *a, const struct platform_job_in *v, size_t n,
    struct edge **edges, size_t *open, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *const *need = v[i].needs.items;

		for (size_t k = 0; k < v[i].needs.n; k++) {
			long from = platform_job_local(v, n, need[k]);
			struct edge *x;

			if (from == -1)
				continue;
			if (from == -2) {
				refuse(a, e, i, arena_printf(a,
				    "\"needs\",%zu", k), "Value error, there "
				    "is no such job in the batch");
				continue;
			}
			x = arena_alloc(a, sizeof(*x));
			*x = (struct edge){ i, edges[from] };
			edges[from] = x;
			open[i]++;
		}
	}
	return e->nfields > 0 ? -1 : 0;
}

int
platform_job_order(struct arena *a, const struct platform_job_in *v,
    size_t n, size_t *order, struct err *e)
{
	struct edge **edges = arena_array(a, n, sizeof(*edges));
	size_t *open = arena_array(a, n, sizeof(*open)), done = 0;

	if (refs_check(a, v, n, e) == -1 ||
	    edges_of(a, v, n, edges, open, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (open[i] == 0)
			order[done++] = i;
	for (size_t k = 0; k < done; k++)
		for (struct edge *x = edges[order[k]]; x != NULL; x = x->next)
			if (--open[x->to] == 0)
				order[done++] = x->to;
	for (size_t i = 0; i < n && done < n; i++)
		if (open[i] > 0)
			refuse(a, e, i, "\"needs\"", "Value error, these jobs "
			    "wait for each other");
	return done < n ? -1 : 0;
}

void
platform_job_place(struct arena *a, struct err *e, const char *inner)
{
	static const char body[] = "[\"body\",";

	for (size_t i = 0; i < e->nfields; i++)
		if (strncmp(e->fields[i].loc, body, sizeof(body) - 1) == 0)
			e->fields[i].loc = arena_printf(a, "%s%s,%s", body,
			    inner, e->fields[i].loc + sizeof(body) - 1);
}

const char *
platform_job_trace(const char *h)
{
	static const size_t parts[] = { 2, 32, 16, 2 };
	const char *p = h;

	for (size_t i = 0; p != NULL && i < 4; i++) {
		if (strspn(p, "0123456789abcdef") != parts[i] ||
		    p[parts[i]] != (i < 3 ? '-' : '\0'))
			return NULL;
		p += parts[i] + 1;
	}
	return h;
}
