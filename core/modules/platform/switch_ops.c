/*
 * Asking and setting the stop switch. Refuses scopes that do not exist; an
 * unreadable switch is a stopped one.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "modules/platform/switch.h"

const struct event platform_switch_events[] = {
	{ .name = "switch.changed", .doc = "A scope was stopped or released",
	    .payload = &platform_switch_schema, .flags = EV_STATE },
	EVENT_END
};

static int
stopped(const struct platform_switch *s, struct err *e)
{
	char at[CLOCK_TEXT];

	return err_set(e, 409, "stopped", "Stopped (%s%s%.40s) by %.60s at "
	    "%s%s%.80s", s->scope, *s->name != '\0' ? " " : "", s->name,
	    *s->changed_by != '\0' ? s->changed_by : "somebody",
	    clock_format(s->changed_at, at), *s->reason != '\0' ? ": " : "",
	    s->reason);
}

int
platform_switch_ask(struct db *db, struct arena *a,
    const struct platform_scope *scope, struct err *e)
{
	struct rows rows;

	return platform_switch_look(db, a, scope, &rows, e) == -1 ||
	    db_hear(db, e) == -1 ? -1 : platform_switch_says(&rows, e);
}

int
platform_switch_says(const struct rows *rows, struct err *e)
{
	bool all = false;

	for (size_t i = 0; i < rows->n; i++) {
		const struct platform_switch *s = ROW(rows,
		    struct platform_switch, i);

		all = all || strcmp(s->scope, "all") == 0;
		if (s->stopped)
			return stopped(s, e);
	}
	if (all)
		return 0;
	err_set(e, 503, "switch_unreadable", "The stop switch cannot be read, "
	    "so nothing is sent");
	return err_cause(e, "platform_switch has no row for scope all");
}

static int
refuse(struct err *e, const char *member, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = strcmp(member, "name") == 0 ? "[\"body\",\"name\"]" :
	    "[\"body\",\"scope\"]", .msg = msg, .input = "null" });
}

int
platform_switch_check(const struct module *const *mods, const char *scope,
    const char *name, struct err *e)
{
	bool whole = strcmp(scope, "all") == 0 || strcmp(scope, "tenant") == 0;

	if (whole)
		return *name == '\0' ? 0 : refuse(e, "name",
		    "This scope takes no name");
	if (*name == '\0')
		return refuse(e, "name", "Field required");
	if (strcmp(scope, "module") != 0)
		return 0;
	for (; *mods != NULL; mods++)
		if (strcmp((*mods)->name, name) == 0)
			return 0;
	return refuse(e, "name", "There is no such module");
}

int
platform_switch_set(struct db *db, struct arena *a,
    struct platform_switch *s, struct err *e)
{
	ASSERT(db_in_txn(db));
	s->changed_at = clock_now();
	if (platform_switch_lock(db, a, e) == -1 ||
	    platform_switch_put(db, a, s, e) == -1)
		return -1;
	return event_publish(db, &platform_switch_events[0], s->tenant_id,
	    s->scope, s->version, s, e);
}
