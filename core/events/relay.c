/*
 * The relay's turn. Two relays never number one event twice: each transaction
 * first writes the lease row with its token, reads committed rows without
 * locking them, and commits only if it deleted exactly what it numbered. Order
 * per entity: new rows are read first and the gaps below them afterwards, so
 * that whoever sees a row also sees what its entity had before it. A row that
 * cannot be relayed is set aside and holds up nobody.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "events/event.h"
#include "events/inner.h"
#include "events/relay.h"
#include "proc/bell.h"
#include "shm/shm.h"

enum { WORK_CAP = 256 << 20, BATCH = 1000, GAP_S = 600, SWEEP_S = 30 };
#define NS_PER_S INT64_C(1000000000)

const struct metric events_relayed_total = { "events_relayed_total",
    "Events moved from the outbox into the stream", METRIC_COUNTER,
    { NULL, NULL } };
const struct metric events_dead_total = { "events_dead_total",
    "Outbox rows set aside because they cannot be relayed", METRIC_COUNTER,
    { NULL, NULL } };
const struct metric *const event_metrics[] = {
	&events_relayed_total, &events_dead_total, NULL
};

static void
forget(struct relay *r)
{
	r->low = 0;
	r->ngaps = 0;
	r->swept_ns = clock_boot_ns();
}

struct relay *
relay_new(struct arena *a, struct uuid holder)
{
	struct relay *r = arena_alloc(a, sizeof(*r));

	r->lease.role = "relay";
	r->lease.holder = holder;
	relay_limits(r, GAP_S, SWEEP_S);
	forget(r);
	return r;
}

void
relay_limits(struct relay *r, int64_t longest_txn_s, int64_t sweep_s)
{
	r->gap_life_ns = longest_txn_s * NS_PER_S;
	r->sweep_ns = sweep_s * NS_PER_S;
}

/* ---- one batch ---------------------------------------------------------------- */

static int
move(struct db *db, void *arg, struct err *e)
{
	struct relay_batch *b = arg;

	b->events = b->dead = 0;
	if (lease_guard(db, &b->r->lease, e) == -1 ||
	    (!b->read && relay_batch_ids(db, b, e) == -1))
		return -1;
	return b->n == 0 ? 0 : relay_batch_move(db, b, e);
}

/* What was seen is remembered only once it is committed. */
static void
remember(struct relay *r, const struct relay_batch *b)
{
	int64_t now = clock_boot_ns();

	for (size_t i = 0; i < b->n; i++)
		if (b->ids[i].id <= r->low)
			relay_gap_fill(r, b->ids[i].id);
		else
			relay_gap_pass(r, b->ids[i].id, now);
	if (b->swept)
		r->swept_ns = now;
	relay_gap_forget(r, now);
	r->doomed = 0;
	r->singly -= r->singly > 0;
}

static bool
is(const struct err *e, const char *code)
{
	return e->code != NULL && strcmp(e->code, code) == 0;
}

/* Errors that are about a value, not about the server: MariaDB's numbers for
 * NULL, out of range, truncated, wrong, too long, and a constraint. */
static bool
about_data(const struct err *e)
{
	static const int natives[] = { 1048, 1264, 1265, 1292, 1366, 1406,
		1690, 4025 };

	for (size_t i = 0; i < NITEMS(natives); i++)
		if (e->native == natives[i])
			return true;
	return is(e, "db_drift") || is(e, "bad_column");
}

/* The database takes this batch as a whole or not at all: one row at a time
 * shows which one it refuses. 0: try again. */
static int
isolate(struct relay *r, const struct relay_batch *b, struct err *e)
{
	if (!about_data(e))
		return -1;
	if (b->n > 1) {
		r->singly = b->n;
	} else if (b->n == 1 && r->doomed != b->ids[0].id) {
		r->doomed = b->ids[0].id;
		snprintf(r->doom, sizeof(r->doom), "%.200s: %.250s",
		    e->detail, e->cause);
	} else
		return -1;
	log_warn("server", "relay: a row cannot be stored",
	    KV("cause", (const char *)e->cause));
	err_clear(e);
	return 0;
}

