/*
 * `quincunx compat`: options; comparing is elsewhere. Exit status 0 when all
 * is served alike, 1 when something differs or is missing, 2 when the file is
 * no document.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "http/http.h"
#include "modules/auth/auth.h"
#include "modules/platform/compat.h"
#include "modules/platform/terminal.h"
#include "schema/tree.h"

enum { CAP = 512 << 20 };

static int
tell(const struct platform_compat *c, bool json)
{
	struct str s;
	int rc;

	str_init(&s, c->a);
	if (json)
		platform_compat_json(c, &s);
	else
		platform_compat_text(c, &s);
	rc = platform_terminal_write(&s);
	return rc != 0 ? rc : c->count[COMPAT_SERVED] != c->rows.n;
}

static int
compat_file(struct env *env, struct arena *a, const char *file,
    const char *prefix, bool json)
{
	struct platform_compat c = { .a = a };
	const struct tree *old, *own;
	struct err e = { 0 };
	struct http *h;
	struct str doc;

	if (platform_compat_read(a, file, &old, &e) == -1)
		return platform_terminal_error(&e), 2;
	if (http_open(&h, env, &auth_http_hooks, &e) == -1)
		return platform_terminal_error(&e);
	str_init(&doc, a);
	openapi_emit(h, NULL, &doc);
	if (tree_parse(a, doc.p, doc.len, &own, &e) == -1)
		return platform_terminal_error(&e);
	if (platform_compat_compare(&c, old, own, prefix, &e) == -1)
		return platform_terminal_error(&e), 2;
	return tell(&c, json);
}

static int
compat(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	const char *file = NULL, *prefix = "";
	bool json = false;
	struct arena *a;
	int rc;

	for (;;)
		if (platform_terminal_option(&w, "--json", NULL))
			json = true;
		else if (!platform_terminal_option(&w, "--prefix", &prefix) &&
		    (file != NULL || !platform_terminal_word(&w, &file)))
			break;
	if (w.i != argc || file == NULL)
		return platform_terminal_usage("compat OLD-openapi.json[.gz] "
		    "[--prefix /v1] [--json]");
	a = arena_new(CAP);
	rc = compat_file(env, a, file, prefix, json);
	arena_free(a);
	return rc;
}

const struct command platform_compat_commands[] = {
	{ "compat", "FILE [--prefix PATH] [--json]", "Compares the OpenAPI "
	  "document of a backend in use with this one: served, differs, "
	  "missing, per path and method", COMMAND_ALONE, compat },
	{ .name = NULL }
};
