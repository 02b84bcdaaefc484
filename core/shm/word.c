/*
 * Small things by name: 64-bit words, short texts, and try-locks for steps
 * that one process of the host should do. Names are hashed; a name takes a
 * free place at its first write and keeps it until the segment goes. When all
 * places are taken a write is dropped and counted: these are caches.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "shm/segment.h"

static uint64_t
name_hash(const char *name)
{
	uint64_t h = fnv1a(name, strlen(name), 7);

	return h == 0 ? 1 : h;
}

/* Place of a name among n entries of len bytes that begin with the hash. */
static void *
place(struct shm *s, size_t off, size_t n, size_t len, const char *name,
    bool make)
{
	uint64_t h = name_hash(name), *p, seen;
	size_t k;

	for (k = 0; k < n; k++) {
		p = (uint64_t *)(s->base + off + (h + k) % n * len);
		seen = seg_get(p);
		if (seen == 0 && make && !seg_cas(p, 0, h))
			seen = seg_get(p);
		else if (seen == 0)
			return make ? p : NULL;
		if (seen == h)
			return p;
	}
	if (make)
		metric_add(&shm_dropped_total, 0, 0, 1);
	return NULL;
}

/* ---- words --------------------------------------------------------------- */

static struct seg_word *
word(struct shm *s, const char *name, bool make)
{
	if (s == NULL)
		return NULL;
	return place(s, s->map.words, SEG_WORDS, sizeof(struct seg_word), name,
	    make);
}

/* The time is read first and written last: a value is never older than it
 * says. */
uint64_t
shm_word_get(struct shm *s, const char *name, uint64_t *written_ns)
{
	struct seg_word *w = word(s, name, false);
	uint64_t at;

	if (written_ns != NULL)
		*written_ns = 0;
	if (w == NULL)
		return 0;
	at = __atomic_load_n(&w->written, __ATOMIC_ACQUIRE);
	if (written_ns != NULL)
		*written_ns = at;
	return seg_get(&w->value);
}

static void
stamp(struct seg_word *w)
{
	__atomic_store_n(&w->written, (uint64_t)clock_boot_ns(),
	    __ATOMIC_RELEASE);
}

void
shm_word_set(struct shm *s, const char *name, uint64_t v)
{
	struct seg_word *w = word(s, name, true);

	if (w == NULL)
		return;
	seg_put(&w->value, v);
	stamp(w);
}

uint64_t
shm_word_add(struct shm *s, const char *name, uint64_t n)
{
	struct seg_word *w = word(s, name, true);
	uint64_t v;

	if (w == NULL)
		return 0;
	v = __atomic_add_fetch(&w->value, n, __ATOMIC_RELAXED);
	stamp(w);
	return v;
}

/* ---- steps --------------------------------------------------------------- */

static off_t
step_at(uint64_t h)
{
	return LOCK_STEP + (off_t)(h & UINT32_MAX);
}

/* The kernel grants an open file its own lock again, so what this process
 * already holds is remembered here. */
bool
shm_step_begin(struct shm *s, const char *name)
{
	uint64_t h = name_hash(name);
	size_t i, free_at = SEG_STEPS;

	if (s == NULL || s->fd == -1)
		return false;
	for (i = 0; i < SEG_STEPS; i++) {
		if (s->steps[i] != 0 && step_at(s->steps[i]) == step_at(h))
			return false;
		if (s->steps[i] == 0)
			free_at = i;
	}
	if (free_at == SEG_STEPS || seg_lock(s, step_at(h)) == -1)
		return false;
	s->steps[free_at] = h;
	return true;
}

void
shm_step_end(struct shm *s, const char *name)
{
	uint64_t h = name_hash(name);
	size_t i;

	for (i = 0; s != NULL && i < SEG_STEPS; i++) {
		if (s->steps[i] == h) {
			seg_unlock(s, step_at(h));
			s->steps[i] = 0;
		}
	}
}

/* ---- texts --------------------------------------------------------------- */

static struct seg_text *
text(struct shm *s, const char *name, bool make)
{
	if (s == NULL)
		return NULL;
	return place(s, s->map.texts, SEG_TEXTS, sizeof(struct seg_text), name,
	    make);
}

/* Two buffers: the one not shown is filled, then shown. A writer that dies
 * half way has changed nothing; a second writer is turned away, since the
 * first is just bringing news. */
void
shm_text_set(struct shm *s, const char *name, const char *p, size_t n)
{
	struct seg_text *t = text(s, name, true);
	uint64_t turn;
	off_t at;

	if (t == NULL || n > SEG_TEXT_MAX) {
		if (s != NULL && t != NULL)
			metric_add(&shm_dropped_total, 0, 0, 1);
		return;
	}
	at = LOCK_TEXT + ((uint8_t *)t - s->base);
	if (s->fd == -1 || seg_lock(s, at) == -1)
		return;
	turn = seg_get(&t->turn) + 1;
	memcpy(t->buf[turn & 1].p, p, n);
	seg_put(&t->buf[turn & 1].len, n);
	seg_put(&t->buf[turn & 1].written, (uint64_t)clock_boot_ns());
	__atomic_store_n(&t->turn, turn, __ATOMIC_RELEASE);
	seg_unlock(s, at);
}

size_t
shm_text_get(struct shm *s, const char *name, char *buf, size_t cap,
    uint64_t *written_ns)
{
	struct seg_text *t = text(s, name, false);
	uint64_t turn, at, n;
	int tries;

	if (written_ns != NULL)
		*written_ns = 0;
	if (t == NULL || cap == 0)
		return 0;
	for (tries = 0; tries < 100; tries++) {
		turn = __atomic_load_n(&t->turn, __ATOMIC_ACQUIRE);
		n = seg_get(&t->buf[turn & 1].len);
		at = seg_get(&t->buf[turn & 1].written);
		if (n > SEG_TEXT_MAX || n >= cap)
			n = 0;
		memcpy(buf, t->buf[turn & 1].p, n);
		buf[n] = '\0';
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (seg_get(&t->turn) != turn)
			continue;
		if (written_ns != NULL)
			*written_ns = at;
		return (size_t)n;
	}
	return 0;
}
