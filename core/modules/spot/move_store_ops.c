/*
 * What a run of a move stores: the outcome of a step with all that follows
 * from it, the way back, waiting, parking. Invariant: each transaction begins
 * with the job's row by token and the move's row locked, so that a worker that
 * lost the move writes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption.h"
#include "modules/spot/move_inner.h"
#include "modules/spot/signal.h"

enum { ERROR_MAX = 450, LOOKS = 20, FAR_S = 300 };

static bool
is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static const char *
cut(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strnlen(s, ERROR_MAX));
}

/* ---- transactions ------------------------------------------------------------------ */

/* Locks job and move. 1: the move is over, or another job has it. */
int
spot_saga_begin(struct spot_saga *g, struct err *e)
{
	struct job_ctx *c = g->c;
	struct uuid id = g->m.id;
	int rc;

	if (job_begin(c, e) == -1)
		return -1;
	rc = spot_move_lock(c->db, g->a, c->tenant, id, &g->m, e);
	if (rc == -1)
		return -1;
	if (rc == 0 && g->m.ended_at.us == 0 && !is(g->m.state, "parked") &&
	    uuid_equal(g->m.job_id, c->id))
		return 0;
	g->closed = true;
	return job_finish(c, e) == -1 || db_commit(c->db, e) == -1 ? -1 : 1;
}

/* Ends this job; the move goes on at an instant by another. */
int
spot_saga_leave(struct spot_saga *g, int64_t wait_s, struct err *e)
{
	struct utc at = { clock_now().us + wait_s * US_PER_S };

	if (job_finish(g->c, e) == -1 ||
	    spot_move_enqueue(g->c->db, g->a, &g->m, at, e) == -1)
		return -1;
	g->closed = true;
	return 0;
}

int
spot_saga_commit(struct spot_saga *g, struct err *e)
{
	if (spot_move_update(g->c->db, &g->m, e) == -1)
		return -1;
	return db_commit(g->c->db, e);
}

static int
over(struct spot_saga *g, const char *state, const char *code,
    const char *text, struct err *e)
{
	if (spot_move_end(g->c->db, g->a, &g->m, state, code, text, e) == -1 ||
	    job_finish(g->c, e) == -1)
		return -1;
	g->closed = true;
	return db_commit(g->c->db, e);
}

int
spot_saga_row(struct spot_saga *g, const char *state, const struct spot_look *l,
    struct err *e)
{
	char token[MOVE_TOKEN];
	struct spot_move_step *s = &g->s;

	*s = (struct spot_move_step){ .move_id = g->m.id, .step = g->m.step,
	    .attempt = g->has_row ? s->attempt + 1 : 1,
	    .tenant_id = g->m.tenant_id, .act = l->act != NULL ? l->act : "",
	    .request = { l->request.p != NULL ? l->request.p : "{}" },
	    .response = { "{}" }, .state = state, .sends = 1,
	    .error_code = "", .error = "", .started_at = clock_now() };
	s->token = arena_strdup(g->a, spot_move_token(s->move_id, s->step,
	    s->attempt, token));
	g->has_row = true;
	return spot_step_put(g->c->db, s, e);
}

static bool
open_row(const struct spot_saga *g)
{
	return g->has_row && (is(g->s.state, "intent") ||
	    is(g->s.state, "waiting"));
}

static int
close_row(struct spot_saga *g, const char *state, const char *response,
    const char *code, const char *text, struct err *e)
{
	struct spot_look none = { .act = "" };
	struct str s;

	if (!open_row(g) && spot_saga_row(g, state, &none, e) == -1)
		return -1;
	str_init(&s, g->a);
	str_add(&s, "{\"note\":");
	str_json(&s, response);
	str_addc(&s, '}');
	g->s.state = state;
	g->s.response = (struct json){ s.p };
	g->s.error_code = code;
	g->s.error = cut(g->a, text);
	g->s.ended_at = clock_now();
	return spot_step_update(g->c->db, &g->s, e);
}

/* ---- going on, going back ---------------------------------------------------------- */

