/*
 * Load for tests; see the header.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/harness/forked.h"
#include "tests/harness/load.h"

enum { CLIENT_CAP = 16 << 20 };

static pid_t
child_of_ours(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	if ((pid = fork()) != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* exit handlers and signal handlers are the parent's */
	signal(SIGTERM, SIG_DFL);
	return 0;
}

static const char *
numbered(struct arena *a, const char *text)
{
	static unsigned count;
	const char *at = strstr(text, LOAD_NUMBER);

	if (at == NULL)
		return text;
	return arena_printf(a, "%.*s%05d%05u%s", (int)(at - text), text,
	    (int)getpid() % 100000, ++count % 100000,
	    at + strlen(LOAD_NUMBER));
}

static void
count(struct load_counts *c, const struct raw_reply *r)
{
	int st = r->status >= 0 && r->status < LOAD_STATUS ? r->status : 0;
	unsigned long us = (unsigned long)(r->ms * 1000);

	__atomic_fetch_add(&c->status[st], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->total, 1, __ATOMIC_RELAXED);
	if (us > __atomic_load_n(&c->slowest_us, __ATOMIC_RELAXED))
		__atomic_store_n(&c->slowest_us, us, __ATOMIC_RELAXED);
}

static void
client(struct load_counts *c, const struct raw_target *to, const char *text,
    unsigned pause_ms)
{
	struct arena *a = arena_new(CLIENT_CAP);

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		const char *bytes = numbered(a, text);
		struct raw_reply r = raw_exchange(a, to, bytes,
		    strlen(bytes));

		count(c, &r);
		arena_reset(a);
		if (pause_ms > 0)
			nap_ms(pause_ms);
	}
	_exit(0);
}

void
load_start(struct load *l, const struct raw_target *to, size_t clients,
    const char *text, unsigned pause_ms)
{
	memset(l, 0, sizeof(*l));
	l->now = mmap(NULL, sizeof(*l->now), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l->now == MAP_FAILED)
		abort();
	while (l->n < clients && l->n < LOAD_CLIENTS) {
		pid_t pid = child_of_ours();

		if (pid == 0)
			client(l->now, to, text, pause_ms);
		l->pids[l->n++] = pid;
	}
}

void
load_stop(struct load *l)
{
	__atomic_store_n(&l->now->stop, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < l->n; i++)
		while (waitpid(l->pids[i], NULL, 0) == -1 && errno == EINTR)
			;
	l->n = 0;
}

void
load_free(struct load *l)
{
	munmap(l->now, sizeof(*l->now));
	l->now = NULL;
}

unsigned long
load_bad(const struct load *l, int also)
{
	unsigned long bad = 0;

	for (int i = 0; i < LOAD_STATUS; i++)
		if ((i < 200 || i > 299) && i != also)
			bad += l->now->status[i];
	if (also == 0)
		bad += l->now->status[0];
	return bad;
}

const char *
load_text(const struct load *l)
{
	static char buf[512];
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < LOAD_STATUS && n < sizeof(buf) - 40; i++)
		if (l->now->status[i] > 0)
			n += (size_t)snprintf(buf + n, sizeof(buf) - n,
			    "%s%d: %lu", n > 0 ? ", " : "", i,
			    l->now->status[i]);
	return buf;
}

pid_t
load_one(const struct raw_target *to, const char *text)
{
	pid_t pid = child_of_ours();
	struct raw_reply r;

	if (pid != 0)
		return pid;
	r = raw_exchange(arena_new(CLIENT_CAP), to, text, strlen(text));
	_exit(r.status / 100 * 32 + r.status % 100 % 32);
}

int
load_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	return status / 32 * 100 + status % 32;
}
