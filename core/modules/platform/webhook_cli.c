/*
 * `quincunx webhook`: all tenants' webhooks, for whoever runs the
 * installation.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"
#include "modules/platform/terminal.h"
#include "modules/platform/webhook.h"

enum { PAGE = 200, CAP = 32 << 20 };

static void
print(struct str *out, const struct platform_webhook *w, bool json)
{
	char id[UUID_TEXT], tenant[UUID_TEXT];

	if (json) {
		schema_encode(&platform_webhook_schema, w, out);
		str_addc(out, '\n');
		return;
	}
	str_addf(out, "%s  tenant %s  %s  at %lld  %lld failures  ",
	    uuid_format(w->id, id), uuid_format(w->tenant_id, tenant),
	    w->active ? "on " : "off", (long long)w->delivered,
	    (long long)w->failures);
	str_term(out, w->url, strlen(w->url));
	if (*w->last_error != '\0') {
		str_add(out, "  ");
		str_term(out, w->last_error, strlen(w->last_error));
	}
	str_addc(out, '\n');
}

static int
list(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	bool json = platform_terminal_option(&w, "--json", NULL);
	struct uuid after = { { 0 } };
	struct err e = { 0 };
	struct rows rows;

	if (w.i != argc)
		return platform_terminal_usage("webhook list [--json]");
	do {
		struct arena *a = arena_new(CAP);
		struct str out;
		int rc;

		str_init(&out, a);
		if (platform_webhook_everyone(env->db, a, after, PAGE, &rows,
		    &e) == -1)
			return platform_terminal_error(&e);
		for (size_t i = 0; i < rows.n; i++) {
			const struct platform_webhook *x = ROW(&rows,
			    struct platform_webhook, i);

			after = x->id;
			print(&out, x, json);
		}
		rc = platform_terminal_write(&out);
		arena_free(a);
		if (rc != 0)
			return rc;
	} while (rows.n == PAGE);
	return 0;
}

static int
turn(struct env *env, int argc, char **argv, bool on)
{
	struct err e = { 0 };
	struct uuid id;
	uint64_t n;

	if (argc != 1 || uuid_parse(argv[0], &id) == -1)
		return platform_terminal_usage(on ? "webhook enable ID" :
		    "webhook disable ID");
	if (platform_webhook_switch(env->db, id, on, clock_now(), &n, &e) ==
	    -1)
		return platform_terminal_error(&e);
	if (n == 0) {
		err_set(&e, 404, "not_found", "No webhook %s", argv[0]);
		return platform_terminal_error(&e);
	}
	return 0;
}

static int
enable(struct env *env, int argc, char **argv)
{
	return turn(env, argc, argv, true);
}

static int
disable(struct env *env, int argc, char **argv)
{
	return turn(env, argc, argv, false);
}

const struct command platform_webhook_commands[] = {
	{ "webhook list", "[--json]", "Webhooks of all tenants", false,
	  list },
	{ "webhook enable", "ID", "Sends events again, from where it "
	  "stopped", false, enable },
	{ "webhook disable", "ID", "Sends no more events", false, disable },
	{ .name = NULL }
};
