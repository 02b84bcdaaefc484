/*
 * A client that sends bytes. Knows just enough HTTP to see where a reply
 * ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/harness/raw.h"

enum { DEFAULT_MS = 20000, CHUNK = 16384 };

struct wire {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	struct str got;
	const char *out;
	size_t left;
	bool head_only, ended;
};

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)port);
	return in;
}

int
raw_free_port(void)
{
	struct sockaddr_in in = loopback(0);
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &n) == -1)
		abort();
	close(fd);
	return ntohs(in.sin_port);
}

int
raw_connect(int port)
{
	struct sockaddr_in in = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
wire_open(struct wire *w, const struct raw_target *t)
{
	if ((w->fd = raw_connect(t->port)) == -1)
		return false;
	if (!t->tls) {
		fcntl(w->fd, F_SETFL, O_NONBLOCK);
		return true;
	}
	w->ctx = SSL_CTX_new(TLS_client_method());
	w->ssl = SSL_new(w->ctx);
	SSL_set_fd(w->ssl, w->fd);
	SSL_set_mode(w->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_connect(w->ssl) != 1)
		return false;
	fcntl(w->fd, F_SETFL, O_NONBLOCK);
	return true;
}

static void
wire_close(struct wire *w)
{
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	if (w->fd != -1)
		close(w->fd);
}

/* > 0 bytes, 0 later, -1 end. */
static long
wire_read(struct wire *w, char *buf, size_t n)
{
	ssize_t got;

	if (w->ssl != NULL) {
		int rc = SSL_read(w->ssl, buf, (int)n);
		int why = rc > 0 ? 0 : SSL_get_error(w->ssl, rc);

		return rc > 0 ? rc : why == SSL_ERROR_WANT_READ ||
		    why == SSL_ERROR_WANT_WRITE ? 0 : -1;
	}
	got = recv(w->fd, buf, n, 0);
	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return got > 0 ? got : -1;
}

static void
wire_write(struct wire *w)
{
	size_t n = w->left < CHUNK ? w->left : CHUNK;
	ssize_t put;

	if (w->ssl != NULL)
		put = SSL_write(w->ssl, w->out, (int)n);
	else
		put = send(w->fd, w->out, n, MSG_NOSIGNAL);
	if (put > 0) {
		w->out += put;
		w->left -= (size_t)put;
	} else if (w->ssl == NULL && errno != EAGAIN && errno != EINTR)
		w->left = 0;	/* refused: the reply may be there */
}

/* ---- the reply ---- */

static const char *
find_header(const char *head, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *p = head;

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " \t");
		*len = strcspn(p, "\r");
		return p;
	}
	return NULL;
}

const char *
raw_header(struct arena *a, const struct raw_reply *r, const char *name)
{
	size_t n;
	const char *p = r->head == NULL ? NULL :
	    find_header(r->head, name, &n);

	return p == NULL ? NULL : arena_strndup(a, p, n);
}

/* Decodes a chunked body in place; -1 = not complete. */
static long
dechunk(const char *in, const char *end, char *out)
{
	size_t n = 0;

	for (;;) {
		char *after;
		unsigned long k = strtoul(in, &after, 16);

		if (after == in || (in = strstr(after, "\r\n")) == NULL)
			return -1;
		in += 2;
		if (k == 0)
			return strstr(in, "\r\n") == NULL ? -1 : (long)n;
		if (k + 2 > (size_t)(end - in))
			return -1;
		memcpy(out + n, in, k);
		n += k;
		in += k + 2;
	}
}

/* True once the bytes hold a whole reply. */
static bool
parse(struct wire *w, struct arena *a, struct raw_reply *r)
{
	const char *all = w->got.p, *sep, *p, *body;
	size_t n, have;
	char *text;
	long len;

	if (w->got.len == 0 || (sep = strstr(all, "\r\n\r\n")) == NULL ||
	    strncmp(all, "HTTP/", 5) != 0)
		return false;
	r->status = (int)strtol(all + strcspn(all, " "), NULL, 10);
	r->head = arena_strndup(a, all, (size_t)(sep - all) + 2);
	body = sep + 4;
	have = w->got.len - (size_t)(body - all);
	r->body = "";
	if (w->head_only || r->status == 204 || r->status == 304)
		return true;
	p = find_header(r->head, "Transfer-Encoding", &n);
	if (p != NULL && strncasecmp(p, "chunked", 7) == 0) {
		text = arena_alloc(a, have + 1);
		len = dechunk(body, body + have, text);
		r->body = text;
		r->len = len < 0 ? 0 : (size_t)len;
		return len >= 0;
	}
	p = find_header(r->head, "Content-Length", &n);
	r->len = p == NULL ? have : strtoul(p, NULL, 10);
	if (have < r->len || (p == NULL && !w->ended))
		return false;
	r->body = arena_strndup(a, body, r->len);
	return true;
}

static bool
pump(struct wire *w, int timeout_ms)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	char buf[CHUNK];
	long n;

	if (w->left > 0)
		p.events |= POLLOUT;
	if ((w->ssl == NULL || SSL_pending(w->ssl) == 0) &&
	    poll(&p, 1, timeout_ms) <= 0)
		return false;
	while ((n = wire_read(w, buf, sizeof(buf))) > 0)
		str_addn(&w->got, buf, (size_t)n);
	if (n < 0)
		w->ended = true;
	else if (w->left > 0)
		wire_write(w);
	return true;
}

struct raw_reply
raw_exchange(struct arena *a, const struct raw_target *t, const char *bytes,
    size_t n)
{
	struct raw_reply r = { .head = "", .body = "" };
	struct wire w = { .fd = -1, .out = bytes, .left = n };
	int64_t start = clock_boot_ns(), wait;
	int limit = t->timeout_ms > 0 ? t->timeout_ms : DEFAULT_MS;

	w.head_only = n > 5 && strncmp(bytes, "HEAD ", 5) == 0;
	str_init(&w.got, a);
	if (wire_open(&w, t)) {
		while (!parse(&w, a, &r) && !w.ended) {
			wait = limit - (clock_boot_ns() - start) / 1000000;
			if (wait <= 0 || !pump(&w, (int)wait))
				break;
		}
		parse(&w, a, &r);	/* a body that ends with the stream */
	}
	wire_close(&w);
	r.ms = (double)(clock_boot_ns() - start) / 1e6;
	return r;
}

struct raw_reply
raw_request(struct arena *a, const struct raw_target *t, const char *fmt, ...)
{
	struct str s;
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	str_init(&s, a);
	return raw_exchange(a, t, text, (size_t)n);
}
