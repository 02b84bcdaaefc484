/*
 * From an interruption to a move: the best three other pools, the decision
 * with what was refused, and the urgent reservation. Refuses (4xx) when the
 * stop switch is on or a cap is reached; the interruption keeps the sentence.
 * Invariant: decision and move are of the same transaction as the notice.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/platform/platform.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move.h"
#include "modules/spot/plan.h"
#include "modules/spot/risk_ops.h"
#include "modules/spot/rows.h"

enum { TARGETS = 3, REFUSALS_TOLD = 20, MARKET_S = 5,
    REGION_CAP = 64 << 20, MARKET_CAP = 4 << 20 };

/* ---- the market ---------------------------------------------------------------- */

/* What fits in place of one kind of machine of an account. */
struct answer {
	struct uuid account;
	const char *az, *type, *arch, *vpc;
	struct spot_candidates c;
};
struct region {
	VEC(struct answer *) answers;	/* since it was loaded */
	const char *market, *region, *product;
	struct arena *a;		/* of what was loaded */
	struct spot_offer *v;
	size_t n;
	const char *model;
	struct uuid model_id;
	struct utc at;
};
struct spot_pool_cache {
	struct arena *a;
	VEC(struct region *) v;
};

static void
free_arena(void *a)
{
	arena_free(a);
}

struct spot_pool_cache *
spot_pool_cache_new(struct arena *a)
{
	struct spot_pool_cache *m = arena_alloc(a, sizeof(*m));

	/* its own, since a transaction that is repeated rewinds the other */
	m->a = arena_new(MARKET_CAP);
	arena_defer(a, free_arena, m->a);
	return m;
}

static struct region *
region_of(struct spot_pool_cache *m, const char *market, const char *region,
    const char *product)
{
	struct region *r;

	for (size_t i = 0; i < m->v.n; i++) {
		r = m->v.v[i];
		if (strcmp(r->market, market) == 0 &&
		    strcmp(r->region, region) == 0 &&
		    strcmp(r->product, product) == 0)
			return r;
	}
	r = arena_alloc(m->a, sizeof(*r));
	*r = (struct region){ .market = arena_strdup(m->a, market),
	    .region = arena_strdup(m->a, region),
	    .product = arena_strdup(m->a, product),
	    .a = arena_new(REGION_CAP) };
	arena_defer(m->a, free_arena, r->a);
	*VEC_ADD(m->a, &m->v) = r;
	return r;
}

static int
load(struct db *db, struct spot_pool_cache *m, const char *market,
    const char *region, const char *product, struct utc now,
    struct region **out, struct err *e)
{
	struct region *r = region_of(m, market, region, product);

	*out = r;
	if (r->at.us != 0 && now.us - r->at.us < MARKET_S * US_PER_S &&
	    now.us >= r->at.us)
		return 0;
	memset(&r->answers, 0, sizeof(r->answers));
	arena_reset(r->a);
	r->at.us = 0;
	if (spot_offers_load(db, r->a, market, region, product, now, &r->v,
	    &r->n, &r->model, &r->model_id, e) == -1)
		return -1;
	if (r->model == NULL)
		r->model = SPOT_CLASS_MODEL;
	r->at = now;
	return 0;
}

/* What runs on the machine must run on the other; its type says what that
 * takes. */
static void
size_of(const struct region *r, const struct spot_noticed *i,
    struct spot_need *need, struct dec *on_demand)
{
	for (size_t k = 0; k < r->n; k++) {
		const struct spot_offer *o = &r->v[k];

		if (strcmp(o->instance_type, i->instance_type) != 0)
			continue;
		need->vcpu = o->vcpu;
		need->mem_mib = o->mem_mib;
		need->gpu = o->gpu;
		need->nvme_gb = o->nvme_gb;
		need->ebs_mbps = o->ebs_mbps;
		need->hypervisor = o->hypervisor;
		need->steady = !o->burstable;
		*on_demand = o->on_demand;
		return;
	}
}

