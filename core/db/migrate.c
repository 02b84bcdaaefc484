/*
 * Runs migrations so that a crash at any instant, even between two writes,
 * ends in the same schema as an uninterrupted run:
 *  - one runner at a time (lease "migrate"; each ledger write is guarded by
 *    its token, so a runner that was taken over writes nothing more);
 *  - INSERT, UPDATE, DELETE and REPLACE commit together with their ledger
 *    row: exactly once;
 *  - DDL commits by itself: its row says "started" before and "finished"
 *    after; a started one is probed, or, when it says "exists already" on its
 *    second run, was done (single DDL statements are atomic on MariaDB);
 *  - a statement that a dead runner left running on the server is waited for.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "base/str.h"
#include "db/internal.h"
#include "db/lease.h"
#include "db/migrate.h"
#include "db/migrate_file.h"

enum { LEASE_S = 30, WAIT_S = 120, RUNNING_S = 3600, POLL_MS = 100 };

struct ledger_row {
	int64_t version, step, steps;
	const char *name, *sha256;
	struct utc started, finished;
};
static const struct field ledger_fields[] = {
	FIELD(struct ledger_row, version, .doc = "Number of the file"),
	FIELD(struct ledger_row, step, .doc = "Statement of the file"),
	FIELD(struct ledger_row, steps, .doc = "Statements it had"),
	FIELD(struct ledger_row, name, .doc = "File"),
	FIELD(struct ledger_row, sha256, .doc = "File up to this step"),
	FIELD(struct ledger_row, started, .doc = "Last attempt"),
	FIELD(struct ledger_row, finished, .flags = FF_NULLABLE,
	    .doc = "Success"),
	FIELD_END
};
static const struct schema ledger_schema = {
	.name = "DbMigration", .size = sizeof(struct ledger_row),
	.fields = ledger_fields
};

struct flag_row {
	int64_t n;
};
static const struct field flag_fields[] = {
	FIELD(struct flag_row, n, .doc = "Count"), FIELD_END
};
static const struct schema flag_schema = {
	.name = "DbCount", .size = sizeof(struct flag_row),
	.fields = flag_fields
};

static const char make_ledger[] =
    "CREATE TABLE IF NOT EXISTS db_migration ("
    "version INT NOT NULL, step INT NOT NULL, steps INT NOT NULL, "
    "name VARCHAR(190) NOT NULL, "
    "sha256 CHAR(64) CHARACTER SET ascii NOT NULL, "
    "started DATETIME(6) NOT NULL, finished DATETIME(6) NULL, "
    "PRIMARY KEY (version, step)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
static const char make_lease[] =
    "CREATE TABLE IF NOT EXISTS db_lease ("
    "role VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY, "
    "holder BINARY(16) NOT NULL, token BIGINT NOT NULL, "
    "writes BIGINT NOT NULL DEFAULT 0, expires DATETIME(6) NOT NULL"
    ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

static const struct query TABLE = { "db_migration.table",
	"SELECT COUNT(*) AS n FROM information_schema.tables "
	"WHERE table_schema = DATABASE() AND table_name = 'db_migration'",
	&flag_schema };
static const struct query LEDGER = { "db_migration.all",
	"SELECT version, step, steps, name, sha256, started, finished "
	"FROM db_migration ORDER BY version, step LIMIT 10000",
	&ledger_schema };
static const struct query RUNNING = { "db_migration.running",
	"SELECT COUNT(*) AS n FROM information_schema.processlist "
	"WHERE db = DATABASE() AND id <> CONNECTION_ID() "
	"AND info LIKE CONCAT(?, '%')", &flag_schema };
static const struct query WRITE = { "db_migration.write",
	"INSERT INTO db_migration (version, step, steps, name, sha256, "
	"started, finished) VALUES (?,?,?,?,?, NOW(6), IF(?, NOW(6), NULL)) "
	"ON DUPLICATE KEY UPDATE steps = VALUES(steps), name = VALUES(name), "
	"sha256 = VALUES(sha256), "
	"started = IF(VALUES(finished) IS NULL, VALUES(started), started), "
	"finished = VALUES(finished)", NULL };

struct run {
	struct db *db;
	struct arena *a;
	struct str *out;
	struct steps steps;
	struct rows ledger;
	struct lease lease;
	int64_t crash_at, point;	/* tests */
};

