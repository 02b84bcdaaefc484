/*
 * What EC2 and Auto Scaling list besides instances: volumes, snapshots,
 * images, addresses, network interfaces, launch templates and groups, read
 * out of XML by table. Refuses rows without the members that the inventory
 * rests on. Invariant: texts are never NULL, and tags keep EC2's own limits.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/spot/ec2_inner.h"

enum {
	TAG_KEY_MAX = 512,		/* 128 characters */
	TAG_VALUE_MAX = 1024,		/* 256 characters */
	TAGS_MAX = 100,
	LIST_MAX = 1000,		/* bytes of names with commas */
	ROWS_MAX = 10000		/* of one page */
};

/* ---- tags ------------------------------------------------------------------ */

static void
keep_tag(struct arena *a, struct spot_ec2_tags *t)
{
	const char *key = t->key, *value = t->value != NULL ? t->value : "";

	t->key = t->value = NULL;
	if (key == NULL || *key == '\0' || t->n == TAGS_MAX)
		return;
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].name, key) == 0)
			return;
	if (t->v == NULL)
		t->v = arena_array(a, TAGS_MAX, sizeof(*t->v));
	t->v[t->n++] = (struct pair){ key, value };
}

bool
spot_ec2_tag_other(struct arena *a, struct spot_ec2_tags *t,
    const char *path, const char *set, const char *text, size_t len)
{
	size_t n = strlen(set);

	if (strncmp(path, set, n) != 0)
		return false;
	path += n;
	if (strcasecmp(path, "/key") == 0)
		t->key = len <= TAG_KEY_MAX ? arena_strdup(a, text) : NULL;
	else if (strcasecmp(path, "/value") == 0)
		t->value = len <= TAG_VALUE_MAX ? arena_strdup(a, text) :
		    NULL;
	else if (*path == '\0')
		keep_tag(a, t);
	return true;
}

const char *
spot_ec2_tag(const struct spot_ec2_tags *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].name, key) == 0)
			return t->v[i].value;
	return "";
}

const char *
spot_ec2_tags_json(struct arena *a, const struct spot_ec2_tags *t)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '{');
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_json(&s, t->v[i].name);
		str_addc(&s, ':');
		str_json(&s, t->v[i].value);
	}
	str_addc(&s, '}');
	return s.p;
}

/* ---- assets ---------------------------------------------------------------- */

/* An asset while it is read; the public part comes first. */
struct asset_row {
	struct ec2_asset x;
	const char *label, *extra;	/* a name or number beside the tags */
	const char *instance, *owner;	/* who uses it */
	struct spot_ec2_tags tags;
};

#define OFF(m) .off = offsetof(struct asset_row, m)
#define TEXT(m, p, n) { OFF(m), .type = AWS_TEXT, .path = p, .max = n }
#define NEED(m, p, n) { OFF(m), .type = AWS_TEXT, .path = p, .max = n, \
	.need = true }
#define NUMBER(m, p) { OFF(m), .type = AWS_INT, .path = p }
#define TIME(m, p) { OFF(m), .type = AWS_TIME, .path = p }
#define BOOL(m, p) { OFF(m), .type = AWS_BOOL, .path = p }
#define ROW_END { .path = NULL }

static const struct aws_field volume_fields[] = {
	NEED(x.id, "volumeId", 64), NEED(x.state, "status", 32),
	TEXT(x.az, "availabilityZone", 64), TEXT(x.subtype, "volumeType", 32),
	TEXT(x.source, "snapshotId", 64), NUMBER(x.size_gb, "size"),
	NUMBER(x.iops, "iops"), TIME(x.created_at, "createTime"), ROW_END
};
static const struct aws_field snapshot_fields[] = {
	NEED(x.id, "snapshotId", 64), TEXT(x.state, "status", 32),
	TEXT(x.subtype, "storageTier", 32), TEXT(x.source, "volumeId", 64),
	TEXT(x.detail, "description", 1024), NUMBER(x.size_gb, "volumeSize"),
	TIME(x.created_at, "startTime"), ROW_END
};
static const struct aws_field image_fields[] = {
	NEED(x.id, "imageId", 64), TEXT(x.state, "imageState", 32),
	TEXT(x.subtype, "architecture", 32), TEXT(label, "name", 256),
	TEXT(x.detail, "description", 1024),
	TIME(x.created_at, "creationDate"), ROW_END
};
static const struct aws_field address_fields[] = {
	TEXT(x.id, "allocationId", 64), NEED(x.detail, "publicIp", 64),
	TEXT(x.subtype, "domain", 32), TEXT(instance, "instanceId", 64),
	TEXT(owner, "networkInterfaceId", 64),
	TEXT(extra, "associationId", 64), ROW_END
};
static const struct aws_field interface_fields[] = {
	NEED(x.id, "networkInterfaceId", 64), NEED(x.state, "status", 32),
	TEXT(x.az, "availabilityZone", 64),
	TEXT(x.subtype, "interfaceType", 64),
	TEXT(x.detail, "description", 1024),
	TEXT(instance, "attachment/instanceId", 64),
	TEXT(owner, "attachment/attachmentId", 64),
	BOOL(x.managed, "requesterManaged"), ROW_END
};
static const struct aws_field template_fields[] = {
	NEED(x.id, "launchTemplateId", 64),
	TEXT(label, "launchTemplateName", 256),
	NUMBER(x.iops, "defaultVersionNumber"),
	NUMBER(x.size_gb, "latestVersionNumber"),
	TIME(x.created_at, "createTime"), ROW_END
};

