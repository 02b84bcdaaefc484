/*
 * How fast a cloud may be asked: a token bucket per (account, region, action)
 * at a share of what AWS publishes, in the shared segment, so that all
 * processes of the host together keep to it (a bucket per process would be as
 * many times too fast as there are processes). A throttled call halves the
 * rate, each quiet second gives a twentieth of the base rate back. Several
 * hosts do not know of each other; the halving is what they share.
 */
#ifndef SPOT_PACE_H
#define SPOT_PACE_H

#include "base/types.h"
#include "shm/shm.h"

struct pace_key {
	const void *account;		/* bytes that name it */
	size_t account_len;
	const char *region, *action;
};

/* AWS's published bucket and refill per second of an action; unlisted reads
 * and acts have those of their kind. */
void spot_pace_published(const char *action, double *bucket, double *per_s);
/* The rate in force: percent of the published one, times factor in (0, 1].
 * percent 0 = no limit. Pure. */
struct rate spot_pace_rate(const char *action, int64_t percent, double factor);
/* Factor at `now` of a rate that will be whole again at `whole`. Pure. */
double spot_pace_factor(uint64_t whole_ns, uint64_t now_ns);
/* The same after a throttled call: when it will be whole now. Pure. */
uint64_t spot_pace_halved(uint64_t whole_ns, uint64_t now_ns);

/* True: one call may go now. Else *wait_ns until the next may. Without a
 * segment all may. */
bool spot_pace_take(struct shm *, const struct pace_key *, int64_t percent,
    uint64_t now_ns, int64_t *wait_ns);
/* AWS said that it was asked too often. */
void spot_pace_throttled(struct shm *, const struct pace_key *,
    uint64_t now_ns);

#endif
