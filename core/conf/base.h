/*
 * Settings that every program shares: where things live, how to log.
 */
#ifndef CONF_BASE_H
#define CONF_BASE_H

#include "conf/conf.h"

struct base_conf {
	const char *dir;		/* state directory: "var" */
	const char *run_dir;		/* sockets, shared segment */
	const char *log_dir;
	const char *sql_dir;		/* migrations */
	const char *template_dir, *static_dir;
	const char *environment;	/* "production", "development", "test" */
	const char *log_level;
	bool log_json;
	bool debug;			/* DEBUG: log level debug, no more */
	const char *const *modules;	/* modules.enabled; empty = all */
	const char *name;		/* "quincunx" */
	const char *user;		/* service user for -u; empty = keep */
};

extern const struct settings base_settings;

#endif
