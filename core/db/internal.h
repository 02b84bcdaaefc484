/*
 * Shared by the files of core/db only.
 */
#ifndef DB_INTERNAL_H
#define DB_INTERNAL_H

#include <sys/types.h>

#include <mysql.h>

#include "base/arena.h"
#include "base/vec.h"
#include "db/db.h"

enum {
	DB_COLS = 64,		/* columns of one row: fields of one schema */
	DB_CELL = 512,		/* longer texts are fetched by themselves */
	DB_STMTS = 512,		/* prepared statements of one connection */
	DB_SLOTS = 1024,	/* hash slots for them, a power of two */
	DB_ROWS = 10000,
	DB_WAITING = 32		/* answers nobody has read yet */
};

/* DATABASE_URL taken apart; texts live in the arena it was parsed into. */
struct db_url {
	const char *user, *pass, *host, *name, *socket;
	const char *ssl_ca, *ssl_capath, *ssl_cert, *ssl_key, *ssl_cipher;
	unsigned port;
	bool tcp;		/* a port was named: no socket for localhost */
	bool ssl, ssl_verify, ssl_off;
	const char *shown;	/* without password */
};

/* Where one column of the current row lands. Shared by all statements of a
 * connection: a row is stored before anything else is fetched. */
struct cell {
	union {
		int64_t i;
		double r;
		MYSQL_TIME t;
		char text[DB_CELL];
	};
	unsigned long len;
	my_bool null, error;
};

/* What a column is, whatever its declared type. */
enum col_kind { COL_INT = 1, COL_UINT, COL_REAL, COL_DEC, COL_TEXT, COL_BLOB,
	COL_TIME, COL_NULL };

/* Buffer behind one parameter. */
struct pbuf {
	union {
		int64_t i;
		double r;
		MYSQL_TIME t;
		char text[40];
	};
	unsigned long len;
};

/* One prepared statement; gone with its connection. */
struct stmt {
	const struct query *q;
	MYSQL_STMT *h;
	size_t nparams, ncols;
	MYSQL_BIND *in;
	struct pbuf *buf;
	MYSQL_BIND *out;
	enum enum_field_types *type;	/* as bound; may change at execution */
	enum col_kind *kind;
	int *field;			/* column -> field of q->row */
	size_t metric;			/* index of the label, or SIZE_MAX */
	bool busy;			/* its rows are being read */
	bool cursor;			/* executed with a server-side cursor */
	bool stored;			/* was so once: the library may hold
					 * rows of it */
};

/* A statement that was sent and whose answer was not read. */
struct waiting {
	struct stmt *st;		/* NULL: a text without rows */
	const char *name;
	int64_t start_ns;
	const struct db_miss *miss;	/* when it matches not exactly one row;
					 * NULL: it may */
	struct rows *rows;		/* what it asks for; NULL: nothing */
	struct arena *a;
};

struct db_hook {
	void (*fn)(void *);
	void *arg;
};

struct db {
	struct db_conf conf;
	struct db_url url;
	bool migrator;
	struct arena *a;		/* the owner's */
	struct arena *conn;		/* statements of this connection */
	MYSQL *my;			/* NULL: not connected */
	pid_t pid;			/* that connected */
	struct stmt *slot[DB_SLOTS];
	size_t nstmts;
	struct cell *cell;		/* DB_COLS of them */
	size_t reading;			/* statements with busy set */
	/* transaction */
	bool in_txn, poisoned, lost;
	unsigned savepoints;
	struct err poison;
	struct arena *txn;		/* hooks of the open transaction */
	VEC(struct db_hook) hooks;
	struct waiting waiting[DB_WAITING];
	size_t nwaiting;
	bool manual;			/* the server's autocommit is off */
	bool posts;			/* something was posted once: the next
					 * transaction begins without waiting */
	/* numbers */
	uint64_t statements, trips, insert_id;
	int64_t used_ns;		/* last answer */
	int64_t retry_ns;		/* no reconnect before this instant */
	unsigned fails;			/* connects that failed in a row */
};

/* How much of a failed statement the server may have seen. */
enum sent {
	SENT_NOTHING,		/* nothing that has an effect */
	SENT_READ,		/* a statement without lasting effect */
	SENT_WRITE		/* its effect is unknown */
};

/* url.c */
int db_url_parse(struct db_url *, struct arena *, const char *, struct err *);

/* connect.c */
int  db_connect(struct db *, struct err *);
/* Closes without a word to the server when it is lost or not ours. */
void db_disconnect(struct db *, bool silent);
/* Connects if needed; an idle connection found dead is opened anew. */
int  db_ready(struct db *, struct err *);
/* Is the text of a server's version MariaDB 10.11 or newer? *why says what
 * it is instead. */
bool db_version_ok(const char *text, const char **why);

/* fail.c */
/* Turns a client or server error into *err, drops a lost connection and
 * poisons an open transaction. Returns -1. */
int  db_fail(struct db *, const char *what, unsigned native, const char *msg,
    enum sent, struct err *);
/* Our own refusal: poisons too. Returns -1. */
int  db_refuse(struct db *, struct err *);
bool db_lost(unsigned native);

/* stmt.c */
int  stmt_get(struct db *, const struct query *, struct stmt **,
    struct err *);
void stmt_drop_all(struct db *);
/* Binds the result columns again when the server changed their types. */
int  stmt_describe(struct db *, struct stmt *, struct err *);

/* bind.c */
int  bind_params(struct stmt *, const struct val *, size_t, struct err *);
int  bind_arrays(struct stmt *, struct arena *, const struct val *,
    size_t ncols, size_t nrows, struct err *);
int  bind_columns(struct db *, struct stmt *, struct err *);
int  bind_store(struct db *, struct stmt *, struct arena *, void *row,
    struct err *);

/* pipe.c */
/* Reads the answers that wait. -1: one of them was an error (the first). */
int  db_collect(struct db *, struct err *);
/* Who asked is gone: the rows that come are thrown away. */
void db_unask(struct db *);
/* Sends what is bound, and reads all answers up to its own. 0; 1: it failed,
 * the library knows why; -1 one before it failed, or nothing was sent. */
int  db_await(struct db *, struct stmt *, struct err *);
/* Outside a transaction: what is sent next commits by itself. */
int  db_alone(struct db *, struct err *);
/* Begins without waiting, if what follows could not commit anyway. */
int  db_post_begin(struct db *);

/* run.c */
/* Executes; the rows are not read yet. */
int  db_execute(struct db *, const struct query *, const struct val *,
    size_t n, bool cursor, struct stmt **, struct err *);
/* An answer with rows has begun; -1: its columns do not fit. */
int  db_rows_come(struct db *, struct stmt *, struct err *);
/* All of them. */
int  db_read_all(struct db *, struct stmt *, struct arena *, int64_t start_ns,
    struct rows *, struct err *);
/* Text without parameters or rows: BEGIN, SAVEPOINT, DDL of migrations. */
int  db_text(struct db *, const char *name, const char *sql, enum sent,
    struct err *);
/* After every statement: did the server keep our transaction? */
int  db_still(struct db *, const char *name, struct err *);
void db_observe(const struct stmt *, int64_t start_ns);

#endif
