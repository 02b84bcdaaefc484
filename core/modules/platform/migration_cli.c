/*
 * `quincunx migrate`: runs, plans or lists migrations with the account that
 * may change the schema. Forward only; there is nothing here that drops.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/base.h"
#include "db/db.h"
#include "db/env.h"
#include "db/migrate.h"
#include "modules/platform/migration.h"
#include "modules/platform/terminal.h"

static const char *
sql_dir(struct env *env)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);

	return cf->sql_dir;
}

static int
run(struct env *env, enum migrate_mode mode)
{
	struct err e = { 0 };
	struct str out;
	struct db *db;
	size_t pending = 0;
	int rc;

	str_init(&out, env->a);
	if (db_open_migrator(&db, env->a, conf_get(env->conf, &db_settings),
	    &e) == -1)
		return platform_terminal_error(&e);
	rc = migrate(db, env->a, sql_dir(env), mode, &out, &pending, &e);
	db_close(db);
	if (platform_terminal_write(&out) != 0)
		return 1;
	if (rc == -1)
		return platform_terminal_error(&e);
	if (mode == MIGRATE_RUN)
		printf("schema is up to date\n");
	else
		printf("%zu %s pending\n", pending,
		    pending == 1 ? "step" : "steps");
	return 0;
}

static int
cmd_migrate(struct env *env, int argc, char **argv)
{
	if (argc == 0)
		return run(env, MIGRATE_RUN);
	if (argc == 1 && strcmp(argv[0], "--plan") == 0)
		return run(env, MIGRATE_PLAN);
	if (argc == 1 && strcmp(argv[0], "--status") == 0)
		return run(env, MIGRATE_STATUS);
	return platform_terminal_usage("migrate [--plan | --status] | migrate new NAME");
}

static int
cmd_new(struct env *env, int argc, char **argv)
{
	struct err e = { 0 };
	const char *path;

	if (argc != 1)
		return platform_terminal_usage("migrate new MODULE_WHAT");
	if (migrate_new(env->a, sql_dir(env), argv[0], &path, &e) == -1)
		return platform_terminal_error(&e);
	printf("%s\n", path);
	return 0;
}

const struct command platform_migration_commands[] = {
	{ "migrate", "[--plan | --status]", "Brings the schema up to date "
	  "(forward only, resumable); --plan shows what would run",
	  true, cmd_migrate },
	{ "migrate new", "MODULE_WHAT", "Makes the next empty migration",
	  true, cmd_new },
	{ .name = NULL }
};
