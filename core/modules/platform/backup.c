/*
 * The text of a backup: mariadb-dump writes each row on a line of its own, so
 * rows can be counted and digested in passing. Refuses lines that are too
 * long to be a row. Invariant: a table's digest depends on every byte of
 * every row and on their order, and on nothing else.
 */
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "modules/platform/backup.h"

enum { LINE_MAX_BYTES = 256 << 20 };

#define HEAD "-- quincunx "
#define MANIFEST "-- manifest "
#define INSERT "INSERT INTO `"
#define DEFINER "/*!50013 DEFINER="

static const struct field head_fields[] = {
	FIELD(struct platform_backup_head, format, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, version, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, created_at, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, installation,
	    .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, epoch, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, migration, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_head, encryption_key, .def = "\"\""),
	FIELD(struct platform_backup_head, audit_key, .def = "\"\""),
	FIELD_END
};
const struct schema platform_backup_head_schema = {
	.name = "BackupHead", .doc = "Of what a backup was made",
	.size = sizeof(struct platform_backup_head), .fields = head_fields
};
static const struct field table_fields[] = {
	FIELD(struct platform_backup_table, name, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_table, rows, .flags = FF_REQUIRED),
	FIELD(struct platform_backup_table, sha256, .flags = FF_REQUIRED),
	FIELD_END
};
static const struct schema table_schema = {
	.name = "BackupTable", .doc = "A table in a backup",
	.size = sizeof(struct platform_backup_table), .fields = table_fields
};
static const struct field manifest_fields[] = {
	FIELD(struct platform_backup_manifest, tables, .flags = FF_REQUIRED,
	    .max = 10000, .sub = &table_schema),
	FIELD_END
};
const struct schema platform_backup_manifest_schema = {
	.name = "BackupManifest", .doc = "Tables of a backup",
	.size = sizeof(struct platform_backup_manifest),
	.fields = manifest_fields
};

static bool
starts(const struct str *s, const char *with)
{
	size_t n = strlen(with);

	return s->len >= n && memcmp(s->p, with, n) == 0;
}

void
platform_backup_scan_begin(struct platform_backup_scan *s, struct arena *a)
{
	*s = (struct platform_backup_scan){ .a = a };
	str_init(&s->line, a);
}

/* ---- rows ------------------------------------------------------------------------ */

static void
table_begin(struct platform_backup_scan *s)
{
	const char *name = s->line.p + strlen(INSERT);
	size_t n = strcspn(name, "`");

	/* a large table is several INSERTs */
	if (s->table != NULL && strlen(s->table) == n &&
	    memcmp(s->table, name, n) == 0)
		return;
	s->table = arena_strndup(s->a, name, n);
	memset(s->chain, 0, sizeof(s->chain));
	*VEC_ADD(s->a, &s->tables) = (struct platform_backup_table){
	    .name = s->table };
}

