/*
 * The responder: settings of its pools, and the pieces that boot shares.
 */
#ifndef APP_RESPONDER_H
#define APP_RESPONDER_H

#include "conf/conf.h"
#include "http/http.h"
#include "proc/proc.h"

struct responder_conf {
	const char *api_listen, *slow_listen, *control_listen;
	struct pool_conf api, slow, control;
	int64_t drain_s;
};
extern const struct settings responder_settings;

/* Bulkheads that exist in the segment. */
extern const struct bulkhead *const app_bulkheads[];
/* Lays out and maps the shared segment for env->modules. */
int app_segment(struct env *, const char *run_dir, struct err *);

/* Serves requests of one pool until it should end (fcgi.c). */
struct responder {
	struct env *env;
	struct http *http;
	enum pool_kind pool;
	const struct pool_conf *conf;	/* NULL: no manager of ours */
};
int responder_fcgi(struct responder *, int listen_fd);
/* One connection at a time: slow handlers never hold up other clients. */
int responder_plain(struct responder *, int listen_fd);
int responder_cgi(struct responder *);

#endif
