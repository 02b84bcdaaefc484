/*
 * A fake server of this folder, written in Python: it says "port N" when it
 * listens, and ends with the test, however the test ends.
 */
#ifndef HARNESS_FAKE_H
#define HARNESS_FAKE_H

#include <sys/types.h>

struct arena;

struct fake {
	pid_t pid;
	unsigned port;
	const char *url;		/* "http://127.0.0.1:N" */
};

/* more: its options, NULL-terminated; or NULL. */
void fake_start(struct fake *, struct arena *, const char *script,
    const char *const *more);
void fake_stop(const struct fake *);

#endif
