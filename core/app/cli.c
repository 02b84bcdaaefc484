/*
 * `quincunx`: every command is a row of a module's table; this finds it, and
 * answers what is asked about commands. What stands in argv is never printed
 * as it came.
 */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/manual.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/table.h"
#include "module.h"
#include "modules/platform/doctor.h"
#include "modules/platform/terminal.h"
#include "shm/shm.h"

enum { CLI_CAP = 8 << 20 };

/* Words of argv that the command's name takes up; 0 = not this one. */
static int
words_matched(const struct command *c, int argc, char **argv)
{
	const char *p = c->name;
	int n = 0;

	while (*p != '\0') {
		size_t len = strcspn(p, " ");

		if (n + 1 >= argc || strlen(argv[n + 1]) != len ||
		    strncmp(argv[n + 1], p, len) != 0)
			return 0;
		n++;
		p += len;
		if (*p == ' ')
			p++;
	}
	return n;
}

static const struct command *
find(const struct module *const *mods, int argc, char **argv, int *words)
{
	const struct command *c, *best = NULL;

	*words = 0;
	for (size_t i = 0; (c = manual_command(mods, &i)) != NULL; ) {
		int n = words_matched(c, argc, argv);

		if (n > *words) {
			best = c;
			*words = n;
		}
	}
	return best;
}

/* ---- commands of the tool itself --------------------------------------------- */

static const struct module *const *all;	/* for the commands below */

/* No such command: the ones that begin alike, on stderr. */
static int
unknown(const char *words)
{
	fprintf(stderr, "quincunx: no command \"");
	for (const char *p = words; *p != '\0'; p++)
		fputc(*p >= 0x20 && *p < 0x7f ? *p : '?', stderr);
	fprintf(stderr, "\" (see quincunx help)\n");
	return 2;
}

/* words "": the overview. */
static int
help_about(const char *words)
{
	struct arena *a = arena_new(CLI_CAP);
	struct str s;
	int rc;

	str_init(&s, a);
	if (*words == '\0')
		manual_help(all, platform_terminal_colour(), &s);
	if (*words == '\0' || manual_help_of(all, words, platform_terminal_colour(), &s))
		rc = platform_terminal_write(&s);
	else
		rc = unknown(words);
	arena_free(a);
	return rc;
}

static int
help(struct env *env, int argc, char **argv)
{
	struct arena *a = arena_new(CLI_CAP);
	struct str words;
	int rc;

	(void)env;
	str_init(&words, a);
	for (int i = 0; i < argc; i++)
		str_addf(&words, "%s%s", i > 0 ? " " : "", argv[i]);
	rc = help_about(words.p);
	arena_free(a);
	return rc;
}

static int
completion(struct env *env, int argc, char **argv)
{
	struct arena *a;
	struct str s;
	int rc;

	(void)env;
	if (argc != 1 || strcmp(argv[0], "bash") != 0) {
		fprintf(stderr, "usage: quincunx completion bash\n");
		return 2;
	}
	a = arena_new(CLI_CAP);
	str_init(&s, a);
	manual_bash(all, &s);
	rc = platform_terminal_write(&s);
	arena_free(a);
	return rc;
}

static int
man(struct env *env, int argc, char **argv)
{
	struct arena *a = arena_new(CLI_CAP);
	struct str s;
	int rc = 2;

	(void)env;
	str_init(&s, a);
	if (argc > 1)
		fprintf(stderr, "usage: quincunx man [NAME]\n");
	else if (argc == 0) {
		for (const struct manual_program *p = manual_programs;
		    p->name != NULL; p++)
			str_addf(&s, "%s.%s\n", p->name, p->section);
		str_add(&s, "quincunx.conf.5\n");
		rc = platform_terminal_write(&s);
	} else if (manual_page(argv[0], all, app_settings(a, all), &s))
		rc = platform_terminal_write(&s);
	else
		fprintf(stderr, "quincunx: no such page (quincunx man lists "
		    "them)\n");
	arena_free(a);
	return rc;
}

