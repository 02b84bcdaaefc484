/*
 * The one HTTP client (libcurl) and its egress gate. http and https only; the
 * address that is really connected to is judged (v4, v6, mapped): private,
 * loopback, link-local and unspecified peers are refused unless the host:port
 * of the URL is a configured endpoint. No redirects, no proxies from the
 * environment, decoded bytes capped. Every call has a deadline and goes through
 * its dependency's breaker and permits (shm/dependency.h). Asserts that no
 * database transaction is open.
 *
 * X-Deadline-Ms tells the peer how many milliseconds the caller has left. From
 * clients it is not believed: a deadline that anybody can set would let them
 * end our work half way. Only the site may tell us one (QX_DEADLINE_MS).
 * X-Retry-Layer says that somebody outside of us repeats the request: then we
 * do not. Anybody may send it, since it takes something from the sender only.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/types.h"
#include "conf/conf.h"
#include "shm/dependency.h"

struct arena;
struct err;
struct net;

struct net_conf {
	const char *const *allow;	/* "host[:port]" besides endpoints */
	const char *ca_file;		/* empty = system store */
	int64_t connect_timeout_ms, timeout_ms, max_bytes;
};
extern const struct settings net_settings;

struct net_header {
	const char *name, *value;
};

struct net_call {
	const char *service;		/* dependency and metric name: "aws" */
	const char *method, *url;
	const struct net_header *headers;
	size_t nheaders;
	const void *body;
	size_t body_len;
	int64_t timeout_ms;		/* 0 = default */
	int64_t deadline_boot_ns;	/* the caller's, repeats included; 0 =
					 * none */
	size_t max_bytes;		/* 0 = default, which is also the cap */
	bool repeatable;		/* idempotent, or carries a key; GET,
					 * HEAD, PUT, DELETE, OPTIONS are so by
					 * definition. Others are sent on a
					 * connection of their own, so that
					 * nothing below us repeats them */
	bool once;			/* never repeated, whatever the method */
	bool retry;			/* repeat it; for the outermost layer
					 * that knows how */
	bool repeated;			/* by rules of the caller: adds nothing
					 * to the budget */
	bool no_breaker;		/* one of many hosts of the service; the
					 * caller bounds its own repeats. What
					 * an operator switched off stays off */
};

struct net_reply {
	int status;
	const char *body;		/* NUL-terminated, in the arena */
	size_t len;
	const char *content_type;
	const char *etag;		/* "" = none */
	struct utc date;		/* Date header; 0 = none */
	int64_t retry_after_s;		/* 0 = none */
	int64_t elapsed_us;
};

int net_open(struct net **, struct arena *, const struct net_conf *,
    struct shm *, struct err *);
/* An endpoint the operator configured: its host:port may be private. */
void net_allow(struct net *, const char *url);
/* URL text check only: scheme, host present, no credentials, no unix tricks. */
int net_url_check(const char *url, struct err *);
/* 0: an HTTP answer came (any status). -1: err->status 502 "net_failed",
 * 504 "net_timeout", 503 "breaker_open" or "bulkhead_full", 504
 * "deadline_passed" (nothing was sent), 502 "net_refused" (gate). The breaker
 * counts no answer and 5xx as failures, leaves 4xx out, and 503 too where the
 * dependency says it when asked too often. With .retry: repeats after no
 * connection, no answer, 429, 502, 503, 504, if the call may be repeated and
 * budget and deadline allow. A request that may be repeated and whose kept
 * connection dies before any byte of the answer is sent once more by curl. */
int net_http(struct net *, struct arena *, const struct net_call *,
    struct net_reply *, struct err *);
/* For layers that repeat by rules of their own: takes one repeat from the
 * budget and counts it. False: do not, for now. */
bool net_may_repeat(struct net *, const char *service);
/* Until the next one, for all calls: the deadline of the request or job under
 * way (0 = none), and whether somebody outside of us repeats it. */
void net_scope(struct net *, int64_t deadline_boot_ns, bool retried_outside);
/* fn(arg) is asked to tell the segment what operators ordered, when that is
 * missing; at most once a second. net_orders() asks now; each call of ours
 * does, others who go through a dependency should. */
void net_on_fresh(struct net *, void (*fn)(void *), void *arg);
void net_orders(struct net *, int dependency);

/* True if an address may be connected to without being listed. */
struct sockaddr;
bool net_address_public(const struct sockaddr *);

/* Several calls at once on one thread (curl multi): each item is started,
 * done(arg, i, reply or NULL, err) is called as it ends and may start more by
 * returning through next(). At most max_parallel in flight; calls of this
 * batch wait for permits that others of it hold. */
struct net_batch {
	/* Fills the next call, allocated in the arena it is given (freed after
	 * its done()); false = nothing to start now. */
	bool (*next)(void *arg, struct arena *, struct net_call *, void **tag);
	void (*done)(void *arg, void *tag, struct arena *,
	    const struct net_reply *, const struct err *);
	void *arg;
	size_t max_parallel;
};
int net_run(struct net *, const struct net_batch *, struct err *);

extern const struct metric net_calls_total, net_call_seconds, retries_total;

#endif
