/*
 * What each step finds when it looks at the cloud: done already, to be sent,
 * or to be waited for. Refuses what the step must not go on with, by a word of
 * ours. Invariant: nothing here changes the cloud but the dry run of a launch.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/spot/move_inner.h"

enum { HURRY_S = 30 };
#define AGAIN_US (US_PER_S * HURRY_S)

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
found(struct spot_look *l, const char *note)
{
	l->found = FOUND_DONE;
	l->note = note;
	return 0;
}

static int
wait_for(struct spot_look *l, const char *note)
{
	l->found = FOUND_WAIT;
	l->note = note;
	return 0;
}

static int
to_send(struct spot_look *l, const char *act, const char *request)
{
	l->found = FOUND_SEND;
	l->act = act;
	l->request = (struct json){ request };
	return 0;
}

/* ---- reading ----------------------------------------------------------------------- */

const struct spot_member *
spot_move_member(const struct spot_group *g, const char *id)
{
	const struct spot_member *v = g->members.items;

	for (size_t i = 0; i < g->members.n; i++)
		if (is(v[i].instance_id, id))
			return &v[i];
	return NULL;
}

/* Out of the group, or on the way. */
static bool
leaving(const struct spot_member *x)
{
	return x == NULL || strncmp(x->state, "Terminat", 8) == 0 ||
	    strncmp(x->state, "Detach", 6) == 0;
}

static int
read_group(struct spot_saga *g, struct spot_group *out, struct err *e)
{
	return g->acts->group(&g->x, g->a, g->m.region, g->m.asg, out, e);
}

/* 0 with the row, 1 there is none. */
int
spot_move_describe(struct spot_saga *g, const char *id, struct ec2_instance *out,
    struct err *e)
{
	struct spot_find f = { .region = g->m.region, .ids = &id, .n = 1,
	    .dead = true };
	struct list l;

	if (g->acts->describe(&g->x, g->a, &f, &l, e) == -1)
		return -1;
	if (l.n == 0)
		return 1;
	*out = *(struct ec2_instance *)l.items;
	return 0;
}

static int
status(struct spot_saga *g, const char *id, struct spot_status *out,
    struct err *e)
{
	struct spot_ids ids = { g->m.region, &id, 1 };
	struct list l;

	if (g->acts->status(&g->x, g->a, &ids, &l, e) == -1)
		return is(e->code, "aws_gone") ? (err_clear(e), 1) : -1;
	if (l.n == 0)
		return 1;
	*out = *(struct spot_status *)l.items;
	return 0;
}

bool
spot_move_dead(const char *state)
{
	return is(state, "shutting-down") || is(state, "terminated");
}

int
spot_move_made(struct spot_saga *g, struct list *out, struct err *e)
{
	char id[UUID_TEXT];
	struct spot_find f = { .region = g->m.region, .tag = TAG_MOVE };

	f.value = uuid_format(g->m.id, id);
	if (g->acts->describe(&g->x, g->a, &f, out, e) == -1)
		return -1;
	return 0;
}

/* ---- 1 launch, 2 ready ------------------------------------------------------------- */

static int
take_over(struct spot_saga *g, const struct ec2_instance *i,
    struct spot_look *l, const char *note)
{
	g->f.new_instance = i->instance_id;
	g->f.new_pool = arena_printf(g->a, "%.60s:%.60s", i->az,
	    i->instance_type);
	return found(l, note);
}

static int
look_launch(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	const struct ec2_instance *v;
	struct ec2_instance i;
	struct list made;
	int rc;

	if (*g->m.adopt != '\0') {
		rc = spot_move_describe(g, g->m.adopt, &i, e);
		if (rc == -1)
			return -1;
		if (rc == 0 && is(i.state, "running"))
			return take_over(g, &i, l, "the standby");
		g->f.adopt_gone = true;
		return found(l, "the standby is gone: a launch after all");
	}
	if (g->resumed) {
		if (spot_move_made(g, &made, e) == -1)
			return -1;
		v = made.items;
		for (size_t k = 0; k < made.n; k++)
			if (!spot_move_dead(v[k].state) && !is(v[k].instance_id,
			    g->m.instance_id))
				return take_over(g, &v[k], l,
				    "was launched already: adopted");
	}
	return to_send(l, *g->m.template_id != '\0' ? "CreateFleet" :
	    "RunInstances", spot_move_launch_text(g, g->has_row ?
	    g->s.attempt + !g->resumed : 1));
}

