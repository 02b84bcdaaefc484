/*
 * The platform's own settings. No I/O; refuses a Redis URL that the probe
 * could not use.
 */
#include "base/err.h"
#include "modules/platform/platform.h"
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
	SETTING(struct platform_conf, certificate, "platform.certificate",
	    .def = "", .flags = SET_PATH, .doc = "PEM file of the web "
	    "server's certificate: its end is a metric and an alert; empty = "
	    "not watched"),
	SETTING(struct platform_conf, minute_days, "metrics.minute_days",
	    .def = "7", .min = 1, .max = 60, .unit = "days",
	    .doc = "How long minutes of the metrics are kept"),
	SETTING(struct platform_conf, hour_days, "metrics.hour_days",
	    .def = "90", .min = 1, .max = 3650, .unit = "days",
	    .doc = "How long hours of the metrics are kept"),
	SETTING(struct platform_conf, error_days, "errors.days", .def = "90",
	    .min = 1, .max = 3650, .unit = "days",
	    .doc = "An error that did not come back for so long is forgotten"),
	SETTING(struct platform_conf, group_wait_s, "alerts.group_wait",
	    .def = "30", .min = 0, .max = 3600, .unit = "seconds",
	    .doc = "The first notice of a group waits so long for others"),
	SETTING(struct platform_conf, group_interval_s,
	    "alerts.group_interval", .def = "300", .min = 1, .max = 86400,
	    .unit = "seconds", .doc = "Between notices of one group"),
	SETTING(struct platform_conf, group_repeat_s, "alerts.repeat",
	    .def = "14400", .min = 60, .max = 604800, .unit = "seconds",
	    .doc = "An alert that goes on is told again after so long"),
	SETTING(struct platform_conf, deadman_url, "alerts.deadman_url",
	    .def = "", .flags = SET_URL, .doc = "POST here every minute while "
	    "alerts are evaluated: whoever listens raises the alarm when it "
	    "stops; empty = not"),
	SETTING(struct platform_conf, alertmanager_url,
	    "alerts.alertmanager_url", .def = "", .flags = SET_URL,
	    .doc = "Prometheus Alertmanager (base URL) that gets every firing "
	    "alert; empty = none"),
	SETTING_END
};

const struct settings platform_settings = {
	"platform", sizeof(struct platform_conf), rows, check
};

const char *
platform_redis_at(const struct conf *conf)
{
	const struct platform_conf *cf = conf_get(conf, &platform_settings);

	return cf->redis_url;
}
