/*
 * The file of a backup: text line, sealed pieces, zlib inside. Whatever is
 * read is handed on only after its piece was proved genuine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/number.h"
#include "base/random.h"
#include "modules/platform/backup.h"

#define MAGIC "quincunx-backup"
enum { FORMAT = 1, HEAD_MAX = 255, TEXT_CHUNK = 65536 };

static const struct password_cost cost = { 65536, 3, 1 };

static int
io_fail(struct err *e, const char *what)
{
	int saved = errno;

	err_set(e, 500, "file", "File error, %.150s: %s", what,
	    strerror(saved));
	e->native = saved;
	return -1;
}

static void
wipe(void *stream)
{
	sealed_stream_end(stream);
}

static int
key_begin(struct sealed_stream *st, const struct platform_backup_key *k,
    const char *id, const uint8_t salt[STREAM_SALT],
    struct password_cost c, const char *head, size_t nhead, struct err *e)
{
	uint8_t key[SHA256_LEN];

	if (id == NULL) {
		if (passphrase_key(k->passphrase, salt, c, key, e) == -1)
			return -1;
	} else if (keyring_derive_by(k->ring, id, "backup", key) == -1)
		return err_set(e, 403, "backup_key", "This backup was sealed "
		    "with the encryption key \"%.32s\", which is not "
		    "configured", id);
	sealed_stream_begin(st, key, head, nhead);
	memset(key, 0, sizeof(key));
	return 0;
}

/* ---- writing --------------------------------------------------------------------- */

struct platform_backup_writer {
	int fd;
	struct sealed_stream st;
	z_stream z;
	size_t n;
	uint8_t plain[STREAM_PIECE], sealed[STREAM_PIECE + STREAM_TAG];
};

static int
write_all(int fd, const void *p, size_t n, struct err *e)
{
	const char *from = p;

	while (n > 0) {
		ssize_t put = write(fd, from, n);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0)
			return io_fail(e, "writing the backup");
		from += put;
		n -= (size_t)put;
	}
	return 0;
}

static void
writer_end(void *arg)
{
	struct platform_backup_writer *w = arg;

	deflateEnd(&w->z);
	sealed_stream_end(&w->st);
}

int
platform_backup_create(struct platform_backup_writer **out, struct arena *a,
    int fd, const struct platform_backup_key *k, struct err *e)
{
	struct platform_backup_writer *w = arena_alloc(a, sizeof(*w));
	const char *id = k->passphrase != NULL ? NULL :
	    keyring_primary(k->ring), *head;
	char hex[2 * STREAM_SALT + 1];
	uint8_t salt[STREAM_SALT];

	random_bytes(salt, sizeof(salt));
	hex_encode(salt, sizeof(salt), hex);
	head = id == NULL ? arena_printf(a, MAGIC " %d argon2id %u %u %u %s\n",
	    FORMAT, cost.memory_kib, cost.passes, cost.lanes, hex) :
	    arena_printf(a, MAGIC " %d keyring %s %s\n", FORMAT, id, hex);
	w->fd = fd;
	if (key_begin(&w->st, k, id, salt, cost, head, strlen(head),
	    e) == -1)
		return -1;
	if (deflateInit(&w->z, 6) != Z_OK)
		check_oom();
	arena_defer(a, writer_end, w);
	*out = w;
	return write_all(fd, head, strlen(head), e);
}

static int
piece_out(struct platform_backup_writer *w, bool last, struct err *e)
{
	sealed_stream_seal(&w->st, w->plain, w->n, last, w->sealed);
	if (write_all(w->fd, w->sealed, w->n + STREAM_TAG, e) == -1)
		return -1;
	w->n = 0;
	return 0;
}

