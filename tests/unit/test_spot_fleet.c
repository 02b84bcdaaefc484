/*
 * The pure parts of the fleet: answers of EC2 and Auto Scaling read into
 * assets and groups (recorded and crafted ones), what is waste and what it
 * costs, how bad a violation is, the arithmetic of the ledger.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/cloud.h"
#include "modules/spot/cloud_asset.h"
#include "modules/spot/governance.h"
#include "modules/spot/saving.h"
#include "modules/spot/waste.h"
#include "tests/harness/tar.h"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new((size_t)64 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct utc
at(const char *text)
{
	struct utc t;

	assert_int_equal(clock_parse(text, &t), 0);
	return t;
}

/* ---- the wire -------------------------------------------------------------------- */

static struct ec2_page
parse(enum ec2_call what, const char *xml)
{
	struct ec2_page page;
	struct err e = { 0 };

	if (spot_ec2_parse(a, what, xml, strlen(xml), &page, &e) == -1)
		fail_msg("%s: %s", e.code, e.detail);
	return page;
}

static void
malformed(enum ec2_call what, const char *xml)
{
	struct ec2_page page;
	struct err e = { 0 };

	assert_int_equal(spot_ec2_parse(a, what, xml, strlen(xml), &page,
	    &e), -1);
	assert_string_equal(e.code, "aws_malformed");
}

struct recorded {
	const char *file;
	enum ec2_call what;
	size_t n, attached;
	const char *first, *first_state;
};

/* Answers recorded by others, with what they say. */
static void
test_recorded(void **state)
{
	static const struct recorded files[] = {
		{ "describe_volumes.xml", EC2_VOLUMES, 3, 1, "vol-10ae5e2b",
		    "available" },
		{ "describe_snapshots.xml", EC2_SNAPSHOTS, 3, 0,
		    "snap-428abd35", "pending" },
		{ "describe_images.xml", EC2_IMAGES, 3, 0, "ami-57ba933a",
		    "available" },
		{ "describe_addresses_all.xml", EC2_ADDRESSES, 4, 2,
		    "eipalloc-602b5d01", "in-use" },
		{ "describe_network_interfaces.xml", EC2_INTERFACES, 2, 2,
		    "eni-18e6c05e", "in-use" },
	};
	struct ec2_page images;
	struct tar t;

	(void)state;
	if (tar_read(a, "aws/ec2_api_xml_libcloud.tar.gz", &t) == -1)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const struct recorded *r = &files[i];
		const struct tar_file *f = tar_find(&t, r->file);
		struct ec2_page p;
		size_t attached = 0;

		assert_non_null(f);
		p = parse(r->what, f->text);
		assert_int_equal(p.rows.n, r->n);
		assert_string_equal(EC2_ROW(&p, ec2_asset, 0)->id, r->first);
		assert_string_equal(EC2_ROW(&p, ec2_asset, 0)->state,
		    r->first_state);
		for (size_t k = 0; k < p.rows.n; k++) {
			const struct ec2_asset *x = EC2_ROW(&p, ec2_asset, k);

			assert_non_null(x->tags);
			assert_non_null(x->name);
			attached += *x->attached_to != '\0';
		}
		assert_int_equal(attached, r->attached);
	}
	images = parse(EC2_IMAGES, tar_find(&t, "describe_images.xml")->text);
	assert_string_equal(EC2_ROW(&images, ec2_asset, 0)->source,
	    "snap-88123ed9");
}

#define GROUPS_XML "<DescribeAutoScalingGroupsResponse>" \
	"<DescribeAutoScalingGroupsResult><AutoScalingGroups><member>" \
	"<AutoScalingGroupName>web &amp; co</AutoScalingGroupName>" \
	"<MinSize>1</MinSize><MaxSize>5</MaxSize>%s" \
	"<HealthCheckType>ELB</HealthCheckType>" \
	"<HealthCheckGracePeriod>120</HealthCheckGracePeriod>" \
	"<AvailabilityZones><member>us-west-2a</member><member>us-west-2b" \
	"</member></AvailabilityZones><Instances><member><InstanceId>i-1" \
	"</InstanceId><LifecycleState>InService</LifecycleState>" \
	"<ProtectedFromScaleIn>true</ProtectedFromScaleIn></member><member>" \
	"<InstanceId>i-2</InstanceId><LifecycleState>Pending" \
	"</LifecycleState><ProtectedFromScaleIn>false" \
	"</ProtectedFromScaleIn></member></Instances><SuspendedProcesses>" \
	"<member><ProcessName>Terminate</ProcessName></member>" \
	"</SuspendedProcesses><MixedInstancesPolicy><LaunchTemplate>" \
	"<LaunchTemplateSpecification><LaunchTemplateId>lt-9" \
	"</LaunchTemplateId></LaunchTemplateSpecification></LaunchTemplate>" \
	"<InstancesDistribution><OnDemandBaseCapacity>2" \
	"</OnDemandBaseCapacity></InstancesDistribution>" \
	"</MixedInstancesPolicy><Tags><member><Key>env</Key><Value>prod" \
	"</Value></member></Tags></member></AutoScalingGroups>" \
	"<NextToken>more</NextToken></DescribeAutoScalingGroupsResult>" \
	"</DescribeAutoScalingGroupsResponse>"

