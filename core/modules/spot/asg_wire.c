/*
 * Auto Scaling: groups with their members, and what changes them. A group that
 * does not exist is an answer, not an error. Refuses groups whose sizes are
 * not said and members without an id. What may not be done twice (attach,
 * detach, terminate) is sent again only when AWS did not take it.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "modules/spot/act_wire.h"
#include "modules/spot/ec2_inner.h"

enum { GROUPS_MAX = 1000, MEMBERS_MAX = 5000, LIST_MAX = 8192,
    PAGES_MAX = 200, BATCH = 20 };

/* ---- reading ------------------------------------------------------------------ */

struct group_row {
	struct spot_group g;
	const char *mixed_id, *mixed_version;
	struct spot_ec2_tags tags;
	struct spot_member open;
	VEC(struct spot_member) members;
};

#define OFF(m) .off = offsetof(struct group_row, m)
#define TEXT(m, p, n) { OFF(m), .type = AWS_TEXT, .path = p, .max = n }
#define NEED(m, p, t) { OFF(m), .type = t, .path = p, .max = 255, \
	.need = true }
#define MIXED "MixedInstancesPolicy/LaunchTemplate/LaunchTemplateSpecification/"

static const struct aws_field group_fields[] = {
	NEED(g.name, "AutoScalingGroupName", AWS_TEXT),
	TEXT(g.arn, "AutoScalingGroupARN", 1600),
	NEED(g.min, "MinSize", AWS_INT),
	NEED(g.max, "MaxSize", AWS_INT),
	NEED(g.desired, "DesiredCapacity", AWS_INT),
	TEXT(g.health_type, "HealthCheckType", 64),
	{ OFF(g.grace_s), .type = AWS_INT, .path = "HealthCheckGracePeriod" },
	TEXT(g.status, "Status", 255),
	TEXT(g.subnets, "VPCZoneIdentifier", 5000),
	TEXT(g.template_id, "LaunchTemplate/LaunchTemplateId", 255),
	TEXT(g.template_version, "LaunchTemplate/Version", 255),
	TEXT(mixed_id, MIXED "LaunchTemplateId", 255),
	TEXT(mixed_version, MIXED "Version", 255),
	{ OFF(g.protect_new), .type = AWS_BOOL,
	    .path = "NewInstancesProtectedFromScaleIn" },
	{ .path = NULL }
};

static void
append(struct arena *a, const char **list, const char *word)
{
	if (*word == '\0')
		return;
	if (*list == NULL || **list == '\0')
		*list = arena_strndup(a, word, 255);
	else if (strlen(*list) + strlen(word) < LIST_MAX)
		*list = arena_printf(a, "%s,%s", *list, word);
}

static int
close_member(struct arena *a, struct group_row *r, struct err *e)
{
	struct spot_member *m = &r->open;
	const char **texts[] = { &m->type, &m->az, &m->state, &m->template_id,
	    &m->template_version };

	if (m->instance_id == NULL || *m->instance_id == '\0')
		return err_set(e, 502, "aws_malformed", "AWS answer: a member "
		    "of a group without InstanceId");
	if (r->members.n == MEMBERS_MAX)
		return err_set(e, 502, "aws_malformed", "AWS answer: a group "
		    "of more than %d members", MEMBERS_MAX);
	for (size_t i = 0; i < NITEMS(texts); i++)
		if (*texts[i] == NULL)
			*texts[i] = "";
	*VEC_ADD(a, &r->members) = *m;
	memset(m, 0, sizeof(*m));
	return 0;
}

static int
member_text(struct arena *a, struct group_row *r, const char *path,
    const char *text, size_t len, struct err *e)
{
	struct spot_member *m = &r->open;
	const struct {
		const char *path, **at;
	} texts[] = {
		{ "/InstanceId", &m->instance_id },
		{ "/InstanceType", &m->type },
		{ "/AvailabilityZone", &m->az },
		{ "/LifecycleState", &m->state },
		{ "/LaunchTemplate/LaunchTemplateId", &m->template_id },
		{ "/LaunchTemplate/Version", &m->template_version }
	};

	if (*path == '\0')
		return close_member(a, r, e);
	if (strcmp(path, "/HealthStatus") == 0)
		m->healthy = strcasecmp(text, "healthy") == 0;
	else if (strcmp(path, "/ProtectedFromScaleIn") == 0)
		m->protected = strcmp(text, "true") == 0;
	for (size_t i = 0; i < NITEMS(texts); i++)
		if (strcmp(path, texts[i].path) == 0 && len <= 255)
			*texts[i].at = arena_strdup(a, text);
	return 0;
}

