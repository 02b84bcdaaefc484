/*
 * One child: born, told to leave, killed. A child starts with nothing of the
 * manager's but its own listening socket, dies with its manager, cannot gain
 * privileges, and has a slot in the shared segment before it runs anything;
 * without one it refuses to serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "proc/manager.h"

/* Coverage builds write their counts here; _exit() would lose them. */
extern void __gcov_dump(void) __attribute__((weak));

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_inherited(struct manager *m, size_t pool)
{
	size_t i;

	close_fd(&m->sigfd);
	for (i = 0; i < m->kids.n; i++) {
		close_fd(&m->kids.v[i].pidfd);
		close_fd(&m->kids.v[i].ready_fd);
	}
	for (i = 0; i < m->npools; i++) {
		if (i != pool)
			close_fd(&m->pools[i].fd);
	}
}

static int
child_run(struct manager *m, size_t pool, int ready_fd)
{
	struct mpool *mp = &m->pools[pool];
	struct shm *shm = segment(m);
	struct err e;

	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != m->pid)
		return 0;	/* it died before we could ask to be told */
	close_inherited(m, pool);
	child_begin(m->pid, ready_fd);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	shm_after_fork(shm);
	err_clear(&e);
	if (shm != NULL && shm_slot_take(shm, mp->pool->name, &e) == -1) {
		log_error("server", "a child found no place to serve from",
		    KV("pool", mp->pool->name), KV("cause", e.cause));
		return 1;
	}
	mp->pool->conf = mp->conf;
	if (m->hooks->child != NULL)
		m->hooks->child(m->hooks->arg);
	return mp->pool->run(mp->pool, mp->fd, mp->pool->arg);
}

int
child_fork(struct manager *m, size_t pool, uint64_t now)
{
	struct child *c;
	int p[2], rc;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		rc = child_run(m, pool, p[1]);
		fflush(NULL);
		if (__gcov_dump)
			__gcov_dump();
		_exit(rc);
	}
	close(p[1]);
	if (pid == -1) {
		close(p[0]);
		return -1;
	}
	c = VEC_ADD(m->arena, &m->kids);
	memset(c, 0, sizeof(*c));
	c->pid = pid;
	c->pidfd = pidfd_open(pid, 0);
	c->ready_fd = p[0];
	c->pool = pool;
	c->gen = m->gen;
	c->born_ns = now;
	return 0;
}

/* Until it is waited for, the pid of a child of ours means nobody else. */
void
child_signal(struct child *c, int sig)
{
	if (c->pidfd == -1 || pidfd_send_signal(c->pidfd, sig, NULL, 0) == -1)
		kill(c->pid, sig);
}

void
child_drain(struct child *c, uint64_t now)
{
	child_signal(c, SIGTERM);
	if (!c->draining)
		c->told_ns = now;
	c->draining = true;
	c->resent_ns = now;
}
