/*
 * From "subscribe" to live, without a hole and without a double. First the
 * position in each stream is fixed (from memory, or by the helper), then the
 * client is told where it stands and whether that is all it missed; then come
 * the events from there on, read in pages as the client takes them, and from
 * the ring as soon as that holds all the rest. `recovered` is true only if
 * nothing after the client's own position is missing.
 */
#include <string.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "shm/shm.h"

enum { PAGE = 100 };

static void
ask(struct live_conn *c, enum live_stream_kind k, int64_t since,
    int64_t epoch, int64_t limit)
{
	struct live_bits bits = live_and(c->sub, c->see);
	struct live_link *l = &c->g->link;

	c->page_ns = clock_boot_ns();
	link_begin(l, LINK_READ, conn_id(c));
	link_i64(l, ++c->page_seq);
	link_i64(l, k);
	link_bytes(l, &c->at[k].s->tenant, sizeof(struct uuid));
	link_i64(l, since);
	link_i64(l, epoch);
	link_i64(l, limit);
	link_bytes(l, &bits, sizeof(bits));
	link_end(l);
	link_push(c->g);
}

/* Everything after the offset comes from the ring. */
static void
fix(struct live_place *p, uint64_t cur, int64_t off, int64_t skip,
    bool recovered)
{
	p->cur = p->counted = cur;
	p->off = off;
	p->skip = skip;
	p->fixed = p->on = true;
	p->paging = false;
	p->recovered = recovered;
}

/* From memory, if that is enough. */
static bool
fix_here(struct live_place *p)
{
	struct live_stream *s = p->s;
	const struct live_since *w = &p->since;
	uint64_t cur;

	if (!s->known)
		return false;
	if (!w->given) {
		fix(p, s->ring.next, s->top, s->top, true);
		return true;
	}
	if (w->epoch != s->epoch || w->off > s->top)
		return false;
	if (w->off == s->top) {
		fix(p, s->ring.next, s->top, s->top, true);
		return true;
	}
	if (s->row_top != s->top ||
	    !live_ring_after(&s->ring, w->off, &cur))
		return false;
	fix(p, cur, w->off, w->off, true);
	return true;
}

static bool
wants_stream(const struct live_conn *c, enum live_stream_kind k)
{
	struct live_bits all = live_and(c->sub, c->g->topics.all);

	return k == LIVE_TENANT || !live_none(&all);
}

/* The next stream whose place is not known; then the client is told. */
static void
fix_next(struct live_conn *c)
{
	for (int k = LIVE_STREAMS; k-- > 0;) {
		struct live_place *p = &c->at[k];

		if (p->s == NULL || p->fixed)
			continue;
		if (!fix_here(p)) {
			ask(c, (enum live_stream_kind)k, p->since.given ?
			    p->since.off : -1, p->since.given ?
			    p->since.epoch : 0, 0);
			return;
		}
	}
	if (!c->subscribed) {
		c->subscribed = true;
		conn_subscribed(c);
	}
	conn_page_next(c);
	conn_flush(c);
	conn_waiting(c);		/* what was said meanwhile */
}

static void
join(struct live_conn *c)
{
	static const struct uuid nil;

	for (int k = 0; k < LIVE_STREAMS; k++) {
		struct live_since w = c->at[k].since;

		if (c->at[k].s != NULL ||
		    !wants_stream(c, (enum live_stream_kind)k))
			continue;
		stream_join(stream_get(c->g, k == LIVE_TENANT ? c->tenant :
		    nil, (enum live_stream_kind)k), c);
		c->at[k].since = w;
	}
}

void
conn_subscribe(struct live_conn *c, struct live_bits add)
{
	size_t before = live_count(&c->sub);

	c->sub = live_or(c->sub, add);
	c->g->nsubs += live_count(&c->sub) - before;
	join(c);
	c->subscribed = false;		/* to be answered */
	fix_next(c);
}

void
conn_unsubscribe(struct live_conn *c, struct live_bits less)
{
	size_t before = live_count(&c->sub);

	c->sub = live_without(c->sub, less);
	c->named = live_without(c->named, less);
	c->g->nsubs -= before - live_count(&c->sub);
}

/* ---- answers of the helper ----------------------------------------------------- */

