/*
 * The platform's own settings. No I/O; refuses a Redis URL that the probe
 * could not use.
 */
#include "base/err.h"
#include "modules/platform/setting.h"
#include "net/redis.h"

static int
check(void *values, struct arena *a, struct err *e)
{
	const struct platform_conf *cf = values;

	(void)a;
	return *cf->redis_url == '\0' ? 0 : redis_url_check(cf->redis_url, e);
}

static const struct setting rows[] = {
	SETTING(struct platform_conf, metrics_public,
	    "platform.metrics_public", .def = "true",
	    .doc = "Serve /metrics to anyone who can reach it; else the "
	    "permission system:metrics is needed"),
	SETTING(struct platform_conf, redis_url, "redis.url", .def = "",
	    .flags = SET_SECRET, .env = "REDIS_URL",
	    .doc = "Redis to which events go and from which they come: "
	    "redis://[[user]:password@]host[:port][,host…][/db] or "
	    "unix:///PATH; empty = none"),
	SETTING(struct platform_conf, disk_min_mib, "platform.disk_min",
	    .def = "256", .min = 1, .max = 1 << 30, .unit = "MiB",
	    .doc = "Less free space under base.dir is reported as degraded, "
	    "a quarter of it as down"),
	SETTING_END
};

const struct settings platform_settings = {
	"platform", sizeof(struct platform_conf), rows, check
};
