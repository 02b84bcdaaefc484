/*
 * The footer of a TZif file: a POSIX TZ rule ("CET-1CEST,M3.5.0,M10.5.0/3")
 * that holds for all time after the file's last transition. Used by zone.c.
 */
#ifndef BASE_ZONE_RULE_H
#define BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_edge_kind {
	EDGE_WEEKDAY,		/* Mm.w.d */
	EDGE_JULIAN,		/* Jn: 1-365, 29 February never counted */
	EDGE_DAY		/* n: 0-365 */
};

/* When daylight saving time begins or ends, by the clock before it. */
struct zone_edge {
	enum zone_edge_kind kind;
	int month, week, weekday, day;
	int32_t time;		/* seconds after midnight; -167 h to 167 h */
};

struct zone_rule {
	bool given, dst;
	int32_t std_east, dst_east;	/* seconds */
	struct zone_edge start, end;
};

/* n bytes; empty text is a rule that is not given. False: not a rule. Daylight
 * saving time without dates is refused (POSIX leaves them open). */
bool zone_rule_parse(const char *, size_t n, struct zone_rule *out);
/* Seconds east at t seconds since 1970, in the range of struct utc. */
int32_t zone_rule_east(const struct zone_rule *, int64_t t);
/* First change of the offset after t, or INT64_MAX. */
int64_t zone_rule_change(const struct zone_rule *, int64_t t);

#endif
