/*
 * The dispatcher's lease, and what it does when the database is away. Beside
 * the row there is a lock file that the dispatcher and its job children hold
 * while they live: so the next dispatcher of this host knows at once whose
 * jobs nobody works on any more, and leaves those of one that drains alone.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/dispatcher.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/base.h"
#include "proc/proc.h"
#include "shm/shm.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

/* Of the alarm's handler. */
static struct {
	volatile pid_t kids[KIDS_MAX];
	volatile sig_atomic_t late;
	timer_t timer;
	bool timed;
} doom;

enum { SPARE_S = 3 };
enum { ORPHANS_SOON_MS = 100, ORPHANS_LOOKS = 20, ORPHANS_EVERY_S = 2 };

void
database_failed(struct dispatcher *d, const char *doing, const struct err *e)
{
	const struct jobs_conf *cf = conf_get(d->env->conf, &jobs_settings);
	int64_t now = clock_boot_ns();

	if (d->failures++ == 0)
		log_error("scheduler", "dispatcher cannot reach the database",
		    KV("doing", doing), KV("detail", (const char *)e->detail),
		    KV("cause", (const char *)e->cause));
	d->retry_ns = now + (d->failures < 10 ? d->failures * 100 : 1000) * MS;
	/* others may have been away as well: nobody is taken for dead before
	 * he could have renewed */
	d->reap_ns = now + (cf->lease_s + REAP_GRACE_S) * S;
}

void
database_works(struct dispatcher *d)
{
	if (d->failures > 0)
		log_info("scheduler", "dispatcher reaches the database again",
		    KV("failures", d->failures));
	d->failures = 0;
}

/* ---- alarm ----------------------------------------------------------------------- */

static void
on_alarm(int sig)
{
	(void)sig;
	doom.late = 1;
	for (size_t i = 0; i < KIDS_MAX; i++)
		if (doom.kids[i] > 0)
			kill(doom.kids[i], SIGKILL);
}

/* Rings three seconds before that instant; 0 = never. */
static void
alarm_at(int64_t boot_ns)
{
	int64_t at = boot_ns > 0 ? boot_ns - SPARE_S * S : 0;
	struct itimerspec t = { .it_value = { at / S, at % S } };

	if (doom.timed)
		timer_settime(doom.timer, TIMER_ABSTIME, &t, NULL);
}

static void
alarm_make(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGALRM };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_alarm;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	memset(&doom, 0, sizeof(doom));
	doom.timed = timer_create(CLOCK_BOOTTIME, &ev, &doom.timer) == 0;
}

void
lease_doomed(size_t place, pid_t pid)
{
	doom.kids[place] = pid;
}

bool
lease_buried(size_t place, pid_t pid, int *status)
{
	sigset_t alarm, old;
	bool dead_now;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, &old);
	dead_now = waitpid(pid, status, WNOHANG) == pid;
	if (dead_now)
		doom.kids[place] = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return dead_now;
}

bool
lease_late(void)
{
	return doom.late != 0;
}

/* ---- lease ---------------------------------------------------------------------- */

static const char *
lock_path(struct dispatcher *d, uint64_t id)
{
	const struct base_conf *base = conf_get(d->env->conf, &base_settings);

	return arena_printf(d->cycle, "%s/lease.%llu.lock", base->run_dir,
	    (unsigned long long)id);
}

static void
unlock(struct dispatcher *d)
{
	if (d->lease_lock != -1)
		close(d->lease_lock);
	d->lease_lock = -1;
}

static void
lease_lost(struct dispatcher *d, const char *why)
{
	log_error("scheduler", "lease lost: children are killed",
	    KV("why", why), KV("lease", (uint64_t)d->lease.id));
	kids_kill(d);
	unlock(d);	/* before others are forked, that would hold it */
	while (kids_busy(d)) {		/* their jobs are not ours any more */
		poll(NULL, 0, 5);
		kids_reap(d);
	}
	for (size_t i = 0; i < d->nwaiting; i++)
		task_free(d->waiting[i]);
	d->nwaiting = 0;
	outcomes_stored(d, d->ndone);
	d->late = 0;
	d->claimer = jobs_claimer_new(d->a, d->env->shm, d->env->modules);
	d->lease.id = 0;
	alarm_at(0);
	doom.late = 0;
}

