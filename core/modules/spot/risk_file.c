/*
 * Recorded availability traces from files, archives and folders. What is no
 * trace of 0 and 1 is counted and left out; damaged files end the reading
 * with their name. Bounded in size, number and depth.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "modules/spot/risk_model.h"
#include "modules/spot/trace.h"

enum { MEMBER_MAX = 64 << 20, BLOCK = 64 << 10, DEPTH_MAX = 8,
	FILES_MAX = 10000 };

/* "a/b/us-west-2a_v100_1.json" → "b/us-west-2a_v100_1" */
static const char *
pool_name(struct arena *a, const char *path)
{
	const char *base = strrchr(path, '/'), *from = path;
	size_t n;

	for (const char *p = path; base != NULL && p < base; p++)
		if (*p == '/')
			from = p + 1;
	n = strcspn(base != NULL ? base : from, ".") +
	    (base != NULL ? (size_t)(base - from) : 0);
	return arena_strndup(a, from, n);
}

bool
spot_traces_add(struct arena *a, const char *name, const char *text,
    size_t n, double fit, struct spot_watches *out)
{
	struct spot_watch *w;
	struct spot_trace t;
	struct err e = { 0 };
	const char *cut;

	if (spot_trace_text(a, text, n, &t, &e) == -1) {
		out->skipped++;
		return false;
	}
	w = VEC_ADD(a, out);
	w->pool = pool_name(a, name);
	cut = strrchr(w->pool, '_');
	w->group = cut == NULL ? w->pool :
	    arena_strndup(a, w->pool, (size_t)(cut - w->pool));
	w->interruption = -1;
	w->tick_h = (t.gap_s > 0 ? t.gap_s : 600) / 3600;
	w->up = t.offered;
	w->n = t.n;
	w->split_h = (double)(size_t)((double)t.n * fit) * w->tick_h;
	return true;
}

static int
read_member(struct archive *ar, struct arena *a, const char *name,
    double fit, struct spot_watches *out, struct err *e)
{
	size_t cap = BLOCK, n = 0;
	char *buf = arena_alloc(a, cap + 1);
	la_ssize_t got;

	while ((got = archive_read_data(ar, buf + n, cap - n)) > 0) {
		n += (size_t)got;
		if (n > MEMBER_MAX)
			break;
		if (n == cap) {
			buf = arena_grow(a, buf, cap + 1, 2 * cap + 1);
			cap *= 2;
		}
	}
	if (got < 0)
		return err_set(e, 422, "bad_file", "%.150s: cannot be "
		    "unpacked", name);
	if (n > MEMBER_MAX) {
		out->skipped++;
		return 0;
	}
	buf[n] = '\0';
	spot_traces_add(a, name, buf, n, fit, out);
	return 0;
}

static int
read_members(struct archive *ar, struct arena *a, const char *path,
    double fit, struct spot_watches *out, struct err *e)
{
	struct archive_entry *entry;
	int rc, files = 0;

	while ((rc = archive_read_next_header(ar, &entry)) == ARCHIVE_OK ||
	    rc == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(entry);

		if (archive_format(ar) == ARCHIVE_FORMAT_RAW || name == NULL)
			name = path;
		else if (archive_entry_filetype(entry) != AE_IFREG)
			continue;
		if (++files > FILES_MAX)
			return err_set(e, 422, "bad_file", "%.150s: more than "
			    "%d files", path, FILES_MAX);
		if (read_member(ar, a, name, fit, out, e) == -1)
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return err_set(e, 422, "bad_file", "%.150s: damaged", path);
	return 0;
}

static int
read_file(struct arena *a, const char *path, double fit,
    struct spot_watches *out, struct err *e)
{
	struct archive *ar = archive_read_new();
	int rc;

	if (ar == NULL)
		return err_set(e, 500, "no_memory", "No memory for an archive");
	archive_read_support_filter_gzip(ar);
	archive_read_support_format_tar(ar);
	archive_read_support_format_raw(ar);
	archive_read_support_format_empty(ar);
	if (archive_read_open_filename(ar, path, BLOCK) != ARCHIVE_OK)
		rc = err_set(e, 422, "bad_file", "%.150s: cannot be opened",
		    path);
	else
		rc = read_members(ar, a, path, fit, out, e);
	archive_read_free(ar);
	return rc;
}

static int
by_text(const void *va, const void *vb)
{
	return strcmp(*(const char *const *)va, *(const char *const *)vb);
}

static int
read_path(struct arena *a, const char *path, double fit, int depth,
    struct spot_watches *out, struct err *e)
{
	VEC(const char *) names = { 0 };
	struct dirent *ent;
	struct stat st;
	DIR *d;

	if (stat(path, &st) == -1)
		return err_set(e, 404, "no_file", "%.150s: %s", path,
		    strerror(errno));
	if (S_ISREG(st.st_mode))
		return read_file(a, path, fit, out, e);
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return 0;
	if ((d = opendir(path)) == NULL)
		return err_set(e, 404, "no_file", "%.150s: %s", path,
		    strerror(errno));
	while ((ent = readdir(d)) != NULL && names.n < FILES_MAX)
		if (ent->d_name[0] != '.')
			*VEC_ADD(a, &names) = arena_printf(a, "%s/%s", path,
			    ent->d_name);
	closedir(d);
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), by_text);
	for (size_t i = 0; i < names.n; i++)
		if (read_path(a, names.v[i], fit, depth + 1, out, e) == -1)
			return -1;
	return 0;
}

int
spot_traces_read(struct arena *a, const char *path, double fit,
    struct spot_watches *out, struct err *e)
{
	return read_path(a, path, fit, 0, out, e);
}
