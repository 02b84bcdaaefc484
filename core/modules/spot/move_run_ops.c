/*
 * One run of a move: look at the cloud, write down what is to be sent, ask
 * the switch, send, write down what came of it; until the move waits, ends or
 * is parked. Invariants: every transaction begins by job_begin(), so that a
 * worker that lost the move writes nothing; nothing is sent that is not
 * committed as an intent; what may have been sent is asked for before it is
 * sent again.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "conf/conf.h"
#include "modules/spot/account.h"
#include "modules/spot/move_inner.h"

enum { RUN_CAP = 64 << 20, TURNS = 200, CALLS_S = 60, STOP_S = 15,
	FAR_S = 300 };

static bool
is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

/* ---- intents ----------------------------------------------------------------------- */

static int
ask_switch(struct spot_saga *g, struct err *e)
{
	char id[UUID_TEXT];
	struct platform_scope scope = { .module = "spot",
	    .tenant = g->m.tenant_id,
	    .account = uuid_format(g->m.account_id, id) };

	if (!spot_move_stoppable(g->m.step))
		return 0;
	return platform_switch_ask(g->c->db, g->a, &scope, e);
}

/* Stopped. What was surely not sent is undone; an end of the old instance
 * that may be under way waits for the release. */
static int
stopped_in(struct spot_saga *g, bool maybe, const struct err *why,
    struct err *e)
{
	if (!is(why->code, "stopped") || (maybe && g->m.step == SM_OUT))
		return spot_saga_leave(g, g->conf->poll_s > 0 ? STOP_S : 0, e) == -1 ?
		    -1 : spot_saga_commit(g, e);
	return spot_saga_back_in(g, "stopped", why->detail, e);
}

/* A launch beyond the one that was reserved takes its caps itself. */
static int
take_caps(struct spot_saga *g, struct spot_take *t, struct err *e)
{
	struct spot_move *m = &g->m;
	int rc;

	if (m->step != SM_LAUNCH || g->resumed || m->reserved_at.us != 0)
		return 0;
	*t = (struct spot_take){ .tenant = m->tenant_id,
	    .account = m->account_id, .now = clock_now(), .launches = 1,
	    .spend = { m->price.e8 * 24 }, .conf = g->conf };
	rc = spot_budget_take(g->c->db, g->a, t, e);
	if (rc == 0)
		m->reserved_at = t->now;
	return rc;
}

/* Writes the intent. 0 send it, 1 something else was decided, -1. */
static int
intend(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	struct err why = { 0 };
	struct spot_take t;
	int rc = spot_saga_begin(g, e);

	if (rc != 0)
		return rc;
	if (g->m.cancel && g->m.step <= SM_OUT && !(g->m.step == SM_OUT &&
	    g->resumed))
		return spot_saga_back_in(g, "cancelled", g->m.error, e) == -1 ? -1 : 1;
	if (ask_switch(g, &why) == -1) {
		if (db_in_txn(g->c->db) && why.status == 409)
			return stopped_in(g, g->resumed, &why, e) == -1 ?
			    -1 : 1;
		*e = why;
		return -1;
	}
	if (spot_move_room(g, l, e) == -1)
		return -1;
	if (l->found == FOUND_WAIT) {
		db_rollback(g->c->db);
		return 1;
	}
	rc = take_caps(g, &t, e);
	if (rc == 1)
		return spot_saga_back_in(g, t.word, t.text, e) == -1 ? -1 : 1;
	if (rc == -1)
		return -1;
	if (g->resumed) {
		g->s.sends++;
		if (spot_step_update(g->c->db, &g->s, e) == -1)
			return -1;
	} else if (spot_saga_row(g, "intent", l, e) == -1)
		return -1;
	if (g->f.hold || g->f.let_go_now)
		g->m.holds = g->f.hold;
	if (g->f.hold && g->f.has_room &&
	    spot_move_group_put(g->c->db, &g->f.room, e) == -1)
		return -1;
	if (g->m.started_at.us == 0)
		g->m.started_at = clock_now();
	if (is(g->m.state, "ready"))
		g->m.state = "running";
	g->m.wakes_at = (struct utc){ clock_now().us + FAR_S * US_PER_S };
	return spot_saga_commit(g, e);
}

static int
send(struct spot_saga *g, struct spot_look *l, struct err *e)
{
	const char *response = "";
	struct err why = { 0 };
	int rc = intend(g, l, e);

	if (rc == 1 && l->found == FOUND_WAIT && !g->closed)
		return spot_saga_pause(g, l->note, g->conf->poll_s, e);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	/* again, right before it goes out: a stop since the commit holds */
	if (ask_switch(g, &why) == -1) {
		rc = spot_saga_begin(g, e);
		return rc != 0 ? (rc == 1 ? 0 : -1) :
		    stopped_in(g, g->resumed, &why, e);
	}
	if (spot_move_send(g, &response, &why) == -1)
		return spot_saga_failed(g, &why, e);
	return spot_saga_done(g, "done", response, e);
}

/* ---- a turn ------------------------------------------------------------------------ */

