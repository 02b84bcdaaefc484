/*
 * Names and policies around an account. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/str.h"
#include "modules/spot/account.h"

enum { ACCOUNT_DIGITS = 12 };

const char *
spot_arn_account(struct arena *a, const char *arn)
{
	const char *p = arn;

	if (strncmp(p, "arn:aws", 7) != 0)
		return NULL;
	p += 7;
	p += strcspn(p, ":");		/* aws, aws-cn, aws-us-gov */
	if (strncmp(p, ":iam::", 6) != 0)
		return NULL;
	p += 6;
	if (strspn(p, "0123456789") != ACCOUNT_DIGITS ||
	    strncmp(p + ACCOUNT_DIGITS, ":role/", 6) != 0 ||
	    p[ACCOUNT_DIGITS + 6] == '\0')
		return NULL;
	return arena_strndup(a, p, ACCOUNT_DIGITS);
}

const char *
spot_simulated_account(struct arena *a, struct uuid id)
{
	uint64_t h = fnv1a(id.b, sizeof(id.b), 0) % UINT64_C(1000000000);

	return arena_printf(a, "000%09llu", (unsigned long long)h);
}

/* What scans and signals read, and what moves do; an account that is only to
 * be looked at may leave the second statement out. */
static const char *const reads[] = {
	"ec2:DescribeRegions", "ec2:DescribeAvailabilityZones",
	"ec2:DescribeInstances", "ec2:DescribeInstanceStatus",
	"ec2:DescribeInstanceAttribute",
	"ec2:DescribeInstanceTypes", "ec2:DescribeInstanceTypeOfferings",
	"ec2:DescribeSpotPriceHistory", "ec2:GetSpotPlacementScores",
	"ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages",
	"ec2:DescribeAddresses", "ec2:DescribeNetworkInterfaces",
	"ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions",
	"ec2:DescribeSubnets", "autoscaling:DescribeAutoScalingGroups",
	"cloudformation:DescribeStacks"
};
static const char *const acts[] = {
	"ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateTags",
	"ec2:DeleteTags", "ec2:TerminateInstances", "iam:PassRole",
	"autoscaling:UpdateAutoScalingGroup", "autoscaling:AttachInstances",
	"autoscaling:DetachInstances", "autoscaling:SetInstanceProtection",
	"autoscaling:TerminateInstanceInAutoScalingGroup",
	"sqs:ReceiveMessage", "sqs:DeleteMessage"
};

static void
add_actions(struct str *s, const char *const *v, size_t n)
{
	str_add(s, "\"Effect\":\"Allow\",\"Action\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(s, ',');
		str_json(s, v[i]);
	}
	str_add(s, "],\"Resource\":\"*\"}");
}

const char *
spot_role_template(struct arena *a, const char *our_account,
    const char *external_id)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"RoleName\":\"SpotOptimizerCrossAccountRole\","
	    "\"AssumeRolePolicyDocument\":{\"Version\":\"2012-10-17\","
	    "\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":");
	str_json(&s, *our_account != '\0' ? arena_printf(a,
	    "arn:aws:iam::%s:root", our_account) : "OUR_ACCOUNT_ID");
	str_add(&s, "},\"Action\":\"sts:AssumeRole\",\"Condition\":"
	    "{\"StringEquals\":{\"sts:ExternalId\":");
	str_json(&s, external_id);
	str_add(&s, "}}}]},\"PolicyDocument\":{\"Version\":\"2012-10-17\","
	    "\"Statement\":[{\"Sid\":\"Read\",");
	add_actions(&s, reads, NITEMS(reads));
	str_add(&s, ",{\"Sid\":\"Act\",");
	add_actions(&s, acts, NITEMS(acts));
	str_add(&s, "]}}");
	return s.p;
}
