/*
 * Events over HTTP and on the terminal: replay and long-poll, declared topics,
 * what the relay had to set aside, and the relay's own turn.
 */
#ifndef PLATFORM_EVENT_H
#define PLATFORM_EVENT_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/loop.h"

struct relay;

struct platform_event_conf {
	int64_t keep_days;		/* stream rows; 0 = for ever */
	int64_t long_polls;		/* at once per host; 0 = a quarter of
					 * the slow pool */
};
extern const struct settings platform_event_settings;

/* ---- pure ------------------------------------------------------------------ */

/* "job.*,alert.fired" into a NULL-terminated list; NULL for an empty text.
 * -1: something that is no topic. */
int platform_event_topics(struct arena *, const char *text,
    const char *const **out);
/* How many may wait at once: the setting, or a quarter of the pool's children
 * (one where that is less than one, none of a single child). */
uint32_t platform_event_waiters(int64_t setting, int64_t children);

/* ---- rows: what was set aside ------------------------------------------------ */

struct platform_event_dead {
	int64_t id;
	struct uuid tenant_id;
	int64_t n;
	const char *body;		/* its first 2,000 characters */
	struct utc at, set_aside;
	const char *reason;
};
extern const struct schema platform_event_dead_schema;
extern const struct query *const platform_event_queries[];
/* From after an id on. */
int platform_event_dead_page(struct db *, struct arena *, int64_t after,
    int64_t limit, struct rows *, struct err *);
int platform_event_dead_back(struct db *, int64_t id, struct err *);
int platform_event_dead_delete(struct db *, int64_t id, uint64_t *n,
    struct err *);

/* ---- use-cases ----------------------------------------------------------------- */

/* Moves what is in the outbox, unless somebody else is doing it: what any
 * process may do so that hosts without daemons see events at once. */
int platform_event_relay(struct env *, struct err *);
/* The loop's turn with a memory of its own; then what follows the stream is
 * woken. */
int platform_event_turn(struct db *, struct relay *, bool *more,
    struct err *);
/* Gauges of the backlog. */
int platform_event_measure(struct db *, struct err *);
/* Drops what is older than keep_days; bounded, *more = not done yet. */
int platform_event_retain(struct env *, struct db *, bool *more,
    struct err *);
/* Dead rows into the outbox again, or away. 404 when there is none. */
int platform_event_replay(struct db *, struct arena *, int64_t id,
    struct err *);
int platform_event_drop(struct db *, struct arena *, int64_t id,
    struct err *);

void platform_event_probe(struct env *, struct probe *);

extern const struct metric *const platform_event_metrics[];
extern const struct route platform_event_routes[];
extern const struct command platform_event_commands[];
extern const struct loop platform_event_loops[];

#endif