/* NULL, or why a move that may still turn back does. */
static const char *
turn_back(const struct spot_saga *g)
{
	const struct spot_move *m = &g->m;

	if (m->step > SM_OUT || (m->step == SM_OUT && g->resumed))
		return NULL;
	if (m->cancel)
		return "cancelled";
	/* what is under notice is late in any case: it goes on */
	if (!m->urgent && m->deadline.us != 0 &&
	    clock_now().us > m->deadline.us)
		return "deadline";
	return NULL;
}

static int
turn(struct spot_saga *g, struct err *e)
{
	struct spot_look l = { .found = FOUND_WAIT };
	struct err why = { 0 };
	const char *word;
	int rc = spot_step_last(g->c->db, g->a, g->m.id, g->m.step, &g->s, e);

	if (rc == -1)
		return -1;
	g->has_row = rc == 0;
	g->resumed = rc == 0 && is(g->s.state, "intent");
	g->f = (struct spot_facts){ .asg = NULL };
	word = turn_back(g);
	if (word != NULL)
		return spot_saga_back(g, word, is(word, "deadline") ?
		    "It was not done by its deadline" : g->m.error, e);
	if (spot_move_look(g, &l, &why) == -1)
		return spot_saga_failed(g, &why, e);
	switch (l.found) {
	case FOUND_DONE:
		return spot_saga_done(g, g->resumed || l.act == NULL ? "done" :
		    "skipped", l.note, e);
	case FOUND_WAIT:
		return spot_saga_pause(g, l.note, g->conf->poll_s, e);
	case FOUND_SEND:
		return send(g, &l, e);
	}
	return -1;
}

/* ---- a run ------------------------------------------------------------------------- */

int
spot_move_enter(struct env *env, struct arena *a, struct uuid tenant,
    struct uuid account, struct spot_access *x, const char **provider,
    struct err *e)
{
	struct spot_account acc;
	struct spot_credential c;

	if (spot_found(spot_account_by_id(env->db, a, tenant, account, &acc,
	    e), "Account", e) == -1 || spot_found(spot_credential_get(env->db,
	    a, tenant, account, &c, e), "Credential", e) == -1 ||
	    spot_access_open(x, env, a, &acc, &c, e) == -1)
		return -1;
	*provider = acc.provider;
	x->deadline_ns = clock_boot_ns() + INT64_C(1000000000) * CALLS_S;
	return spot_provider_of(acc.provider)->open(x, e);
}

/* Errors of ours are tried again by the queue; those of the cloud are the
 * move's. */
static int
enter(struct spot_saga *g, struct err *e)
{
	struct env *env = arena_memdup(g->a, g->c->env, sizeof(*env));
	struct err why = { 0 };
	const char *provider = "";
	int rc;

	env->db = g->c->db;
	rc = spot_move_enter(env, g->a, g->m.tenant_id, g->m.account_id,
	    &g->x, &provider, &why);
	g->simulated = is(provider, "simulated");
	if (g->acts == NULL)
		g->acts = spot_acts_of(provider);
	if (rc == 0)
		return platform_installation(g->c->db, g->a, &g->who, e);
	if (why.code == NULL || strncmp(why.code, "db_", 3) == 0) {
		*e = why;
		return -1;
	}
	rc = spot_step_last(g->c->db, g->a, g->m.id, g->m.step, &g->s, e);
	if (rc == -1)
		return -1;
	g->has_row = rc == 0;
	return spot_saga_failed(g, &why, e);
}

static int
run(struct spot_saga *g, struct err *e)
{
	int rc = spot_move_by_id(g->c->db, g->a, g->c->tenant, g->m.id,
	    &g->m, e);

	if (rc != 0 || g->m.ended_at.us != 0 || is(g->m.state, "parked") ||
	    !uuid_equal(g->m.job_id, g->c->id))
		return rc == -1 ? -1 : 0;
	if (enter(g, e) == -1)
		return -1;
	for (int i = 0; i < TURNS && !g->closed; i++) {
		if (i > 0 && (job_stopping(g->c) || clock_boot_ns() >
		    g->x.deadline_ns)) {
			rc = spot_saga_begin(g, e);
			if (rc != 0)
				return rc == 1 ? 0 : -1;
			return spot_saga_leave(g, 0, e) == -1 ? -1 : spot_saga_commit(g, e);
		}
		if (turn(g, e) == -1)
			return -1;
	}
	return 0;
}

enum job_rc
spot_move_run(struct job_ctx *c, struct uuid id,
    const struct spot_acts *acts)
{
	struct spot_saga g = { .c = c, .a = arena_new(RUN_CAP),
	    .acts = acts, .m = { .id = id },
	    .conf = conf_get(c->env->conf, &spot_move_settings) };
	struct err e = { 0 };
	int rc;

	arena_set_secret(g.a);
	rc = run(&g, &e);
	if (db_in_txn(c->db))
		db_rollback(c->db);
	arena_free(g.a);
	if (rc == 0)
		return JOB_DONE;
	c->finished = false;
	c->err = e;
	return JOB_RETRY;
}
