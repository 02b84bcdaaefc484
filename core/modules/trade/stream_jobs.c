/*
 * The loop trade.redis: reads the streams and channels that the settings name,
 * in a child of its own, so that a Redis that hangs holds up no other market.
 * Redis away: said once in the feed's row and the log, and tried again.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "modules/platform/platform.h"
#include "modules/trade/conf.h"
#include "modules/trade/stream.h"
#include "net/redis.h"
#include "proc/proc.h"
#include "shm/shm.h"

#define TURN_NS INT64_C(1000000000)
enum { TIMEOUT_MS = 3000, BLOCK_MS = 40, READ_MAX = 500, HEARD_MAX = 500,
	AWAY_MS = 500, STREAMS = 16, TURN_CAP = 128 << 20 };

static const struct metric_label outcome_label = { "outcome",
    (const char *const[]){ "taken", "dead", NULL } };
static const struct metric messages_total = { "trade_messages_total",
    "Messages from Redis, by what became of them", METRIC_COUNTER,
    { &outcome_label, NULL } };
const struct metric *const trade_stream_metrics[] = {
	&messages_total, NULL
};

struct source {
	const char *name;
	struct uuid tenant;
	enum trade_stream_what what;
	bool joined, drained;		/* pending entries were read */
};
struct reader {
	struct redis *redis;
	struct source v[STREAMS], channels[STREAMS];
	size_t n, nchannels;
	struct redis *ears;
	bool listening, away;
};

static const struct trade_conf *
conf(const struct loop_ctx *c)
{
	return conf_get(c->env->conf, &trade_settings);
}

static size_t
add(struct loop_ctx *c, struct source *v, size_t n, const char *const *list,
    enum trade_stream_what what)
{
	for (; list != NULL && *list != NULL && n < STREAMS; list++) {
		v[n] = (struct source){ .what = what };
		if (trade_stream_of(c->keep, *list, &v[n].name,
		    &v[n].tenant) == 0)
			n++;
		else
			log_error("server", "not stream=tenant",
			    KV("setting", *list));
	}
	return n;
}

/* NULL: there is nothing to read. */
static struct reader *
reader(struct loop_ctx *c, struct err *e)
{
	const char *url = platform_redis_at(c->env->conf);
	struct reader *r = c->memory;

	if (r != NULL)
		return r;
	r = arena_alloc(c->keep, sizeof(*r));
	r->n = add(c, r->v, 0, conf(c)->redis_ticks, STREAM_TICKS);
	r->n = add(c, r->v, r->n, conf(c)->redis_signals, STREAM_SIGNALS);
	r->nchannels = add(c, r->channels, 0, conf(c)->redis_channels,
	    STREAM_SIGNALS);
	if (*url == '\0' || r->n + r->nchannels == 0)
		return NULL;
	if (redis_open(&r->redis, c->keep, url, TIMEOUT_MS, c->env->shm, e) ==
	    -1 || redis_open(&r->ears, c->keep, url, TIMEOUT_MS, c->env->shm,
	    e) == -1)
		return NULL;
	return c->memory = r;
}

static int
take(struct loop_ctx *c, struct arena *a, const struct source *s,
    struct trade_feed *f, struct trade_entry *v, size_t n, bool again,
    struct err *e)
{
	struct trade_taking t = { .feed = f, .lease = c->lease,
	    .what = s->what, .source = s->name,
	    .topics = conf(c)->redis_topics, .entries = v, .n = n,
	    .again = again, .now = clock_now() };

	if (trade_stream_take(c->db, a, &t, e) == -1)
		return -1;
	metric_add(&messages_total, 0, 0, (uint64_t)t.taken);
	metric_add(&messages_total, 1, 0, (uint64_t)t.dead);
	return 0;
}

/* Redis said no: 0 when that is only that it is away. */
static int
gone(struct loop_ctx *c, struct arena *a, struct reader *r,
    struct trade_feed *f, struct err *e)
{
	if (e->status != 503 || strncmp(e->code, "db_", 3) == 0)
		return -1;
	if (!r->away)
		log_warn("server", "Redis is away",
		    KV("cause", (const char *)e->cause));
	r->away = true;
	r->listening = false;
	for (size_t i = 0; i < r->n; i++)
		r->v[i].joined = r->v[i].drained = false;
	err_clear(e);
	return trade_stream_say(c->db, a, f, c->lease, true, clock_now(), e);
}

static void
back(struct reader *r)
{
	if (r->away)
		log_info("server", "Redis is back");
	r->away = false;
}

/* One reading. *more: it was full. */
static int
read_stream(struct loop_ctx *c, struct arena *a, struct reader *r,
    struct source *s, struct trade_feed *f, int64_t block_ms, bool *more,
    struct err *e)
{
	const char *group = conf(c)->redis_group;
	struct trade_entry *v;
	size_t n;
	bool again = !s->drained;

