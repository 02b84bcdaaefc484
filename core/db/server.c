/*
 * Questions about the server itself. It refuses what it cannot rely on
 * (db_connect() has looked at the version) and only warns of settings that
 * an operator may have chosen: they cost durability, not correctness.
 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "db/internal.h"

enum { SKEW_MS = 500 };

struct now_row {
	struct utc now;
};
static const struct field now_fields[] = {
	FIELD(struct now_row, now,
	    .doc = "Clock of the server"), FIELD_END
};
static const struct schema now_schema = {
	.name = "DbNow", .size = sizeof(struct now_row), .fields = now_fields
};
static const struct query NOW = {
	"db.now", "SELECT UTC_TIMESTAMP(6) AS now", &now_schema
};

struct server_row {
	struct utc now;
	int64_t flush, sync_binlog, log_bin, packet;
	const char *binlog_format, *storage;
};
static const struct field server_fields[] = {
	FIELD(struct server_row, now,
	    .doc = "Clock of the server"),
	FIELD(struct server_row, flush,
	    .doc = "innodb_flush_log_at_trx_commit"),
	FIELD(struct server_row, sync_binlog,
	    .doc = "Setting of the same name"),
	FIELD(struct server_row, log_bin,
	    .doc = "Is there a binary log"),
	FIELD(struct server_row, packet,
	    .doc = "max_allowed_packet"),
	FIELD(struct server_row, binlog_format,
	    .doc = "Setting of the same name"),
	FIELD(struct server_row, storage,
	    .doc = "default_storage_engine"),
	FIELD_END
};
static const struct schema server_schema = {
	.name = "DbServer", .size = sizeof(struct server_row),
	.fields = server_fields
};
static const struct query SERVER = {
	"db.server", "SELECT UTC_TIMESTAMP(6) AS now, "
	"@@innodb_flush_log_at_trx_commit AS flush, "
	"@@sync_binlog AS sync_binlog, @@log_bin AS log_bin, "
	"@@max_allowed_packet AS packet, "
	"@@binlog_format AS binlog_format, "
	"@@default_storage_engine AS storage", &server_schema
};

struct mark_row {
	int64_t n;
};
static const struct field mark_fields[] = {
	FIELD(struct mark_row, n, .doc = "Marks"), FIELD_END
};
static const struct schema mark_schema = {
	.name = "DbMark", .size = sizeof(struct mark_row),
	.fields = mark_fields
};
static const struct query MARK = {
	"db.restore_mark", "SELECT COUNT(*) AS n FROM "
	"information_schema.tables WHERE table_schema = DATABASE() "
	"AND table_name = '" DB_RESTORE_MARK "'", &mark_schema
};

int
db_check_whole(struct db *db, struct err *err)
{
	struct arena *a = arena_new(64 << 10);
	struct mark_row row = { 0 };
	int rc = db_one(db, a, &MARK, NO_ARGS, &row, err);

	arena_free(a);
	if (rc == -1 || row.n == 0)
		return rc;
	return err_set(err, 409, "half_restored", "A restore into this "
	    "database has begun and not ended: run `quincunx restore` again");
}

int
db_now(struct db *db, struct utc *out, struct err *err)
{
	struct arena *a = arena_new(64 << 10);
	struct now_row row;
	int rc;

	rc = db_one(db, a, &NOW, NO_ARGS, &row, err);
	arena_free(a);
	*out = row.now;
	return rc == 0 ? 0 : -1;
}

static void
warn_settings(const struct server_row *r, struct str *s)
{
	if (r->flush != 1)
		str_addf(s, "innodb_flush_log_at_trx_commit is %d: "
		    "acknowledged changes may be lost when the machine "
		    "stops\n", (int)r->flush);
	if (r->log_bin != 0 && r->sync_binlog != 1)
		str_addf(s, "sync_binlog is %d: the binary log may miss "
		    "acknowledged changes\n", (int)r->sync_binlog);
	if (r->log_bin != 0 && r->binlog_format != NULL &&
	    strcasecmp(r->binlog_format, "STATEMENT") == 0)
		str_add(s, "binlog_format is STATEMENT: replicas may differ\n");
	if (r->packet < 4 << 20)
		str_addf(s, "max_allowed_packet is %d bytes: large imports "
		    "may fail\n", (int)r->packet);
	if (r->storage != NULL && strcasecmp(r->storage, "InnoDB") != 0)
		str_addf(s, "default_storage_engine is %s, not InnoDB\n",
		    r->storage);
}

int
db_check_server(struct db *db, struct arena *a, const char **warnings,
    struct err *err)
{
	struct server_row row;
	struct utc before, after;
	int64_t skew = 0;
	struct str s;

	*warnings = "";
	/* Connected before, so that the times enclose one round trip. */
	if (db_ping(db, err) == -1)
		return -1;
	if (db_check_whole(db, err) == -1)
		return -1;
	before = clock_now();
	if (db_one(db, a, &SERVER, NO_ARGS, &row, err) != 0)
		return -1;
	after = clock_now();
	str_init(&s, a);
	warn_settings(&row, &s);
	if (row.now.us < before.us)
		skew = before.us - row.now.us;
	else if (row.now.us > after.us)
		skew = row.now.us - after.us;
	if (skew > SKEW_MS * 1000)
		str_addf(&s, "the clocks of this host and the database differ "
		    "by %d ms\n", (int)(skew / 1000));
	*warnings = s.p;
	return 0;
}
