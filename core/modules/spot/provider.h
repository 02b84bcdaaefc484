/*
 * A cloud as discovery sees it: who am I, which regions, and listings page by
 * page. Two of them: AWS over the wire, and the simulated cloud. Never called
 * inside a database transaction.
 */
#ifndef SPOT_PROVIDER_H
#define SPOT_PROVIDER_H

#include "db/env.h"
#include "modules/spot/account.h"
#include "modules/spot/ec2_wire.h"

struct spot_conf;

/* What enters an account, for as long as one run takes. */
struct spot_access {
	struct env *env;
	struct arena *a;		/* of the run; holds secrets */
	const char *region;		/* home region */
	struct uuid account;		/* seed of the simulated cloud */
	const char *access_key, *secret_key;
	const char *role_arn, *external_id;
	struct aws_client client;
	bool renewed;			/* a role was assumed a second time */
	int64_t deadline_ns;		/* boot clock: acts do not repeat past
					 * it; 0 = none */
	bool urgent;			/* acts may use all of the rate that
					 * AWS allows, not our share of it */
};

/* One listing of one region. */
struct spot_listing {
	const char *region;
	enum ec2_call what;
	const char *token;		/* where to go on; NULL = start */
	struct utc from, to;		/* prices */
	unsigned attempts;		/* failed calls in a row */
	unsigned throttles;		/* throttled ones in a row */
	int64_t throttled_ns;		/* since when; 0 = not */
	bool restarted;			/* its token had expired once */
	bool ended, busy, repeat;	/* the provider's */
	int64_t ready_ns;		/* not before */
	struct utc signed_at;
	void *tag;			/* the caller's */
};
struct spot_fetch {
	struct spot_listing *v;
	size_t n;
	struct utc now;
	/* A page came; stores it. -1 with *err: the whole run stops. */
	int (*page)(void *arg, struct spot_listing *, struct arena *,
	    const struct ec2_page *, struct err *);
	/* A listing is over. NULL: all pages were there. */
	int (*ended)(void *arg, struct spot_listing *, const struct err *);
	void *arg;
	bool stop;			/* credentials failed, or page() did */
	struct err err;			/* why */
};

struct spot_provider {
	const char *name;
	/* Makes the access usable: assumes the role. */
	int (*open)(struct spot_access *, struct err *);
	/* The account's twelve digits. */
	int (*identity)(struct spot_access *, const char **, struct err *);
	/* struct ec2_region rows with their opt-in state. */
	int (*regions)(struct spot_access *, struct ec2_page *, struct err *);
	/* Runs all listings to their end. -1: the run stopped (*err). */
	int (*fetch)(struct spot_access *, struct spot_fetch *, struct err *);
	/* "NONE", "REBALANCE", "TERMINATION" */
	const char *(*signal)(const struct spot_access *,
	    const struct ec2_instance *, struct utc now);
};
extern const struct spot_provider spot_provider_aws, spot_provider_simulated;

const struct spot_provider *spot_provider_of(const char *name);
/* Rights that an open access of AWS lacks, with commas: "ec2:DescribeVolumes".
 * -1: the credentials are no good (any more). */
int spot_rights_missing(struct spot_access *, const char **missing,
    struct err *);
/* Opens the sealed secret of a stored credential. */
int spot_access_open(struct spot_access *, struct env *, struct arena *,
    const struct spot_account *, const struct spot_credential *,
    struct err *);
/* Assumes the role once more, when its session has ended. -1: that failed. */
int spot_access_renew(struct spot_access *, struct err *);
/* State of a credential after an error of this class: "invalid", "denied",
 * "expired", or NULL when the error says nothing about it. */
const char *spot_credential_verdict(const struct err *);

#endif
