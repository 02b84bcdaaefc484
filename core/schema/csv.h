/*
 * Streaming CSV (RFC 4180) with a header line: bounded lines and cells, one
 * error naming line and column.
 */
#ifndef SCHEMA_CSV_H
#define SCHEMA_CSV_H

#include <stdio.h>

#include "base/types.h"

struct arena;
struct err;
struct csv;

enum { CSV_MAX_LINE = 1 << 20, CSV_MAX_CELLS = 256 };

/* Reads the header. Lines that start with '#' before it are comments, kept
 * as csv_comment(). A UTF-8 byte order mark is skipped; CRLF or LF. */
int csv_open(struct csv **, FILE *, struct arena *, struct err *);
const char *csv_comment(const struct csv *);
/* Next row as pairs in header order; text lives in the arena given. 0 row,
 * 1 end, -1 error (bad quoting, too long, bad UTF-8). A row with another
 * number of cells than the header is an error of code "csv_cells", after
 * which the next row can be read. */
int csv_next(struct csv *, struct arena *, const struct pair **, size_t *n,
    struct err *);
/* Line number of the row last returned. */
size_t csv_line(const struct csv *);

#endif
