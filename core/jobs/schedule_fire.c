/*
 * Firing: the fire's row, its job and the next time in one transaction of its
 * own for each schedule. What is wrong with one pauses that one with a
 * sentence; what is wrong with the database ends the pass. Invariant: after a
 * transaction that committed, next_at is later than now, whether the fire was
 * made, had been made before, or was not wanted.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "jobs/schedule_inner.h"
#include "module.h"
#include "shm/shm.h"

enum { PASS = 50 };

static const char *const outcomes[] = {
	"fired", "skipped", "overlap", "misfire", "manual", NULL
};
enum { FIRED, SKIPPED, OVERLAP, MISFIRE, MANUAL };
static const struct metric_label outcome_label = { "outcome", outcomes };
static const struct metric fires_total = { "schedule_fires_total",
    "Times of schedules by what became of them", METRIC_COUNTER,
    { &outcome_label, NULL } };
static const struct metric misfires_total = { "schedule_misfires_total",
    "Times of schedules that were missed and not made good", METRIC_COUNTER,
    { NULL, NULL } };
static const struct metric lag_seconds = { "schedule_lag_seconds",
    "How late the most overdue schedule is", METRIC_GAUGE, { NULL, NULL } };
const struct metric *const schedule_metrics[] = {
	&fires_total, &misfires_total, &lag_seconds, NULL
};

/* ---- events --------------------------------------------------------------- */

struct told {
	struct uuid schedule_id;
	const char *name, *fault;
	int64_t missed;
	struct utc next_at;
};
static const struct field told_fields[] = {
	FIELD(struct told, schedule_id, .doc = "Schedule"),
	FIELD(struct told, name, .doc = "Its name"),
	FIELD(struct told, fault, .doc = "What is wrong with it"),
	FIELD(struct told, missed, .doc = "Times that were missed"),
	FIELD(struct told, next_at, .flags = FF_NULLABLE,
	    .doc = "Next time"), FIELD_END
};
static const struct schema told_schema = {
	.name = "ScheduleUpdate", .doc = "Something is wrong with a schedule",
	.size = sizeof(struct told), .fields = told_fields
};
enum { FAULT, MISFIRED };
const struct event schedule_events[] = {
	[FAULT] = { .name = "schedule.fault", .doc = "A schedule was paused "
	  "because it cannot fire", .payload = &told_schema,
	  .permission = "jobs:read" },
	[MISFIRED] = { .name = "schedule.misfired", .doc = "Times of a "
	  "schedule were missed and are not made good",
	  .payload = &told_schema, .permission = "jobs:read" },
	EVENT_END
};

static int
tell(struct db *db, int which, const struct schedule_row *r,
    const char *fault, int64_t missed, struct utc next, struct err *e)
{
	struct told t = { r->id, r->name, fault, missed, next };
	char id[UUID_TEXT];

	return event_publish(db, &schedule_events[which], r->tenant_id,
	    uuid_format(r->id, id), 0, &t, e);
}

/* ---- one fire ------------------------------------------------------------------ */

struct fire {
	struct env *env;
	struct arena *a;
	struct uuid id;			/* of the schedule */
	bool by_hand;
	const char *actor;
	struct schedule_row row;
	struct uuid job;		/* the last one made */
	size_t made;
};

static int
note(struct db *db, const struct fire *f, struct utc at, struct uuid job,
    int outcome, struct err *e)
{
	struct fire_row row = { f->id, at, f->row.tenant_id, job,
	    outcomes[outcome], { 0 } };

	metric_add(&fires_total, (size_t)outcome, 0, 1);
	return schedule_fire_insert(db, &row, e);
}

/* By the overlap policy: *go, after the jobs in the way were cancelled when
 * that is the policy. */
static int
overlap(struct db *db, struct fire *f, bool *go, struct err *e)
{
	const char *policy = f->row.overlap;
	struct rows live;
	struct job_row now;
	size_t waiting = 0;

	*go = true;
	if (strcmp(policy, "allow") == 0)
		return 0;
	if (schedule_live(db, f->a, f->id, &live, e) == -1)
		return -1;
	for (size_t i = 0; i < live.n; i++) {
		const struct schedule_live *j = ROW(&live,
		    struct schedule_live, i);

		waiting += j->state != JS_RUNNING;
		if (strcmp(policy, "replace") != 0 || jobs_cancel(db, f->a,
		    f->row.tenant_id, j->id, &now, e) == 0)
			continue;
		if (e->status >= 500)
			return -1;
		err_clear(e);		/* it has ended just now */
	}
	*go = strcmp(policy, "replace") == 0 || live.n == 0 ||
	    (strcmp(policy, "queue_one") == 0 && waiting == 0);
	return 0;
}

