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
	int64_t stored;		/* virtual time in the database, as known */
	bool maybe;		/* may have rows */
	int64_t head_us;	/* ready_at of a first row, 0 = not known */
	int64_t scanned_ns;	/* last look from the start */
	int64_t scan_every_ns;
	int64_t stored_ns;
};

struct claimer_queue {
	struct jobs_queue_row row;
	uint64_t key;
	struct jobs_turn turn;
	struct claimer_lane lanes[LANES];
	bool gone;
};

/* A job that was given out and has not been settled. */
struct held {
	struct uuid tenant, id;
	int64_t token, version, slot;
	struct utc started_at;
	const char *queue;
	bool plain;		/* holds nothing that its success would free */
	bool ending;		/* this cycle settles it */
	char type[65];
};

struct jobs_claimer {
	struct arena *a;
	struct shm *shm;
	struct claimer_queue *v, *before;	/* before: as of the cycle's start */
	size_t n, next;
	int64_t read_ns, polled_ns;
	VEC(struct held) held;
	struct jobs_outcome *late;	/* rows were busy: settled next time */
	size_t nlate;
	struct arena *late_a;
	bool unsure;		/* a commit may have happened unseen */
};

/* The queues, once a second; and once a second every lane is looked at,
 * whatever the bells said. */
int claimer_know(struct jobs_claimer *, struct db *, struct arena *,
    struct err *);
/* Has a lane that may have rows. */
bool claimer_any(const struct claimer_queue *);
bool claimer_some(const struct jobs_claimer *);
/* Next in turn with such a lane, NULL = none; and which of its lanes. */
struct claimer_queue *claimer_queue(struct jobs_claimer *);
int claimer_lane(struct claimer_queue *);
/* Tells other hosts the lanes' virtual times, now and then. Outside a
 * transaction; errors are of no consequence. */
void claimer_tell(struct jobs_claimer *, struct db *);
/* Lowers *n to what the queue's limit over all hosts, and its rate, allow;
 * what is left is taken from them. */
int claimer_allow(struct db *, const struct claimer_queue *, size_t *n,
    struct err *);
int claimer_rate(struct db *, const struct claimer_queue *, size_t *n,
    struct err *);
int claimer_give(struct db *, const struct claimer_queue *, size_t n,
    struct err *);


/* Claiming from the lanes in turn, inside a transaction; queue_claim.c. */
struct claim {
	struct jobs_claimer *c;
	struct db *db;
	struct arena *a;
	const struct jobs_lease *lease;
	struct event_pack *pack;
	VEC(struct job_row) rows;	/* what was claimed */
	VEC(const char *) queues;	/* names of their queues */
	VEC(int64_t) waited_us;
	/* of one lane */
	struct claimer_queue *q;
	int lane;
	VEC(struct taken *) take;
	struct val tags[JOBS_BATCH];
	size_t ntags;
	int64_t left;		/* a tag that had to stay, 0 = none */
};
int claim_some(struct claim *, size_t want, struct err *);

#endif
