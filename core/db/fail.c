/*
 * What MariaDB's error numbers mean for a request, and what they do to the
 * connection and the open transaction. One table; nothing else in the program
 * looks at a number. The client's sentence never carries the server's text.
 */
#include <string.h>

#include <errmsg.h>

#include "db/internal.h"
#include "db/metrics.h"

struct meaning {
	unsigned native;
	int status;
	const char *code, *detail;
};

#define RETRY 503, "db_retry", "The database is busy, try again"
#define DOWN 503, "db_down", "The database is not available"
#define SLOW 503, "db_timeout", "The database took too long"
#define VALUE 422, "db_value", "A value does not fit the database"
#define CONFLICT 409, "conflict", "Other data depends on this"
#define READONLY 503, "db_readonly", "The database accepts no changes now"
#define FULL 503, "db_full", "The database has no room on its disk"
#define SCHEMA 503, "db_schema", \
	"The database schema does not fit this version: run the migrations"

static const struct meaning meanings[] = {
	{ 1205, RETRY },	/* lock wait timeout: undid one statement */
	{ 1213, RETRY },	/* deadlock: undid the transaction */
	{ 1047, RETRY },	/* Galera: node not ready */
	{ 1020, RETRY },	/* record has changed since last read */
	{ 1615, RETRY },	/* statement needs to be prepared again */
	{ 1062, 409, "duplicate", "This exists already" },
	{ 1169, 409, "duplicate", "This exists already" },
	{ 1586, 409, "duplicate", "This exists already" },
	{ 1451, CONFLICT }, { 1452, 409, "conflict",
	    "Something this refers to does not exist" },
	{ 1969, SLOW }, { 3024, SLOW }, { 1317, SLOW },
	{ 1836, READONLY }, { 1290, READONLY }, { 1792, READONLY },
	{ 1114, FULL }, { 1021, FULL },
	{ 1048, VALUE }, { 1153, VALUE }, { 1264, VALUE }, { 1265, VALUE },
	{ 1292, VALUE }, { 1365, VALUE }, { 1366, VALUE }, { 1406, VALUE },
	{ 1411, VALUE }, { 1690, VALUE }, { 4025, VALUE },
	{ 1267, VALUE }, { 1270, VALUE }, { 1271, VALUE }, /* text beyond ASCII
				* compared with a column that has none */
	{ CR_NET_PACKET_TOO_LARGE, VALUE },
	{ 1054, SCHEMA }, { 1146, SCHEMA }, { 1305, SCHEMA },
	{ 1461, 503, "db_busy", "The database is full of statements" },
	{ 1040, 503, "db_busy", "The database has too many connections" },
	{ 1203, 503, "db_busy", "The database has too many connections" },
	{ 1226, 503, "db_busy", "The database has too many connections" },
	{ 1044, DOWN }, { 1045, DOWN }, { 1049, DOWN }, { 1129, DOWN },
	{ 1130, DOWN }, { 1698, DOWN },
	{ 1053, DOWN }, { 1080, DOWN }, { 1152, DOWN }, { 1158, DOWN },
	{ 1159, DOWN }, { 1160, DOWN }, { 1161, DOWN }, { 1184, DOWN },
	{ 1927, DOWN }, { 4031, DOWN }, { 3169, DOWN },
	{ CR_SOCKET_CREATE_ERROR, DOWN }, { CR_CONNECTION_ERROR, DOWN },
	{ CR_CONN_HOST_ERROR, DOWN }, { CR_UNKNOWN_HOST, DOWN },
	{ CR_SERVER_GONE_ERROR, DOWN }, { CR_SERVER_HANDSHAKE_ERR, DOWN },
	{ CR_SERVER_LOST, DOWN }, { CR_SSL_CONNECTION_ERROR, DOWN },
	{ CR_MALFORMED_PACKET, DOWN }, { CR_COMMANDS_OUT_OF_SYNC, 500,
	    "internal", "Internal error" },
	{ 2055, DOWN },		/* lost connection, with the system's error */
};

/* These end the connection, whatever the library thinks of it. */
static const unsigned lost_errors[] = {
	1040, 1044, 1045, 1049, 1053, 1080, 1129, 1130, 1152, 1153, 1158,
	1159, 1160, 1161, 1184, 1203, 1226, 1698, 1927, 3169, 4031,
	CR_SOCKET_CREATE_ERROR, CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR,
	CR_UNKNOWN_HOST, CR_SERVER_GONE_ERROR, CR_SERVER_HANDSHAKE_ERR,
	CR_SERVER_LOST, CR_COMMANDS_OUT_OF_SYNC, CR_SSL_CONNECTION_ERROR,
	CR_MALFORMED_PACKET, CR_NET_PACKET_TOO_LARGE, 2055
};

bool
db_lost(unsigned native)
{
	size_t i;

	for (i = 0; i < sizeof(lost_errors) / sizeof(lost_errors[0]); i++)
		if (lost_errors[i] == native)
			return true;
	return false;
}

bool
db_retryable(const struct err *err)
{
	return err->code != NULL && strcmp(err->code, "db_retry") == 0;
}

static struct meaning
meaning_of(unsigned native, const char *msg)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].native == native)
			return meanings[i];
	/* A failed COMMIT wraps the reason: Galera's certification. */
	if (native == 1180 && strcasestr(msg, "deadlock") != NULL)
		return (struct meaning){ native, RETRY };
	return (struct meaning){ native, 500, "db_error", "Internal error" };
}

/* "Duplicate entry 'x' for key 'name'" -> name, without the table. */
static void
key_cause(struct err *err, const char *msg)
{
	const char *key, *end, *dot, *p;

	for (key = NULL, p = msg; (p = strstr(p, "for key '")) != NULL; p += 9)
		key = p + 9;
	if (key == NULL || (end = strchr(key, '\'')) == NULL) {
		err_cause(err, "%s", msg);
		return;
	}
	if ((dot = memchr(key, '.', (size_t)(end - key))) != NULL)
		key = dot + 1;
	err_cause(err, "%.*s", (int)(end - key), key);
}

static void
poison(struct db *db, const struct err *err)
{
	if (db->in_txn && !db->poisoned) {
		db->poisoned = true;
		db->poison = *err;
	}
}

int
db_refuse(struct db *db, struct err *err)
{
	poison(db, err);
	return -1;
}

int
db_fail(struct db *db, const char *what, unsigned native, const char *msg,
    enum sent sent, struct err *err)
{
	struct meaning m = meaning_of(native, msg);
	bool lost = db_lost(native);

	if (lost && (db->in_txn || sent == SENT_WRITE) &&
	    m.status == 503)
		m = (struct meaning){ native, 503, "db_uncertain",
		    "The connection to the database was lost, the outcome is "
		    "unknown" };
	err_set(err, m.status, m.code, "%s", m.detail);
	err->native = (int)native;
	if (m.status == 503)
		err->retry_after_s = 1;
	if (strcmp(m.code, "duplicate") == 0)
		key_cause(err, msg);
	else
		err_cause(err, "%s: %u %s", what, native, msg);
	db_count_error(err->code);
	if (lost) {
		db->lost = db->in_txn;
		db_disconnect(db, true);
	}
	poison(db, err);
	return -1;
}
