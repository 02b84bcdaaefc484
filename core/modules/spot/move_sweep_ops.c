/*
 * What moves have left behind: instances that are provably ours and of a move
 * that is over, groups whose maximum nobody gave back; and moves that nobody
 * works at. Refuses to act on a missing row: an instance whose move is not
 * known (a restored database, another installation, a purged history) is
 * counted and left alone, and after a restore nothing at all is ended until a
 * person has confirmed it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "conf/conf.h"
#include "modules/spot/move_inner.h"

enum { DAYS = 7, PLACE_CAP = 64 << 20, STUCK_S = 120 };

/* One account and region. */
struct sweep {
	struct env *env;
	struct arena *a;
	const struct spot_acts *acts;
	const struct spot_move_conf *conf;
	const struct platform_installation *who;
	const struct spot_move_place *at;
	struct spot_access x;
	struct spot_swept *out;
	/* of a transaction below */
	struct spot_move *move;
	struct spot_move_group *room;
	struct spot_orphan_told told;
};

struct orphan_tags {
	const char *installation, *epoch, *move;
};
#define TAG(n, m) { .name = n, .doc = "Ours", .off = \
	offsetof(struct orphan_tags, m), .type = FT_STR, .def = "\"\"" }
static const struct field tag_fields[] = {
	TAG(TAG_INSTALLATION, installation), TAG(TAG_EPOCH, epoch),
	TAG(TAG_MOVE, move), FIELD_END
};
static const struct schema tag_schema = { .name = "SpotOrphanTags",
    .size = sizeof(struct orphan_tags), .fields = tag_fields };

#define S struct spot_swept
static const struct field swept_fields[] = {
	FIELD(S, accounts, .doc = "Accounts and regions looked at"),
	FIELD(S, failed, .doc = "Where something could not be done"),
	FIELD(S, seen, .doc = "Instances with our tags"),
	FIELD(S, ended, .doc = "Orphans that were ended"),
	FIELD(S, unknown, .doc = "Of no move that is known: left alone"),
	FIELD(S, restored, .doc = "Groups whose maximum was put right"),
	FIELD_END
};
#undef S
const struct schema spot_swept_schema = { .name = "SpotSwept",
    .doc = "What a sweep found", .size = sizeof(struct spot_swept),
    .fields = swept_fields };

static int
ask_switch(struct sweep *s, struct err *e)
{
	char id[UUID_TEXT];
	struct platform_scope scope = { .module = "spot",
	    .tenant = s->at->tenant_id,
	    .account = uuid_format(s->at->account_id, id) };

	return platform_switch_ask(s->env->db, s->a, &scope, e);
}

/* ---- instances --------------------------------------------------------------------- */

/* A move that is long overdue ends here. */
static int
claim(struct db *db, void *arg, struct err *e)
{
	struct sweep *s = arg;
	struct spot_move m;

	if (spot_found(spot_move_lock(db, s->a, s->at->tenant_id, s->move->id,
	    &m, e), "Move", e) == -1)
		return -1;
	if (m.version != s->move->version)
		return err_set(e, 409, "move_lost", "The move went on");
	return m.ended_at.us != 0 ? 0 : spot_move_end(db, s->a, &m, "failed",
	    "overdue", "It was long over its deadline and nobody worked at "
	    "it", e);
}

static int
tell(struct db *db, void *arg, struct err *e)
{
	struct sweep *s = arg;

	return spot_move_tell_orphan(db, s->at->tenant_id, &s->told, e);
}

/* Its move is over for good, then it is ended, then that is told. */
static int
end(struct sweep *s, const char *instance, const char *move, struct err *e)
{
	struct spot_ids ids = { s->at->region, &instance, 1 };
	struct err why = { 0 };

	if (!platform_installation_waits(s->who) && ask_switch(s, &why) == 0 &&
	    db_txn(s->env->db, s->a, claim, s, e) == -1)
		return -1;
	/* again, right before it goes out */
	if (platform_installation_waits(s->who) || why.status != 0 ||
	    ask_switch(s, &why) == -1) {
		log_warn("scheduler", "orphan left alone",
		    KV("instance", instance), KV("why", (const char *)(
		    why.status != 0 ? why.detail :
		    "the restore is not confirmed")));
		return 0;
	}
	if (s->acts->terminate(&s->x, s->a, &ids, false, e) == -1)
		return -1;
	s->out->ended++;
	s->told = (struct spot_orphan_told){ .instance_id = instance,
	    .region = s->at->region, .move = move, .what = "ended",
	    .account_id = s->at->account_id };
	return db_txn(s->env->db, s->a, tell, s, e);
}