static int
mend(struct relay *r, struct db *db, const struct relay_batch *b,
    bool *repaired, struct err *e)
{
	if (is(e, "duplicate") && !*repaired) {
		log_warn("server", "relay: numbers behind the stream",
		    KV("cause", (const char *)e->cause));
		*repaired = true;
		err_clear(e);
		return relay_repair(db, e);
	}
	return isolate(r, b, e);
}

static void
tell(const struct relay_batch *b)
{
	char text[24];

	metric_add(&events_relayed_total, 0, 0, b->events);
	metric_add(&events_dead_total, 0, 0, b->dead);
	if (b->events == 0)
		return;
	crumb("relay.ring");
	snprintf(text, sizeof(text), "%lld", (long long)b->pos);
	bell_ring("live", text);
}

/* ---- the turn ------------------------------------------------------------------- */

/* 0 ours, 1 somebody else's, -1 error. */
static int
hold(struct relay *r, struct db *db, struct err *e)
{
	int64_t token = r->lease.token, half = RELAY_LEASE_S * NS_PER_S / 2;
	int rc = 0;

	if (r->lease.until_boot_ns - clock_boot_ns() < half)
		rc = lease_take(db, &r->lease, RELAY_LEASE_S, e);
	if (rc == 0 && r->lease.token == token)
		return 0;
	forget(r);
	return rc;
}

static struct relay_batch
batch_of(struct relay *r, struct arena *a, size_t rows_left)
{
	struct relay_batch b = { .r = r, .a = a };

	b.limit = r->singly > 0 ? 1 : rows_left < BATCH ? rows_left : BATCH;
	return b;
}

/* first: what a look has found; used if it was read as the holder. */
static int
turn(struct relay *r, struct db *db, const struct relay_batch *first,
    size_t max_rows, size_t *relayed, bool *more, struct err *e)
{
	struct relay_batch b = *first;
	struct arena *a = b.a;
	size_t rows = 0;
	bool repaired = false, looked = first->read;
	int rc;

	do {
		struct arena_mark m = arena_mark(a);
		int64_t token = r->lease.token;

		if (!looked)
			b = batch_of(r, a, max_rows - rows);
		if ((rc = hold(r, db, e)) != 0)
			return rc;
		b.read = looked && r->lease.token == token;
		looked = false;
		if (db_txn(db, a, move, &b, e) == 0) {
			remember(r, &b);
			tell(&b);
			*relayed += b.events;
			rows += b.n;
			*more = b.more || r->singly > 0;
		} else if (mend(r, db, &b, &repaired, e) == -1)
			return -1;
		else
			*more = true;
		arena_rewind(a, m);
	} while (*more && rows < max_rows);
	return 0;
}

int
relay_step(struct relay *r, struct db *db, size_t max_rows, size_t *relayed,
    bool *more, struct err *e)
{
	struct arena *a = arena_new(WORK_CAP);
	struct relay_batch b = batch_of(r, a, max_rows);
	int rc;

	ASSERT(!db_in_txn(db));
	*relayed = 0;
	*more = false;
	/* a look first: the lease and a transaction cost two writes; whoever
	 * does not hold it reads no backlog */
	b.read = r->lease.until_boot_ns > clock_boot_ns();
	if (!b.read)
		b.limit = 1;
	rc = relay_batch_ids(db, &b, e);
	if (rc == 0 && b.n == 0)
		remember(r, &b);
	else if (rc == 0)
		rc = turn(r, db, &b, max_rows, relayed, more, e);
	if (rc == -1) {
		/* what was seen may not be what was done */
		forget(r);
		if (is(e, "lease_lost")) {
			r->lease.until_boot_ns = 0;
			err_clear(e);
			rc = 1;
		}
	}
	arena_free(a);
	return rc;
}

void
relay_end(struct relay *r, struct db *db)
{
	struct err ignored = { 0 };

	if (r->lease.until_boot_ns != 0)
		lease_release(db, &r->lease, &ignored);
	forget(r);
}
