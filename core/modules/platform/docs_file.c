/*
 * Files that are served as they are. Refuses every name that is not plain, so
 * that nothing outside the directory can be meant; opens segment by segment
 * without following links, so that nothing outside can be reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "modules/platform/docs.h"

enum { FILE_MAX = 4 << 20, SEGMENTS = 8 };

static bool
plain(const char *seg, size_t n)
{
	if (n == 0 || n > 100 || seg[0] == '.')
		return false;
	return strspn(seg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") >= n;
}

/* Descriptor of the file, or -1. */
static int
open_below(struct arena *a, const char *dir, const char *name)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), next;

	for (int i = 0; fd != -1 && i < SEGMENTS; i++) {
		size_t n = strcspn(name, "/");
		bool last = name[n] == '\0';

		if (!plain(name, n))
			break;
		next = openat(fd, arena_strndup(a, name, n), O_CLOEXEC |
		    O_NOFOLLOW | (last ? O_RDONLY | O_NONBLOCK :
		    O_PATH | O_DIRECTORY));
		close(fd);
		if (last || next == -1)
			return next;
		fd = next;
		name += n + 1;
	}
	if (fd != -1)
		close(fd);
	return -1;
}

static int
read_whole(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int
platform_file_read(struct arena *a, const char *dir, const char *name,
    struct blob *out, struct err *e)
{
	int fd = open_below(a, dir, name), rc;
	struct stat st;
	char *p;

	if (fd == -1)
		return 1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX) {
		close(fd);
		return 1;
	}
	p = arena_alloc(a, (size_t)st.st_size + 1);
	rc = read_whole(fd, p, (size_t)st.st_size);
	close(fd);
	if (rc == -1) {
		err_set(e, 500, "file", "Internal server error");
		return err_cause(e, "%s/%s changed while it was read", dir,
		    name);
	}
	*out = (struct blob){ p, (size_t)st.st_size };
	return 0;
}

const char *
platform_file_type(const char *name)
{
	static const struct { const char *end, *type; } types[] = {
		{ "html", "text/html; charset=utf-8" },
		{ "css", "text/css; charset=utf-8" },
		{ "js", "text/javascript; charset=utf-8" },
		{ "json", "application/json" }, { "svg", "image/svg+xml" },
		{ "png", "image/png" }, { "ico", "image/x-icon" },
		{ "woff2", "font/woff2" },
		{ "txt", "text/plain; charset=utf-8" }
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL &&
	    i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot + 1, types[i].end) == 0)
			return types[i].type;
	return "application/octet-stream";
}
