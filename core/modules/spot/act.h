/*
 * Everything that changes a cloud, and what has to be asked before and after.
 * Two clouds again: AWS over the wire and the simulated one; reached as
 * spot_acts_of(provider name). Calls wait for the network and for their rate
 * limit: never made inside a database transaction. Whatever a call returns
 * lives in the arena it was given; texts are never NULL. The access is the one
 * of provider.h after its open().
 *
 * A call that returns 0 was done. One that returns -1 with aws_transient (no
 * answer, 5xx) or aws_malformed (an answer that cannot be read) MAY have been
 * done: look, then send the same again; spot_act_unsure() tells. All other
 * classes mean that it was not done. Besides those of aws_wire.h:
 *   aws_capacity   no place had capacity (the list of refusals says which)
 *   aws_quota      a limit of the account
 *   aws_gone       no such instance or group (any more)
 *   aws_mismatch   the token was used with other parameters: a bug of ours
 *   aws_state      not as things stand: group at its maximum or minimum, an
 *                  activity under way, termination protection. Look, decide
 *
 * Acts repeat by themselves (full jitter, at most 8 times, never past
 * spot_access.deadline) where the same call twice is the same as once:
 * launch by its token, terminate, tag, protect, resize. attach, detach and
 * terminate_in_group repeat only what AWS did not take (throttled); after a
 * lost answer the group has to be read.
 */
#ifndef SPOT_ACT_H
#define SPOT_ACT_H

#include "modules/spot/provider.h"

enum {
	SPOT_TOKEN_MAX = 64,	/* of a launch; ASCII 33-126 */
	SPOT_PLACES_MAX = 20,	/* of a launch */
	SPOT_IDS_MAX = 100,	/* of one act; attach, detach, protect: 20 */
	SPOT_TAGS_MAX = 50
};

/* Where an instance may run. */
struct spot_launch_place {
	const char *type, *az;
	const char *subnet;		/* "" = the zone's default */
};

struct spot_launch {
	const char *region;
	const char *token;		/* 1-64: the same token, the same
					 * launch; with other members it is
					 * aws_mismatch */
	const char *lifecycle;		/* "spot" "on-demand" */
	const struct spot_launch_place *places;	/* best first */
	size_t nplaces;
	/* Of these a template, or an image. With a template all places go out
	 * in one CreateFleet; without, one RunInstances after another. */
	const char *template_id, *template_version;	/* "" */
	const char *image_id;
	const char *const *security_groups;	/* ids, end NULL; may be NULL */
	const char *key_name, *profile;	/* "" or NULL; profile: its ARN */
	const char *user_data;		/* Base64; may be NULL */
	const struct pair *tags;	/* of the instance, from its first
					 * moment on */
	size_t ntags;
	struct dec max_price;		/* per hour; 0 = on-demand's */
	bool resend;			/* the token may have been sent before:
					 * with an image and several places its
					 * instance is looked for first, for
					 * some seconds, since listings lag */
	bool dry_run;			/* may we? launches nothing */
};

struct spot_launch_refusal {
	size_t place;			/* index of the launch's places */
	const char *code;		/* AWS's: "InsufficientInstance…" */
	const char *class;		/* "aws_capacity" "aws_quota" … */
};

struct spot_launched {
	const char *instance_id;	/* "" after a dry run */
	const char *type, *az, *lifecycle, *token;
	size_t place;			/* SIZE_MAX: adopted, none of them */
	bool adopted;			/* was there already */
	struct list refused;		/* struct spot_launch_refusal; filled also
					 * when launch() fails */
};

/* Which instances; all given conditions hold at once. */
struct spot_find {
	const char *region;
	const char *const *ids;		/* with n */
	size_t n;
	const char *token;		/* of a launch by image; "" or NULL =
					 * any. Instances of a template carry
					 * another: find those by tag */
	const char *tag, *value;	/* tag NULL = any; value NULL = any */
	bool dead;			/* also shutting-down and terminated */
};

struct spot_status {
	const char *instance_id, *az;
	const char *state;		/* as in ec2_instance */
	const char *system, *instance;	/* "ok" "impaired" "initializing"
					 * "insufficient-data" "" */
	bool ok;			/* running and both checks "ok" */
	const char *event;		/* first one not completed:
					 * "instance-stop" …, "" none */
	struct utc event_at;
};

struct spot_member {
	const char *instance_id, *type, *az;
	const char *state;		/* "Pending" "InService" "Terminating"
					 * "Standby" "Detaching" … */
	bool healthy, protected;
	const char *template_id, *template_version;
};