static int
enqueue(struct db *db, struct fire *f, struct utc at, struct err *e)
{
	const struct schedule_row *r = &f->row;
	const struct job *job = job_find(f->env->modules, r->type);
	char id[UUID_TEXT];
	struct job_options o = { .id = uuid_new(), .fire_at = at,
	    .queue = *r->queue != '\0' ? r->queue : NULL,
	    .priority = job == NULL || *r->priority == '\0' ||
	    !r->declared ? r->priority : NULL,
	    .actor = f->actor };

	if (job == NULL && r->declared)
		return err_set(e, 409, "no_job", "There is no job \"%.64s\" "
		    "here: is its module enabled?", r->type);
	uuid_format(f->id, id);
	if (!f->by_hand)
		o.run_at.us = at.us + cron_jitter(id, at,
		    r->jitter_ms * 1000);
	if (strcmp(r->overlap, "queue_one") == 0) {
		o.limit = arena_printf(f->a, "schedule:%s", id);
		o.limit_max = 1;
	}
	if (o.run_at.us <= clock_now().us)
		o.run_at.us = 0;
	if (job_enqueue_text(db, f->a, r->type, job, job == NULL,
	    r->tenant_id, r->payload, &o, &f->job, e) == -1)
		return -1;
	f->made++;
	return note(db, f, at, f->job, f->by_hand ? MANUAL : FIRED, e);
}

static int
fire_at(struct db *db, struct fire *f, struct utc at, struct err *e)
{
	struct uuid none = { { 0 } };
	bool known, go;

	if (schedule_fire_known(db, f->a, f->id, at, &known, e) == -1)
		return -1;
	if (known)
		return 0;
	if (overlap(db, f, &go, e) == -1)
		return -1;
	return go ? enqueue(db, f, at, e) : note(db, f, at, none, OVERLAP, e);
}

/* One row for all that was missed, at the latest of them. */
static int
missed(struct db *db, struct fire *f, const struct cron_plan *p,
    struct err *e)
{
	struct uuid none = { { 0 } };
	bool known;

	if (p->skipped == 0)
		return 0;
	metric_add(&misfires_total, 0, 0, (uint64_t)p->skipped);
	if (schedule_fire_known(db, f->a, f->id, p->skipped_last, &known,
	    e) == -1)
		return -1;
	if (!known && note(db, f, p->skipped_last, none, MISFIRE, e) == -1)
		return -1;
	return tell(db, MISFIRED, &f->row, "", p->skipped, p->next_at, e);
}

static int
fire_due(struct db *db, void *arg, struct err *e)
{
	struct fire *f = arg;
	struct schedule_plan plan;
	struct cron_source source = { schedule_plan_next, &plan };
	struct cron_misfire_rule rule;
	struct cron_plan what;
	struct utc now;
	int rc = schedule_lock_due(db, f->a, f->id, &f->row, e);

	f->made = 0;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (db_now(db, &now, e) == -1 ||
	    schedule_plan(&f->row, &plan, e) == -1)
		return -1;
	rule = (struct cron_misfire_rule){
	    .policy = cron_choice(cron_misfire_names, f->row.misfire),
	    .window_s = f->row.window_s, .max_catchup = f->row.max_catchup };
	cron_misfires(&rule, &source, f->row.next_at, now, &what);
	if (missed(db, f, &what, e) == -1)
		return -1;
	for (size_t i = 0; i < what.nrun; i++)
		if (fire_at(db, f, what.run[i], e) == -1)
			return -1;
	return schedule_advance(db, f->id, what.next_at, what.nrun > 0 ?
	    what.run[what.nrun - 1] : (struct utc){ 0 }, e);
}

/* ---- what went wrong ------------------------------------------------------------- */

