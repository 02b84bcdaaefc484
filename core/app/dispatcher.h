/*
 * Inside of the dispatcher: tasks it holds, children it has. Only
 * core/app/dispatcher*.c include this.
 */
#ifndef APP_DISPATCHER_H
#define APP_DISPATCHER_H

#include "app/worker.h"

enum {
	TASKS_MAX = 512,		/* held at once */
	AHEAD_MAX = 32,			/* given to one child */
	KIDS_MAX = 128,
	REAP_GRACE_S = 2
};

/* A claimed job. Its texts live in its arena until it is settled. */
struct task {
	struct arena *a;
	struct wire_job job;
	int64_t claim_n;
	int64_t max_crashes, backoff_max_s;
	bool used, quick;
	bool started;
	bool cancelled;			/* its row says so */
	int64_t held_ns;		/* since it was claimed */
	int64_t started_ns;
	int64_t permille;		/* told, not yet written; -1 = none */
	char note[200];
};

enum why { WHY_NONE, WHY_TIMEOUT, WHY_CANCEL, WHY_STOP, WHY_LEASE };

struct kid {
	pid_t pid;			/* 0: free place */
	int fd, pidfd;
	struct task *tasks[AHEAD_MAX];	/* in the order they were given */
	size_t n;
	enum why told;			/* SIGTERM was sent because of it */
	int64_t told_ns;
	bool killed;
};

struct dispatcher {
	struct env *env;
	const struct worker_conf *conf;
	const struct dispatch_options *o;
	struct arena *a;		/* as long as the dispatcher */
	struct arena *cycle;		/* of one turn */
	struct arena *texts;		/* of the outcomes in done */
	struct jobs_claimer *claimer;
	struct jobs_lease lease;	/* id 0: none */
	struct task tasks[TASKS_MAX];
	struct task *waiting[TASKS_MAX];	/* claimed, not given */
	size_t nwaiting;
	struct kid kids[KIDS_MAX];
	size_t nkids;
	struct jobs_outcome done[TASKS_MAX];
	size_t ndone;
	size_t late;			/* the claimer has yet to store */
	int64_t late_ns;		/* when it tries again */
	int64_t done_ns;		/* the first of them */
	const char *host;
	int bell, lock, lease_lock;
	bool hungry;			/* something may be ready */
	bool quick;			/* the last claims were quick jobs */
	bool stopping;
	bool look_at_cancels;
	int64_t stop_ns;
	int64_t renew_ns, poll_ns, promote_ns, reap_ns, cancel_ns, retry_ns;
	int64_t orphan_ns, orphan_looks;
	int64_t failures;		/* of the database, in a row */
	uint8_t *buf;
};

/* ---- dispatcher_lease.c ------------------------------------------------------ */

void database_failed(struct dispatcher *, const char *doing,
    const struct err *);
void database_works(struct dispatcher *);
void lease_begin(struct dispatcher *);
/* Opens, renews, or gives it up in time. */
void lease_keep(struct dispatcher *, int64_t now_ns);
/* Leases of dead dispatchers of this host, made to expire. */
size_t lease_orphans(struct dispatcher *);
/* A child of ours, by its place: it dies by the alarm three seconds before the
 * lease could run out unrenewed, even if the dispatcher itself waits for a
 * database that does not answer. */
void lease_doomed(size_t place, pid_t);
/* True if it has ended, with its status; it is out of the alarm's reach then. */
bool lease_buried(size_t place, pid_t, int *status);
/* The alarm has rung. */
bool lease_late(void);
/* Once everything it held is settled. */
void lease_close(struct dispatcher *);

/* ---- dispatcher_task.c ------------------------------------------------------- */

struct task *task_new(struct dispatcher *, const struct job_row *,
    int64_t claim_n);
void task_free(struct task *);
/* Its outcome waits to be settled; the task is free after that. */
void task_end(struct dispatcher *, struct task *, enum jobs_end,
    const struct wire_report *, const char *crumbs);
/* Bytes of memory are given back once the outcomes are stored. */
void outcomes_stored(struct dispatcher *, size_t n);
/* Progress that was told, at most once a second per job, into the rows. */
void tasks_write_progress(struct dispatcher *);

/* ---- dispatcher_kid.c ----------------------------------------------------------- */

int  kid_start(struct dispatcher *);
/* Gives waiting tasks to children that have room. */
void kids_feed(struct dispatcher *);
/* Tasks that could be claimed now. */
size_t kids_room(const struct dispatcher *);
/* Reads what a child says. */
void kid_listen(struct dispatcher *, struct kid *);
/* Buries those that ended, and starts others. */
void kids_reap(struct dispatcher *);
/* Timeouts and grace periods. Returns the next instant to look again. */
int64_t kids_watch(struct dispatcher *, int64_t now_ns);
void kid_tell(struct kid *, enum why, int64_t now_ns);
void kids_tell(struct dispatcher *, enum why);
void kids_kill(struct dispatcher *);
bool kids_busy(const struct dispatcher *);
size_t kids_alive(const struct dispatcher *);

#endif
