/*
 * The process of an exec job. Between the job's process and the program stands
 * a guard: it adopts whatever the program leaves behind, so that after the
 * program's end, or the death of the job's process, nothing of it lives on,
 * not even what left the process group. The program starts with three pipes
 * and nothing else of ours: no descriptors, no handlers, no privileges to
 * gain, the environment it was given, and caps of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "jobs/exec.h"

/* Coverage builds write their counts here; _exit() would lose them. */
extern void __gcov_dump(void) __attribute__((weak));

enum { KILL_MS = 5000, CPU_GRACE_S = 2 };

/* From the program's process (a failed start) and from the guard (its end). */
enum note_kind { NOTE_START = 1, NOTE_END };
struct note {
	int kind, value;
	int64_t cpu_ms, rss_kib;
};

struct start {
	const struct exec_type *x;
	const char *const *envp;
	int in[2], out[2], err[2], note[2];
	pid_t parent;
};

static void
say(int fd, const struct note *n)
{
	ssize_t rc;

	do
		rc = write(fd, n, sizeof(*n));	/* below PIPE_BUF: whole */
	while (rc == -1 && errno == EINTR);
}

/* ---- the program --------------------------------------------------------------- */

static void
limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit l, now;

	if (getrlimit(what, &now) == -1)
		return;
	l.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	l.rlim_cur = soft < l.rlim_max ? soft : l.rlim_max;
	setrlimit(what, &l);
}

static void
limits(const struct exec_type *x)
{
	rlim_t mem = x->memory_mib > 0 ? (rlim_t)x->memory_mib << 20 :
	    RLIM_INFINITY;
	rlim_t cpu = x->cpu_s > 0 ? (rlim_t)x->cpu_s : RLIM_INFINITY;

	/* reserved but unused address space is free: runtimes reserve much */
	limit(RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY);
	limit(RLIMIT_DATA, mem, mem);
	limit(RLIMIT_CPU, cpu, cpu == RLIM_INFINITY ? cpu :
	    cpu + CPU_GRACE_S);
	limit(RLIMIT_NOFILE, (rlim_t)x->files, (rlim_t)x->files);
	limit(RLIMIT_CORE, 0, 0);
}

static void
plain_signals(void)
{
	struct sigaction sa;
	sigset_t none;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &sa, NULL);	/* KILL and STOP refuse */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
program(struct start *s, pid_t guard)
{
	struct note n = { .kind = NOTE_START };

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != guard)
		_exit(127);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (dup2(s->in[0], 0) != -1 && dup2(s->out[1], 1) != -1 &&
	    dup2(s->err[1], 2) != -1 &&
	    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
	    chdir(s->x->dir) == 0) {
		limits(s->x);
		plain_signals();
		execve(s->x->argv[0], (char *const *)(uintptr_t)s->x->argv,
		    (char *const *)(uintptr_t)s->envp);
	}
	n.value = errno;
	say(s->note[1], &n);
	_exit(127);
}

/* ---- the guard ------------------------------------------------------------------ */

/* Kills the children the guard has now: the program, and what it adopted. */
static void
kill_children(void)
{
	char path[64];
	long pid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
	    (long)getpid());
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fscanf(f, "%ld", &pid) == 1)
		kill((pid_t)pid, SIGKILL);
	fclose(f);
}

/* Nothing of the program is left after this. */
static void
kill_all(pid_t group)
{
	pid_t p;

	for (int i = 0; i < KILL_MS; i++) {
		kill(-group, SIGKILL);
		kill_children();
		while ((p = waitpid(-1, NULL, WNOHANG)) > 0)
			;	/* each death may bring grandchildren */
		if (p == -1)
			return;
		poll(NULL, 0, 1);
	}
}

