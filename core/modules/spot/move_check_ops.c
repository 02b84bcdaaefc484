/*
 * Step 0: is there anything in the way of a move, where may its replacement
 * run and from what is it made. Refuses by a word of ours; changes nothing.
 */
#include <json.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/move_inner.h"

static bool
is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static int
no(struct err *e, const char *code, const char *text)
{
	return err_set(e, 409, code, "%s", text);
}

static int
clear(struct spot_look *l)
{
	l->found = FOUND_DONE;
	l->note = "nothing in the way";
	return 0;
}

int
spot_move_stack(struct spot_saga *g, const struct spot_group *gr,
    const char **status, struct err *e)
{
	static const char doing[] = "_IN_PROGRESS";
	size_t n;

	if (*gr->stack_id == '\0')
		return 0;
	if (g->acts->stack(&g->x, g->a, g->m.region, gr->stack_id, status,
	    e) == -1) {
		if (!is(e->code, "aws_denied"))
			return -1;
		err_clear(e);
		return g->m.urgent ? 0 : no(e, "stack_unseen", "The group is "
		    "of a CloudFormation stack, and the right cloudformation:"
		    "DescribeStacks to see whether it is being changed is "
		    "missing");
	}
	n = strlen(*status);
	return n >= sizeof(doing) && strcmp(*status + n - (sizeof(doing) - 1),
	    doing) == 0;
}

static int
check_stack(struct spot_saga *g, const struct spot_group *gr, struct err *e)
{
	const char *status;
	int rc = spot_move_stack(g, gr, &status, e);

	return rc != 1 ? rc : err_set(e, 409, "stack_busy", "The group's "
	    "CloudFormation stack is being changed (%.60s)", status);
}

static int
check_group(struct spot_saga *g, const struct spot_group *gr, struct err *e)
{
	static const char *const needed[] = { "Launch", "Terminate",
	    "AddToLoadBalancer", "HealthCheck" };
	const struct spot_member *old = spot_move_member(gr,
	    g->m.instance_id);

	if (*gr->status != '\0')
		return no(e, "group_gone", "The group is being deleted");
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (strstr(gr->suspended, needed[i]) != NULL)
			return err_set(e, 409, "suspended", "The group's "
			    "process %s is suspended", needed[i]);
	if (old == NULL)
		return no(e, "target_left", "The instance has left its "
		    "group");
	if (g->m.urgent)
		return 0;
	if (!is(old->state, "InService"))
		return err_set(e, 409, "target_state", "The instance is %.40s "
		    "in its group, not in service", old->state);
	if (old->protected)
		return no(e, "protected", "The instance is protected from "
		    "being removed");
	if (is(g->m.kind, "terminate") && gr->desired <= gr->min)
		return no(e, "at_minimum", "The group is at its minimum");
	return 0;
}

static bool
listed(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = names; (p = strstr(p, name)) != NULL; p += n)
		if ((p == names || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

/* What people, or their tools, have written on it; not what AWS or we did. */
static struct list
copy_tags(struct arena *a, const struct ec2_instance *old)
{
	struct pair *v = arena_array(a, MOVE_TAGS, sizeof(*v));
	struct json_object *o = old == NULL ? NULL :
	    json_tokener_parse(old->tags);
	size_t n = 0;

	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return (struct list){ v, 0 };
	}
	json_object_object_foreach(o, key, value) {
		if (n == MOVE_TAGS || strncmp(key, "aws:", 4) == 0 ||
		    strncmp(key, "quincunx:", 9) == 0 ||
		    is(key, "ManagedBy"))
			continue;
		v[n++] = (struct pair){ arena_strdup(a, key),
		    arena_strdup(a, json_object_get_string(value)) };
	}
	json_object_put(o);
	return (struct list){ v, n };
}

/* Pools where the group and a subnet are; with their subnets. */
static int
check_places(struct spot_saga *g, const struct spot_group *gr,
    const struct ec2_instance *old, const struct spot_move_copy *copy,
    struct err *e)
{
	VEC(struct spot_move_pool) keep = { 0 };
	struct spot_move_pool *v;
	struct rows subnets = { 0 };
	size_t n;

	if (spot_move_pools_read(g->a, g->m.pools, &v, &n, NULL, e) == -1 ||
	    (old != NULL && *old->vpc_id != '\0' && spot_move_subnets(
	    g->c->db, g->a, g->m.account_id, g->m.region, old->vpc_id,
	    &subnets, e) == -1))
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct spot_move_pool p = v[i];

		if (gr != NULL && *gr->zones != '\0' &&
		    !listed(gr->zones, p.az))
			continue;
		if (*p.subnet == '\0' && old != NULL && is(old->az, p.az))
			p.subnet = old->subnet_id;
		for (size_t k = 0; *p.subnet == '\0' && k < subnets.n; k++)
			if (is(ROW(&subnets, struct spot_move_subnet, k)->az,
			    p.az))
				p.subnet = ROW(&subnets, struct
				    spot_move_subnet, k)->subnet_id;
		if (*p.subnet == '\0' && old != NULL &&
		    *old->subnet_id != '\0' && !g->simulated)
			continue;
		*VEC_ADD(g->a, &keep) = p;
	}
	if (keep.n == 0)
		return no(e, "no_place", "No pool is in a zone where the "
		    "group or network of the instance has a subnet");
	g->f.places = spot_move_pools_text(g->a, keep.v, keep.n, copy);
	return 0;
}

