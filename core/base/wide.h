/*
 * Loops over long arrays for whatever vectors the processor has: the function
 * is compiled once for any processor and once for AVX2, and the loader takes
 * the one that fits. Neither has fused multiply-add, so both give the same
 * bits.
 */
#ifndef BASE_WIDE_H
#define BASE_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__OPTIMIZE__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* All bits or none, as a vector keeps the answer of a comparison: masks of
 * many are joined with | and asked once. */
static inline int64_t
wide_mask(bool is)
{
	return -(int64_t)is;
}

#endif
