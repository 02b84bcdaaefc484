/*
 * The dispatcher: one per host and run directory. Claims batches for its
 * children, settles what they report in the same transactions, keeps its
 * lease. It blocks nowhere but in poll() and in the database (with time
 * limits). Three seconds before its lease could run out unrenewed it kills
 * its children and forgets what they said: their jobs may be somebody else's
 * by then. A database that is away costs time, never a job.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/dispatcher.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/base.h"
#include "proc/bell.h"
#include "proc/proc.h"
#include "shm/shm.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

enum {
	BATCH = 10,			/* outcomes that go at once */
	GATHER_MS = 2,			/* others wait so long for company */
	HELD_MS = 1000,			/* unstarted jobs go back after */
	LATE_MS = 20, LATE_TRIES = 100,	/* rows that somebody holds */
	REAP_EVERY_S = 2, LOCK_POLL_MS = 50,
	ORPHAN_GRACE_S = 600,		/* below the hour of an orphan */
	CYCLE_CAP = 256 << 20
};

/* ---- upkeep ------------------------------------------------------------------------ */

static void
promote(struct dispatcher *d)
{
	int64_t next_us, now = clock_boot_ns();
	struct err e = { 0 };
	size_t n;

	d->promote_ns = now + S;
	if (jobs_promote(d->env->db, d->cycle, &n, &next_us, &e) == -1) {
		database_failed(d, "promote", &e);
		return;
	}
	if (n > 0)
		d->hungry = true;
	if (next_us > 0 && (next_us - clock_now().us) * 1000 < S)
		d->promote_ns = now + (next_us - clock_now().us) * 1000;
}

static void
reap(struct dispatcher *d, int64_t grace_s)
{
	struct err e = { 0 };
	size_t n;

	if (jobs_reap(d->env->db, d->cycle, grace_s, &n, &e) == -1) {
		database_failed(d, "reap", &e);
		return;
	}
	if (n > 0)
		log_warn("scheduler", "jobs taken back from silent workers",
		    KV("jobs", (uint64_t)n));
}

/* Running jobs that somebody cancelled. */
static void
cancels(struct dispatcher *d, int64_t now)
{
	struct uuid ids[16];
	struct kid *of[16];
	struct err e = { 0 };
	struct rows rows;
	size_t n = 0, from = 0;

	d->cancel_ns = now + S;
	d->look_at_cancels = false;
	do {
		for (n = 0; from < d->nkids && n < 16; from++)
			if (d->kids[from].n > 0 &&
			    d->kids[from].told == WHY_NONE) {
				of[n] = &d->kids[from];
				ids[n++] = d->kids[from].tasks[0]->job.id;
			}
		if (n == 0 || jobs_cancelled(d->env->db, d->cycle, ids, n,
		    &rows, &e) == -1)
			return;
		for (size_t i = 0; i < rows.n; i++)
			for (size_t k = 0; k < n; k++)
				if (memcmp(ids[k].b, ROW(&rows, struct job_row,
				    i)->id.b, 16) == 0)
					kid_tell(of[k], WHY_CANCEL, now);
	} while (from < d->nkids);
}

static void
upkeep(struct dispatcher *d, int64_t now)
{
	if (d->lease.id == 0 || now < d->retry_ns)
		return;
	if (!d->stopping && now >= d->promote_ns)
		promote(d);
	if (!d->stopping && now >= d->orphan_ns && lease_orphans(d) > 0)
		reap(d, ORPHAN_GRACE_S);
	if (!d->stopping && now >= d->reap_ns) {
		d->reap_ns = now + REAP_EVERY_S * S;
		reap(d, REAP_GRACE_S);
	}
	if (d->look_at_cancels || now >= d->cancel_ns) {
		tasks_write_progress(d);
		cancels(d, now);
	}
}

/* ---- claiming and settling -------------------------------------------------------------- */

static bool
too_late(const struct job_row *j)
{
	return j->expires_at.us != 0 && j->expires_at.us < clock_now().us;
}

static void
take(struct dispatcher *d, const struct jobs_claimed *c)
{
	if (c->n > 0)
		d->quick = true;
	for (size_t i = 0; i < c->n; i++) {
		struct task *t = task_new(d, &c->v[i], c->claim_n);

		d->quick = d->quick && t->quick;
		if (too_late(&c->v[i]))
			task_end(d, t, END_EXPIRED, NULL, NULL);
		else
			d->waiting[d->nwaiting++] = t;
	}
}

