/*
 * Files of a folder for the demonstration: plain, gzip, tar and tar.gz by
 * libarchive, one unpacked file in memory at a time, bounded in size and
 * number. What is damaged is noted and the run goes on. Invariant: the order
 * is that of the names, on every file system.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/spot/demo_file.h"

enum {
	SCRATCH_MAX = 512 << 20, BLOCK = 64 << 10,
	/* so much may one archive unpack to, all members together */
	ARCHIVE_MAX = 1 << 30
};

struct entry {
	const char *name;
	int64_t size;
};

/* An archive, or a file that is treated as one. */
struct unpack {
	struct spot_demo *d;
	struct archive *ar;
	const char *file;
	int64_t members, bytes;
};

/* ---- members ------------------------------------------------------------- */

/* The whole member, with a NUL behind it. 0, 1 too large, -1 damaged. */
static int
read_member(struct unpack *u, struct arena *a, char **out, size_t *n)
{
	size_t cap = BLOCK, len = 0;
	char *buf = arena_alloc(a, cap + 1);
	la_ssize_t got;

	while ((got = archive_read_data(u->ar, buf + len, cap - len)) > 0) {
		len += (size_t)got;
		u->bytes += got;
		if (len == SPOT_DEMO_FILE_MAX || u->bytes > ARCHIVE_MAX)
			return 1;
		if (len == cap) {
			buf = arena_grow(a, buf, cap + 1, 2 * cap + 1);
			cap *= 2;
		}
	}
	if (got < 0)
		return -1;
	buf[len] = '\0';
	*out = buf;
	*n = len;
	return 0;
}

static const char *
said(struct archive *ar)
{
	const char *s = archive_error_string(ar);

	return s != NULL ? s : "damaged";
}

static const char *
member_name(const struct unpack *u, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);

	if (archive_format(u->ar) == ARCHIVE_FORMAT_RAW || path == NULL)
		return u->file;
	return strncmp(path, "./", 2) == 0 ? path + 2 : path;
}

static void
bad_member(struct unpack *u, struct arena *a, const char *name,
    const char *why)
{
	spot_demo_bad(u->d, strcmp(name, u->file) == 0 ? name :
	    arena_printf(a, "%s: %s", u->file, name), why);
}

/* False when the archive cannot be read on. */
static bool
use_member(struct unpack *u, struct archive_entry *e)
{
	struct arena *a;
	const char *name;
	bool on = true;
	char *text;
	size_t n;

	if (archive_entry_filetype(e) != AE_IFREG)
		return true;
	a = arena_new(SCRATCH_MAX);
	name = arena_strdup(a, member_name(u, e));
	switch (read_member(u, a, &text, &n)) {
	case 0:
		spot_demo_text(u->d, a, u->file, name, text, n);
		break;
	case 1:
		bad_member(u, a, name, u->bytes > ARCHIVE_MAX ?
		    "the archive unpacks to more than 1 GiB" :
		    "64 MiB or more unpacked");
		on = u->bytes <= ARCHIVE_MAX;
		break;
	default:
		bad_member(u, a, name, said(u->ar));
		on = false;
	}
	arena_free(a);
	return on;
}

static void
use_members(struct unpack *u)
{
	struct archive_entry *e;
	int rc;

	while ((rc = archive_read_next_header(u->ar, &e)) == ARCHIVE_OK ||
	    rc == ARCHIVE_WARN) {
		if (++u->members > SPOT_DEMO_MEMBERS) {
			spot_demo_bad(u->d, u->file,
			    "more than 20000 files in the archive");
			return;
		}
		if (!use_member(u, e))
			return;
	}
	if (rc != ARCHIVE_EOF)
		spot_demo_bad(u->d, u->file, said(u->ar));
	else if (u->members == 0)
		spot_demo_skip(u->d, u->file, "empty");
}

static struct archive *
new_archive(void)
{
	struct archive *ar = archive_read_new();

	if (ar == NULL)
		return NULL;
	archive_read_support_filter_gzip(ar);
	archive_read_support_format_tar(ar);
	archive_read_support_format_raw(ar);
	archive_read_support_format_empty(ar);
	return ar;
}

/* Takes the archive's opening as it turned out. */
static void
unpack(struct spot_demo *d, struct archive *ar, const char *file, int opened)
{
	struct unpack u = { .d = d, .ar = ar, .file = file };

	if (opened == ARCHIVE_OK)
		use_members(&u);
	else
		spot_demo_bad(d, file, said(ar));
	archive_read_free(ar);
}

void
spot_demo_bytes(struct spot_demo *d, const char *name, const void *p,
    size_t n)
{
	struct archive *ar = new_archive();

	if (ar != NULL)
		unpack(d, ar, name, archive_read_open_memory(ar, p, n));
}

/* ---- files ------------------------------------------------------------------ */

static void
use_file(struct spot_demo *d, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct archive *ar;

	if (fd == -1) {
		spot_demo_bad(d, name, strerror(errno));
		return;
	}
	if ((ar = new_archive()) != NULL)
		unpack(d, ar, name, archive_read_open_fd(ar, fd, BLOCK));
	close(fd);
}

static int
by_name(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

struct listing {
	VEC(struct entry) v;
	int64_t total;
};

static void
look_at(struct spot_demo *d, int dir, const char *name, struct listing *l)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) == -1)
		spot_demo_bad(d, name, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		spot_demo_skip(d, name, "a folder");
	else if (!S_ISREG(st.st_mode))
		spot_demo_skip(d, name, "not a regular file");
	else if (l->v.n == SPOT_DEMO_ENTRIES)
		spot_demo_bad(d, ".", "more than 10000 files in the folder");
	else {
		*VEC_ADD(d->a, &l->v) = (struct entry){
		    arena_strdup(d->a, name), st.st_size };
		l->total += st.st_size;
	}
}

static int
cannot(struct err *e, const char *dir)
{
	return err_set(e, 404, "no_folder", "%.160s: %s", dir,
	    strerror(errno));
}

static int
list_folder(struct spot_demo *d, const char *dir, struct listing *l, int *fd,
    struct err *e)
{
	struct dirent *ent;
	DIR *f;

	if ((f = opendir(dir)) == NULL ||
	    (*fd = fcntl(dirfd(f), F_DUPFD_CLOEXEC, 3)) == -1)
		return cannot(e, dir);
	while ((ent = readdir(f)) != NULL)
		if (strcmp(ent->d_name, ".") != 0 &&
		    strcmp(ent->d_name, "..") != 0)
			look_at(d, *fd, ent->d_name, l);
	closedir(f);
	if (l->v.n > 1)
		qsort(l->v.v, l->v.n, sizeof(*l->v.v), by_name);
	return 0;
}

int
spot_demo_folder(struct spot_demo *d, const char *dir,
    const struct spot_demo_watch *w, struct err *e)
{
	struct listing l = { 0 };
	int64_t done = 0;
	struct stat st;
	int fd = AT_FDCWD;

	if (stat(dir, &st) == -1)
		return cannot(e, dir);
	if (!S_ISDIR(st.st_mode))
		look_at(d, fd, dir, &l);
	else if (list_folder(d, dir, &l, &fd, e) == -1)
		return -1;
	for (size_t i = 0; i < l.v.n; i++) {
		w->file(w->arg, l.v.v[i].name, done, l.total);
		use_file(d, fd, l.v.v[i].name);
		done += l.v.v[i].size;
	}
	w->file(w->arg, NULL, done, l.total);
	if (fd != AT_FDCWD)
		close(fd);
	return 0;
}
