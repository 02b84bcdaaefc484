/*
 * Acts on the wire without a network: what goes out for a launch, what comes
 * back (recorded answers of EC2, AWS's own examples of Auto Scaling), how
 * refusals are sorted, and how fast a cloud may be asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/act_wire.h"
#include "modules/spot/pace.h"
#include "tests/harness/tar.h"

#define LIBCLOUD "aws/ec2_api_xml_libcloud.tar.gz"
#define BOTOCORE "aws/botocore_models_examples.tar.gz"

static struct arena *a;
static struct err e;

static int
begin(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	err_clear(&e);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static const char *
param(const struct aws_request *r, const char *name)
{
	for (size_t i = 0; i < r->nparams; i++)
		if (strcmp(r->params[i].name, name) == 0)
			return r->params[i].value;
	return NULL;
}

static const struct spot_launch_place places[] = {
	{ "m5.large", "eu-west-1a", "subnet-1" }, { "c5.large", "eu-west-1b",
	"" }
};
static const struct pair tags[] = { { "spotopt:move", "m1" }, { "e", "" } };

static struct spot_launch
launch(void)
{
	return (struct spot_launch){ .region = "eu-west-1", .token = "t0",
	    .lifecycle = "spot", .places = places, .nplaces = 2,
	    .image_id = "ami-1", .tags = tags, .ntags = 2 };
}

/* ---- requests ------------------------------------------------------------------- */

static void
test_run_request(void **state)
{
	static const char *const groups[] = { "sg-1", "sg-2", NULL };
	struct spot_launch l = launch();
	struct aws_request r;

	(void)state;
	l.security_groups = groups;
	l.max_price = (struct dec){ 3450000 };
	r = spot_run_request(a, &l, 0);
	assert_string_equal(r.action, "RunInstances");
	assert_string_equal(r.service, "ec2");
	assert_string_equal(param(&r, "ImageId"), "ami-1");
	assert_string_equal(param(&r, "InstanceType"), "m5.large");
	assert_string_equal(param(&r, "MaxCount"), "1");
	assert_string_equal(param(&r, "SubnetId"), "subnet-1");
	assert_string_equal(param(&r, "SecurityGroupId.2"), "sg-2");
	assert_string_equal(param(&r, "InstanceMarketOptions.MarketType"),
	    "spot");
	assert_string_equal(param(&r, "InstanceMarketOptions.SpotOptions."
	    "MaxPrice"), "0.0345");
	assert_string_equal(param(&r, "TagSpecification.1.Tag.1.Key"),
	    "spotopt:move");
	assert_string_equal(param(&r, "TagSpecification.1.Tag.2.Value"), "");
	assert_string_equal(param(&r, "ClientToken"), "t0");
	assert_null(param(&r, "DryRun"));
	l.lifecycle = "on-demand";
	l.dry_run = true;
	r = spot_run_request(a, &l, 1);
	assert_null(param(&r, "InstanceMarketOptions.MarketType"));
	assert_null(param(&r, "SubnetId"));
	assert_string_equal(param(&r, "DryRun"), "true");
	assert_int_equal(strlen(param(&r, "ClientToken")), 64);
	assert_string_equal(param(&r, "ClientToken"), spot_place_token(a, &l,
	    1));
	/* echo -n t0/1 | sha256sum */
	assert_string_equal(spot_place_token(a, &l, 1),
	    "ab9f68c9ab733bfb825d961d6cac08eb33a2b1869365314ac121f5aaff64debb");
}

