/*
 * Use-cases of moves: proposing, reserving, starting, cancelling, ending.
 * Refuses plans that cannot be; a refusal by the stop switch or a cap is a
 * stored move with its reason. Invariant: a move is made ready only in a
 * transaction that has asked the switch, taken the caps, used the approval it
 * needs and enqueued its job.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/principal.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move_inner.h"
#include "modules/spot/saving.h"

enum { POOLS_MAX = 64, ERROR_MAX = 450, DAY_H = 24 };

/* ---- what is told ---------------------------------------------------------------- */

struct told {
	struct uuid id, account_id;
	const char *kind, *reason, *state, *step_name, *region, *instance_id;
	const char *new_instance, *detail, *code;
	int64_t step;
	bool urgent;
	struct dec saving;
};
#define T struct told
static const struct field told_fields[] = {
	FIELD(T, id, .doc = "Move"), FIELD(T, account_id, .doc = "Account"),
	FIELD(T, kind, .doc = "What is done"), FIELD(T, reason, .doc = "Why"),
	FIELD(T, state, .doc = "How far it is"),
	FIELD(T, step, .doc = "Number of the step"),
	FIELD(T, step_name, .doc = "Its name"),
	FIELD(T, region, .doc = "Region"),
	FIELD(T, instance_id, .doc = "What is moved"),
	FIELD(T, new_instance, .doc = "Its replacement"),
	FIELD(T, code, .doc = "Class of an error"),
	FIELD(T, detail, .doc = "What happened"),
	FIELD(T, urgent, .doc = "Under notice"),
	FIELD(T, saving, .doc = "USD per hour"), FIELD_END
};
#undef T
static const struct schema told_schema = {
	.name = "SpotMoveChanged", .doc = "A move went on",
	.size = sizeof(struct told), .fields = told_fields
};
#define O struct spot_orphan_told
static const struct field orphan_fields[] = {
	FIELD(O, instance_id, .doc = "Instance, or group"),
	FIELD(O, account_id, .doc = "Account"), FIELD(O, region, .doc = "Region"),
	FIELD(O, move, .doc = "Move that left it"),
	FIELD(O, what, .doc = "What was done"), FIELD_END
};
#undef O
static const struct schema orphan_schema = {
	.name = "SpotOrphan", .doc = "Something a move had left behind",
	.size = sizeof(struct spot_orphan_told), .fields = orphan_fields
};

#define EV(n, d) { .name = n, .doc = d, .payload = &told_schema, \
	.permission = "spot:read" }
const struct event spot_move_events[] = {
	[EV_PROPOSED] = EV("move.proposed", "A move was planned"),
	[EV_REFUSED] = EV("move.refused", "A move was refused by the stop "
	    "switch or a cap"),
	[EV_APPROVED] = EV("move.approved", "The plan of a move was approved"),
	[EV_STARTED] = EV("move.started", "A move was reserved and begins"),
	[EV_STEP] = EV("move.step", "A step of a move ended"),
	[EV_PARKED] = EV("move.parked", "A move waits for a person"),
	[EV_ENDED] = EV("move.ended", "A move ended"),
	[EV_ORPHAN] = { .name = "move.orphan_removed", .doc = "What a move "
	    "had left behind was put right", .payload = &orphan_schema,
	    .permission = "spot:read" },
	EVENT_END
};

static struct told
told_of(const struct spot_move *m, const char *detail)
{
	return (struct told){ .id = m->id, .account_id = m->account_id,
	    .kind = m->kind, .reason = m->reason, .state = m->state,
	    .step = m->step, .step_name = spot_move_step_name(m->step),
	    .region = m->region, .instance_id = m->instance_id,
	    .new_instance = m->new_instance, .detail = detail,
	    .code = m->error_code, .urgent = m->urgent, .saving = m->saving };
}

int
spot_move_tell(struct db *db, int which, const struct spot_move *m,
    const char *detail, struct err *e)
{
	struct told t = told_of(m, detail);
	char id[UUID_TEXT];

	return event_publish(db, &spot_move_events[which], m->tenant_id,
	    uuid_format(m->id, id), m->version, &t, e);
}

void
spot_move_tell_pack(struct event_pack *p, int which,
    const struct spot_move *m, const char *detail)
{
	struct told t = told_of(m, detail);
	char id[UUID_TEXT];

	event_pack_add(p, &spot_move_events[which], m->tenant_id,
	    uuid_format(m->id, id), m->version, &t);
}

