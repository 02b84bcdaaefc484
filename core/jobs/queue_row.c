/*
 * What the files of the queue share: the row of a job, its settings, metrics,
 * events and tables.
 */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "jobs/inner.h"
#include "shm/shm.h"

const char *const job_lane_names[] = {
	"critical", "high", "normal", "low", NULL
};

static const struct {
	int state;
	const char *name;
} states[] = {
	{ JS_WAITING, "waiting" }, { JS_SCHEDULED, "scheduled" },
	{ JS_QUEUED, "queued" }, { JS_PARKED, "parked" },
	{ JS_RUNNING, "running" }, { JS_RETRYING, "retrying" },
	{ JS_SUCCEEDED, "succeeded" }, { JS_FAILED, "failed" },
	{ JS_CANCELLED, "cancelled" }, { JS_EXPIRED, "expired" },
	{ JS_QUARANTINED, "quarantined" }, { JS_SKIPPED, "skipped" },
};

const char *
job_state_name(int64_t state)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == state)
			return states[i].name;
	return "unknown";
}

int
job_state_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i].name, name) == 0)
			return states[i].state;
	return 0;
}

#define J(m, ...) FIELD(struct job_row, m, __VA_ARGS__)
static const struct field row_fields[] = {
	J(id, .doc = "Identifier"), J(tenant_id, .doc = "Whose"),
	J(queue_id, .doc = "Queue"), J(lane, .doc = "Priority, 0 is best"),
	J(state, .doc = "State"), J(type, .doc = "What is to be done"),
	J(payload, .doc = "On what"),
	J(result, .flags = FF_NULLABLE, .doc = "What came of it"),
	J(progress, .doc = "0 to 1000"), J(note, .doc = "What it does now"),
	J(attempt, .doc = "Starts so far"), J(tries, .doc = "Starts at most"),
	J(crashes, .doc = "Processes that died of it"),
	J(lost, .doc = "Leases lost"), J(timeout_s, .doc = "Seconds a start"),
	J(backoff_s, .doc = "Seconds before the second start"),
	J(run_at, .flags = FF_NULLABLE, .doc = "Not before"),
	J(expires_at, .flags = FF_NULLABLE, .doc = "Not started after"),
	J(token, .doc = "Grows with each start"),
	J(lease_id, .doc = "Who holds it"), J(cancel, .doc = "Shall stop"),
	J(needed, .doc = "Others wait for it"),
	J(waits, .doc = "Jobs it waits for"),
	J(unique_key, .flags = FF_NULLABLE, .doc = "One live job per key"),
	J(limit_key, .flags = FF_NULLABLE, .doc = "Concurrency key"),
	J(counted, .doc = "Counted in its queue's limit"),
	J(workflow, .flags = FF_NULLABLE, .doc = "Workflow"),
	J(actor, .doc = "Who asked"),
	J(traceparent, .flags = FF_NULLABLE, .doc = "Trace"),
	J(error_class, .doc = "Class of the last error"),
	J(error, .doc = "Last error"),
	J(replay_of, .flags = FF_NULLABLE, .doc = "Job it repeats"),
	J(replays, .doc = "Repeats so far"),
	J(version, .doc = "Grows with each change"),
	J(created_at, .doc = "When it was asked for"),
	J(started_at, .flags = FF_NULLABLE, .doc = "Last start"),
	J(finished_at, .flags = FF_NULLABLE, .doc = "End"),
	J(fire_at, .flags = FF_NULLABLE, .doc = "Time of its schedule"),
	FIELD_END
};
const struct schema job_row_schema = {
	.name = "JobRow", .doc = "A row of jobs_job",
	.size = sizeof(struct job_row), .fields = row_fields
};

static const struct field count_fields[] = {
	FIELD(struct jobs_count, n, .doc = "Rows"), FIELD_END
};
const struct schema jobs_count_schema = {
	.name = "JobsCount", .size = sizeof(struct jobs_count),
	.fields = count_fields
};

