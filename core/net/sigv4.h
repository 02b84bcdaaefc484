/*
 * AWS Signature Version 4, header form. Pure: no clock, no network.
 */
#ifndef NET_SIGV4_H
#define NET_SIGV4_H

#include <stddef.h>
#include <stdbool.h>

#include "base/types.h"

struct arena;
struct net_header;

struct sigv4_key {
	const char *access_key, *secret_key;
	const char *session_token;	/* NULL = long-term key */
};

struct sigv4_request {
	const char *method;
	const char *path;	/* raw path of the request line, before '?' */
	const char *query;	/* raw query text without '?', may be "" */
	const struct net_header *headers;	/* must include Host */
	size_t nheaders;
	const void *body;
	size_t body_len;
	const char *region, *service;
	struct utc when;
	bool normalize;		/* collapse // and dot segments (all but S3) */
	bool sign_body;		/* add x-amz-content-sha256 */
	bool omit_session_token;	/* add the token after signing */
};

struct sigv4_result {
	const char *canonical_request, *string_to_sign, *signature;
	const char *authorization;	/* value of the Authorization header */
	const char *amz_date;
	const char *signed_headers;
};

void sigv4_sign(struct arena *, const struct sigv4_key *,
    const struct sigv4_request *, struct sigv4_result *);

#endif
