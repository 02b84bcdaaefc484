/*
 * Import and export of nouns: CSV and NDJSON, also gzipped, streamed.
 */
#ifndef PLATFORM_EXCHANGE_H
#define PLATFORM_EXCHANGE_H

#include <stdio.h>

#include "db/db.h"
#include "db/env.h"
#include "db/table.h"

enum { IMPORT_BATCH = 500, IMPORT_LINE_MAX = 1 << 20 };

/* ---- rows ------------------------------------------------------------------- */

/* How far the import of one file has come. */
struct platform_import {
	struct blob digest;
	const char *noun;
	struct blob tenant;		/* 16 bytes, zeros for global nouns */
	int64_t line, changed, unchanged, failed;
	bool finished;
	struct utc updated_at;
};
extern const struct schema platform_import_schema;
extern const struct query *const platform_exchange_queries[];
extern const struct table platform_exchange_tables[];

int platform_import_get(struct db *, struct arena *, struct blob digest,
    const char *noun, struct blob tenant, struct platform_import *,
    struct err *);
int platform_import_put(struct db *, const struct platform_import *,
    struct err *);
/* By id or by name, the oldest; "" is the installation's first tenant.
 * 0 found, 1 none. */
int platform_tenant_find(struct db *, struct arena *, const char *which,
    struct uuid *, struct err *);

/* ---- files ---------------------------------------------------------------------- */

enum exchange_format { EXCHANGE_CSV = 1, EXCHANGE_NDJSON };
/* By the end of the name, ".gz" aside; 0 = neither. */
enum exchange_format platform_exchange_format(const char *path);

/* Rows of a file, one at a time. */
struct source;
/* Opens and digests the file; closed with the arena. */
int platform_source_open(struct source **, struct arena *, const char *path,
    uint8_t digest[32], struct err *);
/* Next row: 0 decoded into out (schema->size bytes), 1 end, 2 a bad row (*err
 * says why, the file goes on), -1 the file cannot be read on. *line is its
 * number. */
int platform_source_next(struct source *, struct arena *,
    const struct schema *, void *out, int64_t *line, struct err *);

/* Where an export goes: written beside and put in place at the end. */
struct sink;
int platform_sink_open(struct sink **, struct arena *, const char *path,
    const struct schema *, struct err *);
int platform_sink_row(struct sink *, const void *row, struct err *);
int platform_sink_close(struct sink *, struct err *);
/* Leaves nothing behind. */
void platform_sink_abort(struct sink *);

/* ---- use-cases -------------------------------------------------------------------- */

const struct exchange *platform_exchange_find(const struct module *const *,
    const char *noun);

struct import_job {
	struct env *env;
	const struct exchange *x;
	const char *path;
	struct uuid tenant;
	bool dry_run;
	/* Called for each bad row: member may be "". */
	void (*bad)(void *arg, int64_t line, const char *member,
	    const char *msg);
	void *arg;
	struct platform_import done;	/* out */
	int64_t resumed_at;		/* out: lines skipped, 0 = none */
};
int platform_import_run(struct import_job *, struct err *);
int platform_export_run(struct env *, const struct exchange *, struct uuid,
    const char *path, int64_t *rows, struct err *);

extern const struct command platform_exchange_commands[];

#endif