static void
test_fleet_request(void **state)
{
#define O(i) "LaunchTemplateConfigs.1.Overrides." i "."
	struct spot_launch l = launch();
	struct aws_request r;

	(void)state;
	l.image_id = NULL;
	l.template_id = "lt-1";
	r = spot_fleet_request(a, &l);
	assert_string_equal(r.action, "CreateFleet");
	assert_string_equal(param(&r, "Type"), "instant");
	assert_string_equal(param(&r, "ClientToken"), "t0");
	assert_string_equal(param(&r, "LaunchTemplateConfigs.1."
	    "LaunchTemplateSpecification.Version"), "$Default");
	assert_string_equal(param(&r, O("1") "SubnetId"), "subnet-1");
	assert_null(param(&r, O("1") "AvailabilityZone"));
	assert_string_equal(param(&r, O("2") "AvailabilityZone"),
	    "eu-west-1b");
	assert_string_equal(param(&r, O("2") "Priority"), "1");
	assert_string_equal(param(&r, "SpotOptions.AllocationStrategy"),
	    "capacity-optimized-prioritized");
	l.lifecycle = "on-demand";
	r = spot_fleet_request(a, &l);
	assert_null(param(&r, "SpotOptions.AllocationStrategy"));
	assert_string_equal(param(&r, "OnDemandOptions.AllocationStrategy"),
	    "prioritized");
#undef O
}

/* The same launch is the same bytes: that is what its token rests on. */
static void
test_same_bytes(void **state)
{
	struct spot_launch l = launch();
	struct aws_client c = { .key = { "AK", "SK", NULL } };
	struct aws_request one = spot_run_request(a, &l, 0),
	    two = spot_run_request(a, &l, 0);
	struct net_call x, y;

	(void)state;
	assert_int_equal(spot_aws_request(a, &c, &one, (struct utc){ 1 }, &x,
	    &e), 0);
	assert_int_equal(spot_aws_request(a, &c, &two, (struct utc){ 1 }, &y,
	    &e), 0);
	assert_int_equal(x.body_len, y.body_len);
	assert_memory_equal(x.body, y.body, x.body_len);
	assert_string_equal(x.url, "https://ec2.eu-west-1.amazonaws.com/");
	one = spot_asg_act("eu-west-1", "AttachInstances", &(struct
	    act_params){ .a = a });
	assert_int_equal(spot_aws_request(a, &c, &one, (struct utc){ 1 }, &x,
	    &e), 0);
	assert_string_equal(x.url,
	    "https://autoscaling.eu-west-1.amazonaws.com/");
	c.ec2_endpoint = "http://127.0.0.1:1";
	assert_int_equal(spot_aws_request(a, &c, &one, (struct utc){ 1 }, &x,
	    &e), 0);
	assert_string_equal(x.url, "http://127.0.0.1:1/");
	c.asg_endpoint = "http://127.0.0.1:2/asg";
	assert_int_equal(spot_aws_request(a, &c, &one, (struct utc){ 1 }, &x,
	    &e), 0);
	assert_string_equal(x.url, "http://127.0.0.1:2/asg");
}

static void
test_problems(void **state)
{
	struct spot_launch l = launch();
	struct pair aws = { "aws:x", "" };

	(void)state;
	assert_null(spot_launch_problem(&l));
	l.token = "";
	assert_non_null(spot_launch_problem(&l));
	l.token = "with blank";
	assert_non_null(spot_launch_problem(&l));
	l = launch();
	l.template_id = "lt-1";		/* and an image */
	assert_non_null(spot_launch_problem(&l));
	l.template_id = l.image_id = "";
	assert_non_null(spot_launch_problem(&l));
	l = launch();
	l.lifecycle = "Spot";
	assert_non_null(spot_launch_problem(&l));
	l = launch();
	l.nplaces = 0;
	assert_non_null(spot_launch_problem(&l));
	l = launch();
	l.tags = &aws;
	l.ntags = 1;
	assert_non_null(spot_launch_problem(&l));
}

/* ---- answers --------------------------------------------------------------------- */

