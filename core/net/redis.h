/*
 * A Redis or Redis Cluster as a client sees it: commands and pipelines with a
 * deadline, redirects followed, a breaker and a back-off of its own in front.
 * Over hiredis, plain TCP or a unix socket; no TLS (Debian 12's hiredis has
 * none). Asserts that no database transaction is open.
 */
#ifndef NET_REDIS_H
#define NET_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct redis;
struct shm;

enum redis_kind {
	REDIS_NIL, REDIS_INT, REDIS_TEXT, REDIS_LIST,
	REDIS_REFUSED		/* the server's error text in s */
};

/* Copied into the arena of the call. */
struct redis_reply {
	enum redis_kind kind;
	int64_t i;
	const char *s;		/* NUL-terminated; may hold NUL bytes */
	size_t n;		/* bytes, or items */
	struct redis_reply *items;
};

struct redis_word {
	const char *p;
	size_t n;
};

/* One command; words borrowed for the call. */
struct redis_cmd {
	const struct redis_word *words;
	size_t n;
	size_t key;		/* index of the key; 0 = none, any node */
};

/* "redis://[user:password@]host[:port][/db]", also "host:port,host:port" for
 * the nodes of a cluster, or "unix:///path/to.sock". -1: 500 "redis_url" with
 * the way out ("rediss://" needs a tunnel). */
int redis_url_check(const char *url, struct err *);
/* Connects at the first command. timeout_ms bounds connecting and each wait
 * for an answer. shm may be NULL: no breaker. */
int redis_open(struct redis **, struct arena *, const char *url,
    int64_t timeout_ms, struct shm *, struct err *);
void redis_close(struct redis *);

/* 0: an answer, which may be REDIS_REFUSED. -1: 503 "redis_down" (nobody
 * there, no answer in time), "breaker_open", "redis_busy" (loading, cluster
 * without a majority, redirects without end). An unanswered command may have
 * been done. */
int redis_do(struct redis *, struct arena *, const struct redis_cmd *,
    struct redis_reply *, struct err *);
/* Many commands, as many round trips as there are nodes; out has n elements,
 * in order. Commands of one key reach the server in order. -1 as above: some
 * may have been done. */
int redis_pipe(struct redis *, struct arena *, const struct redis_cmd *,
    size_t n, struct redis_reply *out, struct err *);

/* ---- channels ------------------------------------------------------------ */

struct redis_message {
	const char *channel;
	const char *p;			/* NUL-terminated */
	size_t n;
};
/* Follows these channels; the connection is for nothing else from then on. -1
 * as above. */
int redis_subscribe(struct redis *, struct arena *,
    const char *const *channels, size_t n, struct err *);
/* The next message, waiting up to wait_ms for it: 1 there is one, 0 none, -1
 * the connection is gone: subscribe again. What was published meanwhile is
 * lost, as with every channel of Redis. */
int redis_hear(struct redis *, struct arena *, int64_t wait_ms,
    struct redis_message *, struct err *);

/* ---- pure ---------------------------------------------------------------- */

enum { REDIS_SLOTS = 16384 };
/* Slot of a key by the cluster's rule: CRC16 of what stands between the first
 * braces, or of the whole key (Redis Cluster specification, "Key
 * distribution model"). */
unsigned redis_slot(const char *key, size_t n);

#endif