/* Past its time: hurry says that the move goes on as it is. */
static int
late(struct spot_saga *g, bool *hurry, struct err *e)
{
	struct utc now = clock_now();

	*hurry = g->m.urgent && g->m.deadline.us != 0 &&
	    now.us > g->m.deadline.us - AGAIN_US;
	if (*hurry || !g->has_row || now.us - g->s.started_at.us <
	    g->conf->ready_s * US_PER_S)
		return 0;
	return err_set(e, 409, "not_healthy", "The replacement was not "
	    "healthy within %lld s", (long long)g->conf->ready_s);
}

/* It died under us. What is urgent gets another one while there is time. */
static int
died(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	if (!g->m.urgent || *g->m.adopt != '\0' ||
	    clock_now().us > g->m.deadline.us)
		return no(e, "replacement_died", "The replacement was lost "
		    "before it served");
	g->f.relaunch = true;
	g->f.new_instance = g->f.new_pool = "";
	return found(l, "the replacement was lost: another one");
}

static int
look_ready(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct spot_status s;
	bool hurry;
	int rc = status(g, g->m.new_instance, &s, e);

	if (rc == -1)
		return -1;
	if (rc == 1 || spot_move_dead(s.state) || is(s.state, "stopped"))
		return died(g, l, e);
	if (s.ok)
		return found(l, "running, both checks passed");
	if (late(g, &hurry, e) == -1)
		return -1;
	if (hurry)
		return found(l, "no time left to wait for its checks");
	return wait_for(l, arena_printf(g->a, "%s, system %s, instance %s",
	    s.state, s.system, s.instance));
}

/* ---- 3 raise, 4 attach, 5 serve ---------------------------------------------------- */

static int
no_group(struct err *e)
{
	return no(e, "group_gone", "The group was deleted");
}

static int
look_raise(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	const char *status = "";
	struct spot_group gr;
	int64_t max;
	int rc = read_group(g, &gr, e);

	if (rc != 0)
		return rc == 1 ? no_group(e) : -1;
	if (g->resumed) {
		max = spot_move_number(g, "max");
		if (max == 0 || gr.max >= max)
			return found(l, "there is room");
		return to_send(l, "UpdateAutoScalingGroup",
		    g->s.request.p);
	}
	/* the first touch of the group; an update may have begun meanwhile */
	rc = spot_move_stack(g, &gr, &status, e);
	if (rc != 0)
		return rc == -1 ? -1 : err_set(e, 409, "aws_state", "The "
		    "group's CloudFormation stack is being changed (%.60s)",
		    status);
	g->f.room.old_max = gr.max;	/* as read; judged under the lock */
	g->f.room.raised_to = gr.desired;
	return to_send(l, "UpdateAutoScalingGroup", NULL);
}

static int
look_attach(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct spot_group gr;
	int rc = read_group(g, &gr, e);

	if (rc != 0)
		return rc == 1 ? no_group(e) : -1;
	if (!leaving(spot_move_member(&gr, g->m.new_instance)))
		return found(l, "is in the group already");
	return to_send(l, "AttachInstances", g->resumed ? g->s.request.p :
	    arena_printf(g->a, "{\"instance\":\"%s\",\"desired\":%lld}",
	    g->m.new_instance, (long long)gr.desired));
}

