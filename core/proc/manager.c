/*
 * The prefork manager: opens the sockets, keeps the pools filled, replaces
 * the whole generation on SIGHUP, drains on SIGTERM. It owns no database, no
 * TLS and no request data, and blocks nowhere but in poll(): signals arrive
 * through a signalfd. Invariant: from the first READY to the stop, each pool
 * has children that accept; old ones are told to leave only after the new
 * ones have said that they are up.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "proc/manager.h"

enum { BACKLOG = 1024 };

static const int watched[] = {
	SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD
};

static const char *
socket_path(const char *where)
{
	return strncmp(where, "unix:", 5) == 0 ? where + 5 :
	    where[0] == '/' ? where : NULL;
}

static int
open_socket(struct mpool *p, struct err *e)
{
	const char *path;
	struct stat st;

	p->fd = -1;
	if (p->pool->listen == NULL)
		return 0;
	if ((p->fd = notify_socket()) != -1) {
		p->inherited = true;
		return 0;
	}
	if (proc_listen(p->pool->listen, BACKLOG, &p->fd, e) == -1)
		return -1;
	path = socket_path(p->pool->listen);
	if (path != NULL && lstat(path, &st) == 0) {
		p->dev = st.st_dev;
		p->ino = st.st_ino;
	}
	return 0;
}

/* Nobody new comes in; the name goes only if it still means our socket. */
static void
close_socket(struct mpool *p)
{
	const char *path;
	struct stat st;

	if (p->fd == -1)
		return;
	close(p->fd);
	p->fd = -1;
	path = socket_path(p->pool->listen);
	if (!p->inherited && path != NULL && lstat(path, &st) == 0 &&
	    st.st_dev == p->dev && st.st_ino == p->ino)
		unlink(path);
}

static int
open_signals(struct manager *m, sigset_t *old)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(&set, watched[i]);
	if (sigprocmask(SIG_BLOCK, &set, old) == -1)
		return -1;
	m->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return m->sigfd == -1 ? -1 : 0;
}

static int
setup(struct manager *m, struct pool *pools, sigset_t *old, struct err *e)
{
	size_t i;

	if (open_signals(m, old) == -1) {
		err_set(e, 500, "start", "The service cannot start.");
		return err_cause(e, "signalfd: %s", strerror(errno));
	}
	for (i = 0; i < m->npools; i++) {
		m->pools[i].pool = &pools[i];
		if (open_socket(&m->pools[i], e) == -1)
			return -1;
		pool_conf_take(&m->pools[i]);
	}
	notify_forget();
	if (segment(m) != NULL &&
	    shm_slot_take(segment(m), "manager", e) == -1)
		return -1;
	return 0;
}

/* ---- events -------------------------------------------------------------- */

static void
log_death(struct manager *m, const struct child *c, int status, uint64_t now)
{
	const char *pool = m->pools[c->pool].pool->name;
	uint64_t age = (now - c->born_ns) / 1000000;

	if (WIFSIGNALED(status) && !c->killed)
		log_error("server", "a child was killed", KV("pool", pool),
		    KV("pid", (int)c->pid), KV("signal", WTERMSIG(status)),
		    KV("age_ms", age));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_error("server", "a child failed", KV("pool", pool),
		    KV("pid", (int)c->pid), KV("status", WEXITSTATUS(status)),
		    KV("age_ms", age));
}

static void
on_ready(struct child *c)
{
	char b;

	if (read(c->ready_fd, &b, 1) == 1)
		c->up = true;
	close(c->ready_fd);	/* said so, or died */
	c->ready_fd = -1;
}

