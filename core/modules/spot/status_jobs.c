/*
 * The loop in place of silent sources: asks DescribeInstanceStatus for the
 * spot machines of their accounts every 30 seconds, and puts what it finds
 * into the same intake. Ends by itself when the source speaks again. Refuses
 * to guess: a machine is taken only when the cloud's reason says so.
 * Invariant: no transaction is open while the cloud is asked.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/spot/account.h"
#include "modules/spot/act.h"
#include "modules/spot/interruption.h"
#include "modules/spot/provider.h"
#include "modules/spot/status.h"

enum { PERIOD_MS = 10000, ACCOUNT_CAP = 64 << 20, LEASE_S = 120 };

struct asking {
	struct loop_ctx *c;
	struct arena *a;
	const struct spot_source *s;
	struct spot_account acc;
	struct spot_access x;
	const struct spot_acts *acts;
	struct rows running;		/* struct spot_noticed */
	struct utc now;
};

static bool
covers(const struct spot_source *s, const struct spot_noticed *i,
    const char *region)
{
	return strcmp(i->region, region) == 0 &&
	    (*s->region == '\0' || strcmp(s->region, region) == 0);
}

static const struct spot_noticed *
find(const struct asking *k, const char *region, const char *id)
{
	for (size_t i = 0; i < k->running.n; i++) {
		const struct spot_noticed *x = ROW(&k->running,
		    struct spot_noticed, i);

		if (strcmp(x->instance_id, id) == 0 &&
		    strcmp(x->region, region) == 0)
			return x;
	}
	return NULL;
}

/* Reason of the state of one that has ended; "" when it is not said. */
static int
reason_of(struct asking *k, const char *region, const char *id,
    const char **out, struct err *e)
{
	const char *ids[] = { id };
	struct spot_find f = { .region = region, .ids = ids, .n = 1,
	    .dead = true };
	const struct ec2_instance *i;
	struct list l;

	*out = "";
	if (k->acts->describe(&k->x, k->a, &f, &l, e) == -1)
		return -1;
	i = l.items;
	if (l.n > 0 && i->state_reason != NULL)
		*out = i->state_reason;
	return 0;
}

static int
ask_some(struct asking *k, const char *region, const char *const *ids,
    size_t n, struct err *e)
{
	const struct spot_ids who = { region, ids, n };
	struct spot_intake in = { .env = k->c->env, .db = k->c->db,
	    .a = k->a, .source = k->s, .account = &k->acc, .how = "status" };
	struct spot_notice *v;
	struct spot_taken t;
	struct list l;
	size_t m = 0;

	if (k->acts->status(&k->x, k->a, &who, &l, e) == -1)
		return -1;
	v = arena_array(k->a, l.n, sizeof(*v));
	for (size_t i = 0; i < l.n; i++) {
		const struct spot_status *s = (const struct spot_status *)
		    l.items + i;
		const struct spot_noticed *was = find(k, region,
		    s->instance_id);
		const char *reason = "";

		if (was == NULL)
			continue;
		if (spot_status_ended(s) && reason_of(k, region,
		    s->instance_id, &reason, e) == -1)
			return -1;
		if (spot_status_notice(k->a, s, was->state, reason,
		    k->acc.aws_account, region, k->now, &v[m]))
			m++;
	}
	return m == 0 ? 0 : spot_intake_take(&in, v, m, k->now, &t, e);
}

static int
ask_region(struct asking *k, const char *region, struct err *e)
{
	const char *ids[SPOT_IDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < k->running.n; i++) {
		const struct spot_noticed *x = ROW(&k->running,
		    struct spot_noticed, i);

		if (!covers(k->s, x, region))
			continue;
		ids[n++] = x->instance_id;
		if (n < SPOT_IDS_MAX)
			continue;
		if (ask_some(k, region, ids, n, e) == -1)
			return -1;
		n = 0;
	}
	return n == 0 ? 0 : ask_some(k, region, ids, n, e);
}

/* Whether a row before this one is of the same region. */
static bool
seen(const struct rows *rows, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(ROW(rows, struct spot_noticed, j)->region,
		    ROW(rows, struct spot_noticed, i)->region) == 0)
			return true;
	return false;
}

static int
ask_account(struct asking *k, struct err *e)
{
	struct spot_credential c;
	struct loop_ctx *l = k->c;

	if (spot_found(spot_account_by_id(l->db, k->a, k->s->tenant_id,
	    k->s->account_id, &k->acc, e), "Account", e) == -1 ||
	    spot_found(spot_credential_get(l->db, k->a, k->s->tenant_id,
	    k->s->account_id, &c, e), "Credential", e) == -1 ||
	    spot_access_open(&k->x, l->env, k->a, &k->acc, &c, e) == -1 ||
	    spot_provider_of(k->acc.provider)->open(&k->x, e) == -1 ||
	    spot_noticed_running(l->db, k->a, k->s->tenant_id,
	    k->s->account_id, &k->running, e) == -1)
		return -1;
	k->acts = spot_acts_of(k->acc.provider);
	for (size_t i = 0; i < k->running.n; i++)
		if (!seen(&k->running, i) && ask_region(k, ROW(&k->running,
		    struct spot_noticed, i)->region, e) == -1)
			return -1;
	return 0;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	struct rows rows;

	if (spot_source_on(c->db, c->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct asking k = { .c = c,
		    .s = ROW(&rows, struct spot_source, i),
		    .now = clock_now() };
		int rc;

		if (!spot_source_status_due(k.s, k.now))
			continue;
		k.a = arena_new(ACCOUNT_CAP);
		arena_set_secret(k.a);
		err_clear(e);
		rc = ask_account(&k, e);
		arena_free(k.a);
		if (rc == -1 && spot_db_away(e))
			return -1;
		if (rc == -1)
			log_warn("notices", "statuses could not be asked",
			    KV("detail", (const char *)e->detail));
		if (spot_source_asked(c->db, k.s->id, rc == -1 ? e->detail :
		    NULL, k.now, e) == -1)
			return -1;
	}
	err_clear(e);
	return 0;
}

const struct loop spot_status_loops[] = {
	{ .name = "spot.statuses", .doc = "Polls the statuses of machines "
	  "whose source of notices is silent", .period_ms = PERIOD_MS,
	  .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .component = "spot.notices", .lease_s = LEASE_S, .run = run },
	LOOP_END
};
