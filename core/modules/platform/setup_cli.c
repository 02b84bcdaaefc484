/*
 * `quincunx setup` becomes the script quincunx-setup, which lies beside the
 * program in the same directory (never found by PATH). It makes accounts,
 * secrets and a site: work of root in places of root, for which a shell is
 * the right language; whatever touches the service user's places is done as
 * that user.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "modules/platform/setup.h"
#include "modules/platform/terminal.h"

#define SCRIPT "quincunx-setup"

enum { WORDS = 64 };

static int
setup(struct env *env, int argc, char **argv)
{
	char path[PATH_MAX];
	char *words[WORDS + 2] = { path };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	(void)env;
	if (n > 0)
		path[n] = '\0';
	slash = n > 0 ? strrchr(path, '/') : NULL;
	if (slash == NULL || argc > WORDS ||
	    (size_t)(slash + 1 - path) + sizeof(SCRIPT) > sizeof(path))
		return platform_terminal_usage("setup [OPTION]... (--help "
		    "lists them)");
	memcpy(slash + 1, SCRIPT, sizeof(SCRIPT));
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	execv(path, words);
	fprintf(stderr, "quincunx: %s: %s; it comes with the package and with "
	    "make install\n", path, strerror(errno));
	return 1;
}

const struct command platform_setup_commands[] = {
	{ "setup", "[--listen ADDR:PORT] [--email E] [--web SERVER] [--help]",
	  "Makes a working service of an installed package, as root: "
	  "database, secrets, schema, first admin, site, services",
	  COMMAND_NO_BOOT, setup },
	{ .name = NULL }
};
