/*
 * The client of ws.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/harness/raw.h"
#include "tests/harness/ws.h"

enum { BUFFER = 4 << 20, HANDSHAKE_MS = 30000 };

static int64_t
now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static void
lost(struct ws *w)
{
	if (w->code == 0)
		w->code = 1006;
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}

/* More bytes; false: none in time, or the end. */
static bool
more(struct ws *w, int64_t until)
{
	struct pollfd p = { w->fd, POLLIN, 0 };
	int64_t left = until - now_ms();
	ssize_t n;

	if (w->fd == -1 || w->have == BUFFER)
		return false;
	if (poll(&p, 1, left < 0 ? 0 : (int)left) <= 0)
		return false;
	n = recv(w->fd, w->buf + w->have, BUFFER - w->have, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		lost(w);
		return false;
	}
	w->have += (size_t)n;
	return true;
}

static void
take(struct ws *w, size_t n)
{
	memmove(w->buf, w->buf + n, w->have - n);
	w->have -= n;
}

void
ws_bytes(struct ws *w, const void *p, size_t n)
{
	const char *at = p;

	while (w->fd != -1 && n > 0) {
		ssize_t k = send(w->fd, at, n, MSG_NOSIGNAL);

		if (k <= 0)
			return;		/* the reader will see it */
		at += k;
		n -= (size_t)k;
	}
}

static void
handshake(struct ws *w, int port, const char *path, const char *headers)
{
	const char *text = arena_printf(w->a, "GET %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path,
	    port, headers == NULL ? "" : headers);
	int64_t until = now_ms() + HANDSHAKE_MS;
	const unsigned char *end;

	ws_bytes(w, text, strlen(text));
	while ((end = memmem(w->buf, w->have, "\r\n\r\n", 4)) == NULL)
		if (!more(w, until))
			break;
	if (w->have > 12)
		w->status = atoi((char *)w->buf + 9);
	if (w->status == 101)
		take(w, (size_t)(end + 4 - w->buf));
	else
		lost(w);
}

struct ws
ws_open(struct arena *a, int port, const char *path, const char *headers)
{
	struct ws w = { .a = a, .fd = raw_connect(port) };

	w.buf = arena_alloc(a, BUFFER);
	if (w.fd != -1)
		handshake(&w, port, path, headers);
	return w;
}

void
ws_close(struct ws *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}

void
ws_frame(struct ws *w, uint8_t first, const void *p, size_t n)
{
	static const uint8_t key[4] = { 0x11, 0x22, 0x33, 0x44 };
	uint8_t *f = arena_alloc(w->a, n + 14);
	size_t h = 2;

	f[0] = first;
	if (n < 126)
		f[1] = (uint8_t)(0x80 | n);
	else if (n < 65536) {
		f[1] = 0x80 | 126;
		f[2] = (uint8_t)(n >> 8);
		f[3] = (uint8_t)n;
		h = 4;
	} else {
		f[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			f[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
		h = 10;
	}
	memcpy(f + h, key, 4);
	for (size_t i = 0; i < n; i++)
		f[h + 4 + i] = ((const uint8_t *)p)[i] ^ key[i % 4];
	ws_bytes(w, f, h + 4 + n);
}

void
ws_say(struct ws *w, const char *text)
{
	ws_frame(w, 0x81, text, strlen(text));
}

static bool
whole(const struct ws *w, size_t *head, size_t *n)
{
	if (w->have < 2)
		return false;
	*n = w->buf[1] & 127;
	*head = 2;
	if (*n == 126) {
		if (w->have < 4)
			return false;
		*n = (size_t)w->buf[2] << 8 | w->buf[3];
		*head = 4;
	} else if (*n == 127) {
		if (w->have < 10)
			return false;
		*n = 0;
		for (int i = 0; i < 8; i++)
			*n = *n << 8 | w->buf[2 + i];
		*head = 10;
	}
	return w->have >= *head + *n;
}

int
ws_next_frame(struct ws *w, int ms, const char **payload, size_t *n)
{
	int64_t until = now_ms() + ms;
	size_t head;
	char *copy;
	int opcode;

	while (!whole(w, &head, n))
		if (!more(w, until))
			return -1;
	opcode = w->buf[0] & 15;
	copy = arena_alloc(w->a, *n + 1);
	memcpy(copy, w->buf + head, *n);
	*payload = copy;
	take(w, head + *n);
	if (opcode == 8) {
		const uint8_t *p = (const uint8_t *)*payload;

		w->code = *n >= 2 ? p[0] << 8 | p[1] : 1005;
		snprintf(w->reason, sizeof(w->reason), "%s", *n > 2 ?
		    *payload + 2 : "");
	}
	if (opcode == 9 && !w->deaf)
		ws_frame(w, 0x8a, *payload, *n);
	return opcode;
}

const char *
ws_next(struct ws *w, int ms)
{
	int64_t until = now_ms() + ms;
	const char *p;
	size_t n;

	for (;;) {
		int64_t left = until - now_ms();
		int op = ws_next_frame(w, left < 0 ? 0 : (int)left, &p, &n);

		if (op == -1 || op == 8)
			return NULL;
		if (op == 1)
			return p;
	}
}

struct json_object *
ws_wait(struct ws *w, const char *type, int ms)
{
	int64_t until = now_ms() + ms;
	const char *text;

	for (;;) {
		int64_t left = until - now_ms();
		struct json_object *o, *v;

		if ((text = ws_next(w, left < 0 ? 0 : (int)left)) == NULL)
			return NULL;
		o = json_tokener_parse(text);
		if (json_object_object_get_ex(o, "type", &v) &&
		    strcmp(json_object_get_string(v), type) == 0)
			return o;
		json_object_put(o);
	}
}

int
ws_wait_close(struct ws *w, int ms)
{
	int64_t until = now_ms() + ms;
	const char *p;
	size_t n;

	while (w->code == 0) {
		int64_t left = until - now_ms();

		if (ws_next_frame(w, left < 0 ? 0 : (int)left, &p, &n) ==
		    -1 && w->code == 0)
			return 0;
	}
	return w->code;
}
