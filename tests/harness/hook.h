/*
 * A local receiver of webhooks (hook_receiver.py). It ends with the test.
 */
#ifndef HARNESS_HOOK_H
#define HARNESS_HOOK_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/harness/forked.h"

struct arena;

struct hook {
	pid_t pid;
	unsigned port;
	char dir[SCRATCH_PATH];
};

void hook_start(struct hook *);
void hook_stop(struct hook *);
/* How it answers from now on, and the secret it checks signatures with. */
void hook_mode(const struct hook *, const char *mode);
void hook_secret(const struct hook *, const char *secret);
/* What it was sent so far: JSON lines. */
const char *hook_log(const struct hook *, struct arena *);
void hook_forget(const struct hook *);

#endif
