/*
 * What systemd wants to know and what it hands over, without its library:
 * one datagram per state, and the sockets of a .socket unit from descriptor
 * 3 on. Anything odd (other pid, not listening) is ignored.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/number.h"
#include "proc/manager.h"

void
notify_systemd(const char *state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path == NULL ? 0 : strlen(path);
	int fd;

	if (n < 2 || n >= sizeof(sun.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sun.sun_path, path, n);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	while (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + n)) == -1 && errno == EINTR)
		;
	close(fd);
}

static int64_t
env_number(const char *name)
{
	const char *t = getenv(name);
	int64_t v;

	return t != NULL && num_i64(t, strlen(t), &v) == NUM_OK ? v : -1;
}

int
notify_socket(void)
{
	static int next = 3;
	int64_t n = env_number("LISTEN_FDS");
	int fd, on;
	socklen_t len = sizeof(on);

	if (env_number("LISTEN_PID") != (int64_t)getpid() || n < 1 || n > 64)
		return -1;
	while (next < 3 + n) {
		fd = next++;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0
		    && on != 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
			return fd;
		len = sizeof(on);
	}
	return -1;
}

void
notify_forget(void)
{
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}
