/*
 * What is done to events beside publishing and reading: relaying, measuring,
 * forgetting, and bringing back what was set aside. A replay is one
 * transaction: a row is in the outbox or among the dead, never in both.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "events/relay.h"
#include "modules/platform/event.h"
#include "modules/platform/platform.h"
#include "proc/bell.h"
#include "shm/shm.h"

enum { STEP_ROWS = 20000, TURN_ROWS = 200000, LATE_S = 10, DROPS = 20 };
#define DAY_US (86400 * US_PER_S)

static const struct metric outbox_pending = { "outbox_pending",
    "Outbox rows that wait for the relay, counted up to 100,000",
    METRIC_GAUGE, { NULL, NULL } };
static const struct metric outbox_oldest = { "outbox_oldest_seconds",
    "Age of the oldest row that waits for the relay", METRIC_GAUGE,
    { NULL, NULL } };
const struct metric *const platform_event_metrics[] = {
	&outbox_pending, &outbox_oldest, NULL
};
const struct bulkhead platform_event_bulkhead = { "long_poll", 256 };

int
platform_event_turn(struct db *db, struct relay *r, bool *more,
    struct err *e)
{
	size_t n;
	int rc = relay_step(r, db, TURN_ROWS, &n, more, e);

	if (n > 0) {
		bell_ring("webhook", "");
		bell_ring("redis", "");
	}
	return rc == -1 ? -1 : 0;
}

int
platform_event_relay(struct env *env, struct err *e)
{
	struct arena *a = arena_new(1 << 20);
	struct relay *r = relay_new(a, env->process);
	size_t n;
	bool more;
	int rc = relay_step(r, env->db, STEP_ROWS, &n, &more, e);

	relay_end(r, env->db);
	arena_free(a);
	return rc == -1 ? -1 : 0;
}

static int64_t
age_s(const struct event_backlog *b)
{
	int64_t us = b->oldest.us == 0 ? 0 : clock_now().us - b->oldest.us;

	return us > 0 ? us / US_PER_S : 0;
}

int
platform_event_measure(struct db *db, struct err *e)
{
	struct event_backlog b;

	if (event_backlog(db, &b, e) == -1)
		return -1;
	metric_set(&outbox_pending, 0, 0, b.pending);
	metric_set(&outbox_oldest, 0, 0, age_s(&b));
	return 0;
}

int
platform_event_retain(struct env *env, struct db *db, bool *more,
    struct err *e)
{
	const struct platform_event_conf *cf = conf_get(env->conf,
	    &platform_event_settings);
	struct utc before = { clock_now().us - cf->keep_days * DAY_US };

	*more = cf->keep_days > 0;
	for (int i = 0; i < DROPS && *more; i++)
		if (event_drop_before(db, before, more, e) == -1)
			return -1;
	return 0;
}

/* ---- dead rows ---------------------------------------------------------------- */

static int
take_away(struct db *db, int64_t id, struct err *e)
{
	uint64_t n;

	if (platform_event_dead_delete(db, id, &n, e) == -1)
		return -1;
	return n == 1 ? 0 : err_set(e, 404, "not_found",
	    "No row %lld was set aside", (long long)id);
}

static int
replay(struct db *db, void *arg, struct err *e)
{
	const int64_t *id = arg;

	return platform_event_dead_back(db, *id, e) == -1 ? -1 :
	    take_away(db, *id, e);
}

static int
drop(struct db *db, void *arg, struct err *e)
{
	const int64_t *id = arg;

	return take_away(db, *id, e);
}

int
platform_event_replay(struct db *db, struct arena *a, int64_t id,
    struct err *e)
{
	return db_txn(db, a, replay, &id, e);
}

int
platform_event_drop(struct db *db, struct arena *a, int64_t id,
    struct err *e)
{
	return db_txn(db, a, drop, &id, e);
}

/* ---- health ------------------------------------------------------------------------ */

void
platform_event_probe(struct env *env, struct probe *p)
{
	struct event_backlog b;
	struct err e = { 0 };

	if (env->db == NULL || event_backlog(env->db, &b, &e) == -1) {
		p->state = PROBE_DOWN;
		snprintf(p->detail, sizeof(p->detail), "%.150s",
		    env->db == NULL ? "no database here" : e.detail);
		return;
	}
	if (b.pending == 0)
		return;
	p->state = age_s(&b) > LATE_S ? PROBE_DEGRADED : PROBE_OK;
	snprintf(p->detail, sizeof(p->detail), "%lld rows wait, the oldest "
	    "for %lld s", (long long)b.pending, (long long)age_s(&b));
}
