/*
 * Sending. What is new goes straight to the socket in one call per client and
 * tick, from bytes that were made once for all clients of a dialect; only
 * what the socket did not take of a frame is handed to libwebsockets, which
 * then tells when the client is ready again. Until then the client is
 * blocked: its place in the ring stays, and how far it is behind is counted.
 * Invariant: bytes go to the socket directly only between whole frames.
 */
#include <errno.h>
#include <libwebsockets.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "shm/shm.h"

enum { IOVS = 64, PORTION = 64 * 1024, CACHE_CAP = 256 << 20 };

/* ---- what a client gets ------------------------------------------------------ */

bool
conn_wants(const struct live_conn *c, const struct live_item *it)
{
	return live_has(&c->sub, it->topic) && live_has(&c->see, it->topic) &&
	    (c->entity == 0 ||
	    live_key_entity(it->topic, it->key) == c->entity);
}

static bool
next_is(const struct live_conn *c, const struct live_place *p,
    const struct live_item *it)
{
	if (!(it->flags & LIVE_BRIEF) && it->off <= p->skip)
		return false;
	/* who was behind skips what is past */
	if (c->lag_frames > 0 && (it->flags & LIVE_PAST))
		return false;
	return conn_wants(c, it);
}

/* ---- bytes that are the same for all ---------------------------------------- */

static void
cache_extend(const struct gateway *g, struct live_stream *s,
    struct live_cache *k, enum live_dialect d)
{
	if (k->a == NULL) {
		k->a = arena_new(CACHE_CAP);
		str_init(&k->bytes, k->a);
	}
	if (k->at.n == 0)
		*VEC_ADD(k->a, &k->at) = 0;
	while (k->next < s->ring.next) {
		live_frame(d, &g->topics, live_ring_at(&s->ring, k->next), NULL,
		    &k->bytes);
		*VEC_ADD(k->a, &k->at) = k->bytes.len;
		k->next++;
	}
}

/* Frame of item i if this tick's bytes hold it. */
static bool
cached(struct live_conn *c, struct live_stream *s, uint64_t i,
    struct iovec *out)
{
	struct live_cache *k = &s->cache[c->dialect];

	if (!live_shared(c->dialect))
		return false;
	if (k->at.n == 0) {
		if (c->at[s->kind].cur != i || c->lag_frames > 0)
			return false;
		k->first = k->next = i;
	}
	if (i < k->first)
		return false;
	if (k->next < s->ring.next)
		cache_extend(c->g, s, k, c->dialect);
	out->iov_base = k->bytes.p + k->at.v[i - k->first];
	out->iov_len = k->at.v[i - k->first + 1] - k->at.v[i - k->first];
	return true;
}

/* ---- one portion ------------------------------------------------------------- */

struct portion {
	struct iovec v[IOVS];
	size_t n, bytes, frames;
	bool full;
};

static void
portion_add(struct portion *p, struct iovec f)
{
	struct iovec *last = p->n == 0 ? NULL : &p->v[p->n - 1];

	if (last != NULL && (char *)last->iov_base + last->iov_len ==
	    (char *)f.iov_base)
		last->iov_len += f.iov_len;
	else
		p->v[p->n++] = f;
	p->bytes += f.iov_len;
	p->frames++;
	p->full = p->n == IOVS || p->bytes >= PORTION;
}

static struct iovec
own_frame(struct live_conn *c, struct live_stream *s,
    const struct live_item *it)
{
	struct live_about ab = { .sequence = c->sequence++ };
	struct iovec f;
	struct str one;

	for (int k = 0; k < LIVE_STREAMS; k++) {
		const struct live_place *q = &c->at[k];

		ab.epoch[k] = q->s == NULL || !q->on ? 0 : q->s->epoch;
		ab.off[k] = q->off;
	}
	if (!(it->flags & LIVE_BRIEF))
		ab.off[s->kind] = it->off;
	str_init(&one, c->g->scratch);
	live_frame(c->dialect, &c->g->topics, it, &ab, &one);
	f.iov_base = one.p;
	f.iov_len = one.len;
	return f;
}

static void
gather(struct live_conn *c, struct live_place *p, struct portion *out)
{
	struct live_stream *s = p->s;

	if (s == NULL || !p->on)
		return;
	if (p->cur < s->ring.first)
		p->cur = s->ring.first;
	while (p->cur < s->ring.next && !out->full) {
		const struct live_item *it = live_ring_at(&s->ring, p->cur);
		struct iovec f;

		if (next_is(c, p, it)) {
			if (!cached(c, s, p->cur, &f))
				f = own_frame(c, s, it);
			portion_add(out, f);
		}
		if (!(it->flags & LIVE_BRIEF) && it->off > p->off)
			p->off = it->off;
		p->cur++;
	}
}

/* ---- the socket --------------------------------------------------------------- */

static void
block(struct live_conn *c)
{
	if (!c->blocked)
		c->blocked_ns = clock_boot_ns();
	c->blocked = true;
	lws_callback_on_writable(c->wsi);
}

/* What the socket did not take: kept by libwebsockets, in order. */
static void
rest(struct live_conn *c, const struct iovec *v, size_t n, size_t skip)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = v[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		if (lws_write(c->wsi, (unsigned char *)v[i].iov_base + skip,
		    len - skip, LWS_WRITE_HTTP) < 0)
			return;		/* its close callback follows */
		skip = 0;
	}
	block(c);
}

