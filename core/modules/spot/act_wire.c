/*
 * Acting on EC2. Refuses launches that name no place or carry a bad token
 * before a byte goes out. Invariant: the same struct spot_launch makes the
 * same bytes, so that its token means the same each time; the token of a
 * place follows from the launch's own.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "crypto/crypto.h"
#include "modules/spot/act_wire.h"

enum { PAGES_MAX = 100 };

static bool
given(const char *s)
{
	return s != NULL && *s != '\0';
}

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

/* ---- launching: pure ------------------------------------------------------- */

static const char *
places_problem(const struct spot_launch *l)
{
	if (l->nplaces < 1 || l->nplaces > SPOT_PLACES_MAX)
		return "a launch has 1 to 20 places";
	for (size_t i = 0; i < l->nplaces; i++)
		if (!given(l->places[i].type) || !given(l->places[i].az))
			return "a place has a type and a zone";
	return NULL;
}

const char *
spot_launch_problem(const struct spot_launch *l)
{
	size_t n = l->token == NULL ? 0 : strlen(l->token);

	if (n < 1 || n > SPOT_TOKEN_MAX)
		return "a launch has a token of 1 to 64 characters";
	for (size_t i = 0; i < n; i++)
		if (l->token[i] < '!' || l->token[i] > '~')
			return "the token is not plain ASCII";
	if (l->lifecycle == NULL || (strcmp(l->lifecycle, "spot") != 0 &&
	    strcmp(l->lifecycle, "on-demand") != 0))
		return "lifecycle is spot or on-demand";
	if (given(l->template_id) == given(l->image_id))
		return "a launch names a template or an image";
	if (l->ntags > SPOT_TAGS_MAX)
		return "an instance has at most 50 tags";
	for (size_t i = 0; i < l->ntags; i++)
		if (strncmp(l->tags[i].name, "aws:", 4) == 0)
			return "tags that begin with aws: are AWS's own";
	return places_problem(l);
}

const char *
spot_place_token(struct arena *a, const struct spot_launch *l, size_t place)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	const char *text;

	if (place == 0)
		return l->token;
	text = arena_printf(a, "%s/%zu", l->token, place);
	crypto_sha256(text, strlen(text), digest);
	return arena_strdup(a, hex_encode(digest, sizeof(digest), hex));
}

static void
add_instance_tags(struct act_params *p, const struct spot_launch *l)
{
	if (l->ntags == 0)
		return;
	spot_param(p, "TagSpecification.1.ResourceType", "instance");
	spot_param_tags(p, "TagSpecification.1.Tag", l->tags, l->ntags);
}

static const char *
price_text(struct arena *a, struct dec d)
{
	char buf[DEC_TEXT];

	return arena_strdup(a, dec_format(d, buf));
}

static void
add_market(struct act_params *p, const struct spot_launch *l)
{
	if (strcmp(l->lifecycle, "spot") != 0)
		return;
	spot_param(p, "InstanceMarketOptions.MarketType", "spot");
	spot_param(p, "InstanceMarketOptions.SpotOptions.SpotInstanceType",
	    "one-time");
	if (l->max_price.e8 > 0)
		spot_param(p, "InstanceMarketOptions.SpotOptions.MaxPrice",
		    price_text(p->a, l->max_price));
}

struct aws_request
spot_run_request(struct arena *a, const struct spot_launch *l, size_t place)
{
	const struct spot_launch_place *at = &l->places[place];
	struct act_params p = { .a = a };
	size_t groups = 0;

	spot_param(&p, "ImageId", l->image_id);
	spot_param(&p, "InstanceType", at->type);
	spot_param_int(&p, "MinCount", 1);
	spot_param_int(&p, "MaxCount", 1);
	spot_param(&p, "Placement.AvailabilityZone", at->az);
	spot_param(&p, "SubnetId", at->subnet);
	spot_param(&p, "KeyName", l->key_name);
	spot_param(&p, "IamInstanceProfile.Arn", l->profile);
	spot_param(&p, "UserData", l->user_data);
	while (l->security_groups != NULL && l->security_groups[groups] != NULL)
		groups++;
	spot_param_list(&p, "SecurityGroupId", l->security_groups, groups);
	add_market(&p, l);
	add_instance_tags(&p, l);
	spot_param(&p, "ClientToken", spot_place_token(a, l, place));
	if (l->dry_run)
		spot_param(&p, "DryRun", "true");
	return spot_ec2_act(l->region, "RunInstances", &p);
}