static void
test_groups(void **state)
{
	struct ec2_page p = parse(EC2_GROUPS, arena_printf(a, GROUPS_XML,
	    "<DesiredCapacity>2</DesiredCapacity>"));
	const struct ec2_group *g = EC2_ROW(&p, ec2_group, 0);

	(void)state;
	assert_int_equal(p.rows.n, 1);
	assert_string_equal(p.next_token, "more");
	assert_string_equal(g->name, "web & co");
	assert_int_equal(g->members, 2);
	assert_int_equal(g->in_service, 1);
	assert_int_equal(g->protected_n, 1);
	assert_int_equal(g->grace_s, 120);
	assert_int_equal(g->od_base, 2);
	assert_true(g->mixed);
	assert_string_equal(g->az, "us-west-2a,us-west-2b");
	assert_string_equal(g->suspended, "Terminate");
	assert_string_equal(g->launch_template, "lt-9");
	assert_string_equal(g->tags, "{\"env\":\"prod\"}");
	malformed(EC2_GROUPS, arena_printf(a, GROUPS_XML, ""));
	malformed(EC2_GROUPS, arena_printf(a, GROUPS_XML,
	    "<DesiredCapacity>-2</DesiredCapacity>"));
	malformed(EC2_GROUPS, "<DescribeAutoScalingGroupsResponse/>");
	malformed(EC2_VOLUMES, "<DescribeVolumesResponse/>");
	malformed(EC2_VOLUMES, "<DescribeVolumesResponse><volumeSet><item>"
	    "<size>1</size><status>available</status></item></volumeSet>"
	    "</DescribeVolumesResponse>");
	malformed(EC2_VOLUMES, "<DescribeVolumesResponse><volumeSet><item>"
	    "<volumeId>vol-1</volumeId><size>1e3</size><status>available"
	    "</status></item></volumeSet></DescribeVolumesResponse>");
	malformed(EC2_SNAPSHOTS, "<DescribeSnapshotsResponse><snapshotSet>");
}

/* Same seed and instant, same things; groups hold their members. */
static void
test_cloud(void **state)
{
	struct utc now = at("2026-11-20T12:00:00Z");
	struct ec2_page fleet, one, two;
	int64_t members = 0, grouped = 0;

	(void)state;
	spot_cloud_fleet(a, 7, "us-east-1", now, &fleet);
	for (int what = EC2_GROUPS; what < EC2_CALLS; what++) {
		spot_cloud_assets(a, 7, "us-east-1", (enum ec2_call)what,
		    &fleet, now, &one);
		spot_cloud_assets(a, 7, "us-east-1", (enum ec2_call)what,
		    &fleet, now, &two);
		assert_true(one.rows.n > 0);
		assert_int_equal(one.rows.n, two.rows.n);
		for (size_t i = 0; what >= EC2_VOLUMES && i < one.rows.n; i++)
			assert_string_equal(EC2_ROW(&one, ec2_asset, i)->id,
			    EC2_ROW(&two, ec2_asset, i)->id);
	}
	spot_cloud_assets(a, 7, "us-east-1", EC2_GROUPS, &fleet, now, &one);
	for (size_t i = 0; i < one.rows.n; i++)
		members += EC2_ROW(&one, ec2_group, i)->members;
	for (size_t i = 0; i < fleet.rows.n; i++)
		grouped += *EC2_ROW(&fleet, ec2_instance, i)->asg != '\0';
	assert_int_equal(members, grouped);
}

/* ---- waste --------------------------------------------------------------------------- */

