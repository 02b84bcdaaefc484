/*
 * Listening sockets. Whoever can connect can set every FastCGI parameter, so
 * a Unix socket is 0660 from its first moment under its name (bound aside,
 * then renamed) and TCP is loopback only. A stale socket file is replaced; a
 * living one, or anything that is not a socket, is left alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/number.h"
#include "proc/proc.h"

static int
fail(struct err *e, const char *where, const char *why)
{
	err_set(e, 500, "listen", "The service cannot listen.");
	err_cause(e, "listening on %s: %s", where, why);
	return -1;
}

static int
sys_fail(struct err *e, const char *where, int fd)
{
	int saved = errno;

	if (fd != -1)
		close(fd);
	fail(e, where, strerror(saved));
	e->native = saved;
	return -1;
}

/* Peer credentials are those of the process that called listen(). Draining
 * children of a dead manager keep its socket open; they do not count. */
static bool
listener_lives(int fd)
{
	struct ucred cr;
	socklen_t len = sizeof(cr);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cr, &len) == -1)
		return true;
	return cr.pid <= 0 || kill(cr.pid, 0) == 0 || errno != ESRCH;
}

/* 0 = the name is free or stale, 1 = a server answers, -1 = not a socket. */
static int
occupied(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, rc;

	if (lstat(sun->sun_path, &st) == -1)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return 1;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0)
		rc = listener_lives(fd);
	else
		rc = errno == EAGAIN || errno == EINPROGRESS;
	close(fd);
	return rc;
}

static int
bind_aside(int fd, const char *path, const char *aside, int backlog)
{
	struct sockaddr_un tmp = { .sun_family = AF_UNIX };

	memcpy(tmp.sun_path, aside, strlen(aside) + 1);
	unlink(aside);
	if (bind(fd, (struct sockaddr *)&tmp, sizeof(tmp)) == -1)
		return -1;
	if (chmod(aside, 0660) == -1 || listen(fd, backlog) == -1 ||
	    rename(aside, path) == -1) {
		int saved = errno;

		unlink(aside);
		errno = saved;
		return -1;
	}
	return 0;
}

static int
listen_unix(const char *path, int backlog, int *fd, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char aside[sizeof(sun.sun_path)];
	int n, rc;

	n = snprintf(aside, sizeof(aside), "%s.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(aside))
		return fail(e, path, "the path is too long for a socket");
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((rc = occupied(&sun)) != 0)
		return fail(e, path, rc == 1 ? "another process serves it" :
		    "it exists and is not a socket");
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd == -1 || bind_aside(*fd, path, aside, backlog) == -1) {
		sys_fail(e, path, *fd);
		*fd = -1;
		return -1;
	}
	return 0;
}

/* "127.x.y.z:port", "localhost:port" or "[::1]:port". */
static int
parse_tcp(const char *where, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	const char *colon = strrchr(where, ':');
	char host[64];
	int64_t port;
	size_t n;

	if (colon == NULL || (n = (size_t)(colon - where)) >= sizeof(host) ||
	    num_i64(colon + 1, strlen(colon + 1), &port) != NUM_OK ||
	    port < 0 || port > 65535)
		return -1;
	memcpy(host, where, n);
	host[n] = '\0';
	memset(ss, 0, sizeof(*ss));
	if (strcmp(host, "[::1]") == 0) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*in6);
		return 0;
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t)port);
	*len = sizeof(*in4);
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" :
	    host, &in4->sin_addr) != 1)
		return -1;
	return ntohl(in4->sin_addr.s_addr) >> 24 == 127 ? 0 : -1;
}

int
proc_listen(const char *where, int backlog, int *fd, struct err *e)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int one = 1;

	*fd = -1;
	if (strncmp(where, "unix:", 5) == 0)
		return listen_unix(where + 5, backlog, fd, e);
	if (where[0] == '/')
		return listen_unix(where, backlog, fd, e);
	if (parse_tcp(where, &ss, &len) == -1)
		return fail(e, where, "neither a socket path nor a loopback "
		    "address with a port");
	*fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd == -1 ||
	    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1
	    || bind(*fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(*fd, backlog) == -1) {
		sys_fail(e, where, *fd);
		*fd = -1;
		return -1;
	}
	return 0;
}
