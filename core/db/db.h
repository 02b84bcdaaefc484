/*
 * One MariaDB connection with real prepared statements, rows read into
 * structs through their schema, and transactions that cannot half-succeed.
 *
 * Rules kept here: READ COMMITTED, UTC, strict sql_mode, CLIENT_FOUND_ROWS,
 * read/write timeouts, no automatic reconnect. The first error inside a
 * transaction poisons it: every later call returns that error until
 * db_rollback(). After 1205, 1213 or 1047 (also from COMMIT and from fetch)
 * the caller must roll back before it tries again: db_txn() does.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/err.h"
#include "base/val.h"
#include "conf/conf.h"
#include "schema/schema.h"
#include "shm/shm.h"

struct arena;
struct db;
struct metric;
struct metric_label;

struct db_conf {
	const char *url;	/* DATABASE_URL in SQLAlchemy's forms:
		mysql[+driver]://user:pass@host:port/name?unix_socket=…&charset=…
		&ssl_ca=…&ssl_cert=…&ssl_key=…&ssl_verify_identity=true
		mariadb://… ; other schemes are refused with the way out */
	const char *migrate_url;	/* account that may change the schema;
					 * empty = url */
	int64_t connect_timeout_s, read_timeout_s, write_timeout_s;
	int64_t statement_timeout_ms;	/* max_statement_time */
	int64_t lock_wait_s;		/* innodb_lock_wait_timeout */
};
extern const struct settings db_settings;

/* Address is the statement-cache key: static const only. The name is the
 * metric label and is sent as a comment before the statement. */
struct query {
	const char *name;	/* "auth_user.by_id" */
	const char *sql;	/* one statement, ? for parameters */
	const struct schema *row;	/* columns → fields; NULL: no rows */
};

/* Rows read: n structs of schema->size bytes in the arena. */
struct rows {
	void *v;
	size_t n;
	const struct schema *schema;
};
#define ROW(rows, type, i) (&((type *)(rows)->v)[i])

/* Of statements that read an id alone. */
struct db_id {
	struct uuid id;
};
extern const struct schema db_id_schema;

/* Where the connection goes, for messages: no password. Parses the URL:
 * -1 and a sentence that names the unsupported part. */
int db_url_check(const char *url, struct arena *, const char **shown,
    struct err *);

/* The same place and account as an option file of MariaDB's own programs
 * (group [client]), and the name of the database. Holds the password. */
int db_client_options(const char *url, struct arena *, const char **text,
    const char **database, struct err *);

/* Connects lazily at the first statement. Lives in the arena. */
int  db_open(struct db **, struct arena *, const struct db_conf *,
    struct err *);
/* The same with migrate_url. */
int  db_open_migrator(struct db **, struct arena *, const struct db_conf *,
    struct err *);
void db_close(struct db *);
/* After fork: the child must not touch the parent's connection. */
void db_forget(struct db *);
/* Connects now if needed; 503 "db_down" otherwise. */
int  db_ping(struct db *, struct err *);
/* Boot check: refuses what is not MariaDB ≥ 10.11; names unsafe settings
 * (innodb_flush_log_at_trx_commit≠1, sync_binlog, STATEMENT binlog, clock
 * skew > 500 ms) as lines in *warnings. Refuses a database in which a restore
 * has begun and not ended (409 "half_restored"). */
int  db_check_server(struct db *, struct arena *, const char **warnings,
    struct err *);

/* Marks a restore that has begun: its last act is to drop this table. */
#define DB_RESTORE_MARK "db_restore"
/* 0, or -1 with 409 "half_restored". */
int  db_check_whole(struct db *, struct err *);

/* 0 found, 1 none, -1 error; more than one row is an error. */
int db_one(struct db *, struct arena *, const struct query *,
    const struct val *, size_t, void *out, struct err *);
/* Turns "no such row" (1) into 404 "<noun> not found"; passes 0 and -1. */
int db_found(int rc, const char *noun, struct err *);
/* All rows, at most 10,000 (the statement carries its own LIMIT). */
int db_all(struct db *, struct arena *, const struct query *,
    const struct val *, size_t, struct rows *, struct err *);
/* Streams rows without collecting them; fn returns 0 to go on, -1 to stop
 * with *err set. The arena is rewound after each row. */
int db_each(struct db *, struct arena *, const struct query *,
    const struct val *, size_t, int (*fn)(void *arg, const void *row,
    struct err *), void *arg, struct err *);
