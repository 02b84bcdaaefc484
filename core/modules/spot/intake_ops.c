/*
 * Taking a batch of notices in one transaction: judges whose they are,
 * remembers each event, lets interruption_ops.c answer, publishes and counts.
 * Refuses what is of another account or region, what was taken before, and
 * what is too old to know. Invariants: an event has its effect once, however
 * often and in whatever order it comes; a message of one tenant reads and
 * writes rows of that tenant only.
 */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "events/event.h"
#include "modules/spot/account.h"
#include "modules/spot/interruption_inner.h"
#include "modules/spot/scan.h"
#include "shm/shm.h"

enum { TRIES = 3 };

static const struct metric_label outcome_label = { "outcome",
    (const char *const[]){ "accepted", "duplicate", "foreign", "forged",
    "malformed", "late", NULL } };
const struct metric spot_notices_total = { "spot_notices_total",
    "Notices of the cloud by what became of them", METRIC_COUNTER,
    { &outcome_label } };
const struct metric spot_interruption_seconds = {
    "spot_interruption_seconds", "From a notice's coming to the commit of "
    "its replacement's request", METRIC_HISTOGRAM, { NULL } };

static int
look_up(struct spot_taking *t, const char *region, const char *const *ids,
    size_t n, struct err *e)
{
	struct rows rows;

	if (spot_noticed_get(t->in->db, t->in->a, t->in->account, region, ids,
	    n, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		*VEC_ADD(t->in->a, &t->noticed) = *ROW(&rows,
		    struct spot_noticed, i);
	return 0;
}

/* Their interruptions, locked, as far as any of the notices may care. */
static int
know_some(struct spot_taking *t, const char *region, const char *const *ids,
    size_t n, struct err *e)
{
	struct rows rows;

	if (spot_interruption_known(t->in->db, t->in->a, t->in->account,
	    region, ids, n, t->v[0]->at, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		*VEC_ADD(t->in->a, &t->known) = *ROW(&rows,
		    struct spot_interruption, i);
	return 0;
}

/* All instances that are named, ten of a region at a time. */
static int
each_ten(struct spot_taking *t, int (*fn)(struct spot_taking *, const char *,
    const char *const *, size_t, struct err *), struct err *e)
{
	const char *ids[NOTICE_BATCH], *region = "";
	size_t k = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->v[i]->n; j++) {
			if (k == NOTICE_BATCH || strcmp(region,
			    t->v[i]->region) != 0) {
				if (k > 0 && fn(t, region, ids, k, e) == -1)
					return -1;
				k = 0;
			}
			region = t->v[i]->region;
			ids[k++] = t->v[i]->instances[j];
		}
	return k == 0 ? 0 : fn(t, region, ids, k, e);
}

/* A further attempt begins with nothing of the last one. */
static void
begin(struct spot_taking *t)
{
	memset(&t->pending, 0, sizeof(t->pending));
	memset(&t->done, 0, sizeof(t->done));
	memset(&t->made, 0, sizeof(t->made));
	memset(&t->lost, 0, sizeof(t->lost));
	memset(&t->ends, 0, sizeof(t->ends));
	memset(&t->marks, 0, sizeof(t->marks));
	memset(&t->signals, 0, sizeof(t->signals));
	memset(&t->known, 0, sizeof(t->known));
	t->told = event_pack_new(t->in->a);
	t->rescan = false;
	t->requested = 0;
}

static int
apply_notice(struct spot_taking *t, const struct spot_notice *n, struct err *e)
{
	t->t.accepted++;
	if (n->kind == NOTICE_OTHER)
		return 0;
	for (size_t i = 0; i < n->n; i++) {
		struct spot_item *it = arena_alloc(t->in->a, sizeof(*it));

		it->n = n;
		it->instance = n->instances[i];
		if (spot_item_apply(t, it, e) == -1)
			return -1;
	}
	return 0;
}

static int
apply_fresh(struct spot_taking *t, struct err *e)
{
	const struct spot_account *acc = t->in->account;
	const char **ids = arena_array(t->in->a, t->n, sizeof(*ids));
	bool *fresh = arena_array(t->in->a, t->n, sizeof(*fresh));

	for (size_t i = 0; i < t->n; i++)
		ids[i] = t->v[i]->event_id;
	if (spot_notice_remember(t->in->db, t->in->a, acc->tenant_id, acc->id,
	    "event", ids, t->n, t->now, fresh, e) == -1)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (!fresh[i])
			t->t.duplicates++;
		else if (apply_notice(t, t->v[i], e) == -1)
			return -1;
	return 0;
}

static int
use_nonce(struct spot_taking *t, struct err *e)
{
	const struct spot_source *s = t->in->source;
	bool fresh = true;

	if (t->in->nonce != NULL && spot_notice_remember(t->in->db, t->in->a,
	    s->tenant_id, s->account_id, "nonce", &t->in->nonce, 1, t->now,
	    &fresh, e) == -1)
		return -1;
	return fresh ? 0 : err_set(e, 401, "replayed",
	    "This nonce was used before");
}

static int
apply(struct db *db, void *arg, struct err *e)
{
	struct spot_taking *t = arg;
	const struct spot_taken counted = t->t;
	const struct spot_account *acc = t->in->account;
	struct spot_scan scan;
	int rc;

	begin(t);
	rc = use_nonce(t, e);
	if (rc == 0)
		rc = each_ten(t, know_some, e);
	if (rc == 0)
		rc = apply_fresh(t, e);
	if (rc == 0)
		rc = spot_items_settle(t, e);
	if (rc == 0 && t->rescan)
		rc = spot_scan_queue(db, t->in->a, acc->tenant_id, acc->id,
		    "inventory", "notice", t->now, &scan, e);
	if (rc == 0)
		rc = event_pack_publish(db, t->told, e);
	if (rc == 0)
		rc = spot_source_count(db, t->in->source->id, &t->t, t->now,
		    e);
	if (rc == -1)
		t->t = counted;		/* a further attempt counts anew */
	return rc;
}

static void
count_metrics(const struct spot_taken *t)
{
	const int64_t n[] = { t->accepted, t->duplicates, t->strangers,
	    t->forged, t->malformed, t->late };

	for (size_t i = 0; i < NITEMS(n); i++)
		if (n[i] > 0)
			metric_add(&spot_notices_total, i, 0, (uint64_t)n[i]);
}

/* Drops what is not ours; the rest in the order it happened. */
static void
sort_out(struct spot_taking *t, struct spot_notice *v, size_t n)
{
	const struct spot_intake *in = t->in;

	t->v = arena_array(in->a, n, sizeof(*t->v));
	for (size_t i = 0; i < n; i++)
		switch (spot_notice_judge(&v[i], in->account->aws_account,
		    in->source->region, t->now)) {
		case NOTICE_FOREIGN:
			t->t.strangers++;
			break;
		case NOTICE_LATE:
			t->t.late++;
			break;
		case NOTICE_MINE:
			t->v[t->n++] = &v[i];
			break;
		}
	spot_notice_sort(t->v, t->n);
}

/* Two who open the matter of one machine at the same instant: the key lets
 * one of them, the other looks again and finds it. */
static int
run(struct spot_taking *t, struct err *e)
{
	for (int i = 0;; i++) {
		if (db_txn(t->in->db, t->in->a, apply, t, e) == 0)
			return 0;
		if (i == TRIES || e->code == NULL ||
		    strcmp(e->code, "duplicate") != 0)
			return -1;
		err_clear(e);
	}
}

static int
take(const struct spot_intake *in, struct spot_notice *v, size_t n,
    int64_t malformed, struct utc now, struct spot_taken *out, struct err *e)
{
	struct spot_taking t = { .in = in, .now = now,
	    .t = { .malformed = malformed }, .since_ns = clock_boot_ns() };

	*out = (struct spot_taken){ 0 };
	if (!uuid_equal(in->source->tenant_id, in->account->tenant_id) ||
	    !uuid_equal(in->source->account_id, in->account->id))
		return err_set(e, 500, "source", "The source is of another "
		    "account");
	t.market = in->market != NULL ? in->market : spot_pool_cache_new(in->a);
	sort_out(&t, v, n);
	if (spot_notice_policy_get(in->db, in->a, in->account->tenant_id,
	    in->account->id, &t.policy, e) == -1 ||
	    each_ten(&t, look_up, e) == -1 || run(&t, e) == -1)
		return -1;
	for (size_t i = 0; i < t.requested; i++)
		metric_observe_ns(&spot_interruption_seconds, 0, 0,
		    (uint64_t)(clock_boot_ns() - t.since_ns));
	count_metrics(&t.t);
	*out = t.t;
	return 0;
}

int
spot_intake_take(const struct spot_intake *in, struct spot_notice *v,
    size_t n, struct utc now, struct spot_taken *out, struct err *e)
{
	return take(in, v, n, 0, now, out, e);
}

int
spot_intake_texts(const struct spot_intake *in, const struct spot_text *v,
    size_t n, struct utc now, struct spot_taken *out, struct err *e)
{
	struct spot_notice *notices = arena_array(in->a, n, sizeof(*notices));
	int64_t bad = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct err why = { 0 };

		if (spot_notice_parse(in->a, v[i].p, v[i].n, &notices[k],
		    &why) == 0) {
			k++;
			continue;
		}
		bad++;
		log_warn("notices", "a message is no notice",
		    KV("source", in->how),
		    KV("detail", (const char *)why.detail));
	}
	return take(in, notices, k, bad, now, out, e);
}

/* ---- once more ------------------------------------------------------------- */

struct resuming {
	struct spot_taking *t;
	struct spot_item *it;
	struct uuid id;
};

static int
resume(struct db *db, void *arg, struct err *e)
{
	struct resuming *r = arg;
	struct spot_interruption x;
	int rc = spot_interruption_lock(db, r->t->in->a,
	    r->t->in->account->tenant_id, r->id, &x, e);

	if (rc != 0 || strcmp(x.state, "unknown") != 0)
		return rc == 1 ? 0 : rc;
	begin(r->t);
	r->it->known = &x;
	if (spot_item_resume(r->t, r->it, e) == -1)
		return -1;
	return event_pack_publish(db, r->t->told, e);
}

int
spot_intake_again(struct env *env, struct db *db, struct arena *a,
    const struct spot_interruption *x, struct utc now, struct err *e)
{
	struct spot_account acc;
	struct spot_intake in = { .env = env, .db = db, .a = a,
	    .account = &acc, .how = x->source };
	const char *ids[] = { x->instance_id };
	struct spot_notice n = { .kind = strcmp(x->kind, "interruption") == 0
	    ? NOTICE_INTERRUPTION : NOTICE_REBALANCE, .region = x->region,
	    .event_id = x->event_id, .at = x->noticed_at,
	    .action = x->action };
	struct spot_taking t = { .in = &in, .now = now,
	    .market = spot_pool_cache_new(a) };
	struct spot_item it = { .n = &n, .instance = x->instance_id };
	struct resuming r = { &t, &it, x->id };
	struct rows rows;
	int rc = spot_account_by_id(db, a, x->tenant_id, x->account_id, &acc,
	    e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (spot_noticed_get(db, a, &acc, x->region, ids, 1, &rows, e) == -1)
		return -1;
	if (rows.n == 0)
		return 0;
	it.i = ROW(&rows, struct spot_noticed, 0);
	if (spot_notice_policy_get(db, a, x->tenant_id, x->account_id,
	    &t.policy, e) == -1)
		return -1;
	return db_txn(db, a, resume, &r, e);
}
