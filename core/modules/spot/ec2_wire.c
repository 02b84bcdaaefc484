/*
 * EC2's describe calls: parameters out, rows in. Refuses rows without the
 * members discovery rests on; keeps tags as JSON text, dropping those beyond
 * EC2's own limits and repeated keys. Invariant: a page that could be read is
 * complete, never a part.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/spot/ec2_inner.h"

enum { ROWS_MAX = 10000 };	/* of one page */

/* ---- requests ---------------------------------------------------------- */
struct call {
	const char *action;
	int64_t page_size;
};

static const struct call calls[EC2_CALLS] = {
	[EC2_REGIONS] = { "DescribeRegions", 0 },
	[EC2_INSTANCES] = { "DescribeInstances", 1000 },
	[EC2_TYPES] = { "DescribeInstanceTypes", 100 },
	[EC2_PRICES] = { "DescribeSpotPriceHistory", 1000 },
	[EC2_GROUPS] = { "DescribeAutoScalingGroups", 100 },
	[EC2_VOLUMES] = { "DescribeVolumes", 1000 },
	[EC2_SNAPSHOTS] = { "DescribeSnapshots", 1000 },
	[EC2_IMAGES] = { "DescribeImages", 1000 },
	[EC2_ADDRESSES] = { "DescribeAddresses", 0 },
	[EC2_INTERFACES] = { "DescribeNetworkInterfaces", 1000 },
	[EC2_TEMPLATES] = { "DescribeLaunchTemplates", 200 }
};

const char *
spot_ec2_right(struct arena *a, enum ec2_call which)
{
	return arena_printf(a, "%s:%s", which == EC2_GROUPS ? "autoscaling" :
	    "ec2", calls[which].action);
}

struct params {
	struct arena *a;
	VEC(struct pair) v;
	unsigned filters;
};

static void
add(struct params *p, const char *name, const char *value)
{
	struct pair *pair;

	if (value == NULL || *value == '\0')
		return;
	pair = VEC_ADD(p->a, &p->v);
	pair->name = name;
	pair->value = value;
}

static void
add_list(struct params *p, const char *prefix, const char *const *values)
{
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		add(p, arena_printf(p->a, "%s.%zu", prefix, i + 1), values[i]);
}

static void
add_filter(struct params *p, const char *name, const char *const *values)
{
	unsigned k;

	if (values == NULL || values[0] == NULL)
		return;
	k = ++p->filters;
	add(p, arena_printf(p->a, "Filter.%u.Name", k), name);
	add_list(p, arena_printf(p->a, "Filter.%u.Value", k), values);
}

static void
add_time(struct params *p, const char *name, struct utc t)
{
	char buf[CLOCK_TEXT];

	if (t.us != 0)
		add(p, name, arena_strdup(p->a, clock_format(t, buf)));
}

static void
add_query(struct params *p, enum ec2_call which, const struct ec2_query *q)
{
	switch (which) {
	case EC2_REGIONS:
		if (q->all_regions)
			add(p, "AllRegions", "true");
		break;
	case EC2_INSTANCES:
		add_filter(p, "instance-state-name", q->states);
		add_filter(p, "instance-type", q->types);
		break;
	case EC2_TYPES:
		add_list(p, "InstanceType", q->types);
		break;
	case EC2_PRICES:
		add_list(p, "InstanceType", q->types);
		add_list(p, "ProductDescription", q->products);
		add_time(p, "StartTime", q->from);
		add_time(p, "EndTime", q->to);
		add(p, "AvailabilityZone", q->az);
		break;
	case EC2_SNAPSHOTS:
	case EC2_IMAGES:	/* the others are public ones, a sea of them */
		add(p, "Owner.1", "self");
		break;
	default:
		break;
	}
}

static void
add_page(struct params *p, enum ec2_call which, const struct ec2_query *q)
{
	int64_t n = q->page_size > 0 && q->page_size < calls[which].page_size
	    ? q->page_size : calls[which].page_size;

	/* EC2 refuses a page size next to a list of types. */
	if (calls[which].page_size > 0 &&
	    !(which == EC2_TYPES && q->types != NULL))
		add(p, which == EC2_GROUPS ? "MaxRecords" : "MaxResults",
		    arena_printf(p->a, "%lld", (long long)n));
	add(p, "NextToken", q->next_token);
}

static struct aws_request
request_of(struct arena *a, enum ec2_call which, const struct ec2_query *q)
{
	struct params p = { .a = a };

	add_query(&p, which, q);
	add_page(&p, which, q);
	return (struct aws_request){ .service = which == EC2_GROUPS ?
	    "autoscaling" : "ec2", .region = q->region,
	    .action = calls[which].action, .version = which == EC2_GROUPS ?
	    "2011-01-01" : "2016-11-15",
	    .params = p.v.v, .nparams = p.v.n };
}

const char *
spot_ec2_action(enum ec2_call which)
{
	return calls[which].action;
}

