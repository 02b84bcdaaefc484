/*
 * What becomes of recommendations: a person's yes or no, the inbox's answer,
 * their end. Everything here happens inside the caller's transaction.
 * Invariant: one leads to a move only through the inbox's yes or a policy that
 * asks nobody, and a plan that changed is another recommendation.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/platform.h"
#include "modules/spot/move.h"
#include "modules/spot/recommendation_inner.h"
#include "modules/spot/rows.h"

/* ---- events --------------------------------------------------------------------- */

struct told {
	struct uuid id, account_id;
	const char *instance_id, *decision, *to_pool, *state, *risk, *reason;
	struct dec saving;
	struct uuid move_id;
};
#define T struct told
static const struct field told_fields[] = {
	FIELD(T, id, .doc = "Recommendation"),
	FIELD(T, account_id, .doc = "Account"),
	FIELD(T, instance_id, .doc = "Instance"),
	FIELD(T, decision, .doc = "What to do"),
	FIELD(T, to_pool, .doc = "Where to"),
	FIELD(T, state, .doc = "open, approved, dismissed, expired, "
	    "superseded, refused"),
	FIELD(T, risk, .doc = "Of the move"),
	FIELD(T, reason, .doc = "Why"),
	FIELD(T, saving, .doc = "USD per hour"),
	FIELD(T, move_id, .flags = FF_NULLABLE, .doc = "The move"),
	FIELD_END
};
#undef T
static const struct schema told_schema = {
	.name = "SpotRecommendationEvent", .size = sizeof(struct told),
	.doc = "A recommendation", .fields = told_fields
};
#define A struct spot_risk_alert
static const struct field alert_fields[] = {
	FIELD(A, account_id, .doc = "Account"),
	FIELD(A, share_lost, .doc = "Share of the fleet expected to be lost "
	    "with one pool within an hour"),
	FIELD(A, limit, .doc = "What the policy bears"),
	FIELD(A, why, .doc = "In a sentence"),
	FIELD(A, model, .doc = "Where the probabilities come from"),
	FIELD_END
};
#undef A
static const struct schema alert_schema = {
	.name = "SpotRiskAlert", .size = sizeof(struct spot_risk_alert),
	.doc = "A fleet that hangs on one pool", .fields = alert_fields
};

const struct event spot_recommendation_events[] = {
	[SPOT_EVENT_RECOMMENDATION] = { .name = "spot.recommendation",
	    .doc = "A recommendation was made, or its state changed",
	    .payload = &told_schema, .permission = "spot:read" },
	[SPOT_EVENT_RISK_ALERT] = { .name = "spot.risk_alert",
	    .doc = "A fleet hangs more on one pool than its policy bears",
	    .payload = &alert_schema, .permission = "spot:read" },
	EVENT_END
};

int
spot_recommendation_tell(struct db *db, const struct spot_recommendation *r, struct err *e)
{
	struct told t = { .id = r->id, .account_id = r->account_id,
	    .instance_id = r->instance_id, .decision = r->decision,
	    .to_pool = r->to_pool, .state = r->state, .risk = r->risk,
	    .reason = r->reason, .saving = r->saving, .move_id = r->move_id };
	char id[UUID_TEXT];

	return event_publish(db, &spot_recommendation_events[SPOT_EVENT_RECOMMENDATION],
	    r->tenant_id, uuid_format(r->id, id), 0, &t, e);
}

const char *
spot_short_text(struct arena *a, const char *s)
{
	enum { MOST = 450 };

	return arena_strndup(a, s, strnlen(s, MOST));
}

/* ---- from yes to move ---------------------------------------------------------------- */

struct place {
	const char *az, *instance_type, *lifecycle;
	struct dec price;
};
static const struct field place_fields[] = {
	FIELD(struct place, az, .flags = FF_REQUIRED, .doc = "Zone"),
	FIELD(struct place, instance_type, .flags = FF_REQUIRED,
	    .doc = "Type"),
	FIELD(struct place, lifecycle, .flags = FF_REQUIRED,
	    .doc = "spot or on-demand"),
	FIELD(struct place, price, .doc = "USD per hour"), FIELD_END
};
static const struct schema place_schema = {
	.name = "SpotPlace", .size = sizeof(struct place),
	.fields = place_fields
};
struct places {
	struct list v;
};
static const struct field places_fields[] = {
	FIELD(struct places, v, .flags = FF_REQUIRED, .sub = &place_schema,
	    .max = 20, .doc = "Places"), FIELD_END
};
static const struct schema places_schema = {
	.name = "SpotPlaces", .size = sizeof(struct places),
	.fields = places_fields
};

