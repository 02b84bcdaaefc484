/*
 * Acting on the simulated cloud. Each act is one transaction that has its
 * account's turn, so several processes may act at once. Refuses what AWS
 * refuses, under the same classes. Invariant: a client token makes at most one
 * machine.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "modules/spot/act_wire.h"
#include "modules/spot/conf.h"
#include "modules/spot/sim.h"

uint64_t
spot_sim_seed(struct uuid account)
{
	return fnv1a(account.b, sizeof(account.b), 0);
}

static void
prepare(struct sim *s, const struct spot_access *x, struct arena *a,
    const char *region, struct utc now)
{
	const struct spot_conf *cf = conf_get(x->env->conf, &spot_settings);

	*s = (struct sim){ .a = a, .seed = spot_sim_seed(x->account),
	    .account = x->account, .region = region, .now = now,
	    .boot_s = cf->sim_boot_s };
}

struct turn {
	struct spot_access *x;
	struct arena *a;
	const char *region;
	int (*fn)(struct sim *, void *, struct err *);
	void *arg;
	struct sim *out;		/* where the region is wanted */
};

static int
take(struct db *db, void *arg, struct err *e)
{
	struct turn *t = arg;
	struct rows machines, groups;
	struct sim s;

	if (spot_sim_lock(db, t->x->account, e) == -1)
		return -1;
	prepare(&s, t->x, t->a, t->region, clock_now());
	if (spot_sim_read(db, t->a, t->x->account, t->region, &machines,
	    &groups, e) == -1)
		return -1;
	spot_sim_begin(&s, &machines, &groups);
	if (t->fn != NULL && t->fn(&s, t->arg, e) == -1)
		return -1;
	if (t->out != NULL)
		*t->out = s;
	return spot_sim_write(db, &s, e);
}

/* The refusals of this cloud stay as they are; what the database says is a
 * cloud that did not answer. */
static int
failed(struct err *e)
{
	if (e->code == NULL || strncmp(e->code, "aws_", 4) != 0)
		e->code = "aws_transient";
	return -1;
}

int
spot_sim_turn(struct spot_access *x, struct arena *a, const char *region,
    int (*fn)(struct sim *, void *, struct err *), void *arg, struct err *e)
{
	struct turn t = { x, a, region, fn, arg, NULL };

	if (x->env->db == NULL)
		return err_set(e, 503, "aws_transient",
		    "The simulated cloud has no database here");
	return db_txn(x->env->db, a, take, &t, e) == -1 ? failed(e) : 0;
}

static bool
moved(const struct sim *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].dirty)
			return true;
	for (size_t i = 0; i < s->ngroups; i++)
		if (s->groups[i].dirty)
			return true;
	return false;
}

int
spot_sim_look(struct spot_access *x, struct arena *a, const char *region,
    struct utc now, struct sim *out, struct err *e)
{
	struct turn t = { x, a, region, NULL, NULL, out };
	struct rows machines = { 0 }, groups = { 0 };
	struct db *db = x->env->db;

	prepare(out, x, a, region, now);
	if (db != NULL && spot_sim_read(db, a, x->account, region, &machines,
	    &groups, e) == -1)
		return failed(e);
	spot_sim_begin(out, &machines, &groups);
	if (db == NULL || !moved(out) || db_in_txn(db))
		return 0;
	return db_txn(db, a, take, &t, e) == -1 ? failed(e) : 0;
}

/* ---- launching ------------------------------------------------------------- */

struct launching {
	struct arena *a;
	const struct spot_launch *l;
	struct spot_launched *out;
};

/* What a token stands for: the launch's other members. */
static const char *
question_of(struct arena *a, const struct spot_launch *l)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct str s;

	str_init(&s, a);
	str_addf(&s, "%s|%s|%s|%s|%lld", l->lifecycle, l->template_id == NULL ?
	    "" : l->template_id, l->template_version == NULL ? "" :
	    l->template_version, l->image_id == NULL ? "" : l->image_id,
	    (long long)l->max_price.e8);
	for (size_t i = 0; i < l->nplaces; i++)
		str_addf(&s, "|%s@%s", l->places[i].type, l->places[i].az);
	for (size_t i = 0; i < l->ntags; i++)
		str_addf(&s, "|%s=%s", l->tags[i].name, l->tags[i].value);
	crypto_sha256(s.p, s.len, digest);
	return arena_strdup(a, hex_encode(digest, sizeof(digest), hex));
}

static void
describe_launch(const struct launching *k, const struct sim_machine *m,
    size_t place, bool adopted)
{
	k->out->instance_id = m->instance_id;
	k->out->type = m->type;
	k->out->az = m->az;
	k->out->lifecycle = m->lifecycle;
	k->out->token = m->token;
	k->out->place = place;
	k->out->adopted = adopted;
}

