/*
 * Shared test data: files below $SHARED/data (default ../shared), plain or
 * gzip-compressed.
 */
#ifndef HARNESS_DATA_H
#define HARNESS_DATA_H

#include <stddef.h>

struct arena;

/* The file's unpacked content, NUL-terminated. Without it prints "not run" and
 * returns NULL; under CI (environment) the test fails instead. */
char *data_read(struct arena *, const char *name, size_t *n);

#endif
