/*
 * Queues of notices: polled for long, several at once, each by itself. A
 * message is deleted after the commit of what it said, never before; one that
 * comes again changes nothing.
 */
#ifndef SPOT_QUEUE_H
#define SPOT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "jobs/loop.h"

struct arena;
struct db;
struct env;
struct err;

struct spot_queue_turn {
	int shard, shards;		/* whose sources */
	int wait_s;			/* long poll, 0-20 */
	int64_t until_boot_ns;		/* no call begins after this */
	/* result */
	size_t queues, messages, deleted;
};
/* One turn: every queue is asked again and again until the time is over (with
 * wait_s 0: until it is empty). A queue that fails waits by itself. -1: the
 * database is away. */
int spot_queue_run(struct env *, struct db *, struct spot_queue_turn *,
    struct err *);

extern const struct loop spot_queue_loops[];

#endif
