/*
 * `quincunx site`: reads options, lets the HTTP layer write the text.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "db/env.h"
#include "http/http.h"
#include "modules/auth/auth.h"
#include "modules/platform/site.h"
#include "modules/platform/terminal.h"

static const char usage[] = "site nginx|lighttpd|apache "
    "[--listen [ADDR:]PORT]... [--server-name N] [--tls CERT:KEY] "
    "[--standalone DIR] [--old [ADDR:]PORT]";

static void
split_tls(struct arena *a, const char *pair, struct site_options *o)
{
	const char *colon = strchr(pair, ':');

	o->tls_cert = colon == NULL ? pair :
	    arena_strndup(a, pair, (size_t)(colon - pair));
	o->tls_key = colon == NULL ? pair : colon + 1;
}

static int
site(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	struct site_options o = { .server = NULL };
	VEC(const char *) listens = { 0 };
	struct err e = { 0 };
	const char *value;
	struct http *h;
	struct str out;

	for (;;) {
		if (platform_terminal_option(&w, "--listen", &value))
			*VEC_ADD(env->a, &listens) = value;
		else if (platform_terminal_option(&w, "--tls", &value))
			split_tls(env->a, value, &o);
		else if (!platform_terminal_option(&w, "--server-name",
		    &o.server_name) && !platform_terminal_option(&w, "--standalone",
		    &o.standalone) && !platform_terminal_option(&w, "--old",
		    &o.old) && (o.server != NULL ||
		    !platform_terminal_word(&w, &o.server)))
			break;
	}
	*VEC_ADD(env->a, &listens) = NULL;
	o.listens = listens.v;
	if (w.i != argc || o.server == NULL)
		return platform_terminal_usage(usage);
	str_init(&out, env->a);
	if (http_open(&h, env, &auth_http_hooks, &e) == -1 ||
	    site_emit(h, &o, &out, &e) == -1)
		return platform_terminal_error(&e);
	return platform_terminal_write(&out);
}

const struct command platform_site_commands[] = {
	{ "site", "nginx|lighttpd|apache [--listen [ADDR:]PORT]... "
	  "[--server-name N] [--tls CERT:KEY] [--standalone DIR] "
	  "[--old [ADDR:]PORT]",
	  "Prints the web server's configuration for the three pools; with "
	  "--standalone a whole one for an unprivileged instance; with --old what "
	  "we do not serve goes to the backend being replaced",
	  COMMAND_ALONE, site },
	{ .name = NULL }
};