static void
test_prices(void **state)
{
	(void)state;
	assert_int_equal(spot_volume_monthly("gp3", 100, 3000).e8,
	    8 * DEC_ONE);
	assert_int_equal(spot_volume_monthly("gp3", 100, 4000).e8,
	    13 * DEC_ONE);
	assert_int_equal(spot_volume_monthly("gp2", 500, 1500).e8,
	    50 * DEC_ONE);
	assert_int_equal(spot_volume_monthly("io2", 50, 3000).e8,
	    625 * DEC_ONE / 100 + 195 * DEC_ONE);
	assert_int_equal(spot_volume_monthly("gp3", INT64_MAX, 1).e8, 0);
	assert_int_equal(spot_volume_monthly("gp3", -1, 1).e8, 0);
	assert_int_equal(spot_snapshot_monthly("standard", 100).e8,
	    5 * DEC_ONE);
	assert_int_equal(spot_snapshot_monthly("archive", 100).e8,
	    125 * DEC_ONE / 100);
}

static bool
judge(struct spot_asset x, bool imaged, struct spot_waste *w)
{
	x.region = "r";
	x.asset_id = "id";
	x.name = "";
	x.detail = "192.0.2.1";
	return spot_waste_judge(a, &x, imaged, at("2026-11-20T00:00:00Z"),
	    w);
}

static void
test_waste(void **state)
{
	struct utc seen = at("2026-11-01T00:00:00Z");
	struct spot_asset volume = { .kind = "volume", .subtype = "gp3",
	    .size_gb = 10, .iops = 3000, .created_at = at("2026-01-01"),
	    .first_seen = seen, .idle_since = seen };
	struct spot_asset snapshot = { .kind = "snapshot", .size_gb = 10,
	    .subtype = "standard", .created_at = at("2026-10-20") };
	struct spot_asset other = { .kind = "address",
	    .idle_since = at("2026-11-19T12:00:00Z"), .first_seen = seen };
	struct spot_waste w;

	(void)state;
	/* idle when first seen: its own age */
	assert_true(judge(volume, false, &w));
	assert_int_equal(w.days_unused, 323);
	assert_non_null(strstr(w.reason, "since it was first seen"));
	/* seen in use before: only what was watched */
	volume.idle_since = at("2026-11-10");
	assert_true(judge(volume, false, &w));
	assert_int_equal(w.days_unused, 10);
	volume.idle_since = at("2026-11-14");
	assert_false(judge(volume, false, &w));
	volume.idle_since.us = 0;
	assert_false(judge(volume, false, &w));
	/* snapshots: age, and whether an image is made of it */
	assert_true(judge(snapshot, false, &w));
	assert_int_equal(w.monthly_cost.e8, DEC_ONE / 2);
	assert_false(judge(snapshot, true, &w));
	snapshot.created_at = at("2026-10-22");
	assert_false(judge(snapshot, false, &w));
	/* addresses cost from the first hour; interfaces are free */
	assert_true(judge(other, false, &w));
	assert_int_equal(w.monthly_cost.e8, 365 * DEC_ONE / 100);
	other.kind = "interface";
	assert_true(judge(other, false, &w));
	assert_int_equal(w.monthly_cost.e8, 0);
	other.managed = true;
	assert_false(judge(other, false, &w));
	other.managed = false;
	other.gone_at = seen;
	assert_false(judge(other, false, &w));
}

static void
test_violation(void **state)
{
	struct utc now = at("2026-11-20T00:00:00Z");
	struct spot_violation v = { .auth_status = "UNAUTHORIZED",
	    .state = "running" };

	(void)state;
	spot_violation_judge(a, &v, now);
	assert_string_equal(v.severity, "medium");
	v.state = "stopped";
	spot_violation_judge(a, &v, now);
	assert_string_equal(v.severity, "low");
	v.auth_status = "FLAGGED";
	v.grace_until.us = now.us + 1;
	spot_violation_judge(a, &v, now);
	assert_string_equal(v.severity, "high");
	v.grace_until = now;
	spot_violation_judge(a, &v, now);
	assert_string_equal(v.severity, "critical");
}

/* ---- the ledger ------------------------------------------------------------------------ */

