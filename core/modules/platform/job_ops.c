/*
 * Enqueueing from outside, looking, cancelling, running again. Refuses a type
 * of ours that is not open to the caller, a payload its schema refuses, and
 * queues that a tenant may not make. Invariant: whose a job is comes from the
 * caller's principal, never from what he sent.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "jobs/exec.h"
#include "jobs/look.h"
#include "module.h"
#include "modules/platform/job.h"

/* ---- the door ------------------------------------------------------------- */

int
platform_job_door(const struct env *env, const struct principal *who,
    const char *type, enum platform_job_kind *kind, const struct job **job,
    struct err *e)
{
	*job = job_find(env->modules, type);
	*kind = *job == NULL ? JOB_EXTERNAL : exec_of(*job) != NULL ?
	    JOB_EXEC : JOB_BUILTIN;
	if (*job == NULL || who->kind == PRINCIPAL_SYSTEM)
		return 0;
	if (!((*job)->flags & JOB_API))
		return err_set(e, 403, "forbidden", "Jobs of type %s are made "
		    "by the application itself", type);
	if (!principal_may(who, (*job)->permission))
		return err_set(e, 403, "forbidden",
		    "Permission %s is required", (*job)->permission);
	return 0;
}

static int
refuse(struct err *e, const char *loc, const char *type, const char *msg)
{
	return err_field(e, (struct err_field){ .type = type, .loc = loc,
	    .msg = msg, .input = "null" });
}

