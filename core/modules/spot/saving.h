/*
 * The savings ledger: for each instance and hour what it cost and what the
 * same machine would have cost on demand, in micro-USD, from the seconds that
 * scans saw it running and the prices in force. Rows are restated when prices
 * come late, never doubled; every total is a sum of rows.
 */
#ifndef SPOT_SAVING_H
#define SPOT_SAVING_H

#include "db/table.h"
#include "events/event.h"
#include "http/route.h"
#include "jobs/job.h"
#include "jobs/schedule.h"
#include "modules/spot/instance.h"

struct str;

/* A row of the ledger. */
struct spot_saving {
	struct uuid account_id, tenant_id;
	const char *instance_id;
	struct utc hour;
	const char *region, *az, *instance_type, *lifecycle;
	int64_t seconds, actual_micro, counterfactual_micro;
	bool priced;
	const char *basis;
	int64_t revision;
	struct utc closed_at;
};
extern const struct schema spot_saving_schema;
extern const struct query *const spot_saving_queries[];

/* What an hour is closed from. */
struct spot_uptime {
	struct uuid account_id, tenant_id;
	const char *instance_id;
	struct utc hour;
	const char *region, *az, *instance_type, *lifecycle, *product;
	int64_t seconds;
	bool dirty;
	struct dec spot, on_demand;	/* prices in force; 0 = not known */
	struct utc spot_at, od_at;	/* since when */
	/* What would run without us: the machine at the begin of its chain of
	 * moves, or itself (origin NULL). */
	const char *origin, *origin_type;
	struct dec whole;		/* that on demand */
	struct utc whole_at;
};
extern const struct schema spot_uptime_schema;

/* A replacement stands in for the machine it replaced, or for what that one
 * stood in for. Inside the transaction that ends the move. */
int spot_origin_put(struct db *, struct uuid tenant, struct uuid account,
    const char *region, const char *old, const char *next, struct utc,
    struct err *);

/* ---- pure ------------------------------------------------------------------ */

/* USD an hour for some seconds, in micro-USD, half to even. */
int64_t spot_micro_for(struct dec hourly, int64_t seconds);
void spot_saving_of(struct arena *, const struct spot_uptime *, struct utc now,
    struct spot_saving *);
struct utc spot_hour_of(struct utc);
/* "2026-11" as the instants of its begin and end; -1 not a month. */
int spot_month_parse(const char *, struct utc *from, struct utc *to);
/* Micro-USD as dollars, exactly. */
struct dec spot_micro_dec(int64_t micro);

/* ---- rows -------------------------------------------------------------------- */

/* Running time between two sights of a region, in the transaction that ends
 * the later one. from 0 = there was no earlier one. */
int spot_uptime_add(struct db *, const struct spot_seen *, struct utc from,
    struct err *);
/* Hours before `now`'s that have something to close, at most 500. */
int spot_uptime_hours(struct db *, struct arena *, struct utc now,
    struct rows *, struct err *);
int spot_uptime_page(struct db *, struct arena *, struct utc hour,
    struct uuid account, const char *instance_id, struct rows *,
    struct err *);
int spot_uptime_clean(struct db *, struct utc hour, struct utc now,
    struct err *);
int spot_uptime_spoil(struct db *, struct utc from, struct utc to,
    uint64_t *rows, struct err *);
int spot_saving_put(struct db *, struct arena *, const struct spot_saving *,
    size_t n, struct err *);

/* One line of a report. */
struct spot_saving_line {
	const char *key;
	int64_t instance_seconds, instances;
	int64_t actual_micro, counterfactual_micro, saved_micro;
	int64_t unpriced;		/* rows */
	struct dec actual, counterfactual, saved;	/* USD */
	double instance_hours;
};
extern const struct schema spot_saving_line_schema;
struct spot_saving_report {
	struct utc from, to;
	const char *group_by, *basis;
	const void *total;		/* spot_saving_line */
	struct list items;
};
extern const struct schema spot_saving_report_schema;

enum spot_saving_group { SAVING_ACCOUNT, SAVING_REGION, SAVING_TYPE,
	SAVING_LIFECYCLE, SAVING_DAY, SAVING_INSTANCE, SAVING_GROUPS };
extern const char *const spot_saving_groups[];	/* NULL-terminated */

struct spot_saving_ask {
	struct uuid tenant, account;	/* account nil = all */
	struct utc from, to;		/* [from, to) */
	const char *group_by;
};
/* In one transaction; 500 "ledger_mismatch" when the lines do not add up to
 * the total, which must never happen. */
int spot_saving_report(struct db *, struct arena *,
    const struct spot_saving_ask *, struct spot_saving_report *,
    struct err *);
int spot_saving_sum(struct db *, struct arena *,
    const struct spot_saving_ask *, struct spot_saving_line *, struct err *);
int spot_saving_lines(struct db *, struct arena *,
    const struct spot_saving_ask *, struct rows *, struct err *);
/* Instance-days, oldest first (spot_saving_day), at most 10,000. */
struct spot_saving_day {
	struct utc day;
	const char *instance_id, *instance_type, *az, *lifecycle, *basis;
	int64_t seconds, actual_micro, counterfactual_micro;
};
int spot_saving_days(struct db *, struct arena *,
    const struct spot_saving_ask *, struct rows *, struct err *);
/* Tenants with rows of an hour, and their sums. */
struct spot_saving_told {
	struct uuid tenant_id;
	struct utc hour;
	int64_t rows, actual_micro, counterfactual_micro, saved_micro;
};
int spot_saving_hour(struct db *, struct arena *, struct utc hour,
    struct rows *, struct err *);

/* Text for terminals and mail; CSV of the same lines. Pure. */
void spot_saving_text(const struct spot_saving_report *, struct str *);
void spot_saving_csv(const struct spot_saving_report *, struct str *);

/* ---- use-cases ---------------------------------------------------------------- */

struct spot_close {
	int64_t hours, rows, changed;
};
/* Closes one hour: each page of rows in a transaction of its own; the same
 * again changes nothing. */
int spot_saving_close(struct db *, struct arena *, struct utc hour,
    struct utc now, struct spot_close *, struct err *);
/* All hours that have something to close, and the last six again. */
int spot_saving_close_due(struct db *, struct arena *, struct utc now,
    bool (*stop)(void *), void *arg, struct spot_close *, struct err *);

extern const struct event spot_saving_events[];
extern const struct job spot_saving_jobs[];
extern const struct schedule spot_saving_schedules[];
extern const struct route spot_saving_routes[];

#endif