static bool
reap(pid_t program_pid, struct note *n)
{
	struct rusage u;
	int status;
	pid_t p;

	while ((p = wait4(-1, &status, WNOHANG, &u)) > 0) {
		if (p != program_pid)
			continue;
		n->kind = NOTE_END;
		n->value = status;
		n->cpu_ms = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
		    (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
		n->rss_kib = u.ru_maxrss;
		return true;
	}
	return false;
}

static void
watch(struct start *s, pid_t pid, const sigset_t *set)
{
	const struct timespec second = { .tv_sec = 1 };
	struct note n = { 0 };

	while (!reap(pid, &n)) {
		int sig = sigtimedwait(set, NULL, &second);

		if (sig == SIGUSR1) {
			/* no group yet: it hears the signal once it is up */
			if (kill(-pid, SIGTERM) == -1)
				kill(pid, SIGTERM);
		} else if (sig == SIGTERM || getppid() != s->parent) {
			/* the end is told like any other */
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
		}
	}
	kill_all(pid);
	say(s->note[1], &n);
}

static _Noreturn void
guard(struct start *s, const sigset_t *set)
{
	pid_t self = getpid(), pid;
	struct note n = { .kind = NOTE_START };

	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != s->parent)
		_exit(0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	pid = fork();
	if (pid == 0)
		program(s, self);
	n.value = errno;
	/* An open copy of a pipe would hide that the program closed it. */
	dup2(s->note[1], 3);
	s->note[1] = 3;
	close_range(4, ~0U, 0);
	if (pid == -1)
		say(s->note[1], &n);
	else
		watch(s, pid, set);
	if (__gcov_dump)
		__gcov_dump();
	_exit(0);
}

/* ---- our side ---------------------------------------------------------------------- */

static int
pipes(struct start *s)
{
	int *all[] = { s->in, s->out, s->err, s->note };

	for (size_t i = 0; i < 4; i++)
		all[i][0] = all[i][1] = -1;
	for (size_t i = 0; i < 4; i++)
		if (pipe2(all[i], O_CLOEXEC) == -1)
			return -1;
	return 0;
}

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
ours(int *fd)
{
	int mine = *fd;

	fcntl(mine, F_SETFL, fcntl(mine, F_GETFL) | O_NONBLOCK);
	*fd = -1;
	return mine;
}

static void
shut_pipes(struct start *s)
{
	int *all[] = { s->in, s->out, s->err, s->note };

	for (size_t i = 0; i < 4; i++) {
		shut(&all[i][0]);
		shut(&all[i][1]);
	}
}

int
exec_start(struct exec_proc *p, const struct exec_type *x,
    const char *const *envp, struct err *e)
{
	struct start s = { .x = x, .envp = envp, .parent = getpid() };
	sigset_t set, old;
	int saved;

	*p = (struct exec_proc){ .guard = -1, .in = -1, .out = -1,
	    .err = -1, .note = -1 };
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	if (pipes(&s) == 0) {
		fflush(NULL);
		sigprocmask(SIG_BLOCK, &set, &old);
		p->guard = fork();
		if (p->guard == 0)
			guard(&s, &set);
		saved = errno;
		sigprocmask(SIG_SETMASK, &old, NULL);
		errno = saved;
	}
	if (p->guard == -1) {
		saved = errno;
		shut_pipes(&s);
		err_set(e, 503, "exec_start", "No process for the program");
		return err_cause(e, "%s", strerror(saved));
	}
	p->in = ours(&s.in[1]);
	p->out = ours(&s.out[0]);
	p->err = ours(&s.err[0]);
	p->note = ours(&s.note[0]);
	shut_pipes(&s);
	return 0;
}

void
exec_ask(const struct exec_proc *p)
{
	kill(p->guard, SIGUSR1);
}

void
exec_kill(const struct exec_proc *p)
{
	kill(p->guard, SIGTERM);
}

bool
exec_ended(struct exec_proc *p, struct exec_end *end)
{
	struct note n;
	ssize_t got = read(p->note, &n, sizeof(n));

	if (got == -1)
		return false;
	if (got != sizeof(n)) {		/* end of file: the guard is gone */
		end->silent = end->start_errno == 0;
		return true;
	}
	if (n.kind == NOTE_START) {
		end->start_errno = n.value;
		return false;
	}
	end->wstatus = n.value;
	end->cpu_ms = n.cpu_ms;
	end->rss_kib = n.rss_kib;
	return true;
}

void
exec_close(struct exec_proc *p)
{
	shut(&p->in);
	shut(&p->out);
	shut(&p->err);
	shut(&p->note);
	if (p->guard <= 0)
		return;
	kill(p->guard, SIGTERM);
	while (waitpid(p->guard, NULL, 0) == -1 && errno == EINTR)
		;	/* it ends within seconds whatever the program does */
	p->guard = -1;
}
