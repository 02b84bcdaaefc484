/*
 * Help texts. Everything a person can call is found here, whatever module it
 * belongs to; a command of a module that no group names still appears, under
 * its module.
 */
#include <stdio.h>
#include <string.h>

#include "app/manual.h"
#include "base/arena.h"
#include "base/str.h"
#include "module.h"

enum { WIDTH = 78, NAME_WIDTH = 20 };

static bool
word_is(const char *command, const char *word)
{
	size_t n = strlen(word);

	return strncmp(command, word, n) == 0 &&
	    (command[n] == '\0' || command[n] == ' ');
}

int
manual_group_of(const char *command)
{
	for (int g = 0; manual_groups[g].title != NULL; g++)
		for (const char *const *w = manual_groups[g].words;
		    *w != NULL; w++)
			if (word_is(command, *w))
				return g;
	return -1;
}

const struct command *
manual_command(const struct module *const *mods, size_t *i)
{
	size_t at = 0;

	for (const struct command *c = manual_own; c->name != NULL; c++)
		if (at++ == *i)
			return (*i)++, c;
	for (; *mods != NULL; mods++)
		for (const struct command *const *set = (*mods)->commands;
		    set != NULL && *set != NULL; set++)
			for (const struct command *c = *set; c->name; c++)
				if (at++ == *i)
					return (*i)++, c;
	return NULL;
}

static void
add_bold(struct str *s, bool colour, const char *text)
{
	str_addf(s, colour ? "\033[1m%s\033[0m" : "%s", text);
}

/* Words of the text in lines that begin at a column; the first line has come
 * to "at" already. */
static void
add_wrapped(struct str *s, size_t at, size_t column, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (at > column && at + 1 + n > WIDTH) {
			str_addf(s, "\n%*s", (int)column, "");
			at = column;
		} else if (at > column) {
			str_addc(s, ' ');
			at++;
		}
		str_addn(s, text, n);
		at += n;
		text += n + strspn(text + n, " ");
	}
	str_addc(s, '\n');
}

static void
add_row(struct str *s, bool colour, const char *name, const char *doc)
{
	size_t n = strlen(name);

	str_add(s, "  ");
	add_bold(s, colour, name);
	if (n > NAME_WIDTH)
		str_addf(s, "\n%*s", NAME_WIDTH + 4, "");
	else
		str_addf(s, "%*s", (int)(NAME_WIDTH + 2 - n), "");
	add_wrapped(s, NAME_WIDTH + 4, NAME_WIDTH + 4, doc);
}

static void
add_rows(struct str *s, bool colour, const struct manual_option *o)
{
	for (; o != NULL && o->name != NULL; o++)
		add_row(s, colour, o->name, o->doc);
}

static void
add_group(const struct module *const *mods, int group, bool colour,
    struct str *s)
{
	const struct command *c;
	const char *title = group >= 0 ? manual_groups[group].title :
	    "More";
	bool begun = false;

	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; ) {
		if (manual_group_of(c->name) != group)
			continue;
		if (!begun) {
			str_addc(s, '\n');
			add_bold(s, colour, title);
			str_addc(s, '\n');
		}
		begun = true;
		add_row(s, colour, c->name, c->doc);
	}
}

void
manual_help(const struct module *const *mods, bool colour, struct str *s)
{
	str_add(s, "usage: quincunx [-c FILE] [-o KEY=VALUE] COMMAND "
	    "[ARGUMENT]...\n");
	for (int g = 0; manual_groups[g].title != NULL; g++)
		add_group(mods, g, colour, s);
	add_group(mods, -1, colour, s);
	str_addc(s, '\n');
	add_bold(s, colour, "Options");
	str_addc(s, '\n');
	add_rows(s, colour, manual_options);
	str_addc(s, '\n');
	add_bold(s, colour, "Exit status");
	str_addc(s, '\n');
	add_rows(s, colour, manual_exits);
	str_addc(s, '\n');
	add_bold(s, colour, "To begin with");
	str_add(s, "\n  quincunx doctor               what is wrong, and what "
	    "to do about it\n"
	    "  quincunx help jobs            the commands that begin with a "
	    "word\n"
	    "  quincunx jobs retry --help    one command, with examples\n"
	    "  quincunx completion bash      completion for your shell\n"
	    "  quincunx man quincunx.conf    all settings, as a manual page\n");
}

