/*
 * The acts of EC2 and Auto Scaling as requests and parsed answers, both pure.
 * The network in between is act_call.h's.
 */
#ifndef SPOT_ACT_WIRE_H
#define SPOT_ACT_WIRE_H

#include "modules/spot/act_call.h"

/* RunInstances for one place of a launch. */
struct aws_request spot_run_request(struct arena *, const struct spot_launch *,
    size_t place);
/* CreateFleet (instant) for all its places. */
struct aws_request spot_fleet_request(struct arena *,
    const struct spot_launch *);

/* The instance of RunInstances' answer; place is left alone. */
int spot_run_parse(struct arena *, const void *body, size_t len,
    struct spot_launched *, struct err *);
/* CreateFleet's: the instance and what was refused. -1 with the class of the
 * refusals when there is none. */
int spot_fleet_parse(struct arena *, const struct spot_launch *,
    const void *body, size_t len, struct spot_launched *, struct err *);
/* struct spot_status rows and the token of the next page. */
int spot_status_parse(struct arena *, const void *body, size_t len,
    struct list *, const char **next, struct err *);
/* struct spot_score rows. */
int spot_scores_parse(struct arena *, const void *body, size_t len,
    struct list *, const char **next, struct err *);
/* struct spot_group rows. */
int spot_groups_parse(struct arena *, const void *body, size_t len,
    struct list *, const char **next, struct err *);

/* DescribeInstanceAttribute's Base64 text; "" none. */
int spot_user_data_parse(struct arena *, const void *body, size_t len,
    const char **text, struct err *);
/* "UPDATE_IN_PROGRESS" …; "" no such stack. */
int spot_stack_parse(struct arena *, const void *body, size_t len,
    const char **status, struct err *);

/* The class of a launch of which every place was refused. */
int spot_all_refused(const struct list *refused, struct err *);

/* Auto Scaling's part of spot_acts. */
int spot_asg_group(struct spot_access *, struct arena *, const char *region,
    const char *name, struct spot_group *, struct err *);
int spot_asg_groups(struct spot_access *, struct arena *, const char *region,
    struct list *, struct err *);
int spot_asg_resize(struct spot_access *, struct arena *, const char *region,
    const char *name, const struct spot_resize *, struct err *);
int spot_asg_attach(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, struct err *);
int spot_asg_detach(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, bool decrement, struct err *);
int spot_asg_terminate(struct spot_access *, struct arena *,
    const char *region, const char *id, bool decrement, struct err *);
int spot_cfn_stack(struct spot_access *, struct arena *, const char *region,
    const char *stack, const char **status, struct err *);
int spot_asg_protect(struct spot_access *, struct arena *, const char *name,
    const struct spot_ids *, bool on, struct err *);

#endif