static void
add_override(struct act_params *p, const struct spot_launch *l, size_t i)
{
	const char *pre = arena_printf(p->a,
	    "LaunchTemplateConfigs.1.Overrides.%zu.", i + 1);
	const struct spot_launch_place *at = &l->places[i];

	spot_param(p, arena_printf(p->a, "%sInstanceType", pre), at->type);
	if (given(at->subnet))
		spot_param(p, arena_printf(p->a, "%sSubnetId", pre),
		    at->subnet);
	else
		spot_param(p, arena_printf(p->a, "%sAvailabilityZone", pre),
		    at->az);
	spot_param_int(p, arena_printf(p->a, "%sPriority", pre), (int64_t)i);
	if (l->max_price.e8 > 0 && strcmp(l->lifecycle, "spot") == 0)
		spot_param(p, arena_printf(p->a, "%sMaxPrice", pre),
		    price_text(p->a, l->max_price));
}

struct aws_request
spot_fleet_request(struct arena *a, const struct spot_launch *l)
{
#define TEMPLATE "LaunchTemplateConfigs.1.LaunchTemplateSpecification."
#define TARGET "TargetCapacitySpecification."
	struct act_params p = { .a = a };
	bool spot = strcmp(l->lifecycle, "spot") == 0;

	spot_param(&p, "Type", "instant");
	spot_param(&p, "ClientToken", l->token);
	spot_param_int(&p, TARGET "TotalTargetCapacity", 1);
	spot_param(&p, TARGET "DefaultTargetCapacityType", l->lifecycle);
	spot_param(&p, spot ? "SpotOptions.AllocationStrategy" :
	    "OnDemandOptions.AllocationStrategy", spot ?
	    "capacity-optimized-prioritized" : "prioritized");
	spot_param(&p, TEMPLATE "LaunchTemplateId", l->template_id);
	spot_param(&p, TEMPLATE "Version", given(l->template_version) ?
	    l->template_version : "$Default");
	for (size_t i = 0; i < l->nplaces; i++)
		add_override(&p, l, i);
	add_instance_tags(&p, l);
	if (l->dry_run)
		spot_param(&p, "DryRun", "true");
	return spot_ec2_act(l->region, "CreateFleet", &p);
#undef TEMPLATE
#undef TARGET
}

/* ---- launching --------------------------------------------------------------- */

/* 0 and a dry run that would have worked; 1 no dry run; -1. */
static int
dry_result(const struct spot_launch *l, int rc, struct err *e)
{
	if (!l->dry_run)
		return 1;
	if (rc == -1 && is(e, "aws_dry_run")) {
		err_clear(e);
		return 0;
	}
	return rc == 0 ? err_set(e, 502, "aws_malformed",
	    "AWS did not honour a dry run") : -1;
}

static int
launch_fleet(struct spot_access *x, struct arena *a,
    const struct spot_launch *l, struct spot_launched *out, struct err *e)
{
	struct aws_request r = spot_fleet_request(a, l);
	struct net_reply reply;
	int rc = spot_act_call(x, a, &r, ACT_SAME, &reply, e);
	int dry = dry_result(l, rc, e);

	if (dry != 1)
		return dry;
	if (rc == -1)
		return -1;
	return spot_fleet_parse(a, l, reply.body, reply.len, out, e);
}