size_t
jobs_pad(struct val *v, const struct val *ids, size_t n)
{
	for (size_t i = 0; i < JOBS_BATCH; i++)
		v[i] = ids[i < n ? i : 0];
	return JOBS_BATCH;
}

/* ---- settings ------------------------------------------------------------------- */

static const struct setting rows[] = {
	SETTING(struct jobs_conf, keep_days, "jobs.keep_days", .def = "14",
	    .min = 1, .max = 3650, .unit = "days",
	    .doc = "Finished jobs are kept so long"),
	SETTING(struct jobs_conf, tenant_queued_max, "jobs.tenant_queued_max",
	    .def = "1000000", .min = 1, .max = 1000000000, .unit = "jobs",
	    .doc = "Jobs of a tenant that may wait in one lane; more is 429"),
	SETTING(struct jobs_conf, schedule_floor_s, "jobs.schedule_floor",
	    .def = "10", .min = 1, .max = 86400, .unit = "seconds",
	    .doc = "A tenant's schedule fires at most so often"),
	SETTING(struct jobs_conf, lease_s, "jobs.lease", .def = "30",
	    .min = 10, .max = 3600, .unit = "seconds",
	    .doc = "A host that is silent for so long loses its jobs to "
	    "others"),
	SETTING_END
};
const struct settings jobs_settings = {
	"jobs", sizeof(struct jobs_conf), rows, NULL
};

/* ---- metrics ---------------------------------------------------------------------- */

static const char *const outcomes[] = { "succeeded", "failed", "cancelled",
    "expired", "quarantined", "skipped", "retrying", NULL };
static const struct metric_label outcome_label = { "outcome", outcomes };

size_t
jobs_outcome_index(int64_t state)
{
	return state >= JS_SUCCEEDED && state <= JS_SKIPPED ?
	    (size_t)(state - JS_SUCCEEDED) : 6;
}

const struct metric jobs_total = { "jobs_total",
    "Starts of jobs that ended, by outcome", METRIC_COUNTER,
    { &outcome_label, NULL } };
const struct metric job_wait_seconds = { "job_wait_seconds",
    "From ready to start", METRIC_HISTOGRAM, { NULL, NULL } };
const struct metric job_run_seconds = { "job_run_seconds",
    "From start to end", METRIC_HISTOGRAM, { NULL, NULL } };
const struct metric job_stale_total = { "job_stale_total",
    "Outcomes that came too late and were dropped", METRIC_COUNTER,
    { NULL, NULL } };
const struct metric job_crashes_total = { "job_crashes_total",
    "Processes that died in a job", METRIC_COUNTER, { NULL, NULL } };
const struct metric job_lost_total = { "job_lost_total",
    "Jobs taken back from a lease that ran out", METRIC_COUNTER,
    { NULL, NULL } };
static const struct metric_label lane_label = { "lane", job_lane_names };
const struct metric job_ready_depth = { "job_ready",
    "Jobs that are ready, by lane", METRIC_GAUGE, { &lane_label, NULL } };
const struct metric job_oldest_ready_seconds = { "job_oldest_ready_seconds",
    "Age of the longest waiting ready job, by lane", METRIC_GAUGE,
    { &lane_label, NULL } };

const struct metric *const jobs_metrics[] = {
	&jobs_total, &job_wait_seconds, &job_run_seconds, &job_stale_total,
	&job_crashes_total, &job_lost_total, &job_ready_depth,
	&job_oldest_ready_seconds, NULL
};

/* ---- events ------------------------------------------------------------------------ */

