/*
 * Unpredictable bytes and identifiers.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

enum { UUID_TEXT = 37 };

/* getrandom(2); aborts if the kernel has none. */
void random_bytes(void *, size_t);
/* Uniform in [0, n), n > 0. */
uint64_t random_below(uint64_t n);
/* UUID version 7 (RFC 9562): time-ordered, monotonic within the process. */
struct uuid uuid_new(void);
/* The least of that millisecond. */
struct uuid uuid_first(struct utc);
bool uuid_is_nil(struct uuid);
bool uuid_equal(struct uuid, struct uuid);
const char *uuid_format(struct uuid, char buf[UUID_TEXT]);
/* Canonical 8-4-4-4-12 form, either case. 0 ok, -1 not a UUID. */
int uuid_parse(const char *, struct uuid *out);
/* n characters of A-Z a-z 2-9 without look-alikes; buf holds n + 1. */
void random_text(char *buf, size_t n);

#endif
