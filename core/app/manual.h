/*
 * What the programs say about themselves: help, shell completion and manual
 * pages, all written from the tables of commands, settings and programs. Pure:
 * text in an arena, nothing is printed and nothing is read.
 */
#ifndef APP_MANUAL_H
#define APP_MANUAL_H

#include <stdbool.h>
#include <stddef.h>

#include "db/table.h"

struct arena;
struct module;
struct settings;
struct str;

/* Commands of the tool itself, which need no module; end: .name NULL. */
extern const struct command manual_own[];

struct manual_group {
	const char *title;
	const char *const *words;	/* first words of commands, in order */
};
struct manual_example {
	const char *command;		/* name of a command */
	const char *line;		/* without "quincunx " */
	const char *doc;
};
struct manual_option {
	const char *name, *doc;
};
struct manual_program {
	const char *name, *section;	/* "1", "8" */
	const char *doc;		/* for NAME */
	const char *synopsis;
	const char *const *text;	/* paragraphs */
	const struct manual_option *options;	/* end: .name NULL */
	const struct manual_option *signals;
	const char *settings;		/* prefixes "worker. jobs." or NULL */
	const char *see;		/* "quincunx(1), …" */
};
/* Ends: .title, .command, .name NULL. */
extern const struct manual_group manual_groups[];
extern const struct manual_example manual_examples[];
extern const struct manual_option manual_exits[];
extern const struct manual_option manual_options[];
extern const struct manual_program manual_programs[];

/* Index of the group of a command, by its first word; -1: in none. */
int manual_group_of(const char *command);
/* Every command once: those of the tool, then of the modules in order. Start
 * with *i = 0; NULL at the end. */
const struct command *manual_command(const struct module *const *, size_t *i);

/* The overview. colour: headings and names stand out. */
void manual_help(const struct module *const *, bool colour, struct str *);
/* A command by its name, or all whose first words are these; false: none. */
bool manual_help_of(const struct module *const *, const char *words,
    bool colour, struct str *);
/* Usage of a program other than quincunx; false: no such program. */
bool manual_usage(const char *program, struct str *);
/* Completion for bash. */
void manual_bash(const struct module *const *, struct str *);
/* A page as roff by its name, with or without ".8"; false: no such page. */
bool manual_page(const char *name, const struct module *const *,
    const struct settings *const *, struct str *);

/* "--help" and "--version" of a program, before it does anything: true when
 * that was asked and answered on stdout. */
bool manual_asked(const char *program, int argc, char **argv);

#endif