/* What a step has found out, into the row. */
static int
apply(struct spot_saga *g, struct err *e)
{
	struct spot_facts *f = &g->f;
	struct spot_move *m = &g->m;

	m->asg = f->asg != NULL ? f->asg : m->asg;
	m->new_instance = f->new_instance != NULL ? f->new_instance :
	    m->new_instance;
	m->new_pool = f->new_pool != NULL ? f->new_pool : m->new_pool;
	m->template_id = f->template_id != NULL ? f->template_id :
	    m->template_id;
	m->template_version = f->template_version != NULL ?
	    f->template_version : m->template_version;
	m->image_id = f->image_id != NULL ? f->image_id : m->image_id;
	if (f->places.p != NULL)
		m->places = f->places;
	m->holds = f->let_go ? false : f->hold ? true : m->holds;
	if (f->adopt_gone)
		m->adopt = "";
	if (f->relaunch)
		m->reserved_at = (struct utc){ 0 };	/* caps once more */
	return f->has_room && f->let_go ? spot_move_group_drop(g->c->db, &f->room,
	    e) : 0;
}

/* Pools that gave, or had, no capacity: what the risk model learns from. */
static int
learn(struct spot_saga *g, const char *kind, const char *az,
    const char *type, struct err *e)
{
	int64_t pool;

	return spot_signal_put_named(g->c->db, g->a, g->simulated ?
	    "simulated" : "aws", g->m.region, az, type, "Linux/UNIX", kind, 1,
	    clock_now(), &pool, e);
}

static int
learn_slice(struct spot_saga *g, const char *kind,
    const struct spot_move_slice *s, struct err *e)
{
	if (strcmp(s->lifecycle, "spot") != 0)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		if (learn(g, kind, s->v[i].az, s->v[i].instance_type, e) ==
		    -1)
			return -1;
	return 0;
}

/* Those who wait for this move, in the transaction that stores it. */
static int
tell_others(struct spot_saga *g, struct err *e)
{
	struct spot_move *m = &g->m;
	struct db *db = g->c->db;
	struct utc now = clock_now();
	bool served = m->step == SM_SERVE || (m->step == SM_READY &&
	    !spot_move_applies(m, SM_SERVE));

	if (m->step == SM_LAUNCH && g->f.gave_az != NULL &&
	    learn(g, "launch_ok", g->f.gave_az, g->f.gave_type, e) == -1)
		return -1;
	if (served && !g->f.relaunch && spot_interruption_served(db, g->a,
	    m->tenant_id, m->id, m->new_instance, now, e) == -1)
		return -1;
	return m->step != SM_OUT ? 0 : spot_interruption_drained(db, g->a,
	    m->tenant_id, m->id, now, e);
}