int
spot_move_tell_orphan(struct db *db, struct uuid tenant,
    const struct spot_orphan_told *o, struct err *e)
{
	return event_publish(db, &spot_move_events[EV_ORPHAN], tenant,
	    o->instance_id, 0, o, e);
}

int
spot_move_enqueue(struct db *db, struct arena *a, struct spot_move *m,
    struct utc at, struct err *e)
{
	char id[UUID_TEXT];
	struct spot_id_in in = { m->id };
	struct job_options o = { .run_at = at,
	    .priority = m->urgent ? "critical" : "normal",
	    .actor = m->created_by };

	o.unique = uuid_format(m->id, id);
	m->wakes_at = at.us != 0 ? at : clock_now();
	return job_enqueue(db, a, &spot_move_jobs[0], m->tenant_id, &in, &o,
	    &m->job_id, e) == -1 ? -1 : 0;
}

int
spot_move_end(struct db *db, struct arena *a, struct spot_move *m,
    const char *state, const char *code, const char *text, struct err *e)
{
	const char *outcome = strcmp(state, "succeeded") == 0 ? state :
	    strcmp(state, "refused") == 0 ? "rejected" :
	    strcmp(state, "cancelled") == 0 ? "withdrawn" : "failed";
	struct str doc;

	m->state = state;
	m->error_code = code;
	m->error = arena_strndup(a, text, strnlen(text, ERROR_MAX));
	m->ended_at = clock_now();
	m->holds = false;
	str_init(&doc, a);
	str_add(&doc, "{\"state\":");
	str_json(&doc, state);
	str_add(&doc, ",\"code\":");
	str_json(&doc, code);
	str_add(&doc, ",\"detail\":");
	str_json(&doc, m->error);
	str_add(&doc, ",\"new_instance\":");
	str_json(&doc, m->new_instance);
	str_addf(&doc, ",\"seconds\":%lld}", (long long)(m->started_at.us ==
	    0 ? 0 : (m->ended_at.us - m->started_at.us) / US_PER_S));
	if (spot_move_update(db, m, e) == -1)
		return -1;
	if (*m->new_instance == '\0' && m->reserved_at.us != 0 &&
	    spot_budget_give(db, m->account_id, (struct dec){ m->price.e8 *
	    DAY_H }, m->reserved_at, e) == -1)
		return -1;
	if (!uuid_is_nil(m->decision_id) && platform_decision_close(db,
	    m->tenant_id, m->decision_id, outcome, (struct json){ doc.p },
	    e) == -1)
		return -1;
	if (strcmp(state, "succeeded") == 0 && *m->new_instance != '\0' &&
	    strcmp(m->kind, "replace") == 0 && spot_origin_put(db,
	    m->tenant_id, m->account_id, m->region, m->instance_id,
	    m->new_instance, m->ended_at, e) == -1)
		return -1;
	if (spot_interruption_ended(db, a, m->tenant_id, m->id,
	    strcmp(state, "succeeded") == 0, m->error, m->ended_at, e) == -1)
		return -1;
	return spot_move_tell(db, EV_ENDED, m, m->error, e);
}

/* ---- a plan ---------------------------------------------------------------------- */

static int
refuse(struct err *e, const char *loc, const char *msg)
{
	return err_field(e, (struct err_field){ .type = "value_error",
	    .loc = loc, .msg = msg, .input = "null" });
}

static bool
makes(const char *kind)
{
	return strcmp(kind, "replace") == 0 || strcmp(kind, "launch") == 0;
}

int
spot_move_wish(const struct spot_move_new *n, struct err *e)
{
	static const char *const kinds[] = { "replace", "launch",
	    "terminate", "drain", NULL };
	bool launch = strcmp(n->kind, "launch") == 0;
	const char *const *k = kinds;

	while (*k != NULL && strcmp(*k, n->kind) != 0)
		k++;
	if (*k == NULL)
		return refuse(e, "[\"body\",\"kind\"]", "No such kind");
	if (!launch && (n->target == NULL || *n->target == '\0'))
		return refuse(e, "[\"body\",\"instance_id\"]",
		    "Which instance?");
	if (makes(n->kind) && n->adopt == NULL && n->npools == 0)
		return refuse(e, "[\"body\",\"pools\"]",
		    "No pool for a replacement");
	if (n->npools > POOLS_MAX)
		return refuse(e, "[\"body\",\"pools\"]", "At most 64 pools");
	if (launch && n->template_id == NULL && n->image_id == NULL &&
	    n->target == NULL)
		return refuse(e, "[\"body\",\"template_id\"]",
		    "A template, an image or an instance to copy is needed");
	return 0;
}