static int find_all(struct spot_access *, struct arena *, const char *region,
    struct act_params *, bool dead, struct list *, struct err *);

/* An instance that an earlier send of the launch has made: 1 and it is in
 * out, 0 there is none, -1. */
static int
look_for(struct spot_access *x, struct arena *a, const struct spot_launch *l,
    struct spot_launched *out, struct err *e)
{
	const char *tokens[SPOT_PLACES_MAX];
	struct act_params p = { .a = a };
	const struct ec2_instance *v;
	struct list rows = { 0 };

	for (size_t i = 0; i < l->nplaces; i++)
		tokens[i] = spot_place_token(a, l, i);
	spot_param_filter(&p, "client-token", tokens, l->nplaces);
	if (find_all(x, a, l->region, &p, false, &rows, e) == -1)
		return -1;
	if (rows.n == 0)
		return 0;
	v = rows.items;
	out->instance_id = v->instance_id;
	out->type = v->instance_type;
	out->az = v->az;
	out->lifecycle = v->lifecycle;
	out->token = v->token;
	out->adopted = true;
	for (size_t i = 0; i < l->nplaces; i++)
		if (strcmp(tokens[i], v->token) == 0)
			out->place = i;
	return 1;
}

/* Listings lag behind: a place that had no capacity before may have some now,
 * and then two instances would come of one launch. So nothing is launched
 * anew before a few looks have found nothing. */
static int
adopt(struct spot_access *x, struct arena *a, const struct spot_launch *l,
    struct spot_launched *out, struct err *e)
{
	static const int64_t pauses_s[] = { 0, 2, 4 };
	int rc = 0;

	for (size_t i = 0; i < NITEMS(pauses_s) && rc == 0; i++) {
		int64_t ns = pauses_s[i] * 1000000000;

		if (x->deadline_ns != 0 &&
		    clock_boot_ns() + ns >= x->deadline_ns)
			return err_set(e, 503, "aws_transient", "No time is "
			    "left to look for what was launched before");
		if (ns > 0)
			spot_act_wait(ns);
		rc = look_for(x, a, l, out, e);
	}
	return rc;
}

static void
refused(struct arena *a, struct spot_launched *out, size_t place,
    const struct err *e)
{
	const struct spot_launch_refusal r = { .place = place,
	    .code = spot_aws_code(a, e), .class = e->code };
	struct spot_launch_refusal *v = out->refused.items;

	v = arena_grow(a, v, out->refused.n * sizeof(*v),
	    (out->refused.n + 1) * sizeof(*v));
	v[out->refused.n++] = r;
	out->refused.items = v;
}

/* One place after another; the next only after a definite no. */
static int
launch_places(struct spot_access *x, struct arena *a,
    const struct spot_launch *l, struct spot_launched *out, struct err *e)
{
	struct net_reply reply;

	for (size_t i = 0; i < l->nplaces; i++) {
		struct aws_request r = spot_run_request(a, l, i);
		int rc = spot_act_call(x, a, &r, ACT_SAME, &reply, e);
		int dry = dry_result(l, rc, e);

		if (dry != 1)
			return dry;
		if (rc == 0) {
			out->place = i;
			return spot_run_parse(a, reply.body, reply.len, out, e);
		}
		if (!is(e, "aws_capacity") && !is(e, "aws_quota"))
			return -1;
		refused(a, out, i, e);
		err_clear(e);
	}
	return spot_all_refused(&out->refused, e);
}

static int
aws_launch(struct spot_access *x, struct arena *a, const struct spot_launch *l,
    struct spot_launched *out, struct err *e)
{
	const char *problem = spot_launch_problem(l);
	int rc;

	*out = (struct spot_launched){ .instance_id = "", .type = "",
	    .az = "", .lifecycle = "", .token = "", .place = SIZE_MAX };
	if (problem != NULL)
		return err_set(e, 502, "aws_bug", "%s", problem);
	if (given(l->template_id))
		return launch_fleet(x, a, l, out, e);
	/* a single place's token is enough */
	if (l->resend && !l->dry_run && l->nplaces > 1) {
		rc = adopt(x, a, l, out, e);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
	}
	return launch_places(x, a, l, out, e);
}

