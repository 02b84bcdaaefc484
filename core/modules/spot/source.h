/*
 * Sources of notices: a queue we poll, a topic or a program that posts to us,
 * or the simulated cloud. A source belongs to one account; whoever speaks
 * through it can touch that account only.
 */
#ifndef SPOT_SOURCE_H
#define SPOT_SOURCE_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "modules/spot/rows.h"

struct principal;
struct spot_account;

enum { SOURCE_SILENT_S = 600, SOURCE_STATUS_S = 30 };

struct spot_source {
	struct uuid id, tenant_id, account_id;
	const char *kind;		/* sqs sns webhook simulated */
	const char *region;		/* "" = any of the account's */
	const char *address;		/* URL of the queue, ARN of the topic */
	const char *secret;		/* sealed; NULL = none */
	const char *state;		/* new ok silent failing off */
	const char *last_error;
	int64_t failures;		/* polls in a row */
	struct utc last_poll_at, last_message_at, last_status_at;
	int64_t accepted, duplicates, strangers, forged, malformed, late;
	struct utc created_at, updated_at;
	const char *url;		/* JSON: where to post */
};
extern const struct schema spot_source_schema;
extern const struct query *const spot_source_queries[];
extern const struct table spot_source_tables[];
extern const struct event spot_source_events[];
extern const struct route spot_source_routes[];

/* What became of messages. */
struct spot_taken {
	int64_t accepted, duplicates, strangers, forged, malformed, late;
};

/* ---- pure ---------------------------------------------------------------- */

/* The state a source should be in: silent when nothing was heard for ten
 * minutes; polls that fail are failing, and silent sources poll statuses. */
const char *spot_source_judge(const struct spot_source *, struct utc now);
/* Whether the statuses of its account are asked instead, and now. */
bool spot_source_status_due(const struct spot_source *, struct utc now);

/* ---- rows ---------------------------------------------------------------- */

int spot_source_insert(struct db *, const struct spot_source *, struct err *);
int spot_source_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
int spot_source_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_source *, struct err *);
/* Whoever posts knows only the id: over all tenants. */
int spot_source_by_name(struct db *, struct arena *, struct uuid id,
    struct spot_source *, struct err *);
int spot_source_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct uuid after, int64_t limit, struct rows *,
    struct err *);
/* Of one kind over all tenants, those that are not off. */
int spot_source_kind(struct db *, struct arena *, const char *kind,
    struct rows *, struct err *);
/* All that are not off, for the statuses. */
int spot_source_on(struct db *, struct arena *, struct rows *, struct err *);
int spot_source_secret(struct db *, const struct spot_source *, struct err *);
/* Adds to the counts; with messages it has spoken. */
int spot_source_count(struct db *, struct uuid id, const struct spot_taken *,
    struct utc now, struct err *);
/* A poll ended: error NULL = well. */
int spot_source_polled(struct db *, struct uuid id, const char *error,
    struct utc now, struct err *);
int spot_source_asked(struct db *, struct uuid id, const char *error,
    struct utc now, struct err *);
int spot_source_set_state(struct db *, struct uuid id, const char *state,
    struct utc now, struct err *);
/* Simulated accounts without a source get one. */
int spot_source_simulated(struct db *, struct utc now, struct err *);

struct spot_source_totals {
	int64_t n, ok, silent, failing, off;
	struct utc oldest;		/* last word of the most silent one */
};
int spot_source_totals(struct db *, struct arena *,
    struct spot_source_totals *, struct err *);

/* Remembered certificates of SNS. 0 found, 1 none. */
int spot_sns_cert_get(struct db *, struct arena *, const char *url,
    struct utc now, const char **pem, struct err *);
int spot_sns_cert_put(struct db *, const char *url, const char *pem,
    struct utc until, struct utc now, struct err *);

/* ---- use-cases ----------------------------------------------------------- */

struct spot_source_new {
	struct uuid account_id;
	const char *kind, *region, *address;
};
/* Inside a transaction. 404; 409 "taken"; 422 when queue or topic are of
 * another account or region than the account has. *secret (webhook): shown
 * once. */
int spot_source_make(struct env *, struct arena *, const struct principal *,
    const struct spot_source_new *, struct utc now, struct spot_source *,
    const char **secret, struct err *);
/* A new secret for a webhook; 409 for other kinds. */
int spot_source_rotate(struct env *, struct arena *, struct uuid tenant,
    struct uuid id, struct utc now, struct spot_source *,
    const char **secret, struct err *);
/* A post of SNS, or one signed by the secret. Outside a transaction. 401 for
 * what is not proved (and counted), 404 never: an unknown id is 401, too. */
struct spot_post {
	struct uuid id;
	const char *timestamp, *nonce, *signature;	/* headers, or NULL */
	const char *body;
	size_t len;
};
int spot_source_sns(struct env *, struct arena *, const struct spot_post *,
    struct utc now, struct spot_taken *, struct err *);
int spot_source_webhook(struct env *, struct arena *,
    const struct spot_post *, struct utc now, struct spot_taken *,
    struct err *);

/* Health check: who speaks, who is silent. */
void spot_source_probe(struct env *, struct probe *);

#endif