struct template_tags {
	const char *id, *version;
};
static const struct field template_fields[] = {
	{ .name = "aws:ec2launchtemplate:id", .doc = "Template",
	  .off = offsetof(struct template_tags, id), .type = FT_STR,
	  .def = "\"\"" },
	{ .name = "aws:ec2launchtemplate:version", .doc = "Version",
	  .off = offsetof(struct template_tags, version), .type = FT_STR,
	  .def = "\"\"" },
	FIELD_END
};
static const struct schema template_schema = {
	.name = "SpotTemplateTags", .size = sizeof(struct template_tags),
	.fields = template_fields
};

/* An instance that was made without a template is copied: image, subnet,
 * security groups, role, key and what it was told at its first boot. Not its
 * disks: one that keeps something on a volume of its own is not replaced. */
static int
check_copy(struct spot_saga *g, const struct ec2_instance *old,
    struct spot_move_copy *copy, struct err *e)
{
	const char *data = "";

	if (old == NULL || *old->image_id == '\0')
		return no(e, "no_template", "There is neither a launch "
		    "template nor an instance to copy");
	if (old->volumes > 1)
		return no(e, "own_volumes", "The instance was not made from a "
		    "launch template and has volumes of its own, which a copy "
		    "would lack");
	if (g->acts->user_data(&g->x, g->a, g->m.region, old->instance_id,
	    &data, e) == -1) {
		if (!is(e->code, "aws_denied"))
			return -1;
		err_clear(e);
		return no(e, "no_template", "The instance was not made from a "
		    "launch template, and the right ec2:Describe"
		    "InstanceAttribute, to copy what it was told at its first "
		    "boot, is missing");
	}
	copy->groups = spot_names_split(g->a, old->groups);
	copy->profile = old->profile != NULL ? old->profile : "";
	copy->key_name = old->key_name != NULL ? old->key_name : "";
	copy->user_data = *data != '\0';
	g->f.image_id = old->image_id;
	return 0;
}

/* From what the replacement is made: the move's own word, the group's
 * template, the one the instance was made from, else a copy. */
static int
check_template(struct spot_saga *g, const struct spot_group *gr,
    const struct ec2_instance *old, struct spot_move_copy *copy,
    struct err *e)
{
	struct template_tags t = { "", "" };
	uint64_t seen;

	if (*g->m.template_id != '\0' || *g->m.image_id != '\0')
		return 0;
	if (gr != NULL && *gr->template_id != '\0') {
		t.id = gr->template_id;
		t.version = gr->template_version;
	} else if (old != NULL && schema_decode_json(&template_schema,
	    old->tags, strlen(old->tags), "tags", false, g->a, &t, &seen,
	    e) == -1)
		return -1;
	if (*t.id == '\0')
		return check_copy(g, old, copy, e);
	g->f.template_id = t.id;
	g->f.template_version = t.version;
	return 0;
}

/* Facts into the row as the dry run needs them. */
static int
dry_run(struct spot_saga *g, struct err *e)
{
	struct spot_move was = g->m;
	int rc;

	g->m.places = g->f.places;
	if (g->f.template_id != NULL) {
		g->m.template_id = g->f.template_id;
		g->m.template_version = g->f.template_version;
	}
	if (g->f.image_id != NULL)
		g->m.image_id = g->f.image_id;
	rc = spot_move_launch(g, 1, false, NULL, e);
	g->m = was;
	return rc;
}

int
spot_move_check(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	bool makes = spot_move_applies(&g->m, SM_LAUNCH) &&
	    *g->m.adopt == '\0', copy = *g->m.instance_id != '\0';
	bool whole = !is(g->m.kind, "launch");
	struct spot_move_copy of = { .profile = "", .key_name = "" };
	struct ec2_instance old;
	struct spot_group gr;
	int rc;

	if (copy) {
		rc = spot_move_describe(g, g->m.instance_id, &old, e);
		if (rc == -1)
			return -1;
		if (rc == 1 || (spot_move_dead(old.state) && !g->m.urgent))
			return no(e, "target_gone", "The instance is gone");
	}
	if (copy && *old.asg != '\0') {
		g->f.asg = old.asg;
		rc = g->acts->group(&g->x, g->a, g->m.region, old.asg, &gr,
		    e);
		if (rc == -1)
			return -1;
		if (rc == 1)
			return no(e, "group_gone", "Its group is gone");
		if (whole && (check_group(g, &gr, e) == -1 ||
		    check_stack(g, &gr, e) == -1))
			return -1;
	}
	if (!makes)
		return clear(l);
	of.tags = copy_tags(g->a, copy ? &old : NULL);
	if (check_template(g, g->f.asg != NULL ? &gr : NULL, copy ? &old :
	    NULL, &of, e) == -1 || check_places(g, g->f.asg != NULL ? &gr :
	    NULL, copy ? &old : NULL, &of, e) == -1)
		return -1;
	/* whoever is under notice has no time for a rehearsal */
	if (!g->m.urgent && dry_run(g, e) == -1)
		return -1;
	return clear(l);
}
