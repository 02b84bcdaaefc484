/*
 * Inside of the prefork manager; only core/proc includes this.
 */
#ifndef PROC_MANAGER_H
#define PROC_MANAGER_H

#include <sys/signalfd.h>

#include "base/vec.h"
#include "proc/proc.h"
#include "shm/shm.h"

enum {
	MGR_TICK_MS = 200,	/* the scoreboard is read this often */
	MGR_UP_MS = 5000,	/* alive for so long = up, even if silent */
	MGR_RESEND_MS = 1000,	/* SIGTERM again: the first may have come
				 * between a check and a blocking call */
	MGR_EARLY = 10,		/* early deaths in 10 s before throttling */
	MGR_EARLY_MS = 10000,
	MGR_DELAY_MAX_MS = 5000,
	MGR_SLOTS = 1024,	/* scoreboard rows read at once */
	MGR_CHILDREN_MAX = 1024
};

struct child {
	pid_t pid;
	int pidfd;		/* -1: kernel without */
	int ready_fd;		/* read end; -1 once heard of */
	size_t pool;
	unsigned gen;
	bool up, busy, draining, killed;
	uint64_t born_ns;
	uint64_t told_ns;	/* first and latest SIGTERM */
	uint64_t resent_ns;
	uint64_t slow_ns;	/* started_ns of the request already logged */
};

struct mpool {
	struct pool *pool;
	struct pool_conf conf;	/* in force; pool->conf after a good reload */
	int fd;
	bool inherited;		/* from systemd: its name is not ours */
	uint64_t dev, ino;	/* of our socket file */
	int64_t start;		/* children a new generation begins with */
	int64_t idle, busy, starting, draining, live;	/* live: this gen,
							 * not draining */
	bool at_max;
	uint64_t trimmed_ns;
};

struct manager {
	struct arena *arena;
	const struct manager_hooks *hooks;
	struct mpool *pools;
	size_t npools;
	VEC(struct child) kids;
	struct shm_slot *slots;
	pid_t pid;
	int sigfd;
	unsigned gen;
	bool ready, reloading, reload_again, stopping;
	uint64_t stop_ns, reload_ns;
	/* respawn throttle */
	uint64_t early[MGR_EARLY + 1];	/* boot clock of the latest ones */
	size_t nearly;
	uint64_t delay_ms, fork_at_ns;
	bool fork_failed;
};

static inline uint64_t
ms(uint64_t n)
{
	return n * UINT64_C(1000000);
}

/* The segment: a reload with another layout attaches a new one. */
static inline struct shm *
segment(const struct manager *m)
{
	return m->hooks->shm != NULL ? shm_current() : NULL;
}

/* notify.c */
void notify_systemd(const char *state);
/* Sockets of socket activation still to be given out; -1 = none. */
int  notify_socket(void);
void notify_forget(void);

/* child.c: the child's side, set up between fork and run(). */
void child_begin(pid_t manager, int ready_fd);

/* pool.c */
void pool_conf_take(struct mpool *);
void pools_count(struct manager *);
/* Forks what is missing, sends home what is too much. */
void pools_maintain(struct manager *, uint64_t now);
/* Every pool of this generation has its children up. */
bool pools_up(struct manager *);
void pools_metrics(struct manager *);
enum pool_count { POOL_SLOW, POOL_KILLED, POOL_RESPAWN };
void pool_counted(enum pool_count, size_t pool);
void throttle_death(struct manager *, const struct child *, int status,
    uint64_t now);

/* fork.c */
int  child_fork(struct manager *, size_t pool, uint64_t now);
void child_signal(struct child *, int sig);
void child_drain(struct child *, uint64_t now);

/* watch.c: busy flags, slow log, kills. */
void watch_scoreboard(struct manager *, uint64_t now);

#endif
