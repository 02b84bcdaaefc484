/*
 * `quincunx live`: who is connected, over all tenants and hosts.
 */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/live.h"
#include "modules/platform/terminal.h"

enum { PAGE = 500 };

static void
line(struct str *s, const struct platform_live_client *c)
{
	char at[CLOCK_TEXT];

	str_term(s, c->name, strlen(c->name));
	str_addf(s, "  %s  %s  ", c->endpoint,
	    clock_format(c->connected_at, at));
	str_term(s, c->remote_addr, strlen(c->remote_addr));
	str_addf(s, "  sent %lld  ", (long long)c->sent);
	str_term(s, c->subscriptions, strlen(c->subscriptions));
	str_addc(s, '\n');
}

static int
clients(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	bool json = platform_terminal_option(&w, "--json", NULL);
	struct uuid after = { { 0 } };
	struct utc alive = { clock_now().us -
	    PLATFORM_LIVE_STALE_S * US_PER_S };
	struct err e = { 0 };
	struct rows rows;
	struct str s;

	if (w.i != argc)
		return platform_terminal_usage("live clients [--json]");
	str_init(&s, env->a);
	do {
		if (platform_live_client_all(env->db, env->a, after, alive,
		    PAGE, &rows, &e) == -1)
			return platform_terminal_error(&e);
		for (size_t i = 0; i < rows.n; i++) {
			const struct platform_live_client *c = ROW(&rows,
			    struct platform_live_client, i);

			after = c->id;
			if (!json) {
				line(&s, c);
				continue;
			}
			schema_encode(&platform_live_client_schema, c, &s);
			str_addc(&s, '\n');
		}
	} while (rows.n == PAGE);
	return platform_terminal_write(&s);
}

const struct command platform_live_commands[] = {
	{ "live clients", "[--json]", "Clients of all gateways", false,
	  clients },
	{ .name = NULL }
};
