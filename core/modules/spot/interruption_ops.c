/*
 * The answer to a notice for one instance: opens or escalates the
 * interruption, closes the episode, tells the pool's risk, reserves the
 * replacement, begins the downtime's row and publishes. Refuses to answer
 * twice. Invariant: an instance has one open interruption, and a warning asks
 * for no second machine where a recommendation has one under way.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption_inner.h"

const struct event spot_interruption_events[] = {
	{ .name = "spot.interruption", .doc = "A machine has notice that it "
	    "goes, or something came of it", .payload =
	    &spot_interruption_schema, .permission = "spot:read" },
	EVENT_END
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- the replacement ----------------------------------------------------------- */

static struct spot_standin
standin(const struct spot_taking *t, const struct spot_item *it)
{
	return (struct spot_standin){ .env = t->in->env,
	    .kind = it->answer == ANSWER_REPLICA ? "launch" : "replace",
	    .account = t->in->account, .x = it->x, .i = it->i,
	    .pools = it->pools,
	    .adopt = it->answer == ANSWER_PROMOTE &&
	    *it->x->replacement != '\0' ? it->x->replacement : NULL };
}

static void
requested(struct spot_taking *t, const struct spot_item *it,
    const struct spot_standin *s)
{
	struct spot_interruption *x = it->x;

	x->decision_id = s->decision;
	x->move_id = s->move;
	if (s->refusal != NULL) {
		x->move_id = (struct uuid){ { 0 } };
		x->state = "refused";
		x->why = arena_strndup(t->in->a, s->refusal,
		    strnlen(s->refusal, 450));
		return;
	}
	x->requested_at = clock_now();
	x->target = it->pools != NULL ? it->pools->text : "";
	x->why = it->answer == ANSWER_REPLICA ? "A standby is launched" :
	    it->answer == ANSWER_PROMOTE ? "The standby takes over" :
	    "A replacement is launched, then it is drained";
	x->state = it->answer == ANSWER_REPLICA ? "replica" : "replacing";
	if (it->answer == ANSWER_REPLICA)
		x->replica_until.us = t->now.us +
		    t->policy.replica_ttl_s * US_PER_S;
	t->requested++;
}

/* Those of one region, at most ten. Refusals have a sentence for the row;
 * what is broken ends the transaction. */
static int
reserve(struct spot_taking *t, struct spot_item *const *v, size_t n,
    struct err *e)
{
	struct spot_standin s[NOTICE_BATCH];

