/*
 * What the two files that take notices share: interruption_ops.c answers for
 * one instance, intake_ops.c runs the batch.
 */
#ifndef SPOT_INTERRUPTION_INNER_H
#define SPOT_INTERRUPTION_INNER_H

#include "base/vec.h"
#include "modules/spot/episode.h"
#include "modules/spot/interruption.h"
#include "modules/spot/signal.h"

struct event_pack;

/* One instance of one notice, on its way through the transaction. */
struct spot_item {
	const struct spot_notice *n;
	const char *instance;
	const struct spot_noticed *i;	/* NULL = not in the inventory */
	const struct spot_interruption *known;
	const struct spot_candidates *pools;	/* NULL = none looked for */
	/* what is to be reserved for it */
	enum spot_answer answer;
	struct spot_interruption *x;
	bool fresh, standby;
};

struct spot_taking {
	const struct spot_intake *in;
	struct spot_notice **v;		/* ours, oldest first */
	size_t n;
	struct utc now;
	struct spot_notice_policy policy;
	struct spot_pool_cache *market;
	VEC(struct spot_noticed) noticed;	/* as the inventory has them */
	struct spot_taken t;
	/* Reservations wait for the end of the batch: they take the lock that
	 * all who spend share. */
	VEC(struct spot_item *) pending;
	VEC(struct spot_item *) done;	/* of this batch, so far */
	/* Rows to be written together. */
	VEC(const struct spot_interruption *) made;
	VEC(struct spot_downtime) lost;
	VEC(struct spot_episode_end) ends;
	VEC(struct spot_noticed_mark) marks;
	VEC(struct spot_signal_new) signals;
	VEC(struct spot_interruption) known;	/* when the batch began */
	struct event_pack *told;
	bool rescan;
	int64_t since_ns;		/* of the clock, for the histogram */
	size_t requested;
};

/* Inside the transaction: the notice's effect on one instance. */
int spot_item_apply(struct spot_taking *, struct spot_item *, struct err *);
/* Makes the reservations that wait and writes what was gathered. Before the
 * commit. */
int spot_items_settle(struct spot_taking *, struct err *);
/* An open "unknown" one whose instance is known by now (item.known, locked). */
int spot_item_resume(struct spot_taking *, struct spot_item *, struct err *);

#endif
