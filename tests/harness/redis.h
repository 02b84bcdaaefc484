/*
 * A private Redis for tests, on a TCP port of the loopback and durable (AOF),
 * so that a killed one comes back with what it had acknowledged. It ends with
 * the test.
 */
#ifndef HARNESS_REDIS_H
#define HARNESS_REDIS_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/harness/forked.h"

struct arena;

struct redis_server {
	pid_t pid;
	int port;
	char dir[SCRATCH_PATH];
	bool cluster;
};

/* False: not installed ("not run", in CI a failure). */
bool redis_there(void);
void redis_start(struct redis_server *, bool cluster);
/* Again on the same port with the same data. */
void redis_again(struct redis_server *);
void redis_kill(struct redis_server *);
void redis_stop(struct redis_server *);
/* Output of redis-cli with these words, in the arena. */
const char *redis_cli(const struct redis_server *, struct arena *,
    const char *const *words);

#endif
