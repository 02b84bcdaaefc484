/*
 * Arenas: a chain of blocks that are mapped straight from the system, so that
 * dropping them makes the process smaller at once. It refuses to hand out more
 * than its cap and never returns NULL. Invariant: in every block the bytes from
 * `dirty` on are zero, so only recycled memory is cleared again.
 */
#include <stdarg.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)	ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n)	ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define ARENA_ASAN 0
#define POISON(p, n)	((void)(p), (void)(n))
#define UNPOISON(p, n)	((void)(p), (void)(n))
#endif

enum {
	ALIGN = 16,
	FIRST_BLOCK = 64 * 1024,
	LARGEST_STEP = 1024 * 1024,
	LARGE = 4 * 1024 * 1024,
	SPARES = 32,
	RED_ZONE = ARENA_ASAN ? 16 : 0
};

struct block {
	struct block *below;	/* the block before this one */
	size_t size;		/* bytes mapped, header included */
	size_t cap;		/* usable bytes */
	size_t used;
	size_t dirty;		/* bytes that may differ from zero */
	alignas(ALIGN) char data[];
};

struct deferred {
	struct deferred *below;
	void (*fn)(void *);
	void *arg;
};

struct arena {
	struct block *top;
	struct deferred *defers;
	char *last;		/* latest allocation, for growth in place */
	size_t cap, used, peak, step;
	struct block *spare;	/* large ones that a rewind left, for the next */
	unsigned nspare;
	bool secret;
};

static void
block_hide(struct block *b)
{
#if !ARENA_ASAN
	/* Best effort: RLIMIT_MEMLOCK may be small. */
	(void)mlock(b, b->size);
	(void)madvise(b, b->size, MADV_DONTDUMP);
#else
	(void)b;
#endif
}

/* Under ASan blocks come from calloc, so that the leak checker follows the
 * pointers stored in them. */
static struct block *
block_take(struct arena *a, size_t size)
{
	struct block **p = &a->spare, *b;

	while (*p != NULL && ((*p)->size < size || (*p)->size / 2 > size))
		p = &(*p)->below;
	if ((b = *p) != NULL) {
		*p = b->below;
		a->nspare--;
	}
	return b;
}

/* Work that is repeated between a mark and a rewind uses the same pages
 * again: the system would have to clear new ones. */
static bool
block_keep(struct arena *a, struct block *b)
{
	if (ARENA_ASAN || a->secret || b->size < LARGEST_STEP ||
	    a->nspare == SPARES)
		return false;
	b->below = a->spare;
	a->spare = b;
	a->nspare++;
	return true;
}

static struct block *
block_new(struct arena *a, size_t want)
{
	struct block *b;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;

	if (want > SIZE_MAX / 2)
		check_oom();
	size = (sizeof(*b) + want + page - 1) / page * page;
	if (size < a->step)
		size = a->step;
	if (a->step < LARGEST_STEP)
		a->step *= 2;
	if (size >= LARGEST_STEP && (b = block_take(a, size)) != NULL) {
		b->below = a->top;
		a->top = b;
		return b;
	}
	if (ARENA_ASAN) {
		if ((b = calloc(1, size)) == NULL)
			check_oom();
	} else {
		b = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (b == MAP_FAILED)
			check_oom();
		/* A large array is touched as a whole: 512 faults in one. */
		if (want >= LARGE)
			(void)madvise(b, size, MADV_HUGEPAGE);
	}
	b->below = a->top;
	b->size = size;
	b->cap = size - sizeof(*b);
	b->used = b->dirty = 0;
	if (a->secret)
		block_hide(b);
	POISON(b->data, b->cap);
	a->top = b;
	return b;
}

/* Cuts a block back to `used` bytes. */
static void
block_cut(struct arena *a, struct block *b, size_t used)
{
	ASSERT(used <= b->used);
	a->used -= b->used - used;
	if (a->secret) {
		UNPOISON(b->data + used, b->dirty - used);
		explicit_bzero(b->data + used, b->dirty - used);
		b->dirty = used;
	}
	b->used = used;
	POISON(b->data + used, b->cap - used);
}

static void
block_free(struct block *b)
{
	UNPOISON(b->data, b->cap);
	if (ARENA_ASAN)
		free(b);
	else
		munmap(b, b->size);
}

static void
block_drop(struct arena *a)
{
	struct block *b = a->top;

	block_cut(a, b, 0);
	a->top = b->below;
	if (!block_keep(a, b))
		block_free(b);
}

static void
spares_free(struct arena *a)
{
	struct block *b;

	while ((b = a->spare) != NULL) {
		a->spare = b->below;
		block_free(b);
	}
	a->nspare = 0;
}

