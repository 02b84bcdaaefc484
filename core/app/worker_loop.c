/*
 * Control loops. Each runs in a child of the worker; a timer of the kernel
 * ends the child if a turn is still inside three seconds before its lease (or,
 * without a lease, its patience) runs out. A process that slept through that
 * is ended before it can write anything. HOST loops take a lock of the host
 * instead of a lease, so that old and new never run together.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/worker.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/base.h"
#include "db/lease.h"
#include "module.h"
#include "modules/platform/platform.h"
#include "proc/bell.h"
#include "proc/proc.h"
#include "shm/shm.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

enum {
	LEASE_S = 15, SPARE_S = 3, PATIENCE_S = 600, TURN_CAP = 512 << 20,
	ASK_MS = 1000, BACKOFF_MAX_S = 30
};

struct runner {
	struct env *env;
	const struct loop *l;
	struct loop_ctx ctx;
	struct lease lease;
	const char *role;		/* of the lease, and of the lock */
	timer_t timer;
	bool timed;
	int bell, lock;
	int64_t failures;
};

/* ---- the timer ------------------------------------------------------------------ */

static void
timer_make(struct runner *r)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGALRM };

	r->timed = timer_create(CLOCK_BOOTTIME, &ev, &r->timer) == 0;
}

/* SIGALRM ends the process at that instant; 0 = never. */
static void
timer_at(struct runner *r, int64_t boot_ns)
{
	struct itimerspec t = { .it_value = { boot_ns / S, boot_ns % S } };

	if (r->timed)
		timer_settime(r->timer, TIMER_ABSTIME, &t, NULL);
}

/* ---- one turn --------------------------------------------------------------------- */

static int
lease_seconds(const struct loop *l)
{
	return l->lease_s > 0 ? l->lease_s : LEASE_S;
}

/* Taken a moment ago: a loop that is rung for each event does not write its
 * lease for each. */
static bool
fresh(const struct runner *r)
{
	return r->lease.until_boot_ns - clock_boot_ns() >
	    (lease_seconds(r->l) - 1) * S;
}

/* 0 ours, 1 somebody else's or paused, -1 error. */
static int
may_run(struct runner *r, struct err *e)
{
	int rc;

	if (r->l->component != NULL) {
		rc = platform_component_active(r->env->db, r->l->component,
		    e);
		if (rc != 1)
			return rc == 0 ? 1 : -1;
	}
	if (r->l->scope == LOOP_HOST || fresh(r))
		return 0;
	return lease_take(r->env->db, &r->lease, lease_seconds(r->l), e);
}

static int
turn(struct runner *r, struct err *e)
{
	int64_t end = r->l->scope == LOOP_HOST ? clock_boot_ns() +
	    PATIENCE_S * S : r->lease.until_boot_ns - SPARE_S * S;
	int rc;

	timer_at(r, end);
	r->ctx.next_ms = 0;
	shm_slot_request(r->env->shm, r->l->name, "", (uint64_t)
	    clock_boot_ns());
	rc = r->l->run(&r->ctx, e);
	if (db_in_txn(r->env->db))
		db_rollback(r->env->db);
	shm_slot_done(r->env->shm);
	timer_at(r, 0);
	arena_reset(r->ctx.a);
	return rc;
}

/* How long until the next turn, in ms. */
static int64_t
pause_ms(struct runner *r, int rc)
{
	int64_t ms = r->ctx.next_ms > 0 ? r->ctx.next_ms : r->l->period_ms;

	if (rc == 1)			/* somebody else runs it */
		return ms > ASK_MS ? ms : ASK_MS;
	if (rc == 0)
		return ms;
	ms = 200 * (INT64_C(1) << (r->failures < 8 ? r->failures : 8));
	return ms < BACKOFF_MAX_S * 1000 ? ms : BACKOFF_MAX_S * 1000;
}

