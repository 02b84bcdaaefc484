/*
 * Changing what is wanted of components, in dependency order, and asking
 * whether one should work. Starts and stops no process itself: programs ask
 * before each round of work.
 */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/platform/health.h"
#include "modules/platform/service.h"

const struct component platform_service_components[] = {
	{ .name = "database", .doc = "The database all programs share",
	  .health = "db", .required = true },
	{ .name = "web", .doc = "Responders behind the web server",
	  .needs = (const char *const[]){ "database", NULL },
	  .required = true },
	{ .name = "live", .doc = "Gateway that pushes events to clients",
	  .needs = (const char *const[]){ "database", NULL },
	  .health = "live", .required = true },
	{ .name = NULL }
};

static const struct field change_fields[] = {
	FIELD(struct platform_change, name, .doc = "Component"),
	FIELD(struct platform_change, was, .doc = "Wanted before"),
	FIELD(struct platform_change, now, .doc = "Wanted now"),
	FIELD_END
};
const struct schema platform_change_schema = {
	.name = "ComponentChange", .doc = "A component that changed",
	.size = sizeof(struct platform_change), .fields = change_fields
};

struct work {
	struct db *db;
	struct arena *a;
	const struct component *const *all;
	struct rows rows;		/* what was wanted before */
	const char *by;
	struct utc now;
	VEC(struct platform_change) done;
};

static const struct platform_component *
row_of(const struct work *w, const char *name)
{
	for (size_t i = 0; i < w->rows.n; i++) {
		const struct platform_component *r = ROW(&w->rows,
		    struct platform_component, i);

		if (strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

static const char *
wanted(const struct work *w, const char *name)
{
	const struct platform_component *r = row_of(w, name);

	return r == NULL ? "running" : r->desired;
}

static int
set(struct work *w, const struct component *c, const char *to,
    const char *cause, struct err *e)
{
	struct platform_component row = { c->name, to, cause, w->by, w->now };
	struct platform_change *done;

	if (strcmp(wanted(w, c->name), to) == 0)
		return 0;
	if (platform_component_put(w->db, &row, e) == -1)
		return -1;
	done = VEC_ADD(w->a, &w->done);
	*done = (struct platform_change){ c->name, wanted(w, c->name), to };
	return 0;
}

/* Dependants first; what was at rest already keeps its own reason. */
static int
bring_down(struct work *w, const struct component *c, const char *to,
    struct err *e)
{
	const struct component *const *order = platform_component_order(w->a,
	    w->all, c, false);

	for (; *order != NULL; order++) {
		bool runs = strcmp(wanted(w, (*order)->name), "running") == 0;

		if ((*order)->required)
			return err_set(e, 409, "required",
			    "%s cannot be stopped", (*order)->name);
		if ((*order == c || runs) && set(w, *order, to,
		    *order == c ? NULL : c->name, e) == -1)
			return -1;
	}
	return 0;
}

/* What it needs first, then itself, then what its stop had stopped. */
static int
bring_up(struct work *w, const struct component *c, struct err *e)
{
	const struct component *const *order = platform_component_order(w->a,
	    w->all, c, true);

	for (; *order != NULL; order++)
		if (set(w, *order, "running", NULL, e) == -1)
			return -1;
	for (size_t i = 0; w->all[i] != NULL; i++) {
		const struct platform_component *r = row_of(w,
		    w->all[i]->name);

		if (r != NULL && r->cause != NULL &&
		    strcmp(r->cause, c->name) == 0 &&
		    set(w, w->all[i], "running", NULL, e) == -1)
			return -1;
	}
	return 0;
}

int
platform_service_act(struct db *db, struct arena *a,
    const struct module *const *mods, const char *name,
    enum platform_action act, const char *by, struct utc now,
    struct rows *changes, struct err *e)
{
	struct work w = { .db = db, .a = a, .by = by, .now = now };
	const struct component *c;
	int rc;

	w.all = platform_components(a, mods);
	c = platform_component_find(w.all, name);
	if (c == NULL)
		return err_set(e, 404, "not_found", "No component \"%.64s\"",
		    name);
	if (platform_component_all(db, a, &w.rows, e) == -1)
		return -1;
	rc = act == ACT_START || act == ACT_RESUME ? bring_up(&w, c, e) :
	    bring_down(&w, c, act == ACT_STOP ? "stopped" : "paused", e);
	*changes = (struct rows){ w.done.v, w.done.n,
	    &platform_change_schema };
	return rc;
}

int
platform_component_active(struct db *db, const char *name, struct err *e)
{
	struct arena *a = arena_new(1 << 20);
	struct platform_component row;
	int rc = platform_component_by_name(db, a, name, &row, e);
	int active = rc == -1 ? -1 :
	    rc == 1 || strcmp(row.desired, "running") == 0;

	arena_free(a);
	return active;
}

void
platform_service_cache(struct env *env, struct str *out)
{
	const struct component *const *all = platform_components(env->a,
	    env->modules);
	struct work w = { .db = env->db, .a = env->a, .all = all };
	struct err e = { 0 };

	if (env->db == NULL ||
	    platform_component_all(env->db, env->a, &w.rows, &e) == -1)
		return;
	for (; *all != NULL; all++)
		platform_health_put_component(out, (*all)->name,
		    wanted(&w, (*all)->name));
}
