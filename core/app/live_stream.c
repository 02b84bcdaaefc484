/*
 * Streams of the gateway: one per tenant that somebody follows, and the
 * installation's. New events go into the ring; at the end of a tick all
 * clients of the streams that changed are served.
 */
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "shm/shm.h"

enum { IDLE_S = 300, STREAM_CAP = 64 << 20 };

struct live_stream *
stream_get(struct gateway *g, struct uuid tenant, enum live_stream_kind kind)
{
	char key[UUID_TEXT];
	struct live_stream *s = map_get(g->by_tenant,
	    uuid_format(tenant, key));

	if (s != NULL)
		return s;
	s = arena_alloc(g->a, sizeof(*s));
	s->tenant = tenant;
	s->kind = kind;
	s->next = g->streams;
	g->streams = s;
	map_put(g->by_tenant, arena_strdup(g->a, key), s);
	return s;
}

/* A stream without clients is not followed; who comes asks for its head. */
static void
wake(struct gateway *g, struct live_stream *s)
{
	if (s->a != NULL)
		return;
	s->a = arena_new(STREAM_CAP);
	memset(&s->conns, 0, sizeof(s->conns));
	live_ring_open(&s->ring, s->a, (size_t)g->conf->ring_frames,
	    (size_t)g->conf->ring_bytes);
	s->known = false;
	s->epoch = s->top = s->row_top = 0;
	s->served = s->unserved_bytes = 0;
}

void
stream_join(struct live_stream *s, struct live_conn *c)
{
	struct live_place *p = &c->at[s->kind];

	wake(c->g, s);
	p->s = s;
	p->index = s->conns.n;
	*VEC_ADD(s->a, &s->conns) = c;
	s->left_ns = 0;
}

void
stream_leave(struct live_stream *s, struct live_conn *c)
{
	struct live_place *p = &c->at[s->kind];
	struct live_conn *last = s->conns.v[s->conns.n - 1];

	s->conns.v[p->index] = last;
	last->at[s->kind].index = p->index;
	s->conns.n--;
	memset(p, 0, sizeof(*p));
	if (s->conns.n == 0)
		s->left_ns = clock_boot_ns();
}

static void
cache_free(struct live_cache *k)
{
	arena_free(k->a);
	memset(k, 0, sizeof(*k));
}

void
streams_forget_idle(struct gateway *g, int64_t now_ns)
{
	for (struct live_stream *s = g->streams; s != NULL; s = s->next) {
		if (s->a == NULL || s->conns.n > 0 || s->left_ns == 0 ||
		    s->dirty ||
		    now_ns - s->left_ns < IDLE_S * INT64_C(1000000000))
			continue;
		live_ring_clear(&s->ring);
		for (size_t d = 0; d <= LIVE_ECHO; d++)
			cache_free(&s->cache[d]);
		arena_free(s->a);
		s->a = NULL;
		s->known = false;
		s->left_ns = 0;
	}
}

/* What falls out of the ring and a client still needs: it has to resume. */
static void
overrun(struct live_stream *s)
{
	const struct live_item *it = live_ring_at(&s->ring, s->ring.first);

	if (it == NULL || (it->flags & LIVE_PAST))
		return;
	for (size_t i = 0; i < s->conns.n; i++) {
		struct live_conn *c = s->conns.v[i];
		struct live_place *p = &c->at[s->kind];

		if (p->on && c->blocked && p->cur <= s->ring.first &&
		    conn_wants(c, it))
			conn_close(c, 4001, "too slow");
	}
}

static void
serve(struct live_stream *s)
{
	/* backwards: a client that fails leaves the list */
	for (size_t i = s->conns.n; i-- > 0;)
		if (i < s->conns.n)
			conn_flush(s->conns.v[i]);
	s->served = s->ring.next;
	s->unserved_bytes = 0;
	for (size_t d = 0; d <= LIVE_ECHO; d++) {
		struct live_cache *k = &s->cache[d];

		if (k->a == NULL)
			continue;
		arena_reset(k->a);
		str_init(&k->bytes, k->a);
		memset(&k->at, 0, sizeof(k->at));
		k->first = k->next = s->ring.next;
	}
}

/* A burst must not push out what nobody was given yet. */
static bool
must_serve(const struct live_stream *s)
{
	return s->ring.next - s->served >= s->ring.max / 2 ||
	    s->unserved_bytes >= s->ring.max_bytes / 4;
}

void
stream_push(struct gateway *g, struct live_stream *s,
    const struct live_item *it)
{
	struct live_ring *r = &s->ring;
	size_t n = it->data_len + it->entity_len;

	if (must_serve(s))
		serve(s);
	while (live_ring_full(r, n)) {
		overrun(s);
		live_ring_drop(r);
	}
	live_ring_push(r, it);
	s->unserved_bytes += n;
	if (!s->dirty) {
		s->dirty = true;
		s->next_dirty = g->dirty;
		g->dirty = s;
	}
	gateway_plan_flush(g, (it->flags & (LIVE_BRIEF | LIVE_STATE)) !=
	    (LIVE_BRIEF | LIVE_STATE));
}

void
stream_broken(struct gateway *g, struct live_stream *s)
{
	(void)g;
	for (size_t i = 0; i < s->conns.n; i++)
		conn_close(s->conns.v[i], 4001, "resume");
	live_ring_clear(&s->ring);
	s->served = s->ring.next;
	s->known = false;
	s->top = s->row_top = s->epoch = 0;
}

void
streams_flush(struct gateway *g)
{
	struct live_stream *s;

	while ((s = g->dirty) != NULL) {
		g->dirty = s->next_dirty;
		s->dirty = false;
		if (s->a != NULL)
			serve(s);
	}
	g->flushed_ns = clock_boot_ns();
	if (g->flush_prompt)
		g->prompt_ns = g->flushed_ns;
	g->flush_prompt = false;
	if (g->sent > 0)
		metric_add(&platform_ws_sent, 0, 0, g->sent);
	g->sent = 0;
}
