/*
 * The child's side of the manager: signals become flags, a dead manager means
 * leave, and the first call of proc_child_signals() tells the manager that
 * this child is up. Between fork and that call the signals stay blocked, so
 * none can be swallowed by a library that installs handlers of its own. Works
 * as well without a manager (spawn-fcgi, lighttpd, mod_fcgid).
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "proc/manager.h"

static volatile sig_atomic_t leave, reopen;
static pid_t manager_pid;	/* 0: none of ours */
static int ready_to = -1;

static void
on_leave(int sig)
{
	(void)sig;
	leave = 1;
}

static void
on_reopen(int sig)
{
	(void)sig;
	reopen = 1;
}

static void
handle(int sig, void (*fn)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = fn;
	sa.sa_flags = SA_RESTART;
	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

void
child_begin(pid_t manager, int ready_fd)
{
	manager_pid = manager;
	ready_to = ready_fd;
	leave = 0;
	reopen = 0;
}

void
proc_child_signals(void)
{
	sigset_t none;
	ssize_t n;

	handle(SIGTERM, on_leave);
	handle(SIGQUIT, on_leave);
	handle(SIGUSR1, on_reopen);
	/* ^C reaches the whole group: the manager decides. */
	handle(SIGINT, manager_pid != 0 ? SIG_IGN : on_leave);
	handle(SIGHUP, manager_pid != 0 ? SIG_IGN : SIG_DFL);
	handle(SIGCHLD, SIG_DFL);
	handle(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (ready_to == -1)
		return;
	do
		n = write(ready_to, "1", 1);
	while (n == -1 && errno == EINTR);
	close(ready_to);
	ready_to = -1;
}

bool
proc_draining(void)
{
	if (manager_pid != 0 && getppid() != manager_pid)
		leave = 1;
	return leave != 0;
}

bool
proc_reopen_asked(void)
{
	if (!reopen)
		return false;
	reopen = 0;
	return true;
}

uint64_t
proc_retire_after(const struct pool_conf *c)
{
	uint64_t n, tenth;

	if (c->max_requests <= 0)
		return UINT64_MAX;
	n = (uint64_t)c->max_requests;
	tenth = n / 10;
	return n - tenth + random_below(2 * tenth + 1);
}
