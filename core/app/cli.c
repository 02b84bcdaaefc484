/*
 * `quincunx`: every command is a row of a module's table; this only finds it.
 */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/table.h"
#include "module.h"
#include "shm/shm.h"

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
	const struct command *best = NULL;

	*words = 0;
	for (; *mods != NULL; mods++)
		for (const struct command *const *set = (*mods)->commands;
		    set != NULL && *set != NULL; set++)
			for (const struct command *c = *set; c->name; c++) {
				int n = words_matched(c, argc, argv);

				if (n > *words) {
					best = c;
					*words = n;
				}
			}
	return best;
}

static int
usage(const struct module *const *mods, FILE *out)
{
	fprintf(out, "usage: quincunx [-c FILE] [-o KEY=VALUE] COMMAND ...\n");
	for (; *mods != NULL; mods++) {
		if ((*mods)->commands == NULL)
			continue;
		fprintf(out, "\n%s: %s\n", (*mods)->name, (*mods)->doc);
		for (const struct command *const *set = (*mods)->commands;
		    *set != NULL; set++)
			for (const struct command *c = *set; c->name; c++)
				fprintf(out, "  %s %s\n      %s\n", c->name,
				    c->usage, c->doc);
	}
	return out == stdout ? 0 : 2;
}

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

int
app_cli(const struct module *const *mods, int argc, char **argv)
{
	struct boot b = { .program = "quincunx", .modules = mods,
	    .flags = BOOT_ROOT | BOOT_NO_KEYS, .argc = argc, .argv = argv };
	const char *word = first_word(argc, argv);
	const struct command *c;
	struct err e = { 0 };
	struct env *env = NULL;
	int words, skip, rc;

	if (word == NULL || strcmp(word, "help") == 0 ||
	    strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return usage(mods, word == NULL ? stderr : stdout);
	if (strcmp(word, "--version") == 0)
		return printf("quincunx %s\n", QX_VERSION) < 0;
	for (skip = 1; argv[skip] != word; skip++)
		;	/* options stand before the words */
	c = find(mods, argc - skip + 1, argv + skip - 1, &words);
	if (c == NULL) {
		fprintf(stderr, "quincunx: no command \"%s\" (see quincunx "
		    "help)\n", word);
		return 2;
	}
	if (c->no_db == COMMAND_NO_BOOT)
		return c->run(NULL, argc - skip - words, argv + skip + words);
	if (!c->no_db)
		b.flags &= ~(unsigned)BOOT_NO_KEYS;
	if (app_boot(&env, &b, &e) == -1 || (env->shm != NULL &&
	    shm_slot_take(env->shm, "cli", &e) == -1))
		rc = app_die("quincunx", &e);
	else
		rc = c->run(env, b.argc - 1 - words,
		    b.argv + 1 + words);
	app_end(env, &b);
	return rc;
}