static void
test_recorded(void **state)
{
	static const struct {
		const char *path, *id, *type, *az, *lifecycle;
	} files[] = {
		{ "run_instances.xml", "i-2ba64342", "m1.small", "us-east-1b",
		    "on-demand" },
		{ "run_instances_idem.xml", "i-2ba64342", "m1.small",
		    "us-east-1b", "on-demand" },
		{ "run_instances_spot.xml", "i-2ba64344", "m1.small",
		    "us-east-1b", "spot" },
		{ "run_instances_iam_profile.xml", "i-2ba64343", "m1.small",
		    "us-east-1b", "on-demand" },
		{ "run_instances_with_subnet_and_security_group.xml",
		    "i-11111111", "m3.medium", "us-east-1a", "on-demand" }
	};
	struct aws_client c = { 0 };
	struct net_reply reply = { .status = 400 };
	struct spot_launched out = { 0 };
	const struct tar_file *f;
	struct list rows;
	const char *next;
	struct tar t;

	(void)state;
	if (tar_read(a, LIBCLOUD, &t) == -1)
		skip();
	for (size_t i = 0; i < NITEMS(files); i++) {
		f = tar_find(&t, files[i].path);
		assert_non_null(f);
		if (spot_run_parse(a, f->text, f->n, &out, &e) == -1)
			fail_msg("%s: %s", files[i].path, e.detail);
		assert_string_equal(out.instance_id, files[i].id);
		assert_string_equal(out.type, files[i].type);
		assert_string_equal(out.az, files[i].az);
		assert_string_equal(out.lifecycle, files[i].lifecycle);
	}
	f = tar_find(&t, "run_instances_idem_mismatch.xml");
	reply.body = f->text;
	reply.len = f->n;
	assert_int_equal(spot_aws_check(a, &c, &reply, (struct utc){ 0 }, &e),
	    -1);
	assert_string_equal(e.code, "aws_mismatch");
	assert_string_equal(spot_aws_code(a, &e),
	    "IdempotentParameterMismatch");
	/* no parser of an act takes another call's answer for its own */
	for (size_t i = 0; i < t.n; i++) {
		struct spot_launch l = launch();

		f = &t.v[i];
		assert_int_equal(spot_status_parse(a, f->text, f->n, &rows,
		    &next, NULL), -1);
		assert_int_equal(spot_scores_parse(a, f->text, f->n, &rows,
		    &next, NULL), -1);
		assert_int_equal(spot_groups_parse(a, f->text, f->n, &rows,
		    &next, NULL), -1);
		err_clear(&e);
		assert_int_equal(spot_fleet_parse(a, &l, f->text, f->n, &out,
		    &e), -1);
		assert_true(strncmp(e.code, "aws_", 4) == 0);
		assert_string_not_equal(e.code, "aws_capacity");
	}
}

/* JSON as the SDKs show it, as Auto Scaling (lists of member) or EC2 (lists
 * of item, names with a small letter) writes it. */
static void
to_xml(struct str *s, json_object *o, bool asg)
{
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, v) {
			char *name = arena_strdup(a, key);

			if (!asg && name[0] >= 'A' && name[0] <= 'Z')
				name[0] = (char)(name[0] + 32);
			str_addf(s, "<%s>", name);
			to_xml(s, v, asg);
			str_addf(s, "</%s>", name);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++) {
			str_add(s, asg ? "<member>" : "<item>");
			to_xml(s, json_object_array_get_idx(o, i), asg);
			str_add(s, asg ? "</member>" : "</item>");
		}
	} else {
		str_html(s, json_object_get_string(o));
	}
}

static json_object *
example(const struct tar *t, const char *path, const char *action)
{
	const struct tar_file *f = tar_find(t, path);
	json_object *all, *v;

	assert_non_null(f);
	all = json_tokener_parse(f->text);
	assert_non_null(all);
	json_object_object_get_ex(all, "examples", &v);
	json_object_object_get_ex(v, action, &v);
	v = json_object_array_get_idx(v, 0);
	json_object_object_get_ex(v, "output", &v);
	v = json_object_get(v);
	json_object_put(all);
	return v;
}