static int
group_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *e)
{
	static const char member[] = "Instances/member";
	struct group_row *r = row;

	(void)arg;
	if (strncmp(path, member, sizeof(member) - 1) == 0)
		return member_text(a, r, path + sizeof(member) - 1, text, len,
		    e);
	if (strcmp(path, "Tags/member/Key") == 0 ||
	    strcmp(path, "Tags/member/Value") == 0 ||
	    strcmp(path, "Tags/member") == 0)
		(void)spot_ec2_tag_other(a, &r->tags, path, "Tags/member",
		    text, len);
	else if (strcmp(path, "AvailabilityZones/member") == 0)
		append(a, &r->g.zones, text);
	else if (strcmp(path, "SuspendedProcesses/member/ProcessName") == 0)
		append(a, &r->g.suspended, text);
	else if (strcmp(path, "LoadBalancerNames/member") == 0 ||
	    strcmp(path, "TargetGroupARNs/member") == 0)
		r->g.balanced = true;
	else if (strcmp(path, "MixedInstancesPolicy") == 0)
		r->g.mixed = true;
	return 0;
}

static int
group_finish(void *arg, struct arena *a, void *row, struct err *e)
{
	struct group_row *r = row;

	(void)arg, (void)e;
	if (r->g.zones == NULL)
		r->g.zones = "";
	if (r->g.suspended == NULL)
		r->g.suspended = "";
	if (*r->g.template_id == '\0') {
		r->g.template_id = r->mixed_id;
		r->g.template_version = r->mixed_version;
	}
	r->g.stack_id = spot_ec2_tag(&r->tags, "aws:cloudformation:stack-id");
	r->g.tags = spot_ec2_tags_json(a, &r->tags);
	r->g.members = (struct list){ r->members.v, r->members.n };
	return 0;
}

int
spot_groups_parse(struct arena *a, const void *body, size_t len,
    struct list *out, const char **next, struct err *e)
{
#define RESULT "DescribeAutoScalingGroupsResult/"
	const struct aws_list list = {
		.item = RESULT "AutoScalingGroups/member",
		.holder = RESULT "AutoScalingGroups",
		.token = RESULT "NextToken",
		.size = sizeof(struct group_row), .fields = group_fields,
		.max_rows = GROUPS_MAX, .other = group_other,
		.finish = group_finish };
	const struct group_row *from;
	struct spot_group *to;
	struct list rows = { 0 };

	if (spot_aws_rows(a, &list, body, len, &rows, next, e) == -1)
		return -1;
	from = rows.items;
	to = arena_array(a, rows.n, sizeof(*to));
	for (size_t i = 0; i < rows.n; i++)
		to[i] = from[i].g;
	*out = (struct list){ to, rows.n };
	return 0;
#undef RESULT
}

int
spot_asg_group(struct spot_access *x, struct arena *a, const char *region,
    const char *name, struct spot_group *out, struct err *e)
{
	struct act_params p = { .a = a };
	const struct spot_group *v;
	struct aws_request r;
	struct net_reply reply;
	struct list rows;

	spot_param(&p, "AutoScalingGroupNames.member.1", name);
	if (p.v.n != 1)
		return err_set(e, 502, "aws_bug", "a group has a name");
	r = spot_asg_act(region, "DescribeAutoScalingGroups", &p);
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1 ||
	    spot_groups_parse(a, reply.body, reply.len, &rows, NULL, e) == -1)
		return -1;
	v = rows.items;
	for (size_t i = 0; i < rows.n; i++)
		if (strcmp(v[i].name, name) == 0) {
			*out = v[i];
			return 0;
		}
	return 1;
}

static int
group_page(struct spot_access *x, struct arena *a, const char *region,
    const char *token, struct list *rows, const char **next, struct err *e)
{
	struct act_params p = { .a = a };
	struct aws_request r;
	struct net_reply reply;

	spot_param_int(&p, "MaxRecords", 100);
	spot_param(&p, "NextToken", token);
	r = spot_asg_act(region, "DescribeAutoScalingGroups", &p);
	if (spot_act_call(x, a, &r, ACT_SAME, &reply, e) == -1)
		return -1;
	return spot_groups_parse(a, reply.body, reply.len, rows, next, e);
}

