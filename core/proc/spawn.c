/*
 * A child of a child: forked by a process that may itself be managed. It dies
 * with its parent, by the signal that was asked for, and hears signals like
 * any other child of ours once it calls proc_child_signals().
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proc/manager.h"

/* Coverage builds write their counts here; _exit() would lose them. */
extern void __gcov_dump(void) __attribute__((weak));

pid_t
proc_spawn(int (*run)(void *arg), void *arg, int death_signal)
{
	pid_t parent = getpid(), pid;
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	fflush(NULL);
	pid = fork();
	if (pid != 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	child_begin(parent, -1);
	rc = run(arg);
	fflush(NULL);
	if (__gcov_dump)
		__gcov_dump();
	_exit(rc);
}
