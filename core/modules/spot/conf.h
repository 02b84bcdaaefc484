/*
 * Settings of the spot optimizer.
 */
#ifndef SPOT_CONF_H
#define SPOT_CONF_H

#include "conf/conf.h"

struct spot_conf {
	const char *aws_region;		/* AWS_REGION */
	const char *endpoint, *sts_endpoint;	/* "" = AWS itself */
	const char *asg_endpoint;	/* "" = as EC2's */
	const char *sqs_endpoint, *sns_endpoint;	/* the same */
	int64_t rate_percent;		/* of AWS's published; 0 = no limit */
	const char *access_key, *secret_key;	/* ours, to assume roles with */
	const char *account_id;		/* ours, named in the role template */
	int64_t scan_every_s, fleet_every_s, parallel, page_size, price_days;
	int64_t grace_s;
	bool ask_terminate;
	const char *advisor_url, *od_price_url;	/* "" = not pulled */
	const char *trace_dir;		/* recorded traces; "" = none */
	int64_t sim_boot_s;
};
extern const struct settings spot_settings;

#endif