static const char *
text(const char *s)
{
	return s != NULL ? s : "";
}

static struct dec
dearest(const struct spot_move_new *n)
{
	struct dec max = { 0 };

	for (size_t i = 0; i < n->npools; i++)
		if (n->pools[i].price.e8 > max.e8)
			max = n->pools[i].price;
	return max;
}

void
spot_move_shape(struct arena *a, const struct spot_move_new *n,
    struct utc now, struct spot_move *m)
{
	const struct spot_move_conf *cf = conf_get(n->env->conf,
	    &spot_move_settings);

	*m = (struct spot_move){ .id = n->id, .tenant_id = n->tenant,
	    .account_id = n->account, .kind = n->kind,
	    .reason = text(n->reason), .urgent = n->urgent,
	    .region = n->region, .instance_id = text(n->target), .asg = "",
	    .adopt = text(n->adopt), .new_instance = "", .new_pool = "",
	    .pools = spot_move_pools_text(a, n->pools, n->npools, NULL),
	    .template_id = text(n->template_id),
	    .template_version = text(n->template_version),
	    .image_id = text(n->image_id), .price = dearest(n),
	    .saving = n->saving, .decision_id = n->decision,
	    .deadline = n->deadline, .told = "", .error_code = "",
	    .error = "", .version = 1, .created_at = now,
	    .created_by = n->by != NULL ? text(n->by->name) :
	    text(n->by_name) };
	m->places = m->pools;
	m->plan = spot_move_plan(a, m);
	if (m->deadline.us == 0)
		m->deadline.us = now.us + cf->deadline_s * US_PER_S;
}

static const char *
chosen(struct arena *a, const struct spot_move_new *n)
{
	if (n->adopt != NULL)
		return arena_printf(a, "%s with %.64s", n->kind, n->adopt);
	if (!makes(n->kind))
		return n->kind;
	return arena_printf(a, "%s to %.64s in %.64s", n->kind,
	    n->pools[0].instance_type, n->pools[0].az);
}

static int
decide(struct db *db, struct arena *a, const struct spot_move_new *n,
    struct spot_move *m, struct err *e)
{
	struct platform_decision_new d = { .tenant = n->tenant,
	    .module = "spot", .kind = "move", .subject = "instance",
	    .subject_id = *m->instance_id != '\0' ? m->instance_id :
	    m->region, .chosen = chosen(a, n), .reason = n->why != NULL ?
	    n->why : m->reason, .inputs = n->inputs, .expected = n->expected,
	    .refused = n->refused, .oldest = n->oldest, .model = n->model,
	    .by = m->created_by };

	if (!uuid_is_nil(m->decision_id))
		return 0;
	if (platform_decide(db, &d, e) == -1)
		return -1;
	m->decision_id = d.id;
	return 0;
}

static int
account_there(struct db *db, struct arena *a, const struct spot_move_new *n,
    struct err *e)
{
	struct spot_account acc;

	return spot_found(spot_account_by_id(db, a, n->tenant, n->account,
	    &acc, e), "Account", e);
}

/* ---- proposing ------------------------------------------------------------------- */

static int
withdraw(struct db *db, struct arena *a, struct spot_move *m,
    const char *why, struct err *e)
{
	if (!uuid_is_nil(m->approval_id) && platform_approval_withdraw(db,
	    m->tenant_id, m->approval_id, why, e) == -1)
		return -1;
	return spot_move_end(db, a, m, "cancelled", "withdrawn", why, e);
}

