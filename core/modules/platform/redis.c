/*
 * Settings and names of the bridge to Redis. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/redis.h"

static int
check(void *values, struct arena *a, struct err *e)
{
	const struct platform_redis_conf *cf = values;
	const char *stream, *topic;
	struct uuid id;

	for (const char *const *m = cf->in; m != NULL && *m != NULL; m++)
		if (platform_redis_mapping(a, *m, &stream, &topic) == -1)
			return err_set(e, 500, "conf", "redis.in: \"%.80s\" "
			    "is not of the form stream=topic", *m);
	if (*cf->in_tenant != '\0' && uuid_parse(cf->in_tenant, &id) == -1)
		return err_set(e, 500, "conf", "redis.in_tenant is the id of "
		    "a tenant (a UUID)");
	if (cf->in != NULL && *cf->in != NULL && *cf->in_tenant == '\0')
		return err_set(e, 500, "conf", "redis.in needs "
		    "redis.in_tenant: the tenant whose events they are");
	return 0;
}

#define SET(m, p, ...) SETTING(struct platform_redis_conf, m, p, __VA_ARGS__)

static const struct setting rows[] = {
	SET(channel, "redis.channel", .def = "quincunx.{tenant}",
	    .doc = "Channel on which relayed events are published; "
	    "{tenant} is its id, or \"installation\"; empty = none"),
	SET(stream, "redis.stream", .def = "quincunx:events:{tenant}",
	    .doc = "Stream to which relayed events are added; empty = none"),
	SET(stream_max, "redis.stream_max", .def = "10000", .min = 1,
	    .max = 100000000, .unit = "entries",
	    .doc = "About so many entries are kept in each stream"),
	SET(in, "redis.in", .def = "",
	    .doc = "Streams that are read, each as stream=topic; nothing "
	    "else is ever taken from Redis"),
	SET(in_tenant, "redis.in_tenant", .def = "",
	    .doc = "Tenant (id) whose events the entries become"),
	SETTING_END
};

const struct settings platform_redis_settings = {
	"redis", sizeof(struct platform_redis_conf), rows, check
};

int
platform_redis_mapping(struct arena *a, const char *text,
    const char **stream, const char **topic)
{
	const char *eq = strrchr(text, '=');

	if (eq == NULL || eq == text || eq[1] == '\0' || eq - text > 180)
		return -1;
	*stream = arena_strndup(a, text, (size_t)(eq - text));
	*topic = eq + 1;
	return 0;
}

const char *
platform_redis_name(struct arena *a, const char *pattern, struct uuid tenant)
{
	const char *at = strstr(pattern, "{tenant}");
	char id[UUID_TEXT];
	struct str s;

	if (at == NULL)
		return pattern;
	str_init(&s, a);
	str_addn(&s, pattern, (size_t)(at - pattern));
	str_add(&s, uuid_is_nil(tenant) ? "installation" :
	    uuid_format(tenant, id));
	str_add(&s, at + strlen("{tenant}"));
	return s.p;
}
