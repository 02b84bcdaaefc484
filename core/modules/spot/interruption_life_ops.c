/*
 * What becomes of an interruption after its notice: the replacement serves,
 * the old machine is out, the move ends, a standby's time is over, an
 * instance appears in the inventory late. Refuses to go back: what was told
 * once is not told otherwise. Invariant: the downtime's row is completed in
 * the transaction that learned of it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/instance.h"
#include "modules/spot/interruption.h"

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static int
store(struct db *db, struct spot_interruption *x, struct err *e)
{
	char id[UUID_TEXT];

	if (spot_interruption_update(db, x, e) == -1)
		return -1;
	x->version++;
	x->reaction_ms = x->requested_at.us > x->received_at.us ?
	    (double)(x->requested_at.us - x->received_at.us) / 1e3 : 0;
	return event_publish(db, &spot_interruption_events[0], x->tenant_id,
	    uuid_format(x->id, id), x->version, x, e);
}

/* Serving and out of service are known: so is what was missing. */
static int
complete(struct db *db, struct arena *a, const struct spot_interruption *x,
    const char *cause, const char *detail, struct utc at, struct err *e)
{
	struct spot_downtime d;
	int rc = spot_downtime_get(db, a, x->id, &d, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;	/* a standby: nothing went */
	d.requested_at = x->requested_at;
	d.serving_at = x->served_at;
	d.drained_at = x->drained_at;
	if (cause != NULL) {
		d.cause = cause;
		d.detail = detail;
	}
	/* nobody told when it went: the cloud did, with the notice */
	if (d.drained_at.us == 0 && x->ended_at.us != 0)
		d.drained_at = x->deadline_at;
	if (d.serving_at.us != 0 && d.drained_at.us != 0) {
		d.gap_s = spot_downtime_gap(&d);
		d.has_gap = true;
		d.closed_at = at;
	} else if (x->ended_at.us != 0)
		d.closed_at = at;
	return spot_downtime_put(db, a, &d, 1, e);
}

int
spot_interruption_served(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid move, const char *instance, struct utc at, struct err *e)
{
	struct spot_interruption x;
	int rc = spot_interruption_by_move(db, a, tenant, move, &x, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	x.replacement = instance;
	if (is(x.state, "replica")) {
		x.why = "The standby is ready";
		return store(db, &x, e);
	}
	if (x.served_at.us != 0)
		return 0;
	x.served_at = at;
	x.state = is(x.state, "replacing") ? "serving" : x.state;
	x.why = "The replacement serves";
	if (store(db, &x, e) == -1)
		return -1;
	return complete(db, a, &x, NULL, NULL, at, e);
}

int
spot_interruption_drained(struct db *db, struct arena *a,
    struct uuid tenant, struct uuid move, struct utc at, struct err *e)
{
	struct spot_interruption x;
	int rc = spot_interruption_by_move(db, a, tenant, move, &x, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (x.drained_at.us != 0)
		return 0;
	x.drained_at = at;
	if (store(db, &x, e) == -1)
		return -1;
	return complete(db, a, &x, NULL, NULL, at, e);
}

int
spot_interruption_ended(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid move, bool good, const char *why, struct utc at,
    struct err *e)
{
	struct spot_interruption x;
	int rc = spot_interruption_by_move(db, a, tenant, move, &x, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (x.ended_at.us != 0)
		return 0;
	if (good && is(x.state, "replica"))
		return 0;	/* it waits for the warning */
	x.state = good ? "replaced" : "failed";
	x.why = good ? "Replaced" : arena_strndup(a, why, strnlen(why, 450));
	x.ended_at = at;
	if (store(db, &x, e) == -1)
		return -1;
	return complete(db, a, &x, good ? NULL : "optimizer_failure", x.why,
	    at, e);
}

/* ---- rehearsal ------------------------------------------------------------------ */

static int
simulated_source(struct db *db, struct arena *a, struct uuid tenant,
    struct uuid account, struct utc now, struct spot_source *out,
    struct err *e)
{
	struct rows rows;

	if (spot_source_simulated(db, now, e) == -1 || spot_source_page(db, a,
	    tenant, account, (struct uuid){ { 0 } }, 100, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		if (is(ROW(&rows, struct spot_source, i)->kind, "simulated")) {
			*out = *ROW(&rows, struct spot_source, i);
			return 0;
		}
	return err_set(e, 500, "source", "The simulated cloud has no source");
}

int
spot_interruption_rehearse(struct env *env, struct arena *a,
    struct uuid tenant, struct uuid account, const char *instance,
    const char *signal, struct utc now, struct spot_interruption *out,
    struct err *e)
{
	struct spot_interruption_filter f = { .tenant = tenant,
	    .account = account, .instance_id = instance, .limit = 1 };
	struct spot_account acc;
	struct spot_source s;
	struct spot_instance i;
	struct spot_taken t;
	struct spot_text text;
	struct rows rows;
	char id[UUID_TEXT];

	if (spot_found(spot_account_by_id(env->db, a, tenant, account, &acc,
	    e), "Account", e) == -1)
		return -1;
	if (!is(acc.provider, "simulated"))
		return err_set(e, 409, "not_simulated", "Only the simulated "
		    "cloud can be told to interrupt");
	if (spot_found(spot_instance_by_name(env->db, a, tenant, instance,
	    &i, e), "Instance", e) == -1)
		return -1;
	if (!uuid_equal(i.account_id, account) || i.gone_at.us != 0 ||
	    !is(i.lifecycle, "spot"))
		return err_set(e, 409, "not_spot",
		    "It is no spot machine of this account that runs");
	if (simulated_source(env->db, a, tenant, account, now, &s, e) == -1)
		return -1;
	text.p = spot_notice_write(a, signal, uuid_format(uuid_new(), id),
	    acc.aws_account, i.region, i.instance_id, now);
	text.n = strlen(text.p);
	if (spot_intake_texts(&(struct spot_intake){ env, env->db, a, &s,
	    &acc, "rehearsal", NULL, NULL }, &text, 1, now, &t, e) == -1 ||
	    spot_interruption_page(env->db, a, &f, &rows, e) == -1)
		return -1;
	if (rows.n == 0)
		return err_set(e, 409, "no_notice",
		    "The notice changed nothing");
	*out = *ROW(&rows, struct spot_interruption, 0);
	return 0;
}

/* ---- upkeep ----------------------------------------------------------------------- */

struct tending {
	const struct env *env;
	struct arena *a;
	struct uuid tenant, id;
	struct utc now;
};

/* Judged again under the lock: what was found may have changed. */
static bool
is_over(const struct spot_interruption *x, struct utc now)
{
	int64_t age = (now.us - x->received_at.us) / US_PER_S;

	if (is(x->state, "unknown"))
		return age >= NOTICE_ACT_S;
	if (is(x->state, "watched") || is(x->state, "refused"))
		return age >= 3600;
	if (is(x->state, "replica"))
		return now.us >= x->replica_until.us;
	if (is(x->state, "replacing") || is(x->state, "serving"))
		return age >= 86400;
	return true;
}

/* Whose time is over. What is replaced, refused or watched leaves the list of
 * open matters; the rows stay. */
static int
close_one(struct db *db, void *arg, struct err *e)
{
	struct tending *t = arg;
	struct spot_interruption x;
	int rc = spot_interruption_lock(db, t->a, t->tenant, t->id, &x, e);

	if (rc != 0 || x.ended_at.us != 0 || !is_over(&x, t->now))
		return rc == 1 ? 0 : rc;
	if (is(x.state, "replica")) {
		if (spot_standin_retire(t->env, db, t->a, &x, e) == -1)
			return -1;
		x.state = "over";
		x.why = "No warning came: the standby is given up";
	} else if (is(x.state, "unknown") || is(x.state, "watched"))
		x.state = "over";
	else if (is(x.state, "replacing") || is(x.state, "serving")) {
		x.state = "failed";
		x.why = "Nothing was heard of its move for a day";
	}
	x.ended_at = t->now;
	if (store(db, &x, e) == -1)
		return -1;
	return complete(db, t->a, &x, is(x.state, "failed") ?
	    "worker_crash" : NULL, x.why, t->now, e);
}

int
spot_interruption_tend(struct env *env, struct db *db, struct arena *a,
    struct utc now, struct err *e)
{
	struct rows rows;

	if (spot_interruption_due(db, a, now, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_interruption *x = ROW(&rows,
		    struct spot_interruption, i);
		struct tending t = { .env = env, .a = a, .tenant = x->tenant_id,
		    .id = x->id, .now = now };

		if (is(x->state, "unknown") && spot_intake_again(env, db,
		    a, x, now, e) == -1)
			return -1;
		if (db_txn(db, a, close_one, &t, e) == -1)
			return -1;
	}
	return 0;
}
