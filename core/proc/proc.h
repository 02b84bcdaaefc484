/*
 * Processes: hardening at start, privilege drop, signals, and the prefork
 * manager that keeps pools of children alive.
 */
#ifndef PROC_PROC_H
#define PROC_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"

struct arena;
struct err;
struct metric;
struct shm;

/* RLIMIT_CORE 0, PR_SET_DUMPABLE 0, umask 0027, fds 0-2 open, SIGPIPE
 * ignored. First call of every main. */
void proc_harden(void);
/* Drops root to user (and its groups); refuses to stay root unless
 * allow_root. Refuses www-data with the way out. */
int  proc_drop(const char *user, bool allow_root, struct err *);
/* True if we run as the web server's own user (www-data, http, nginx,
 * apache, lighttpd): the programs then refuse. */
bool proc_is_web_user(void);
/* Readable/writable run directory 0750, created if absent. */
int  proc_run_dir(const char *path, struct err *);
/* Exclusive lock file held for the process's life, and for that of children
 * it forks without exec; 1 = held elsewhere. */
int  proc_lock(const char *path, int *fd, struct err *);
/* Listening sockets: "unix:/path" (mode 0660, stale one replaced), "/path"
 * or "127.0.0.1:port"; other TCP hosts are refused. */
int  proc_listen(const char *where, int backlog, int *fd, struct err *);

enum pool_mode { POOL_STATIC, POOL_DYNAMIC };

struct pool_conf {
	int64_t children;	/* static: exactly; dynamic: at most */
	const char *mode;	/* "static" | "dynamic" */
	int64_t min_spare, max_spare;	/* dynamic: idle children */
	int64_t max_requests;	/* retire after, ±10 %; 0 = never */
	int64_t slow_ms;	/* slow log above this; 0 = off */
	int64_t kill_ms;	/* kill a request above this; 0 = never */
};

struct pool {
	const char *name;		/* "api" */
	const char *listen;		/* for proc_listen(), or NULL */
	struct pool_conf conf;
	/* Runs in the child, returns its exit status. */
	int (*run)(struct pool *, int listen_fd, void *arg);
	void *arg;
};

struct manager_hooks {
	/* SIGHUP: returns 0 and new pools' settings in the conf members of
	 * the array given to manager_run(), or -1 to keep the running
	 * configuration (logged). Sockets stay as they are. */
	int (*reload)(void *arg, struct err *);
	/* After fork in the child, before run(). */
	void (*child)(void *arg);
	/* Once, when all pools are listening and spare children are up
	 * (systemd READY=1 is sent by the manager itself). */
	void (*ready)(void *arg);
	void *arg;
	struct shm *shm;
	int64_t drain_s;		/* grace before SIGKILL */
	bool uncounted;			/* these pools are not the responder's:
					 * no metrics by pool */
};

/* Runs until SIGTERM/SIGINT (drain, stop). SIGHUP reload: new children serve
 * before old ones leave. SIGUSR1 reopens logs here and in all children.
 * Respawn throttle: more than 10 early deaths in 10 s slow forking down
 * (doubling to 5 s) with one log line. Pids are private memory, never read
 * from the segment; children are followed by pidfd and waitpid. Returns the
 * exit status for main. */
int manager_run(struct pool *, size_t npools, const struct manager_hooks *,
    struct err *);
/* In a child: true once it should stop accepting (SIGTERM or SIGQUIT, or its
 * manager died). Handlers are installed by proc_child_signals(), to be called
 * after FCGX_Init() and when the child can serve: until then signals stay
 * blocked, and the call is what tells the manager that this child is up.
 * With SA_RESTART, since a signal must not break libfcgi's read of a body:
 * wait in poll() or epoll_wait(), which return EINTR all the same, for at
 * most a second or so at a time. */
bool proc_draining(void);
void proc_child_signals(void);
/* Forks; the child runs run(arg) and ends with its result. It dies with its
 * parent by death_signal, and its signals are blocked until it calls
 * proc_child_signals(). The parent waits for it. -1: errno. */
pid_t proc_spawn(int (*run)(void *arg), void *arg, int death_signal);
/* True once after each SIGUSR1 (reopen logs). */
bool proc_reopen_asked(void);
/* Requests after which this child should retire: max_requests ±10 %;
 * UINT64_MAX = never. */
uint64_t proc_retire_after(const struct pool_conf *);

/* fcgi_workers{pool,state} and counters by pool, NULL-terminated, for the
 * shared segment's layout; the label's values are the pools' names in the
 * order given to manager_run(). */
extern const struct metric *const proc_metrics[];
extern const struct metric_label proc_pool_label;

/* Metrics of the manager, for the layout of the segment; NULL-terminated. */
extern const struct metric *const proc_metrics[];

#endif
