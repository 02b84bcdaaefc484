/*
 * Skeletons: what every program of one kind does before and after its work.
 * A main in cgi/ picks one and hands it modules[].
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>

#include "conf/conf.h"
#include "db/env.h"

struct err;
struct module;
struct str;

/* Groups of the kernel and of the given modules, NULL-terminated. */
const struct settings *const *app_settings(struct arena *,
    const struct module *const *);

enum boot_flag {
	BOOT_ROOT = 1 << 0,	/* may stay root (operator's tool) */
	BOOT_NO_KEYS = 1 << 1,	/* secrets are not needed */
	BOOT_STDERR = 1 << 2,	/* log lines also to the terminal */
	BOOT_EXEC = 1 << 3,	/* no start with a bad file of an exec type */
	BOOT_ALONE = 1 << 4	/* does without the run directory */
};

struct boot {
	const char *program;
	const struct module *const *modules;
	unsigned flags;
	int argc;		/* in: all; out: what is left after options */
	char **argv;
	const char *file;	/* -c */
	const char **overrides;	/* -o, NULL-terminated */
	char *const *env;	/* as it was at start */
	struct arena *a;	/* options and environment */
};

/* Hardens the process, reads options (-c FILE, -o KEY=VALUE, before the first
 * word), loads the configuration, wipes secrets from the environment, sets up
 * logging, keys, shared segment, database handle (not connected) and HTTP
 * client. */
int app_boot(struct env **, struct boot *, struct err *);
/* Loads the configuration again and builds a new env beside the old one (for
 * SIGHUP); the caller frees the old arena when its last user is gone. */
int app_reload(struct env **, const struct boot *, struct err *);
/* Gives back what one env holds. NULL is allowed. */
void app_env_free(struct env *);
/* Gives everything back, in front of the process's end. NULL is allowed. */
void app_end(struct env *, struct boot *);
/* Modules of the list that modules.enabled names; -1 names what is missing. */
int app_enable(struct arena *, const struct module *const *all,
    const char *const *names, const struct module *const **out, struct err *);
/* One line on stderr; returns 1 for main. */
int app_die(const char *program, const struct err *);

/* Responder: CGI, FastCGI child of somebody else (fd 0) or manager
 * (--listen). */
int app_responder(const struct module *const *, int argc, char **argv);
/* Worker: dispatcher, job children, control loops. */
int app_worker(const struct module *const *, int argc, char **argv);
/* quincunx-schedule: one turn of each loop, and with --work the jobs. */
int app_schedule(const struct module *const *, int argc, char **argv);
/* Cron helper: takes var/run/<name>.lock, calls work(), logs the outcome. */
int app_cron(const struct module *const *, const char *name, int argc,
    char **argv, int (*work)(struct env *, int argc, char **argv,
    struct err *));
/* Gateway: WebSocket and SSE under its manager. */
int app_live(const struct module *const *, int argc, char **argv);
/* Operator's tool: dispatches to the commands of the modules. */
int app_cli(const struct module *const *, int argc, char **argv);

#endif
