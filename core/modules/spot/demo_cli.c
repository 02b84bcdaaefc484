/*
 * `quincunx demo spot DIR`: recorded prices of a folder in, decisions out, on
 * the terminal or as JSON. Needs neither database nor network; computes
 * nothing itself.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "db/table.h"
#include "modules/spot/demo_file.h"

enum { DATA_MAX = 1 << 30, BAR = 40, USAGE = 2 };

struct options {
	const char *dir;
	struct utc as_of;
	bool json;
};

static int
usage(const char *why)
{
	fprintf(stderr, "quincunx demo spot: %s\n"
	    "usage: quincunx demo spot DIR [--json] [--as-of DATE]\n", why);
	return USAGE;
}

/* 0, or the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	for (int i = 0; i < argc; i++) {
		const char *date = NULL;

		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (strncmp(argv[i], "--as-of=", 8) == 0)
			date = argv[i] + 8;
		else if (strcmp(argv[i], "--as-of") == 0 && i + 1 < argc)
			date = argv[++i];
		else if (argv[i][0] == '-' && argv[i][1] != '\0')
			return usage("no such option");
		else if (o->dir != NULL)
			return usage("one folder at a time");
		else
			o->dir = argv[i];
		if (date != NULL && (clock_parse(date, &o->as_of) == -1 ||
		    o->as_of.us <= 0))
			return usage("--as-of wants a date, like 2016-04-25 "
			    "or 2016-04-25T12:00:00Z");
	}
	return o->dir == NULL ? usage("which folder?") : 0;
}

/* ---- progress ------------------------------------------------------------- */

static const char *
safe(struct arena *a, const char *text)
{
	struct str s;

	str_init(&s, a);
	str_term(&s, text, strlen(text));
	return s.p;
}

static void
bar(void *arg, const char *name, int64_t done, int64_t total)
{
	static const char full[] = "########################################";
	int k = total > 0 ? (int)(done * BAR / total) : BAR;
	struct arena *a = arg;
	struct arena_mark m = arena_mark(a);

	if (name == NULL)
		fprintf(stderr, "\r\033[K");
	else
		fprintf(stderr, "\r\033[K[%.*s%*s] %3d%% %.30s", k, full,
		    BAR - k, "", k * 100 / BAR, safe(a, name));
	fflush(stderr);
	arena_rewind(a, m);
}

static void
lines(void *arg, const char *name, int64_t done, int64_t total)
{
	struct arena *a = arg;
	struct arena_mark m = arena_mark(a);

	if (name != NULL)
		fprintf(stderr, "%3d%% reading %s\n", total > 0 ?
		    (int)(done * 100 / total) : 0, safe(a, name));
	arena_rewind(a, m);
}

/* ---- the command -------------------------------------------------------------- */

static int
fail(const struct err *e)
{
	fprintf(stderr, "quincunx demo spot: %s\n", e->detail);
	return 1;
}

static int
show(const struct spot_demo_result *r, bool json, struct arena *a)
{
	struct str s;

	str_init(&s, a);
	if (json) {
		schema_encode(&spot_demo_schema, r, &s);
		str_addc(&s, '\n');
	} else
		spot_demo_print(r, &s);
	if (fwrite(s.p, 1, s.len, stdout) != s.len || fflush(stdout) != 0) {
		perror("quincunx demo spot: output");
		return 1;
	}
	return 0;
}

static int
demo(const struct options *o, struct arena *a)
{
	struct spot_demo_watch w = { isatty(STDERR_FILENO) ? bar : lines,
	    arena_new(1 << 20) };
	struct spot_demo_result r;
	struct err e = { 0 }, none = { 0 };
	struct spot_demo d;
	int rc;

	spot_demo_init(&d, a);
	rc = spot_demo_folder(&d, o->dir, &w, &e);
	arena_free(w.arg);
	if (rc == -1)
		return fail(&e);
	rc = spot_demo_report(&d, o->as_of, &r, &none);
	/* what was wrong with the files is said in any case */
	if (show(&r, o->json, a) != 0)
		return 1;
	return rc == -1 ? fail(&none) : 0;
}

static int
run(struct env *env, int argc, char **argv)
{
	struct options o = { 0 };
	struct arena *a;
	int rc;

	(void)env;
	if ((rc = read_options(argc, argv, &o)) != 0)
		return rc;
	a = arena_new(DATA_MAX);
	rc = demo(&o, a);
	arena_free(a);
	return rc;
}

const struct command spot_demo_commands[] = {
	{ .name = "demo spot", .usage = "DIR [--json] [--as-of DATE]",
	    .doc = "Decides on recorded AWS prices of a folder: price history "
	    "(JSON, CSV, .gz, .tar.gz), advisor feed, instance types, "
	    "on-demand prices; without a database",
	    .no_db = COMMAND_NO_BOOT, .run = run },
	{ .name = NULL }
};
