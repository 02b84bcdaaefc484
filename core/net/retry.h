/*
 * Repeating calls: how long to wait, how often, and whether the budget of the
 * dependency allows it. One layer repeats, the outermost; otherwise three
 * layers of three repeats make 64 calls of one.
 */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/dependency.h"

struct shm;

/* Wait before the attempt after the n-th (from 1): d = base * 2^(n-1), at most
 * cap; d/2 and a random part of the other half. Milliseconds in and out. */
int64_t retry_wait_ms(unsigned n, const struct retry_rule *, uint64_t random);

/* One call and its repeats. */
struct retry {
	struct shm *shm;
	int dependency;
	bool on;
	unsigned made;			/* repeats */
	int64_t deadline_boot_ns;	/* of all together; 0 = none */
};
/* Milliseconds to wait before the next repeat, which is counted and taken
 * from the budget; -1: no more. What the peer asked for (retry_after_s) wins;
 * without a deadline it is only waited for up to the cap. */
int64_t retry_next(struct retry *, int64_t retry_after_s, int64_t now_ns,
    uint64_t random);

extern const struct metric retries_total;

#endif
