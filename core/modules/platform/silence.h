/*
 * Silences: for a while nothing is told about the alerts that match. Each has
 * an owner and an end.
 */
#ifndef PLATFORM_SILENCE_H
#define PLATFORM_SILENCE_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"

struct platform_alert;

struct platform_silence {
	struct uuid id;
	const char *rule, *severity, *host;	/* "": any */
	const char *comment, *owner;
	struct utc starts_at, ends_at, created_at;
};
extern const struct schema platform_silence_schema;
extern const struct query *const platform_silence_queries[];
extern const struct table platform_silence_tables[];

/* Pure. */
bool platform_silence_covers(const struct platform_silence *,
    const struct platform_alert *, struct utc now);

/* 0 found, 1 none. ended: also those that are over. */
int platform_silence_page(struct db *, struct arena *, bool ended,
    struct utc now, struct uuid after, int64_t limit, struct rows *,
    struct err *);
int platform_silence_by_id(struct db *, struct arena *, struct uuid id,
    struct platform_silence *, struct err *);
int platform_silence_insert(struct db *, const struct platform_silence *,
    struct err *);
/* Ends it now. */
int platform_silence_end(struct db *, struct uuid id, struct utc now,
    struct err *);
int platform_silence_purge(struct db *, struct utc before, struct err *);

extern const struct route platform_silence_routes[];

#endif