/* "a" then "a,b", as far as it fits. */
static void
append(struct arena *a, const char **list, const char *word)
{
	if (*word == '\0' || strlen(word) > 255)
		return;
	if (*list == NULL || **list == '\0')
		*list = arena_strdup(a, word);
	else if (strlen(*list) + strlen(word) < LIST_MAX)
		*list = arena_printf(a, "%s,%s", *list, word);
}

static int
asset_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *err)
{
	struct asset_row *r = row;

	(void)arg, (void)err;
	if (spot_ec2_tag_other(a, &r->tags, path, "tagSet/item", text, len))
		return 0;
	if (strcmp(path, "attachmentSet/item/instanceId") == 0)
		append(a, &r->x.attached_to, text);
	else if (strcmp(path, "blockDeviceMapping/item/ebs/snapshotId") == 0)
		append(a, &r->x.source, text);
	return 0;
}

/* Texts that no field of the list names are "" and not NULL. */
static void
fill(struct asset_row *r)
{
	const char **texts[] = { &r->x.id, &r->x.state, &r->x.az,
	    &r->x.subtype, &r->x.attached_to, &r->x.source, &r->x.detail,
	    &r->label, &r->extra, &r->instance, &r->owner };

	for (size_t i = 0; i < NITEMS(texts); i++)
		if (*texts[i] == NULL)
			*texts[i] = "";
}

static int
asset_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct asset_row *r = row;
	struct ec2_asset *x = &r->x;

	(void)arg, (void)err;
	fill(r);
	x->name = spot_ec2_tag(&r->tags, "Name");
	if (*x->name == '\0')
		x->name = r->label;
	if (*x->attached_to == '\0')
		x->attached_to = *r->instance != '\0' ? r->instance : r->owner;
	x->tags = spot_ec2_tags_json(a, &r->tags);
	return 0;
}

/* An address outside a VPC has no id; its state is whether it is used. */
static int
address_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct asset_row *r = row;

	if (*r->x.id == '\0')
		r->x.id = r->x.detail;
	if (*r->owner == '\0' && *r->extra != '\0')
		r->owner = r->extra;
	r->x.state = *r->instance != '\0' || *r->owner != '\0' ? "in-use" :
	    "available";
	return asset_finish(arg, a, row, err);
}

/* Versions are text here: neither gigabytes nor operations. */
static int
template_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct asset_row *r = row;

	r->x.detail = arena_printf(a, "version %lld of %lld",
	    (long long)r->x.iops, (long long)r->x.size_gb);
	r->x.size_gb = r->x.iops = 0;
	r->x.state = "available";
	return asset_finish(arg, a, row, err);
}

/* ---- groups ------------------------------------------------------------------ */

struct group_row {
	struct ec2_group g;
	const char *mixed_template;
	const char *life;	/* of the open member */
	bool shielded;
	struct spot_ec2_tags tags;
};
#undef OFF
#define OFF(m) .off = offsetof(struct group_row, m)
#define MIXED "MixedInstancesPolicy/"
static const struct aws_field group_fields[] = {
	NEED(g.name, "AutoScalingGroupName", 255),
	TEXT(g.arn, "AutoScalingGroupARN", 1600),
	TEXT(g.health_type, "HealthCheckType", 32),
	TEXT(g.status, "Status", 255),
	TEXT(g.subnets, "VPCZoneIdentifier", 5000),
	TEXT(g.launch_template, "LaunchTemplate/LaunchTemplateId", 255),
	TEXT(mixed_template, MIXED "LaunchTemplate/"
	    "LaunchTemplateSpecification/LaunchTemplateId", 255),
	{ OFF(g.min), .type = AWS_INT, .path = "MinSize", .need = true },
	{ OFF(g.max), .type = AWS_INT, .path = "MaxSize", .need = true },
	{ OFF(g.desired), .type = AWS_INT, .path = "DesiredCapacity",
	    .need = true },
	NUMBER(g.grace_s, "HealthCheckGracePeriod"),
	NUMBER(g.od_base, MIXED "InstancesDistribution/OnDemandBaseCapacity"),
	NUMBER(g.od_percent, MIXED "InstancesDistribution/"
	    "OnDemandPercentageAboveBaseCapacity"),
	BOOL(g.protect_new, "NewInstancesProtectedFromScaleIn"),
	TIME(g.created_at, "CreatedTime"), ROW_END
};

