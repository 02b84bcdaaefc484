/*
 * Governance: flags after scans, a person's word, terminations that wait for
 * another person. Refuses to ask twice, and to end what is authorized.
 * Invariant: nothing here reaches the cloud; a termination is a plan until
 * the executor reserves a move for it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "conf/conf.h"
#include "modules/spot/conf.h"
#include "modules/spot/governance.h"
#include "modules/spot/move.h"

enum { ASK_AT_ONCE = 20 };

struct told {
	struct uuid account_id;
	const char *instance_id, *action, *by;
	int64_t instances;
	struct utc grace_until;
};
#define F struct told
static const struct field told_fields[] = {
	FIELD(F, account_id, .doc = "Account"),
	FIELD(F, instance_id, .doc = "Instance; empty = several"),
	FIELD(F, action, .oneof = ONEOF("flagged", "authorized", "revoked",
	    "termination_asked", "terminating"), .doc = "What happened"),
	FIELD(F, by, .doc = "Person or program"),
	FIELD(F, instances, .doc = "How many instances"),
	FIELD(F, grace_until, .flags = FF_NULLABLE,
	    .doc = "They may be claimed until"),
	FIELD_END
};
#undef F
static const struct schema told_schema = {
	.name = "SpotGovernance", .doc = "Something about who may be touched",
	.size = sizeof(struct told), .fields = told_fields
};
const struct event spot_governance_events[] = {
	{ .name = "spot.governance", .doc = "Instances were flagged, "
	  "authorized or proposed for termination", .payload = &told_schema,
	  .permission = "spot:read", .seed_type = "governance" },
	EVENT_END
};

static int
tell(struct db *db, struct uuid tenant, const struct told *t, struct err *e)
{
	char id[UUID_TEXT];

	return event_publish(db, &spot_governance_events[0], tenant,
	    *t->instance_id != '\0' ? t->instance_id :
	    uuid_format(t->account_id, id), 0, t, e);
}

static struct utc
grace(struct env *env, struct utc now)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);

	return (struct utc){ now.us + cf->grace_s * US_PER_S };
}

/* ---- after a scan -------------------------------------------------------------- */

/* What became of the moves. */
static int
follow(struct db *db, struct arena *a, const struct spot_account *acc,
    struct utc now, struct err *e)
{
	static const char *const ends[][2] = { { "proposed", "asked" },
	    { "succeeded", "done" }, { "failed", "refused" },
	    { "refused", "refused" }, { "cancelled", "moot" } };
	struct rows rows;

	if (spot_termination_waiting(db, a, acc->id, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct spot_termination *t = ROW(&rows,
		    struct spot_termination, i);
		const char *state = t->move_state == NULL ? "moot" :
		    "moving";

		for (size_t k = 0; t->move_state != NULL &&
		    k < NITEMS(ends); k++)
			if (strcmp(ends[k][0], t->move_state) == 0)
				state = ends[k][1];
		if (strcmp(state, t->state) == 0)
			continue;
		t->state = state;
		t->updated_at = now;
		if (spot_termination_update(db, t, e) == -1)
			return -1;
	}
	return 0;
}

/* Plans for what nobody claimed in time; a few at each scan. */
static int
ask_overdue(struct env *env, struct db *db, struct arena *a,
    const struct spot_account *acc, struct utc now, struct err *e)
{
	struct spot_termination t;
	struct spot_instance i;
	struct rows rows;
	int asked = 0;

	if (spot_violation_all(db, a, acc->tenant_id, acc->id, now, &rows,
	    e) == -1)
		return -1;
	for (size_t k = 0; k < rows.n && asked < ASK_AT_ONCE; k++) {
		const struct spot_violation *v = ROW(&rows,
		    struct spot_violation, k);
		bool there;

		if (strcmp(v->severity, "critical") != 0 || v->stale)
			continue;
		if (spot_termination_open(db, a, v->account_id, v->region,
		    v->instance_id, &there, e) == -1)
			return -1;
		if (there)
			continue;
		if (spot_found(spot_instance_by_id(db, a, acc->tenant_id,
		    v->id, &i, e), "Instance", e) == -1 ||
		    spot_governance_terminate(env, db, a, NULL, "governance",
		    &i, v->reason, now, &t, e) == -1)
			return -1;
		asked++;
	}
	return 0;
}

int
spot_governance_review(struct env *env, struct db *db, struct arena *a,
    const struct spot_account *acc, struct utc now, struct err *e)
{
	const struct spot_conf *cf = conf_get(env->conf, &spot_settings);
	struct told t = { acc->id, "", "flagged", "scan", 0,
	    grace(env, now) };
	uint64_t n;

	if (follow(db, a, acc, now, e) == -1 ||
	    spot_governance_clear(db, acc->id, e) == -1 ||
	    spot_governance_flag(db, acc->id, now, t.grace_until, &n, e) ==
	    -1)
		return -1;
	t.instances = (int64_t)n;
	if (n > 0 && tell(db, acc->tenant_id, &t, e) == -1)
		return -1;
	return cf->ask_terminate ? ask_overdue(env, db, a, acc, now, e) : 0;
}

/* ---- a person's word ----------------------------------------------------------- */

int
spot_governance_decide(struct env *env, struct db *db, struct arena *a,
    const struct principal *by, struct uuid id, bool yes, struct utc now,
    struct spot_instance *i, struct err *e)
{
	struct told t = { .action = yes ? "authorized" : "revoked",
	    .by = by->name, .instances = 1 };
	struct utc until = { 0 };
	const char *status = "AUTHORIZED";

