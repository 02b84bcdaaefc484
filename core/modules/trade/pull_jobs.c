/*
 * The loop trade.pull: asks the URLs of running http feeds when they are due,
 * one after another, in a child of its own.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/random.h"
#include "modules/trade/pull.h"

enum { QUOTES_MAX = 5000, TURN_CAP = 256 << 20, ROUND_MS = 250 };

struct puller {
	struct map *volumes;		/* by feed and run */
};

static struct trade_volumes *
volumes_of(struct loop_ctx *c, struct puller *p, const struct trade_feed *f)
{
	char id[UUID_TEXT];
	const char *key = arena_printf(c->a, "%s %lld", uuid_format(f->id,
	    id), (long long)f->run);
	struct trade_volumes *v = map_get(p->volumes, key);

	if (v == NULL) {
		v = trade_volumes_new(c->keep);
		map_put(p->volumes, arena_strdup(c->keep, key), v);
	}
	return v;
}

static int
pull(struct loop_ctx *c, struct puller *p, struct trade_feed *f,
    struct err *e)
{
	struct arena *a = arena_new(TURN_CAP);
	struct trade_message *v = arena_array(a, QUOTES_MAX, sizeof(*v));
	struct utc now = clock_now(), due;
	struct trade_pulling x = { .feed = f, .lease = c->lease, .v = v,
	    .volumes = volumes_of(c, p, f) };
	struct trade_feed_spec s;
	int rc = trade_feed_spec_read(f, a, &s, e);

	due.us = now.us + s.every_ms * 1000;
	if (rc == 0 && trade_pull_ask(c->env->net, a, s.url, now, v,
	    QUOTES_MAX, &x.n, &x.bad, e) == 0) {
		x.spec = &s;
		x.now = clock_now();
		x.due = due;
		rc = trade_pull_take(c->db, a, &x, e);
	} else if (rc == 0) {
		const char *why = arena_strdup(a, e->detail);

		err_clear(e);
		rc = trade_pull_failed(c->db, a, f, c->lease, why, now, due,
		    e);
	}
	if (rc == -1 && strcmp(e->code, "feed_changed") == 0) {
		err_clear(e);
		rc = 0;
	}
	arena_free(a);
	return rc;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	struct puller *p = c->memory;
	struct rows rows;

	if (p == NULL) {
		p = c->memory = arena_alloc(c->keep, sizeof(*p));
		p->volumes = map_new(c->keep);
	}
	c->next_ms = 1000;
	if (trade_feed_active(c->db, c->a, &rows, e) == -1)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		struct trade_feed *f = ROW(&rows, struct trade_feed, i);

		if (strcmp(f->kind, "http") != 0 ||
		    strcmp(f->wanted, "running") != 0)
			continue;
		c->next_ms = ROUND_MS;
		if (f->due_at.us <= clock_now().us && pull(c, p, f, e) == -1)
			return -1;
	}
	return 0;
}

const struct loop trade_pull_loops[] = {
	{ .name = "trade.pull", .doc = "Asks quote servers for prices",
	  .period_ms = 1000, .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .lease_s = 30, .run = run },
	LOOP_END
};
