/*
 * Reads a whole archive of shared test data with libarchive. What is missing
 * is said by data_read(); a damaged archive fails the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/vec.h"
#include "tests/harness/data.h"
#include "tests/harness/tar.h"

int
tar_read(struct arena *a, const char *name, struct tar *out)
{
	VEC(struct tar_file) v = { 0 };
	struct archive_entry *e;
	struct archive *ar;
	struct tar_file *f;
	char *raw;
	size_t n;
	int rc;

	if ((raw = data_read(a, name, &n)) == NULL)
		return -1;
	ar = archive_read_new();
	archive_read_support_format_tar(ar);
	assert_int_equal(archive_read_open_memory(ar, raw, n), ARCHIVE_OK);
	while ((rc = archive_read_next_header(ar, &e)) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(e);

		if (archive_entry_filetype(e) != AE_IFREG)
			continue;
		if (strncmp(path, "./", 2) == 0)
			path += 2;
		f = VEC_ADD(a, &v);
		f->path = arena_strdup(a, path);
		f->n = (size_t)archive_entry_size(e);
		f->text = arena_alloc(a, f->n + 1);
		assert_int_equal(archive_read_data(ar, f->text, f->n), f->n);
	}
	assert_int_equal(rc, ARCHIVE_EOF);
	archive_read_free(ar);
	out->v = v.v;
	out->n = v.n;
	return 0;
}

const struct tar_file *
tar_find(const struct tar *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].path, path) == 0)
			return &t->v[i];
	return NULL;
}
