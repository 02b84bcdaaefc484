/*
 * Temporary directories and real child processes for tests of what several
 * processes share.
 */
#ifndef HARNESS_FORKED_H
#define HARNESS_FORKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SCRATCH_PATH = 64 };

/* A new empty directory below /tmp, short enough for socket names. */
const char *scratch_dir(char buf[SCRATCH_PATH]);
/* Removes it with the files in it. */
void scratch_remove(const char *dir);
/* Runs fn(arg) in a child, which ends with its result, or with the test. */
pid_t forked(int (*fn)(void *), void *arg);
/* Waits; exit status, or 1000 + signal. */
int  forked_wait(pid_t);
void nap_ms(unsigned);
/* Polls until ok(arg) or the time is over; returns what ok said last. */
bool eventually(bool (*ok)(void *), void *arg, unsigned timeout_ms);

#endif