static int
lease_open(struct dispatcher *d, struct err *e)
{
	const struct jobs_conf *cf = conf_get(d->env->conf, &jobs_settings);
	const struct base_conf *base = conf_get(d->env->conf, &base_settings);

	if (jobs_lease_open(d->env->db, &d->lease, d->env->process, d->host,
	    base->run_dir, cf->lease_s, getpid(), e) == -1)
		return -1;
	if (proc_lock(lock_path(d, d->lease.id), &d->lease_lock, e) != 0)
		return -1;
	alarm_at(d->lease.until_boot_ns);
	d->renew_ns = clock_boot_ns() + cf->lease_s * S / 6;
	d->orphan_ns = 0;
	d->orphan_looks = 0;
	return 0;
}

static bool
dead(void *arg, uint64_t id)
{
	struct dispatcher *d = arg;
	const char *path = lock_path(d, id);
	struct err e = { 0 };
	int fd = -1, rc = proc_lock(path, &fd, &e);

	if (rc != 0)
		return false;
	unlink(path);
	close(fd);
	return true;
}

/* Children of a killed dispatcher may need a moment to follow it, so it looks
 * often at first. */
size_t
lease_orphans(struct dispatcher *d)
{
	const struct base_conf *base = conf_get(d->env->conf, &base_settings);
	int64_t now = clock_boot_ns();
	struct err e = { 0 };
	size_t n;

	d->orphan_ns = now + (d->orphan_looks++ < ORPHANS_LOOKS ?
	    ORPHANS_SOON_MS * MS : ORPHANS_EVERY_S * S);
	if (jobs_lease_orphans(d->env->db, d->cycle, d->host, base->run_dir,
	    d->lease.id, dead, d, &n, &e) == -1) {
		database_failed(d, "orphans", &e);
		return 0;
	}
	return n;
}

void
lease_close(struct dispatcher *d)
{
	struct err e = { 0 };

	/* what could not be settled is found by the next one, or the reaper */
	if (d->lease.id != 0 && d->ndone == 0 && jobs_lease_close(d->env->db,
	    &d->lease, &e) == 0)
		unlink(lock_path(d, d->lease.id));
	unlock(d);
	if (doom.timed)
		timer_delete(doom.timer);
	doom.timed = false;
}

void
lease_begin(struct dispatcher *d)
{
	const struct jobs_conf *cf = conf_get(d->env->conf, &jobs_settings);
	struct utsname u;

	if (uname(&u) == -1)
		snprintf(u.nodename, sizeof(u.nodename), "unknown");
	d->host = arena_strdup(d->a, u.nodename);
	d->lease_lock = -1;
	alarm_make();
	/* others may just have been cut off, as we were */
	d->reap_ns = clock_boot_ns() + (cf->lease_s + REAP_GRACE_S) * S;
}

void
lease_keep(struct dispatcher *d, int64_t now)
{
	const struct jobs_conf *cf = conf_get(d->env->conf, &jobs_settings);
	struct err e = { 0 };
	int rc;

	if (d->lease.id != 0 && (lease_late() ||
	    now > d->lease.until_boot_ns - SPARE_S * S))
		lease_lost(d, "it could not be renewed in time");
	if (now < d->retry_ns)
		return;
	if (d->lease.id == 0) {
		if (d->stopping)
			return;
		if (lease_open(d, &e) == -1) {
			d->lease.id = 0;
			database_failed(d, "open", &e);
			return;
		}
		database_works(d);
		d->hungry = true;
		return;
	}
	if (now < d->renew_ns)
		return;
	rc = jobs_lease_renew(d->env->db, &d->lease, &e);
	if (rc == -1) {
		database_failed(d, "renew", &e);
		return;
	}
	database_works(d);
	if (rc == 1 || lease_late())
		lease_lost(d, rc == 1 ? "somebody took it for dead" :
		    "it could not be renewed in time");
	else
		alarm_at(d->lease.until_boot_ns);
	d->renew_ns = clock_boot_ns() + cf->lease_s * S / 6;
}