/* Tests kill the process here. */
static void
point(struct run *r)
{
	if (++r->point == r->crash_at)
		raise(SIGKILL);
}

static void
nap(void)
{
	struct timespec ts = { .tv_nsec = POLL_MS * 1000000L };

	nanosleep(&ts, NULL);
}

static const struct ledger_row *
row_of(const struct run *r, const struct step *s)
{
	const struct ledger_row *row;
	size_t i;

	for (i = 0; i < r->ledger.n; i++) {
		row = ROW(&r->ledger, struct ledger_row, i);
		if (row->version == s->version && row->step == s->n)
			return row;
	}
	return NULL;
}

static bool
applied(const struct run *r, const struct step *s)
{
	const struct ledger_row *row = row_of(r, s);

	return row != NULL && row->finished.us != 0;
}

/* ---- files against ledger ----------------------------------------------- */

static int
changed(const struct ledger_row *row, const char *why, struct err *err)
{
	return err_set(err, 500, "migrate_changed",
	    "%s: step %d was applied, but the file %s; restore it and put the "
	    "change into a new migration", row->name, (int)row->step, why);
}

static int
verify_row(const struct run *r, const struct ledger_row *row,
    struct err *err)
{
	const struct step *s, *file = NULL;
	size_t i;

	for (i = 0; i < r->steps.n; i++) {
		s = &r->steps.v[i];
		if (s->version != row->version)
			continue;
		file = s;
		if (s->n != row->step)
			continue;
		if (strcmp(s->sha256, row->sha256) != 0)
			return changed(row, "was changed", err);
		if (row->step == row->steps && s->total != row->steps)
			return changed(row, "got more steps", err);
		return 0;
	}
	if (file != NULL)
		return changed(row, "lost steps", err);
	/* Above our last file: a newer program was here; we still run. */
	if (r->steps.n > 0 && row->version <
	    r->steps.v[r->steps.n - 1].version)
		return changed(row, "is missing", err);
	return 0;
}