	for (size_t i = 0; i < n; i++)
		s[i] = standin(t, v[i]);
	if (spot_standin_reserve(t->in->db, t->in->a, s, n, t->now, t->told,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		requested(t, v[i], &s[i]);
	return 0;
}

/* The log begins with the notice, so that a worker that dies leaves a row
 * that says what is missing. */
static void
log_downtime(struct spot_taking *t, const struct spot_interruption *x,
    bool standby)
{
	*VEC_ADD(t->in->a, &t->lost) = (struct spot_downtime){ .interruption_id = x->id,
	    .tenant_id = x->tenant_id, .account_id = x->account_id,
	    .region = x->region, .instance_id = x->instance_id,
	    .cause = is(x->state, "refused") ? "optimizer_failure" :
	    standby ? "emergency_switch" : "no_replica",
	    .detail = x->why, .notice_at = x->noticed_at,
	    .requested_at = x->requested_at };
}

/* ---- one interruption ------------------------------------------------------------- */

static struct spot_interruption
new_row(const struct spot_taking *t, const struct spot_item *it)
{
	const struct spot_account *acc = t->in->account;
	struct spot_interruption x = { .id = uuid_new(),
	    .tenant_id = acc->tenant_id, .account_id = acc->id,
	    .region = it->n->region, .instance_id = it->instance, .az = "",
	    .instance_type = "", .asg = "", .kind =
	    spot_notice_name(it->n->kind), .action = it->n->action,
	    .source = t->in->how, .event_id = it->n->event_id,
	    .state = it->i == NULL ? "unknown" : "watched", .why = "",
	    .noticed_at = it->n->at, .received_at = t->now,
	    .replacement = "", .target = "", .version = 1 };

	if (it->n->kind == NOTICE_HEALTH && it->i == NULL)
		x.state = "watched";
	return x;
}

static void
fill(struct spot_interruption *x, const struct spot_item *it)
{
	if (it->i != NULL) {
		x->az = it->i->az;
		x->instance_type = it->i->instance_type;
		x->asg = it->i->asg;
		x->pool_id = it->i->pool_id;
	}
	if (it->n->kind == NOTICE_INTERRUPTION)
		x->deadline_at = spot_notice_deadline(it->n);
	else if (it->n->kind == NOTICE_HEALTH)
		x->deadline_at = it->n->due;
	else
		x->rebalance_at = it->n->at;
}

/* A recommendation becomes a warning. */
static void
escalate(const struct spot_item *it, struct utc now, struct spot_interruption *x)
{
	x->kind = "interruption";
	x->action = it->n->action;
	x->event_id = it->n->event_id;
	x->noticed_at = it->n->at;
	x->received_at = now;
}

/* Risk, episode and the instance's own signal: true whatever we do. */
static void
tell_pool(struct spot_taking *t, const struct spot_item *it)
{
	bool end = it->n->kind == NOTICE_INTERRUPTION;

	if (it->n->kind == NOTICE_HEALTH || it->i == NULL)
		return;
	if (end)
		*VEC_ADD(t->in->a, &t->ends) = (struct spot_episode_end){
		    it->n->region, it->instance, "interrupted", it->n->at };
	*VEC_ADD(t->in->a, &t->marks) = (struct spot_noticed_mark){
	    it->n->region, it->instance, end ? "TERMINATION" : "REBALANCE" };
	if (it->i->pool_id != 0)
		*VEC_ADD(t->in->a, &t->signals) = (struct spot_signal_new){
		    it->i->pool_id, end ? "interrupt" : "rebalance", 1,
		    it->n->at };
}

static int
write_told(struct spot_taking *t, struct err *e)
{
	const struct spot_account *acc = t->in->account;
	struct db *db = t->in->db;
	struct arena *a = t->in->a;
	uint64_t closed;

	if (spot_episode_close_many(db, a, acc->id, t->ends.v, t->ends.n,
	    &closed, e) == -1)
		return -1;
	/* a scan or a change of state may have been faster */
	if (closed < t->ends.n && spot_episode_reword_many(db, a, acc->id,
	    t->ends.v, t->ends.n, e) == -1)
		return -1;
	if (spot_noticed_signal(db, a, acc->tenant_id, acc->id, t->marks.v,
	    t->marks.n, e) == -1 || spot_signal_put_many(db, a, t->signals.v,
	    t->signals.n, e) == -1)
		return -1;
	t->ends.n = t->marks.n = t->signals.n = 0;
	return 0;
}

static int
store(struct spot_taking *t, struct spot_interruption *x, bool fresh,
    struct err *e)
{
	char id[UUID_TEXT];

	if (fresh)
		*VEC_ADD(t->in->a, &t->made) = x;
	else if (spot_interruption_update(t->in->db, x, e) == -1)
		return -1;
	else
		x->version++;
	x->reaction_ms = x->requested_at.us > x->received_at.us ?
	    (double)(x->requested_at.us - x->received_at.us) / 1e3 : 0;
	event_pack_add(t->told, &spot_interruption_events[0], x->tenant_id,
	    arena_strdup(t->in->a, uuid_format(x->id, id)), x->version, x);
	return 0;
}

/* News of what was answered already are noted where they say more. */
static bool
nothing_new(const struct spot_item *it)
{
	return it->known != NULL && (it->known->ended_at.us >= it->n->at.us ||
	    (it->known->ended_at.us == 0 && (it->n->kind != NOTICE_INTERRUPTION
	    || is(it->known->kind, "interruption"))));
}

/* The row, and the downtime of a spot machine that goes. */
static int
keep(struct spot_taking *t, const struct spot_item *it, struct err *e)
{
	if (store(t, it->x, it->fresh, e) == -1)
		return -1;
	if (it->n->kind == NOTICE_INTERRUPTION && it->i != NULL &&
	    is(it->i->lifecycle, "spot"))
		log_downtime(t, it->x, it->standby);
	return 0;
}

/* Ten of a region at a time. */
static int
reserve_pending(struct spot_taking *t, struct err *e)
{
	size_t n;

	for (size_t at = 0; at < t->pending.n; at += n) {
		struct spot_item *const *v = t->pending.v + at;

		for (n = 1; at + n < t->pending.n && n < NOTICE_BATCH &&
		    is(v[n]->n->region, v[0]->n->region); n++)
			continue;
		if (reserve(t, v, n, e) == -1)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (keep(t, v[i], e) == -1)
				return -1;
	}
	return 0;
}

int
spot_items_settle(struct spot_taking *t, struct err *e)
{
	if (write_told(t, e) == -1 || reserve_pending(t, e) == -1)
		return -1;
	if (spot_interruption_insert(t->in->db, t->in->a, t->made.v,
	    t->made.n, e) == -1 || spot_downtime_put(t->in->db, t->in->a,
	    t->lost.v, t->lost.n, e) == -1)
		return -1;
	t->pending.n = t->made.n = t->lost.n = 0;
	return 0;
}

static int
interrupt(struct spot_taking *t, struct spot_item *it, struct err *e)
{
	struct spot_interruption *x = arena_alloc(t->in->a, sizeof(*x));
	const char *why;

	tell_pool(t, it);
	if (nothing_new(it))
		return 0;
	it->answer = spot_interruption_answer(&t->policy, it->n, it->i,
	    it->known, t->now, &why);
	it->fresh = it->known == NULL || it->known->ended_at.us != 0;
	it->x = x;
	*x = it->fresh ? new_row(t, it) : *it->known;
	it->standby = is(x->state, "replica");
	if (!it->fresh)
		escalate(it, t->now, x);
	fill(x, it);
	if (it->i == NULL && it->n->kind != NOTICE_HEALTH)
		t->rescan = true;
	if (it->answer != ANSWER_WATCH) {
		*VEC_ADD(t->in->a, &t->pending) = it;
		return 0;
	}
	if (*x->why == '\0')
		x->why = why;
	return keep(t, it, e);
}

/* ---- the other kinds -------------------------------------------------------------- */

static bool
gone(const char *state)
{
	return is(state, "terminated");
}

static int
state_changed(struct spot_taking *t, const struct spot_item *it, struct err *e)
{
	static const char *const states[] = { "pending", "running",
	    "shutting-down", "terminated", "stopping", "stopped", NULL };
	const struct spot_account *acc = t->in->account;
	const char *s = it->n->action;
	bool known = false;

	for (size_t i = 0; states[i] != NULL; i++)
		known = known || is(states[i], s);
	if (!known || it->i == NULL) {
		t->rescan = t->rescan || known;
		return 0;
	}
	if (spot_noticed_state(t->in->db, acc->tenant_id, acc->id,
	    it->n->region, it->instance, s, gone(s), it->n->at, e) == -1)
		return -1;
	if (!is(it->i->lifecycle, "spot"))
		return 0;
	if (is(s, "running")) {
		struct spot_episode ep = { .tenant_id = acc->tenant_id,
		    .account_id = acc->id, .pool_id = it->i->pool_id,
		    .region = it->n->region, .instance_id = it->instance,
		    .began = it->i->launched_at.us != 0 ?
		    it->i->launched_at : it->n->at };

		/* news of before its last scan tell nothing of now */
		return gone(it->i->state) || it->n->at.us <
		    it->i->last_seen.us ? 0 :
		    spot_episode_open(t->in->db, &ep, e);
	}
	return is(s, "pending") ? 0 : spot_episode_close(t->in->db, acc->id,
	    it->n->region, it->instance, it->known != NULL &&
	    is(it->known->kind, "interruption") ? "interrupted" : "user",
	    it->n->at, NULL, e);
}

/* A group ends or starts a machine by itself. */
static int
group_acted(struct spot_taking *t, const struct spot_item *it, struct err *e)
{
	const struct spot_account *acc = t->in->account;

	if (it->i == NULL || strstr(it->n->action, "TERMINATING") == NULL) {
		t->rescan = true;
		return 0;
	}
	return spot_episode_close(t->in->db, acc->id, it->n->region,
	    it->instance, it->known != NULL &&
	    is(it->known->kind, "interruption") ? "interrupted" : "scale_in",
	    it->n->at, NULL, e);
}

/* ---- one instance ----------------------------------------------------------------- */

static const struct spot_noticed *
find_noticed(const struct spot_taking *t, const char *region, const char *id)
{
	for (size_t i = 0; i < t->noticed.n; i++)
		if (is(t->noticed.v[i].instance_id, id) &&
		    is(t->noticed.v[i].region, region))
			return &t->noticed.v[i];
	return NULL;
}

/* Whether this batch had news of the machine before: what comes next must see
 * what came of it. */
static bool
touched(const struct spot_taking *t, const struct spot_item *it)
{
	for (size_t i = 0; i < t->done.n; i++)
		if (is(t->done.v[i]->instance, it->instance) &&
		    is(t->done.v[i]->n->region, it->n->region))
			return true;
	return false;
}

/* The last of its interruptions that is open or was closed since. */
static void
know(struct spot_item *it, const struct spot_interruption *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(v[i].instance_id, it->instance) &&
		    is(v[i].region, it->n->region) && (v[i].ended_at.us == 0
		    || v[i].ended_at.us >= it->n->at.us))
			it->known = &v[i];
}

static int
look(struct spot_taking *t, struct spot_item *it, struct err *e)
{
	const char *ids[] = { it->instance };
	const struct spot_intake *in = t->in;
	struct rows known;

	it->i = find_noticed(t, it->n->region, it->instance);
	know(it, t->known.v, t->known.n);
	if (touched(t, it)) {
		if (spot_items_settle(t, e) == -1 || spot_interruption_known(
		    in->db, in->a, in->account, it->n->region, ids, 1,
		    it->n->at, &known, e) == -1)
			return -1;
		it->known = NULL;
		know(it, known.v, known.n);
	}
	*VEC_ADD(in->a, &t->done) = it;
	if (it->i == NULL || nothing_new(it) || (it->n->kind !=
	    NOTICE_INTERRUPTION && it->n->kind != NOTICE_REBALANCE))
		return 0;
	return spot_candidates_get(in->db, t->market, in->account,
	    it->n->region, it->i, t->now, &it->pools, e);
}

int
spot_item_apply(struct spot_taking *t, struct spot_item *it, struct err *e)
{
	if (look(t, it, e) == -1)
		return -1;
	if (it->n->kind == NOTICE_STATE)
		return state_changed(t, it, e);
	return it->n->kind == NOTICE_ASG ? group_acted(t, it, e) :
	    interrupt(t, it, e);
}

int
spot_item_resume(struct spot_taking *t, struct spot_item *it, struct err *e)
{
	struct spot_interruption x = *it->known;
	const char *why;
	enum spot_answer answer = spot_interruption_answer(&t->policy, it->n,
	    it->i, NULL, t->now, &why);

	fill(&x, it);
	if (answer == ANSWER_WATCH) {
		x.state = "watched";
		x.why = why;
	} else {
		if (spot_candidates_get(t->in->db, t->market, t->in->account,
		    x.region, it->i, t->now, &it->pools, e) == -1)
			return -1;
		it->answer = answer;
		it->x = &x;
		if (reserve(t, &it, 1, e) == -1)
			return -1;
	}
	tell_pool(t, it);
	if (store(t, &x, false, e) == -1)
		return -1;
	if (it->n->kind == NOTICE_INTERRUPTION && is(it->i->lifecycle, "spot"))
		log_downtime(t, &x, false);
	return spot_items_settle(t, e);
}