static int
orphan(struct sweep *s, const struct ec2_instance *i, struct err *e)
{
	struct orphan_tags t = { "", "", "" };
	struct spot_orphan o = { .instance_id = i->instance_id,
	    .asg = i->asg, .launched_at = i->launched_at };
	struct spot_move m;
	struct uuid id;
	uint64_t seen;
	int rc = 1;

	if (schema_decode_json(&tag_schema, i->tags, strlen(i->tags), "tags",
	    false, s->a, &t, &seen, e) == -1)
		return -1;
	o.installation = t.installation;
	o.epoch = t.epoch;
	o.move = t.move;
	if (uuid_parse(t.move, &id) == 0)
		rc = spot_move_any(s->env->db, s->a, s->at->account_id, id, &m,
		    e);
	if (rc == -1)
		return -1;
	s->out->seen++;
	switch (spot_move_judge_orphan(&o, s->who, rc == 0 ? &m : NULL,
	    s->conf->orphan_s, clock_now())) {
	case ORPHAN_NOT_OURS: case ORPHAN_KEEP:
		return 0;
	case ORPHAN_UNKNOWN:
		s->out->unknown++;
		return 0;
	case ORPHAN_END:
		break;
	}
	s->move = &m;
	return end(s, i->instance_id, t.move, e);
}

/* The first of several errors is the one that is told. */
static int
remember(struct err *first, const struct err *e)
{
	if (first->status == 0)
		*first = *e;
	return -1;
}

/* One that cannot be ended does not keep the others. */
static int
instances(struct sweep *s, struct err *e)
{
	char id[UUID_TEXT];
	struct spot_find f = { .region = s->at->region,
	    .tag = TAG_INSTALLATION };
	const struct ec2_instance *v;
	struct list l;
	int rc = 0;

	f.value = uuid_format(s->who->id, id);
	if (s->acts->describe(&s->x, s->a, &f, &l, e) == -1)
		return -1;
	v = l.items;
	for (size_t i = 0; i < l.n; i++) {
		struct err one = { 0 };

		if (!spot_move_dead(v[i].state) && orphan(s, &v[i], &one) ==
		    -1)
			rc = remember(e, &one);
	}
	return rc;
}

/* ---- groups ------------------------------------------------------------------------ */

static int
drop(struct db *db, void *arg, struct err *e)
{
	struct sweep *s = arg;

	if (spot_move_group_drop(db, s->room, e) == -1)
		return -1;
	return *s->told.what == '\0' ? 0 : spot_move_tell_orphan(db,
	    s->at->tenant_id, &s->told, e);
}

/* Nobody needs the room any more. What is not as we set it stays. */
static int
group(struct sweep *s, struct spot_move_group *r, struct err *e)
{
	struct spot_move of = { .account_id = r->account_id,
	    .region = r->region, .asg = r->name };
	struct spot_resize old = { SPOT_KEEP, r->old_max, SPOT_KEEP };
	struct spot_holders h;
	struct spot_group now;
	int rc;

	if (spot_move_group_holders(s->env->db, s->a, &of, &h, e) == -1)
		return -1;
	if (h.n > 0)
		return 0;
	rc = s->acts->group(&s->x, s->a, r->region, r->name, &now, e);
	if (rc == -1)
		return -1;
	s->room = r;
	s->told = (struct spot_orphan_told){ .instance_id = r->name,
	    .region = r->region, .move = "", .what = "",
	    .account_id = r->account_id };
	if (rc == 0 && now.max == r->raised_to && now.max != r->old_max) {
		if (platform_installation_waits(s->who) ||
		    ask_switch(s, e) == -1) {
			err_clear(e);
			return 0;
		}
		if (s->acts->group_resize(&s->x, s->a, r->region, r->name,
		    &old, e) == -1)
			return -1;
		s->told.what = "maximum restored";
		s->out->restored++;
	}
	return db_txn(s->env->db, s->a, drop, s, e);
}