struct spot_group {
	const char *name, *arn;
	int64_t min, max, desired;
	const char *health_type;	/* "EC2" "ELB" */
	int64_t grace_s;
	const char *suspended;		/* "Launch,Terminate"; "" none */
	const char *status;		/* "Delete in progress", mostly "" */
	const char *zones, *subnets;	/* "a,b" */
	const char *template_id, *template_version;
	const char *stack_id;		/* CloudFormation's tag; "" */
	const char *tags;		/* JSON object */
	bool mixed, protect_new;
	bool balanced;			/* target groups or load balancers */
	struct list members;		/* struct spot_member */
};

/* What to change; SPOT_KEEP leaves as it is. */
enum { SPOT_KEEP = -1 };
struct spot_resize {
	int64_t min, max, desired;
};

struct spot_score {
	const char *region, *az;	/* az "" = the whole region; AWS names
					 * zones by their id: "use1-az1" */
	int64_t score;			/* 1-10 */
};

/* Ids of one act, in one region. */
struct spot_ids {
	const char *region;
	const char *const *ids;
	size_t n;
};

struct spot_acts {
	/* One instance. With dry_run 0 means: it would have been allowed. A
	 * token that was sent before gives the same instance again, whatever
	 * became of it since. */
	int (*launch)(struct spot_access *, struct arena *,
	    const struct spot_launch *, struct spot_launched *, struct err *);
	/* Terminated ones are no error; an id that never was is aws_gone and
	 * then nothing was done. */
	int (*terminate)(struct spot_access *, struct arena *,
	    const struct spot_ids *, bool dry_run, struct err *);
	/* struct ec2_instance rows with tags and token, all pages; ids that do
	 * not exist are left out. */
	int (*describe)(struct spot_access *, struct arena *,
	    const struct spot_find *, struct list *, struct err *);
	/* What an instance was told at its first boot, Base64; "" nothing. */
	int (*user_data)(struct spot_access *, struct arena *,
	    const char *region, const char *id, const char **text,
	    struct err *);
	/* struct spot_status rows, also of instances that do not run; ids that
	 * do not exist are left out. */
	int (*status)(struct spot_access *, struct arena *,
	    const struct spot_ids *, struct list *, struct err *);
	int (*tag)(struct spot_access *, struct arena *,
	    const struct spot_ids *, const struct pair *, size_t, struct err *);
	/* 0 found, 1 there is none, -1. */
	int (*group)(struct spot_access *, struct arena *, const char *region,
	    const char *name, struct spot_group *, struct err *);
	/* struct spot_group rows of a region, all pages. */
	int (*groups)(struct spot_access *, struct arena *, const char *region,
	    struct list *, struct err *);
	/* State of the CloudFormation stack that made a group (its stack_id):
	 * "UPDATE_IN_PROGRESS" …; "" there is none any more. aws_denied where
	 * the right cloudformation:DescribeStacks is missing. */
	int (*stack)(struct spot_access *, struct arena *, const char *region,
	    const char *id, const char **status, struct err *);
	int (*group_resize)(struct spot_access *, struct arena *,
	    const char *region, const char *name, const struct spot_resize *,
	    struct err *);
	/* Raises the desired size by n; aws_state where that passes max. */
	int (*attach)(struct spot_access *, struct arena *, const char *name,
	    const struct spot_ids *, struct err *);
	/* decrement: lowers the desired size by n, else the group replaces
	 * them; aws_state where that passes min. */
	int (*detach)(struct spot_access *, struct arena *, const char *name,
	    const struct spot_ids *, bool decrement, struct err *);
	int (*terminate_in_group)(struct spot_access *, struct arena *,
	    const char *region, const char *id, bool decrement, struct err *);
	/* Protection from being chosen when the group shrinks. */
	int (*protect)(struct spot_access *, struct arena *, const char *name,
	    const struct spot_ids *, bool on, struct err *);
	/* struct spot_score rows for n instances of any of the types (NULL
	 * ended), in a region, one for each zone. */
	int (*scores)(struct spot_access *, struct arena *, const char *region,
	    const char *const *types, int64_t n, struct list *, struct err *);
};
extern const struct spot_acts spot_acts_aws, spot_acts_simulated;

/* provider name as in spot_account: "simulated" or any other, which is AWS. */
const struct spot_acts *spot_acts_of(const char *name);
/* True for an error after which the act may have been done all the same. */
bool spot_act_unsure(const struct err *);
/* NULL, or what is wrong with a launch. Pure. */
const char *spot_launch_problem(const struct spot_launch *);
/* The token that goes out for a place of a launch without template: the
 * launch's own for the first, else hex SHA-256 of "token/place". */
const char *spot_place_token(struct arena *, const struct spot_launch *,
    size_t place);

#endif
