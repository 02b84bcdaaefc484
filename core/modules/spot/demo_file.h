/*
 * Reading for the demonstration: files and archives of a folder, each known
 * by its content.
 */
#ifndef SPOT_DEMO_FILE_H
#define SPOT_DEMO_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "modules/spot/demo.h"

struct spot_demo_watch {
	/* Before a file, and once more behind the last (name NULL). */
	void (*file)(void *arg, const char *name, int64_t done, int64_t total);
	void *arg;
};

enum {
	SPOT_DEMO_FILE_MAX = 64 << 20,	/* an unpacked file is smaller */
	SPOT_DEMO_MEMBERS = 20000,	/* files in one archive */
	SPOT_DEMO_ENTRIES = 10000	/* files in the folder */
};

/* Reads a folder, or one file. What cannot be used is noted in the struct;
 * -1 only when the folder itself cannot be read. */
int spot_demo_folder(struct spot_demo *, const char *dir,
    const struct spot_demo_watch *, struct err *);
/* The same for bytes: plain, gzip, tar or tar.gz. */
void spot_demo_bytes(struct spot_demo *, const char *name, const void *,
    size_t n);

/* One unpacked file (demo_text.c). from: name of the archive, or of the file
 * itself. Lives in scratch until it returns. */
void spot_demo_text(struct spot_demo *, struct arena *scratch,
    const char *from, const char *name, const char *text, size_t n);

#endif
