/*
 * Inside of claiming: what a claimer knows of queues and lanes (claimer.c),
 * for the statements in queue_claim.c.
 */
#ifndef JOBS_CLAIMER_H
#define JOBS_CLAIMER_H

#include "base/vec.h"
#include "jobs/inner.h"
#include "jobs/lane.h"

#define MS INT64_C(1000000)

struct claimer_lane {
	int64_t hint;		/* claims start after this tag */
	int64_t seen;		/* highest tag claimed */
	bool maybe;		/* may have rows */
	int64_t head_us;	/* ready_at of a first row, 0 = not known */
	int64_t scanned_ns;	/* last look from the start */
	int64_t scan_every_ns;
};

struct claimer_queue {
	struct jobs_queue_row row;
	uint64_t key;
	struct jobs_turn turn;
	struct claimer_lane lanes[LANES];
	bool gone;
};

struct open_claim {
	int64_t n;
	size_t left;
};

struct jobs_claimer {
	struct arena *a;
	struct shm *shm;
	struct claimer_queue *v, *before;	/* before: as of the cycle's start */
	size_t n, next;
	int64_t read_ns, polled_ns;
	int64_t claim_n;
	VEC(struct open_claim) open;
};

/* The queues, once a second; and once a second every lane is looked at,
 * whatever the bells said. */
int claimer_know(struct jobs_claimer *, struct db *, struct arena *,
    struct err *);
/* Has a lane that may have rows. */
bool claimer_any(const struct claimer_queue *);
/* Next in turn with such a lane, NULL = none; and which of its lanes. */
struct claimer_queue *claimer_queue(struct jobs_claimer *);
int claimer_lane(struct claimer_queue *);
/* Lowers *n to what the queue's limit over all hosts, and its rate, allow;
 * what is left is taken from them. */
int claimer_allow(struct db *, const struct claimer_queue *, size_t *n,
    struct err *);
int claimer_rate(struct db *, const struct claimer_queue *, size_t *n,
    struct err *);
int claimer_give(struct db *, const struct claimer_queue *, size_t n,
    struct err *);

#endif