const struct command manual_own[] = {
	{ "help", "[COMMAND]", "Lists all commands, or explains one with "
	  "examples", COMMAND_NO_BOOT, help },
	{ "man", "[NAME]", "Prints a manual page for man(1), or lists the "
	  "pages", COMMAND_NO_BOOT, man },
	{ "completion", "bash", "Prints completion for a shell, made from the "
	  "tables of commands", COMMAND_NO_BOOT, completion },
	{ .name = NULL }
};

/* ---- finding a command --------------------------------------------------------- */

static const char *
first_word(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if ((strcmp(argv[i], "-c") == 0 ||
		    strcmp(argv[i], "-o") == 0) && i + 1 < argc) {
			i++;
			continue;
		}
		return argv[i];
	}
	return NULL;
}

/* "jobs retry --help"; of setup the script answers. */
static bool
wants_help(const struct command *c, int argc, char **argv)
{
	return strcmp(c->name, "setup") != 0 && argc > 0 &&
	    (strcmp(argv[argc - 1], "--help") == 0 ||
	    strcmp(argv[argc - 1], "-h") == 0);
}

static int
boot_and_run(const struct module *const *mods, const struct command *c,
    int words, int argc, char **argv)
{
	struct boot b = { .program = "quincunx", .modules = mods,
	    .flags = BOOT_ROOT | BOOT_NO_KEYS, .argc = argc, .argv = argv };
	struct err e = { 0 };
	struct env *env = NULL;
	int rc;

	if (!c->no_db)
		b.flags &= ~(unsigned)BOOT_NO_KEYS;
	if (c->no_db == COMMAND_ALONE)
		b.flags |= BOOT_ALONE;
	if (app_boot(&env, &b, &e) == -1 || (env->shm != NULL &&
	    shm_slot_take(env->shm, "cli", &e) == -1))
		rc = c->no_db == COMMAND_DIAGNOSE ?
		    platform_doctor_unbooted(&e, argc, argv) :
		    app_die("quincunx", &e);
	else
		rc = c->run(env, b.argc - 1 - words,
		    b.argv + 1 + words);
	app_end(env, &b);
	return rc;
}

/* A first word alone, of commands with two: they are told. */
static int
not_found(int argc, char **argv)
{
	struct arena *a = arena_new(CLI_CAP);
	struct str s;
	int rc = 2;

	str_init(&s, a);
	if (argc > 0 && manual_help_of(all, argv[0], false, &s)) {
		bool asked = argc > 1 && strcmp(argv[argc - 1], "--help") == 0;

		fputs(s.p, asked ? stdout : stderr);
		rc = asked ? 0 : 2;
	} else
		unknown(argv[0]);
	arena_free(a);
	return rc;
}

int
app_cli(const struct module *const *mods, int argc, char **argv)
{
	const char *word = first_word(argc, argv);
	const struct command *c;
	int words, skip;

	all = mods;
	if (word == NULL) {
		fprintf(stderr, "usage: quincunx [-c FILE] [-o KEY=VALUE] "
		    "COMMAND ... (quincunx help lists the commands)\n");
		return 2;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help_about("");
	if (strcmp(word, "--version") == 0)
		return printf("quincunx %s\n", QX_VERSION) < 0;
	for (skip = 1; argv[skip] != word; skip++)
		;	/* options stand before the words */
	c = find(mods, argc - skip + 1, argv + skip - 1, &words);
	if (c == NULL)
		return not_found(argc - skip, argv + skip);
	if (wants_help(c, argc - skip - words, argv + skip + words))
		return help_about(c->name);
	if (c->no_db == COMMAND_NO_BOOT)
		return c->run(NULL, argc - skip - words, argv + skip + words);
	return boot_and_run(mods, c, words, argc, argv);
}
