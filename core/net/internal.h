/*
 * What the files of the HTTP client share. Not for other layers.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <sys/types.h>

#include <curl/curl.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "net/net.h"

enum {
	NET_URL_MAX = 4096,
	NET_HOST_MAX = 253,
	NET_HEADERS_MAX = 64,		/* request headers */
	NET_HEADER_BYTES = 64 * 1024,	/* of an answer, all header lines */
	NET_PARALLEL_MAX = 64,
	NET_RETRY_MAX_S = 86400
};

/* Peers that may have a private address. */
struct allowed {
	struct allowed *next;
	const char *host;
	unsigned port;		/* 0 = any */
};

struct net {
	struct arena *a;
	const struct net_conf *conf;
	struct shm *shm;
	struct allowed *allowed;
	pid_t pid;		/* whose handles these are */
	CURL *single;
	CURLM *multi;
	bool running;		/* inside net_run() */
	int64_t deadline_ns;	/* net_scope() */
	bool retried;
	struct {
		void (*fn)(void *);
		void *arg;
		int64_t asked_ns;
	} fresh;
};

struct target {
	char host[NET_HOST_MAX + 3];	/* brackets of an IPv6 literal */
	unsigned port;
	bool has_port;		/* written in the URL */
};

struct transfer {
	struct net *net;
	CURL *easy;
	struct curl_slist *headers;
	struct arena *a;	/* the body grows here */
	struct net_call call;
	struct target target;
	struct str body;
	size_t max_bytes, header_bytes;
	bool private_ok, refused, too_big, header_flood;
	bool hurried;		/* cut short by a deadline, not by itself */
	bool again;		/* ended so that it may be repeated */
	int64_t started_ns;
	int64_t left_ms;	/* until the deadline; 0 = none */
	int dependency;
	struct dependency_pass pass;
	char message[CURL_ERROR_SIZE];
};

/* gate.c */
int gate_parse(const char *url, struct target *, struct err *);
bool gate_allowed(const struct net *, const struct target *);
void gate_allow(struct net *, const struct target *, bool any_port);
curl_socket_t gate_socket(void *transfer, curlsocktype, struct curl_sockaddr *);

/* request.c: what is sent. */
int request_set(struct transfer *, struct err *);
bool request_repeatable(const struct net_call *);

/* transfer.c */
/* Judges the call, asks the dependency and prepares the handle. 1, unless it
 * should wait: no permit now. */
int transfer_begin(struct transfer *, struct net *, CURL *, struct arena *,
    const struct net_call *, bool wait, struct err *);
/* Answer or error; tells the dependency and the metrics. */
int transfer_end(struct transfer *, CURLcode, struct arena *out,
    struct net_reply *, struct err *);
int transfer_refuse(struct transfer *, struct err *, const char *why);
const char *transfer_service(const struct transfer *);
/* The earlier of the call's deadline and the scope's; 0 = none. */
int64_t transfer_deadline(const struct net *, const struct net_call *);

#endif
