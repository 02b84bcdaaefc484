/*
 * Children and scratch directories; see the header.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/forked.h"

extern void __gcov_dump(void) __attribute__((weak));

const char *
scratch_dir(char buf[SCRATCH_PATH])
{
	snprintf(buf, SCRATCH_PATH, "/tmp/qxt.XXXXXX");
	if (mkdtemp(buf) == NULL) {
		perror("mkdtemp");
		abort();
	}
	return buf;
}

void
scratch_remove(const char *dir)
{
	struct dirent *de;
	DIR *d = opendir(dir);

	while (d != NULL && (de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			unlinkat(dirfd(d), de->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

pid_t
forked(int (*fn)(void *), void *arg)
{
	pid_t pid;
	int rc;

	fflush(NULL);
	if ((pid = fork()) != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	rc = fn(arg);
	fflush(NULL);
	if (__gcov_dump)
		__gcov_dump();
	_exit(rc);
}

int
forked_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

void
nap_ms(unsigned n)
{
	struct timespec ts = { n / 1000, (long)(n % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

bool
eventually(bool (*ok)(void *), void *arg, unsigned timeout_ms)
{
	unsigned waited;

	for (waited = 0; waited < timeout_ms; waited += 10) {
		if (ok(arg))
			return true;
		nap_ms(10);
	}
	return ok(arg);
}