int
spot_asg_groups(struct spot_access *x, struct arena *a, const char *region,
    struct list *out, struct err *e)
{
	VEC(struct spot_group) all = { 0 };
	const char *next = "";
	bool restarted = false;

	for (int page = 0; page < PAGES_MAX; page++) {
		struct list rows;

		if (group_page(x, a, region, next, &rows, &next, e) == -1) {
			if (strcmp(e->code, "aws_token") != 0 || restarted)
				return -1;
			/* from the start, once */
			restarted = true;
			err_clear(e);
			next = "";
			all.n = 0;
			continue;
		}
		for (size_t i = 0; i < rows.n; i++)
			*VEC_ADD(a, &all) =
			    ((const struct spot_group *)rows.items)[i];
		if (*next == '\0') {
			*out = (struct list){ all.v, all.n };
			return 0;
		}
	}
	return err_set(e, 502, "aws_malformed", "AWS pages without end");
}

/* ---- acting --------------------------------------------------------------------- */

static int
act(struct spot_access *x, struct arena *a, const char *region,
    const char *action, const struct act_params *p, enum act_repeat repeat,
    struct err *e)
{
	struct aws_request r = spot_asg_act(region, action, p);
	struct net_reply reply;

	return spot_act_call(x, a, &r, repeat, &reply, e);
}

int
spot_asg_resize(struct spot_access *x, struct arena *a, const char *region,
    const char *name, const struct spot_resize *s, struct err *e)
{
	struct act_params p = { .a = a };

	spot_param(&p, "AutoScalingGroupName", name);
	if (s->min >= 0)
		spot_param_int(&p, "MinSize", s->min);
	if (s->max >= 0)
		spot_param_int(&p, "MaxSize", s->max);
	if (s->desired >= 0)
		spot_param_int(&p, "DesiredCapacity", s->desired);
	if (p.v.n < 2)
		return err_set(e, 502, "aws_bug", "nothing to change");
	/* sets numbers: twice is the same as once */
	return act(x, a, region, "UpdateAutoScalingGroup", &p, ACT_SAME, e);
}

static int
begin(struct act_params *p, const char *name, const struct spot_ids *ids,
    struct err *e)
{
	if (ids->n < 1 || ids->n > BATCH)
		return err_set(e, 502, "aws_bug", "1 to %d instances of a "
		    "group at once", BATCH);
	spot_param(p, "AutoScalingGroupName", name);
	spot_param_list(p, "InstanceIds.member", ids->ids, ids->n);
	return 0;
}

int
spot_asg_attach(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, struct err *e)
{
	struct act_params p = { .a = a };

	if (begin(&p, name, ids, e) == -1)
		return -1;
	return act(x, a, ids->region, "AttachInstances", &p, ACT_ONCE, e);
}

int
spot_asg_detach(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, bool decrement, struct err *e)
{
	struct act_params p = { .a = a };

	if (begin(&p, name, ids, e) == -1)
		return -1;
	spot_param(&p, "ShouldDecrementDesiredCapacity",
	    decrement ? "true" : "false");
	return act(x, a, ids->region, "DetachInstances", &p, ACT_ONCE, e);
}

int
spot_asg_terminate(struct spot_access *x, struct arena *a, const char *region,
    const char *id, bool decrement, struct err *e)
{
	struct act_params p = { .a = a };

	spot_param(&p, "InstanceId", id);
	spot_param(&p, "ShouldDecrementDesiredCapacity",
	    decrement ? "true" : "false");
	return act(x, a, region, "TerminateInstanceInAutoScalingGroup", &p,
	    ACT_ONCE, e);
}

int
spot_asg_protect(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, bool on, struct err *e)
{
	struct act_params p = { .a = a };

	if (begin(&p, name, ids, e) == -1)
		return -1;
	spot_param(&p, "ProtectedFromScaleIn", on ? "true" : "false");
	return act(x, a, ids->region, "SetInstanceProtection", &p, ACT_SAME,
	    e);
}
