/*
 * Rows of errors. All SQL on platform_error is here.
 */
#include <stddef.h>

#include "modules/platform/error.h"

#define E(m, ...) FIELD(struct platform_error, m, __VA_ARGS__)
static const struct field fields[] = {
	E(id, .doc = "Identifier of the kind"),
	E(place, .doc = "Route, job type or component"),
	E(code, .doc = "Machine word"),
	E(message, .doc = "What all of the kind share; # stands for numbers "
	    "and names"),
	E(cause, .doc = "One of them in full"),
	E(host, .doc = "Host of the last one"),
	E(request_id, .doc = "Request of one of the last, if it was one"),
	E(count, .doc = "How often"),
	E(first_at, .doc = "The first"), E(last_at, .doc = "The last"),
	E(status, .oneof = ONEOF("open", "resolved", "muted"),
	    .doc = "A resolved one that comes back is open again; a muted one "
	    "is only counted"),
	E(status_at, .flags = FF_NULLABLE, .doc = "When that changed"),
	E(status_by, .doc = "Who changed it"),
	E(regressions, .doc = "How often it came back after it was resolved"),
	E(version, .doc = "Grows with each change"),
	FIELD_END
};
const struct schema platform_error_schema = {
	.name = "ErrorGroup", .doc = "Errors of one kind",
	.size = sizeof(struct platform_error), .fields = fields
};

struct count {
	int64_t n;
};
static const struct field count_fields[] = {
	FIELD(struct count, n, .doc = "Rows"), FIELD_END
};
static const struct schema count_schema = {
	.name = "ErrorCount", .doc = "A number", .size = sizeof(struct count),
	.fields = count_fields
};

#define COLUMNS "id, place, code, message, cause, host, request_id, count, " \
	"first_at, last_at, status, status_at, status_by, regressions, version"
#define BY_ID "SELECT " COLUMNS " FROM platform_error WHERE id = ? LIMIT 1"

static const struct query ERROR_BY_ID = { "platform_error.by_id", BY_ID,
	&platform_error_schema };
static const struct query ERROR_LOCK = { "platform_error.lock",
	BY_ID " FOR UPDATE", &platform_error_schema };
static const struct query ERROR_PAGE = { "platform_error.page",
	"SELECT " COLUMNS " FROM platform_error WHERE (? IS NULL OR "
	"status = ?) AND (? IS NULL OR place = ?) AND (? IS NULL OR "
	"(last_at, id) < (SELECT last_at, id FROM platform_error "
	"WHERE id = ?)) ORDER BY last_at DESC, id DESC LIMIT ?",
	&platform_error_schema };
static const struct query ERROR_INSERT = { "platform_error.insert",
	"INSERT INTO platform_error (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?, ?, ?, ?, ?, ?, ?, ?)", NULL };
static const struct query ERROR_UPDATE = { "platform_error.update",
	"UPDATE platform_error SET cause = ?, host = ?, request_id = ?, "
	"count = ?, last_at = ?, status = ?, status_at = ?, status_by = ?, "
	"regressions = ?, version = ? WHERE id = ?", NULL };
static const struct query ERROR_COUNT = { "platform_error.count",
	"SELECT COUNT(*) AS n FROM (SELECT 1 FROM platform_error LIMIT 10001) "
	"found", &count_schema };
static const struct query ERROR_PURGE = { "platform_error.purge",
	"DELETE FROM platform_error WHERE last_at < ? LIMIT 500", NULL };

const struct query *const platform_error_queries[] = {
	&ERROR_BY_ID, &ERROR_LOCK, &ERROR_PAGE, &ERROR_INSERT, &ERROR_UPDATE,
	&ERROR_COUNT, &ERROR_PURGE, NULL
};

const struct table platform_error_tables[] = {
	{ .name = "platform_error", .row = &platform_error_schema,
	  .snapshot = SNAP_FULL },
	{ .name = NULL }
};

int
platform_error_by_id(struct db *db, struct arena *a, struct uuid id,
    bool lock, struct platform_error *out, struct err *e)
{
	return db_one(db, a, lock ? &ERROR_LOCK : &ERROR_BY_ID, ARGS(V(id)),
	    out, e);
}

int
platform_error_page(struct db *db, struct arena *a,
    const struct platform_error_filter *f, struct rows *out, struct err *e)
{
	return db_all(db, a, &ERROR_PAGE, ARGS(V(f->status), V(f->status),
	    V(f->place), V(f->place), V(f->below), V(f->below), V(f->limit)),
	    out, e);
}

int
platform_error_insert(struct db *db, const struct platform_error *x,
    struct err *e)
{
	return db_exec(db, &ERROR_INSERT, ARGS(V(x->id), V(x->place),
	    V(x->code), V(x->message), V(x->cause), V(x->host),
	    V(x->request_id), V(x->count), V(x->first_at), V(x->last_at),
	    V(x->status), V(x->status_at), V(x->status_by),
	    V(x->regressions), V(x->version)), NULL, e);
}

int
platform_error_update(struct db *db, const struct platform_error *x,
    struct err *e)
{
	return db_exec(db, &ERROR_UPDATE, ARGS(V(x->cause), V(x->host),
	    V(x->request_id), V(x->count), V(x->last_at), V(x->status),
	    V(x->status_at), V(x->status_by), V(x->regressions),
	    V(x->version), V(x->id)), NULL, e);
}

int
platform_error_count(struct db *db, struct arena *a, int64_t *n,
    struct err *e)
{
	struct count row = { 0 };

	if (db_one(db, a, &ERROR_COUNT, NO_ARGS, &row, e) == -1)
		return -1;
	*n = row.n;
	return 0;
}

int
platform_error_purge(struct db *db, struct utc before, struct err *e)
{
	return db_exec(db, &ERROR_PURGE, ARGS(V(before)), NULL, e);
}
