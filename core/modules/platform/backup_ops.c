/*
 * Backup and restore. Invariants: the database is not touched before all of
 * the file was proved; while it is being loaded it carries a mark with which
 * no program of ours starts; a load that fails, or that does not read back as
 * the file says, is taken out again; what is loaded is a new epoch.
 */
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "conf/base.h"
#include "db/env.h"
#include "db/lease.h"
#include "db/migrate.h"
#include "db/migrate_file.h"
#include "events/event.h"
#include "modules/auth/auth.h"
#include "modules/platform/backup.h"
#include "modules/platform/installation.h"

enum { FORMAT = 1, ARENA = 1 << 30, PASSPHRASE_MIN = 8 };

static const char *
account(struct env *env)
{
	const struct db_conf *cf = conf_get(env->conf, &db_settings);

	return cf->migrate_url != NULL && *cf->migrate_url != '\0' ?
	    cf->migrate_url : cf->url;
}

/* The passphrase when there is one, else the key ring. */
static int
key_of(struct env *env, struct arena *a, bool making,
    struct platform_backup_key *k, struct err *e)
{
	const struct platform_backup_conf *cf = conf_get(env->conf,
	    &platform_backup_settings);
	const struct auth_conf *auth = conf_get(env->conf, &auth_settings);
	struct keyring *ring = NULL;

	k->passphrase = *cf->passphrase != '\0' ? cf->passphrase : NULL;
	if (making && k->passphrase != NULL &&
	    strlen(k->passphrase) < PASSPHRASE_MIN)
		return err_set(e, 422, "validation", "backup.passphrase is "
		    "shorter than %d characters", PASSPHRASE_MIN);
	if (*auth->encryption_key != '\0' &&
	    keyring_open(&ring, a, auth->encryption_key, e) == -1)
		return -1;
	k->ring = ring;
	if (making && ring == NULL && k->passphrase == NULL)
		return err_set(e, 409, "backup_key", "Neither "
		    "backup.passphrase_file nor an encryption key is set");
	return 0;
}

/* ---- making one ---------------------------------------------------------------- */

struct make {
	struct platform_backup_scan scan;
	struct platform_backup_writer *w;
};

static int
make_write(void *arg, const char *p, size_t n, struct err *e)
{
	struct make *m = arg;

	return platform_backup_write(m->w, p, n, e);
}

static int
make_text(void *arg, const char *p, size_t n, struct err *e)
{
	struct make *m = arg;

	return platform_backup_scan_text(&m->scan, p, n, e);
}

static int
head_fill(struct env *env, struct arena *a, struct db *db,
    struct platform_backup_head *h, struct err *e)
{
	const struct auth_conf *auth = conf_get(env->conf, &auth_settings);
	struct platform_installation in;

	if (db_check_whole(db, e) == -1 ||
	    platform_installation(db, a, &in, e) == -1 ||
	    platform_backup_migration(db, a, &h->migration, e) == -1)
		return -1;
	h->format = FORMAT;
	h->version = QX_VERSION;
	h->created_at = clock_now();
	h->installation = in.id;
	h->epoch = in.epoch;
	h->encryption_key = auth->encryption_key;
	h->audit_key = auth->audit_key;
	return 0;
}

int
platform_backup_make(struct env *env, int fd,
    struct platform_backup_report *r, struct err *e)
{
	struct arena *a = arena_new(ARENA);
	struct platform_backup_key key;
	struct make m;
	struct str line;
	struct db *db;
	int rc;

	arena_set_secret(a);
	arena_defer(env->a, (void (*)(void *))arena_free, a);
	platform_backup_scan_begin(&m.scan, a);
	m.scan.out = make_write;
	m.scan.arg = &m;
	str_init(&line, a);
	if (key_of(env, a, true, &key, e) == -1 ||
	    db_open_migrator(&db, a, conf_get(env->conf, &db_settings),
	    e) == -1 || head_fill(env, a, db, &r->head, e) == -1 ||
	    platform_backup_create(&m.w, a, fd, &key, e) == -1)
		return -1;
	db_close(db);
	platform_backup_head_line(&r->head, &line);
	rc = make_write(&m, line.p, line.len, e);
	if (rc == 0)
		rc = platform_backup_dump(a, account(env), make_text, &m, e);
	line.len = 0;
	platform_backup_manifest_line(&m.scan, &line);
	if (rc == -1 || make_write(&m, line.p, line.len, e) == -1 ||
	    platform_backup_finish(m.w, e) == -1)
		return -1;
	r->manifest.tables = (struct list){ m.scan.tables.v,
	    m.scan.tables.n };
	return 0;
}

