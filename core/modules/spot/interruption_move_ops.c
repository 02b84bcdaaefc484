/*
 * From an interruption to a move: the best three other pools, the decision
 * with what was refused, and the urgent reservation. Refuses (4xx) when no
 * pool fits or the stop switch is on; the interruption keeps the sentence.
 * Invariant: decision and move are of the same transaction as the notice.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/spot/account.h"
#include "modules/spot/catalog.h"
#include "modules/spot/interruption.h"
#include "modules/spot/pool.h"

enum { TARGETS = 3, REFUSALS_TOLD = 20 };

static const char *
refused_json(struct arena *a, const struct spot_ranking *r)
{
	struct str s;

	str_init(&s, a);
	str_addc(&s, '[');
	for (size_t i = 0; i < r->nrefused && i < REFUSALS_TOLD; i++) {
		str_add(&s, i > 0 ? ",{\"alternative\":" :
		    "{\"alternative\":");
		str_json(&s, r->refused[i].pool);
		str_add(&s, ",\"reason\":");
		str_json(&s, r->refused[i].reason);
		str_addc(&s, '}');
	}
	str_addc(&s, ']');
	return s.p;
}

int
spot_candidates_get(struct db *db, struct arena *a,
    const struct spot_account *acc, const char *region,
    const struct spot_noticed *i, struct utc now,
    struct spot_candidates *out, struct err *e)
{
	struct spot_ranking r = { 0 };
	struct spot_need need = { .arch = i->arch, .avoid_az = i->az,
	    .avoid_type = i->instance_type, .here_az = i->az,
	    .here_type = i->instance_type, .now = now };
	struct spot_type type;
	struct str s;
	int rc = spot_type_by_name(db, a, i->instance_type, &type, e);

	if (rc == -1)
		return -1;
	if (rc == 0) {
		need.vcpu = type.vcpu;
		need.mem_mib = type.mem_mib;
		need.gpu = type.gpu;
		need.hypervisor = type.hypervisor;
	}
	if (spot_pools_for(db, a, acc->provider, region,
	    spot_product(i->product), &need, &r, e) == -1)
		return -1;
	str_init(&s, a);
	*out = (struct spot_candidates){ .n = r.n < TARGETS ? r.n : TARGETS,
	    .ranked = r.v, .refused = refused_json(a, &r),
	    .oldest = r.oldest, .model = r.model };
	for (size_t k = 0; k < out->n; k++) {
		str_add(&s, k > 0 ? ", " : "");
		str_add(&s, spot_pool_name(a, r.v[k].o->az,
		    r.v[k].o->instance_type));
	}
	out->text = s.p;
	return 0;
}

static int
decide(struct db *db, struct arena *a, const struct spot_standin *s,
    struct utc now, struct uuid *id, struct err *e)
{
	const struct spot_ranked *best = s->pools->n > 0 ? s->pools->ranked :
	    NULL;
	char text[CLOCK_TEXT];
	const char *at = clock_format(s->x->noticed_at, text);
	struct platform_decision_new d = { .tenant = s->x->tenant_id,
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
	    .model = s->pools->model != NULL ? s->pools->model : "",
	    .by = "notice" };

	(void)now;
	if (platform_decide(db, &d, e) == -1)
		return -1;
	*id = d.id;
	return 0;
}

int
spot_standin_reserve(struct db *db, struct arena *a,
    const struct spot_standin *s, struct utc now, struct uuid *decision,
    struct uuid *move, struct err *e)
{
	if (s->pools == NULL || (s->pools->n == 0 && s->adopt == NULL))
		return err_set(e, 409, "no_pool", "No other pool of %s fits: "
		    "see the refusals of /api/v1/evaluate", s->x->region);
	return decide(db, a, s, now, decision, e);
}
