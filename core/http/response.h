/*
 * The reply under construction, and how it leaves: nothing is written before
 * the transaction is over.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "http/http.h"

struct response {
	int status;		/* 0 = nothing said yet */
	struct str headers;	/* "Name: value\r\n" lines */
	struct str body;
	const char *text;	/* borrowed body instead of .body */
	size_t text_len;
	const char *type;	/* content type; NULL = no body */
};

struct response *response_new(struct arena *);
/* Body of an error in FastAPI's shape, or RFC 9457 when asked for. */
void response_error(struct ctx *, const struct err *);
/* Adds ETag, answers If-None-Match, writes status, headers and body. */
void response_send(struct ctx *, bool head);

const char *status_phrase(int status);
/* Metrics label values by status; index 0 = any other status. */
extern const char *const http_codes[];
size_t status_index(int status);

#endif
