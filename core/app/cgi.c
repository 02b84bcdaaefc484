/*
 * Plain CGI: parameters from the environment, body on fd 0, reply on fd 1.
 * One request per process; a missing CONTENT_LENGTH means "read to the end".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/responder.h"
#include "base/arena.h"

enum { REQUEST_CAP = 128 << 20, DRAIN_MAX = 32 << 20, DRAIN_MS = 200 };

static const char *
cgi_param(void *t, const char *name)
{
	(void)t;
	return getenv(name);
}

static size_t
cgi_count(void *t, const char *name)
{
	size_t n = strlen(name), found = 0;

	(void)t;
	for (char **p = environ; *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			found++;
	return found;
}

static long
cgi_read(void *t, void *buf, size_t n)
{
	ssize_t got;

	(void)t;
	do
		got = read(0, buf, n);
	while (got == -1 && errno == EINTR);
	return got;
}

static int
cgi_write(void *t, const void *buf, size_t n)
{
	const char *p = buf;

	(void)t;
	while (n > 0) {
		ssize_t put = write(1, p, n);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* A reply given before the body was read: Apache's daemon would lose it, as
 * the close of a socket with unread bytes resets the connection. */
static void
drain(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char buf[16384];
	size_t left = DRAIN_MAX;
	ssize_t n;

	while (left > 0 && poll(&p, 1, DRAIN_MS) > 0 &&
	    (n = read(0, buf, sizeof(buf))) > 0)
		left -= (size_t)n < left ? (size_t)n : left;
}

int
responder_cgi(struct responder *r)
{
	struct transport t = { cgi_param, cgi_count, cgi_read, cgi_write,
	    NULL };
	struct arena *a = arena_new(REQUEST_CAP);

	/* lighttpd says it as soon as it has the reply: the log line, metrics
	 * and the audit seal come after that */
	signal(SIGTERM, SIG_IGN);
	http_serve(r->http, &t, r->pool, a);
	drain();
	arena_free(a);
	return 0;
}