/* 1: the token's machine is there already. */
static int
known(const struct sim *s, const struct launching *k, const char *question,
    struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sim_machine *m = &s->v[i];
		size_t place = SIZE_MAX;

		if (strcmp(m->token, k->l->token) != 0)
			continue;
		if (strcmp(m->question, question) != 0)
			return err_set(e, 502, "aws_mismatch", "AWS: Idempotent"
			    "ParameterMismatch: the token was used for "
			    "another launch");
		for (size_t p = 0; p < k->l->nplaces; p++)
			if (strcmp(k->l->places[p].type, m->type) == 0 &&
			    strcmp(k->l->places[p].az, m->az) == 0)
				place = p;
		describe_launch(k, m, place, true);
		return 1;
	}
	return 0;
}

static int
do_launch(struct sim *s, void *arg, struct err *e)
{
	struct launching *k = arg;
	const struct spot_launch *l = k->l;
	struct spot_launch_refusal *no = arena_array(k->a, l->nplaces, sizeof(*no));
	const char *question = question_of(k->a, l);
	bool spot = l->lifecycle[0] == 's';
	int rc = known(s, k, question, e);

	k->out->refused = (struct list){ no, 0 };
	if (rc != 0 || l->dry_run)
		return rc == -1 ? -1 : 0;
	for (size_t i = 0; i < l->nplaces; i++) {
		const struct spot_launch_place *at = &l->places[i];
		const char *code = spot_sim_refusal(s, at->az, at->type, spot,
		    l->max_price);
		struct sim_machine *m;

		if (code != NULL) {
			no[k->out->refused.n++] = (struct spot_launch_refusal){ i,
			    code, spot_aws_class(code, "", 400) };
			continue;
		}
		m = spot_sim_launch(s, at->az, at->type, spot);
		m->token = l->token;
		m->question = question;
		m->image_id = l->image_id != NULL && *l->image_id != '\0' ?
		    l->image_id : "ami-0a1b2c3d4e5f60001";
		spot_sim_tag_set(s, m, l->tags, l->ntags);
		describe_launch(k, m, i, false);
		return 0;
	}
	return spot_all_refused(&k->out->refused, e);
}

static int
sim_launch(struct spot_access *x, struct arena *a, const struct spot_launch *l,
    struct spot_launched *out, struct err *e)
{
	const char *problem = spot_launch_problem(l);
	struct launching k = { a, l, out };

	*out = (struct spot_launched){ .instance_id = "", .type = "",
	    .az = "", .lifecycle = "", .token = "", .place = SIZE_MAX };
	if (problem != NULL)
		return err_set(e, 502, "aws_bug", "%s", problem);
	return spot_sim_turn(x, a, l->region, do_launch, &k, e);
}

/* ---- instances ------------------------------------------------------------------ */

static int
gone(const char *what, const char *name, struct err *e)
{
	return err_set(e, 502, "aws_gone", "AWS: %s.NotFound: '%s' does not "
	    "exist", what, name);
}

static int
must_exist(const struct sim *s, const struct spot_ids *ids, size_t max,
    struct err *e)
{
	if (ids->n < 1 || ids->n > max)
		return err_set(e, 502, "aws_bug", "an act names 1 to %zu "
		    "instances", max);
	for (size_t i = 0; i < ids->n; i++)
		if (spot_sim_find(s, ids->ids[i]) == NULL)
			return gone("InvalidInstanceID", ids->ids[i], e);
	return 0;
}

/* Its members' loss is the group's own business from now on. */
static void
keep_group(struct sim *s, const char *name)
{
	struct sim_group *g = *name == '\0' ? NULL : spot_sim_group_find(s,
	    name);

	if (g != NULL && !g->kept)
		g->kept = g->dirty = true;
}

struct ending {
	const struct spot_ids *ids;
	bool dry_run;
};

static int
do_terminate(struct sim *s, void *arg, struct err *e)
{
	const struct ending *k = arg;

	if (must_exist(s, k->ids, SPOT_IDS_MAX, e) == -1)
		return -1;
	for (size_t i = 0; i < k->ids->n && !k->dry_run; i++) {
		struct sim_machine *m = spot_sim_find(s, k->ids->ids[i]);

		keep_group(s, m->grp);
		spot_sim_end(s, m, "terminated");
	}
	return 0;
}

static int
sim_terminate(struct spot_access *x, struct arena *a,
    const struct spot_ids *ids, bool dry_run, struct err *e)
{
	struct ending k = { ids, dry_run };

	return spot_sim_turn(x, a, ids->region, do_terminate, &k, e);
}

static bool
wanted(const struct sim *s, const struct spot_find *f,
    const struct sim_machine *m)
{
	const char *value;
	bool named = f->n == 0;

	for (size_t i = 0; i < f->n; i++)
		named |= strcmp(f->ids[i], m->instance_id) == 0;
	if (!named || (f->token != NULL && *f->token != '\0' &&
	    strcmp(f->token, m->token) != 0))
		return false;
	if (f->tag == NULL)
		return true;
	value = spot_sim_tag(s, m, f->tag);
	return value != NULL &&
	    (f->value == NULL || strcmp(f->value, value) == 0);
}