static void
add_examples(const char *name, bool colour, struct str *s)
{
	bool begun = false;

	for (const struct manual_example *x = manual_examples;
	    x->command != NULL; x++) {
		if (strcmp(x->command, name) != 0)
			continue;
		if (!begun)
			str_add(s, "\nExamples:\n");
		begun = true;
		str_add(s, "  ");
		add_bold(s, colour, "quincunx ");
		add_bold(s, colour, x->line);
		str_addf(s, "\n      %s\n", x->doc);
	}
}

static void
add_command(const struct command *c, bool colour, struct str *s)
{
	size_t at = strlen("usage: quincunx ") + strlen(c->name);

	str_add(s, "usage: quincunx ");
	add_bold(s, colour, c->name);
	add_wrapped(s, at, 8, c->usage);
	str_addc(s, '\n');
	add_wrapped(s, 0, 0, c->doc);
	if (strstr(c->usage, "--tenant") != NULL)
		str_add(s, "\n--tenant: whose rows; by default the first "
		    "tenant's.\n");
	if (strstr(c->usage, "--json") != NULL)
		str_add(s, "\n--json: JSON for programs instead of a table.\n");
	str_addf(s, "\nNeeds %s.\n", c->no_db == COMMAND_NO_BOOT ?
	    "no configuration" : c->no_db ? "the configuration only" :
	    "the configuration, its keys and the database");
	add_examples(c->name, colour, s);
	str_add(s, "\nExit status:\n");
	add_rows(s, colour, manual_exits);
}

bool
manual_help_of(const struct module *const *mods, const char *words,
    bool colour, struct str *s)
{
	const struct command *c, *exact = NULL;
	size_t n = strlen(words), more = 0;

	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (strcmp(c->name, words) == 0)
			exact = c;
		else if (strncmp(c->name, words, n) == 0 && c->name[n] == ' ')
			more++;
	if (n == 0 || (exact == NULL && more == 0))
		return false;
	if (exact != NULL)
		add_command(exact, colour, s);
	if (more == 0)
		return true;
	str_addf(s, "%squincunx %s ...\n", exact != NULL ? "\n" : "", words);
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; )
		if (strncmp(c->name, words, n) == 0 && c->name[n] == ' ')
			add_row(s, colour, c->name, c->doc);
	return true;
}

bool
manual_usage(const char *program, struct str *s)
{
	for (const struct manual_program *p = manual_programs; p->name; p++) {
		if (strcmp(p->name, program) != 0)
			continue;
		str_addf(s, "usage: %s %s\n\n%s: %s\n\n", p->name,
		    p->synopsis, p->name, p->doc);
		for (const char *const *t = p->text; *t != NULL; t++)
			add_wrapped(s, 0, 0, *t);
		str_addc(s, '\n');
		add_rows(s, false, p->options);
		str_addf(s, "\nSee %s, and `quincunx help`.\n", p->see);
		return true;
	}
	return false;
}

bool
manual_asked(const char *program, int argc, char **argv)
{
	struct arena *a;
	struct str s;

	if (argc != 2 || (strcmp(argv[1], "--help") != 0 &&
	    strcmp(argv[1], "--version") != 0))
		return false;
	a = arena_new(1 << 20);
	str_init(&s, a);
	if (strcmp(argv[1], "--version") == 0)
		str_addf(&s, "%s %s\n", program, QX_VERSION);
	else
		manual_usage(program, &s);
	fputs(s.p, stdout);
	arena_free(a);
	return true;
}
