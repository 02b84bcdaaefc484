/*
 * Tasks: jobs that this dispatcher holds, from the claim until their outcome
 * is stored.
 */
#include <stdio.h>
#include <string.h>

#include "app/dispatcher.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

enum { TASK_CAP = 16 << 20 };

static const char *
copy(struct arena *a, const char *s)
{
	return s != NULL ? arena_strdup(a, s) : NULL;
}

struct task *
task_new(struct dispatcher *d, const struct job_row *row, int64_t claim_n)
{
	const struct job *j = job_find(d->env->modules, row->type);
	struct task *t = d->tasks;

	while (t->used)
		ASSERT(++t < d->tasks + TASKS_MAX);
	if (t->a == NULL)
		t->a = arena_new(TASK_CAP);
	arena_reset(t->a);
	*t = (struct task){ .a = t->a, .used = true, .claim_n = claim_n,
	    .quick = j != NULL && (j->flags & JOB_QUICK),
	    .max_crashes = j != NULL ? j->max_crashes : 0,
	    .backoff_max_s = j != NULL ? j->backoff_max_s : 0,
	    .held_ns = clock_boot_ns(), .permille = -1,
	    .job = { .tenant = row->tenant_id, .id = row->id,
	    .token = row->token, .attempt = row->attempt,
	    .tries = row->tries, .timeout_s = row->timeout_s,
	    .type = copy(t->a, row->type), .actor = copy(t->a, row->actor),
	    .fire_at = row->fire_at,
	    .traceparent = copy(t->a, row->traceparent) } };
	if (strlen(row->payload) <= WIRE_TEXT)
		t->job.payload = copy(t->a, row->payload);
	return t;
}

void
task_free(struct task *t)
{
	t->used = false;
}

void
task_end(struct dispatcher *d, struct task *t, enum jobs_end end,
    const struct wire_report *r, const char *crumbs)
{
	struct arena *a = d->texts;
	struct jobs_outcome *o;
	char worker[100];

	ASSERT(t->used && d->ndone < TASKS_MAX);
	if (d->ndone == 0)
		d->done_ns = clock_boot_ns();
	if (d->o->ended != NULL && end != END_RELEASE)
		++*d->o->ended;
	o = &d->done[d->ndone++];
	*o = (struct jobs_outcome){ .tenant = t->job.tenant,
	    .id = t->job.id, .token = t->job.token, .claim_n = t->claim_n,
	    .end = end, .max_crashes = t->max_crashes,
	    .backoff_max_s = t->backoff_max_s, .crumbs = copy(a, crumbs) };
	if (r != NULL) {
		o->stored = r->stored;
		o->retry_after_s = r->retry_after_s;
		o->result = copy(a, r->result);
		o->error_class = copy(a, r->error_class);
		o->error = copy(a, r->error);
	}
	if (end != END_DONE || t->job.attempt > 1) {
		snprintf(worker, sizeof(worker), "%s lease %llu",
		    d->env->program, (unsigned long long)d->lease.id);
		o->worker = copy(a, worker);
	}
	task_free(t);
}

void
outcomes_stored(struct dispatcher *d, size_t n)
{
	ASSERT(n <= d->ndone);
	memmove(d->done, d->done + n, (d->ndone - n) * sizeof(d->done[0]));
	d->ndone -= n;
	if (d->ndone == 0)
		arena_reset(d->texts);
	else
		d->done_ns = clock_boot_ns();
}

void
tasks_write_progress(struct dispatcher *d)
{
	struct err e = { 0 };

	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &d->tasks[i];

		if (!t->used || t->permille < 0)
			continue;
		if (jobs_store_progress(d->env->db, &(struct jobs_hold){
		    t->job.tenant, t->job.id, t->job.token }, t->permille,
		    t->note, &e) == -1)
			return;		/* told again with the next report */
		t->permille = -1;
	}
}
