/*
 * Rows of silences. All SQL on platform_silence is here.
 */
#include <stddef.h>

#include "modules/platform/rule.h"
#include "modules/platform/silence.h"

#define S(m, ...) FIELD(struct platform_silence, m, __VA_ARGS__)
static const struct field fields[] = {
	S(id, .doc = "Identifier"),
	S(rule, .doc = "Rule; empty: any"),
	S(severity, .doc = "Severity; empty: any"),
	S(host, .doc = "Host; empty: any"),
	S(comment, .doc = "Why"),
	S(owner, .doc = "Who answers for it"),
	S(starts_at, .doc = "Begin"), S(ends_at, .doc = "End"),
	S(created_at, .doc = "When it was made"),
	FIELD_END
};
const struct schema platform_silence_schema = {
	.name = "Silence", .doc = "A while in which alerts are not told",
	.size = sizeof(struct platform_silence), .fields = fields
};

#define COLUMNS "id, rule, severity, host, comment, owner, starts_at, " \
	"ends_at, created_at"

static const struct query SILENCE_PAGE = { "platform_silence.page",
	"SELECT " COLUMNS " FROM platform_silence WHERE (? OR ends_at > ?) "
	"AND id > COALESCE(?, X'00') ORDER BY id LIMIT ?",
	&platform_silence_schema };
static const struct query SILENCE_BY_ID = { "platform_silence.by_id",
	"SELECT " COLUMNS " FROM platform_silence WHERE id = ? LIMIT 1",
	&platform_silence_schema };
static const struct query SILENCE_INSERT = { "platform_silence.insert",
	"INSERT INTO platform_silence (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?)", NULL };
static const struct query SILENCE_END = { "platform_silence.end",
	"UPDATE platform_silence SET ends_at = LEAST(ends_at, ?) "
	"WHERE id = ?", NULL };
static const struct query SILENCE_PURGE = { "platform_silence.purge",
	"DELETE FROM platform_silence WHERE ends_at < ? LIMIT 500", NULL };

const struct query *const platform_silence_queries[] = {
	&SILENCE_PAGE, &SILENCE_BY_ID, &SILENCE_INSERT, &SILENCE_END,
	&SILENCE_PURGE, NULL
};

const struct table platform_silence_tables[] = {
	{ .name = "platform_silence", .row = &platform_silence_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_silence_page(struct db *db, struct arena *a, bool ended,
    struct utc now, struct uuid after, int64_t limit, struct rows *out,
    struct err *e)
{
	return db_all(db, a, &SILENCE_PAGE, ARGS(V(ended), V(now), V(after),
	    V(limit)), out, e);
}

int
platform_silence_by_id(struct db *db, struct arena *a, struct uuid id,
    struct platform_silence *out, struct err *e)
{
	return db_one(db, a, &SILENCE_BY_ID, ARGS(V(id)), out, e);
}

int
platform_silence_insert(struct db *db, const struct platform_silence *s,
    struct err *e)
{
	return db_exec(db, &SILENCE_INSERT, ARGS(V(s->id), V(s->rule),
	    V(s->severity), V(s->host), V(s->comment), V(s->owner),
	    V(s->starts_at), V(s->ends_at), V(s->created_at)), NULL, e);
}

int
platform_silence_end(struct db *db, struct uuid id, struct utc now,
    struct err *e)
{
	return db_exec(db, &SILENCE_END, ARGS(V(now), V(id)), NULL, e);
}

int
platform_silence_purge(struct db *db, struct utc before, struct err *e)
{
	return db_exec(db, &SILENCE_PURGE, ARGS(V(before)), NULL, e);
}
