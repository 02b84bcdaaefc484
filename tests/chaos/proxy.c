/*
 * See proxy.h. Only the client's side is parsed: packets of the protocol are a
 * length of three bytes, a number, and the command; COMMIT is a query of six
 * letters.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/chaos/proxy.h"

enum { CHUNK = 65536, HEAD = 4, COMMAND = 7 };

struct watch {
	uint8_t head[HEAD + COMMAND];
	size_t have;		/* bytes of the packet seen, at most all */
	size_t left;		/* of a packet whose head is known */
	bool known;
};

static int
socket_at(const char *path, bool listens)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (listens) {
		unlink(path);
		if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
		    listen(fd, 64) == -1) {
			perror("proxy");
			_exit(1);
		}
		return fd;
	}
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* True if a COMMIT ends with this byte. */
static bool
is_commit(struct watch *w, uint8_t b)
{
	bool commit;

	if (w->have < sizeof(w->head))
		w->head[w->have] = b;
	w->have++;
	if (w->have < HEAD)
		return false;
	if (w->have == HEAD) {
		w->left = (size_t)w->head[0] | (size_t)w->head[1] << 8 |
		    (size_t)w->head[2] << 16;
		if (w->left == 0)
			w->have = 0;
		return false;
	}
	if (--w->left > 0)
		return false;
	commit = w->have == HEAD + COMMAND &&
	    memcmp(w->head + HEAD, "\x03" "COMMIT", COMMAND) == 0;
	w->have = 0;
	return commit;
}

static int
put(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Bytes from the client to the server; -1 ends the connection. */
static int
forward(struct watch *w, int server, const uint8_t *p, size_t n,
    struct proxy_faults *f)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_commit(w, p[i]))
			continue;
		if ((int)random_below(1000) < f->lose_before) {
			__atomic_add_fetch(&f->lost_before, 1,
			    __ATOMIC_SEQ_CST);
			return -1;
		}
		if ((int)random_below(1000) < f->lose_after) {
			uint8_t answer[64];

			/* executed: wait for the answer, keep it */
			if (put(server, p, i + 1) == 0 &&
			    recv(server, answer, sizeof(answer), 0) > 0)
				__atomic_add_fetch(&f->lost_after, 1,
				    __ATOMIC_SEQ_CST);
			return -1;
		}
	}
	return put(server, p, n);
}

static void
serve(int client, const char *path, struct proxy_faults *f)
{
	int server = socket_at(path, false);
	struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	struct watch w = { .have = 0 };
	uint8_t buf[CHUNK];
	ssize_t n;

	while (server != -1 && poll(p, 2, -1) > 0) {
		if (p[0].revents != 0 && ((n = recv(client, buf, CHUNK,
		    0)) <= 0 || forward(&w, server, buf, (size_t)n, f) == -1))
			break;
		if (p[1].revents != 0 && ((n = recv(server, buf, CHUNK,
		    0)) <= 0 || put(client, buf, (size_t)n) == -1))
			break;
	}
	_exit(0);
}

pid_t
proxy_start(const char *path, const char *server, struct proxy_faults *f)
{
	int fd = socket_at(path, true);
	pid_t pid = fork();

	if (pid != 0) {
		close(fd);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client == -1)
			continue;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(client, server, f);
		}
		close(client);
	}
}
