/*
 * What the files of the Redis client share.
 */
#ifndef NET_REDIS_INNER_H
#define NET_REDIS_INNER_H

#include "net/redis.h"

enum { REDIS_NODES = 32 };

struct redis_host {
	const char *host;
	int port;
};

struct redis_url {
	const char *user, *password;	/* "" = none */
	const char *path;		/* of a unix socket; NULL = hosts */
	struct redis_host hosts[REDIS_NODES];
	size_t nhosts;
	int64_t db;
};

int redis_url_parse(struct redis_url *, struct arena *, const char *,
    struct err *);
/* "host", "host:port", "[v6]:port". */
int redis_host_parse(struct arena *, const char *, size_t, const char **host,
    int *port);

#endif
