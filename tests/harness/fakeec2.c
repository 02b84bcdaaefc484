/*
 * Starts, scripts and stops the fake EC2. It ends with the test, however the
 * test ends.
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
#include "base/err.h"
#include "net/net.h"
#include "tests/harness/fakeec2.h"

enum { ARGS_MAX = 32 };

static _Noreturn void
run(int out, const char *const *extra)
{
	const char *argv[ARGS_MAX + 4] = { "python3",
	    "tests/harness/fake_ec2.py", "--die-with-parent" };
	size_t n = 3;

	for (; extra != NULL && *extra != NULL && n < ARGS_MAX; extra++)
		argv[n++] = *extra;
	dup2(out, STDOUT_FILENO);
	/* execvp() does not change the strings. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void
fakeec2_start(struct fakeec2 *f, struct arena *a, const char *const *argv)
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
		run(p[1], argv);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	if (fgets(line, sizeof(line), in) == NULL ||
	    strncmp(line, "port ", 5) != 0)
		fail_msg("the fake EC2 did not start: %s", line);
	fclose(in);
	f->port = (unsigned)strtoul(line + 5, NULL, 10);
	f->url = arena_printf(a, "http://127.0.0.1:%u", f->port);
}

void
fakeec2_stop(struct fakeec2 *f)
{
	int status;

	kill(f->pid, SIGTERM);
	waitpid(f->pid, &status, 0);
}

const char *
fakeec2_control(const struct fakeec2 *f, struct arena *a, struct net *net,
    const char *path, const char *json)
{
	struct net_call call = { .method = "POST", .body = json,
	    .body_len = strlen(json),
	    .url = arena_printf(a, "%s%s", f->url, path) };
	struct net_reply r;
	struct err err = { 0 };

	if (net_http(net, a, &call, &r, &err) == -1)
		fail_msg("%s: %s", path, err.cause);
	if (r.status != 200)
		fail_msg("%s: %s", path, r.body);
	return r.body;
}
