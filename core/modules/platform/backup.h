/*
 * Backup and restore of a whole installation.
 *
 * The file: one line of text (format, how the key is made, a salt), then
 * pieces sealed with AES-256-GCM (crypto.h, sealed streams), inside them a
 * zlib stream of SQL text: a comment with the head, what mariadb-dump wrote,
 * a comment with rows and digest of each table. mariadb-dump, because its
 * text loads on any later MariaDB with nothing of ours (`restore --sql`), and
 * with --single-transaction it is one instant without stopping a writer;
 * mariabackup would want the server's files, root there, and its version.
 *
 * A restore reads the file twice: once to prove all of it before the database
 * is touched, once to load. It then dumps what it loaded and compares.
 */
#ifndef PLATFORM_BACKUP_H
#define PLATFORM_BACKUP_H

#include "base/str.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "db/table.h"

struct env;

struct platform_backup_conf {
	const char *passphrase;
};
extern const struct settings platform_backup_settings;
extern const struct command platform_backup_commands[];
extern const struct query *const platform_backup_queries[];

/* ---- pure: what is in the text ------------------------------------------------- */

struct platform_backup_head {
	int64_t format;
	const char *version;		/* of the program */
	struct utc created_at;
	struct uuid installation;
	int64_t epoch;
	int64_t migration;		/* last one applied */
	const char *encryption_key, *audit_key;	/* "": not in a file of ours */
};
struct platform_backup_table {
	const char *name;
	int64_t rows;
	const char *sha256;		/* chained over the rows in key order */
};
struct platform_backup_manifest {
	struct list tables;
};
extern const struct schema platform_backup_head_schema;
extern const struct schema platform_backup_manifest_schema;

/* Reads SQL text line by line, counts and digests rows, and hands the lines
 * on: those of the dump without the account that defined a view. */
struct platform_backup_scan {
	struct arena *a;
	struct str line;
	char *table;			/* whose rows are being read, or NULL */
	uint8_t chain[SHA256_LEN];
	VEC(struct platform_backup_table) tables;
	struct platform_backup_head head;	/* format 0: not seen */
	struct platform_backup_manifest manifest;
	bool ended;			/* the manifest was seen */
	int (*out)(void *arg, const char *, size_t, struct err *);
	void *arg;
};
void platform_backup_scan_begin(struct platform_backup_scan *,
    struct arena *);
int platform_backup_scan_text(struct platform_backup_scan *, const char *,
    size_t, struct err *);
/* Rows and digests that were read, against a manifest: -1 with 409
 * "restore_differs" names the first table that differs. Tables of which the
 * name is skip are left out. */
int platform_backup_compare(const struct platform_backup_scan *,
    const struct platform_backup_manifest *, const char *skip, struct err *);
/* The head and manifest lines. */
void platform_backup_head_line(const struct platform_backup_head *,
    struct str *);
void platform_backup_manifest_line(const struct platform_backup_scan *,
    struct str *);

/* ---- the file ---------------------------------------------------------------------- */

struct platform_backup_key {
	const char *passphrase;		/* NULL: the key ring */
	const struct keyring *ring;
};
struct platform_backup_writer;
int platform_backup_create(struct platform_backup_writer **, struct arena *,
    int fd, const struct platform_backup_key *, struct err *);
int platform_backup_write(struct platform_backup_writer *, const char *,
    size_t, struct err *);
int platform_backup_finish(struct platform_backup_writer *, struct err *);
/* From the first byte of a file that can be read again: all text to fn.
 * Errors: 422 "backup_format" not ours, 409 "backup_newer", 403 "backup_key"
 * wrong passphrase or key, 422 "backup_damaged" changed, 422
 * "backup_truncated". What fn got before an error was genuine. */
int platform_backup_read(int fd, struct arena *,
    const struct platform_backup_key *,
    int (*fn)(void *, const char *, size_t, struct err *), void *arg,
    struct err *);

/* The keys of a backup as DIR/encryption_key and DIR/audit_key (0600). What
 * is there must be the same: 409 "secrets_differ". */
int platform_backup_secrets(struct arena *, const char *dir,
    const struct platform_backup_head *, struct err *);

/* ---- MariaDB's own programs -------------------------------------------------------- */

/* mariadb-dump of the database of url, its text to fn. */
int platform_backup_dump(struct arena *, const char *url,
    int (*fn)(void *, const char *, size_t, struct err *), void *arg,
    struct err *);
/* The client, with a stream of SQL: start, feed, end. */
struct platform_backup_load;
int platform_backup_load_start(struct platform_backup_load **,
    struct arena *, const char *url, struct err *);
int platform_backup_load_text(struct platform_backup_load *, const char *,
    size_t, struct err *);
int platform_backup_load_end(struct platform_backup_load *, struct err *);

/* ---- rows ------------------------------------------------------------------------------ */

/* Statements that empty the database; *tables without those of views, *marked
 * when a restore has begun there and not ended. */
int platform_backup_contents(struct db *, struct arena *, struct str *drop,
    size_t *tables, bool *marked, struct err *);
int platform_backup_migration(struct db *, struct arena *, int64_t *last,
    struct err *);

/* ---- use-cases -------------------------------------------------------------------------- */

struct platform_backup_report {
	struct platform_backup_head head;
	struct platform_backup_manifest manifest;
};
int platform_backup_make(struct env *, int fd,
    struct platform_backup_report *, struct err *);
/* Reads all of it; touches no database. sql_fd ≥ 0 gets the text. */
int platform_backup_check(struct env *, int fd, int sql_fd,
    struct platform_backup_report *, struct err *);
/* secrets_dir: where the keys of the backup go, or NULL. */
int platform_backup_restore(struct env *, int fd, const char *secrets_dir,
    struct platform_backup_report *, struct err *);

#endif
