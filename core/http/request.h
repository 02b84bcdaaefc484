/*
 * One request as every web server delivers it, made canonical. Routing uses
 * the raw REQUEST_URI only; SCRIPT_NAME and PATH_INFO differ from server to
 * server. Client address, scheme and request id come from parameters that the
 * site file sets (QX_*) or the server itself owns (REMOTE_ADDR, HTTPS), never
 * from request headers.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "http/http.h"

struct multipart;

struct request {
	const struct transport *t;
	enum method method;		/* HEAD stays HEAD */
	const char *path;		/* decoded, below the prefix, "/…" */
	const struct pair *query;	/* decoded, in order */
	size_t nquery;
	const char *media;		/* lower-case type/subtype, "" absent */
	int64_t length;			/* announced body, -1 unknown */
	const char *body;		/* once read */
	size_t body_len;
	bool body_read;
	size_t consumed;		/* bytes taken from the transport */
	struct multipart *form;		/* R_RAW body that is a form */
	bool https;
	const char *client_ip;
};

/* Parses line and headers; 400 with a sentence otherwise. */
int request_parse(struct request *, struct arena *, const struct http_conf *,
    const struct transport *, struct err *);
/* Reads the whole body, at most max bytes: 413 beyond. */
int request_body(struct request *, struct arena *, size_t max, struct err *);
/* HTTP header by name ("If-None-Match"). */
const char *request_header(const struct request *, const char *name);
/* Path made canonical: strips scheme and host of the absolute form, query
 * and prefix; refuses what servers disagree about. Pure; fuzzed. *query is
 * the raw text after '?', "" if none. */
int request_path(struct arena *, const char *uri, const char *prefix,
    const char **path, const char **query, struct err *);

#endif