/* True if all of it is on its way and more may follow. */
static bool
push(struct live_conn *c, const struct iovec *v, size_t n, size_t bytes)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v,
	    .msg_iovlen = n };
	ssize_t sent = 0;

	if (bytes == 0)
		return true;
	if (!c->blocked && !lws_partial_buffered(c->wsi)) {
		do
			sent = n == 1 ? send(lws_get_socket_fd(c->wsi),
			    v[0].iov_base, v[0].iov_len,
			    MSG_DONTWAIT | MSG_NOSIGNAL) :
			    sendmsg(lws_get_socket_fd(c->wsi), &m,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		while (sent == -1 && errno == EINTR);
		if (sent == (ssize_t)bytes)
			return true;
		if (sent == -1 && errno != EAGAIN)
			return false;	/* the loop will see it closed */
		if (sent == -1)
			sent = 0;
	}
	rest(c, v, n, (size_t)sent);
	return false;
}

void
conn_out(struct live_conn *c, const void *p, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)p, n };

	if (c->state != CONN_CLOSING && c->state != CONN_FREE)
		push(c, &v, 1, n);
}

void
conn_say(struct live_conn *c, const char *event, const char *json, size_t n)
{
	struct str s;

	str_init(&s, c->g->scratch);
	if (c->http) {
		str_addf(&s, "event: %s\ndata: ", event);
		str_addn(&s, json, n);
		str_add(&s, "\n\n");
	} else
		live_text(&s, json, n);
	conn_out(c, s.p, s.len);
}

/* ---- falling behind ------------------------------------------------------------ */

static void
count_lag(struct live_conn *c, struct live_place *p)
{
	struct live_stream *s = p->s;

	if (s == NULL || !p->on)
		return;
	if (p->counted < p->cur)
		p->counted = p->cur;
	for (; p->counted < s->ring.next; p->counted++) {
		const struct live_item *it = live_ring_at(&s->ring,
		    p->counted);

		if (it == NULL || !conn_wants(c, it))
			continue;
		c->lag_frames++;
		c->lag_bytes += it->data_len + it->entity_len + 100;
	}
}

/* Over the limit: what is past does not count any more. */
static void
recount(struct live_conn *c)
{
	c->lag_frames = 1;		/* it is behind */
	c->lag_bytes = 0;
	for (int k = 0; k < LIVE_STREAMS; k++) {
		const struct live_place *p = &c->at[k];
		uint64_t i;

		if (p->s == NULL || !p->on)
			continue;
		for (i = p->cur; i < p->s->ring.next; i++) {
			const struct live_item *it = live_ring_at(&p->s->ring,
			    i);

			if (it == NULL || (it->flags & LIVE_PAST) ||
			    !conn_wants(c, it))
				continue;
			c->lag_frames++;
			c->lag_bytes += it->data_len + it->entity_len + 100;
		}
	}
}

static void
lag(struct live_conn *c)
{
	const struct platform_live_conf *cf = c->g->conf;

	for (int k = 0; k < LIVE_STREAMS; k++)
		count_lag(c, &c->at[k]);
	if ((int64_t)c->lag_frames <= cf->lag_frames &&
	    (int64_t)c->lag_bytes <= cf->lag_bytes)
		return;
	recount(c);
	if ((int64_t)c->lag_frames <= cf->lag_frames &&
	    (int64_t)c->lag_bytes <= cf->lag_bytes)
		return;
	metric_add(&platform_ws_lag_closed, 0, 0, 1);
	conn_close(c, 4001, "too slow");
}

/* ---- all that is new ------------------------------------------------------------- */

static bool
behind(const struct live_conn *c)
{
	for (int k = 0; k < LIVE_STREAMS; k++) {
		const struct live_place *p = &c->at[k];

		if (p->s != NULL && p->on && p->cur < p->s->ring.next)
			return true;
	}
	return false;
}

void
conn_flush(struct live_conn *c)
{
	struct arena_mark m = arena_mark(c->g->scratch);
	struct portion p;
	bool go = true;

	if (c->state != CONN_READY)
		return;
	if (c->blocked) {
		lag(c);
		return;
	}
	while (go && behind(c)) {
		p.n = p.bytes = p.frames = 0;
		p.full = false;
		/* the installation's first: SSE ids name both */
		gather(c, &c->at[LIVE_INSTALLATION], &p);
		gather(c, &c->at[LIVE_TENANT], &p);
		c->sent += p.frames;
		c->g->sent += p.frames;
		go = push(c, p.v, p.n, p.bytes);
		arena_rewind(c->g->scratch, m);
	}
	/* from here on it is behind by what comes */
	c->lag_frames = c->blocked;
	c->lag_bytes = 0;
	for (int k = 0; k < LIVE_STREAMS; k++)
		c->at[k].counted = c->at[k].cur;
}

void
conn_writeable(struct live_conn *c)
{
	if (lws_partial_buffered(c->wsi)) {
		lws_callback_on_writable(c->wsi);
		return;
	}
	c->blocked = false;
	if (c->waits_page) {
		c->waits_page = false;
		conn_page_next(c);
	}
	conn_flush(c);
}