static int
groups(struct sweep *s, struct err *e)
{
	struct rows rows;
	int rc = 0;

	if (spot_move_group_all(s->env->db, s->a, s->at->account_id,
	    s->at->region, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct err one = { 0 };

		if (group(s, ROW(&rows, struct spot_move_group, i), &one) ==
		    -1)
			rc = remember(e, &one);
	}
	return rc;
}

/* ---- all --------------------------------------------------------------------------- */

static int
place(struct sweep *s, struct err *e)
{
	const char *provider = "";
	struct err one = { 0 };
	int rc;

	if (spot_move_enter(s->env, s->a, s->at->tenant_id,
	    s->at->account_id, &s->x, &provider, e) == -1)
		return -1;
	if (s->acts == NULL)
		s->acts = spot_acts_of(provider);
	rc = instances(s, e);
	return groups(s, &one) == -1 ? remember(e, &one) : rc;
}

int
spot_move_sweep(struct env *env, struct arena *a,
    const struct spot_acts *acts, struct spot_swept *out, struct err *e)
{
	struct utc since = { clock_now().us - DAYS * 86400 * US_PER_S };
	struct platform_installation who;
	struct rows places;

	*out = (struct spot_swept){ .accounts = 0 };
	if (platform_installation(env->db, a, &who, e) == -1 ||
	    spot_move_places(env->db, a, since, &places, e) == -1)
		return -1;
	for (size_t i = 0; i < places.n; i++) {
		struct sweep s = { .env = env, .a = arena_new(PLACE_CAP),
		    .acts = acts, .who = &who, .out = out,
		    .at = ROW(&places, struct spot_move_place, i),
		    .conf = conf_get(env->conf, &spot_move_settings) };
		struct err one = { 0 };

		arena_set_secret(s.a);
		out->accounts++;
		if (place(&s, &one) == -1) {
			out->failed++;
			log_warn("scheduler", "sweep of moves failed",
			    KV("region", s.at->region),
			    KV("detail", (const char *)one.detail));
		}
		arena_free(s.a);
	}
	return 0;
}

/* ---- upkeep ------------------------------------------------------------------------ */

struct visit {
	struct env *env;
	struct arena *a;
	const struct spot_move *seen;
};

static int
start(struct db *db, void *arg, struct err *e)
{
	struct visit *v = arg;
	struct spot_move m;

	return spot_move_start(v->env, db, v->a, v->seen->tenant_id,
	    v->seen->id, "approval", &m, e);
}

static int
give_up(struct db *db, void *arg, struct err *e)
{
	struct visit *v = arg;
	struct spot_move m;
	int rc = spot_move_lock(db, v->a, v->seen->tenant_id, v->seen->id, &m,
	    e);

	if (rc != 0 || strcmp(m.state, "proposed") != 0)
		return rc == -1 ? -1 : 0;
	return spot_move_end(db, v->a, &m, "cancelled", "not_approved",
	    v->seen->error, e);
}

/* The inbox has spoken. */
static int
decided(struct visit *v, struct spot_move *m, struct err *e)
{
	m->error = arena_printf(v->a, "The approval is %s", strcmp(m->told,
	    "pending") == 0 ? "expired" : m->told);
	if (strcmp(m->told, "approved") == 0) {
		if (db_txn(v->env->db, v->a, start, v, e) == 0)
			return 0;
		if (e->status != 409)
			return -1;
		m->error = arena_strdup(v->a, e->detail);
		err_clear(e);
	}
	return db_txn(v->env->db, v->a, give_up, v, e);
}

static int
wake(struct db *db, void *arg, struct err *e)
{
	struct visit *v = arg;
	struct spot_move m;
	int rc = spot_move_lock(db, v->a, v->seen->tenant_id, v->seen->id, &m,
	    e);

	if (rc != 0 || m.ended_at.us != 0 || m.version != v->seen->version)
		return rc == -1 ? -1 : 0;
	if (strcmp(m.state, "parked") == 0)
		m.state = m.step >= SM_UNDO_LAUNCH ? "undoing" : "running";
	if (spot_move_enqueue(db, v->a, &m, (struct utc){ 0 }, e) == -1)
		return -1;
	return spot_move_update(db, &m, e);
}

static int
each(struct visit *v, struct rows *rows, struct err *e)
{
	struct err one = { 0 };
	int rc = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct spot_move *m = ROW(rows, struct spot_move, i);

		v->seen = m;
		if ((strcmp(m->state, "proposed") == 0 ? decided(v, m, &one) :
		    db_txn(v->env->db, v->a, wake, v, &one)) == 0)
			continue;
		*e = one;
		err_clear(&one);
		rc = -1;
	}
	return rc;
}

int
spot_move_upkeep(struct env *env, struct arena *a, struct err *e)
{
	struct utc due = { clock_now().us - STUCK_S * US_PER_S };
	struct visit v = { .env = env, .a = a };
	struct rows rows;

	if (spot_move_decided(env->db, a, &rows, e) == -1 ||
	    each(&v, &rows, e) == -1 ||
	    spot_move_stuck(env->db, a, due, &rows, e) == -1 ||
	    each(&v, &rows, e) == -1 ||
	    spot_move_parked(env->db, a, &rows, e) == -1)
		return -1;
	return each(&v, &rows, e);
}
