/*
 * The calls of a move: what is sent for each step, from its row and its
 * intent and from nothing else, so that the same attempt is the same call.
 * And the room in a group, decided with its row locked.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/spot/move_inner.h"

/* ---- requests ---------------------------------------------------------------------- */

struct request {
	int64_t max, desired;
	const char *instances, *instance;
	bool decrement;
};
static const struct field request_fields[] = {
	FIELD(struct request, max, .doc = "Maximum"),
	FIELD(struct request, desired, .doc = "Desired size"),
	FIELD(struct request, instances, .max = 2000, .def = "\"\"",
	    .doc = "Several"),
	FIELD(struct request, instance, .max = 64, .def = "\"\"",
	    .doc = "One"),
	FIELD(struct request, decrement, .doc = "Lower the desired size"),
	FIELD_END
};
static const struct schema request_schema = {
	.name = "SpotMoveRequest", .size = sizeof(struct request),
	.fields = request_fields
};

static struct request
request_of(struct spot_saga *g, struct json text)
{
	struct request r = { .max = 0 };
	struct err e = { 0 };
	uint64_t seen;

	if (text.p == NULL || schema_decode_json(&request_schema, text.p,
	    strlen(text.p), "request", false, g->a, &r, &seen, &e) == -1)
		return (struct request){ .instances = "", .instance = "" };
	return r;
}

int64_t
spot_move_number_in(struct spot_saga *g, struct json text, const char *name)
{
	struct request r = request_of(g, text);

	return strcmp(name, "max") == 0 ? r.max : r.desired;
}

int64_t
spot_move_number(struct spot_saga *g, const char *name)
{
	return spot_move_number_in(g, g->s.request, name);
}

/* ---- launch ------------------------------------------------------------------------ */

enum { GROUPS = 50 };

struct making {
	struct spot_launch l;
	struct spot_launch_place places[SPOT_PLACES_MAX];
	struct pair tags[4 + MOVE_TAGS];
	const char *groups[GROUPS + 1];
	bool told;
	char token[MOVE_TOKEN], move[UUID_TEXT], id[UUID_TEXT], epoch[24];
};

static int
shape(struct spot_saga *g, int64_t attempt, struct making *k, struct err *e)
{
	struct spot_move *m = &g->m;
	struct spot_move_pool *v;
	struct spot_move_slice s;
	struct spot_move_copy copy;
	struct list copied;
	size_t n;

	memset(k, 0, sizeof(*k));
	if (spot_move_pools_read(g->a, m->places, &v, &n, &copy, e) == -1)
		return -1;
	copied = copy.tags;
	for (size_t i = 0; i < copy.groups.n && i < GROUPS; i++)
		k->groups[i] = ((const char **)copy.groups.items)[i];
	s = spot_move_slice(v, n, attempt);
	for (size_t i = 0; i < s.n; i++)
		k->places[i] = (struct spot_launch_place){ s.v[i].instance_type,
		    s.v[i].az, s.v[i].subnet };
	snprintf(k->epoch, sizeof(k->epoch), "%lld",
	    (long long)g->who.epoch);
	k->tags[0] = (struct pair){ TAG_INSTALLATION,
	    uuid_format(g->who.id, k->id) };
	k->tags[1] = (struct pair){ TAG_EPOCH, k->epoch };
	k->tags[2] = (struct pair){ TAG_MOVE, uuid_format(m->id, k->move) };
	k->tags[3] = (struct pair){ "ManagedBy", "SpotOptimizer" };
	for (size_t i = 0; i < copied.n && i < MOVE_TAGS; i++)
		k->tags[4 + i] = ((struct pair *)copied.items)[i];
	k->l = (struct spot_launch){ .region = m->region,
	    .token = spot_move_token(m->id, SM_LAUNCH, attempt, k->token),
	    .lifecycle = s.lifecycle, .places = k->places, .nplaces = s.n,
	    .template_id = m->template_id,
	    .template_version = m->template_version,
	    .image_id = m->image_id, .security_groups = k->groups,
	    .key_name = copy.key_name, .profile = copy.profile,
	    .tags = k->tags,
	    .ntags = 4 + (copied.n < MOVE_TAGS ? copied.n : MOVE_TAGS) };
	k->told = copy.user_data;
	return 0;
}

