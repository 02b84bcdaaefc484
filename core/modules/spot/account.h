/*
 * Cloud accounts that are optimized, with what we need to enter them. Secrets
 * are sealed in their row and never leave it but for a provider's client.
 */
#ifndef SPOT_ACCOUNT_H
#define SPOT_ACCOUNT_H

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"
#include "http/route.h"
#include "modules/spot/rows.h"

struct principal;

struct spot_account {
	struct uuid id, tenant_id;
	const char *name, *provider, *connection_method;
	const char *aws_account;	/* NULL until verified */
	const char *region;		/* home: where STS and regions are asked */
	const char *region_names;	/* column */
	struct list regions;		/* the same for JSON; empty = all */
	const char *status, *last_error;
	int64_t scan_every_s, fleet_every_s;
	struct utc next_scan_at, next_fleet_at, last_scan_at, created_at;
	struct utc updated_at;
	/* of its credential */
	const char *credential_state, *credential_error;
	const char *missing_names;	/* column */
	struct list missing_actions;	/* the same for JSON */
	const char *access_key_last4, *role_arn, *external_id;
	struct utc credential_checked_at;
	const char *notices;		/* state of its sources; "" = none */
};
extern const struct schema spot_account_schema;
extern const struct query *const spot_account_queries[];

struct spot_credential {
	struct uuid account_id, tenant_id;
	const char *kind, *access_key_id;
	const char *secret;		/* sealed; NULL = none */
	const char *role_arn, *external_id;
	const char *state, *last_error;
	const char *missing_actions;	/* rights it lacks, with commas */
	struct utc checked_at, updated_at;
};
extern const struct schema spot_credential_schema;

/* ---- pure ---------------------------------------------------------------- */

/* "arn:aws:iam::123456789012:role/…": the account's digits, or NULL. */
const char *spot_arn_account(struct arena *, const char *role_arn);
/* Twelve digits for an account that exists only here. */
const char *spot_simulated_account(struct arena *, struct uuid id);
/* Trust and permission policies of the role we ask a client to make. */
const char *spot_role_template(struct arena *, const char *our_account,
    const char *external_id);

/* ---- rows ---------------------------------------------------------------- */

int spot_account_insert(struct db *, const struct spot_account *, struct err *);
int spot_account_update(struct db *, const struct spot_account *, struct err *);
int spot_account_delete(struct db *, struct uuid tenant, struct uuid id,
    struct err *);
int spot_account_by_id(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_account *, struct err *);
/* The same with a row lock. */
int spot_account_lock(struct db *, struct arena *, struct uuid tenant,
    struct uuid id, struct spot_account *, struct err *);
int spot_account_by_aws(struct db *, struct arena *, struct uuid tenant,
    const char *aws_account, struct spot_account *, struct err *);
int spot_account_by_name(struct db *, struct arena *, struct uuid tenant,
    const char *name, struct spot_account *, struct err *);
int spot_account_first(struct db *, struct arena *, struct uuid tenant,
    struct spot_account *, struct err *);
int spot_account_page(struct db *, struct arena *, struct uuid tenant,
    struct uuid after, int64_t limit, struct rows *, struct err *);
/* Accounts whose next scan of either kind is due, over all tenants. */
int spot_account_due(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
int spot_account_scanned(struct db *, struct uuid id, const char *status,
    const char *last_error, struct utc last, struct utc next, struct err *);
/* When the next inventory (0 = as it was) and fleet scans are due. */
int spot_account_next(struct db *, struct uuid id, struct utc next,
    struct utc next_fleet, struct err *);
int spot_credential_put(struct db *, const struct spot_credential *,
    struct err *);
int spot_credential_get(struct db *, struct arena *, struct uuid tenant,
    struct uuid account, struct spot_credential *, struct err *);
int spot_credential_state(struct db *, struct uuid account, const char *state,
    const char *last_error, struct utc now, struct err *);

/* ---- use-cases: not inside a transaction, they talk to the cloud --------- */

struct spot_connect {
	const char *name, *connection_method, *region;
	struct list regions;
	const char *access_key, *secret_key, *role_arn;
	int64_t scan_every_s, fleet_every_s;
};
/* Verifies, then makes account, credential and first scans. 409 when the
 * name is taken or the AWS account belongs to another; 422 with code
 * "credentials_refused". */
int spot_account_make(struct env *, struct arena *, const struct principal *by,
    const struct spot_connect *, struct utc now, struct spot_account *,
    struct err *);
/* New keys or another role: verified first. NULL members: what is stored is
 * verified again. A refusal is stored in the credential and is no error
 * unless new keys were refused. */
int spot_account_enter(struct env *, struct arena *,
    const struct principal *by, struct uuid id, const char *access_key,
    const char *secret_key, const char *role_arn, struct utc now,
    struct spot_account *, struct err *);
/* Removes the account with all that was found in it; instances removed. 409
 * "moves_run" while a move runs in it. */
int spot_account_remove(struct env *, struct arena *,
    const struct principal *by, struct uuid id, int64_t *instances,
    struct err *);

/* ---- files: import and export without secrets ---------------------------- */

struct spot_account_file {
	const char *name, *connection_method, *region;
	const char *regions;		/* separated by commas; empty = all */
	int64_t scan_every_s;
};
extern const struct schema spot_account_file_schema;
extern const struct query spot_account_export;
/* struct exchange: a new account is pending until it is verified. */
int spot_account_import(struct db *, struct arena *, struct uuid tenant,
    const void *row, bool *changed, struct err *);

extern const struct route spot_account_routes[], spot_account_view_routes[];
extern const struct demo spot_demo;

#endif