int
spot_ec2_request(struct arena *a, const struct aws_client *c, enum ec2_call which,
    const struct ec2_query *q, struct utc now, struct net_call *call,
    struct err *err)
{
	struct aws_request r = request_of(a, which, q);

	return spot_aws_request(a, c, &r, now, call, err);
}

/* ---- rows -------------------------------------------------------------- */
#define FIELD(T, m, t, ...) { .off = offsetof(struct T, m), .type = t, \
	.path = __VA_ARGS__ }
#define TEXT(T, m, p, n) FIELD(T, m, AWS_TEXT, p, .max = n)
#define NEED(T, m, p, n) FIELD(T, m, AWS_TEXT, p, .max = n, .need = true)
#define FIELD_END { .path = NULL }

static const struct aws_field region_fields[] = {
	NEED(ec2_region, name, "regionName", 32),
	TEXT(ec2_region, endpoint, "regionEndpoint", 253),
	TEXT(ec2_region, opt_in, "optInStatus", 32),
	FIELD_END
};

/* The instance while it is read; the public part comes first. */
struct instance_row {
	struct ec2_instance i;
	const char *platform, *details;
	struct spot_ec2_tags tags;
};

#define I(m, p, n) TEXT(instance_row, i.m, p, n)
static const struct aws_field instance_fields[] = {
	NEED(instance_row, i.instance_id, "instanceId", 64),
	NEED(instance_row, i.instance_type, "instanceType", 64),
	NEED(instance_row, i.az, "placement/availabilityZone", 64),
	NEED(instance_row, i.state, "instanceState/name", 32),
	FIELD(instance_row, i.launched_at, AWS_TIME, "launchTime",
	    .need = true),
	I(lifecycle, "instanceLifecycle", 32),
	I(image_id, "imageId", 64),
	I(architecture, "architecture", 32),
	I(subnet_id, "subnetId", 64),
	I(vpc_id, "vpcId", 64),
	I(private_ip, "privateIpAddress", 64),
	I(public_ip, "ipAddress", 64),
	I(spot_request_id, "spotInstanceRequestId", 64),
	I(tenancy, "placement/tenancy", 32),
	I(root_device, "rootDeviceType", 32),
	I(state_reason, "stateReason/code", 64),
	I(token, "clientToken", 256),
	I(profile, "iamInstanceProfile/arn", 300),
	I(key_name, "keyName", 255),
	FIELD(instance_row, i.ebs_optimized, AWS_BOOL, "ebsOptimized"),
	FIELD(instance_row, i.managed, AWS_BOOL, "operator/managed"),
	TEXT(instance_row, platform, "platform", 32),
	TEXT(instance_row, details, "platformDetails", 128),
	FIELD_END
};

#define Y(m, p, n) TEXT(ec2_type, m, p, n)
#define N(m, p) FIELD(ec2_type, m, AWS_INT, p)
#define B(m, p) FIELD(ec2_type, m, AWS_BOOL, p)
static const struct aws_field type_fields[] = {
	NEED(ec2_type, type, "instanceType", 64),
	FIELD(ec2_type, vcpu, AWS_INT, "vCpuInfo/defaultVCpus", .need = true),
	FIELD(ec2_type, mem_mib, AWS_INT, "memoryInfo/sizeInMiB",
	    .need = true),
	N(cores, "vCpuInfo/defaultCores"),
	N(gpu_mem_mib, "gpuInfo/totalGpuMemoryInMiB"),
	N(nvme_gb, "instanceStorageInfo/totalSizeInGB"),
	N(ebs_mbps, "ebsInfo/ebsOptimizedInfo/maximumBandwidthInMbps"),
	N(ebs_base_mbps, "ebsInfo/ebsOptimizedInfo/baselineBandwidthInMbps"),
	N(interfaces, "networkInfo/maximumNetworkInterfaces"),
	Y(hypervisor, "hypervisor", 32),
	Y(manufacturer, "processorInfo/manufacturer", 64),
	Y(network, "networkInfo/networkPerformance", 64),
	FIELD(ec2_type, clock_ghz, AWS_REAL,
	    "processorInfo/sustainedClockSpeedInGhz"),
	B(burstable, "burstablePerformanceSupported"),
	B(bare_metal, "bareMetal"),
	B(current, "currentGeneration"),
	FIELD_END
};

static const struct aws_field price_fields[] = {
	NEED(ec2_price, instance_type, "instanceType", 64),
	NEED(ec2_price, az, "availabilityZone", 64),
	NEED(ec2_price, product, "productDescription", 128),
	FIELD(ec2_price, price, AWS_DEC, "spotPrice", .need = true),
	FIELD(ec2_price, at, AWS_TIME, "timestamp", .need = true),
	FIELD_END
};