static void
test_stack(void **state)
{
	static const char head[] = "<DescribeStacksResponse><DescribeStacks"
	    "Result><Stacks>", tail[] = "</Stacks></DescribeStacksResult>"
	    "</DescribeStacksResponse>";
	const struct {
		const char *inner, *want;	/* NULL: malformed */
	} rows[] = {
		{ "<member><StackStatus>UPDATE_COMPLETE</StackStatus></member>",
		  "UPDATE_COMPLETE" }, { "", "" }, { "<member></member>", NULL },
		{ "<member><StackStatus>A</StackStatus></member><member>"
		  "<StackStatus>B</StackStatus></member>", NULL }
	};
	const char *status;

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const char *text = arena_printf(a, "%s%s%s", head,
		    rows[i].inner, tail);
		int rc = spot_stack_parse(a, text, strlen(text), &status, &e);

		assert_int_equal(rc, rows[i].want == NULL ? -1 : 0);
		if (rc == 0)
			assert_string_equal(status, rows[i].want);
		else
			assert_string_equal(e.code, "aws_malformed");
		err_clear(&e);
	}
}

static void
test_user_data(void **state)
{
	static const struct {
		const char *inner, *want;	/* NULL: malformed */
	} rows[] = {
		{ "<userData><value>IyEvYmluL3No</value></userData>",
		  "IyEvYmluL3No" }, { "<userData/>", "" }, { "", NULL }
	};
	const char *text;

	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		const char *body = arena_printf(a, "<DescribeInstanceAttribute"
		    "Response><instanceId>i-1</instanceId>%s</Describe"
		    "InstanceAttributeResponse>", rows[i].inner);
		int rc = spot_user_data_parse(a, body, strlen(body), &text,
		    &e);

		assert_int_equal(rc, rows[i].want == NULL ? -1 : 0);
		if (rc == 0)
			assert_string_equal(text, rows[i].want);
		err_clear(&e);
	}
}

static void
test_group_example(void **state)
{
	const struct spot_member *m;
	const struct spot_group *g;
	const char *next;
	struct list rows;
	struct tar t;
	struct str s;
	json_object *o;

	(void)state;
	if (tar_read(a, BOTOCORE, &t) == -1)
		skip();
	o = example(&t, "autoscaling/2011-01-01/examples-1.json",
	    "DescribeAutoScalingGroups");
	str_init(&s, a);
	str_add(&s, "<DescribeAutoScalingGroupsResponse><DescribeAutoScaling"
	    "GroupsResult>");
	to_xml(&s, o, true);
	str_add(&s, "<NextToken>n&amp;1</NextToken></DescribeAutoScalingGroups"
	    "Result></DescribeAutoScalingGroupsResponse>");
	json_object_put(o);
	if (spot_groups_parse(a, s.p, s.len, &rows, &next, &e) == -1)
		fail_msg("%s", e.detail);
	assert_string_equal(next, "n&1");
	assert_int_equal(rows.n, 1);
	g = rows.items;
	assert_string_equal(g->name, "my-auto-scaling-group");
	assert_int_equal(g->min, 1);
	assert_int_equal(g->max, 5);
	assert_int_equal(g->desired, 2);
	assert_int_equal(g->grace_s, 300);
	assert_string_equal(g->zones, "us-west-2a,us-west-2b,us-west-2c");
	assert_string_equal(g->suspended, "");
	assert_false(g->mixed);
	assert_false(g->balanced);
	assert_int_equal(g->members.n, 2);
	m = g->members.items;
	assert_string_equal(m[1].instance_id, "i-0c20ac468fa3049e8");
	assert_string_equal(m[1].az, "us-west-2b");
	assert_string_equal(m[1].state, "InService");
	assert_true(m[1].healthy && !m[1].protected);
}

