/*
 * The bridge to Redis, where one is configured. Out: every relayed event goes
 * to a channel and to a stream of its tenant. In: entries of declared streams
 * become events of one declared topic and one tenant, after the topic's own
 * schema has judged them, once each. Redis may go away at any time: both
 * directions resume where they were.
 */
#ifndef PLATFORM_REDIS_H
#define PLATFORM_REDIS_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "jobs/loop.h"

struct lease;
struct redis;

struct platform_redis_conf {
	const char *channel, *stream;	/* "{tenant}" is replaced; empty = not
					 * used */
	int64_t stream_max;
	const char *const *in;		/* "stream=topic" */
	const char *in_tenant;		/* UUID */
};
extern const struct settings platform_redis_settings;

/* ---- pure ------------------------------------------------------------------ */

/* "prices=market.tick": both parts, -1 if it is not of that form. */
int platform_redis_mapping(struct arena *, const char *text,
    const char **stream, const char **topic);
/* Channel or stream of a tenant. */
const char *platform_redis_name(struct arena *, const char *pattern,
    struct uuid tenant);

/* ---- rows --------------------------------------------------------------------- */

extern const struct query *const platform_redis_queries[];
extern const struct table platform_redis_tables[];
/* 0 found, 1 none. */
int platform_redis_reached(struct db *, struct arena *, const char *name,
    const char **reached, struct err *);
int platform_redis_reach(struct db *, const char *name, const char *reached,
    struct err *);

/* ---- over the network: no SQL ---------------------------------------------------- */

/* 0: PONG. Detail says why not. */
int platform_redis_ping(const char *url, int timeout_ms, char *detail,
    size_t n);
/* Publishes the events of these stream rows; 0 all are there. */
int platform_redis_send(struct redis *, struct arena *,
    const struct platform_redis_conf *, const struct rows *rows,
    size_t *sent, struct err *);

/* An entry of a stream. */
struct platform_redis_entry {
	const char *id;
	struct pair *fields;
	size_t n;
};
/* At most 200 entries after an id; block_ms 0 = do not wait. */
int platform_redis_read(struct redis *, struct arena *, const char *stream,
    const char *after, int64_t block_ms, struct platform_redis_entry **,
    size_t *n, struct err *);
/* Its field "entity", "" without one. */
const char *platform_redis_entity(const struct platform_redis_entry *);
/* Payload of an entry as the topic's struct: member "data" as JSON, or the
 * members one by one. -1: refused. */
int platform_redis_payload(struct arena *, const struct event *,
    const struct platform_redis_entry *, void **out, struct err *);

/* ---- use-cases: not inside a transaction ------------------------------------------- */

/* Sends what the stream has beyond what was sent. lease may be NULL (tests);
 * *more: not all yet. */
int platform_redis_out(struct env *, struct db *, struct redis *,
    const struct lease *, bool *more, struct err *);
/* Takes what declared streams hold. block_ms: wait for the last one. */
int platform_redis_in(struct env *, struct db *, struct redis *,
    const struct lease *, int64_t block_ms, bool *more, struct err *);

extern const struct metric *const platform_redis_metrics[];
extern const struct loop platform_redis_loops[];

#endif