/* A full piece waits until there is more: the last one must be known. */
static int
deflate_some(struct platform_backup_writer *w, int flush, struct err *e)
{
	int rc;

	do {
		if (w->n == sizeof(w->plain) && piece_out(w, false, e) == -1)
			return -1;
		w->z.next_out = w->plain + w->n;
		w->z.avail_out = (uInt)(sizeof(w->plain) - w->n);
		rc = deflate(&w->z, flush);
		ASSERT(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
		w->n = sizeof(w->plain) - w->z.avail_out;
	} while (w->z.avail_in > 0 || (flush == Z_FINISH &&
	    rc != Z_STREAM_END) || w->z.avail_out == 0);
	return 0;
}

int
platform_backup_write(struct platform_backup_writer *w, const char *p,
    size_t n, struct err *e)
{
	while (n > 0) {
		size_t part = n < (1 << 30) ? n : 1 << 30;

		w->z.next_in = (Bytef *)(uintptr_t)p;
		w->z.avail_in = (uInt)part;
		if (deflate_some(w, Z_NO_FLUSH, e) == -1)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

int
platform_backup_finish(struct platform_backup_writer *w, struct err *e)
{
	w->z.avail_in = 0;
	if (deflate_some(w, Z_FINISH, e) == -1 || piece_out(w, true, e) == -1)
		return -1;
	/* pipes cannot be synced */
	if (fsync(w->fd) == -1 && errno != EINVAL && errno != EROFS)
		return io_fail(e, "writing the backup");
	return 0;
}

/* ---- reading --------------------------------------------------------------------- */

struct reader {
	int fd;
	struct arena *a;
	struct sealed_stream st;
	z_stream z;
	bool z_end;
	int (*fn)(void *, const char *, size_t, struct err *);
	void *arg;
	size_t nbuf;			/* sealed bytes read ahead */
	uint8_t buf[2 * (STREAM_PIECE + STREAM_TAG)];
	uint8_t plain[STREAM_PIECE];
	char text[TEXT_CHUNK];
};

static int
not_ours(struct err *e)
{
	return err_set(e, 422, "backup_format", "This is not a backup of "
	    "Quincunx");
}

static int
fill(struct reader *r, size_t want, struct err *e)
{
	while (r->nbuf < want) {
		ssize_t got = read(r->fd, r->buf + r->nbuf, want - r->nbuf);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return io_fail(e, "reading the backup");
		if (got == 0)
			break;
		r->nbuf += (size_t)got;
	}
	return 0;
}

/* Words of the first line; their number. */
static size_t
split(char *line, char **word, size_t cap)
{
	size_t n = 0;

	while (*line != '\0' && n < cap) {
		word[n++] = line;
		line += strcspn(line, " ");
		if (*line == ' ')
			*line++ = '\0';
	}
	return n;
}

static bool
number(const char *text, uint32_t *out)
{
	int64_t v;

	if (num_i64(text, strlen(text), &v) != NUM_OK || v < 1 ||
	    v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static int
open_key(struct reader *r, const struct platform_backup_key *k, char *line,
    size_t nline, const char *head, struct err *e)
{
	struct password_cost c = { 0 };
	uint8_t salt[STREAM_SALT];
	uint32_t format;
	char *w[8];
	size_t n = split(line, w, 8);
	bool phrase;

	if (n < 3 || strcmp(w[0], MAGIC) != 0 || !number(w[1], &format))
		return not_ours(e);
	if (format != FORMAT)
		return err_set(e, 409, "backup_newer", "This backup has format "
		    "%u, this program reads %d: install the version that made "
		    "it, or a later one", format, FORMAT);
	phrase = strcmp(w[2], "argon2id") == 0;
	if ((phrase ? n != 7 || !number(w[3], &c.memory_kib) ||
	    !number(w[4], &c.passes) || !number(w[5], &c.lanes) :
	    n != 5 || strcmp(w[2], "keyring") != 0) ||
	    hex_decode(w[n - 1], strlen(w[n - 1]), salt, sizeof(salt)) !=
	    STREAM_SALT)
		return not_ours(e);
	if (phrase && k->passphrase == NULL)
		return err_set(e, 403, "backup_key", "This backup was sealed "
		    "with a passphrase: -o backup.passphrase_file=FILE");
	if (!phrase && k->ring == NULL)
		return err_set(e, 403, "backup_key", "This backup was sealed "
		    "with the encryption key \"%.32s\": ENCRYPTION_KEY", w[3]);
	return key_begin(&r->st, k, phrase ? NULL : w[3], salt, c, head,
	    nline, e);
}

static int
read_head(struct reader *r, const struct platform_backup_key *k,
    struct err *e)
{
	const uint8_t *nl;
	char *line, *head;
	size_t n;

	if (lseek(r->fd, 0, SEEK_SET) == -1)
		return err_set(e, 422, "backup_pipe", "A backup is read twice: "
		    "give a file, not a pipe");
	if (fill(r, HEAD_MAX, e) == -1)
		return -1;
	nl = memchr(r->buf, '\n', r->nbuf);
	if (nl == NULL)
		return not_ours(e);
	n = (size_t)(nl - r->buf);
	line = arena_strndup(r->a, (char *)r->buf, n);
	head = arena_strndup(r->a, (char *)r->buf, n + 1);
	if (strlen(line) != n)
		return not_ours(e);
	r->nbuf -= n + 1;
	memmove(r->buf, r->buf + n + 1, r->nbuf);
	return open_key(r, k, line, n + 1, head, e);
}

static int
inflate_some(struct reader *r, size_t n, struct err *e)
{
	r->z.next_in = r->plain;
	r->z.avail_in = (uInt)n;
	while (!r->z_end) {
		int rc;

		r->z.next_out = (Bytef *)r->text;
		r->z.avail_out = sizeof(r->text);
		rc = inflate(&r->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return err_set(e, 422, "backup_damaged", "The backup "
			    "is genuine, but what is inside cannot be read");
		r->z_end = rc == Z_STREAM_END;
		n = sizeof(r->text) - r->z.avail_out;
		if (n == 0)
			break;
		if (r->fn(r->arg, r->text, n, e) == -1)
			return -1;
	}
	return 0;
}

/* Why a piece did not open: the end is missing, or it is not genuine. */
static int
refuse(struct reader *r, size_t n, bool last, struct err *e)
{
	if (last && n == STREAM_PIECE + STREAM_TAG &&
	    sealed_stream_open(&r->st, r->buf, n, false, r->plain) == 0)
		return err_set(e, 422, "backup_truncated", "The backup is cut "
		    "off: its end is missing");
	if (r->st.n == 0)
		return err_set(e, 403, "backup_key", "The backup does not open: "
		    "wrong passphrase or key, or its beginning was changed");
	return err_set(e, 422, "backup_damaged", "The backup was changed or "
	    "cut off after %llu KiB", (unsigned long long)r->st.n * 64);
}

static int
read_pieces(struct reader *r, struct err *e)
{
	const size_t whole = STREAM_PIECE + STREAM_TAG;
	bool last;
	size_t n;

	do {
		if (fill(r, whole + 1, e) == -1)
			return -1;
		last = r->nbuf <= whole;
		n = last ? r->nbuf : whole;
		if (n < STREAM_TAG && r->st.n == 0)
			return err_set(e, 422, "backup_truncated", "The backup "
			    "is cut off after its first line");
		if (sealed_stream_open(&r->st, r->buf, n, last,
		    r->plain) == -1)
			return refuse(r, n, last, e);
		r->nbuf -= n;
		memmove(r->buf, r->buf + n, r->nbuf);
		if (inflate_some(r, n - STREAM_TAG, e) == -1)
			return -1;
	} while (!last);
	return r->z_end ? 0 : err_set(e, 422, "backup_damaged", "The backup "
	    "ends too early inside");
}

int
platform_backup_read(int fd, struct arena *a,
    const struct platform_backup_key *k,
    int (*fn)(void *, const char *, size_t, struct err *), void *arg,
    struct err *e)
{
	struct reader *r = arena_alloc(a, sizeof(*r));
	int rc;

	r->fd = fd;
	r->a = a;
	r->fn = fn;
	r->arg = arg;
	arena_defer(a, wipe, &r->st);
	if (inflateInit(&r->z) != Z_OK)
		check_oom();
	rc = read_head(r, k, e);
	if (rc == 0)
		rc = read_pieces(r, e);
	inflateEnd(&r->z);
	return rc;
}

/* ---- the keys of a backup --------------------------------------------------------- */

/* 0 the same or absent (*absent), -1 differs or cannot be read. */
static int
compare_secret(struct arena *a, const char *path, const char *text,
    bool *absent, struct err *e)
{
	size_t n = strlen(text);
	char *have = arena_alloc(a, n + 3);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t got;

	*absent = fd == -1 && errno == ENOENT;
	if (*absent)
		return 0;
	if (fd == -1)
		return io_fail(e, path);
	got = read(fd, have, n + 2);
	close(fd);
	if (got >= (ssize_t)n && memcmp(have, text, n) == 0 &&
	    (have[n] == '\0' || have[n] == '\n'))
		return 0;
	return err_set(e, 409, "secrets_differ", "%.180s holds another secret "
	    "than the backup: put it aside first", path);
}

static int
put_secret(struct arena *a, const char *path, const char *text,
    struct err *e)
{
	const char *tmp = arena_printf(a, "%s.new", path);
	int fd, rc;

	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return io_fail(e, tmp);
	rc = write_all(fd, text, strlen(text), e);
	if (rc == 0)
		rc = write_all(fd, "\n", 1, e);
	if (rc == 0 && (fsync(fd) == -1 || rename(tmp, path) == -1))
		rc = io_fail(e, path);
	close(fd);
	if (rc == -1)
		unlink(tmp);
	return rc;
}

int
platform_backup_secrets(struct arena *a, const char *dir,
    const struct platform_backup_head *h, struct err *e)
{
	const char *const text[] = { h->encryption_key, h->audit_key };
	const char *const path[] = {
		arena_printf(a, "%s/encryption_key", dir),
		arena_printf(a, "%s/audit_key", dir) };
	bool absent[2];

	for (int i = 0; i < 2; i++)
		if (compare_secret(a, path[i], text[i], &absent[i], e) == -1)
			return -1;
	for (int i = 0; i < 2; i++)
		if (absent[i] && *text[i] != '\0' &&
		    put_secret(a, path[i], text[i], e) == -1)
			return -1;
	return 0;
}
