/*
 * Growable array in an arena:
 *	struct { struct row *v; size_t n, cap; } rows = { 0 };
 *	struct row *r = VEC_ADD(a, &rows);	-- zeroed element
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

#define VEC(type) struct { type *v; size_t n, cap; }
#define VEC_ADD(a, vec) \
	((vec)->n == (vec)->cap ? vec_grow((a), (void **)&(vec)->v, \
	    (vec)->n, &(vec)->cap, sizeof(*(vec)->v)) : (void)0, \
	    &(vec)->v[(vec)->n++])

void vec_grow(struct arena *, void **v, size_t n, size_t *cap, size_t size);

#endif