static void
bury(struct manager *m, size_t i, int status, uint64_t now)
{
	struct child *c = &m->kids.v[i];

	if (c->ready_fd != -1)
		on_ready(c);
	if (!c->draining && !m->hooks->uncounted)
		pool_counted(POOL_RESPAWN, c->pool);
	/* While thousands die, one line has said so. */
	if (m->delay_ms == 0)
		log_death(m, c, status, now);
	throttle_death(m, c, status, now);
	if (c->pidfd != -1)
		close(c->pidfd);
	memmove(c, c + 1, (m->kids.n - i - 1) * sizeof(*c));
	m->kids.n--;
}

/* As process 1 of a container we also inherit, and bury, strangers. */
static void
reap(struct manager *m, uint64_t now)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < m->kids.n; i++) {
			if (m->kids.v[i].pid == pid) {
				bury(m, i, status, now);
				break;
			}
		}
	}
}

static void
all_children(struct manager *m, int sig)
{
	size_t i;

	for (i = 0; i < m->kids.n; i++)
		child_signal(&m->kids.v[i], sig);
}

static void
stop(struct manager *m, uint64_t now)
{
	size_t i;

	if (m->stopping) {	/* asked twice: at once */
		for (i = 0; i < m->kids.n; i++)
			m->kids.v[i].killed = true;
		all_children(m, SIGKILL);
		return;
	}
	m->stopping = true;
	m->stop_ns = now;
	notify_systemd("STOPPING=1");
	log_info("server", "stopping", KV("children", (uint64_t)m->kids.n));
	for (i = 0; i < m->npools; i++)
		close_socket(&m->pools[i]);
	for (i = 0; i < m->kids.n; i++)
		child_drain(&m->kids.v[i], now);
}