static bool
should_settle(const struct dispatcher *d, int64_t now)
{
	if (d->ndone == 0)
		return false;
	return d->ndone >= BATCH || !kids_busy(d) || !d->quick ||
	    now - d->done_ns >= GATHER_MS * MS;
}

static void
cycle(struct dispatcher *d, int64_t now)
{
	size_t room = d->stopping || !d->hungry ? 0 : kids_room(d);
	size_t space = TASKS_MAX - d->nwaiting - d->ndone;
	struct jobs_claimed got;
	struct err e = { 0 };

	if (room > BATCH)
		room = BATCH;
	for (size_t i = 0; i < d->nkids; i++)
		space -= d->kids[i].n < space ? d->kids[i].n : space;
	if (room > space)
		room = space;
	if (d->lease.id == 0 || now < d->retry_ns ||
	    (room == 0 && !should_settle(d, now) &&
	    (d->late == 0 || now < d->late_ns)))
		return;
	if (jobs_cycle(d->claimer, d->env->db, d->cycle, &d->lease, d->done,
	    d->ndone, room, &got, &e) == -1) {
		database_failed(d, "cycle", &e);
		return;
	}
	database_works(d);
	outcomes_stored(d, got.settled);
	d->late = got.late;
	d->late_ns = now + LATE_MS * MS;
	if (room == 0)
		return;
	take(d, &got);
	d->hungry = got.more;
}

