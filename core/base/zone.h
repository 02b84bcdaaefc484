/*
 * Time zones of the system's zone database (/usr/share/zoneinfo, package
 * tzdata), by IANA name. "UTC" is always there. Local seconds are counted as
 * if the zone's wall clock were UTC: 1970-01-01 00:00:00 local is 0.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

enum {
	ZONE_NAME_MAX = 63,	/* longest name accepted, in bytes */
	ZONE_VERSION = 32,	/* fits any zone_version() */
	ZONE_EAST_MAX = 93599,	/* offsets in seconds, RFC 8536 section 3.2 */
	ZONE_WEST_MAX = 89999
};

struct arena;
struct zone;	/* immutable */

/* The zone, or NULL if there is none of this name. Names are case-sensitive
 * ("Europe/Berlin", "Etc/GMT+3"); no dots, no absolute paths, and nothing
 * that means another thing on another host (localtime, posixrules) or counts
 * leap seconds (right/...). Read once per process and again when the file has
 * changed; the result stays valid for the life of the process. */
const struct zone *zone_find(const char *name);
bool zone_known(const char *name);
/* Of a zone found: its name as given to zone_find(). */
const char *zone_name(const struct zone *);

/* Seconds east of UTC at that instant. */
int32_t zone_offset(const struct zone *, struct utc);
/* First change of the offset later than t, in seconds since 1970; INT64_MAX:
 * none is known. */
int64_t zone_change(const struct zone *, int64_t t_s);
/* The instants that the wall clock shows as local_s, earliest first: 1, or 2
 * when the clock is put back over it, or 0 when it is put forward over it;
 * then out[0] is the first instant after the gap. */
int  zone_of_local(const struct zone *, int64_t local_s, struct utc out[2]);

/* A TZif file (RFC 8536, versions 2 to 4) into the arena: any bytes. NULL if
 * it is not one, or counts leap seconds, or exceeds the bounds. */
const struct zone *zone_parse(struct arena *, const void *tzif, size_t n);

/* Another folder instead of /usr/share/zoneinfo, borrowed, from now on: for
 * tests of files that change. */
void zone_folder(const char *path);
/* "2025b", or "" if the system does not say. Read anew at each call. */
const char *zone_version(char buf[ZONE_VERSION]);

#endif
