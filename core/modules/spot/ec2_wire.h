/*
 * The calls of EC2 that discovery needs, each as request (signed, in the
 * arena), parse (pure) and, for one call at a time, both with the network in
 * between. Texts are never NULL; "" means that EC2 did not say.
 */
#ifndef SPOT_EC2_WIRE_H
#define SPOT_EC2_WIRE_H

#include "modules/spot/aws_wire.h"

struct ec2_region {
	const char *name, *endpoint;
	const char *opt_in;	/* "opt-in-not-required", "opted-in",
				 * "not-opted-in" */
};

struct ec2_instance {
	const char *instance_id, *instance_type, *az;
	const char *state;	/* "pending" "running" "shutting-down"
				 * "terminated" "stopping" "stopped" */
	const char *lifecycle;	/* "on-demand" "spot" "scheduled"
				 * "capacity-block" */
	struct utc launched_at;
	const char *image_id, *architecture;
	const char *product;	/* price product: "Linux/UNIX" "Windows" … */
	const char *subnet_id, *vpc_id, *private_ip, *public_ip;
	const char *spot_request_id, *tenancy, *root_device;
	const char *state_reason;	/* "Server.SpotInstanceTermination" …;
					 * NULL in the simulated cloud */
	const char *asg, *name;	/* tags aws:autoscaling:groupName and Name */
	const char *tags;	/* JSON object */
	const char *token;	/* client token of its launch; may be NULL
				 * outside of describe() */
	/* For a copy of it; may be NULL outside of describe(). */
	const char *groups;	/* security groups, ids with commas */
	const char *profile;	/* ARN of its instance profile */
	const char *key_name;
	int64_t volumes;	/* attached to it */
	bool ebs_optimized;
	bool managed;		/* AWS runs it for the account */
};

struct ec2_type {
	const char *type, *arch;	/* arch: "x86_64" or "i386,x86_64" */
	const char *hypervisor, *manufacturer, *network;
	const char *gpu_name, *usage;	/* usage: "on-demand,spot" */
	int64_t vcpu, cores, mem_mib, gpu, gpu_mem_mib;
	int64_t nvme_gb, ebs_mbps, ebs_base_mbps, interfaces;
	double clock_ghz, net_gbps;	/* net: peak of all cards */
	bool burstable, bare_metal, current, spot;
};

struct ec2_price {
	const char *instance_type, *az, *product;
	struct dec price;
	struct utc at;
};

/* A thing in an account that is neither an instance nor a group: a volume,
 * snapshot, image, address, network interface or launch template. */
struct ec2_asset {
	const char *id, *name, *state, *az;
	const char *subtype;	/* "gp3", "archive", "vpc", "nat_gateway" */
	const char *attached_to;	/* what uses it; "" = nothing */
	const char *source;	/* a volume's snapshot, a snapshot's volume, an
				 * image's snapshots with commas */
	const char *detail;	/* public address, description, versions */
	int64_t size_gb, iops;
	struct utc created_at;	/* 0 = EC2 does not tell */
	bool managed;		/* AWS runs it for the account */
	const char *tags;	/* JSON object */
};

/* An Auto Scaling group as its listing shows it. */
struct ec2_group {
	const char *name, *arn, *health_type, *status, *az, *subnets;
	const char *launch_template, *suspended;	/* names with commas */
	const char *tags;	/* JSON object */
	int64_t min, max, desired, grace_s;
	int64_t members, in_service, protected_n;
	int64_t od_base, od_percent;	/* of a mixed group */
	struct utc created_at;
	bool mixed, protect_new;
};

/* One page. items are n structs in the arena. */
struct ec2_page {
	struct list rows;
	const char *next_token;	/* "" = last page */
};
#define EC2_ROW(page, type, i) (&((struct type *)(page)->rows.items)[i])

struct ec2_query {
	const char *region;
	const char *next_token;		/* NULL or "" = first page */
	int64_t page_size;		/* 0 = the largest EC2 allows */
	const char *const *types;	/* instance types; NULL = all */
	const char *const *products;	/* prices: product descriptions */
	struct utc from, to;		/* prices; 0 = open */
	const char *az;			/* prices; NULL or "" = all */
	const char *const *states;	/* instances: state names */
	bool all_regions;		/* regions: also not enabled ones */
};

/* From EC2_VOLUMES on the rows are struct ec2_asset. */
enum ec2_call { EC2_REGIONS, EC2_INSTANCES, EC2_TYPES, EC2_PRICES, EC2_GROUPS,
	EC2_VOLUMES, EC2_SNAPSHOTS, EC2_IMAGES, EC2_ADDRESSES, EC2_INTERFACES,
	EC2_TEMPLATES, EC2_CALLS };

/* "ec2:DescribeInstances": the right that the call needs. */
const char *spot_ec2_right(struct arena *, enum ec2_call);

/* "DescribeInstances" … */
const char *spot_ec2_action(enum ec2_call);
int spot_ec2_request(struct arena *, const struct aws_client *, enum ec2_call,
    const struct ec2_query *, struct utc now, struct net_call *, struct err *);
int spot_ec2_parse(struct arena *, enum ec2_call, const void *body, size_t len,
    struct ec2_page *, struct err *);
/* Request, send (clock corrected once), parse. */
int spot_ec2_fetch(struct arena *, struct aws_client *, enum ec2_call,
    const struct ec2_query *, struct ec2_page *, struct err *);

#endif