/* What the old one was told at its first boot: asked for anew each time, as
 * it may hold secrets and is stored nowhere. */
static int
add_user_data(struct spot_saga *g, struct making *k, struct err *e)
{
	return !k->told ? 0 : g->acts->user_data(&g->x, g->a, g->m.region,
	    g->m.instance_id, &k->l.user_data, e);
}

int
spot_move_launch(struct spot_saga *g, int64_t attempt, bool resend,
    struct spot_launched *out, struct err *e)
{
	struct spot_launched ignored = { .instance_id = "" };
	struct making k;

	if (shape(g, attempt, &k, e) == -1 || add_user_data(g, &k, e) == -1)
		return -1;
	k.l.resend = resend;
	k.l.dry_run = out == NULL;
	return g->acts->launch(&g->x, g->a, &k.l, out != NULL ? out :
	    &ignored, e);
}

const char *
spot_move_launch_text(struct spot_saga *g, int64_t attempt)
{
	struct err e = { 0 };
	struct making k;
	struct str s;

	str_init(&s, g->a);
	if (shape(g, attempt, &k, &e) == -1)
		return "{}";
	str_add(&s, "{\"lifecycle\":");
	str_json(&s, k.l.lifecycle);
	str_add(&s, ",\"template\":");
	str_json(&s, k.l.template_id);
	str_add(&s, ",\"version\":");
	str_json(&s, k.l.template_version);
	str_add(&s, ",\"image\":");
	str_json(&s, k.l.image_id);
	str_add(&s, ",\"places\":[");
	for (size_t i = 0; i < k.l.nplaces; i++) {
		str_add(&s, i > 0 ? "," : "");
		str_json(&s, arena_printf(g->a, "%s:%s:%s", k.places[i].az,
		    k.places[i].type, k.places[i].subnet));
	}
	str_add(&s, "]}");
	return s.p;
}

static int
send_launch(struct spot_saga *g, const char **response, struct err *e)
{
	struct spot_launched got = { .instance_id = "" };

	if (spot_move_launch(g, g->s.attempt, g->resumed, &got, e) == -1)
		return -1;
	g->f.new_instance = got.instance_id;
	g->f.new_pool = arena_printf(g->a, "%.60s:%.60s", got.az, got.type);
	if (strcmp(got.lifecycle, "spot") == 0) {
		g->f.gave_az = got.az;
		g->f.gave_type = got.type;
	}
	*response = arena_printf(g->a, "%s %s in %s%s", got.instance_id,
	    got.type, got.az, got.adopted ? ", was there already" : "");
	return 0;
}

/* ---- the others -------------------------------------------------------------------- */

static int
resize(struct spot_saga *g, int64_t max, int64_t desired,
    const char **response, struct err *e)
{
	struct spot_resize r = { SPOT_KEEP, max, desired };

	*response = desired != SPOT_KEEP ? arena_printf(g->a,
	    "desired size %lld", (long long)desired) :
	    arena_printf(g->a, "maximum %lld", (long long)max);
	return g->acts->group_resize(&g->x, g->a, g->m.region, g->m.asg, &r,
	    e);
}

static int
send_out(struct spot_saga *g, const char **response, struct err *e)
{
	const char *id = g->m.instance_id;
	struct spot_ids ids = { g->m.region, &id, 1 };
	struct request r = request_of(g, g->s.request);

	*response = "is told to end";
	if (strcmp(g->s.act, "SetDesiredCapacity") == 0)
		return resize(g, SPOT_KEEP, r.desired, response, e);
	if (strcmp(g->s.act, "TerminateInstances") == 0)
		return g->acts->terminate(&g->x, g->a, &ids, false, e);
	return g->acts->terminate_in_group(&g->x, g->a, g->m.region, id,
	    r.decrement, e);
}

static int
send_end(struct spot_saga *g, const char **response, struct err *e)
{
	struct request r = request_of(g, g->s.request);
	struct list ids = spot_names_split(g->a, r.instances);
	struct spot_ids what = { g->m.region, ids.items, ids.n };

	*response = arena_printf(g->a, "ended %s", r.instances);
	return ids.n == 0 ? 0 : g->acts->terminate(&g->x, g->a, &what, false,
	    e);
}

