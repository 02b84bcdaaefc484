/*
 * Messages between the dispatcher and its children: fixed numbers, then texts
 * with their lengths, in the machine's own order. Both ends are the same
 * program. A message that does not parse is refused as a whole.
 */
#include <string.h>

#include "app/worker.h"
#include "base/arena.h"

#define NONE UINT32_MAX

struct out {
	uint8_t *p;
	size_t n, cap;
	bool full;
};

static void
put(struct out *o, const void *p, size_t n)
{
	if (o->full || o->cap - o->n < n) {
		o->full = true;
		return;
	}
	if (n > 0)
		memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void
put_i(struct out *o, int64_t v)
{
	put(o, &v, sizeof(v));
}

static void
put_s(struct out *o, const char *s)
{
	uint32_t n = s == NULL ? NONE : (uint32_t)strlen(s);

	put(o, &n, sizeof(n));
	if (s != NULL)
		put(o, s, n);
}

struct in {
	const uint8_t *p;
	size_t n;
	struct arena *a;
	bool bad;
};

static void
get(struct in *i, void *p, size_t n)
{
	if (i->bad || i->n < n) {
		i->bad = true;
		memset(p, 0, n);
		return;
	}
	memcpy(p, i->p, n);
	i->p += n;
	i->n -= n;
}

static int64_t
get_i(struct in *i)
{
	int64_t v;

	get(i, &v, sizeof(v));
	return v;
}

static const char *
get_s(struct in *i)
{
	uint32_t n;
	char *s;

	get(i, &n, sizeof(n));
	if (i->bad || n == NONE)
		return NULL;
	if (i->n < n) {
		i->bad = true;
		return NULL;
	}
	s = arena_strndup(i->a, (const char *)i->p, n);
	i->p += n;
	i->n -= n;
	return s;
}

long
wire_put_job(uint8_t *buf, size_t cap, const struct wire_job *j)
{
	struct out o = { .p = buf, .cap = cap };

	put(&o, j->tenant.b, 16);
	put(&o, j->id.b, 16);
	put_i(&o, j->token);
	put_i(&o, j->attempt);
	put_i(&o, j->tries);
	put_i(&o, j->timeout_s);
	put_i(&o, j->fire_at.us);
	put_s(&o, j->type);
	put_s(&o, j->actor);
	put_s(&o, j->traceparent);
	put_s(&o, j->payload);
	return o.full ? -1 : (long)o.n;
}

int
wire_get_job(struct arena *a, const uint8_t *p, size_t n, struct wire_job *j)
{
	struct in i = { .p = p, .n = n, .a = a };

	get(&i, j->tenant.b, 16);
	get(&i, j->id.b, 16);
	j->token = get_i(&i);
	j->attempt = get_i(&i);
	j->tries = get_i(&i);
	j->timeout_s = get_i(&i);
	j->fire_at.us = get_i(&i);
	j->type = get_s(&i);
	j->actor = get_s(&i);
	j->traceparent = get_s(&i);
	j->payload = get_s(&i);
	return i.bad || i.n != 0 || j->type == NULL ? -1 : 0;
}

long
wire_put_report(uint8_t *buf, size_t cap, const struct wire_report *r)
{
	struct out o = { .p = buf, .cap = cap };

	put_i(&o, r->kind);
	put(&o, r->id.b, 16);
	put_i(&o, r->token);
	put_i(&o, r->permille);
	put_i(&o, r->end);
	put_i(&o, r->stored);
	put_i(&o, r->retry_after_s);
	put_s(&o, r->note);
	put_s(&o, r->error_class);
	put_s(&o, r->error);
	put_s(&o, r->result);
	return o.full ? -1 : (long)o.n;
}

int
wire_get_report(struct arena *a, const uint8_t *p, size_t n,
    struct wire_report *r)
{
	struct in i = { .p = p, .n = n, .a = a };

	r->kind = (enum wire_kind)get_i(&i);
	get(&i, r->id.b, 16);
	r->token = get_i(&i);
	r->permille = get_i(&i);
	r->end = (enum jobs_end)get_i(&i);
	r->stored = get_i(&i) != 0;
	r->retry_after_s = get_i(&i);
	r->note = get_s(&i);
	r->error_class = get_s(&i);
	r->error = get_s(&i);
	r->result = get_s(&i);
	return i.bad || i.n != 0 || r->kind < WIRE_STARTED ||
	    r->kind > WIRE_ENDED || r->end > END_EXPIRED ? -1 : 0;
}
