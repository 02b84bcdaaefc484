/*
 * Settings of events and small rules about them. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "modules/platform/event.h"

static const struct setting rows[] = {
	SETTING(struct platform_event_conf, keep_days, "events.keep",
	    .def = "7", .min = 0, .max = 36500, .unit = "days",
	    .doc = "How long events can be read again; 0 = for ever"),
	SETTING(struct platform_event_conf, long_polls, "events.long_polls",
	    .def = "0", .min = 0, .max = 256, .unit = "requests",
	    .doc = "Requests of a host that may wait for events at once; "
	    "0 = a quarter of the slow pool's children"),
	SETTING_END
};

const struct settings platform_event_settings = {
	"events", sizeof(struct platform_event_conf), rows, NULL
};

static bool
is_topic(const char *p, size_t n)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	for (size_t i = 0; i < n; i++)
		if (strchr(ok, p[i]) == NULL && !(p[i] == '*' && i == n - 1 &&
		    (i == 0 || p[i - 1] == '.')))
			return false;
	return n > 0 && n <= 64;
}

int
platform_event_topics(struct arena *a, const char *text,
    const char *const **out)
{
	VEC(const char *) v = { 0 };

	*out = NULL;
	if (text == NULL || *text == '\0')
		return 0;
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");

		if (!is_topic(p, n))
			return -1;
		*VEC_ADD(a, &v) = arena_strndup(a, p, n);
		p += n;
		if (*p == '\0')
			break;
	}
	*VEC_ADD(a, &v) = NULL;
	*out = v.v;
	return 0;
}

uint32_t
platform_event_waiters(int64_t setting, int64_t children)
{
	if (setting > 0)
		return (uint32_t)setting;
	if (children == 1)
		return 0;
	return children < 8 ? 1 : (uint32_t)(children / 4);
}