static void
test_status_example(void **state)
{
#define EVENT(code, text) "<item><code>" code "</code><description>" text \
	"</description><notBefore>2026-11-30T00:00:00.000Z</notBefore></item>"
	static const char events[] = "<DescribeInstanceStatusResponse>"
	    "<instanceStatusSet><item><instanceId>i-1</instanceId>"
	    "<instanceState><code>16</code><name>running</name></instanceState>"
	    "<eventsSet>" EVENT("system-reboot", "[Completed] over")
	    EVENT("instance-retirement", "The hardware is failing")
	    "</eventsSet></item></instanceStatusSet>"
	    "</DescribeInstanceStatusResponse>";
	const struct spot_status *st;
	const char *next;
	struct list rows;
	json_object *o, *v;
	struct tar t;
	struct str s;

	(void)state;
	assert_int_equal(spot_status_parse(a, events, strlen(events), &rows,
	    &next, &e), 0);
	st = rows.items;
	assert_string_equal(st->event, "instance-retirement");
	assert_int_equal(st->event_at.us % US_PER_S, 0);
	assert_false(st->ok);		/* the checks are not said */
	assert_string_equal(next, "");
	if (tar_read(a, BOTOCORE, &t) == -1)
		skip();
	o = example(&t, "ec2/2016-11-15/examples-1.json",
	    "DescribeInstanceStatus");
	str_init(&s, a);
	str_add(&s, "<DescribeInstanceStatusResponse><instanceStatusSet>");
	json_object_object_get_ex(o, "InstanceStatuses", &v);
	to_xml(&s, v, false);
	json_object_put(o);
	str_add(&s, "</instanceStatusSet></DescribeInstanceStatusResponse>");
	assert_int_equal(spot_status_parse(a, s.p, s.len, &rows, &next, &e),
	    0);
	st = rows.items;
	assert_int_equal(rows.n, 1);
	assert_string_equal(st->instance_id, "i-1234567890abcdef0");
	assert_string_equal(st->az, "us-east-1d");
	assert_true(st->ok);
	assert_string_equal(st->event, "");
}

#define FLEET(errors, instances) "<CreateFleetResponse><fleetId>fleet-1" \
	"</fleetId><errorSet>" errors "</errorSet><fleetInstanceSet>" \
	instances "</fleetInstanceSet></CreateFleetResponse>"
#define OVER(type, az) "<launchTemplateAndOverrides><overrides>" \
	"<instanceType>" type "</instanceType><availabilityZone>" az \
	"</availabilityZone></overrides></launchTemplateAndOverrides>"
#define NO(code, type, az) "<item>" OVER(type, az) "<lifecycle>spot" \
	"</lifecycle><errorCode>" code "</errorCode><errorMessage>m" \
	"</errorMessage></item>"
#define YES(id, type, az) "<item>" OVER(type, az) "<lifecycle>spot" \
	"</lifecycle><instanceIds>" id "</instanceIds></item>"

static int
fleet(const char *text, struct spot_launched *out)
{
	struct spot_launch l = launch();

	err_clear(&e);
	*out = (struct spot_launched){ .instance_id = "" };
	return spot_fleet_parse(a, &l, text, strlen(text), out, &e);
}

static void
test_fleet_answers(void **state)
{
	struct spot_launched out;
	const struct spot_launch_refusal *no;

	(void)state;
	assert_int_equal(fleet(FLEET(NO("InsufficientInstanceCapacity",
	    "m5.large", "eu-west-1a"), YES("<item>i-9</item>", "c5.large",
	    "eu-west-1b")), &out), 0);
	assert_string_equal(out.instance_id, "i-9");
	assert_int_equal(out.place, 1);
	no = out.refused.items;
	assert_int_equal(no[0].place, 0);	/* by zone: no subnet is said */
	assert_string_equal(no[0].class, "aws_capacity");
	assert_int_equal(fleet(FLEET(NO("VcpuLimitExceeded", "m5.large",
	    "eu-west-1a") NO("SpotMaxPriceTooLow", "c5.large", "eu-west-1b"),
	    ""), &out), -1);
	assert_string_equal(e.code, "aws_capacity");
	assert_int_equal(fleet(FLEET(NO("VcpuLimitExceeded", "x", "y"), ""),
	    &out), -1);
	assert_string_equal(e.code, "aws_quota");
	no = out.refused.items;
	assert_true(no[0].place == SIZE_MAX);
	assert_int_equal(fleet(FLEET(NO("InvalidParameterValue", "x", "y"),
	    ""), &out), -1);
	assert_string_equal(e.code, "aws_bug");
	assert_int_equal(fleet(FLEET("", ""), &out), -1);
	assert_string_equal(e.code, "aws_capacity");
	/* what is shown to people is a word */
	assert_int_equal(fleet(FLEET(NO("&lt;b&gt;", "x", "y"), ""), &out),
	    -1);
	assert_int_equal(fleet(FLEET(NO("a b&#10;c", "x", "y"), ""), &out),
	    -1);
	assert_non_null(strstr(e.detail, "Unknown"));
	/* an instance without its id was launched all the same */
	assert_int_equal(fleet(FLEET("", YES("", "c5.large", "eu-west-1b")),
	    &out), -1);
	assert_string_equal(e.code, "aws_malformed");
	assert_true(spot_act_unsure(&e));
	assert_int_equal(fleet("<CreateFleetResponse><fleetId>f</fleetId>"
	    "<fleetInstanceSet>" YES("<item>i-9</item>", "c5.large",
	    "eu-west-1b") "</fleetInstanceSet></CreateFleetResponse>", &out),
	    0);
	assert_int_equal(out.refused.n, 0);
	assert_int_equal(fleet("<CreateFleetResponse/>", &out), -1);
	assert_string_equal(e.code, "aws_malformed");
}

