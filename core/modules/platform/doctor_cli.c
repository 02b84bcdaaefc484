/*
 * `quincunx doctor`: options and words; looking is elsewhere. Exit status 1
 * when something is bad, so that a script can ask.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/doctor.h"
#include "modules/platform/terminal.h"

enum { CAP = 64 << 20 };

static int
tell(const struct platform_findings *f, bool json)
{
	struct str s;
	int rc;

	str_init(&s, f->a);
	if (json)
		platform_doctor_json(f, &s);
	else
		platform_doctor_text(f, platform_terminal_colour(), &s);
	rc = platform_terminal_write(&s);
	return rc != 0 ? rc : platform_doctor_worst(f) == DOCTOR_BAD;
}

static int
doctor(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	struct platform_findings f = { .a = env->a };
	const char *site = NULL, *url = NULL;
	bool json = false;

	for (;;)
		if (platform_terminal_option(&w, "--json", NULL))
			json = true;
		else if (!platform_terminal_option(&w, "--site", &site) &&
		    !platform_terminal_option(&w, "--url", &url))
			break;
	if (w.i != argc)
		return platform_terminal_usage("doctor [--site FILE] "
		    "[--url URL] [--json]");
	platform_doctor_look(env, site, url, &f);
	return tell(&f, json);
}

int
platform_doctor_unbooted(const struct err *e, int argc, char **argv)
{
	struct platform_findings f = { .a = arena_new(CAP) };
	bool json = argc > 0 && strcmp(argv[argc - 1], "--json") == 0;
	int rc;

	platform_doctor_add(&f, "configuration", DOCTOR_BAD,
	    e->cause[0] == '\0' ? e->detail : arena_printf(f.a, "%s: %s",
	    e->detail, e->cause), NULL);
	rc = tell(&f, json);
	arena_free(f.a);
	return rc;
}

const struct command platform_doctor_commands[] = {
	{ "doctor", "[--site FILE] [--url URL] [--json]", "Checks "
	  "configuration, keys, database, Redis, clock, disk, sockets, "
	  "services, web server, certificate and site, and names one remedy "
	  "for each fault",
	  COMMAND_DIAGNOSE, doctor },
	{ .name = NULL }
};