static int
read_places(struct arena *a, struct json j, struct spot_move_new *n,
    struct err *e)
{
	const char *text = arena_printf(a, "{\"v\":%s}", j.p);
	struct spot_move_pool *v;
	struct places d;
	uint64_t seen;

	if (schema_decode_json(&places_schema, text, strlen(text), "pools",
	    true, a, &d, &seen, e) == -1)
		return -1;
	v = arena_array(a, d.v.n, sizeof(*v));
	for (size_t i = 0; i < d.v.n; i++) {
		const struct place *p = (const struct place *)d.v.items + i;

		v[i] = (struct spot_move_pool){ .az = p->az,
		    .instance_type = p->instance_type,
		    .lifecycle = p->lifecycle, .price = p->price };
	}
	n->pools = v;
	n->npools = d.v.n;
	return 0;
}

/* Reserves the move; a refusal by switch or cap ends the recommendation. */
int
spot_recommendation_reserve(struct env *env, struct db *db, struct arena *a,
    struct spot_recommendation *r, const struct principal *by,
    const char *by_name, struct err *e)
{
	struct spot_move_new n = { .env = env, .tenant = r->tenant_id,
	    .account = r->account_id, .kind = "replace",
	    .reason = "recommendation", .region = r->region,
	    .target = r->instance_id, .decision = r->decision_id,
	    .urgent = strcmp(r->decision, "SWITCH") != 0,
	    .why = r->reason, .saving = r->saving, .by = by,
	    .by_name = by_name };

	if (read_places(a, r->pools, &n, e) == -1 ||
	    spot_move_reserve(db, a, &n, e) == -1)
		return -1;
	r->move_id = n.id;
	r->decided_by = by != NULL && by->name != NULL ? by->name : by_name;
	if (strcmp(n.state, "refused") == 0) {
		r->state = "refused";
		r->note = spot_short_text(a, n.refusal != NULL ? n.refusal :
		    "the move was refused");
	} else {
		r->state = "approved";
	}
	return 0;
}

/* What a person says yes to. */
static struct json
plan_of(struct arena *a, const struct spot_recommendation *r)
{
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"instance\":");
	str_json(&s, r->instance_id);
	str_addf(&s, ",\"decision\":\"%s\",\"from\":", r->decision);
	str_json(&s, r->from_pool);
	str_add(&s, ",\"to\":");
	str_json(&s, r->to_pool);
	str_add(&s, ",\"region\":");
	str_json(&s, r->region);
	str_addc(&s, '}');
	return (struct json){ s.p };
}

int
spot_recommendation_ask(struct db *db, struct arena *a,
    struct spot_recommendation *r, enum platform_risk risk, struct err *e)
{
	struct platform_approval_new n = { .tenant = r->tenant_id,
	    .module = "spot", .kind = "move", .title = arena_printf(a,
	    "%s %s: %s to %s", r->decision, r->instance_id, r->from_pool,
	    r->to_pool), .subject = "instance",
	    .subject_id = r->instance_id, .decision = r->decision_id,
	    .risk = risk, .plan = plan_of(a, r), .author_name = SPOT_DECIDE_BY,
	    .valid_s = 7 * 86400 };

	if (platform_approval_ask(db, a, &n, e) == -1)
		return -1;
	r->approval_id = n.id;
	return 0;
}

int
spot_recommendation_end(struct db *db, struct arena *a, struct spot_recommendation *r,
    const char *state, const char *note, struct utc now, struct err *e)
{
	struct json doc = { arena_printf(a, "{\"state\":\"%s\"}", state) };

	r->state = state;
	r->note = note;
	r->updated_at = now;
	if (!uuid_is_nil(r->approval_id) &&
	    platform_approval_withdraw(db, r->tenant_id, r->approval_id,
	    note, e) == -1)
		return -1;
	if (platform_decision_close(db, r->tenant_id, r->decision_id,
	    strcmp(state, "dismissed") == 0 ? "rejected" :
	    strcmp(state, "superseded") == 0 ? "superseded" : "withdrawn",
	    doc, e) == -1 || spot_recommendation_update(db, r, e) == -1)
		return -1;
	return spot_recommendation_tell(db, r, e);
}

