/*
 * Reading the component logs backwards: newest first, bounded work, a cursor
 * of file positions to go on.
 */
#ifndef PLATFORM_LOG_H
#define PLATFORM_LOG_H

#include "db/db.h"
#include "db/table.h"
#include "http/route.h"
#include "schema/schema.h"

struct platform_log_entry {
	struct utc ts;
	const char *level, *component, *message, *request_id;
	struct json fields;		/* the whole line when it is JSON */
};
extern const struct schema platform_log_schema;

struct platform_log_filter {
	const char *component;		/* NULL = all; "auth" or "auth.user" */
	const char *level;		/* least severity; NULL = all */
	const char *contains;		/* part of the line, any case */
	struct utc since;
	int64_t limit;
};

/* ---- pure ------------------------------------------------------------------- */

/* One line (NUL-terminated, in the arena) into an entry; false = not a line
 * of the log. */
bool platform_log_parse(struct arena *, const char *line,
    struct platform_log_entry *);
bool platform_log_match(const struct platform_log_filter *,
    const struct platform_log_entry *);

/* ---- files ---------------------------------------------------------------------- */

/* Newest entries first. from: "" or the *next of the page before; *next NULL
 * when all files are read to their beginning (or to since). */
int platform_log_read(struct arena *, const char *dir,
    const struct platform_log_filter *, const char *from, struct rows *,
    const char **next, struct err *);

extern const struct route platform_log_routes[];
extern const struct command platform_log_commands[];

#endif