/* Handed over: the sweep has nothing to do with it any more. */
static int
send_book(struct spot_saga *g, const char **response, struct err *e)
{
	static const struct pair kept = { TAG_MOVE, TAG_KEPT };
	const char *id = g->m.new_instance;
	struct spot_ids ids = { g->m.region, &id, 1 };

	*response = "handed over";
	if (g->acts->tag(&g->x, g->a, &ids, &kept, 1, e) == 0)
		return 0;
	if (e->code == NULL || strcmp(e->code, "aws_gone") != 0)
		return -1;
	err_clear(e);
	*response = "the replacement is gone already";
	return 0;
}

int
spot_move_send(struct spot_saga *g, const char **response, struct err *e)
{
	const char *id = g->m.new_instance;
	struct spot_ids ids = { g->m.region, &id, 1 };
	struct request r = request_of(g, g->s.request);

	switch (g->m.step) {
	case SM_LAUNCH:
		return send_launch(g, response, e);
	case SM_RAISE: case SM_RESTORE: case SM_UNDO_RAISE:
		*response = g->m.step == SM_RAISE ? "there is room" :
		    "others need the room";
		return r.max == 0 ? 0 : resize(g, r.max, SPOT_KEEP, response,
		    e);
	case SM_ATTACH:
		*response = "is told to join";
		return g->acts->attach(&g->x, g->a, g->m.asg, &ids, e);
	case SM_OUT:
		return send_out(g, response, e);
	case SM_VERIFY:
		return resize(g, SPOT_KEEP, r.desired, response, e);
	case SM_BOOK:
		return send_book(g, response, e);
	case SM_UNDO_ATTACH:
		*response = "is told to leave";
		return g->acts->detach(&g->x, g->a, g->m.asg, &ids, true, e);
	case SM_UNDO_LAUNCH:
		return send_end(g, response, e);
	}
	return err_set(e, 500, "aws_bug", "No such step");
}

/* ---- room in a group --------------------------------------------------------------- */

static const char *
maximum(struct spot_saga *g, int64_t max)
{
	return arena_printf(g->a, "{\"max\":%lld}", (long long)max);
}

/* f.room holds what was read: maximum and desired size. */
static int
raise_room(struct spot_saga *g, struct spot_look *l, int rc,
    const struct spot_move_group *have, const struct spot_holders *h)
{
	int64_t max = g->f.room.old_max, desired = g->f.room.raised_to, need;

	if (h->restoring > 0) {
		l->found = FOUND_WAIT;
		l->note = "another move gives the room back just now";
		return 0;
	}
	g->f.hold = true;
	if (rc == 0 && h->n > 0 && have->raised_to > max)
		max = have->raised_to;
	need = desired + h->n + 1;
	l->request = (struct json){ maximum(g, need > max ? need : 0) };
	if (need <= max)
		return 0;
	g->f.room = (struct spot_move_group){ .account_id = g->m.account_id,
	    .tenant_id = g->m.tenant_id, .region = g->m.region,
	    .name = g->m.asg, .old_max = rc == 0 ? have->old_max : max,
	    .raised_to = need, .updated_at = clock_now() };
	g->f.has_room = true;
	return 0;
}

int
spot_move_room(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	bool raise = g->m.step == SM_RAISE;
	struct spot_move_group have;
	struct spot_holders h;
	int rc;

	if (g->resumed || (!raise && g->m.step != SM_RESTORE &&
	    g->m.step != SM_UNDO_RAISE))
		return 0;
	ASSERT(db_in_txn(g->c->db));
	rc = spot_move_group_get(g->c->db, g->a, g->m.account_id, g->m.region,
	    g->m.asg, &have, e);
	if (rc == -1 || spot_move_group_holders(g->c->db, g->a, &g->m, &h, e) ==
	    -1)
		return -1;
	if (raise)
		return raise_room(g, l, rc, &have, &h);
	/* with others there it is theirs to give back; alone, the room is kept
	 * until the maximum is what it was. What somebody else has set in the
	 * meantime stays. */
	g->f.let_go_now = h.n > 0 || rc == 1;
	g->f.has_room = !g->f.let_go_now;
	if (rc == 0)
		g->f.room = have;
	l->request = (struct json){ maximum(g, g->f.let_go_now ||
	    g->f.seen_max != have.raised_to ? 0 : have.old_max) };
	return 0;
}
