/*
 * Commands' manners. Prints what it is given; decides nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "db/env.h"
#include "modules/platform/exchange.h"
#include "modules/platform/terminal.h"

/* ["body","items",0] as items.0; nothing that a terminal would obey. */
static void
print_place(const char *loc)
{
	bool begun = false;

	if (strncmp(loc, "[\"body\",", 8) == 0)
		loc += 8;
	for (; *loc != '\0'; loc++) {
		if (*loc == ',' && begun)
			fputc('.', stderr);
		if (strchr("[]\",", *loc) == NULL && *loc > ' ' && *loc < 127) {
			fputc(*loc, stderr);
			begun = true;
		}
	}
}

int
platform_terminal_error(const struct err *e)
{
	fprintf(stderr, "quincunx: %s%s%s\n",
	    e->detail[0] != '\0' ? e->detail : "failed",
	    e->cause[0] != '\0' ? ": " : "", e->cause);
	for (size_t i = 0; i < e->nfields; i++) {
		fputs("  ", stderr);
		print_place(e->fields[i].loc);
		fprintf(stderr, ": %s\n", e->fields[i].msg);
	}
	return 1;
}

int
platform_terminal_usage(const char *text)
{
	fprintf(stderr, "usage: quincunx %s\n", text);
	return 2;
}

bool
platform_terminal_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

int
platform_terminal_write(const struct str *s)
{
	if (fwrite(s->p, 1, s->len, stdout) != s->len || fflush(stdout) != 0) {
		perror("quincunx: stdout");
		return 1;
	}
	return 0;
}

bool
platform_terminal_option(struct option_walk *w, const char *name, const char **value)
{
	const char *arg = w->i < w->argc ? w->argv[w->i] : "";
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0)
		return false;
	if (value == NULL) {
		if (arg[n] != '\0')
			return false;
		w->i++;
		return true;
	}
	if (arg[n] == '=') {
		*value = arg + n + 1;
		w->i++;
		return true;
	}
	if (arg[n] != '\0' || w->i + 1 >= w->argc)
		return false;
	*value = w->argv[w->i + 1];
	w->i += 2;
	return true;
}

bool
platform_terminal_word(struct option_walk *w, const char **value)
{
	if (w->i >= w->argc || strncmp(w->argv[w->i], "--", 2) == 0)
		return false;
	*value = w->argv[w->i++];
	return true;
}

bool
platform_terminal_scope(struct option_walk *w, struct platform_terminal_scope *s)
{
	if (platform_terminal_option(w, "--tenant", &s->tenant))
		return true;
	if (platform_terminal_option(w, "--installation", NULL))
		return s->installation = true;
	if (platform_terminal_option(w, "--json", NULL))
		return s->json = true;
	return false;
}

int
platform_terminal_tenant(struct env *env, struct platform_terminal_scope *s, struct err *e)
{
	static const char *const everything[] = { "*", NULL };
	int rc;

	s->who = (struct principal){ .kind = PRINCIPAL_SYSTEM,
	    .name = "quincunx", .permissions = everything };
	if (s->installation)
		return 0;
	rc = platform_tenant_find(env->db, env->a, s->tenant,
	    &s->who.tenant_id, e);
	return rc != 1 ? rc : err_set(e, 404, "not_found",
	    "no tenant \"%.100s\"", s->tenant != NULL ? s->tenant : "");
}
