/*
 * HTTP/1.x as bytes: what is sent is what the test wrote, so that malformed
 * requests reach the web server as they are. One connection per call, with or
 * without TLS (no certificate is checked).
 */
#ifndef HARNESS_RAW_H
#define HARNESS_RAW_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct raw_target {
	int port;		/* on 127.0.0.1 */
	bool tls;
	int timeout_ms;		/* 0 = 20 s */
};

struct raw_reply {
	int status;		/* 0: no reply, or no HTTP */
	const char *head;	/* status line and headers, NUL-terminated */
	const char *body;	/* decoded, NUL-terminated */
	size_t len;
	double ms;
};

/* Sends while it reads, so an early refusal of a large body is seen. Ends
 * with the reply, the connection or the time. */
struct raw_reply raw_exchange(struct arena *, const struct raw_target *,
    const char *bytes, size_t n);
/* The same with a text made by printf. */
struct raw_reply raw_request(struct arena *, const struct raw_target *,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Value of a reply header, NULL = absent. */
const char *raw_header(struct arena *, const struct raw_reply *,
    const char *name);
/* An unused TCP port of 127.0.0.1; a connection to a port of it, or -1. */
int raw_free_port(void);
int raw_connect(int port);

#endif
