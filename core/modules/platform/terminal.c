/*
 * Commands' manners. Prints what it is given; decides nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
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
