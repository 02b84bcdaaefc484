/*
 * Several files read backwards at once, the newest line of all next. At most
 * BUDGET bytes are looked at for one page, whatever the filter; the cursor
 * then says where to go on. A file that shrank was rotated: it is read from
 * its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "modules/platform/log.h"

enum { WINDOW = 64 * 1024, BUDGET = 8 << 20, FILES = 16 };

struct tail {
	int fd;
	int64_t end;			/* unread bytes lie before this */
	char *buf;			/* window that ends there or later */
	int64_t start;			/* file position of buf */
	bool ready;			/* entry below is the newest unread */
	int64_t entry_end;		/* end as it was before that entry */
	struct platform_log_entry entry;
};

struct reader {
	struct arena *a;
	const struct platform_log_filter *f;
	struct tail t[FILES];
	size_t n;
	int64_t budget;
	bool tired;			/* budget spent: the page ends */
};

static void
close_fd(void *arg)
{
	close(((struct tail *)arg)->fd);
}

static int
tail_open(struct reader *r, const char *path)
{
	struct tail *t = &r->t[r->n++];
	struct stat st;

	*t = (struct tail){ .fd = open(path, O_RDONLY | O_CLOEXEC |
	    O_NOFOLLOW | O_NONBLOCK) };
	if (t->fd == -1)
		return errno == ENOENT ? 0 : -1;
	arena_defer(r->a, close_fd, t);
	if (fstat(t->fd, &st) == -1 || !S_ISREG(st.st_mode))
		return -1;
	t->end = st.st_size;
	t->start = t->end;
	t->buf = arena_alloc(r->a, WINDOW + 1);
	return 0;
}

/* Loads the window that ends at t->end. */
static bool
window(struct reader *r, struct tail *t)
{
	int64_t n = t->end < WINDOW ? t->end : WINDOW;
	ssize_t got;

	if (r->budget < n) {
		r->tired = true;
		return false;
	}
	r->budget -= n;
	t->start = t->end - n;
	got = pread(t->fd, t->buf, (size_t)n, (off_t)t->start);
	return got == (ssize_t)n;
}

/* The line before t->end, without its newline; NULL = no more (or tired). */
static const char *
line_before(struct reader *r, struct tail *t)
{
	const char *nl;
	size_t len;

	while (t->end > 0) {
		if (t->end <= t->start || t->end - t->start > WINDOW) {
			if (!window(r, t))
				return NULL;
		}
		len = (size_t)(t->end - t->start);
		if (t->buf[len - 1] == '\n')
			len--;
		nl = memrchr(t->buf, '\n', len);
		if (nl == NULL && t->start > 0) {
			if (len + 2 < WINDOW && t->end - t->start < WINDOW) {
				t->start = t->end;	/* cut by the window */
				continue;
			}
			t->end = t->start;	/* longer than any of ours */
			continue;
		}
		nl = nl == NULL ? t->buf : nl + 1;
		len -= (size_t)(nl - t->buf);
		t->end = t->start + (nl - t->buf);
		return arena_strndup(r->a, nl, len);
	}
	return NULL;
}

/* Brings the newest matching entry of one file forward. */
static void
advance(struct reader *r, struct tail *t)
{
	const char *line;

	while (!t->ready && t->fd != -1 && t->end > 0) {
		struct arena_mark mark = arena_mark(r->a);
		int64_t was = t->end;

		line = line_before(r, t);
		if (line == NULL) {
			if (!r->tired)
				t->end = 0;
			else
				t->end = was;
			return;
		}
		if ((r->f->contains == NULL ||
		    strcasestr(line, r->f->contains) != NULL) &&
		    platform_log_parse(r->a, line, &t->entry)) {
			if (t->entry.ts.us < r->f->since.us) {
				t->end = 0;	/* only older ones before */
				return;
			}
			if (platform_log_match(r->f, &t->entry)) {
				t->ready = true;
				t->entry_end = was;
				return;
			}
		}
		arena_rewind(r->a, mark);
	}
}

static struct tail *
newest(struct reader *r)
{
	struct tail *best = NULL;

	for (size_t i = 0; i < r->n; i++) {
		advance(r, &r->t[i]);
		if (r->t[i].ready && (best == NULL ||
		    r->t[i].entry.ts.us > best->entry.ts.us))
			best = &r->t[i];
	}
	return r->tired ? NULL : best;
}

/* ---- the cursor: "end,end,…" in the order of the components -------------------- */

static int
resume(struct reader *r, const char *from, struct err *e)
{
	const char *p = from;
	int64_t end;

	for (size_t i = 0; i < r->n && *from != '\0'; i++) {
		size_t n = strcspn(p, ",");

		if (num_i64(p, n, &end) != NUM_OK || end < 0)
			return err_set(e, 422, "validation",
			    "The cursor is not one of this list");
		if (end <= r->t[i].end)
			r->t[i].end = end;
		r->t[i].start = r->t[i].end;
		p += n + (p[n] == ',');
	}
	return 0;
}

static const char *
cursor(struct reader *r)
{
	bool more = false;
	struct str s;

	str_init(&s, r->a);
	for (size_t i = 0; i < r->n; i++) {
		int64_t end = r->t[i].ready ? r->t[i].entry_end : r->t[i].end;

		more = more || end > 0;
		str_addf(&s, "%s%lld", i > 0 ? "," : "", (long long)end);
	}
	return more ? s.p : NULL;
}

static bool
wanted(const struct platform_log_filter *f, const char *component)
{
	size_t n = strlen(component);

	return f->component == NULL || *f->component == '\0' ||
	    (strncmp(f->component, component, n) == 0 &&
	    (f->component[n] == '\0' || f->component[n] == '.'));
}

int
platform_log_read(struct arena *a, const char *dir,
    const struct platform_log_filter *f, const char *from, struct rows *out,
    const char **next, struct err *e)
{
	struct reader *r = arena_alloc(a, sizeof(*r));
	VEC(struct platform_log_entry) v = { 0 };
	struct tail *t;

	r->a = a;
	r->f = f;
	r->budget = BUDGET;
	for (const char *const *c = log_components(); *c != NULL; c++) {
		const char *path = arena_printf(a, "%s/%s.log", dir, *c);

		if (r->n == FILES || !wanted(f, *c))
			continue;
		if (tail_open(r, path) == -1) {
			err_set(e, 500, "log", "Internal server error");
			return err_cause(e, "cannot read %s: %s", path,
			    strerror(errno));
		}
	}
	if (resume(r, from, e) == -1)
		return -1;
	while ((int64_t)v.n < f->limit && (t = newest(r)) != NULL) {
		*VEC_ADD(a, &v) = t->entry;
		t->ready = false;
	}
	*out = (struct rows){ v.v, v.n, &platform_log_schema };
	*next = cursor(r);
	return 0;
}