struct page {
	int64_t kind, epoch, top, next;
	bool recovered;
};

static void
head_known(struct live_stream *s, const struct page *g)
{
	if (s->known && s->epoch != g->epoch && g->epoch != 0)
		return;			/* its clients are sent away below */
	s->known = true;
	s->epoch = g->epoch;
	if (s->top < g->top)
		s->top = g->top;
}

/* First answer: where is the client, and is that all? */
static void
fixed_by_page(struct live_conn *c, struct live_place *p,
    const struct page *g)
{
	struct live_stream *s = p->s;
	bool ok = g->recovered && g->top - p->since.off <=
	    c->g->conf->resume_events;

	if (!p->since.given || !ok || p->since.off >= g->top) {
		fix(p, s->ring.next, g->top, g->top,
		    !p->since.given || ok);
		return;
	}
	p->off = p->skip = p->since.off;
	p->fixed = p->paging = p->recovered = true;
}

/* All that was asked for is sent: from here the ring. */
static void
page_ends(struct live_conn *c, struct live_place *p, const struct page *g)
{
	struct live_stream *s = p->s;
	uint64_t cur = s->ring.next;

	p->off = p->skip = g->next;
	if (g->next < s->row_top &&
	    !live_ring_after(&s->ring, g->next, &cur)) {
		conn_page_next(c);
		return;
	}
	if (g->next < g->top && s->row_top == 0) {
		conn_page_next(c);	/* nobody else will bring the rest */
		return;
	}
	fix(p, cur, g->next, g->next, true);
	conn_page_next(c);		/* the other stream's */
	conn_flush(c);
}

static void
send_page(struct live_conn *c, struct live_place *p, struct live_packet *in)
{
	struct live_item it;
	struct str s;

	str_init(&s, c->g->scratch);
	while (packet_item(in, &it)) {
		struct live_about ab = { .sequence = c->sequence };

		if (it.topic >= c->g->topics.n || !conn_wants(c, &it))
			continue;
		c->sequence++;
		p->off = it.off;
		for (int k = 0; k < LIVE_STREAMS; k++)
			if (c->at[k].s != NULL) {
				ab.epoch[k] = c->at[k].s->epoch;
				ab.off[k] = c->at[k].off;
			}
		live_frame((enum live_dialect)c->dialect, &c->g->topics, &it,
		    &ab, &s);
		c->sent++;
		c->g->sent++;
	}
	if (s.len > 0)
		conn_out(c, s.p, s.len);
}

void
conn_page(struct live_conn *c, struct live_packet *in)
{
	bool latest = packet_i64(in) == c->page_seq;
	struct page g = { .kind = packet_i64(in) };
	struct live_place *p;

	if (!latest)
		return;			/* asked for again meanwhile */
	c->page_ns = 0;
	g.epoch = packet_i64(in);
	g.top = packet_i64(in);
	g.next = packet_i64(in);
	g.recovered = packet_i64(in) != 0;
	if (in->bad || g.kind < 0 || g.kind >= LIVE_STREAMS)
		return;
	p = &c->at[g.kind];
	if (c->state != CONN_READY || p->s == NULL)
		return;
	head_known(p->s, &g);
	if (p->s->epoch != g.epoch) {
		stream_broken(c->g, p->s);
		return;
	}
	if (!p->fixed) {
		fixed_by_page(c, p, &g);
		fix_next(c);
		return;
	}
	if (!p->paging)
		return;
	if (!g.recovered) {
		conn_close(c, 4001, "resume");
		return;
	}
	send_page(c, p, in);
	if (c->state == CONN_READY)
		page_ends(c, p, &g);
}

/* One page at a time, and not before the client has taken the last one. */
void
conn_page_next(struct live_conn *c)
{
	for (int k = LIVE_STREAMS; k-- > 0;) {
		struct live_place *p = &c->at[k];

		if (p->s == NULL || (p->fixed && !p->paging))
			continue;
		if (c->blocked) {
			c->waits_page = true;
			return;
		}
		if (p->fixed)
			ask(c, (enum live_stream_kind)k, p->off,
			    p->s->epoch, PAGE);
		else
			fix_next(c);
		return;
	}
}