/* The step is done: the next one, or the end. */
int
spot_saga_done(struct spot_saga *g, const char *state, const char *note, struct err *e)
{
	struct spot_move *m = &g->m;
	int64_t next;
	int rc = spot_saga_begin(g, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (close_row(g, state, note, "", "", e) == -1 || apply(g, e) == -1)
		return -1;
	if (m->started_at.us == 0)
		m->started_at = clock_now();
	if (is(m->state, "ready"))
		m->state = "running";
	if (tell_others(g, e) == -1 ||
	    spot_move_tell(g->c->db, EV_STEP, m, note, e) == -1)
		return -1;
	next = g->f.adopt_gone ? SM_CHECK : g->f.relaunch ? SM_LAUNCH :
	    spot_move_after(m, m->step);
	if (next == SM_DONE)
		return over(g, "succeeded", "", "", e);
	if (next == SM_UNDONE)
		return over(g, m->cancel ? "cancelled" : "failed",
		    m->error_code, m->error, e);
	m->step = next;
	m->wakes_at = (struct utc){ clock_now().us + FAR_S * US_PER_S };
	return spot_saga_commit(g, e);
}

/* Inside a transaction: this step failed for good; undo what was done. */
int
spot_saga_back_in(struct spot_saga *g, const char *code, const char *text,
    struct err *e)
{
	struct spot_move *m = &g->m;
	int64_t next = spot_move_undo(m, m->step);

	if (open_row(g) && close_row(g, "failed", "", code, text, e) == -1)
		return -1;
	m->error_code = code;
	m->error = cut(g->a, text);
	if (spot_move_tell(g->c->db, EV_STEP, m, m->error, e) == -1)
		return -1;
	if (next == SM_UNDONE)
		return over(g, m->cancel ? "cancelled" : "failed", code,
		    m->error, e);
	m->state = "undoing";
	m->step = next;
	return spot_saga_commit(g, e);
}

int
spot_saga_back(struct spot_saga *g, const char *code, const char *text, struct err *e)
{
	int rc = spot_saga_begin(g, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	return spot_saga_back_in(g, code, text, e);
}

/* It waits for something of the cloud's. */
int
spot_saga_pause(struct spot_saga *g, const char *note, int64_t s, struct err *e)
{
	struct spot_look l = { .act = "" };
	int rc = spot_saga_begin(g, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (!open_row(g)) {
		if (spot_saga_row(g, "waiting", &l, e) == -1)
			return -1;
	} else {
		g->s.sends++;
		g->s.error = cut(g->a, note);
		if (spot_step_update(g->c->db, &g->s, e) == -1)
			return -1;
	}
	return spot_saga_leave(g, s, e) == -1 ? -1 : spot_saga_commit(g, e);
}

/* ---- failures ---------------------------------------------------------------------- */

static int
park(struct spot_saga *g, const struct err *why, struct err *e)
{
	struct spot_move *m = &g->m;
	const char *verdict = spot_credential_verdict(why);
	bool told = is(m->told, why->code);

	m->state = "parked";
	m->error_code = m->told = why->code;
	m->error = cut(g->a, why->detail);
	m->wakes_at = clock_now();
	if (verdict != NULL && spot_credential_state(g->c->db, m->account_id,
	    verdict, m->error, m->wakes_at, e) == -1)
		return -1;
	if (!told && spot_move_tell(g->c->db, EV_PARKED, m, m->error, e) == -1)
		return -1;
	if (job_finish(g->c, e) == -1)
		return -1;
	g->closed = true;
	return spot_saga_commit(g, e);
}

/* The same again later; what is counted is the row's sends. */
static int
again(struct spot_saga *g, const struct err *why, struct err *e)
{
	int64_t n = 1;

	if (open_row(g)) {
		n = g->s.sends++;
		g->s.error_code = why->code;
		g->s.error = cut(g->a, why->detail);
		if (spot_step_update(g->c->db, &g->s, e) == -1)
			return -1;
	}
	g->m.error_code = why->code;
	g->m.error = cut(g->a, why->detail);
	n = spot_move_pause(n, g->conf->poll_s);
	if (n > 0 && why->retry_after_s > n)
		n = why->retry_after_s;
	return spot_saga_leave(g, n, e) == -1 ? -1 : spot_saga_commit(g, e);
}

/* No place had room. The next group of pools at once; all of them again
 * only for what is urgent. */
static int
other(struct spot_saga *g, const struct err *why, struct err *e)
{
	struct spot_move *m = &g->m;
	struct spot_move_pool *v;
	struct spot_move_slice slice;
	size_t n;

	if (spot_move_pools_read(g->a, m->places, &v, &n, NULL, e) == -1)
		return -1;
	slice = spot_move_slice(v, n, g->has_row ? g->s.attempt : 1);
	if (close_row(g, "failed", "", why->code, why->detail, e) == -1 ||
	    learn_slice(g, "launch_ice", &slice, e) == -1)
		return -1;
	if (!slice.last)
		return spot_saga_commit(g, e);
	if (!m->urgent || clock_now().us > m->deadline.us)
		return spot_saga_back_in(g, "no_capacity", why->detail, e);
	return spot_saga_leave(g, g->conf->poll_s, e) == -1 ? -1 : spot_saga_commit(g, e);
}

/* It did not happen, as things stand: look again, with another attempt. */
static int
look_again(struct spot_saga *g, const struct err *why, struct err *e)
{
	bool forward = g->m.step >= SM_OUT;
	int64_t attempt;

	if (close_row(g, "failed", "", why->code, why->detail, e) == -1)
		return -1;
	attempt = g->s.attempt;
	if (attempt >= LOOKS)
		return forward ? park(g, why, e) : spot_saga_back_in(g, why->code,
		    why->detail, e);
	return spot_saga_leave(g, spot_move_pause(attempt, g->conf->poll_s), e) == -1 ?
	    -1 : spot_saga_commit(g, e);
}

int
spot_saga_failed(struct spot_saga *g, const struct err *why, struct err *e)
{
	enum spot_move_verdict v = spot_move_judge(&g->m, g->m.step,
	    why->code != NULL ? why->code : "aws_transient");
	int rc = spot_saga_begin(g, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	switch (v) {
	case MOVE_AGAIN: return again(g, why, e);
	case MOVE_OTHER: return other(g, why, e);
	case MOVE_BACK: return spot_saga_back_in(g, why->code, why->detail, e);
	case MOVE_LOOK: return look_again(g, why, e);
	case MOVE_PARK: return park(g, why, e);
	}
	return -1;
}
