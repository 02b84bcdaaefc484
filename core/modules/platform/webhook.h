/*
 * Webhooks: a tenant's events, posted to a URL of its own as a JSON array,
 * signed, in order, one delivery at a time, again until they are taken. What
 * fails for days is switched off with an event.
 *
 * Signature: X-Quincunx-Signature is "v1=" and the lower-case hex HMAC-SHA256,
 * keyed with the secret's text, of the timestamp header, a dot and the body.
 * X-Quincunx-Delivery is the same for every try of the same events.
 */
#ifndef PLATFORM_WEBHOOK_H
#define PLATFORM_WEBHOOK_H

#include "conf/conf.h"
#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/loop.h"

struct principal;

struct platform_webhook_conf {
	int64_t max;			/* subscriptions of a tenant */
	int64_t disable_days;		/* of failing until it is switched off */
	int64_t timeout_ms;
};
extern const struct settings platform_webhook_settings;

struct platform_webhook {
	struct uuid tenant_id, id;
	const char *name, *url;
	const char *stream;		/* "tenant" "installation" */
	const char *topic_names;	/* column; "" = all */
	const char *permission_names;	/* column: of its maker */
	struct list topics;		/* the same for JSON */
	const char *secret;		/* sealed; in a reply: the text */
	bool active;
	int64_t delivered, queued;
	struct utc queued_at;
	int64_t failures;
	struct utc failing_since;
	int64_t last_status;
	const char *last_error;
	struct utc last_at;
	const char *created_by;
	struct utc created_at, updated_at;
};
extern const struct schema platform_webhook_schema;

/* ---- pure ------------------------------------------------------------------ */

/* "v1=<hex>" of a body sent at a Unix time. */
const char *platform_webhook_signature(struct arena *, const char *secret,
    int64_t unix_s, const char *body, size_t n);
/* Whose stream it follows: its tenant's, or nil: the installation's. */
struct uuid platform_webhook_stream(const struct platform_webhook *);
/* "a,b" of a list and back. */
const char *platform_webhook_join(struct arena *, struct list);
struct list platform_webhook_split(struct arena *, const char *);
/* Permissions of declared topics that the caller holds. */
const char *platform_webhook_rights(struct arena *,
    const struct module *const *, const struct principal *);
/* For struct event_query: arg is the text of rights. */
bool platform_webhook_may_see(void *, const struct event *);
/* What an answer means: delivered, refused (4xx and redirects), failed, or
 * gone (410: the receiver wants no more). */
enum platform_webhook_outcome {
	HOOK_DELIVERED, HOOK_REFUSED, HOOK_FAILED, HOOK_GONE
};
enum platform_webhook_outcome platform_webhook_judge(int status);

/* ---- rows ------------------------------------------------------------------- */

extern const struct query *const platform_webhook_queries[];
extern const struct table platform_webhook_tables[];
int platform_webhook_insert(struct db *, const struct platform_webhook *,
    struct err *);
/* Name, url, topics, permissions, secret, active. */
int platform_webhook_update(struct db *, const struct platform_webhook *,
    struct err *);
int platform_webhook_delete(struct db *, struct uuid tenant, struct uuid id,
    uint64_t *n, struct err *);
/* 0 found, 1 none. */
int platform_webhook_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, bool lock, struct platform_webhook *, struct err *);
int platform_webhook_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
int platform_webhook_count(struct db *, struct uuid tenant, int64_t *,
    struct err *);
/* Of all tenants; for operators and for the loop. */
int platform_webhook_everyone(struct db *, struct arena *, struct uuid after,
    int64_t limit, struct rows *, struct err *);
int platform_webhook_lagging(struct db *, struct arena *, struct utc before,
    struct rows *, struct err *);
/* delivered moves from one number to another. */
int platform_webhook_advance(struct db *, const struct platform_webhook *,
    int64_t to, struct err *);
int platform_webhook_enqueued(struct db *, const struct platform_webhook *,
    int64_t last, struct utc now, struct err *);
/* Outcome of a try; delivered stays unless ok. */
int platform_webhook_tried(struct db *, const struct platform_webhook *,
    struct err *);
int platform_webhook_switch(struct db *, struct uuid id, bool active,
    struct utc now, uint64_t *n, struct err *);

/* ---- use-cases --------------------------------------------------------------- */

struct platform_webhook_new {
	const char *name, *url;
	const char *stream;
	struct list topics;
	bool active;
};
/* Inside a transaction; out->secret is the text to show once. 422 for a URL
 * or topics that cannot be, 409 for a taken name or too many. */
int platform_webhook_make(struct env *, struct arena *,
    const struct principal *, const struct platform_webhook_new *,
    struct utc now, struct platform_webhook *, struct err *);
/* Inside a transaction: stores what was changed. */
int platform_webhook_change(struct env *, struct arena *,
    const struct principal *, struct platform_webhook *, struct utc now,
    struct err *);
/* Inside a transaction: a new secret; the old one ends at once. */
int platform_webhook_rekey(struct env *, struct arena *, struct uuid tenant,
    struct uuid id, struct utc now, struct platform_webhook *, struct err *);
/* Not inside one: queues a delivery for each subscription that lags and has
 * none under way. *more: there may be others. */
int platform_webhook_follow(struct env *, struct db *, bool *more,
    struct err *);
/* The events of a range that a subscription takes. *kept false: some were not
 * there any more. */
int platform_webhook_events(struct env *, struct db *, struct arena *,
    const struct platform_webhook *, int64_t since, int64_t limit,
    struct event_page *, struct err *);

/* Payload of a delivery's job. */
struct platform_webhook_delivery {
	struct uuid webhook;
	int64_t first, last;
};
extern const struct schema platform_webhook_delivery_schema;

/* ---- over the network ---------------------------------------------------------- */

/* One POST. 0: an answer came, *status tells; -1: none did. */
int platform_webhook_post(struct env *, struct arena *,
    const struct platform_webhook *, const char *secret, int64_t first,
    bool kept, const char *body, int *status, int64_t *retry_after_s,
    struct err *);

extern const struct event platform_webhook_topics[];
extern const struct job platform_webhook_jobs[];
extern const struct loop platform_webhook_loops[];
extern const struct metric *const platform_webhook_metrics[];
extern const struct route platform_webhook_routes[];
extern const struct command platform_webhook_commands[];

#endif
