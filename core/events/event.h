/*
 * Events. A durable event is written into the outbox by the transaction that
 * makes the change; the relay (events/relay.h) gives it a number in the order
 * of its entity, once, and nobody ever walks an auto-increment. An ephemeral
 * event (a tick, progress) skips the database: it is handed to the gateway of
 * this host and may be dropped, never late.
 *
 * Order per entity holds because a writer publishes after it has locked the
 * entity's row: publish last, in the same transaction.
 */
#ifndef EVENTS_EVENT_H
#define EVENTS_EVENT_H

#include "base/types.h"
#include "db/db.h"
#include "db/table.h"

struct arena;
struct module;
struct schema;

enum event_flag {
	EV_EPHEMERAL = 1 << 0,	/* not stored */
	EV_STATE = 1 << 1,	/* only the latest of an entity matters: a slow
				 * reader may skip the ones between */
	EV_ALL = 1 << 2		/* about the installation: shown to every
				 * tenant's holders of .permission; tenant is nil */
};

/* static const; one row declares one kind of event. */
struct event {
	const char *name;	/* topic: "job.succeeded" */
	const char *doc;	/* sentence */
	const struct schema *payload;
	const char *permission;	/* who may see it; NULL: the whole tenant */
	unsigned flags;
	/* How the documents call it: message type of the gateway's seed
	 * dialects ("job_updates"), or NULL. */
	const char *seed_type;
};
#define EVENT_END { .name = NULL }

/* Topic by name among the enabled modules; NULL = unknown. */
const struct event *event_find(const struct module *const *, const char *name);

/* ---- publishing ---------------------------------------------------------- */

/* Inserts a durable event into the outbox (inside the caller's transaction),
 * or sends an ephemeral one. entity: id of what it is about (at most 64
 * bytes). version: grows by one with each event of the entity, 0 = not
 * counted. The relay is woken after the commit. A payload above 256 KiB is
 * refused (500). */
int event_publish(struct db *, const struct event *, struct uuid tenant,
    const char *entity, int64_t version, const void *payload, struct err *);

/* Many durable events as few rows: gather, then publish. Grouped by tenant,
 * order of adding kept within a tenant. */
struct event_pack;
struct event_pack *event_pack_new(struct arena *);
void event_pack_add(struct event_pack *, const struct event *,
    struct uuid tenant, const char *entity, int64_t version,
    const void *payload);
/* Inserts what was gathered; nothing for an empty pack. */
int event_pack_publish(struct db *, struct event_pack *, struct err *);

/* Many ephemeral events as few datagrams, in order: a socket of this kind holds
 * no more than ten. */
struct event_burst;
struct event_burst *event_burst_new(struct arena *);
void event_burst_add(struct event_burst *, const struct event *,
    struct uuid tenant, const char *entity, int64_t version,
    const void *payload);
/* True when it is to be sent before more is added. */
bool event_burst_full(const struct event_burst *);
/* Sends and empties it. -1: the gateway has not taken what was sent before,
 * nothing of this was sent. Without a gateway it is dropped. */
int event_burst_send(struct event_burst *);

/* ---- reading -------------------------------------------------------------- */

/* One event of a tenant's stream. */
struct event_item {
	int64_t off;		/* 1, 2, 3 … per tenant, without holes */
	const char *topic, *entity;
	int64_t version;
	struct utc at;
	struct json data;
};
extern const struct schema event_item_schema;

struct event_page {
	struct rows items;	/* event_item */
	int64_t epoch;		/* changes when a stream was restored */
	int64_t top;		/* last number given when it was read */
	int64_t next;		/* pass as since */
	bool recovered;		/* false: what came after since is not all
				 * there any more (retention, other epoch) */
};

/* Events after `since` (0 = from the oldest kept; -1 = none, only the head)
 * of one tenant, at most limit, oldest first. epoch 0 = the caller has none
 * yet. topics: NULL-terminated names or prefixes "job.*", NULL = all; what
 * may_see (NULL = everything) refuses is left out. */
struct event_query {
	struct uuid tenant;	/* nil: the installation's own stream */
	int64_t since, epoch, limit;
	const char *const *topics;
	bool (*may_see)(void *arg, const struct event *);
	void *arg;
	const struct module *const *modules;
};
int event_read(struct db *, struct arena *, const struct event_query *,
    struct event_page *, struct err *);

/* Stream rows of all tenants after a position, for the gateway and webhooks. */
struct event_row {
	int64_t pos;
	struct uuid tenant_id;
	int64_t first, n;
	struct utc at;
	const char *body;	/* n JSON lines: {"t","e","v","at","d"} */
};
extern const struct schema event_row_schema;
int event_follow(struct db *, struct arena *, int64_t pos, int64_t limit,
    struct rows *out, struct err *);
/* Last position; cheap, for the check each second that nothing was missed. */
int event_position(struct db *, int64_t *pos, struct err *);
/* Unpacks a row's lines into event_item rows. A line that cannot be read is
 * left out (its number is not reused). */
int event_unpack(struct arena *, const struct event_row *, struct rows *out,
    struct err *);

/* True for a name of the list, or one under "job.*"; an empty list, NULL and
 * "*" match all. */
bool event_topic_matches(const char *const *topics, const char *name);
/* Epoch and last number of a tenant's stream; zeros when it has none yet. */
int event_head(struct db *, struct uuid tenant, int64_t *epoch, int64_t *top,
    struct err *);

/* ---- upkeep ---------------------------------------------------------------- */

/* What waits for the relay. pending is counted up to 100,000; oldest 0 =
 * nothing waits. */
struct event_backlog {
	int64_t pending;
	struct utc oldest;
};
int event_backlog(struct db *, struct event_backlog *, struct err *);
/* Drops up to 500 stream rows relayed before an instant; *more: there may be
 * more of them. */
int event_drop_before(struct db *, struct utc, bool *more, struct err *);
/* After a database was brought back from a backup: offsets that clients hold
 * may name other events now. New epochs for all streams, and positions that
 * were never used. */
int event_restored(struct db *, struct err *);

extern const struct query *const event_queries[], *const event_stream_queries[];
extern const struct table event_tables[];

#endif
