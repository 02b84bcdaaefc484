/*
 * Looks for secrets in bytes, files, trees and processes; see the header.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/harness/canary.h"

enum { NEEDLES = 16, FILE_MAX = 64 << 20 };

static struct needle {
	const char *what, *p;
	size_t n;
} needles[NEEDLES];
static size_t nneedles;

void
canary_add(const char *what, const char *p, size_t n)
{
	if (n < 8 || nneedles == NEEDLES)
		abort();	/* too short to mean anything */
	needles[nneedles++] = (struct needle){ what, p, n };
}

const char *
canary_in(const char *buf, size_t n)
{
	for (size_t i = 0; i < nneedles; i++)
		if (memmem(buf, n, needles[i].p, needles[i].n) != NULL)
			return needles[i].what;
	return memmem(buf, n, PLANTED, strlen(PLANTED)) != NULL ? PLANTED :
	    NULL;
}

const char *
canary_in_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct arena *a = arena_new(FILE_MAX + (1 << 20));
	char *buf = arena_alloc(a, FILE_MAX);
	const char *what;
	size_t n = 0;
	ssize_t got;

	if (fd == -1) {
		arena_free(a);
		return NULL;
	}
	while (n < FILE_MAX && (got = read(fd, buf + n, FILE_MAX - n)) > 0)
		n += (size_t)got;
	close(fd);
	what = canary_in(buf, n);
	arena_free(a);
	return what;
}

/* Files below a directory whose name says that secrets are kept there. */
static bool
is_safe(const char *name)
{
	return name[0] == '.' || strcmp(name, "secrets") == 0 ||
	    strncmp(name, "quincunx.conf", 13) == 0 ||
	    strncmp(name, "env.conf", 8) == 0 ||
	    strcmp(name, "admin.json") == 0 ||
	    /* output of `config --new-key` on the harness's terminal */
	    strncmp(name, "cli-", 4) == 0;
}

const char *
canary_below(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	const char *what = NULL;
	char path[512];
	struct stat sb;

	while (what == NULL && d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (is_safe(e->d_name) || lstat(path, &sb) == -1)
			continue;
		if (S_ISDIR(sb.st_mode) && depth > 0)
			what = canary_below(path, depth - 1);
		else if (S_ISREG(sb.st_mode))
			what = canary_in_file(path);
		if (what != NULL)
			fprintf(stderr, "canary: %s in %s\n", what, path);
	}
	if (d != NULL)
		closedir(d);
	return what;
}

size_t
canary_descendants(pid_t pid, pid_t *out, size_t max)
{
	char path[64], buf[4096], *p = buf;
	size_t n = 0, end;
	FILE *f;
	long k;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children",
	    (long)pid, (long)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	while (n < max && (k = strtol(p, &p, 10)) > 0)
		out[n++] = (pid_t)k;
	end = n;
	for (size_t i = 0; i < end; i++)
		n += canary_descendants(out[i], out + n, max - n);
	return n;
}
