/*
 * Bounded reader for foreign XML, on expat. UTF-8 only, no document type (a
 * doctype stops it, so there are no entities beyond the five), every count
 * has a cap. Streams: nothing is kept but the open path and one text.
 */
#ifndef NET_XML_H
#define NET_XML_H

#include <stddef.h>

struct arena;
struct err;

enum {
	XML_DEPTH_MAX = 32,	/* nested elements */
	XML_ATTRS_MAX = 16,	/* of one element */
	XML_NAME_MAX = 100,	/* bytes of an element's name */
	XML_TEXT_MAX = 65536	/* bytes of one element's text */
};

/* An element. Names are without namespace prefix. Valid during the call. */
struct xml_node {
	const char *root;	/* name of the root element */
	const char *path;	/* below the root: "set/item/id"; root: "" */
	const char *text;	/* close() only: as written, "" when it has
				 * child elements; NUL-terminated */
	size_t len;
	unsigned long line, column;	/* of the tag, from 1 */
};

struct xml_reader {
	/* Both may be NULL; return 0 to go on, -1 to stop with *err set. */
	int (*open)(void *arg, const struct xml_node *, struct err *);
	int (*close)(void *arg, const struct xml_node *, struct err *);
	void *arg;
	size_t max_bytes;	/* 0 = 16 MiB */
};

/* -1: status 502 "xml_malformed" with line and column, or the error of a
 * callback as it is. */
int xml_read(struct arena *, const void *, size_t, const struct xml_reader *,
    struct err *);

#endif
