/*
 * The one HTTP client (libcurl) and its egress gate. http and https only; the
 * address that is really connected to is judged (v4, v6, mapped): private,
 * loopback, link-local and unspecified peers are refused unless the host:port
 * of the URL is a configured endpoint. No redirects, no proxies from the
 * environment, decoded bytes capped, every call under a deadline and a
 * breaker. Asserts that no database transaction is open.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/types.h"
#include "conf/conf.h"
#include "shm/shm.h"

struct arena;
struct err;
struct net;

struct net_conf {
	const char *const *allow;	/* "host[:port]" besides endpoints */
	const char *ca_file;		/* empty = system store */
	int64_t connect_timeout_ms, timeout_ms, max_bytes;
	int64_t breaker_failures, breaker_open_s, breaker_probes;
};
extern const struct settings net_settings;

struct net_header {
	const char *name, *value;
};

struct net_call {
	const char *service;		/* breaker and metric name: "aws" */
	const char *method, *url;
	const struct net_header *headers;
	size_t nheaders;
	const void *body;
	size_t body_len;
	int64_t timeout_ms;		/* 0 = default */
	size_t max_bytes;		/* 0 = default, which is also the cap */
	bool no_breaker;		/* one of many hosts of the service; the
					 * caller bounds its own retries */
};

struct net_reply {
	int status;
	const char *body;		/* NUL-terminated, in the arena */
	size_t len;
	const char *content_type;
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
 * 504 "net_timeout", 503 "breaker_open", 502 "net_refused" (gate). The breaker
 * counts no answer and 5xx but 503. A request whose kept connection dies
 * before any byte of the answer is sent once more: calls that must not happen
 * twice carry a key of their own. */
int net_http(struct net *, struct arena *, const struct net_call *,
    struct net_reply *, struct err *);
/* True if an address may be connected to without being listed. */
struct sockaddr;
bool net_address_public(const struct sockaddr *);

/* Several calls at once on one thread (curl multi): each item is started,
 * done(arg, i, reply or NULL, err) is called as it ends and may start more by
 * returning through next(). At most max_parallel in flight. */
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

extern const struct metric net_calls_total, net_call_seconds;

#endif