/* ---- classes ------------------------------------------------------------------------ */

static void
test_classes(void **state)
{
	static const struct {
		const char *code, *message, *class;
		int status;
	} v[] = {
		{ "InsufficientInstanceCapacity", "", "aws_capacity", 500 },
		{ "Server.InsufficientInstanceCapacity", "", "aws_capacity",
		    500 },
		{ "SpotMaxPriceTooLow", "", "aws_capacity", 400 },
		{ "MaxSpotInstanceCountExceeded", "", "aws_capacity", 400 },
		{ "UnfulfillableCapacity", "", "aws_capacity", 400 },
		{ "VcpuLimitExceeded", "", "aws_quota", 400 },
		{ "InstanceLimitExceeded", "", "aws_quota", 400 },
		{ "InvalidInstanceID.NotFound", "", "aws_gone", 400 },
		{ "InvalidLaunchTemplateId.NotFound", "", "aws_gone", 400 },
		{ "InvalidInstanceID.Malformed", "", "aws_bug", 400 },
		{ "IdempotentParameterMismatch", "", "aws_mismatch", 400 },
		{ "OperationNotPermitted", "", "aws_state", 400 },
		{ "IncorrectInstanceState", "", "aws_state", 400 },
		{ "ScalingActivityInProgress", "", "aws_state", 400 },
		{ "ResourceContention", "", "aws_transient", 500 },
		{ "DryRunOperation", "", "aws_dry_run", 412 },
		{ "ValidationError", "AutoScalingGroup name not found - "
		    "AutoScalingGroup 'x' not found", "aws_gone", 400 },
		{ "ValidationError", "Instance Id not found - No managed "
		    "instance found for instance ID: i-1", "aws_gone", 400 },
		{ "ValidationError", "AutoScalingGroup g has min-size=1, "
		    "max-size=1, and desired-size=1. To attach 1 more "
		    "instance, please update the AutoScalingGroup sizes "
		    "appropriately.", "aws_state", 400 },
		{ "ValidationError", "Currently, desiredSize equals minSize "
		    "(1). Terminating instance without replacement will "
		    "violate group's min size constraint.", "aws_state", 400 },
		{ "ValidationError", "1 validation error detected", "aws_bug",
		    400 },
		{ "AuthFailure", "", "aws_auth", 401 },
		{ "UnauthorizedOperation", "", "aws_denied", 403 },
		{ "QueueDoesNotExist", "", "aws_gone", 400 },
		{ "NeverHeardOf", "", "aws_transient", 500 },
		{ "NeverHeardOf", "", "aws_bug", 400 }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(v); i++)
		if (strcmp(spot_aws_class(v[i].code, v[i].message,
		    v[i].status), v[i].class) != 0)
			fail_msg("%s is %s", v[i].code, spot_aws_class(
			    v[i].code, v[i].message, v[i].status));
}

