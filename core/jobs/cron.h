/*
 * When a schedule fires: cron expressions in a time zone, anchored intervals,
 * jitter, and what is to be done about fires that were missed. Pure: no
 * clock, no database.
 *
 * Fields: [second] minute hour day-of-month month day-of-week.
 *   *  5  1-5  1,3  10-40/5  5/15 (from 5 to the end)  jan-dec  sun-sat, and
 *   a star with a step
 *   ?      day fields: like *
 *   L L-3 LW 15W     day-of-month: last day, three before it, last weekday,
 *                    weekday nearest to the 15th within the month
 *   5L L5 5#3        day-of-week: last Friday, third Friday; 0 and 7 Sunday
 *   H H/15 H(0-29)   a value of its own for each seed, always the same one;
 *                    H in day-of-month is at most 28
 * Ranges over the end are allowed for months and weekdays (fri-mon).
 * @yearly @annually @monthly @weekly @daily @midnight @hourly; @every 1h30m
 * (units ms s m h d).
 *
 * crontab(5): when both day fields are restricted, one of them is enough. A
 * field is restricted unless it is "*" or "?" alone. So a star with a step is
 * restricted, as croniter and cron-parser have it (not so Vixie's code).
 */
#ifndef JOBS_CRON_H
#define JOBS_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/types.h"

struct arena;

enum {
	CRON_TEXT_MAX = 200,		/* bytes of an expression */
	CRON_YEARS = 8			/* how far the next fire is looked for */
};

enum cron_gap { CRON_GAP_SHIFT, CRON_GAP_SKIP };
enum cron_fold { CRON_FOLD_FIRST, CRON_FOLD_LAST, CRON_FOLD_BOTH };
enum cron_misfire { CRON_MISFIRE_SKIP, CRON_MISFIRE_LATEST, CRON_MISFIRE_EACH };
/* Their names in this order, NULL-terminated: "shift", "skip"; … */
extern const char *const cron_gap_names[], *const cron_fold_names[];
extern const char *const cron_misfire_names[];
/* Index of name in such a list, or -1. */
int cron_choice(const char *const *names, const char *name);

/* A parsed expression: sets of bits, bit n = value n. Copied freely. */
struct cron_spec {
	int64_t every_us;	/* > 0: @every, all else unused */
	struct utc start;	/* anchor of @every; set by the caller, 0 =
				 * 1970-01-01T00:00:00Z */
	uint64_t second, minute;
	uint32_t hour, month;	/* month: bits 1-12 */
	uint32_t day;		/* bits 1-31 */
	uint32_t day_before_last;	/* bit n: n days before the last */
	uint32_t day_near;	/* bits 1-31: weekday nearest to it */
	uint8_t weekday;	/* bits 0-6, Sunday first */
	uint8_t weekday_last;	/* bits 0-6: the month's last */
	uint8_t weekday_nth[5];	/* [n]: bits 0-6: the month's (n+1)th */
	bool last_weekday;	/* LW: the month's last Monday to Friday */
	bool day_restricted, weekday_restricted;
	/* All hours: every wall minute that matches is a fire, in both passes
	 * of a fold, and gap and fold policies do not apply. So a step of
	 * minutes runs by elapsed time over both nights (Debian cron's rule). */
	bool elapsed;
};

struct cron_options {
	const char *seed;	/* for H; NULL: "" */
	int64_t every_min_us;	/* floor of @every; 0: one second */
	const char *loc;	/* of errors; NULL: ["body","spec"] */
};

/* 0, or -1 with a 422: one entry per wrong field, whose text is static and
 * whose input is left NULL for the caller. options may be NULL. A spec that
 * can never match is not seen here: see cron_check(). */
int cron_parse(struct cron_spec *, const char *text,
    const struct cron_options *options, struct err *);
/* What creation must refuse besides: an unknown zone (at zone_loc, NULL:
 * ["body","zone"]), and a spec without a fire in the CRON_YEARS years after
 * `after` (at spec_loc). 0 or -1 with a 422. */
int cron_check(const struct cron_spec *, const char *zone, struct utc after,
    const char *spec_loc, const char *zone_loc, struct err *);

/* Next fire strictly after `after`, which is a whole second (@every: to the
 * microsecond). 0; or -1 with *out = 0: none within CRON_YEARS years, or no
 * such zone. Gap shift: at the first instant after the gap (once, however
 * many of its times the gap swallowed). */
int cron_next(const struct cron_spec *, const char *zone, enum cron_gap,
    enum cron_fold, struct utc after, struct utc *out);
/* Smallest start + k * period (k >= 0) strictly after `after`; period > 0.
 * -1: beyond the range of struct utc. */
int interval_next(struct utc start, int64_t period_us, struct utc after,
    struct utc *out);
/* For people: "at 02:30 on Monday, Europe/Berlin". */
const char *cron_describe(struct arena *, const struct cron_spec *,
    const char *zone);
/* Delay of one fire in [0, max_us), the same on every host and after every
 * restart; 0 if max_us < 1. */
int64_t cron_jitter(const char *seed, struct utc fire_at, int64_t max_us);

/* ---- missed fires --------------------------------------------------------- */

enum {
	CRON_CATCHUP_MAX = 100,		/* fires run at once, at most */
	CRON_COUNT_MAX = 1000,		/* fires counted one by one */
	CRON_GRACE_S = 60
};

struct cron_misfire_rule {
	enum cron_misfire policy;
	int64_t window_s;	/* older fires are never run; 0 = no limit */
	int64_t max_catchup;	/* EACH: at most so many; 1-CRON_CATCHUP_MAX */
	int64_t grace_s;	/* SKIP: later than this is missed; 0 =
				 * CRON_GRACE_S */
};

/* Next fire strictly after `after`: 0, or -1 = never. */
struct cron_source {
	int (*next)(const void *arg, struct utc after, struct utc *out);
	const void *arg;
};

struct cron_plan {
	struct utc run[CRON_CATCHUP_MAX];	/* oldest first */
	size_t nrun;
	int64_t skipped;	/* fires not run */
	bool skipped_more;	/* ... at least: there were too many to count */
	struct utc skipped_first, skipped_last;	/* if skipped > 0 */
	struct utc next_at;	/* later than now; 0 = never again */
};

/* What is due at now, given that next_at is the earliest fire not yet dealt
 * with. SKIP: the latest fire if it is not later than the grace; LATEST: the
 * latest; EACH: the latest max_catchup; always within the window, the rest is
 * skipped. Nothing is due: next_at stays. The work is bounded however long
 * the downtime was. next_at = 0: the plan is empty. */
void cron_misfires(const struct cron_misfire_rule *,
    const struct cron_source *, struct utc next_at, struct utc now,
    struct cron_plan *);

#endif