struct told {
	struct uuid job_id;
	const char *type, *status, *queue;
	int64_t progress, attempt;
	const char *note, *error_class, *error;
};
static const struct field told_fields[] = {
	FIELD(struct told, job_id, .doc = "Job"),
	FIELD(struct told, type, .doc = "What is to be done"),
	FIELD(struct told, status, .doc = "State"),
	FIELD(struct told, queue, .flags = FF_NULLABLE, .doc = "Queue"),
	FIELD(struct told, progress, .doc = "0 to 1000"),
	FIELD(struct told, attempt, .doc = "Starts so far"),
	FIELD(struct told, note, .flags = FF_NULLABLE,
	    .doc = "What it does now"),
	FIELD(struct told, error_class, .flags = FF_NULLABLE,
	    .doc = "Class of the last error"),
	FIELD(struct told, error, .flags = FF_NULLABLE, .doc = "Last error"),
	FIELD_END
};
static const struct schema told_schema = {
	.name = "JobUpdate", .doc = "A job changed its state",
	.size = sizeof(struct told), .fields = told_fields
};

#define E(i, n, f, text) [i] = { .name = "job." n, .doc = text, \
	.payload = &told_schema, .permission = "jobs:read", .flags = f, \
	.seed_type = "job_updates" }
const struct event jobs_events[] = {
	E(JE_QUEUED, "queued", 0, "A job was accepted"),
	E(JE_STARTED, "started", 0, "A job began"),
	E(JE_SUCCEEDED, "succeeded", 0, "A job is done"),
	E(JE_FAILED, "failed", 0, "A job has used up its tries"),
	E(JE_RETRYING, "retrying", 0, "A try failed, another will follow"),
	E(JE_CANCELLED, "cancelled", 0, "A job was cancelled"),
	E(JE_EXPIRED, "expired", 0, "A job did not start in time"),
	E(JE_QUARANTINED, "quarantined", 0, "A job crashed its process too "
	    "often"),
	E(JE_SKIPPED, "skipped", 0, "What a job needed did not come"),
	E(JE_LOST, "lost", 0, "A job was taken back from a silent worker"),
	E(JE_PROGRESS, "progress", EV_EPHEMERAL | EV_STATE, "How far a job "
	    "is"),
	EVENT_END
};

void
jobs_event_add(struct event_pack *p, enum jobs_event which,
    const struct job_row *j, const char *queue)
{
	struct told t = { j->id, j->type, job_state_name(j->state), queue,
	    j->progress, j->attempt, j->note, j->error_class, j->error };
	char id[UUID_TEXT];

	if (t.note != NULL && *t.note == '\0')
		t.note = NULL;
	if (t.error_class != NULL && *t.error_class == '\0')
		t.error_class = t.error = NULL;
	event_pack_add(p, &jobs_events[which], j->tenant_id,
	    uuid_format(j->id, id), j->version, &t);
}

void
jobs_tell_progress(const struct job_row *j)
{
	struct arena *a = arena_new(1 << 20);

	/* ephemeral: sent at once, nothing is packed */
	jobs_event_add(event_pack_new(a), JE_PROGRESS, j, NULL);
	arena_free(a);
}

/* ---- tables ------------------------------------------------------------------------- */

static const char *const job_own[] = { "touched", NULL };

const struct table jobs_tables[] = {
	{ .name = "jobs_job", .row = &job_row_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .sql_only = job_own },
	{ .name = "jobs_queue", .row = &jobs_queue_schema,
	  .tenant_column = "tenant_id", .snapshot = SNAP_FULL,
	  .sql_only = ONEOF("rate_tat", "running", "created_at", "updated_at") },
	{ .name = "jobs_ready", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_lane", .snapshot = SNAP_REBUILDABLE },
	{ .name = "jobs_delayed", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_limit", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_parked", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_lease", .snapshot = SNAP_NEVER },
	{ .name = "jobs_claim", .snapshot = SNAP_NEVER },
	{ .name = "jobs_cascade", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_need", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_unique", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs_attempt", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = "jobs", .snapshot = SNAP_NEVER },	/* a view */
	{ .name = "jobs_dead", .tenant_column = "tenant_id",
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};
