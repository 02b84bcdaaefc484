/*
 * Starts and stops fake servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/fake.h"

enum { ARGS_MAX = 32 };

static _Noreturn void
run(int out, const char *script, const char *const *more)
{
	const char *argv[ARGS_MAX + 4] = { "python3", "-B", script,
	    "--die-with-parent" };
	size_t n = 4;

	for (; more != NULL && *more != NULL && n < ARGS_MAX; more++)
		argv[n++] = *more;
	dup2(out, STDOUT_FILENO);
	/* execvp() does not change the strings. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void
fake_start(struct fake *f, struct arena *a, const char *script,
    const char *const *more)
{
	char line[64] = "";
	FILE *in;
	int p[2];

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		close(p[0]);
		run(p[1], script, more);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	if (fgets(line, sizeof(line), in) == NULL ||
	    strncmp(line, "port ", 5) != 0)
		fail_msg("%s did not start: %s", script, line);
	fclose(in);
	f->port = (unsigned)strtoul(line + 5, NULL, 10);
	f->url = arena_printf(a, "http://127.0.0.1:%u", f->port);
}

void
fake_stop(const struct fake *f)
{
	int status;

	kill(f->pid, SIGTERM);
	waitpid(f->pid, &status, 0);
}
