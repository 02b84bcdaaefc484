/*
 * Inside of site_emit(): the places that need a location, and one writer per
 * web server.
 */
#ifndef HTTP_SITE_H
#define HTTP_SITE_H

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "http/serve.h"

enum { SITE_SLACK = 65536 };

struct place {
	const char *literal;		/* "/api/x" or NULL; "" is the root */
	const char *regex;		/* without anchors and last slash */
	enum pool_kind pool;
	size_t max_body;
	bool special;			/* gets a location of its own */
};

struct site {
	struct http *h;
	const struct site_options *o;
	struct str *out;
	struct arena *a;
	const char *const *listens;
	const char *sock[3];		/* by enum pool_kind */
	size_t max_body;
	VEC(struct place *) places;
	const char *live;		/* socket of the gateway */
	VEC(struct place *) endpoints;	/* its paths; pool means nothing */
};

const char *site_pool(enum pool_kind);
/* What the web server may let through; a little more than we do, so that the
 * refusal is ours. */
size_t site_body(const struct site *, const struct place *);

/* "^(a|b)/?$" of all paths of the gateway. */
const char *site_live_regex(struct site *);

void site_nginx(struct site *);
void site_lighttpd(struct site *);
void site_apache(struct site *);

/* What a browser shows while no responder answers. No quote of either kind. */
#define SITE_SORRY "<!doctype html><html lang=en><meta charset=utf-8>" \
	"<meta name=viewport content=width=device-width>" \
	"<meta http-equiv=refresh content=5><title>Quincunx</title>" \
	"<h1>Quincunx does not answer</h1><p>Its responders are not running " \
	"or are being replaced. This page tries again every 5 seconds." \
	"<p>On the server, <code>quincunx doctor</code> says what is wrong."

#endif