static int
sim_describe(struct spot_access *x, struct arena *a, const struct spot_find *f,
    struct list *out, struct err *e)
{
	VEC(struct ec2_instance) v = { 0 };
	struct sim s;

	if (spot_sim_look(x, a, f->region, clock_now(), &s, e) == -1)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		const struct sim_machine *m = &s.v[i];

		if (!wanted(&s, f, m) || (spot_sim_dead(&s, m) && (!f->dead ||
		    s.now.us > m->ended_at.us + SIM_FORGET_S * US_PER_S)))
			continue;
		spot_sim_instance(&s, m, VEC_ADD(a, &v));
	}
	*out = (struct list){ v.v, v.n };
	return 0;
}

static int
sim_status(struct spot_access *x, struct arena *a, const struct spot_ids *ids,
    struct list *out, struct err *e)
{
	VEC(struct spot_status) v = { 0 };
	struct sim s;

	if (spot_sim_look(x, a, ids->region, clock_now(), &s, e) == -1)
		return -1;
	for (size_t i = 0; i < ids->n; i++) {
		const struct sim_machine *m = spot_sim_find(&s, ids->ids[i]);
		struct ec2_instance one;
		bool up, ok;

		if (m == NULL)
			continue;
		spot_sim_instance(&s, m, &one);
		up = strcmp(one.state, "running") == 0;
		ok = up && (m->slot >= 0 || s.now.us >= m->launched_at.us +
		    2 * s.boot_s * US_PER_S);
		*VEC_ADD(a, &v) = (struct spot_status){
		    .instance_id = m->instance_id, .az = m->az,
		    .state = one.state, .event = "", .ok = ok,
		    .system = ok ? "ok" : up ? "initializing" : "",
		    .instance = ok ? "ok" : up ? "initializing" : "" };
	}
	*out = (struct list){ v.v, v.n };
	return 0;
}

struct tagging {
	const struct spot_ids *ids;
	const struct pair *tags;
	size_t n;
};

static int
do_tag(struct sim *s, void *arg, struct err *e)
{
	const struct tagging *k = arg;

	if (must_exist(s, k->ids, SPOT_IDS_MAX, e) == -1)
		return -1;
	for (size_t i = 0; i < k->ids->n; i++)
		spot_sim_tag_set(s, spot_sim_find(s, k->ids->ids[i]), k->tags,
		    k->n);
	return 0;
}

static int
sim_tag(struct spot_access *x, struct arena *a, const struct spot_ids *ids,
    const struct pair *tags, size_t n, struct err *e)
{
	struct tagging k = { ids, tags, n };

	return spot_sim_turn(x, a, ids->region, do_tag, &k, e);
}

static int
sim_scores(struct spot_access *x, struct arena *a, const char *region,
    const char *const *types, int64_t n, struct list *out, struct err *e)
{
	const struct cloud_region *r;
	size_t nr = spot_cloud_regions(&r);
	VEC(struct spot_score) v = { 0 };
	struct sim s;

	(void)e;
	prepare(&s, x, a, region, clock_now());
	for (size_t i = 0; i < nr; i++)
		for (size_t z = 0; z < CLOUD_ZONES; z++) {
			int64_t free = 0, all = 0;

			if (strcmp(r[i].name, region) != 0)
				continue;
			for (; types[all] != NULL; all++)
				free += spot_sim_refusal(&s, r[i].zones[z],
				    types[all], true, (struct dec){ 0 }) ==
				    NULL;
			*VEC_ADD(a, &v) = (struct spot_score){ region,
			    r[i].zones[z], all == 0 ? 1 : 1 + (n > 50 ? 5 : 8)
			    * free / all };
		}
	*out = (struct list){ v.v, v.n };
	return 0;
}

static int
sim_user_data(struct spot_access *x, struct arena *a, const char *region,
    const char *id, const char **text, struct err *e)
{
	(void)x, (void)a, (void)region, (void)id, (void)e;
	*text = "";
	return 0;
}

/* No group of the simulated cloud is of a stack. */
static int
sim_stack(struct spot_access *x, struct arena *a, const char *region,
    const char *id, const char **status, struct err *e)
{
	(void)x, (void)a, (void)region, (void)id, (void)e;
	*status = "";
	return 0;
}

const struct spot_acts spot_acts_simulated = {
	.launch = sim_launch, .terminate = sim_terminate,
	.describe = sim_describe, .user_data = sim_user_data,
	.status = sim_status, .tag = sim_tag,
	.group = spot_sim_group, .groups = spot_sim_groups,
	.stack = sim_stack,
	.group_resize = spot_sim_resize, .attach = spot_sim_attach,
	.detach = spot_sim_detach, .terminate_in_group = spot_sim_terminate_in,
	.protect = spot_sim_protect, .scores = sim_scores
};