/* Claimed, but no child took it: somebody else may have room. */
static void
return_held(struct dispatcher *d, int64_t now)
{
	size_t keep = 0;

	for (size_t i = 0; i < d->nwaiting; i++) {
		struct task *t = d->waiting[i];

		if (d->stopping || now - t->held_ns > HELD_MS * MS)
			task_end(d, t, END_RELEASE, NULL, NULL);
		else
			d->waiting[keep++] = t;
	}
	d->nwaiting = keep;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static void
bell_heard(void *arg, const char *text)
{
	struct dispatcher *d = arg;

	if (strcmp(text, "stop") == 0) {
		d->look_at_cancels = true;
		return;
	}
	d->hungry = true;
	jobs_claimer_bell(d->claimer, text);
}

static void
wait_events(struct dispatcher *d, int64_t until_ns)
{
	struct pollfd p[2 * KIDS_MAX + 1];
	int64_t left = until_ns - clock_boot_ns();
	struct timespec ts = { left > 0 ? left / S : 0,
	    left > 0 ? left % S : 0 };
	nfds_t n = 0;

	p[n++] = (struct pollfd){ d->bell, POLLIN, 0 };
	for (size_t i = 0; i < d->nkids; i++) {
		p[n++] = (struct pollfd){ d->kids[i].pid ? d->kids[i].fd : -1,
		    POLLIN, 0 };
		p[n++] = (struct pollfd){ d->kids[i].pid ?
		    d->kids[i].pidfd : -1, POLLIN, 0 };
	}
	if (ppoll(p, n, &ts, NULL) <= 0)
		return;
	if (p[0].revents != 0)
		bell_each(d->bell, bell_heard, d);
	for (size_t i = 0; i < d->nkids; i++)
		if (p[1 + 2 * i].revents != 0)
			kid_listen(d, &d->kids[i]);
}

/* The next instant at which something is to be done unasked. */
static int64_t
next_wake(struct dispatcher *d, int64_t now)
{
	int64_t next = kids_watch(d, now);
	int64_t at[] = { d->renew_ns, d->poll_ns, d->promote_ns,
	    d->orphan_ns, d->cancel_ns, d->retry_ns > now ? d->retry_ns : INT64_MAX,
	    d->ndone > 0 ? d->done_ns + GATHER_MS * MS : INT64_MAX,
	    d->late > 0 ? d->late_ns : INT64_MAX };

	for (size_t i = 0; i < NITEMS(at); i++)
		if (at[i] > now && at[i] < next)
			next = at[i];
	if (d->hungry && d->retry_ns <= now && d->lease.id != 0 &&
	    kids_room(d) > 0 && !d->stopping)
		return now;
	return next;
}

/* ---- begin and end ------------------------------------------------------------------------- */

/* One dispatcher per host: a new one waits for the old to stop claiming.
 * 1 = the other one stays. */
static int
take_place(struct dispatcher *d, struct err *e)
{
	const struct base_conf *base = conf_get(d->env->conf, &base_settings);
	const char *path = arena_printf(d->a, "%s/dispatch.lock",
	    base->run_dir);
	int rc;

	while ((rc = proc_lock(path, &d->lock, e)) == 1) {
		if (d->o->until_empty || proc_draining())
			return 1;
		poll(NULL, 0, LOCK_POLL_MS);
	}
	if (rc == -1)
		return -1;
	while (bell_listen("dispatch", &d->bell, e) == -1) {
		if (e->status != 409 || proc_draining())
			return -1;
		err_clear(e);		/* the old one is closing it */
		poll(NULL, 0, LOCK_POLL_MS);
	}
	return 0;
}

/* The next dispatcher may claim; ours only ends what it has begun. */
static void
begin_stop(struct dispatcher *d, int64_t now)
{
	d->stopping = true;
	d->stop_ns = now;
	bell_close("dispatch", d->bell);
	d->bell = -1;
	if (d->lock != -1)
		close(d->lock);
	d->lock = -1;
	kids_tell(d, WHY_STOP);
	return_held(d, now);
}

static bool
finished(struct dispatcher *d, int64_t now)
{
	bool idle = !kids_busy(d) && d->nwaiting == 0 && d->ndone == 0 &&
	    d->late == 0;

	if (d->stopping)
		return (idle && kids_alive(d) == 0) ||
		    now > d->stop_ns + (d->conf->drain_s + 5) * S;
	if (!d->o->until_empty)
		return false;
	if (idle && !d->hungry)
		return true;
	return d->o->until_boot_ns != 0 && now > d->o->until_boot_ns &&
	    !kids_busy(d);
}

static void
run(struct dispatcher *d)
{
	for (;;) {
		int64_t now = clock_boot_ns();

		if (proc_draining() && !d->stopping)
			begin_stop(d, now);
		if (d->o->until_boot_ns != 0 && now > d->o->until_boot_ns)
			d->hungry = false;
		lease_keep(d, now);
		kids_reap(d);
		upkeep(d, now);
		if (now >= d->poll_ns) {
			d->hungry = d->o->until_boot_ns == 0 ||
			    now < d->o->until_boot_ns;
			d->poll_ns = now + S;
			shm_word_set(d->env->shm, d->o->until_empty ?
			    SEEN_CRON : SEEN_DISPATCHER, 1);
		}
		cycle(d, clock_boot_ns());
		kids_feed(d);
		return_held(d, clock_boot_ns());
		arena_reset(d->cycle);
		if (proc_reopen_asked())
			log_reopen();
		log_flush();
		if (finished(d, clock_boot_ns()))
			break;
		wait_events(d, next_wake(d, clock_boot_ns()));
	}
}

static void
end(struct dispatcher *d)
{
	struct err e = { 0 };

	kids_kill(d);
	while (kids_alive(d) > 0) {
		d->stopping = true;
		kids_reap(d);
		poll(NULL, 0, 2);
	}
	for (int i = 0; i < LATE_TRIES && d->lease.id != 0 &&
	    (d->ndone > 0 || d->late > 0); i++) {
		struct jobs_claimed got;

		if (i > 0)
			poll(NULL, 0, LATE_MS);
		if (jobs_cycle(d->claimer, d->env->db, d->cycle, &d->lease,
		    d->done, d->ndone, 0, &got, &e) == -1)
			break;
		outcomes_stored(d, got.settled);
		d->late = got.late;
	}
	lease_close(d);
	if (d->bell != -1)
		bell_close("dispatch", d->bell);
	if (d->lock != -1)
		close(d->lock);
}

int
worker_dispatch(struct env *env, const struct worker_conf *conf,
    const struct dispatch_options *o, struct err *e)
{
	struct arena *a = arena_new((size_t)1 << 30);
	struct dispatcher *d = arena_alloc(a, sizeof(*d));
	int rc;

	d->env = env;
	d->conf = conf;
	d->o = o;
	d->a = a;
	d->bell = d->lock = -1;
	d->cycle = arena_new(CYCLE_CAP);
	d->texts = arena_new(CYCLE_CAP);
	d->buf = arena_alloc(a, WIRE_MAX);
	d->hungry = true;
	lease_begin(d);
	rc = take_place(d, e);
	if (rc == 0) {
		d->claimer = jobs_claimer_new(a, env->shm, env->modules);
		d->poll_ns = 0;
		run(d);
		end(d);
	} else {
		lease_close(d);
		if (d->lock != -1)
			close(d->lock);
	}
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (d->tasks[i].a != NULL)
			arena_free(d->tasks[i].a);
	arena_free(d->texts);
	arena_free(d->cycle);
	arena_free(a);
	return rc;
}