/* "a" then "a,b": lists of a handful of words. */
static void
append(struct arena *a, const char **list, const char *word)
{
	if (*list == NULL || **list == '\0')
		*list = arena_strndup(a, word, 64);
	else if (strlen(*list) + strlen(word) < 256)
		*list = arena_printf(a, "%s,%s", *list, word);
}

static int
instance_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *err)
{
	struct instance_row *r = row;

	(void)arg, (void)err;
	if (strcmp(path, "groupSet/item/groupId") == 0)
		append(a, &r->i.groups, text);
	else if (strcmp(path, "blockDeviceMapping/item") == 0)
		r->i.volumes++;
	else
		(void)spot_ec2_tag_other(a, &r->tags, path, "tagSet/item",
		    text, len);
	return 0;
}

static const char *
product_of(const struct instance_row *r)
{
	if (*r->details != '\0')
		return r->details;
	return strcmp(r->platform, "windows") == 0 ? "Windows" : "Linux/UNIX";
}

static int
instance_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct instance_row *r = row;

	(void)arg, (void)err;
	if (*r->i.lifecycle == '\0')
		r->i.lifecycle = "on-demand";
	if (r->i.groups == NULL)
		r->i.groups = "";
	r->i.product = product_of(r);
	r->i.name = spot_ec2_tag(&r->tags, "Name");
	r->i.asg = spot_ec2_tag(&r->tags, "aws:autoscaling:groupName");
	r->i.tags = spot_ec2_tags_json(a, &r->tags);
	return 0;
}

static int
type_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *err)
{
	struct ec2_type *t = row;
	int64_t n = 0;
	double gbps = 0;

	(void)arg, (void)err;
	if (strcmp(path, "processorInfo/supportedArchitectures/item") == 0)
		append(a, &t->arch, text);
	else if (strcmp(path, "supportedUsageClasses/item") == 0)
		append(a, &t->usage, text);
	else if (strcmp(path, "gpuInfo/gpus/item/name") == 0)
		append(a, &t->gpu_name, text);
	else if (strcmp(path, "gpuInfo/gpus/item/count") == 0 &&
	    num_i64(text, len, &n) == NUM_OK && n > 0 && n < 10000)
		t->gpu += n;
	else if (strcmp(path, "networkInfo/networkCards/item/"
	    "peakBandwidthInGbps") == 0 &&
	    num_real(text, len, &gbps) == NUM_OK && gbps > 0)
		t->net_gbps += gbps;
	if (t->usage != NULL && strcmp(path, "supportedUsageClasses/item") ==
	    0 && strcmp(text, "spot") == 0)
		t->spot = true;
	return 0;
}

static int
type_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct ec2_type *t = row;
	const char **texts[] = { &t->arch, &t->usage, &t->gpu_name };

	(void)arg, (void)a, (void)err;
	for (size_t i = 0; i < NITEMS(texts); i++)
		if (*texts[i] == NULL)
			*texts[i] = "";
	return 0;
}

#define LIST(set, row, rows, more, done) { .item = set, \
	.size = sizeof(struct row), .fields = rows, .max_rows = ROWS_MAX, \
	.other = more, .finish = done }
static const struct aws_list lists[] = {
	[EC2_REGIONS] = LIST("regionInfo/item", ec2_region, region_fields,
	    NULL, NULL),
	[EC2_INSTANCES] = LIST("reservationSet/item/instancesSet/item",
	    instance_row, instance_fields, instance_other, instance_finish),
	[EC2_TYPES] = LIST("instanceTypeSet/item", ec2_type, type_fields,
	    type_other, type_finish),
	[EC2_PRICES] = LIST("spotPriceHistorySet/item", ec2_price,
	    price_fields, NULL, NULL)
};

/* The public part of each row, closed up. */
static void
strip(struct arena *a, struct list *rows)
{
	struct instance_row *from = rows->items;
	struct ec2_instance *to = arena_array(a, rows->n, sizeof(*to));

	for (size_t i = 0; i < rows->n; i++)
		to[i] = from[i].i;
	rows->items = to;
}

int
spot_ec2_parse(struct arena *a, enum ec2_call which, const void *body, size_t len,
    struct ec2_page *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->next_token = "";
	if (spot_aws_rows(a, which < EC2_GROUPS ? &lists[which] :
	    spot_ec2_asset_list(which), body, len, &out->rows,
	    &out->next_token, err) == -1)
		return -1;
	if (which == EC2_INSTANCES)
		strip(a, &out->rows);
	else if (which >= EC2_GROUPS)
		spot_ec2_asset_strip(a, which, &out->rows);
	return 0;
}

int
spot_ec2_fetch(struct arena *a, struct aws_client *c, enum ec2_call which,
    const struct ec2_query *q, struct ec2_page *out, struct err *err)
{
	struct aws_request r = request_of(a, which, q);
	struct net_reply reply;

	if (spot_aws_send(a, c, &r, &reply, err) == -1)
		return -1;
	return spot_ec2_parse(a, which, reply.body, reply.len, out, err);
}
