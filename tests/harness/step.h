/*
 * Interleavings, stepped statement by statement. Each side of a play runs in
 * a child process with a connection of its own and stops before each
 * statement it sends; the test says who moves. A side whose statement waits
 * for a row lock is told apart from one that is slow by the server's own
 * count of waits, never by time. Faults can be planted at the n-th statement
 * of a process instead.
 *
 * It works by standing before libmariadb's two calls that execute something,
 * so the product contains nothing of it.
 */
#ifndef HARNESS_STEP_H
#define HARNESS_STEP_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

struct step_side {
	const char *name;
	/* Returns 0-99; ends the child. */
	int (*run)(struct db *, struct arena *, void *arg);
	void *arg;
};

enum step_state {
	STEP_READY,		/* stands before its next statement */
	STEP_WAITS,		/* its statement waits for a lock */
	STEP_ENDED
};

struct step;
/* All sides stand before their first statement. At most four. */
struct step *step_open(const char *database, const struct step_side *,
    size_t n);
enum step_state step_state(const struct step *, size_t side);
/* Name of the statement it stands before: "jobs_ready.claim", "COMMIT". */
const char *step_before(const struct step *, size_t side);
/* One statement; afterwards nobody moves any more. */
enum step_state step_one(struct step *, size_t side);
/* Until it ends, waits or yields. */
enum step_state step_run(struct step *, size_t side);
/* Called by a side that can only try again until another has moved. */
void step_yield(void);
/* Until it stands before the named statement (prefix): false when it ended
 * or waits first. */
bool step_until(struct step *, size_t side, const char *statement);
/* kill -9, wherever it stands; the server has rolled back when it returns. */
void step_kill(struct step *, size_t side);
/* Everybody runs to the end. Then what each run() returned: -1 = killed. */
void step_finish(struct step *);
int  step_status(const struct step *, size_t side);
/* Statements it has sent so far. */
size_t step_count(const struct step *, size_t side);
void step_close(struct step *);

/* ---- all interleavings of two with one change, and random ones -------------- */

struct step_pair {
	const char *database;
	struct step_side side[2];
	void (*reset)(void *arg);		/* before each play */
	/* After each; `what` tells the play, status as above. */
	void (*check)(void *arg, const char *what, const int status[2]);
	void *arg;
	size_t stride;		/* only each so-manieth k; 0 = 1 */
};
/* For each k and both roles: one side does k statements, the other all it
 * can, then the first the rest, then the other. Returns the number of plays. */
size_t step_pairs(const struct step_pair *);
/* Whoever can move is drawn before each statement. */
size_t step_random(const struct step_pair *, unsigned seed, unsigned rounds);

/* ---- faults at the n-th statement of this process ------------------------------ */

enum step_fault {
	FAULT_NONE,
	FAULT_LOCK_WAIT,	/* 1205: this statement undone, the rest alive */
	FAULT_DEADLOCK,		/* 1213: everything undone by the server */
	FAULT_CUT_BEFORE,	/* connection lost, not executed */
	FAULT_CUT_AFTER		/* executed, answer lost */
};
/* n = 1 is the next one. Counts from anew. */
void step_fault(size_t n, enum step_fault);
/* Statements sent since. The fault happened if it is at least n. */
size_t step_sent(void);

#endif
