/*
 * The gateway as the platform knows it: its settings, one-use tickets, the
 * list of clients, its health. The gateway itself is core/app/live*.c.
 */
#ifndef PLATFORM_LIVE_H
#define PLATFORM_LIVE_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"

struct platform_live_conf {
	const char *listen;		/* unix socket, or 127.0.0.1:port */
	int64_t clients;		/* at once; more are refused */
	int64_t clients_per_user, clients_per_tenant;	/* 0 = no limit */
	const char *const *origins;	/* beside the own host's */
	bool token_in_query;
	bool echo;
	int64_t messages, messages_s;	/* inbound, per client */
	int64_t subscriptions;		/* per client */
	int64_t ping_s, auth_wait_s;
	int64_t lag_frames, lag_bytes;
	int64_t ring_frames, ring_bytes;	/* per tenant, in memory */
	int64_t resume_events;
	int64_t tick_ms;
	int64_t drain_s;
	int64_t ticket_s;
};
extern const struct settings platform_live_settings;

/* ---- tickets (pure) ------------------------------------------------------- */

enum { PLATFORM_TICKET_TEXT = 3 + 43 + 1 };
/* "lt_" and 32 bytes. */
void platform_live_ticket_format(const uint8_t raw[32],
    char out[PLATFORM_TICKET_TEXT]);
/* Digest under which it is kept; -1: not a ticket's form. */
int  platform_live_ticket_hash(const char *text, uint8_t out[32]);

/* ---- rows ------------------------------------------------------------------- */

struct platform_live_ticket {
	struct blob hash;
	const char *credential;		/* sealed */
	struct utc expires_at;
};
struct platform_live_gateway {
	struct uuid process;
	const char *host;
	int64_t pid;
	struct utc started_at, beat_at;
	int64_t clients;
};
struct platform_live_client {
	struct uuid id, process, tenant_id, user_id;
	const char *name, *endpoint, *remote_addr, *user_agent;
	const char *subscriptions;	/* with commas */
	struct utc connected_at, last_ping;
	int64_t sent;
};
extern const struct schema platform_live_client_schema;
extern const struct query *const platform_live_queries[];
extern const struct table platform_live_tables[];

enum { PLATFORM_LIVE_STALE_S = 30 };	/* a gateway without beat is gone */

int platform_live_ticket_insert(struct db *,
    const struct platform_live_ticket *, struct err *);
/* 0 found, 1 none or too old. */
int platform_live_ticket_get(struct db *, struct arena *, struct blob hash,
    struct utc now, struct platform_live_ticket *, struct err *);
int platform_live_ticket_delete(struct db *, struct blob hash, uint64_t *n,
    struct err *);
int platform_live_ticket_expire(struct db *, struct utc before, struct err *);
int platform_live_client_put(struct db *, const struct platform_live_client *,
    size_t n, struct err *);
int platform_live_client_delete(struct db *, struct uuid id, struct err *);
int platform_live_client_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, struct utc alive_since, int64_t limit, struct rows *,
    struct err *);
/* All tenants'. */
int platform_live_client_all(struct db *, struct arena *, struct uuid after,
    struct utc alive_since, int64_t limit, struct rows *, struct err *);
int platform_live_gateway_put(struct db *,
    const struct platform_live_gateway *, struct err *);
/* Gateways of before an instant, and one's own, with their clients. */
int platform_live_gateway_expire(struct db *, struct utc before, struct err *);
int platform_live_gateway_delete(struct db *, struct uuid process,
    struct err *);

/* ---- use-cases ------------------------------------------------------------------ */

/* A ticket for whoever presented the credential (bearer token or API key). */
int platform_live_ticket_make(struct env *, struct arena *,
    const char *credential, struct utc now, const char **ticket,
    struct err *);
/* Redeems it, once: the credential behind it. 401 for anything else. */
int platform_live_ticket_use(struct env *, struct db *, struct arena *,
    const char *ticket, struct utc now, const char **credential,
    struct err *);
void platform_live_probe(struct env *, struct probe *);
/* Word of the segment that the gateway of this host writes each second. */
extern const char platform_live_beat[];

extern const struct route platform_live_routes[];
extern const struct command platform_live_commands[];
extern const struct metric *const platform_live_metrics[];
extern const struct metric platform_ws_connections, platform_ws_subscriptions,
    platform_ws_sent, platform_ws_lag_closed, platform_ws_recovered;

#endif