	if (spot_found(spot_instance_by_id(db, a, by->tenant_id, id, i, e),
	    "Instance", e) == -1)
		return -1;
	if (!yes) {
		status = spot_instance_auth(i->tags.p, i->asg);
		if (strcmp(status, "UNAUTHORIZED") == 0) {
			status = "FLAGGED";
			until = grace(env, now);
		}
	}
	if (spot_governance_set(db, i, status, yes ? by->name : "", yes ?
	    now : (struct utc){ 0 }, until.us != 0 ? now : until, until,
	    e) == -1)
		return -1;
	i->auth_status = status;
	t.account_id = i->account_id;
	t.instance_id = i->instance_id;
	t.grace_until = until;
	return tell(db, by->tenant_id, &t, e);
}

/* ---- termination ------------------------------------------------------------------ */

static struct json
plan_of(struct arena *a, const struct spot_instance *i, const char *reason)
{
	char id[UUID_TEXT];
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"kind\":\"terminate\",\"account_id\":");
	str_json(&s, uuid_format(i->account_id, id));
	str_add(&s, ",\"region\":");
	str_json(&s, i->region);
	str_add(&s, ",\"instance_id\":");
	str_json(&s, i->instance_id);
	str_add(&s, ",\"reason\":");
	str_json(&s, reason);
	str_addc(&s, '}');
	return (struct json){ s.p };
}

static int
may_end(struct db *db, struct arena *a, const struct spot_instance *i,
    struct err *e)
{
	bool there;

	if (strcmp(i->auth_status, "AUTHORIZED") == 0)
		return err_set(e, 409, "authorized", "This instance is "
		    "authorized: take that back first");
	if (i->gone_at.us != 0 || strcmp(i->state, "terminated") == 0 ||
	    strcmp(i->state, "shutting-down") == 0)
		return err_set(e, 409, "gone", "This instance is gone");
	if (spot_termination_open(db, a, i->account_id, i->region,
	    i->instance_id, &there, e) == -1)
		return -1;
	return !there ? 0 : err_set(e, 409, "asked", "Its termination waits "
	    "for an approval already");
}

/* The plan as a move that waits in the inbox. */
static int
propose(struct env *env, struct db *db, struct arena *a,
    const struct principal *by, const struct spot_instance *i,
    struct spot_termination *t, struct err *e)
{
	struct spot_move_new n = { .env = env, .tenant = i->tenant_id,
	    .account = i->account_id, .kind = "terminate",
	    .reason = "governance", .region = i->region,
	    .target = i->instance_id, .approve = true, .risk = RISK_HIGH,
	    .why = t->reason, .inputs = t->plan, .by = by,
	    .by_name = t->made_by };
	struct spot_move m;

	if (spot_move_propose(db, a, &n, e) == -1 ||
	    spot_found(spot_move_by_id(db, a, i->tenant_id, n.id, &m, e),
	    "Move", e) == -1)
		return -1;
	t->move_id = n.id;
	t->approval_id = m.approval_id;
	return 0;
}

int
spot_governance_terminate(struct env *env, struct db *db, struct arena *a,
    const struct principal *by, const char *by_name,
    const struct spot_instance *i, const char *reason, struct utc now,
    struct spot_termination *t, struct err *e)
{
	const char *who = by != NULL ? by->name : by_name;
	struct told told = { i->account_id, i->instance_id,
	    "termination_asked", who, 1, { 0 } };

	if (may_end(db, a, i, e) == -1)
		return -1;
	*t = (struct spot_termination){ .id = uuid_new(),
	    .tenant_id = i->tenant_id, .account_id = i->account_id,
	    .region = i->region, .instance_id = i->instance_id,
	    .reason = reason, .plan = plan_of(a, i, reason),
	    .state = "asked", .error = "", .move_state = "proposed",
	    .made_by = who, .created_at = now, .updated_at = now };
	if (propose(env, db, a, by, i, t, e) == -1 ||
	    spot_termination_insert(db, t, e) == -1)
		return -1;
	return tell(db, i->tenant_id, &told, e);
}
