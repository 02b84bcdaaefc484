/*
 * The loop that polls queues. Each queue is a small machine of its own:
 * receive, take in one transaction, delete; all of a shard run at once on one
 * thread, so a queue that hangs or refuses harms only itself. Refuses to
 * delete what was not committed. Invariant: between receive and delete there
 * is a commit; a crash in between brings the message again, and the event's
 * key makes that once.
 */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "modules/spot/account.h"
#include "modules/spot/conf.h"
#include "modules/spot/interruption.h"
#include "modules/spot/pace.h"
#include "modules/spot/provider.h"
#include "modules/spot/queue.h"
#include "modules/spot/sqs_wire.h"
#include "net/net.h"
#include "proc/proc.h"

#define S_NS INT64_C(1000000000)

enum {
	SHARDS = 2, LONG_POLL_S = 20, MESSAGES = 10, TURN_S = 40, LEASE_S = 90,
	IDLE_MS = 5000, FAILED_S = 5, PARALLEL = 64, QUEUE_CAP = 32 << 20,
	LANES_N = 3
};

/* One lane of a queue. The first waits for messages; the others help as long
 * as the answers are full, so that a burst is not held up by the way there and
 * back of one call after another. */
struct queue {
	struct queue *first;
	bool hot;			/* of the first: the last answer was
					 * full */
	const struct spot_source *s;
	struct spot_account acc;
	struct spot_access x;
	struct arena *a;		/* of one round */
	const char *receipts[MESSAGES];
	size_t n;			/* to be deleted */
	bool busy, dry, corrected;
	int64_t ready_ns;		/* not before */
	struct utc signed_at;
};

struct round {
	struct env *env;
	struct db *db;
	struct arena *a;
	struct queue *v;
	size_t n, at;
	struct spot_queue_turn *t;
	struct spot_pool_cache *market;
	bool stop;
	struct err err;			/* of the database */
};

/* ---- opening ------------------------------------------------------------------ */

static int
open_queue(struct round *r, struct queue *q, struct err *e)
{
	struct spot_credential c;

	if (spot_found(spot_account_by_id(r->db, r->a, q->s->tenant_id,
	    q->s->account_id, &q->acc, e), "Account", e) == -1 ||
	    spot_found(spot_credential_get(r->db, r->a, q->s->tenant_id,
	    q->s->account_id, &c, e), "Credential", e) == -1 ||
	    spot_access_open(&q->x, r->env, r->a, &q->acc, &c, e) == -1)
		return -1;
	return spot_provider_of(q->acc.provider)->open(&q->x, e);
}

static bool
mine(const struct spot_source *s, const struct spot_queue_turn *t)
{
	return s->id.b[15] % t->shards == t->shard;
}

static void
add_lanes(struct round *r, struct queue *first)
{
	first->first = first;
	for (size_t i = 0; i < LANES_N; i++) {
		if (i > 0)
			first[i] = *first;
		first[i].a = arena_new(QUEUE_CAP);
	}
	r->n += LANES_N;
}

static int
load(struct round *r, struct err *e)
{
	const struct spot_conf *cf = conf_get(r->env->conf, &spot_settings);
	struct utc now = clock_now();
	struct rows rows;

	if (*cf->sqs_endpoint != '\0')
		net_allow(r->env->net, cf->sqs_endpoint);
	if (spot_source_kind(r->db, r->a, "sqs", &rows, e) == -1)
		return -1;
	r->v = arena_array(r->a, rows.n * LANES_N, sizeof(*r->v));
	for (size_t i = 0; i < rows.n; i++) {
		struct queue *q = &r->v[r->n];
		struct err why = { 0 };

		q->s = ROW(&rows, struct spot_source, i);
		if (!mine(q->s, r->t))
			continue;
		if (open_queue(r, q, &why) == 0) {
			add_lanes(r, q);
			continue;
		}
		if (spot_db_away(&why)) {
			*e = why;
			return -1;
		}
		if (spot_source_polled(r->db, q->s->id, why.detail, now, e) ==
		    -1)
			return -1;
		memset(q, 0, sizeof(*q));
	}
	r->t->queues = r->n / LANES_N;
	return 0;
}

/* ---- calls --------------------------------------------------------------------- */

static void
polled(struct round *r, struct queue *q, const char *error)
{
	struct err e = { 0 };

	if (spot_source_polled(r->db, q->s->id, error, clock_now(), &e) ==
	    -1 && spot_db_away(&e)) {
		r->stop = true;
		r->err = e;
	}
}

