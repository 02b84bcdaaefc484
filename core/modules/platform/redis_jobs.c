/*
 * The bridge as two control loops, so that a Redis that hangs in one direction
 * does not hold up the other. A Redis that is away is no error of the loop: it
 * is said once, and tried again.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "modules/platform/redis.h"
#include "modules/platform/setting.h"
#include "net/redis.h"

enum { TIMEOUT_MS = 3000, BLOCK_MS = 800, AWAY_MS = 1000 };

struct memory {
	struct redis *redis;
	bool away;
};

/* NULL: none is configured. */
static struct memory *
memory_of(struct loop_ctx *c, struct err *e)
{
	const struct platform_conf *cf = conf_get(c->env->conf,
	    &platform_settings);
	struct memory *m = c->memory;

	if (m != NULL || *cf->redis_url == '\0')
		return m;
	m = arena_alloc(c->keep, sizeof(*m));
	if (redis_open(&m->redis, c->keep, cf->redis_url, TIMEOUT_MS,
	    c->env->shm, e) == -1)
		return NULL;
	return c->memory = m;
}

/* What a turn came to. */
static int
after(struct loop_ctx *c, struct memory *m, int rc, bool more, struct err *e)
{
	bool away = rc == -1 && e->status == 503;

	if (away && !m->away)
		log_warn("server", "Redis is away",
		    KV("cause", (const char *)e->cause));
	else if (!away && m->away)
		log_info("server", "Redis is back");
	m->away = away;
	if (!away) {
		c->next_ms = more ? 1 : 0;
		return rc;
	}
	err_clear(e);
	c->next_ms = AWAY_MS;
	return 0;
}

static int
out_run(struct loop_ctx *c, struct err *e)
{
	struct memory *m = memory_of(c, e);
	bool more = false;
	int rc;

	if (m == NULL)
		return e->status != 0 ? -1 : 0;
	rc = platform_redis_out(c->env, c->db, m->redis, c->lease, &more, e);
	return after(c, m, rc, more, e);
}

static int
in_run(struct loop_ctx *c, struct err *e)
{
	const struct platform_redis_conf *cf = conf_get(c->env->conf,
	    &platform_redis_settings);
	struct memory *m;
	bool more = false;
	int rc;

	if (cf->in == NULL || *cf->in == NULL)
		return 0;
	m = memory_of(c, e);
	if (m == NULL)
		return e->status != 0 ? -1 : 0;
	rc = platform_redis_in(c->env, c->db, m->redis, c->lease, BLOCK_MS,
	    &more, e);
	if (rc == 0)
		more = true;	/* it waits for entries by itself */
	return after(c, m, rc, more, e);
}

const struct loop platform_redis_loops[] = {
	{ .name = "redis.out", .doc = "Sends relayed events to Redis",
	  .period_ms = 1000, .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .bell = "redis", .run = out_run },
	{ .name = "redis.in", .doc = "Takes events from declared Redis "
	  "streams", .period_ms = 1000, .scope = LOOP_CLUSTER,
	  .humble = LOOP_TICK, .run = in_run },
	LOOP_END
};
