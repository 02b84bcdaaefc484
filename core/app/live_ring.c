/*
 * The latest events of one stream in memory. Bytes lie in chunks that are
 * dropped as a whole when their newest item has fallen out. Invariant: the
 * items first … next - 1 are there, and of the state items with one key
 * exactly the newest is not marked LIVE_PAST. Pure.
 */
#include <string.h>

#include "app/live.h"
#include "base/codec.h"

enum { FIRST_CAP = 64, CHUNK = 56 * 1024, CHUNK_CAP = 8 << 20 };

uint64_t
live_key(size_t topic, const char *entity, size_t n)
{
	return live_key_entity(topic, fnv1a(entity, n, 0));
}

uint64_t
live_key_entity(size_t topic, uint64_t key)
{
	return key ^ (topic + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

void
live_ring_open(struct live_ring *r, struct arena *a, size_t max_items,
    size_t max_bytes)
{
	memset(r, 0, sizeof(*r));
	r->a = a;
	r->max = max_items;
	r->max_bytes = max_bytes;
}

static struct live_item *
slot(const struct live_ring *r, uint64_t number)
{
	return &r->v[number & (r->cap - 1)];
}

const struct live_item *
live_ring_at(const struct live_ring *r, uint64_t number)
{
	return number >= r->first && number < r->next ? slot(r, number) :
	    NULL;
}

static void
grow(struct live_ring *r)
{
	struct live_ring old = *r;

	r->cap = old.cap == 0 ? FIRST_CAP : old.cap * 2;
	r->v = arena_array(r->a, r->cap, sizeof(*r->v));
	for (uint64_t i = old.first; i < old.next; i++)
		*slot(r, i) = *slot(&old, i);
}

bool
live_ring_full(const struct live_ring *r, size_t n)
{
	return r->first < r->next && (r->next - r->first >= r->max ||
	    r->bytes + n > r->max_bytes);
}

void
live_ring_drop(struct live_ring *r)
{
	const struct live_item *it = slot(r, r->first);

	r->bytes -= it->entity_len + it->data_len;
	while (r->chunks.n > 0 && r->chunks.v[0].last <= r->first) {
		arena_free(r->chunks.v[0].a);
		r->chunks.n--;
		memmove(r->chunks.v, r->chunks.v + 1,
		    r->chunks.n * sizeof(*r->chunks.v));
	}
	r->first++;
}

static struct live_chunk *
chunk_for(struct live_ring *r, size_t n)
{
	struct live_chunk *c = r->chunks.n == 0 ? NULL :
	    &r->chunks.v[r->chunks.n - 1];

	if (c == NULL || (arena_used(c->a) > 0 &&
	    arena_used(c->a) + n > CHUNK)) {
		c = VEC_ADD(r->a, &r->chunks);
		c->a = arena_new(CHUNK_CAP);
	}
	return c;
}

/* The one before of the same key is past now. */
static void
supersede(struct live_ring *r, const struct live_item *it)
{
	for (uint64_t i = r->next; i-- > r->first;) {
		struct live_item *old = slot(r, i);

		if (old->key == it->key && (old->flags & LIVE_STATE)) {
			old->flags |= LIVE_PAST;
			return;
		}
	}
}

uint64_t
live_ring_push(struct live_ring *r, const struct live_item *it)
{
	size_t n = it->entity_len + it->data_len;
	struct live_item *to;
	struct live_chunk *c;
	char *p;

	while (live_ring_full(r, n))
		live_ring_drop(r);
	if (r->next - r->first == r->cap)
		grow(r);
	if (it->flags & LIVE_STATE)
		supersede(r, it);
	c = chunk_for(r, n);
	p = arena_alloc(c->a, n + 1);
	memcpy(p, it->entity, it->entity_len);
	memcpy(p + it->entity_len, it->data, it->data_len);
	to = slot(r, r->next);
	*to = *it;
	to->entity = p;
	to->data = p + it->entity_len;
	c->last = r->next;
	r->bytes += n;
	return r->next++;
}

bool
live_ring_after(const struct live_ring *r, int64_t off, uint64_t *number)
{
	uint64_t i = r->next;

	/* backwards: who resumes is seldom far behind */
	while (i > r->first) {
		const struct live_item *it = slot(r, i - 1);

		if (!(it->flags & LIVE_BRIEF) && it->off <= off) {
			*number = i;
			return it->off == off;
		}
		i--;
		if (!(it->flags & LIVE_BRIEF) && it->off == off + 1) {
			*number = i;
			return true;
		}
	}
	return false;
}

int64_t
live_flush_at(int64_t now_ns, int64_t last_ns, int64_t tick_ms)
{
	int64_t next = last_ns + tick_ms * 1000000;

	return next > now_ns ? next : now_ns;
}

void
live_ring_clear(struct live_ring *r)
{
	for (size_t i = 0; i < r->chunks.n; i++)
		arena_free(r->chunks.v[i].a);
	r->chunks.n = 0;
	r->bytes = 0;
	r->first = r->next;
}
