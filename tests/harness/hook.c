/*
 * See the header.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tests/harness/hook.h"

void
hook_start(struct hook *h)
{
	char line[64] = "";
	FILE *in;
	int p[2];

	scratch_dir(h->dir);
	hook_mode(h, "200");
	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		close(p[0]);
		execlp("/usr/bin/python3", "python3", "-B",
		    "tests/harness/hook_receiver.py", h->dir, (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	in = fdopen(p[0], "r");
	if (fgets(line, sizeof(line), in) == NULL ||
	    strncmp(line, "port ", 5) != 0)
		fail_msg("the receiver did not start: %s", line);
	fclose(in);
	h->port = (unsigned)strtoul(line + 5, NULL, 10);
}

void
hook_stop(struct hook *h)
{
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
	scratch_remove(h->dir);
}

static FILE *
file(const struct hook *h, const char *name, const char *how)
{
	char path[SCRATCH_PATH + 16];

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	return fopen(path, how);
}

static void
put(const struct hook *h, const char *name, const char *text)
{
	FILE *f = file(h, name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

void
hook_mode(const struct hook *h, const char *mode)
{
	put(h, "mode", mode);
}

void
hook_secret(const struct hook *h, const char *secret)
{
	put(h, "secret", secret);
}

void
hook_forget(const struct hook *h)
{
	put(h, "log", "");
}

const char *
hook_log(const struct hook *h, struct arena *a)
{
	FILE *f = file(h, "log", "r");
	size_t cap = 1 << 20, n;
	char *text = arena_alloc(a, cap);

	if (f == NULL)
		return "";
	n = fread(text, 1, cap - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}
