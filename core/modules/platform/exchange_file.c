/*
 * CSV and NDJSON files, gzipped or not, as rows of a schema and back. Lines
 * are bounded; an export appears under its name only when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "modules/platform/exchange.h"
#include "schema/csv.h"

struct source {
	FILE *f;
	enum exchange_format format;
	struct csv *csv;
	char *line;			/* NDJSON */
	int64_t nline;
	const char *path;
};

struct sink {
	FILE *f;
	gzFile gz;
	const char *path, *tmp;		/* NULL: standard output */
	const struct schema *schema;
	enum exchange_format format;
	struct arena *a;
};

static bool
ends_with(const char *s, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n >= m && strncmp(s + n - m, end, m) == 0;
}

enum exchange_format
platform_exchange_format(const char *path)
{
	size_t n = strlen(path);

	if (ends_with(path, n, ".gz"))
		n -= 3;
	if (ends_with(path, n, ".csv"))
		return EXCHANGE_CSV;
	if (ends_with(path, n, ".ndjson") || ends_with(path, n, ".jsonl"))
		return EXCHANGE_NDJSON;
	return 0;
}

static int
fail_errno(struct err *e, const char *what, const char *path)
{
	err_set(e, 500, "file", "Cannot %s %s", what, path);
	e->native = errno;
	return err_cause(e, "%s", strerror(errno));
}

/* ---- reading ------------------------------------------------------------------- */

static ssize_t
gz_read(void *cookie, char *buf, size_t n)
{
	int got = gzread(cookie, buf, (unsigned)(n > 1 << 20 ? 1 << 20 : n));

	return got < 0 ? -1 : got;
}

static int
gz_close(void *cookie)
{
	return gzclose(cookie) == Z_OK ? 0 : -1;
}

static void
file_close(void *f)
{
	fclose(f);
}

/* What the file decompresses to decides: the same rows are the same import. */
static int
digest_file(const char *path, uint8_t out[32], struct err *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char buf[16384];
	gzFile gz = gzopen(path, "rbe");
	int n = -1;

	if (gz == NULL || md == NULL) {
		EVP_MD_CTX_free(md);
		if (gz != NULL)
			gzclose(gz);
		return fail_errno(e, "read", path);
	}
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	while ((n = gzread(gz, buf, sizeof(buf))) > 0)
		EVP_DigestUpdate(md, buf, (size_t)n);
	EVP_DigestFinal_ex(md, out, NULL);
	EVP_MD_CTX_free(md);
	gzclose(gz);
	return n == 0 ? 0 : err_set(e, 500, "file", "%s is damaged", path);
}

int
platform_source_open(struct source **out, struct arena *a, const char *path,
    uint8_t digest[32], struct err *e)
{
	cookie_io_functions_t io = { .read = gz_read, .close = gz_close };
	struct source *s = arena_alloc(a, sizeof(*s));
	gzFile gz;

	s->path = path;
	s->format = platform_exchange_format(path);
	if (s->format == 0)
		return err_set(e, 400, "usage", "%s: the name must end in "
		    ".csv, .ndjson or .jsonl, with .gz if packed", path);
	if (digest_file(path, digest, e) == -1)
		return -1;
	gz = gzopen(path, "rbe");
	s->f = gz == NULL ? NULL : fopencookie(gz, "r", io);
	if (s->f == NULL)
		return fail_errno(e, "read", path);
	arena_defer(a, file_close, s->f);
	*out = s;
	if (s->format == EXCHANGE_CSV)
		return csv_open(&s->csv, s->f, a, e);
	s->line = arena_alloc(a, IMPORT_LINE_MAX + 2);
	return 0;
}

static int
next_csv(struct source *s, struct arena *a, const struct schema *sc,
    void *out, int64_t *line, struct err *e)
{
	const struct pair *cells;
	uint64_t seen;
	size_t n;
	int rc = csv_next(s->csv, a, &cells, &n, e);

	*line = (int64_t)csv_line(s->csv);
	if (rc == -1 && strcmp(e->code, "csv_cells") == 0)
		return 2;	/* this row alone is bad */
	if (rc != 0)
		return rc;
	return schema_decode_pairs(sc, cells, n, "row", true, a, out, &seen,
	    e) == -1 ? 2 : 0;
}

