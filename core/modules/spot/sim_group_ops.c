/*
 * Groups of the simulated cloud, with AWS's rules: attaching raises the
 * desired size and fails at the maximum, what is taken out without lowering it
 * is replaced. Refuses members of other groups and machines that do not run.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/sim.h"

enum { BATCH = 20 };

int
spot_sim_group(struct spot_access *x, struct arena *a, const char *region,
    const char *name, struct spot_group *out, struct err *e)
{
	const struct sim_group *g;
	struct sim s;

	if (spot_sim_look(x, a, region, clock_now(), &s, e) == -1)
		return -1;
	g = spot_sim_group_find(&s, name);
	if (g == NULL)
		return 1;
	spot_sim_group_view(&s, g, out);
	return 0;
}

int
spot_sim_groups(struct spot_access *x, struct arena *a, const char *region,
    struct list *out, struct err *e)
{
	struct spot_group *v;
	struct sim s;

	if (spot_sim_look(x, a, region, clock_now(), &s, e) == -1)
		return -1;
	v = arena_array(a, s.ngroups, sizeof(*v));
	for (size_t i = 0; i < s.ngroups; i++)
		spot_sim_group_view(&s, &s.groups[i], &v[i]);
	*out = (struct list){ v, s.ngroups };
	return 0;
}

/* ---- acting -------------------------------------------------------------------- */

struct acting {
	const char *name;
	const struct spot_ids *ids;
	const struct spot_resize *size;
	bool flag;			/* decrement, or protection on */
};

static struct sim_group *
group_of(struct sim *s, const char *name, struct err *e)
{
	struct sim_group *g = spot_sim_group_find(s, name);

	if (g == NULL) {
		(void)err_set(e, 502, "aws_gone", "AWS: ValidationError: "
		    "AutoScalingGroup '%s' not found", name);
		return NULL;
	}
	g->kept = g->dirty = true;
	return g;
}

static int
sizes(const struct sim_group *g, struct err *e)
{
	return err_set(e, 502, "aws_state", "AWS: ValidationError: "
	    "AutoScalingGroup %s has min-size=%lld, max-size=%lld, and "
	    "desired-size=%lld", g->name, (long long)g->min_size,
	    (long long)g->max_size, (long long)g->desired);
}

static int
do_resize(struct sim *s, void *arg, struct err *e)
{
	const struct acting *k = arg;
	struct sim_group *g = group_of(s, k->name, e);
	int64_t low, high, want;

	if (g == NULL)
		return -1;
	low = k->size->min >= 0 ? k->size->min : g->min_size;
	high = k->size->max >= 0 ? k->size->max : g->max_size;
	want = k->size->desired;
	if (want < 0)
		want = g->desired < low ? low : g->desired > high ? high :
		    g->desired;
	if (low > high)
		return err_set(e, 502, "aws_bug", "AWS: ValidationError: max "
		    "%lld is below min %lld", (long long)high, (long long)low);
	if (want < low || want > high)
		return sizes(g, e);
	g->min_size = low;
	g->max_size = high;
	g->desired = want;
	return 0;
}

int
spot_sim_resize(struct spot_access *x, struct arena *a, const char *region,
    const char *name, const struct spot_resize *size, struct err *e)
{
	struct acting k = { .name = name, .size = size };

	return spot_sim_turn(x, a, region, do_resize, &k, e);
}

/* A running machine of a region, or NULL with *e. */
static struct sim_machine *
running(const struct sim *s, const char *id, struct err *e)
{
	struct sim_machine *m = spot_sim_find(s, id);
	struct ec2_instance one;

	if (m == NULL || spot_sim_dead(s, m)) {
		(void)err_set(e, 502, "aws_gone", "AWS: ValidationError: "
		    "instance %s does not exist", id);
		return NULL;
	}
	spot_sim_instance(s, m, &one);
	if (strcmp(one.state, "running") == 0)
		return m;
	(void)err_set(e, 502, "aws_state", "AWS: ValidationError: instance %s "
	    "is not in correct state: %s", id, one.state);
	return NULL;
}

static int
batch(const struct spot_ids *ids, struct err *e)
{
	if (ids->n >= 1 && ids->n <= BATCH)
		return 0;
	return err_set(e, 502, "aws_bug", "1 to %d instances of a group at "
	    "once", BATCH);
}

