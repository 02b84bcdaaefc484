/*
 * multipart/form-data as a stream: the content of the first part that is a
 * file. Nothing is buffered beyond one window; other parts are passed over.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include <stddef.h>

struct arena;
struct err;
struct multipart;

/* Where the body comes from: 0 end, -1 error. */
struct multipart_source {
	long (*read)(void *arg, void *buf, size_t n, struct err *);
	void *arg;
};

/* *out is NULL when the type is not multipart/form-data; 400 when it is but
 * names no usable boundary (1 to 70 characters, RFC 2046). */
int multipart_open(struct arena *, const char *content_type,
    const struct multipart_source *, struct multipart **out, struct err *);
/* Content of the file; 0 at its end. -1: 400 for a body that breaks the
 * format or ends early, 422 when no part is a file. */
long multipart_read(struct multipart *, void *buf, size_t n, struct err *);

#endif
