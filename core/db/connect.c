/*
 * One connection: opened lazily, its session settings set by one statement
 * and verified by a second, never reconnected behind the caller's back while
 * a transaction is open. Reconnects are spaced by time (full jitter, doubling
 * to 5 s) and fail at once in between: a dead database never makes a process
 * sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errmsg.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/random.h"
#include "db/internal.h"
#include "db/metrics.h"

#define MS INT64_C(1000000)
enum { IDLE_MS = 50, BACKOFF_MS = 200, BACKOFF_MAX_MS = 5000,
	CONN_BYTES = 64 << 20, IDLE_TXN_S = 10, DDL_WAIT_S = 60,
	DDL_READ_S = 24 * 3600 };

#define SQL_MODE "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE," \
	"NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

bool
db_version_ok(const char *text, const char **why)
{
	const char *p = text, *dot, *end;
	int64_t major, minor;

	/* Old replication clients needed this prefix; some proxies keep it. */
	if (strncmp(p, "5.5.5-", 6) == 0)
		p += 6;
	if (strcasestr(p, "mariadb") == NULL) {
		*why = "it is not MariaDB";
		return false;
	}
	dot = strchr(p, '.');
	if (dot == NULL || num_i64(p, (size_t)(dot - p), &major) != NUM_OK) {
		*why = "its version is not understood";
		return false;
	}
	end = dot + 1 + strspn(dot + 1, "0123456789");
	if (num_i64(dot + 1, (size_t)(end - dot - 1), &minor) != NUM_OK) {
		*why = "its version is not understood";
		return false;
	}
	if (major > 10 || (major == 10 && minor >= 11))
		return true;
	*why = "it is older than 10.11";
	return false;
}

/*
 * The library would send COM_QUIT, to a stopped server or, after a fork, on
 * the parent's connection. It gets /dev/null instead.
 */
