/*
 * See the header.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/random.h"
#include "tests/harness/redis.h"

enum { WORDS = 40, START_MS = 30000 };

bool
redis_there(void)
{
	if (access("/usr/bin/redis-server", X_OK) == 0)
		return true;
	if (getenv("CI") != NULL)
		fail_msg("redis-server is not installed");
	print_message("not run: redis-server is not installed\n");
	return false;
}

/* A port p such that p and p + 10000 (the cluster's bus) are free. */
static int
free_port(void)
{
	for (;;) {
		int port = 20000 + (int)random_below(12000), ok = 0;

		for (int k = 0; k < 2; k++) {
			struct sockaddr_in at = { .sin_family = AF_INET,
			    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			    .sin_port = htons((uint16_t)(port + k * 10000)) };
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

			ok += bind(fd, (struct sockaddr *)&at, sizeof(at)) ==
			    0;
			close(fd);
		}
		if (ok == 2)
			return port;
	}
}

static bool
answers(void *arg)
{
	struct arena *a = arena_new((size_t)4 << 20);
	bool ok = strstr(redis_cli(arg, a, (const char *[]){ "PING", NULL }),
	    "PONG") != NULL;

	arena_free(a);
	return ok;
}

void
redis_again(struct redis_server *r)
{
	char port[16];

	snprintf(port, sizeof(port), "%d", r->port);
	fflush(NULL);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
		execl("/usr/bin/redis-server", "redis-server", "--port", port,
		    "--bind", "127.0.0.1", "--save", "", "--appendonly",
		    r->cluster ? "no" : "yes", "--appendfsync", "always",
		    "--dir", r->dir, "--daemonize", "no", "--cluster-enabled",
		    r->cluster ? "yes" : "no", "--cluster-node-timeout",
		    "2000", "--loglevel", "warning", (char *)NULL);
		_exit(127);
	}
	if (!eventually(answers, r, START_MS))
		fail_msg("redis-server did not start");
}

void
redis_start(struct redis_server *r, bool cluster)
{
	r->cluster = cluster;
	r->port = free_port();
	scratch_dir(r->dir);
	redis_again(r);
}

void
redis_kill(struct redis_server *r)
{
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	r->pid = 0;
}

void
redis_stop(struct redis_server *r)
{
	char path[SCRATCH_PATH + 32];

	if (r->pid > 0)
		redis_kill(r);
	snprintf(path, sizeof(path), "%s/appendonlydir", r->dir);
	scratch_remove(path);
	scratch_remove(r->dir);
}

const char *
redis_cli(const struct redis_server *r, struct arena *a,
    const char *const *words)
{
	const char *argv[WORDS + 4] = { "redis-cli", "-p",
	    arena_printf(a, "%d", r->port) };
	size_t n = 3, len = 0, cap = 1 << 20;
	char *text = arena_alloc(a, cap);
	ssize_t got;
	pid_t pid;
	int p[2];

	for (; *words != NULL && n < WORDS + 3; words++)
		argv[n++] = *words;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_RDWR), STDERR_FILENO);
		execv("/usr/bin/redis-cli", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(p[1]);
	while (len + 1 < cap && (got = read(p[0], text + len,
	    cap - 1 - len)) > 0)
		len += (size_t)got;
	close(p[0]);
	waitpid(pid, NULL, 0);
	text[len] = '\0';
	return text;
}