static struct pace_key
pace_of(const struct queue *q, bool deletes)
{
	return (struct pace_key){ .account = q->acc.id.b,
	    .account_len = sizeof(q->acc.id.b), .region = q->s->region,
	    .action = deletes ? "DeleteMessageBatch" : "ReceiveMessage" };
}

/* Its turn by the rate limit, which all processes of the host keep to; else
 * it is asked again when there is room. */
static bool
its_turn(const struct round *r, struct queue *q, int64_t now)
{
	const struct spot_conf *cf = conf_get(r->env->conf, &spot_settings);
	const struct pace_key k = pace_of(q, q->n > 0);
	int64_t wait;

	if (spot_pace_take(r->env->shm, &k, cf->rate_percent, (uint64_t)now,
	    &wait))
		return true;
	q->ready_ns = now + wait;
	return false;
}

static void
failed(struct round *r, struct queue *q, const struct net_reply *reply,
    const struct err *e)
{
	const struct pace_key k = pace_of(q, q->n > 0);

	if (strcmp(e->code, "aws_throttle") == 0)
		spot_pace_throttled(r->env->shm, &k,
		    (uint64_t)clock_boot_ns());
	if (strcmp(e->code, "aws_clock") == 0 && reply != NULL &&
	    !q->corrected) {
		q->corrected = true;
		(void)spot_aws_clock_correct(&q->x.client, reply,
		    q->signed_at);
		return;
	}
	polled(r, q, e->detail);
	q->ready_ns = clock_boot_ns() + FAILED_S * S_NS;
}

static bool
build(struct round *r, struct queue *q, struct arena *a,
    struct net_call *call)
{
	int64_t left = (r->t->until_boot_ns - clock_boot_ns()) / S_NS;
	int wait = left < r->t->wait_s ? (int)left : r->t->wait_s;
	struct err e = { 0 };
	int rc;

	if (q != q->first)
		wait = 0;
	q->signed_at = clock_now();
	if (q->n > 0)
		rc = spot_sqs_delete(a, &q->x.client, q->s->region,
		    q->s->address, q->receipts, q->n, q->signed_at, call, &e);
	else
		rc = spot_sqs_receive(a, &q->x.client, q->s->region,
		    q->s->address, wait > 0 ? wait : 0, MESSAGES, q->signed_at,
		    call, &e);
	if (rc == -1)
		failed(r, q, NULL, &e);
	return rc == 0;
}

static bool
ready(const struct round *r, const struct queue *q, int64_t now)
{
	if (q->busy || q->ready_ns > now)
		return false;
	if (q != q->first && !q->first->hot && q->n == 0)
		return false;
	/* what is committed is still deleted when the time is over */
	return q->n > 0 || (!q->first->dry && now < r->t->until_boot_ns &&
	    !proc_draining());
}

static bool
next_call(void *arg, struct arena *a, struct net_call *call, void **tag)
{
	struct round *r = arg;
	int64_t now = clock_boot_ns();

	for (size_t k = 0; !r->stop && k < r->n; k++) {
		struct queue *q = &r->v[(r->at + k) % r->n];

		if (!ready(r, q, now) || !its_turn(r, q, now) ||
		    !build(r, q, a, call))
			continue;
		r->at = (r->at + k + 1) % r->n;
		q->busy = true;
		*tag = q;
		return true;
	}
	return false;
}

/* ---- messages -------------------------------------------------------------------- */

static int
take(struct round *r, struct queue *q, const struct sqs_message *m, size_t n,
    struct err *e)
{
	struct spot_intake in = { .env = r->env, .db = r->db, .a = q->a,
	    .source = q->s, .account = &q->acc, .how = "sqs",
	    .market = r->market };
	struct spot_text *texts = arena_array(q->a, n, sizeof(*texts));
	struct spot_taken t;

