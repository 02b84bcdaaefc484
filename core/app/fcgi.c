/*
 * libfcgi as the record layer under an epoll loop of ours: many kept
 * connections per child, one request at a time. With ipcFd set,
 * keepConnection = 1 and listen_sock = -1 before FCGX_Accept_r() libfcgi never
 * accepts: it parses the next request from that connection. A draining child
 * stops accepting and serves its kept connections until the web server closes
 * them; closing them itself would turn POSTs into 502. What is left unread of
 * a body is never taken for the next request: libfcgi forgets its buffer when
 * a request ends and goes on in the middle of the rest, whose author would
 * write our parameters.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/responder.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "shm/shm.h"

enum { REQUEST_CAP = 128 << 20, EVENTS = 64, IDLE_MS = 1000,
	UNREAD_MAX = 1 << 20 };

struct conn {
	FCGX_Request q;
	int fd;
	struct conn *next;	/* in the list of unused ones */
};

struct loop_state {
	struct responder *r;
	struct arena *a;
	int ep, listen_fd;
	size_t open;		/* connections */
	uint64_t served, retire;
	bool listening;
	struct conn *unused;
};

/* ---- transport -------------------------------------------------------------- */

static const char *
fcgi_param(void *t, const char *name)
{
	return FCGX_GetParam(name, ((FCGX_Request *)t)->envp);
}

static size_t
fcgi_count(void *t, const char *name)
{
	size_t n = strlen(name), found = 0;

	for (char **p = ((FCGX_Request *)t)->envp; *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			found++;
	return found;
}

static long
fcgi_read(void *t, void *buf, size_t n)
{
	FCGX_Request *q = t;
	int got = FCGX_GetStr(buf, (int)(n > 1 << 20 ? 1 << 20 : n), q->in);

	return got == 0 && FCGX_GetError(q->in) != 0 ? -1 : got;
}

static int
fcgi_write(void *t, const void *buf, size_t n)
{
	return FCGX_PutStr(buf, (int)n, ((FCGX_Request *)t)->out) == (int)n ?
	    0 : -1;
}

/* Reads a body to its end; one that is much longer ends the connection. */
static void
finish_body(FCGX_Request *q)
{
	char buf[8192];
	size_t n = 0;
	int got;

	while ((got = FCGX_GetStr(buf, sizeof(buf), q->in)) > 0 &&
	    n < UNREAD_MAX)
		n += (size_t)got;
	if (got > 0)
		q->keepConnection = 0;
}

static void
serve(struct responder *r, struct arena *a, FCGX_Request *q)
{
	struct transport t = { fcgi_param, fcgi_count, fcgi_read, fcgi_write,
	    q };

	http_serve(r->http, &t, r->pool, a);
	arena_reset(a);
	finish_body(q);
	FCGX_Finish_r(q);
}

/* Next request of a kept connection; false when it was closed. */
static bool
conn_request(struct loop_state *s, FCGX_Request *q, int fd)
{
	q->ipcFd = fd;
	q->keepConnection = 1;	/* else the Finish inside Accept closes it */
	if (FCGX_Accept_r(q) == 0) {
		serve(s->r, s->a, q);
		s->served++;
	}
	return q->ipcFd >= 0;
}

/* ---- epoll loop ------------------------------------------------------------------ */

static void
loop_accept(struct loop_state *s)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *c;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1)
		return;		/* another child was faster, or EMFILE */
	c = s->unused;
	if (c != NULL)
		s->unused = c->next;
	else
		c = arena_alloc(s->r->env->a, sizeof(*c));
	FCGX_InitRequest(&c->q, -1, 0);
	c->fd = fd;
	ev.data.ptr = c;
	if (epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &ev) == -1) {
		close(fd);
		c->next = s->unused;
		s->unused = c;
		return;
	}
	s->open++;
}

static void
loop_conn(struct loop_state *s, struct conn *c)
{
	if (conn_request(s, &c->q, c->fd))
		return;
	FCGX_Free(&c->q, 0);	/* closed: epoll has forgotten it */
	c->next = s->unused;
	s->unused = c;
	s->open--;
}

static void
loop_stop_listening(struct loop_state *s)
{
	if (!s->listening)
		return;
	epoll_ctl(s->ep, EPOLL_CTL_DEL, s->listen_fd, NULL);
	s->listening = false;
	shm_slot_phase(s->r->env->shm, "draining");
}

static int
loop_run(struct loop_state *s)
{
	struct epoll_event got[EVENTS];

	while (s->listening || s->open > 0) {
		int n = epoll_wait(s->ep, got, EVENTS, IDLE_MS);

		if (n == 0)
			log_flush();
		if (proc_reopen_asked())
			log_reopen();
		if (proc_draining() || s->served >= s->retire)
			loop_stop_listening(s);
		if (n == -1 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++)
			if (got[i].data.ptr != NULL)
				loop_conn(s, got[i].data.ptr);
			else if (s->listening)
				loop_accept(s);
	}
	return 0;
}

static void
state_init(struct loop_state *s, struct responder *r, int listen_fd)
{
	memset(s, 0, sizeof(*s));
	s->r = r;
	s->a = arena_new(REQUEST_CAP);
	s->listen_fd = listen_fd;
	s->retire = r->conf == NULL ? UINT64_MAX : proc_retire_after(r->conf);
	s->listening = true;
	FCGX_Init();
	proc_child_signals();	/* after FCGX_Init(), which installs its own */
}

int
responder_fcgi(struct responder *r, int listen_fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct loop_state s;
	int rc;

	state_init(&s, r, listen_fd);
	s.ep = epoll_create1(EPOLL_CLOEXEC);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	if (s.ep == -1 ||
	    epoll_ctl(s.ep, EPOLL_CTL_ADD, listen_fd, &ev) == -1)
		return 1;
	log_hold(true);
	rc = loop_run(&s);
	log_hold(false);
	close(s.ep);
	arena_free(s.a);
	return rc;
}

/* ---- one connection at a time ---------------------------------------------------------- */

int
responder_plain(struct responder *r, int listen_fd)
{
	struct loop_state s;
	FCGX_Request q;

	state_init(&s, r, listen_fd);
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	while (!proc_draining() && s.served < s.retire) {
		struct pollfd p = { .fd = listen_fd, .events = POLLIN };
		int fd = -1;

		if (poll(&p, 1, IDLE_MS) > 0)
			fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (proc_reopen_asked())
			log_reopen();
		if (fd == -1)
			continue;
		FCGX_InitRequest(&q, -1, 0);
		while (conn_request(&s, &q, fd) && !proc_draining())
			;
		FCGX_Free(&q, 1);
	}
	arena_free(s.a);
	return 0;
}
