/*
 * The relay: numbers committed outbox rows and moves them into the stream. A
 * step that any process may run; the lease "relay" lets one at a time. Each
 * transaction first writes the lease row with its token, reads committed rows
 * without locking them, and commits only if it deleted exactly what it
 * numbered: two relays can never number one event twice. Rows behind the
 * highest id seen (slow writers) are found by their gaps, which are forgotten
 * after the longest legal transaction.
 */
#ifndef EVENTS_RELAY_H
#define EVENTS_RELAY_H

#include "base/types.h"

struct db;
struct err;
struct metric;
struct query;
struct relay;
struct arena;

/* Memory of one relaying process. holder: the process (env->process). */
struct relay *relay_new(struct arena *, struct uuid holder);
/* One pass until the outbox is empty or max_rows are relayed: 0 done, 1
 * somebody else relays, -1 error. *relayed counts events, *more tells that
 * rows were left. Not inside a transaction. Afterwards rings "live". */
int relay_step(struct relay *, struct db *, size_t max_rows, size_t *relayed,
    bool *more, struct err *);
/* How long a transaction may last at most (default 600 s): gaps are kept so
 * long. How often everything is looked at regardless of gaps (30 s). */
void relay_limits(struct relay *, int64_t longest_txn_s, int64_t sweep_s);
/* Gives the lease back (another process need not wait for its end). */
void relay_end(struct relay *, struct db *);

extern const struct metric events_relayed_total, events_dead_total;
extern const struct metric *const event_metrics[];
extern const struct query *const relay_queries[];

#endif