	if (!s->joined && trade_stream_join(r->redis, a, s->name, group,
	    f->position, e) == -1)
		return -1;
	s->joined = true;
	if (trade_stream_read(r->redis, a, s->name, group, again, block_ms,
	    READ_MAX, &v, &n, e) == -1) {
		if (e->status != 404)
			return -1;
		err_clear(e);
		s->joined = false;	/* the stream was deleted */
		return 0;
	}
	back(r);
	if (trade_stream_say(c->db, a, f, c->lease, false, clock_now(), e) ==
	    -1)
		return -1;
	s->drained = n == 0 || !again;
	*more = *more || n > 0 || again;
	if (n == 0)
		return 0;
	return take(c, a, s, f, v, n, again, e) == -1 ? -1 :
	    trade_stream_ack(r->redis, a, s->name, group, v, n, e);
}

static int
one_stream(struct loop_ctx *c, struct arena *a, struct reader *r,
    struct source *s, int64_t block_ms, bool *more, struct err *e)
{
	struct trade_feed f;
	int rc = trade_stream_feed(c->db, a, s->tenant, s->name, s->what ==
	    STREAM_SIGNALS, clock_now(), &f, e);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (read_stream(c, a, r, s, &f, block_ms, more, e) == 0)
		return 0;
	if (strcmp(e->code, "feed_changed") == 0) {
		err_clear(e);
		s->drained = false;	/* they are pending now */
		return 0;
	}
	return gone(c, a, r, &f, e);
}

/* ---- channels ------------------------------------------------------------------------ */

static int
subscribe(struct arena *a, struct reader *r, struct err *e)
{
	const char *names[STREAMS];

	for (size_t i = 0; i < r->nchannels; i++)
		names[i] = r->channels[i].name;
	if (redis_subscribe(r->ears, a, names, r->nchannels, e) == -1)
		return -1;
	r->listening = true;
	return 0;
}

static int
heard(struct loop_ctx *c, struct arena *a, struct reader *r,
    const struct redis_message *m, struct err *e)
{
	struct trade_entry en = { "", m->p, m->n };

	for (size_t i = 0; i < r->nchannels; i++) {
		const struct source *s = &r->channels[i];
		struct trade_feed f;
		int rc;

		if (strcmp(s->name, m->channel) != 0)
			continue;
		rc = trade_stream_feed(c->db, a, s->tenant, arena_printf(a,
		    "%s" TRADE_CHANNEL, s->name), true, clock_now(), &f, e);
		if (rc == -1 || (rc == 0 && take(c, a, s, &f, &en, 1, false,
		    e) == -1))
			return -1;
	}
	return 0;
}

static int
listen_in(struct loop_ctx *c, struct arena *a, struct reader *r, bool *more,
    struct err *e)
{
	struct redis_message m;
	int rc = 0;

	if (r->nchannels == 0)
		return 0;
	if (!r->listening)
		rc = subscribe(a, r, e);
	for (int i = 0; i < HEARD_MAX && rc != -1; i++) {
		rc = redis_hear(r->ears, a, r->n == 0 && i == 0 ? BLOCK_MS :
		    0, &m, e);
		if (rc != 1)
			break;
		*more = true;
		rc = heard(c, a, r, &m, e);
	}
	if (rc != -1 || e->status != 503 || strncmp(e->code, "db_", 3) == 0)
		return rc == -1 ? -1 : 0;
	r->listening = false;
	r->away = true;
	err_clear(e);
	return 0;
}

/* ---- turns ------------------------------------------------------------------------------- */

static int
round_of(struct loop_ctx *c, struct reader *r, bool *more, struct err *e)
{
	struct arena *a = arena_new(TURN_CAP);
	int rc = 0;

	*more = false;
	for (size_t i = 0; i < r->n && rc == 0; i++)
		rc = one_stream(c, a, r, &r->v[i], i + 1 == r->n && !*more ?
		    BLOCK_MS : 0, more, e);
	if (rc == 0)
		rc = listen_in(c, a, r, more, e);
	arena_free(a);
	return rc;
}

static int
run(struct loop_ctx *c, struct err *e)
{
	int64_t end = clock_boot_ns() + TURN_NS;
	struct reader *r = reader(c, e);
	bool more;

	if (r == NULL)
		return e->status != 0 ? -1 : 0;
	do {
		if (round_of(c, r, &more, e) == -1)
			return -1;
	} while (!r->away && clock_boot_ns() < end && !proc_draining());
	c->next_ms = r->away ? AWAY_MS : 1;
	return 0;
}

const struct loop trade_stream_loops[] = {
	{ .name = "trade.redis", .doc = "Takes ticks and signals from the "
	  "Redis streams and channels that the settings name",
	  .period_ms = 1000, .scope = LOOP_CLUSTER, .humble = LOOP_TICK,
	  .run = run },
	LOOP_END
};