static void
rank(struct region *r, const struct spot_policy *p, const struct list *zones,
    const struct spot_noticed *i, struct utc now, struct spot_candidates *out)
{
	struct spot_ranking k = { 0 };
	struct spot_need need = { .arch = i->arch, .avoid_az = i->az,
	    .avoid_type = i->instance_type, .here_az = i->az,
	    .here_type = i->instance_type, .now = now,
	    .zones = zones->items, .nzones = zones->n };
	struct dec on_demand = { 0 };
	struct str s;

	spot_policy_need(r->a, p, &need);
	size_of(r, i, &need, &on_demand);
	spot_pools_rank(r->a, r->v, r->n, &need, &k);
	str_init(&s, r->a);
	*out = (struct spot_candidates){ .n = k.n < TARGETS ? k.n : TARGETS,
	    .ranked = k.v, .refused = spot_pool_refused(r->a, &k,
	    REFUSALS_TOLD),
	    .oldest = k.oldest, .model = r->model, .model_id = r->model_id,
	    .on_demand = on_demand };
	for (size_t j = 0; j < out->n; j++) {
		str_add(&s, j > 0 ? ", " : "");
		str_add(&s, spot_pool_name(r->a, k.v[j].o->az,
		    k.v[j].o->instance_type));
	}
	if (out->n == 0)
		str_addf(&s, "%s on-demand", spot_pool_name(r->a, i->az,
		    i->instance_type));
	out->text = s.p;
}

int
spot_candidates_get(struct db *db, struct spot_pool_cache *m,
    const struct spot_account *acc, const char *region,
    const struct spot_noticed *i, struct utc now,
    const struct spot_candidates **out, struct err *e)
{
	struct region *r;
	struct list zones = { NULL, 0 };
	struct spot_policy p;
	struct answer *x;

	if (load(db, m, acc->provider, region, spot_product(i->product), now,
	    &r, e) == -1)
		return -1;
	for (size_t k = 0; k < r->answers.n; k++) {
		x = r->answers.v[k];
		if (uuid_equal(x->account, acc->id) &&
		    strcmp(x->az, i->az) == 0 &&
		    strcmp(x->type, i->instance_type) == 0 &&
		    strcmp(x->arch, i->arch) == 0 &&
		    strcmp(x->vpc, i->vpc_id) == 0) {
			*out = &x->c;
			return 0;
		}
	}
	if (spot_policy_get(db, r->a, acc->tenant_id, acc->id, &p, e) == -1 ||
	    (*i->vpc_id != '\0' && spot_noticed_zones(db, r->a, acc, region,
	    i->vpc_id, &zones, e) == -1))
		return -1;
	x = arena_alloc(r->a, sizeof(*x));
	x->account = acc->id;
	x->az = arena_strdup(r->a, i->az);
	x->type = arena_strdup(r->a, i->instance_type);
	x->arch = arena_strdup(r->a, i->arch);
	x->vpc = arena_strdup(r->a, i->vpc_id);
	rank(r, &p, &zones, i, now, &x->c);
	*VEC_ADD(r->a, &r->answers) = x;
	*out = &x->c;
	return 0;
}

/* ---- decision and reservation ---------------------------------------------------- */

static struct platform_decision_new
decision(struct arena *a, const struct spot_standin *s)
{
	const struct spot_ranked *best = s->pools->n > 0 ? s->pools->ranked :
	    NULL;
	char text[CLOCK_TEXT];
	const char *at = clock_format(s->x->noticed_at, text);

	return (struct platform_decision_new){ .tenant = s->x->tenant_id,
	    .module = "spot", .kind = "interruption", .subject = "instance",
	    .subject_id = s->x->instance_id,
	    .chosen = s->adopt != NULL ? arena_printf(a, "PROMOTE %s",
	    s->adopt) : arena_printf(a, "%s %s", strcmp(s->kind, "launch") ==
	    0 ? "REPLICA in" : "REPLACE in", s->pools->text),
	    .reason = arena_printf(a, "%s notice of %s", s->x->kind, at),
	    .refused = { s->pools->refused }, .oldest = s->pools->oldest,
	    .inputs = { arena_printf(a, "{\"notice\":{\"value\":\"%s\","
	    "\"at\":\"%s\"}}", s->x->kind, at) },
	    .expected = { best == NULL ? "{}" : arena_printf(a,
	    "{\"hourly_cost\":%.8f,\"risk_1h\":%.6f}", best->c.ehc,
	    best->c.loss_1h) },
	    .model = s->pools->model, .model_id = s->pools->model_id,
	    .by = "notice" };
}

