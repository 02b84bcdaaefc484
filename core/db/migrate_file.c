/*
 * Reads migration files. Each step carries the digest of its file from the
 * start to its own end: a change of what was applied is noticed, a change of
 * what comes after a failed step is not held against it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "db/migrate.h"
#include "db/migrate_file.h"

enum { FILE_MAX = 1 << 20, NUMBER = 4 };

static const char STEP[] = "-- step", DONE[] = "-- done-if:";

static int
bad(struct err *err, const char *file, const char *why)
{
	return err_set(err, 500, "migrate_file", "%s: %s", file, why);
}

static bool
starts(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && memcmp(line, word, len) == 0;
}

static const char *
line_end(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl != NULL ? nl + 1 : end;
}

/* Whole-line comments go; the statement keeps its own line breaks. */
static void
add_line(struct str *sql, const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && isspace((unsigned char)line[i]))
		i++;
	if (i == n || (n - i >= 2 && line[i] == '-' && line[i + 1] == '-'))
		return;
	str_addn(sql, line, n);
}

static const char *
trim(struct str *sql)
{
	while (sql->len > 0 && (isspace((unsigned char)sql->p[sql->len - 1]) ||
	    sql->p[sql->len - 1] == ';'))
		sql->p[--sql->len] = '\0';
	return sql->p;
}

/* One part between "-- step" lines; nothing but comments is no step. */
static void
parse_part(struct steps *out, struct arena *a, struct step base,
    const char *start, const char *p, const char *end)
{
	uint8_t sha[SHA256_LEN];
	const char *next, *part_end = end;
	struct str sql;
	size_t n;

	str_init(&sql, a);
	for (; p < end; p = next) {
		next = line_end(p, end);
		n = (size_t)(next - p);
		if (starts(p, n, DONE))
			base.probe = arena_strndup(a, p + sizeof(DONE) - 1,
			    n - (sizeof(DONE) - 1));
		else
			add_line(&sql, p, n);
	}
	base.sql = trim(&sql);
	if (base.sql[0] == '\0')
		return;
	crypto_sha256(start, (size_t)(part_end - start), sha);
	base.sha256 = hex_encode(sha, sizeof(sha),
	    arena_alloc(a, 2 * sizeof(sha) + 1));
	*VEC_ADD(a, out) = base;
}

int
steps_parse(struct steps *out, struct arena *a, const char *file,
    const char *text, size_t n, struct err *err)
{
	const char *end = text + n, *p = text, *q, *next;
	struct step base = { .file = arena_strdup(a, file) };
	size_t first = out->n, i;

	if (num_i64(file, NUMBER, &base.version) != NUM_OK)
		return bad(err, file, "the name has no number");
	if (memchr(text, '\0', n) != NULL || !utf8_valid(text, n))
		return bad(err, file, "is not UTF-8 text");
	while (p < end) {
		for (q = p; q < end; q = next) {
			next = line_end(q, end);
			if (q != p && starts(q, (size_t)(next - q), STEP))
				break;
		}
		parse_part(out, a, base, text, p, q);
		p = q;
	}
	if (out->n == first)
		return bad(err, file, "has no statement");
	for (i = first; i < out->n; i++) {
		out->v[i].n = (int64_t)(i - first + 1);
		out->v[i].total = (int64_t)(out->n - first);
	}
	return 0;
}

/* NNNN_module_what.sql */
static bool
good_name(const char *s)
{
	size_t n = strlen(s), i;

	if (n < NUMBER + 6 || strcmp(s + n - 4, ".sql") != 0)
		return false;
	for (i = 0; i < NUMBER; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	for (i = NUMBER; i < n - 4; i++)
		if (!islower((unsigned char)s[i]) &&
		    !isdigit((unsigned char)s[i]) && s[i] != '_')
			return false;
	return s[NUMBER] == '_' && strchr(s + NUMBER + 1, '_') != NULL;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

struct names {
	const char **v;
	size_t n, cap;
};

static int
list(struct names *out, struct arena *a, const char *dir, struct err *err)
{
	struct dirent *e;
	size_t n, i;
	DIR *d;

	if ((d = opendir(dir)) == NULL) {
		err_set(err, 500, "migrate_file",
		    "The migrations cannot be read: %s: %s", dir,
		    strerror(errno));
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (e->d_name[0] != '.' && n > 4 &&
		    strcmp(e->d_name + n - 4, ".sql") == 0)
			*VEC_ADD(a, out) = arena_strdup(a, e->d_name);
	}
	closedir(d);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	for (i = 0; i < out->n; i++) {
		if (!good_name(out->v[i]))
			return bad(err, out->v[i], "must be named "
			    "NNNN_module_what.sql");
		if (i > 0 && strncmp(out->v[i], out->v[i - 1], NUMBER) == 0)
			return bad(err, out->v[i], "the number is taken");
	}
	return 0;
}

static int
read_file(struct arena *a, const char *path, char **text, size_t *n,
    struct err *err)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return bad(err, path, strerror(errno));
	*text = arena_alloc(a, FILE_MAX);
	*n = fread(*text, 1, FILE_MAX, f);
	if (ferror(f) || *n == FILE_MAX) {
		fclose(f);
		return bad(err, path, "cannot be read or is too long");
	}
	fclose(f);
	return 0;
}

static int
load_file(struct steps *out, struct arena *a, const char *dir,
    const char *file, struct err *err)
{
	struct arena *tmp = arena_new(2 * FILE_MAX);
	char *text = NULL;
	size_t n = 0;
	int rc;

	rc = read_file(tmp, arena_printf(tmp, "%s/%s", dir, file), &text, &n,
	    err);
	if (rc == 0)
		rc = steps_parse(out, a, file, text, n, err);
	arena_free(tmp);
	return rc;
}

int
steps_load(struct steps *out, struct arena *a, const char *dir,
    struct err *err)
{
	struct names names = { 0 };
	size_t i;

	*out = (struct steps){ 0 };
	if (list(&names, a, dir, err) == -1)
		return -1;
	for (i = 0; i < names.n; i++)
		if (load_file(out, a, dir, names.v[i], err) == -1)
			return -1;
	return 0;
}

int
migrate_new(struct arena *a, const char *dir, const char *name,
    const char **path, struct err *err)
{
	static const char text[] = "-- One statement per step; \"-- done-if: "
	    "SELECT ...\" tells when it is done.\n-- step\n";
	struct names names = { 0 };
	const char *file;
	int64_t last = 0;
	int fd;

	if (list(&names, a, dir, err) == -1)
		return -1;
	if (names.n > 0)
		(void)num_i64(names.v[names.n - 1], NUMBER, &last);
	file = arena_printf(a, "%04d_%s.sql", (int)last + 1, name);
	if (last >= 9999 || !good_name(file))
		return bad(err, name, "must be module_what in lower case");
	*path = arena_printf(a, "%s/%s", dir, file);
	if ((fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644)) == -1)
		return bad(err, *path, strerror(errno));
	if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1) {
		close(fd);
		return bad(err, *path, "cannot be written");
	}
	return close(fd) == 0 ? 0 : bad(err, *path, strerror(errno));
}
