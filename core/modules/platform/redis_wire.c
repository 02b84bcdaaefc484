/*
 * PING to a Redis, the whole protocol we speak to it. Loopback or not is the
 * operator's choice; nothing that a client sends ever reaches this.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "modules/platform/health.h"

struct redis_url {
	char user[64], pass[256], host[256], port[8];
};

static int
copy(char *out, size_t cap, const char *p, size_t n)
{
	if (n >= cap)
		return -1;
	memcpy(out, p, n);
	out[n] = '\0';
	return 0;
}

/* redis://[user:]password@host:port/db; the database does not matter. */
static int
parse(const char *url, struct redis_url *u)
{
	const char *p = strstr(url, "://"), *at, *colon;
	size_t n;

	memset(u, 0, sizeof(*u));
	if (p == NULL)
		return -1;
	p += 3;
	n = strcspn(p, "/?");
	at = memchr(p, '@', n);
	if (at != NULL) {
		colon = memchr(p, ':', (size_t)(at - p));
		if (copy(u->user, sizeof(u->user), p,
		    colon == NULL ? 0 : (size_t)(colon - p)) == -1)
			return -1;
		colon = colon == NULL ? p : colon + 1;
		if (copy(u->pass, sizeof(u->pass), colon,
		    (size_t)(at - colon)) == -1)
			return -1;
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	colon = memchr(p, ':', n);
	if (copy(u->host, sizeof(u->host), p,
	    colon == NULL ? n : (size_t)(colon - p)) == -1)
		return -1;
	return colon == NULL ? copy(u->port, sizeof(u->port), "6379", 4) :
	    copy(u->port, sizeof(u->port), colon + 1,
	    n - (size_t)(colon + 1 - p));
}

static int
open_socket(const struct redis_url *u, int timeout_ms)
{
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *res;
	int fd = -1;

	if (getaddrinfo(u->host, u->port, &hints, &res) != 0)
		return -1;
	for (struct addrinfo *r = res; r != NULL && fd == -1; r = r->ai_next) {
		fd = socket(r->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		if (connect(fd, r->ai_addr, r->ai_addrlen) == -1) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(res);
	return fd;
}

/* Sends a command and wants the reply to start with what is given. */
static int
say(int fd, const char *cmd, size_t n, const char *want, char *detail,
    size_t cap)
{
	char buf[256];
	size_t have = 0;
	ssize_t got;

	if (send(fd, cmd, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -1;
	while (have < sizeof(buf) - 1 && memchr(buf, '\n', have) == NULL) {
		got = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (got <= 0)
			return -1;
		have += (size_t)got;
	}
	buf[have] = '\0';
	if (strncmp(buf, want, strlen(want)) == 0)
		return 0;
	buf[strcspn(buf, "\r\n")] = '\0';
	snprintf(detail, cap, "%.100s", buf);
	return -1;
}

int
platform_redis_ping(const char *url, int timeout_ms, char *detail, size_t n)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";
	struct redis_url u;
	char cmd[512];
	int fd, len, rc = -1;

	detail[0] = '\0';
	if (parse(url, &u) == -1) {
		snprintf(detail, n, "redis.url is not a usable URL");
		return -1;
	}
	fd = open_socket(&u, timeout_ms);
	if (fd == -1) {
		snprintf(detail, n, "no connection");
		return -1;
	}
	len = u.pass[0] == '\0' ? 0 : u.user[0] == '\0' ?
	    snprintf(cmd, sizeof(cmd), "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n",
	    strlen(u.pass), u.pass) :
	    snprintf(cmd, sizeof(cmd), "*3\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n"
	    "$%zu\r\n%s\r\n", strlen(u.user), u.user, strlen(u.pass), u.pass);
	if ((len == 0 || say(fd, cmd, (size_t)len, "+OK", detail, n) == 0) &&
	    say(fd, ping, sizeof(ping) - 1, "+PONG", detail, n) == 0)
		rc = 0;
	else if (detail[0] == '\0')
		snprintf(detail, n, "no answer");
	close(fd);
	return rc;
}
