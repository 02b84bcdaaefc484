/*
 * Growth of VEC() arrays: doubles, zeroes the new elements, aborts rather than
 * let a size overflow.
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/vec.h"

void
vec_grow(struct arena *a, void **v, size_t n, size_t *cap, size_t size)
{
	size_t want = n < 8 ? 8 : n * 2;
	void *p;

	ASSERT(size > 0 && want > n && want <= SIZE_MAX / size);
	/* *v is some object pointer, not a void *: go through its bytes. */
	memcpy(&p, v, sizeof(p));
	p = arena_grow(a, p, *cap * size, want * size);
	memcpy(v, &p, sizeof(p));
	*cap = want;
}
