/*
 * The two directions of the bridge. Out: sent, then remembered; what is sent
 * twice after a crash is refused by its id in streams (a channel may repeat
 * it). In: published and remembered in one transaction, so that each entry
 * becomes one event; an entry that its topic's schema refuses is counted,
 * logged and passed.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "base/random.h"
#include "db/lease.h"
#include "modules/platform/redis.h"
#include "shm/shm.h"

enum { WORK_CAP = 256 << 20, ROWS = 20, TURNS = 50 };

static const struct metric_label outcome_label = { "outcome",
    (const char *const[]){ "taken", "refused", NULL } };
static const struct metric sent_total = { "redis_sent_total",
    "Events sent to Redis", METRIC_COUNTER, { NULL, NULL } };
static const struct metric taken_total = { "redis_taken_total",
    "Entries of Redis streams, by what became of them", METRIC_COUNTER,
    { &outcome_label, NULL } };
const struct metric *const platform_redis_metrics[] = {
	&sent_total, &taken_total, NULL
};

static const struct platform_redis_conf *
conf(const struct env *env)
{
	return conf_get(env->conf, &platform_redis_settings);
}

/* ---- out -------------------------------------------------------------------------- */

struct reaching {
	const struct lease *lease;
	const char *name, *from, *to;
	struct arena *a;
	struct event_pack *pack;	/* in */
};

/* The first statement writes the lease: a bridge that was taken over says
 * nothing any more. */
static int
reach(struct db *db, void *arg, struct err *e)
{
	struct reaching *r = arg;

	if (r->lease != NULL && lease_guard(db, r->lease, e) == -1)
		return -1;
	return platform_redis_reach(db, r->name, r->to, e);
}

/* Where to go on. The first time: at the end, there is no history to send. */
static int
out_from(struct db *db, struct arena *a, const struct lease *lease,
    int64_t *pos, struct err *e)
{
	struct reaching r = { .lease = lease, .name = "out", .a = a };
	const char *text;
	int rc = platform_redis_reached(db, a, "out", &text, e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		return num_i64(text, strlen(text), pos) == NUM_OK ? 0 :
		    err_set(e, 500, "bad_row", "platform_redis is damaged");
	if (event_position(db, pos, e) == -1)
		return -1;
	r.to = arena_printf(a, "%lld", (long long)*pos);
	return db_txn(db, a, reach, &r, e);
}

static int
out_turn(struct env *env, struct db *db, struct arena *a,
    struct redis *redis, const struct lease *lease, bool *more,
    struct err *e)
{
	struct reaching r = { .lease = lease, .name = "out", .a = a };
	struct rows rows;
	int64_t pos;
	size_t sent;

	if (out_from(db, a, lease, &pos, e) == -1 ||
	    event_follow(db, a, pos, ROWS, &rows, e) == -1)
		return -1;
	*more = rows.n == ROWS;
	if (rows.n == 0)
		return 0;
	if (platform_redis_send(redis, a, conf(env), &rows, &sent, e) == -1)
		return -1;
	metric_add(&sent_total, 0, 0, sent);
	r.to = arena_printf(a, "%lld",
	    (long long)ROW(&rows, struct event_row, rows.n - 1)->pos);
	return db_txn(db, a, reach, &r, e);
}

int
platform_redis_out(struct env *env, struct db *db, struct redis *redis,
    const struct lease *lease, bool *more, struct err *e)
{
	struct arena *a = arena_new(WORK_CAP);
	int rc = 0;

	*more = *conf(env)->stream != '\0' || *conf(env)->channel != '\0';
	for (int i = 0; i < TURNS && *more && rc == 0; i++) {
		struct arena_mark m = arena_mark(a);

		rc = out_turn(env, db, a, redis, lease, more, e);
		arena_rewind(a, m);
	}
	arena_free(a);
	return rc;
}

/* ---- in --------------------------------------------------------------------------- */

/* Publishes and remembers. Somebody else has been here if the place is not
 * where we read from. */
static int
take(struct db *db, void *arg, struct err *e)
{
	struct reaching *r = arg;
	const char *now;
	int rc;

	if (r->lease != NULL && lease_guard(db, r->lease, e) == -1)
		return -1;
	rc = platform_redis_reached(db, r->a, r->name, &now, e);
	if (rc == -1)
		return -1;
	if (strcmp(rc == 1 ? "0-0" : now, r->from) != 0)
		return err_set(e, 409, "lease_lost",
		    "Another process has taken over");
	if (event_pack_publish(db, r->pack, e) == -1)
		return -1;
	return platform_redis_reach(db, r->name, r->to, e);
}

static void
add_entry(struct arena *a, struct event_pack *pack, const struct event *ev,
    struct uuid tenant, const char *stream,
    const struct platform_redis_entry *en)
{
	struct err e = { 0 };
	void *payload;

	if (platform_redis_payload(a, ev, en, &payload, &e) == 0) {
		event_pack_add(pack, ev, tenant, platform_redis_entity(en), 0,
		    payload);
		metric_add(&taken_total, 0, 0, 1);
		return;
	}
	metric_add(&taken_total, 1, 0, 1);
	log_warn("server", "entry of a Redis stream refused",
	    KV("stream", stream), KV("id", en->id), KV("topic", ev->name),
	    KV("why", e.nfields > 0 ? e.fields[0].msg :
	    (const char *)e.detail));
}

static int
in_stream(struct env *env, struct db *db, struct arena *a,
    struct redis *redis, const struct lease *lease, const char *mapping,
    int64_t block_ms, bool *more, struct err *e)
{
	struct reaching r = { .lease = lease, .a = a,
	    .pack = event_pack_new(a) };
	struct platform_redis_entry *en;
	const char *stream, *topic;
	const struct event *ev;
	struct uuid tenant;
	size_t n;

	if (platform_redis_mapping(a, mapping, &stream, &topic) == -1 ||
	    uuid_parse(conf(env)->in_tenant, &tenant) == -1)
		return err_set(e, 500, "conf", "redis.in is not usable");
	ev = event_find(env->modules, topic);
	if (ev == NULL || ev->flags & EV_ALL)
		return err_set(e, 500, "conf", "redis.in: no tenant's topic "
		    "\"%.64s\" is declared", topic);
	r.name = arena_printf(a, "in:%s", stream);
	if (platform_redis_reached(db, a, r.name, &r.from, e) == -1)
		return -1;
	if (r.from == NULL)
		r.from = "0-0";
	if (platform_redis_read(redis, a, stream, r.from, block_ms, &en, &n,
	    e) == -1 || n == 0)
		return n == 0 && e->status == 0 ? 0 : -1;
	for (size_t i = 0; i < n; i++)
		add_entry(a, r.pack, ev, tenant, stream, &en[i]);
	r.to = en[n - 1].id;
	*more = true;
	return db_txn(db, a, take, &r, e);
}

int
platform_redis_in(struct env *env, struct db *db, struct redis *redis,
    const struct lease *lease, int64_t block_ms, bool *more, struct err *e)
{
	const char *const *in = conf(env)->in;
	int rc = 0;

	*more = false;
	for (; in != NULL && *in != NULL && rc == 0; in++) {
		struct arena *a = arena_new(WORK_CAP);

		rc = in_stream(env, db, a, redis, lease, *in,
		    in[1] == NULL && !*more ? block_ms : 0, more, e);
		arena_free(a);
	}
	return rc;
}
