/*
 * Reserving many moves at once: hundreds of warnings in a second cost the
 * statements of a few. Refuses nothing that one alone would not: what is not
 * plain, and all of them when the switch or a cap says no, goes the way of
 * one (move_ops.c). Invariant: as there, a move is ready only in a transaction
 * that asked the switch, took the caps and enqueued its job.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/move_inner.h"

struct many {
	struct db *db;
	struct arena *a;
	struct event_pack *told;
	struct spot_move_new *v;
	size_t n;
	struct utc now;
	/* the plain ones */
	size_t of[SPOT_MOVES_AT_ONCE], plain;
	struct spot_move m[SPOT_MOVES_AT_ONCE];
};

static bool
launches(const struct spot_move_new *n)
{
	return strcmp(n->kind, "launch") == 0;
}

static bool
named(const struct rows *r, const char *instance)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(ROW(r, struct spot_move, i)->instance_id,
		    instance) == 0)
			return true;
	return false;
}

static bool
twice(const struct many *k, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!launches(&k->v[i]) && !launches(&k->v[at]) &&
		    strcmp(k->v[i].target, k->v[at].target) == 0)
			return true;
	return false;
}

/* The plain ones: urgent, a launch of their own, no other move there. */
static int
choose(struct many *k, struct err *e)
{
	const char *ids[SPOT_MOVES_AT_ONCE];
	struct rows live = { 0 }, proposed = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		if (!launches(&k->v[i]) && k->v[i].target != NULL)
			ids[n++] = k->v[i].target;
	if (n > 0 && spot_move_open(k->db, k->a, k->v[0].account,
	    k->v[0].region, ids, n, &live, &proposed, e) == -1)
		return -1;
	for (size_t i = 0; i < k->n; i++) {
		const struct spot_move_new *w = &k->v[i];

		if (w->code != NULL || !w->urgent || w->adopt != NULL ||
		    w->npools == 0 || (!launches(w) && (twice(k, i) ||
		    named(&live, w->target) || named(&proposed, w->target))))
			continue;
		k->of[k->plain] = i;
		spot_move_shape(k->a, w, k->now, &k->m[k->plain++]);
	}
	return 0;
}

/* 0 they may begin, 1 not all of them, -1. */
static int
may_begin(struct many *k, struct err *e)
{
	struct dec price = { 0 };
	struct spot_move m = k->m[0];
	int rc;

	for (size_t i = 0; i < k->plain; i++)
		price.e8 += k->m[i].price.e8;
	rc = spot_move_may_act(k->v[0].env, k->db, k->a, &m,
	    (int64_t)k->plain, price, k->now, e);
	for (size_t i = 0; rc == 0 && i < k->plain; i++) {
		k->m[i].reserved_at = m.reserved_at;
		k->m[i].state = "ready";
	}
	return rc;
}

static int
enqueue(struct many *k, struct err *e)
{
	struct job_many jobs[SPOT_MOVES_AT_ONCE];
	struct spot_id_in in[SPOT_MOVES_AT_ONCE];
	char key[SPOT_MOVES_AT_ONCE][UUID_TEXT];
	const struct job_options o = { .priority = "critical",
	    .actor = k->m[0].created_by };

	for (size_t i = 0; i < k->plain; i++) {
		in[i] = (struct spot_id_in){ k->m[i].id };
		jobs[i] = (struct job_many){ .in = &in[i],
		    .unique = uuid_format(k->m[i].id, key[i]) };
	}
	if (job_enqueue_many(k->db, k->a, &spot_move_jobs[0],
	    k->m[0].tenant_id, jobs, k->plain, &o, k->told, e) == -1)
		return -1;
	for (size_t i = 0; i < k->plain; i++) {
		k->m[i].job_id = jobs[i].id;
		k->m[i].wakes_at = k->now;
	}
	return 0;
}

static int
store(struct many *k, struct err *e)
{
	if (enqueue(k, e) == -1 || spot_move_insert(k->db, k->m, k->plain,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < k->plain; i++) {
		struct spot_move_new *w = &k->v[k->of[i]];

		w->state = k->m[i].state;
		spot_move_tell_pack(k->told, EV_STARTED, &k->m[i],
		    w->why != NULL ? w->why : "");
	}
	return 0;
}

static void
wish(struct arena *a, struct spot_move_new *w)
{
	struct err e = { 0 };

	if (uuid_is_nil(w->id))
		w->id = uuid_new();
	w->state = w->code = w->refusal = NULL;
	if (spot_move_wish(w, &e) == 0)
		return;
	w->code = "plan";
	w->refusal = arena_strdup(a, e.detail);
}

int
spot_move_reserve_many(struct db *db, struct arena *a,
    struct spot_move_new *v, size_t n, struct event_pack *told,
    struct err *e)
{
	struct many k = { .db = db, .a = a, .told = told, .v = v, .n = n,
	    .now = clock_now() };
	struct spot_account acc;
	int rc = 0;

	ASSERT(db_in_txn(db) && n > 0 && n <= SPOT_MOVES_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		wish(a, &v[i]);
	if (spot_found(spot_account_by_id(db, a, v[0].tenant, v[0].account,
	    &acc, e), "Account", e) == -1 || choose(&k, e) == -1)
		return -1;
	if (k.plain > 0)
		rc = may_begin(&k, e);
	if (rc == -1 || (rc == 0 && k.plain > 0 && store(&k, e) == -1))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (v[i].state == NULL && v[i].code == NULL &&
		    spot_move_reserve(db, a, &v[i], e) == -1)
			return -1;
	return 0;
}