	for (size_t i = 0; i < n; i++)
		texts[i] = (struct spot_text){ m[i].body, strlen(m[i].body) };
	if (spot_intake_texts(&in, texts, n, clock_now(), &t, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		q->receipts[q->n++] = arena_strdup(q->a, m[i].receipt);
	return 0;
}

/* All in one transaction; when that fails, each by itself, so that one that
 * cannot be taken does not hold up its neighbours. */
static void
messages(struct round *r, struct queue *q, const struct sqs_message *m,
    size_t n)
{
	struct err e = { 0 };

	r->t->messages += n;
	if (take(r, q, m, n, &e) == 0)
		return;
	for (size_t i = 0; n > 1 && i < n && !spot_db_away(&e); i++) {
		err_clear(&e);
		(void)take(r, q, &m[i], 1, &e);
	}
	if (spot_db_away(&e)) {
		r->stop = true;
		r->err = e;
	} else if (q->n < n)
		log_error("notices", "a message could not be taken",
		    KV("queue", q->s->address),
		    KV("detail", (const char *)e.detail),
		    KV("cause", (const char *)e.cause));
}

static void
received(struct round *r, struct queue *q, const struct net_reply *reply,
    struct arena *a)
{
	struct err e = { 0 };
	struct list l;
	const struct sqs_message *m;

	if (spot_sqs_received(a, &q->x.client, reply, q->signed_at, &l, &e) ==
	    -1) {
		failed(r, q, reply, &e);
		return;
	}
	m = l.items;
	q->first->hot = l.n >= MESSAGES;
	if (l.n == 0) {
		polled(r, q, NULL);
		/* short polls are for hosts that look once a minute */
		q->first->dry = r->t->wait_s == 0;
		return;
	}
	arena_reset(q->a);
	messages(r, q, m, l.n < MESSAGES ? l.n : MESSAGES);
}

static void
deleted(struct round *r, struct queue *q, const struct net_reply *reply,
    struct arena *a)
{
	struct err e = { 0 };
	size_t left = 0;

	/* what could not be deleted comes again and is known then */
	if (spot_sqs_deleted(a, &q->x.client, reply, q->signed_at, &left,
	    &e) == -1)
		failed(r, q, reply, &e);
	else
		r->t->deleted += q->n - (left < q->n ? left : q->n);
	q->n = 0;
}

static void
done_call(void *arg, void *tag, struct arena *a,
    const struct net_reply *reply, const struct err *net_err)
{
	struct round *r = arg;
	struct queue *q = tag;
	struct err e;

	q->busy = false;
	if (reply == NULL) {
		e = *net_err;
		spot_aws_net_failed(&e);
		failed(r, q, NULL, &e);
		q->n = 0;
	} else if (q->n > 0)
		deleted(r, q, reply, a);
	else
		received(r, q, reply, a);
}

/* ---- a turn ------------------------------------------------------------------------ */

/* Nanoseconds until some queue may be asked again; -1 = none in this turn. */
static int64_t
pause_ns(const struct round *r)
{
	int64_t now = clock_boot_ns(), best = -1;

	for (size_t i = 0; i < r->n; i++) {
		const struct queue *q = &r->v[i];
		int64_t d = q->ready_ns > now ? q->ready_ns - now : 0;

		if (q->n == 0 && (q != q->first || q->dry || r->t->wait_s == 0 ||
		    now + d >= r->t->until_boot_ns))
			continue;
		if (best == -1 || d < best)
			best = d;
	}
	return r->stop || proc_draining() ? -1 : best;
}

static void
pause_for(int64_t ns)
{
	struct timespec ts = { ns / S_NS, ns % S_NS };

	nanosleep(&ts, NULL);
}

int
spot_queue_run(struct env *env, struct db *db, struct spot_queue_turn *t,
    struct err *e)
{
	struct round r = { .env = env, .db = db, .t = t,
	    .a = arena_new((size_t)64 << 20) };
	const struct net_batch batch = { .next = next_call, .done = done_call,
	    .arg = &r, .max_parallel = PARALLEL };
	int64_t wait;
	int rc;

	arena_set_secret(r.a);
	r.market = spot_pool_cache_new(r.a);
	rc = load(&r, e);
	while (rc == 0 && r.n > 0) {
		rc = net_run(env->net, &batch, e);
		if (rc == -1 || (wait = pause_ns(&r)) == -1)
			break;
		pause_for(wait);
	}
	if (rc == 0 && r.stop) {
		*e = r.err;
		rc = -1;
	}
	for (size_t i = 0; i < r.n; i++)
		arena_free(r.v[i].a);
	arena_free(r.a);
	return rc;
}

/* The first turn of a process does not wait: hosts without a worker run
 * nothing but first turns. */
static int
run(struct loop_ctx *c, struct err *e)
{
	bool first = c->memory == NULL;
	struct spot_queue_turn t = { .shard = c->shard, .shards = SHARDS,
	    .wait_s = first ? 0 : LONG_POLL_S,
	    .until_boot_ns = clock_boot_ns() + TURN_S * S_NS };

	c->memory = c->keep;
	if (spot_queue_run(c->env, c->db, &t, e) == -1)
		return -1;
	c->next_ms = t.queues > 0 ? 1 : IDLE_MS;
	return 0;
}

const struct loop spot_queue_loops[] = {
	{ .name = "spot.queues", .doc = "Polls the queues of notices",
	  .period_ms = 5000, .scope = LOOP_SHARD, .humble = LOOP_TICK,
	  .shards = SHARDS, .component = "spot.notices", .lease_s = LEASE_S,
	  .run = run },
	LOOP_END
};
