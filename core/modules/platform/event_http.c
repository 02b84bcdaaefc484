/*
 * Replay and long-poll of events, and the topics there are. A tenant sees its
 * own stream; the installation's is a stream of its own, of which everybody
 * sees the topics he holds the permission of. Waiting takes a permit, so that
 * waiters never fill the slow pool; who gets none is answered at once.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "http/ctx.h"
#include "module.h"
#include "modules/platform/event.h"
#include "modules/platform/platform.h"

enum { POLL_MS = 200, RELAY_EVERY = 5, BUSY_RETRY_S = 2, WAIT_MAX_S = 25 };

struct read_in {
	int64_t since, epoch, limit, wait, last;
	const char *topics, *stream;
};
static const struct field read_fields[] = {
	FIELD(struct read_in, since, .min = -1, .max = INT64_MAX, .def = "0",
	    .doc = "Events after this number; 0 = from the oldest kept, "
	    "-1 = none, only where the stream is now"),
	FIELD(struct read_in, epoch, .min = 0, .max = INT64_MAX, .def = "0",
	    .doc = "Epoch of `since`, as an earlier answer told; 0 = none "
	    "yet"),
	FIELD(struct read_in, limit, .min = 1, .max = 1000, .def = "100",
	    .doc = "Events at most"),
	FIELD(struct read_in, wait, .min = 0, .max = WAIT_MAX_S, .def = "0",
	    .doc = "Seconds to wait for the first event"),
	FIELD(struct read_in, last, .min = 0, .max = 1000, .def = "0",
	    .doc = "So many of the latest, instead of `since`"),
	FIELD(struct read_in, topics, .max = 1000, .flags = FF_NULLABLE,
	    .pattern = "^[a-z0-9._*,-]*$", .example = "\"job.*\"",
	    .doc = "Topics with commas; job.* = all that begin so"),
	FIELD(struct read_in, stream, .oneof = ONEOF("tenant",
	    "installation"), .def = "\"tenant\"", .doc = "Whose events"),
	FIELD_END
};
static const struct schema read_schema = { .name = "EventQuery",
    .doc = "Which events", .size = sizeof(struct read_in),
    .fields = read_fields };

struct read_out {
	struct list items;
	int64_t epoch, top, next;
	bool recovered;
};
static const struct field out_fields[] = {
	FIELD(struct read_out, items, .sub = &event_item_schema,
	    .doc = "Events, oldest first"),
	FIELD(struct read_out, epoch, .doc = "Epoch of the stream; another "
	    "one means that its numbers began anew"),
	FIELD(struct read_out, top, .doc = "Last number given so far"),
	FIELD(struct read_out, next, .doc = "Pass as `since` for what "
	    "follows"),
	FIELD(struct read_out, recovered, .doc = "False: some events after "
	    "`since` are not there any more; load your state anew"),
	FIELD_END
};
static const struct schema out_schema = { .name = "EventPage",
    .doc = "Events after a number", .size = sizeof(struct read_out),
    .fields = out_fields };

struct topic_out {
	const char *name, *doc, *permission, *stream, *message_type;
	bool durable, state;
	struct json schema;
};
static const struct field topic_fields[] = {
	FIELD(struct topic_out, name, .doc = "Topic"),
	FIELD(struct topic_out, doc, .doc = "What it tells"),
	FIELD(struct topic_out, permission, .flags = FF_NULLABLE,
	    .doc = "Who may see it; null = the whole tenant"),
	FIELD(struct topic_out, stream, .oneof = ONEOF("tenant",
	    "installation"), .doc = "Where it appears"),
	FIELD(struct topic_out, message_type, .flags = FF_NULLABLE,
	    .doc = "Its name in the documents' WebSocket messages"),
	FIELD(struct topic_out, durable, .doc = "Kept and numbered; else "
	    "only seen by those who listen"),
	FIELD(struct topic_out, state, .doc = "Only the latest of an entity "
	    "matters"),
	FIELD(struct topic_out, schema, .doc = "JSON Schema of its data"),
	FIELD_END
};
static const struct schema topic_schema = { .name = "EventTopic",
    .doc = "A kind of event", .size = sizeof(struct topic_out),
    .fields = topic_fields };

/* ---- replay --------------------------------------------------------------------- */

static bool
may_see(void *arg, const struct event *ev)
{
	const struct ctx *c = arg;

	return principal_may(&c->who, ev->permission);
}

static bool
changed(struct ctx *c, const struct event_query *q, int64_t top)
{
	int64_t epoch, now;

	return event_head(c->db, q->tenant, &epoch, &now, &c->err) == -1 ||
	    now != top;
}

/* Looks again until there is something or the time is over. On hosts without
 * a worker nobody else relays: then it does so itself. */
static int
wait_for(struct ctx *c, const struct event_query *q, int64_t wait_s,
    struct event_page *page)
{
	const struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
	int64_t until = clock_boot_ns() + wait_s * 1000000000;
	struct arena_mark m = arena_mark(c->a);
	struct event_query again = *q;

	for (int i = 1; clock_boot_ns() < until; i++) {
		nanosleep(&nap, NULL);
		if (i % RELAY_EVERY == 0 &&
		    platform_event_relay(c->env, &c->err) == -1)
			return -1;
		if (!changed(c, &again, page->top))
			continue;
		arena_rewind(c->a, m);
		again.since = page->next;
		again.epoch = page->epoch;
		if (c->err.status != 0 ||
		    event_read(c->db, c->a, &again, page, &c->err) == -1)
			return -1;
		if (page->items.n > 0 || !page->recovered)
			break;
	}
	return 0;
}

