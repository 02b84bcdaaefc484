/*
 * `quincunx backup` and `quincunx restore`. A backup appears under its name
 * when it is whole, or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "db/env.h"
#include "modules/platform/backup.h"
#include "modules/platform/terminal.h"

static const struct setting rows[] = {
	SETTING(struct platform_backup_conf, passphrase, "backup.passphrase",
	    .flags = SET_SECRET, .def = "", .doc = "Seals backups and opens "
	    "them, also on a host that has nothing else; empty: the key ring "
	    "does"),
	SETTING_END
};
const struct settings platform_backup_settings = {
	"backup", sizeof(struct platform_backup_conf), rows, NULL
};

static int
open_fail(const char *path)
{
	fprintf(stderr, "quincunx: %s: %s\n", path, strerror(errno));
	return 1;
}

/* To stderr: stdout may be the backup. */
static void
tell(const struct platform_backup_report *r, const char *what)
{
	const struct platform_backup_table *t = r->manifest.tables.items;
	char id[UUID_TEXT], at[CLOCK_TEXT];
	long long n = 0;

	for (size_t i = 0; i < r->manifest.tables.n; i++)
		n += t[i].rows;
	fprintf(stderr, "%s: %lld rows of %zu tables, installation %s, version "
	    "%s, of %s\n", what, n, r->manifest.tables.n,
	    uuid_format(r->head.installation, id), r->head.version,
	    clock_format(r->head.created_at, at));
}

static int
backup(struct env *env, int argc, char **argv)
{
	struct platform_backup_report r = { 0 };
	const char *part;
	struct err e = { 0 };
	bool std;
	int fd, rc;

	if (argc != 1 || (argv[0][0] == '-' && argv[0][1] != '\0'))
		return platform_terminal_usage("backup FILE|-");
	std = strcmp(argv[0], "-") == 0;
	if (std && isatty(STDOUT_FILENO))
		return platform_terminal_usage("backup - >FILE");
	part = arena_printf(env->a, "%s.part", argv[0]);
	fd = std ? STDOUT_FILENO : open(part, O_WRONLY | O_CREAT | O_TRUNC |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		open_fail(part);
		fprintf(stderr, "quincunx: the service user writes it; root "
		    "says: quincunx backup - >%s\n", argv[0]);
		return 1;
	}
	rc = platform_backup_make(env, fd, &r, &e);
	if (!std && (close(fd) == -1 || (rc == 0 &&
	    rename(part, argv[0]) == -1)) && rc == 0)
		rc = err_set(&e, 500, "file", "The backup cannot be written: "
		    "%s", strerror(errno));
	if (rc == -1) {
		if (!std)
			unlink(part);
		return platform_terminal_error(&e);
	}
	tell(&r, "backup");
	return 0;
}

static int
restore(struct env *env, int argc, char **argv)
{
	struct option_walk w = { argc, 0, argv };
	const char *secrets = NULL, *file = NULL;
	struct platform_backup_report r = { 0 };
	bool check = false, sql = false;
	struct err e = { 0 };
	int fd, rc;

	while (w.i < w.argc)
		if (platform_terminal_option(&w, "--check", NULL))
			check = true;
		else if (platform_terminal_option(&w, "--sql", NULL))
			sql = true;
		else if (!platform_terminal_option(&w, "--secrets",
		    &secrets) && (file != NULL ||
		    !platform_terminal_word(&w, &file)))
			break;
	if (w.i != w.argc || file == NULL)
		return platform_terminal_usage("restore [--check | --sql | "
		    "--secrets DIR] FILE|-");
	fd = strcmp(file, "-") == 0 ? STDIN_FILENO :
	    open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return open_fail(file);
	rc = check || sql ? platform_backup_check(env, fd, sql ?
	    STDOUT_FILENO : -1, &r, &e) :
	    platform_backup_restore(env, fd, secrets, &r, &e);
	if (rc == -1)
		return platform_terminal_error(&e);
	tell(&r, check || sql ? "genuine" : "restored");
	if (!check && !sql)
		fprintf(stderr, "everybody logs in again; nothing outside is "
		    "ended before `quincunx installation confirm`\n");
	return 0;
}

const struct command platform_backup_commands[] = {
	{ "backup", "FILE|-", "Everything of one instant, sealed with "
	  "backup.passphrase or the key ring", true, backup },
	{ "restore", "[--check | --sql | --secrets DIR] FILE|-",
	  "Proves a backup, loads it into an empty database, compares; "
	  "--check only proves it, --sql prints it, --secrets puts its keys "
	  "there", true, restore },
	{ .name = NULL }
};
