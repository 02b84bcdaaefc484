/*
 * Bells. One unbound socket per process sends; it is made again after a fork,
 * since a child must not share the parent's. Refuses to replace a socket that
 * somebody still listens on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "proc/bell.h"

enum { BELL_TEXT = 200, BUFFER = 256 * 1024 };

static char dir[92];
static int out = -1;
static pid_t owner;

void
bell_dir(const char *run_dir)
{
	snprintf(dir, sizeof(dir), "%s", run_dir);
}

static int
address(struct sockaddr_un *sa, const char *name)
{
	int n;

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/bell.%s", dir,
	    name);
	return *dir != '\0' && n > 0 && (size_t)n < sizeof(sa->sun_path) ?
	    0 : -1;
}

static int
sender(void)
{
	int size = BUFFER;

	if (out != -1 && owner == getpid())
		return out;
	if (out != -1)
		close(out);
	owner = getpid();
	out = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (out != -1)
		setsockopt(out, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return out;
}

static int
send_to(const char *name, const void *p, size_t n)
{
	struct sockaddr_un sa;

	if (address(&sa, name) == -1 || sender() == -1)
		return -1;
	return sendto(out, p, n, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&sa, sizeof(sa)) == (ssize_t)n ? 0 : -1;
}

/* True if a live process reads this socket: connecting to one that nobody
 * has bound any more is refused. */
static int
answered(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd == -1 ? -1 : connect(fd, (const struct sockaddr *)sa,
	    sizeof(*sa));

	if (fd != -1)
		close(fd);
	return rc == 0;
}

int
bell_listen(const char *name, int *fd, struct err *e)
{
	struct sockaddr_un sa;
	int size = BUFFER;

	if (address(&sa, name) == -1)
		return err_set(e, 500, "bell", "The run directory's path is "
		    "too long for sockets");
	if (answered(&sa))
		return err_set(e, 409, "bell_taken", "Another process listens "
		    "for \"%s\" in this run directory", name);
	unlink(sa.sun_path);
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd == -1 || bind(*fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		e->native = errno;
		err_set(e, 500, "bell", "Cannot listen on %s: %s", sa.sun_path,
		    strerror(errno));
		if (*fd != -1)
			close(*fd);
		*fd = -1;
		return -1;
	}
	setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

size_t
bell_each(int fd, void (*fn)(void *, const char *), void *arg)
{
	char text[BELL_TEXT + 1];
	size_t count = 0;
	ssize_t n;

	while ((n = recv(fd, text, BELL_TEXT, MSG_DONTWAIT)) >= 0) {
		text[n] = '\0';
		fn(arg, text);
		count++;
	}
	return count;
}

struct latest {
	char *buf;
	size_t cap;
};

static void
keep_latest(void *arg, const char *text)
{
	const struct latest *l = arg;

	if (l->cap > 0)
		snprintf(l->buf, l->cap, "%s", text);
}

size_t
bell_take(int fd, char *buf, size_t cap)
{
	struct latest l = { buf, cap };

	return bell_each(fd, keep_latest, &l);
}

void
bell_ring(const char *name, const char *text)
{
	size_t n = strlen(text);

	send_to(name, text, n < BELL_TEXT ? n : BELL_TEXT);
}

int
bell_send(const char *name, const void *p, size_t n)
{
	return send_to(name, p, n);
}

void
bell_close(const char *name, int fd)
{
	struct sockaddr_un sa;

	if (fd == -1)
		return;
	if (address(&sa, name) == 0)
		unlink(sa.sun_path);
	close(fd);
}