static int
look_serve(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	const struct spot_member *x;
	struct spot_group gr;
	bool hurry;
	int rc = read_group(g, &gr, e);

	if (rc != 0)
		return rc == 1 ? no_group(e) : -1;
	x = spot_move_member(&gr, g->m.new_instance);
	if (leaving(x))
		return no(e, "replacement_died", "The replacement has left "
		    "the group");
	if (is(x->state, "InService") && x->healthy)
		return found(l, "in service and healthy");
	if (late(g, &hurry, e) == -1)
		return -1;
	return hurry ? found(l, "no time left to wait for its health") :
	    wait_for(l, arena_printf(g->a, "%s in the group", x->state));
}

/* ---- 6 out ------------------------------------------------------------------------- */

/* It went by itself while the group's size counts both: one too many. */
static int
shrink(struct spot_saga *g, const struct spot_group *gr, struct spot_look *l,
    struct err *e)
{
	struct spot_move_step at;
	int64_t base;

	if (!is(g->m.kind, "replace"))
		return found(l, "has left the group already");
	if (spot_step_last(g->c->db, g->a, g->m.id, SM_ATTACH, &at, e) == -1)
		return -1;
	base = spot_move_number_in(g, at.request, "desired");
	if (gr->desired <= base || gr->desired <= gr->min)
		return found(l, "has left the group already");
	return to_send(l, "SetDesiredCapacity", arena_printf(g->a,
	    "{\"desired\":%lld}", (long long)gr->desired - 1));
}

static int
look_out(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct spot_status s;
	struct spot_group gr;
	int rc;

	if (*g->m.asg == '\0') {
		rc = status(g, g->m.instance_id, &s, e);
		if (rc == -1)
			return -1;
		if (rc == 1 || spot_move_dead(s.state))
			return found(l, "is gone");
		return to_send(l, "TerminateInstances", "{}");
	}
	rc = read_group(g, &gr, e);
	if (rc != 0)
		return rc == 1 ? found(l, "the group is gone") : -1;
	if (g->resumed && is(g->s.act, "SetDesiredCapacity"))
		return gr.desired <= spot_move_number(g, "desired") ?
		    found(l, "has its size again") :
		    to_send(l, g->s.act, g->s.request.p);
	if (!leaving(spot_move_member(&gr, g->m.instance_id)))
		return to_send(l, "TerminateInstanceInAutoScalingGroup",
		    arena_printf(g->a, "{\"decrement\":%s}",
		    is(g->m.kind, "drain") ? "false" : "true"));
	return g->resumed ? found(l, "is on its way out") :
	    shrink(g, &gr, l, e);
}

/* ---- 7 restore, 8 verify, 9 book --------------------------------------------------- */

static int
look_restore(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct spot_move_group room;
	struct spot_group gr;
	int rc;

	if (g->resumed && spot_move_number(g, "max") == 0)
		return found(l, "nothing to be given back");
	if (!g->m.holds)
		return found(l, "nothing was raised");
	g->f.let_go = true;
	rc = spot_move_group_get(g->c->db, g->a, g->m.account_id, g->m.region,
	    g->m.asg, &room, e);
	if (rc != 0)
		return rc == 1 ? found(l, "nothing was raised") : -1;
	g->f.room = room;
	g->f.has_room = true;
	rc = read_group(g, &gr, e);
	if (rc != 0)
		return rc == 1 ? found(l, "the group is gone") : -1;
	g->f.seen_max = gr.max;
	/* alone with it since the intent: what is seen is what is */
	if (g->resumed && gr.max != room.raised_to)
		return found(l, gr.max == room.old_max ? "is what it was" :
		    "somebody else has changed it: left alone");
	return to_send(l, "UpdateAutoScalingGroup", g->resumed ?
	    g->s.request.p : NULL);
}

