/*
 * A private MariaDB for tests: one server per test program on a unix socket
 * in a directory of its own, from a template that is made once per machine.
 * It dies with the program, however that ends (parent-death signal); a
 * directory left behind by a killed program is removed by the next one.
 */
#ifndef HARNESS_MARIADB_H
#define HARNESS_MARIADB_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/types.h"

struct arena;
struct db;
struct db_conf;
struct err;

/* Starts the server unless it runs. False when there is no mariadbd here:
 * "not run" was printed (in CI it fails the program instead). */
bool mariadb_start(void);
/* Ends the server and removes its directory; also runs at exit. */
void mariadb_stop(void);

/* kill -9 and a new start on the same data; the same with a pause between. */
void mariadb_kill(void);
void mariadb_restart(void);
/* SIGSTOP and SIGCONT. */
void mariadb_freeze(void);
void mariadb_thaw(void);
pid_t mariadb_pid(void);

/* URL of a database on it (static buffer of the arena). */
const char *mariadb_url(struct arena *, const char *database);
/* Settings with short timeouts for that database. */
struct db_conf mariadb_conf(struct arena *, const char *database);
/* Drops and creates an empty database; fails the program otherwise. */
void mariadb_create(const char *database);
/* The same, then all migrations of the directory (NULL: "sql"). */
void mariadb_migrated(const char *database, const char *sql_dir);
/* Runs statements as root, separated by ';'; fails the program on an error.
 * database may be NULL. */
void mariadb_sql(const char *database, const char *sql);
/* First column of the first row as text ("" when none), in the arena. */
const char *mariadb_value(struct arena *, const char *database,
    const char *sql);
/* For X'…' in such statements. */
const char *mariadb_hex(struct arena *, struct uuid);
/* A plain connection as root; ends the program when there is none. Close it
 * with mysql_close(). */
struct st_mysql *mariadb_root(void);
/* Opens a connection object; fails the program when it cannot. */
struct db *mariadb_open(struct arena *, const char *database);

#endif