static void
row_add(struct platform_backup_scan *s)
{
	struct platform_backup_table *t = &s->tables.v[s->tables.n - 1];
	uint8_t both[2 * SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	memcpy(both, s->chain, SHA256_LEN);
	/* without the "," or ";" behind it */
	crypto_sha256(s->line.p, s->line.len - 1, both + SHA256_LEN);
	crypto_sha256(both, sizeof(both), s->chain);
	hex_encode(s->chain, SHA256_LEN, hex);
	if (t->rows++ == 0)
		t->sha256 = arena_strdup(s->a, hex);
	else
		memcpy((char *)(uintptr_t)t->sha256, hex, sizeof(hex));
}

/* ---- lines ------------------------------------------------------------------------- */

static int
read_comment(struct platform_backup_scan *s, const char *mark,
    const struct schema *schema, void *out, struct err *e)
{
	size_t n = strlen(mark);
	uint64_t seen;

	if (schema_decode_json(schema, s->line.p + n, s->line.len - n, "backup",
	    false, s->a, out, &seen, e) == -1)
		return err_set(e, 422, "backup_format", "The backup's own "
		    "description cannot be read");
	return 0;
}

/* "DEFINER=`root`@`localhost` SQL SECURITY INVOKER" names an account that
 * the next server need not have. */
static void
forget_definer(struct platform_backup_scan *s)
{
	char *to = s->line.p + strlen("/*!50013 ");
	char *from = strstr(to, "SQL SECURITY");

	if (from == NULL)
		return;
	memmove(to, from, strlen(from) + 1);
	s->line.len = strlen(s->line.p);
}

static int
line_end(struct platform_backup_scan *s, struct err *e)
{
	if (s->ended)
		return err_set(e, 422, "backup_format", "The backup goes on "
		    "after its end");
	if (starts(&s->line, INSERT))
		table_begin(s);
	else if (starts(&s->line, "(") && s->table != NULL)
		row_add(s);
	else
		s->table = NULL;
	if (starts(&s->line, DEFINER))
		forget_definer(s);
	if (starts(&s->line, HEAD) && read_comment(s, HEAD,
	    &platform_backup_head_schema, &s->head, e) == -1)
		return -1;
	if (starts(&s->line, MANIFEST)) {
		s->ended = true;
		if (read_comment(s, MANIFEST,
		    &platform_backup_manifest_schema, &s->manifest, e) == -1)
			return -1;
	}
	str_addc(&s->line, '\n');
	if (s->out != NULL && s->out(s->arg, s->line.p, s->line.len, e) == -1)
		return -1;
	s->line.len = 0;
	return 0;
}

int
platform_backup_scan_text(struct platform_backup_scan *s, const char *p,
    size_t n, struct err *e)
{
	const char *end = p + n, *nl;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL) {
			str_addn(&s->line, p, (size_t)(end - p));
			break;
		}
		str_addn(&s->line, p, (size_t)(nl - p));
		if (line_end(s, e) == -1)
			return -1;
	}
	return s->line.len <= LINE_MAX_BYTES ? 0 : err_set(e, 422,
	    "backup_format", "A row is larger than %d MiB",
	    LINE_MAX_BYTES >> 20);
}

/* ---- what was counted ---------------------------------------------------------------- */

static const struct platform_backup_table *
table_of(const struct platform_backup_table *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

int
platform_backup_compare(const struct platform_backup_scan *s,
    const struct platform_backup_manifest *m, const char *skip,
    struct err *e)
{
	const struct platform_backup_table *want = m->tables.items, *have;
	size_t n = 0;

	for (size_t i = 0; i < s->tables.n; i++)
		n += skip == NULL || strcmp(s->tables.v[i].name, skip) != 0;
	for (size_t i = 0; i < m->tables.n; i++) {
		have = table_of(s->tables.v, s->tables.n, want[i].name);
		if (have == NULL || have->rows != want[i].rows ||
		    strcmp(have->sha256, want[i].sha256) != 0)
			return err_set(e, 409, "restore_differs", "Table "
			    "%.64s differs from the backup: %lld rows of %lld",
			    want[i].name, have == NULL ? 0LL :
			    (long long)have->rows, (long long)want[i].rows);
	}
	return n == m->tables.n ? 0 : err_set(e, 409, "restore_differs",
	    "%zu tables with rows, %zu in the backup", n, m->tables.n);
}

void
platform_backup_head_line(const struct platform_backup_head *h,
    struct str *out)
{
	str_add(out, HEAD);
	schema_encode(&platform_backup_head_schema, h, out);
	str_addc(out, '\n');
}

void
platform_backup_manifest_line(const struct platform_backup_scan *s,
    struct str *out)
{
	struct platform_backup_manifest m = { { s->tables.v, s->tables.n } };

	str_add(out, MANIFEST);
	schema_encode(&platform_backup_manifest_schema, &m, out);
	str_addc(out, '\n');
}