static void
test_micro(void **state)
{
	struct utc from, to;

	(void)state;
	assert_int_equal(spot_micro_for((struct dec){ 9600000 }, 3600),
	    96000);
	assert_int_equal(spot_micro_for((struct dec){ 9600000 }, 0), 0);
	assert_int_equal(spot_micro_for((struct dec){ 100 }, 3600), 1);
	/* half to even */
	assert_int_equal(spot_micro_for((struct dec){ 50 }, 3600), 0);
	assert_int_equal(spot_micro_for((struct dec){ 150 }, 3600), 2);
	assert_int_equal(spot_micro_for((struct dec){ 250 }, 3600), 2);
	assert_int_equal(spot_micro_for((struct dec){ INT64_MAX }, 3600),
	    INT64_MAX / 100);
	assert_int_equal(spot_micro_dec(1).e8, 100);
	assert_int_equal(spot_month_parse("2026-02", &from, &to), 0);
	assert_int_equal(from.us, at("2026-02-01").us);
	assert_int_equal(to.us, at("2026-03-01").us);
	assert_int_equal(spot_month_parse("2026-12", &from, &to), 0);
	assert_int_equal(to.us, at("2027-01-01").us);
	assert_int_equal(spot_month_parse("2026-13", &from, &to), -1);
	assert_int_equal(spot_month_parse("2026-1", &from, &to), -1);
	assert_int_equal(spot_month_parse("26-01xx", &from, &to), -1);
}

static void
test_row(void **state)
{
	struct spot_uptime u = { .instance_id = "i-1", .region = "r",
	    .az = "ra", .instance_type = "m5.large", .lifecycle = "spot",
	    .product = "Linux/UNIX", .seconds = 1800,
	    .hour = at("2026-11-20T10:00:00Z"), .spot = { 3330000 },
	    .on_demand = { 9600000 }, .whole = { 9600000 } };
	struct spot_saving s;

	(void)state;
	spot_saving_of(a, &u, u.hour, &s);
	assert_true(s.priced);
	assert_int_equal(s.actual_micro, 16650);
	assert_int_equal(s.counterfactual_micro, 48000);
	assert_non_null(strstr(s.basis, "0.0333"));
	u.lifecycle = "on-demand";
	spot_saving_of(a, &u, u.hour, &s);
	assert_int_equal(s.actual_micro, s.counterfactual_micro);
	u.lifecycle = "spot";
	u.spot.e8 = 0;
	spot_saving_of(a, &u, u.hour, &s);
	assert_false(s.priced);
	assert_int_equal(s.counterfactual_micro, 0);
	/* a price above on demand is a loss, and shown as one */
	u.spot.e8 = 19200000;
	spot_saving_of(a, &u, u.hour, &s);
	assert_true(s.actual_micro > s.counterfactual_micro);
	/* it stands in for a smaller one: no saving against its own price */
	u.spot.e8 = 3330000;
	u.origin = "i-0";
	u.origin_type = "m5.small";
	u.whole.e8 = 2000000;
	spot_saving_of(a, &u, u.hour, &s);
	assert_int_equal(s.actual_micro, 16650);
	assert_int_equal(s.counterfactual_micro, 10000);
	assert_non_null(strstr(s.basis, "against m5.small on demand at 0.02"));
	assert_non_null(strstr(s.basis, "i-0 was"));
	u.whole.e8 = 0;
	spot_saving_of(a, &u, u.hour, &s);
	assert_false(s.priced);
	assert_non_null(strstr(s.basis, "no on-demand price of m5.small"));
}

/* A name that a spreadsheet would run, or a terminal obey. */
static void
test_report(void **state)
{
	struct spot_saving_line lines[] = { { .key = "=cmd()",
	    .saved_micro = 5, .saved = { 500 } }, { .key = "\033[31mred" } };
	struct spot_saving_line total = { .key = "total", .unpriced = 3 };
	struct spot_saving_report r = { .group_by = "account", .basis = "b",
	    .total = &total, .items = { lines, 2 } };
	struct str s;

	(void)state;
	str_init(&s, a);
	spot_saving_csv(&r, &s);
	assert_non_null(strstr(s.p, "'=cmd()"));
	assert_non_null(strstr(s.p, "total"));
	str_init(&s, a);
	spot_saving_text(&r, &s);
	assert_null(strchr(s.p, '\033'));
	assert_non_null(strstr(s.p, "0.000005"));
	assert_non_null(strstr(s.p, "3 rows"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_cloud),
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_waste),
		cmocka_unit_test(test_violation),
		cmocka_unit_test(test_micro),
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