static int
do_attach(struct sim *s, void *arg, struct err *e)
{
	const struct acting *k = arg;
	struct sim_group *g = group_of(s, k->name, e);

	if (g == NULL || batch(k->ids, e) == -1)
		return -1;
	for (size_t i = 0; i < k->ids->n; i++) {
		const struct sim_machine *m = running(s, k->ids->ids[i], e);

		if (m == NULL)
			return -1;
		if (*m->grp != '\0')
			return err_set(e, 502, "aws_state", "AWS: Validation"
			    "Error: Instance %s is already part of %s",
			    m->instance_id, m->grp);
	}
	if (g->desired + (int64_t)k->ids->n > g->max_size)
		return sizes(g, e);
	g->desired += (int64_t)k->ids->n;
	for (size_t i = 0; i < k->ids->n; i++) {
		struct sim_machine *m = spot_sim_find(s, k->ids->ids[i]);

		m->grp = g->name;
		m->joined_at = s->now;
		m->dirty = true;
	}
	return 0;
}

int
spot_sim_attach(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, struct err *e)
{
	struct acting k = { .name = name, .ids = ids };

	return spot_sim_turn(x, a, ids->region, do_attach, &k, e);
}

/* All of them in the group, and the group not below its minimum by this. */
static int
may_leave(const struct sim *s, struct sim_group *g, const struct spot_ids *ids,
    bool decrement, struct err *e)
{
	if (batch(ids, e) == -1)
		return -1;
	for (size_t i = 0; i < ids->n; i++) {
		const struct sim_machine *m = spot_sim_find(s, ids->ids[i]);

		if (m == NULL || spot_sim_dead(s, m) ||
		    strcmp(m->grp, g->name) != 0)
			return err_set(e, 502, "aws_gone", "AWS: Validation"
			    "Error: The instance %s is not part of Auto "
			    "Scaling group %s", ids->ids[i], g->name);
	}
	if (!decrement)
		return 0;
	if (g->desired - (int64_t)ids->n < g->min_size)
		return sizes(g, e);
	g->desired -= (int64_t)ids->n;
	return 0;
}

static int
do_detach(struct sim *s, void *arg, struct err *e)
{
	const struct acting *k = arg;
	struct sim_group *g = group_of(s, k->name, e);

	if (g == NULL || may_leave(s, g, k->ids, k->flag, e) == -1)
		return -1;
	for (size_t i = 0; i < k->ids->n; i++) {
		struct sim_machine *m = spot_sim_find(s, k->ids->ids[i]);

		m->grp = "";
		m->joined_at.us = 0;
		m->protected = false;
		m->dirty = true;
	}
	return 0;
}

int
spot_sim_detach(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, bool decrement, struct err *e)
{
	struct acting k = { .name = name, .ids = ids, .flag = decrement };

	return spot_sim_turn(x, a, ids->region, do_detach, &k, e);
}

static int
do_terminate(struct sim *s, void *arg, struct err *e)
{
	const struct acting *k = arg;
	struct sim_machine *m = spot_sim_find(s, k->ids->ids[0]);
	struct sim_group *g;

	if (m == NULL || *m->grp == '\0')
		return err_set(e, 502, "aws_gone", "AWS: ValidationError: "
		    "Instance Id not found - No managed instance found for "
		    "instance ID: %s", k->ids->ids[0]);
	g = group_of(s, m->grp, e);
	if (g == NULL || may_leave(s, g, k->ids, k->flag, e) == -1)
		return -1;
	spot_sim_end(s, m, "scale-in");
	return 0;
}

int
spot_sim_terminate_in(struct spot_access *x, struct arena *a,
    const char *region, const char *id, bool decrement, struct err *e)
{
	const struct spot_ids one = { region, &id, 1 };
	struct acting k = { .ids = &one, .flag = decrement };

	return spot_sim_turn(x, a, region, do_terminate, &k, e);
}

static int
do_protect(struct sim *s, void *arg, struct err *e)
{
	const struct acting *k = arg;
	struct sim_group *g = group_of(s, k->name, e);

	if (g == NULL || may_leave(s, g, k->ids, false, e) == -1)
		return -1;
	for (size_t i = 0; i < k->ids->n; i++) {
		struct sim_machine *m = spot_sim_find(s, k->ids->ids[i]);

		m->protected = k->flag;
		m->dirty = true;
	}
	return 0;
}

int
spot_sim_protect(struct spot_access *x, struct arena *a, const char *name,
    const struct spot_ids *ids, bool on, struct err *e)
{
	struct acting k = { .name = name, .ids = ids, .flag = on };

	return spot_sim_turn(x, a, ids->region, do_protect, &k, e);
}