static int
full(struct db *db, void *arg, struct err *e)
{
	struct fire *f = arg;
	struct schedule_plan plan;
	struct uuid none = { { 0 } };
	struct utc now, next, was;
	bool known;
	int rc = schedule_lock_due(db, f->a, f->id, &f->row, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	was = f->row.next_at;
	if (db_now(db, &now, e) == -1 ||
	    schedule_plan(&f->row, &plan, e) == -1 ||
	    schedule_fire_known(db, f->a, f->id, was, &known, e) == -1 ||
	    (!known && note(db, f, was, none, SKIPPED, e) == -1))
		return -1;
	if (schedule_plan_next(&plan, now, &next) == -1)
		next = (struct utc){ 0 };
	return schedule_advance(db, f->id, next, (struct utc){ 0 }, e);
}

struct faulty {
	struct fire *f;
	char why[400];
};

static int
pause_it(struct db *db, void *arg, struct err *e)
{
	struct faulty *p = arg;
	struct fire *f = p->f;
	int rc = schedule_lock_due(db, f->a, f->id, &f->row, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (schedule_fault(db, f->id, p->why, e) == -1)
		return -1;
	return tell(db, FAULT, &f->row, p->why, 0, f->row.next_at, e);
}

/* 0 dealt with, -1 the pass ends. */
static int
failed(struct db *db, struct fire *f, struct err *e)
{
	struct faulty p = { .f = f };

	if (e->status >= 500)
		return -1;
	if (e->status == 429) {
		err_clear(e);
		return db_txn(db, f->a, full, f, e);
	}
	snprintf(p.why, sizeof(p.why), "%.300s", e->nfields > 0 ?
	    e->fields[0].msg : e->detail);
	log_error("scheduler", "a schedule cannot fire and was paused",
	    KV("schedule", f->row.name != NULL ? f->row.name : ""),
	    KV("fault", (const char *)p.why));
	err_clear(e);
	return db_txn(db, f->a, pause_it, &p, e);
}

/* ---- passes --------------------------------------------------------------------------- */

static int
measure(struct env *env, struct arena *a, int64_t *next_us, struct err *e)
{
	struct utc now;

	if (schedule_first_due(env->db, a, next_us, e) == -1 ||
	    db_now(env->db, &now, e) == -1)
		return -1;
	metric_set(&lag_seconds, 0, 0, *next_us == 0 || *next_us > now.us ?
	    0 : (now.us - *next_us) / US_PER_S);
	return 0;
}

int
schedule_step(struct env *env, struct arena *a, size_t *fired,
    int64_t *next_us, struct err *e)
{
	struct arena *own = arena_new(64 << 20);
	struct rows due;
	int rc = schedule_due(env->db, a, PASS, &due, e);

	*fired = 0;
	*next_us = 0;
	for (size_t i = 0; rc == 0 && i < due.n; i++) {
		const struct schedule_row *r = ROW(&due, struct schedule_row,
		    i);
		struct fire f = { .env = env, .a = own, .id = r->id,
		    .actor = arena_printf(a, "schedule %s", r->name) };

		f.row.name = r->name;
		rc = db_txn(env->db, own, fire_due, &f, e);
		if (rc == 0)
			*fired += f.made;
		else
			rc = failed(env->db, &f, e);
		arena_reset(own);
	}
	arena_free(own);
	return rc == 0 ? measure(env, a, next_us, e) : -1;
}

static int
run_now(struct db *db, struct fire *f, struct err *e)
{
	struct utc now;
	bool go;

	if (db_found(schedule_lock(db, f->a, f->id, &f->row, e), "Schedule",
	    e) == -1 || db_now(db, &now, e) == -1 ||
	    overlap(db, f, &go, e) == -1)
		return -1;
	if (!go)
		return err_set(e, 409, "overlap", "The job before still "
		    "lives, and this schedule's overlap policy is %s",
		    f->row.overlap);
	return enqueue(db, f, now, e);
}

int
schedule_run_now(struct env *env, struct arena *a,
    const struct schedule_row *r, const char *actor, struct uuid *job,
    struct err *e)
{
	struct fire f = { .env = env, .a = a, .id = r->id, .by_hand = true,
	    .actor = actor };

	if (run_now(env->db, &f, e) == -1)
		return -1;
	*job = f.job;
	return 0;
}
