/*
 * Order of components. No database; a circle or a missing need is told, not
 * followed.
 */
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "module.h"
#include "modules/platform/service.h"

const struct component *const *
platform_components(struct arena *a, const struct module *const *mods)
{
	VEC(const struct component *) v = { 0 };

	for (; *mods != NULL; mods++)
		for (const struct component *c = (*mods)->components;
		    c != NULL && c->name != NULL; c++)
			*VEC_ADD(a, &v) = c;
	*VEC_ADD(a, &v) = NULL;
	return v.v;
}

const struct component *
platform_component_find(const struct component *const *all, const char *name)
{
	for (; *all != NULL; all++)
		if (strcmp((*all)->name, name) == 0)
			return *all;
	return NULL;
}

static bool
needs_directly(const struct component *c, const char *name)
{
	for (const char *const *n = c->needs; n != NULL && *n != NULL; n++)
		if (strcmp(*n, name) == 0)
			return true;
	return false;
}

struct picked {
	const struct component **v;
	size_t n, cap;
};

static bool
has(const struct picked *p, const struct component *c)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i] == c)
			return true;
	return false;
}

/* Grows the set until nothing is added: one step per component at most. */
static struct picked
closure(struct arena *a, const struct component *const *all,
    const struct component *start, bool needs)
{
	struct picked p = { 0 };

	*VEC_ADD(a, &p) = start;
	for (size_t i = 0; i < p.n; i++)
		for (size_t j = 0; all[j] != NULL; j++) {
			bool edge = needs ?
			    needs_directly(p.v[i], all[j]->name) :
			    needs_directly(all[j], p.v[i]->name);

			if (edge && !has(&p, all[j]))
				*VEC_ADD(a, &p) = all[j];
		}
	return p;
}

/* True if no member that is still outside `done` is needed by c. */
static bool
needs_met(const struct component *c, const struct picked *set,
    const struct picked *done)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] != c && !has(done, set->v[i]) &&
		    needs_directly(c, set->v[i]->name))
			return false;
	return true;
}

/* Members so that each comes after what it needs; the rest of a circle is
 * left out. */
static struct picked
start_order(struct arena *a, const struct picked *set)
{
	struct picked done = { 0 };
	bool moved = true;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < set->n; i++)
			if (!has(&done, set->v[i]) &&
			    needs_met(set->v[i], set, &done)) {
				*VEC_ADD(a, &done) = set->v[i];
				moved = true;
			}
	}
	return done;
}

const struct component *const *
platform_component_order(struct arena *a, const struct component *const *all,
    const struct component *c, bool needs)
{
	struct picked set = closure(a, all, c, needs);
	struct picked out = start_order(a, &set);

	for (size_t i = 0; !needs && i < out.n / 2; i++) {
		const struct component *t = out.v[i];

		out.v[i] = out.v[out.n - 1 - i];
		out.v[out.n - 1 - i] = t;
	}
	*VEC_ADD(a, &out) = NULL;
	return out.v;
}

const char *
platform_components_fault(struct arena *a, const struct component *const *all)
{
	struct picked set = { 0 }, order;

	for (size_t i = 0; all[i] != NULL; i++) {
		const char *const *n = all[i]->needs;

		for (; n != NULL && *n != NULL; n++)
			if (platform_component_find(all, *n) == NULL)
				return arena_printf(a, "component %s needs "
				    "%s, which does not exist", all[i]->name,
				    *n);
		*VEC_ADD(a, &set) = all[i];
	}
	order = start_order(a, &set);
	return order.n == set.n ? NULL : "components need each other in a "
	    "circle";
}

enum platform_action
platform_action_parse(const char *word)
{
	static const char *const words[] = { NULL, "start", "stop", "pause",
	    "resume" };

	for (int i = ACT_START; i <= ACT_RESUME; i++)
		if (strcmp(words[i], word) == 0)
			return (enum platform_action)i;
	return 0;
}
