/*
 * Looking at dependencies and ordering about them. Refuses names that no
 * module declares. Invariant: the row is the order, the segment a copy of it;
 * a copy that is missing or old is replaced by whoever notices.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/vec.h"
#include "module.h"
#include "modules/platform/dependency.h"

/* Receivers of webhooks and of alerts are many hosts behind one name: their
 * callers judge each by itself (no_breaker). Redis is near and short. */
const struct dependency platform_dependencies[] = {
	{ .name = "redis", .doc = "Redis, when it is configured",
	    .breaker = { .open_s = 5, .open_max_s = 5, .probes = 1,
		.slow_ms = 5000 } },
	{ .name = "webhook", .doc = "Receivers of our webhooks" },
	{ .name = "alertmanager", .doc = "Prometheus Alertmanager and the "
	    "dead-man's receiver" },
	DEPENDENCY_END
};

static const struct dependency *
declared(const struct module *const *mods, const char *name)
{
	for (; *mods != NULL; mods++)
		for (const struct dependency *d = (*mods)->dependencies;
		    d != NULL && d->name != NULL; d++)
			if (strcmp(d->name, name) == 0)
				return d;
	return NULL;
}

int
platform_dependency_action(const char *word)
{
	static const char *const words[] = { "auto", "open", "close",
	    "disable" };

	for (int i = 0; i < 4; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* ---- looking -------------------------------------------------------------------- */

static const struct platform_dependency *
order_of(const struct rows *orders, const char *name)
{
	for (size_t i = 0; orders != NULL && i < orders->n; i++) {
		const struct platform_dependency *o = ROW(orders,
		    struct platform_dependency, i);

		if (strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

static void
look(struct env *env, struct arena *a, const struct dependency *d,
    const struct platform_dependency *o, struct platform_dependency_view *out)
{
	struct platform_dependency_calls *c = arena_alloc(a, sizeof(*c));
	struct dependency_view v;

	dependency_look(env->shm, dependency_find(env->shm, d->name),
	    (uint64_t)clock_boot_ns(), &v);
	*c = (struct platform_dependency_calls){ v.ok, v.fail, v.slow,
	    v.streak };
	*out = (struct platform_dependency_view){ .name = d->name,
	    .doc = d->doc, .state = breaker_state_name(v.state),
	    .mode = breaker_mode_name(v.mode), .opened = v.opened,
	    .probes_in_s = (double)v.pause_ms / 1000, .calls = c,
	    .retry_budget = (double)v.budget / 1000,
	    .permits = v.permits, .permits_used = v.permits_used };
	if (v.changed)
		out->since.us = clock_now().us - (int64_t)v.since_ms * 1000;
	if (o == NULL || strcmp(o->mode, "auto") == 0)
		return;
	out->reason = o->reason;
	out->changed_by = o->changed_by;
	out->changed_at = o->changed_at;
}

void
platform_dependency_look(struct env *env, struct arena *a,
    const struct rows *orders, struct rows *out)
{
	VEC(struct platform_dependency_view) v = { 0 };

	for (size_t m = 0; env->modules[m] != NULL; m++)
		for (const struct dependency *d =
		    env->modules[m]->dependencies;
		    d != NULL && d->name != NULL; d++)
			look(env, a, d, order_of(orders, d->name),
			    VEC_ADD(a, &v));
	*out = (struct rows){ v.v, v.n, &platform_dependency_view_schema };
}

/* ---- ordering ------------------------------------------------------------------- */

struct told {
	struct shm *shm;
	int dependency;
	enum breaker_mode mode;
	uint32_t version;
};

static void
tell_one(void *arg)
{
	struct told *t = arg;

	breaker_order(t->shm, t->dependency, t->mode, t->version);
}

int
platform_dependency_order(struct env *env, struct db *db, struct arena *a,
    struct platform_dependency *d, struct err *e)
{
	struct told *t = db_memory(db, sizeof(*t));

	if (declared(env->modules, d->name) == NULL)
		return err_set(e, 404, "not_found", "No dependency \"%.64s\"",
		    d->name);
	d->changed_at = clock_now();
	if (platform_dependency_put(db, a, d, e) == -1)
		return -1;
	*t = (struct told){ env->shm, dependency_find(env->shm, d->name),
	    (enum breaker_mode)breaker_mode_parse(d->mode),
	    (uint32_t)d->version };
	db_on_commit(db, tell_one, t);
	return 0;
}

int
platform_dependency_tell(struct env *env, struct arena *a, struct err *e)
{
	struct rows orders;

	if (env->db == NULL || env->shm == NULL)
		return 0;
	if (platform_dependency_all(env->db, a, &orders, e) == -1)
		return -1;
	for (size_t i = 0; i < dependency_count(env->shm); i++) {
		const struct platform_dependency *o = order_of(&orders,
		    dependency_guard(env->shm, (int)i)->name);
		int mode = o == NULL ? BREAKER_AUTO :
		    breaker_mode_parse(o->mode);

		if (mode != -1)
			breaker_order(env->shm, (int)i,
			    (enum breaker_mode)mode, o == NULL ? 0 :
			    (uint32_t)o->version);
	}
	return 0;
}

/* The call goes on either way: what could not be read is not ordered. The
 * switch that must hold when nothing can be read is the stop switch. */
void
platform_dependency_fresh(void *arg)
{
	struct arena *a = arena_new(1 << 20);
	struct env *env = arg;
	struct err e = { 0 };

	if (env->db != NULL && !db_in_txn(env->db) &&
	    platform_dependency_tell(env, a, &e) == -1)
		log_warn("server", "orders about dependencies not read",
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
	arena_free(a);
}
