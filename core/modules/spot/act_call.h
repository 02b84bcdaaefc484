/*
 * One call of an act: paced, sent, judged, repeated by its rule. For the files
 * that build acts over AWS's wire.
 */
#ifndef SPOT_ACT_CALL_H
#define SPOT_ACT_CALL_H

#include "base/vec.h"
#include "modules/spot/act.h"

enum act_repeat {
	ACT_ONCE,	/* only while AWS says that it did not take it */
	ACT_SAME	/* twice is the same as once: reads, client tokens */
};

/* Parameters of a request as they grow; "" and NULL are left out. */
struct act_params {
	struct arena *a;
	VEC(struct pair) v;
	unsigned filters;
};
void spot_param(struct act_params *, const char *name, const char *value);
void spot_param_int(struct act_params *, const char *name, int64_t);
/* "prefix.1", "prefix.2" … */
void spot_param_list(struct act_params *, const char *prefix,
    const char *const *values, size_t n);
void spot_param_filter(struct act_params *, const char *name,
    const char *const *values, size_t n);
/* prefix.N.Key and prefix.N.Value. */
void spot_param_tags(struct act_params *, const char *prefix,
    const struct pair *, size_t n);

struct aws_request spot_ec2_act(const char *region, const char *action,
    const struct act_params *);
struct aws_request spot_asg_act(const char *region, const char *action,
    const struct act_params *);

/* Waits its turn, sends, sorts the answer, corrects the clock once, renews an
 * assumed role once, repeats. The reply lives in the arena. */
int spot_act_call(struct spot_access *, struct arena *,
    const struct aws_request *, enum act_repeat, struct net_reply *,
    struct err *);

/* Sleeps. */
void spot_act_wait(int64_t ns);

#endif