static int
verify(const struct run *r, struct err *err)
{
	const struct ledger_row *row;
	size_t i;

	for (i = 0; i < r->ledger.n; i++) {
		row = ROW(&r->ledger, struct ledger_row, i);
		if (row->finished.us != 0 && verify_row(r, row, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_ledger(struct run *r, struct err *err)
{
	struct flag_row row;

	if (db_one(r->db, r->a, &TABLE, NO_ARGS, &row, err) != 0)
		return -1;
	if (row.n == 0) {
		r->ledger = (struct rows){ .schema = &ledger_schema };
		return 0;
	}
	return db_all(r->db, r->a, &LEDGER, NO_ARGS, &r->ledger, err);
}

/* ---- one step ----------------------------------------------------------- */

struct write {
	struct run *r;
	const struct step *s;
	bool finished;
	bool with_sql;		/* the statement itself is part of it */
};

static const char *
marked(const struct run *r, const struct step *s)
{
	return arena_printf(r->a, "/* migration %d/%d */ %s",
	    (int)s->version, (int)s->n, s->sql);
}

static int
write_fn(struct db *db, void *arg, struct err *err)
{
	const struct write *w = arg;
	const struct step *s = w->s;

	if (lease_guard(db, &w->r->lease, err) == -1)
		return -1;
	if (w->with_sql && db_text(db, s->file, marked(w->r, s), SENT_WRITE,
	    err) == -1)
		return -1;
	return db_exec(db, &WRITE, ARGS(V(s->version), V(s->n), V(s->total),
	    V(s->file), V(s->sha256), V(w->finished)), NULL, err);
}

static int
write_ledger(struct run *r, const struct step *s, bool finished,
    bool with_sql, struct err *err)
{
	struct write w = { r, s, finished, with_sql };
	int rc;

	point(r);
	rc = db_txn(r->db, r->a, write_fn, &w, err);
	point(r);
	return rc;
}

static bool
is_dml(const char *sql)
{
	static const char *const words[] = { "INSERT", "UPDATE", "DELETE",
		"REPLACE" };
	size_t i, n;

	for (i = 0; i < NITEMS(words); i++) {
		n = strlen(words[i]);
		if (strncasecmp(sql, words[i], n) == 0 &&
		    strchr(" \t\r\n", sql[n]) != NULL)
			return true;
	}
	return false;
}

/* "Exists already" and "cannot drop, does not exist". */
static bool
done_before(int native)
{
	return native == 1050 || native == 1051 || native == 1060 ||
	    native == 1061 || native == 1091 || native == 1304 ||
	    native == 1359 || native == 1826 || native == 4091;
}

static int
probe(struct run *r, const struct step *s, bool *done, struct err *err)
{
	MYSQL *my;
	MYSQL_RES *res = NULL;
	MYSQL_ROW row;

	*done = false;
	if (s->probe == NULL)
		return 0;
	if (db_ready(r->db, err) == -1)
		return -1;
	my = r->db->my;
	if (mysql_real_query(my, s->probe, strlen(s->probe)) != 0 ||
	    (res = mysql_store_result(my)) == NULL)
		return db_fail(r->db, "done-if", mysql_errno(my),
		    mysql_error(my), SENT_READ, err);
	if ((row = mysql_fetch_row(res)) != NULL && row[0] != NULL)
		*done = strcmp(row[0], "1") == 0;
	mysql_free_result(res);
	return 0;
}

/* Holds the lease for the next step. */
static int
renew(struct run *r, struct err *err)
{
	int rc = lease_take(r->db, &r->lease, LEASE_S, err);

	if (rc == 1)
		return err_set(err, 409, "lease_lost",
		    "Another process runs the migrations now");
	return rc;
}

/* The server goes on with a statement when its client died. */
static int
wait_running(struct run *r, const struct step *s, struct err *err)
{
	const char *mark = arena_printf(r->a, "/* migration %d/%d */",
	    (int)s->version, (int)s->n);
	int64_t end = clock_boot_ns() + RUNNING_S * INT64_C(1000000000);
	struct flag_row row;

	for (;;) {
		if (db_one(r->db, r->a, &RUNNING, ARGS(V(mark)), &row,
		    err) != 0)
			return -1;
		if (row.n == 0)
			return 0;
		if (clock_boot_ns() > end)
			return err_set(err, 503, "db_timeout", "%s step %d is "
			    "still running on the server", s->file, (int)s->n);
		nap();
		if (renew(r, err) == -1)
			return -1;
	}
}

static int
run_ddl(struct run *r, const struct step *s, struct err *err)
{
	bool again = row_of(r, s) != NULL, done;
	int rc;

	if (again && wait_running(r, s, err) == -1)
		return -1;
	if (write_ledger(r, s, false, false, err) == -1 ||
	    probe(r, s, &done, err) == -1)
		return -1;
	if (!done) {
		point(r);
		rc = db_text(r->db, s->file, marked(r, s), SENT_WRITE, err);
		if (rc == -1 && (!again || !done_before(err->native)))
			return -1;
		err_clear(err);
		point(r);
		/* It may have taken longer than the lease. */
		if (renew(r, err) == -1)
			return -1;
	}
	return write_ledger(r, s, true, false, err);
}

static int
run_dml(struct run *r, const struct step *s, struct err *err)
{
	bool done;

	if (probe(r, s, &done, err) == -1)
		return -1;
	return write_ledger(r, s, true, !done, err);
}

static int
run_step(struct run *r, const struct step *s, struct err *err)
{
	int64_t t = clock_boot_ns();
	int rc;

	if (renew(r, err) == -1)
		return -1;
	rc = is_dml(s->sql) ? run_dml(r, s, err) : run_ddl(r, s, err);
	if (rc == 0) {
		if (r->out != NULL)
			str_addf(r->out, "%s %d/%d applied in %d ms\n",
			    s->file, (int)s->n, (int)s->total,
			    (int)((clock_boot_ns() - t) / 1000000));
		return 0;
	}
	if (err->status == 409)
		return -1;
	/* The operator needs the server's own words here. */
	return err_set(err, err->status, err->code, "%s step %d: %s", s->file,
	    (int)s->n, err->cause[0] != '\0' ? arena_strdup(r->a,
	    err->cause) : arena_strdup(r->a, err->detail));
}

/* ---- modes -------------------------------------------------------------- */

static int
take_lease(struct run *r, struct err *err)
{
	int64_t end = clock_boot_ns() + WAIT_S * INT64_C(1000000000);
	int rc;

	while ((rc = lease_take(r->db, &r->lease, LEASE_S, err)) == 1) {
		if (clock_boot_ns() > end)
			return err_set(err, 409, "lease_held",
			    "Another process is running the migrations");
		nap();
	}
	return rc;
}

static int
run_all(struct run *r, struct err *err)
{
	size_t i;

	if (read_ledger(r, err) == -1 || verify(r, err) == -1)
		return -1;
	for (i = 0; i < r->steps.n; i++)
		if (!applied(r, &r->steps.v[i]) &&
		    run_step(r, &r->steps.v[i], err) == -1)
			return -1;
	return 0;
}

static int
run(struct run *r, struct err *err)
{
	struct err ignored;
	int rc;

	if (db_check_whole(r->db, err) == -1)
		return -1;
	if (db_text(r->db, "db_migration.make", make_ledger, SENT_NOTHING,
	    err) == -1 || db_text(r->db, "db_lease.make", make_lease,
	    SENT_NOTHING, err) == -1 || take_lease(r, err) == -1)
		return -1;
	rc = run_all(r, err);
	err_clear(&ignored);
	lease_release(r->db, &r->lease, &ignored);
	return rc;
}

static void
show(const struct run *r, const struct step *s, enum migrate_mode mode)
{
	const struct ledger_row *row = row_of(r, s);
	char buf[CLOCK_TEXT];
	bool done = applied(r, s);

	if (r->out == NULL || (mode == MIGRATE_PLAN && done))
		return;
	str_addf(r->out, "%s %d/%d ", s->file, (int)s->n, (int)s->total);
	if (mode == MIGRATE_PLAN)
		str_addf(r->out, "%.60s", arena_strndup(r->a, s->sql,
		    strcspn(s->sql, "\n(")));
	else if (done)
		str_addf(r->out, "applied %s%s", clock_format(row->finished,
		    buf), strcmp(row->sha256, s->sha256) != 0 ?
		    ", FILE CHANGED SINCE" : "");
	else
		str_add(r->out, row != NULL ? "started, not finished" :
		    "pending");
	str_addc(r->out, '\n');
}

int
migrate(struct db *db, struct arena *a, const char *dir,
    enum migrate_mode mode, struct str *out, size_t *pending,
    struct err *err)
{
	const char *crash = getenv("QX_MIGRATE_CRASH_AFTER");
	struct run r = { .db = db, .a = a, .out = out,
		.lease = { .role = "migrate", .holder = uuid_new() } };
	size_t i;

	if (pending != NULL)
		*pending = 0;
	if (crash != NULL && num_i64(crash, strlen(crash), &r.crash_at) !=
	    NUM_OK)
		r.crash_at = 0;
	if (steps_load(&r.steps, a, dir, err) == -1)
		return -1;
	if (mode == MIGRATE_RUN)
		return run(&r, err);
	if (read_ledger(&r, err) == -1)
		return -1;
	for (i = 0; i < r.steps.n; i++) {
		show(&r, &r.steps.v[i], mode);
		if (pending != NULL && !applied(&r, &r.steps.v[i]))
			++*pending;
	}
	return mode == MIGRATE_PLAN ? verify(&r, err) : 0;
}