static int
next_ndjson(struct source *s, struct arena *a, const struct schema *sc,
    void *out, int64_t *line, struct err *e)
{
	uint64_t seen;
	size_t n;

	do {
		/* fgets() leaves a NUL from the file inside the text: its
		 * length then ends early and the JSON is incomplete */
		if (fgets(s->line, IMPORT_LINE_MAX + 2, s->f) == NULL)
			return ferror(s->f) ? fail_errno(e, "read", s->path) :
			    1;
		*line = ++s->nline;
		n = strlen(s->line);
		if (n > IMPORT_LINE_MAX)
			return err_set(e, 422, "line", "line %lld is longer "
			    "than 1 MiB", (long long)*line);
		while (n > 0 && strchr("\r\n \t", s->line[n - 1]) != NULL)
			s->line[--n] = '\0';
	} while (n == 0);
	return schema_decode_json(sc, s->line, n, "row", true, a, out, &seen,
	    e) == -1 ? 2 : 0;
}

int
platform_source_next(struct source *s, struct arena *a,
    const struct schema *sc, void *out, int64_t *line, struct err *e)
{
	return s->format == EXCHANGE_CSV ? next_csv(s, a, sc, out, line, e) :
	    next_ndjson(s, a, sc, out, line, e);
}

/* ---- writing ---------------------------------------------------------------------- */

static int
sink_write(struct sink *s, const struct str *text, struct err *e)
{
	bool ok = s->gz != NULL ?
	    gzwrite(s->gz, text->p, (unsigned)text->len) == (int)text->len :
	    fwrite(text->p, 1, text->len, s->f) == text->len;

	return ok ? 0 : fail_errno(e, "write",
	    s->path != NULL ? s->path : "standard output");
}

static int
sink_file(struct sink *s, struct err *e)
{
	int fd;

	s->tmp = arena_printf(s->a, "%s.%ld.tmp", s->path, (long)getpid());
	fd = open(s->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0640);
	if (fd == -1)
		return fail_errno(e, "create", s->tmp);
	if (ends_with(s->path, strlen(s->path), ".gz"))
		s->gz = gzdopen(fd, "wb");
	else
		s->f = fdopen(fd, "w");
	if (s->gz != NULL || s->f != NULL)
		return 0;
	close(fd);
	return fail_errno(e, "create", s->tmp);
}

int
platform_sink_open(struct sink **out, struct arena *a, const char *path,
    const struct schema *sc, struct err *e)
{
	struct sink *s = arena_alloc(a, sizeof(*s));
	struct str head;

	*s = (struct sink){ .path = path, .schema = sc, .a = a,
	    .format = path == NULL ? EXCHANGE_NDJSON :
		platform_exchange_format(path) };
	if (s->format == 0)
		return err_set(e, 400, "usage", "%s: the name must end in "
		    ".csv or .ndjson, with .gz to pack", path);
	if (path == NULL)
		s->f = stdout;
	else if (sink_file(s, e) == -1)
		return -1;
	*out = s;
	if (s->format != EXCHANGE_CSV)
		return 0;
	str_init(&head, a);
	schema_csv_header(sc, &head);
	return sink_write(s, &head, e);
}

int
platform_sink_row(struct sink *s, const void *row, struct err *e)
{
	struct arena_mark mark = arena_mark(s->a);
	struct str text;
	int rc;

	str_init(&text, s->a);
	if (s->format == EXCHANGE_CSV)
		schema_csv_row(s->schema, row, &text);
	else {
		schema_encode(s->schema, row, &text);
		str_addc(&text, '\n');
	}
	rc = sink_write(s, &text, e);
	arena_rewind(s->a, mark);
	return rc;
}

int
platform_sink_close(struct sink *s, struct err *e)
{
	int bad;

	if (s->path == NULL)
		return fflush(stdout) == 0 ? 0 :
		    fail_errno(e, "write", "standard output");
	if (s->gz != NULL)
		bad = gzclose(s->gz);
	else {
		bad = fflush(s->f) != 0 || fsync(fileno(s->f)) == -1;
		bad = fclose(s->f) != 0 || bad;
	}
	if (bad != 0 || rename(s->tmp, s->path) == -1) {
		fail_errno(e, "write", s->path);
		unlink(s->tmp);
		return -1;
	}
	return 0;
}

void
platform_sink_abort(struct sink *s)
{
	if (s->path == NULL)
		return;
	if (s->gz != NULL)
		gzclose(s->gz);
	else
		fclose(s->f);
	unlink(s->tmp);
}