static int
one(struct runner *r)
{
	struct err e = { 0 };
	int rc = may_run(r, &e);

	if (rc == 0)
		rc = turn(r, &e) == -1 ? -1 : 0;
	if (rc != 1)
		loop_seen(r->env->shm, r->role, rc == 0);
	if (rc != -1) {
		r->failures = 0;
		return rc;
	}
	r->lease.until_boot_ns = 0;	/* it may be why: taken anew */
	if (r->failures++ == 0)
		log_error("scheduler", "loop failed", KV("loop", r->l->name),
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
	return -1;
}

/* ---- life of a loop child ------------------------------------------------------------ */

static void
open_runner(struct runner *r, struct env *env, const struct loop *l,
    int shard)
{
	*r = (struct runner){ .env = env, .l = l, .bell = -1, .lock = -1 };
	r->role = loop_role(env->a, l, shard);
	r->lease = (struct lease){ .role = r->role, .holder = env->process };
	r->ctx = (struct loop_ctx){ .env = env, .db = env->db,
	    .a = arena_new(TURN_CAP), .keep = env->a, .shard = shard,
	    .lease = l->scope == LOOP_HOST ? NULL : &r->lease };
}

/* Others need not wait for what this process had. */
static void
give_back(struct runner *r)
{
	struct err e = { 0 };

	if (r->l->end != NULL && r->ctx.memory != NULL)
		r->l->end(&r->ctx);
	if (r->l->scope != LOOP_HOST && r->lease.token != 0)
		lease_release(r->env->db, &r->lease, &e);
}

/* 0 taken, 1 told to end before that, -1 error. */
static int
take_host_lock(struct runner *r, struct err *e)
{
	const struct base_conf *cf = conf_get(r->env->conf, &base_settings);
	const char *path = arena_printf(r->env->a, "%s/loop.%s.lock",
	    cf->run_dir, r->role);
	int rc;

	while ((rc = proc_lock(path, &r->lock, e)) == 1) {
		if (proc_draining())
			return 1;
		poll(NULL, 0, 100);
	}
	return rc;
}

static void
wait_for(struct runner *r, int64_t ms)
{
	struct pollfd p = { r->bell, POLLIN, 0 };
	char text[8];

	while (ms > 0 && !proc_draining()) {
		int step = ms < ASK_MS ? (int)ms : ASK_MS;

		if (r->bell == -1 && r->l->bell != NULL) {
			struct err e = { 0 };

			bell_listen(r->l->bell, &r->bell, &e);
			p.fd = r->bell;
		}
		if (poll(&p, 1, step) > 0) {
			bell_take(r->bell, text, sizeof(text));
			return;
		}
		ms -= step;
	}
}

int
worker_loop(struct env *env, const struct loop *l, int shard)
{
	struct err e = { 0 };
	struct runner r;
	int rc = 0;

	open_runner(&r, env, l, shard);
	proc_child_signals();
	signal(SIGALRM, SIG_DFL);
	timer_make(&r);
	if (l->scope == LOOP_HOST && (rc = take_host_lock(&r, &e)) != 0)
		return rc == 1 ? 0 : 1;
	while (!proc_draining()) {
		rc = one(&r);
		if (proc_reopen_asked())
			log_reopen();
		log_flush();
		wait_for(&r, pause_ms(&r, rc));
	}
	give_back(&r);
	if (r.bell != -1)
		bell_close(l->bell, r.bell);
	db_close(env->db);
	return 0;
}

/* ---- cron ------------------------------------------------------------------------------ */

size_t
worker_loops(struct arena *a, const struct module *const *mods,
    const struct loop_ref **out)
{
	VEC(struct loop_ref) v = { 0 };

	for (; *mods != NULL; mods++) {
		const struct loop *const *set = (*mods)->loops;

		for (; set != NULL && *set != NULL; set++)
			for (const struct loop *l = *set; l->name != NULL; l++)
				for (int i = 0; i < (l->scope == LOOP_SHARD &&
				    l->shards > 0 ? l->shards : 1); i++)
					*VEC_ADD(a, &v) = (struct loop_ref){
					    l, i };
	}
	*out = v.v;
	return v.n;
}

static bool
tick_one(struct env *env, const struct loop_ref *v, struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct runner r;
	int rc = 0;

	open_runner(&r, env, v->loop, v->shard);
	if (v->loop->scope == LOOP_HOST)
		rc = proc_lock(arena_printf(env->a, "%s/loop.%s.lock",
		    cf->run_dir, r.role), &r.lock, e);
	if (rc == 0)
		rc = one(&r);
	give_back(&r);
	if (r.lock != -1)
		close(r.lock);
	err_clear(e);
	arena_free(r.ctx.a);
	return rc != -1;
}

size_t
worker_tick(struct env *env, struct err *e)
{
	const struct loop_ref *v;
	size_t n = worker_loops(env->a, env->modules, &v), failed = 0;

	/* those with a bell come last: the others have something for them */
	for (int bell = 0; bell < 2; bell++)
		for (size_t i = 0; i < n; i++)
			if (v[i].loop->humble == LOOP_TICK &&
			    (v[i].loop->bell != NULL) == bell)
				failed += !tick_one(env, &v[i], e);
	return failed;
}