/* An older plan for the instance is moot. */
static int
supersede(struct db *db, struct arena *a, const struct spot_move_new *n,
    const char *why, struct err *e)
{
	struct spot_move old;
	int rc;

	if (n->target == NULL || strcmp(n->kind, "launch") == 0)
		return 0;
	rc = spot_move_proposal(db, a, n->account, n->region, n->target, &old,
	    e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	return uuid_equal(old.id, n->id) ? 0 : withdraw(db, a, &old, why, e);
}

static int
ask_inbox(struct db *db, struct arena *a, const struct spot_move_new *n,
    struct spot_move *m, struct err *e)
{
	struct platform_approval_new p = { .tenant = n->tenant,
	    .module = "spot", .kind = "move",
	    .title = arena_printf(a, "%.20s %.64s (%.64s)", n->kind,
	    *m->instance_id != '\0' ? m->instance_id : m->region,
	    chosen(a, n)), .subject = "instance",
	    .subject_id = m->instance_id, .decision = m->decision_id,
	    .risk = n->risk, .plan = m->plan, .author = n->by,
	    .author_name = n->by == NULL ? m->created_by : NULL };

	if (platform_approval_ask(db, a, &p, e) == -1)
		return -1;
	m->approval_id = p.id;
	return 0;
}

int
spot_move_propose(struct db *db, struct arena *a, struct spot_move_new *n,
    struct err *e)
{
	struct utc now = clock_now();
	struct spot_move m;

	ASSERT(db_in_txn(db));
	if (uuid_is_nil(n->id))
		n->id = uuid_new();
	if (spot_move_wish(n, e) == -1 || account_there(db, a, n, e) == -1)
		return -1;
	spot_move_shape(a, n, now, &m);
	m.state = n->state = "proposed";
	if (n->deadline.us == 0)
		m.deadline.us = 0;	/* counted from its start */
	if (supersede(db, a, n, "A newer plan for the same instance", e) ==
	    -1 || decide(db, a, n, &m, e) == -1 ||
	    (n->approve && ask_inbox(db, a, n, &m, e) == -1) ||
	    spot_move_insert(db, &m, 1, e) == -1)
		return -1;
	n->decision = m.decision_id;
	return spot_move_tell(db, EV_PROPOSED, &m, text(n->why), e);
}

/* ---- reserving ------------------------------------------------------------------- */

int
spot_move_may_act(const struct env *env, struct db *db, struct arena *a,
    struct spot_move *m, int64_t launches, struct dec price, struct utc now,
    struct err *e)
{
	char id[UUID_TEXT];
	struct platform_scope scope = { .module = "spot",
	    .tenant = m->tenant_id, .account = uuid_format(m->account_id,
	    id) };
	struct spot_take t = { .tenant = m->tenant_id,
	    .account = m->account_id, .now = now, .launches = launches,
	    .spend = { price.e8 * DAY_H },
	    .conf = conf_get(env->conf, &spot_move_settings) };
	int rc;

	if (platform_switch_ask(db, a, &scope, e) == -1) {
		if (e->code == NULL || strcmp(e->code, "stopped") != 0)
			return -1;
		m->error_code = "stopped";
		m->error = arena_strdup(a, e->detail);
		err_clear(e);
		return 1;
	}
	if (!makes(m->kind) || *m->adopt != '\0')
		return 0;
	if (m->price.e8 <= 0 && !m->urgent) {
		m->error_code = "no_price";
		m->error = "The price of the pools is not known, so the cap "
		    "on spending cannot be kept";
		return 1;
	}
	rc = spot_budget_take(db, a, &t, e);
	if (rc == 0)
		m->reserved_at = now;
	if (rc == 1) {
		m->error_code = t.word;
		m->error = t.text;
	}
	return rc;
}

/* The instance has a live move already: urgent now, if this is. */
static int
join(struct db *db, struct arena *a, struct spot_move_new *n,
    struct spot_move *m, struct err *e)
{
	n->id = m->id;
	n->existing = true;
	n->state = m->state;
	n->decision = m->decision_id;
	if (!n->urgent || m->urgent)
		return 0;
	m->urgent = true;
	if (n->deadline.us != 0)
		m->deadline = n->deadline;
	if (strcmp(m->state, "parked") != 0 &&
	    spot_move_enqueue(db, a, m, (struct utc){ 0 }, e) == -1)
		return -1;
	return spot_move_update(db, m, e);
}

int
spot_move_reserve(struct db *db, struct arena *a, struct spot_move_new *n,
    struct err *e)
{
	struct utc now = clock_now();
	struct spot_move m;
	int rc;

	ASSERT(db_in_txn(db));
	if (uuid_is_nil(n->id))
		n->id = uuid_new();
	if (spot_move_wish(n, e) == -1 || account_there(db, a, n, e) == -1)
		return -1;
	if (n->target != NULL && strcmp(n->kind, "launch") != 0 &&
	    (rc = spot_move_live(db, a, n->account,
	    n->region, n->target, &m, e)) != 1)
		return rc == -1 ? -1 : join(db, a, n, &m, e);
	spot_move_shape(a, n, now, &m);
	if (supersede(db, a, n, "The instance is moved now", e) == -1 ||
	    decide(db, a, n, &m, e) == -1)
		return -1;
	n->decision = m.decision_id;
	rc = spot_move_may_act(n->env, db, a, &m, 1, m.price, now, e);
	if (rc == -1)
		return -1;
	m.state = n->state = rc == 1 ? "refused" : "ready";
	if (rc == 1) {
		n->code = m.error_code;
		n->refusal = m.error;
		if (spot_move_insert(db, &m, 1, e) == -1)
			return -1;
		return spot_move_tell(db, EV_REFUSED, &m, m.error, e) == -1 ?
		    -1 : spot_move_end(db, a, &m, "refused", m.error_code,
		    m.error, e);
	}
	if (spot_move_enqueue(db, a, &m, (struct utc){ 0 }, e) == -1 ||
	    spot_move_insert(db, &m, 1, e) == -1)
		return -1;
	return spot_move_tell(db, EV_STARTED, &m, text(n->why), e);
}

/* ---- verbs on a move --------------------------------------------------------------- */

int
spot_move_start(const struct env *env, struct db *db, struct arena *a,
    struct uuid tenant, struct uuid id, const char *by, struct spot_move *m,
    struct err *e)
{
	const struct spot_move_conf *cf = conf_get(env->conf,
	    &spot_move_settings);
	struct utc now = clock_now();
	struct spot_move other;
	int rc;

	ASSERT(db_in_txn(db));
	(void)by;
	if (spot_found(spot_move_lock(db, a, tenant, id, m, e), "Move",
	    e) == -1)
		return -1;
	if (strcmp(m->state, "proposed") != 0)
		return err_set(e, 409, "not_proposed", "It is %s already",
		    m->state);
	rc = *m->instance_id == '\0' || strcmp(m->kind, "launch") == 0 ? 1 :
	    spot_move_live(db, a,
	    m->account_id, m->region, m->instance_id, &other, e);
	if (rc != 1)
		return rc == -1 ? -1 : err_set(e, 409, "moves_already",
		    "The instance is being moved already");
	if (!uuid_is_nil(m->approval_id)) {
		if (platform_approval_use(db, a, tenant, m->approval_id,
		    spot_move_plan(a, m), e) == -1 ||
		    spot_move_tell(db, EV_APPROVED, m, "", e) == -1)
			return -1;
	}
	rc = spot_move_may_act(env, db, a, m, 1, m->price, now, e);
	if (rc == -1)
		return -1;
	if (rc == 1)
		return spot_move_tell(db, EV_REFUSED, m, m->error, e) == -1 ?
		    -1 : spot_move_end(db, a, m, "refused", m->error_code,
		    m->error, e);
	m->state = "ready";
	if (m->deadline.us == 0)
		m->deadline.us = now.us + cf->deadline_s * US_PER_S;
	if (spot_move_enqueue(db, a, m, (struct utc){ 0 }, e) == -1 ||
	    spot_move_update(db, m, e) == -1)
		return -1;
	return spot_move_tell(db, EV_STARTED, m, "", e);
}

int
spot_move_cancel(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, const char *by, struct spot_move *m, struct err *e)
{
	const char *why = arena_printf(a, "Cancelled by %.100s", by);

	ASSERT(db_in_txn(db));
	if (spot_found(spot_move_lock(db, a, tenant, id, m, e), "Move",
	    e) == -1)
		return -1;
	if (strcmp(m->state, "proposed") == 0)
		return withdraw(db, a, m, why, e);
	if (m->ended_at.us != 0)
		return err_set(e, 409, "over", "It is %s already", m->state);
	if (m->step >= SM_OUT && m->step <= SM_BOOK)
		return err_set(e, 409, "too_late", "The old instance is on "
		    "its way out: the move can only go forward");
	m->cancel = true;
	m->error = why;
	if (strcmp(m->state, "parked") == 0)
		m->state = m->step >= SM_UNDO_LAUNCH ? "undoing" : "running";
	if (spot_move_enqueue(db, a, m, (struct utc){ 0 }, e) == -1)
		return -1;
	return spot_move_update(db, m, e);
}

int
spot_move_resume(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid id, const char *by, struct spot_move *m, struct err *e)
{
	ASSERT(db_in_txn(db));
	(void)by;
	if (spot_found(spot_move_lock(db, a, tenant, id, m, e), "Move",
	    e) == -1)
		return -1;
	if (strcmp(m->state, "parked") != 0)
		return err_set(e, 409, "not_parked", "It is %s, not parked",
		    m->state);
	m->state = m->step >= SM_UNDO_LAUNCH ? "undoing" : "running";
	if (spot_move_enqueue(db, a, m, (struct utc){ 0 }, e) == -1)
		return -1;
	return spot_move_update(db, m, e);
}