/* ---- a person's word -------------------------------------------------------------------- */

static int
open_one(struct db *db, struct arena *a, struct uuid tenant, struct uuid id,
    struct utc now, struct spot_recommendation *r, struct err *e)
{
	if (spot_found(spot_recommendation_by_id(db, a, tenant, id, true, r,
	    e), "Recommendation", e) == -1)
		return -1;
	if (strcmp(r->state, "open") != 0)
		return err_set(e, 409, "not_open", "It is %s already",
		    r->state);
	if (now.us >= r->expires_at.us)
		return err_set(e, 409, "expired", "It has expired: the next "
		    "decision renews it if it is still worth it");
	return 0;
}

static int
store(struct db *db, struct spot_recommendation *r, struct utc now,
    struct err *e)
{
	r->updated_at = now;
	if (spot_recommendation_update(db, r, e) == -1)
		return -1;
	return spot_recommendation_tell(db, r, e);
}

int
spot_recommendation_approve(struct env *env, struct db *db, struct arena *a,
    const struct principal *by, struct uuid id, const char *comment,
    struct utc now, struct spot_recommendation *r, struct err *e)
{
	if (open_one(db, a, by->tenant_id, id, now, r, e) == -1)
		return -1;
	if (!uuid_is_nil(r->approval_id)) {
		const char *state;

		if (platform_approval_state(db, a, r->tenant_id,
		    r->approval_id, &state, e) == -1 ||
		    (strcmp(state, "approved") != 0 &&
		    platform_approval_answer(db, a, by, r->approval_id,
		    plan_of(a, r), true, comment, now, e) == -1) ||
		    platform_approval_use(db, a, r->tenant_id,
		    r->approval_id, plan_of(a, r), e) == -1)
			return -1;
	}
	r->note = comment != NULL ? spot_short_text(a, comment) : "";
	if (spot_recommendation_reserve(env, db, a, r, by, NULL, e) == -1)
		return -1;
	return store(db, r, now, e);
}

int
spot_recommendation_dismiss(struct db *db, struct arena *a,
    const struct principal *by, struct uuid id, const char *comment,
    struct utc now, struct spot_recommendation *r, struct err *e)
{
	if (open_one(db, a, by->tenant_id, id, now, r, e) == -1)
		return -1;
	r->decided_by = by->name != NULL ? by->name : "";
	return spot_recommendation_end(db, a, r, "dismissed", comment != NULL ? spot_short_text(a,
	    comment) : "dismissed", now, e);
}

int
spot_recommendation_settle(struct env *env, struct db *db, struct arena *a,
    struct uuid tenant, struct uuid id, struct utc now, bool *done,
    struct err *e)
{
	struct spot_recommendation r;
	const char *state = "pending";
	int rc = spot_recommendation_by_id(db, a, tenant, id, true, &r, e);

	*done = false;
	if (rc != 0 || strcmp(r.state, "open") != 0)
		return rc == -1 ? -1 : 0;
	if (!uuid_is_nil(r.approval_id) && platform_approval_state(db, a,
	    tenant, r.approval_id, &state, e) == -1)
		return -1;
	if (strcmp(state, "rejected") == 0) {
		*done = true;
		r.state = "dismissed";
		r.note = "rejected in the inbox";
		return store(db, &r, now, e);
	}
	if (now.us >= r.expires_at.us) {
		*done = true;
		return spot_recommendation_end(db, a, &r, "expired", "nobody answered in time",
		    now, e);
	}
	if (strcmp(state, "approved") != 0)
		return 0;
	*done = true;
	if (platform_approval_use(db, a, tenant, r.approval_id, plan_of(a,
	    &r), e) == -1 ||
	    spot_recommendation_reserve(env, db, a, &r, NULL, "inbox", e) == -1)
		return -1;
	return store(db, &r, now, e);
}
