/*
 * The endpoints of the gateway. Every path that one of the documents names is
 * a row; a new dialect is a row and an encoder.
 */
#include <string.h>

#include "base/arena.h"
#include "http/live.h"

#define TOPICS(...) (const char *const[]){ __VA_ARGS__, NULL }

const struct live_endpoint live_endpoints[] = {
	{ .path = "/api/system/live", .dialect = LIVE_NATIVE,
	  .summary = "Events over WebSocket",
	  .doc = "Messages `sub {topics, since: {epoch, off}}`, `unsub`, "
	  "`ping`; frames `event {topic, entity, version, at, off, data}`. "
	  "Authenticate with a ticket (`?ticket=`), a bearer header or a "
	  "first message `{type: auth, token}`." },
	{ .path = "/api/system/events/stream", .dialect = LIVE_SSE,
	  .summary = "Events as text/event-stream",
	  .doc = "`?topics=job.*,alert.*`; resumes from `Last-Event-ID`." },
	{ .path = "/events", .dialect = LIVE_SSE,
	  .summary = "Events as text/event-stream",
	  .doc = "`?topics=job.*,alert.*`; resumes from `Last-Event-ID`." },
	{ .path = "/ws", .dialect = LIVE_SEED, .seed = "003",
	  .topics = TOPICS("all"), .summary = "Dashboard updates",
	  .doc = "`welcome` on connect; messages `subscribe {subscriptions}`, "
	  "`request_data {request_type}`, `ping`; frames `{id, type, "
	  "timestamp, data, payload}`. A `sub` message changes to the native "
	  "dialect." },
	{ .path = "/api/ws/monitor", .dialect = LIVE_SEED, .seed = "002",
	  .topics = TOPICS("all"), .status_s = 1,
	  .summary = "Trading updates and a status each second",
	  .doc = "The dialect of `/ws`." },
	{ .path = "/api/v1/ws/sandbox/{session}", .dialect = LIVE_SANDBOX,
	  .seed = "001", .topics = TOPICS("all"),
	  .summary = "Log and status of one session",
	  .doc = "`connected`, then `log` and `status` frames of what is "
	  "about the session; the text `ping` is answered with `pong`." },
	{ .path = "/api/v2/runtime/stream", .dialect = LIVE_RUNTIME,
	  .seed = "004", .summary = "Topics of the runtime bus",
	  .doc = "`{action: subscribe|unsubscribe, topics}`, "
	  "`{action: ping}`; frames `{type: event, topic, data, timestamp}`." },
	{ .path = "/ws/metrics", .dialect = LIVE_TICK, .seed = "004",
	  .topics = TOPICS("metrics"), .summary = "Metrics, one object each",
	  .doc = "Objects with a `sequence`." },
	{ .path = "/ws/gossip", .dialect = LIVE_TICK, .seed = "004",
	  .topics = TOPICS("gossip"), .summary = "Gossip, one object each",
	  .doc = "Objects with a `sequence`." },
	{ .path = "/ws/timeline", .dialect = LIVE_TICK, .seed = "004",
	  .topics = TOPICS("timeline"), .summary = "Timeline, one object each",
	  .doc = "Objects with a `sequence`." },
	{ .path = "/ws/meta", .dialect = LIVE_TICK, .seed = "004",
	  .topics = TOPICS("meta"), .summary = "Meta learning, one object each",
	  .doc = "Objects with a `sequence`." },
	{ .path = "/ws/echo", .dialect = LIVE_ECHO,
	  .summary = "Gives back every message",
	  .doc = "Exists with `live.echo`: tells whether proxies on the way "
	  "pass WebSocket." },
	{ .path = NULL }
};

bool
live_is_ws(enum live_dialect d)
{
	return d != LIVE_SSE;
}

static bool
matches(const char *row, const char *path, size_t n, const char **entity,
    size_t *len)
{
	const char *brace = strchr(row, '{');
	size_t head = brace == NULL ? strlen(row) : (size_t)(brace - row);

	*len = 0;
	if (brace == NULL)
		return n == head && memcmp(row, path, n) == 0;
	if (n <= head || memcmp(row, path, head) != 0 ||
	    memchr(path + head, '/', n - head) != NULL)
		return false;
	*entity = path + head;
	*len = n - head;
	return *len <= 64;
}

const struct live_endpoint *
live_endpoint_find(struct arena *a, const char *path, const char **entity)
{
	const struct live_endpoint *e;
	size_t n = strlen(path), len;
	const char *found = "";

	if (n > 1 && path[n - 1] == '/')
		n--;
	for (e = live_endpoints; e->path != NULL; e++)
		if (matches(e->path, path, n, &found, &len)) {
			*entity = arena_strndup(a, found, len);
			return e;
		}
	return NULL;
}
