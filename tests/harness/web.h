/*
 * Web servers in every shape that etc/ has a site for, run on the very files
 * of etc/ (or the output of `quincunx site`) with their paths replaced by
 * those of a test's directory. Each is a child of the test and dies with it.
 */
#ifndef HARNESS_WEB_H
#define HARNESS_WEB_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/harness/raw.h"

struct stack;

enum web_shape {
	WEB_NGINX,		/* three pools of our manager */
	WEB_LIGHTTPD,
	WEB_APACHE,
	WEB_SPAWN,		/* spawn-fcgi behind nginx, one socket */
	WEB_BINPATH,		/* lighttpd starts the program */
	WEB_FCGID,		/* Apache mod_fcgid starts the program */
	WEB_LIGHTTPD_CGI,	/* a process per request */
	WEB_APACHE_CGI,
	WEB_SYSTEMD,		/* sockets by LISTEN_FDS behind nginx */
	WEB_SHAPES
};

struct web_options {
	enum web_shape shape;
	bool tls;		/* shapes 0-2; certificate made once */
	const char *prefix;	/* path of http.public_url, NULL = none */
};

struct web {
	const char *name;	/* "lighttpd-cgi" */
	enum web_shape shape;
	struct raw_target to;
	const char *prefix;	/* put before every path of web_call() */
	struct stack *stack;
	char dir[96];		/* below the stack's */
	pid_t server, program;	/* program: manager of WEB_SYSTEMD */
	pid_t children[16];	/* of WEB_SPAWN */
	size_t nchildren;
};

const char *web_name(enum web_shape);
/* True if our manager runs the program. */
bool web_managed(enum web_shape);
/* Starts it over a stack without a web server; fails the program with the
 * logs' tails when it does not answer. The first three need the stack's
 * responders. Missing server: "not run", or in CI a failure. */
bool web_start(struct web *, struct stack *, const struct web_options *);
void web_stop(struct web *);
/* Processes of the program that serve this shape now (not for CGI). */
size_t web_processes(const struct web *, pid_t *, size_t max);
/* One request on a connection of its own. headers: lines that end with CRLF,
 * or NULL; a body is JSON with its length. */
struct raw_reply web_call(struct web *, const char *method, const char *path,
    const char *headers, const char *body);
/* "Authorization: Bearer …\r\n" of the stack's admin, by a login here. */
const char *web_login(struct web *);
/* Text of a member of a JSON reply, "" when there is none. */
const char *web_member(struct web *, const struct raw_reply *,
    const char *name);
/* Fails the test, with the exchange and the logs' tails. */
void web_expect_at(struct web *, const struct raw_reply *, int status,
    const char *file, int line);
#define web_expect(w, r, status) \
	web_expect_at((w), &(r), (status), __FILE__, __LINE__)
/* Tails of its error logs on stderr. */
void web_logs(const struct web *);

#endif