static void
run_defers(struct arena *a, const struct deferred *until)
{
	struct deferred *d;

	while ((d = a->defers) != NULL && d != until) {
		a->defers = d->below;
		d->fn(d->arg);
	}
	ASSERT(a->defers == until);
}

struct arena *
arena_new(size_t cap)
{
	struct arena *a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		check_oom();
	a->cap = cap;
	a->step = FIRST_BLOCK;
	block_new(a, 0);
	return a;
}

void
memory_free(void *p)
{
	free(p);
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	run_defers(a, NULL);
	while (a->top != NULL)
		block_drop(a);
	spares_free(a);
	free(a);
}

static size_t
round_up(size_t n)
{
	if (n > SIZE_MAX / 4)
		check_oom();
	return ((n == 0 ? 1 : n) + ALIGN - 1) / ALIGN * ALIGN + RED_ZONE;
}

static void
charge(struct arena *a, size_t n)
{
	if (n > a->cap || a->used > a->cap - n) {
		fprintf(stderr, "arena: %zu more bytes exceed the cap of %zu "
		    "(%zu in use)\n", n, a->cap, a->used);
		check_failed(__FILE__, __LINE__, "arena within its cap");
	}
	a->used += n;
	if (a->used > a->peak)
		a->peak = a->used;
}

/* Zeroes what an earlier user left in [p, p + n). */
static void
clear(struct block *b, char *p, size_t n)
{
	size_t at = (size_t)(p - b->data);

	UNPOISON(p, n);
	if (at < b->dirty)
		memset(p, 0, b->dirty - at < n ? b->dirty - at : n);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct block *b = a->top;
	size_t full = round_up(n);
	char *p;

	charge(a, full);
	if (b->cap - b->used < full)
		b = block_new(a, full);
	p = b->data + b->used;
	clear(b, p, n);
	b->used += full;
	if (b->dirty < b->used)
		b->dirty = b->used;
	a->last = p;
	return p;
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		check_failed(__FILE__, __LINE__, "array size fits");
	return arena_alloc(a, total);
}

/* Moves the end of the latest allocation; false if it does not fit. */
static bool
grow_in_place(struct arena *a, char *old, size_t oldn, size_t newn)
{
	struct block *b = a->top;
	size_t at, full = round_up(newn);

	if (old != a->last)
		return false;
	at = (size_t)(old - b->data);
	if (b->cap - at < full)
		return false;
	if (at + full > b->used) {
		charge(a, at + full - b->used);
		b->used = at + full;
	}
	clear(b, old + oldn, newn - oldn);
	if (b->dirty < b->used)
		b->dirty = b->used;
	return true;
}

void *
arena_grow(struct arena *a, void *old, size_t oldn, size_t newn)
{
	void *p;

	if (old == NULL)
		return arena_alloc(a, newn);
	if (newn <= oldn || grow_in_place(a, old, oldn, newn))
		return old;
	p = arena_alloc(a, newn);
	memcpy(p, old, oldn);
	if (a->secret)
		explicit_bzero(old, oldn);
	return p;
}

void *
arena_memdup(struct arena *a, const void *src, size_t n)
{
	void *p = arena_alloc(a, n);

	if (n > 0)
		memcpy(p, src, n);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p;

	n = strnlen(s, n);
	p = arena_alloc(a, n + 1);
	memcpy(p, s, n);
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	ASSERT(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void
arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct deferred *d = arena_alloc(a, sizeof(*d));

	d->below = a->defers;
	d->fn = fn;
	d->arg = arg;
	a->defers = d;
}

struct arena_mark
arena_mark(struct arena *a)
{
	/* What lies before a mark must not grow past it. */
	a->last = NULL;
	return (struct arena_mark){ a->top, a->top->used, a->defers };
}

void
arena_rewind(struct arena *a, struct arena_mark m)
{
	run_defers(a, m.defers);
	while (a->top != m.block) {
		ASSERT(a->top->below != NULL);
		block_drop(a);
	}
	block_cut(a, a->top, m.used);
	a->last = NULL;
}

void
arena_reset(struct arena *a)
{
	run_defers(a, NULL);
	while (a->top->below != NULL)
		block_drop(a);
	spares_free(a);
	block_cut(a, a->top, 0);
	a->last = NULL;
	a->step = 2 * FIRST_BLOCK;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

size_t
arena_peak(const struct arena *a)
{
	return a->peak;
}

void
arena_set_secret(struct arena *a)
{
	struct block *b;

	spares_free(a);
	a->secret = true;
	for (b = a->top; b != NULL; b = b->below)
		block_hide(b);
}