static void
member_text(struct arena *a, struct group_row *r, const char *path,
    const char *text)
{
	if (strcmp(path, "Instances/member/LifecycleState") == 0)
		r->life = arena_strndup(a, text, 32);
	else if (strcmp(path, "Instances/member/ProtectedFromScaleIn") == 0)
		r->shielded = strcmp(text, "true") == 0;
	if (strcmp(path, "Instances/member") != 0)
		return;
	r->g.members++;
	r->g.in_service += r->life != NULL &&
	    strcmp(r->life, "InService") == 0;
	r->g.protected_n += r->shielded;
	r->life = NULL;
	r->shielded = false;
}

static int
group_other(void *arg, struct arena *a, void *row, const char *path,
    const char *text, size_t len, struct err *err)
{
	struct group_row *r = row;

	(void)arg, (void)err;
	if (spot_ec2_tag_other(a, &r->tags, path, "Tags/member", text, len))
		return 0;
	if (strncmp(path, "Instances/member", 16) == 0)
		member_text(a, r, path, text);
	else if (strcmp(path, "AvailabilityZones/member") == 0)
		append(a, &r->g.az, text);
	else if (strcmp(path, "SuspendedProcesses/member/ProcessName") == 0)
		append(a, &r->g.suspended, text);
	else if (strcmp(path, "MixedInstancesPolicy") == 0)
		r->g.mixed = true;
	return 0;
}

static int
group_finish(void *arg, struct arena *a, void *row, struct err *err)
{
	struct group_row *r = row;

	(void)arg, (void)err;
	if (r->g.az == NULL)
		r->g.az = "";
	if (r->g.suspended == NULL)
		r->g.suspended = "";
	if (*r->g.launch_template == '\0')
		r->g.launch_template = r->mixed_template;
	r->g.tags = spot_ec2_tags_json(a, &r->tags);
	return 0;
}

/* ---- lists ---------------------------------------------------------------------- */

#define ASSETS(set, rows, done) { .item = set "/item", \
	.size = sizeof(struct asset_row), .fields = rows, \
	.max_rows = ROWS_MAX, .other = asset_other, .finish = done }
#define RESULT "DescribeAutoScalingGroupsResult"
static const struct aws_list lists[EC2_CALLS] = {
	[EC2_GROUPS] = { .item = RESULT "/AutoScalingGroups/member",
	    .holder = RESULT "/AutoScalingGroups", .token = RESULT
	    "/NextToken", .size = sizeof(struct group_row),
	    .fields = group_fields, .max_rows = ROWS_MAX,
	    .other = group_other, .finish = group_finish },
	[EC2_VOLUMES] = ASSETS("volumeSet", volume_fields, asset_finish),
	[EC2_SNAPSHOTS] = ASSETS("snapshotSet", snapshot_fields,
	    asset_finish),
	[EC2_IMAGES] = ASSETS("imagesSet", image_fields, asset_finish),
	[EC2_ADDRESSES] = ASSETS("addressesSet", address_fields,
	    address_finish),
	[EC2_INTERFACES] = ASSETS("networkInterfaceSet", interface_fields,
	    asset_finish),
	[EC2_TEMPLATES] = ASSETS("launchTemplates", template_fields,
	    template_finish)
};

const struct aws_list *
spot_ec2_asset_list(enum ec2_call which)
{
	ASSERT(lists[which].item != NULL);
	return &lists[which];
}

void
spot_ec2_asset_strip(struct arena *a, enum ec2_call which, struct list *rows)
{
	const struct asset_row *from = rows->items;
	const struct group_row *groups = rows->items;
	struct ec2_asset *to;
	struct ec2_group *g;

	if (which == EC2_GROUPS) {
		g = arena_array(a, rows->n, sizeof(*g));
		for (size_t i = 0; i < rows->n; i++)
			g[i] = groups[i].g;
		rows->items = g;
		return;
	}
	to = arena_array(a, rows->n, sizeof(*to));
	for (size_t i = 0; i < rows->n; i++)
		to[i] = from[i].x;
	rows->items = to;
}