static int
wait_guarded(struct ctx *c, const struct event_query *q, int64_t wait_s,
    struct event_page *page)
{
	const struct platform_event_conf *cf = conf_get(c->env->conf,
	    &platform_event_settings);
	uint32_t limit = platform_event_waiters(cf->long_polls,
	    c->env->children);
	int permit, rc;

	if (c->env->shm == NULL || limit == 0 || bulkhead_enter(c->env->shm,
	    &platform_event_bulkhead, limit, &permit) == -1) {
		reply_header(c, "Retry-After", arena_printf(c->a, "%d",
		    BUSY_RETRY_S));
		return 0;
	}
	rc = wait_for(c, q, wait_s, page);
	bulkhead_leave(c->env->shm, &platform_event_bulkhead, permit);
	return rc;
}

static void
position(struct ctx *c, int64_t epoch, int64_t off)
{
	reply_header(c, "X-Stream-Position", arena_printf(c->a, "%lld:%lld",
	    (long long)epoch, (long long)off));
}

/* Moves the start so that only the latest are read. */
static int
start_late(struct ctx *c, struct event_query *q, int64_t last)
{
	int64_t top;

	if (last == 0)
		return 0;
	if (event_head(c->db, q->tenant, &q->epoch, &top, &c->err) == -1)
		return -1;
	q->since = top > last ? top - last : 0;
	q->limit = last;
	return 0;
}

static int
event_list(struct ctx *c, const void *in)
{
	const struct read_in *i = in;
	struct event_query q = { .tenant = c->who.tenant_id,
	    .since = i->since, .epoch = i->epoch, .limit = i->limit,
	    .may_see = may_see, .arg = c, .modules = c->env->modules };
	struct event_page page;
	struct read_out out;

	if (strcmp(i->stream, "installation") == 0)
		q.tenant = (struct uuid){ { 0 } };
	if (platform_event_topics(c->a, i->topics, &q.topics) == -1)
		return fail_field(c, "topics", "value_error",
		    "Value error, not a list of topics");
	if (platform_event_relay(c->env, &c->err) == -1 ||
	    start_late(c, &q, i->last) == -1 ||
	    event_read(c->db, c->a, &q, &page, &c->err) == -1)
		return fail_err(c);
	if (i->wait > 0 && page.items.n == 0 && page.recovered &&
	    page.next == page.top &&
	    wait_guarded(c, &q, i->wait, &page) == -1)
		return fail_err(c);
	position(c, page.epoch, page.next);
	out = (struct read_out){ .items = { page.items.v, page.items.n },
	    .epoch = page.epoch, .top = page.top, .next = page.next,
	    .recovered = page.recovered };
	return reply(c, &out);
}

void
platform_stream_position(struct ctx *c)
{
	struct err ignored = { 0 };
	int64_t epoch, top;

	if (event_head(c->db, c->who.tenant_id, &epoch, &top, &ignored) == 0)
		position(c, epoch, top);
}

/* ---- topics ------------------------------------------------------------------------ */

static void
topic_row(struct arena *a, const struct event *ev, struct topic_out *t)
{
	struct str s;

	str_init(&s, a);
	if (ev->payload != NULL)
		schema_json_schema(ev->payload, false, &s);
	else
		str_add(&s, "{\"type\":\"object\"}");
	*t = (struct topic_out){ .name = ev->name, .doc = ev->doc,
	    .permission = ev->permission, .message_type = ev->seed_type,
	    .stream = ev->flags & EV_ALL ? "installation" : "tenant",
	    .durable = !(ev->flags & EV_EPHEMERAL),
	    .state = (ev->flags & EV_STATE) != 0, .schema.p = s.p };
}

static int
topic_list(struct ctx *c, const void *in)
{
	VEC(struct topic_out) v = { 0 };
	struct rows rows;

	(void)in;
	for (size_t m = 0; c->env->modules[m] != NULL; m++) {
		const struct event *const *set = c->env->modules[m]->events;

		for (; set != NULL && *set != NULL; set++)
			for (const struct event *ev = *set; ev->name != NULL;
			    ev++)
				topic_row(c->a, ev, VEC_ADD(c->a, &v));
	}
	rows = (struct rows){ v.v, v.n, &topic_schema };
	return reply_list(c, &rows, NULL);
}

const struct route platform_event_routes[] = {
	{ .id = "system.event.list", .method = HTTP_GET,
	  .path = "/api/system/events", .aliases = ALIASES(
	  { "/api/v1/metrics/activity", "001", false }),
	  .auth = AUTH_USER,
	  .permission = "events:read", .in = &read_schema,
	  .out = &out_schema, .ok = 200, .pool = POOL_SLOW,
	  .run = event_list, .summary = "Events after a number",
	  .doc = "Topics that need a permission the caller lacks are left "
	  "out. With wait= an empty answer is held back until there is "
	  "something; when too many wait already, it comes at once with "
	  "Retry-After." },
	{ .id = "system.topic.list", .method = HTTP_GET,
	  .path = "/api/system/events/topics", .auth = AUTH_USER,
	  .permission = "events:read", .out = &topic_schema, .ok = 200,
	  .flags = R_LIST, .run = topic_list,
	  .summary = "Declared topics with the schema of their data" },
	ROUTE_END
};
