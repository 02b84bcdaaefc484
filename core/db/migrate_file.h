/*
 * Migration files as text: no database here.
 */
#ifndef DB_MIGRATE_FILE_H
#define DB_MIGRATE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;

struct step {
	int64_t version, n, total;	/* 0007, step 2 of 3 */
	const char *file;		/* "0007_spot_price.sql" */
	const char *sql;		/* without ';' at the end */
	const char *probe;		/* or NULL */
	const char *sha256;		/* hex, of the file up to here */
};

struct steps {
	struct step *v;
	size_t n, cap;
};

/* All steps of all files of the directory in order. Misnamed files, two with
 * one number and files without a statement are errors. */
int steps_load(struct steps *, struct arena *, const char *dir, struct err *);
/* One file's text. */
int steps_parse(struct steps *, struct arena *, const char *file,
    const char *text, size_t n, struct err *);

#endif
