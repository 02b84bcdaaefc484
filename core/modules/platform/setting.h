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
};
extern const struct settings platform_settings;

extern const struct route platform_setting_routes[];
extern const struct command platform_setting_commands[];

#endif