/* By the type's own schema; places are below ["body","payload"]. */
static int
payload_check(struct arena *a, const struct job *job, const char *text,
    bool lenient, struct err *e)
{
	const struct schema *s = job->in;
	uint64_t seen;

	if (job->flags & JOB_RAW)
		return 0;
	if (s == NULL)		/* nothing, that is {} */
		return lenient || (text[0] == '{' &&
		    text[1 + strspn(text + 1, " \t\r\n")] == '}') ? 0 :
		    refuse(e, "[\"body\",\"payload\"]", "extra_forbidden",
		    "Jobs of this type take no payload");
	if (schema_decode_json(s, text, strlen(text), "payload", !lenient, a,
	    arena_alloc(a, s->size), &seen, e) == 0)
		return 0;
	for (size_t i = 0; i < e->nfields; i++)
		e->fields[i].loc = arena_printf(a, "[\"body\",%s",
		    e->fields[i].loc + 1);
	return -1;
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Queues of ours are made by types of ours only: a tenant that named new ones
 * could fill what every dispatcher looks at. */
static int
internal_queue(struct db *db, struct arena *a, const struct job *job,
    const char *name, struct err *e)
{
	struct uuid nil = { { 0 } };
	struct jobs_queue_row q;
	int rc;

	if (name == NULL || same(name, "default") ||
	    (job != NULL && same(name, job->queue)))
		return 0;
	rc = jobs_queue_get(db, a, nil, name, false, false, &q, e);
	return rc != 1 ? rc : refuse(e, "[\"body\",\"queue\"]",
	    "value_error", "Value error, there is no such queue");
}

static int
external_queue(struct db *db, struct arena *a, struct uuid tenant,
    const char *name, struct err *e)
{
	struct jobs_queue_row q;
	struct rows rows;
	size_t own = 0;
	int rc;

	rc = jobs_queue_get(db, a, tenant, name != NULL ? name : "default",
	    true, false, &q, e);
	if (rc != 1)
		return rc;
	if (jobs_queue_all(db, a, tenant, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		own += ROW(&rows, struct jobs_queue_row, i)->external;
	return own < PLATFORM_QUEUES_MAX ? 0 : refuse(e,
	    "[\"body\",\"queue\"]", "value_error", "Value error, this tenant "
	    "has as many queues as it may have");
}

/* ---- options ----------------------------------------------------------------- */

struct door {
	struct env *env;
	struct db *db;
	struct arena *a;
	const struct platform_job_by *by;
	const struct platform_job_in *in;
	const char *type, *payload;
	enum platform_job_kind kind;
	const struct job *job;
	struct job_options o;
};

static int
type_of(struct door *d, struct err *e)
{
	const struct platform_job_in *in = d->in;

	d->type = in->type != NULL ? in->type : in->job_type;
	if (d->type == NULL)
		return refuse(e, "[\"body\",\"type\"]", "missing",
		    "Field required");
	if (in->type != NULL && in->job_type != NULL &&
	    strcmp(in->type, in->job_type) != 0)
		return refuse(e, "[\"body\",\"job_type\"]", "value_error",
		    "Value error, another type than `type`");
	return platform_job_door(d->env, d->by->who, d->type, &d->kind,
	    &d->job, e);
}

static int
times_check(const struct platform_job_in *in, struct err *e)
{
	int64_t start = clock_now().us;

	if (in->run_at.us > start)
		start = in->run_at.us;
	if (in->expires_at.us != 0 && in->expires_at.us <= start)
		return refuse(e, "[\"body\",\"expires_at\"]", "value_error",
		    "Value error, it would be over before it could start");
	return 0;
}

static const char *
actor_of(struct arena *a, const struct platform_job_by *by,
    const char *user_id)
{
	const char *name = by->who->name != NULL ? by->who->name : "";

	return user_id == NULL || *user_id == '\0' ? name :
	    arena_printf(a, "%.90s for %s", name, user_id);
}

static int
options_of(struct door *d, struct err *e)
{
	const struct jobs_conf *cf = conf_get(d->env->conf, &jobs_settings);
	const struct platform_job_in *in = d->in;

	if (type_of(d, e) == -1 || times_check(in, e) == -1)
		return -1;
	d->payload = in->payload.p != NULL ? in->payload.p : "{}";
	if (d->job != NULL && !(d->job->flags & JOB_RAW) &&
	    payload_check(d->a, d->job, d->payload,
	    d->by->lenient, e) == -1)
		return -1;
	if ((d->kind == JOB_EXTERNAL ? external_queue(d->db, d->a,
	    d->by->who->tenant_id, in->queue, e) : internal_queue(d->db,
	    d->a, d->job, in->queue, e)) == -1)
		return -1;
	d->o = (struct job_options){ .queue = in->queue,
	    .priority = in->priority, .run_at = in->run_at,
	    .expires_at = in->expires_at, .unique = in->unique,
	    .limit = in->limit_key, .limit_max = in->limit_max,
	    .tries = in->tries, .timeout_s = in->timeout_s,
	    .backoff_s = in->backoff_s, .workflow = in->workflow,
	    .actor = actor_of(d->a, d->by, in->user_id),
	    .backlog_max = cf->tenant_queued_max,
	    .traceparent = d->by->traceparent };
	return 0;
}

static enum job_rule
rule_of(const char *name)
{
	return same(name, "end") ? NEED_END : same(name, "failure") ?
	    NEED_FAILURE : NEED_SUCCESS;
}

/* ids: of the batch's jobs, when it is one. */
static int
needs_of(struct door *d, const struct platform_job_in *all, size_t n,
    const struct uuid *ids, struct err *e)
{
	const char *const *names = d->in->needs.items;
	struct job_need *v = arena_array(d->a, d->in->needs.n, sizeof(*v));

	for (size_t i = 0; i < d->in->needs.n; i++) {
		long k = platform_job_local(all, n, names[i]);

		v[i].rule = rule_of(d->in->needs_rule);
		if (k >= 0)
			v[i].id = ids[k];
		else if (uuid_parse(names[i], &v[i].id) == -1)
			return refuse(e, arena_printf(d->a, "[\"body\","
			    "\"needs\",%zu]", i), "uuid_parsing", "Input "
			    "should be the id of a job");
	}
	d->o.needs = v;
	d->o.nneeds = d->in->needs.n;
	return 0;
}

static const char *
status_of(struct door *d, const struct platform_job_made *m, struct err *e)
{
	struct job_row row;

	if (!m->existing && d->o.nneeds == 0)
		return job_state_name(d->o.run_at.us > clock_now().us ?
		    JS_SCHEDULED : JS_QUEUED);
	if (db_found(jobs_by_id(d->db, d->a, d->by->who->tenant_id, m->id,
	    &row, e), "Job", e) == -1)
		return NULL;
	return job_state_name(row.state);
}

static int
store(struct door *d, struct platform_job_made *m, struct err *e)
{
	const char *queue = d->in->queue;
	int rc;

	if (queue == NULL)
		queue = d->job != NULL && d->job->queue != NULL ?
		    d->job->queue : "default";
	*m = (struct platform_job_made){ .type = d->type, .queue = queue,
	    .ref = d->in->ref, .workflow = d->o.workflow };
	rc = job_enqueue_text(d->db, d->a, d->type, d->job,
	    d->kind == JOB_EXTERNAL, d->by->who->tenant_id, d->payload,
	    &d->o, &m->id, e);
	if (rc == -1)
		return -1;
	m->existing = rc == 1;
	m->job_id = m->id;
	m->status = status_of(d, m, e);
	return m->status != NULL ? 0 : -1;
}

int
platform_job_check(struct env *env, struct db *db, struct arena *a,
    const struct platform_job_by *by, const struct platform_job_in *in,
    struct err *e)
{
	struct door d = { .env = env, .db = db, .a = a, .by = by, .in = in };

	return options_of(&d, e);
}

int
platform_job_enqueue(struct env *env, struct db *db, struct arena *a,
    const struct platform_job_by *by, const struct platform_job_in *in,
    struct platform_job_made *made, struct err *e)
{
	struct door d = { .env = env, .db = db, .a = a, .by = by, .in = in };

	if (options_of(&d, e) == -1 || needs_of(&d, NULL, 0, NULL, e) == -1)
		return -1;
	return store(&d, made, e);
}

/* Says which job of the batch it was. */
static int
at_job(struct arena *a, struct err *e, size_t k)
{
	char was[sizeof(e->detail)];

	if (e->nfields > 0)
		platform_job_place(a, e, arena_printf(a, "\"jobs\",%zu", k));
	else if (e->status < 500) {
		snprintf(was, sizeof(was), "%s", e->detail);
		snprintf(e->detail, sizeof(e->detail), "jobs[%zu]: %.200s", k,
		    was);
	}
	return -1;
}

int
platform_job_batch(struct env *env, struct db *db, struct arena *a,
    const struct platform_job_by *by, const struct platform_job_in *v,
    size_t n, struct uuid workflow, struct platform_job_made *made,
    struct err *e)
{
	size_t *order = arena_array(a, n, sizeof(*order));
	struct uuid *ids = arena_array(a, n, sizeof(*ids));

	if (platform_job_order(a, v, n, order, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t k = order[i];
		struct door d = { .env = env, .db = db, .a = a, .by = by,
		    .in = &v[k] };

		if (options_of(&d, e) == -1 ||
		    needs_of(&d, v, n, ids, e) == -1)
			return at_job(a, e, k);
		d.o.workflow = workflow;
		if (store(&d, &made[k], e) == -1)
			return at_job(a, e, k);
		ids[k] = made[k].id;
	}
	return 0;
}

/* ---- looking -------------------------------------------------------------------- */

static const char *
or_null(const char *s)
{
	return s != NULL && *s != '\0' ? s : NULL;
}

static void
name_queue(const struct rows *queues, int64_t id, struct platform_job *j)
{
	j->queue = "";
	for (size_t i = 0; i < queues->n; i++) {
		const struct jobs_queue_row *q = ROW(queues,
		    struct jobs_queue_row, i);

		if (q->id != id)
			continue;
		j->queue = q->name;
		j->external = q->external;
		return;
	}
}

static void
show(const struct job_row *r, const struct rows *queues,
    struct platform_job *j)
{
	*j = (struct platform_job){ .id = r->id, .job_id = r->id,
	    .type = r->type, .status = job_state_name(r->state),
	    .priority = job_lane_names[r->lane >= 0 && r->lane < LANES ?
	    r->lane : LANE_LOW], .payload.p = r->payload,
	    .result.p = r->result, .progress = r->progress,
	    .note = or_null(r->note), .attempt = r->attempt,
	    .tries = r->tries, .crashes = r->crashes, .lost = r->lost,
	    .timeout_s = r->timeout_s, .run_at = r->run_at,
	    .expires_at = r->expires_at,
	    .error_class = or_null(r->error_class),
	    .error = or_null(r->error), .cancel_requested = r->cancel,
	    .workflow = r->workflow, .replay_of = r->replay_of,
	    .replays = r->replays, .actor = r->actor,
	    .created_at = r->created_at, .started_at = r->started_at,
	    .finished_at = r->finished_at };
	name_queue(queues, r->queue_id, j);
}

int
platform_job_page(struct db *db, struct arena *a,
    const struct jobs_filter *f, struct rows *out, struct uuid *reached,
    struct err *e)
{
	struct rows rows, queues;
	struct platform_job *v;

	if (jobs_page(db, a, f, &rows, reached, e) == -1 ||
	    jobs_queue_all(db, a, f->tenant, &queues, e) == -1)
		return -1;
	v = arena_array(a, rows.n, sizeof(*v));
	for (size_t i = 0; i < rows.n; i++)
		show(ROW(&rows, struct job_row, i), &queues, &v[i]);
	*out = (struct rows){ v, rows.n, &platform_job_row_schema };
	return 0;
}

static struct list
needs_shown(struct arena *a, const struct rows *rows)
{
	static const char *const rules[] = { "success", "end", "failure" };
	struct platform_job_need *v = arena_array(a, rows->n, sizeof(*v));

	for (size_t i = 0; i < rows->n; i++) {
		const struct jobs_need_row *n = ROW(rows,
		    struct jobs_need_row, i);

		v[i] = (struct platform_job_need){ .id = n->id,
		    .rule = rules[n->rule >= 0 && n->rule < 3 ? n->rule : 0],
		    .status = n->state == 0 ? "deleted" :
		    job_state_name(n->state), .open = n->open };
	}
	return (struct list){ v, rows->n };
}

static int
shown(struct db *db, struct arena *a, const struct job_row *r,
    struct platform_job *out, struct err *e)
{
	struct rows queues, needs, attempts;

	if (jobs_queue_all(db, a, r->tenant_id, &queues, e) == -1 ||
	    jobs_needs(db, a, r->tenant_id, r->id, &needs, e) == -1 ||
	    jobs_attempts(db, a, r->tenant_id, r->id, &attempts, e) == -1)
		return -1;
	show(r, &queues, out);
	out->needs = needs_shown(a, &needs);
	out->attempts = (struct list){ attempts.v, attempts.n };
	return 0;
}

int
platform_job_get(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_job *out, struct err *e)
{
	struct job_row row;

	if (db_found(jobs_by_id(db, a, tenant, id, &row, e), "Job", e) == -1)
		return -1;
	return shown(db, a, &row, out, e);
}

int
platform_job_cancel(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_job *out, struct err *e)
{
	struct job_row row;

	if (jobs_cancel(db, a, tenant, id, &row, e) == -1)
		return -1;
	return platform_job_get(db, a, tenant, id, out, e);
}

int
platform_job_retry(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, struct platform_job *out, struct err *e)
{
	struct utc now = { 0 };
	struct job_row row;

	if (jobs_retry(db, a, tenant, id, now, &row, e) == -1)
		return -1;
	return platform_job_get(db, a, tenant, id, out, e);
}

/* ---- types ------------------------------------------------------------------------ */

static const char *
schema_of(struct arena *a, const struct schema *s, bool input)
{
	struct str out;

	if (s == NULL)
		return NULL;
	str_init(&out, a);
	schema_json_schema(s, input, &out);
	return out.p;
}

static struct platform_job_type
declared(struct arena *a, const struct job *j, const struct principal *who)
{
	return (struct platform_job_type){ .name = j->name, .doc = j->doc,
	    .kind = exec_of(j) != NULL ? "exec" : "builtin",
	    .queue = j->queue != NULL ? j->queue : "default",
	    .priority = job_lane_names[j->lane],
	    .permission = j->permission,
	    .tries = j->tries > 0 ? j->tries : 5,
	    .timeout_s = j->timeout_s > 0 ? j->timeout_s : 300,
	    .may_enqueue = (j->flags & JOB_API) &&
	    principal_may(who, "jobs:create") &&
	    principal_may(who, j->permission),
	    .payload_schema.p = schema_of(a, j->in, true),
	    .result_schema.p = schema_of(a, j->out, false) };
}

int
platform_job_types(const struct env *env, struct db *db, struct arena *a,
    const struct principal *who, struct rows *out, struct err *e)
{
	VEC(struct platform_job_type) v = { 0 };
	struct rows seen;

	for (size_t m = 0; env->modules[m] != NULL; m++) {
		const struct job *const *set = env->modules[m]->jobs;

		for (; set != NULL && *set != NULL; set++)
			for (const struct job *j = *set; j->name != NULL; j++)
				*VEC_ADD(a, &v) = declared(a, j, who);
	}
	if (jobs_seen_types(db, a, who->tenant_id, &seen, e) == -1)
		return -1;
	for (size_t i = 0; i < seen.n; i++) {
		const struct jobs_seen *s = ROW(&seen, struct jobs_seen, i);

		*VEC_ADD(a, &v) = (struct platform_job_type){
		    .name = s->type, .doc = "Seen among the newest jobs of "
		    "this tenant", .kind = "external", .queue = s->queue,
		    .priority = "normal", .tries = 5, .timeout_s = 300,
		    .may_enqueue = principal_may(who, "jobs:create") };
	}
	*out = (struct rows){ v.v, v.n, &platform_job_type_schema };
	return 0;
}

int
platform_job_status(struct db *db, struct arena *a, struct uuid tenant,
    struct platform_job_status *out, struct err *e)
{
	struct jobs_totals t;

	if (jobs_totals(db, a, tenant, &t, e) != 0)
		return -1;
	*out = (struct platform_job_status){ .ready = t.ready,
	    .delayed = t.later, .running = t.running, .dead = t.dead,
	    .workers = t.leases, .external_workers = t.external,
	    .oldest_at = t.oldest };
	if (t.oldest.us != 0)
		out->oldest_age_s = (clock_now().us - t.oldest.us) / US_PER_S;
	return 0;
}
