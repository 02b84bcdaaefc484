/*
 * Memory with a lifetime instead of an owner. An arena belongs to a process,
 * a request or a job; what is not memory (files, statements) is deferred on
 * it where it is acquired. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

/* Position to which arena_rewind() returns. */
struct arena_mark {
	void *block;
	size_t used;
	void *defers;
};

/* New arena that may hold at most cap bytes; reaching cap is a bug in the
 * bounds checks above it and aborts the process with a message. */
struct arena *arena_new(size_t cap);
/* Memory that a library took with malloc() and left to us. NULL is allowed. */
void memory_free(void *);
/* Runs the deferred calls, wipes and frees everything. NULL is allowed. */
void arena_free(struct arena *);
/* Zeroed, aligned for any type, never NULL; n = 0 gives a unique pointer. */
void *arena_alloc(struct arena *, size_t n);
/* n elements of size each; an overflowing product aborts. */
void *arena_array(struct arena *, size_t n, size_t size);
/* Enlarges old (oldn bytes) to newn bytes; in place when old is the latest
 * allocation. old may be NULL. */
void *arena_grow(struct arena *, void *old, size_t oldn, size_t newn);
void *arena_memdup(struct arena *, const void *, size_t n);
char *arena_strdup(struct arena *, const char *);
char *arena_strndup(struct arena *, const char *, size_t n);
char *arena_printf(struct arena *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* fn(arg) runs at the next reset, free or rewind past this point, last first. */
void arena_defer(struct arena *, void (*fn)(void *), void *arg);
struct arena_mark arena_mark(struct arena *);
/* Drops everything allocated since the mark, after its deferred calls. */
void arena_rewind(struct arena *, struct arena_mark);
/* Drops everything and gives all but one small block back to the system. */
void arena_reset(struct arena *);
/* Bytes in use now, and the most that ever were. */
size_t arena_used(const struct arena *);
size_t arena_peak(const struct arena *);
/* Wipe memory with zeros when it is dropped (arenas that hold secrets). */
void arena_set_secret(struct arena *);

#endif
