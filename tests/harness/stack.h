/*
 * A whole private installation for end-to-end tests: MariaDB, secrets,
 * configuration, migrations, the first admin, `quincunx.fcgi --listen` and a
 * web server in front, in a short directory of its own below /tmp. Started as
 * root, the test program first becomes nobody, so that the rules about users
 * hold. Everything is a child of the program and dies with it, however it
 * ends; leftovers of a killed program are removed by the next one.
 *
 *	static struct stack st;
 *	stack_start(&st, &(struct stack_options){ .web = "nginx" });
 *	r = http_get(&st, "/health", NULL);		(tests/harness/http.h)
 *	stack_setting(&st, "auth.registration", "off");
 *	stack_reload(&st);
 *	stack_stop(&st);
 *
 * Any failure to start prints the logs' tails and ends the program. Without
 * the programs or a web server: "not run: ..." (in CI a failure).
 */
#ifndef HARNESS_STACK_H
#define HARNESS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;

enum { STACK_PATH = 96, STACK_TEXT = 256 };

struct stack_options {
	/* Site and server: "nginx" (unix socket and TCP), "lighttpd" or
	 * "apache" (TCP); NULL: nginx. */
	const char *web;
	/* "path=value", NULL-terminated, beside the defaults (below). */
	const char *const *settings;
	/* More words for `quincunx site` ("--tls", "C:K"), NULL-terminated. */
	const char *const *site;
	bool no_web;		/* responders only */
	bool no_responder;	/* database and configuration only */
	bool worker;		/* quincunx-worker as well */
	bool no_admin;
	bool keep_root;		/* do not become nobody */
};

/*
 * Settings as the harness leaves them: cheap argon2 (as the tests need
 * thousands of logins), no rate limit per principal or address (limits of the
 * routes stay), and nginx's unix socket as trusted proxy, so that the client
 * chooses its address with X-Forwarded-For (http.h does it).
 */
struct stack {
	char dir[STACK_PATH];		/* /tmp/qx.PID.N: run/ log/ secrets/ */
	char conf[STACK_PATH];		/* quincunx.conf; drop-ins beside it */
	char socket[STACK_PATH];	/* of the web server; "" = TCP only */
	char base[STACK_PATH];		/* "http://127.0.0.1:PORT" */
	int port;
	char db[32];			/* database name, for mariadb.h */
	char email[64], password[STACK_TEXT];	/* super_admin, tenant "main" */
	const char *web;
	pid_t responder, server, worker;	/* 0 = not running */
	pid_t owner;
	struct arena *a;		/* lives as long as the stack */
	void *client;			/* of http.h */
	struct stack *next;
};

void stack_start(struct stack *, const struct stack_options *);
/* Also runs at exit. */
void stack_stop(struct stack *);

/* Writes a drop-in with this one value (NULL removes it); takes effect with
 * stack_reload() or a restart. Whole numbers, true and false are written
 * bare, everything else in quotes. */
void stack_setting(struct stack *, const char *path, const char *value);
/* SIGHUP, and waits until only new children serve. False: the manager refused
 * the configuration (and goes on with the old one). */
bool stack_reload(struct stack *);
/* Ends the responders (SIGTERM, or SIGKILL) and starts them again. */
void stack_restart(struct stack *, bool hard);
/* Starts or ends only the responders. */
void stack_responder_start(struct stack *);
void stack_responder_stop(struct stack *, int sig);

/* The same of the worker; it is up when its dispatcher hears bells. */
void stack_worker_start(struct stack *);
void stack_worker_stop(struct stack *, int sig);
/* SIGHUP; true once it has reloaded, false when it refused to. */
bool stack_worker_reload(struct stack *);
/* The process that has the lock file of this name in run/ ("dispatch"); 0 =
 * nobody, or not any more. */
pid_t stack_lock_holder(struct stack *, const char *name);

/* Children of the responder's manager, as the kernel names them. */
size_t stack_children(const struct stack *, pid_t *, size_t max);
/* The same of any process. */
size_t stack_children_of(pid_t, pid_t *, size_t max);
/* Resident memory of a process in KiB, 0 = gone. */
long stack_rss_kib(pid_t);
/* The most it ever was. */
long stack_peak_kib(pid_t);

/* Runs `quincunx -c CONF ARGS…` (NULL-terminated). Exit status; output, if
 * wanted, is the text of stdout and stderr in the stack's arena. */
int stack_cli(struct stack *, const char **out, const char *const *args);
/* The same for another program of ours ("quincunx-discover"). */
int stack_program(struct stack *, const char **out, const char *program,
    const char *const *args);
/* Becomes nobody if root; stack_start() does it unless .keep_root. For what
 * must be started before. */
void stack_user(void);
/* The whole text of a file below dir, "" when absent. */
const char *stack_file(struct stack *, const char *name);
/* Path below dir, in the arena. */
const char *stack_path(struct stack *, const char *name);
/* Directory of the programs under test (QX_BIN). */
const char *stack_bin(void);
/* Tails of all logs on stderr. */
void stack_logs(const struct stack *);
/* True if the web server is installed; else says "not run" or fails in CI. */
bool stack_web_there(const char *web);

/* A child in a group of its own, with its output in log/NAME.out; argv ends
 * with NULL. stack_end() waits for it, and sets it to 0. */
pid_t stack_launch(struct stack *, const char *name, const char *const *argv);
void stack_end(pid_t *, int sig);

#endif
