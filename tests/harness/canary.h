/*
 * Searching for secrets: a list of needles, and where to look for them. Says
 * on stderr what was found where; PLANTED is always looked for.
 */
#ifndef HARNESS_CANARY_H
#define HARNESS_CANARY_H

#include <stddef.h>
#include <sys/types.h>

#define PLANTED "planted-canary-4b1d0c5e77"

/* what: how a message calls it. The bytes are borrowed. */
void canary_add(const char *what, const char *p, size_t n);
/* Name of a needle in the bytes, NULL = none. */
const char *canary_in(const char *buf, size_t n);
const char *canary_in_file(const char *path);
/* The same for all files below dir, but those that are kept for secrets. */
const char *canary_below(const char *dir, int depth);
/* Children of a process, and theirs. */
size_t canary_descendants(pid_t, pid_t *out, size_t max);

#endif