/* ---- the others ----------------------------------------------------------------- */

static int
check_ids(const struct spot_ids *ids, size_t max, struct err *e)
{
	if (ids->n < 1 || ids->n > max)
		return err_set(e, 502, "aws_bug", "an act names 1 to %zu "
		    "instances", max);
	return 0;
}

static int
aws_terminate(struct spot_access *x, struct arena *a,
    const struct spot_ids *ids, bool dry_run, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;
	int rc;

	if (check_ids(ids, SPOT_IDS_MAX, e) == -1)
		return -1;
	spot_param_list(&p, "InstanceId", ids->ids, ids->n);
	if (dry_run)
		spot_param(&p, "DryRun", "true");
	r = spot_ec2_act(ids->region, "TerminateInstances", &p);
	rc = spot_act_call(x, a, &r, ACT_SAME, &reply, e);
	if (rc == -1 && dry_run && is(e, "aws_dry_run")) {
		err_clear(e);
		return 0;
	}
	return rc;
}

static void
append_rows(struct arena *a, struct list *to, const struct list *more,
    size_t size)
{
	char *v = arena_grow(a, to->items, to->n * size,
	    (to->n + more->n) * size);

	memcpy(v + to->n * size, more->items, more->n * size);
	to->items = v;
	to->n += more->n;
}

/* All pages of DescribeInstances under the filters so far; from the start once
 * more when the token of a page has expired. */
static int
find_all(struct spot_access *x, struct arena *a, const char *region,
    struct act_params *p, bool dead, struct list *out, struct err *e)
{
	static const char *const alive[] = { "pending", "running", "stopping",
	    "stopped" };
	bool restarted = false;
	size_t fixed;

	*out = (struct list){ 0 };
	if (!dead)
		spot_param_filter(p, "instance-state-name", alive,
		    NITEMS(alive));
	spot_param_int(p, "MaxResults", 1000);
	fixed = p->v.n;
	for (int page = 0; page < PAGES_MAX; page++) {
		struct aws_request r = spot_ec2_act(region,
		    "DescribeInstances", p);
		struct net_reply reply;
		struct ec2_page rows;

		if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1 ||
		    spot_ec2_parse(a, EC2_INSTANCES, reply.body, reply.len,
		    &rows, e) == -1) {
			if (!is(e, "aws_token") || restarted)
				return -1;
			restarted = true;
			err_clear(e);
			*out = (struct list){ 0 };
			p->v.n = fixed;
			continue;
		}
		append_rows(a, out, &rows.rows, sizeof(struct ec2_instance));
		if (*rows.next_token == '\0')
			return 0;
		p->v.n = fixed;
		spot_param(p, "NextToken", rows.next_token);
	}
	return err_set(e, 502, "aws_malformed", "AWS pages without end");
}

static int
aws_describe(struct spot_access *x, struct arena *a, const struct spot_find *f,
    struct list *out, struct err *e)
{
	struct act_params p = { .a = a };

	if (f->n > SPOT_IDS_MAX || (f->n == 0 && !given(f->token) &&
	    f->tag == NULL))
		return err_set(e, 502, "aws_bug", "name at most 100 instances, "
		    "a token or a tag");
	if (f->n > 0)
		spot_param_filter(&p, "instance-id", f->ids, f->n);
	if (given(f->token))
		spot_param_filter(&p, "client-token", &f->token, 1);
	if (f->tag != NULL && f->value != NULL)
		spot_param_filter(&p, arena_printf(a, "tag:%s", f->tag),
		    &f->value, 1);
	else if (f->tag != NULL)
		spot_param_filter(&p, "tag-key", &f->tag, 1);
	return find_all(x, a, f->region, &p, f->dead, out, e);
}

