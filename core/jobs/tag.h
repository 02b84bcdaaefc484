/*
 * Tags: places in a lane by self-clocked fair queueing (Golestani, INFOCOM
 * 1994). A lane's virtual time V is the tag last claimed in it; a tenant's
 * next job gets max(V, the tenant's last tag) + 1. So one tenant's flood is
 * spread into the future, and everybody else's next job comes before it.
 *
 * V and the tenants' last tags are cells of the shared segment: hints that
 * may be lost, which costs fairness only. A tag has 22 random bits below the
 * virtual time, so that it is a key by itself.
 */
#ifndef JOBS_TAG_H
#define JOBS_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct shm;

enum { TAG_BITS = 22 };

/* A queue by name, for hints: no id that a restored database could change. */
uint64_t jobs_queue_key(struct uuid tenant, const char *name, bool external);
/* 0 = not known here: ask the database, then raise it. */
uint64_t jobs_virtual(struct shm *, uint64_t queue_key, int lane);
void jobs_virtual_raise(struct shm *, uint64_t queue_key, int lane,
    uint64_t v);
/* True when nobody on this host has asked so for that long: then the caller
 * asks the database. */
bool jobs_lane_due(struct shm *, uint64_t queue_key, int lane, int seconds);
/* Next tag for a job of the tenant, and how many of its jobs lie before it
 * (its backlog, about). */
int64_t jobs_tag(struct shm *, uint64_t queue_key, int lane,
    struct uuid tenant, uint64_t *backlog);

/* ---- pure ------------------------------------------------------------------ */

/* The virtual time of a tag. */
uint64_t jobs_tag_time(int64_t tag);
int64_t  jobs_tag_of(uint64_t virtual_time, uint32_t random);

#endif
