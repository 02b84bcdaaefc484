/*
 * Endpoints of the gateway (quincunx-live) as rows: path and the way of
 * speaking there. The gateway, the site files and the documentation are loops
 * over them.
 */
#ifndef HTTP_LIVE_H
#define HTTP_LIVE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum live_dialect {
	LIVE_NATIVE = 1,	/* sub, unsub, ping; {"type":"event",…} */
	LIVE_SEED,		/* welcome, subscribe, request_data, ping */
	LIVE_RUNTIME,		/* {"action":"subscribe","topics":[…]} */
	LIVE_SANDBOX,		/* connected, log and status of one session */
	LIVE_TICK,		/* bare objects with a sequence number */
	LIVE_SSE,		/* text/event-stream */
	LIVE_ECHO		/* what comes goes back: a test of proxies */
};

struct live_endpoint {
	const char *path;	/* may end with "/{session}": the entity */
	enum live_dialect dialect;
	/* What a client follows without asking, NULL-terminated: topics,
	 * prefixes or names of the documents; NULL = nothing. */
	const char *const *topics;
	int status_s;		/* a system_status frame every so often */
	const char *seed;	/* "003": the document that names it */
	const char *summary, *doc;
};
extern const struct live_endpoint live_endpoints[];	/* end: .path NULL */

/* Endpoint of a request path (both slash forms), and what stands in place of
 * {session}; *entity is "" without. NULL: none of ours. */
const struct live_endpoint *live_endpoint_find(struct arena *,
    const char *path, const char **entity);
/* True for dialects that begin with an upgrade to WebSocket. */
bool live_is_ws(enum live_dialect);

#endif
