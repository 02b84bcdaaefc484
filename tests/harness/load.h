/*
 * Clients that keep asking while a test does something to the servers: real
 * processes, counts in shared memory.
 */
#ifndef HARNESS_LOAD_H
#define HARNESS_LOAD_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/harness/raw.h"

enum { LOAD_CLIENTS = 64, LOAD_STATUS = 600 };

struct load_counts {
	int stop;
	unsigned long status[LOAD_STATUS];	/* [0]: no reply */
	unsigned long total;
	unsigned long slowest_us;
};

struct load {
	struct load_counts *now;	/* shared with the clients */
	pid_t pids[LOAD_CLIENTS];
	size_t n;
};

/* Each client sends the text again and again, on a new connection each time,
 * pause_ms after the last; LOAD_NUMBER in it becomes a number of the same
 * length that no other request has. */
#define LOAD_NUMBER "@@number@@"
void load_start(struct load *, const struct raw_target *, size_t clients,
    const char *text, unsigned pause_ms);
/* Ends and waits; the counts stay readable until load_free(). */
void load_stop(struct load *);
void load_free(struct load *);
/* Replies that were neither 2xx nor the one other status (0: none). */
unsigned long load_bad(const struct load *, int also);
/* "200: 512, 503: 4" into a static buffer. */
const char *load_text(const struct load *);
/* One request in a process of its own; its status by load_wait(). */
pid_t load_one(const struct raw_target *, const char *text);
int load_wait(pid_t);

#endif
