/*
 * The link between gateway and helper: messages with a length in front, in
 * the byte order of the host, since both are one program. A message longer
 * than any event may be ends the link.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/live_proc.h"

enum { BUFFER_CAP = 256 << 20, MESSAGE_MAX = 64 << 20, READ = 256 * 1024 };

void
link_open(struct live_link *l, int fd)
{
	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->in_a = arena_new(BUFFER_CAP);
	l->out_a = arena_new(BUFFER_CAP);
	arena_set_secret(l->in_a);
	arena_set_secret(l->out_a);
	str_init(&l->in, l->in_a);
	str_init(&l->out, l->out_a);
}

void
link_close(struct live_link *l)
{
	if (l->in_a == NULL)
		return;
	if (l->fd != -1)
		close(l->fd);
	arena_free(l->in_a);
	arena_free(l->out_a);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

static void
empty(struct str *s, struct arena *a, size_t *at)
{
	arena_reset(a);
	str_init(s, a);
	*at = 0;
}

/* ---- writing ------------------------------------------------------------------ */

void
link_begin(struct live_link *l, enum live_kind kind, uint64_t id)
{
	struct live_head h = { 0, kind, id };

	if (l->out_at == l->out.len || l->fd == -1)
		empty(&l->out, l->out_a, &l->out_at);
	l->start = l->out.len;
	str_addn(&l->out, &h, sizeof(h));
}

void
link_end(struct live_link *l)
{
	struct live_head *h = (struct live_head *)(void *)
	    (l->out.p + l->start);
	uint32_t len = (uint32_t)(l->out.len - l->start - sizeof(*h));

	memcpy(l->out.p + l->start, &len, sizeof(len));
}

void
link_i64(struct live_link *l, int64_t v)
{
	str_addn(&l->out, &v, sizeof(v));
}

void
link_bytes(struct live_link *l, const void *p, size_t n)
{
	str_addn(&l->out, p, n);
}

void
link_text(struct live_link *l, const char *s)
{
	size_t n = s == NULL ? 0 : strlen(s);

	link_i64(l, (int64_t)n);
	link_bytes(l, s == NULL ? "" : s, n);
	link_bytes(l, "", 1);
}

void
link_item(struct live_link *l, const struct live_item *it)
{
	link_bytes(l, it, sizeof(*it));		/* its pointers mean nothing */
	link_bytes(l, it->entity, it->entity_len);
	link_bytes(l, it->data, it->data_len);
}

int
link_flush(struct live_link *l)
{
	while (l->out_at < l->out.len) {
		ssize_t n = send(l->fd, l->out.p + l->out_at,
		    l->out.len - l->out_at, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return 1;
		if (n <= 0)
			return -1;
		l->out_at += (size_t)n;
	}
	return 0;
}

/* ---- reading ------------------------------------------------------------------ */

int
link_fill(struct live_link *l)
{
	ssize_t n;

	if (l->in_at == l->in.len)
		empty(&l->in, l->in_a, &l->in_at);
	else if (l->in_at > READ) {
		memmove(l->in.p, l->in.p + l->in_at, l->in.len - l->in_at);
		l->in.len -= l->in_at;
		l->in_at = 0;
	}
	str_reserve(&l->in, READ);
	do
		n = recv(l->fd, l->in.p + l->in.len, READ, MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	l->in.len += (size_t)n;
	l->in.p[l->in.len] = '\0';
	return 1;
}

bool
link_next(struct live_link *l, struct live_packet *out)
{
	struct live_head h;

	if (l->in.len - l->in_at < sizeof(h))
		return false;
	memcpy(&h, l->in.p + l->in_at, sizeof(h));
	if (h.len > MESSAGE_MAX) {
		shutdown(l->fd, SHUT_RDWR);
		return false;
	}
	if (l->in.len - l->in_at - sizeof(h) < h.len)
		return false;
	*out = (struct live_packet){ h.kind, h.id,
	    l->in.p + l->in_at + sizeof(h), NULL, false };
	out->end = out->p + h.len;
	l->in_at += sizeof(h) + h.len;
	return true;
}

const void *
packet_bytes(struct live_packet *p, size_t n)
{
	const void *at = p->p;

	if (p->bad || (size_t)(p->end - p->p) < n) {
		p->bad = true;
		return NULL;
	}
	p->p += n;
	return at;
}

int64_t
packet_i64(struct live_packet *p)
{
	const void *at = packet_bytes(p, sizeof(int64_t));
	int64_t v = 0;

	if (at != NULL)
		memcpy(&v, at, sizeof(v));
	return v;
}

const char *
packet_text(struct live_packet *p)
{
	int64_t n = packet_i64(p);
	const char *s = n < 0 ? NULL : packet_bytes(p, (size_t)n + 1);

	if (s == NULL || s[n] != '\0') {
		p->bad = true;
		return "";
	}
	return s;
}

bool
packet_item(struct live_packet *p, struct live_item *it)
{
	const void *at;

	if (p->p == p->end ||
	    (at = packet_bytes(p, sizeof(*it))) == NULL)
		return false;
	memcpy(it, at, sizeof(*it));
	it->entity = packet_bytes(p, it->entity_len);
	it->data = packet_bytes(p, it->data_len);
	return !p->bad && it->topic < LIVE_TOPICS;
}