static void
mute(MYSQL *my)
{
	my_socket fd = mysql_get_socket(my);
	int null;

	if (fd < 0 || (null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return;
	(void)dup3(null, (int)fd, O_CLOEXEC);
	close(null);
}

void
db_disconnect(struct db *db, bool silent)
{
	if (db->my == NULL)
		return;
	if (silent)
		mute(db->my);
	stmt_drop_all(db);
	mysql_close(db->my);
	db->my = NULL;
	db->nwaiting = 0;
	db->manual = false;
	arena_reset(db->conn);
}

static int
backoff(struct db *db)
{
	int64_t cap = BACKOFF_MS, k;

	for (k = 0; k < db->fails && cap < BACKOFF_MAX_MS; k++)
		cap *= 2;
	if (cap > BACKOFF_MAX_MS)
		cap = BACKOFF_MAX_MS;
	db->fails++;
	db->retry_ns = clock_boot_ns() +
	    (int64_t)random_below((uint64_t)(cap * MS));
	return -1;
}

static int
fail_connect(struct db *db, const char *what, struct err *err)
{
	unsigned native = mysql_errno(db->my);

	db_fail(db, what, native, mysql_error(db->my), SENT_NOTHING, err);
	err_wrap(err, "%s", db->url.shown);
	db_disconnect(db, true);
	return backoff(db);
}

static void
set_tls(struct db *db)
{
	const struct db_url *u = &db->url;
	my_bool on = 1, verify = u->ssl_verify;

	if (!u->ssl)
		return;
	mysql_ssl_set(db->my, u->ssl_key, u->ssl_cert, u->ssl_ca,
	    u->ssl_capath, u->ssl_cipher);
	mysql_optionsv(db->my, MYSQL_OPT_SSL_ENFORCE, &on);
	mysql_optionsv(db->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

static void
set_options(struct db *db)
{
	unsigned connect_s = (unsigned)db->conf.connect_timeout_s;
	unsigned read_s = db->migrator ? DDL_READ_S :
	    (unsigned)db->conf.read_timeout_s;
	unsigned write_s = (unsigned)db->conf.write_timeout_s;
	unsigned tcp = MYSQL_PROTOCOL_TCP, local = 0;
	my_bool off = 0, on = 1;

	mysql_optionsv(db->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_optionsv(db->my, MYSQL_OPT_READ_TIMEOUT, &read_s);
	mysql_optionsv(db->my, MYSQL_OPT_WRITE_TIMEOUT, &write_s);
	mysql_optionsv(db->my, MYSQL_OPT_RECONNECT, &off);
	mysql_optionsv(db->my, MYSQL_OPT_LOCAL_INFILE, &local);
	mysql_optionsv(db->my, MYSQL_REPORT_DATA_TRUNCATION, &on);
	mysql_optionsv(db->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (db->url.socket == NULL && db->url.tcp)
		mysql_optionsv(db->my, MYSQL_OPT_PROTOCOL, &tcp);
	mysql_optionsv(db->my, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name",
	    "quincunx");
	set_tls(db);
}

static int
text(struct db *db, const char *sql)
{
	return mysql_real_query(db->my, sql, strlen(sql)) == 0 ? 0 : -1;
}

/* One row of one column that must be "1". */
static int
text_true(struct db *db, const char *sql)
{
	MYSQL_RES *res;
	MYSQL_ROW row;
	int ok = 0;

	if (text(db, sql) == -1 || (res = mysql_store_result(db->my)) == NULL)
		return -1;
	if ((row = mysql_fetch_row(res)) != NULL && row[0] != NULL)
		ok = strcmp(row[0], "1") == 0;
	mysql_free_result(res);
	return ok;
}

/*
 * Session settings, then what the server made of them: an init_connect or a
 * proxy that undoes one would silently void the rules in db.h.
 */
static int
set_session(struct db *db, struct err *err)
{
	struct arena_mark m = arena_mark(db->conn);
	int64_t ms = db->migrator ? 0 : db->conf.statement_timeout_ms;
	int64_t wait = db->migrator ? DDL_WAIT_S : db->conf.lock_wait_s;
	const char *set, *check;
	int ok;

	set = arena_printf(db->conn, "SET SESSION autocommit=1, "
	    "tx_isolation='READ-COMMITTED', time_zone='+00:00', "
	    "sql_mode='" SQL_MODE "', max_statement_time=%" PRId64 ".%03"
	    PRId64 ", innodb_lock_wait_timeout=%" PRId64
	    ", lock_wait_timeout=%" PRId64 ", idle_transaction_timeout=%d",
	    ms / 1000, ms % 1000, db->conf.lock_wait_s, wait, IDLE_TXN_S);
	check = arena_printf(db->conn, "SELECT @@autocommit=1 AND "
	    "@@tx_isolation='READ-COMMITTED' AND @@time_zone='+00:00' AND "
	    "@@sql_mode LIKE '%%STRICT_TRANS_TABLES%%' AND "
	    "@@sql_mode LIKE '%%STRICT_ALL_TABLES%%' AND "
	    "@@sql_mode LIKE '%%ERROR_FOR_DIVISION_BY_ZERO%%' AND "
	    "@@max_statement_time=%" PRId64 ".%03" PRId64 " AND "
	    "@@innodb_lock_wait_timeout=%" PRId64 " AND "
	    "@@idle_transaction_timeout=%d AND "
	    "@@character_set_client='utf8mb4' AND "
	    "@@character_set_results='utf8mb4'",
	    ms / 1000, ms % 1000, db->conf.lock_wait_s, IDLE_TXN_S);
	ok = text(db, set) == 0 ? text_true(db, check) : -1;
	arena_rewind(db->conn, m);
	if (ok == -1)
		return fail_connect(db, "session settings", err);
	if (ok == 1)
		return 0;
	err_set(err, 503, "db_down", "The database is not usable");
	err_cause(err, "%s: the server did not take the session settings",
	    db->url.shown);
	db_disconnect(db, true);
	return backoff(db);
}

static int
check_version(struct db *db, struct err *err)
{
	const char *version = mysql_get_server_info(db->my), *why = "";

	if (db_version_ok(version, &why))
		return 0;
	err_set(err, 503, "db_unsupported",
	    "The database server cannot be used: %s", why);
	err_cause(err, "%s: version %s", db->url.shown, version);
	db_disconnect(db, true);
	return backoff(db);
}

static int
throttled(struct db *db, struct err *err)
{
	if (db->fails == 0 || clock_boot_ns() >= db->retry_ns)
		return 0;
	err_set(err, 503, "db_down", "The database is not available");
	err_cause(err, "%s: waiting before the next attempt", db->url.shown);
	err->retry_after_s = 1;
	return -1;
}

int
db_connect(struct db *db, struct err *err)
{
	const struct db_url *u = &db->url;

	ASSERT(db->my == NULL && !db->in_txn);
	if (throttled(db, err) == -1)
		return -1;
	if ((db->my = mysql_init(NULL)) == NULL)
		check_oom();
	set_options(db);
	if (mysql_real_connect(db->my, u->host, u->user, u->pass, u->name,
	    u->port, u->socket, CLIENT_FOUND_ROWS) == NULL)
		return fail_connect(db, "connect", err);
	db->pid = getpid();
	db_count_reconnect();
	if (check_version(db, err) == -1 || set_session(db, err) == -1)
		return -1;
	db->fails = 0;
	db->used_ns = clock_boot_ns();
	return 0;
}

/* Anything readable on an idle connection is its end. */
static bool
dead(struct db *db)
{
	struct pollfd p = { .fd = (int)mysql_get_socket(db->my),
		.events = POLLIN | POLLRDHUP };

	if (clock_boot_ns() - db->used_ns < IDLE_MS * MS)
		return false;
	return poll(&p, 1, 0) > 0;
}

int
db_ready(struct db *db, struct err *err)
{
	if (db->in_txn) {
		if (db->poisoned) {
			*err = db->poison;
			return -1;
		}
		ASSERT(db->my != NULL);
		return 0;
	}
	if (db->my != NULL && db->reading == 0 && dead(db))
		db_disconnect(db, true);
	return db->my != NULL ? 0 : db_connect(db, err);
}

/* ---- life --------------------------------------------------------------- */

static void
close_db(void *arg)
{
	db_close(arg);
}

static int
open_url(struct db **out, struct arena *a, const struct db_conf *conf,
    const char *url, bool migrator, struct err *err)
{
	struct db *db = arena_alloc(a, sizeof(*db));

	if (db_url_parse(&db->url, a, url, err) == -1)
		return -1;
	db->conf = *conf;
	db->migrator = migrator;
	db->a = a;
	db->conn = arena_new(CONN_BYTES);
	db->txn = arena_new(CONN_BYTES);
	db->cell = arena_array(a, DB_COLS, sizeof(*db->cell));
	arena_defer(a, close_db, db);
	*out = db;
	return 0;
}

int
db_open(struct db **out, struct arena *a, const struct db_conf *conf,
    struct err *err)
{
	return open_url(out, a, conf, conf->url, false, err);
}

int
db_open_migrator(struct db **out, struct arena *a, const struct db_conf *conf,
    struct err *err)
{
	const char *url = conf->migrate_url;

	if (url == NULL || url[0] == '\0')
		url = conf->url;
	return open_url(out, a, conf, url, true, err);
}

void
db_close(struct db *db)
{
	if (db == NULL || db->conn == NULL)
		return;
	if (db->my != NULL && db->pid != getpid())
		db_forget(db);
	if (db->in_txn)
		db_rollback(db);
	db_disconnect(db, false);
	arena_free(db->conn);
	arena_free(db->txn);
	db->conn = db->txn = NULL;
}

void
db_forget(struct db *db)
{
	db_disconnect(db, true);
	if (db->in_txn) {
		db->lost = true;
		db_rollback(db);
	}
	db->fails = 0;
}

int
db_ping(struct db *db, struct err *err)
{
	if (db_ready(db, err) == -1)
		return -1;
	if (db_collect(db, err) == -1)
		return -1;
	if (mysql_ping(db->my) == 0) {
		db->used_ns = clock_boot_ns();
		return 0;
	}
	return db_fail(db, "ping", mysql_errno(db->my), mysql_error(db->my),
	    SENT_NOTHING, err);
}

uint64_t
db_statements(const struct db *db)
{
	return db->statements;
}

uint64_t
db_insert_id(const struct db *db)
{
	return db->insert_id;
}