/* Statement without rows; *affected (matched rows) may be NULL. A duplicate
 * key is status 409, code "duplicate", err->native 1062, the key's name in
 * cause. When the connection is lost after it was sent: "db_uncertain". */
int db_exec(struct db *, const struct query *, const struct val *, size_t,
    uint64_t *affected, struct err *);
/* Inside a transaction the same without waiting for the answer, which comes
 * with that of the next statement: several round trips become one. They take
 * effect in the order of the calls. An error is the next call's, or that of
 * db_commit(), and poisons as any other; so only for what is written and not
 * asked about. Outside a transaction as db_exec(). db_query_seconds has the
 * time until the answer was read. */
int db_post(struct db *, const struct query *, const struct val *, size_t,
    struct err *);
/* The same where exactly one row must match: 503 "busy" otherwise, as when
 * somebody else has changed what the statement names (.version). */
int db_post_one(struct db *, const struct query *, const struct val *, size_t,
    struct err *);
/* The same with an error of the caller's own. */
struct db_miss {
	int status;
	const char *code, *text;
};
int db_post_must(struct db *, const struct query *, const struct val *,
    size_t, const struct db_miss *, struct err *);
/* db_all() in the same way: *out (all zero until then) is filled at the latest
 * by db_hear(), in the arena: neither may go away before, but with the
 * transaction or the savepoint. */
int db_ask(struct db *, struct arena *, const struct query *,
    const struct val *, size_t, struct rows *out, struct err *);
/* Waits for all that was asked and posted. -1: one of them failed. */
int db_hear(struct db *, struct err *);
/* AUTO_INCREMENT value of the last db_exec(). */
uint64_t db_insert_id(const struct db *);
/* Many rows in one statement: query ends with "VALUES (?,?)" or
 * "VALUES (?,?) ON DUPLICATE KEY UPDATE …"; the value group is repeated for
 * nrows rows of ncols values (array binding or text expansion, bounded). */
int db_exec_many(struct db *, const struct query *, const struct val *,
    size_t ncols, size_t nrows, uint64_t *affected, struct err *);

/* ---- transactions ------------------------------------------------------ */
int  db_begin(struct db *, struct err *);
/* -1: rolled back or unknown (code "db_uncertain", 503: connection lost
 * during COMMIT). Runs db_on_commit() callbacks after success. */
int  db_commit(struct db *, struct err *);
void db_rollback(struct db *);
bool db_in_txn(const struct db *);
/* fn(arg) after the next successful commit, dropped by a rollback. Outside a
 * transaction it runs at once. */
void db_on_commit(struct db *, void (*fn)(void *), void *arg);
/* Memory for the arg of such a call: lives until it has run or was dropped. */
void *db_memory(struct db *, size_t n);
/* True if the whole transaction may be tried again (deadlock, lock wait,
 * Galera certification, node not ready) after db_rollback(). */
bool db_retryable(const struct err *);
/* begin, fn, commit; rolls back and tries again up to 3 times with jitter on
 * db_retryable() errors. fn returns 0 or -1. The arena is rewound before each
 * further attempt. */
int  db_txn(struct db *, struct arena *, int (*fn)(struct db *, void *arg,
    struct err *), void *arg, struct err *);
/* Savepoint around fn inside a transaction; an error of fn that is not
 * retryable and not a lost connection undoes only its part. */
int  db_savepoint(struct db *, int (*fn)(struct db *, void *arg,
    struct err *), void *arg, struct err *);

/* ---- metrics --------------------------------------------------------------- */

extern const struct metric db_query_seconds, db_errors_total,
    db_reconnects_total;
/* Label of db_query_seconds; its values are the registered queries' names in
 * the order of registration (dynamic, see struct shm_layout). */
extern const struct metric_label db_query_label;
/* list ends with NULL. Statements that were not registered are not timed. */
void db_register_queries(const struct query *const *list);

/* Statements executed since the connection object was made: budgets. */
uint64_t db_statements(const struct db *);
/* Times somebody waited for the server since then. */
uint64_t db_trips(const struct db *);
/* Database clock, for leases. */
int db_now(struct db *, struct utc *, struct err *);
/* Prepares every query and compares parameter and column counts and types
 * with its schema; for tests and route verification. */
int db_prepare_check(struct db *, const struct query *, size_t *nparams,
    struct err *);

#endif
