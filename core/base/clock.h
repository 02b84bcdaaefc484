/*
 * Time. Wall time is UTC microseconds (struct utc); deadlines and leases are
 * measured on a clock that also counts suspension.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/types.h"

enum { CLOCK_TEXT = 32 };	/* fits any clock_format() result */
#define US_PER_S INT64_C(1000000)

struct utc clock_now(void);
/* Nanoseconds since boot, suspension included (CLOCK_BOOTTIME). */
int64_t clock_boot_ns(void);
/* RFC 3339 with Z: "2026-11-21T09:13:18Z", or with 3 or 6 decimals when the
 * microseconds are not zero. Years 0000-9999; otherwise "". */
const char *clock_format(struct utc, char buf[CLOCK_TEXT]);
/* RFC 3339 / ISO 8601 date-time with "T" or one space, Z or +hh:mm offset;
 * no zone = UTC; a date alone is midnight. 0 ok, -1 not a time. Years before
 * 1900 and after 9999 are refused. */
int  clock_parse(const char *, struct utc *out);
/* "Sat, 21 Nov 2026 09:13:18 GMT" for HTTP headers. */
const char *clock_http(struct utc, char buf[CLOCK_TEXT]);
/* "20261121T091318Z" as AWS wants it. */
const char *clock_basic(struct utc, char buf[CLOCK_TEXT]);
/* Calendar parts of an instant in UTC. */
void clock_split(struct utc, struct tm *out);
/* Days from 1970-01-01 to a date (proleptic Gregorian), month 1-12. Any day
 * number: 0 is the last of the month before. */
int64_t clock_days(int64_t year, int month, int day);
int  clock_month_days(int64_t year, int month);

#endif