static int
status_once(struct spot_access *x, struct arena *a,
    const struct spot_ids *ids, struct list *out, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;

	spot_param_list(&p, "InstanceId", ids->ids, ids->n);
	spot_param(&p, "IncludeAllInstances", "true");
	r = spot_ec2_act(ids->region, "DescribeInstanceStatus", &p);
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1)
		return -1;
	return spot_status_parse(a, reply.body, reply.len, out, NULL, e);
}

/* One id that EC2 does not know makes it refuse all: then those that exist are
 * asked for. */
static int
aws_status(struct spot_access *x, struct arena *a, const struct spot_ids *ids,
    struct list *out, struct err *e)
{
	const struct spot_find f = { .region = ids->region, .ids = ids->ids,
	    .n = ids->n, .dead = true };
	struct spot_ids there = { .region = ids->region };
	const struct ec2_instance *v;
	const char **known;
	struct list rows;

	*out = (struct list){ 0 };
	if (check_ids(ids, SPOT_IDS_MAX, e) == -1)
		return -1;
	if (status_once(x, a, ids, out, e) == 0)
		return 0;
	if (!is(e, "aws_gone"))
		return -1;
	err_clear(e);
	if (aws_describe(x, a, &f, &rows, e) == -1)
		return -1;
	v = rows.items;
	known = arena_array(a, rows.n, sizeof(*known));
	for (size_t i = 0; i < rows.n; i++)
		known[there.n++] = v[i].instance_id;
	there.ids = known;
	return there.n == 0 ? 0 : status_once(x, a, &there, out, e);
}

static int
aws_tag(struct spot_access *x, struct arena *a, const struct spot_ids *ids,
    const struct pair *tags, size_t n, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;

	if (check_ids(ids, SPOT_IDS_MAX, e) == -1)
		return -1;
	if (n < 1 || n > SPOT_TAGS_MAX)
		return err_set(e, 502, "aws_bug", "1 to 50 tags");
	spot_param_list(&p, "ResourceId", ids->ids, ids->n);
	spot_param_tags(&p, "Tag", tags, n);
	r = spot_ec2_act(ids->region, "CreateTags", &p);
	return spot_act_call(x, a, &r, ACT_SAME, &reply, e);
}

static int
aws_scores(struct spot_access *x, struct arena *a, const char *region,
    const char *const *types, int64_t n, struct list *out, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;
	size_t k = 0;

	while (types[k] != NULL)
		k++;
	spot_param_list(&p, "InstanceType", types, k);
	spot_param_int(&p, "TargetCapacity", n);
	spot_param(&p, "SingleAvailabilityZone", "true");
	spot_param_list(&p, "RegionName", &region, 1);
	r = spot_ec2_act(region, "GetSpotPlacementScores", &p);
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1)
		return -1;
	return spot_scores_parse(a, reply.body, reply.len, out, NULL, e);
}

static int
aws_user_data(struct spot_access *x, struct arena *a, const char *region,
    const char *id, const char **text, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;

	spot_param(&p, "InstanceId", id);
	spot_param(&p, "Attribute", "userData");
	r = spot_ec2_act(region, "DescribeInstanceAttribute", &p);
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1)
		return -1;
	return spot_user_data_parse(a, reply.body, reply.len, text, e);
}

const struct spot_acts spot_acts_aws = {
	.launch = aws_launch, .terminate = aws_terminate,
	.describe = aws_describe, .user_data = aws_user_data,
	.status = aws_status, .tag = aws_tag,
	.group = spot_asg_group, .groups = spot_asg_groups,
	.stack = spot_cfn_stack, .group_resize = spot_asg_resize,
	.attach = spot_asg_attach,
	.detach = spot_asg_detach, .terminate_in_group = spot_asg_terminate,
	.protect = spot_asg_protect, .scores = aws_scores
};
