/*
 * The scoreboard: one slot per process, owned through an open-file-
 * description lock on a byte that stands for it. The kernel drops the lock
 * when the last descriptor of that open file goes, however the process dies;
 * a forked child must therefore give its inherited copy up at once
 * (shm_after_fork). Only the owner writes a slot; readers copy it and clamp
 * every text, for a neighbour may have written anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "shm/segment.h"

struct seg_slot *
seg_slot(struct shm *s, size_t i)
{
	return (struct seg_slot *)(s->base + s->map.slots +
	    i * s->map.slot_len);
}

static struct seg_slot *
own(struct shm *s)
{
	return s == NULL || s->slot < 0 ? NULL : seg_slot(s, (size_t)s->slot);
}

static void
put_text(char *to, size_t cap, const char *from)
{
	size_t n = from == NULL ? 0 : strnlen(from, cap - 1);

	memset(to, 0, cap);
	if (n > 0)
		memcpy(to, from, n);
}

/* Readers that see an odd or a changed turn look again. */
static void
write_begin(struct seg_slot *p)
{
	__atomic_store_n(&p->turn, seg_get(&p->turn) | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void
write_end(struct seg_slot *p)
{
	__atomic_store_n(&p->turn, seg_get(&p->turn) + 1, __ATOMIC_RELEASE);
}

/* ---- ownership ----------------------------------------------------------- */

uint64_t
seg_owner_ref(const struct shm *s)
{
	return (s->gen & UINT32_MAX) << 16 | (uint64_t)(s->slot + 1);
}

bool
seg_owner_alive(struct shm *s, uint64_t ref)
{
	uint64_t i = ref & 0xffff, gen = ref >> 16;

	if (i == 0 || i > s->map.nslots)
		return false;
	if (s->slot != -1 && ref == seg_owner_ref(s))
		return true;
	i--;
	if ((seg_get(&seg_slot(s, i)->gen) & UINT32_MAX) != gen ||
	    (long)i == s->slot)
		return false;
	return seg_locked(s, LOCK_SLOT + (off_t)i);
}

static void
crumb_write(const char *what)
{
	struct shm *s = shm_current();
	struct seg_slot *p = own(s);
	uint64_t n;

	if (p == NULL)
		return;
	write_begin(p);
	n = seg_get(&p->ncrumbs);
	put_text(p->crumbs[n % SHM_CRUMBS], SHM_TEXT, what);
	seg_put(&p->ncrumbs, n + 1);
	write_end(p);
}

static void
move_in(struct shm *s, size_t i, const char *pool)
{
	struct seg_slot *p = seg_slot(s, i);
	uint64_t gen = seg_get(&p->gen) + 1;

	write_begin(p);
	seg_put(&p->gen, gen);
	memset((char *)p + offsetof(struct seg_slot, pid), 0,
	    sizeof(*p) - offsetof(struct seg_slot, pid));
	seg_gauges_clear(s, i);
	put_text(p->pool, sizeof(p->pool), pool);
	p->born = (uint64_t)clock_boot_ns();
	p->pid = s->pid;
	write_end(p);
	s->slot = (long)i;
	s->gen = gen;
}

/* Never used places first; then those whose owner left or died. */
static bool
try_take(struct shm *s, const char *pool, bool used)
{
	size_t k, i, n = s->map.nslots;

	for (k = 0; k < n; k++) {
		i = ((size_t)s->pid + k) % n;
		if ((seg_slot(s, i)->pid != 0) != used ||
		    seg_lock(s, LOCK_SLOT + (off_t)i) == -1)
			continue;
		move_in(s, i, pool);
		return true;
	}
	return false;
}

int
shm_slot_take(struct shm *s, const char *pool, struct err *e)
{
	char name[sizeof(s->pool)];

	put_text(name, sizeof(name), pool);
	memcpy(s->pool, name, sizeof(name));
	shm_after_fork(s);
	if (s->slot != -1) {
		struct seg_slot *p = own(s);

		write_begin(p);
		put_text(p->pool, sizeof(p->pool), name);
		write_end(p);
		return 0;
	}
	if (s->fd == -1 || (!try_take(s, name, false) &&
	    !try_take(s, name, true))) {
		err_set(e, 503, "shm", "The shared segment is not available.");
		return err_cause(e, "no free process slot of %zu",
		    s->map.nslots);
	}
	crumb_sink(crumb_write);
	return 0;
}

bool
seg_own_slot(struct shm *s)
{
	struct err e;

	if (s->slot != -1 && s->lost == 0)
		return true;
	seg_mend(s);
	if (s->slot != -1)
		return true;
	err_clear(&e);
	return shm_slot_take(s, program_invocation_short_name, &e) == 0;
}

void
seg_slot_drop(struct shm *s)
{
	struct seg_slot *p = own(s);

	if (p == NULL || s->pid != getpid())
		return;
	p->pid = 0;
	seg_gauges_clear(s, (size_t)s->slot);
	seg_unlock(s, LOCK_SLOT + (off_t)s->slot);
	s->slot = -1;
}

/* ---- what the owner is doing --------------------------------------------- */

void
shm_slot_phase(struct shm *s, const char *phase)
{
	struct seg_slot *p = own(s);

	if (p == NULL)
		return;
	write_begin(p);
	put_text(p->phase, sizeof(p->phase), phase);
	write_end(p);
}

void
shm_slot_request(struct shm *s, const char *route, const char *request_id,
    uint64_t started_ns)
{
	struct seg_slot *p;

	if (s == NULL)
		return;
	seg_mend(s);
	if ((p = own(s)) == NULL)
		return;
	write_begin(p);
	put_text(p->route, sizeof(p->route), route);
	put_text(p->request_id, sizeof(p->request_id), request_id);
	seg_put(&p->ncrumbs, 0);
	seg_put(&p->started, started_ns);
	write_end(p);
}

void
shm_slot_done(struct shm *s)
{
	struct seg_slot *p = own(s);

	if (p == NULL)
		return;
	write_begin(p);
	seg_put(&p->started, 0);
	seg_put(&p->requests, seg_get(&p->requests) + 1);
	write_end(p);
}

/* ---- reading ------------------------------------------------------------- */

static void
clean(char *to, const char *from, size_t cap)
{
	size_t i;

	for (i = 0; i + 1 < cap && from[i] != '\0'; i++)
		to[i] = from[i] < 0x20 || from[i] > 0x7e ? '?' : from[i];
	to[i] = '\0';
}

static void
copy(const struct seg_slot *p, struct shm_slot *o)
{
	uint64_t n = p->ncrumbs, i, k;

	memset(o, 0, sizeof(*o));
	o->pid = p->pid > 0 && p->pid < INT32_MAX ? (int32_t)p->pid : 0;
	o->started_ns = p->started;
	o->born_ns = p->born;
	o->requests = p->requests;
	clean(o->pool, p->pool, sizeof(o->pool));
	clean(o->phase, p->phase, sizeof(o->phase));
	clean(o->route, p->route, sizeof(o->route));
	clean(o->request_id, p->request_id, sizeof(o->request_id));
	o->ncrumbs = n < SHM_CRUMBS ? (size_t)n : SHM_CRUMBS;
	for (i = 0; i < o->ncrumbs; i++) {
		k = (n - o->ncrumbs + i) % SHM_CRUMBS;
		clean(o->crumbs[i], p->crumbs[k], SHM_TEXT);
	}
}

/* A few tries for a consistent picture; an owner that died while writing, or
 * a hostile one, gets an inconsistent one, which is only text. */
static void
snapshot(struct shm *s, size_t i, struct shm_slot *o)
{
	struct seg_slot *p = seg_slot(s, i), local;
	uint64_t turn;
	int tries;

	for (tries = 0; tries < 8; tries++) {
		turn = __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE);
		memcpy(&local, p, sizeof(local));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((turn & 1) == 0 && seg_get(&p->turn) == turn)
			break;
	}
	copy(&local, o);
	o->alive = (long)i == s->slot ||
	    seg_locked(s, LOCK_SLOT + (off_t)i);
}

size_t
shm_slots(struct shm *s, struct shm_slot *out, size_t cap)
{
	size_t i, n = 0;

	if (s == NULL)
		return 0;
	seg_mend(s);
	for (i = 0; i < s->map.nslots && n < cap; i++) {
		if (seg_slot(s, i)->pid == 0)
			continue;
		snapshot(s, i, &out[n]);
		if (out[n].pid != 0)
			n++;
	}
	return n;
}
