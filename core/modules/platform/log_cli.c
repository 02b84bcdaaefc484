/*
 * `quincunx logs`: the last lines on a terminal, oldest first.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "base/str.h"
#include "conf/base.h"
#include "db/env.h"
#include "modules/platform/log.h"
#include "modules/platform/terminal.h"

static void
print(struct str *out, const struct platform_log_entry *l)
{
	char ts[CLOCK_TEXT];

	str_addf(out, "%s %-7s %-10s ", clock_format(l->ts, ts), l->level,
	    l->component);
	str_term(out, l->fields.p != NULL ? l->fields.p : l->message,
	    strlen(l->fields.p != NULL ? l->fields.p : l->message));
	str_addc(out, '\n');
}

static int
logs(struct env *env, int argc, char **argv)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct option_walk w = { argc, 0, argv };
	struct platform_log_filter f = { .limit = 50 };
	const char *since = NULL, *limit = NULL, *next;
	struct err e = { 0 };
	struct rows rows;
	struct str out;

	while (platform_terminal_option(&w, "--component", &f.component) ||
	    platform_terminal_option(&w, "--level", &f.level) ||
	    platform_terminal_option(&w, "--contains", &f.contains) ||
	    platform_terminal_option(&w, "--since", &since) ||
	    platform_terminal_option(&w, "--limit", &limit))
		;
	if (w.i != argc || (since != NULL && clock_parse(since, &f.since)) ||
	    (limit != NULL && (num_i64(limit, strlen(limit), &f.limit) !=
	    NUM_OK || f.limit < 1 || f.limit > 10000)) ||
	    (f.level != NULL && log_level_parse(f.level) == -1))
		return platform_terminal_usage("logs [--component C] [--level L] "
		    "[--since TIME] [--contains TEXT] [--limit N]");
	if (platform_log_read(env->a, cf->log_dir, &f, "", &rows, &next,
	    &e) == -1)
		return platform_terminal_error(&e);
	str_init(&out, env->a);
	for (size_t i = rows.n; i > 0; i--)
		print(&out, ROW(&rows, struct platform_log_entry, i - 1));
	return platform_terminal_write(&out);
}

const struct command platform_log_commands[] = {
	{ "logs", "[--component C] [--level L] [--since TIME] "
	  "[--contains TEXT] [--limit N]", "Last lines of the component logs",
	  true, logs },
	{ .name = NULL }
};
