/*
 * Control loops: work that repeats for ever (relay, scheduler, probes). The
 * worker runs each in a supervised child of its own, so that a blocked loop
 * harms itself only; the supervisor kills a child that is still inside one
 * turn three seconds before its lease ends. Loops with humble = TICK are also
 * run once by quincunx-schedule, so hosts without daemons lack nothing but
 * speed.
 */
#ifndef JOBS_LOOP_H
#define JOBS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct db;
struct env;
struct err;
struct lease;
struct module;

enum loop_scope {
	LOOP_HOST = 1,		/* one per host */
	LOOP_CLUSTER,		/* one in the installation, under a lease */
	LOOP_SHARD		/* like CLUSTER, several shards, a lease each */
};
enum loop_humble { LOOP_TICK = 1, LOOP_NEVER };

struct loop_ctx {
	struct env *env;
	struct db *db;
	struct arena *a;		/* gone after the turn */
	const struct lease *lease;	/* CLUSTER, SHARD: write its token */
	int shard;
	void *memory;			/* the loop's own, from one turn to the
					 * next; NULL at first */
	struct arena *keep;		/* lives as long as the child */
	int64_t next_ms;		/* set by run(): sooner or later than the
					 * period; 0 = the period */
};

struct loop {
	const char *name;		/* "events.relay" */
	const char *doc;
	int64_t period_ms;		/* 100 and more */
	enum loop_scope scope;
	enum loop_humble humble;
	int shards;			/* LOOP_SHARD */
	const char *bell;		/* name of a bell that starts a turn at
					 * once, or NULL */
	const char *component;		/* not run while that is stopped */
	int lease_s;			/* 0: 15 */
	int (*run)(struct loop_ctx *, struct err *);
	void (*end)(struct loop_ctx *);	/* gives back what memory holds; NULL */
};
#define LOOP_END { .name = NULL }

/* Words of the shared segment, written while this host's dispatcher works,
 * quincunx-schedule --work works, quincunx-schedule has run. */
#define SEEN_DISPATCHER "jobs.dispatcher"
#define SEEN_CRON "jobs.cron"
#define SEEN_TICK "jobs.tick"

struct shm;
/* When a loop's last turn on this host ended, and its last good one (boot
 * clock; 0 = not known). role: the loop's name, of a shard "name.shard". */
void loop_seen(struct shm *, const char *role, bool good);
void loop_last(struct shm *, const char *role, int64_t *end_ns,
    int64_t *good_ns);
const char *loop_role(struct arena *, const struct loop *, int shard);

#endif