/* ---- reading one ----------------------------------------------------------------- */

static int
sql_out(void *arg, const char *p, size_t n, struct err *e)
{
	const int *fd = arg;

	while (n > 0) {
		ssize_t put = write(*fd, p, n);

		if (put <= 0)
			return err_set(e, 500, "file", "The text cannot be "
			    "written");
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int
scan_text(void *arg, const char *p, size_t n, struct err *e)
{
	return platform_backup_scan_text(arg, p, n, e);
}

static int
read_all(struct env *env, struct arena *a, int fd,
    struct platform_backup_scan *s, struct err *e)
{
	struct platform_backup_key key;

	if (key_of(env, a, false, &key, e) == -1 ||
	    platform_backup_read(fd, a, &key, scan_text, s, e) == -1)
		return -1;
	if (s->head.format != FORMAT || !s->ended)
		return err_set(e, 422, "backup_format", "The backup says not "
		    "what it is, or where it ends");
	return platform_backup_compare(s, &s->manifest, NULL, e);
}

int
platform_backup_check(struct env *env, int fd, int sql_fd,
    struct platform_backup_report *r, struct err *e)
{
	struct arena *a = arena_new(ARENA);
	struct platform_backup_scan s;

	arena_set_secret(a);
	arena_defer(env->a, (void (*)(void *))arena_free, a);
	platform_backup_scan_begin(&s, a);
	if (sql_fd >= 0) {
		s.out = sql_out;
		s.arg = &sql_fd;
	}
	if (read_all(env, a, fd, &s, e) == -1)
		return -1;
	r->head = s.head;
	r->manifest = s.manifest;
	return 0;
}

/* ---- restoring ---------------------------------------------------------------------- */

static int
run_sql(struct arena *a, const char *url, const char *sql, size_t n,
    struct err *e)
{
	struct platform_backup_load *l;
	struct err why = { 0 };
	int rc;

	if (platform_backup_load_start(&l, a, url, e) == -1)
		return -1;
	rc = platform_backup_load_text(l, sql, n, &why);
	if (platform_backup_load_end(l, e) == -1)
		return -1;
	if (rc == -1)
		*e = why;
	return rc;
}

/* Empty, or the ruin of a restore that was interrupted: made empty. */
static int
make_empty(struct env *env, struct arena *a, struct db *db, bool ours,
    struct err *e)
{
	struct str sql;
	size_t tables;
	bool marked;

	str_init(&sql, a);
	if (platform_backup_contents(db, a, &sql, &tables, &marked, e) == -1)
		return -1;
	if (tables > 0 && !marked)
		return err_set(e, 409, "not_empty", "The database holds %zu "
		    "tables: a restore wants an empty one", tables);
	if (ours)	/* nothing of it is left */
		str_add(&sql, "DROP TABLE IF EXISTS " DB_RESTORE_MARK ";\n");
	return run_sql(a, account(env), sql.p, sql.len, e);
}

/* All migrations of the backup must be known here; later ones of ours run
 * when it is loaded. */
static int
check_version(struct env *env, struct arena *a,
    const struct platform_backup_head *h, struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	struct steps steps = { 0 };

	if (steps_load(&steps, a, cf->sql_dir, e) == -1)
		return -1;
	if (steps.n > 0 && h->migration <= steps.v[steps.n - 1].version)
		return 0;
	return err_set(e, 409, "backup_newer", "The backup was made by version "
	    "%.32s with migration %lld, which this program does not have: "
	    "install that version first", h->version,
	    (long long)h->migration);
}

struct load {
	struct platform_backup_load *l;
	int64_t n;
};

static int
load_line(void *arg, const char *p, size_t n, struct err *e)
{
	struct load *x = arg;

	if (n > 3 && memcmp(p, "-- ", 3) == 0)
		return 0;		/* head and manifest */
	return platform_backup_load_text(x->l, p, n, e);
}

/* A client that ended early says more than the pipe that broke. */
static int
load(struct env *env, struct arena *a, int fd, struct err *e)
{
	static const char mark[] = "CREATE TABLE IF NOT EXISTS " DB_RESTORE_MARK
	    " (begun DATETIME NOT NULL) ENGINE=InnoDB;\n";
	struct platform_backup_scan s;
	struct err why = { 0 };
	struct load x = { 0 };
	int rc;

	if (run_sql(a, account(env), mark, sizeof(mark) - 1, e) == -1 ||
	    platform_backup_load_start(&x.l, a, account(env), e) == -1)
		return -1;
	platform_backup_scan_begin(&s, a);
	s.out = load_line;
	s.arg = &x;
	rc = read_all(env, a, fd, &s, &why);
	if (platform_backup_load_end(x.l, e) == -1)
		return -1;
	if (rc == -1)
		*e = why;
	return rc;
}

static int
read_back(struct env *env, struct arena *a,
    const struct platform_backup_manifest *m, struct err *e)
{
	struct platform_backup_scan s;

	platform_backup_scan_begin(&s, a);
	if (platform_backup_dump(a, account(env), scan_text, &s, e) == -1)
		return -1;
	return platform_backup_compare(&s, m, DB_RESTORE_MARK, e);
}

/* What of before the restore could still act may not. */
static int
new_epoch(struct db *db, void *arg, struct err *e)
{
	const struct utc *now = arg;

	if (platform_installation_restored(db, *now, e) == -1 ||
	    auth_restored(db, *now, e) == -1 || lease_restored(db, e) == -1)
		return -1;
	return auth_audit_note(db, (struct uuid){ { 0 } }, "quincunx",
	    "system.restore", "installation", "", NULL, e);
}

static int
finish(struct env *env, struct arena *a, struct db *db, struct err *e)
{
	const struct base_conf *cf = conf_get(env->conf, &base_settings);
	static const char unmark[] = "DROP TABLE " DB_RESTORE_MARK ";\n";
	struct utc now = clock_now();

	if (db_txn(db, a, new_epoch, &now, e) == -1 ||
	    event_restored(db, e) == -1 ||
	    run_sql(a, account(env), unmark, sizeof(unmark) - 1, e) == -1)
		return -1;
	return migrate(db, a, cf->sql_dir, MIGRATE_RUN, NULL, NULL, e);
}

static int
restore(struct env *env, struct arena *a, int fd, const char *secrets_dir,
    struct platform_backup_scan *s, struct err *e)
{
	struct err ignored = { 0 };
	struct db *db;

	if (read_all(env, a, fd, s, e) == -1 ||
	    check_version(env, a, &s->head, e) == -1 ||
	    db_open_migrator(&db, a, conf_get(env->conf, &db_settings),
	    e) == -1 || make_empty(env, a, db, false, e) == -1)
		return -1;
	if (secrets_dir != NULL && platform_backup_secrets(a, secrets_dir,
	    &s->head, e) == -1)
		return -1;
	if (load(env, a, fd, e) == 0 &&
	    read_back(env, a, &s->manifest, e) == 0)
		return finish(env, a, db, e);
	make_empty(env, a, db, true, &ignored);
	return -1;
}

int
platform_backup_restore(struct env *env, int fd, const char *secrets_dir,
    struct platform_backup_report *r, struct err *e)
{
	struct arena *a = arena_new(ARENA);
	struct platform_backup_scan s;

	arena_set_secret(a);
	arena_defer(env->a, (void (*)(void *))arena_free, a);
	platform_backup_scan_begin(&s, a);
	if (restore(env, a, fd, secrets_dir, &s, e) == -1)
		return -1;
	r->head = s.head;
	r->manifest = s.manifest;
	return 0;
}