static void
notify_reloading(void)
{
	struct timespec ts;
	char buf[80];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(buf, sizeof(buf), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	notify_systemd(buf);
}

static void
reload(struct manager *m, uint64_t now)
{
	struct err e;
	size_t i;

	if (m->stopping)
		return;
	if (m->reloading || !m->ready) {
		m->reload_again = true;
		return;
	}
	m->reload_again = false;
	notify_reloading();
	err_clear(&e);
	if (m->hooks->reload != NULL &&
	    m->hooks->reload(m->hooks->arg, &e) == -1) {
		log_error("server", "reload refused, nothing changed",
		    KV("cause", (const char *)(e.cause[0] ? e.cause :
		    e.detail)));
		notify_systemd("READY=1");
		return;
	}
	pools_count(m);
	for (i = 0; i < m->npools; i++)
		pool_conf_take(&m->pools[i]);
	m->gen++;
	m->reloading = true;
	m->reload_ns = now;
	log_info("server", "reloading", KV("generation", m->gen));
}

/* The new generation serves: the old ones may go. */
static void
reload_done(struct manager *m, uint64_t now)
{
	size_t i;

	for (i = 0; i < m->kids.n; i++) {
		if (m->kids.v[i].gen != m->gen && !m->kids.v[i].draining)
			child_drain(&m->kids.v[i], now);
	}
	m->reloading = false;
	notify_systemd("READY=1");
	log_info("server", "reloaded", KV("generation", m->gen),
	    KV("ms", (now - m->reload_ns) / 1000000));
	if (m->reload_again)
		reload(m, now);
}

static void
on_signals(struct manager *m, uint64_t now)
{
	struct signalfd_siginfo si;

	while (read(m->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			break;		/* reaped in any case */
		case SIGHUP:
			reload(m, now);
			break;
		case SIGUSR1:
			log_reopen();
			all_children(m, SIGUSR1);
			break;
		default:
			stop(m, now);
		}
	}
	reap(m, now);
}

/* Waits for signals and for children to report, until the next tick. */
static void
wait_events(struct manager *m, int timeout_ms)
{
	struct arena_mark mark = arena_mark(m->arena);
	struct pollfd *p;
	size_t i, n = m->kids.n;

	p = arena_array(m->arena, n + 1, sizeof(*p));
	p[0].fd = m->sigfd;
	p[0].events = POLLIN;
	for (i = 0; i < n; i++) {
		p[i + 1].fd = m->kids.v[i].ready_fd;
		p[i + 1].events = POLLIN;
	}
	if (poll(p, n + 1, timeout_ms) > 0) {
		for (i = 0; i < n; i++) {
			if (p[i + 1].fd != -1 && p[i + 1].revents != 0)
				on_ready(&m->kids.v[i]);
		}
	}
	arena_rewind(m->arena, mark);
	on_signals(m, (uint64_t)clock_boot_ns());
}

/* ---- the tick ------------------------------------------------------------ */

static void
tend(struct manager *m, struct child *c, uint64_t now)
{
	uint64_t grace = ms((uint64_t)(m->hooks->drain_s > 0 ?
	    m->hooks->drain_s : 0) * 1000);

	if (!c->up && now - c->born_ns > ms(MGR_UP_MS))
		c->up = true;
	if (!c->draining || c->killed)
		return;
	if (now - c->told_ns >= grace) {
		log_warn("server", "a child did not leave in time",
		    KV("pool", m->pools[c->pool].pool->name),
		    KV("pid", (int)c->pid));
		c->killed = true;
		if (!m->hooks->uncounted)
			pool_counted(POOL_KILLED, c->pool);
		child_signal(c, SIGKILL);
	} else if (now - c->resent_ns > ms(MGR_RESEND_MS))
		child_drain(c, now);
}

static void
tick(struct manager *m, uint64_t now)
{
	size_t i;

	watch_scoreboard(m, now);
	for (i = 0; i < m->kids.n; i++)
		tend(m, &m->kids.v[i], now);
}

static void
progress(struct manager *m, uint64_t now)
{
	pools_maintain(m, now);
	if (m->stopping || !pools_up(m))
		return;
	if (!m->ready) {
		m->ready = true;
		notify_systemd("READY=1");
		log_info("server", "ready", KV("children",
		    (uint64_t)m->kids.n));
		if (m->hooks->ready != NULL)
			m->hooks->ready(m->hooks->arg);
		if (m->reload_again)
			reload(m, now);
	} else if (m->reloading)
		reload_done(m, now);
}

static int
until(uint64_t at, uint64_t now)
{
	return at <= now ? 0 : (int)((at - now + 999999) / 1000000);
}

static void
loop(struct manager *m)
{
	uint64_t now = (uint64_t)clock_boot_ns(), next = now;
	uint64_t wake;

	while (!m->stopping || m->kids.n > 0) {
		now = (uint64_t)clock_boot_ns();
		if (now >= next) {
			tick(m, now);
			next = now + ms(MGR_TICK_MS);
		}
		progress(m, now);
		if (!m->hooks->uncounted)
			pools_metrics(m);
		if (m->stopping && m->kids.n == 0)
			break;
		wake = next;
		if (m->fork_at_ns > now && m->fork_at_ns < wake)
			wake = m->fork_at_ns;
		wait_events(m, until(wake, now));
	}
}

int
manager_run(struct pool *pools, size_t npools,
    const struct manager_hooks *hooks, struct err *e)
{
	struct arena *a = arena_new(64 << 20);
	struct manager *m = arena_alloc(a, sizeof(*m));
	sigset_t old;
	int rc = 0;
	size_t i;

	m->arena = a;
	m->hooks = hooks;
	m->npools = npools;
	m->pools = arena_array(a, npools, sizeof(*m->pools));
	m->slots = arena_array(a, MGR_SLOTS, sizeof(*m->slots));
	m->pid = getpid();
	m->gen = 1;
	m->sigfd = -1;
	sigemptyset(&old);
	for (i = 0; i < npools; i++)
		m->pools[i].fd = -1;
	if (setup(m, pools, &old, e) == 0)
		loop(m);
	else
		rc = 1;
	for (i = 0; i < npools; i++)
		close_socket(&m->pools[i]);
	if (m->sigfd != -1)
		close(m->sigfd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	arena_free(a);
	return rc;
}
