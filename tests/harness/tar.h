/*
 * Members of a compressed tar archive below $SHARED/data, in memory.
 */
#ifndef HARNESS_TAR_H
#define HARNESS_TAR_H

#include <stddef.h>

struct arena;

struct tar_file {
	const char *path;	/* without a leading "./" */
	char *text;		/* NUL-terminated */
	size_t n;
};

struct tar {
	struct tar_file *v;
	size_t n;
};

/* 0, or -1 when the archive is not there (said by data_path()). */
int tar_read(struct arena *, const char *name, struct tar *);
/* The member, or NULL. */
const struct tar_file *tar_find(const struct tar *, const char *path);

#endif
