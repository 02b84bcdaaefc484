/*
 * The loops around interruptions: the simulated cloud is asked for its
 * notices, which come in like any others; matters whose time is over are
 * closed; sources that fell silent are told of. Each account by itself: one
 * that fails does not hold up the next.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption.h"
#include "modules/spot/provider.h"

enum { PERIOD_MS = 5000, SIGNAL_HOURS = 3, BATCH = 10,
    ACCOUNT_CAP = 64 << 20 };

/* ---- the simulated cloud ------------------------------------------------------- */

struct asking {
	struct env *env;
	struct db *db;
	struct arena *a;
	const struct spot_source *s;
	struct spot_account acc;
	struct spot_access x;
	struct utc now;
};

static int
open_account(struct asking *k, struct err *e)
{
	struct spot_credential c;

	if (spot_found(spot_account_by_id(k->db, k->a, k->s->tenant_id,
	    k->s->account_id, &k->acc, e), "Account", e) == -1 ||
	    spot_found(spot_credential_get(k->db, k->a, k->s->tenant_id,
	    k->s->account_id, &c, e), "Credential", e) == -1 ||
	    spot_access_open(&k->x, k->env, k->a, &k->acc, &c, e) == -1)
		return -1;
	return spot_provider_of(k->acc.provider)->open(&k->x, e);
}

/* A signal holds for hours and is asked every few seconds: its event's id is
 * the same as long as it is the same signal. */
static const char *
event_of(const struct asking *k, const struct spot_noticed *i,
    const char *signal)
{
	int64_t bucket = k->now.us / US_PER_S / 3600 / SIGNAL_HOURS;

	return spot_notice_write(k->a, signal, arena_printf(k->a,
	    "sim-%s-%s-%lld", i->instance_id, signal, (long long)bucket),
	    k->acc.aws_account, i->region, i->instance_id, k->now);
}

static int
ask_simulated(struct asking *k, struct err *e)
{
	const struct spot_provider *p;
	struct spot_intake in = { .env = k->env, .db = k->db, .a = k->a,
	    .source = k->s, .account = &k->acc, .how = "simulated" };
	struct spot_text v[BATCH];
	struct spot_taken t;
	struct rows rows;
	size_t n = 0;

	if (open_account(k, e) == -1 || spot_noticed_running(k->db, k->a,
	    k->s->tenant_id, k->s->account_id, &rows, e) == -1)
		return -1;
	p = spot_provider_of(k->acc.provider);
	for (size_t i = 0; i < rows.n; i++) {
		const struct spot_noticed *x = ROW(&rows, struct spot_noticed,
		    i);
		const struct ec2_instance m = { .instance_id = x->instance_id,
		    .instance_type = x->instance_type, .az = x->az,
		    .state = x->state, .lifecycle = x->lifecycle };
		const char *signal = p->signal(&k->x, &m, k->now);

		if (strcmp(signal, "NONE") == 0)
			continue;
		v[n].p = event_of(k, x, signal);
		v[n].n = strlen(v[n].p);
		if (++n < BATCH)
			continue;
		if (spot_intake_texts(&in, v, n, k->now, &t, e) == -1)
			return -1;
		n = 0;
	}
	if (n > 0 && spot_intake_texts(&in, v, n, k->now, &t, e) == -1)
		return -1;
	return 0;
}

static int
simulated(struct loop_ctx *c, struct utc now, struct err *e)
{
	struct rows rows;

	if (spot_source_simulated(c->db, now, e) == -1 ||
	    spot_source_kind(c->db, c->a, "simulated", &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct asking k = { .env = c->env, .db = c->db,
		    .a = arena_new(ACCOUNT_CAP),
		    .s = ROW(&rows, struct spot_source, i), .now = now };
		int rc;

		err_clear(e);
		rc = ask_simulated(&k, e);
		arena_free(k.a);
		if (rc == -1 && spot_db_away(e))
			return -1;
		if (rc == -1)
			log_warn("notices", "the simulated cloud was not asked",
			    KV("detail", (const char *)e->detail));
		/* its row is written twice a minute at most */
		if (rc == 0 && now.us - k.s->last_poll_at.us < 30 * US_PER_S)
			continue;
		if (spot_source_polled(c->db, k.s->id, rc == -1 ? e->detail :
		    NULL, now, e) == -1)
			return -1;
	}
	err_clear(e);
	return 0;
}

/* ---- who is silent ---------------------------------------------------------------- */

struct judging {
	struct spot_source *s;
	const char *state;
	struct utc now;
};

static int
turn_state(struct db *db, void *arg, struct err *e)
{
	struct judging *j = arg;
	char id[UUID_TEXT];

	if (spot_source_set_state(db, j->s->id, j->state, j->now, e) == -1)
		return -1;
	j->s->state = j->state;
	j->s->updated_at = j->now;
	return event_publish(db, &spot_source_events[0], j->s->tenant_id,
	    uuid_format(j->s->id, id), 0, j->s, e);
}

static int
judge(struct loop_ctx *c, struct utc now, struct err *e)
{
	struct rows rows;

	if (spot_source_on(c->db, c->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct judging j = { .s = ROW(&rows, struct spot_source, i),
		    .now = now };

		j.state = spot_source_judge(j.s, now);
		if (strcmp(j.state, j.s->state) != 0 && db_txn(c->db, c->a,
		    turn_state, &j, e) == -1)
			return -1;
	}
	return 0;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	struct utc now = clock_now();

	if (simulated(c, now, e) == -1 || judge(c, now, e) == -1)
		return -1;
	return spot_interruption_tend(c->env, c->db, c->a, now, e);
}

const struct loop spot_interruption_loops[] = {
	{ .name = "spot.interruptions", .doc = "Notices of the simulated "
	  "cloud, standbys and matters whose time is over, silent sources",
	  .period_ms = PERIOD_MS, .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .component = "spot.notices", .lease_s = 60, .run = run },
	LOOP_END
};