/* The three pools, and the same machine on demand where no spot pool has
 * room: what serves must go on serving. */
static size_t
places(struct arena *a, const struct spot_standin *s,
    struct spot_move_pool **out)
{
	const struct spot_ranked *r = s->pools->ranked;
	struct spot_move_pool *v = arena_array(a, s->pools->n + 1,
	    sizeof(*v));

	for (size_t i = 0; i < s->pools->n; i++)
		v[i] = (struct spot_move_pool){ .az = r[i].o->az,
		    .instance_type = r[i].o->instance_type,
		    .lifecycle = "spot", .price = r[i].o->price };
	v[s->pools->n] = (struct spot_move_pool){ .az = s->i->az,
	    .instance_type = s->i->instance_type, .lifecycle = "on-demand",
	    .price = s->pools->on_demand };
	*out = v;
	return s->pools->n + 1;
}

static int
cancel_launch(struct db *db, struct arena *a,
    const struct spot_interruption *x, struct err *e)
{
	struct spot_move was;

	if (spot_move_cancel(db, a, x->tenant_id, x->move_id, "notices", &was,
	    e) == 0)
		return 0;
	if (e->status != 409 && e->status != 404)
		return -1;
	err_clear(e);		/* it is over already */
	return 0;
}

int
spot_standin_retire(const struct env *env, struct db *db, struct arena *a,
    const struct spot_interruption *x, struct err *e)
{
	struct spot_move_new m = { .env = env, .tenant = x->tenant_id,
	    .account = x->account_id, .kind = "terminate",
	    .reason = "replica", .region = x->region,
	    .target = x->replacement, .by_name = "notices",
	    .why = "No warning came: the standby is given up" };

	if (*x->replacement == '\0')
		return cancel_launch(db, a, x, e);
	if (spot_move_reserve(db, a, &m, e) == 0)
		return 0;
	if (e->status >= 500)
		return -1;
	err_clear(e);		/* the sweeper finds what is left of it */
	return 0;
}

static struct spot_move_new
move_of(struct arena *a, const struct spot_standin *s,
    const struct platform_decision_new *d, struct utc now)
{
	bool launch = strcmp(s->kind, "launch") == 0;
	struct spot_move_pool *v;
	struct spot_move_new m = { .env = s->env,
	    .tenant = s->x->tenant_id, .account = s->x->account_id,
	    .kind = s->kind, .reason = launch ? "replica" : s->x->kind,
	    .region = s->x->region, .target = s->x->instance_id,
	    .adopt = s->adopt, .urgent = true, .deadline = s->x->deadline_at,
	    .by_name = "notices", .decision = d->id };

	m.npools = places(a, s, &v);
	m.pools = v;
	if (m.deadline.us < now.us)
		m.deadline.us = 0;
	return m;
}

/* A standby that is not ready yet is given up for one that is launched as
 * part of the replacement. */
static int
give_up_launches(struct db *db, struct arena *a, const struct spot_standin *s,
    size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].kind, "launch") != 0 && s[i].adopt == NULL &&
		    strcmp(s[i].x->state, "replica") == 0 &&
		    cancel_launch(db, a, s[i].x, e) == -1)
			return -1;
	return 0;
}

int
spot_standin_reserve(struct db *db, struct arena *a, struct spot_standin *s,
    size_t n, struct utc now, struct event_pack *told, struct err *e)
{
	struct platform_decision_new d[SPOT_MOVES_AT_ONCE];
	struct spot_move_new m[SPOT_MOVES_AT_ONCE];

	ASSERT(n > 0 && n <= SPOT_MOVES_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		d[i] = decision(a, &s[i]);
	if (give_up_launches(db, a, s, n, e) == -1 ||
	    platform_decide_many(db, a, d, n, told, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		m[i] = move_of(a, &s[i], &d[i], now);
	if (spot_move_reserve_many(db, a, m, n, told, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		s[i].decision = d[i].id;
		s[i].move = m[i].id;
		s[i].refusal = m[i].code == NULL ? NULL : m[i].refusal !=
		    NULL ? m[i].refusal : "The move was refused";
	}
	return 0;
}
