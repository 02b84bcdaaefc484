/*
 * A WebSocket client for tests, on bytes: handshake with any headers, frames
 * of any kind, what comes back one by one. Answers pings unless told not to.
 */
#ifndef HARNESS_WS_H
#define HARNESS_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json_object;

struct ws {
	struct arena *a;	/* texts live there */
	int fd;			/* -1: no connection */
	int status;		/* of the handshake; 101 = open */
	int code;		/* close code that came; 0 = none, 1006 = the
				 * connection was just lost */
	char reason[128];
	bool deaf;		/* pings are not answered */
	unsigned char *buf;
	size_t have;
};

/* To 127.0.0.1:port. headers: lines that end with CRLF, or NULL. */
struct ws ws_open(struct arena *, int port, const char *path,
    const char *headers);
void ws_close(struct ws *);
/* One frame; first is the first byte (FIN, RSV, opcode). */
void ws_frame(struct ws *, uint8_t first, const void *, size_t);
void ws_bytes(struct ws *, const void *, size_t);
void ws_say(struct ws *, const char *text);
/* Next frame: opcode, or -1 when the time is over or the other side closed
 * (then code is set). */
int  ws_next_frame(struct ws *, int ms, const char **payload, size_t *n);
/* Next text; NULL as above. */
const char *ws_next(struct ws *, int ms);
/* The same as JSON of this "type" (others are dropped); to be put by the
 * caller. NULL as above. */
struct json_object *ws_wait(struct ws *, const char *type, int ms);
/* Reads until the other side closes; its code, 0 = it did not. */
int  ws_wait_close(struct ws *, int ms);

#endif
