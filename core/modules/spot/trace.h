/*
 * Recorded availability of spot capacity: one number for each tick of a
 * clock, 1 when an instance could be had.
 */
#ifndef SPOT_TRACE_H
#define SPOT_TRACE_H

#include <stdint.h>

#include "base/err.h"

struct arena;

enum { SPOT_TRACE_MAX = 4000000 };	/* ticks */

struct spot_trace {
	uint8_t *offered;
	size_t n;
	double gap_s;			/* length of a tick; 0 = not told */
};

/* {"metadata":{"gap_seconds":…},"data":[0,1,…]} or the bare list; gzip is
 * unpacked. 422 names what is wrong, 404 a file that cannot be read. */
int spot_trace_file(struct arena *, const char *path, struct spot_trace *,
    struct err *);
int spot_trace_text(struct arena *, const char *text, size_t n,
    struct spot_trace *, struct err *);

#endif