static int
look_verify(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct spot_move_step at = { .request = { "{}" } }, out = { 0 };
	struct spot_status s;
	struct spot_group gr;
	int64_t base;
	int rc;

	if (*g->m.asg == '\0') {
		rc = status(g, g->m.instance_id, &s, e);
		return rc == -1 ? -1 : rc == 1 || spot_move_dead(s.state) ?
		    found(l, "the old one is out") : wait_for(l, s.state);
	}
	rc = read_group(g, &gr, e);
	if (rc != 0)
		return rc == 1 ? found(l, "the group is gone") : -1;
	if (!leaving(spot_move_member(&gr, g->m.instance_id)))
		return wait_for(l, "the old one is still in the group");
	if (!is(g->m.kind, "replace"))
		return found(l, "the old one is out");
	if (spot_step_last(g->c->db, g->a, g->m.id, SM_ATTACH, &at, e) ==
	    -1 || spot_step_last(g->c->db, g->a, g->m.id, SM_OUT, &out, e) ==
	    -1)
		return -1;
	base = spot_move_number_in(g, at.request, "desired");
	/* sent twice, and counted twice */
	if (base > 0 && out.sends > 1 && gr.desired == base - 1)
		return to_send(l, "SetDesiredCapacity", arena_printf(g->a,
		    "{\"desired\":%lld}", (long long)base));
	return found(l, spot_move_member(&gr, g->m.new_instance) == NULL ?
	    "the replacement has left the group meanwhile" :
	    "size and members are right");
}

static int
look_book(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	(void)e;
	if (*g->m.new_instance == '\0')
		return found(l, "nothing to hand over");
	return to_send(l, "CreateTags", "{}");
}

/* ---- undoing ----------------------------------------------------------------------- */

static int
look_undo_attach(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	const struct spot_member *x;
	struct spot_group gr;
	int rc = *g->m.new_instance == '\0' ? 1 : read_group(g, &gr, e);

	if (rc != 0)
		return rc == 1 ? found(l, "there is no group") : -1;
	x = spot_move_member(&gr, g->m.new_instance);
	if (x != NULL && strncmp(x->state, "Detach", 6) == 0)
		return wait_for(l, "leaves the group");
	if (leaving(x))
		return found(l, "is not in the group");
	return to_send(l, "DetachInstances", arena_printf(g->a,
	    "{\"instance\":\"%s\"}", g->m.new_instance));
}

/* Only what carries this move's tag, and never the instance it is about. */
static int
look_undo_launch(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct list made;
	const struct ec2_instance *v;
	struct str s;
	size_t n = 0;

	if (spot_move_made(g, &made, e) == -1)
		return -1;
	str_init(&s, g->a);
	str_add(&s, "{\"instances\":\"");
	v = made.items;
	for (size_t i = 0; i < made.n && n < 20; i++)
		if (!spot_move_dead(v[i].state) && (*v[i].asg == '\0' ||
		    is(v[i].asg, g->m.asg)) && !is(v[i].instance_id,
		    g->m.instance_id))
			str_addf(&s, "%s%s", n++ > 0 ? "," : "",
			    v[i].instance_id);
	str_add(&s, "\"}");
	return n == 0 ? found(l, "nothing is left of it") :
	    to_send(l, "TerminateInstances", s.p);
}

int
spot_move_look(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	switch (g->m.step) {
	case SM_CHECK: return spot_move_check(g, l, e);
	case SM_LAUNCH: return look_launch(g, l, e);
	case SM_READY: return look_ready(g, l, e);
	case SM_RAISE: return look_raise(g, l, e);
	case SM_ATTACH: return look_attach(g, l, e);
	case SM_SERVE: return look_serve(g, l, e);
	case SM_OUT: return look_out(g, l, e);
	case SM_RESTORE: case SM_UNDO_RAISE: return look_restore(g, l, e);
	case SM_VERIFY: return look_verify(g, l, e);
	case SM_BOOK: return look_book(g, l, e);
	case SM_UNDO_LAUNCH: return look_undo_launch(g, l, e);
	case SM_UNDO_ATTACH: return look_undo_attach(g, l, e);
	}
	return no(e, "aws_mismatch", "No such step");
}