/* What botocore repeats, we call throttled or transient, and what throttles
 * there is a throttle here. */
static void
test_retry_table(void **state)
{
	const struct tar_file *f;
	json_object *all, *defs;
	struct tar t;
	size_t n = 0;

	(void)state;
	if (tar_read(a, BOTOCORE, &t) == -1)
		skip();
	f = tar_find(&t, "_retry.json");
	assert_non_null(f);
	all = json_tokener_parse(f->text);
	json_object_object_get_ex(all, "definitions", &defs);
	json_object_object_foreach(defs, name, v) {
		json_object *r, *c = NULL, *st = NULL;
		struct err got = { 0 };

		json_object_object_get_ex(v, "applies_when", &r);
		if (!json_object_object_get_ex(r, "response", &r))
			continue;
		json_object_object_get_ex(r, "service_error_code", &c);
		json_object_object_get_ex(r, "http_status_code", &st);
		got.code = spot_aws_class(c != NULL ?
		    json_object_get_string(c) : "Unknown", "",
		    json_object_get_int(st));
		if (!spot_aws_retryable(&got))
			fail_msg("%s is %s", name, got.code);
		n++;
	}
	json_object_put(all);
	assert_true(n >= 10);
	assert_string_equal(spot_aws_class("EC2ThrottledException", "", 503),
	    "aws_throttle");
	assert_string_equal(spot_aws_class("RequestThrottled", "", 403),
	    "aws_throttle");
}

/* ---- rates ------------------------------------------------------------------------------ */

#define S(n) ((uint64_t)(n) * 1000000000)

static void
test_pace(void **state)
{
	struct rate r = spot_pace_rate("RunInstances", 50, 1);
	uint64_t whole = 0, now = S(1000);

	(void)state;
	assert_true(r.n == 2 && r.per_s == 2);		/* 5 and 2/s, half */
	r = spot_pace_rate("RunInstances", 100, 1);
	assert_true(r.n == 5 && r.per_s == 3);
	r = spot_pace_rate("DescribeInstances", 50, 1);
	assert_true(r.n == 50 && r.per_s == 5);		/* 100 and 20/s */
	r = spot_pace_rate("CreateFleet", 50, 1);
	assert_true(r.n == 25 && r.per_s == 10);	/* 50 and 5/s */
	r = spot_pace_rate("ReceiveMessage", 50, 1);
	assert_true(r.n == 150 && r.per_s == 1);	/* 300 and 300/s */
	r = spot_pace_rate("RunInstances", 0, 1);
	assert_int_equal(r.n, 0);
	r = spot_pace_rate("RunInstances", 50, 1.0 / 32);
	assert_true(r.n == 1 && r.per_s == 32);
	/* halved, then a twentieth per quiet second */
	assert_true(spot_pace_factor(whole, now) == 1);
	whole = spot_pace_halved(whole, now);
	assert_true(spot_pace_factor(whole, now) == 0.5);
	assert_true(spot_pace_factor(whole, now + S(4)) > 0.69 &&
	    spot_pace_factor(whole, now + S(4)) < 0.71);
	assert_true(spot_pace_factor(whole, now + S(10)) == 1);
	for (int i = 0; i < 10; i++) {
		uint64_t next = spot_pace_halved(whole, now);

		assert_true(next >= whole);	/* cells only grow */
		whole = next;
	}
	assert_true(spot_pace_factor(whole, now) >= 1.0 / 32);
	assert_true(spot_pace_factor(whole, now + S(20)) == 1);
	/* a word that nobody wrote slows nothing down for ever */
	assert_true(spot_pace_factor(UINT64_MAX, now) == 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_run_request), T(test_fleet_request), T(test_same_bytes),
		T(test_problems), T(test_recorded), T(test_group_example), T(test_stack),
		T(test_user_data),
		T(test_status_example), T(test_fleet_answers), T(test_classes),
		T(test_retry_table), T(test_pace)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
