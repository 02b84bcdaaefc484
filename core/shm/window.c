/*
 * What a breaker remembers of its calls: ten one-second buckets,
 *	bits 0-13 slow	bits 14-26 failed	bits 27-39 good
 *	bits 40-55 second	bits 56-63 generation of the breaker
 * where a bucket of another second or generation is replaced, not cleared;
 * and the failures in a row (generation in the upper half). Nothing has to be
 * cleared when the breaker changes: its generation is another one.
 */
#include "shm/segment.h"

enum { FULL = 8191, AHEAD = 1000 };

static uint64_t
tag_of(uint32_t gen, uint64_t sec)
{
	return (uint64_t)(gen & 0xff) << 16 | (sec & 0xffff);
}

static struct seg_counts
counts_of(uint64_t w)
{
	return (struct seg_counts){ (uint32_t)(w >> 27) & FULL,
	    (uint32_t)(w >> 14) & FULL, (uint32_t)w & 0x3fff };
}

static uint64_t
bucket_word(uint64_t tag, struct seg_counts c)
{
	return tag << 40 | (uint64_t)c.ok << 27 | (uint64_t)c.fail << 14 |
	    c.slow;
}

/* Full buckets are halved, so that shares stay what they are. */
void
seg_window_add(struct seg_breaker *b, uint32_t gen, uint64_t sec, bool ok,
    bool slow)
{
	uint64_t tag = tag_of(gen, sec), old;
	uint64_t *w = &b->bucket[sec % SEG_SECONDS];
	struct seg_counts c;
	int16_t ahead;

	do {
		old = seg_get(w);
		c = (struct seg_counts){ 0, 0, 0 };
		ahead = (int16_t)((uint16_t)(old >> 40) - (uint16_t)sec);
		if (old >> 40 == tag)
			c = counts_of(old);
		else if (old >> 56 == (gen & 0xff) && ahead > 0 &&
		    ahead <= SEG_SECONDS)
			return;		/* we were asleep for a window */
		if (c.ok >= FULL || c.fail >= FULL || c.slow >= FULL)
			c = (struct seg_counts){ c.ok / 2, c.fail / 2,
			    c.slow / 2 };
		c.ok += ok;
		c.fail += !ok;
		c.slow += slow;
	} while (!seg_cas(w, old, bucket_word(tag, c)));
}

struct seg_counts
seg_window_sum(const struct seg_breaker *b, uint32_t gen, uint64_t sec)
{
	uint64_t w;
	struct seg_counts sum = { 0, 0, 0 }, c;

	for (uint64_t i = 0; i < SEG_SECONDS && i <= sec; i++) {
		w = seg_get(&b->bucket[(sec - i) % SEG_SECONDS]);
		if (w >> 40 != tag_of(gen, sec - i))
			continue;
		c = counts_of(w);
		sum.ok += c.ok;
		sum.fail += c.fail;
		sum.slow += c.slow;
	}
	return sum;
}

uint32_t
seg_window_row_of(uint64_t w, uint32_t gen)
{
	return w >> 32 == gen ? (uint32_t)w : 0;
}

/* A process that was asleep since an older generation leaves the newer one's
 * count alone. */
uint32_t
seg_window_row(struct seg_breaker *b, uint32_t gen, bool ok)
{
	uint64_t old;
	uint32_t n, ahead;

	do {
		old = seg_get(&b->streak);
		n = seg_window_row_of(old, gen);
		ahead = ((uint32_t)(old >> 32) - gen) & SEG_GEN_MASK;
		if ((ok && n == 0) || (ahead > 0 && ahead < AHEAD))
			return 0;
		n = ok ? 0 : n < UINT32_MAX ? n + 1 : n;
	} while (!seg_cas(&b->streak, old, (uint64_t)gen << 32 | n));
	return n;
}
