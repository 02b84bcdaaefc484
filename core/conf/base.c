/*
 * The settings every program shares. Directories that start at base.dir move
 * with it; templates, static files and SQL are part of the program and start
 * at the working directory unless they are absolute.
 */
#include "conf/base.h"

#define ROW(m, p, ...) SETTING(struct base_conf, m, p, __VA_ARGS__)

static const char *const environments[] = { "production", "development",
    "test", NULL };
static const char *const levels[] = { "debug", "info", "warning", "error",
    NULL };

static const struct setting rows[] = {
	ROW(dir, "base.dir", .def = "var", .flags = SET_REQUIRED,
	    .doc = "State directory; every relative path of a setting "
	    "starts here"),
	ROW(run_dir, "base.run_dir", .def = "run", .flags = SET_PATH,
	    .doc = "Sockets, process ids and the shared segment"),
	ROW(sql_dir, "base.sql_dir", .def = "sql",
	    .doc = "Migrations, from the working directory"),
	ROW(template_dir, "base.template_dir", .def = "templates",
	    .doc = "Page templates, from the working directory"),
	ROW(static_dir, "base.static_dir", .def = "static",
	    .doc = "Files served as they are, from the working directory"),
	ROW(environment, "environment", .def = "production",
	    .env = "ENVIRONMENT", .oneof = environments,
	    .doc = "What this installation is for"),
	ROW(log_dir, "log.dir", .def = "log", .flags = SET_PATH,
	    .doc = "Component log files; empty = standard error only"),
	ROW(log_level, "log.level", .def = "info", .env = "LOG_LEVEL",
	    .oneof = levels, .doc = "Least severity that is logged"),
	ROW(log_json, "log.json", .def = "true",
	    .doc = "One JSON object per line instead of text"),
	ROW(debug, "debug", .def = "false", .env = "DEBUG",
	    .doc = "Log level debug, no more: answers do not change"),
	ROW(modules, "modules.enabled", .def = "",
	    .doc = "Modules that are loaded; empty = all"),
	ROW(name, "service.name", .def = "quincunx",
	    .doc = "Name in logs, metrics and tokens"),
	ROW(user, "service.user", .def = "",
	    .doc = "User a program started as root becomes; empty = keep"),
	SETTING_END
};

const struct settings base_settings = { .name = "base",
    .size = sizeof(struct base_conf), .rows = rows };
