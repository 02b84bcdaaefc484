/*
 * Settings of the platform module, and the effective ones of all.
 */
#ifndef PLATFORM_SETTING_H
#define PLATFORM_SETTING_H

#include "conf/conf.h"
#include "db/table.h"
#include "http/route.h"

struct platform_conf {
	bool metrics_public;		/* /metrics without a token */
	const char *redis_url;		/* REDIS_URL; empty = not used */
	int64_t disk_min_mib;		/* less free space is degraded */
	const char *certificate;	/* PEM file whose end is watched */
	int64_t minute_days, hour_days;	/* how long samples are kept */
	int64_t error_days;		/* and errors that do not come back */
	int64_t group_wait_s, group_interval_s, group_repeat_s;
	const char *deadman_url;	/* POST while the evaluator lives */
	const char *alertmanager_url;	/* pushed to; empty = not */
};
extern const struct settings platform_settings;

extern const struct route platform_setting_routes[];
extern const struct command platform_setting_commands[];

#endif
